/**
 * Whether a restarted unit is whole: what it holds is compared with what its peers know decided, over clusters in
 * memory.
 */
import test from 'ava'
import { Bits } from '../../../log/bytes/bits.ts'
import type { Cluster } from '../../../log/cluster/cluster.ts'
import { JUNK_HASH, KIND_JUNK, clusterSeed, encodeEntry } from '../../../log/entry.ts'
import { JunkAnswer } from '../../../log/wire/control.ts'
import { FRAME_HEAD_BYTES } from '../../../log/wire/frame.ts'
import { STORE_HEAD_BYTES, sealStore, writeMarks } from '../../../log/wire/messages.ts'
import { HandCluster, payload } from '../../harness/hand-cluster.ts'
import { HandUnit } from '../unit/hand-unit.ts'

/** Holes are left alone: what stands above them is decided one by one. */
const times = { probeMs: 40, stuckMs: 100, requestMs: 1_000, fillFloorMs: 100_000, window: 64 }

function segmentsOf(hand: HandCluster): string[] {
  const { segments = [] } = hand.unit('unit-0').unit.state.layout ?? {}
  return segments.map(({ chains }) =>
    chains
      .flat()
      .map(({ address }) => address.slice(-1))
      .join(''),
  )
}

/** A cluster of two with a hole at one position, and the raw connections to it; gives the position behind the hole. */
async function withHole(): Promise<{ hand: HandCluster; raw: Cluster; position: number }> {
  const hand = await HandCluster.start(times, { units: 2 })
  const raw = await hand.raw()
  const hole = await hand.done(hand.token(raw, 2), 20)
  return { hand, raw, position: hole + 1 }
}

/** A writer's store that reaches one unit only. */
function storeAt(raw: Cluster, unit: string, position: number): Promise<Uint8Array> {
  const { cluster = '', epoch = 0 } = raw.layout ?? {}
  const shape = { position, epoch, writer: 1, logTime: 0, streams: [], previous: [] }
  const entry = encodeEntry(clusterSeed(cluster), shape, payload(9))
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

/** A filler decides junk at a position and tells both units. */
async function decideJunk(raw: Cluster, position: number): Promise<void> {
  const { epoch = 0 } = raw.layout ?? {}
  const ranges = [{ from: position, to: position + 1, step: 1 }]
  await raw.peer('unit-0').control('junk', { epoch, first: true, ranges }, JunkAnswer)
  await raw.peer('unit-1').control('junk', { epoch, first: false, ranges }, JunkAnswer)
  for (const unit of ['unit-0', 'unit-1']) {
    raw.peer(unit).notify('marks', writeMarks(epoch, [{ position, hash: JUNK_HASH, kind: KIND_JUNK }]))
  }
}

/** Ends a unit, whose disk drops the last row that it has synced; it is started again. */
async function loseLastRow(hand: HandCluster, unit: string): Promise<void> {
  const store = hand.store(unit)
  await hand.unit(unit).close()
  store.apply({ expectEpoch: store.open().epoch, row: undefined, meta: undefined, drop: [store.lastRow()] })
  await hand.restart(unit)
}

test('P69: who comes back with an older value where a peer knows another one decided joins anew', async (t) => {
  const { hand, raw, position } = await withHole()
  await hand.done(storeAt(raw, 'unit-1', position), 20)
  await hand.done(decideJunk(raw, position), 20)
  await hand.advance(10)
  await loseLastRow(hand, 'unit-1')
  await hand.drive({}, 2_000)
  t.deepEqual(segmentsOf(hand), ['0', '01'])
  hand.supervise('unit-1')
  await hand.until(() => segmentsOf(hand).join() === '01', 5_000)
  t.is(hand.unit('unit-1').unit.state.index.hash(position), JUNK_HASH)
})

test('P69: who comes back without a position that a peer knows decided, above a hole, joins anew', async (t) => {
  const { hand, raw, position } = await withHole()
  await hand.done(decideJunk(raw, position), 20)
  await hand.advance(10)
  await loseLastRow(hand, 'unit-1')
  await hand.drive({}, 2_000)
  t.deepEqual(segmentsOf(hand), ['0', '01'])
})

test('P46: who lacks only what nobody knows decided, and holds the rest as it was decided, goes on', async (t) => {
  const { hand, raw, position } = await withHole()
  await hand.done(decideJunk(raw, position), 20)
  await hand.done(storeAt(raw, 'unit-0', position - 1), 20)
  await hand.advance(10)
  await hand.restart('unit-1')
  await hand.drive({}, 2_000)
  t.deepEqual(segmentsOf(hand), ['01'])
})

function bitsOf(text: string): number[] {
  const bits = Bits.read(text)
  return Array.from({ length: bits.length }, (_, i) => i).filter((i) => bits.has(i))
}

function textOf(...set: readonly number[]): string {
  const bits = new Bits(10)
  for (const i of set) bits.set(i)
  return bits.text()
}

test('P69: what is decided above the prefix is told one by one, with a digest of just that', (t) => {
  const b = new HandUnit('b')
  for (const position of [0, 1, 3, 4, 6, 9]) b.storeEntries([{ position }])
  for (const position of [0, 3, 4, 9]) b.mark({ position })
  const { unit } = b
  const all = { from: 0, to: 100, index: 0, step: 1 }
  const told = unit.copies.digestDecided(all)
  t.deepEqual([bitsOf(told.decided), told.count, told.from, told.to], [[0, 3, 4, 9], 4, 0, 100])
  t.deepEqual(unit.copies.digestAmong(all, told.decided), { count: told.count, sum: told.sum, trim: 0 })
  t.not(unit.copies.digestAmong(all, textOf(0, 3, 6, 9)).sum, told.sum)
  t.deepEqual(bitsOf(unit.copies.digestDecided({ ...all, from: 4, to: 9 }).decided), [0])
  t.is(unit.copies.digestDecided({ ...all, to: 1e6 }).to, 1 << 16)
})
