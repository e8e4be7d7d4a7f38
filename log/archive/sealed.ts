/**
 * The envelope of every blob: what it is, to what it belongs, and its content, compressed in pieces.
 *
 *     0    4    5      9
 *     |name| v  | head | JSON {cluster, ..., cipher, keyId, wrappedKey} | (bytes u32 | zstd frame) * | sha-256 |
 *
 * `name` is four letters, one for each kind of blob. `cipher` is 'none' so far: keys and wrapped keys have their
 * places, and the head is what a cipher will authenticate. The last 32 bytes cover all before them: a blob that was cut
 * or changed is damage whoever reads it. Keeps: C3. Read next: `blobs.ts` (where they go).
 */
import { sameBytes, u32At, setU32 } from '../bytes/bytes.ts'
import { sha256 } from '../bytes/hash.ts'
import { compress, decompress } from '../bytes/zstd.ts'
import { SirtakiError } from '../errors.ts'

const VERSION = 1
const FIXED = 9
const SUM = 32
/** What a piece may be when it is open: a bound for damaged ones, which is met before anything is checked. */
export const PIECE_MAX = 16 << 20
/** Bytes of content that are compressed at once: what one turn of the event loop is held up by. */
export const PIECE_BYTES = 256 << 10

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** The kinds of blobs by their four letters. */
export type SealName = 'SRTa' | 'SRTp' | 'SRTm' | 'SRTs'

/** An opened blob. `head` is JSON from outside: its reader checks it. */
export interface Opened {
  readonly head: unknown
  readonly pieces: readonly Uint8Array[]
}

/** Puts a blob together, piece by piece. */
export class Sealing {
  readonly #parts: Uint8Array[]
  #bytes: number

  constructor(name: SealName, head: Readonly<Record<string, unknown>>) {
    const json = encoder.encode(JSON.stringify({ ...head, cipher: 'none', keyId: null, wrappedKey: null }))
    const fixed = new Uint8Array(FIXED)
    fixed.set(encoder.encode(name))
    fixed[4] = VERSION
    setU32(fixed, 5, json.byteLength)
    this.#parts = [fixed, json]
    this.#bytes = FIXED + json.byteLength
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes + SUM
  }

  add(piece: Uint8Array): void {
    const frame = compress(piece)
    const length = new Uint8Array(4)
    setU32(length, 0, frame.byteLength)
    this.#parts.push(length, frame)
    this.#bytes += 4 + frame.byteLength
  }

  done(): Uint8Array {
    const all = new Uint8Array(this.#bytes + SUM)
    let at = 0
    for (const part of this.#parts) {
      all.set(part, at)
      at += part.byteLength
    }
    all.set(sumOf(all.subarray(0, at)), at)
    return all
  }
}

/**
 * Opens a blob. `key` names it in messages.
 *
 * @throws SirtakiError `DAMAGED` where its sum or its form is wrong, or it is of another kind; `UNSUPPORTED` where it
 *   is of a later version, or enciphered.
 */
export function open(name: SealName, key: string, bytes: Uint8Array): Opened {
  const end = bytes.byteLength - SUM
  if (end < FIXED) throw damagedBlob(key, `it has ${bytes.byteLength} bytes`)
  if (!sameBytes(sumOf(bytes.subarray(0, end)), bytes.subarray(end))) throw damagedBlob(key, 'its sum is wrong')
  if (decoder.decode(bytes.subarray(0, 4)) !== name) throw damagedBlob(key, 'it is another kind of blob')
  if (bytes[4] !== VERSION) throw unsupported(key, `has format version ${bytes[4]}, this is version ${VERSION}`)
  const from = FIXED + u32At(bytes, 5)
  if (from > end) throw damagedBlob(key, 'its head is longer than it')
  const head = readHead(key, bytes.subarray(FIXED, from))
  const { cipher } = { cipher: undefined, ...head }
  if (cipher !== 'none') throw unsupported(key, `is enciphered (${String(cipher)}), which this version cannot open`)
  return { head, pieces: readPieces(key, bytes, from, end) }
}

/** SHA-256 as the 32 bytes that it is. */
function sumOf(bytes: Uint8Array): Uint8Array {
  const hex = sha256(bytes)
  return Uint8Array.from({ length: SUM }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}

function readPieces(key: string, bytes: Uint8Array, from: number, end: number): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = from; at < end;) {
    const next = at + 4 + u32At(bytes, at)
    if (next > end) throw damagedBlob(key, 'a piece is longer than it')
    try {
      pieces.push(decompress(bytes.subarray(at + 4, next), PIECE_MAX))
    } catch (cause) {
      throw damagedBlob(key, 'a piece cannot be opened', cause)
    }
    at = next
  }
  return pieces
}

function readHead(key: string, bytes: Uint8Array): object {
  const value = readJson(key, bytes, 'its head')
  if (typeof value === 'object' && value !== null) return value
  throw damagedBlob(key, 'its head is no object')
}

/** The JSON in a blob, or in a part of it that `what` names. @throws SirtakiError `DAMAGED`. */
export function readJson(key: string, bytes: Uint8Array, what = 'it'): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw damagedBlob(key, `${what} cannot be read`, cause)
  }
}

/** The error of a blob that cannot be believed. */
export const damagedBlob = (key: string, reason: string, cause?: unknown): SirtakiError =>
  new SirtakiError('DAMAGED', `the blob ${key} is damaged: ${reason}`, { cause, facts: { key } })

const unsupported = (key: string, what: string): SirtakiError =>
  new SirtakiError('UNSUPPORTED', `the blob ${key} ${what}: upgrade`, { facts: { key } })
