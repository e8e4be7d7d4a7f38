/**
 * A type of objects in one space: its objects, and the steps that its ops and hooks take on them.
 *
 * Everything here knows the types of state and tables; what is below (`space.ts`) sees only `AnyBoundType`. A step has
 * a context of its own, made for it. Keeps: O3 (an op sees its input, its object and its entry, nothing else), O12.
 * Read next: `context.ts`, `space.ts`, `../define-object.ts`.
 */
import type { Next } from '../../log/errors.ts'
import { StepContext, type RowTables } from './context.ts'
import type { ObjectDeadlines } from './deadlines.ts'
import type { Journal } from './journal.ts'
import { typeId } from './object-type.ts'
import type { AnyBoundType, AnyObject, Ended, Hooks, OldObject, Once, OpsByName } from './object-type.ts'
import { Cell, RowTable, type TableOptions } from './records.ts'
import { Rejection } from './rejection.ts'
import { sortedKeys, type RowStore } from './row.ts'
import { ownCopy, type Input, type Value } from './values.ts'

/** What a bound type is made of. */
export interface BoundTypeOptions<S, T> {
  readonly name: string
  readonly version: number
  readonly initial: S
  readonly tables: readonly (keyof T & string)[]
  readonly tableOptions: { readonly [K in keyof T]?: TableOptions<T[K]> }
  /** Tables whose rows are waits. */
  readonly waits: ReadonlySet<string>
  readonly refusals: ReadonlyMap<string, Next>
  readonly ops: OpsByName<S, T>
  /** What `take` runs. */
  readonly taken?: OpsByName<S, T>
  readonly hooks: Hooks<S, T>
  readonly hookFuel?: number
  readonly park?: (deadlines: ObjectDeadlines) => boolean
}

/** One object: its small value and its tables. */
export class BoundObject<S, T> implements AnyObject {
  readonly path: string
  readonly type: BoundType<S, T>
  readonly cell: Cell<S>
  readonly tables: RowTables<T>
  #due: RowTable<number> | undefined
  #deadlines: ObjectDeadlines | undefined
  #once: RowTable<Once> | undefined

  constructor(type: BoundType<S, T>, path: string) {
    const { journal, options } = type
    this.path = path
    this.type = type
    this.cell = new Cell<S>(journal, path, typeId(options.name, options.version))
    this.tables = makeTables<T>(journal, path, options)
  }

  get exists(): boolean {
    return this.cell.value !== undefined
  }
  get state(): S {
    return this.cell.value ?? this.type.options.initial
  }
  get isEmpty(): boolean {
    return this.stores().every((store) => store === this.cell || store.size === 0)
  }
  get due(): RowTable<number> | undefined {
    return this.#due
  }
  get deadlines(): ObjectDeadlines {
    const deadlines = (this.#deadlines ??= this.type.journal.deadlines.of(this.path, (key) => this.#due?.get(key)))
    this.#due ??= new RowTable<number>(this.type.journal, this.path, '$due', {
      changed: (key, before, after) => {
        deadlines.changed(key, before, after)
      },
    })
    return deadlines
  }
  get once(): RowTable<Once> {
    return (this.#once ??= new RowTable<Once>(this.type.journal, this.path, '$once'))
  }

  get owned(): number {
    return this.type.options.tables.reduce((sum, name) => sum + this.tables[name].owned, 0)
  }

  storeFor(table: string): RowStore | undefined {
    if (table === '$due') void this.deadlines
    if (table === '$once') void this.once
    return this.store(table)
  }
  stores(): RowStore[] {
    const stores: RowStore[] = [this.cell]
    for (const name of this.type.options.tables) stores.push(this.tables[name])
    for (const store of [this.#due, this.#once]) if (store !== undefined) stores.push(store)
    return stores
  }
  store(table: string): RowStore | undefined {
    if (table === '') return this.cell
    return this.stores().find((store) => store !== this.cell && store.name === table)
  }

  run(op: string, input: Input): unknown {
    return this.#run(this.type.options.ops, op, input)
  }
  take(name: string, input: Input): unknown {
    return this.#run(this.type.options.taken, name, input)
  }

  #run(ops: OpsByName<S, T> | undefined, op: string, input: Input): unknown {
    const found = ops?.get(op)
    if (found === undefined) throw new Rejection('the type has no such op', { op })
    if (!this.exists) this.cell.set(this.type.options.initial)
    const ctx = new StepContext<S, T>(this)
    const value = found.run(input, ctx)
    return ctx.resultOf(value)
  }

  runDue(key: string): void {
    this.type.options.hooks.due?.(key, new StepContext<S, T>(this))
  }

  dropOwned(session: number, clean: boolean): () => void {
    const { tables: names, hooks } = this.type.options
    const { owners } = this.type.journal
    const keys = new Map(names.map((name) => [name, owners.keysOf(session, this.tables[name])]))
    const rows = droppedRows<T>(names, this.tables, keys)
    return () => {
      hooks.ended?.({ clean, rows }, new StepContext<S, T>(this))
    }
  }

  cancel(op: number): void {
    const ctx = new StepContext<S, T>(this)
    const row = ctx.unwait(op, true)
    this.type.options.hooks.cancelled?.({ op, row }, ctx)
  }

  isOver(time: number): boolean {
    return this.type.options.hooks.over?.(this.state, time) === true
  }

  /** Takes the place of an object of another version: its records go, what they held comes in here. */
  upgradeFrom(old: AnyObject): void {
    const found = copyOf(old)
    const ours = old.stores().filter(({ name }) => name === '$due' || name === '$once')
    const kept = ours.map((store) => ({ table: store.name, rows: [...store.rows()] }))
    for (const store of old.stores()) for (const key of sortedKeys(store)) store.delete(key)
    this.cell.set(this.type.options.initial)
    for (const { table, rows } of kept) {
      const store = rows.length === 0 ? undefined : this.storeFor(table)
      // Which key is forgotten first is part of the state: they are as old as they were.
      for (const [key, { value, created }] of rows) store?.replace(key, value, created)
    }
    const { upgrade } = this.type.options.hooks
    if (upgrade !== undefined) upgrade(found, new StepContext<S, T>(this))
    else this.#take(found, ['', ...this.type.options.tables])
  }

  #take(found: OldObject, tables: readonly string[]): void {
    for (const table of tables) {
      const rows = [...(table === '' ? [['', found.state] as const] : found.table(table))]
      const store = rows.length === 0 ? undefined : this.storeFor(table)
      for (const [key, value] of rows) store?.replace(key, value)
    }
  }

  describe(): Readonly<Record<string, Input>> {
    const { name, version, hooks } = this.type.options
    const row = this.cell.row()
    return {
      path: this.path,
      type: name,
      version,
      created: row?.created ?? -1,
      modified: row?.modified ?? -1,
      ...hooks.describe?.(this),
    }
  }

  forget(): void {
    this.type.forget(this.path)
  }
}

/** A type in one space. */
export class BoundType<S, T> implements AnyBoundType {
  readonly journal: Journal
  readonly options: BoundTypeOptions<S, T>
  readonly #objects = new Map<string, BoundObject<S, T>>()
  #nobody: BoundObject<S, T> | undefined

  constructor(journal: Journal, options: BoundTypeOptions<S, T>) {
    this.journal = journal
    this.options = options
  }

  get name(): string {
    return this.options.name
  }
  get version(): number {
    return this.options.version
  }
  get refusals(): ReadonlyMap<string, Next> {
    return this.options.refusals
  }
  get hookFuel(): number {
    return this.options.hookFuel ?? 0
  }
  get ends(): boolean {
    return this.options.hooks.over !== undefined
  }

  park(deadlines: ObjectDeadlines): boolean {
    return this.options.park?.(deadlines) === true
  }
  has(op: string): boolean {
    return this.options.ops.has(op)
  }

  /** The object at a path; made where there is none: who asks sees to it that it is forgotten unless it comes to be. */
  object(path: string): BoundObject<S, T> {
    const known = this.#objects.get(path)
    if (known !== undefined) return known
    const made = new BoundObject<S, T>(this, path)
    this.#objects.set(path, made)
    return made
  }

  /** The object at a path for reading: an empty one where there is none, and nothing is made. */
  read(path: string): BoundObject<S, T> {
    return this.#objects.get(path) ?? (this.#nobody ??= new BoundObject<S, T>(this, ''))
  }

  forget(path: string): void {
    this.#objects.delete(path)
  }
}

function copyOf(old: AnyObject): OldObject {
  const tables = new Map(
    old
      .stores()
      .map((store) => [
        store === old.cell ? '' : store.name,
        sortedKeys(store).map((key): [string, Value] => [key, valueOf(store.row(key)?.value)]),
      ]),
  )
  const [cell] = tables.get('') ?? []
  return { version: old.type.version, state: cell?.[1] ?? null, table: (name) => tables.get(name) ?? [] }
}

function valueOf(value: unknown): Value
function valueOf(value: unknown): unknown {
  return ownCopy(value)
}

function makeTables<T>(
  journal: Journal,
  path: string,
  options: Pick<BoundTypeOptions<never, T>, 'tables' | 'tableOptions'>,
): RowTables<T>
function makeTables(
  journal: Journal,
  path: string,
  options: { readonly tables: readonly string[]; readonly tableOptions: object },
): object {
  const all = new Map<string, object>(Object.entries(options.tableOptions))
  return Object.fromEntries(options.tables.map((name) => [name, new RowTable(journal, path, name, all.get(name))]))
}

/** Takes the records of these keys out of their tables. */
function droppedRows<T>(
  names: readonly (keyof T & string)[],
  tables: RowTables<T>,
  keys: ReadonlyMap<string, readonly string[]>,
): Ended<T>['rows']
function droppedRows(
  names: readonly string[],
  tables: Readonly<Record<string, RowTable<unknown>>>,
  keys: ReadonlyMap<string, readonly string[]>,
): object {
  return Object.fromEntries(
    names.map((name) => {
      const table = tables[name]
      const rows = (keys.get(name) ?? []).map((key) => [key, table?.get(key)])
      for (const key of keys.get(name) ?? []) table?.delete(key)
      return [name, rows]
    }),
  )
}
