/**
 * The space's own records, of the object `/.sirtaki`: the offset of wall time and the active version of each type.
 *
 * Every view judges them, whatever code it has. Keeps: O3. Read next: `space.ts`.
 */
import type { Journal } from './journal.ts'
import { Cell, RowTable } from './records.ts'
import { Rejection } from './rejection.ts'
import type { RowStore } from './row.ts'

/** The path that no object of a user has. */
export const SYSTEM_PATH = '/.sirtaki'
/** What it is in a snapshot. */
export const SYSTEM_TYPE = { name: 'sirtaki.space', version: 1 }

/** What every space has. */
export class SystemRecords {
  readonly #cell: Cell<{ readonly offset: number }>
  readonly #types: RowTable<number>

  constructor(journal: Journal) {
    this.#cell = new Cell(journal, SYSTEM_PATH, `${SYSTEM_TYPE.name}@${SYSTEM_TYPE.version}`)
    this.#types = new RowTable(journal, SYSTEM_PATH, 'types')
  }

  /** What log time lacks to wall time, in milliseconds. */
  get offset(): number {
    return this.#cell.value?.offset ?? 0
  }
  set offset(offset: number) {
    if (offset !== this.offset || this.#cell.size === 0) this.#cell.set({ offset })
  }

  /** The active version of a type; `undefined` before its first op. */
  active(type: string): number | undefined {
    return this.#types.get(type)
  }
  types(): [name: string, version: number][] {
    return [...this.#types.range()].map(([name, version]) => [name, version])
  }

  /** Makes a version the active one. @throws Rejection `TOO_MANY`. */
  activate(type: string, version: number): void {
    this.#types.set(type, version)
  }

  /** @throws Rejection `OLD_CODE`, `NOT_ACTIVE` where another version than this one is active. */
  requireActive(type: string, version: number): void {
    const active = this.active(type)
    if (active === undefined || active === version) return
    throw new Rejection(version < active ? 'OLD_CODE' : 'NOT_ACTIVE', { type, version, active })
  }

  stores(): RowStore[] {
    return [this.#cell, this.#types]
  }
}
