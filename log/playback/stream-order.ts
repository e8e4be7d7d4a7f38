/**
 * The order of one stream: a machine that takes decided entries as they come and gives them in order, once.
 *
 *     ... delivered ......| next ....... gap ....... p (previous: q) ...
 *
 * An entry is due when everything of the stream before it has been delivered: `previous` lies below `next`, or says
 * `{before: b}` with b at or below `next`. Otherwise only a complete answer of the index over the gap helps: `previous`
 * may prove junk, and whatever the index held at some moment proves nothing (P43). If any entry that came early is
 * due, the lowest of them is. Keeps: Q4, L2. Read next: `stream-player.ts`.
 * @source Tango SOSP'13 4 (streams), repaired by `completeTo`: docs/rules.md, Q4 and P43.
 */
import type { Entry } from '../entry.ts'

/** The order of one stream from `from` on. */
export class StreamOrder {
  readonly #stream: number
  /** Entries that came before their turn, from `#head` on, by ascending position. */
  #early: Entry[] = []
  #head = 0
  #next: number

  constructor(stream: number, from: number) {
    this.#stream = stream
    this.#next = from
  }

  /** Everything of the stream below it has been given out. */
  get next(): number {
    return this.#next
  }
  /** Entries that came before their turn. */
  get early(): number {
    return this.#early.length - this.#head
  }

  /**
   * The end of the lowest gap: what a complete answer has to cover before anything can go on; `next` when nothing
   * waits.
   */
  get gapTo(): number {
    const lowest = this.#early[this.#head]
    return lowest === undefined ? this.#next : Math.max(this.#next, this.#needs(lowest))
  }

  /** Takes one decided entry; gives those that are due now, in order. */
  offer(entry: Entry): Entry[] {
    if (entry.position < this.#next) return []
    if (this.#needs(entry) > this.#next) {
      this.#keep(entry)
      return []
    }
    this.#dropBelow(entry.position + 1)
    this.#next = entry.position + 1
    return this.early === 0 ? [entry] : [entry, ...this.#follow()]
  }

  /**
   * Takes a complete answer: `entries` are all decided entries of the stream in [from, to), over every chain, in order.
   * Ignored where it does not join what was delivered. Gives those that are due now, in order.
   */
  complete(from: number, to: number, entries: readonly Entry[]): Entry[] {
    if (from > this.#next || to <= this.#next) return []
    const due = entries.filter((entry) => entry.position >= this.#next && entry.position < to)
    this.#dropBelow(to)
    this.#next = to
    return [...due, ...this.#follow()]
  }

  /** Learns that every decided entry below `to` has been offered. Gives those that are due now, in order. */
  offeredTo(to: number): Entry[] {
    if (to <= this.#next) return []
    const due = this.#dropBelow(to)
    this.#next = to
    return [...due, ...this.#follow()]
  }

  #keep(entry: Entry): void {
    const at = this.#placeOf(entry.position)
    if (this.#early[at]?.position === entry.position) return
    if (at === this.#early.length) this.#early.push(entry)
    else this.#early.splice(at, 0, entry)
  }

  /** Index of the first early entry at or above `position`. */
  #placeOf(position: number): number {
    let low = this.#head
    let high = this.#early.length
    if ((this.#early[high - 1]?.position ?? -1) < position) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#early[middle]?.position ?? 0) < position) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Takes out what lies below `position`. */
  #dropBelow(position: number): Entry[] {
    const from = this.#head
    this.#head = this.#placeOf(position)
    const dropped = this.#early.slice(from, this.#head)
    if (this.#head === this.#early.length) {
      this.#early = []
      this.#head = 0
    }
    return dropped
  }

  #follow(): Entry[] {
    const from = this.#head
    for (
      let lowest = this.#early[this.#head];
      lowest !== undefined && this.#needs(lowest) <= this.#next;
      lowest = this.#early[this.#head]
    ) {
      this.#next = lowest.position + 1
      this.#head++
    }
    const due = this.#early.slice(from, this.#head)
    if (this.#head === this.#early.length) {
      this.#early = []
      this.#head = 0
    }
    return due
  }

  /** What has to be delivered before an entry is due: everything below this position. */
  #needs(entry: Entry): number {
    for (const { stream, previous } of entry.streams) {
      if (stream === this.#stream) return typeof previous === 'number' ? previous + 1 : previous.before
    }
    return entry.position
  }
}
