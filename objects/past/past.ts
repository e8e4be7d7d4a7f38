/**
 * The objects as they were: a client that reads one past position.
 *
 * It is an object client over a log that ends there, so everything that reads works; whatever would change something is
 * refused. While it is read the log is held, so that nobody trims it away. Keeps: C4, P27. Read next: `past-log.ts`,
 * `history.ts`, `../client.ts`.
 */
import type { FlowOptions } from '../../log/cluster/calls.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import type { RetentionNow } from '../retention/trim.ts'
import { history, type PastSource } from './history.ts'

/** A position, or a moment by the sequencer's clock. */
export type When = number | Date

/**
 * The position that a moment means: the last entry of the space at or before it.
 *
 * @throws SirtakiError `BAD_ARGUMENT` for a position above the tail, a moment before the first entry, or no date;
 *   `TRIMMED`; `TIMEOUT`, `ABORTED`.
 */
export async function positionOf(source: PastSource, when: When, options: FlowOptions): Promise<number> {
  // Whoever has played up to the tail of the log is at a position behind the last entry of the objects.
  const { tail: last, end = last } = await source.log.tail(source.stream, options)
  const tail = Math.max(last, end, source.next())
  if (typeof when === 'number') {
    if (Number.isSafeInteger(when) && when >= 0 && when < tail) return when
    throw new SirtakiError('BAD_ARGUMENT', `${when} is no position of the past: the log has 0 to ${tail - 1}`, {
      facts: { position: when, tail },
    })
  }
  const moment = when.getTime()
  const isDate = !Number.isNaN(moment)
  if (!isDate) throw new SirtakiError('BAD_ARGUMENT', 'the date is none: write it like 2026-11-29T14:03:00Z')
  const from = await source.checkpoints?.newestAt?.(moment)
  let found: number | undefined = from === undefined ? undefined : from - 1
  for await (const { entry, wall } of history(source, { ...options, from: from ?? 0, to: tail - 1 })) {
    if (wall > moment) break
    found = entry.position
  }
  if (found !== undefined && found >= 0) return found
  throw new SirtakiError('BAD_ARGUMENT', `${when.toISOString()} is before the first entry of the objects`)
}

/** From where on the log is needed to read a position: the newest checkpoint that is noted at or below it. */
export function neededFrom({ checkpoints, mark }: RetentionNow, position: number): number | undefined {
  const below = checkpoints.filter((one) => one.position <= position + 1 && one.position >= mark)
  const from = below.at(-1)?.position ?? mark
  return from <= position + 1 ? from : undefined
}

/** The error of a state that cannot be had any more, by what is at hand. */
export function tooOld(thrown: unknown, position: number): SirtakiError {
  const error = asError(thrown)
  if (error.code !== 'TRIMMED') return error
  return new SirtakiError('TRIMMED', `the state at position ${position} cannot be had any more: ${error.message}`, {
    cause: error,
    facts: { ...error.facts, position },
  })
}
