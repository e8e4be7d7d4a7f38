/**
 * `defineObject`: a type of objects as one value: its small state, its tables, its ops.
 *
 *     const Hits = defineObject({ name: 'hits', version: 1, state: object({ n: number() }), initial: () => ({ n: 0 }),
 *       ops: (op) => ({ hit: op(object({}), (draft) => ++draft.n) }) })
 *
 * An op runs at playback, on every view, at the position of its entry: it must be a pure function of what it is given
 * (P33). Owns: the checks of a definition, the types of a handle. Read next: `docs/objects.md`,
 * `runtime/object-type.ts` (what an op can do), `runtime/bound-type.ts`.
 */
import type { Struct } from 'superstruct'
import type { CallOptions } from '../log/cluster/calls.ts'
import { SirtakiError, isCode, type Next } from '../log/errors.ts'
import { BoundType, type BoundTypeOptions } from './runtime/bound-type.ts'
import type { Guard } from './runtime/fields.ts'
import type { Journal } from './runtime/journal.ts'
import type { AnyObjectType, Callable, Hooks, OpMaker, OpOf, ReadableObject, Waiting } from './runtime/object-type.ts'
import { makeOps } from './runtime/ops.ts'
import { RECORD_WEIGHT_MAX, type TableOptions } from './runtime/records.ts'
import { canonical, type Input } from './runtime/values.ts'
import type { WatchItem, WatchOptions } from './runtime/watcher.ts'

/** Names of ops that would break a handle, or will be its own. */
const reserved = [
  'then',
  'catch',
  'finally',
  'toJSON',
  'path',
  'type',
  'state',
  'tables',
  'position',
  'session',
  'sync',
  'watch',
  'close',
  'at',
  'digest',
  'describe',
  'exists',
] as const

/** A name that no op may have; at run time those of `Object.prototype` are refused as well. */
export type ReservedOp = (typeof reserved)[number]

/** The ops of a type. */
export type Ops<S, T> = { readonly [name: string]: OpOf<S, T> } & { readonly [K in ReservedOp]?: never }

/** What a table holds: a struct of its values, or a guard made by `fields`. */
export type TableShape<V> = Struct<V, unknown> | Guard<V>

/** What a type is made of. */
export interface ObjectDefinition<S, T, O> extends Hooks<NoInfer<S>, NoInfer<T>> {
  /** Letters, digits, dots and dashes. It is in every entry, with `version`. Names in `sirtaki.` are ours. */
  readonly name: string
  readonly version: number
  /** One small value, 64 KiB at most; what grows belongs into tables. */
  readonly state: TableShape<S>
  readonly initial: () => NoInfer<S>
  /** Collections: records by key, with the type of their values. */
  readonly tables?: { readonly [K in keyof T]: TableShape<T[K]> }
  /** The field that names the session which owns a record (0: nobody): it goes when that session ends. */
  readonly owned?: { readonly [K in keyof NoInfer<T>]?: keyof NoInfer<T>[K] & string }
  /** Tables whose keys are paths. */
  readonly nested?: readonly (keyof NoInfer<T> & string)[]
  /** Tables whose records may weigh 2 MiB. */
  readonly large?: readonly (keyof NoInfer<T> & string)[]
  /** Owned tables whose rows are waits: `ctx.wait` puts them, the runtime alone takes them out. */
  readonly waits?: readonly (keyof NoInfer<T> & string)[]
  /** Codes that ops refuse with, and what a caller may do then. Others come to the caller as `REJECTED`. */
  readonly refusals?: Readonly<Record<string, Next>>
  readonly ops: (op: OpMaker<NoInfer<S>, NoInfer<T>>) => O
}

/** What a caller needs of an op. */
export type CallCheck = Pick<OpOf<never, never>, 'waits' | 'refusal'>

/** A type of objects. */
export interface ObjectType<S, T, O> extends AnyObjectType {
  /** The ops by name, for their types and the check of inputs; only a space can run them. */
  readonly ops: O
  readonly calls: ReadonlyMap<string, CallCheck>
  readonly refusals: ReadonlyMap<string, Next>
  /** The type in the space of `journal`, always the same one. */
  bind(journal: Journal): BoundType<S, T>
}

/** What a caller gets of what an op answers with. */
export type Outcome<R> = Exclude<R, Waiting>

/** What an op takes. */
export type InputOf<P> = P extends Callable<infer I, infer _R> ? I : never
/** What a caller gets of an op. */
export type ResultOf<P> = P extends Callable<infer _I, infer R> ? Outcome<R> : never

/** The ops as a caller sees them. A promise settles with the outcome computed at the op's position. */
export type Calls<O> = {
  readonly [K in keyof O]: (input: InputOf<O[K]>, options?: OpCallOptions) => Promise<ResultOf<O[K]>>
}

/** How an op is called. */
export interface OpCallOptions extends CallOptions {
  /** For an op that waits: until it has its outcome, however long that takes. */
  readonly forever?: boolean | undefined
  /** Whether its process may end while it is under way. */
  readonly background?: boolean | undefined
  /** Asked again with the same key within a day, the same op is not applied again: its first result comes back. */
  readonly idempotencyKey?: string | undefined
}

/** What every handle has. `state` and `tables` are a consistent snapshot at `position`, which never goes back. */
export interface HandleBase<S, T> extends AsyncDisposable, ReadableObject<S, T> {
  readonly path: string
  /** Whether there is such an object: its first op has been applied, and it has not ended. */
  readonly exists: boolean
  /** The last position whose entry, if it is one of this space, has been applied; -1 before the first. */
  readonly position: number
  /**
   * Plays up to the tail as of now, or to `atLeast`, inclusive.
   *
   * @throws SirtakiError `TIMEOUT`, `ABORTED`, `STOPPED`.
   */
  sync(options?: CallOptions & { readonly atLeast?: number | undefined }): Promise<void>
  /**
   * What happens to it from now on, or behind `after`: one item a position with all its changes, in order.
   *
   * @throws SirtakiError `TRIMMED` for an `after` that is not at hand any more; `BAD_ARGUMENT`, `ABORTED`.
   */
  watch(options?: WatchOptions): AsyncIterableIterator<WatchItem, undefined>
  /** What people want to know of it. */
  describe(): Readonly<Record<string, Input>>
  close(): Promise<void>
}

/** An object in use. */
export type Handle<S, T, O> = HandleBase<S, T> & Calls<O>

/**
 * Makes a type of objects.
 *
 * @throws SirtakiError `BAD_ARGUMENT` when a name is reserved or malformed, or `initial` does not fit `state`.
 */
export function defineObject<S extends object, O extends Ops<S, T>, T = unknown>(
  definition: ObjectDefinition<S, T, O>,
): ObjectType<S, T, O> {
  const { name, version, ops: makeAll } = definition
  if (!/^[\w][\w.-]{0,127}$/.test(name)) {
    throw bad(`the type name ${JSON.stringify(name)}`, 'use letters, digits, dots and dashes, 128 at most')
  }
  if (!isVersion(version)) {
    throw bad(`version ${version} of type ${name}`, 'use integers from 1')
  }
  const ops = checkedOps(name, makeAll(makeOps<S, T>()))
  const calls = new Map<string, OpOf<S, T>>(Object.entries(ops))
  const options: BoundTypeOptions<S, T> = {
    name,
    version,
    initial: initialOf(definition),
    tables: tableNames(name, definition.tables),
    tableOptions: tableOptions(definition),
    waits: new Set(definition.waits),
    refusals: refusalsOf(name, definition.refusals ?? {}),
    ops: calls,
    hooks: definition,
  }
  const bound = new WeakMap<Journal, BoundType<S, T>>()
  const bind = (journal: Journal): BoundType<S, T> => {
    const known = bound.get(journal)
    if (known !== undefined) return known
    const made = new BoundType<S, T>(journal, options)
    bound.set(journal, made)
    return made
  }
  return { name, version, bind, ops, calls, refusals: options.refusals }
}

/** Whether entries can carry it as the version of a type. */
export const isVersion = (version: number): boolean =>
  Number.isInteger(version) && version >= 1 && version <= 0xffff_ffff

function initialOf<S, T, O>({ name, state, initial: make }: ObjectDefinition<S, T, O>): S {
  const initial = canonical(make(), RECORD_WEIGHT_MAX)
  const misfit = typeof state === 'function' ? (state(initial) ? undefined : 'it does not fit') : fitOf(state, initial)
  if (misfit !== undefined) throw bad(`the initial state of type ${name}`, misfit)
  return initial
}

const fitOf = <S>(state: Struct<S, unknown>, initial: S): string | undefined => state.validate(initial)[0]?.message

function tableOptions<S, T, O>(
  definition: ObjectDefinition<S, T, O>,
): { readonly [K in keyof T]?: TableOptions<T[K]> } {
  const { owned, nested = [], large = [], waits = [] } = definition
  const options: { [K in keyof T]?: TableOptions<T[K]> } = {}
  for (const name of tableNames(definition.name, definition.tables)) {
    const owner = owned?.[name]
    if (waits.includes(name) && owner === undefined) {
      throw bad(`table ${name} of type ${definition.name}`, 'rows of waits must be owned: name the field in `owned`')
    }
    options[name] = { owner, isNested: nested.includes(name), isLarge: large.includes(name) }
  }
  return options
}

function refusalsOf(type: string, refusals: Readonly<Record<string, Next>>): Map<string, Next> {
  for (const code of Object.keys(refusals)) {
    if (!/^[A-Z][A-Z0-9_]{0,63}$/.test(code) || (isCode(code) && !type.startsWith('sirtaki.'))) {
      throw bad(`the refusal ${JSON.stringify(code)} of type ${type}`, 'it is malformed, or a code of the runtime')
    }
  }
  return new Map(Object.entries(refusals))
}

/** Gives the ops back. @throws SirtakiError `BAD_ARGUMENT` for a name that no op may have. */
export function checkedOps<O extends object>(type: string, ops: O): O {
  const odd = Object.keys(ops).find(
    (op) => reserved.some((name) => name === op) || op in Object.prototype || !/^[a-zA-Z][\w]{0,63}$/.test(op),
  )
  if (odd !== undefined) {
    throw bad(`op ${JSON.stringify(odd)} of type ${type}`, 'this name is reserved or malformed: use letters and digits')
  }
  return ops
}

function tableNames<T>(
  type: string,
  tables: { readonly [K in keyof T]: TableShape<T[K]> } | undefined,
): (keyof T & string)[] {
  const names: (keyof T & string)[] = []
  for (const table in tables) {
    if (!/^[a-zA-Z][\w]{0,63}$/.test(table) || table in Object.prototype) {
      throw bad(`table ${JSON.stringify(table)} of type ${type}`, 'use letters and digits')
    }
    names.push(table)
  }
  return names
}

const bad = (what: string, why: string): SirtakiError => new SirtakiError('BAD_ARGUMENT', `${what} is refused: ${why}`)
