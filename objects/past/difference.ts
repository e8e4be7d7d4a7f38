/**
 * What differs between two positions: of each record what it was and what it is, however often it changed between.
 *
 * A machine. Read next: `history.ts`.
 */
import type { Patch } from '../runtime/row.ts'

/** One record that is not what it was; absent: there was or is none. */
export interface Difference {
  readonly path: string
  /** '' for the small value. */
  readonly table: string
  readonly key: string
  readonly before: unknown
  readonly after: unknown
  /** The last entry that changed it. */
  readonly position: number
}

/** Net changes, entry by entry. */
export class Differences {
  readonly #all = new Map<string, Difference>()

  add(position: number, patches: readonly Patch[]): void {
    for (const { store, key, before, after } of patches) {
      // What the runtime keeps for itself, such as deadlines, is no part of what an object says.
      if (store.name.startsWith('$')) continue
      const table = store.isCell ? '' : store.name
      const name = JSON.stringify([store.object, table, key])
      const first = this.#all.get(name)
      const was = first === undefined ? before?.value : first.before
      this.#all.set(name, { path: store.object, table, key, before: was, after: after?.value, position })
    }
  }

  /** Those that are left, in the order of paths, tables and keys. */
  all(): Difference[] {
    return [...this.#all]
      .filter(([, { before, after }]) => JSON.stringify(before) !== JSON.stringify(after))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, difference]) => difference)
  }
}
