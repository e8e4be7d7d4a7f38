/** Whose turn it is to drive: the machine by itself, and drivers of one cluster in memory. */
import test from 'ava'
import { Cluster } from '../../../log/cluster/cluster.ts'
import { reconfigure } from '../../../log/epochs/reconfigure.ts'
import { Turn } from '../../../log/epochs/turn.ts'
import { limits, type Limits } from '../../../log/limits.ts'
import { TURNS_VERSION } from '../../../log/wire/version.ts'
import { HandCluster } from '../../harness/hand-cluster.ts'

const [one, other] = [{}, {}]
const asks = (proposer: string, stepMs = 1, slot = 5): Parameters<Turn['ask']>[0] => ({
  cluster: 'c',
  slot,
  proposer,
  stepMs,
})
const silenceMs = limits.probeMs * limits.suspicionProbes

test('P23: a driver that makes progress keeps its turn, and hands it on when it has finished', (t) => {
  const turn = new Turn(limits)
  t.is(turn.ask(asks('a'), one, 0), undefined)
  t.is(turn.ask(asks('b'), other, silenceMs), 'a')
  turn.heard(one, silenceMs)
  t.is(turn.ask(asks('b'), other, 2 * silenceMs), 'a')
  turn.over('a')
  t.is(turn.ask(asks('b'), other, 2 * silenceMs), undefined)
})

test('P23: the end of its connection ends a turn at once, silence after the time that makes a peer gone', (t) => {
  const turn = new Turn(limits)
  turn.ask(asks('a'), one, 0)
  turn.gone(one)
  t.is(turn.ask(asks('b'), other, 0), undefined)
  t.is(turn.ask(asks('a'), one, silenceMs), 'b')
  t.is(turn.ask(asks('a'), one, silenceMs + 1), undefined)
})

test('P23: where steps take long, a driver may be silent for as long as a few of them', (t) => {
  const turn = new Turn(limits)
  turn.ask(asks('a', 400), one, 0)
  t.is(turn.ask(asks('b'), other, 8 * 400), 'a')
  t.is(turn.ask(asks('b'), other, 8 * 400 + 1), undefined)
})

test('P23: a driver keeps others from the slot after its own, and from none beyond', (t) => {
  const turn = new Turn(limits)
  turn.ask(asks('a', 1, 5), one, 0)
  t.is(turn.ask(asks('b', 1, 6), other, 1), 'a')
  t.is(turn.ask(asks('b', 1, 7), other, 1), undefined)
})

test('P23: of those that wait, one that would name a sequencer goes before, while it asks again', (t) => {
  const turn = new Turn(limits)
  turn.ask(asks('a'), one, 0)
  t.is(turn.ask({ ...asks('b'), urgent: true }, other, 1), 'a')
  turn.over('a')
  t.is(turn.ask(asks('c'), one, 2), 'b')
  t.is(turn.ask({ ...asks('d'), urgent: true }, other, 3), undefined)
  turn.over('d')
  t.is(turn.ask(asks('c'), one, 4), undefined)
})

test('P23: while a driver has the turn, nobody else is promised the slot or the one after it', (t) => {
  const turn = new Turn(limits)
  t.false(turn.isOfAnother(5, other, 0))
  turn.ask(asks('a', 1, 5), one, 0)
  t.deepEqual(
    [turn.isOfAnother(5, one, 1), turn.isOfAnother(5, other, 1), turn.isOfAnother(6, other, 1)],
    [false, true, true],
  )
  t.deepEqual([turn.isOfAnother(7, other, 1), turn.isOfAnother(5, other, silenceMs + 1)], [false, false])
  turn.over('a')
  t.false(turn.isOfAnother(5, other, 1))
})

// ---- drivers

const times = { probeMs: 40, stuckMs: 100, requestMs: 1_000 }
const epochOf = (hand: HandCluster): number => hand.unit('unit-0').unit.state.layout?.epoch ?? 0

/** Three units, one of which was started anew: the next epoch has to name it. */
async function restartedBench(): Promise<HandCluster> {
  const hand = await HandCluster.start(times, { units: 3 })
  // It would drive as well.
  await hand.sequencer.close()
  await hand.restart('unit-2')
  return hand
}

function operatorOf(hand: HandCluster, name: string, more: Partial<Limits> = {}): Cluster {
  return new Cluster({ ports: hand.ports(name), limits: { ...hand.limits, ...more }, name, addresses: hand.addresses })
}

/** A driver whose answers all come late: it is under way for long. */
async function slowly(
  hand: HandCluster,
  lateMs: number,
): Promise<{ readonly driven: Promise<unknown>; readonly cluster: Cluster }> {
  const cluster = operatorOf(hand, 'slow')
  await hand.done(cluster.refresh(), 50)
  for (const address of hand.addresses) hand.wire('slow').late(address, lateMs)
  const driven = reconfigure(cluster, {}, { timeoutMs: 5_000 })
  driven.catch(() => undefined)
  await hand.until(() => hand.wire('slow').of('seal').length > 0, 1_000)
  return { driven, cluster }
}

test('P23: a driver that comes while a slow one is at it waits, and finds that nothing is left to do', async (t) => {
  const hand = await restartedBench()
  const before = epochOf(hand)
  const { driven } = await slowly(hand, 60)
  const second = reconfigure(operatorOf(hand, 'quick'), {}, { timeoutMs: 5_000 })
  await hand.done(Promise.all([driven, second]), 3_000)
  t.deepEqual(
    [epochOf(hand), hand.wire('quick').of('seal').length, hand.point('drive.agreed')],
    [before + 1, 0, before],
  )
  t.true(hand.point('drive.waits') >= 1)
})

test('P23: a driver of an older version, which asks for no turn, does not overtake who has it', async (t) => {
  const hand = await restartedBench()
  const before = epochOf(hand)
  const { driven } = await slowly(hand, 60)
  const old = operatorOf(hand, 'old', { wireVersionMax: TURNS_VERSION - 1 })
  const second = reconfigure(old, {}, { timeoutMs: 5_000 })
  await hand.done(Promise.all([driven, second]), 3_000)
  t.deepEqual([epochOf(hand), hand.wire('old').of('seal').length], [before + 1, 0])
  t.true(hand.wire('old').of('prepare').length > 0)
})

test('P23: a driver whose connections end keeps nobody waiting', async (t) => {
  const hand = await restartedBench()
  const before = epochOf(hand)
  const { cluster } = await slowly(hand, 60)
  cluster.close()
  await hand.done(reconfigure(operatorOf(hand, 'quick'), {}), 60)
  t.is(epochOf(hand), before + 1)
})

test(
  'P23: a driver that hears nothing any more keeps others waiting no longer than it takes to find a silent '
    + 'peer gone',
  async (t) => {
    const hand = await restartedBench()
    const before = epochOf(hand)
    await slowly(hand, 5)
    for (const address of hand.addresses) hand.wire('slow').hold(address)
    await hand.done(reconfigure(operatorOf(hand, 'quick'), {}), 40 * 3 + 2 * 40 + 60)
    t.is(epochOf(hand), before + 1)
  },
)

test(
  'P23: who stands by and was told to wait looks again: a sequencer that was named meanwhile, and told late, '
    + 'stays',
  async (t) => {
    const hand = await HandCluster.start(times, { units: 3 })
    const second = await hand.sequencerAt('second')
    await hand.done(second.standBy(), 100)
    for (const address of hand.addresses) hand.wire('second').late(address, 35)
    const before = epochOf(hand)
    await hand.sequencer.close()
    await hand.until(() => hand.wire('second').of('install').length > 0, 2_000)
    // One that comes now finds an epoch that is not open, and a sequencer that was not told.
    const third = await hand.sequencerAt('third')
    await hand.done(third.standBy(), 100)
    hand.wire('second').late('second', 600)
    await hand.advance(3_000)
    t.deepEqual(
      [epochOf(hand), hand.unit('unit-0').unit.state.layout?.sequencer?.address, second.role, third.role],
      [before + 1, 'second', 'ready', 'standby'],
    )
    t.true(hand.point('drive.waits') >= 1)
  },
)
