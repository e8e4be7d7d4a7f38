/**
 * A type of objects in one space: its objects, and its ops tied to whichever of them an entry is for.
 *
 * Everything here knows the types of state and tables; what is below (`space.ts`) sees only `AnyBoundType`.
 * Keeps: O3 (an op sees its input, its object and its entry, nothing else). Read next: `space.ts`,
 * `../define-object.ts`.
 */
import type { Draft } from 'immer'
import { is, type Struct } from 'superstruct'
import { produce } from './draft.ts'
import { typeId } from './object-type.ts'
import type { AnyBoundType, AnyObject, AnyOp, Op, OpMaker, RawContext } from './object-type.ts'
import { Cell, RowTable, type Journal } from './records.ts'
import { Rejection } from './rejection.ts'
import { canonical, ownCopy, type Value } from './values.ts'

/** What a bound type is made of. */
export interface BoundTypeOptions<S, T> {
  readonly name: string
  readonly version: number
  readonly initial: S
  readonly tables: readonly (keyof T & string)[]
  readonly ops: (op: OpMaker<S, T>) => Readonly<Record<string, AnyOp>>
}

/** The tables of one object. */
export type RowTables<T> = { readonly [K in keyof T]: RowTable<T[K]> }

/** One object: its small value and its tables. */
export class BoundObject<S extends object, T> implements AnyObject {
  readonly type: BoundType<S, T>
  readonly cell: Cell<S>
  readonly tables: RowTables<T>

  constructor(type: BoundType<S, T>, cell: Cell<S>, tables: RowTables<T>) {
    this.type = type
    this.cell = cell
    this.tables = tables
  }

  get exists(): boolean {
    return this.cell.value !== undefined
  }
  get state(): S {
    return this.cell.value ?? this.type.initial
  }

  run(op: AnyOp, input: Value): unknown {
    this.type.current = this
    if (!this.exists) this.cell.set(this.type.initial)
    return op.run(input)
  }
}

/** A type in one space. */
export class BoundType<S extends object, T> implements AnyBoundType {
  readonly initial: S
  /** The object that the entry at hand is for. */
  current: BoundObject<S, T>
  readonly #journal: Journal
  readonly #options: BoundTypeOptions<S, T>
  readonly #objects = new Map<string, BoundObject<S, T>>()
  readonly #ops: ReadonlyMap<string, AnyOp>

  constructor(journal: Journal, options: BoundTypeOptions<S, T>) {
    this.#journal = journal
    this.#options = options
    this.initial = options.initial
    this.current = this.#make('')
    this.#ops = new Map(Object.entries(options.ops(makeOps(this, new Context(this, journal)))))
  }

  op(name: string): AnyOp | undefined {
    return this.#ops.get(name)
  }

  object(path: string): BoundObject<S, T> {
    const known = this.#objects.get(path)
    if (known !== undefined) return known
    const made = this.#make(path)
    this.#objects.set(path, made)
    return made
  }

  #make(path: string): BoundObject<S, T> {
    const { name, version, tables } = this.#options
    return new BoundObject<S, T>(
      this,
      new Cell<S>(this.#journal, path, typeId(name, version)),
      makeTables<T>(this.#journal, path, tables),
    )
  }
}

/** One for a type in a space: it looks at the object and the entry at hand. */
class Context<S extends object, T> implements RawContext<S, T> {
  readonly #type: BoundType<S, T>
  readonly #journal: Journal

  constructor(type: BoundType<S, T>, journal: Journal) {
    this.#type = type
    this.#journal = journal
  }

  get position(): number {
    return this.#journal.position
  }
  get time(): number {
    return this.#journal.time
  }
  get session(): number {
    return this.#journal.session
  }
  get tables(): RowTables<T> {
    return this.#type.current.tables
  }

  // Arrows: an op may take them out of its context.
  readonly put = (state: S): void => {
    this.#type.current.cell.set(state)
  }
  readonly reject = (reason: string, facts: Readonly<Record<string, Value>> = {}): never => {
    throw this.#journal.refuse(new Rejection(canonical(reason), canonical(facts)))
  }
}

function makeOps<S extends object, T>(type: BoundType<S, T>, ctx: RawContext<S, T>): OpMaker<S, T> {
  const drafted = <I, R>(
    input: Struct<I, unknown>,
    apply: (draft: Draft<S>, input: I, ctx: RawContext<S, T>) => R,
  ): Op<I, R> => ({
    refusal: (value) => misfit(value, input),
    run: (value) => {
      if (!fits(value, input)) throw badInput()
      const results: R[] = []
      const { cell } = type.current
      const before = type.current.state
      const after = produce(before, (draft) => {
        results.push(result(apply(draft, value, ctx)))
      })
      if (after !== before) cell.set(after)
      return only(results)
    },
  })
  const raw = <I, R>(
    accepts: (input: unknown) => input is I,
    apply: (state: Readonly<S>, input: I, ctx: RawContext<S, T>) => R,
  ): Op<I, R> => ({
    refusal: (value) => (accepts(value) ? undefined : 'the op does not accept it'),
    run: (value) => {
      if (!accepts(value)) throw badInput()
      return result(apply(type.current.state, value, ctx))
    },
  })
  return Object.assign(drafted, { raw })
}

/** Superstruct throws where it puts a value into words that has no text, such as {"toString":[]}. */
function misfit<I>(value: unknown, input: Struct<I, unknown>): string | undefined {
  try {
    return input.validate(value)[0]?.message
  } catch {
    return 'it holds values that cannot even be printed'
  }
}

function fits<I>(value: unknown, input: Struct<I, unknown>): value is I {
  try {
    return is(value, input)
  } catch {
    return false
  }
}

const badInput = (): Rejection => new Rejection('the op does not accept the input', {})

/** Copies a result out of the state: it may hold drafts, which end with the op. An op may also answer with nothing. */
const result = <R>(value: R): R => (value === undefined ? value : ownCopy(value))

function only<R>(results: readonly R[]): R {
  for (const value of results) return value
  throw new Rejection('the op ended without a result', {})
}

function makeTables<T>(journal: Journal, path: string, names: readonly (keyof T & string)[]): RowTables<T>
function makeTables(journal: Journal, path: string, names: readonly string[]): object {
  return Object.fromEntries(names.map((name) => [name, new RowTable(journal, path, name)]))
}
