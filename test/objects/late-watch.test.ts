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
  const watch = second.watch({ path: '/hits', after: seen })
  await hits.add({ by: 3 })
  const item = await watch.next()
  t.like(item.value, { kind: 'change', changes: [{ path: '/hits', before: { value: 3 }, after: { value: 6 } }] })
})
