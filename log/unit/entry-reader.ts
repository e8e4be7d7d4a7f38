/**
 * The bytes of stored entries: from the row that is staged, from a cache of rows, from the disk; checked each time.
 *
 * What a first read gives may have been read from a wrong place, or kept wrongly in memory: the disk is asked once
 * more before a position counts as damaged. Keeps: L4, P51. Read next: `unit-state.ts`, `row-cache.ts`, `repair.ts`.
 */
import { viewOf } from '../bytes/bytes.ts'
import { ENTRY_HEAD_BYTES, checkEntry, hashAt, positionAt, streamsAt, type EntryBounds } from '../entry.ts'
import { isError } from '../errors.ts'
import type { PositionIndex } from './position-index.ts'
import { RowCache } from './row-cache.ts'

const NO_BYTES = new Uint8Array(0)
/** Bytes of rows kept for readers that follow closely. */
const CACHE_BYTES = 8 << 20

/** What entries are read with. */
export interface EntryReaderOptions {
  readonly index: PositionIndex
  /** Reads a stored row's bytes. */
  readonly readRow: (row: number) => Uint8Array | undefined
  /** Where the entry at an offset of a row lies, while that row waits for the next commit. */
  readonly staged: (row: number, offset: number) => { readonly bytes: Uint8Array; readonly at: number } | undefined
  /** By which entries are checked: of the cluster that the unit belongs to. */
  readonly bounds: () => EntryBounds
  /** Called with a position whose bytes are not what was stored. */
  readonly damaged: (position: number) => void
}

/** Reads the entries of one unit. */
export class EntryReader {
  readonly #options: EntryReaderOptions
  readonly #cache = new RowCache(CACHE_BYTES)
  #viewed: Uint8Array = NO_BYTES
  #view = viewOf(NO_BYTES)

  constructor(options: EntryReaderOptions) {
    this.#options = options
  }

  /**
   * The bytes of the entry at a position, checked; `undefined` (and told as damaged) when they are not what was stored.
   */
  bytesOf(position: number): Uint8Array | undefined {
    return this.#checked(position, (row) => this.#rowBytes(row))
  }

  /**
   * The same from the disk itself, whatever is in memory. A scrub asks row by row: `last` keeps the row read before.
   */
  verify(position: number, last: { row: number; bytes: Uint8Array | undefined }): boolean {
    return (
      this.#checked(position, (row) => {
        if (last.row !== row) {
          last.row = row
          last.bytes = this.#fromDisk(row)
        }
        return last.bytes
      }) !== undefined
    )
  }

  /** Whether the entry at a position is of a stream; so is what cannot be read, until it is mended. */
  isOf(position: number, stream: number): boolean {
    const bytes = this.bytesOf(position)
    return bytes === undefined || streamsAt(this.#viewOf(bytes), 0).includes(stream)
  }

  /** Keeps the bytes of a row that was written just now. */
  keep(row: number, bytes: Uint8Array): void {
    this.#cache.set(row, bytes)
  }

  /** Forgets a row. */
  forget(row: number): void {
    this.#cache.delete(row)
  }

  #checked(position: number, read: (row: number) => Uint8Array | undefined): Uint8Array | undefined {
    const { index, staged: stagedAt, damaged } = this.#options
    const row = index.row(position)
    const offset = index.offset(position)
    const staged = stagedAt(row, offset)
    const found =
      staged === undefined
        ? this.#entryIn(read(row), offset, position)
        : this.#entryIn(staged.bytes, staged.at, position)
    if (found !== undefined) return found
    this.#cache.delete(row)
    const again = staged === undefined ? this.#entryIn(this.#fromDisk(row), offset, position) : undefined
    if (again === undefined) damaged(position)
    return again
  }

  #entryIn(row: Uint8Array | undefined, offset: number, position: number): Uint8Array | undefined {
    if (row === undefined || offset + ENTRY_HEAD_BYTES > row.byteLength) return undefined
    try {
      const view = this.#viewOf(row)
      const length = checkEntry(row, view, offset, this.#options.bounds())
      const isIt = hashAt(view, offset) === this.#options.index.hash(position) && positionAt(view, offset) === position
      return isIt ? row.subarray(offset, offset + length) : undefined
    } catch {
      // A damaged entry is an answer, not an error of the request.
      return undefined
    }
  }

  /** Entries are read in the order of their rows: a view for each would cost as much as its checksum. */
  #viewOf(row: Uint8Array): DataView {
    if (this.#viewed !== row) {
      this.#viewed = row
      this.#view = viewOf(row)
    }
    return this.#view
  }

  #rowBytes(row: number): Uint8Array | undefined {
    const known = this.#cache.get(row)
    if (known !== undefined) return known
    const bytes = this.#fromDisk(row)
    if (bytes !== undefined) this.#cache.set(row, bytes)
    return bytes
  }

  #fromDisk(row: number): Uint8Array | undefined {
    try {
      return this.#options.readRow(row)
    } catch (thrown) {
      // What the disk cannot read is damage like any other: another unit has it.
      if (isError(thrown, 'DAMAGED', 'IO')) return undefined
      throw thrown
    }
  }
}
