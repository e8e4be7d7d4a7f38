/**
 * Waiting and trying again: backoff with full jitter, a budget of retries, deadlines that an AbortSignal can cut short.
 *
 * Keeps: P17 (the budget counts causes, not messages). Read next: `cluster.ts`.
 */
import { SirtakiError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { Clock, Ports } from '../ports.ts'

/** Waits; ends early and throws when the signal aborts. @throws SirtakiError `ABORTED`. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(aborted(signal))
      return
    }
    const onAbort = (): void => {
      timer.cancel()
      if (signal !== undefined) reject(aborted(signal))
    }
    const timer = clock.timer(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Runs something that somebody waits for: the process stays alive until it has ended, also in its pauses. */
export async function attended<T>(clock: Clock, run: () => Promise<T>): Promise<T> {
  const release = clock.hold?.()
  try {
    return await run()
  } finally {
    release?.()
  }
}

/** The error of a call whose signal has aborted. */
export const aborted = (signal: AbortSignal): SirtakiError =>
  new SirtakiError('ABORTED', 'the call was aborted; it may still take effect', { cause: signal.reason })

/** Aborts with the first of both. */
export const either = (one: AbortSignal, other: AbortSignal | undefined): AbortSignal =>
  other === undefined ? one : AbortSignal.any([one, other])

/** Pauses that double, each drawn anew below the bound (full jitter). */
export class Backoff {
  readonly #ports: Pick<Ports, 'clock' | 'random'>
  readonly #limits: Pick<Limits, 'retryMinMs' | 'retryMaxMs'>
  #tries = 0
  constructor(ports: Pick<Ports, 'clock' | 'random'>, limits: Pick<Limits, 'retryMinMs' | 'retryMaxMs'>) {
    this.#ports = ports
    this.#limits = limits
  }

  /** Begins anew: it went well meanwhile. */
  reset(): void {
    this.#tries = 0
  }

  async wait(signal?: AbortSignal): Promise<void> {
    await pause(this.#ports.clock, this.next(), signal)
  }

  /** How long the next pause is, in milliseconds. */
  next(): number {
    const { retryMinMs, retryMaxMs } = this.#limits
    const bound = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(this.#tries++, 16))
    return this.#ports.random.next() * bound
  }
}

/** Retries may be a tenth of successes, and a few to start with: a storm of retries never feeds itself (P17). */
export class RetryBudget {
  #left = 20
  /** One call went through at its first try. */
  earn(calls = 1): void {
    this.#left = Math.min(100, this.#left + calls / 10)
  }
  /** Asks for one retry; false: wait before asking again. */
  spend(): boolean {
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
