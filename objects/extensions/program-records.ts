/**
 * What objects of programs are made of: records and waits by key, and what others see of them.
 *
 * Owns no state. Read next: `program.ts`, `guest-step.ts`.
 */
import type { Context } from '../runtime/object-type.ts'
import { programOf } from '../runtime/programs.ts'
import { weightOf, type Value } from '../runtime/values.ts'
import type { Machine } from './engine/machine.ts'

/** A record of a program: `session` owns it; 0: nobody. */
export interface Held {
  readonly value: Value
  readonly session: number
}
/** A wait of a program: where its row is. */
export interface Waiter {
  readonly session: number
  readonly key: string
}
/** An end of a session that its program has not been told of yet. */
export interface EndedRow {
  readonly session: number
  readonly clean: boolean
  readonly keys: readonly string[]
}
/** The tables of each object whose type is a program. */
export type ProgramTables = {
  readonly records: Held
  readonly waits: Waiter
  readonly ends: EndedRow
}
export type ProgramContext = Context<null, ProgramTables>

/** Functions of a program that the runtime calls by itself. */
export const hookNames = ['due', 'ended', 'cancelled'] as const
export type HookName = (typeof hookNames)[number]
const isHook = (name: string): boolean => hookNames.some((hook) => hook === name)

/** The ops of a program: its functions but for the hooks, and for `runs`, which ops of others and changes call. */
export const opNames = ({ names }: Pick<Machine, 'names'>, runs: ReadonlySet<string>): string[] =>
  names.filter((name) => !isHook(name) && !runs.has(name))

/** Whether every view has the code of a type: ours, and those whose code stands in the log. */
export const isPortable = (type: string): boolean => type.startsWith('sirtaki.') || programOf(type) !== undefined

/** A record of an object of this type as a program sees it; `undefined` where it holds bytes or is too deep. */
export function shownRecord(type: string, record: unknown): Value | undefined
export function shownRecord(type: string, record: unknown): unknown {
  const isHeld = programOf(type) !== undefined && typeof record === 'object' && record !== null && 'value' in record
  const value = isHeld ? record.value : record
  return weightOf(value) === Infinity ? undefined : value
}
