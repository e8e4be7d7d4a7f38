/** Many changes one after the other, faster than segments are merged: over clusters in memory. */
import test from 'ava'
import { Cluster } from '../../../log/cluster/cluster.ts'
import type { Intent } from '../../../log/epochs/intent.ts'
import { reconfigure } from '../../../log/epochs/reconfigure.ts'
import { isError } from '../../../log/errors.ts'
import { openSegment, type Layout } from '../../../log/layout.ts'
import { HandCluster } from '../../harness/hand-cluster.ts'
import { appends } from '../limits/client.ts'

const times = { probeMs: 40, stuckMs: 100, requestMs: 200, window: 8 }
const names = ['unit-0', 'unit-1', 'unit-2', 'unit-3', 'unit-4']
/** Four of five units, others each time: until they have copied what lies before, nothing is merged. */
const chainAt = (i: number): string[] => names.map((_, j) => names[(i + j) % 5] ?? '').slice(0, 4)

/** A cluster of four of five units and a spare, none of which merges anything. */
class LongLog {
  readonly hand: HandCluster
  readonly #operator: Cluster
  layout: Layout

  private constructor(hand: HandCluster, operator: Cluster, layout: Layout) {
    this.hand = hand
    this.#operator = operator
    this.layout = layout
  }

  static async start(): Promise<LongLog> {
    const hand = await HandCluster.start(times, { units: 4 })
    await hand.blank('unit-4')
    await hand.blank('unit-5')
    const layout = await hand.drive({ spares: ['unit-5'] })
    const ports = hand.ports('operator')
    const operator = new Cluster({ ports, limits: hand.limits, name: 'operator', addresses: names, layout })
    return new LongLog(hand, operator, layout)
  }

  /** Drives a change; gives the error that refuses it. */
  async change(intent: Intent): Promise<unknown> {
    try {
      this.layout = await this.hand.done(reconfigure(this.#operator, intent, { timeoutMs: 100 }), 2_000)
      return undefined
    } catch (thrown) {
      return thrown
    }
  }

  /** Alternates the chains until that is refused. */
  async stripeUntilRefused(): Promise<unknown> {
    let refused: unknown
    for (let i = 1; refused === undefined && i < 100; i++) refused = await this.change({ chains: [chainAt(i)] })
    return refused
  }
}

test('L11: with all the segments that there may be, a spare and a lost unit, appends go on without it', async (t) => {
  const long = await LongLog.start()
  const { hand } = long
  const refused = await long.stripeUntilRefused()
  const log = await hand.client()
  const lost = openSegment(long.layout).chains[0]?.[1]?.address ?? ''
  await hand.unit(lost).close()
  await hand.done(Promise.all(appends(log, 5)), 3_000)
  t.deepEqual(
    log.cluster.layout?.absent.map(({ address, replaced }) => [address, replaced]),
    [[lost, true]],
  )
  t.true(isError(refused, 'BAD_LAYOUT'))
  t.regex(String(refused), /would have 57 segments.*wait until closed positions are copied and merged/)
})
