/**
 * Of each live incarnation of a session, the number of its next op: part of the state, and of the digest.
 *
 * A mark moves with every op, also with one that is refused, so it is never taken back; it comes and goes with its
 * incarnation. Keeps: O4. Read next: `space.ts`, `../../sequencer/session-table.ts`.
 */
import type { Session } from '../../sequencer/session-entry.ts'
import { addLanes, hashText, subtractLanes } from './digest.ts'
import type { Lanes } from './row.ts'

/** A live session and the number of the op that applies next: lower ones have been applied, higher are too early. */
export interface SessionMark extends Session {
  readonly next: number
}

interface Mark {
  readonly session: Session
  next: number
  lanes: Lanes
  dirty: boolean
}

const NONE: Lanes = { low: 0, high: 0 }

/** The marks of all live incarnations. */
export class SessionMarks {
  readonly #marks = new Map<number, Mark>()
  #dirty: Mark[] = []
  #sum = NONE

  /** A live session by its latest incarnation. */
  of(incarnation: number): Session | undefined {
    return this.#marks.get(incarnation)?.session
  }

  /** All of them, in the order of their sessions. */
  all(): SessionMark[] {
    const all = [...this.#marks.values()].map(({ session, next }) => ({ ...session, next }))
    return all.sort((a, b) => a.session - b.session)
  }

  open(session: Session, next = 0): void {
    const mark: Mark = { session, next, lanes: NONE, dirty: true }
    this.#marks.set(session.incarnation, mark)
    this.#dirty.push(mark)
  }

  drop(incarnation: number): void {
    const mark = this.#marks.get(incarnation)
    if (mark === undefined) return
    this.#marks.delete(incarnation)
    this.#sum = subtractLanes(this.#sum, mark.lanes)
    mark.lanes = NONE
  }

  /**
   * Where op `number` stands: below 0 it has been applied before, above 0 it is too early, 0: it was next and has taken
   * its number; `undefined`: nobody's.
   */
  take(incarnation: number, number: number): number | undefined {
    const mark = this.#marks.get(incarnation)
    if (mark === undefined) return undefined
    const ahead = number - mark.next
    if (ahead !== 0) return ahead
    mark.next++
    if (!mark.dirty) {
      mark.dirty = true
      this.#dirty.push(mark)
    }
    return 0
  }

  /** The sum over all marks. */
  lanes(): Lanes {
    for (const mark of this.#dirty) {
      mark.dirty = false
      if (this.#marks.get(mark.session.incarnation) !== mark) continue
      const lanes = hashText(JSON.stringify(['', 'sessions', mark.session, mark.next]))
      this.#sum = addLanes(subtractLanes(this.#sum, mark.lanes), lanes)
      mark.lanes = lanes
    }
    this.#dirty = []
    return this.#sum
  }
}
