/** A client whose servers do not answer: it looks around itself, and waits for nobody who was left out. */
import test from 'ava'
import { openSegment, type Layout } from '../../../log/layout.ts'
import { writeEpoch } from '../../../log/wire/tail-messages.ts'
import { HandCluster, payload } from '../../harness/hand-cluster.ts'
import { acknowledgedOnce, appends } from '../limits/client.ts'

const times = { probeMs: 40, stuckMs: 200, requestMs: 2_000 }

function layoutOf(hand: HandCluster): Layout {
  const { layout } = hand.unit('unit-0').unit.state
  if (layout === undefined) throw new Error('no layout')
  return layout
}
const chainOf = (layout: Layout): string[] =>
  openSegment(layout)
    .chains.flat()
    .map(({ identity }) => identity)

/** A sequencer that grants, and reaches too few units to suspect anybody. */
async function blindBench(): Promise<HandCluster> {
  const hand = await HandCluster.start(times, { units: 3 })
  hand.wire('sequencer').cut('unit-1')
  hand.wire('sequencer').cut('unit-2')
  return hand
}

test('P4: a client that meets errors for long drives the epoch without the unit that is gone, by itself', async (t) => {
  const hand = await blindBench()
  const log = await hand.client()
  await hand.done(log.append(payload(0)), 50)
  await hand.unit('unit-2').close()
  const append = log.append(payload(1))
  await hand.until(() => layoutOf(hand).epoch > 2, 1_900)
  t.deepEqual(chainOf(layoutOf(hand)), ['unit-0', 'unit-1'])
  t.is(typeof (await hand.outcome(append, 500)), 'object')
  t.true(hand.point('client.guards') >= 3)
  await acknowledgedOnce(t, hand, log, appends(log, 3))
})

test('P17: a client that meets errors for a short time only does nothing of the kind', async (t) => {
  const hand = await blindBench()
  const log = await hand.client()
  hand.wire('client').cut('unit-2')
  const append = log.append(payload(1))
  await hand.advance(150)
  hand.wire('client').mend('unit-2')
  t.is(typeof (await hand.outcome(append, 500)), 'object')
  t.is(hand.point('client.guards'), 0)
})

test('P24: a client that is cut off itself leaves nobody out', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  const log = await hand.client()
  const { epoch } = layoutOf(hand)
  for (const address of ['sequencer', 'unit-1', 'unit-2']) hand.wire('client').cut(address)
  void log.append(payload(1)).catch(() => undefined)
  await hand.advance(1_900)
  t.true(hand.point('client.guards') > 0)
  t.deepEqual([layoutOf(hand).epoch, chainOf(layoutOf(hand)).length], [epoch, 3])
})

test('requests to a member that was left out end at once, with the epoch that goes on without it', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  const raw = await hand.raw()
  hand.wire('raw').hold('unit-2')
  const asked = raw.peer('unit-2').request('progress', writeEpoch(layoutOf(hand).epoch))
  const who = raw.peer('unit-2').request('identify', new TextEncoder().encode('{}'))
  const other = raw.peer('unit-1').request('progress', writeEpoch(layoutOf(hand).epoch))
  t.is(await hand.outcome(asked, 100), 'waiting')
  raw.learn(await hand.drive({ absent: ['unit-2'] }, 100))
  t.is(await hand.outcome(asked), 'EPOCH/refresh')
  t.is(await hand.outcome(who), 'waiting')
  t.is(typeof (await hand.outcome(other)), 'object')
})

test('an append that waits for a unit that answers nothing any more ends when it is left out', async (t) => {
  const hand = await HandCluster.start({ ...times, requestMs: 10_000, fillFloorMs: 60_000 }, { units: 3 })
  const log = await hand.client()
  hand.wire('client').hold('unit-2')
  const append = log.append(payload(1))
  t.is(await hand.outcome(append, 500), 'waiting')
  await hand.drive({ absent: ['unit-2'] }, 100)
  t.is(typeof (await hand.outcome(append, 500)), 'object')
})

test('who was left out and is named again is asked again', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  const raw = await hand.raw()
  raw.learn(await hand.drive({ absent: ['unit-2'] }, 100))
  t.is(typeof (await hand.outcome(raw.peer('unit-2').request('status', new Uint8Array(0)), 50)), 'object')
})
