/**
 * What a server tells of itself while it runs: one line on stderr for each thing that happened.
 *
 *     pretty   2026-11-21T10:00:00.000Z warn  not the sequencer yet: ... code=IN_USE
 *     json     {"time":"2026-11-21T10:00:00.000Z","level":"warn","kind":"sequencer","message":"...","code":"IN_USE"}
 *
 * Owns: levels, the form of a line. stdout is for data. Read next: `serving.ts`, `../cli/output.ts`.
 */

/** How grave a line is: `error` ends the server, `warn` wants a look when it comes again and again. */
export type Level = 'info' | 'warn' | 'error'
/** How lines look: for people, or one JSON object each. */
export type LogFormat = 'pretty' | 'json'
/** The formats by name. */
export const logFormats: readonly LogFormat[] = ['pretty', 'json']
/** Plain values that go with a line; what is undefined is left out. */
export type LogFacts = Readonly<Record<string, unknown>>

/** How a server tells of itself. */
export interface Log {
  info(message: string, facts?: LogFacts): void
  warn(message: string, facts?: LogFacts): void
  error(message: string, facts?: LogFacts): void
  /** Takes what the servers themselves say, who know no levels. */
  told(message: string): void
}

/** What a log is made of. `address` is asked for every line: a port may be known only later. */
export interface LogOptions {
  readonly format: LogFormat
  readonly kind: string
  readonly address: () => string
  readonly write: (line: string) => void
  readonly wall: () => Date
  readonly colours: boolean
}

/** Makes a log. */
export function makeLog({ format, kind, address, write, wall, colours }: LogOptions): Log {
  const tell = (level: Level, message: string, facts: LogFacts = {}): void => {
    const time = wall().toISOString()
    const own = { time, level, kind, address: address(), message: oneLine(message) }
    // No fact may hide what every line has; spread twice, the order of the fields stays.
    write(
      format === 'json'
        ? `${JSON.stringify({ ...own, ...facts, ...own })}\n`
        : `${prettyText(time, level, own.message, facts, colours)}\n`,
    )
  }
  return {
    info: (message, facts) => {
      tell('info', message, facts)
    },
    warn: (message, facts) => {
      tell('warn', message, facts)
    },
    error: (message, facts) => {
      tell('error', message, facts)
    },
    told: (message) => {
      tell(levelOf(message), message)
    },
  }
}

/** The log of this process, on stderr. */
export const processLog = (format: LogFormat, kind: string, address: () => string): Log =>
  makeLog({
    format,
    kind,
    address,
    write: (line) => {
      process.stderr.write(line)
    },
    wall: () => new Date(),
    colours: process.stderr.isTTY && (process.env['NO_COLOR'] ?? '') === '',
  })

/** What servers say when something does not go as it should, gravest first. */
const signs: readonly (readonly [RegExp, Level])[] = [
  [/\bstops:/, 'error'],
  [/\b(could not|cannot|not .* yet|no longer)\b/, 'warn'],
]

/** The level of what a server says. */
export const levelOf = (message: string): Level => signs.find(([sign]) => sign.test(message))?.[1] ?? 'info'

const paints = { info: 2, warn: 33, error: 31 } as const satisfies Record<Level, number>

function prettyText(time: string, level: Level, message: string, facts: LogFacts, colours: boolean): string {
  const padded = level.padEnd(5)
  const pairs = Object.entries(facts).flatMap(([name, value]) =>
    value === undefined ? [] : [` ${name}=${valueText(value)}`],
  )
  return `${time} ${colours ? `\u001b[${paints[level]}m${padded}\u001b[0m` : padded} ${message}${pairs.join('')}`
}

/** A value without quotes where it can be taken apart without them. */
function valueText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)
}

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' ').trim()
