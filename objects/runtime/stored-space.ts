/**
 * Where a view may begin besides the start of its stream: a state that somebody has stored.
 *
 * Read next: `view.ts`, `../checkpoints/checkpoints.ts` (who has them).
 */
import type { Played } from './outcome.ts'
import type { Skip } from './skip-entry.ts'
import type { SpaceSnapshot } from './snapshot.ts'

/** A space below a position. */
export interface StoredSpace {
  /** Exclusive: everything below it is in the state. */
  readonly position: number
  readonly snapshot: SpaceSnapshot
  /** All skips that were said below it. */
  readonly skips: readonly Skip[]
}

/** What a view needs of stored states. */
export interface CheckpointSource {
  /** Where they are, for messages. */
  readonly address: string
  /** The newest at or below a position; `undefined`: there is none. @throws SirtakiError why that cannot be said. */
  newest(before: number): Promise<StoredSpace | undefined>
  /** The position (exclusive) of the newest whose wall time is at or before a moment; milliseconds since 1970. */
  newestAt?(wall: number): Promise<number | undefined>
  /** An entry was played: what it changed is not in any of them. */
  played(played: Played): void
  /** The state of the view is another one: what changed since the newest is not known any more. */
  replaced(): void
}

/** One stored state, or none, and no other: nothing is written beside it. */
export const onlyStored = (address: string, stored: StoredSpace | undefined): CheckpointSource => ({
  address,
  newest: (before) => Promise.resolve(stored !== undefined && stored.position <= before ? stored : undefined),
  played: () => undefined,
  replaced: () => undefined,
})
