/**
 * What the child of `io-errors.test.ts` does to its disk, and what it says of it.
 *
 * Read next: `io-errors-child.ts`.
 */
import type { Commit, Row } from '../../log/unit/store.ts'
import type { Call, Fault } from './shim/failing-disk.ts'

export const COMMITS = 60
export const VALUES = 12

/** A row whose bytes tell its id; several frames of the WAL. */
export const rowOf = (id: number): Row => ({
  id,
  header: new Uint8Array(40).fill(id),
  bytes: new Uint8Array(6000).fill(id),
})

/** The rows that a commit drops: every tenth two. */
export const dropOf = (at: number): readonly number[] => (at % 10 === 9 ? [at - 8, at - 7] : [])

/** Every fifteenth commit is a meta alone, of the next epoch; all others have a row. */
export const isMeta = (at: number): boolean => at % 15 === 14

/** The commit number `at`, on a store at `epoch`. */
export const commitAt = (at: number, epoch: number): Commit =>
  isMeta(at)
    ? { expectEpoch: epoch, meta: { epoch: epoch + 1, text: `epoch ${epoch + 1}` } }
    : { expectEpoch: epoch, row: rowOf(at), drop: dropOf(at) }

/**
 * What came of a commit or a write: the code of its error, or `kept`; whether the fault had come before it was told.
 */
export interface Outcome {
  readonly outcome: string
  readonly hit: boolean
}

/** What one run of the child says. */
export interface Report {
  readonly folder: string
  readonly fault: Fault | undefined
  /** The code that opening gave, or `open`; whether the fault came in it. */
  readonly opened: Outcome
  readonly outcomes: readonly Outcome[]
  /** A fault behind an acknowledgement was told at once, or there was none. */
  readonly told: boolean
  readonly counts: Readonly<Record<Call, number>>
}
