/**
 * Playing a stream over a cluster in memory: what it costs.
 *
 * Read next: `../../../log/playback/stream-player.ts`, `stream-order.test.ts` for the order, `../../contracts/log-client.ts`.
 */
import test from 'ava'
import { LimitBench, whichOf } from '../limit-bench.ts'
import { appends } from '../limit-drives-client.ts'

test('Q4: a part of a stream is read without what lies behind it', async (t) => {
  const bench = await LimitBench.start({}, { units: 1 })
  const log = await bench.client()
  const positions = await bench.done(Promise.all(appends(log, 20, { bytes: 1_000, streams: [7] })), 100)
  const read = async (name: string, from: number, to: number): Promise<{ which: number[]; bytes: number }> => {
    const reader = await bench.client(name)
    const entries = await bench.done(reader.readStream({ stream: 7, from: positions[from] ?? 0, to: positions[to] ?? 0 }), 100)
    return { which: entries.map(({ payload }) => whichOf(payload)), bytes: bench.wire(name).longestAnswer }
  }
  const [part, most] = [await read('part', 3, 5), await read('most', 1, 19)]
  t.deepEqual(part.which, [3, 4])
  t.deepEqual(most.which, Array.from({ length: 18 }, (_, i) => i + 1))
  t.true(part.bytes < 4_000 && most.bytes > 18_000, `${part.bytes} and ${most.bytes} bytes`)
})
