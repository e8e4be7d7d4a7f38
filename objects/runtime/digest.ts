/**
 * The digest of a space's state: for every object the sum over its records of hash(object, table, key, JSON text), in
 * two 32-bit lanes.
 *
 * A sum does not care for order, so it is a function of the state alone, whatever way led there; a deleted record is
 * taken out again. Only what changed since the last digest is hashed. Keeps: O3. Read next: `space.ts`, `journal.ts`.
 */
import type { Lanes, Patch, RowStore, Sum, Tally } from './row.ts'

/** A digest at a position: `digest` over everything, `objects` by name, 16 hexadecimal digits each. */
export interface Digest {
  readonly position: number
  readonly digest: string
  readonly objects: ReadonlyMap<string, string>
}

/** Hashes a text into two lanes, by its UTF-16 code units. */
export const hashText = (text: string): Lanes => finish(feed(START, text))

const START: Lanes = { low: 0xdeadbeef, high: 0x41c6ce57 }

/**
 * Goes on hashing. The lanes differ in more than their start: two CRCs of one polynomial with two seeds would say the
 * same thing twice.
 */
function feed({ low: fromLow, high: fromHigh }: Lanes, text: string): Lanes {
  let low = fromLow
  let high = fromHigh
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    low = Math.imul(low ^ code, 0x9e3779b1)
    high = Math.imul(high ^ code, 0x5f356495)
  }
  return { low, high }
}

const finish = ({ low, high }: Lanes): Lanes => ({ low: mix(low, high), high: mix(high, low) })

function mix(a: number, b: number): number {
  const first = Math.imul(a ^ (a >>> 16), 0x85ebca6b)
  const second = Math.imul(b ^ (b >>> 13), 0xc2b2ae35)
  return (first ^ (first >>> 13) ^ second ^ (second >>> 16)) | 0
}

/** The hash of the names of a table, as its records' hashes begin. */
export const hashNames = (object: string, table: string): Lanes => feed(START, JSON.stringify([object, table]))
/** The hash of a record. */
export const hashRow = (names: Lanes, key: string, value: unknown): Lanes =>
  finish(feed(names, JSON.stringify(key) + JSON.stringify(value)))

/** The sums of a space. */
export class DigestSums {
  readonly #objects = new Map<string, Sum>()
  #low = 0
  #high = 0

  /**
   * Brings the sums up to date with changes: the first change of each record since the last call must be among them.
   */
  fold(patches: readonly Patch[]): void {
    for (const { store, key, before } of patches) {
      const { names, sum } = (store.tally ??= this.#tallyOf(store))
      if (before?.counted === true) {
        before.counted = false
        this.#add(sum, -before.low, -before.high, -1)
      }
      const row = store.row(key)
      if (row === undefined || row.counted) continue
      const { low, high } = hashRow(names, key, row.value)
      row.low = low
      row.high = high
      row.counted = true
      this.#add(sum, low, high, 1)
    }
  }

  /** Counts a record that was loaded, by the hash that came with it. */
  loaded(store: RowStore, { low, high }: Lanes): void {
    this.#add((store.tally ??= this.#tallyOf(store)).sum, low, high, 1)
  }

  /** The sum over everything. */
  get lanes(): Lanes {
    return { low: this.#low, high: this.#high }
  }

  /** Each object's digest; objects without records have none. */
  objects(): Map<string, string> {
    return new Map(
      [...this.#objects].filter(([, { records }]) => records > 0).map(([object, sum]) => [object, hexOf(sum)]),
    )
  }

  #tallyOf({ object, name }: RowStore): Tally {
    const sum = this.#objects.get(object) ?? { low: 0, high: 0, records: 0 }
    this.#objects.set(object, sum)
    return { names: hashNames(object, name), sum }
  }

  #add(sum: Sum, low: number, high: number, records: number): void {
    this.#low = (this.#low + low) | 0
    this.#high = (this.#high + high) | 0
    sum.low = (sum.low + low) | 0
    sum.high = (sum.high + high) | 0
    sum.records += records
  }
}

/** Adds two sums. */
export const addLanes = (a: Lanes, b: Lanes): Lanes => ({ low: (a.low + b.low) | 0, high: (a.high + b.high) | 0 })

/** Takes a sum out of another. */
export const subtractLanes = (a: Lanes, b: Lanes): Lanes => ({
  low: (a.low - b.low) | 0,
  high: (a.high - b.high) | 0,
})

/** 16 hexadecimal digits. */
export const hexOf = ({ low, high }: Lanes): string =>
  (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0')
