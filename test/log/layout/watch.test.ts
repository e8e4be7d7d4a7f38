/**
 * Who is watched and answers late, over a cluster in memory.
 *
 * Read next: `../../../log/layout/watch.ts`, `detector.test.ts`, `../../sequencer/standby.test.ts` for who watches.
 */
import test from 'ava'
import { openSegment } from '../../../log/layout/layout.ts'
import { LimitBench } from '../limit-bench.ts'

const chainOf = (bench: LimitBench): number => { const { layout } = bench.unit('unit-0').unit.state; return layout === undefined ? 0 : openSegment(layout).chains.flat().length }

test('P24: a unit whose answers all come later than a probe waits is slow, not gone; one that is silent for all probes is gone', async (t) => {
  const bench = await LimitBench.start({ probeMs: 40, suspicionProbes: 3 }, { units: 3 })
  const wire = bench.wire('sequencer')
  wire.late('unit-2', 90)
  await bench.advance(2_000)
  t.deepEqual([chainOf(bench), bench.point('watch.suspects')], [3, 0])
  wire.hold('unit-2')
  await bench.until(() => chainOf(bench) === 2, 1_000)
  t.is(bench.point('watch.suspects'), 1)
  wire.release('unit-2')
})
