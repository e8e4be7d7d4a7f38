/**
 * The lists of streams: for each stream the positions whose entries are of it.
 *
 * A list may name what was trimmed or replaced since: that is passed over when it is met, and beginnings that were
 * trimmed go in slices (to look into every list at once took 518 ms for 200 positions). Keeps: P70. Read next:
 * `position-list.ts`, `unit-state.ts`.
 */
import { PositionList } from './position-list.ts'
import { WideMap } from './wide-map.ts'

/** Lists whose beginning one slice trims: some microseconds each. */
const LISTS_A_SLICE = 4_096

/** The lists of one unit. */
export class StreamLists {
  readonly #lists = new WideMap<number, PositionList>()
  /** Lists whose beginning was trimmed and is still there, while there are any. */
  #untrimmed: Iterator<[number, PositionList]> | undefined

  /** How many streams there are. */
  get size(): number {
    return this.#lists.size
  }

  /** Whether beginnings that were trimmed are still there. */
  get isUntidy(): boolean {
    return this.#untrimmed !== undefined
  }

  /** Lists a position with each of these streams. */
  add(streams: readonly number[], position: number): void {
    for (const stream of streams) {
      const list = this.#lists.get(stream)
      if (list !== undefined) {
        list.add(position)
      } else {
        const fresh = new PositionList()
        fresh.add(position)
        this.#lists.set(stream, fresh)
      }
    }
  }

  /**
   * The lowest position of a stream at or above `position`, -1 when there is none. What does not `belong` any more was
   * trimmed or replaced since it was listed, and is dropped from the list.
   */
  next(stream: number, position: number, belongs: (at: number, stream: number) => boolean): number {
    const list = this.#lists.get(stream)
    if (list === undefined) return -1
    for (let at = list.next(position); at >= 0; at = list.next(at + 1)) {
      if (belongs(at, stream)) return at
      list.remove(at)
    }
    if (list.length === 0) this.#lists.delete(stream)
    return -1
  }

  /** Has the beginnings of all lists trimmed, slice by slice. */
  trim(): void {
    this.#untrimmed = this.#lists[Symbol.iterator]()
  }

  /** Trims the beginnings of some lists below `before`. */
  tidy(before: number): void {
    for (let left = LISTS_A_SLICE; left > 0 && this.#untrimmed !== undefined; left--) {
      const { done, value } = this.#untrimmed.next()
      if (done === true) {
        this.#untrimmed = undefined
      } else {
        const [stream, list] = value
        list.removeBelow(before)
        if (list.length === 0) this.#lists.delete(stream)
      }
    }
  }
}
