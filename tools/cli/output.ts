/**
 * Where words go: data on stdout, talk on stderr. With `json` data is one JSON object a line.
 *
 * Owns: NO_COLOR; that a reader gets everything before the process ends, and that one who hangs up (`| head`) ends it
 * quietly (P74); that nobody looks at a silent command for longer than three seconds. Read next: `../main.ts`.
 */

import type { Writable } from 'node:stream'

/** How a command speaks. */
export interface Output {
  readonly json: boolean
  /** Tells a result: `value` as JSON, or `text` for people. */
  data(value: object, text: string): void
  /** Tells people what goes on. */
  talk(text: string): void
  /** Settles when the reader of stdout takes more, or the process is told to end: so a slow reader costs no memory. */
  flow(): Promise<void>
  /**
   * Runs something that may take its time. After every silence of some seconds a line on stderr says what is waited
   * for: what `what` gives; nothing while it gives `undefined`.
   */
  during<T>(what: () => Promise<string | undefined>, run: () => Promise<T>): Promise<T>
  readonly dim: (text: string) => string
  readonly bold: (text: string) => string
}

/** The longest silence of a command that waits: below the three seconds after which people take it for hung. */
const SILENCE_MS = 1_500
const LOOK_MS = 250

/** Makes the output of this process; `signal` aborts when it is told to end. */
export function makeOutput(json: boolean, signal: AbortSignal): Output {
  const colours = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''
  const paint =
    (code: number) =>
    (text: string): string =>
      colours ? `\u001b[${code}m${text}\u001b[0m` : text
  let saidAt = performance.now()
  const output: Output = {
    json,
    data: (value, text) => {
      saidAt = performance.now()
      process.stdout.write(`${json ? JSON.stringify(value) : text}\n`)
    },
    talk: (text) => {
      saidAt = performance.now()
      process.stderr.write(`${text}\n`)
    },
    flow: () => flowing(signal),
    during: async (what, run) => {
      const startedAt = performance.now()
      saidAt = startedAt
      let asking = false
      const speak = async (): Promise<void> => {
        asking = true
        const text = await what().catch(() => undefined)
        asking = false
        const seconds = Math.round((performance.now() - startedAt) / 1_000)
        if (text !== undefined && !done) output.talk(`${text} (${seconds} s so far)`)
      }
      let done = false
      const look = (): void => {
        if (!asking && performance.now() - saidAt >= SILENCE_MS) void speak()
      }
      const timer = setInterval(look, LOOK_MS)
      try {
        return await run()
      } finally {
        done = true
        clearInterval(timer)
      }
    },
    dim: paint(2),
    bold: paint(1),
  }
  return output
}

/** Lines up rows of cells, the first row as the head. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** A size for people. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = bytes
  let unit = 0
  while (size >= 1_000 && unit < units.length - 1) {
    size /= 1_000
    unit++
  }
  return `${unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`
}

async function flowing(signal: AbortSignal): Promise<void> {
  if (!process.stdout.writableNeedDrain || signal.aborted) return
  await new Promise<void>((resolve) => {
    const end = (): void => {
      process.stdout.off('drain', end)
      signal.removeEventListener('abort', end)
      resolve()
    }
    process.stdout.on('drain', end)
    signal.addEventListener('abort', end)
  })
}

/** A reader that has gone wants no more: that is how `| head` ends us. Without one of stderr the command goes on. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1)
  })
  process.stderr.on('error', () => undefined)
}

/** Ends the process when its readers have taken everything, or after `patienceMs`. */
export async function endProcess(code: number, patienceMs = Infinity): Promise<never> {
  if (Number.isFinite(patienceMs)) {
    setTimeout(() => {
      process.exit(code)
    }, patienceMs)
  }
  await Promise.all([process.stdout, process.stderr].map(drained))
  process.exit(code)
}

/** Settles when a stream has handed on what was written to it, or cannot any more. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) {
      resolve()
      return
    }
    stream.once('error', () => {
      resolve()
    })
    stream.write('', () => {
      resolve()
    })
  })
}
