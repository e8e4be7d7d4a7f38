/**
 * Reads back from the disk what others are about to be given up for: held is what can be read (Y4).
 *
 *     put there ── unread ── read as it was stored ── read, until it is put there anew
 *                     └───── read otherwise ───────── damaged: not held
 *
 * What was read is noted in the index, position by position. Keeps: Y4, P68.
 * Read next: `copy.ts`, `../epochs/whole.ts` (who asks).
 */
import type { UnitState } from './unit-state.ts'

/** A row, and its bytes once they were read. */
interface Row {
  row: number
  bytes: Uint8Array | undefined
}
/** The positions [from, to). */
export interface Range {
  readonly from: number
  readonly to: number
}
/** Bytes read back in one go: some milliseconds of a unit's time. */
const SLICE_BYTES = 1 << 20
/**
 * Rows at hand at a time: what was copied lies in a row, what was held already in others, position by position in turn.
 */
const ROWS = 4
/** Positions of them: small entries take more time than bytes. */
const SLICE_POSITIONS = 4_096

/**
 * Goes on reading back what lies in a range and was not read since it was put there, of whatever class. `done`: all of
 * it was; else it waits for another go, or for a commit.
 */
export function readBack(state: UnitState, { from, to }: Range): { readonly done: boolean; readonly bytes: number } {
  const recent: Row[] = []
  const { index } = state
  let bytes = 0
  const next = (at: number): number => index.unreadIn(state.trim, at, Math.min(to, state.highest + 1))
  for (let at = next(from), count = 0; at >= 0; at = next(at), count++) {
    // A row that was read is looked through, as in a scrub.
    const known = recent.find(({ row }) => row === index.row(at))
    if ((bytes >= SLICE_BYTES || count >= SLICE_POSITIONS) && known === undefined) return { done: false, bytes }
    if (state.isStaged(at)) return { done: false, bytes }
    const row = known === undefined ? begin(recent) : again(recent, known)
    state.entries.verify(at, row)
    index.noteRead(at)
    if (known === undefined) bytes += row.bytes?.byteLength ?? 0
  }
  return { done: true, bytes }
}

/**
 * The row that was needed last goes last: what was copied lies in one row, between many others that are needed once.
 */
function again(recent: Row[], row: Row): Row {
  recent.push(...recent.splice(recent.indexOf(row), 1))
  return row
}

/** Makes room for another row: the one that was not needed for longest goes. */
function begin(recent: Row[]): Row {
  const row: Row = { row: -1, bytes: undefined }
  if (recent.length === ROWS) recent.shift()
  recent.push(row)
  return row
}
