/**
 * What the ops of the retention take, and its records: shapes, and the guards that check them.
 *
 * Owns no rule. Read next: `type.ts`.
 */
import type { Due } from '../checkpoints/checkpoints.ts'
import type { Kept } from '../checkpoints/collect.ts'
import { count, fields, flag, integerIn, nullable, text } from '../runtime/fields.ts'

/** Checkpoints that are noted: a client that begins looks at the newest, a trim at the second newest. */
export const CHECKPOINTS_KEPT = 64

/** A blob store: `nonce` stands in it, so that another one with the same address is known for another one. */
export interface StoreMark {
  readonly nonce: string
  readonly address: string
}
/** A checkpoint that is noted. `position` is exclusive, `wall` in milliseconds since 1970. */
export interface Checkpoint {
  readonly n: number
  readonly position: number
  readonly key: string
  readonly sha256: string
  readonly wall: number
}
/** The log from `position` on is kept for a session. */
export interface Hold {
  readonly session: number
  readonly position: number
  /** For people: what needs it. */
  readonly name: string
}

/** When checkpoints are written, how many are kept, and whether the log is trimmed behind them. */
export interface Policy extends Due, Kept {
  /** Whether the log is trimmed as far as nobody needs it. */
  readonly trim: boolean
}

/** `mark`: the log is kept from there on. `archived`: everything below it is in the archive; null: there is none. */
export interface RetentionState {
  readonly mark: number
  readonly archived: number | null
  readonly store: StoreMark | null
  readonly policy: Policy | null
}

export interface CheckpointedInput extends StoreMark, Omit<Checkpoint, 'wall'> {
  /** Whether its store takes the place of another one. */
  readonly moves: boolean
}
export interface ArchivedInput extends StoreMark {
  readonly from: number
  readonly to: number
}
export interface TrimInput {
  readonly before: number
  /** Of the store that the caller sees; null: it has none. */
  readonly nonce: string | null
  readonly force: boolean
}

const storeMark = { nonce: text(64), address: text(1_024) }
const checkpoint = { n: count, position: count, key: text(256), sha256: text(64) }
const policy = {
  everyEntries: integerIn(1, 1e12),
  everyBytes: integerIn(1, 1e15),
  everyMs: integerIn(100, 1e12),
  keep: integerIn(2, 10_000),
  keepEvery: count,
  trim: flag,
  archiveKeepMs: count,
}

export const isPolicy = fields<Policy>(policy)
export const isCheckpoint = fields<Checkpoint>({ ...checkpoint, wall: count })
export const isHold = fields<Hold>({ session: count, position: count, name: text(256) })
export const isRetentionState = fields<RetentionState>({
  mark: count,
  archived: nullable(count),
  store: nullable(fields<StoreMark>(storeMark)),
  policy: nullable(isPolicy),
})
export const isCheckpointed = fields<CheckpointedInput>({ ...checkpoint, ...storeMark, moves: flag })
export const isArchived = fields<ArchivedInput>({ from: count, to: count, ...storeMark })
export const isHoldInput = fields<{ id: string; position: number; name: string }>({
  id: text(64),
  position: count,
  name: text(256),
})
export const isReleaseInput = fields<{ id: string }>({ id: text(64) })
export const isTrim = fields<TrimInput>({ before: count, nonce: nullable(text(64)), force: flag })
