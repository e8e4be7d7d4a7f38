/**
 * What the writer of a checkpoint takes of a space, in one turn: all rows, and those that the last checkpoint does not
 * have.
 *
 * Read next: `writer.ts`, `changes.ts`.
 */
import type { RowStore } from '../runtime/row.ts'
import type { Skip } from '../runtime/skip-entry.ts'
import type { Space } from '../runtime/space.ts'
import type { ChangedTable } from './changes.ts'
import type { RowPlace } from './part.ts'
import type { CheckpointState, WrittenRow } from './writer.ts'

/**
 * The state below `position`, up to which the space has played. `changed`: what the newest checkpoint does not have.
 *
 * @throws SirtakiError `CODE_MISSING` where the code of some object's type is missing here.
 */
export function stateOf(
  space: Space,
  position: number,
  { skips, changed }: { readonly skips: readonly Skip[]; readonly changed?: readonly ChangedTable[] | undefined },
): CheckpointState {
  const snapshot = space.snapshot()
  return {
    position,
    wallOffset: space.wallOffset,
    skips: skips.map(({ position: at, object }) => ({ position: at, object })),
    types: space.activeTypes(),
    digest: space.digest().digest,
    snapshot,
    changes: changed?.flatMap((table) => rowsOf(space, table)),
  }
}

function rowsOf(space: Space, { object, table, keys }: ChangedTable): WrittenRow[] {
  const found = space.tableOf(object, table)
  const place: RowPlace = { object, type: found?.type ?? '', version: found?.version ?? 0, table }
  return [...keys].map((key) => [place, key, rowOf(found?.store, key)])
}

const rowOf = (store: RowStore | undefined, key: string): WrittenRow[2] => store?.row(key)
