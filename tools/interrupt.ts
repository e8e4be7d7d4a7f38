/**
 * How a process is told to end: Ctrl-C, SIGTERM, or, for a child of `sirtaki dev`, the end of its parent.
 *
 * Read next: `main.ts`, `dev/child.ts`.
 */

import { Failure, exits } from './failure.ts'

/**
 * Gives a signal that aborts once the process is told to end. A child leaves Ctrl-C to its parent: the terminal tells
 * both at once, and units that end before their clients would only make noise.
 */
export function endingSignal(): AbortSignal {
  const ending = new AbortController()
  const end = (): void => { ending.abort(new Failure(exits.interrupted, 'interrupted')) }
  if (process.channel !== undefined) process.on('disconnect', end)
  process.on('SIGINT', process.channel === undefined ? end : () => undefined)
  process.on('SIGTERM', end)
  return ending.signal
}

/** Settles when `signal` aborts. */
export function aborts(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => { resolve() }, { once: true })
  })
}

/** Settles after `ms`, or as soon as `signal` aborts. */
export function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => { clearTimeout(timer); signal.removeEventListener('abort', end); resolve() }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}
