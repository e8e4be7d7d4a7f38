/**
 * An object of one's own: a shop's shelf. Ops run at their position of the log, the same everywhere.
 *
 *     node examples/define-object.ts
 */
import { number, object, string } from 'superstruct'
import { SirtakiError, connect, defineObject } from '../index.ts'

const Shelf = defineObject({
  name: 'example.shelf',
  version: 1,
  state: object({ total: number() }),
  initial: () => ({ total: 0 }),
  tables: { rows: object({ left: number() }) },
  ops: (op) => ({
    put: op(object({ sku: string(), count: number() }), (draft, { sku, count }, { tables }) => {
      tables.rows.set(sku, { left: (tables.rows.get(sku)?.left ?? 0) + count })
      draft.total += count
      return draft.total
    }),
    take: op(object({ sku: string() }), (draft, { sku }, { tables, reject }) => {
      const left = tables.rows.get(sku)?.left ?? 0
      if (left === 0) reject('out of stock', { sku })
      tables.rows.set(sku, { left: left - 1 })
      draft.total--
      return left - 1
    }),
  }),
})

await using client = await connect('memory:')
const shelf = await client.open(Shelf, '/shelf')
await shelf.put({ sku: 'ouzo', count: 1 })
console.log('left after one was taken:', await shelf.take({ sku: 'ouzo' }))
console.log(
  'another one:',
  await shelf.take({ sku: 'ouzo' }).catch((error: unknown) => (error instanceof SirtakiError ? error.code : error)),
)
