/**
 * The port of a blob store: keys and bytes, one try a call. What is retried, and what an unknown outcome was, is the
 * matter of `blobs.ts`.
 *
 * Keys are of ASCII letters, digits, `.`, `-` and `/`, so that every store orders them alike. Keeps: P40.
 * Read next: `blobs.ts` (the flow over it), `memory-blobs.ts`, `../io/folder-blobs.ts`, `../io/s3-blobs.ts`.
 */

/** One try: it ends, settled or not, when the signal aborts. */
export interface BlobTry {
  readonly signal: AbortSignal
}

/** Keys in order of their characters. `isLast`: nothing comes behind the last of them. */
export interface BlobPage {
  readonly keys: readonly string[]
  readonly isLast: boolean
}

/**
 * A store of blobs. Every method throws a SirtakiError: `UNREACHABLE`, `TIMEOUT`, `OVERLOADED`, `FULL` where another
 * try may succeed; `BLOBS_REFUSED`, `UNSUPPORTED`, `IO` where it cannot. After a throw of `put`, `putNew` or `remove`
 * it may have taken effect, and may still do so.
 */
export interface BlobStore {
  /** Where it is, as it is written on a command line and kept in the log. Holds no secret. */
  readonly address: string
  /** Stores bytes under a key, in place of what was there. Durable when it settles. */
  put(key: string, bytes: Uint8Array, options: BlobTry): Promise<void>
  /** Stores bytes under a key that nothing is under. False: something is. Durable when it settles. */
  putNew(key: string, bytes: Uint8Array, options: BlobTry): Promise<boolean>
  /** What is under a key; `undefined`: nothing. */
  get(key: string, options: BlobTry): Promise<Uint8Array | undefined>
  /** Keys that begin with `prefix` and come behind `after`, a page of them. */
  list(prefix: string, after: string, options: BlobTry): Promise<BlobPage>
  /** Removes a key, if it is there. */
  remove(key: string, options: BlobTry): Promise<void>
  /** Ends what is under way. Idempotent. */
  close(): void
}

/** Keys of a page at most. */
export const PAGE_KEYS = 1_000
