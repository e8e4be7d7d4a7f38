/**
 * What a program is answered while one step of it runs: `ctx`, on the records of its object.
 *
 *     guest ─ ctx.get('n') ─▶ price ─▶ count ─▶ record ─▶ guest
 *
 * Each call costs 2,000 and 8 for each unit of weight that goes over, before anything is done. A row of a wait is in
 * the table like any other, its value the position of the op, so that a program finds who waits by `list`; the runtime
 * alone takes it out. Whatever ends the step ends it for good: no guest can catch it. Keeps: E2, O3, O7. Read next:
 * `program.ts`, `engine/machine.ts`, `../runtime/context.ts`.
 */
import { isError } from '../../log/errors.ts'
import { WAITING } from '../runtime/context.ts'
import { orderKey, type Waiting } from '../runtime/object-type.ts'
import { programOf, type Reach } from '../runtime/programs.ts'
import { RowTable, type Table } from '../runtime/records.ts'
import type { RowStore } from '../runtime/row.ts'
import { weightOf, type Input, type Value } from '../runtime/values.ts'
import { asks } from './engine/prelude.ts'
import { matches } from './patterns.ts'
import { shownRecord, type Held, type ProgramContext, type Waiter } from './program-records.ts'
import type { Use } from './shapes.ts'

/** Fuel of a call of `ctx`, and of each unit of weight that goes over. */
const CALL_PRICE = 2_000
const WEIGHT_PRICE = 8
/** What one call of a program may do. */
export const READS_MAX = 1_000
export const WRITES_MAX = 1_000
export const LISTED_MAX = 10_000
/** Of all values that it gives out, together. */
export const OUT_WEIGHT_MAX = 1 << 20

/** What a step is besides its context. */
export interface StepOptions {
  /** Takes fuel, and ends the step where there is none left. */
  readonly charge: (amount: number) => void
  /** Whether it is an op that may wait. */
  readonly mayWait: boolean
  /** Whether the program has a function for deadlines. */
  readonly hasDue: boolean
  /** What of the space it may reach. */
  readonly uses: readonly Use[]
  readonly reach: () => Reach
  /** How many changes the entry has made so far. */
  readonly changes: () => number
}

/** An object that a program may reach, by the path itself. */
type Used = Use

/** Which of the counted bounds a call has exceeded. */
export class TooMuch {
  readonly what: string
  readonly most: number

  constructor(what: string, most: number) {
    this.what = what
    this.most = most
  }
}

/** One step. */
export class GuestStep {
  /** What the op answers with that waits. */
  waiting: Waiting | undefined
  /** What the program says for people. */
  readonly said: string[] = []
  readonly #ctx: ProgramContext
  readonly #records: Table<Held>
  readonly #waits: Table<Waiter>
  readonly #options: StepOptions
  #reads = 0
  #writes = 0
  #listed = 0
  #out = 0

  constructor(ctx: ProgramContext, options: StepOptions) {
    this.#ctx = ctx
    this.#records = ctx.tables.records
    this.#waits = ctx.tables.waits
    this.#options = options
  }

  /** Answers one call. @throws what ends the step. */
  ask(number: number, args: readonly unknown[]): unknown {
    try {
      this.#options.charge(CALL_PRICE)
      return this.#answer(number, args)
    } catch (thrown) {
      // Of a table or the context: an argument that they do not take.
      if (isError(thrown, 'BAD_ARGUMENT', 'MISUSE')) return this.#bad(thrown.message)
      throw thrown
    }
  }

  #answer(number: number, [first, second, third, fourth]: readonly unknown[]): unknown {
    const ctx = this.#ctx
    switch (asks.get(number)) {
      case 'get':
        return this.#get(this.#key(first))
      case 'set':
        return this.#set(this.#key(first), second, third)
      case 'delete':
        return this.#delete(this.#key(first))
      case 'list':
        return this.#list(this.#text(first ?? '', 'a prefix'), second)
      case 'at':
        return this.#at(this.#key(first), second)
      case 'wait':
        return this.#wait(this.#key(first))
      case 'settle':
        return this.#settle(first, second)
      case 'refuse':
        return this.#refuse(first, second)
      case 'emit':
        return this.#emit(first, second)
      case 'reject':
        return ctx.reject(this.#text(first, 'a code'), this.#facts(second))
      case 'log':
        return this.#log(this.#text(first, 'what is logged'))
      case 'wall':
        return ctx.wall
      case 'ids':
        return ctx.ids
      case 'order':
        return orderKey(ctx.position)
      case 'read':
        return this.#readOther(this.#use(first), second ?? '', third ?? '')
      case 'range':
        return this.#rangeOther(this.#use(first), { table: second, from: third, limit: fourth })
      case 'do':
        return this.#do(this.#use(first), second, third)
      default:
        return this.#bad(`there is no call of number ${number}`)
    }
  }

  #get(key: string): Value | undefined {
    this.#read()
    const value = this.#records.get(key)?.value
    if (value !== undefined) this.#carry(weightOf(value))
    return value
  }

  #set(key: string, value: unknown, options: unknown): undefined {
    this.#write(key)
    const session = this.#ownerOf(options)
    this.#records.set(key, { value: this.#value(value, 'the value of a record'), session })
  }

  #delete(key: string): boolean {
    this.#write(key)
    return this.#records.delete(key)
  }

  #list(prefix: string, limit: unknown): unknown {
    const most = this.#limit(limit)
    this.#read()
    const rows: { readonly key: string; readonly value: Value; readonly session: number }[] = []
    if (most === 0) return rows
    for (const [key, { value, session }] of this.#records.range(prefix)) {
      if (!key.startsWith(prefix)) break
      this.#countListed()
      this.#carry(key.length + weightOf(value))
      rows.push({ key, value, session })
      if (rows.length === most) break
    }
    return rows
  }

  #limit(limit: unknown): number {
    if (limit === undefined) return LISTED_MAX + 1
    if (typeof limit === 'number' && Number.isInteger(limit) && limit >= 0) return limit
    return this.#bad(`${shown(limit)} is no number of rows`)
  }

  #countListed(): void {
    if (++this.#listed > LISTED_MAX) throw new TooMuch('rows listed', LISTED_MAX)
  }

  #at(key: string, time: unknown): undefined {
    if (key.startsWith('\0')) return this.#bad('keys of deadlines that begin with \\0 are ours')
    if (!this.#options.hasDue) return this.#bad('the program has no function `due` for a deadline to run')
    if (time !== undefined && typeof time !== 'number') return this.#bad(`${shown(time)} is no time in milliseconds`)
    this.#write(key)
    this.#ctx.at(key, time)
    return undefined
  }

  #wait(key: string): undefined {
    const { position, session } = this.#ctx
    if (!this.#options.mayWait) return this.#ctx.reject('NOT_A_WAIT', {})
    if (this.waiting !== undefined) return this.#bad('the op waits already')
    if (this.#records.has(key)) return this.#bad(`there is a record ${JSON.stringify(key)} already`)
    this.#write(key)
    this.waiting = this.#ctx.wait('waits', { session, key })
    this.#records.set(key, { value: position, session })
    return undefined
  }

  /** False where the op waits no more. */
  #settle(op: unknown, value: unknown): boolean {
    const waiting = this.#takeWaiting(op)
    if (waiting === undefined) return false
    this.#ctx.settle(waiting, value === undefined ? undefined : this.#value(value, 'a result'))
    return true
  }

  #refuse(op: unknown, code: unknown): boolean {
    const why = this.#text(code, 'a code')
    const waiting = this.#takeWaiting(op)
    if (waiting === undefined) return false
    this.#ctx.refuse(waiting, why)
    return true
  }

  /** An op that waits, whose row is dropped; `undefined`: it waits no more. */
  #takeWaiting(op: unknown): number | undefined {
    if (typeof op !== 'number') return this.#bad(`${shown(op)} is no position of an op`)
    this.#countWrite()
    const waits = this.#waits.get(orderKey(op))
    if (waits === undefined) return undefined
    this.#records.delete(waits.key)
    return op
  }

  /** What of the space a path is. */
  #use(path: unknown): Used {
    const at = this.#text(path, 'a path')
    for (const { path: pattern, type, version } of this.#options.uses) {
      if (matches(pattern, at)) return { path: at, type, version }
    }
    return this.#ctx.reject('NOT_IN_USES', { path: at })
  }

  #storeOf({ path, type }: Used, table: unknown): RowStore | undefined {
    const name = this.#text(table, 'a table')
    const object = this.#options.reach().object(path)
    if (object === undefined) return undefined
    if (object.type.name !== type) {
      return this.#ctx.reject('WRONG_TYPE', { path, type: object.type.name, wanted: type })
    }
    const store = name.startsWith('$') ? undefined : object.store(name)
    return store ?? this.#bad(`${path} has no table ${JSON.stringify(name)}`)
  }

  #readOther(use: Used, table: unknown, key: unknown): Value | undefined {
    this.#read()
    const row = this.#storeOf(use, table)?.row(this.#key(key))
    return row === undefined ? undefined : this.#shown(use, row.value)
  }

  #rangeOther(use: Used, { table, from, limit }: { table: unknown; from: unknown; limit: unknown }): unknown {
    this.#read()
    const most = this.#limit(limit)
    const beginning = this.#text(from ?? '', 'the first key')
    const rows: { readonly key: string; readonly value: Value }[] = []
    const store = this.#storeOf(use, table ?? '')
    if (most === 0 || !(store instanceof RowTable)) return rows
    for (const [key, record] of store.range(beginning)) {
      this.#countListed()
      rows.push({ key, value: this.#shown(use, record) })
      this.#carry(key.length)
      if (rows.length === most) break
    }
    return rows
  }

  /** An op of another object, in this step: whatever refuses it refuses the step. */
  #do({ path, type, version }: Used, op: unknown, input: unknown): unknown {
    this.#countWrite()
    const name = this.#text(op, 'an op')
    if (programOf(type) !== undefined) return this.#ctx.reject('NESTED', { path, type, op: name })
    const before = this.#options.changes()
    const given = this.#facts(input)
    const value = this.#options.reach().run({ path, type: { name: type, version }, op: name, input: given })
    if (value === WAITING) return this.#ctx.reject('NOT_A_WAIT', { path, op: name })
    for (let made = this.#options.changes() - before; made > 0; made--) {
      this.#countWrite()
      this.#options.charge(CALL_PRICE)
    }
    return value === undefined ? undefined : this.#shown({ path, type: '' }, value)
  }

  /** A value of another object on its way in. */
  #shown({ path, type }: Pick<Used, 'path' | 'type'>, record: unknown): Value {
    const value = shownRecord(type, record)
    if (value === undefined) return this.#bad(`${path} has bytes there, which are no value of a program`)
    this.#carry(weightOf(value))
    return value
  }

  #emit(kind: unknown, facts: unknown): undefined {
    this.#countWrite()
    this.#ctx.emit(this.#text(kind, 'the kind of an event'), this.#facts(facts))
  }

  #log(text: string): undefined {
    this.said.push(text)
    return undefined
  }

  /** The session that a record is to end with. */
  #ownerOf(options: unknown): number {
    if (options === undefined) return 0
    if (!isFields(options) || Object.keys(options).some((name) => name !== 'owner')) {
      return this.#bad(`${shown(options)} are no options of a record: only { owner } is one`)
    }
    const { owner } = options
    if (owner === undefined || owner === 0) return 0
    if (typeof owner !== 'number' || owner < 0) return this.#bad(`${shown(owner)} is no session`)
    if (owner === this.#ctx.session || this.#waits.owns(owner)) return owner
    return this.#bad(`the session ${owner} is neither the caller's nor one that waits here`)
  }

  #key(key: unknown): string {
    return this.#text(key, 'a key')
  }

  #text(text: unknown, what: string): string {
    if (typeof text !== 'string') return this.#bad(`${shown(text)} is no text: ${what} has to be one`)
    this.#carryOut(8 + text.length)
    return text
  }

  #value(value: unknown, what: string): Value
  #value(value: unknown, what: string): unknown {
    if (value === undefined) return this.#bad(`${what} is undefined`)
    this.#carryOut(weightOf(value))
    return value
  }

  #facts(facts: unknown): Readonly<Record<string, Input>> {
    if (facts === undefined) return {}
    if (!isFields(facts)) return this.#bad(`${shown(facts)} are no facts: an object has to hold them`)
    this.#carryOut(weightOf(facts))
    return facts
  }

  #read(): void {
    if (++this.#reads > READS_MAX) throw new TooMuch('reads', READS_MAX)
  }

  #countWrite(): void {
    if (++this.#writes > WRITES_MAX) throw new TooMuch('writes', WRITES_MAX)
  }

  /** A row of a wait belongs to the runtime. */
  #write(key: string): void {
    this.#countWrite()
    const op = this.#records.get(key)?.value
    if (typeof op !== 'number' || this.#waits.get(orderKey(op))?.key !== key) return
    this.#bad(`the record ${JSON.stringify(key)} is a wait: it ends by settle, refuse, a cancel or its session's end`)
  }

  #carry(weight: number): void {
    this.#options.charge(weight * WEIGHT_PRICE)
  }
  #carryOut(weight: number): void {
    this.#carry(weight)
    this.#out += weight
    if (this.#out > OUT_WEIGHT_MAX) throw new TooMuch('weight given out', OUT_WEIGHT_MAX)
  }

  #bad(reason: string): never {
    return this.#ctx.reject('BAD_ARGUMENT', { reason })
  }
}

const isFields = (value: unknown): value is Readonly<Record<string, Input>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A value as an error names it. */
const shown = (value: unknown): string => (value === undefined ? 'undefined' : JSON.stringify(value).slice(0, 100))
