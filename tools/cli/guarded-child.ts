/**
 * A child process that may run only as long as something is held: when that is lost it is told to end, then killed.
 *
 *     lost, or told to end ── SIGTERM ── grace ── SIGKILL           the parent ends at once ── SIGKILL
 *
 * Standard streams are the parent's own. A child that has children of its own has to end them. Read next:
 * `../commands/lock.ts`.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { Failure } from './failure.ts'

/** How a child is run. */
export interface Guard {
  /** Variables that it is given beside those of the parent. */
  readonly env: Readonly<Record<string, string>>
  /** Aborts when what is held is lost. */
  readonly lost: AbortSignal
  /** Aborts when the parent is told to end. */
  readonly ending: AbortSignal
  /** From SIGTERM to SIGKILL, in milliseconds. */
  readonly graceMs: number
}

/** The exit code of a command that cannot be started, as shells have it. */
const CANNOT_START = 127
/** What shells add to the number of the signal that ended a command. */
const BY_SIGNAL = 128

/** Runs a command to its end; gives its exit code. @throws Failure when it cannot be started. */
export async function runGuarded(command: readonly string[], guard: Guard): Promise<number> {
  const [file = '', ...args] = command
  const child = spawn(file, args, { stdio: 'inherit', env: { ...process.env, ...guard.env } })
  const unlisten = endWith(child, guard)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (error) => {
        // A signal that does not arrive is an error too: only one of the start ends it.
        if (child.pid === undefined) reject(new Failure(CANNOT_START, `${file} cannot be started: ${error.message}`))
      })
      child.once('exit', (code, signal) => {
        resolve(signal === null ? (code ?? 1) : BY_SIGNAL + constants.signals[signal])
      })
    })
  } finally {
    unlisten()
  }
}

/** Ends a child with what it depends on; gives what takes that back. */
function endWith(child: ChildProcess, { lost, ending, graceMs }: Guard): () => void {
  let timer: NodeJS.Timeout | undefined
  const stop = (): void => {
    child.kill('SIGTERM')
    timer ??= setTimeout(kill, graceMs)
  }
  const kill = (): void => {
    child.kill('SIGKILL')
  }
  const onEnding = (): void => {
    // A terminal tells the child of Ctrl-C by itself, and one that is told twice might end in a hurry.
    if (!process.stdin.isTTY) stop()
  }
  const ears: readonly (readonly [AbortSignal, () => void])[] = [
    [lost, stop],
    [ending, onEnding],
  ]
  for (const [signal, listener] of ears) {
    if (signal.aborted) listener()
    else signal.addEventListener('abort', listener, { once: true })
  }
  process.on('SIGTERM', stop)
  process.on('exit', kill)
  return () => {
    clearTimeout(timer)
    for (const [signal, listener] of ears) signal.removeEventListener('abort', listener)
    process.off('SIGTERM', stop)
    process.off('exit', kill)
  }
}
