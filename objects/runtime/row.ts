/**
 * A record and a change of one: what state is made of, below everything that knows what it means.
 *
 * A patch is {object, table, key, before, after}: undo, digest, watch and diff are this one thing. Keeps: O3, P57. Read
 * next: `records.ts` (tables of them), `journal.ts` (changes of one entry).
 */

/** A record. Never changed but for the fields of the digest; a change makes a new one. */
export class Row<V> {
  readonly value: V
  /** Positions of the entries that made the record and last changed it. */
  readonly created: number
  readonly modified: number
  /** The digest's: the two lanes of its hash as 32-bit integers, and whether they are part of the sums. */
  low = 0
  high = 0
  counted = false

  constructor(value: V, created: number, modified: number) {
    this.value = value
    this.created = created
    this.modified = modified
  }
}

/** Two 32-bit lanes of a hash or of a sum of hashes, as signed integers: those are small in memory. */
export interface Lanes {
  readonly low: number
  readonly high: number
}
/** The digest's sum over the records of one object. */
export interface Sum {
  low: number
  high: number
  records: number
}
/** What the digest keeps with a table: the hash of the names so far, and the sum of its object. */
export interface Tally {
  readonly names: Lanes
  readonly sum: Sum
}

/** Where the records of a patch live: a table of an object. */
export interface RowStore {
  readonly object: string
  readonly name: string
  /** Whether it is the small value, whose name says type and version. */
  readonly isCell: boolean
  readonly size: number
  /** The digest's. */
  tally: Tally | undefined
  row(key: string): Row<unknown> | undefined
  /** Its records, in any order. */
  rows(): Iterable<readonly [key: string, row: Row<unknown>]>
  /** The same as two arrays, in one turn: of a million records too. */
  copy(): { readonly keys: readonly string[]; readonly rows: readonly Row<unknown>[] }
  /** Sets a record to what another one of its kind held, within a step; with `created` it is as old as that. */
  replace(key: string, value: unknown, created?: number): void
  /** Drops a record within a step. */
  delete(key: string): boolean
  /** Puts a record that a snapshot holds, where there is none; its hash is taken as it is. */
  load(key: string, row: Row<unknown>): void
  /** Puts a record back as it was. */
  restore(key: string, before: Row<unknown> | undefined): void
}

/** One change: `before` or `after` is absent where the record is. `store` has the names of object and table. */
export interface Patch {
  readonly store: RowStore
  readonly key: string
  readonly before: Row<unknown> | undefined
  readonly after: Row<unknown> | undefined
}

/** Keys of a table in their order, that of UTF-16 units. */
export const sortedKeys = (store: RowStore): string[] => Array.from(store.rows(), ([key]) => key).sort()
