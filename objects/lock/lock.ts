/**
 * The handles of locks, semaphores and elections: a hold with its token, and a signal that aborts when it is lost.
 *
 *     await using lock = await client.lock('/locks/report', { timeoutMs: 5_000 })
 *     lock.assertHeld(); await db.write(row, { fence: lock.token })
 *
 * The token is what fences a process that has stopped: whatever a lock protects must refuse lower tokens than it has
 * seen. The signal and `assertHeld` are early, but a process that is stopped does not look at them. Keeps: O7. Read
 * next: `type.ts` (the rules), `../handle.ts`.
 * @source Chubby OSDI'06 2.4.
 */
import type { CallOptions } from '../../log/cluster/calls.ts'
import { Backoff } from '../../log/cluster/retry.ts'
import { SirtakiError, asError, isError } from '../../log/errors.ts'
import { ObjectOps, type ObjectPort } from '../handle.ts'
import type { Session, SessionCallOptions } from '../runtime/session.ts'
import type { Value } from '../runtime/values.ts'
import type { Listener } from '../runtime/watch-hub.ts'
import { orderKey } from '../runtime/object-type.ts'
import { LOCK_DELAY_MS_MAX, type AcquireInput, type Grant } from './shapes.ts'
import { Lock } from './type.ts'

/** How a lock is acquired. */
export interface LockOptions extends SessionCallOptions {
  /** One of many readers, in place of the one writer. */
  readonly shared?: boolean | undefined
  /** For others to see. */
  readonly data?: Value | undefined
  /** How long nobody gets it after this holder's session ended uncleanly: 0 unless told, 60,000 at most. */
  readonly lockDelayMs?: number | undefined
  /** `refuse`: with `ALREADY_HELD` where the session holds it already; unless told it waits like a stranger. */
  readonly own?: 'wait' | 'refuse' | undefined
}
/** How permits of a semaphore are acquired. */
export interface SemaphoreOptions extends Omit<LockOptions, 'shared'> {
  /** Of a new semaphore; later ones must agree. */
  readonly capacity: number
  /** Permits; 1 unless told, 0: all of them. */
  readonly weight?: number | undefined
}

/** Why the signal of a released hold has aborted. One for all: the stack of an error costs as much as the release. */
const released = new SirtakiError('CLOSED', 'it was released', { next: 'stop' })

/** What is held: a lock, permits of a semaphore, a term of office. */
export class Held implements AsyncDisposable {
  readonly path: string
  /** Grows with every grant: what the protected side compares. */
  readonly token: number
  /** Names the hold. */
  readonly hold: number
  readonly #port: ObjectPort
  readonly #session: Session
  readonly #ops: ObjectOps<typeof Lock.ops>
  readonly #controller = new AbortController()
  readonly #unlisten: (() => void)[] = []
  #release: Promise<void> | undefined

  constructor(port: ObjectPort, session: Session, path: string, { token, hold }: Grant) {
    this.path = path
    this.token = token
    this.hold = hold
    this.#port = port
    this.#session = session
    this.#ops = new ObjectOps(Lock, path)
    const { signal } = session
    const onAbort = (): void => {
      this.#abort(signal.reason)
    }
    if (signal.aborted) onAbort()
    else {
      signal.addEventListener('abort', onAbort, { once: true })
      this.#unlisten.push(() => {
        signal.removeEventListener('abort', onAbort)
      })
    }
  }

  /** Aborts when it is released or may be lost: its session has ended, or could not be confirmed in time. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /**
   * Whether it may be counted on, by the clocks as they are now: also after a stall that the signal has not caught up
   * with.
   */
  get isCurrent(): boolean {
    if (this.#controller.signal.aborted || !this.#session.isCurrent) return false
    const row = Lock.bind(this.#port.view.journal).read(this.path).tables.holders.get(orderKey(this.hold))
    return row?.token === this.token
  }

  /** @throws SirtakiError `NOT_HELD` when it may not be counted on any more. */
  assertHeld(): void {
    if (this.isCurrent) return
    throw new SirtakiError('NOT_HELD', `${this.path} is not held any more by token ${this.token}`, {
      facts: { path: this.path, token: this.token, hold: this.hold },
      cause: this.#session.stopped,
    })
  }

  /** Calls `listener` when somebody asks for it back; gives what ends that. */
  onRevokeRequested(listener: (reason: string) => void): () => void {
    const { hub } = this.#port.view
    const wish: Listener = {
      selector: { kind: 'object', path: this.path },
      take: ({ events }) => {
        for (const { kind, facts } of events) {
          if (kind === 'revokeRequested' && facts['hold'] === this.hold) {
            listener(typeof facts['reason'] === 'string' ? facts['reason'] : '')
          }
        }
      },
      missed: () => undefined,
    }
    hub.add(wish)
    const end = (): void => {
      hub.remove(wish)
    }
    this.#unlisten.push(end)
    return end
  }

  /**
   * Makes a reader of a writer, at its place and with its token.
   *
   * @throws SirtakiError `NOT_HELD`, `NOT_EXCLUSIVE`; as any op.
   */
  async downgrade(options?: CallOptions): Promise<void> {
    await this.#ops.call(this.#session, { op: 'downgrade', input: { hold: this.hold }, ...given(options) })
  }

  /** Shows others another value. @throws SirtakiError `NOT_HELD`; as any op. */
  async proclaim(data: Value, options?: CallOptions): Promise<void> {
    const input = { hold: this.hold, data }
    await this.#ops.call(this.#session, { op: 'proclaim', input, ...given(options) })
  }

  /**
   * Gives it back; the next one has it when this settles. What is lost already is not given back. It is tried until it
   * is done or the session ends: this settles after 5 seconds at most, in any case.
   */
  release(): Promise<void> {
    this.#release ??= this.#giveBack()
    return this.#release
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  async #giveBack(): Promise<void> {
    this.#abort(released)
    const backoff = new Backoff(this.#port.view.log, this.#port.view.log.limits)
    const isDone = await this.#tried()
    if (!isDone) void this.#again(backoff)
  }

  async #again(backoff: Backoff): Promise<void> {
    do await backoff.wait()
    while (!(await this.#tried()))
  }

  /** True: there is nothing left to give back. */
  async #tried(): Promise<boolean> {
    if (this.#session.stopped !== undefined) return true
    try {
      await this.#ops.call(this.#session, { op: 'release', input: { hold: this.hold } })
      return true
    } catch (thrown) {
      return isError(thrown, 'NOT_HELD', 'SESSION_LOST', 'SESSION_MOVED', 'CLOSED', 'STOPPED', 'CODE_MISSING')
    }
  }

  #abort(reason: unknown): void {
    for (const end of this.#unlisten.splice(0)) end()
    this.#controller.abort(reason)
  }
}

const given = (options: CallOptions | undefined): { readonly options?: CallOptions } =>
  options === undefined ? {} : { options }

/**
 * Acquires a lock, or permits.
 *
 * @throws SirtakiError `TIMEOUT`, `ABORTED`: nothing is held then; `ALREADY_HELD`, `OVER_CAPACITY`; `BAD_ARGUMENT` for
 *   a wait without a bound; as any op.
 */
export async function acquire(
  port: ObjectPort,
  path: string,
  input: AcquireInput,
  options: SessionCallOptions,
): Promise<Held> {
  const session = port.session()
  const { signal, timeoutMs, forever, background } = options
  try {
    const call = { op: 'acquire', input, options: { signal, timeoutMs, forever, background } } as const
    const grant = await new ObjectOps(Lock, path).call(session, call)
    return new Held(port, session, path, grant)
  } catch (thrown) {
    throw explained(asError(thrown), port, session, path)
  }
}

/** As `acquire`; `undefined` where it is held and would be waited for. */
export async function tryAcquire(
  port: ObjectPort,
  path: string,
  input: AcquireInput,
  options: SessionCallOptions,
): Promise<Held | undefined> {
  try {
    const timeoutMs = options.timeoutMs ?? port.view.log.limits.requestMs
    return await acquire(port, path, { ...input, wait: false }, { ...options, timeoutMs })
  } catch (thrown) {
    if (isError(thrown, 'HELD')) return undefined
    throw thrown
  }
}

/** A caller that waits for itself finds out only by its time-out: the message says so. */
function explained(error: SirtakiError, { view }: ObjectPort, session: Session, path: string): SirtakiError {
  if (error.code !== 'TIMEOUT' || session.position === undefined) return error
  const own = Lock.bind(view.journal).read(path).tables.holders.of(session.position)
  if (own.length === 0) return error
  return new SirtakiError('TIMEOUT', `${error.message}; a holder of ${path} is the caller's own session`, {
    next: error.next,
    cause: error,
    facts: { ...error.facts, ownHold: Number(own[0]?.[0]) },
  })
}

/** The input of a lock's acquire. @throws SirtakiError `BAD_ARGUMENT`. */
export function lockInput({ shared = false, data = null, lockDelayMs = 0, own = 'wait' }: LockOptions): AcquireInput {
  requireDelay(lockDelayMs)
  return { weight: shared ? 1 : 0, capacity: null, wait: true, once: own === 'refuse', delayMs: lockDelayMs, data }
}

/** The input of a semaphore's acquire. @throws SirtakiError `BAD_ARGUMENT`. */
export function semaphoreInput({
  capacity,
  weight = 1,
  data = null,
  lockDelayMs = 0,
  own = 'wait',
}: SemaphoreOptions): AcquireInput {
  requireDelay(lockDelayMs)
  return { weight, capacity, wait: true, once: own === 'refuse', delayMs: lockDelayMs, data }
}

function requireDelay(lockDelayMs: number): void {
  if (Number.isInteger(lockDelayMs) && lockDelayMs >= 0 && lockDelayMs <= LOCK_DELAY_MS_MAX) return
  throw new SirtakiError(
    'BAD_ARGUMENT',
    `lockDelayMs takes an integer from 0 to ${LOCK_DELAY_MS_MAX}, not ${lockDelayMs}`,
  )
}
