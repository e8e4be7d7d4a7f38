/**
 * The sessions of a space and, of each, the number of its next op: part of the state, and of the digest.
 *
 * A mark moves with every op, also with one that is refused, so it is never taken back. Keeps: O4.
 * Read next: `space.ts`.
 */
import { addLanes, hashText } from './digest.ts'
import type { Lanes } from './records.ts'

/** A session: named by the position that opened it. */
export interface SessionMark {
  readonly session: number
  readonly name: string
  /** The number of the op that applies next: lower ones have been applied, higher ones came too early. */
  readonly next: number
}

interface Mark { readonly session: number; readonly name: string; next: number; lanes: Lanes; dirty: boolean }

const NONE: Lanes = { low: 0, high: 0 }

/** The marks of all sessions. */
export class SessionMarks {
  readonly #marks = new Map<number, Mark>()
  #dirty: Mark[] = []
  #sum = NONE

  get(session: number): SessionMark | undefined { return this.#marks.get(session) }

  /** All of them, in the order of their positions. */
  all(): SessionMark[] { return [...this.#marks.values()].map(({ session, name, next }) => ({ session, name, next })) }

  open(session: number, name: string): void {
    const mark: Mark = { session, name, next: 0, lanes: NONE, dirty: true }
    this.#marks.set(session, mark)
    this.#dirty.push(mark)
  }

  /** Where op `number` stands: below 0 it has been applied before, above 0 it is too early, 0: it was next and has taken its number. */
  take(session: number, number: number): number | undefined {
    const mark = this.#marks.get(session)
    if (mark === undefined) return undefined
    const ahead = number - mark.next
    if (ahead !== 0) return ahead
    mark.next++
    if (!mark.dirty) { mark.dirty = true; this.#dirty.push(mark) }
    return 0
  }

  /** The sum over all marks. */
  lanes(): Lanes {
    for (const mark of this.#dirty) {
      const lanes = hashText(JSON.stringify(['', 'sessions', String(mark.session), { name: mark.name, next: mark.next }]))
      this.#sum = addLanes(this.#sum, { low: lanes.low - mark.lanes.low, high: lanes.high - mark.lanes.high })
      mark.lanes = lanes
      mark.dirty = false
    }
    this.#dirty = []
    return this.#sum
  }
}
