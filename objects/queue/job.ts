/**
 * An item that was taken, and how it is given back: receipts of one turn go in one op.
 *
 * Read next: `queue.ts`, `type.ts`.
 */
import { SirtakiError, asError, invariant } from '../../log/errors.ts'
import type { ObjectOps } from '../handle.ts'
import type { Session } from '../runtime/session.ts'
import type { Value } from '../runtime/values.ts'
import type { Given, Receipt, Receipted } from './shapes.ts'
import { ITEMS_MAX } from './shapes.ts'
import type { Queue } from './type.ts'

/** How an item is given back. */
export interface NackOptions {
  /** Until others can take it. */
  readonly delayMs?: number | undefined
  /** For people. */
  readonly reason?: string | undefined
}

/** One taken item. */
export class Job<V> {
  readonly id: string
  readonly value: V
  /** The position that gave it out: what its effects are fenced by. */
  readonly token: number
  /** 1 for the first try. */
  readonly attempt: number
  readonly #session: Session
  readonly #receipts: Receipts
  readonly #controller = new AbortController()
  #unlisten: (() => void) | undefined

  constructor(session: Session, receipts: Receipts, { id, value, token, attempt }: Given) {
    this.id = id
    invariant(isValue<V>(value), 'O8', { id })
    this.value = value
    this.token = token
    this.attempt = attempt
    this.#session = session
    this.#receipts = receipts
  }

  /** Aborts when its session is lost: others get the item. */
  get signal(): AbortSignal {
    this.#unlisten ??= this.#listen()
    return this.#controller.signal
  }

  /** It is done. @throws SirtakiError `NOT_HELD` with the token of who has it now; as any op. */
  ack(): Promise<void> {
    return this.#settle('ack', {})
  }
  /** It is to be tried again. @throws as `ack`. */
  nack({ delayMs = 0, reason }: NackOptions = {}): Promise<void> {
    return this.#settle('nack', { delayMs, reason: reason ?? null })
  }
  /** It cannot be done: to the dead items. @throws as `ack`. */
  bury(reason: string): Promise<void> {
    return this.#settle('bury', { reason })
  }
  /** It stays this taker's for so long from now on; 0: until its session ends. @throws as `ack`. */
  extend(visibilityMs: number): Promise<void> {
    return this.#receipts.add(this.#session, 'extend', { visibilityMs }, this)
  }

  /** Nobody knows whether it is still this taker's. */
  lost(): void {
    this.#controller.abort(new SirtakiError('NOT_HELD', `nobody knows whether ${this.id} is still this taker's`))
  }

  /** Only for who looks: a job that a transaction acknowledges would leave its listener to the session for good. */
  #listen(): () => void {
    const { signal } = this.#session
    const onAbort = (): void => {
      this.#controller.abort(signal.reason)
    }
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    return () => {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async #settle<K extends keyof More>(op: K, more: More[K]): Promise<void> {
    try {
      await this.#receipts.add(this.#session, op, more, this)
    } finally {
      this.#unlisten?.()
    }
  }
}

/** What each op takes beside its receipts. */
interface More {
  readonly ack: object
  readonly nack: { readonly delayMs: number; readonly reason: string | null }
  readonly bury: { readonly reason: string | null }
  readonly extend: { readonly visibilityMs: number }
}

interface Pending {
  readonly items: Receipt[]
  readonly settle: ((receipted: Receipted | undefined, error?: SirtakiError) => void)[]
}

/** Receipts of one queue: those of one turn and one kind go together. */
export class Receipts {
  readonly #path: string
  readonly #ops: ObjectOps<typeof Queue.ops>
  readonly #pending = new Map<string, Pending>()
  readonly #sessions = new WeakMap<Session, number>()
  #count = 0

  constructor(path: string, ops: ObjectOps<typeof Queue.ops>) {
    this.#path = path
    this.#ops = ops
  }

  /** @throws SirtakiError `NOT_HELD`; as any op. */
  add<K extends keyof More>(session: Session, op: K, more: More[K], { id, token }: Receipt): Promise<void> {
    return new Promise((resolve, reject) => {
      const key = `${op} ${this.#numberOf(session)} ${JSON.stringify(more)}`
      const known = this.#pending.get(key)
      const pending = known ?? { items: [], settle: [] }
      pending.items.push({ id, token })
      pending.settle.push((receipted, error) => {
        if (error !== undefined) reject(error)
        else if (receipted === 'ok' || receipted === undefined) resolve()
        else reject(notHeld(this.#path, { id, token }, receipted.by))
      })
      if (known === undefined) {
        this.#pending.set(key, pending)
        void Promise.resolve().then(() => {
          this.#pending.delete(key)
          return this.#send(session, op, { ...more, items: pending.items, strict: false }, pending)
        })
      } else if (pending.items.length >= ITEMS_MAX) this.#pending.delete(key)
    })
  }

  async #send<K extends keyof More>(
    session: Session,
    op: K,
    input: More[K] & { readonly items: readonly Receipt[]; readonly strict: boolean },
    { settle }: Pending,
  ): Promise<void> {
    try {
      const all = await this.#call(session, op, input)
      settle.forEach((one, i) => {
        one(all[i])
      })
    } catch (thrown) {
      for (const one of settle) one(undefined, asError(thrown))
    }
  }

  #call(session: Session, op: keyof More, input: unknown): Promise<readonly Receipted[]>
  #call(session: Session, op: 'ack', input: { items: readonly Receipt[]; strict: boolean }): Promise<unknown> {
    return this.#ops.call(session, { op, input })
  }

  #numberOf(session: Session): number {
    const known = this.#sessions.get(session)
    if (known !== undefined) return known
    this.#sessions.set(session, ++this.#count)
    return this.#count
  }
}

const notHeld = (path: string, { id, token }: Receipt, by: number | null): SirtakiError =>
  new SirtakiError(
    'NOT_HELD',
    by === null
      ? `item ${id} of ${path} is not held by token ${token} any more`
      : `item ${id} of ${path} was given out again, by token ${by}`,
    { facts: { path, id, token, by } },
  )

/** What was put fits, or `WorkQueue` buries it before anybody looks. */
const isValue = <V>(value: Value | V): value is V => value !== undefined
