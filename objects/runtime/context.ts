/**
 * What a step is given to work with: the object, the entry, and the few things that it can do.
 *
 * One for each step; a step that is over can do nothing with it any more, since every change asks whether a step is
 * open. Keeps: O3, O7 (a wait is settled once), O12. Read next: `journal.ts`, `bound-type.ts`.
 */
import type { Draft } from 'immer'
import { SirtakiError, type Next } from '../../log/errors.ts'
import type { Identity } from '../../sequencer/session-entry.ts'
import { produce } from './draft.ts'
import type { ObjectDeadlines } from './deadlines.ts'
import type { Journal, Settlement } from './journal.ts'
import { orderKey, type Context, type Waiting } from './object-type.ts'
import { refusalOf } from './outcome.ts'
import type { Cell, RowTable } from './records.ts'
import { Rejection } from './rejection.ts'
import type { RowStore } from './row.ts'
import { canonical, canonicalInput, ownCopy, type Input, type Value } from './values.ts'

/** Waits of one object. */
export const WAITS_MAX = 65_536

/** What an op that waits has in place of a result, outside the step that it waited in. */
export const WAITING: unique symbol = Symbol('waiting')

const waiting = new WeakSet<object>()

/** The tables of one object. */
export type RowTables<T> = { readonly [K in keyof T]: RowTable<T[K]> }

/** What a step needs of its object. */
export interface StepObject<S, T> {
  readonly path: string
  readonly type: {
    readonly journal: Journal
    /** `waits`: tables whose rows are waits; `refusals`: the codes that the type declares. */
    readonly options: { readonly waits: ReadonlySet<string>; readonly refusals: ReadonlyMap<string, Next> }
  }
  readonly cell: Cell<S>
  readonly state: S
  readonly tables: RowTables<T>
  readonly due: RowTable<number> | undefined
  readonly deadlines: ObjectDeadlines
  store(table: string): RowStore | undefined
}

/** The context of one step on one object. */
export class StepContext<S, T> implements Context<S, T> {
  readonly #object: StepObject<S, T>
  /** What refused the op of this very step, which had begun to wait. */
  #own: Rejection | undefined

  constructor(object: StepObject<S, T>) {
    this.#object = object
  }

  get position(): number {
    return this.#object.type.journal.position
  }
  get time(): number {
    return this.#object.type.journal.time
  }
  get wall(): number {
    return this.#object.type.journal.wall
  }
  get session(): number {
    return this.#object.type.journal.caller.session
  }
  get ids(): readonly Identity[] {
    return this.#object.type.journal.caller.ids
  }
  get state(): S {
    return this.#object.state
  }
  get tables(): RowTables<T> {
    return this.#object.tables
  }

  // Getters: an op may take them out of its context, and what it does not use is not made for it.
  get put(): (state: S) => void {
    const { cell } = this.#object
    return (state) => {
      cell.set(state)
    }
  }
  get change(): (recipe: (draft: Draft<S>) => void) => void {
    const { cell, state: before } = this.#object
    return (recipe) => {
      const after = produce(before, (draft) => {
        recipe(draft)
      })
      if (after !== before) cell.set(after)
    }
  }
  get reject(): (code: string, facts?: Readonly<Record<string, Input>>) => never {
    const { journal } = this.#object.type
    return (code, facts = {}) => {
      throw journal.refuse(new Rejection(canonical(code), factsOf(facts)))
    }
  }
  get wait(): <K extends keyof T & string>(table: K, row: T[K]) => Waiting {
    return (table, row) => {
      const { journal, options } = this.#object.type
      if (!options.waits.has(table)) throw new SirtakiError('MISUSE', `table ${table} is not declared in waits`)
      const rows = this.#object.tables[table]
      if (rows.size >= WAITS_MAX) throw journal.refuse(new Rejection('TOO_MANY', { waits: rows.size }))
      rows.set(orderKey(journal.position), row)
      return marker()
    }
  }
  get settle(): (op: number, value: unknown) => void {
    return (op, value) => {
      this.unwait(op, false)
      this.#push({ op, kind: 'result', value: value === undefined ? undefined : ownCopy(value) })
    }
  }
  get refuse(): (op: number, code: string, facts?: Readonly<Record<string, Input>>) => void {
    return (op, code, facts = {}) => {
      this.unwait(op, false)
      const { journal, options } = this.#object.type
      const rejection = new Rejection(canonical(code), factsOf(facts))
      if (op === journal.position) this.#own = rejection
      this.#push({ op, ...refusalOf(rejection, options.refusals) })
    }
  }
  get at(): (key: string, time: number | undefined) => void {
    const object = this.#object
    return (key, time) => {
      if (time === undefined) {
        object.due?.delete(key)
        return
      }
      if (!Number.isSafeInteger(time)) throw new SirtakiError('BAD_ARGUMENT', `${time} is no time in milliseconds`)
      // Asked for first: it makes the table.
      void object.deadlines
      object.due?.set(key, time)
    }
  }
  get emit(): (kind: string, facts: Readonly<Record<string, Input>>) => void {
    const { journal } = this.#object.type
    const { path } = this.#object
    return (kind, facts) => {
      journal.requireOpen()
      journal.events.push({ path, kind, facts: factsOf(facts) })
    }
  }

  /**
   * Takes the row of a wait out; with `own` only one of the caller's.
   *
   * @throws SirtakiError `MISUSE` where an op that does not wait is settled.
   */
  unwait(op: number, own: boolean): Value | undefined {
    const key = orderKey(op)
    for (const name of this.#object.type.options.waits) {
      const table = this.#waits(name)
      const row = table?.get(key)
      if (table === undefined || row === undefined) continue
      if (own && !this.#object.type.journal.owners.owns(this.session, table, key)) return undefined
      table.delete(key)
      return row
    }
    if (own) return undefined
    throw new SirtakiError('MISUSE', `op ${op} does not wait and cannot be settled`)
  }

  /** The result of an op: a copy of the caller's own, what settled it meanwhile, or that it waits. */
  resultOf(value: unknown): unknown {
    if (value === undefined) return undefined
    if (typeof value !== 'object' || value === null || !waiting.has(value)) return ownCopy(value)
    const { settlements, position } = this.#object.type.journal
    const at = settlements.findIndex(({ op }) => op === position)
    if (at < 0) return WAITING
    const [settled] = settlements.splice(at, 1)
    if (this.#own !== undefined) throw this.#own
    return settled?.kind === 'result' ? settled.value : undefined
  }

  #waits(name: string): RowTable<Value> | undefined
  #waits(name: string): unknown {
    return this.#object.store(name)
  }

  #push(settlement: Settlement): void {
    this.#object.type.journal.settlements.push(settlement)
  }
}

function marker(): Waiting
function marker(): object {
  const made = {}
  waiting.add(made)
  return made
}

function factsOf(facts: Readonly<Record<string, Input>>): Readonly<Record<string, Input>>
function factsOf(facts: unknown): unknown {
  return canonicalInput(facts).value
}
