/**
 * The payload of an entry of a space: ops, alone or as the parts of a transaction.
 *
 *     op           | 2 | 2 | incarnation f64 | number f64 | flags u8 | [claim] | [key] | [ids] | part
 *     empty        | 2 | 3 | incarnation f64 | number f64 |
 *     transaction  | 2 | 4 | incarnation f64 | number f64 | flags u8 | [claim] | [key] | [ids] | n u16 | (u32 | part)*
 *     part         | what: u16 + bytes | object: u16 + text | input: u32 + JSON | (count u16 | (u32 + bytes)*)?
 *     what         | type: u16 + text | version u32 | op: u16 + text |
 *     claim        | position f64 | low u32 | high u32 |           key, ids: u16 + text
 *
 * `incarnation` is the position of the session's opening or latest resume, `number` counts its ops from there. Bytes of
 * an input stand behind its JSON, which names them as {"\u0000": index}. Kinds 1, 5 to 8 and 10 are sessions' own
 * (`sequencer/session-entry.ts`), 11 and above are free. Little endian, texts in UTF-8. Keeps: O11 (an undecodable
 * payload is judged alike by everyone, a later version halts the reader, and what does not begin with a version mark, 1
 * to 8, is no entry of a space: it is passed over). Read next: `space.ts`.
 */
import { ByteReader, ByteWriter, setU32, textOf, viewOf } from '../../log/bytes/bytes.ts'
import { SirtakiError } from '../../log/errors.ts'
import { ENTRY_VERSION, readSessionEntry, type Identity, type SessionEntry } from '../../sequencer/session-entry.ts'
import { setU16, tried, utf8 } from './input.ts'

/** First bytes that are, or will be, versions of ours: below every byte that a text begins with. */
const VERSION_MARK_MAX = 8
const kinds = { op: 2, empty: 3, transaction: 4 } as const
/** Whether `readSessionEntry` knows a kind. */
const isSessions = (kind: number): boolean => kind === 1 || (kind >= 5 && kind <= 8) || kind === 10
const flagBits = { claim: 1, key: 2, ids: 4 } as const
const FLAGS_ALL = 7
/** Bytes in front of the flags. */
const HEAD_BYTES = 18
/** Parts of one transaction. */
export const PARTS_MAX = 1_024
/** Bytes of a path, and its parts. */
const PATH_BYTES_MAX = 4_096
const PATH_PARTS_MAX = 128
/** Characters of an idempotency key. */
export const KEY_LENGTH_MAX = 256

/** What is done: an op of a version of a type. `$` is the type of ops that the runtime itself runs on any object. */
export interface What {
  readonly type: string
  readonly version: number
  readonly op: string
}

/** What a decoder remembers for equal bytes. `route` is its reader's, `undefined` at first. */
export interface KnownWhat<R> {
  readonly what: What
  readonly bytes: Uint8Array
  route: R | undefined
}

/** A digest that a process claims to have had. */
export interface Claim {
  readonly position: number
  readonly low: number
  readonly high: number
}

/** One op: on which object, and where its input stands in the payload. */
export interface Part<R = unknown> {
  readonly what: KnownWhat<R>
  readonly object: string
  readonly inputFrom: number
  readonly inputTo: number
  readonly to: number
}

/** What stands in front of the parts. */
export interface OpHead {
  readonly incarnation: number
  readonly number: number
  readonly claim: Claim | undefined
  /** The idempotency key. */
  readonly key: string | undefined
  /** Whom the caller speaks for; absent: its session's own. */
  readonly ids: readonly Identity[] | undefined
}

/** One op, or several that are one step. */
export type OpEntry<R = unknown> = OpHead
  & (
    | { readonly kind: 'op'; readonly part: Part<R> }
    | { readonly kind: 'transaction'; readonly parts: readonly Part<R>[] }
  )

/**
 * A decoded payload. `bad`: nobody's; `unreadable`: an op of a session whose rest makes no sense, but whose number
 * counts.
 */
export type SpaceEntry<R = unknown> =
  | { readonly kind: 'session'; readonly entry: SessionEntry }
  | OpEntry<R>
  | { readonly kind: 'empty'; readonly incarnation: number; readonly number: number }
  | { readonly kind: 'unreadable'; readonly incarnation: number; readonly number: number }
  | { readonly kind: 'bad' }

const BAD = { kind: 'bad' } as const

/** Encodes an op that does nothing but take its number. */
export const encodeEmpty = (incarnation: number, number: number): Uint8Array =>
  new ByteWriter(HEAD_BYTES).u8(ENTRY_VERSION).u8(kinds.empty).f64(incarnation).f64(number).done()

/**
 * Encodes what is done on which object, once for all its ops: the beginning of a part.
 *
 * @throws SirtakiError `BAD_ARGUMENT` when a name has more than 65,535 bytes.
 */
export function encodeTarget({ type, version, op }: What, object: string): Uint8Array {
  const [typeBytes, opBytes, objectBytes] = [utf8(type), utf8(op), utf8(object)]
  const whatBytes = 8 + typeBytes.byteLength + opBytes.byteLength
  if (whatBytes > 0xffff || objectBytes.byteLength > PATH_BYTES_MAX) {
    throw new SirtakiError(
      'BAD_ARGUMENT',
      `the names of type and op take ${whatBytes} bytes and the path ${objectBytes.byteLength}, at most 65,535 and `
        + `${PATH_BYTES_MAX} are allowed`,
    )
  }
  const opAt = 4 + typeBytes.byteLength
  const bytes = new Uint8Array(4 + whatBytes + objectBytes.byteLength)
  setU16(bytes, 0, whatBytes)
  setU16(bytes, 2, typeBytes.byteLength)
  bytes.set(typeBytes, 4)
  setU32(bytes, opAt, version)
  setU16(bytes, opAt + 4, opBytes.byteLength)
  bytes.set(opBytes, opAt + 6)
  setU16(bytes, 2 + whatBytes, objectBytes.byteLength)
  bytes.set(objectBytes, 4 + whatBytes)
  return bytes
}

/** What an op carries besides its input. */
export interface OpExtras {
  readonly claim?: Claim | undefined
  readonly key?: string | undefined
  readonly ids?: readonly Identity[] | undefined
}

/** Bytes that a claim takes. */
export const CLAIM_BYTES = 16

/** Adds a claim to what an op carries. */
export const claimed = (claim: Claim | undefined, extras?: OpExtras): OpExtras | undefined =>
  claim === undefined ? extras : { ...extras, claim }

/** The head of every plain op is made here: a view for each would cost as much as the rest of it. */
const head = Uint8Array.of(ENTRY_VERSION, kinds.op, ...Array<number>(HEAD_BYTES - 1).fill(0))
const headView = viewOf(head)

/** Encodes an op: `target` and `input` as `encodeTarget` and `encodeInput` give them. */
export function encodeOp(
  incarnation: number,
  number: number,
  { target, input }: { readonly target: Uint8Array; readonly input: Uint8Array },
  extras?: OpExtras,
): Uint8Array {
  const behind = extras === undefined ? NO_BYTES : extraBytes(extras)
  const bytes = new Uint8Array(HEAD_BYTES + 1 + behind.byteLength + target.byteLength + input.byteLength)
  headView.setFloat64(2, incarnation, true)
  headView.setFloat64(10, number, true)
  bytes.set(head)
  if (extras !== undefined) bytes[HEAD_BYTES] = flagsOf(extras)
  let at = HEAD_BYTES + 1
  bytes.set(behind, at)
  bytes.set(target, (at += behind.byteLength))
  bytes.set(input, at + target.byteLength)
  return bytes
}

/** Encodes a transaction of parts, each a target and an input. */
export function encodeTransaction(
  incarnation: number,
  number: number,
  parts: readonly { readonly target: Uint8Array; readonly input: Uint8Array }[],
  extras: OpExtras = {},
): Uint8Array {
  const behind = extraBytes(extras)
  const from = HEAD_BYTES + 1 + behind.byteLength + 2
  const bytes = new Uint8Array(
    parts.reduce((sum, { target, input }) => sum + 4 + target.byteLength + input.byteLength, from),
  )
  headView.setFloat64(2, incarnation, true)
  headView.setFloat64(10, number, true)
  bytes.set(head)
  bytes[1] = kinds.transaction
  bytes[HEAD_BYTES] = flagsOf(extras)
  bytes.set(behind, HEAD_BYTES + 1)
  setU16(bytes, from - 2, parts.length)
  let at = from
  for (const { target, input } of parts) {
    setU32(bytes, at, target.byteLength + input.byteLength)
    bytes.set(target, at + 4)
    bytes.set(input, at + 4 + target.byteLength)
    at += 4 + target.byteLength + input.byteLength
  }
  return bytes
}

const NO_BYTES = new Uint8Array(0)
const flagsOf = ({ claim, key, ids }: OpExtras): number =>
  (claim === undefined ? 0 : flagBits.claim)
  | (key === undefined ? 0 : flagBits.key)
  | (ids === undefined ? 0 : flagBits.ids)

function extraBytes({ claim, key, ids }: OpExtras): Uint8Array {
  if (claim === undefined && key === undefined && ids === undefined) return NO_BYTES
  const writer = new ByteWriter(64)
  if (claim !== undefined) writer.f64(claim.position).u32(claim.low).u32(claim.high)
  for (const one of [key, ids === undefined ? undefined : JSON.stringify(ids)]) {
    if (one === undefined) continue
    const bytes = utf8(one)
    writer.u16(bytes.byteLength).raw(bytes)
  }
  return writer.done()
}

/** What is remembered before the decoder forgets all of it: far more ops than the types of a space have. */
const WHATS_MAX = 4_096
/** Paths remembered, a power of two: more than the busy objects of a moment. */
const PATHS_KEPT = 8_192

/** Decodes payloads. `R` is what its reader keeps with an op of a type: looking that up by names costs as much. */
export class OpDecoder<R> {
  readonly #whats = new Map<number, KnownWhat<R>>()
  #view: DataView = new DataView(new ArrayBuffer(0))
  /** Paths by a part of their hash: a path that comes again is not decoded again. */
  readonly #paths: string[] = Array<string>(PATHS_KEPT).fill('')

  /** Decodes everything but the inputs. @throws SirtakiError `UNSUPPORTED` for a version this code does not know. */
  decode(payload: Uint8Array): SpaceEntry<R> {
    const { byteLength } = payload
    const version = payload[0] ?? 0
    // Another program's bytes are nobody's entry; those of a later version of ours must not be passed over (O11).
    if (version === 0 || version > VERSION_MARK_MAX || byteLength < 2) return BAD
    const kind = payload[1] ?? 0
    if (version !== ENTRY_VERSION) {
      throw new SirtakiError(
        'UNSUPPORTED',
        `an entry of format version ${version}, kind ${kind}, this is version ${ENTRY_VERSION}: upgrade`,
        { facts: { version, kind } },
      )
    }
    if (isSessions(kind)) {
      const entry = readSessionEntry(payload)
      return entry === undefined ? BAD : { kind: 'session', entry }
    }
    if ((kind !== kinds.op && kind !== kinds.empty && kind !== kinds.transaction) || byteLength < HEAD_BYTES) return BAD
    if (this.#view.buffer !== payload.buffer) this.#view = new DataView(payload.buffer)
    const incarnation = this.#view.getFloat64(payload.byteOffset + 2, true)
    const number = this.#view.getFloat64(payload.byteOffset + 10, true)
    if (!isCount(incarnation) || !isCount(number)) return BAD
    if (kind === kinds.empty) return byteLength === HEAD_BYTES ? { kind: 'empty', incarnation, number } : BAD
    return this.#rest(payload, kind, incarnation, number) ?? { kind: 'unreadable', incarnation, number }
  }

  #rest(payload: Uint8Array, kind: 2 | 4, incarnation: number, number: number): SpaceEntry<R> | undefined {
    const flags = payload[HEAD_BYTES] ?? 255
    if (flags > FLAGS_ALL) return undefined
    const extras = flags === 0 ? NO_EXTRAS : readExtras(payload, flags)
    if (extras === undefined) return undefined
    const { claim, key, ids, at } = extras
    if (kind === kinds.op) {
      const part = this.#part(payload, at, payload.byteLength)
      return part && { kind: 'op', incarnation, number, claim, key, ids, part }
    }
    const parts = this.#parts(payload, at)
    return parts && { kind: 'transaction', incarnation, number, claim, key, ids, parts }
  }

  #parts(payload: Uint8Array, from: number): Part<R>[] | undefined {
    const length = u16(payload, from)
    if (length === 0 || length > PARTS_MAX) return undefined
    const parts: Part<R>[] = []
    let at = from + 2
    while (parts.length < length) {
      const bytes = this.#u32(payload, at)
      const part = this.#part(payload, at + 4, at + 4 + bytes)
      if (part === undefined) return undefined
      parts.push(part)
      at = part.to
    }
    return at === payload.byteLength ? parts : undefined
  }

  /** A part that ends at `to`; `undefined` where it makes no sense. */
  #part(payload: Uint8Array, from: number, to: number): Part<R> | undefined {
    if (to > payload.byteLength || from + 2 > to) return undefined
    const whatTo = from + 2 + u16(payload, from)
    if (whatTo + 2 > to) return undefined
    const pathTo = whatTo + 2 + u16(payload, whatTo)
    const inputFrom = pathTo + 4
    if (inputFrom > to) return undefined
    const inputTo = inputFrom + this.#u32(payload, pathTo)
    if (inputTo > to) return undefined
    const what = this.#what(payload, from + 2, whatTo)
    const object = this.#path(payload, whatTo + 2, pathTo)
    return what === undefined || object === undefined ? undefined : { what, object, inputFrom, inputTo, to }
  }

  #what(payload: Uint8Array, from: number, to: number): KnownWhat<R> | undefined {
    let hash = 0x811c9dc5
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (payload[i] ?? 0), 0x01000193)
    const known = this.#whats.get(hash)
    if (known !== undefined && isSame(known.bytes, payload, from, to)) return known
    const bytes = payload.slice(from, to)
    const what = readWhat(bytes)
    if (what === undefined) return undefined
    if (this.#whats.size >= WHATS_MAX) this.#whats.clear()
    const made: KnownWhat<R> = { what, bytes, route: undefined }
    this.#whats.set(hash, made)
    return made
  }

  #path(payload: Uint8Array, from: number, to: number): string | undefined {
    let hash = 0x811c9dc5
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (payload[i] ?? 0), 0x01000193)
    const at = (hash ^ (hash >>> 16)) & (PATHS_KEPT - 1)
    const known = this.#paths[at] ?? ''
    if (known !== '' && isText(known, payload, from, to)) return known
    const path = tried(() => textOf(payload, from, to))
    if (path === undefined || to - from > PATH_BYTES_MAX || !isObjectPath(path)) return undefined
    this.#paths[at] = path
    return path
  }

  #u32(payload: Uint8Array, at: number): number {
    return at + 4 > payload.byteLength ? Infinity : this.#view.getUint32(payload.byteOffset + at, true)
  }
}

interface Extras {
  readonly claim: Claim | undefined
  readonly key: string | undefined
  readonly ids: readonly Identity[] | undefined
  /** Where the parts begin. */
  readonly at: number
}
const NO_EXTRAS: Extras = { claim: undefined, key: undefined, ids: undefined, at: HEAD_BYTES + 1 }

/** The next text of the bytes that `reader` reads: its length, then itself. */
function readText(reader: ByteReader, bytes: Uint8Array): string {
  const length = reader.u16()
  const at = reader.take(length)
  return textOf(bytes, at, at + length)
}

function readExtras(payload: Uint8Array, flags: number): Extras | undefined {
  return tried(() => {
    const reader = new ByteReader(payload)
    reader.take(HEAD_BYTES + 1)
    const claim =
      (flags & flagBits.claim) === 0 ? undefined : { position: reader.f64(), low: reader.u32(), high: reader.u32() }
    const key = (flags & flagBits.key) === 0 ? undefined : readText(reader, payload)
    const ids = (flags & flagBits.ids) === 0 ? undefined : readIds(JSON.parse(readText(reader, payload)))
    if (key !== undefined && key.length > KEY_LENGTH_MAX) return undefined
    return { claim, key, ids, at: payload.byteLength - reader.left }
  })
}

function readIds(value: unknown): readonly Identity[] {
  if (!Array.isArray(value)) throw new TypeError('identities are a list')
  return value.map((one: unknown): Identity => {
    if (!Array.isArray(one) || one.length !== 2) throw new TypeError('an identity is a pair')
    const [scheme, id]: unknown[] = one
    if (typeof scheme !== 'string' || typeof id !== 'string') throw new TypeError('an identity is a pair of texts')
    return [scheme, id]
  })
}

function readWhat(bytes: Uint8Array): What | undefined {
  return tried(() => {
    const reader = new ByteReader(bytes)
    const what = { type: readText(reader, bytes), version: reader.u32(), op: readText(reader, bytes) }
    reader.end()
    return what
  })
}

/** Objects are named like files: from the root, up to 128 segments that are not empty. */
export const isObjectPath = (path: string): boolean =>
  path.startsWith('/')
  && !path.endsWith('/')
  && !path.includes('//')
  && path.length <= PATH_BYTES_MAX
  && path.isWellFormed()
  && path.split('/').length <= PATH_PARTS_MAX + 1

const u16 = (bytes: Uint8Array, at: number): number =>
  at + 2 > bytes.byteLength ? Infinity : (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** Whether bytes are this text, of ASCII letters only. */
function isText(text: string, payload: Uint8Array, from: number, to: number): boolean {
  if (text.length !== to - from) return false
  for (let i = 0; i < text.length; i++) {
    const code = payload[from + i] ?? 0
    if (code > 0x7f || code !== text.charCodeAt(i)) return false
  }
  return true
}

function isSame(known: Uint8Array, payload: Uint8Array, from: number, to: number): boolean {
  if (known.byteLength !== to - from) return false
  for (let i = 0; i < known.byteLength; i++) if (known[i] !== payload[from + i]) return false
  return true
}
