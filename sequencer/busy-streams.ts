/**
 * Which streams are written most, in bounded memory: the counters of Misra and Gries.
 *
 * A stream with more than one in `size` of the entries is always among them. For people only.
 * Read next: `sequencer.ts`.
 * @source Misra, Gries: Finding repeated elements, 1982.
 */

/** A prime, so that streams written in turn are all looked at. */
const SAMPLE = 13

/** Counters of the streams that are written most. */
export class BusyStreams {
  readonly #size: number
  readonly #counts = new Map<number, number>()

  constructor(size: number) {
    this.#size = size
  }

  /** Counts entries of a stream from position `from` on; of the positions one in 13 is looked at. */
  add(stream: number, from: number, count: number): void {
    const looked = Math.ceil((from + count) / SAMPLE) - Math.ceil(from / SAMPLE)
    if (looked > 0) this.#add(stream, looked * SAMPLE)
  }

  #add(stream: number, entries: number): void {
    const known = this.#counts.get(stream)
    if (known !== undefined || this.#counts.size < this.#size) {
      this.#counts.set(stream, (known ?? 0) + entries)
      return
    }
    let least = entries
    for (const count of this.#counts.values()) least = Math.min(least, count)
    for (const [other, count] of this.#counts) {
      if (count > least) this.#counts.set(other, count - least)
      else this.#counts.delete(other)
    }
    if (entries > least) this.#counts.set(stream, entries - least)
  }

  /** The busiest first. */
  top(count: number): { stream: number; entries: number }[] {
    return [...this.#counts]
      .map(([stream, entries]) => ({ stream, entries }))
      .sort((a, b) => b.entries - a.entries)
      .slice(0, count)
  }
}
