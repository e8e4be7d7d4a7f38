/**
 * A binary heap of what has a time: the first one costs a look, taking it out or putting one in the depth of the tree.
 *
 * What falls due soonest, for whoever watches deadlines. Read next: `../sequencer/expiry.ts`,
 * `../objects/runtime/deadlines.ts`.
 */

/** A thing with its time. */
export interface Timed<T> {
  readonly time: number
  readonly of: T
}

/** A heap of items by time, then by what they are of; where neither says it, in whatever order. */
export class Heap<T> {
  readonly #isBefore: (a: T, b: T) => boolean
  #items: Timed<T>[] = []

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore
  }

  get size(): number {
    return this.#items.length
  }
  get first(): Timed<T> | undefined {
    return this.#items[0]
  }

  push(item: Timed<T>): void {
    let at = this.#items.push(item) - 1
    while (at > 0) {
      const above = (at - 1) >>> 1
      if (!this.#swapped(above, at)) return
      at = above
    }
  }

  pop(): void {
    const last = this.#items.pop()
    if (last === undefined || this.#items.length === 0) return
    this.#items[0] = last
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const below = this.#comesFirst(left + 1, left) ? left + 1 : left
      if (!this.#swapped(at, below)) return
      at = below
    }
  }

  /** Takes other items in place of those that it has. */
  rebuild(items: readonly Timed<T>[]): void {
    this.#items = []
    for (const item of items) this.push(item)
  }

  #comesFirst(i: number, j: number): boolean {
    const [a, b] = [this.#items[i], this.#items[j]]
    if (a === undefined || b === undefined) return false
    return a.time < b.time || (a.time === b.time && this.#isBefore(a.of, b.of))
  }

  /** Swaps where the lower one comes first. */
  #swapped(above: number, below: number): boolean {
    const [a, b] = [this.#items[above], this.#items[below]]
    if (a === undefined || b === undefined || !this.#comesFirst(below, above)) return false
    this.#items[above] = b
    this.#items[below] = a
    return true
  }
}
