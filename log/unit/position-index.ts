/**
 * What a unit knows of every position, in typed arrays: kind, decided or not, hash, and where the bytes lie.
 *
 * Owns: the arrays. It knows no rule of the protocol: `unit.ts` does. 13 bytes a position in chunks of 4,096.
 */
import { JUNK_HASH } from '../entry.ts'

export const DATA = 1
export const JUNK = 2
export const DECIDED = 4
export const DAMAGED = 8
const HELD = DATA | JUNK | DAMAGED
const SHIFT = 12
const SIZE = 1 << SHIFT

interface Chunk { readonly flags: Uint8Array; readonly hash: Uint32Array; readonly row: Uint32Array; readonly offset: Uint32Array }

/** Flags, hash and place of positions; what was never set is empty (flags 0). */
export class PositionIndex {
  readonly #chunks = new Map<number, Chunk>()
  /** The chunk asked for last: positions come in order. */
  #lastKey = -1
  #last: Chunk | undefined

  #chunk(position: number): Chunk | undefined {
    const key = Math.floor(position / SIZE)
    if (key === this.#lastKey) return this.#last
    const chunk = this.#chunks.get(key)
    if (chunk !== undefined) { this.#lastKey = key; this.#last = chunk }
    return chunk
  }

  #ensure(position: number): Chunk {
    const found = this.#chunk(position)
    if (found !== undefined) return found
    const chunk = { flags: new Uint8Array(SIZE), hash: new Uint32Array(SIZE), row: new Uint32Array(SIZE), offset: new Uint32Array(SIZE) }
    const key = Math.floor(position / SIZE)
    this.#chunks.set(key, chunk)
    this.#lastKey = key
    this.#last = chunk
    return chunk
  }

  flags(position: number): number { return this.#chunk(position)?.flags[position % SIZE] ?? 0 }
  holds(position: number): boolean { return (this.flags(position) & HELD) !== 0 }
  isDecided(position: number): boolean { return (this.flags(position) & DECIDED) !== 0 }
  hash(position: number): number { return this.#chunk(position)?.hash[position % SIZE] ?? 0 }
  row(position: number): number { return this.#chunk(position)?.row[position % SIZE] ?? 0 }
  offset(position: number): number { return this.#chunk(position)?.offset[position % SIZE] ?? 0 }

  setData(position: number, hash: number, row: number, offset: number): void {
    const chunk = this.#ensure(position)
    const at = position % SIZE
    chunk.flags[at] = DATA
    chunk.hash[at] = hash
    chunk.row[at] = row
    chunk.offset[at] = offset
  }

  setJunk(position: number): void {
    const chunk = this.#ensure(position)
    const at = position % SIZE
    chunk.flags[at] = JUNK
    chunk.hash[at] = JUNK_HASH
  }

  decide(position: number): void { const chunk = this.#ensure(position); const at = position % SIZE; chunk.flags[at] = (chunk.flags[at] ?? 0) | DECIDED }
  damage(position: number): void { const chunk = this.#ensure(position); const at = position % SIZE; chunk.flags[at] = (chunk.flags[at] ?? 0) | DAMAGED }

  /** Forgets everything in whole chunks below `position`. */
  forgetBelow(position: number): void {
    const keep = Math.floor(position / SIZE)
    for (const key of this.#chunks.keys()) if (key < keep) this.#chunks.delete(key)
    this.#lastKey = -1
    this.#last = undefined
  }
}

/** Positions in ascending order, as doubles in one growing array. */
export class PositionList {
  #items = new Float64Array(16)
  #from = 0
  #to = 0

  get length(): number { return this.#to - this.#from }
  at(index: number): number { return this.#items[this.#from + index] ?? -1 }

  /** Index of the first position at or above `position`. */
  lowerBound(position: number): number {
    let low = this.#from
    let high = this.#to
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#items[middle] ?? 0) < position) low = middle + 1
      else high = middle
    }
    return low - this.#from
  }

  add(position: number): void {
    if (this.#to === this.#items.length) this.#grow()
    if (this.length === 0 || (this.#items[this.#to - 1] ?? 0) < position) { this.#items[this.#to++] = position; return }
    const at = this.#from + this.lowerBound(position)
    if (this.#items[at] === position) return
    this.#items.copyWithin(at + 1, at, this.#to)
    this.#items[at] = position
    this.#to++
  }

  remove(position: number): void {
    const at = this.#from + this.lowerBound(position)
    if (at >= this.#to || this.#items[at] !== position) return
    this.#items.copyWithin(at, at + 1, this.#to)
    this.#to--
  }

  removeBelow(position: number): void { this.#from += this.lowerBound(position) }

  #grow(): void {
    const grown = new Float64Array(Math.max(16, this.length * 2))
    grown.set(this.#items.subarray(this.#from, this.#to))
    this.#to -= this.#from
    this.#from = 0
    this.#items = grown
  }
}
