import { connect, defineObject } from '../../index.ts'
import { number, object, string } from 'superstruct'

const Inventory = defineObject({
  name: 'shop.inventory', version: 1,
  state: object({ total: number() }), initial: () => ({ total: 0 }),
  tables: { rows: object({ n: number() }) },
  refusals: { OUT_OF_STOCK: 'stop' },
  ops: (op) => ({
    put: op(object({ sku: string(), n: number() }), (draft, { sku, n }, ctx) => {
      ctx.tables.rows.set(sku, { n })
      draft.total += n
    }),
    take: op(object({ sku: string() }), (draft, { sku }, ctx) => {
      const { n } = ctx.tables.rows.get(sku) ?? { n: 0 }
      if (n === 0) ctx.reject('OUT_OF_STOCK', { sku })
      ctx.tables.rows.set(sku, { n: n - 1 })
      draft.total -= 1
      return { left: n - 1, at: ctx.position }
    }),
  }),
})

const client = await connect('memory:')
const inventory = await client.open(Inventory, '/shop')
await inventory.put({ sku: 'a', n: 2 })
console.log((await inventory.take({ sku: 'a' })).left)   // 1
await client.close()
