/**
 * The client of the objects: sessions and handles over one view of the space `/`.
 *
 *     ObjectClient ─ one View (one player, one state) ─ many Sessions ─ handles
 *
 * Read next: `define-object.ts`, `runtime/view.ts`, `runtime/session.ts`.
 *
 * Long: it is the face of everything, each method a line or two.
 */
import type { Struct } from 'superstruct'
import { sha256 } from '../log/bytes/hash.ts'
import type { LogClient } from '../log/client/client.ts'
import type { CallOptions } from '../log/cluster/calls.ts'
import { attended, either } from '../log/cluster/retry.ts'
import { SirtakiError } from '../log/errors.ts'
import {
  Checkpointer,
  checkpointNow,
  type CheckpointOptions,
  type CheckpointerEvents,
} from './retention/checkpointer.ts'
import type { Checkpoints } from './checkpoints/checkpoints.ts'
import type { Layer, Manifest } from './checkpoints/manifest.ts'
import { Counter } from './counter/type.ts'
import type { Extension } from './extensions/define-extension.ts'
import { extensionsOf, type AgreeOptions, type RegisteredExtension } from './extensions/open-extension.ts'
import { Extensions } from './extensions/registry.ts'
import type { Handle, ObjectType, OpCallOptions } from './define-object.ts'
import { makeHandle } from './handle.ts'
import type { HeldAll, Leader, Term } from './lock/election.ts'
import type { Held, LockOptions, SemaphoreOptions } from './lock/lock.ts'
import { Lock } from './lock/type.ts'
import { ObjectSession, type ObjectSessionOptions } from './object-session.ts'
import type { WorkQueue } from './queue/queue.ts'
import { history, type HistoryOptions, type PastSource, type Step } from './past/history.ts'
import { archivedLog } from './past/archived-log.ts'
import { pastCheckpoints, pastLog } from './past/past-log.ts'
import { neededFrom, positionOf, tooOld, type When } from './past/past.ts'
import { Queue } from './queue/type.ts'
import { Archiver, archiveAll, type ArchiverOptions } from './retention/archiver.ts'
import { holdLog, type HeldLog, type HoldOptions } from './retention/hold.ts'
import { retentionOf, trimLog, type RetentionNow, type TrimOptions, type Trimmed } from './retention/trim.ts'
import type { Policy } from './retention/shapes.ts'
import { Retention } from './retention/type.ts'
import { RETENTION_PATH } from './runtime/checkpoint-note.ts'
import type { Digest } from './runtime/digest.ts'
import type { AnyObjectType } from './runtime/object-type.ts'
import type { Ticket } from './runtime/session-life.ts'
import type { SessionMark } from './runtime/session-marks.ts'
import { appendSkip, type SkipOptions } from './runtime/skip.ts'
import { spaceLogOf, type SpaceLog } from './runtime/space-log.ts'
import type { Watchdog } from './runtime/space.ts'
import type { Input, Value } from './runtime/values.ts'
import type { CheckpointSource } from './runtime/stored-space.ts'
import { View, type PlayedCall, type SyncOptions } from './runtime/view.ts'
import { Watcher, type WatchItem, type WatchOptions } from './runtime/watcher.ts'
import type { Transaction } from './transaction.ts'
import type { TreeCodec, TreeValues } from './tree/codecs.ts'
import type { Tree, TreeOptions } from './tree/tree.ts'
import { TreeType } from './tree/type.ts'

/** Types that every client knows. */
const ours: readonly AnyObjectType[] = [Counter, Lock, Queue, TreeType, Retention]
/** Those of a program with the ones that every client knows. It may bring a registry with an engine of its own. */
export function withOurs(types: readonly AnyObjectType[]): readonly AnyObjectType[] {
  const registry = types.some(({ name }) => name === Extensions.name) ? [] : [Extensions]
  return [...ours, ...registry, ...types.filter((type) => !ours.includes(type))]
}

/** Of what has no time of its own: 24 days. */
const PATIENT_MS = 2 ** 31 - 1

/** The stream of the space `/`. Stream 0 is that of sessions. */
export const ROOT_STREAM = 1

/** A call of an extension, and in which entry it was. */
export type ExtensionCall = PlayedCall

/** How the objects of a log are opened. The client's own session is made of the same options. */
export interface ObjectClientOptions extends ObjectSessionOptions {
  /** Types that are known before anything is played: a type that is opened later is played anew from the start. */
  readonly types?: readonly AnyObjectType[] | undefined
  /** What happens from this position on can be watched later, also what is played at the start. */
  readonly watchFrom?: number | undefined
  /** Looks whether what runs in the view ends: `startWatchdog` makes one. */
  readonly watchdog?: Watchdog | undefined
  /**
   * Is given what extensions say by `ctx.log`, as they are played here, and which calls of this client's own sessions
   * used more than half of their fuel.
   */
  readonly extensionLog?: ((extension: string, text: string) => void) | undefined
  /** Is given each call of an extension, as it is played here, whoever caused it. */
  readonly extensionCalled?: ((call: ExtensionCall) => void) | undefined
  /** Where the checkpoints of the space are: the view begins with the newest in place of the start of the log. */
  readonly checkpoints?: Checkpoints | undefined
  /** Where the view may begin, unless `checkpoints` says. */
  readonly stored?: CheckpointSource | undefined
}

/** A checkpoint that was written. */
export interface WrittenCheckpoint {
  readonly n: number
  /** Exclusive: the state of everything below it. */
  readonly position: number
  readonly records: number
  /** Bytes of all its parts, and of those that were written for it. */
  readonly bytes: number
  readonly writtenBytes: number
  readonly digest: string
}

/**
 * An object as a list of them shows it. `modified`: the position that last changed its small value. Without a type: its
 * code is missing here, so that there may be no object any more.
 */
export interface ObjectMark {
  readonly path: string
  readonly type?: string | undefined
  readonly version?: number | undefined
  readonly modified?: number | undefined
}

/** The objects of one cluster, as one process sees them. The log's client belongs to whoever made it. */
export class ObjectClient implements AsyncDisposable {
  readonly #view: View
  readonly #options: ObjectSessionOptions
  readonly #checkpoints: Checkpoints | undefined
  readonly #sessions = new Set<ObjectSession>()
  readonly #own: ObjectSession

  constructor(
    log: LogClient | SpaceLog,
    {
      types = [],
      watchFrom,
      watchdog,
      extensionLog: programLog,
      extensionCalled: programCalled,
      checkpoints,
      stored = checkpoints,
      ...options
    }: ObjectClientOptions = {},
  ) {
    const spaceLog = 'cluster' in log ? spaceLogOf(log) : log
    this.#view = new View(spaceLog, ROOT_STREAM, withOurs(types), {
      watchFrom,
      watchdog,
      programLog,
      programCalled,
      checkpoints: stored,
    })
    this.#checkpoints = checkpoints
    this.#options = { name: 'client', ...options }
    this.#own = this.#make(this.#options)
  }

  /**
   * The last position whose entry, if it is one of the space, has been applied; -1 before the first. Never goes back.
   */
  get position(): number {
    return this.#view.position
  }
  /** The types that it has code for. */
  get types(): readonly AnyObjectType[] {
    return this.#view.types
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

  /** @throws as `ObjectSession.lockAll`. */
  lockAll(paths: readonly string[], options: LockOptions): Promise<HeldAll> {
    return this.#own.lockAll(paths, options)
  }
  /** @throws as `ObjectSession.elect`. */
  elect(path: string, options?: Omit<LockOptions, 'shared'>): Promise<Term> {
    return this.#own.elect(path, options)
  }
  /** As `ObjectSession.observe`. */
  observe(
    path: string,
    options?: { readonly signal?: AbortSignal | undefined },
  ): AsyncGenerator<Leader | undefined, void, undefined> {
    return this.#own.observe(path, options)
  }
  /** @throws as `ObjectSession.queue`. */
  queue(path: string): Promise<WorkQueue<Value>>
  queue<V>(path: string, struct: Struct<V, unknown>): Promise<WorkQueue<V>>
  queue<V>(path: string, struct?: Struct<V, unknown>): Promise<WorkQueue<V> | WorkQueue<Value>> {
    return struct === undefined ? this.#own.queue(path) : this.#own.queue(path, struct)
  }

  /** @throws as `ObjectSession.tree`. */
  tree<C extends TreeCodec = 'json'>(path: string, options?: TreeOptions<C>): Promise<Tree<TreeValues[C]>> {
    return this.#own.tree(path, options)
  }

  /** Registers an extension by the client's own session. @throws as `ObjectSession.register`. */
  register<O>(extension: Extension<O>, options?: AgreeOptions): Promise<void> {
    return this.#own.register(extension, options)
  }
  /** Agrees to an extension for the client's own session. @throws as `ObjectSession.agree`. */
  agree<O>(extension: Extension<O>, options?: AgreeOptions): Promise<void> {
    return this.#own.agree(extension, options)
  }
  /** The extensions that are registered, as this client has played it, in order of their names. */
  extensions(): RegisteredExtension[] {
    return extensionsOf(this.#view)
  }

  /** Runs a transaction for the client's own session. @throws as `ObjectSession.transaction`. */
  transaction<R>(run: (tx: Transaction) => R, options?: CallOptions): Promise<R> {
    return this.#own.transaction(run, options)
  }

  /** Drops an object for the client's own session. @throws SirtakiError as `ObjectSession.drop`. */
  drop(path: string, options?: OpCallOptions): Promise<void> {
    return this.#own.drop(path, options)
  }

  /** Makes a version of a type the active one, by the client's own session. @throws as `ObjectSession.activate`. */
  activate(type: AnyObjectType, options?: CallOptions): Promise<void> {
    return this.#own.activate(type, options)
  }

  /**
   * Has nothing of an object run at one position, where an op of it never ends: to be said by a process that does not
   * hang, in most cases one without the code of its type. Whoever has not played that position leaves it out; a view
   * that has, this client's own for example, stops. Gives the position of what says so.
   *
   * @throws SirtakiError `BAD_ARGUMENT` where the entry at that position is no op of that object; `CONFLICT`, next
   *   `stop`, where a process with a state of that position or a later one has said so, or a checkpoint holds it; as
   *   any append.
   */
  skip(options: SkipOptions): Promise<number> {
    return appendSkip(this.#view.log, ROOT_STREAM, options)
  }

  /**
   * Writes a checkpoint of the space as it is now, and notes it in the log; the newest one where nothing happened
   * since. A client with the same blobs begins there. Waits for its turn where another process writes one.
   *
   * @throws SirtakiError `MISUSE` without blobs; `CODE_MISSING` where some type is not known here; `OTHER_STORE` where
   *   the log notes another store, unless it `moves`; `CONFLICT` where another process wrote one meanwhile;
   *   `UNSUPPORTED`, `BLOBS_REFUSED`, `DAMAGED` as the store is; `TIMEOUT`, `ABORTED`.
   */
  checkpoint(options: CheckpointOptions = {}): Promise<WrittenCheckpoint> {
    return attended(this.#view.log.clock, async () => {
      const checkpoints = this.#requireCheckpoints('a checkpoint')
      await this.#view.sync(options)
      return writtenOf(await checkpointNow(this.#own.port, checkpoints, options))
    })
  }

  /**
   * Writes checkpoints by the policy from now on, as long as no other process does: then it waits for its turn. Close
   * what it gives.
   *
   * @throws SirtakiError `MISUSE` without blobs.
   */
  checkpointer(events: CheckpointerEvents = {}): Checkpointer {
    const checkpoints = this.#requireCheckpoints('a checkpointer')
    const session = this.#duty('checkpointer')
    return new Checkpointer(session.port, checkpoints, events, () => session.close())
  }

  /**
   * Copies the log into the archive from now on, as long as no other process does. Close what it gives.
   *
   * @throws SirtakiError `MISUSE` without blobs.
   */
  archiver(options: ArchiverOptions = {}): Archiver {
    const checkpoints = this.#requireCheckpoints('an archiver')
    const session = this.#duty('archiver')
    return new Archiver(session.port, checkpoints, { ...options, ended: () => session.close() })
  }

  /** Copies what is decided now into the archive; gives its end. @throws as `checkpoint`. */
  archive(options: CallOptions = {}): Promise<number> {
    return attended(this.#view.log.clock, () =>
      archiveAll(this.#own.port, this.#requireCheckpoints('an archive'), options),
    )
  }

  /**
   * Drops the beginning of the log, for good: below `before`, or as far as nobody needs it.
   *
   * @throws SirtakiError `NEEDED` with `limit` and `by` in its facts; `OTHER_STORE`, `NO_BLOBS`; `DAMAGED` where a
   *   checkpoint that is needed then is not there; as any op.
   */
  trim(options: TrimOptions = {}): Promise<Trimmed> {
    return attended(this.#view.log.clock, () => trimLog(this.#own.port, options, this.#checkpoints))
  }

  /**
   * Keeps the log from a position on, until what it gives is released or this client's session ends.
   *
   * @throws SirtakiError `TRIMMED`, as any op.
   */
  hold(options: HoldOptions): Promise<HeldLog> {
    return holdLog(this.#own.port, options)
  }

  /** What of the log is needed, by what, and what was trimmed, as this client has played it. */
  retention(): RetentionNow {
    return retentionOf(this.#own.port)
  }

  /** Sets when checkpoints are written, what is kept of them, and whether the log is trimmed. @throws as any op. */
  async setPolicy(policy: Policy, options: CallOptions = {}): Promise<void> {
    await makeHandle(Retention, RETENTION_PATH, this.#own.port).policy(policy, options)
  }

  /**
   * The objects as they were at a position, inclusive, or at a moment of the sequencer's clock: for reading. It has to
   * be closed.
   *
   * @throws SirtakiError `BAD_ARGUMENT` above the tail or before the first entry; `TRIMMED` where neither log nor
   *   checkpoints have it any more; `TIMEOUT`, `ABORTED`.
   */
  at(when: When, options: CallOptions = {}): Promise<ObjectClient> {
    return this.#within('reading the past', options, async (flow) => {
      const source = this.#past()
      const position = await positionOf(source, when, flow)
      const stored = source.checkpoints && pastCheckpoints(source.checkpoints, position)
      await using _ = await this.#holding(position, flow)
      const past = new ObjectClient(pastLog(source.log, ROOT_STREAM, position), {
        ...this.#options,
        types: this.#view.types,
        stored,
      })
      try {
        await past.sync(flow)
        return past
      } catch (thrown) {
        await past.close()
        throw tooOld(thrown, position)
      }
    })
  }

  /**
   * What happened, entry by entry: what was asked for, what came of it, what it changed. The log is held meanwhile.
   *
   * @throws SirtakiError as `at`.
   */
  async *history(
    options: Omit<HistoryOptions, 'to'> & { readonly to?: number | undefined } = {},
  ): AsyncGenerator<Step, void, undefined> {
    const source = this.#past()
    const { from = 0, signal, timeoutMs } = options
    await this.#view.sync({ signal, timeoutMs })
    const to = options.to === undefined ? this.position : await positionOf(source, options.to, { signal, timeoutMs })
    await using _ = await this.#holding(from - 1, { signal, timeoutMs })
    yield* history(source, { ...options, from, to })
  }

  /** The position that a moment means. @throws as `at`. */
  positionOf(when: When, options: CallOptions = {}): Promise<number> {
    return this.#within('looking for a position', options, (flow) => positionOf(this.#past(), when, flow))
  }

  /**
   * What happens in the whole space, or to the object at `path`, from now on or behind `after`.
   *
   * @throws SirtakiError as `watch` of a handle.
   */
  watch({ path, ...options }: WatchOptions & { readonly path?: string | undefined } = {}): AsyncIterableIterator<
    WatchItem,
    undefined
  > {
    return new Watcher(this.#view, path === undefined ? { kind: 'all' } : { kind: 'object', path }, options)
  }

  /** What people want to know of the object at a path; `undefined`: there is none whose code is known here. */
  describe(path: string): Readonly<Record<string, Input>> | undefined {
    return this.#view.space.object(path)?.describe()
  }

  /** The objects of the space as the view shows them, in the order of their paths. */
  objects(): ObjectMark[] {
    const { space } = this.#view
    const plain = space.objects().filter(({ path }) => !path.startsWith('/.'))
    const known = plain.map(({ path, type: { name, version }, cell }): ObjectMark => {
      return { path, type: name, version, modified: cell.row('')?.modified }
    })
    return [...known, ...space.hidden().map((path) => ({ path }))].sort((a, b) => (a.path < b.path ? -1 : 1))
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

  #past(): PastSource {
    const { stream, types } = this.#view
    const checkpoints = this.#checkpoints
    // What was trimmed is in the archive, where there is one.
    const log = checkpoints === undefined ? this.#view.log : archivedLog(this.#view.log, () => checkpoints.archive())
    return { log, stream, types, checkpoints: this.#checkpoints, next: () => this.#view.next }
  }

  /** Runs something long, until its time is over where it has one. @throws SirtakiError `TIMEOUT`; as `run`. */
  async #within<T>(
    what: string,
    { signal, timeoutMs }: CallOptions,
    run: (flow: CallOptions) => Promise<T>,
  ): Promise<T> {
    const { clock } = this.#view.log
    const ending = new AbortController()
    const late = new SirtakiError('TIMEOUT', `${what} was not done within ${timeoutMs} ms`, { next: 'again' })
    const timer =
      timeoutMs === undefined
        ? undefined
        : clock.timer(timeoutMs, () => {
            ending.abort(late)
          })
    try {
      return await attended(clock, () => run({ signal: either(ending.signal, signal), timeoutMs: PATIENT_MS }))
    } catch (thrown) {
      throw ending.signal.aborted ? late : thrown
    } finally {
      timer?.cancel()
    }
  }

  /** Keeps what is needed of the log to read a position, as long as somebody may trim it. */
  async #holding(position: number, options: CallOptions): Promise<AsyncDisposable> {
    await this.#view.sync(options)
    const retention = this.retention()
    const mayGo = retention.checkpoints.length > 0 && this.#view.log.isReadOnly !== true
    const from = mayGo ? neededFrom(retention, position) : undefined
    if (from === undefined) return { [Symbol.asyncDispose]: () => Promise.resolve() }
    return this.hold({ ...options, position: from, name: 'a reader of the past' })
  }

  /** A session for work that goes on for as long as the client, whatever becomes of the session. */
  #duty(name: string): ObjectSession {
    return this.#make({ ...this.#options, name, onLost: 'reopen', resume: undefined })
  }

  /** @throws SirtakiError `MISUSE`. */
  #requireCheckpoints(what: string): Checkpoints {
    if (this.#checkpoints !== undefined) return this.#checkpoints
    throw new SirtakiError('MISUSE', `${what} needs a blob store: connect with { blobs }`)
  }

  #make(options: ObjectSessionOptions): ObjectSession {
    const session = new ObjectSession(this.#view, options, () => {
      this.#sessions.delete(session)
    })
    this.#sessions.add(session)
    return session
  }
}

function writtenOf({ n, position, records, digest, base, deltas, inline }: Manifest): WrittenCheckpoint {
  const bytesOf = ({ parts }: Layer): number => parts.reduce((sum, { bytes }) => sum + bytes, 0)
  const bytes = [base, ...deltas].reduce((sum, layer) => sum + bytesOf(layer), inline?.byteLength ?? 0)
  return { n, position, records, digest, bytes, writtenBytes: inline?.byteLength ?? bytesOf(deltas.at(-1) ?? base) }
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
