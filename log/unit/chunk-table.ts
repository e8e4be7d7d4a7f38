/**
 * Values by number, in pages: what grows with the log is kept in it, since a Map holds 2^24 entries (P70).
 *
 *     key = page * 1,024 + slot        a Map has one entry for each page: 2^34 keys
 *
 * Keys that lie close together share pages; pages that have become empty are gone.
 * Read next: `rows.ts`, `position-index.ts`.
 */
const PAGE = 1024

interface Page<T> {
  readonly slots: (T | undefined)[]
  count: number
}

/** Values by keys from 0 on. Looking one up takes two steps, whatever the number of them. */
export class ChunkTable<T> {
  readonly #pages = new Map<number, Page<T>>()

  get(key: number): T | undefined {
    return this.#pages.get(Math.floor(key / PAGE))?.slots[key % PAGE]
  }

  set(key: number, value: T): void {
    const page = this.#ensure(Math.floor(key / PAGE))
    const slot = key % PAGE
    if (page.slots[slot] === undefined) page.count++
    page.slots[slot] = value
  }

  delete(key: number): void {
    const number = Math.floor(key / PAGE)
    const page = this.#pages.get(number)
    const slot = key % PAGE
    if (page?.slots[slot] === undefined) return
    page.slots[slot] = undefined
    page.count--
    if (page.count === 0) this.#pages.delete(number)
  }

  /** The lowest key at or above `key` that has a value, -1 when there is none. */
  next(key: number): number {
    let number = Math.floor(key / PAGE)
    for (let slot = key % PAGE; number >= 0; slot = 0, number = this.#pageAfter(number)) {
      const slots = this.#pages.get(number)?.slots ?? []
      for (; slot < slots.length; slot++) if (slots[slot] !== undefined) return number * PAGE + slot
    }
    return -1
  }

  deleteBelow(key: number): void {
    const first = Math.floor(key / PAGE)
    for (const number of this.#pages.keys()) if (number < first) this.#pages.delete(number)
    for (let slot = 0; slot < key % PAGE && this.#pages.has(first); slot++) this.delete(first * PAGE + slot)
  }

  #ensure(number: number): Page<T> {
    const found = this.#pages.get(number)
    if (found !== undefined) return found
    const page: Page<T> = { slots: Array.from<T | undefined>({ length: PAGE }), count: 0 }
    this.#pages.set(number, page)
    return page
  }

  #pageAfter(number: number): number {
    let lowest = Infinity
    for (const page of this.#pages.keys()) if (page > number && page < lowest) lowest = page
    return lowest === Infinity ? -1 : lowest
  }
}
