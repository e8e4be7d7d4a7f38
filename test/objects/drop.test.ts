/** What there is in a space, and how an object goes. */
import test from 'ava'
import { number, object } from 'superstruct'
import { Counter, connect, defineObject } from '../../index.ts'

const Shelf = defineObject({
  name: 'test.shelf',
  version: 1,
  state: object({ books: number() }),
  initial: () => ({ books: 0 }),
  ops: (op) => ({
    put: op(object({ books: number() }), (draft, { books }) => {
      draft.books += books
    }),
  }),
})

test('O13: an object that is dropped is gone, its path is free, and a path without an object stays so', async (t) => {
  const client = await connect('memory:')
  t.teardown(() => client.close())
  const hits = await client.open(Counter, '/hits')
  await hits.add({ by: 7 })
  t.like(client.describe('/hits'), { path: '/hits', type: 'sirtaki.counter', value: 7 })
  await client.drop('/hits')
  t.deepEqual([hits.exists, hits.state.value, client.describe('/hits')], [false, 0, undefined])
  await client.drop('/hits')
  await (await client.queue('/hits')).put('another type')
  t.like(client.describe('/hits'), { type: 'sirtaki.queue', ready: 1 })
})

test('O13: an object that somebody holds is not dropped', async (t) => {
  const client = await connect('memory:')
  t.teardown(() => client.close())
  const lock = await client.lock('/locks/one', { timeoutMs: 5_000 })
  await t.throwsAsync(client.drop('/locks/one'), { code: 'NOT_EMPTY' })
  t.true(lock.isCurrent)
  await t.throwsAsync(client.drop('locks'), { code: 'BAD_ARGUMENT' })
})

test('objects: all of them in the order of their paths, also those whose code is missing', async (t) => {
  const client = await connect('memory:drop', { types: [Shelf] })
  t.teardown(() => client.close())
  await (await client.open(Shelf, '/b')).put({ books: 1 })
  const hits = await client.open(Counter, '/a')
  await hits.add({ by: 1 })
  const modified = hits.position
  t.like(client.objects(), [
    { path: '/a', type: 'sirtaki.counter', version: 1, modified },
    { path: '/b', type: 'test.shelf', version: 1 },
  ])
  const other = await connect('memory:drop')
  t.teardown(() => other.close())
  await other.sync()
  t.like(other.objects(), [{ path: '/a', type: 'sirtaki.counter' }, { path: '/b' }])
  t.is(other.describe('/b'), undefined)
})

test('O6: a watch of one path gives what happens there and nothing else', async (t) => {
  const client = await connect('memory:')
  t.teardown(() => client.close())
  const [a, b] = await Promise.all([client.open(Counter, '/a'), client.open(Counter, '/b')])
  const watch = client.watch({ path: '/b' })
  await a.add({ by: 1 })
  await b.add({ by: 2 })
  const items = [(await watch.next()).value, (await watch.next()).value]
  t.like(
    items.find((one) => one?.kind === 'change'),
    { kind: 'change', changes: [{ path: '/b', after: { value: 2 } }] },
  )
})
