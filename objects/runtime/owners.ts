/**
 * Which records a session owns: derived from the records, kept with every change of one.
 *
 * Owned records go when their session ends, in that same entry. Keeps: O5. Read next: `records.ts`, `space.ts`.
 */
import type { RowStore } from './row.ts'

/** Records that one session may own in one table: counted there alone, so that every view counts alike. */
export const OWNED_MAX = 65_536

/** The owned records of a space, by session. */
export class Owners {
  readonly #sessions = new Map<number, Owned>()

  /** Records that a session owns in one table of one object. */
  count(session: number, store: RowStore): number {
    return this.#sessions.get(session)?.stores.get(store)?.size ?? 0
  }

  add(session: number, store: RowStore, key: string): void {
    const owned = this.#sessions.get(session) ?? { count: 0, stores: new Map<RowStore, Set<string>>() }
    this.#sessions.set(session, owned)
    const keys = owned.stores.get(store) ?? new Set()
    owned.stores.set(store, keys)
    keys.add(key)
    owned.count++
  }

  remove(session: number, store: RowStore, key: string): void {
    const owned = this.#sessions.get(session)
    const keys = owned?.stores.get(store)
    if (owned === undefined || keys?.delete(key) !== true) return
    owned.count--
    if (keys.size === 0) owned.stores.delete(store)
    if (owned.count === 0) this.#sessions.delete(session)
  }

  owns(session: number, store: RowStore, key: string): boolean {
    return this.#sessions.get(session)?.stores.get(store)?.has(key) === true
  }

  /** How many sessions own records of a table. */
  sessionsOf(store: RowStore): number {
    return [...this.#sessions.values()].filter(({ stores }) => stores.has(store)).length
  }

  /** Paths of the objects in which a session owns records, in order. */
  objectsOf(session: number): string[] {
    const stores = this.#sessions.get(session)?.stores.keys() ?? []
    return [...new Set([...stores].map(({ object }) => object))].sort()
  }

  /** Keys of the records that a session owns in one table, in order. */
  keysOf(session: number, store: RowStore): string[] {
    return [...(this.#sessions.get(session)?.stores.get(store) ?? [])].sort()
  }
}

interface Owned {
  count: number
  readonly stores: Map<RowStore, Set<string>>
}
