/**
 * What playback needs behind a position: what a checkpoint holds, and what `Space.load` begins with.
 *
 * Taken in one turn: rows are never changed but for the digest's fields, which are right in a snapshot, so they are not
 * copied. Read next: `space.ts`, `../checkpoints/manifest.ts` (how it is stored).
 */
import type { Row, RowStore } from './row.ts'
import type { SessionMark } from './session-marks.ts'

/** The records of one table, in any order: `rows[i]` is that of `keys[i]`. */
export interface TableSnapshot {
  /** '' for the small value. */
  readonly table: string
  readonly keys: readonly string[]
  readonly rows: readonly Row<unknown>[]
}

/** One object of a snapshot: its records as they are. */
export interface ObjectSnapshot {
  readonly path: string
  readonly type: string
  readonly version: number
  readonly tables: readonly TableSnapshot[]
}

/** Everything that playback needs behind a position. */
export interface SpaceSnapshot {
  /** The last position played, and its log time. */
  readonly position: number
  readonly time: number
  /** The epoch of its token. */
  readonly epoch: number
  readonly sessions: readonly SessionMark[]
  readonly objects: readonly ObjectSnapshot[]
}

/** The records of an object's stores, of which `cell` is the small value. */
export const tablesOf = (stores: readonly RowStore[], cell: RowStore | undefined): TableSnapshot[] =>
  stores.filter(({ size }) => size > 0).map((store) => ({ table: store === cell ? '' : store.name, ...store.copy() }))
