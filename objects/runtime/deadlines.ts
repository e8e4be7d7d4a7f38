/**
 * What falls due: for each object the keys of its table `$due` by time, and over all objects which comes first.
 *
 *     space:  heap of (time, object)       the earliest deadline of each object, or an earlier one that is gone by now
 *     object: heap of (time, key)          what the table says, and what it said once
 *
 * Both heaps are lazy: what comes up and is no longer so is dropped. Derived from records. Keeps: O13. Read next:
 * `records.ts`, `space.ts`.
 */

import { Heap, type Timed } from '../../log/heap.ts'

/** Deadlines of one object that one entry fires. */
export const DUE_MAX = 1_000

/** The deadlines of a space. */
export class Deadlines {
  readonly #heap = new Heap<ObjectDeadlines>((a, b) => a.object < b.object)

  /** Time of the first deadline, or earlier; Infinity where there is none. */
  get first(): number {
    return this.#heap.first?.time ?? Infinity
  }

  /** Makes the deadlines of one object; `timeOf` is what its table says. */
  of(object: string, timeOf: (key: string) => number | undefined): ObjectDeadlines {
    return new ObjectDeadlines(object, timeOf, (deadlines, time) => {
      this.#heap.push({ time, of: deadlines })
    })
  }

  /** Takes out the objects in which something may be due at `time`, in the order of their paths. */
  takeDue(time: number): ObjectDeadlines[] {
    const due = new Set<ObjectDeadlines>()
    while (this.first <= time) {
      const item = this.#heap.first
      if (item !== undefined) due.add(item.of)
      this.#heap.pop()
    }
    return [...due].sort((a, b) => (a.object < b.object ? -1 : 1))
  }
}

/** The deadlines of one object. */
export class ObjectDeadlines {
  readonly object: string
  readonly #timeOf: (key: string) => number | undefined
  readonly #arm: (deadlines: ObjectDeadlines, time: number) => void
  readonly #heap = new Heap<string>((a, b) => a < b)
  #live = 0

  constructor(
    object: string,
    timeOf: (key: string) => number | undefined,
    arm: (deadlines: ObjectDeadlines, time: number) => void,
  ) {
    this.object = object
    this.#timeOf = timeOf
    this.#arm = arm
  }

  /** Learns that the table says another time for a key. */
  changed(key: string, before: number | undefined, after: number | undefined): void {
    this.#live += (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
    if (after === undefined) return
    if (after < (this.#heap.first?.time ?? Infinity)) this.#arm(this, after)
    this.#heap.push({ time: after, of: key })
    if (this.#heap.size > 2 * this.#live + 64) this.#tidy()
  }

  /** Takes out up to DUE_MAX keys that are due at `time` and `isOld` says were there before, in their order. */
  takeDue(time: number, isOld: (key: string) => boolean): string[] {
    const due: string[] = []
    const young: Timed<string>[] = []
    const seen = new Set<string>()
    for (let item = this.#heap.first; item !== undefined && item.time <= time; item = this.#heap.first) {
      if (due.length === DUE_MAX) break
      this.#heap.pop()
      if (seen.has(item.of) || this.#timeOf(item.of) !== item.time) continue
      seen.add(item.of)
      if (isOld(item.of)) due.push(item.of)
      else young.push(item)
    }
    for (const item of young) this.#heap.push(item)
    return due
  }

  /** Takes a key in again that was taken out and not fired. */
  putBack(key: string): void {
    const time = this.#timeOf(key)
    if (time !== undefined) this.#heap.push({ time, of: key })
  }

  /** Puts back what was taken and is still there, and sees to it that the space looks here again. */
  rearm(): void {
    if (this.#heap.first !== undefined) this.#arm(this, this.#heap.first.time)
  }

  #tidy(): void {
    const keys = new Map<string, number>()
    while (this.#heap.first !== undefined) {
      const { time, of } = this.#heap.first
      if (this.#timeOf(of) === time) keys.set(of, time)
      this.#heap.pop()
    }
    this.#heap.rebuild([...keys].map(([of, time]) => ({ time, of })))
  }
}
