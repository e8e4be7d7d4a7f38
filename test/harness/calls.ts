/**
 * The calls of one simulated process: some get a deadline or a signal of their own, and all of them must settle in
 * time.
 *
 * Time is virtual, and that of the process: while it is paused nothing is late. Read next: `sim-client.ts`,
 * `sim-objects.ts`.
 */
import type { CallOptions } from '../../log/cluster/calls.ts'
import { isError } from '../../log/errors.ts'
import type { Timer } from '../../log/ports.ts'
import type { Prng } from './prng.ts'

/** How often a call gets what, from 0 to 1. */
export interface CallMix {
  readonly timeouts: number
  readonly signals: number
}

/** What a call is bounded by. */
export interface Bounds {
  readonly timeoutMs?: number | undefined
  readonly abortMs?: number | undefined
}

/** What calls need of the world they are made in. */
export interface CallWorld {
  /** Runs something in the process, unless it has crashed by then. */
  after(ms: number, run: () => void): Timer
  now(): number
  count(point: string): void
  /** A call is late. */
  late(message: string): void
}

/** What sums of times may differ by. */
const ROUNDING_MS = 1e-6

/** The calls of one process. */
export class Calls {
  readonly #world: CallWorld
  readonly #prng: Prng
  readonly #mix: CallMix
  /** The deadline of a call that names none, and how long after it a call may still settle. */
  readonly #usualMs: number
  readonly #slackMs: number

  constructor(
    world: CallWorld,
    prng: Prng,
    mix: CallMix,
    { usualMs, slackMs }: { readonly usualMs: number; readonly slackMs: number },
  ) {
    this.#world = world
    this.#prng = prng
    this.#mix = mix
    this.#usualMs = usualMs
    this.#slackMs = slackMs
  }

  /** Draws what bounds the next call: mostly nothing. */
  draw(): Bounds {
    const { timeouts, signals } = this.#mix
    return {
      ...(this.#prng.chance(timeouts) ? { timeoutMs: this.#prng.pick([1, 10, 50, 150]) } : {}),
      ...(this.#prng.chance(signals) ? { abortMs: this.#prng.between(0, 60) } : {}),
    }
  }

  count(point: string): void {
    this.#world.count(point)
  }

  /** Makes one call with its bounds, and sees that it settles. */
  async run<T>(name: string, { timeoutMs, abortMs }: Bounds, call: (options: CallOptions) => Promise<T>): Promise<T> {
    const { signal, timer } = this.#abortAfter(abortMs)
    const late = this.#arm(name, Math.min(timeoutMs ?? this.#usualMs, abortMs ?? Infinity))
    try {
      return await call({
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (thrown) {
      if (timeoutMs !== undefined && isError(thrown, 'TIMEOUT')) this.count('call.timeout')
      if (isError(thrown, 'ABORTED')) this.count('call.aborted')
      throw thrown
    } finally {
      timer?.cancel()
      late.cancel()
    }
  }

  #abortAfter(ms: number | undefined): { readonly signal?: AbortSignal; readonly timer?: Timer } {
    if (ms === undefined) return {}
    const controller = new AbortController()
    return {
      signal: controller.signal,
      timer: this.#world.after(ms, () => {
        controller.abort()
      }),
    }
  }

  /**
   * Where the process stood still past the moment, its own timers were held up as well: they get the slack again; where
   * its machine slept, its own clock has not come there yet.
   */
  #arm(name: string, ms: number): Timer {
    const began = this.#world.now()
    const arm = (delayMs: number): Timer => {
      const due = this.#world.now() + delayMs
      return this.#world.after(delayMs, () => {
        const lateMs = this.#world.now() - due
        if (lateMs < -ROUNDING_MS) timer = arm(this.#slackMs - lateMs)
        else if (lateMs > ROUNDING_MS) timer = arm(this.#slackMs)
        else {
          this.#world.late(
            `a call of ${name} that was to end within ${ms} ms has not ended after ${this.#world.now() - began} ms`,
          )
        }
      })
    }
    let timer = arm(ms + this.#slackMs)
    return {
      cancel: () => {
        timer.cancel()
      },
    }
  }
}
