/**
 * How a client of the load says what happens to it: lines on its standard output, which the recorder reads.
 *
 * An operation of an object is said twice, when it begins and when it ends, so that nothing is lost of a client that is
 * killed in between. Read next: `history.ts`, `recorder.ts`.
 */
import { writeSync } from 'node:fs'
import { asError, isError } from '../../../log/errors.ts'
import type { HistoryLine } from './history.ts'
import type { LoadName } from './loads.ts'

let said: string[] = []
let ids = 0

/** Nanoseconds of the machine's monotonic clock, which all processes share. */
export const now = (): number => Number(process.hrtime.bigint())

/** Says it soon. */
export function say(...line: HistoryLine): void {
  if (said.length === 0) setTimeout(flush, 20)
  said.push(line.join(' '))
}

/** Says all that was to be said. */
export function flush(): void {
  const text = said.map((line) => `${line}\n`).join('')
  said = []
  write(text)
}

function write(text: string): void {
  for (let bytes = Buffer.from(text); bytes.byteLength > 0;) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes))
    } catch (thrown) {
      // The recorder is busy for a moment: what happened must not be lost.
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EAGAIN')) throw thrown
    }
  }
}

/** What an operation answered, and at which place in the order of the log, where that is known. */
export type Told = readonly [answer: unknown, place?: number]

/** An operation that is to be recorded. `run` gives what it answers; `refused` what an error says for sure. */
export interface Recorded {
  readonly load: LoadName
  readonly round: number
  readonly input: unknown
  run(): Promise<Told>
  /**
   * What an error answers. Of others, one that says that the same call is safe (`again`) promises that nothing was
   * done; any other leaves the outcome unknown.
   */
  refused?(code: string): Told | undefined
  /** It may have been granted for a moment: what is promised is only that nothing of it stays. */
  readonly waits?: boolean
}

/** Runs an operation and says how it went. @throws what it throws, unless that is an answer. */
export async function record({ load, round, input, run, refused, waits }: Recorded): Promise<Told | undefined> {
  const id = ++ids
  flush()
  write(`begin ${id} ${load} ${round} ${now()} ${JSON.stringify(input)}\n`)
  try {
    const told = await run()
    say('end', id, now(), JSON.stringify(told))
    return told
  } catch (thrown) {
    const told = isError(thrown) ? refused?.(thrown.code) : undefined
    if (told === undefined && isError(thrown) && thrown.next === 'again' && waits !== true) say('never', id)
    else if (told === undefined) say('end', id, '-', '-')
    else {
      say('end', id, now(), JSON.stringify(told))
      return told
    }
    throw thrown
  }
}

/** Counts an error that the cluster told. @throws errors that say that something is wrong with the program. */
export function tellError(operation: string, thrown: unknown): void {
  if (!isError(thrown) || thrown.code === 'INVARIANT' || thrown.code === 'BAD_FRAME' || thrown.code === 'DIVERGED') {
    throw thrown
  }
  say('error', now(), operation, asError(thrown).code)
}
