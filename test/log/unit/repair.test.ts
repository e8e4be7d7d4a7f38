/** Damage found by a scrub and mended by peers, over whole clusters in memory. */
import test from 'ava'
import type { Cluster } from '../../../log/cluster/cluster.ts'
import { clusterSeed, encodeEntry } from '../../../log/entry.ts'
import { openSegment } from '../../../log/layout.ts'
import { Scrub } from '../../../log/unit/repair.ts'
import { FRAME_HEAD_BYTES } from '../../../log/wire/frame.ts'
import { STORE_HEAD_BYTES, sealStore } from '../../../log/wire/messages.ts'
import { HandCluster, payload, whichOf } from '../../harness/hand-cluster.ts'
import { HandUnit } from './hand-unit.ts'

const times = { probeMs: 40, stuckMs: 100, requestMs: 1_000 }
const namesIn = (hand: HandCluster): string[] =>
  openSegment(
    hand.unit('unit-0').unit.state.layout
      ?? (() => {
        throw new Error('no layout')
      })(),
  )
    .chains.flat()
    .map(({ identity }) => identity)
const damagedOf = (hand: HandCluster, unit: string): number[] => [...hand.unit(unit).unit.state.damaged]

/** Stores an entry at one unit only: what it holds then is not decided. */
function storeAt(raw: Cluster, unit: string, position: number): Promise<Uint8Array> {
  const { cluster = '', epoch = 0 } = raw.layout ?? {}
  const entry = encodeEntry(
    clusterSeed(cluster),
    { position, epoch, writer: 1, logTime: 0, streams: [], previous: [] },
    payload(9),
  )
  const frame = new Uint8Array(FRAME_HEAD_BYTES + STORE_HEAD_BYTES + entry.byteLength)
  frame.set(entry, FRAME_HEAD_BYTES + STORE_HEAD_BYTES)
  const request = raw.peers.context.nextRequest()
  return new Promise((resolve, reject) => {
    raw.peer(unit).call('store', request, sealStore(frame, epoch, 1, request), (error, body) => {
      if (error === undefined) resolve(body)
      else reject(error)
    })
  })
}

// ---- the scrub itself

/** `b` with decided entries at 0 to 3, each in a row of its own of about 1,050 bytes; then 4, which is not decided. */
function rowsUnit(): HandUnit {
  const b = new HandUnit('b')
  for (const position of [0, 1, 2, 3]) {
    const shape = { position, text: 'x'.repeat(1_000) }
    b.storeEntries([shape])
    b.mark(shape)
    b.commit()
  }
  b.storeEntries([{ position: 4 }])
  b.commit()
  return b
}

test('P31: a scrub goes on from where it was, finds what reads wrong and begins anew at the end', (t) => {
  const b = rowsUnit()
  b.damagedRows.add(3)
  const scrub = new Scrub(b.unit.state)
  scrub.go(1_500)
  t.deepEqual([scrub.rounds, b.unit.state.damaged.size], [0, 0])
  scrub.go(1_500)
  t.deepEqual([scrub.rounds, [...b.unit.state.damaged]], [0, [2]])
  scrub.go(1_500)
  t.is(scrub.rounds, 1)
  scrub.go(10_000)
  t.deepEqual([scrub.rounds, [...b.unit.state.damaged]], [2, [2]])
})

test('P31: what a row was too long by is read less the next times', (t) => {
  const b = rowsUnit()
  b.damagedRows.add(2)
  const scrub = new Scrub(b.unit.state)
  scrub.go(100)
  scrub.go(100)
  scrub.go(700)
  t.is(b.unit.state.damaged.size, 0)
  scrub.go(300)
  t.is(b.unit.state.damaged.size, 1)
})

test('P31: a row with many entries is read once, however few bytes a go has', (t) => {
  const b = new HandUnit('b')
  const shapes = Array.from({ length: 50 }, (_, position) => ({ position }))
  b.storeEntries(shapes)
  for (const shape of shapes) b.mark(shape)
  b.commit()
  const scrub = new Scrub(b.unit.state)
  scrub.go(1)
  t.is(scrub.rounds, 1)
})

test('a scrub passes over what is trimmed, junk or not decided', (t) => {
  const b = rowsUnit()
  for (const row of [1, 2, 5]) b.damagedRows.add(row)
  b.unit.membership.trim(1, 2)
  const scrub = new Scrub(b.unit.state)
  scrub.go(100_000)
  t.deepEqual([scrub.rounds, b.unit.state.damaged.size], [1, 0])
})

// ---- mending

test('L4, P49: a flipped byte is found by the scrub and mended from a peer, for good', async (t) => {
  const hand = await HandCluster.start(times, { units: 2 })
  const log = await hand.client()
  const positions = (await hand.done(log.appendMany([payload(1), payload(2), payload(3)]), 50)).map(
    ({ position }) => position,
  )
  await hand.advance(50)
  hand.store('unit-1').damage()
  hand.supervise('unit-1')
  await hand.until(() => hand.point('unit.repaired') > 0 && damagedOf(hand, 'unit-1').length === 0, 2_000)
  const { epoch } = hand.sequencer.machine
  await hand.restart('unit-1')
  await hand.until(() => hand.sequencer.machine.epoch > epoch, 1_000)
  hand.wire('client').cut('unit-0')
  const reads = await hand.done(Promise.all(positions.map((position) => log.read(position))), 100)
  t.deepEqual(
    reads.map((read) => (read.kind === 'data' ? whichOf(read.entry.payload) : read.kind)),
    [1, 2, 3],
  )
  t.is(hand.point('unit.comesBack'), 0)
})

test('L4: what nobody else has stays damaged, and readers are told so', async (t) => {
  const hand = await HandCluster.start(times)
  const log = await hand.client()
  const { position } = await hand.done(log.append(payload(1)), 50)
  await hand.advance(50)
  hand.store('unit-0').damage()
  hand.supervise('unit-0')
  await hand.until(() => damagedOf(hand, 'unit-0').length > 0, 2_000)
  await hand.advance(1_000)
  t.deepEqual([damagedOf(hand, 'unit-0'), hand.point('unit.repaired')], [[position], 0])
  t.regex(String(await hand.outcome(log.read(position), 3_000)), /^DAMAGED/)
  t.is(typeof (await hand.outcome(log.append(payload(2)), 100)), 'object')
})

test('L1: a unit that finds damage before it is decided leaves its chain, comes back and copies anew', async (t) => {
  const hand = await HandCluster.start({ ...times, fillFloorMs: 60_000 }, { units: 3 })
  const log = await hand.client()
  await hand.done(log.appendMany([payload(1), payload(2)]), 50)
  const { epoch } = hand.sequencer.machine
  const position = await hand.done(hand.token(log.cluster, 1), 5)
  await hand.done(storeAt(log.cluster, 'unit-1', position), 5)
  hand.store('unit-1').damage()
  hand.unit('unit-1').unit.state.entries.verify(position, { row: -1, bytes: undefined })
  t.deepEqual(damagedOf(hand, 'unit-1'), [position])
  hand.supervise('unit-1')
  await hand.until(() => hand.sequencer.machine.epoch > epoch, 2_000)
  t.deepEqual(namesIn(hand), ['unit-0', 'unit-2'])
  await hand.until(
    () => namesIn(hand).length === 3 && hand.unit('unit-0').unit.state.layout?.segments.length === 1,
    5_000,
  )
  t.deepEqual([damagedOf(hand, 'unit-1'), hand.point('unit.comesBack')], [[], 1])
  const all = { from: 0, to: hand.unit('unit-0').unit.state.layout?.tail ?? 0, index: 0, step: 1 }
  t.deepEqual(hand.unit('unit-1').unit.copies.digest(all), hand.unit('unit-0').unit.copies.digest(all))
  hand.wire('client').cut('unit-0')
  hand.wire('client').cut('unit-2')
  t.is((await hand.done(log.read(position), 200)).kind, 'junk')
})
