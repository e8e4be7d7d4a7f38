/**
 * The records of an object: one small value and tables, records (object, table, key) -> {value, created, modified}.
 *
 * Values are frozen copies, so a reader may keep what it got. What is derived from records (sorted keys, who owns them,
 * children, deadlines) changes with every record, also where a step is taken back. Keeps: O3, P57. Read next:
 * `journal.ts` (what can be taken back), `digest.ts`, `space.ts`.
 */
import type { Draft } from 'immer'
import { SirtakiError } from '../../log/errors.ts'
import { produce } from './draft.ts'
import type { Journal } from './journal.ts'
import { Nested } from './nested.ts'
import { OWNED_MAX } from './owners.ts'
import { Rejection } from './rejection.ts'
import { Row, type RowStore, type Tally } from './row.ts'
import { SortedKeys } from './sorted-keys.ts'
import { canonical } from './values.ts'

/** What the small value may weigh, and a record of most tables: what is changed as a whole must stay small. */
export const RECORD_WEIGHT_MAX = 64 * 1024
/** What a record of a table may weigh that is declared large. */
export const LARGE_WEIGHT_MAX = 2 * 1024 * 1024
/** Characters of a key. */
export const KEY_MAX = 4_096

/** What a reader of a table may do. Values are frozen. */
export interface ReadonlyTable<V> {
  readonly size: number
  get(key: string): V | undefined
  has(key: string): boolean
  /** Positions of the entries that made a record and last changed it. */
  positions(key: string): { readonly created: number; readonly modified: number } | undefined
  /** Keys in [from, to) with their values, in the order of their UTF-16 code units. Changes on the way are seen. */
  range(from?: string, to?: string): IterableIterator<readonly [key: string, value: V]>
  /** Whether a session owns some of its records. */
  owns(session: number): boolean
  /** Records that a session owns, in order, where the type says which field names the owner. */
  of(session: number): (readonly [key: string, value: V])[]
  /** Keys below a key, in order, where the type says that keys are nested. */
  children(parent: string): string[]
  /** How many there are. */
  childCount(parent: string): number
  /** Records that some session owns, and how many sessions own some. */
  readonly owned: number
  readonly owners: number
}

/** What an op may do with a table besides. */
export interface Table<V> extends ReadonlyTable<V> {
  /** How many more records, of all objects, a session may own: who gives to another session than its own asks first. */
  room(session: number): number
  set(key: string, value: V): void
  /** Changes a record through a draft. @throws SirtakiError `BAD_ARGUMENT` when there is none. */
  update(key: string, change: (draft: Draft<V>) => void): void
  /** Tells whether there was such a record. */
  delete(key: string): boolean
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

  get isCell(): boolean {
    return true
  }
  get value(): V | undefined {
    return this.#row?.value
  }
  get size(): number {
    return this.#row === undefined ? 0 : 1
  }
  row(): Row<V> | undefined {
    return this.#row
  }
  rows(): (readonly [string, Row<V>])[] {
    return this.#row === undefined ? [] : [['', this.#row]]
  }
  copy(): { readonly keys: readonly string[]; readonly rows: readonly Row<V>[] } {
    return this.#row === undefined ? { keys: [], rows: [] } : { keys: [''], rows: [this.#row] }
  }

  /** @throws SirtakiError `BAD_ARGUMENT` when it is no value or too large. */
  set(value: V): void {
    this.#journal.requireOpen()
    const { position } = this.#journal
    this.#put(new Row(canonical(value, RECORD_WEIGHT_MAX), this.#row?.created ?? position, position))
  }

  delete(): boolean {
    this.#journal.requireOpen()
    if (this.#row === undefined) return false
    this.#put(undefined)
    return true
  }

  replace(_key: string, value: V): void {
    this.set(value)
  }
  restore(_key: string, before: Row<V> | undefined): void {
    this.#row = before
  }
  load(_key: string, row: Row<V>): void {
    this.#row = taken(row)
  }

  #put(after: Row<V> | undefined): void {
    const before = this.#row
    this.#row = after
    this.#journal.record(this, '', before, after)
  }
}

/** What is particular about a table. */
export interface TableOptions<V> {
  /** The field that names the session that owns a record; 0 there: nobody. */
  readonly owner?: (keyof V & string) | undefined
  /** Keys are paths: the table knows the children of each. */
  readonly isNested?: boolean
  /** Records may weigh LARGE_WEIGHT_MAX. */
  readonly isLarge?: boolean
  /** Learns of every change. */
  readonly changed?: (key: string, before: V | undefined, after: V | undefined) => void
}

/** The records of one table of one object. */
export class RowTable<V> implements RowStore, Table<V> {
  readonly object: string
  readonly name: string
  tally: Tally | undefined
  readonly #journal: Journal
  readonly #options: TableOptions<V>
  readonly #rows = new Map<string, Row<V>>()
  readonly #nested: Nested | undefined
  readonly #isIndexed: boolean
  /** Made by the first range, kept from there on. */
  #sorted: SortedKeys | undefined
  /** Whether records may stand in another order than that of their making: the map of those put back, or loaded. */
  #isShuffled = false
  #owned = 0
  /** Another number where anything in it is another one: for what is derived from all of it. */
  revision = 0

  constructor(journal: Journal, object: string, name: string, options: TableOptions<V> = {}) {
    this.#journal = journal
    this.object = object
    this.name = name
    this.#options = options
    this.#nested = options.isNested === true ? new Nested() : undefined
    this.#isIndexed = options.owner !== undefined || options.changed !== undefined || this.#nested !== undefined
  }

  get isCell(): boolean {
    return false
  }
  get size(): number {
    return this.#rows.size
  }
  get owned(): number {
    return this.#owned
  }
  get owners(): number {
    return this.#owned === 0 ? 0 : this.#journal.owners.sessionsOf(this)
  }
  get(key: string): V | undefined {
    return this.#rows.get(key)?.value
  }
  has(key: string): boolean {
    return this.#rows.has(key)
  }
  positions(key: string): { readonly created: number; readonly modified: number } | undefined {
    const row = this.#rows.get(key)
    return row && { created: row.created, modified: row.modified }
  }
  row(key: string): Row<V> | undefined {
    return this.#rows.get(key)
  }
  rows(): Iterable<readonly [string, Row<V>]> {
    return this.#rows
  }
  copy(): { readonly keys: readonly string[]; readonly rows: readonly Row<V>[] } {
    // An eighth of what a loop over both takes.
    return { keys: Array.from(this.#rows.keys()), rows: Array.from(this.#rows.values()) }
  }

  owns(session: number): boolean {
    return this.#journal.owners.count(session, this) > 0
  }
  of(session: number): (readonly [string, V])[] {
    return this.#entries(this.#journal.owners.keysOf(session, this))
  }
  room(session: number): number {
    return OWNED_MAX - this.#journal.owners.count(session, this)
  }
  children(parent: string): string[] {
    return this.#nested?.of(parent) ?? []
  }
  childCount(parent: string): number {
    return this.#nested?.count(parent) ?? 0
  }

  /**
   * @throws SirtakiError `BAD_ARGUMENT` when it is no value or too large, or the key is no well-formed text.
   * @throws Rejection `TOO_MANY` when there are `recordsMax` others, or the owner owns OWNED_MAX; `SESSION_LOST` for an
   *   owner that is not live.
   */
  set(key: string, value: V): void {
    this.#set(key, value, undefined)
  }

  #set(key: string, value: V, made: number | undefined): void {
    this.#journal.requireOpen()
    if (typeof key !== 'string' || key.length > KEY_MAX || !key.isWellFormed()) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `a key of table ${this.name} is no well-formed text of at most ${KEY_MAX} characters`,
      )
    }
    const before = this.#rows.get(key)
    const { position, recordsMax } = this.#journal
    if (before === undefined && this.#rows.size >= recordsMax) {
      throw this.#journal.refuse(new Rejection('TOO_MANY', { table: this.name, records: this.#rows.size }))
    }
    const weightMax = this.#options.isLarge === true ? LARGE_WEIGHT_MAX : RECORD_WEIGHT_MAX
    const after = new Row(canonical(value, weightMax), made ?? before?.created ?? position, position)
    if (made !== undefined) this.#isShuffled = true
    const owner = this.#ownerOf(after.value)
    if (owner > 0 && owner !== this.#ownerOf(before?.value)) this.#requireOwner(owner)
    this.#put(key, before, after)
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

  /** The first record in the order of making; what a table with a limit drops first. */
  oldest(): readonly [key: string, value: V] | undefined {
    if (this.#isShuffled) this.#order()
    for (const [key, { value }] of this.#rows) return [key, value]
    return undefined
  }

  restore(key: string, before: Row<V> | undefined): void {
    const is = this.#rows.get(key)
    if (is === undefined) this.#isShuffled = true
    this.#place(key, is, before)
  }

  replace(key: string, value: V, created?: number): void {
    this.#set(key, value, created)
  }
  load(key: string, row: Row<V>): void {
    this.#isShuffled = true
    this.#place(key, undefined, taken(row))
  }

  /** What nobody would ever drop must not be owned. */
  #requireOwner(session: number): void {
    const { owners, isLive } = this.#journal
    if (!isLive(session)) throw this.#journal.refuse(new Rejection('SESSION_LOST', { table: this.name, session }))
    if (owners.count(session, this) < OWNED_MAX) return
    throw this.#journal.refuse(new Rejection('TOO_MANY', { table: this.name, session, owned: OWNED_MAX }))
  }

  #entries(keys: readonly string[]): (readonly [string, V])[] {
    const entries: (readonly [string, V])[] = []
    for (const key of keys) {
      const row = this.#rows.get(key)
      if (row !== undefined) entries.push([key, row.value])
    }
    return entries
  }

  /** Puts the records in the order of their making, which is part of the state: of one entry it is that of keys. */
  #order(): void {
    const all = [...this.#rows].sort(([a, one], [b, other]) => one.created - other.created || (a < b ? -1 : 1))
    this.#rows.clear()
    for (const [key, row] of all) this.#rows.set(key, row)
    this.#isShuffled = false
  }

  #put(key: string, before: Row<V> | undefined, after: Row<V> | undefined): void {
    this.#place(key, before, after)
    this.#journal.record(this, key, before, after)
  }

  #place(key: string, before: Row<V> | undefined, row: Row<V> | undefined): void {
    this.revision++
    if (row === undefined) {
      if (this.#rows.delete(key)) this.#sorted?.delete(key)
    } else {
      if (this.#sorted !== undefined && before === undefined) this.#sorted.add(key)
      this.#rows.set(key, row)
    }
    if (this.#isIndexed) this.#index(key, before, row)
  }

  #index(key: string, before: Row<V> | undefined, after: Row<V> | undefined): void {
    if (this.#nested !== undefined && (before === undefined) !== (after === undefined)) {
      if (after === undefined) this.#nested.remove(key)
      else this.#nested.add(key)
    }
    const [was, is] = [this.#ownerOf(before?.value), this.#ownerOf(after?.value)]
    if (was !== is) {
      this.#owned += (is > 0 ? 1 : 0) - (was > 0 ? 1 : 0)
      if (was > 0) this.#journal.owners.remove(was, this, key)
      if (is > 0) this.#journal.owners.add(is, this, key)
    }
    this.#options.changed?.(key, before?.value, after?.value)
  }

  #ownerOf(value: V | undefined): number {
    const { owner } = this.#options
    if (owner === undefined || value === undefined || value === null) return 0
    const session = value[owner]
    return typeof session === 'number' ? session : 0
  }
}

/** A row that no space has yet is taken as it is; one that a space has is copied, since its digest goes on changing. */
function taken<V>(row: Row<V>): Row<V> {
  if (row.counted) return copyOf(row)
  row.counted = true
  return row
}

/** A row of one's own, counted by the hash that it has: another space keeps its own of the one that was given. */
function copyOf<V>({ value, created, modified, low, high }: Row<V>): Row<V> {
  const row = new Row(value, created, modified)
  row.low = low
  row.high = high
  row.counted = true
  return row
}
