/** The counters of busy streams, against counting all. */
import test from 'ava'
import fc from 'fast-check'
import { BusyStreams } from '../../sequencer/busy-streams.ts'

test('a stream with more than its share is always among them, and the busiest comes first', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 2_000, maxLength: 6_000 }), (others) => {
      const busy = new BusyStreams(16)
      let position = 0
      for (const other of others) {
        busy.add(1_000, position, 26)
        position += 26
        busy.add(other, position, 1)
        position++
      }
      t.is(busy.top(1)[0]?.stream, 1_000)
      t.true(busy.top(100).length <= 16)
    }),
    { numRuns: 30 },
  )
})

test('counts of a few streams are about right', (t) => {
  const busy = new BusyStreams(16)
  for (let position = 0; position < 13_000; position++) busy.add(position % 10 < 7 ? 1 : 2, position, 1)
  t.deepEqual(busy.top(2), [
    { stream: 1, entries: 9_100 },
    { stream: 2, entries: 3_900 },
  ])
})
