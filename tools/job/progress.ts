/**
 * How far a job has come: a bar on a terminal, a plain line now and then elsewhere.
 *
 * Read next: `run-job.ts`.
 */
import { sizeText } from '../cli/output.ts'

/** What there is to tell at one moment. */
export interface Progress {
  readonly done: number
  readonly total: number
  readonly bytes: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Tells progress on stderr. */
export interface Meter {
  show(progress: Progress): void
  end(): void
}

const BAR = 30
const BAR_MS = 100
const LINE_MS = 1_000

/** Makes a meter for this process. */
export function makeMeter(): Meter {
  const bar = process.stderr.isTTY
  let told = -Infinity
  return {
    show(progress) {
      const now = performance.now()
      if (now - told < (bar ? BAR_MS : LINE_MS)) return
      told = now
      process.stderr.write(
        bar ? `\r${barText(progress)} ${progressText(progress)}\u001b[K` : `${progressText(progress)}\n`,
      )
    },
    end() {
      if (bar) process.stderr.write('\n')
    },
  }
}

const barText = ({ done, total }: Progress): string => {
  const full = Math.round((BAR * done) / Math.max(1, total))
  return `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}]`
}

/** Progress in words. */
export const progressText = ({ done, total, bytes, seconds, p50Ms, p99Ms }: Progress): string =>
  `${done}/${total} files, ${Math.round(done / Math.max(seconds, 0.001))} files/s, `
  + `${sizeText(bytes / Math.max(seconds, 0.001))}/s, op p50 ${p50Ms.toFixed(1)} ms p99 ${p99Ms.toFixed(1)} `
  + 'ms'

/** The value below which `part` of the sorted values lie. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}
