/**
 * What the next commit of a unit will make durable: one row, the rows that are dropped, and whether the meta has
 * changed.
 *
 * Owns: the ids of rows, the row under construction, which rows trimming has left behind. A commit names the epoch that
 * must be durable: L6 is checked in it. Read next: `row.ts`, `rows.ts`, `store.ts`.
 */
import { concat } from '../bytes/bytes.ts'
import type { Span } from '../ranges.ts'
import { RowBuilder } from './row.ts'
import { Rows } from './rows.ts'
import type { Commit } from './store.ts'

/** What the header of a row says beside its entries. */
interface RowMarks {
  readonly prefix: number
  readonly logTime: number
}

/** The staged commit of one unit. */
export class Staging {
  readonly #rows = new Rows()
  #nextRow = 1
  #durableEpoch: number
  #builder = new RowBuilder()
  #drop: number[] = []
  #metaChanged = false
  /** Decided above the prefix since the last row. */
  #above: number[] = []
  /** The highest position of the row. */
  #top = -1

  constructor(durableEpoch: number) {
    this.#durableEpoch = durableEpoch
  }

  /** The id of the row under construction. */
  get row(): number {
    return this.#nextRow
  }

  /** Learns of a row that is stored: its highest position, and its bytes. */
  loaded(row: number, top: number, bytesLength: number): void {
    this.#rows.add(row, top, bytesLength)
    this.#nextRow = row + 1
  }

  /** Where an entry lies, if it is in the row under construction. */
  pieceAt(row: number, offset: number): { readonly bytes: Uint8Array; readonly at: number } | undefined {
    return row === this.#nextRow ? this.#builder.pieceAt(offset) : undefined
  }

  /** Packs bytes of entries into the row; gives their offset. */
  pack(bytes: Uint8Array): number {
    return this.#builder.pack(bytes)
  }

  /** Lists an entry of the row; `isOver`: junk may be listed at its position. */
  data(position: number, entry: Parameters<RowBuilder['data']>[1], isOver: boolean): void {
    if (isOver) this.#builder.withoutJunk(position)
    this.#builder.data(position, entry)
  }

  junk(range: Span): void {
    this.#builder.junk(range)
  }

  /** A position of the row, or of one that is loaded. */
  reaches(position: number): void {
    this.#top = Math.max(this.#top, position)
  }

  /** Lists a position above the prefix as decided. */
  decided(position: number): void {
    this.#above.push(position)
  }

  /** The meta is part of the commit. */
  changeMeta(): void {
    this.#metaChanged = true
  }

  /** Rows all of whose positions lie below `before` are dropped, slice by slice. */
  dropBelow(before: number): void {
    this.#rows.dropBelow(before)
  }

  /** Whether rows are still to be dropped. */
  get isDropping(): boolean {
    return this.#rows.dropping
  }

  /** Has a slice of them dropped with the commit; gives their ids. */
  dropSome(most: { readonly rows: number; readonly bytes: number }): readonly number[] {
    const rows = [...this.#rows.takeDropped(most)]
    this.#drop.push(...rows)
    return rows
  }

  /** Hands the commit over; `undefined` when nothing has changed. */
  take(marks: RowMarks, meta: () => { readonly epoch: number; readonly text: string }): Commit | undefined {
    if (this.#builder.empty && !this.#metaChanged && this.#drop.length === 0) return undefined
    const row = this.#takeRow(marks)
    const expectEpoch = this.#durableEpoch
    const changed = this.#metaChanged ? meta() : undefined
    if (changed !== undefined) this.#durableEpoch = changed.epoch
    const drop = this.#drop
    this.#metaChanged = false
    this.#drop = []
    return { expectEpoch, meta: changed, row, drop }
  }

  #takeRow({ prefix, logTime }: RowMarks): Commit['row'] {
    if (this.#builder.empty) return undefined
    const { header, pieces } = this.#builder.finish(prefix, logTime, this.#above)
    const id = this.#nextRow++
    const bytes = concat(pieces)
    this.#rows.add(id, this.#top, bytes.byteLength)
    this.#builder = new RowBuilder()
    this.#above = []
    this.#top = -1
    return { id, header, bytes }
  }
}
