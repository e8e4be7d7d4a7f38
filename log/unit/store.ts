/**
 * The port between a log unit and its disk, and nothing of the protocol.
 *
 * A unit's disk is an identity, one small value (`meta`) and rows in the order they were committed. One commit is one row
 * at most: a compact header beside the packed bytes of a whole batch. What rows and meta mean is the unit's matter
 * (`row.ts`, `unit.ts`); a store keeps them, all or nothing, and tells the truth about what is durable.
 * Implemented by `memory-store.ts` and `../io/sqlite-store.ts` under one contract suite. Keeps: L9, L10.
 */

/** One row to keep. `id` is the last id + 1. */
export interface Row { readonly id: number; readonly header: Uint8Array; readonly bytes: Uint8Array }

/** What becomes durable together. */
export interface Commit {
  /** The epoch that must still be the durable one when the transaction runs, else nothing is written. */
  readonly expectEpoch: number
  /** The new meta and its epoch, where they change. */
  readonly meta?: { readonly epoch: number; readonly text: string } | undefined
  readonly row?: Row | undefined
  /** Ids of rows to delete. */
  readonly drop?: readonly number[] | undefined
}

/** What a store holds when it is opened. */
export interface StoreImage {
  /** Names this disk for ever: minted when the folder was made. */
  readonly identity: string
  readonly meta: string | undefined
  /** The durable epoch, 0 when there is no meta. */
  readonly epoch: number
  /** Headers by ascending row id. */
  readonly headers: Iterable<{ readonly id: number; readonly header: Uint8Array; readonly bytesLength: number }>
}

/** A unit's disk. */
export interface UnitStore {
  /** Opens it; a blank store gets its identity here. @throws SirtakiError `DAMAGED`, `IN_USE`, `IO`, `UNSUPPORTED`. */
  open(): StoreImage
  /**
   * Makes a commit durable, then calls `done` once: with nothing, or with an error after which the store takes no more
   * commits (the state of the disk is unknown, P30). One commit at a time.
   */
  commit(commit: Commit, done: (error?: Error) => void): void
  /** The bytes of a row, `undefined` when there is no such row. @throws SirtakiError `IO`. */
  read(row: number): Uint8Array | undefined
  /** For people: kind, place and bytes on disk. */
  describe(): { readonly kind: string; readonly path?: string; readonly diskBytes: number }
  close(): void
}
