/**
 * The state of a space: records (object, table, key) -> {value, created, modified}, changed in place, with the
 * changes of the entry at hand listed so that they can be taken back.
 *
 *     begin() ─ step: set, delete ─ ... ─ refused or thrown: taken back; else the next begin() makes them stay
 *
 * A patch is {object, table, key, before, after}: undo, digest, watch and diff are this one thing. Values are frozen
 * copies, so a reader may keep what it got. Keeps: O3, P57. Read next: `digest.ts`, `space.ts`.
 */
import type { Draft } from 'immer'
import { SirtakiError } from '../../log/errors.ts'
import { produce } from './draft.ts'
import { Rejection } from './rejection.ts'
import { SortedKeys } from './sorted-keys.ts'
import { canonical } from './values.ts'

/** What one record may weigh: a value that is changed as a whole must stay small, collections are tables. */
export const RECORD_WEIGHT_MAX = 64 * 1024

/** Records of one table: a Map of V8 ends a process, not an op, beyond 2^24 entries. */
export const RECORDS_MAX = 2 ** 24 - 1

/** A record. Never changed but for the fields of the digest; a change makes a new one. */
export class Row<V> {
  readonly value: V
  /** Positions of the entries that made the record and last changed it. */
  readonly created: number
  readonly modified: number
  /** The digest's: the two lanes of its hash, and whether they are part of the sums. */
  low = 0
  high = 0
  counted = false

  constructor(value: V, created: number, modified: number) {
    this.value = value
    this.created = created
    this.modified = modified
  }
}

/** Two 32-bit lanes of a hash or of a sum of hashes. */
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
  /** The digest's. */
  tally: Tally | undefined
  row(key: string): Row<unknown> | undefined
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

/** The changes of the entry at hand, and those that the digest has not seen. */
export class Journal {
  /** Of the entry at hand. */
  position = -1
  time = 0
  session = -1
  /** Records of one table: an op that would make one more is refused. */
  readonly recordsMax: number
  /** Of the entry at hand or the last one, in order. */
  patches: Patch[] = []
  /** First changes since the last digest; `takeDirty` empties it. */
  #dirty: Patch[] = []
  #isOpen = false
  #rejection: Rejection | undefined

  constructor(recordsMax = RECORDS_MAX) {
    this.recordsMax = recordsMax
  }

  begin(position: number, time: number, session: number): void {
    this.position = position
    this.time = time
    this.session = session
    if (this.patches.length > 0) this.patches = []
  }

  /**
   * Runs one step: only in it may records change, and a refusal holds whatever the step does after it. What a step has
   * changed stays unless it is refused or throws; then everything since `begin` is taken back.
   *
   * @throws Rejection of a refused step, or whatever `run` throws.
   */
  step<R>(run: () => R): R {
    this.#isOpen = true
    this.#rejection = undefined
    try {
      const result = run()
      if (this.#rejection !== undefined) throw this.#rejection
      return result
    } catch (thrown) {
      this.rollback()
      // An op may have caught its refusal and thrown something else.
      throw this.#rejection ?? thrown
    } finally {
      this.#isOpen = false
    }
  }

  /** Refuses the step: gives what to throw. The first refusal is the one that counts. */
  refuse(rejection: Rejection): Rejection {
    this.#rejection ??= rejection
    return rejection
  }

  /** @throws SirtakiError `MISUSE` outside a step: an op may have kept its tables, a program those of a handle. */
  requireOpen(): void {
    if (this.#isOpen) return
    throw new SirtakiError('MISUSE', 'records change only while an op is applied: append an op instead')
  }

  record(store: RowStore, key: string, before: Row<unknown> | undefined, after: Row<unknown> | undefined): void {
    const patch: Patch = { store, key, before, after }
    this.patches.push(patch)
    // A record that the sums do not hold yet is on the list already, or was made and dropped in between.
    if (before === undefined || before.counted) this.#dirty.push(patch)
  }

  /** Takes back every change since `begin`. */
  rollback(): void {
    for (let patch = this.patches.pop(); patch !== undefined; patch = this.patches.pop()) {
      patch.store.restore(patch.key, patch.before)
    }
  }

  takeDirty(): readonly Patch[] {
    const dirty = this.#dirty
    this.#dirty = []
    return dirty
  }
}

/** What a reader of a table may do. Values are frozen. */
export interface ReadonlyTable<V> {
  readonly size: number
  get(key: string): V | undefined
  has(key: string): boolean
  /** Keys in [from, to) with their values, in the order of their UTF-16 code units. Changes on the way are seen. */
  range(from?: string, to?: string): IterableIterator<readonly [key: string, value: V]>
}

/** The one small value of an object, kept as a record with the key ''. The table's name tells type and version. */
export class Cell<V> implements RowStore {
  readonly object: string
  readonly name: string
  tally: Tally | undefined
  readonly #journal: Journal
  #row: Row<V> | undefined

  constructor(journal: Journal, object: string, name: string) {
    this.#journal = journal
    this.object = object
    this.name = name
  }

  get value(): V | undefined {
    return this.#row?.value
  }
  row(): Row<V> | undefined {
    return this.#row
  }

  /** @throws SirtakiError `BAD_ARGUMENT` when it is no value or too large. */
  set(value: V): void {
    this.#journal.requireOpen()
    const before = this.#row
    const { position } = this.#journal
    this.#row = new Row(canonical(value, RECORD_WEIGHT_MAX), before?.created ?? position, position)
    this.#journal.record(this, '', before, this.#row)
  }

  restore(_key: string, before: Row<V> | undefined): void {
    this.#row = before
  }
}

/** What an op may do with a table besides. */
export interface Table<V> extends ReadonlyTable<V> {
  set(key: string, value: V): void
  /** Changes a record through a draft. @throws SirtakiError `BAD_ARGUMENT` when there is none. */
  update(key: string, change: (draft: Draft<V>) => void): void
  /** Tells whether there was such a record. */
  delete(key: string): boolean
}

/** The records of one table of one object. */
export class RowTable<V> implements RowStore, Table<V> {
  readonly object: string
  readonly name: string
  tally: Tally | undefined
  readonly #journal: Journal
  readonly #rows = new Map<string, Row<V>>()
  /** Made by the first range, kept from there on. */
  #sorted: SortedKeys | undefined

  constructor(journal: Journal, object: string, name: string) {
    this.#journal = journal
    this.object = object
    this.name = name
  }

  get size(): number {
    return this.#rows.size
  }
  get(key: string): V | undefined {
    return this.#rows.get(key)?.value
  }
  has(key: string): boolean {
    return this.#rows.has(key)
  }
  row(key: string): Row<V> | undefined {
    return this.#rows.get(key)
  }

  /**
   * @throws SirtakiError `BAD_ARGUMENT` when it is no value or too large, or the key is no well-formed text.
   * @throws Rejection `the table is full` when there are `recordsMax` others.
   */
  set(key: string, value: V): void {
    this.#journal.requireOpen()
    if (typeof key !== 'string' || !key.isWellFormed()) {
      throw new SirtakiError('BAD_ARGUMENT', `a key of table ${this.name} is no well-formed text`)
    }
    const before = this.#rows.get(key)
    const { position, recordsMax } = this.#journal
    if (before === undefined && this.#rows.size >= recordsMax) throw this.#journal.refuse(full(this))
    this.#put(key, before, new Row(canonical(value, RECORD_WEIGHT_MAX), before?.created ?? position, position))
  }

  update(key: string, change: (draft: Draft<V>) => void): void {
    const before = this.#rows.get(key)
    if (before === undefined) {
      throw new SirtakiError('BAD_ARGUMENT', `table ${this.name} has no record ${JSON.stringify(key)}`)
    }
    const value = produce(before.value, (draft) => {
      change(draft)
    })
    if (value !== before.value) this.set(key, value)
  }

  delete(key: string): boolean {
    this.#journal.requireOpen()
    const before = this.#rows.get(key)
    if (before === undefined) return false
    this.#put(key, before, undefined)
    return true
  }

  *range(from = '', to?: string): IterableIterator<readonly [key: string, value: V]> {
    const sorted = (this.#sorted ??= new SortedKeys(this.#rows.keys()))
    let key = sorted.next(from, false)
    while (key !== undefined && (to === undefined || key < to)) {
      const row = this.#rows.get(key)
      if (row !== undefined) yield [key, row.value]
      key = sorted.next(key, true)
    }
  }

  restore(key: string, before: Row<V> | undefined): void {
    this.#place(key, before)
  }

  #put(key: string, before: Row<V> | undefined, after: Row<V> | undefined): void {
    this.#place(key, after)
    this.#journal.record(this, key, before, after)
  }

  #place(key: string, row: Row<V> | undefined): void {
    if (row === undefined) {
      if (this.#rows.delete(key)) this.#sorted?.delete(key)
      return
    }
    if (this.#sorted !== undefined && !this.#rows.has(key)) this.#sorted.add(key)
    this.#rows.set(key, row)
  }
}

const full = ({ name, size }: { readonly name: string; readonly size: number }): Rejection =>
  new Rejection('the table is full', { table: name, records: size })
