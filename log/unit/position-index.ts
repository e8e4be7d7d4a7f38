/**
 * What a unit knows of every position, in typed arrays: kind, decided or not, hash, and where the bytes lie.
 *
 * Owns: the arrays. It knows no rule of the protocol: `unit.ts` does. 13 bytes a position in chunks of 4,096.
 */
import { JUNK_HASH } from '../entry.ts'
import type { Span } from '../ranges.ts'
import { ChunkTable } from './chunk-table.ts'

export const DATA = 1
export const JUNK = 2
export const DECIDED = 4
export const DAMAGED = 8
/** Something else was here before: the lists of streams may name this position though the data is of other streams. */
export const REPLACED = 16
const HELD = DATA | JUNK | DAMAGED
const SHIFT = 12
const SIZE = 1 << SHIFT

/**
 * A row is `base` and a number of 32 bits, 0 for none; where rows lie further apart (2^32 commits), `far` has them.
 * `count` and `sum` are the digest of all that is held here. `first` is a place that holds something (-1: none did
 * yet), `gap` divides its distance to every other: so it is known whether the digest is that of one class. The bytes at
 * places below `readTo` were read back.
 */
interface Chunk {
  readonly flags: Uint8Array
  readonly hash: Uint32Array
  readonly row: Uint32Array
  readonly offset: Uint32Array
  base: number
  far: Float64Array | undefined
  count: number
  sum: number
  first: number
  gap: number
  damaged: number
  readTo: number
}
/** A chunk of which no row is known yet. */
const NO_BASE = -1

const chunkOf = (flags: Uint8Array, hash: Uint32Array): Chunk => ({
  flags,
  hash,
  row: new Uint32Array(SIZE),
  offset: new Uint32Array(SIZE),
  base: NO_BASE,
  far: undefined,
  count: 0,
  sum: 0,
  first: -1,
  gap: 0,
  damaged: 0,
  readTo: 0,
})
/** A chunk of its own in place of a shared one, which is junk from `at` on. */
function unshared({ flags, hash }: Chunk, at: number): Chunk {
  const junk = { count: SIZE, sum: sumOfJunk(at, SIZE), first: 0, gap: 1 }
  return Object.assign(chunkOf(flags.slice(), hash.slice()), junk)
}
const filled = (flags: number): Chunk =>
  chunkOf(new Uint8Array(SIZE).fill(flags), new Uint32Array(SIZE).fill(flags === 0 ? 0 : JUNK_HASH))

/** The row at a place of a chunk, 0 for none. */
function rowIn({ row, base, far }: Chunk, at: number): number {
  if (far !== undefined) return far[at] ?? 0
  const delta = row[at] ?? 0
  return delta === 0 ? 0 : base + delta
}

function setRow(chunk: Chunk, at: number, row: number): void {
  if (chunk.base === NO_BASE) chunk.base = row - 1
  const delta = row - chunk.base
  if (chunk.far === undefined && (delta <= 0 || delta > 0xffff_ffff)) {
    chunk.far = Float64Array.from({ length: SIZE }, (_, place) => rowIn(chunk, place))
  }
  if (chunk.far === undefined) chunk.row[at] = delta
  else chunk.far[at] = row
}

/**
 * All junk: what an epoch skips is tens of thousands of such positions, and they need neither time nor memory one by
 * one. Never written to.
 */
const ALL_JUNK = filled(JUNK)
const ALL_JUNK_DECIDED = filled(JUNK | DECIDED)
const isShared = (chunk: Chunk | undefined): boolean => chunk === ALL_JUNK || chunk === ALL_JUNK_DECIDED

/** By flags: 1 for those that a search passes. */
const passing = (passes: (flags: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, flags) => (passes(flags) ? 1 : 0))
const BLANK_ONES = passing((flags) => flags === 0)
const DECIDED_ONES = passing((flags) => (flags & DECIDED) !== 0)
const UNDECIDED_ONES = passing((flags) => (flags & DECIDED) === 0)
const JUNK_ONES = passing((flags) => flags === JUNK)
const HELD_ONES = passing((flags) => (flags & HELD) !== 0)
const WHOLE_ONES = passing((flags) => (flags & (DATA | JUNK)) !== 0 && (flags & DAMAGED) === 0)

/**
 * Multiplies positions where they go into a digest: 2^32 over the golden ratio (Knuth, The art of computer programming,
 * 6.4).
 */
const PLACE = 2_654_435_761
/**
 * What `count` positions of junk from `at` on add to a digest: PLACE times the sum of the positions, modulo 2^32, and a
 * constant for each.
 */
const sumOfJunk = (at: number, count: number): number =>
  Math.imul(PLACE, Math.imul(count, at) + (count * (count - 1)) / 2) + Math.imul(count, 40_503)
const VALUE = DATA | JUNK
/** What the value at a position adds to a digest. */
const termOf = (at: number, flags: number, hash: number): number =>
  (flags & JUNK) !== 0 ? sumOfJunk(at, 1) : Math.imul(at, PLACE) ^ (hash + (flags & DATA))

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))

/** Takes what is held at a place out of the digest of its chunk. */
function uncount(chunk: Chunk, position: number, place: number): void {
  const flags = chunk.flags[place] ?? 0
  if ((flags & DAMAGED) !== 0) chunk.damaged--
  if ((flags & VALUE) === 0) return
  chunk.count--
  chunk.sum -= termOf(position, flags, chunk.hash[place] ?? 0)
}

/** Adds a value that goes to a place. The sum is kept modulo 2^32, as a signed number. */
function countIn(chunk: Chunk, place: number, term: number): void {
  chunk.count++
  chunk.sum = (chunk.sum + term) | 0
  const { first, gap } = chunk
  if (first < 0) chunk.first = place
  else if (gap === 0 || (place - first) % gap !== 0) chunk.gap = gcd(gap, Math.abs(place - first))
}

/** Flags, hash and place of positions; what was never set is empty (flags 0). */
export class PositionIndex {
  readonly #chunks = new ChunkTable<Chunk>()
  /** The chunk asked for last: positions come in order. */
  #lastKey = -1
  #last: Chunk | undefined

  #chunk(position: number): Chunk | undefined {
    const key = Math.floor(position / SIZE)
    if (key === this.#lastKey) return this.#last
    const chunk = this.#chunks.get(key)
    if (chunk !== undefined) {
      this.#lastKey = key
      this.#last = chunk
    }
    return chunk
  }

  #ensure(position: number): Chunk {
    const found = this.#chunk(position)
    if (found !== undefined && !isShared(found)) return found
    return this.#set(position, found === undefined ? filled(0) : unshared(found, position - (position % SIZE)))
  }

  #set(position: number, chunk: Chunk): Chunk {
    const key = Math.floor(position / SIZE)
    this.#chunks.set(key, chunk)
    this.#lastKey = key
    this.#last = chunk
    return chunk
  }

  flags(position: number): number {
    return this.#chunk(position)?.flags[position % SIZE] ?? 0
  }
  holds(position: number): boolean {
    return (this.flags(position) & HELD) !== 0
  }
  isDecided(position: number): boolean {
    return (this.flags(position) & DECIDED) !== 0
  }
  hash(position: number): number {
    return this.#chunk(position)?.hash[position % SIZE] ?? 0
  }
  row(position: number): number {
    const chunk = this.#chunk(position)
    return chunk === undefined ? 0 : rowIn(chunk, position % SIZE)
  }
  offset(position: number): number {
    return this.#chunk(position)?.offset[position % SIZE] ?? 0
  }

  setData(position: number, hash: number, row: number, offset: number): void {
    const chunk = this.#ensure(position)
    const at = position % SIZE
    if ((chunk.flags[at] ?? 0) !== 0) uncount(chunk, position, at)
    chunk.flags[at] = DATA
    chunk.hash[at] = hash
    chunk.offset[at] = offset
    setRow(chunk, at, row)
    countIn(chunk, at, termOf(position, DATA, hash))
    if (at < chunk.readTo) chunk.readTo = at
  }

  /** Notes that the data at a position has replaced something else. */
  replace(position: number): void {
    const { flags } = this.#ensure(position)
    flags[position % SIZE] = (flags[position % SIZE] ?? 0) | REPLACED
  }

  /** Junk at from, from + step, ... below to. */
  setJunk({ from, to, step }: Span): void {
    for (let at = from; at < to; at += step) {
      if (step === 1 && at % SIZE === 0 && at + SIZE <= to && this.#chunk(at) === undefined) {
        this.#set(at, ALL_JUNK)
        at += SIZE - 1
        continue
      }
      if (isShared(this.#chunk(at))) continue
      const chunk = this.#ensure(at)
      const { flags, hash } = chunk
      const end = Math.min(SIZE, to - at + (at % SIZE))
      let place = at % SIZE
      const first = place
      for (; place < end; place += step) {
        const position = at - first + place
        if ((flags[place] ?? 0) !== 0) uncount(chunk, position, place)
        flags[place] = JUNK
        hash[place] = JUNK_HASH
        countIn(chunk, place, sumOfJunk(position, 1))
      }
      at += place - first - step
    }
  }

  /** The first of at, at + step, ... at which anything is known; `to` or above when there is none below it. */
  pastBlank(at: number, to: number, step: number): number {
    return this.#past(BLANK_ONES, at, to, step)
  }

  /** The first of at, at + step, ... that is not decided; `to` or above when there is none below it. */
  pastDecided(at: number, to: number, step: number): number {
    return this.#past(DECIDED_ONES, at, to, step)
  }

  /** The first of at, at + step, ... that is decided; `to` or above when there is none below it. */
  pastUndecided(at: number, to: number, step: number): number {
    return this.#past(UNDECIDED_ONES, at, to, step)
  }

  /** The first of at, at + step, ... that is not junk to be decided; `to` or above when there is none below it. */
  pastJunk(at: number, to: number, step: number): number {
    return this.#past(JUNK_ONES, at, to, step)
  }

  /** The first of at, at + step, ... at which nothing is held; `to` or above when there is none below it. */
  pastHeld(at: number, to: number, step: number): number {
    return this.#past(HELD_ONES, at, to, step)
  }

  /** The first of at, at + step, ... that is blank or damaged; `to` or above when there is none below it. */
  pastWhole(at: number, to: number, step: number): number {
    return this.#past(WHOLE_ONES, at, to, step)
  }

  /** Passes what has flags of these: tens of thousands of positions at once, so without a call for each. */
  #past(ones: Uint8Array, at: number, to: number, step: number): number {
    let next = at
    while (next < to) {
      const chunk = this.#chunk(next)
      const first = next % SIZE
      const end = Math.min(SIZE, first + to - next)
      let place = first
      if (chunk !== undefined) {
        const { flags } = chunk
        while (place < end && ones[flags[place] ?? 0] === 1) place += step
      } else if (ones[0] === 1) place += Math.ceil((end - first) / step) * step
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
    if (
      at === SIZE - 1
      && chunk.flags[at] === (JUNK | DECIDED)
      && chunk.flags.every((flags) => flags === (JUNK | DECIDED))
    ) {
      this.#set(position, ALL_JUNK_DECIDED)
    }
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

  /**
   * How many positions of a range hold something, and a sum of kinds and hashes in which places count: equal values at
   * other places do not cancel. Chunks of one class are known by their sums: five million positions are a thousand
   * steps. With `sound`, what was found damaged is not held.
   */
  digest({ from, to, step }: Span, sound = false): { count: number; sum: number } {
    let count = 0
    let sum = 0
    for (let at = this.pastBlank(from, to, step); at < to; at = this.pastBlank(at + step, to, step)) {
      const chunk = this.#chunk(at)
      if (chunk === undefined) continue
      const place = at % SIZE
      const base = at - place
      if (from < base + step && base + SIZE <= to) {
        const last = at + Math.floor((base + SIZE - 1 - at) / step) * step
        if (step === 1 && isShared(chunk)) {
          count += SIZE
          sum = (sum + sumOfJunk(base, SIZE)) | 0
          at = last
          continue
        }
        const isOfClass = chunk.gap % step === 0 && (base + chunk.first) % step === at % step && !isShared(chunk)
        if (isOfClass && (chunk.damaged === 0 || !sound)) {
          count += chunk.count
          sum = (sum + chunk.sum) | 0
          at = last
          continue
        }
      }
      const flags = chunk.flags[place] ?? 0
      if ((flags & VALUE) === 0 || (sound && (flags & DAMAGED) !== 0)) continue
      count++
      sum = (sum + termOf(at, flags, chunk.hash[place] ?? 0)) | 0
    }
    return { count, sum: sum >>> 0 }
  }

  undamage(position: number): void {
    const chunk = this.#ensure(position)
    const at = position % SIZE
    const flags = chunk.flags[at] ?? 0
    if ((flags & DAMAGED) !== 0) chunk.damaged--
    chunk.flags[at] = flags & ~DAMAGED
  }

  damage(position: number): void {
    const chunk = this.#ensure(position)
    const at = position % SIZE
    const flags = chunk.flags[at] ?? 0
    if ((flags & DAMAGED) === 0) chunk.damaged++
    chunk.flags[at] = flags | DAMAGED
  }

  /**
   * The first position with data in the chunks of [from, to), none below `trim`, whose bytes were not read back since
   * they were put there; -1 when there is none.
   */
  unreadIn(trim: number, from: number, to: number): number {
    for (let base = Math.floor(Math.max(trim, from) / SIZE) * SIZE; base < to; base += SIZE) {
      const chunk = this.#chunk(base)
      if (chunk === undefined || isShared(chunk)) continue
      const end = Math.min(SIZE, to - base)
      for (let place = Math.max(chunk.readTo, trim - base); place < end; place++) {
        if (((chunk.flags[place] ?? 0) & DATA) !== 0) return base + place
      }
      if (end === SIZE) chunk.readTo = SIZE
    }
    return -1
  }

  /** Notes that the bytes at a position which `unreadIn` gave were read back. */
  noteRead(position: number): void {
    this.#ensure(position).readTo = (position % SIZE) + 1
  }

  /** Forgets everything in whole chunks below `position`. */
  forgetBelow(position: number): void {
    this.#chunks.deleteBelow(Math.floor(position / SIZE))
    this.#lastKey = -1
    this.#last = undefined
  }
}
