/**
 * Deadlines of many things that wait, behind one timer: what waits is a link of a list, so that nothing is made for it.
 *
 * While somebody awaits one of them the process is held alive. Keeps: P72, P73. Read next: `calls.ts`,
 * `../client/append.ts`.
 */
import type { Clock, Timer } from '../ports.ts'

/** Something that waits until its deadline. `before` and `after` are the list's own. */
export interface Due<T> {
  /** On the clock of the list, in milliseconds. */
  readonly deadline: number
  /** Whether somebody awaits it: it keeps the process alive. */
  readonly attended: boolean
  before: T | undefined
  after: T | undefined
}

/** Between two looks: a list of thousands whose deadlines all differ is not walked for each of them. */
const GRAIN_MS = 5
/** A timer that should have fired so long ago was set before the clock jumped: it may be late by the whole jump. */
const JUMP_MS = 20

/** What waits, in the order it came. */
export class Deadlines<T extends Due<T>> {
  readonly #clock: Clock
  readonly #late: (due: readonly T[]) => void
  #first: T | undefined
  #last: T | undefined
  #attended = 0
  #release: (() => void) | undefined
  #timer: Timer | undefined
  /** When the timer fires. */
  #at = Infinity

  /** `late` gets what is past its deadline, and takes it out of the list. */
  constructor(clock: Clock, late: (due: readonly T[]) => void) {
    this.#clock = clock
    this.#late = late
  }

  /** Takes one that is in no list; it is `now` on the clock. */
  add(due: T, now: number): void {
    due.before = this.#last
    due.after = undefined
    if (this.#last === undefined) this.#first = due
    else this.#last.after = due
    this.#last = due
    if (due.attended && this.#attended++ === 0) this.#release = this.#clock.hold?.()
    if (due.deadline < this.#at) this.#arm(due.deadline)
    else if (this.#at < now - JUMP_MS) this.#arm(now)
  }

  /** Takes one out that is in this list: it has ended. */
  delete(due: T): void {
    const { before, after } = due
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    due.before = undefined
    due.after = undefined
    if (!due.attended || --this.#attended > 0) return
    this.#release?.()
    this.#release = undefined
  }

  /** Everything that waits. */
  all(): T[] {
    const all: T[] = []
    for (let due = this.#first; due !== undefined; due = due.after) all.push(due)
    return all
  }

  /** Looks no more. */
  close(): void {
    this.#timer?.cancel()
    this.#at = -Infinity
  }

  /** The timer stays when the list is empty: the next one that waits as long as the last needs no other. */
  #arm(at: number): void {
    this.#timer?.cancel()
    this.#at = at
    // What has come meanwhile is read first: an answer that lies in the socket is in time.
    this.#timer = this.#clock.timer(Math.max(0, at - this.#clock.now()), () => {
      this.#clock.turn(() => {
        if (this.#at === at) this.#sweep()
      })
    })
  }

  #sweep(): void {
    const now = this.#clock.now()
    this.#at = Infinity
    let next = Infinity
    const late: T[] = []
    for (let due = this.#first; due !== undefined; due = due.after) {
      if (due.deadline <= now) late.push(due)
      else if (due.deadline < next) next = due.deadline
    }
    if (late.length > 0) this.#late(late)
    // What was late may have begun something new.
    if (next < this.#at) this.#arm(Math.max(next, now + GRAIN_MS))
  }
}
