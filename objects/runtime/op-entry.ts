/**
 * The payload of an entry of a space: one session opened, or one op of a session.
 *
 *     open         | v | 1 | JSON {"name"}
 *     op           | v | 2 | session f64 | number f64 | bytes u16 | target | JSON of the input
 *     empty        | v | 3 | session f64 | number f64 |
 *     transaction  | v | 4 | reserved
 *     target       | object u16 + text | type u16 + text | version u32 | op u16 + text
 *
 * `session` is the position of the session's opening entry, `number` counts its ops from 0. Position, log time and,
 * later, the principal come with the entry around it. Little endian, texts in UTF-8; the input keeps its key order.
 * Keeps: O11 (an undecodable payload is judged alike by everyone, an unknown version halts the reader, and what does
 * not begin with a version mark, 1 to 8, is no entry of a space: it is passed over). Read next: `space.ts`.
 */
import { ByteReader, ByteWriter, viewOf } from '../../log/bytes/bytes.ts'
import { SirtakiError } from '../../log/errors.ts'
import { isExhausted } from './exhausted.ts'
import { isCanonical, type Value } from './values.ts'

export const OP_VERSION = 1
/** First bytes that are, or will be, versions of ours: below every byte that a text begins with. */
const VERSION_MARK_MAX = 8
/** Bytes in front of an op's target. */
export const OP_HEAD_BYTES = 20

/** What an entry of a space is. */
const kinds = { open: 1, op: 2, empty: 3, transaction: 4 } as const

/** Whom an op is for. `version` is that of the type. */
export interface Target {
  readonly object: string
  readonly type: string
  readonly version: number
  readonly op: string
}

/**
 * A target as the decoder remembers it: the same one for equal bytes. `route` is its reader's, `undefined` at first.
 */
export interface KnownTarget<R> {
  readonly target: Target
  readonly bytes: Uint8Array
  route: R | undefined
}

/**
 * A decoded payload. `bad`: nobody's; `unreadable`: an op of a session whose rest makes no sense, but whose number
 * counts.
 */
export type SpaceEntry<R = unknown> =
  | { readonly kind: 'open'; readonly name: string }
  | {
      readonly kind: 'op'
      readonly session: number
      readonly number: number
      readonly to: KnownTarget<R>
      readonly inputAt: number
    }
  | { readonly kind: 'empty'; readonly session: number; readonly number: number }
  | { readonly kind: 'unreadable'; readonly session: number; readonly number: number }
  | { readonly kind: 'bad' }

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })
const BAD = { kind: 'bad' } as const

/** Encodes the opening of a session. */
export const encodeOpen = (name: string): Uint8Array =>
  new ByteWriter(64)
    .u8(OP_VERSION)
    .u8(kinds.open)
    .raw(encoder.encode(JSON.stringify({ name })))
    .done()

/** Encodes an op that does nothing but take its number. */
export const encodeEmpty = (session: number, number: number): Uint8Array =>
  new ByteWriter(18).u8(OP_VERSION).u8(kinds.empty).f64(session).f64(number).done()

/** Encodes a target once for all its ops. @throws SirtakiError `BAD_ARGUMENT` when it has more than 65,535 bytes. */
export function encodeTarget({ object, type, version, op }: Target): Uint8Array {
  const [objectBytes, typeBytes, opBytes] = [encoder.encode(object), encoder.encode(type), encoder.encode(op)]
  const length = 10 + objectBytes.byteLength + typeBytes.byteLength + opBytes.byteLength
  if (length > 0xffff) {
    throw new SirtakiError(
      'BAD_ARGUMENT',
      `the names of object, type and op take ${length} bytes, at most 65,535 are allowed`,
    )
  }
  return new ByteWriter(length)
    .u16(objectBytes.byteLength)
    .raw(objectBytes)
    .u16(typeBytes.byteLength)
    .raw(typeBytes)
    .u32(version)
    .u16(opBytes.byteLength)
    .raw(opBytes)
    .done()
}

/** Encodes the input of an op, a canonical value. */
export const encodeInput = (input: unknown): Uint8Array => encoder.encode(JSON.stringify(input))

/** The head of every op is made here: a view for each would cost as much as the rest of it. */
const head = Uint8Array.of(OP_VERSION, kinds.op, ...Array<number>(OP_HEAD_BYTES - 2).fill(0))
const headView = viewOf(head)

/** Encodes an op. */
export function encodeOp(session: number, number: number, target: Uint8Array, input: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(OP_HEAD_BYTES + target.byteLength + input.byteLength)
  headView.setFloat64(2, session, true)
  headView.setFloat64(10, number, true)
  headView.setUint16(18, target.byteLength, true)
  bytes.set(head)
  bytes.set(target, OP_HEAD_BYTES)
  bytes.set(input, OP_HEAD_BYTES + target.byteLength)
  return bytes
}

/** Targets remembered before the decoder forgets all of them: as many as a busy space names within a moment. */
const TARGETS_MAX = 131_072

/**
 * Decodes payloads. `R` is what its reader keeps with a target: looking that up by names would cost as much as the op.
 */
export class OpDecoder<R> {
  readonly #known = new Map<number, KnownTarget<R>>()
  #view: DataView = new DataView(new ArrayBuffer(0))

  /** Decodes everything but the input. @throws SirtakiError `UNSUPPORTED` for a version this code does not know. */
  decode(payload: Uint8Array): SpaceEntry<R> {
    const { byteLength } = payload
    const version = payload[0] ?? 0
    // Another program's bytes are nobody's entry; those of a later version of ours must not be passed over (O11).
    if (version === 0 || version > VERSION_MARK_MAX || byteLength < 2) return BAD
    const kind = payload[1] ?? 0
    if (version !== OP_VERSION || kind === kinds.transaction) {
      throw new SirtakiError(
        'UNSUPPORTED',
        `an entry of format version ${version}, kind ${kind}, this is version ${OP_VERSION}: upgrade`,
        { facts: { version, kind } },
      )
    }
    if (kind === kinds.open) return readOpen(payload)
    if ((kind !== kinds.op && kind !== kinds.empty) || byteLength < 18) return BAD
    const view = this.#viewOf(payload)
    const session = view.getFloat64(payload.byteOffset + 2, true)
    const number = view.getFloat64(payload.byteOffset + 10, true)
    if (!isCount(session) || !isCount(number)) return BAD
    if (kind === kinds.empty) return byteLength === 18 ? { kind: 'empty', session, number } : BAD
    const inputAt = OP_HEAD_BYTES + (byteLength < OP_HEAD_BYTES ? 0 : view.getUint16(payload.byteOffset + 18, true))
    const to = inputAt > byteLength ? undefined : this.#targetOf(payload, inputAt)
    return to === undefined ? { kind: 'unreadable', session, number } : { kind: 'op', session, number, to, inputAt }
  }

  /** A view made per entry costs 0.1 us: the entries of one frame share their buffer. */
  #viewOf(payload: Uint8Array): DataView {
    if (this.#view.buffer !== payload.buffer) this.#view = new DataView(payload.buffer)
    return this.#view
  }

  #targetOf(payload: Uint8Array, end: number): KnownTarget<R> | undefined {
    let hash = 0x811c9dc5
    for (let i = OP_HEAD_BYTES; i < end; i++) hash = Math.imul(hash ^ (payload[i] ?? 0), 0x01000193)
    const known = this.#known.get(hash)
    if (known !== undefined && isSame(known.bytes, payload, end)) return known
    const bytes = payload.slice(OP_HEAD_BYTES, end)
    const target = readTarget(bytes)
    if (target === undefined) return undefined
    if (this.#known.size >= TARGETS_MAX) this.#known.clear()
    const made: KnownTarget<R> = { target, bytes, route: undefined }
    this.#known.set(hash, made)
    return made
  }
}

/** Decodes the input of an op; `undefined` when it is no value in its one form. */
export function readInput(payload: Uint8Array, from: number): Value | undefined {
  try {
    const value: unknown = JSON.parse(textOf(payload, from))
    return isCanonical(value) ? value : undefined
  } catch (thrown) {
    if (isExhausted(thrown)) throw thrown
    return undefined
  }
}

/** TextDecoder takes 0.4 us for a handful of letters, the loop 0.1 for 24 (measured on Node 24). */
const SHORT_TEXT = 64

function textOf(bytes: Uint8Array, from: number, to = bytes.byteLength): string {
  if (to - from <= SHORT_TEXT) {
    let text = ''
    let i = from
    for (; i < to; i++) {
      const code = bytes[i] ?? 0
      if (code > 0x7f) break
      text += String.fromCharCode(code)
    }
    if (i === to) return text
  }
  return decoder.decode(bytes.subarray(from, to))
}

function readOpen(payload: Uint8Array): { readonly kind: 'open'; readonly name: string } | typeof BAD {
  const info = readInput(payload, 2)
  if (
    info === undefined
    || typeof info !== 'object'
    || info === null
    || !('name' in info)
    || typeof info.name !== 'string'
  ) {
    return BAD
  }
  return { kind: 'open', name: info.name }
}

function readTarget(bytes: Uint8Array): Target | undefined {
  try {
    const reader = new ByteReader(bytes)
    const text = (): string => {
      const length = reader.u16()
      const at = reader.take(length)
      return textOf(bytes, at, at + length)
    }
    const target = { object: text(), type: text(), version: reader.u32(), op: text() }
    reader.end()
    return isObjectPath(target.object) ? target : undefined
  } catch (thrown) {
    if (isExhausted(thrown)) throw thrown
    return undefined
  }
}

/** Objects are named like files: from the root, segments that are not empty. */
export const isObjectPath = (path: string): boolean =>
  path.startsWith('/') && !path.endsWith('/') && !path.includes('//') && path.isWellFormed()

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

function isSame(bytes: Uint8Array, payload: Uint8Array, end: number): boolean {
  if (bytes.byteLength !== end - OP_HEAD_BYTES) return false
  for (let i = 0; i < bytes.byteLength; i++) if (bytes[i] !== payload[i + OP_HEAD_BYTES]) return false
  return true
}
