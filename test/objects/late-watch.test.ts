/** Watching from a position that the view has not come to yet. */
import test from 'ava'
import { Counter, connect } from '../../index.ts'

test('O6: a watch gives nothing at or below `after`, also where the view is not there yet', async (t) => {
  const first = await connect('memory:late-watch')
  t.teardown(() => first.close())
  const hits = await first.open(Counter, '/hits')
  await hits.add({ by: 1 })
  await hits.add({ by: 2 })
  const seen = hits.position
  const second = await connect('memory:late-watch')
  t.teardown(() => second.close())
  const watch = second.watch({ after: seen, path: '/hits' })
  await hits.add({ by: 3 })
  const items = [(await watch.next()).value, (await watch.next()).value]
  // The mark of having caught up stands before or behind it.
  const [item] = items.filter((one) => one?.kind === 'change')
  t.like(item, { kind: 'change', changes: [{ path: '/hits', before: { value: 3 }, after: { value: 6 } }] })
})

test('O6: an item that is read late has the events of its own entry, also where that said nothing', async (t) => {
  const client = await connect('memory:')
  t.teardown(() => client.close())
  const [hits, tree] = await Promise.all([client.open(Counter, '/app/hits'), client.tree('/app')])
  const watch = client.watch()
  await hits.add({ by: 1 })
  await tree.create('/a')
  await hits.add({ by: 1 })
  await tree.create('/b')
  const said: string[][] = []
  while (said.length < 4) {
    const { value: item } = await watch.next()
    // The space's own records have items too.
    if (item?.kind !== 'change' || item.changes.every(({ path }) => path.startsWith('/.'))) continue
    said.push(item.events.map(({ kind, facts }) => `${kind} ${JSON.stringify(facts['path'])}`))
  }
  await watch.return?.()
  t.deepEqual(said, [[], ['created "/a"', 'childrenChanged "/"'], [], ['created "/b"', 'childrenChanged "/"']])
})
