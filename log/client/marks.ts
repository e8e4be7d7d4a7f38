/**
 * Marks on their way from the writer to the units: they ride in front of the next frame to the same units, leave by
 * themselves when there is none for a moment, and at once when somebody else waits for the entries.
 *
 * Losing one costs time only: the sequencer's process finds out again what is decided (L11). Keeps: P51.
 * Read next: `append.ts`, `../unit/unit.ts` (`mark`).
 */
import type { Cluster } from '../cluster/cluster.ts'
import type { UnitMember } from '../layout.ts'
import type { Timer } from '../ports.ts'
import { writeMarks, type Mark } from '../wire/messages.ts'

/** What all of `units` are to be told. */
export interface Marks {
  readonly epoch: number
  readonly units: readonly UnitMember[]
  readonly marks: readonly Mark[]
}

/** The marks of one client. */
export class MarkQueue {
  readonly #cluster: Cluster
  #waiting: Marks[] = []
  #timer: Timer | undefined

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  add(marks: Marks, { atOnce }: { readonly atOnce: boolean }): void {
    this.#waiting.push(marks)
    if (atOnce) {
      this.flush()
      return
    }
    this.#timer ??= this.#cluster.ports.clock.timer(this.#cluster.limits.markIdleMs, () => {
      this.#timer = undefined
      this.flush()
    })
  }

  /** Lets marks ride in front of a frame that goes to the same units right now. */
  ride(units: readonly UnitMember[]): void {
    const left: Marks[] = []
    for (const one of this.#waiting) {
      if (one.units === units) this.#tell(one, true)
      else left.push(one)
    }
    this.#waiting = left
    if (left.length > 0) return
    // Else one append at a time would wake its process up a second time.
    this.#timer?.cancel()
    this.#timer = undefined
  }

  flush(): void {
    for (const one of this.#waiting.splice(0)) this.#tell(one, false)
  }

  close(): void {
    this.flush()
    this.#timer?.cancel()
  }

  #tell({ epoch, units, marks }: Marks, rides: boolean): void {
    const body = writeMarks(epoch, marks)
    for (const unit of units) this.#cluster.peer(unit.address).notify('marks', body, { rides })
  }
}
