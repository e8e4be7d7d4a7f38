/**
 * The fuel that a process has used, in buckets of 100 positions: a client that lives for seconds plays several whole.
 *
 *     position  0 ──────── 100 ────────── 200 ─── 240
 *               [ bucket ) [   bucket   ) [  rest )
 *
 * Owns: which buckets a process has played whole. One that began with a checkpoint does not know what stands before it,
 * so its first bucket is no bucket. Read next: `judge.ts` (which compares them), `observed-client.ts`.
 */

/** Positions of one bucket. */
export const BUCKET = 100

/**
 * What the entries in [from, to) have used, and how many of them used any. `after`: where the bucket before it ends, of
 * those in which something was used: each new epoch leaves a whole window of positions empty.
 */
export interface FuelBucket {
  readonly after: number
  readonly from: number
  readonly to: number
  readonly fuel: number
  readonly entries: number
}

/** The buckets of one process, which notes its entries in the order of their positions. */
export class FuelBuckets {
  /** Of the bucket at hand; -1 before the first entry. */
  #from = -1
  #isWhole: boolean
  #after = 0
  #fuel = 0
  #entries = 0

  /** `fromStart`: the process plays the log from its beginning. */
  constructor(fromStart: boolean) {
    this.#isWhole = fromStart
  }

  /** Notes what an entry has used. Gives the bucket that is complete by that, if one is. */
  played(position: number, fuel: number): FuelBucket | undefined {
    const from = position - (position % BUCKET)
    const complete = from === this.#from ? undefined : this.#next(from)
    this.#fuel += fuel
    this.#entries++
    return complete
  }

  /** The bucket at hand, up to a position that has been played; undefined where it is not known whole. */
  rest(position: number): FuelBucket | undefined {
    return this.#upTo(Math.min(position + 1, this.#from + BUCKET))
  }

  /** Begins another bucket; gives the one before. */
  #next(from: number): FuelBucket | undefined {
    const before = this.#upTo(this.#from + BUCKET)
    if (this.#from >= 0) {
      this.#after = this.#from + BUCKET
      this.#isWhole = true
    }
    this.#from = from
    this.#fuel = 0
    this.#entries = 0
    return before
  }

  #upTo(to: number): FuelBucket | undefined {
    if (this.#from < 0 || !this.#isWhole) return undefined
    return { after: this.#after, from: this.#from, to, fuel: this.#fuel, entries: this.#entries }
  }
}
