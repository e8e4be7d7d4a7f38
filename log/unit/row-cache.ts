/**
 * The bytes of rows that were written or read last, for readers that follow closely.
 *
 * Read next: `unit-state.ts`.
 */

/** Up to so many bytes of rows; the oldest go first. */
export class RowCache {
  readonly #rows = new Map<number, Uint8Array>()
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get size(): number {
    return this.#rows.size
  }

  get(row: number): Uint8Array | undefined {
    return this.#rows.get(row)
  }

  /** Keeps the bytes of a row. Rows of junk have none: they would never be too many, so they are not kept. */
  set(row: number, bytes: Uint8Array): void {
    this.delete(row)
    if (bytes.byteLength === 0) return
    this.#rows.set(row, bytes)
    this.#bytes += bytes.byteLength
    for (const oldest of this.#rows.keys()) {
      if (this.#bytes <= this.#bytesMax || oldest === row) break
      this.delete(oldest)
    }
  }

  delete(row: number): void {
    this.#bytes -= this.#rows.get(row)?.byteLength ?? 0
    this.#rows.delete(row)
  }
}
