/**
 * How far a job has come: a picture that is drawn over on a terminal, a plain line now and then elsewhere.
 *
 * Read next: `run-job.ts`.
 */
import { sizeText } from '../cli/output.ts'

/** What there is to tell at one moment. `leader`: its name and token. `sessions`: the names of all. */
export interface Progress {
  readonly done: number
  readonly total: number
  readonly bytes: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly leader: { readonly name: string; readonly token: number } | undefined
  readonly queue: { readonly ready: number; readonly taken: number; readonly dead: number }
  readonly sessions: readonly string[]
}

/** Tells progress on stderr. */
export interface Meter {
  show(progress: Progress): void
  /** Prints a line that stays. */
  say(text: string): void
  end(): void
}

const BAR = 30
const BAR_MS = 100
const LINE_MS = 1_000
const ESC = '\u001b['

/** Makes a meter for this process; `talk` prints a line. */
export function makeMeter(talk: (text: string) => void): Meter {
  const isDrawn = process.stderr.isTTY
  let shownAt = -Infinity
  /** Lines of the picture above the cursor. */
  let lines = 0
  const clear = (): void => {
    if (lines > 0) process.stderr.write(`${ESC}${lines}A${ESC}J`)
    lines = 0
  }
  return {
    show(progress) {
      const now = performance.now()
      if (now - shownAt < (isDrawn ? BAR_MS : LINE_MS)) return
      shownAt = now
      if (!isDrawn) {
        process.stderr.write(`${lineText(progress)}\n`)
        return
      }
      const picture = pictureOf(progress).map((line) => line.slice(0, process.stderr.columns - 1))
      process.stderr.write(`${lines > 0 ? `${ESC}${lines}A` : ''}${picture.map((line) => `${line}${ESC}K\n`).join('')}`)
      lines = picture.length
    },
    say(text) {
      clear()
      talk(text)
    },
    end() {
      lines = 0
    },
  }
}

/** The picture of a moment, line by line. */
export const pictureOf = (progress: Progress): string[] => [
  `${barText(progress)} ${speedText(progress)}`,
  `  leader    ${leaderText(progress)}`,
  `  queue     ${queueText(progress)}`,
  `  sessions  ${progress.sessions.join(', ')}`,
  `  commits   ${latencyText(progress)}`,
]

/** A moment in one line. */
export const lineText = (progress: Progress): string =>
  [
    speedText(progress),
    `leader ${leaderText(progress)}`,
    `queue ${queueText(progress)}`,
    `${progress.sessions.length} sessions`,
    `commits ${latencyText(progress)}`,
  ].join('; ')

const barText = ({ done, total }: Progress): string => {
  const full = Math.round((BAR * done) / Math.max(1, total))
  return `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}]`
}
const speedText = ({ done, total, bytes, seconds }: Progress): string =>
  `${done}/${total} files, ${Math.round(done / Math.max(seconds, 0.001))} files/s, `
  + `${sizeText(bytes / Math.max(seconds, 0.001))}/s`
const leaderText = ({ leader }: Progress): string =>
  leader === undefined ? 'none' : `${leader.name} (token ${leader.token})`
const queueText = ({ queue: { ready, taken, dead } }: Progress): string =>
  `${ready} ready, ${taken} taken, ${dead} dead`
const latencyText = ({ p50Ms, p99Ms }: Progress): string => `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`

/** The value below which `part` of the sorted values lie. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}
