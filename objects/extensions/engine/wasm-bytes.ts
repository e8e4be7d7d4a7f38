/**
 * Reading and writing the binary format of WebAssembly modules, as far as the metering pass needs it.
 *
 * Integers are LEB128. Read next: `instructions.ts`, `meter.ts`.
 * @source WebAssembly Core Specification 2.0, 5 (binary format).
 */
import { SirtakiError } from '../../../log/errors.ts'

/** The error of a module that the pass does not take: which nobody has tried, it must not run. */
export const refused = (why: string): SirtakiError =>
  new SirtakiError('UNSUPPORTED', `the engine of extensions cannot be metered: ${why}`)

/** A section of a module: its content is bytes[from, to). */
export interface Section {
  readonly id: number
  readonly from: number
  readonly to: number
}

/** Reads a module, or a part of it. */
export class WasmReader {
  readonly bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  u8(): number {
    const byte = this.bytes[this.at++]
    if (byte === undefined) throw refused('it ends too early')
    return byte
  }
  u32(): number {
    let [value, shift] = [0, 0]
    for (;;) {
      const byte = this.u8()
      value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
      shift += 7
      if (shift > 28) throw refused('a number is too long')
    }
  }
  /** Passes over a signed number. */
  signed(): void {
    while (this.u8() >= 128) continue
  }
  /** Passes over so many bytes; gives them. */
  raw(count: number): Uint8Array {
    const from = this.at
    this.at += count
    if (this.at > this.bytes.byteLength) throw refused('it ends too early')
    return this.bytes.subarray(from, this.at)
  }
  /** Passes over the limits of a table or a memory; gives the lower one. */
  limits(): number {
    const hasMost = this.u8() & 1
    const least = this.u32()
    if (hasMost !== 0) this.u32()
    return least
  }
}

/** The sections of a module, in their order. @throws SirtakiError `UNSUPPORTED`. */
export function sectionsOf(bytes: Uint8Array): Section[] {
  const reader = new WasmReader(bytes, 8)
  const sections: Section[] = []
  while (reader.at < bytes.byteLength) {
    const id = reader.u8()
    const length = reader.u32()
    sections.push({ id, from: reader.at, to: reader.at + length })
    reader.raw(length)
  }
  return sections
}

/** Writes a part of a module. */
export class WasmWriter {
  #bytes: Uint8Array
  #at = 0

  constructor(room = 256) {
    this.#bytes = new Uint8Array(room)
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  op(...bytes: readonly number[]): this {
    return this.raw(bytes)
  }
  raw(bytes: ArrayLike<number>): this {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }
  u32(value: number): this {
    this.#room(5)
    let left = value >>> 0
    while (left > 127) {
      this.#bytes[this.#at++] = (left & 127) | 128
      left >>>= 7
    }
    this.#bytes[this.#at++] = left
    return this
  }
  /** A signed number. */
  i32(value: number): this {
    this.#room(5)
    let left = value | 0
    for (;;) {
      const byte = left & 127
      left >>= 7
      const isLast = (left === 0 && byte < 64) || (left === -1 && byte >= 64)
      this.#bytes[this.#at++] = isLast ? byte : byte | 128
      if (isLast) return this
    }
  }
  /** Bytes with their length before them. */
  sized(bytes: Uint8Array): this {
    return this.u32(bytes.byteLength).raw(bytes)
  }
  name(text: string): this {
    return this.sized(new TextEncoder().encode(text))
  }

  #room(count: number): void {
    if (this.#at + count <= this.#bytes.byteLength) return
    const grown = new Uint8Array(Math.max(this.#bytes.byteLength * 2, this.#at + count))
    grown.set(this.#bytes)
    this.#bytes = grown
  }
}
