/**
 * The rows of a disk: the highest position and the size of each, and which of them a trim has left to drop.
 *
 *     chunk of 1,024 rows: tops f64, bytes u32, the lowest top       12 bytes a row
 *
 * A row is dropped when all its positions lie below the trim mark: not at once, since a long log has millions of
 * rows, but in slices that a commit takes along. What a restart interrupts is found again from the trim mark. Keeps:
 * L8. Read next: `unit-state.ts`, `store.ts`.
 */
import { ChunkTable } from './chunk-table.ts'

const SIZE = 1024

/** A top of Infinity is no row. */
interface Chunk {
  readonly tops: Float64Array
  readonly bytes: Uint32Array
  low: number
  count: number
}

/** How much one slice may drop: it ends with the row that reaches either. */
export interface Slice {
  readonly rows: number
  readonly bytes: number
}

const chunkOf = (): Chunk => ({
  tops: new Float64Array(SIZE).fill(Infinity),
  bytes: new Uint32Array(SIZE),
  low: Infinity,
  count: 0,
})

/** Rows by id; ids ascend but may have gaps. */
export class Rows {
  readonly #chunks = new ChunkTable<Chunk>()
  #lastKey = -1
  #last: Chunk | undefined
  #before = 0
  /** The chunk at which dropping goes on, -1 when it is done. */
  #at = -1

  /** Notes a row whose highest position is `top`, -1 when it has none. */
  add(id: number, top: number, bytes: number): void {
    const chunk = this.#ensure(Math.floor(id / SIZE))
    const at = id % SIZE
    if (chunk.tops[at] === Infinity) chunk.count++
    chunk.tops[at] = top
    chunk.bytes[at] = bytes
    if (top < chunk.low) chunk.low = top
  }

  /** Whether `takeDropped` has something to do. */
  get dropping(): boolean {
    return this.#at >= 0
  }

  /** From now on all rows whose positions lie below `before` are to be dropped. */
  dropBelow(before: number): void {
    this.#before = before
    this.#at = this.#chunks.next(0)
  }

  /** Forgets a slice of the rows to be dropped; gives their ids, ascending. */
  takeDropped(slice: Slice): number[] {
    const dropped: number[] = []
    let bytes = 0
    while (this.#at >= 0) {
      const chunk = this.#chunks.get(this.#at)
      if (chunk !== undefined && chunk.low < this.#before) bytes += this.#takeFrom(chunk, dropped, slice, bytes)
      if (dropped.length >= slice.rows || bytes >= slice.bytes) break
      if (chunk !== undefined) this.#leave(chunk)
      this.#at = this.#chunks.next(this.#at + 1)
    }
    return dropped
  }

  #takeFrom(chunk: Chunk, dropped: number[], slice: Slice, before: number): number {
    let bytes = 0
    for (let at = 0; at < SIZE; at++) {
      if ((chunk.tops[at] ?? Infinity) >= this.#before) continue
      if (dropped.length >= slice.rows || before + bytes >= slice.bytes) break
      dropped.push(this.#at * SIZE + at)
      bytes += chunk.bytes[at] ?? 0
      chunk.tops[at] = Infinity
      chunk.count--
    }
    return bytes
  }

  /** Nothing of this chunk is to be dropped any more. */
  #leave(chunk: Chunk): void {
    if (chunk.low < this.#before) chunk.low = chunk.tops.reduce((low, top) => Math.min(low, top), Infinity)
    if (chunk.count > 0) return
    this.#chunks.delete(this.#at)
    this.#lastKey = -1
  }

  #ensure(key: number): Chunk {
    if (key === this.#lastKey && this.#last !== undefined) return this.#last
    let chunk = this.#chunks.get(key)
    if (chunk === undefined) {
      chunk = chunkOf()
      this.#chunks.set(key, chunk)
    }
    this.#lastKey = key
    this.#last = chunk
    return chunk
  }
}
