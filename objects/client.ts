/**
 * The client of the objects: sessions and handles over one view of the space `/`.
 *
 *     ObjectClient ─ one View (one player, one state) ─ many Sessions ─ handles
 *
 * Read next: `define-object.ts`, `runtime/view.ts`, `runtime/session.ts`.
 */
import type { LogClient } from '../log/client/client.ts'
import { badArgument } from '../log/cluster/arguments.ts'
import type { CallOptions } from '../log/cluster/calls.ts'
import { SirtakiError, invariant } from '../log/errors.ts'
import type { Calls, Handle, HandleBase, ObjectType, Ops } from './define-object.ts'
import type { Digest } from './runtime/digest.ts'
import type { AnyObjectType } from './runtime/object-type.ts'
import { encodeTarget, isObjectPath } from './runtime/op-entry.ts'
import type { SessionMark } from './runtime/session-marks.ts'
import { Session, type CallTarget } from './runtime/session.ts'
import { spaceLogOf, type SpaceLog } from './runtime/space-log.ts'
import { View, type SyncOptions } from './runtime/view.ts'

/** The stream of the space `/`. Stream 0 is the system space's. */
export const ROOT_STREAM = 1

/** How the objects of a log are opened. */
export interface ObjectClientOptions {
  /** Of the client's own session, for people. */
  readonly name?: string | undefined
  /** Types that are known before anything is played: a type that is opened later is played anew from the start. */
  readonly types?: readonly AnyObjectType[] | undefined
}

/** Whatever a handle needs of who made it. */
interface Owner {
  readonly view: View
  readonly session: Session
}

/** The objects of one cluster, as one process sees them. The log's client belongs to whoever made it. */
export class ObjectClient implements AsyncDisposable {
  readonly #view: View
  readonly #name: string
  readonly #sessions = new Set<ObjectSession>()
  readonly #own: ObjectSession

  constructor(log: LogClient | SpaceLog, { name = 'client', types = [] }: ObjectClientOptions = {}) {
    this.#view = new View('cluster' in log ? spaceLogOf(log) : log, ROOT_STREAM, types)
    this.#name = name
    this.#own = this.#make(name)
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
  open<S extends object, T, O extends Ops>(
    type: ObjectType<S, T, O>,
    path: string,
    options: CallOptions = {},
  ): Promise<Handle<S, T, O>> {
    return this.#own.open(type, path, options)
  }

  /** Makes another session over the same view; its first op opens it. */
  session({ name = this.#name }: { readonly name?: string | undefined } = {}): Promise<ObjectSession> {
    return Promise.resolve(this.#make(name))
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

  /** Ends sessions and playing; calls under way are refused with `CLOSED`. The log's client stays open. */
  close(): Promise<void> {
    this.#view.close()
    this.#sessions.clear()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #make(name: string): ObjectSession {
    const session = new ObjectSession(this.#view, name, () => {
      this.#sessions.delete(session)
    })
    this.#sessions.add(session)
    return session
  }
}

/** One session: its ops apply in the order they were called. */
export class ObjectSession implements AsyncDisposable {
  readonly #view: View
  readonly #session: Session
  readonly #closed: () => void

  constructor(view: View, name: string, closed: () => void) {
    this.#view = view
    this.#session = new Session(view, name)
    this.#closed = closed
  }

  get name(): string {
    return this.#session.name
  }
  /** What names the session in the log: the position that opened it; `undefined` before its first op. */
  get position(): number | undefined {
    return this.#session.position
  }

  /**
   * Opens an object for this session. Nothing is appended: an object is made by its first op.
   *
   * @throws SirtakiError `BAD_ARGUMENT` for what is no type or no path; `MISUSE`; `CLOSED`; where the type has to be
   *   played anew also `TRIMMED`, `STOPPED`, and `TIMEOUT` or `ABORTED`, next `again`.
   */
  async open<S extends object, T, O extends Ops>(
    type: ObjectType<S, T, O>,
    path: string,
    options: CallOptions = {},
  ): Promise<Handle<S, T, O>> {
    requireType(type)
    if (typeof path !== 'string' || !isObjectPath(path)) {
      throw new SirtakiError('BAD_ARGUMENT', `${JSON.stringify(path)} names no object: use a path like /hits`)
    }
    await this.#view.register(type, options)
    return makeHandle(type, path, { view: this.#view, session: this.#session })
  }

  close(): Promise<void> {
    this.#session.close()
    this.#closed()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function makeHandle<S extends object, T, O extends Ops>(
  type: ObjectType<S, T, O>,
  path: string,
  { view, session }: Owner,
): Handle<S, T, O> {
  let closed = false
  const object = () => type.bind(view.journal).object(path)
  const close = (): Promise<void> => {
    closed = true
    return Promise.resolve()
  }
  const handle: HandleBase<S, T> = {
    path,
    get state() {
      return object().state
    },
    get tables() {
      return object().tables
    },
    get position() {
      return view.position
    },
    sync: (options) => view.sync(options),
    close,
    [Symbol.asyncDispose]: close,
  }
  for (const [op, { refusal }] of Object.entries(type.ops)) {
    const target = { object: path, type: type.name, version: type.version, op }
    const to: CallTarget = { target, bytes: encodeTarget(target), refusal }
    const call = (input: unknown, options?: CallOptions): Promise<unknown> =>
      closed
        ? Promise.reject(new SirtakiError('CLOSED', `the handle of ${path} is closed`, { next: 'stop' }))
        : session.call(to, input, options)
    Object.defineProperty(handle, op, { value: call, enumerable: true })
  }
  invariant(hasCalls(handle, type), 'O1', { path })
  return handle
}

/**
 * What a call answers with is what the op's `apply` returned, at whatever position: the one place where types meet the
 * log.
 */
const hasCalls = <H extends object, O extends object>(
  handle: H,
  { ops }: { readonly ops: O },
): handle is H & Calls<O> => Object.keys(ops).every((op) => op in handle)

/** @throws SirtakiError `BAD_ARGUMENT`. */
function requireType(type: unknown): void {
  if (typeof type === 'object' && type !== null && 'bind' in type && 'ops' in type) return
  throw badArgument('open', 'a type made with defineObject', type)
}
