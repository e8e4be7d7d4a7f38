/**
 * What a resolve sends and is sent stays within a frame, however much the units of one chain hold.
 *
 * Read next: `../../../log/cluster/resolve.ts`.
 */
import test, { type ExecutionContext } from 'ava'
import type { Cluster } from '../../../log/cluster/cluster.ts'
import type { ResolvedMap } from '../../../log/cluster/resolve-round.ts'
import { resolveRange } from '../../../log/cluster/resolve.ts'
import { clusterSeed, encodeEntry, readEntry } from '../../../log/entry.ts'
import type { Layout } from '../../../log/layout.ts'
import { limits } from '../../../log/limits.ts'
import { FRAME_HEAD_BYTES } from '../../../log/wire/frame.ts'
import { STORE_HEAD_BYTES, readOffers, sealStore } from '../../../log/wire/messages.ts'
import { HandCluster, payload, whichOf } from '../../harness/hand-cluster.ts'

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const LARGEST = limits.entryBytesMax

function layoutOf({ layout }: Cluster): Layout {
  if (layout === undefined) throw new Error('no layout')
  return layout
}

/** Puts the largest entry at a position of one unit. */
function store(raw: Cluster, unit: string, position: number, which: number): Promise<Uint8Array> {
  const { cluster, epoch } = layoutOf(raw)
  const entry = encodeEntry(
    clusterSeed(cluster),
    { position, epoch, writer: 1, logTime: 0, streams: [], previous: [] },
    payload(which, LARGEST),
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

/** The entries of [from, from + 5) are `0` to `4`, decided on every unit, and no frame was too long. */
function areWhole(t: ExecutionContext, hand: HandCluster, found: ResolvedMap, from: number): void {
  const seed = clusterSeed(hand.units[0]?.unit.state.layout?.cluster ?? '')
  t.deepEqual(
    [...found]
      .map(([position, { kind, bytes }]) => [
        position,
        kind,
        whichOf(readEntry(bytes ?? new Uint8Array(0), { seed, entryBytesMax: LARGEST, streamsMax: 64 }).payload),
      ])
      .sort(([a], [b]) => Number(a) - Number(b)),
    upTo(5).map((i) => [from + i, 'data', i]),
  )
  t.deepEqual(
    hand.units.map(({ unit }) => unit.state.prefix),
    hand.units.map(() => from + 5),
  )
  const { sent, longestAnswer } = hand.wire('raw')
  t.true(
    sent.every(({ frameBytes }) => frameBytes <= limits.frameBytesMax),
    `${Math.max(...sent.map(({ frameBytes }) => frameBytes))} bytes`,
  )
  t.true(longestAnswer <= limits.frameBytesMax, `${longestAnswer} bytes`)
}

test(
  'L3: five entries of the largest size, each on another unit and none on the first, are decided with requests that '
    + 'fit into frames',
  async (t) => {
    const hand = await HandCluster.start({ fillFloorMs: 10_000 }, { units: 6 })
    const raw = await hand.raw()
    const from = await hand.done(hand.token(raw, 5), 1)
    await hand.done(Promise.all(upTo(5).map((i) => store(raw, `unit-${i + 1}`, from + i, i))), 1)
    const found = await hand.done(resolveRange(raw, layoutOf(raw), from, from + 5, { mayFill: false }), 20)
    await hand.advance(1)
    areWhole(t, hand, found, from)
    const settles = hand
      .wire('raw')
      .of('settle')
      .map(({ body }) => readOffers(body).offers.map(({ position }) => position - from))
    t.deepEqual(settles, [[0], [1], [2], [3], [4]])
    t.true(
      hand
        .wire('raw')
        .of('force')
        .filter(({ address }) => address === 'unit-1').length >= 4,
    )
  },
)

test('L3: five large entries that came between asking and filling are taken in answers that fit', async (t) => {
  const hand = await HandCluster.start({ fillFloorMs: 10_000 }, { units: 2 })
  const raw = await hand.raw()
  const writer = await hand.raw('writer')
  const from = await hand.done(hand.token(raw, 5), 1)
  hand.wire('raw').hold('unit-1')
  const resolved = resolveRange(raw, layoutOf(raw), from, from + 5, { mayFill: true })
  await hand.advance(1)
  await hand.done(Promise.all(upTo(5).map((i) => store(writer, 'unit-0', from + i, i))), 1)
  hand.wire('raw').release('unit-1')
  const found = await hand.done(resolved, 20)
  await hand.advance(1)
  t.is(hand.point('resolve.fillMetData'), 1)
  areWhole(t, hand, found, from)
})
