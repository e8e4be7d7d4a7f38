/**
 * What a unit knows of every position, in typed arrays: kind, decided or not, hash, and where the bytes lie.
 *
 * Owns: the arrays. It knows no rule of the protocol: `unit.ts` does. 13 bytes a position in chunks of 4,096.
 */
import { JUNK_HASH } from '../entry.ts'
import type { JunkRange } from '../ranges.ts'

export const DATA = 1
export const JUNK = 2
export const DECIDED = 4
export const DAMAGED = 8
const HELD = DATA | JUNK | DAMAGED
const SHIFT = 12
const SIZE = 1 << SHIFT

interface Chunk { readonly flags: Uint8Array; readonly hash: Uint32Array; readonly row: Uint32Array; readonly offset: Uint32Array }

const chunkOf = (flags: number): Chunk => ({ flags: new Uint8Array(SIZE).fill(flags), hash: new Uint32Array(SIZE).fill(flags === 0 ? 0 : JUNK_HASH), row: new Uint32Array(SIZE), offset: new Uint32Array(SIZE) })
/** All junk: what an epoch skips is tens of thousands of such positions, and they need neither time nor memory one by one. Never written to. */
const ALL_JUNK = chunkOf(JUNK)
const ALL_JUNK_DECIDED = chunkOf(JUNK | DECIDED)
const isShared = (chunk: Chunk | undefined): boolean => chunk === ALL_JUNK || chunk === ALL_JUNK_DECIDED

/** Multiplies positions where they go into a digest: 2^32 over the golden ratio (Knuth, The art of computer programming, 6.4). */
const PLACE = 2_654_435_761
/** What `count` positions of junk from `at` on add to a digest: PLACE times the sum of the positions, modulo 2^32, and a constant for each. */
const sumOfJunk = (at: number, count: number): number => Math.imul(PLACE, Math.imul(count, at) + count * (count - 1) / 2) + Math.imul(count, 40_503)

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
    if (found !== undefined && !isShared(found)) return found
    return this.#set(position, found === undefined ? chunkOf(0) : { flags: found.flags.slice(), hash: found.hash.slice(), row: found.row.slice(), offset: found.offset.slice() })
  }

  #set(position: number, chunk: Chunk): Chunk {
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

  /** Junk at from, from + step, ... below to. */
  setJunk({ from, to, step }: JunkRange): void {
    for (let at = from; at < to; at += step) {
      if (step === 1 && at % SIZE === 0 && at + SIZE <= to && this.#chunk(at) === undefined) { this.#set(at, ALL_JUNK); at += SIZE - 1; continue }
      if (isShared(this.#chunk(at))) continue
      const { flags, hash } = this.#ensure(at)
      const end = Math.min(SIZE, to - at + at % SIZE)
      let place = at % SIZE
      const first = place
      for (; place < end; place += step) { flags[place] = JUNK; hash[place] = JUNK_HASH }
      at += place - first - step
    }
  }

  /** The first of at, at + step, ... at which anything is known; `to` or above when there is none below it. */
  pastBlank(at: number, to: number, step: number): number { return this.#past(0, 0xff, at, to, step) }

  /** The first of at, at + step, ... that is not decided; `to` or above when there is none below it. */
  pastDecided(at: number, to: number, step: number): number { return this.#past(DECIDED, DECIDED, at, to, step) }

  /** The first of at, at + step, ... that is anything but junk to be decided; `to` or above when there is none below it. */
  pastJunk(at: number, to: number, step: number): number { return this.#past(JUNK, 0xff, at, to, step) }

  /** Passes what has just these of the flags in `mask`: tens of thousands of positions at once, so without a call for each. */
  #past(wanted: number, mask: number, at: number, to: number, step: number): number {
    let next = at
    while (next < to) {
      const chunk = this.#chunk(next)
      const first = next % SIZE
      const end = Math.min(SIZE, first + to - next)
      let place = first
      if (chunk !== undefined) { const { flags } = chunk; while (place < end && ((flags[place] ?? 0) & mask) === wanted) place += step }
      else if (wanted === 0) place += Math.ceil((end - first) / step) * step
      next += place - first
      if (place < end) return next
    }
    return next
  }

  decide(position: number): void {
    if (this.#chunk(position) === ALL_JUNK_DECIDED) return
    const chunk = this.#ensure(position)
    const at = position % SIZE
    chunk.flags[at] = (chunk.flags[at] ?? 0) | DECIDED
    if (at === SIZE - 1 && chunk.flags[at] === (JUNK | DECIDED) && chunk.flags.every((flags) => flags === (JUNK | DECIDED))) this.#set(position, ALL_JUNK_DECIDED)
  }

  /** Decides every position of [from, to). */
  decideRange(from: number, to: number): void {
    for (let at = from; at < to;) {
      const first = at % SIZE
      const end = Math.min(to, at - first + SIZE)
      const chunk = this.#chunk(at)
      if (chunk === ALL_JUNK && end - at === SIZE) this.#set(at, ALL_JUNK_DECIDED)
      else if (chunk !== ALL_JUNK_DECIDED) {
        const { flags } = this.#ensure(at)
        for (let place = first; place < first + end - 1 - at; place++) flags[place] = (flags[place] ?? 0) | DECIDED
        // By itself: it may complete a chunk of nothing but decided junk.
        this.decide(end - 1)
      }
      at = end
    }
  }

  /** How many positions of a range hold something, and a sum of kinds and hashes in which places count: equal values at other places do not cancel. */
  digest({ from, to, step }: JunkRange): { count: number; sum: number } {
    let count = 0
    let sum = 0
    for (let at = this.pastBlank(from, to, step); at < to; at = this.pastBlank(at + step, to, step)) {
      const chunk = this.#chunk(at)
      const place = at % SIZE
      if (step === 1 && place === 0 && at + SIZE <= to && isShared(chunk)) {
        count += SIZE
        sum = (sum + sumOfJunk(at, SIZE)) >>> 0
        at += SIZE - 1
        continue
      }
      const flags = chunk?.flags[place] ?? 0
      if (flags === 0) continue
      count++
      sum = (sum + ((flags & JUNK) !== 0 ? sumOfJunk(at, 1) : Math.imul(at, PLACE) ^ ((chunk?.hash[place] ?? 0) + (flags & DATA)))) >>> 0
    }
    return { count, sum }
  }

  undamage(position: number): void { const chunk = this.#ensure(position); const at = position % SIZE; chunk.flags[at] = (chunk.flags[at] ?? 0) & ~DAMAGED }
  damage(position: number): void { const chunk = this.#ensure(position); const at = position % SIZE; chunk.flags[at] = (chunk.flags[at] ?? 0) | DAMAGED }

  /** Forgets everything in whole chunks below `position`. */
  forgetBelow(position: number): void {
    const keep = Math.floor(position / SIZE)
    for (const key of this.#chunks.keys()) if (key < keep) this.#chunks.delete(key)
    this.#lastKey = -1
    this.#last = undefined
  }
}

/** Positions of one list that lie close together: `base` plus each of the first `count` items, ascending. */
interface Block { readonly base: number; items: Uint32Array; count: number }

const BLOCK_MAX = 4_096
const BLOCK_MIN = 4

/** Index of the first item at or above `delta`. */
function placeIn({ items, count }: Block, delta: number): number {
  if (count > 0 && (items[count - 1] ?? 0) < delta) return count
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((items[middle] ?? 0) < delta) low = middle + 1
    else high = middle
  }
  return low
}

/** Positions in ascending order, each once, in blocks of four bytes a position: a full unit has millions of them. */
export class PositionList {
  readonly #blocks: Block[] = []
  #length = 0
  /** The block asked for last: positions come in order. */
  #last = 0

  get length(): number { return this.#length }

  /** The lowest position at or above `position`, -1 when there is none. */
  next(position: number): number {
    const index = this.#indexOf(position)
    const block = this.#blocks[index]
    if (block === undefined) return -1
    const at = placeIn(block, position - block.base)
    if (at < block.count) return block.base + (block.items[at] ?? 0)
    const following = this.#blocks[index + 1]
    return following === undefined ? -1 : following.base + (following.items[0] ?? 0)
  }

  add(position: number): void {
    const index = this.#indexOf(position)
    const block = this.#blocks[index]
    if (block === undefined || position < block.base || position - block.base > 0xffff_ffff) { this.#open(block === undefined || position < block.base ? index : index + 1, position); return }
    const delta = position - block.base
    const at = placeIn(block, delta)
    if (at < block.count && block.items[at] === delta) return
    if (block.count === BLOCK_MAX) {
      if (at === block.count) { this.#open(index + 1, position); return }
      this.#split(index)
      this.add(position)
      return
    }
    if (block.count === block.items.length) grow(block)
    block.items.copyWithin(at + 1, at, block.count)
    block.items[at] = delta
    block.count++
    this.#length++
  }

  remove(position: number): void {
    const index = this.#indexOf(position)
    const block = this.#blocks[index]
    if (block === undefined) return
    const at = placeIn(block, position - block.base)
    if (at >= block.count || block.items[at] !== position - block.base) return
    block.items.copyWithin(at, at + 1, block.count)
    block.count--
    this.#length--
    if (block.count === 0) this.#blocks.splice(index, 1)
  }

  removeBelow(position: number): void {
    let gone = 0
    for (const block of this.#blocks) {
      const below = placeIn(block, position - block.base)
      this.#length -= below
      if (below < block.count) {
        block.items.copyWithin(0, below, block.count)
        block.count -= below
        break
      }
      gone++
    }
    this.#blocks.splice(0, gone)
  }

  /** Index of the last block that begins at or below `position`, 0 when there is none. */
  #indexOf(position: number): number {
    const blocks = this.#blocks
    if ((blocks[this.#last]?.base ?? Infinity) <= position && (blocks[this.#last + 1]?.base ?? Infinity) > position) return this.#last
    let low = 0
    let high = blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((blocks[middle]?.base ?? Infinity) <= position) low = middle + 1
      else high = middle
    }
    this.#last = Math.max(0, low - 1)
    return this.#last
  }

  #open(index: number, position: number): void {
    this.#blocks.splice(index, 0, { base: position, items: new Uint32Array(BLOCK_MIN), count: 1 })
    this.#length++
  }

  /** Makes two half-full blocks of a full one. */
  #split(index: number): void {
    const block = this.#blocks[index]
    if (block === undefined) return
    const half = block.count >>> 1
    const shift = block.items[half] ?? 0
    this.#blocks.splice(index + 1, 0, { base: block.base + shift, items: block.items.slice(half).map((delta) => delta - shift), count: block.count - half })
    block.count = half
  }
}

function grow(block: Block): void {
  const grown = new Uint32Array(Math.min(BLOCK_MAX, block.items.length * 2))
  grown.set(block.items)
  block.items = grown
}
