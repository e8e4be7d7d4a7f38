/**
 * Reading and writing of numbers and strings in byte arrays, little endian. A reader checks every bound by hand: what
 * it reads comes from outside.
 *
 * Read next: `../wire/frame.ts`.
 */
import { SirtakiError } from '../errors.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Gives the view of exactly these bytes. */
export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Reads a u32, little endian. */
export const u32At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0

/** Writes a u32, little endian. */
export function setU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

/**
 * One double and its bytes: a DataView for each message costs more than the message (measured: 14 % of a sequencer's
 * time).
 */
const double = new Float64Array(1)
const doubleBytes = new Uint8Array(double.buffer)
/** 0 where this machine keeps the lowest byte first, 7 where it keeps it last. */
const flip = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 0 : 7

/** Reads an f64, little endian. */
export function f64At(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < 8; i++) doubleBytes[i ^ flip] = bytes[at + i] ?? 0
  return double[0] ?? 0
}

/** Writes an f64, little endian. */
export function setF64(bytes: Uint8Array, at: number, value: number): void {
  double[0] = value
  for (let i = 0; i < 8; i++) bytes[at + i] = doubleBytes[i ^ flip] ?? 0
}

/** Whether two arrays hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false
  for (let i = 0; i < a.byteLength; i++) if (a[i] !== b[i]) return false
  return true
}

/** Joins pieces; a single piece is given back as it is. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const only = pieces[0]
  if (pieces.length === 1 && only !== undefined) return only
  let bytes = 0
  for (const piece of pieces) bytes += piece.byteLength
  const out = new Uint8Array(bytes)
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.byteLength
  }
  return out
}

/** TextDecoder takes 0.4 us for a handful of letters, the loop 0.1 for 24 (measured on Node 24). */
const SHORT_TEXT = 64
/** A text of at most so many UTF-16 units is written where it belongs, for which three bytes each are kept free. */
const IN_PLACE_TEXT = 4_096

/** The text that bytes[from, to) are. @throws TypeError where they are none. */
export function textOf(bytes: Uint8Array, from: number, to: number): string {
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

/** A growing buffer. `done` hands the bytes over; the writer must not be used after it. */
export class ByteWriter {
  bytes: Uint8Array
  at = 0

  constructor(bytesHint = 256) {
    this.bytes = new Uint8Array(bytesHint)
  }

  /** Makes room for `count` more bytes and gives the place where they begin. */
  reserve(count: number): number {
    const at = this.at
    if (at + count > this.bytes.byteLength) {
      const grown = new Uint8Array(Math.max(this.bytes.byteLength * 2, at + count))
      grown.set(this.bytes.subarray(0, at))
      this.bytes = grown
    }
    this.at = at + count
    return at
  }

  u8(value: number): this {
    const at = this.reserve(1)
    this.bytes[at] = value
    return this
  }
  u16(value: number): this {
    const at = this.reserve(2)
    this.bytes[at] = value
    this.bytes[at + 1] = value >>> 8
    return this
  }
  u32(value: number): this {
    const at = this.reserve(4)
    setU32(this.bytes, at, value)
    return this
  }
  f64(value: number): this {
    const at = this.reserve(8)
    setF64(this.bytes, at, value)
    return this
  }
  raw(bytes: Uint8Array): this {
    const at = this.reserve(bytes.byteLength)
    this.bytes.set(bytes, at)
    return this
  }

  /** A string as its length in bytes (u32) and its UTF-8 form. */
  text(value: string): this {
    if (value.length > IN_PLACE_TEXT) {
      const bytes = encoder.encode(value)
      return this.u32(bytes.byteLength).raw(bytes)
    }
    // Bytes of its own for each text make the engine collect in the middle of a turn.
    const at = this.reserve(4 + 3 * value.length)
    const { written } = encoder.encodeInto(value, this.bytes.subarray(at + 4))
    setU32(this.bytes, at, written)
    this.at = at + 4 + written
    return this
  }

  done(): Uint8Array {
    return this.bytes.subarray(0, this.at)
  }
}

/** A cursor over received bytes. Every method throws `BAD_FRAME` when the bytes end too early or make no sense. */
export class ByteReader {
  readonly bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get left(): number {
    return this.bytes.byteLength - this.at
  }

  take(count: number): number {
    const at = this.at
    if (count > this.bytes.byteLength - at) {
      throw new SirtakiError(
        'BAD_FRAME',
        `a message ends after ${this.bytes.byteLength} bytes, ${count} more were expected at ${at}`,
      )
    }
    this.at = at + count
    return at
  }

  u8(): number {
    return this.bytes[this.take(1)] ?? 0
  }
  u16(): number {
    const at = this.take(2)
    return (this.bytes[at] ?? 0) | ((this.bytes[at + 1] ?? 0) << 8)
  }
  u32(): number {
    return u32At(this.bytes, this.take(4))
  }
  f64(): number {
    return f64At(this.bytes, this.take(8))
  }

  /** A position, a count or another number that must be a safe integer from 0. */
  integer(): number {
    const value = this.f64()
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new SirtakiError('BAD_FRAME', `${value} is no safe integer from 0`)
    }
    return value
  }

  /** A count of things that need at least `bytesEach` bytes each: checked before anything is allocated. */
  count(bytesEach: number): number {
    const value = this.u32()
    if (value * bytesEach > this.left) {
      throw new SirtakiError('BAD_FRAME', `a message announces ${value} items but has ${this.left} bytes left`)
    }
    return value
  }

  raw(count: number): Uint8Array {
    const at = this.take(count)
    return this.bytes.subarray(at, at + count)
  }

  text(): string {
    const length = this.count(1)
    const from = this.take(length)
    try {
      return textOf(this.bytes, from, from + length)
    } catch (cause) {
      throw new SirtakiError('BAD_FRAME', 'a text is not well-formed UTF-8', { cause })
    }
  }

  /** Checks that nothing is left over. */
  end(): void {
    if (this.left !== 0) throw new SirtakiError('BAD_FRAME', `a message has ${this.left} bytes too many`)
  }
}
