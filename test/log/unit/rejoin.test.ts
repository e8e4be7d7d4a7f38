/** The supervision of a unit when something in it goes wrong, over whole clusters in memory. */
import test from 'ava'
import { SirtakiError } from '../../../log/errors.ts'
import { openSegment } from '../../../log/layout.ts'
import { superviseUnit } from '../../../log/unit/rejoin.ts'
import { HandCluster, payload } from '../../harness/hand-cluster.ts'

const times = { probeMs: 40, stuckMs: 100, requestMs: 1_000, coolOffMs: 100 }
const chainOf = (hand: HandCluster): string[] => {
  const { layout } = hand.unit('unit-0').unit.state
  return layout === undefined
    ? []
    : openSegment(layout)
        .chains.flat()
        .map(({ identity }) => identity)
}

/**
 * Three units with an entry each has; the supervision of the last one is under way, and says what goes wrong to `told`.
 */
async function supervised(told: string[]): Promise<HandCluster> {
  const hand = await HandCluster.start(times, { units: 3 })
  const log = await hand.client()
  await hand.done(log.append(payload(9)), 50)
  superviseUnit(hand.unit('unit-2'), (text) => {
    told.push(text)
  })
  return hand
}

test(
  'L11: a unit that fails to look after its place says so and tries again: the unit comes back when it was '
    + 'left out',
  async (t) => {
    const told: string[] = []
    const hand = await supervised(told)
    const store = hand.store('unit-2')
    const healed = store.healed.bind(store)
    store.healed = () => {
      throw new SirtakiError('IO', 'the disk does not answer')
    }
    hand.unit('unit-2').unit.state.salvaged = true
    await hand.advance(500)
    store.healed = healed
    t.true(
      told.some((text) => text.includes('the disk does not answer')),
      told.join(),
    )
    await hand.drive({ absent: ['unit-2'] })
    await hand.until(() => chainOf(hand).includes('unit-2'), 2_000)
    t.deepEqual([hand.point('unit.comesBack'), hand.unit('unit-2').stopped], [1, undefined])
  },
)

test('L11: a rule that does not hold stops the unit', async (t) => {
  const hand = await supervised([])
  hand.store('unit-2').healed = () => {
    throw new SirtakiError('INVARIANT', 'not so')
  }
  hand.unit('unit-2').unit.state.salvaged = true
  await hand.until(() => hand.unit('unit-2').stopped !== undefined, 500)
  t.is(hand.unit('unit-2').stopped?.message, 'not so')
})
