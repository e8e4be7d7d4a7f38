/**
 * The real clock: the machine's time and the turns of Node's event loop.
 *
 * Owns: that a timer never fires early. Read next: `../ports.ts`.
 */
import { uptime } from 'node:os'
import type { Clock, Timer } from '../ports.ts'

/** Node turns a longer delay into one millisecond. */
const DELAY_MAX_MS = 2 ** 31 - 1

/** How a clock is made. */
export interface ClockOptions {
  /** Timers do not keep the process alive: only what holds it does (`hold`). */
  readonly unreferenced?: boolean | undefined
}

/** Makes a clock of this machine. */
export function makeClock({ unreferenced = false }: ClockOptions = {}): Clock {
  return {
    ...(unreferenced ? { hold: holder() } : {}),
    now: () => performance.now(),
    uptime: () => uptime() * 1000,
    wall: () => Date.now(),
    turn: (run) => {
      setImmediate(run)
    },
    timer: (ms, run) => startTimer(ms, run, unreferenced),
  }
}

/** The clock of this machine; its timers keep the process alive. */
export const systemClock: Clock = makeClock()

/** One timer that never fires does it for all who hold the process. */
function holder(): () => () => void {
  let holds = 0
  let handle: NodeJS.Timeout | undefined
  return () => {
    if (holds++ === 0) handle = handle?.ref() ?? setInterval(() => undefined, DELAY_MAX_MS)
    let held = true
    return () => {
      if (!held) return
      held = false
      if (--holds === 0) handle?.unref()
    }
  }
}

/**
 * Node counts a delay from the start of the loop's turn, so after a long turn it fires early, and an age that was not
 * reached would count as reached. What is left then is waited for again.
 */
function startTimer(ms: number, run: () => void, unreferenced: boolean): Timer {
  const due = performance.now() + ms
  let handle: NodeJS.Timeout
  const wait = (leftMs: number): void => {
    handle = setTimeout(fire, Math.min(Math.ceil(leftMs), DELAY_MAX_MS))
    if (unreferenced) handle.unref()
  }
  const fire = (): void => {
    const leftMs = due - performance.now()
    if (leftMs > 0) wait(leftMs)
    else run()
  }
  wait(ms)
  return {
    cancel: () => {
      clearTimeout(handle)
    },
  }
}
