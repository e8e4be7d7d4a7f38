/**
 * An entry as bytes: encoded once by its writer, then stored, pushed and read as the same bytes.
 *
 *     0       4     8  9    10      11    12        20     24      32        40
 *     | bytes | crc |v |kind|streams|auth | position| epoch| writer| log time| (stream u32, previous f64)* auth payload
 *
 * The checksum covers the cluster and everything behind itself. `previous` is a position, or -(b + 1) for `{before:
 * b}`. `auth` is room for a principal and the servers' MAC. Junk has no bytes: all junk is the same value. Keeps: L1
 * (equal entry, equal hash; the hash covers position and token epoch). Read next: `wire/messages.ts`.
 */
import { viewOf } from './bytes/bytes.ts'
import { crc32Of, crc32Text } from './bytes/hash.ts'
import { SirtakiError } from './errors.ts'

export const ENTRY_VERSION = 1
export const ENTRY_HEAD_BYTES = 40
export const STREAM_BYTES = 12
/** Streams below this one, from 0 on, are those of the objects: bytes of others in them are no entries of any space. */
export const OBJECT_STREAMS = 16

/** What a position holds. */
export const KIND_DATA = 1
export const KIND_JUNK = 2
/** Data or junk. */
export type EntryKind = typeof KIND_DATA | typeof KIND_JUNK
/** The hash that stands for junk wherever hashes are compared; kinds are compared with it. */
export const JUNK_HASH = 0

/** `previous` of a stream: a position of it, or `{before: b}`: nothing of it in [b, p), ask the index below b. */
export type Previous = number | { readonly before: number }

/** The bytes' form of `previous`. */
export const packPrevious = (previous: Previous): number =>
  typeof previous === 'number' ? previous : -(previous.before + 1)
/** The form for people and players. */
export const unpackPrevious = (packed: number): Previous => (packed >= 0 ? packed : { before: -packed - 1 })

/** One stream of an entry with its pointer. */
export interface StreamLink {
  readonly stream: number
  readonly previous: Previous
}

/**
 * A decoded entry. `payload` and `bytes` are views: copy what outlives the call. `bytes` is made when it is asked for.
 */
export interface Entry {
  readonly position: number
  readonly epoch: number
  readonly writer: number
  readonly logTime: number
  readonly streams: readonly StreamLink[]
  readonly payload: Uint8Array
  readonly hash: number
  readonly bytes: Uint8Array
}

/** What a decided position gives to a reader. */
export type Decided =
  | { readonly kind: 'data'; readonly position: number; readonly entry: Entry }
  | { readonly kind: 'junk'; readonly position: number }

/** Seeds the checksums of a cluster: an entry of another cluster never passes. */
export const clusterSeed = (cluster: string): number => crc32Text(cluster)

/** Bytes that an entry will have. */
export const entryBytes = (streams: number, payloadBytes: number): number =>
  ENTRY_HEAD_BYTES + streams * STREAM_BYTES + payloadBytes

/** Everything that the head of an entry says. `previous` is packed and belongs to `streams` one by one. */
export interface EntryHead {
  readonly position: number
  readonly epoch: number
  readonly writer: number
  readonly logTime: number
  readonly streams: readonly number[]
  readonly previous: readonly number[]
}

/** Writes one entry at `at` of `bytes`; gives its hash. There must be room. */
export function writeEntry(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  seed: number,
  head: EntryHead,
  payload: Uint8Array,
): number {
  const count = head.streams.length
  const length = entryBytes(count, payload.byteLength)
  view.setUint32(at, length, true)
  view.setUint8(at + 8, ENTRY_VERSION)
  view.setUint8(at + 9, KIND_DATA)
  view.setUint8(at + 10, count)
  view.setUint8(at + 11, 0)
  view.setFloat64(at + 12, head.position, true)
  view.setUint32(at + 20, head.epoch, true)
  view.setFloat64(at + 24, head.writer, true)
  view.setFloat64(at + 32, head.logTime, true)
  let next = at + ENTRY_HEAD_BYTES
  for (let i = 0; i < count; i++, next += STREAM_BYTES) {
    view.setUint32(next, head.streams[i] ?? 0, true)
    view.setFloat64(next + 4, head.previous[i] ?? -1, true)
  }
  bytes.set(payload, next)
  const hash = crc32Of(bytes, at + 8, at + length, seed)
  view.setUint32(at + 4, hash, true)
  return hash
}

/** Length of the entry at `at`, in bytes. */
export const lengthAt = (view: DataView, at: number): number => view.getUint32(at, true)
/** Its hash: the checksum. */
export const hashAt = (view: DataView, at: number): number => view.getUint32(at + 4, true)
/** Its position. */
export const positionAt = (view: DataView, at: number): number => view.getFloat64(at + 12, true)
/** The epoch of its token. */
export const epochAt = (view: DataView, at: number): number => view.getUint32(at + 20, true)
/** Its log time, in milliseconds. */
export const logTimeAt = (view: DataView, at: number): number => view.getFloat64(at + 32, true)
const versionAt = (view: DataView, at: number): number => view.getUint8(at + 8)
const kindAt = (view: DataView, at: number): number => view.getUint8(at + 9)
const streamCountAt = (view: DataView, at: number): number => view.getUint8(at + 10)
const authBytesAt = (view: DataView, at: number): number => view.getUint8(at + 11)

/** Streams of the entry at `at`. */
export function streamsAt(view: DataView, at: number): number[] {
  const streams: number[] = []
  const end = at + ENTRY_HEAD_BYTES + streamCountAt(view, at) * STREAM_BYTES
  for (let next = at + ENTRY_HEAD_BYTES; next < end; next += STREAM_BYTES) streams.push(view.getUint32(next, true))
  return streams
}

/** Encodes one entry by itself. */
export function encodeEntry(seed: number, head: EntryHead, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(entryBytes(head.streams.length, payload.byteLength))
  writeEntry(bytes, viewOf(bytes), 0, seed, head, payload)
  return bytes
}

/** Bounds that every received entry is held against. */
export interface EntryBounds {
  readonly seed: number
  readonly entryBytesMax: number
  readonly streamsMax: number
}

/**
 * Checks the entry at `at` and gives its length in bytes.
 *
 * @throws SirtakiError `BAD_FRAME` when the head makes no sense, `DAMAGED` when only the checksum is wrong.
 */
export function checkEntry(bytes: Uint8Array, view: DataView, at: number, bounds: EntryBounds): number {
  const left = bytes.byteLength - at
  if (left < ENTRY_HEAD_BYTES) {
    throw new SirtakiError('BAD_FRAME', `an entry needs ${ENTRY_HEAD_BYTES} bytes of head, ${left} are left`)
  }
  const length = lengthAt(view, at)
  const streams = streamCountAt(view, at)
  const head = ENTRY_HEAD_BYTES + streams * STREAM_BYTES + authBytesAt(view, at)
  if (length > left || length < head || length > bounds.entryBytesMax + head) {
    throw new SirtakiError('BAD_FRAME', `an entry says ${length} bytes, its head has ${head}, ${left} are left`)
  }
  if (versionAt(view, at) !== ENTRY_VERSION) {
    throw new SirtakiError(
      'UNSUPPORTED',
      `an entry of format version ${versionAt(view, at)}, this is version ${ENTRY_VERSION}: upgrade`,
    )
  }
  if (kindAt(view, at) !== KIND_DATA || streams > bounds.streamsMax) {
    throw new SirtakiError('BAD_FRAME', `an entry of kind ${kindAt(view, at)} on ${streams} streams`)
  }
  const logTime = logTimeAt(view, at)
  if (!(logTime >= 0 && logTime <= Number.MAX_SAFE_INTEGER)) {
    throw new SirtakiError('BAD_FRAME', `an entry with log time ${logTime}`)
  }
  const position = positionAt(view, at)
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new SirtakiError('BAD_FRAME', `an entry at position ${position}`)
  }
  if (crc32Of(bytes, at + 8, at + length, bounds.seed) !== hashAt(view, at)) {
    throw new SirtakiError('DAMAGED', `the checksum of the entry at position ${position} is wrong`, {
      facts: { position },
    })
  }
  return length
}

/** Decodes the entry at `at`, which `checkEntry` has passed. */
export const decodeEntry = (bytes: Uint8Array, view: DataView, at: number): Entry => new DecodedEntry(bytes, view, at)

class DecodedEntry implements Entry {
  readonly position: number
  readonly epoch: number
  readonly writer: number
  readonly logTime: number
  readonly streams: readonly StreamLink[]
  readonly payload: Uint8Array
  readonly hash: number
  readonly #all: Uint8Array
  readonly #at: number
  readonly #length: number

  constructor(bytes: Uint8Array, view: DataView, at: number) {
    const count = streamCountAt(view, at)
    const streams: StreamLink[] = []
    let next = at + ENTRY_HEAD_BYTES
    for (let i = 0; i < count; i++, next += STREAM_BYTES) {
      streams.push({ stream: view.getUint32(next, true), previous: unpackPrevious(view.getFloat64(next + 4, true)) })
    }
    this.#all = bytes
    this.#at = at
    this.#length = lengthAt(view, at)
    this.position = positionAt(view, at)
    this.epoch = epochAt(view, at)
    this.writer = view.getFloat64(at + 24, true)
    this.logTime = logTimeAt(view, at)
    this.streams = streams
    this.payload = bytes.subarray(next + authBytesAt(view, at), at + this.#length)
    this.hash = hashAt(view, at)
  }

  /** A view costs as much as the rest of the entry, and playback never looks at it. */
  get bytes(): Uint8Array {
    return this.#all.subarray(this.#at, this.#at + this.#length)
  }
}

/** Checks and decodes one entry that fills `bytes`. */
export function readEntry(bytes: Uint8Array, bounds: EntryBounds): Entry {
  const view = viewOf(bytes)
  checkEntry(bytes, view, 0, bounds)
  return decodeEntry(bytes, view, 0)
}
