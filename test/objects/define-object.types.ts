/** What `defineObject` infers and refuses: compiled by tsc, never run. */
import { number, object, string } from 'superstruct'
import { Counter, defineObject, type ObjectClient } from '../../objects.ts'

const Inventory = defineObject({
  name: 'shop.inventory',
  version: 1,
  state: object({ total: number() }),
  initial: () => ({ total: 0 }),
  tables: { rows: object({ n: number() }), names: string() },
  ops: (op) => ({
    take: op(object({ sku: string() }), (draft, { sku }, ctx) => {
      const row = ctx.tables.rows.get(sku) ?? ctx.reject('unknown sku', { sku })
      if (row.n === 0) ctx.reject('out of stock', { sku })
      ctx.tables.rows.update(sku, (r) => {
        r.n -= 1
      })
      draft.total -= 1
      return { left: row.n - 1, at: ctx.position, by: ctx.session, time: ctx.time }
    }),
    rename: op(object({ sku: string(), to: string() }), (_draft, { sku, to }, ctx) => {
      ctx.tables.names.set(sku, to)
    }),
    wrong: op(object({ sku: string() }), (draft, input, ctx) => {
      // @ts-expect-error no such field of the input
      void input.other
      // @ts-expect-error no such field of the draft
      draft.sum = 1
      // @ts-expect-error no such table
      ctx.tables.columns.get('a')
      // @ts-expect-error the record is of another shape
      ctx.tables.rows.set('a', { m: 1 })
      // @ts-expect-error facts are values
      ctx.reject('no', { at: new Date(0) })
    }),
  }),
})

/** Never called. */
export async function uses(client: ObjectClient): Promise<void> {
  await using inventory = await client.open(Inventory, '/shop/inventory')
  const { left, at } = await inventory.take({ sku: 'a' })
  const sum: number = left + at + inventory.state.total + (inventory.tables.rows.get('a')?.n ?? 0)
  const none: void = await inventory.rename({ sku: 'a', to: 'b' }, { timeoutMs: 100 })
  const value: number = await (await client.open(Counter, '/hits')).add({ by: 1 })
  // @ts-expect-error wrong input
  await inventory.take({ sku: 1 })
  // @ts-expect-error missing input
  await inventory.take()
  // @ts-expect-error no such op
  await inventory.give({ sku: 'a' })
  // @ts-expect-error assignment to the state
  inventory.state.total = 1
  // @ts-expect-error tables of a handle are for reading
  inventory.tables.rows.set('a', { n: 1 })
  void [sum, none, value]
}

const empty = { name: 'x', version: 1, state: object({}), initial: () => ({}) }
// @ts-expect-error reserved op name
defineObject({ ...empty, ops: (op) => ({ then: op(object({}), () => 1) }) })
// @ts-expect-error reserved op name
defineObject({ ...empty, ops: (op) => ({ state: op(object({}), () => 1) }) })
// @ts-expect-error the initial state does not fit
defineObject({ name: 'x', version: 1, state: object({ n: number() }), initial: () => ({ n: 'a' }), ops: () => ({}) })
// @ts-expect-error a state is an object
defineObject({ name: 'x', version: 1, state: number(), initial: () => 1, ops: () => ({}) })
