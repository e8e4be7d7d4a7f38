/**
 * What is decided in a range: all streams, all chains, nothing that is not.
 *
 * Read next: `../../../log/playback/decided-range.ts`.
 */
import test from 'ava'
import { isError } from '../../../log/errors.ts'
import { readDecided } from '../../../log/playback/decided-range.ts'
import { HandCluster, whichOf } from '../../harness/hand-cluster.ts'
import { appends } from '../limits/client.ts'

for (const units of [1, 2]) {
  test(`C2: with ${units} units all entries come in order, of all streams, and nothing never granted`, async (t) => {
    const hand = await HandCluster.start({}, { units })
    const log = await hand.client()
    await hand.done(Promise.all(appends(log, 30, { bytes: 2_000, streams: [27] })), 100)
    await hand.done(Promise.all(appends(log, 5, { bytes: 20, streams: [28] })), 100)
    const { tail } = await hand.done(log.tail(), 50)
    await hand.advance(500)
    const whiches: number[] = []
    let at = 0
    for (let calls = 0; calls < 100; calls++) {
      const range = await hand.done(readDecided(log.cluster, { from: at, to: tail + 1_000 }, {}), 100)
      if (range.to === at) break
      at = range.to
      for (const entry of range.entries) whiches.push(whichOf(entry.payload))
    }
    t.is(whiches.length, 35)
    t.deepEqual(whiches, [...Array.from({ length: 30 }, (_, i) => i), ...Array.from({ length: 5 }, (_, i) => i)])
    t.true(at <= tail, `${at} of ${tail}`)
  })
}

test('L8: what was trimmed is said', async (t) => {
  const hand = await HandCluster.start({}, { units: 1 })
  const log = await hand.client()
  await hand.done(Promise.all(appends(log, 10, { streams: [27] })), 100)
  await hand.done(log.trim(5), 1_000)
  const error = await hand.done(
    readDecided(log.cluster, { from: 2, to: 8 }, {}).catch((thrown: unknown) => thrown),
    100,
  )
  t.true(isError(error, 'TRIMMED') && error.facts['trim'] === 5, String(error))
})
