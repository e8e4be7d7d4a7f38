/**
 * The digest of a snapshot, its hashes made anew: a check of those that came with the records.
 *
 * Read next: `digest.ts` (what they are), `snapshot.ts`.
 */
import { addLanes, hashNames, hashRow, hexOf } from './digest.ts'
import { typeId } from './object-type.ts'
import type { Lanes } from './row.ts'
import { SessionMarks } from './session-marks.ts'
import type { ObjectSnapshot, SpaceSnapshot } from './snapshot.ts'

/** 16 hexadecimal digits: those of the space whose snapshot it is. */
export function digestOf({ sessions, objects }: SpaceSnapshot): string {
  const marks = new SessionMarks()
  for (const { next, ...session } of sessions) marks.open(session, next)
  return hexOf(objects.reduce(added, marks.lanes()))
}

/** The table of the small value is named by type and version in its hash. */
function added(before: Lanes, { path, type, version, tables }: ObjectSnapshot): Lanes {
  let sum = before
  for (const { table, keys, rows } of tables) {
    const names = hashNames(path, table === '' ? typeId(type, version) : table)
    for (const [i, key] of keys.entries()) sum = addLanes(sum, hashRow(names, key, rows[i]?.value))
  }
  return sum
}
