/**
 * The live sessions, folded from the entries of stream 0: by every space for itself, and by the sequencer's keeper.
 *
 *     open ──▶ live ── resume ──▶ live, as another incarnation ── end ──▶ gone
 *                                    └ ops, heartbeats and ends of the older one are nobody's
 *     restored: all of a space are gone
 *
 * A machine: equal entries, equal tables, on every reader. Entries count only on exactly the streams {0, s} of the
 * space s that a session belongs to, so that readers of 0 and of s fold the same ones. An end decided by a sequencer
 * counts only with a token of its own epoch: a deposed one appends with tokens of its successor. Keeps: O5.
 * Read next: `session-entry.ts`, `expiry.ts`.
 */
import type { Session, SessionEntry, SessionInfo } from './session-entry.ts'

export type { Session } from './session-entry.ts'

/** Live sessions of one log: an opening beyond is none. */
export const SESSIONS_MAX = 2 ** 18

/** Where an entry stands. `epoch` is that of its token, `streams` are all that it stands on. */
export interface EntryPlace {
  readonly position: number
  readonly epoch: number
  readonly streams: readonly number[]
}

/** What an entry changed. */
export type SessionChange =
  | { readonly kind: 'opened'; readonly session: Session }
  | { readonly kind: 'resumed'; readonly session: Session; readonly before: Session }
  /** `epoch`: of the sequencer that ended it; 0: its owner. */
  | { readonly kind: 'ended'; readonly session: Session; readonly clean: boolean; readonly epoch: number }
  /** The log was restored: all sessions of the space, which are over. */
  | { readonly kind: 'restored'; readonly gone: readonly Session[] }

/** The table of live sessions. */
export class SessionTable {
  readonly #max: number
  readonly #byIncarnation = new Map<number, Session>()
  /** By id, in order of ids: they are positions, and a resume keeps its place. */
  readonly #bySession = new Map<number, Session>()

  constructor(max = SESSIONS_MAX) {
    this.#max = max
  }

  /** Applies one entry, in order of positions; gives what it changed. */
  apply(entry: EntryPlace, decoded: SessionEntry): SessionChange | undefined {
    const space = spaceOf(entry.streams)
    if (space === undefined) return undefined
    switch (decoded.kind) {
      case 'open':
        return this.#open(entry.position, space, decoded.info)
      case 'resume': {
        const before = this.#liveIn(space, decoded.incarnation)
        return before === undefined ? undefined : this.#resume(entry.position, before, decoded.info)
      }
      case 'end': {
        const session = this.#liveIn(space, decoded.incarnation)
        const counts = decoded.epoch === 0 || decoded.epoch === entry.epoch
        return session === undefined || !counts ? undefined : this.#end(session, decoded)
      }
      case 'restored': {
        const gone = this.all().filter((session) => session.space === space)
        for (const session of gone) this.#drop(session)
        return { kind: 'restored', gone }
      }
      case 'tick':
      case 'sessions':
        return undefined
      default:
        return decoded satisfies never
    }
  }

  /** The session of an incarnation, if it is the latest of a live one. */
  live(incarnation: number): Session | undefined {
    return this.#byIncarnation.get(incarnation)
  }

  /** A live session by its id. */
  ofSession(session: number): Session | undefined {
    return this.#bySession.get(session)
  }

  /** All live sessions, in order of their ids. */
  all(): Session[] {
    return [...this.#bySession.values()]
  }

  get size(): number {
    return this.#bySession.size
  }

  /** Takes a copy of a table in place of its own. */
  load(sessions: readonly Session[]): void {
    this.#byIncarnation.clear()
    this.#bySession.clear()
    for (const one of sessions.toSorted((a, b) => a.session - b.session)) this.#put(one)
  }

  #open(position: number, space: number, info: SessionInfo): SessionChange | undefined {
    if (this.size >= this.#max) return undefined
    const session = { session: position, incarnation: position, space, ...info }
    this.#put(session)
    return { kind: 'opened', session }
  }

  #resume(position: number, before: Session, info: SessionInfo): SessionChange {
    const session = { session: before.session, incarnation: position, space: before.space, ...info }
    this.#byIncarnation.delete(before.incarnation)
    this.#put(session)
    return { kind: 'resumed', session, before }
  }

  #end(session: Session, { clean, epoch }: { readonly clean: boolean; readonly epoch: number }): SessionChange {
    this.#drop(session)
    return { kind: 'ended', session, clean, epoch }
  }

  #drop({ incarnation, session }: Session): void {
    this.#byIncarnation.delete(incarnation)
    this.#bySession.delete(session)
  }

  #put(session: Session): void {
    this.#byIncarnation.set(session.incarnation, session)
    this.#bySession.set(session.session, session)
  }

  #liveIn(space: number, incarnation: number): Session | undefined {
    const session = this.#byIncarnation.get(incarnation)
    return session?.space === space ? session : undefined
  }
}

/** The space of an entry that stands on exactly {0, s}; `undefined` of any other. */
function spaceOf(streams: readonly number[]): number | undefined {
  const [a = 0, b = 0] = streams
  return streams.length === 2 && Math.min(a, b) === 0 && a !== b ? Math.max(a, b) : undefined
}
