/**
 * The life of a session: opened or resumed, kept alive by heartbeats, lost or closed, and ended in the log.
 *
 *     new ── first op or resume ──▶ connected ◀──▶ doubtful ──▶ lost
 *                                       └── close ──▶ closed         lost, closed: `end` is appended until decided
 *
 * A session that is lost here stays lost: its heartbeats end, its holder stops counting on it, and an end by its owner
 * is appended so that others need not wait for its timeout (finding 6). Keeps: O5, O7. Read next: `heart.ts`,
 * `session.ts`, `../../sequencer/session-table.ts`.
 */
import { sha256 } from '../../log/bytes/hash.ts'
import { momentOf, since, type Moment } from '../../log/cluster/moments.ts'
import { Backoff } from '../../log/cluster/retry.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import { encodeEnd, encodeOpen, encodeResume, type Identity, type SessionInfo } from '../../sequencer/session-entry.ts'
import { entryOf } from './call.ts'
import { DOUBTFUL_AT, LOST_AT, type Beating } from './heart.ts'
import type { View } from './view.ts'

/** Where a session stands, as its own process sees it. */
export type SessionState = 'new' | 'connected' | 'doubtful' | 'lost' | 'closed'

/** What lets another process go on with a session. */
export interface Ticket {
  readonly session: number
  readonly incarnation: number
  readonly secret: string
}

/** How a session is made. */
export interface SessionOptions {
  /** For people. */
  readonly name: string
  /** After so long without a confirmed heartbeat it is ended: from 2,000 to 3,600,000 ms. */
  readonly timeoutMs?: number | undefined
  readonly ids?: readonly Identity[] | undefined
  readonly resume?: Ticket | undefined
}

/** The timeout of a session unless told. */
export const SESSION_TIMEOUT_MS = 10_000
/** Calls within so long of a look at the clocks do not look again: far below what any timeout differs by. */
const GLANCE_MS = 5

/** What a life reports to its session. */
export interface LifeEvents {
  /** It has an incarnation: ops may be sent. */
  opened(incarnation: number): void
  state(state: SessionState): void
  /** It is over, and why. */
  over(error: SirtakiError): void
}

/** One life, from opening to end. */
export class SessionLife implements Beating {
  readonly name: string
  readonly timeoutMs: number
  readonly secret: string
  confirmedAt: Moment
  readonly #view: View
  readonly #events: LifeEvents
  /** Whom it speaks for. */
  readonly ids: readonly Identity[]
  readonly #resume: Ticket | undefined
  #state: SessionState = 'new'
  #session: number | undefined
  #incarnation: number | undefined
  #isOpening = false
  #lookedAt = -Infinity
  /** Its end is decided, or nobody's business any more. */
  #isEnded = false
  #ended: (() => void) | undefined

  constructor(
    view: View,
    { name, timeoutMs = SESSION_TIMEOUT_MS, ids = [], resume }: SessionOptions,
    events: LifeEvents,
  ) {
    this.name = name
    this.timeoutMs = timeoutMs
    this.secret = resume?.secret ?? view.log.random.id()
    this.confirmedAt = momentOf(view.log.clock)
    this.#view = view
    this.ids = ids
    this.#resume = resume
    this.#events = events
  }

  get state(): SessionState {
    return this.#state
  }
  get isOver(): boolean {
    return this.#state === 'lost' || this.#state === 'closed'
  }
  /** Whether its process may count on it, by the clocks as they are: a question that changes nothing. */
  get isCountedOn(): boolean {
    const age = since(this.#view.log.clock, this.confirmedAt)
    return !this.isOver && this.#incarnation !== undefined && age < LOST_AT * this.timeoutMs
  }
  /** What names the session in the log: the position that opened it. */
  get session(): number | undefined {
    return this.#session
  }
  /** @throws never: 0 is no incarnation of anybody before it is opened. */
  get incarnation(): number {
    return this.#incarnation ?? -1
  }
  get ticket(): Ticket | undefined {
    const { secret } = this
    return this.#session === undefined ? undefined : { session: this.#session, incarnation: this.incarnation, secret }
  }

  /** Opens or resumes it, once. */
  begin(): void {
    if (this.#isOpening || this.isOver) return
    this.#isOpening = true
    void this.#open()
  }

  confirmed(sent: Moment): void {
    if (this.isOver) return
    if (since(this.#view.log.clock, sent) < since(this.#view.log.clock, this.confirmedAt)) this.confirmedAt = sent
    this.look()
  }

  /** Looks, unless it just did: what a machine's uptime costs would be a tenth of a call. */
  glance(): void {
    const now = this.#view.log.clock.now()
    if (now - this.#lookedAt < GLANCE_MS) return
    this.#lookedAt = now
    this.look()
  }

  look(): void {
    if (this.isOver || this.#incarnation === undefined) return
    const age = since(this.#view.log.clock, this.confirmedAt)
    if (age >= LOST_AT * this.timeoutMs) {
      this.lose(
        lost(`session ${this.name} was not confirmed for ${Math.round(age)} of its ${this.timeoutMs} ms`, 'unknown'),
      )
    } else this.#become(age >= DOUBTFUL_AT * this.timeoutMs ? 'doubtful' : 'connected')
  }

  /** The view has applied the end of this incarnation: what was not applied before will not be. */
  endedInLog(): void {
    this.#isEnded = true
    this.#ended?.()
    this.lose(lost(`session ${this.name} has ended`, 'again'))
  }

  /** The view has applied that another process has taken the session over. */
  moved(): void {
    this.#isEnded = true
    this.lose(new SirtakiError('SESSION_MOVED', `session ${this.name} goes on in another process`))
  }

  /** What opened or resumed it was not taken. */
  refused(): void {
    this.#isEnded = true
    this.lose(
      this.#resume === undefined
        ? new SirtakiError('TOO_MANY', 'the space takes no more sessions')
        : lost(`session ${this.#resume.session} has ended, or has been resumed by another process`, 'stop'),
    )
  }

  /** Loses it here, for good. */
  lose(error: SirtakiError): void {
    if (this.isOver) return
    this.#stop('lost', error)
    void this.#end(false)
  }

  /** Closes it; settles when its end is applied here, or after `withinMs`. */
  async close(withinMs: number): Promise<void> {
    if (this.isOver) return
    this.#stop('closed', new SirtakiError('CLOSED', `session ${this.name} is closed`))
    if (this.#incarnation === undefined && !this.#isOpening) return
    const { clock } = this.#view.log
    await new Promise<void>((resolve) => {
      const timer = clock.timer(withinMs, resolve)
      this.#ended = () => {
        timer.cancel()
        resolve()
      }
      void this.#end(true)
    })
  }

  #stop(state: 'lost' | 'closed', error: SirtakiError): void {
    this.#view.heart.remove(this)
    this.#become(state)
    this.#events.over(error)
  }

  #become(state: SessionState): void {
    if (state === this.#state) return
    this.#state = state
    this.#events.state(state)
  }

  /** Appends the end by its owner until it is decided. A session that is being opened ends when it is. */
  async #end(clean: boolean): Promise<void> {
    const { log } = this.#view
    const backoff = new Backoff(log, log.limits)
    while (!this.#isEnded && this.#incarnation !== undefined && this.#view.stopped?.code !== 'CLOSED') {
      try {
        const payload = encodeEnd(this.#incarnation, 0, clean)
        const appended = await log.append(payload, { streams: [0, this.#view.stream], background: !clean })
        this.#isEnded = true
        this.#view.offer(entryOf(appended, payload))
        // Its own view may be behind: the end is played soon, and nobody waits for it longer than `close` says.
        if (clean) await this.#view.playTo(appended.position + 1).catch(() => undefined)
      } catch (thrown) {
        const error = asError(thrown)
        if (error.code === 'CLOSED' || error.next === 'stop') break
        await backoff.wait()
      }
    }
    if (this.#incarnation !== undefined || !this.#isOpening) this.#ended?.()
  }

  async #open(): Promise<void> {
    const { log, stream } = this.#view
    const backoff = new Backoff(log, log.limits)
    const payload =
      this.#resume === undefined ? encodeOpen(this.#info()) : encodeResume(this.#resume.incarnation, this.#info())
    while (!this.isOver) {
      const sent = momentOf(log.clock)
      try {
        const appended = await log.append(payload, { streams: [0, stream], background: true })
        // 0 is nobody where records are owned: a session at that position is opened once more, and expires.
        if (appended.position === 0) continue
        this.#opened(appended.position, sent)
        this.#view.offer(entryOf(appended, payload))
        return
      } catch (thrown) {
        const error = asError(thrown)
        if (error.code === 'CLOSED' || error.next === 'stop') {
          if (!this.isOver) this.#stop('lost', error)
        } else await backoff.wait()
      }
    }
    this.#ended?.()
  }

  #opened(position: number, sent: Moment): void {
    this.#incarnation = position
    this.#session = this.#resume?.session ?? position
    this.confirmedAt = sent
    if (this.isOver) {
      void this.#end(this.#state === 'closed')
      return
    }
    this.#become('connected')
    this.#view.heart.add(this)
    this.#events.opened(position)
  }

  #info(): SessionInfo {
    const { name, timeoutMs, secret } = this
    const { process, types } = this.#view
    return {
      name,
      timeoutMs,
      ids: this.ids,
      types: types.map((type) => [type.name, type.version]),
      process,
      secretHash: sha256(secret),
    }
  }
}

const lost = (why: string, next: 'again' | 'unknown' | 'stop'): SirtakiError =>
  new SirtakiError('SESSION_LOST', why, { next })
