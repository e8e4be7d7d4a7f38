/**
 * A clock that stands still until a test moves it: turns and timers run when it says so, in order.
 *
 * Read next: `../log/wire/rpc.test.ts`.
 */
import type { Clock, Random, Timer } from '../../log/ports.ts'
import { drain } from '../sim/drain.ts'

interface Due {
  readonly at: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

/** Time in the hands of a test. */
export class HandClock implements Clock {
  #now = 0
  #order = 0
  #due: Due[] = []
  #suspendedMs = 0
  /** How far somebody has set the wall clock ahead. */
  wallAheadMs = 0

  /** How many timers wait. */
  get timers(): number {
    return this.#due.filter(({ cancelled }) => !cancelled).length
  }

  now(): number {
    return this.#now
  }
  uptime(): number {
    return this.#now + this.#suspendedMs
  }
  wall(): number {
    return this.#now + this.#suspendedMs + this.wallAheadMs
  }
  turn(run: () => void): void {
    this.timer(0, run)
  }

  timer(ms: number, run: () => void): Timer {
    const due: Due = { at: this.#now + ms, order: this.#order++, run, cancelled: false }
    this.#due.push(due)
    return {
      cancel: () => {
        due.cancelled = true
      },
    }
  }

  /** Runs everything that is due within the next `ms`, with what follows from it. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await drain()
    for (let next = this.#take(end); next !== undefined; next = this.#take(end)) {
      this.#now = next.at
      next.run()
      await drain()
    }
    this.#now = end
  }

  /** The machine was suspended: nothing ran, and only its uptime and the wall clock went on. */
  suspend(ms: number): void {
    this.#suspendedMs += ms
  }

  /** Runs what is due now. */
  settle(): Promise<void> {
    return this.advance(0)
  }

  #take(end: number): Due | undefined {
    this.#due = this.#due.filter((one) => !one.cancelled)
    const [next] = this.#due.filter((one) => one.at <= end).sort((a, b) => a.at - b.at || a.order - b.order)
    this.#due = this.#due.filter((one) => one !== next)
    return next
  }
}

/** Chance that counts up: names are `id-1`, `id-2`, ..., numbers are always one half. */
export function countingRandom(): Random {
  let count = 0
  return { next: () => 0.5, id: () => `id-${++count}` }
}
