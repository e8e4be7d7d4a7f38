/**
 * The handle of a work queue: put, take, and the loop that works items off.
 *
 *     await mail.put({ to: 'a@b.c' }, { idempotencyKey: 'order-17' })
 *     await mail.work(async (job) => { await send(job.value, job.signal) }, { concurrency: 4, signal })
 *
 * What is acknowledged in one turn goes in one op. A handler may have run though its item is given out again (its
 * process was stopped, its session ended): `job.token` is what fences its effects. Keeps: O8. Read next: `job.ts`,
 * `type.ts`.
 */
import type { Struct } from 'superstruct'
import { Backoff, attended, either } from '../../log/cluster/retry.ts'
import { SirtakiError, asError, isError } from '../../log/errors.ts'
import type { OpCallOptions } from '../define-object.ts'
import { ObjectOps, noteHandle, type ObjectPort } from '../handle.ts'
import type { SessionCallOptions } from '../runtime/session.ts'
import { Watcher, type WatchItem, type WatchOptions } from '../runtime/watcher.ts'
import type { Input, Value } from '../runtime/values.ts'
import { Job, Receipts } from './job.ts'
import type { NewItem } from './shapes.ts'
import { Queue } from './type.ts'

/** How items are put. */
export interface PutOptions extends OpCallOptions {
  /** Names it: while it is live nobody else can put the id, and for a day behind its end putting it does nothing. */
  readonly id?: string | undefined
  /** 0 to 65,535; lower ones go first. 0 unless told. */
  readonly priority?: number | undefined
  readonly delayMs?: number | undefined
  /** Tries before it goes to the dead items; unless told there is no limit. */
  readonly maxAttempts?: number | undefined
}
/** How items are taken. */
export interface TakeOptions extends SessionCallOptions {
  /** At most so many; 1 unless told. */
  readonly n?: number | undefined
  /** For how long they are the taker's; unless told until its session ends. */
  readonly visibilityMs?: number | undefined
  /** Taken and acknowledged in one: at most once, lost with a process that dies behind it. */
  readonly remove?: boolean | undefined
}
/** How a queue is worked off. */
export interface WorkOptions {
  /** Items at a time; 1 unless told. */
  readonly concurrency?: number | undefined
  readonly visibilityMs?: number | undefined
  /** How long an item rests whose handler threw. */
  readonly retryDelayMs?: number | undefined
  /** Ends the work once the handlers under way have ended. */
  readonly signal?: AbortSignal | undefined
}

/** A queue in use. */
export class WorkQueue<V> implements AsyncDisposable {
  readonly path: string
  readonly #port: ObjectPort
  readonly #struct: Struct<V, unknown> | undefined
  readonly #ops: ObjectOps<typeof Queue.ops>
  readonly #receipts: Receipts
  readonly #closing = new AbortController()

  constructor(port: ObjectPort, path: string, struct: Struct<V, unknown> | undefined) {
    this.path = path
    this.#port = port
    this.#struct = struct
    this.#ops = new ObjectOps(Queue, path)
    this.#receipts = new Receipts(path, this.#ops)
    noteHandle(this, this.#ops)
  }

  /** The items that stand there, as the view shows them: ready, delayed, taken, dead. */
  get size(): { readonly ready: number; readonly delayed: number; readonly taken: number; readonly dead: number } {
    const { ready, delayed, taken, dead } = this.#tables
    return { ready: ready.size, delayed: delayed.size, taken: taken.size, dead: dead.size }
  }

  /** Items that were tried too often, or do not fit, with the reason. */
  dead(): { readonly id: string; readonly value: Value; readonly attempts: number; readonly reason: string | null }[] {
    return [...this.#tables.dead.range()].map(([name, { id, value, attempts, reason }]) => {
      return { id: id ?? name, value, attempts, reason }
    })
  }

  /** Values of the first items that are ready, at most `n`. */
  peek(n = 1): Value[] {
    const values: Value[] = []
    for (const [, { value }] of this.#tables.ready.range()) {
      if (values.length >= n) break
      values.push(value)
    }
    return values
  }

  /**
   * Puts one item; gives its id.
   *
   * @throws SirtakiError `BAD_ARGUMENT` for a value that does not fit; `EXISTS`; as any op.
   */
  async put(value: V, options: PutOptions = {}): Promise<string> {
    const [id = ''] = await this.putAll([{ value, ...options }], options)
    return id
  }

  /** Puts several in one op, in order. @throws as `put`; nothing is put then. */
  async putAll(
    items: readonly ({ readonly value: V } & Omit<PutOptions, keyof OpCallOptions>)[],
    { signal, timeoutMs, idempotencyKey }: OpCallOptions = {},
  ): Promise<readonly string[]> {
    const input = { items: items.map((item) => this.#newItem(item)) }
    this.#check()
    const options = { signal, timeoutMs, idempotencyKey }
    return this.#ops.call(this.#port.session(), { op: 'put', input, options })
  }

  /**
   * Takes up to `n` items; waits while there are none. Items that do not fit the queue's struct go to the dead ones.
   *
   * @throws SirtakiError `TIMEOUT`, `ABORTED`, next `again`: nothing was taken; `BAD_ARGUMENT` for a wait without
   *   timeoutMs, signal or `forever: true`; as any op.
   */
  async take(options: TakeOptions = {}): Promise<Job<V>[]> {
    for (;;) {
      const jobs = await this.#take(options, true)
      if (jobs.length > 0) return jobs
    }
  }

  /** As `take`; none where it would wait. */
  tryTake({ timeoutMs, ...options }: TakeOptions = {}): Promise<Job<V>[]> {
    return this.#take({ ...options, timeoutMs: timeoutMs ?? this.#port.view.log.limits.requestMs }, false)
  }

  /** Drops an item that nobody works on. @throws SirtakiError `MISSING`, `HELD`; as any op. */
  async remove(id: string, options: OpCallOptions = {}): Promise<void> {
    await this.#ops.call(this.#port.session(), { op: 'remove', input: { id }, options })
  }

  /** Gives a dead item another life. @throws SirtakiError `MISSING`; as any op. */
  async requeue(id: string, options: OpCallOptions = {}): Promise<void> {
    await this.#ops.call(this.#port.session(), { op: 'requeue', input: { id }, options })
  }

  /**
   * Works the queue off until the signal aborts: an item is acknowledged when its handler returns, and given back when
   * it throws. Settles once all handlers under way have ended.
   *
   * @throws SirtakiError what cannot be tried again: `CLOSED`, `STOPPED`, `WRONG_TYPE`, `CODE_MISSING`.
   */
  work(handler: (job: Job<V>) => unknown, options: WorkOptions = {}): Promise<void> {
    return attended(this.#port.view.log.clock, () => this.#work(handler, options))
  }

  async #work(handler: (job: Job<V>) => unknown, options: WorkOptions): Promise<void> {
    const { concurrency = 1, visibilityMs, retryDelayMs = 0, signal } = options
    requireCount('concurrency', concurrency)
    const ends = either(this.#closing.signal, signal)
    const running = new Set<Promise<void>>()
    try {
      while (!ends.aborted) {
        for (const job of await this.#takeUntil({ n: concurrency - running.size, visibilityMs, signal: ends })) {
          const run = this.#run(job, handler, retryDelayMs).finally(() => running.delete(run))
          running.add(run)
        }
        while (running.size >= concurrency) await Promise.race(running)
      }
    } finally {
      await Promise.all(running)
    }
  }

  /**
   * Items one by one, for a loop: each is to be acknowledged or given back. Leaving the loop gives back what was taken
   * ahead.
   *
   * @throws SirtakiError as `work`.
   */
  async *consume(options: WorkOptions & { readonly prefetch?: number } = {}): AsyncGenerator<Job<V>, void, undefined> {
    const { prefetch = 1, visibilityMs, signal } = options
    requireCount('prefetch', prefetch)
    const ends = either(this.#closing.signal, signal)
    let ahead: Job<V>[] = []
    try {
      while (!ends.aborted) {
        const wanted = { n: prefetch, visibilityMs, signal: ends }
        if (ahead.length === 0) ahead = await attended(this.#port.view.log.clock, () => this.#takeUntil(wanted))
        const job = ahead.shift()
        if (job !== undefined) yield job
      }
    } finally {
      await Promise.all(ahead.map((job) => job.nack({ reason: 'not looked at' }).catch(() => undefined)))
    }
  }

  /** What happens in the queue. @throws SirtakiError as `watch` of a handle. */
  watch(options?: WatchOptions): AsyncIterableIterator<WatchItem, undefined> {
    return new Watcher(this.#port.view, { kind: 'object', path: this.path }, options)
  }

  describe(): Readonly<Record<string, Input>> {
    return this.#port.view.space.object(this.path)?.describe() ?? { path: this.path, type: Queue.name }
  }

  /** Ends `work` and `consume`; items stay what they are. */
  close(): Promise<void> {
    this.#closing.abort(new SirtakiError('CLOSED', `the queue ${this.path} is closed`))
    return Promise.resolve()
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get #tables() {
    return Queue.bind(this.#port.view.journal).read(this.path).tables
  }

  #check(): void {
    const { signal } = this.#closing
    if (signal.aborted) throw new SirtakiError('CLOSED', `the queue ${this.path} is closed`, { next: 'stop' })
  }

  #newItem(item: { readonly value: V } & Omit<PutOptions, keyof OpCallOptions>): NewItem {
    const { value, id = null, priority = 0, delayMs = 0, maxAttempts = 0 } = item
    const misfit = this.#misfit(value)
    if (misfit !== undefined) throw new SirtakiError('BAD_ARGUMENT', `the value does not fit ${this.path}: ${misfit}`)
    return { value: plain(value), id, priority, delayMs, maxAttempts }
  }

  #misfit(value: unknown): string | undefined {
    return this.#struct?.validate(value)[0]?.message
  }

  async #take(options: TakeOptions, wait: boolean): Promise<Job<V>[]> {
    const { n = 1, visibilityMs = 0, remove = false, signal, timeoutMs, forever } = options
    this.#check()
    const session = this.#port.session()
    const input = { n, visibilityMs, remove, wait }
    const given = await this.#ops.call(session, { op: 'take', input, options: { signal, timeoutMs, forever } })
    const jobs = given.map((one) => new Job<V>(session, this.#receipts, one))
    const odd = jobs.filter((job) => this.#misfit(job.value) !== undefined)
    if (!remove) await Promise.all(odd.map((job) => job.bury(this.#misfit(job.value) ?? '')))
    return jobs.filter((job) => !odd.includes(job))
  }

  /** Takes until there is something, or the signal has aborted: then none. */
  async #takeUntil(options: TakeOptions): Promise<Job<V>[]> {
    const backoff = new Backoff(this.#port.view.log, this.#port.view.log.limits)
    for (;;) {
      try {
        return await this.take(options)
      } catch (thrown) {
        const error = asError(thrown)
        if (options.signal?.aborted === true) return []
        if (error.next === 'stop' && error.code !== 'SESSION_LOST') throw error
        await backoff.wait(options.signal).catch(() => undefined)
      }
    }
  }

  async #run(job: Job<V>, handler: (job: Job<V>) => unknown, delayMs: number): Promise<void> {
    try {
      await handler(job)
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      await job.nack({ delayMs, reason: reason.slice(0, 1_024) }).catch(() => undefined)
      return
    }
    await job.ack().catch((thrown: unknown) => {
      // Another one has it: its effects are fenced by the token, and nothing is left to do here.
      if (!isError(thrown, 'NOT_HELD')) job.lost()
    })
  }
}

function requireCount(what: string, count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= 1_024) return
  throw new SirtakiError('BAD_ARGUMENT', `${what} takes an integer from 1 to 1,024, not ${count}`)
}

/** The check of a value is `canonical`'s, where it is encoded. */
function plain(value: unknown): Value
function plain(value: unknown): unknown {
  return value
}
