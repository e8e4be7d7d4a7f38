/**
 * What became of sessions, as the keeper saw it and as their own clients did; and what the state was, by positions.
 *
 *     opened ── alive, alive, alive ──────┤  (their client counts on them, by its own clocks)
 *                                            ended, as the keeper saw it: it was decided by then
 *
 * It is held in memory: a run has some sessions a minute. Read next: `recorder.ts`, `object-judge.ts`.
 */
import { clientOfSession, isLoadSession } from './loads.ts'

/** One session. Instants are nanoseconds; `endAt` and `endPosition` are at infinity while it lives. */
export interface SessionFact {
  readonly position: number
  readonly name: string
  readonly timeoutMs: number
  readonly openedAt: number
  endAt: number
  endPosition: number
  /** 0: its owner ended it. */
  endEpoch: number
  ends: number
  /** When its client counted on it last. */
  aliveAt: number
}

/** A client that was killed. */
export interface Kill {
  readonly client: number
  readonly at: number
}

/** Digests that wait for another one of their position. */
const DIGESTS_MAX = 20_000

/** All sessions of a run. */
export class SessionFacts {
  readonly sessions = new Map<number, SessionFact>()
  readonly kills: Kill[] = []
  readonly violations: string[] = []
  /** Digests that were compared with one of another client. */
  compared = 0
  readonly #aliveAt = new Map<number, number>()
  /** Which of several openings of one name came to be used. */
  readonly #used = new Map<string, number>()
  readonly #digests = new Map<number, readonly [digest: string, by: string]>()

  /** Takes a line of a client; false: it is none of these. */
  take(by: string, words: readonly string[]): boolean {
    const [kind, at, first, second, third] = words
    switch (kind) {
      case 'opened':
        this.#opened(Number(at), Number(first), Number(second), third ?? '')
        return true
      case 'ended':
        this.#ended(Number(at), Number(first), Number(second), Number(third))
        return true
      case 'alive':
        for (let i = 2; i < words.length; i += 2) this.#alive(Number(at), Number(words[i]), words[i + 1] ?? '')
        return true
      case 'digest':
        this.#digest(by, Number(first), second ?? '')
        return true
      default:
        return false
    }
  }

  /** The session of a name that ops name; `undefined` where it is not known which one it was. */
  of(name: string): SessionFact | undefined {
    const used = this.#used.get(name)
    if (used !== undefined) return this.sessions.get(used)
    const all = [...this.sessions.values()].filter((one) => one.name === name)
    return all.length === 1 ? all[0] : undefined
  }

  /** Sessions of a client that were not over at an instant, as far as is known. */
  liveOf(client: number, at: number): SessionFact[] {
    return [...this.sessions.values()].filter(
      (one) => isLoadSession(one.name) && clientOfSession(one.name) === client && one.openedAt < at && one.endAt > at,
    )
  }

  #opened(at: number, position: number, timeoutMs: number, name: string): void {
    if (this.sessions.has(position)) return
    const aliveAt = this.#aliveAt.get(position) ?? 0
    const end = { endAt: Infinity, endPosition: Infinity, endEpoch: 0, ends: 0 }
    this.sessions.set(position, { position, name, timeoutMs, openedAt: at, aliveAt, ...end })
  }

  #ended(at: number, position: number, session: number, epoch: number): void {
    const fact = this.sessions.get(session)
    if (fact === undefined) return
    fact.ends++
    if (fact.ends > 1) this.violations.push(`O5: session ${fact.name} at ${session} has ended ${fact.ends} times`)
    fact.endAt = Math.min(fact.endAt, at)
    fact.endPosition = Math.min(fact.endPosition, position)
    fact.endEpoch = epoch
  }

  #alive(at: number, session: number, name: string): void {
    this.#used.set(name, session)
    this.#aliveAt.set(session, Math.max(at, this.#aliveAt.get(session) ?? 0))
    const fact = this.sessions.get(session)
    if (fact !== undefined) fact.aliveAt = Math.max(fact.aliveAt, at)
  }

  #digest(by: string, position: number, digest: string): void {
    const known = this.#digests.get(position)
    if (known === undefined) {
      this.#digests.set(position, [digest, by])
      const [oldest] = this.#digests.keys()
      if (this.#digests.size > DIGESTS_MAX && oldest !== undefined) this.#digests.delete(oldest)
      return
    }
    const [other, who] = known
    if (who === by) return
    this.compared++
    if (other !== digest) {
      this.violations.push(`O3: at position ${position} ${by} has the digest ${digest}, ${who} has ${other}`)
    }
  }
}
