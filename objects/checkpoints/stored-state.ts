/**
 * The state that parts of checkpoints hold: rows of a base, then of its deltas, become a snapshot that a space loads.
 *
 * A machine. Of each record the last that was said counts. A base says each once, so that its rows are lists: a million
 * of them are looked up only where a delta changes some. Keeps: C4. Read next: `part.ts`, `reader.ts`.
 */
import type { Row } from '../runtime/row.ts'
import type { ObjectSnapshot, SpaceSnapshot, TableSnapshot } from '../runtime/snapshot.ts'
import type { PartRow, RowPlace } from './part.ts'

interface StoredObject {
  type: string
  version: number
  readonly tables: Map<string, StoredTable>
}
/** Rows of a table in any order, and what deltas say of some: `undefined`, that there is none. */
interface StoredTable {
  readonly table: string
  keys: string[]
  rows: Row<unknown>[]
  readonly later: Map<string, Row<unknown> | undefined>
}

/** Rows by object and table. */
export class StoredState {
  readonly #objects = new Map<string, StoredObject>()

  /** How many records there are. */
  get records(): number {
    const tables = [...this.#objects.values()].flatMap((object) => [...object.tables.values()])
    return tables.reduce((sum, one) => sum + settled(one).keys.length, 0)
  }

  /** Takes rows of the base, or of the next delta. */
  add(rows: readonly PartRow[], isDelta: boolean): void {
    // Rows of one table come one behind the other, a million of them: where they go is looked up once.
    let last: RowPlace | undefined
    let stored: StoredTable | undefined
    for (const { place, key, row } of rows) {
      if (stored === undefined || place !== last) stored = this.#tableAt((last = place))
      if (isDelta) stored.later.set(key, row)
      else if (row !== undefined) {
        stored.keys.push(key)
        stored.rows.push(row)
      }
      if (row !== undefined && place.table === '') this.#typed(place)
    }
  }

  #tableAt({ object: path, type, version, table }: RowPlace): StoredTable {
    const object = this.#objects.get(path) ?? { type, version, tables: new Map<string, StoredTable>() }
    this.#objects.set(path, object)
    const stored = object.tables.get(table) ?? { table, keys: [], rows: [], later: new Map<string, Row<unknown>>() }
    object.tables.set(table, stored)
    return stored
  }

  /** An object that was upgraded, or ended and made anew as another one: its small value says so last. */
  #typed({ object: path, type, version }: RowPlace): void {
    const object = this.#objects.get(path)
    if (object !== undefined) Object.assign(object, { type, version })
  }

  /** The snapshot of them. What ended has no records. */
  snapshot(at: Omit<SpaceSnapshot, 'objects'>): SpaceSnapshot {
    const objects: ObjectSnapshot[] = []
    for (const [path, { type, version, tables }] of this.#objects) {
      const all = [...tables.values()].map(settled).filter(({ keys }) => keys.length > 0)
      if (all.length > 0) objects.push({ path, type, version, tables: all })
    }
    return { ...at, objects }
  }
}

/** The table with what deltas said taken in. */
function settled(stored: StoredTable): TableSnapshot {
  const { later } = stored
  if (later.size === 0) return stored
  const [keys, rows]: [string[], Row<unknown>[]] = [[], []]
  const put = (key: string, row: Row<unknown> | undefined): void => {
    if (row === undefined) return
    keys.push(key)
    rows.push(row)
  }
  for (const [i, key] of stored.keys.entries()) if (!later.has(key)) put(key, stored.rows[i])
  for (const [key, row] of later) put(key, row)
  later.clear()
  stored.keys = keys
  stored.rows = rows
  return stored
}
