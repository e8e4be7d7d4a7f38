/**
 * The words between a type of objects and the space that plays it: what an op is given, and what a type looks like from
 * below, where nobody knows its values.
 *
 * Read next: `bound-type.ts`, `../define-object.ts`.
 */
import type { Draft } from 'immer'
import type { Struct } from 'superstruct'
import { SirtakiError, type Next } from '../../log/errors.ts'
import type { Identity } from '../../sequencer/session-entry.ts'
import type { ObjectDeadlines } from './deadlines.ts'
import type { Guard } from './fields.ts'
import type { Journal } from './journal.ts'
import type { ReadonlyTable, RowTable, Table } from './records.ts'
import type { RowStore } from './row.ts'
import type { Input, Value } from './values.ts'

declare const waiting: unique symbol

/** What an op answers with that waits: its outcome is settled by a later step. */
export interface Waiting {
  readonly [waiting]: true
}

/** What an op knows of its entry, and what it can do besides changing its draft. */
export interface OpContext<S, T> {
  /** Of the entry: the identity of this op, greater than that of every earlier one. */
  readonly position: number
  /** Log time of the entry in milliseconds: never goes back. The only clock that may decide anything. */
  readonly time: number
  /** Milliseconds since 1970 by the sequencer's clock, for people. */
  readonly wall: number
  /** The session whose op it is, the position that opened it; -1 where a deadline or the end of a session runs. */
  readonly session: number
  /** Whom the op speaks for: identities that it carries, else those of its session. */
  readonly ids: readonly Identity[]
  /** The small value as it is; within an op of a draft, as it was before the op. */
  readonly state: Readonly<S>
  readonly tables: { readonly [K in keyof T]: Table<T[K]> }
  /**
   * Refuses the step: nothing of it stays. A code that the type declares in `refusals` is the code of the caller's
   * error; any other text is the `reason` of a `REJECTED`. `facts` go with it.
   */
  reject(code: string, facts?: Readonly<Record<string, Input>>): never
  /**
   * Puts the row of a wait: the op has its outcome when a later step settles or refuses it by `position`. The table is
   * one of those that the type declares in `waits`; its key is `orderKey(position)`.
   */
  wait<K extends keyof T & string>(table: K, row: T[K]): Waiting
  /** Gives a waiting op its result and takes its row out. */
  settle(op: number, value: unknown): void
  /** Refuses a waiting op and takes its row out. */
  refuse(op: number, code: string, facts?: Readonly<Record<string, Input>>): void
  /** Has `due(key)` run by the first entry at or past `time`; `undefined` takes that back. */
  at(key: string, time: number | undefined): void
  /** Says what net changes cannot say (D1). */
  emit(kind: string, facts: Readonly<Record<string, Input>>): void
}

/** The context of a raw op and of the hooks. */
export interface Context<S, T> extends OpContext<S, T> {
  /** Replaces the small value. */
  put(state: S): void
  /** Changes the small value through a draft. */
  change(recipe: (draft: Draft<S>) => void): void
}

declare const called: unique symbol

/** What can be called with an `I` and answers with an `R`, for the types of handles. */
export interface Callable<I, R> {
  readonly [called]?: (input: I) => R
}

/** An op of a type as data: what it accepts and what it does. */
export interface OpOf<S, T> {
  /** Says what is wrong with an input. */
  refusal(input: unknown): string | undefined
  /** Whether it may wait: its caller must say for how long. */
  readonly waits: boolean
  /** Applies it to the object of the context. @throws Rejection, or whatever the op throws. */
  run(input: Input, ctx: Context<S, T>): unknown
}

/** Ops by name. */
export interface OpsByName<S, T> {
  get(name: string): OpOf<S, T> | undefined
  has(name: string): boolean
}

/** An op that takes an `I` and answers with an `R`. */
export interface Op<S, T, I, R> extends OpOf<S, T>, Callable<I, R> {
  run(input: Input, ctx: Context<S, T>): R
}

/** Makes one kind of op. */
export type MakeRaw<S, T> = <I, R>(accepts: Guard<I>, apply: (input: I, ctx: Context<S, T>) => R) => Op<S, T, I, R>

/**
 * Makes the ops of a type. An `apply` must be a pure function of what it is given: no clock, chance, I/O or promise.
 */
export interface OpMaker<S, T> {
  /** An op that changes a draft of the small value, and tables. */
  <I, R>(input: Struct<I, unknown>, apply: (draft: Draft<S>, input: I, ctx: OpContext<S, T>) => R): Op<S, T, I, R>
  /** An op for hot paths: a guard in place of a struct, `ctx.state` and `ctx.put` in place of a draft. */
  readonly raw: MakeRaw<S, T>
  /** A raw op that may answer with `ctx.wait(...)`. */
  readonly waits: MakeRaw<S, T>
}

/** What `ended` is told: the records that the session owned, dropped already, by table and in order of keys. */
export interface Ended<T> {
  /** Whether the session closed by itself. */
  readonly clean: boolean
  readonly rows: { readonly [K in keyof T]: readonly (readonly [key: string, value: T[K]])[] }
}

/** What `cancelled` is told: `row` is what waited; absent where the op was settled before. */
export interface Cancelled {
  /** Position of the op. */
  readonly op: number
  readonly row: Value | undefined
}

/** An object as `upgrade` finds it: the small value and the tables of the version before. */
export interface OldObject {
  readonly version: number
  readonly state: Value
  table(name: string): Iterable<readonly [key: string, value: Value]>
}

/** What the runtime calls by itself. Each is a step. */
export interface Hooks<S, T> {
  /** A deadline that was set with `at` has come. */
  readonly due?: (key: string, ctx: Context<S, T>) => void
  /** A session that owned records here has ended. */
  readonly ended?: (what: Ended<T>, ctx: Context<S, T>) => void
  /** A caller gave up an op that waits or waited. */
  readonly cancelled?: (what: Cancelled, ctx: Context<S, T>) => void
  /** Whether the object, all of whose tables are empty, is over: its path is free again. Absent: never. */
  readonly over?: (state: Readonly<S>, time: number) => boolean
  /** Makes this object of one of an older version, by the first op under the new one. Absent: all stays as it is. */
  readonly upgrade?: (old: OldObject, ctx: Context<S, T>) => void
  /** What people want to know of an object. */
  readonly describe?: (object: ReadableObject<S, T>) => Readonly<Record<string, Input>>
}

/** An object for reading. */
export interface ReadableObject<S, T> {
  readonly state: Readonly<S>
  readonly tables: { readonly [K in keyof T]: ReadonlyTable<T[K]> }
}

/** One object in one space, whose values nobody knows here. */
export interface AnyObject {
  readonly path: string
  readonly type: AnyBoundType
  /** Whether it has a small value: its first op has been applied, and it has not ended. */
  readonly exists: boolean
  /** Whether nothing is left of it but the small value. */
  readonly isEmpty: boolean
  /** Records that some session owns. */
  readonly owned: number
  readonly cell: RowStore
  /** Deadlines and results that keys name; made when they are first needed. */
  readonly due: RowTable<number> | undefined
  readonly deadlines: ObjectDeadlines
  readonly once: RowTable<Once>
  /** Every store that holds records, the small value first. */
  stores(): RowStore[]
  store(table: string): RowStore | undefined
  /** As `store`; the runtime's own are made. */
  storeFor(table: string): RowStore | undefined
  /** Runs one of its type's ops in an open step. @throws Rejection, or whatever the op throws. */
  run(op: string, input: Input): unknown
  /** Runs a function that is no op: of a program that takes ops of others, or asks for changes. @throws as `run`. */
  take(name: string, input: Input): unknown
  runDue(key: string): void
  /** Drops what a session owns here; gives what is left to do in a step of its own. */
  dropOwned(session: number, clean: boolean): () => void
  /** Takes back a wait of the caller's, or what it was given. */
  cancel(op: number): void
  isOver(time: number): boolean
  upgradeFrom(old: AnyObject): void
  describe(): Readonly<Record<string, Input>>
  /** Forgets it: its path may become another one's. */
  forget(): void
}

/** What an idempotency key stands for: the op's result, or where it was applied when that is too large to keep. */
export interface Once {
  readonly time: number
  readonly hash: string
  readonly position: number
  /** JSON of the results of its parts, each as a list of one value, or of none; absent: too large, or with bytes. */
  readonly results?: string
}

/** A type in one space. */
export interface AnyBoundType {
  readonly name: string
  readonly version: number
  /** Codes that its ops refuse with, and what a caller may do then. */
  readonly refusals: ReadonlyMap<string, Next>
  /** Fuel that a hook of it may use; 0: it is none of a program. */
  readonly hookFuel: number
  /** Takes the deadlines of an object for later where its program does not run now. */
  park(deadlines: ObjectDeadlines): boolean
  /** Whether its objects may be over, so that each entry that touches one has to ask. */
  readonly ends: boolean
  has(op: string): boolean
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

/** A position as a key: keys of positions go in their order. */
export const orderKey = (position: number): string => String(position).padStart(16, '0')

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
