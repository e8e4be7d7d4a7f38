/**
 * What playback needs behind a position: what a checkpoint holds, and what `Space.load` begins with.
 *
 * Taken in one turn: rows are never changed, so they are not copied. Read next: `space.ts`.
 */
import type { Row, RowStore } from './row.ts'
import type { SessionMark } from './session-marks.ts'

/** One object of a snapshot: its records as they are. The table of the small value is ''. */
export interface ObjectSnapshot {
  readonly path: string
  readonly type: string
  readonly version: number
  readonly rows: readonly (readonly [table: string, key: string, row: Row<unknown>])[]
}

/** Everything that playback needs behind a position. */
export interface SpaceSnapshot {
  /** The last position played, and its log time. */
  readonly position: number
  readonly time: number
  readonly sessions: readonly SessionMark[]
  readonly objects: readonly ObjectSnapshot[]
}

/** The records of an object's stores, of which `cell` is the small value. */
export const rowsOf = (stores: readonly RowStore[], cell: RowStore | undefined): ObjectSnapshot['rows'] =>
  stores.flatMap((store) => {
    const table = store === cell ? '' : store.name
    return [...store.rows()].map(([key, row]) => [table, key, row] as const)
  })
