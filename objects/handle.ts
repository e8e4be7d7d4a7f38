/**
 * The handle of an object: its state as the view shows it, and its ops as methods.
 *
 * Owns: the one place where the types of a definition meet what the log holds. Read next: `define-object.ts`,
 * `runtime/session.ts`, `lock/lock.ts` (a handle with a life of its own over this one).
 */
import { SirtakiError, invariant } from '../log/errors.ts'
import type {
  CallCheck,
  Calls,
  Handle,
  HandleBase,
  InputOf,
  ObjectType,
  OpCallOptions,
  ResultOf,
} from './define-object.ts'
import type { Request } from './runtime/call.ts'
import { KEY_LENGTH_MAX, claimed, encodeOp, encodeTarget, type OpExtras } from './runtime/entry.ts'
import { encodeInput } from './runtime/input.ts'
import type { Session } from './runtime/session.ts'
import type { View } from './runtime/view.ts'
import { Watcher } from './runtime/watcher.ts'

/** Whatever a handle needs of who made it: the session may be another one after a loss. */
export interface ObjectPort {
  readonly view: View
  /** The session to call from. @throws SirtakiError why there is none. */
  session(): Session
}

/** What an op is called on, encoded once for a handle. */
export interface CallTarget {
  readonly path: string
  readonly op: string
  readonly waits: boolean
  readonly bytes: Uint8Array
  refusal(input: unknown): string | undefined
}

/** The target of one op of a type on an object. @throws SirtakiError `BAD_ARGUMENT`. */
export function targetOf(
  type: { readonly name: string; readonly version: number },
  path: string,
  op: string,
  { waits, refusal }: CallCheck,
): CallTarget {
  return { path, op, waits, refusal, bytes: encodeTarget({ type: type.name, version: type.version, op }, path) }
}

/** Checks and encodes one op. @throws SirtakiError `BAD_ARGUMENT`. */
export function requestOf(to: CallTarget, value: unknown, options: OpCallOptions = {}): Request {
  const { input } = partOf(to, value)
  const extras = extrasOf(to, options)
  return {
    what: `${to.op} of ${to.path}`,
    object: to.path,
    waits: to.waits,
    background: options.background,
    bytes: 19 + 2 + 3 * KEY_LENGTH_MAX * Number(extras !== undefined) + to.bytes.byteLength + input.byteLength,
    encode: (incarnation, number, claim) =>
      encodeOp(incarnation, number, { target: to.bytes, input }, claimed(claim, extras)),
  }
}

/** Checks and encodes the input of an op. @throws SirtakiError `BAD_ARGUMENT`. */
export function partOf(to: CallTarget, input: unknown): { readonly target: Uint8Array; readonly input: Uint8Array } {
  const { value, bytes } = encodeInput(input)
  const refusal = to.refusal(value)
  if (refusal !== undefined) {
    throw new SirtakiError('BAD_ARGUMENT', `the input of ${to.op} of ${to.path} is refused: ${refusal}`)
  }
  return { target: to.bytes, input: bytes }
}

function extrasOf({ op, path, waits }: CallTarget, options: OpCallOptions): OpExtras | undefined {
  const key = options.idempotencyKey
  if (key === undefined) return undefined
  if (typeof key !== 'string' || key.length === 0 || key.length > KEY_LENGTH_MAX || !key.isWellFormed()) {
    throw new SirtakiError('BAD_ARGUMENT', `the idempotencyKey of ${op} of ${path} is no text of 1 to 256 characters`)
  }
  if (waits) {
    throw new SirtakiError('BAD_ARGUMENT', `${op} of ${path} may wait, so it takes no idempotencyKey`)
  }
  return { key }
}

/** What ops are of. */
interface Callable<O> {
  readonly name: string
  readonly version: number
  readonly ops: O
  readonly calls: ReadonlyMap<string, CallCheck>
}

/** What a handle calls, for transactions, which call ops by name. */
export interface Targets {
  /** What an op is called on. @throws SirtakiError `BAD_ARGUMENT` where there is no such op. */
  target(op: string): CallTarget
}

/** The ops of a type on one object, each target encoded once: what every handle calls. */
export class ObjectOps<O extends object> implements Targets {
  readonly #type: Callable<O>
  readonly #path: string
  readonly #targets = new Map<string, CallTarget>()

  constructor(type: Callable<O>, path: string) {
    this.#type = type
    this.#path = path
  }

  target(op: string): CallTarget {
    const known = this.#targets.get(op)
    if (known !== undefined) return known
    const check = this.#type.calls.get(op)
    if (check === undefined) throw new SirtakiError('BAD_ARGUMENT', `${this.#path} has no op ${JSON.stringify(op)}`)
    const target = targetOf(this.#type, this.#path, op, check)
    this.#targets.set(op, target)
    return target
  }

  /** Calls one of them from a session. @throws as any op. */
  async call<K extends keyof O & string>(
    session: Session,
    { op, input, options }: { readonly op: K; readonly input: InputOf<O[K]>; readonly options?: OpCallOptions },
  ): Promise<ResultOf<O[K]>> {
    const value = await session.call(requestOf(this.target(op), input, options), options)
    invariant(isResult<O[K]>(value), 'O1', { path: this.#path, op })
    return value
  }
}

/** As `hasCalls`: an op answers with what its `apply` returned. */
const isResult = <P>(_value: unknown): _value is ResultOf<P> => true

const targetsOfHandles = new WeakMap<object, Targets>()

/** Notes what a handle calls. */
export function noteHandle(handle: object, targets: Targets): void {
  targetsOfHandles.set(handle, targets)
}

/** What a handle calls. @throws SirtakiError `BAD_ARGUMENT` for anything else. */
export function targetsOf(handle: object): Targets {
  const targets = targetsOfHandles.get(handle)
  if (targets === undefined) throw new SirtakiError('BAD_ARGUMENT', 'a transaction takes handles of objects')
  return targets
}

/** Makes a handle. */
export function makeHandle<S, T, O extends object>(
  type: ObjectType<S, T, O>,
  path: string,
  { view, session }: ObjectPort,
): Handle<S, T, O> {
  let closed = false
  const object = () => type.bind(view.journal).read(path)
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
    get exists() {
      return view.space.object(path) !== undefined
    },
    get position() {
      return view.position
    },
    sync: (options) => view.sync(options),
    watch: (options) => new Watcher(view, { kind: 'object', path }, options),
    describe: () => view.space.object(path)?.describe() ?? { path, type: type.name, version: type.version },
    close,
    [Symbol.asyncDispose]: close,
  }
  const ops = new ObjectOps(type, path)
  for (const op of type.calls.keys()) {
    const to = ops.target(op)
    const call = async (input: unknown, options?: OpCallOptions): Promise<unknown> => {
      if (closed) throw new SirtakiError('CLOSED', `the handle of ${path} is closed`, { next: 'stop' })
      return session().call(requestOf(to, input, options), options)
    }
    Object.defineProperty(handle, op, { value: call, enumerable: true })
  }
  noteHandle(handle, ops)
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
