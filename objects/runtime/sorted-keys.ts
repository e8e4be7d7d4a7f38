/**
 * The keys of a table in order, for ranges: a list of short sorted lists, so that adding or dropping one key moves a
 * few hundred others at most, however large the table is.
 *
 * Order is by UTF-16 code units, the same on every engine. Read next: `records.ts`.
 */

/** Keys in one list: what one insertion may move. */
const CHUNK_MAX = 512

/** A sorted set of keys. */
export class SortedKeys {
  #chunks: string[][] = []

  constructor(keys: Iterable<string>) {
    const sorted = [...keys].sort(byCodeUnits)
    for (let at = 0; at < sorted.length; at += CHUNK_MAX / 2) this.#chunks.push(sorted.slice(at, at + CHUNK_MAX / 2))
  }

  /** Adds a key that is not among them. */
  add(key: string): void {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    if (chunk === undefined) {
      this.#chunks.push([key])
      return
    }
    chunk.splice(firstFrom(chunk, key), 0, key)
    if (chunk.length > CHUNK_MAX) this.#chunks.splice(at + 1, 0, chunk.splice(CHUNK_MAX / 2))
  }

  /** Drops a key; nothing happens where it is not among them. */
  delete(key: string): void {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    if (chunk === undefined) return
    const i = firstFrom(chunk, key)
    if (chunk[i] !== key) return
    chunk.splice(i, 1)
    if (chunk.length === 0) this.#chunks.splice(at, 1)
  }

  /** Gives the first key at or behind `from`; strictly behind it when `exclusive`. */
  next(from: string, exclusive: boolean): string | undefined {
    const at = this.#chunkOf(from)
    const chunk = this.#chunks[at]
    if (chunk === undefined) return undefined
    const i = firstFrom(chunk, from)
    const found = chunk[exclusive && chunk[i] === from ? i + 1 : i]
    return found ?? this.#chunks[at + 1]?.[0]
  }

  /** The list that holds the key, or would: the last one that does not begin behind it. */
  #chunkOf(key: string): number {
    let low = 0
    let high = this.#chunks.length
    while (low + 1 < high) {
      const middle = (low + high) >>> 1
      if ((this.#chunks[middle]?.[0] ?? '') <= key) low = middle
      else high = middle
    }
    return low
  }
}

function firstFrom(chunk: readonly string[], key: string): number {
  let low = 0
  let high = chunk.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((chunk[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
