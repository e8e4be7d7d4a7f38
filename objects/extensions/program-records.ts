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

/**
 * Types of ours that programs reach, in the versions that this engine knows: a part of its number, since every view
 * that has the engine has to have their code.
 */
const KNOWN: ReadonlyMap<string, number> = new Map([
  ['sirtaki.counter', 1],
  ['sirtaki.lock', 1],
  ['sirtaki.queue', 1],
  ['sirtaki.tree', 1],
])

/** Whether every view has the code of a type: those of ours, and those whose code stands in the log. */
export const isPortable = (type: string): boolean => KNOWN.has(type) || programOf(type) !== undefined

/** Whether programs may reach objects of it: `isPortable`, in the version that every view has. */
export const isReachable = ({ type, version }: { readonly type: string; readonly version: number }): boolean =>
  programOf(type) !== undefined || KNOWN.get(type) === version

/** A record of an object of this type as a program sees it; `undefined` where it holds bytes or is too deep. */
export function shownRecord(type: string, record: unknown): Value | undefined
export function shownRecord(type: string, record: unknown): unknown {
  const isHeld = programOf(type) !== undefined && typeof record === 'object' && record !== null && 'value' in record
  const value = isHeld ? record.value : record
  return weightOf(value) === Infinity ? undefined : value
}

/** A record as a part of the changes that a call is given: three levels deeper than by itself. */
export const changedRecord = (type: string, record: unknown): Value | undefined => {
  const value = shownRecord(type, record)
  return value === undefined || weightOf([[[value]]]) === Infinity ? undefined : value
}
