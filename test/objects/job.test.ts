/** What a taken item costs its session. */
import { getEventListeners } from 'node:events'
import test from 'ava'
import { Queue, connect } from '../../index.ts'

test('O8: an item that a transaction acknowledges leaves nothing with its session', async (t) => {
  const client = await connect('memory:')
  t.teardown(() => client.close())
  const queue = await client.queue('/items')
  const items = await client.open(Queue, '/items')
  await queue.putAll([{ value: 'a' }, { value: 'b' }])
  const [first, second] = await queue.tryTake({ n: 2 })
  const receipt = { id: first?.id ?? '', token: first?.token ?? -1 }
  await client.transaction((tx) => tx.do(items, 'ack', { items: [receipt], strict: true }))
  t.deepEqual(getEventListeners(client.own.signal, 'abort'), [])
  const { signal } = second ?? {}
  t.false(signal?.aborted)
  await client.own.close()
  t.true(signal?.aborted)
})
