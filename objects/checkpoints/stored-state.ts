/**
 * The state that parts of checkpoints hold: rows of a base, then of its deltas, become a snapshot that a space loads.
 *
 * A machine. Of each record the last that was said counts. Keeps: C4. Read next: `part.ts`, `reader.ts`.
 */
import type { Row } from '../runtime/row.ts'
import type { ObjectSnapshot, SpaceSnapshot, TableSnapshot } from '../runtime/snapshot.ts'
import type { PartRow, RowPlace } from './part.ts'

interface StoredObject {
  type: string
  version: number
  readonly tables: Map<string, Map<string, Row<unknown>>>
}

/** Rows by object and table. */
export class StoredState {
  readonly #objects = new Map<string, StoredObject>()
  #records = 0

  /** How many records there are. */
  get records(): number {
    return this.#records
  }

  /** Takes rows of the base, or of the next delta. */
  add(rows: readonly PartRow[]): void {
    // Rows of one table come one behind the other, a million of them: where they go is looked up once.
    let last: RowPlace | undefined
    let stored = new Map<string, Row<unknown>>()
    for (const { place, key, row } of rows) {
      if (place !== last) stored = this.#tableAt((last = place))
      const before = stored.size
      if (row === undefined) stored.delete(key)
      else stored.set(key, row)
      this.#records += stored.size - before
      if (row !== undefined && place.table === '') this.#typed(place)
    }
  }

  #tableAt({ object: path, type, version, table }: RowPlace): Map<string, Row<unknown>> {
    const object = this.#objects.get(path) ?? { type, version, tables: new Map<string, Map<string, Row<unknown>>>() }
    this.#objects.set(path, object)
    const stored = object.tables.get(table) ?? new Map<string, Row<unknown>>()
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
      const all = [...tables].filter(([, rows]) => rows.size > 0).map(([table, rows]) => tableOf(table, rows))
      if (all.length > 0) objects.push({ path, type, version, tables: all })
    }
    return { ...at, objects }
  }
}

const tableOf = (table: string, rows: ReadonlyMap<string, Row<unknown>>): TableSnapshot => ({
  table,
  keys: [...rows.keys()],
  rows: [...rows.values()],
})
