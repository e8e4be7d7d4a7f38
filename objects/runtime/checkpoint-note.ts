/**
 * The note of a checkpoint as an entry: what a reader sees of it that plays no object.
 *
 * Read next: `without-blobs.ts` and `skip.ts` (who reads it), `../retention/type.ts` (who decides on it),
 * `../retention/publish.ts` (who writes it).
 */
import type { SpaceEntry } from './entry.ts'
import { readInput } from './input.ts'

/** The stream that checkpoints are noted on, beside that of their space. */
export const CHECKPOINT_STREAM = 3
/** The object that notes are ops of. */
export const RETENTION_PATH = '/.sirtaki/retention'

/** What a note says: the checkpoint is the state of everything below `position`, and is in the store at `address`. */
export interface CheckpointNote {
  readonly position: number
  readonly address: string
}

/** The note that an entry is, whether or not it was taken. */
export function noteOf(payload: Uint8Array, decoded: SpaceEntry<never>): CheckpointNote | undefined {
  if (decoded.kind !== 'op' || decoded.part.object !== RETENTION_PATH) return undefined
  const input = readInput(payload, decoded.part)
  if (typeof input !== 'object' || input === null || !('address' in input) || !('position' in input)) return undefined
  const { position, address } = input
  return typeof position === 'number' && typeof address === 'string' ? { position, address } : undefined
}
