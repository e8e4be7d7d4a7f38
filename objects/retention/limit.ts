/**
 * The rule of trims: how far the beginning of a log may be dropped.
 *
 *     without an archive   second newest checkpoint ─┐
 *     with one             newest checkpoint ────────┼─ the lowest of them
 *                          end of the archive ───────┤
 *                          every hold ───────────────┘
 *
 * A checkpoint that turns out damaged costs nothing then: the one before it and the log behind that are there. Keeps:
 * C2, P27. Read next: `type.ts`.
 */
import type { Hold } from './shapes.ts'

/** What bounds a trim. */
export interface TrimLimit {
  /** The first position that has to be kept. */
  readonly position: number
  readonly by: 'checkpoints' | 'archive' | 'hold'
  /** What holds it. */
  readonly name?: string
}

/** What is needed. `checkpoints`: positions, ascending. `archived`: end of the archive; null: there is none. */
export interface Needs {
  readonly checkpoints: readonly number[]
  readonly holds: readonly Pick<Hold, 'position' | 'name'>[]
  readonly archived: number | null
}

/** The lowest of all bounds; of equal ones the first in the order of the picture. */
export function limitOf({ checkpoints, holds, archived }: Needs): TrimLimit {
  const bounds: TrimLimit[] = [
    { position: checkpoints.at(archived === null ? -2 : -1) ?? 0, by: 'checkpoints' },
    ...(archived === null ? [] : [{ position: archived, by: 'archive' as const }]),
    ...holds.map(({ position, name }) => ({ position, by: 'hold' as const, name })),
  ]
  return bounds.reduce((lowest, one) => (one.position < lowest.position ? one : lowest))
}
