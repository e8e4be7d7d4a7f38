/**
 * Which records have changed since the newest checkpoint: what the next delta holds.
 *
 * Given up where a quarter of the records has changed: another base is no dearer then, and the list must not grow with
 * the log. Read next: `writer.ts`.
 */
import type { Patch, RowStore } from '../runtime/row.ts'

/** Records changed, of all that there are. */
const GIVEN_UP_FROM = 1 / 4
/** Lists so short are kept however few records there are. */
const ALWAYS_KEPT = 4_096

/** A record by its names. The table of the small value is ''. */
export interface ChangedTable {
  readonly object: string
  readonly table: string
  readonly keys: ReadonlySet<string>
}

/** The changes of one view. */
export class Changes {
  /** By the stores that the view has; two of them may be one table that ended and was made anew. */
  #stores: Map<RowStore, Set<string>> | undefined
  #count = 0
  #max = 0

  /** How many records are on the list; `undefined`: it was given up, or never begun. */
  get count(): number | undefined {
    return this.#stores === undefined ? undefined : this.#count
  }

  giveUp(): void {
    this.#stores = undefined
  }

  /** Notes the changes of one entry. */
  played(patches: readonly Patch[]): void {
    const stores = this.#stores
    if (stores === undefined) return
    for (const { store, key } of patches) {
      const keys = stores.get(store) ?? new Set<string>()
      if (keys.size === 0) stores.set(store, keys)
      this.#count -= keys.size
      keys.add(key)
      this.#count += keys.size
    }
    if (this.#count > this.#max) this.giveUp()
  }

  /**
   * The list, which is its reader's from here on, and another one begins: of what changes in `records` of them.
   * `undefined`: it was given up.
   */
  take(records: number): readonly ChangedTable[] | undefined {
    const stores = this.#stores
    this.#stores = new Map()
    this.#count = 0
    this.#max = Math.max(ALWAYS_KEPT, records * GIVEN_UP_FROM)
    return stores && tablesOf(stores)
  }
}

function tablesOf(stores: ReadonlyMap<RowStore, ReadonlySet<string>>): ChangedTable[] {
  const tables = new Map<string, { readonly object: string; readonly table: string; readonly keys: Set<string> }>()
  for (const [{ object, isCell, name }, keys] of stores) {
    const table = isCell ? '' : name
    const known = tables.get(`${table}\n${object}`) ?? { object, table, keys: new Set<string>() }
    tables.set(`${table}\n${object}`, known)
    for (const key of keys) known.keys.add(key)
  }
  return [...tables.values()]
}
