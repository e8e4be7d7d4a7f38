/**
 * The past of the objects, as a command reads it: with the types that its flags name.
 *
 * Read next: `../../objects/past/past.ts`, `objects.ts`.
 */
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { ObjectClient } from '../../objects/client.ts'
import { texts } from '../cli/arguments.ts'
import type { Context } from '../cli/context.ts'
import { loadTypes } from './code.ts'
import { withObjects } from './objects.ts'

/** Flags of whoever reads the past. */
export interface PastFlags {
  readonly code?: readonly string[]
}

/** Adds them to a command. */
export const pastFlags = (command: Command): Command =>
  command.option('--code <file>', 'a module that exports the types of a program, several times for several', texts)

/** Flags of whoever may read the past. */
export interface AtFlags extends PastFlags {
  readonly at?: number | Date
}
/** The flag that names it. */
export const atFlag = (): Option =>
  new Option('--at <when>', 'as it was at a position, or at a date such as 2026-11-29T14:03:00Z').argParser(when)

/** A position or a date. */
export function when(text: string): number | Date {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  const date = new Date(text)
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(date.getTime())) {
    throw new InvalidArgumentError('it is a position, or a date such as 2026-11-29T14:03:00Z.')
  }
  return date
}

/** Runs `use` with the objects of today, whose past it reads. @throws SirtakiError as `withObjects`, `withBlobs`. */
export async function withPast<T>(
  context: Context,
  { code = [] }: PastFlags,
  use: (client: ObjectClient) => Promise<T>,
): Promise<T> {
  const types = await loadTypes(code)
  return withObjects(context, use, { types, doing: '' })
}

/** Runs `use` with the objects as they were, or as they are. */
export const withObjectsAt = <T>(
  context: Context,
  { at, ...flags }: AtFlags,
  use: (client: ObjectClient) => Promise<T>,
): Promise<T> =>
  withPast(context, flags, async (client) => {
    if (at === undefined) return use(client)
    await using past = await client.at(at, { signal: context.signal, timeoutMs: context.timeoutMs })
    return await use(past)
  })

/** The oldest position whose state can be had: behind the oldest checkpoint where the log was trimmed. */
export async function oldestOf(client: ObjectClient): Promise<number> {
  await client.sync()
  const { mark, checkpoints, archived } = client.retention()
  return mark === 0 || archived !== null ? 0 : (checkpoints.find((one) => one.position >= mark)?.position ?? mark)
}
