/**
 * Who is probed and answers late, over a cluster in memory.
 *
 * Read next: `../../../log/epochs/guard.ts`, `detector.test.ts`, `../../sequencer/standby.test.ts` for who guards.
 */
import test from 'ava'
import { openSegment } from '../../../log/layout.ts'
import { HandCluster } from '../../harness/hand-cluster.ts'

const chainOf = (hand: HandCluster): number => {
  const { layout } = hand.unit('unit-0').unit.state
  return layout === undefined ? 0 : openSegment(layout).chains.flat().length
}

test(
  'P24: a unit whose answers all come later than a probe waits is slow, not gone; one that is silent for all '
    + 'probes is gone',
  async (t) => {
    const hand = await HandCluster.start({ probeMs: 40, suspicionProbes: 3 }, { units: 3 })
    const wire = hand.wire('sequencer')
    wire.late('unit-2', 90)
    await hand.advance(2_000)
    t.deepEqual([chainOf(hand), hand.point('guard.suspects')], [3, 0])
    wire.hold('unit-2')
    await hand.until(() => chainOf(hand) === 2, 1_000)
    t.is(hand.point('guard.suspects'), 1)
    wire.release('unit-2')
  },
)
