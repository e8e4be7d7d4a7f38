/**
 * The watchdog of ops that never end: a thread that reads what runs, and prints it once when it runs on and on.
 *
 *     the view's thread   began: count odd, position, object ── ended: count even ── ...
 *     the watchdog's      looks every 250 ms: the same odd count for 5 s: one line on stderr
 *
 * The thread that hangs can print nothing, so the line is written by the other one, straight to the file descriptor.
 * This file is both: what starts the thread, and what the thread runs. Time is counted in looks, so that a process that
 * was stopped or slept is not taken for one that hangs. Read next: `../runtime/space.ts` (who tells it).
 */
import { writeSync } from 'node:fs'
import { Worker, isMainThread, workerData } from 'node:worker_threads'
import type { Watchdog } from '../runtime/space.ts'

/** What it shares with its thread: a count, a position, and an object's path of so many UTF-16 units at most. */
const PATH_UNITS_MAX = 512
const POSITION_AT = 8
const LENGTH_AT = 16
const PATH_AT = 20
const SHARED_BYTES = PATH_AT + 2 * PATH_UNITS_MAX

const LOOK_MS = 250
/** How long something runs before it is named. */
const AFTER_MS = 5_000

/** How a watchdog is made. */
export interface WatchdogOptions {
  /** How long something runs before it is named; 5,000 unless told. */
  readonly afterMs?: number | undefined
  /** The file descriptor that it prints to; 2 unless told. */
  readonly fd?: number | undefined
}

/** A watchdog with its thread. */
export interface RunningWatchdog extends Watchdog, AsyncDisposable {
  /** Ends the thread. It keeps no process alive in any case. */
  close(): Promise<void>
}

interface Started {
  readonly sirtakiWatchdog: SharedArrayBuffer
  readonly afterMs: number
  readonly fd: number
}

/** Starts one. */
export function startWatchdog({ afterMs = AFTER_MS, fd = 2 }: WatchdogOptions = {}): RunningWatchdog {
  const shared = new SharedArrayBuffer(SHARED_BYTES)
  const started: Started = { sirtakiWatchdog: shared, afterMs, fd }
  const worker = new Worker(new URL(import.meta.url), { workerData: started, execArgv: [] })
  // Where threads are refused nobody looks; everything else goes on.
  worker.on('error', () => undefined)
  worker.unref()
  const { counts, positions, lengths, paths } = viewsOf(shared)
  let count = 0
  let path = ''
  const close = async (): Promise<void> => {
    await worker.terminate()
  }
  return {
    began: (position, object) => {
      if (object !== path) {
        path = object
        lengths[0] = Math.min(object.length, PATH_UNITS_MAX)
        for (let i = 0; i < object.length && i < PATH_UNITS_MAX; i++) paths[i] = object.charCodeAt(i)
      }
      positions[0] = position
      count = (count + (count % 2 === 0 ? 1 : 2)) | 0
      Atomics.store(counts, 0, count)
    },
    ended: () => {
      if (count % 2 === 0) return
      count = (count + 1) | 0
      Atomics.store(counts, 0, count)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

const viewsOf = (shared: SharedArrayBuffer) => ({
  counts: new Int32Array(shared, 0, 1),
  positions: new Float64Array(shared, POSITION_AT, 1),
  lengths: new Int32Array(shared, LENGTH_AT, 1),
  paths: new Uint16Array(shared, PATH_AT, PATH_UNITS_MAX),
})

/** What the thread does: looks, again and again. */
function watch({ sirtakiWatchdog: shared, afterMs, fd }: Started): void {
  const { counts, positions, lengths, paths } = viewsOf(shared)
  let seen = 0
  let looks = 0
  setInterval(
    () => {
      const count = Atomics.load(counts, 0)
      looks = count === seen ? looks + 1 : 0
      seen = count
      if (count % 2 === 0 || looks !== Math.ceil(afterMs / LOOK_MS)) return
      const path = String.fromCharCode(...paths.slice(0, lengths[0]))
      writeSync(fd, `${lineOf(path, positions[0] ?? -1, afterMs)}\n`)
    },
    Math.min(LOOK_MS, afterMs),
  )
}

const lineOf = (object: string, position: number, afterMs: number): string =>
  `sirtaki: ${object} at position ${position} has run for ${afterMs / 1_000} s and may never end: stop this process, `
  + 'correct the code of its type, or skip it ("When an op never ends" in docs/objects.md)'

const isStarted = (data: unknown): data is Started =>
  typeof data === 'object' && data !== null && 'sirtakiWatchdog' in data

if (!isMainThread && isStarted(workerData)) watch(workerData)
