/**
 * The messages of the protocol: which kinds there are, and the bodies of those on the hot path, read and written by
 * hand. Control messages are JSON, checked once with the structs of `control.ts`.
 *
 * Owns: kinds, statuses, binary bodies. Read next: `control.ts`, `rpc.ts`, `../unit/server.ts`.
 */
import { ByteReader, ByteWriter } from '../bytes/bytes.ts'
import { KIND_DATA, KIND_JUNK, type EntryKind } from '../entry.ts'
import { SirtakiError } from '../errors.ts'
import type { Span } from '../ranges.ts'
import { FRAME_HEAD_BYTES, sealFrame } from './frame.ts'

/** The kinds of frames. A number is never used again for another meaning. */
export const kinds = {
  hello: 1,
  ping: 2,
  layout: 3,
  identify: 4,
  status: 5,
  store: 10,
  marks: 11,
  ask: 12,
  settle: 13,
  force: 14,
  junk: 15,
  read: 16,
  readStream: 17,
  subscribe: 18,
  unsubscribe: 19,
  push: 20,
  trim: 21,
  copy: 22,
  seal: 30,
  install: 31,
  decidedBelow: 32,
  digest: 33,
  prepare: 34,
  accept: 35,
  current: 36,
  progress: 37,
  probe: 38,
  restore: 39,
  turn: 40,
  turnOver: 41,
  token: 50,
  tails: 51,
  bootstrap: 52,
  heartbeat: 53,
} as const
/** The name of a kind of frame. */
export type Kind = keyof typeof kinds

const names = new Map<number, Kind>()
for (const [name, number] of Object.entries(kinds)) names.set(number, isKind(name) ? name : 'ping')
function isKind(text: string): text is Kind {
  return Object.hasOwn(kinds, text)
}
/** The name of a kind's number, `undefined` for an unknown one. */
export const kindOf = (number: number): Kind | undefined => names.get(number)

/** What a unit answers for one position. */
export const STORED = 0
export const OTHER = 1
export const TRIMMED = 2
export const DAMAGED_HERE = 3
export const DECIDED_OTHER = 4
export const EMPTY = 5
export const UNDECIDED = 6
export const DATA_DECIDED = 7
export const JUNK_DECIDED = 8
/** Of an offer: stored now or before, or why not. */
export type OfferStatus = typeof STORED | typeof OTHER | typeof TRIMMED | typeof DAMAGED_HERE | typeof DECIDED_OTHER
/** Of a position that is read. */
export type ReadStatus =
  | typeof TRIMMED
  | typeof DAMAGED_HERE
  | typeof EMPTY
  | typeof UNDECIDED
  | typeof DATA_DECIDED
  | typeof JUNK_DECIDED

const offerStatuses: readonly OfferStatus[] = [STORED, OTHER, TRIMMED, DAMAGED_HERE, DECIDED_OTHER]
const readStatuses: readonly ReadStatus[] = [TRIMMED, DAMAGED_HERE, EMPTY, UNDECIDED, DATA_DECIDED, JUNK_DECIDED]

/** @throws SirtakiError `BAD_FRAME` for a status that is none of those. */
function statusIn<T extends number>(known: readonly T[], status: number): T {
  const found = known.find((one) => one === status)
  if (found === undefined) throw new SirtakiError('BAD_FRAME', `status ${status} in an answer`)
  return found
}

/** The kind that a byte says: what is no data is junk. */
const entryKind = (kind: number): EntryKind => (kind === KIND_DATA ? KIND_DATA : KIND_JUNK)

/** Set in a `stored` answer when someone subscribes: marks should not wait for a frame to ride on. */
export const FLAG_SUBSCRIBED = 1

/**
 * store: epoch u32, count u32, entries. Written in place by the writer (`../client/append.ts`), so that it is encoded
 * once for all units.
 */
export const STORE_HEAD_BYTES = 8
export interface StoreBody {
  readonly epoch: number
  readonly count: number
  readonly entries: Uint8Array
}
export function readStore(body: Uint8Array): StoreBody {
  const reader = new ByteReader(body)
  const epoch = reader.u32()
  const count = reader.count(1)
  return { epoch, count, entries: reader.raw(reader.left) }
}
/** Turns a buffer whose entries begin at FRAME_HEAD_BYTES + STORE_HEAD_BYTES into a store frame. */
export function sealStore(bytes: Uint8Array, epoch: number, count: number, request: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  view.setUint32(FRAME_HEAD_BYTES, epoch, true)
  view.setUint32(FRAME_HEAD_BYTES + 4, count, true)
  return sealFrame(bytes, kinds.store, 0, request)
}

/** stored: flags u8, then a status u8 for every entry, or nothing when all are stored. */
export interface StoredBody {
  readonly subscribed: boolean
  readonly statuses: Uint8Array | undefined
}
export const writeStored = (subscribed: boolean, statuses: Uint8Array | undefined): Uint8Array => {
  const out = new ByteWriter(1 + (statuses?.byteLength ?? 0)).u8(subscribed ? FLAG_SUBSCRIBED : 0)
  return (statuses === undefined ? out : out.raw(statuses)).done()
}
export function readStored(body: Uint8Array, count: number): StoredBody {
  const reader = new ByteReader(body)
  const subscribed = (reader.u8() & FLAG_SUBSCRIBED) !== 0
  if (reader.left === 0) return { subscribed, statuses: undefined }
  if (reader.left !== count) throw new SirtakiError('BAD_FRAME', `${reader.left} answers for ${count} entries`)
  return { subscribed, statuses: reader.raw(count) }
}

/** marks: epoch u32, n: (position f64, hash u32, kind u8), n: junk (from f64, to f64, step u32). */
export const MARK_BYTES = 13
const RANGE_BYTES = 20
export interface Mark {
  readonly position: number
  readonly hash: number
  readonly kind: EntryKind
}
export function writeMarks(epoch: number, marks: readonly Mark[], junk: readonly Span[] = []): Uint8Array {
  const out = new ByteWriter(12 + marks.length * MARK_BYTES + junk.length * RANGE_BYTES).u32(epoch).u32(marks.length)
  for (const { position, hash, kind } of marks) out.f64(position).u32(hash).u8(kind)
  writeRanges(out, junk)
  return out.done()
}
function writeRanges(out: ByteWriter, ranges: readonly Span[]): void {
  out.u32(ranges.length)
  for (const { from, to, step } of ranges) out.f64(from).f64(to).u32(step)
}
const readRanges = (reader: ByteReader): Span[] =>
  Array.from({ length: reader.count(RANGE_BYTES) }, () => ({
    from: reader.integer(),
    to: reader.integer(),
    step: reader.u32(),
  }))

/** What marks are handed to, one by one; nothing is when `epoch` answers false. */
export interface MarkVisitor {
  epoch(epoch: number): boolean
  mark(position: number, hash: number, kind: EntryKind): void
  junk(range: Span): void
}
export function readMarks(body: Uint8Array, visitor: MarkVisitor): void {
  const reader = new ByteReader(body)
  const epoch = reader.u32()
  const count = reader.count(MARK_BYTES)
  if (!visitor.epoch(epoch)) return
  for (let i = 0; i < count; i++) visitor.mark(reader.f64(), reader.u32(), entryKind(reader.u8()))
  for (const range of readRanges(reader)) visitor.junk(range)
}

/** What one unit holds at one position; `bytes` of data only where asked for. */
export interface Held {
  readonly position: number
  readonly kind: EntryKind
  readonly decided: boolean
  readonly damaged: boolean
  readonly hash: number
  readonly bytes: Uint8Array | undefined
}

function writeHeld(out: ByteWriter, held: Held): void {
  out
    .f64(held.position)
    .u8(held.kind | (held.decided ? 4 : 0) | (held.damaged ? 8 : 0) | (held.bytes === undefined ? 0 : 16))
    .u32(held.hash)
  if (held.bytes !== undefined) out.u32(held.bytes.byteLength).raw(held.bytes)
}
function readHeld(reader: ByteReader): Held {
  const position = reader.integer()
  const flags = reader.u8()
  const hash = reader.u32()
  return {
    position,
    kind: entryKind(flags & 3),
    decided: (flags & 4) !== 0,
    damaged: (flags & 8) !== 0,
    hash,
    bytes: (flags & 16) === 0 ? undefined : reader.raw(reader.count(1)),
  }
}

/** ask: epoch u32, [from, to) f64, withBytes u8. */
export interface AskBody {
  readonly epoch: number
  readonly from: number
  readonly to: number
  readonly withBytes: boolean
}
export const writeAsk = ({ epoch, from, to, withBytes }: AskBody): Uint8Array =>
  new ByteWriter(24)
    .u32(epoch)
    .f64(from)
    .f64(to)
    .u8(withBytes ? 1 : 0)
    .done()
export function readAsk(body: Uint8Array): AskBody {
  const reader = new ByteReader(body)
  return { epoch: reader.u32(), from: reader.integer(), to: reader.integer(), withBytes: reader.u8() === 1 }
}
/**
 * asked: what the unit holds in [from, to), where `to` may be lower than asked; what is not listed and not below
 * `prefix` is empty. `junk`: decided junk of a copy, for who asked for ranges of it; nothing is written where there
 * is none.
 */
export interface AskedBody {
  readonly to: number
  readonly prefix: number
  readonly trim: number
  readonly held: readonly Held[]
  readonly junk: readonly Span[]
}
export function writeAsked({ to, prefix, trim, held, junk }: AskedBody): Uint8Array {
  const out = new ByteWriter(
    held.reduce((sum, { bytes }) => sum + 17 + (bytes?.byteLength ?? 0), 32 + junk.length * RANGE_BYTES),
  )
    .f64(to)
    .f64(prefix)
    .f64(trim)
    .u32(held.length)
  for (const one of held) writeHeld(out, one)
  if (junk.length > 0) writeRanges(out, junk)
  return out.done()
}
export function readAsked(body: Uint8Array): AskedBody {
  const reader = new ByteReader(body)
  const head = { to: reader.integer(), prefix: reader.integer(), trim: reader.integer() }
  const held: Held[] = []
  for (let left = reader.count(13); left > 0; left--) held.push(readHeld(reader))
  return { ...head, held, junk: reader.left === 0 ? [] : readRanges(reader) }
}

/** settle and force: epoch u32, then items: data as its bytes, or junk as its position. */
export type Offer = { readonly position: number; readonly bytes: Uint8Array | undefined }
export interface OffersBody {
  readonly epoch: number
  readonly offers: readonly Offer[]
}
export function writeOffers({ epoch, offers }: OffersBody): Uint8Array {
  const out = new ByteWriter(256).u32(epoch).u32(offers.length)
  for (const { position, bytes } of offers) {
    out.f64(position).u32(bytes?.byteLength ?? 0)
    if (bytes !== undefined) out.raw(bytes)
  }
  return out.done()
}
export function readOffers(body: Uint8Array): OffersBody {
  const reader = new ByteReader(body)
  const epoch = reader.u32()
  const offers: Offer[] = []
  for (let left = reader.count(12); left > 0; left--) {
    const position = reader.integer()
    const length = reader.count(1)
    offers.push({ position, bytes: length === 0 ? undefined : reader.raw(length) })
  }
  return { epoch, offers }
}
/** restore: below f64, then as force. Everything below `below` is decided from then on. */
export interface RestoreBody extends OffersBody {
  readonly below: number
}
export function writeRestore({ below, ...offers }: RestoreBody): Uint8Array {
  const body = writeOffers(offers)
  return new ByteWriter(8 + body.byteLength).f64(below).raw(body).done()
}
export function readRestore(body: Uint8Array): RestoreBody {
  const reader = new ByteReader(body)
  const below = reader.integer()
  return { below, ...readOffers(reader.raw(reader.left)) }
}

/** settled, forced and restored: for every item a status, and what the unit holds where that is something else. */
export interface OfferedBody {
  readonly results: readonly { readonly status: OfferStatus; readonly held: Held | undefined }[]
}
export function writeOffered({ results }: OfferedBody): Uint8Array {
  const out = new ByteWriter(16 + results.length * 16).u32(results.length)
  for (const { status, held } of results) {
    out.u8(status).u8(held === undefined ? 0 : 1)
    if (held !== undefined) writeHeld(out, held)
  }
  return out.done()
}
export function readOffered(body: Uint8Array): OfferedBody {
  const reader = new ByteReader(body)
  const results: { status: OfferStatus; held: Held | undefined }[] = []
  for (let left = reader.count(2); left > 0; left--) {
    results.push({
      status: statusIn(offerStatuses, reader.u8()),
      held: reader.u8() === 1 ? readHeld(reader) : undefined,
    })
  }
  return { results }
}

/** read: positions; the answer has a status for each, and the bytes behind those that are data. */
export function writePositions(positions: readonly number[]): Uint8Array {
  const out = new ByteWriter(4 + 8 * positions.length).u32(positions.length)
  for (const position of positions) out.f64(position)
  return out.done()
}
export function readPositions(body: Uint8Array): number[] {
  const reader = new ByteReader(body)
  const positions: number[] = []
  for (let left = reader.count(8); left > 0; left--) positions.push(reader.integer())
  return positions
}
export interface ReadItem {
  readonly status: ReadStatus
  readonly bytes: Uint8Array | undefined
}
export function writeReadItems(items: readonly ReadItem[]): Uint8Array {
  const out = new ByteWriter(256).u32(items.length)
  for (const { status, bytes } of items) {
    out.u8(status).u32(bytes?.byteLength ?? 0)
    if (bytes !== undefined) out.raw(bytes)
  }
  return out.done()
}
export function readReadItems(body: Uint8Array): ReadItem[] {
  const reader = new ByteReader(body)
  const items: ReadItem[] = []
  for (let left = reader.count(5); left > 0; left--) {
    const status = statusIn(readStatuses, reader.u8())
    const length = reader.count(1)
    items.push({ status, bytes: length === 0 ? undefined : reader.raw(length) })
  }
  return items
}

/**
 * readStream and subscribe: stream u32, from f64, step u32, to f64, index u32: the reader takes the unit for chain
 * `index` of `step` from `from` on (P67), and wants nothing from `to` on, OPEN_END where there is no such end.
 * Earlier writers name no `index`, and `to` in readStream only; earlier readers pass over what follows the words that
 * they know.
 */
export interface StreamFrom {
  readonly stream: number
  readonly from: number
  readonly step: number
  readonly index?: number | undefined
  readonly to?: number | undefined
}
const OPEN_END = Number.MAX_SAFE_INTEGER
export function writeStreamFrom({ stream, from, step, index, to }: StreamFrom): Uint8Array {
  const out = new ByteWriter(28).u32(stream).f64(from).u32(step)
  if (index !== undefined) out.f64(to ?? OPEN_END).u32(index)
  else if (to !== undefined) out.f64(to)
  return out.done()
}
export function readStreamFrom(body: Uint8Array): StreamFrom {
  const reader = new ByteReader(body)
  const head = { stream: reader.u32(), from: reader.integer(), step: reader.u32() }
  if (reader.left === 0) return head
  const to = reader.integer()
  const end = to === OPEN_END ? {} : { to }
  return reader.left === 0 ? { ...head, ...end } : { ...head, ...end, index: reader.u32() }
}
/**
 * Decided entries of a stream; all of them in [from, completeTo) of this unit's chain. `trim` above `from` means that
 * some are gone.
 */
export interface StreamPart {
  readonly completeTo: number
  readonly trim: number
  readonly more: boolean
  readonly count: number
  readonly entries: Uint8Array
}
export function writeStreamPart(
  { completeTo, trim, more, count }: Omit<StreamPart, 'entries'>,
  entries: readonly Uint8Array[],
): Uint8Array {
  const out = new ByteWriter(entries.reduce((sum, bytes) => sum + bytes.byteLength, 21))
    .f64(completeTo)
    .f64(trim)
    .u8(more ? 1 : 0)
    .u32(count)
  for (const bytes of entries) out.raw(bytes)
  return out.done()
}
export function readStreamPart(body: Uint8Array): StreamPart {
  const reader = new ByteReader(body)
  return {
    completeTo: reader.integer(),
    trim: reader.integer(),
    more: reader.u8() === 1,
    count: reader.count(1),
    entries: reader.raw(reader.left),
  }
}

/** token: epoch u32, then runs of entries with the same streams: count u32, streams u8, stream u32 *. */
export interface TokenRun {
  readonly count: number
  readonly streams: readonly number[]
}
export interface TokenBody {
  readonly epoch: number
  readonly runs: readonly TokenRun[]
}
export function writeToken({ epoch, runs }: TokenBody): Uint8Array {
  const out = new ByteWriter(16 + runs.length * 9).u32(epoch).u32(runs.length)
  for (const { count, streams } of runs) {
    out.u32(count).u8(streams.length)
    for (const stream of streams) out.u32(stream)
  }
  return out.done()
}
export function readToken(body: Uint8Array): TokenBody {
  const reader = new ByteReader(body)
  const epoch = reader.u32()
  const runs: TokenRun[] = []
  for (let left = reader.count(5); left > 0; left--) {
    const count = reader.u32()
    const streams: number[] = []
    for (let n = reader.u8(); n > 0; n--) streams.push(reader.u32())
    runs.push({ count, streams })
  }
  reader.end()
  return { epoch, runs }
}
/**
 * granted: epoch u32, from f64, log time f64, and for every stream of the request, in order of first mention, the
 * packed `previous` of its first entry in the grant; the later ones follow from the grant itself.
 */
export interface GrantBody {
  readonly epoch: number
  readonly from: number
  readonly logTime: number
  readonly previous: readonly number[]
}
export function writeGrant({ epoch, from, logTime, previous }: GrantBody): Uint8Array {
  const out = new ByteWriter(24 + 8 * previous.length).u32(epoch).f64(from).f64(logTime).u32(previous.length)
  for (const one of previous) out.f64(one)
  return out.done()
}
export function readGrant(body: Uint8Array): GrantBody {
  const reader = new ByteReader(body)
  const head = { epoch: reader.u32(), from: reader.integer(), logTime: reader.f64() }
  const previous: number[] = []
  for (let left = reader.count(8); left > 0; left--) previous.push(reader.f64())
  return { ...head, previous }
}
