/**
 * The sessions of a space and, of each, the number of its next op: part of the state, and of the digest.
 *
 * A mark moves with every op, also with one that is refused, so it is never taken back. Beyond SESSIONS_MAX marks the
 * session that opens takes the place of one that did nothing for long: the oldest that had no op since its last turn
 * (the clock of paging). Nothing of that one applies any more, so O4 holds. Keeps: O4. Read next: `space.ts`.
 */
import { addLanes, hashText, subtractLanes } from './digest.ts'
import type { Lanes } from './records.ts'

/** A session: named by the position that opened it. */
export interface SessionMark {
  readonly session: number
  readonly name: string
  /** The number of the op that applies next: lower ones have been applied, higher ones came too early. */
  readonly next: number
}

/** `used`: position of its last op; `seen`: what that was at its last turn. */
interface Mark {
  readonly session: number
  readonly name: string
  next: number
  used: number
  seen: number
  lanes: Lanes
  dirty: boolean
}

/** Sessions remembered: more than can be at work at once, far below what a Map can hold. */
export const SESSIONS_MAX = 2 ** 18

const NONE: Lanes = { low: 0, high: 0 }

/** The marks of all sessions. */
export class SessionMarks {
  readonly #max: number
  readonly #marks = new Map<number, Mark>()
  #dirty: Mark[] = []
  #sum = NONE

  constructor(max = SESSIONS_MAX) {
    this.#max = max
  }

  get(session: number): SessionMark | undefined {
    return this.#marks.get(session)
  }

  /** All of them, in the order of their positions. */
  all(): SessionMark[] {
    const all = [...this.#marks.values()].map(({ session, name, next }) => ({ session, name, next }))
    return all.sort((a, b) => a.session - b.session)
  }

  open(session: number, name: string): void {
    if (this.#marks.size >= this.#max) this.#forgetOne()
    const mark: Mark = { session, name, next: 0, used: session, seen: session, lanes: NONE, dirty: true }
    this.#marks.set(session, mark)
    this.#dirty.push(mark)
  }

  /**
   * Where op `number` stands: below 0 it has been applied before, above 0 it is too early, 0: it was next and has taken
   * its number.
   */
  take(session: number, number: number, position: number): number | undefined {
    const mark = this.#marks.get(session)
    if (mark === undefined) return undefined
    mark.used = position
    const ahead = number - mark.next
    if (ahead !== 0) return ahead
    mark.next++
    if (!mark.dirty) {
      mark.dirty = true
      this.#dirty.push(mark)
    }
    return 0
  }

  /** Each that was used since its last turn gets another one. */
  #forgetOne(): void {
    for (const mark of this.#marks.values()) {
      this.#marks.delete(mark.session)
      if (mark.used === mark.seen) {
        this.#leaveOut(mark)
        return
      }
      mark.seen = mark.used
      this.#marks.set(mark.session, mark)
    }
  }

  #leaveOut(mark: Mark): void {
    this.#sum = subtractLanes(this.#sum, mark.lanes)
    this.#dirty = mark.dirty ? this.#dirty.filter((other) => other !== mark) : this.#dirty
  }

  /** The sum over all marks. */
  lanes(): Lanes {
    for (const mark of this.#dirty) {
      const lanes = hashText(
        JSON.stringify(['', 'sessions', String(mark.session), { name: mark.name, next: mark.next }]),
      )
      this.#sum = addLanes(subtractLanes(this.#sum, mark.lanes), lanes)
      mark.lanes = lanes
      mark.dirty = false
    }
    this.#dirty = []
    return this.#sum
  }
}
