/**
 * A duty that one process of all that offer it does: it holds a lock, serves until it loses it, and queues again.
 *
 *     lock ─▶ serve ─┬ lost, or it failed ─▶ given back ─ a pause ─▶ lock
 *                    └ closed ─▶ given back
 *
 * The lock saves work: what is done must be right also where two do it for a moment. Read next: `checkpointer.ts`,
 * `archiver.ts`.
 */
import { Backoff, either, pause } from '../../log/cluster/retry.ts'
import { asError, type SirtakiError } from '../../log/errors.ts'
import type { ObjectPort } from '../handle.ts'
import { acquire, lockInput, type Held } from '../lock/lock.ts'

/** How long it waits where the code of some type is missing: another process may have it. */
const WITHOUT_CODE_MS = 30_000

/** What is done, and what is heard of it. */
export interface DutyOptions {
  readonly path: string
  /** Does it until the signal aborts or the hold may not be counted on. */
  serve(held: Held, signal: AbortSignal): Promise<void>
  failed(error: SirtakiError): void
}

/** Does it until closed. */
export class Duty {
  readonly #port: ObjectPort
  readonly #options: DutyOptions
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  #held: Held | undefined

  constructor(port: ObjectPort, options: DutyOptions) {
    this.#port = port
    this.#options = options
    this.#running = this.#run()
  }

  /** Whether it is this process that does it. */
  get isHolder(): boolean {
    return this.#held?.isCurrent === true
  }

  /** Ends it; what is under way is given up. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { log } = this.#port.view
    const { signal } = this.#closing
    const backoff = new Backoff(log, log.limits)
    const unlisten = this.#port.view.onStopped(() => {
      this.#closing.abort()
    })
    while (!signal.aborted) {
      try {
        const held = await acquire(this.#port, this.#options.path, lockInput({}), { signal, background: true })
        this.#held = held
        try {
          await this.#options.serve(held, either(signal, held.signal))
          backoff.reset()
        } finally {
          this.#held = undefined
          await held.release().catch(() => undefined)
        }
      } catch (thrown) {
        if (signal.aborted) break
        const error = asError(thrown)
        this.#options.failed(error)
        await pause(log.clock, error.code === 'CODE_MISSING' ? WITHOUT_CODE_MS : 0, signal).catch(() => undefined)
        await backoff.wait(signal).catch(() => undefined)
      }
    }
    unlisten()
  }
}
