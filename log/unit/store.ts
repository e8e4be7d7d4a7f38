/**
 * The port between a log unit and its disk, and nothing of the protocol.
 *
 * A unit's disk is an identity, one small value (`meta`) and rows in the order they were committed. One commit is one
 * row at most: a compact header beside the packed bytes of a whole batch. What rows and meta mean is the unit's
 * matter (`row.ts`, `unit.ts`); a store keeps them, all or nothing, and tells the truth about what is durable.
 * Implemented by `memory-store.ts` and `../io/sqlite-store.ts` under one contract suite. Keeps: L9, L10.
 */
import type { SirtakiError } from '../errors.ts'
import type { RowBlock, StoredHeader } from './row-block.ts'

/** One row to keep. `id` is the last id + 1. */
export interface Row {
  readonly id: number
  readonly header: Uint8Array
  readonly bytes: Uint8Array
}

/** What becomes durable together. */
export interface Commit {
  /** The epoch that must still be the durable one when the transaction runs, else nothing is written. */
  readonly expectEpoch: number
  /** The new meta and its epoch, where they change. */
  readonly meta?: { readonly epoch: number; readonly text: string } | undefined
  readonly row?: Row | undefined
  /** Ids of earlier rows to delete. */
  readonly drop?: readonly number[] | undefined
}

/** What a store holds when it is opened. */
export interface StoreImage {
  /** Names this disk for ever: minted when the folder was made. */
  readonly identity: string
  readonly meta: string | undefined
  /** The durable epoch, 0 when there is no meta. */
  readonly epoch: number
  /**
   * Rows were left out to open a damaged disk, and `healed` was not called since: the unit is not whole and never goes
   * on as if it were.
   */
  readonly salvaged: boolean
  /** Headers by ascending row id. Reading them to the end may throw `DAMAGED` or `IO`. */
  readonly headers: Iterable<StoredHeader>
  /**
   * The same, for most of them only what they say, from a store that keeps it so: millions of rows are noted in
   * seconds.
   */
  readonly blocks?: Iterable<RowBlock | StoredHeader> | undefined
}

/** A unit's disk. */
export interface UnitStore {
  /**
   * There is little room left: appends are to be refused before they come to a commit (P32). Everything else goes on.
   */
  readonly full: boolean
  /**
   * Called once if the store fails where no commit can tell it, in a checkpoint say: from then on it takes no more
   * commits.
   */
  onFailed: ((error: SirtakiError) => void) | undefined
  /** Opens it; a blank store gets its identity here. @throws SirtakiError `DAMAGED`, `IN_USE`, `IO`, `UNSUPPORTED`. */
  open(): StoreImage
  /**
   * Makes a commit durable, then calls `done` once: with nothing, or with an error. After `EPOCH` and `FULL` nothing
   * was written and the store goes on; after any other it takes no more commits (the state of the disk is unknown,
   * P30). One commit at a time.
   */
  commit(commit: Commit, done: (error?: Error) => void): void
  /** The bytes of a row, `undefined` when there is no such row. @throws SirtakiError `DAMAGED`, `IO`. */
  read(row: number): Uint8Array | undefined
  /**
   * The unit has fetched what was left out: the next image is not salvaged. Durable when it returns.
   *
   * @throws SirtakiError `IO`.
   */
  healed(): void
  /** For people: kind, place, bytes on disk, and those that are free for more, where the system says so. */
  describe(): { readonly kind: string; readonly path?: string; readonly diskBytes: number; readonly freeBytes?: number }
  close(): void
}
