/**
 * `defineObject`: a type of objects as one value: its small state, its tables, its ops.
 *
 *     const Hits = defineObject({ name: 'hits', version: 1, state: object({ n: number() }), initial: () => ({ n: 0 }),
 *       ops: (op) => ({ hit: op(object({}), (draft) => ++draft.n) }) })
 *
 * An op runs at playback, on every view, at the position of its entry: it must be a pure function of what it is given
 * (P33). Owns: the checks of a definition, the types of a handle. Read next: `runtime/object-type.ts`,
 * `runtime/bound-type.ts`.
 */
import type { Struct } from 'superstruct'
import type { CallOptions } from '../log/cluster/calls.ts'
import { SirtakiError } from '../log/errors.ts'
import { BoundType, type BoundTypeOptions } from './runtime/bound-type.ts'
import type { AnyObjectType, AnyOp, Op, OpMaker } from './runtime/object-type.ts'
import { Journal, RECORD_WEIGHT_MAX, type ReadonlyTable } from './runtime/records.ts'
import { canonical } from './runtime/values.ts'

/** Names of ops that would break a handle, or will be its own. */
const reserved = [
  'then',
  'catch',
  'finally',
  'toJSON',
  'path',
  'state',
  'tables',
  'position',
  'session',
  'sync',
  'watch',
  'close',
  'release',
  'at',
  'digest',
] as const

/** A name that no op may have; at run time those of `Object.prototype` are refused as well. */
export type ReservedOp = (typeof reserved)[number]

/** The ops of a type. */
export type Ops = { readonly [name: string]: AnyOp } & { readonly [K in ReservedOp]?: never }

/** What a type is made of. */
export interface ObjectDefinition<S extends object, T, O> {
  /** Letters, digits, dots and dashes. It is in every entry, with `version`. */
  readonly name: string
  readonly version: number
  /** One small value, 64 KiB at most; what grows belongs into tables. */
  readonly state: Struct<S, unknown>
  readonly initial: () => NoInfer<S>
  /** Collections: records by key, with the type of their values. */
  readonly tables?: { readonly [K in keyof T]: Struct<T[K], unknown> }
  readonly ops: (op: OpMaker<NoInfer<S>, NoInfer<T>>) => O
}

/** A type of objects. */
export interface ObjectType<S extends object, T, O> extends AnyObjectType {
  /** The ops by name, for their types and the check of inputs; only a space can run them. */
  readonly ops: O
  /** The type in the space of `journal`, always the same one. */
  bind(journal: Journal): BoundType<S, T>
}

/** The ops as a caller sees them. A promise settles with the outcome computed at the op's position. */
export type Calls<O> = {
  readonly [K in keyof O]: O[K] extends Op<infer I, infer R> ? (input: I, options?: CallOptions) => Promise<R> : never
}

/** What every handle has. `state` and `tables` are a consistent snapshot at `position`, which never goes back. */
export interface HandleBase<S, T> extends AsyncDisposable {
  readonly path: string
  readonly state: Readonly<S>
  readonly tables: { readonly [K in keyof T]: ReadonlyTable<T[K]> }
  /** The last position whose entry, if it is one of this space, has been applied; -1 before the first. */
  readonly position: number
  /**
   * Plays up to the tail as of now, or to `atLeast`, inclusive.
   *
   * @throws SirtakiError `TIMEOUT`, `ABORTED`, `STOPPED`.
   */
  sync(options?: CallOptions & { readonly atLeast?: number | undefined }): Promise<void>
  close(): Promise<void>
}

/** An object in use. */
export type Handle<S, T, O> = HandleBase<S, T> & Calls<O>

/**
 * Makes a type of objects.
 *
 * @throws SirtakiError `BAD_ARGUMENT` when a name is reserved or malformed, or `initial` does not fit `state`.
 */
export function defineObject<S extends object, O extends Ops, T = unknown>(
  definition: ObjectDefinition<S, T, O>,
): ObjectType<S, T, O> {
  const { name, version, state, initial: makeInitial, ops } = definition
  if (!/^[\w][\w.-]{0,127}$/.test(name)) {
    throw bad(`the type name ${JSON.stringify(name)}`, 'use letters, digits, dots and dashes, 128 at most')
  }
  if (!Number.isInteger(version) || version < 1 || version > 0xffff_ffff) {
    throw bad(`version ${version} of type ${name}`, 'use integers from 1')
  }
  const initial = canonical(makeInitial(), RECORD_WEIGHT_MAX)
  const [misfit] = state.validate(initial)
  if (misfit !== undefined) throw bad(`the initial state of type ${name}`, misfit.message)
  const tables = tableNames(name, definition.tables)
  const options: BoundTypeOptions<S, T> = { name, version, initial, tables, ops }
  const bound = new WeakMap<Journal, BoundType<S, T>>()
  const bind = (journal: Journal): BoundType<S, T> => {
    const known = bound.get(journal)
    if (known !== undefined) return known
    const made = new BoundType<S, T>(journal, options)
    bound.set(journal, made)
    return made
  }
  // Ops are made anew for every space; these are asked for names and inputs only.
  return { name, version, bind, ops: checkedOps(name, opsOf(options, ops)) }
}

function opsOf<S extends object, T, O extends Ops>(options: BoundTypeOptions<S, T>, ops: (op: OpMaker<S, T>) => O): O {
  const made: O[] = []
  void new BoundType<S, T>(new Journal(), {
    ...options,
    ops: (op) => {
      const all = ops(op)
      made.push(all)
      return all
    },
  })
  for (const all of made) return all
  throw bad(`type ${options.name}`, 'its ops could not be made')
}

function checkedOps<O extends Ops>(type: string, ops: O): O {
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
  tables: { readonly [K in keyof T]: Struct<T[K], unknown> } | undefined,
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
