/**
 * The words between a type of objects and the space that plays it: what an op is given, and what a type looks like from
 * below, where nobody knows its values.
 *
 * Read next: `bound-type.ts`, `../define-object.ts`.
 */
import type { Draft } from 'immer'
import type { Struct } from 'superstruct'
import { SirtakiError } from '../../log/errors.ts'
import type { Journal, Table } from './records.ts'
import type { Value } from './values.ts'

/** What an op knows of its entry, and what it can do besides changing its draft. */
export interface OpContext<T> {
  /** Of the entry: the identity of this op, greater than that of every earlier one. */
  readonly position: number
  /** Log time of the entry in milliseconds: never goes back. The only clock of an op. */
  readonly time: number
  /** The session whose op it is: the position that opened it. */
  readonly session: number
  readonly tables: { readonly [K in keyof T]: Table<T[K]> }
  /** Refuses the op: nothing of it stays, its caller gets `REJECTED` with the reason and the facts. */
  reject(reason: string, facts?: Readonly<Record<string, Value>>): never
}

/** The context of a raw op. */
export interface RawContext<S, T> extends OpContext<T> {
  /** Replaces the small value. */
  put(state: S): void
}

declare const inputOf: unique symbol

/** An op as everybody but its author sees it. */
export interface AnyOp {
  /** Says what is wrong with an input. */
  refusal(input: unknown): string | undefined
  /** Applies it to the object at hand. */
  run(input: Value): unknown
}

/** An op that takes an `I` and answers with an `R`. */
export interface Op<I, R> extends AnyOp {
  readonly [inputOf]?: (input: I) => void
  run(input: Value): R
}

/**
 * Makes the ops of a type. An `apply` must be a pure function of what it is given: no clock, chance, I/O or promise.
 */
export interface OpMaker<S, T> {
  /** An op that changes a draft of the small value, and tables. */
  <I, R>(input: Struct<I, unknown>, apply: (draft: Draft<S>, input: I, ctx: OpContext<T>) => R): Op<I, R>
  /**
   * An op for hot paths: `accepts` in place of a struct, the value itself in place of a draft, `ctx.put` to replace it.
   */
  raw<I, R>(
    accepts: (input: unknown) => input is I,
    apply: (state: Readonly<S>, input: I, ctx: RawContext<S, T>) => R,
  ): Op<I, R>
}

/** One object in one space. */
export interface AnyObject {
  readonly type: AnyBoundType
  /** Whether its first op has been applied. */
  readonly exists: boolean
  /** Runs one of its type's ops. @throws Rejection, or whatever the op throws: the caller takes the changes back. */
  run(op: AnyOp, input: Value): unknown
}

/** A type in one space. */
export interface AnyBoundType {
  op(name: string): AnyOp | undefined
  object(path: string): AnyObject
}

/** A type as a space knows it. */
export interface AnyObjectType {
  readonly name: string
  readonly version: number
  /** Gives the type in the space of `journal`, always the same one. */
  bind(journal: Journal): AnyBoundType
}

/** Names a type with its version. */
export const typeId = (name: string, version: number): string => `${name}@${version}`

/** @throws SirtakiError `MISUSE` when another of these types has the name and version of this one. */
export function requireNoTwin(type: AnyObjectType, others: readonly AnyObjectType[]): void {
  const isTwin = (other: AnyObjectType): boolean =>
    other !== type && other.name === type.name && other.version === type.version
  if (others.some(isTwin)) throw twins(typeId(type.name, type.version))
}

/** The error of two types that entries cannot tell apart. */
export const twins = (id: string): SirtakiError =>
  new SirtakiError('MISUSE', `two types are named ${id}: give one of them another name or version`, {
    facts: { type: id },
  })
