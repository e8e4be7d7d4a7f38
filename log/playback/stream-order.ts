/**
 * The order of one stream: a machine that takes decided entries as they come and gives them in order, once.
 *
 *     ... delivered ......| next ....... gap ....... p (previous: q) ...
 *
 * An entry is due when everything of the stream before it has been delivered: `previous` lies below `next`, or says
 * `{before: b}` with b at or below `next`. Otherwise only a complete answer of the index over the gap helps: `previous`
 * may prove junk, and whatever the index held at some moment proves nothing (P43). Keeps: Q4, L2.
 * Read next: `stream-player.ts`. @source Tango SOSP'13 4 (streams), repaired by DESIGN 4.
 */
import type { Entry } from '../entry.ts'

/** The order of one stream from `from` on. */
export class StreamOrder {
  readonly #stream: number
  readonly #early = new Map<number, Entry>()
  #next: number

  constructor(stream: number, from: number) { this.#stream = stream; this.#next = from }

  /** Everything of the stream below it has been given out. */
  get next(): number { return this.#next }
  /** Entries that came before their turn. */
  get early(): number { return this.#early.size }

  /** The end of the lowest gap: what a complete answer has to cover before anything can go on; `next` when nothing waits. */
  get gapTo(): number {
    let lowest: Entry | undefined
    for (const entry of this.#early.values()) if (lowest === undefined || entry.position < lowest.position) lowest = entry
    return lowest === undefined ? this.#next : Math.max(this.#next, this.#needs(lowest))
  }

  /** Takes one decided entry; gives those that are due now, in order. */
  offer(entry: Entry): Entry[] {
    if (entry.position < this.#next || this.#early.has(entry.position)) return []
    if (this.#needs(entry) > this.#next) { this.#early.set(entry.position, entry); return [] }
    this.#next = entry.position + 1
    return this.#early.size === 0 ? [entry] : [entry, ...this.#follow()]
  }

  /**
   * Takes a complete answer: `entries` are all decided entries of the stream in [from, to), over every chain, in order.
   * Ignored where it does not join what was delivered. Gives those that are due now, in order.
   */
  complete(from: number, to: number, entries: readonly Entry[]): Entry[] {
    if (from > this.#next || to <= this.#next) return []
    const due = entries.filter((entry) => entry.position >= this.#next && entry.position < to)
    this.#next = to
    for (const position of this.#early.keys()) if (position < to) this.#early.delete(position)
    return [...due, ...this.#follow()]
  }

  #follow(): Entry[] {
    const due: Entry[] = []
    for (let found = this.#due(); found !== undefined; found = this.#due()) {
      this.#early.delete(found.position)
      this.#next = found.position + 1
      due.push(found)
    }
    return due
  }

  #due(): Entry | undefined {
    for (const entry of this.#early.values()) if (this.#needs(entry) <= this.#next) return entry
    return undefined
  }

  /** What has to be delivered before an entry is due: everything below this position. */
  #needs(entry: Entry): number {
    const link = entry.streams.find((one) => one.stream === this.#stream)
    if (link === undefined) return entry.position
    return typeof link.previous === 'number' ? link.previous + 1 : link.previous.before
  }
}
