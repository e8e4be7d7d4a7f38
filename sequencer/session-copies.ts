/**
 * The table of sessions of a log whose beginning was trimmed: from a copy that stands further on.
 *
 *     trim ──── end of A ──── (copy as of here) ──── B opened ──── copy: A is gone, C lives ────▶ C and B
 *                                                      └ applied anew on top of the copy
 *
 * A machine. Who starts at the trim mark knows what was opened behind it, and with the first copy as of there or later
 * everything. Copies are written with every checkpoint (`../objects/retention/publish.ts`), and a log is trimmed below
 * one only. Keeps: O5, P27. Read next: `session-entry.ts`, `session-table.ts`.
 */
import type { Session, SessionEntry, SessionsPart } from './session-entry.ts'
import type { EntryPlace, SessionTable } from './session-table.ts'

/** Entries that are kept for a copy: where none comes, what is known has to do. */
const KEPT_MAX = 2 ** 18

/** What a copy has changed. */
export interface Completed {
  readonly opened: readonly Session[]
  readonly gone: readonly Session[]
}

const NOTHING: Completed = { opened: [], gone: [] }

/** Completes one table. */
export class SessionCopies {
  readonly #from: number
  readonly #kept: { readonly place: EntryPlace; readonly entry: SessionEntry }[] = []
  #parts: SessionsPart[] = []
  #isOver = false

  /** `from`: the first position that the table has heard of. */
  constructor(from: number) {
    this.#from = from
    this.#isOver = from === 0
  }

  /** Whether it has nothing to do any more. */
  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * Takes the next entry, which the table has applied. Where it completes a copy the table is made anew of that and of
   * all entries behind it; gives the sessions that were not known before, and those that are none any more.
   */
  take(place: EntryPlace, entry: SessionEntry, table: SessionTable): Completed {
    if (this.#isOver) return NOTHING
    if (entry.kind !== 'sessions') {
      if (this.#kept.length >= KEPT_MAX) this.#end()
      else this.#kept.push({ place, entry })
      return NOTHING
    }
    const isFirst = entry.part === 0
    const isNext = entry.part === this.#parts.length && entry.asOf === this.#parts[0]?.asOf
    if (entry.asOf < this.#from || (!isFirst && !isNext)) return NOTHING
    this.#parts = isFirst ? [entry] : [...this.#parts, entry]
    if (this.#parts.length < entry.parts) return NOTHING
    const known = new Map(table.all().map((session) => [session.incarnation, session]))
    table.load(this.#parts.flatMap(({ sessions }) => sessions))
    for (const one of this.#kept) if (one.place.position >= entry.asOf) table.apply(one.place, one.entry)
    this.#end()
    return {
      opened: table.all().filter(({ incarnation }) => !known.has(incarnation)),
      gone: [...known.values()].filter(({ incarnation }) => table.live(incarnation) === undefined),
    }
  }

  #end(): void {
    this.#isOver = true
    this.#kept.length = 0
    this.#parts = []
  }
}
