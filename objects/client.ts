/**
 * The client of the objects: sessions and handles over one view of the space `/`.
 *
 *     ObjectClient ─ one View (one player, one state) ─ many Sessions ─ handles
 *
 * Read next: `define-object.ts`, `runtime/view.ts`, `runtime/session.ts`.
 */
import { sha256 } from '../log/bytes/hash.ts'
import type { LogClient } from '../log/client/client.ts'
import { badArgument } from '../log/cluster/arguments.ts'
import type { CallOptions } from '../log/cluster/calls.ts'
import { SirtakiError } from '../log/errors.ts'
import { SESSION_TIMEOUT_MS_MIN, type Identity } from '../sequencer/session-entry.ts'
import type { Handle, ObjectType } from './define-object.ts'
import { Counter } from './counter/type.ts'
import { makeHandle, type ObjectPort } from './handle.ts'
import {
  acquire,
  lockInput,
  semaphoreInput,
  tryAcquire,
  type Held,
  type LockOptions,
  type SemaphoreOptions,
} from './lock/lock.ts'
import { Lock } from './lock/type.ts'
import { Queue } from './queue/type.ts'
import type { Digest } from './runtime/digest.ts'
import { isObjectPath } from './runtime/entry.ts'
import type { AnyObjectType } from './runtime/object-type.ts'
import type { SessionState, Ticket } from './runtime/session-life.ts'
import type { SessionMark } from './runtime/session-marks.ts'
import { Session } from './runtime/session.ts'
import { spaceLogOf, type SpaceLog } from './runtime/space-log.ts'
import { View, type SyncOptions } from './runtime/view.ts'

/** Types that every client knows. */
const ours: readonly AnyObjectType[] = [Counter, Lock, Queue]

/** The stream of the space `/`. Stream 0 is that of sessions. */
export const ROOT_STREAM = 1

/** The longest timeout that a session of this library asks for. */
export const SESSION_TIMEOUT_MS_MAX = 3_600_000

/** What happens to handles when their session is lost: another one is opened, or they fail from there on. */
export type OnLost = 'reopen' | 'stop'

/** How a session is made. */
export interface ObjectSessionOptions {
  /** For people. */
  readonly name?: string | undefined
  /** After so long without a confirmed heartbeat the session ends: from 2,000 ms to an hour, 10,000 unless told. */
  readonly timeoutMs?: number | undefined
  /** Whom it speaks for, such as ['digest', 'ann:...']. Nobody checks that yet. */
  readonly identities?: readonly Identity[] | undefined
  readonly onLost?: OnLost | undefined
  /** Goes on with the session of another process, whose `ticket()` this is. */
  readonly resume?: Ticket | undefined
}

/** How the objects of a log are opened. The client's own session is made of the same options. */
export interface ObjectClientOptions extends ObjectSessionOptions {
  /** Types that are known before anything is played: a type that is opened later is played anew from the start. */
  readonly types?: readonly AnyObjectType[] | undefined
}

/** The objects of one cluster, as one process sees them. The log's client belongs to whoever made it. */
export class ObjectClient implements AsyncDisposable {
  readonly #view: View
  readonly #options: ObjectSessionOptions
  readonly #sessions = new Set<ObjectSession>()
  readonly #own: ObjectSession

  constructor(log: LogClient | SpaceLog, { types = [], ...options }: ObjectClientOptions = {}) {
    this.#view = new View('cluster' in log ? spaceLogOf(log) : log, ROOT_STREAM, [
      ...ours,
      ...types.filter((type) => !ours.includes(type)),
    ])
    this.#options = { name: 'client', ...options }
    this.#own = this.#make(this.#options)
  }

  /**
   * The last position whose entry, if it is one of the space, has been applied; -1 before the first. Never goes back.
   */
  get position(): number {
    return this.#view.position
  }
  /** The session of the handles that the client itself opens. */
  get own(): ObjectSession {
    return this.#own
  }

  /**
   * Opens an object for the client's own session. Nothing is appended: an object is made by its first op.
   *
   * @throws as `ObjectSession.open`.
   */
  open<S, T, O extends object>(
    type: ObjectType<S, T, O>,
    path: string,
    options: CallOptions = {},
  ): Promise<Handle<S, T, O>> {
    return this.#own.open(type, path, options)
  }

  /** Acquires a lock for the client's own session. @throws as `ObjectSession.lock`. */
  lock(path: string, options?: LockOptions): Promise<Held> {
    return this.#own.lock(path, options)
  }
  /** @throws as `ObjectSession.tryLock`. */
  tryLock(path: string, options?: LockOptions): Promise<Held | undefined> {
    return this.#own.tryLock(path, options)
  }
  /** @throws as `ObjectSession.semaphore`. */
  semaphore(path: string, options: SemaphoreOptions): Promise<Held> {
    return this.#own.semaphore(path, options)
  }

  /**
   * Makes another session over the same view; its first op opens it. With `resume`, the session of another process
   * goes on here: what it holds stays its own, and the other process is told `SESSION_MOVED`.
   *
   * @throws SirtakiError `BAD_ARGUMENT`; of a resume `SESSION_LOST` when the session has ended or the secret is wrong.
   */
  async session(options: ObjectSessionOptions = {}): Promise<ObjectSession> {
    const { name } = this.#options
    if (options.resume === undefined) return this.#make({ name, ...options })
    await this.#view.sync()
    const session = this.#make({ name, ...options, resume: requireTicket(this.#view, options.resume) })
    await session.resumed()
    return session
  }

  /**
   * Plays up to the tail as of now, or to `atLeast`, inclusive.
   *
   * @throws SirtakiError `TIMEOUT`, `ABORTED`, next `again`; `BAD_ARGUMENT`; why playing cannot go on: `STOPPED`,
   *   `TRIMMED`, `CLOSED`.
   */
  sync(options: SyncOptions = {}): Promise<void> {
    return this.#view.sync(options)
  }

  /** The digest of the state at `position`: equal positions, equal digests, on every client. */
  digest(): Digest {
    return this.#view.digest()
  }

  /** All sessions that the space knows, in the order of their opening. */
  sessions(): SessionMark[] {
    return this.#view.sessions()
  }

  /** Ends sessions, each in the log, and playing. The log's client stays open. */
  async close(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.close()))
    this.#view.close()
    this.#sessions.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #make(options: ObjectSessionOptions): ObjectSession {
    const session = new ObjectSession(this.#view, options, () => {
      this.#sessions.delete(session)
    })
    this.#sessions.add(session)
    return session
  }
}

/**
 * One session: its ops apply in the order they were called, and what it owns goes when it ends.
 *
 * After a loss its handles go on in another session (unless `onLost` is `stop`); what the lost one held is not its own
 * any more.
 */
export class ObjectSession implements AsyncDisposable {
  readonly #view: View
  readonly #options: ObjectSessionOptions
  readonly #closed: () => void
  readonly #listeners = new Set<(state: SessionState) => void>()
  #session: Session
  #isClosed = false

  constructor(view: View, options: ObjectSessionOptions, closed: () => void) {
    this.#view = view
    this.#options = checkedOptions(options)
    this.#closed = closed
    this.#session = this.#begin(options.resume)
  }

  get name(): string {
    return this.#session.name
  }
  /** What names the session in the log: the position that opened it; `undefined` before its first op. */
  get position(): number | undefined {
    return this.#session.position
  }
  get state(): SessionState {
    return this.#session.state
  }
  /** Aborts when the session at hand is lost or closed; another one has another signal. */
  get signal(): AbortSignal {
    return this.#session.signal
  }

  /** Calls `listener` with every state that the session gets into; gives what ends that. */
  onState(listener: (state: SessionState) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** What lets another process go on with the session; `undefined` before it is open. */
  ticket(): Ticket | undefined {
    return this.#session.ticket
  }

  /**
   * Opens an object for this session. Nothing is appended: an object is made by its first op.
   *
   * @throws SirtakiError `BAD_ARGUMENT` for what is no type or no path; `MISUSE`; `CLOSED`; where the type has to be
   *   played anew also `TRIMMED`, `STOPPED`, and `TIMEOUT` or `ABORTED`, next `again`.
   */
  async open<S, T, O extends object>(
    type: ObjectType<S, T, O>,
    path: string,
    options: CallOptions = {},
  ): Promise<Handle<S, T, O>> {
    requireType(type)
    requirePath(path)
    await this.#view.register(type, options)
    return makeHandle(type, path, { view: this.#view, session: () => this.current() })
  }

  /**
   * Acquires a lock: the only writer, or with `shared` one of many readers. First come, first served.
   *
   * @throws SirtakiError `TIMEOUT`, `ABORTED`: nothing is held then; `ALREADY_HELD` on wish; `BAD_ARGUMENT` for a wait
   *   without timeoutMs, signal or `forever: true`; `SESSION_LOST`; `WRONG_TYPE`; as any op.
   */
  lock(path: string, options: LockOptions = {}): Promise<Held> {
    return this.#with(path, (port) => acquire(port, path, lockInput(options), options))
  }

  /** As `lock`; `undefined` where it would wait. */
  tryLock(path: string, options: LockOptions = {}): Promise<Held | undefined> {
    return this.#with(path, (port) => tryAcquire(port, path, lockInput(options), options))
  }

  /**
   * Acquires permits of a semaphore.
   *
   * @throws SirtakiError `OVER_CAPACITY` when so many never fit, or the capacity is another one; else as `lock`.
   */
  semaphore(path: string, options: SemaphoreOptions): Promise<Held> {
    return this.#with(path, (port) => acquire(port, path, semaphoreInput(options), options))
  }

  async #with<R>(path: string, run: (port: ObjectPort) => Promise<R>): Promise<R> {
    requirePath(path)
    return run({ view: this.#view, session: () => this.current() })
  }

  /** The session at hand; another one where that was lost. @throws SirtakiError why there is none. */
  current(): Session {
    const { stopped } = this.#session
    if (stopped === undefined) return this.#session
    const isOver = this.#isClosed || this.#options.onLost === 'stop' || this.#options.resume !== undefined
    if (isOver || this.#view.stopped !== undefined) throw this.#view.stopped ?? stopped
    return (this.#session = this.#begin(undefined))
  }

  /** Settles when a resume is applied. @throws SirtakiError `SESSION_LOST`, `TIMEOUT`. */
  async resumed(): Promise<void> {
    await this.#session.opened()
  }

  /** Ends it, in the log too: calls under way get a second. It resolves in any case. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#session.close()
    this.#closed()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #begin(resume: Ticket | undefined): Session {
    const { name = 'client', timeoutMs, identities: ids } = this.#options
    const session = new Session(this.#view, { name, timeoutMs, ids, resume })
    session.onState((state) => {
      if (session === this.#session) for (const listener of [...this.#listeners]) listener(state)
    })
    return session
  }
}

/** @throws SirtakiError `BAD_ARGUMENT`. */
function checkedOptions(options: ObjectSessionOptions): ObjectSessionOptions {
  const { name = 'client', timeoutMs } = options
  if (typeof name !== 'string' || name.length > 256 || !name.isWellFormed()) {
    throw badArgument('session', 'name as a text of at most 256 characters', name)
  }
  const isOdd =
    timeoutMs !== undefined
    && !(Number.isInteger(timeoutMs) && timeoutMs >= SESSION_TIMEOUT_MS_MIN && timeoutMs <= SESSION_TIMEOUT_MS_MAX)
  if (isOdd) {
    throw badArgument(
      'session',
      `timeoutMs as an integer from ${SESSION_TIMEOUT_MS_MIN} to ${SESSION_TIMEOUT_MS_MAX}`,
      timeoutMs,
    )
  }
  return options
}

/** @throws SirtakiError `SESSION_LOST` for a session that is not live, or another secret. */
function requireTicket(view: View, ticket: Ticket): Ticket {
  const live = view.space.session(ticket.session)
  const isIts = live?.secretHash === sha256(ticket.secret)
  if (live !== undefined && isIts) return { ...ticket, incarnation: live.incarnation }
  throw new SirtakiError('SESSION_LOST', `session ${ticket.session} has ended, or the secret is not its own`, {
    next: 'stop',
  })
}

/** @throws SirtakiError `BAD_ARGUMENT`. */
function requirePath(path: unknown): void {
  if (typeof path === 'string' && isObjectPath(path) && !path.startsWith('/.')) return
  throw new SirtakiError('BAD_ARGUMENT', `${JSON.stringify(path)} names no object: use a path like /hits`)
}

/** @throws SirtakiError `BAD_ARGUMENT`. */
function requireType(type: unknown): void {
  if (typeof type === 'object' && type !== null && 'bind' in type && 'ops' in type) return
  throw badArgument('open', 'a type made with defineObject', type)
}
