/**
 * A session as a program sees it: opens objects, locks, queues and transactions that are its own.
 *
 *     ObjectSession ─ one Session at a time (another one after a loss) ─ handles
 *
 * Read next: `client.ts`, `runtime/session.ts`, `runtime/session-life.ts`.
 */
import type { Struct } from 'superstruct'
import { badArgument } from '../log/cluster/arguments.ts'
import type { CallOptions } from '../log/cluster/calls.ts'
import { SirtakiError } from '../log/errors.ts'
import type { Identity } from '../sequencer/session-entry.ts'
import type { Handle, ObjectType, OpCallOptions } from './define-object.ts'
import { isExtension, type Extension } from './extensions/define-extension.ts'
import { Agreements, type AgreeOptions } from './extensions/open-extension.ts'
import { makeHandle, requestOf, type CallTarget, type ObjectPort } from './handle.ts'
import { campaign, lockAll, observe, type HeldAll, type Leader, type Term } from './lock/election.ts'
import {
  acquire,
  lockInput,
  semaphoreInput,
  tryAcquire,
  type Held,
  type LockOptions,
  type SemaphoreOptions,
} from './lock/lock.ts'
import { WorkQueue } from './queue/queue.ts'
import { isObjectPath } from './runtime/entry.ts'
import type { AnyObjectType } from './runtime/object-type.ts'
import { runtimeTarget } from './runtime/runtime-ops.ts'
import type { SessionState, Ticket } from './runtime/session-life.ts'
import { Session } from './runtime/session.ts'
import { SYSTEM_PATH } from './runtime/system-records.ts'
import type { Value } from './runtime/values.ts'
import type { View } from './runtime/view.ts'
import { transact, type PlainPart, type Transaction } from './transaction.ts'
import type { TreeCodec, TreeValues } from './tree/codecs.ts'
import { openTree, type Tree, type TreeOptions } from './tree/tree.ts'

/** The longest timeout that a session of this library asks for. */
const TIMEOUT_MS_MAX = 3_600_000

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
  readonly #port: ObjectPort
  readonly #agreements: Agreements
  #session: Session
  #isClosed = false

  constructor(view: View, options: ObjectSessionOptions, closed: () => void) {
    this.#view = view
    this.#options = checkedOptions(options, view.log.limits.sessionTimeoutMinMs)
    this.#closed = closed
    this.#port = { view, session: () => this.current() }
    this.#agreements = new Agreements(this.#port)
    this.#session = this.#begin(options.resume)
  }

  /** What its handles are made of. */
  get port(): ObjectPort {
    return this.#port
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
   *   played anew also `TRIMMED`, `STOPPED`, and `TIMEOUT` or `ABORTED`, next `again`; of an extension as `agree`.
   */
  async open<S, T, O extends object>(
    type: ObjectType<S, T, O>,
    path: string,
    options: CallOptions = {},
  ): Promise<Handle<S, T, O>> {
    requireType(type)
    requirePath(path)
    // The code of an extension stands in the log: there is nothing to make known, but a source to agree to.
    if (isExtension(type)) await this.#agreements.open(type, options)
    else await this.#view.register(type, options)
    return makeHandle(type, path, this.#port)
  }

  /**
   * Registers an extension in the log, in place of an older version of it: from there on every client runs it. This
   * session has agreed to it then. The same once more changes nothing.
   *
   * @throws SirtakiError `BAD_SOURCE` with line and column where it does not parse; `EXTENSION_DIFFERS` where that
   *   version has another source; `OLD_CODE` where a later version is registered; as any op.
   */
  register<O>(extension: Extension<O>, options: AgreeOptions = {}): Promise<void> {
    return this.#agreements.register(extension, options)
  }

  /**
   * Agrees to an extension as it is registered, with `takes` also to have it do ops of this session that it takes.
   *
   * @throws SirtakiError `NOT_REGISTERED`; `EXTENSION_DIFFERS` where it is registered with another source; as any op.
   */
  agree<O>(extension: Extension<O>, options: AgreeOptions = {}): Promise<void> {
    return this.#agreements.agree(extension, options)
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

  /** Acquires several locks in one entry, or none. @throws SirtakiError as `lock`. */
  lockAll(paths: readonly string[], options: LockOptions): Promise<HeldAll> {
    for (const path of paths) requirePath(path)
    return lockAll(this.#port, paths, options)
  }

  /** Stands for election; settles with the term once elected. @throws SirtakiError as `lock`. */
  elect(path: string, options: Omit<LockOptions, 'shared'> = {}): Promise<Term> {
    return this.#with(path, (port) => campaign(port, path, options))
  }

  /** The leader now and each time when it is another one or shows another value; `undefined`: none. */
  observe(
    path: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<Leader | undefined, void, undefined> {
    requirePath(path)
    return observe(this.#port, path, options)
  }

  /**
   * Opens a work queue. Nothing is appended: a queue is made by its first item or taker.
   *
   * @throws SirtakiError `BAD_ARGUMENT`; `CLOSED`.
   */
  queue(path: string): Promise<WorkQueue<Value>>
  queue<V>(path: string, struct: Struct<V, unknown>): Promise<WorkQueue<V>>
  queue<V>(path: string, struct?: Struct<V, unknown>): Promise<WorkQueue<V>> {
    return this.#with(path, (port) => Promise.resolve(new WorkQueue<V>(port, path, struct)))
  }

  /**
   * Opens a tree of znodes at a path of the space; paths of nodes are inside it. Nothing is appended: a tree is made by
   * its first change.
   *
   * @throws SirtakiError `BAD_ARGUMENT`; `CLOSED`.
   */
  tree<C extends TreeCodec = 'json'>(path: string, options?: TreeOptions<C>): Promise<Tree<TreeValues[C]>> {
    return this.#with(path, (port) => Promise.resolve(openTree(port, path, options)))
  }

  /**
   * Commits what `run` calls through `tx` as one entry, all or nothing, if what it read through `tx` is unchanged
   * there; else it syncs and runs it again, 5 times at most. `run` is synchronous and may run several times.
   *
   * @throws SirtakiError `CONFLICT`, next `again`; what refused a part, with `part` and `path` in its facts; as any op.
   */
  transaction<R>(run: (tx: Transaction) => R, options: CallOptions = {}): Promise<R> {
    return transact(this.#port, run, options)
  }

  /** The same for ops that are known beforehand: gives their results in order. */
  async multi(parts: readonly PlainPart[], options: CallOptions = {}): Promise<unknown[]> {
    const results: unknown[] = parts.map(() => undefined)
    await this.transaction((tx) => {
      tx.doAll(parts, (index, value) => {
        results[index] = value
      })
    }, options)
    return results
  }

  /**
   * Drops an object with all its records: its path is free again. Where there is none, nothing happens.
   *
   * @throws SirtakiError `NOT_EMPTY` while sessions have holders, waits or taken items in it; as any op.
   */
  async drop(path: string, options: OpCallOptions = {}): Promise<void> {
    await this.#with(path, async (port) => {
      const target = runtimeOp('$drop', path)
      await port.session().call(requestOf(target, {}, options), options)
    })
  }

  /**
   * Makes the version of a type that this process has code for the active one, for good: ops of older versions are
   * refused from there on, and the first op on each object under the new one runs `upgrade`. Where it is active
   * already, nothing happens.
   *
   * @throws SirtakiError `OLD_CODE` where a later version is active; `NOT_ACTIVE` while a live session has announced
   *   other versions of the type only; as `open` and as any op.
   */
  async activate(type: AnyObjectType, options: CallOptions = {}): Promise<void> {
    requireType(type)
    await this.#view.register(type, options)
    const target = runtimeOp('$activate', SYSTEM_PATH)
    await this.current().call(requestOf(target, { type: type.name, version: type.version }), options)
  }

  async #with<R>(path: string, run: (port: ObjectPort) => Promise<R>): Promise<R> {
    requirePath(path)
    return run(this.#port)
  }

  /** The session at hand; another one where that was lost. @throws SirtakiError why there is none. */
  current(): Session {
    const { stopped } = this.#session
    if (stopped === undefined) return this.#session
    const isOver = this.#isClosed || this.#options.onLost === 'stop' || this.#options.resume !== undefined
    if (isOver || this.#view.stopped !== undefined) throw this.#view.stopped ?? stopped
    this.#session = this.#begin(undefined)
    // In the order of a session's ops: what follows finds them applied.
    this.#agreements.renew(this.#session)
    return this.#session
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

/** What an op of the runtime is called on; it judges its input by itself. */
const runtimeOp = (op: string, path: string): CallTarget => ({
  path,
  op,
  waits: false,
  refusal: () => undefined,
  bytes: runtimeTarget(op, path),
})

/** @throws SirtakiError `BAD_ARGUMENT`. */
function checkedOptions(options: ObjectSessionOptions, minMs: number): ObjectSessionOptions {
  const { name = 'client', timeoutMs } = options
  if (typeof name !== 'string' || name.length > 256 || !name.isWellFormed()) {
    throw badArgument('session', 'name as a text of at most 256 characters', name)
  }
  const isOdd =
    timeoutMs !== undefined && !(Number.isInteger(timeoutMs) && timeoutMs >= minMs && timeoutMs <= TIMEOUT_MS_MAX)
  if (isOdd) {
    throw badArgument('session', `timeoutMs as an integer from ${minMs} to ${TIMEOUT_MS_MAX}`, timeoutMs)
  }
  return options
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
