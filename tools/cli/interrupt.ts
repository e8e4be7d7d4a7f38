/**
 * How a process is told to end: Ctrl-C, SIGTERM, or, for a child of `sirtaki dev`, the end of its parent.
 *
 *     signal ── aborts, everything ends in good order ── signal again ── the process ends at once
 *
 * Read next: `../main.ts`, `../serving/serving.ts`, `../dev/child.ts`.
 */

import { Failure, exits } from './failure.ts'

/** Signals that come this close together are one: a terminal and npm both tell a child of npm about one Ctrl-C. */
const ONE_SIGNAL_MS = 300

let toldAt: number | undefined

/** Whether the process was told to end by a signal. */
export const wasTold = (): boolean => toldAt !== undefined

/**
 * Gives a signal that aborts once the process is told to end; told a second time, the process ends at once. A child
 * leaves Ctrl-C to its parent: the terminal tells both at once, and units that end before their clients would only
 * make noise.
 */
export function endingSignal(): AbortSignal {
  const ending = new AbortController()
  const end = (): void => {
    ending.abort(new Failure(exits.interrupted, 'interrupted'))
  }
  const signalled = (): void => {
    const now = performance.now()
    toldAt ??= now
    // At once: who asks again does not wait for a reader of what was printed.
    if (now - toldAt >= ONE_SIGNAL_MS) process.exit(exits.interrupted)
    end()
  }
  if (process.channel !== undefined) process.on('disconnect', end)
  process.on('SIGINT', process.channel === undefined ? signalled : () => undefined)
  process.on('SIGTERM', signalled)
  return ending.signal
}

/** Settles when `signal` aborts. */
export function aborts(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else {
      signal.addEventListener(
        'abort',
        () => {
          resolve()
        },
        { once: true },
      )
    }
  })
}

/** Settles after `ms`, or as soon as `signal` aborts. */
export function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}
