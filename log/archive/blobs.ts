/**
 * A blob store as everything else uses it: each call tried until it succeeds, cannot, or its time is over.
 *
 *     putNew ─ try ─ lost answer ─ try ─ "something is there" ─ read it ─┬ our own bytes: stored
 *                                                                       └ others': a conflict
 *
 * What is put under a new key must hold bytes that nobody else would put there (a nonce), so that a try that met its
 * own forerunner knows it. Keeps: C1, P40. Read next: `blob-store.ts`, `preflight.ts`.
 */
import { sameBytes } from '../bytes/bytes.ts'
import { Backoff, pause } from '../cluster/retry.ts'
import { SirtakiError, asError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { Clock, Ports } from '../ports.ts'
import type { BlobStore } from './blob-store.ts'

/** How long a call may take, all tries together. */
export interface BlobOptions {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds; `limits.blobMs` unless told. */
  readonly timeoutMs?: number | undefined
}

/** What the flow needs of the machine. */
export type BlobPorts = Pick<Ports, 'clock' | 'random' | 'failpoint'>

type Bounds = Pick<Limits, 'blobTryMs' | 'blobMs' | 'blobRetryMinMs' | 'blobRetryMaxMs'>

/** The blobs of one store. Many flows of a process share it. */
export class Blobs {
  readonly #store: BlobStore
  readonly #ports: BlobPorts
  readonly #bounds: Bounds

  constructor(store: BlobStore, ports: BlobPorts, bounds: Bounds) {
    this.#store = store
    this.#ports = ports
    this.#bounds = bounds
  }

  /** Where the store is, for people and for the record in the log. */
  get address(): string {
    return this.#store.address
  }

  /**
   * Stores bytes under a key that only this writer uses. Durable when it settles.
   *
   * @throws SirtakiError `TIMEOUT` (next `unknown`) when no try succeeded in time, `ABORTED`; `BLOBS_REFUSED`,
   *   `UNSUPPORTED`, `IO` as the store says.
   */
  put(key: string, bytes: Uint8Array, options?: BlobOptions): Promise<void> {
    return this.#tried(`storing ${key}`, options, (signal) => this.#store.put(key, bytes, { signal }))
  }

  /**
   * Stores bytes under a key that nothing is under. False: others' bytes are there.
   *
   * @throws as `put`; after `TIMEOUT` and `ABORTED` it may still be stored, by a try that is on its way.
   */
  async putNew(key: string, bytes: Uint8Array, options: BlobOptions = {}): Promise<boolean> {
    const { signal, timeoutMs = this.#bounds.blobMs } = options
    const { clock } = this.#ports
    const until = clock.now() + timeoutMs
    const backoff = this.#backoff()
    for (;;) {
      const left = { signal, timeoutMs: Math.max(0, until - clock.now()) }
      const isStored = await this.#tried(`storing ${key}`, left, (each) =>
        this.#store.putNew(key, bytes, { signal: each }),
      )
      if (isStored) return true
      // A try whose answer was lost may have put it there, and so may a proxy that tried on its own.
      const there = await this.get(key, left)
      if (there !== undefined) {
        const isOurs = sameBytes(there, bytes)
        if (isOurs) this.#ports.failpoint?.('blobs.metItself', { key })
        return isOurs
      }
      // What it met is not there: another try is on its way still, our own maybe.
      await pause(clock, backoff.next(), signal)
    }
  }

  /** What is under a key; `undefined`: nothing. @throws as `put`; `TIMEOUT` with next `again`. */
  get(key: string, options?: BlobOptions): Promise<Uint8Array | undefined> {
    return this.#tried(`reading ${key}`, options, (signal) => this.#store.get(key, { signal }), 'again')
  }

  /** Keys that begin with `prefix`, in order, behind `after`: all, or `most` and few more. @throws as `get`. */
  async list(prefix: string, options: BlobOptions = {}, after = '', most = Infinity): Promise<string[]> {
    const keys: string[] = []
    for (;;) {
      const behind = keys.at(-1) ?? after
      const list = (signal: AbortSignal) => this.#store.list(prefix, behind, { signal })
      const page = await this.#tried(`listing ${prefix}`, options, list, 'again')
      keys.push(...page.keys)
      if (page.isLast || page.keys.length === 0 || keys.length >= most) return keys
    }
  }

  /** Removes keys, those that are there. @throws as `put`. */
  async remove(keys: readonly string[], options?: BlobOptions): Promise<void> {
    for (const key of keys) {
      await this.#tried(`removing ${key}`, options, (signal) => this.#store.remove(key, { signal }))
    }
  }

  /** Ends what is under way. Idempotent. */
  close(): void {
    this.#store.close()
  }

  /** Tries until it succeeds. Each try has a deadline of its own: an answer that was lost must not cost the whole. */
  async #tried<T>(
    what: string,
    { signal, timeoutMs = this.#bounds.blobMs }: BlobOptions = {},
    run: (signal: AbortSignal) => Promise<T>,
    next: 'again' | 'unknown' = 'unknown',
  ): Promise<T> {
    const { clock } = this.#ports
    const { blobTryMs } = this.#bounds
    const until = clock.now() + timeoutMs
    const backoff = this.#backoff()
    for (;;) {
      const leftMs = until - clock.now()
      const failed = await this.#once(what, { signal, ms: Math.min(blobTryMs, leftMs), next }, run)
      if (failed.kind === 'done') return failed.value
      const { error } = failed
      if (error.code === 'ABORTED' || error.next === 'stop') throw error
      this.#ports.failpoint?.('blobs.retry', { what, code: error.code })
      const waitMs = backoff.next()
      if (clock.now() + waitMs >= until) throw late(what, this.address, timeoutMs, error, next)
      await pause(clock, waitMs, signal)
    }
  }

  #backoff(): Backoff {
    const { blobRetryMinMs, blobRetryMaxMs } = this.#bounds
    return new Backoff(this.#ports, { retryMinMs: blobRetryMinMs, retryMaxMs: blobRetryMaxMs })
  }

  async #once<T>(
    what: string,
    { signal, ms, next }: { readonly signal: AbortSignal | undefined; readonly ms: number; readonly next: Next },
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<{ readonly kind: 'done'; readonly value: T } | { readonly kind: 'failed'; readonly error: SirtakiError }> {
    if (isAborted(signal)) throw aborted(what, signal, 'again')
    const limited = limit(this.#ports.clock, ms, signal)
    try {
      return { kind: 'done', value: await Promise.race([run(limited.signal), limited.over]) }
    } catch (thrown) {
      if (isAborted(signal)) throw aborted(what, signal, next)
      return { kind: 'failed', error: asError(thrown, 'IO') }
    } finally {
      limited.end()
    }
  }
}

type Next = 'again' | 'unknown'

/** A signal that aborts after `ms`, or with another one; `over` rejects then, also where nobody heeds the signal. */
function limit(
  clock: Clock,
  ms: number,
  signal: AbortSignal | undefined,
): { readonly signal: AbortSignal; readonly over: Promise<never>; end(): void } {
  const controller = new AbortController()
  let reject: (error: SirtakiError) => void = () => undefined
  const over = new Promise<never>((_, no) => {
    reject = no
  })
  over.catch(() => undefined)
  const stop = (error: SirtakiError): void => {
    reject(error)
    controller.abort(error)
  }
  const timer = clock.timer(Math.max(0, ms), () => {
    stop(new SirtakiError('TIMEOUT', `the blob store did not answer within ${Math.round(ms)} ms`))
  })
  const onAbort = (): void => {
    stop(new SirtakiError('ABORTED', 'given up', { cause: signal?.reason }))
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  return {
    signal: controller.signal,
    over,
    end: () => {
      timer.cancel()
      signal?.removeEventListener('abort', onAbort)
    },
  }
}

/** Asked anew each time: the signal of another one changes meanwhile. */
const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true

const aborted = (what: string, signal: AbortSignal | undefined, next: Next): SirtakiError =>
  new SirtakiError('ABORTED', `${what} was aborted${next === 'unknown' ? '; it may still take effect' : ''}`, {
    cause: signal?.reason,
    next,
  })

const late = (what: string, address: string, ms: number, cause: SirtakiError, next: Next): SirtakiError =>
  new SirtakiError(
    'TIMEOUT',
    `${what} at ${address} did not succeed within ${Math.round(ms)} ms; the last failure: ${cause.message}`,
    { cause, next, facts: { ...cause.facts, address } },
  )
