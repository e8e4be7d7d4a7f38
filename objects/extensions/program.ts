/**
 * A program as a type of objects: its ops and hooks run in the machine, on one table of records by key.
 *
 *     entry ─ op ─▶ fuel ─▶ machine ─▶ value: the result, or that it waits
 *                              ├─▶ a bound, a throw, a trap: the op is refused, nothing of it stays
 *                              └─▶ the host's own trouble: the view stops
 *
 * Nothing below knows that a type is one: sessions, waits, deadlines, watches, checkpoints and replay are those of all
 * types. Keeps: E2, E3, O3, O7. Read next: `guest-step.ts`, `engine/machine.ts`, `../runtime/bound-type.ts`.
 */
import type { Next } from '../../log/errors.ts'
import { BoundType, type BoundTypeOptions } from '../runtime/bound-type.ts'
import { ENTRY_FUEL_MAX, type Journal } from '../runtime/journal.ts'
import type { AnyObjectType, OpOf, Waiting } from '../runtime/object-type.ts'
import { Rejection } from '../runtime/rejection.ts'
import { DEPTH_MAX, weightOf, type Input } from '../runtime/values.ts'
import type { CallOutcome, Machine } from './engine/machine.ts'
import { GuestStep, TooMuch, type ProgramContext, type ProgramTables } from './guest-step.ts'

/** Fuel of one call unless a program says otherwise, and the most that it may say. */
export const CALL_FUEL = 5_000_000
export const CALL_FUEL_MAX = 50_000_000

/** Functions of a program that the runtime calls by itself. */
export const hookNames = ['due', 'ended', 'cancelled'] as const
type HookName = (typeof hookNames)[number]
const isHook = (name: string): name is HookName => hookNames.some((hook) => hook === name)

/** The name of a program's type: no other type has a colon in its name. */
export const programType = (name: string): string => `x:${name}`

/** Refusals of every program. */
const refusals: ReadonlyMap<string, Next> = new Map<string, Next>([
  ['EXTENSION_LIMIT', 'stop'],
  ['EXTENSION_THREW', 'stop'],
  ['EXTENSION_TRAP', 'stop'],
  ['NOT_A_WAIT', 'stop'],
  ['NOT_IN_USES', 'stop'],
])

/** What a program is made of. */
export interface ProgramParts {
  readonly name: string
  readonly version: number
  readonly machine: Machine
  /** Ops that may wait. */
  readonly waits?: readonly string[] | undefined
  /** Of one call; CALL_FUEL unless told. */
  readonly fuel?: number | undefined
  /** Is given what the program says for people, as it is played. */
  readonly log?: ((text: string) => void) | undefined
}

/** One program. */
export class Program implements AnyObjectType {
  readonly name: string
  readonly version: number
  /** Its ops, in the order of the source. */
  readonly ops: readonly string[]
  readonly #parts: ProgramParts
  readonly #bound = new WeakMap<Journal, BoundType<null, ProgramTables>>()

  constructor(parts: ProgramParts) {
    this.name = programType(parts.name)
    this.version = parts.version
    this.ops = parts.machine.names.filter((name) => !isHook(name))
    this.#parts = parts
  }

  bind(journal: Journal): BoundType<null, ProgramTables> {
    const known = this.#bound.get(journal)
    if (known !== undefined) return known
    const made = new BoundType<null, ProgramTables>(journal, this.#options(journal))
    this.#bound.set(journal, made)
    return made
  }

  #options(journal: Journal): BoundTypeOptions<null, ProgramTables> {
    const { machine } = this.#parts
    const has = (hook: HookName): boolean => machine.names.includes(hook)
    const hook = (name: HookName, ctx: ProgramContext, input: Input): void => {
      if (has(name)) this.#call(journal, name, ctx, input)
    }
    return {
      name: this.name,
      version: this.version,
      initial: null,
      tables: ['records', 'waits'],
      tableOptions: { records: { owner: 'session', isLarge: true }, waits: { owner: 'session' } },
      waits: new Set(['waits']),
      refusals,
      hookFuel: this.#parts.fuel ?? CALL_FUEL,
      ops: new Map(this.ops.map((name) => [name, this.#op(journal, name)])),
      hooks: {
        due: (key, ctx) => {
          hook('due', ctx, { key })
        },
        ended: ({ clean, rows }, ctx) => {
          // The session itself is over: who it was stands in its rows.
          const [first] = rows.records
          if (first === undefined) return
          hook('ended', ctx, { session: first[1].session, clean, keys: rows.records.map(([key]) => key) })
        },
        cancelled: ({ op, row }, ctx) => {
          const key = keyOf(row)
          if (key !== undefined) ctx.tables.records.delete(key)
          // Whatever it does: a wait that was given up must not be there for the next one to settle.
          journal.attempt(() => {
            hook('cancelled', ctx, { op, row: key === undefined ? null : { key } })
          })
        },
        over: () => true,
        describe: ({ tables }) => ({ records: tables.records.size, waits: tables.waits.size }),
      },
    }
  }

  #op(journal: Journal, name: string): OpOf<null, ProgramTables> {
    const waits = this.#parts.waits?.includes(name) === true
    return {
      waits,
      refusal: (input) => (isPassable(input) ? undefined : `bytes, or a value nested more than ${DEPTH_MAX} deep`),
      run: (input, ctx) => {
        if (!isPassable(input)) throw new Rejection('BAD_ARGUMENT', { reason: 'a program takes no bytes' })
        return this.#call(journal, name, ctx, input, waits)
      },
    }
  }

  /** Calls one of its functions. @throws Rejection, or what stops a view. */
  #call(journal: Journal, name: string, ctx: ProgramContext, input: Input, mayWait = false): unknown {
    const { machine, fuel = CALL_FUEL, log } = this.#parts
    const step = new GuestStep(ctx, {
      charge: (amount) => {
        machine.charge(amount)
      },
      mayWait,
      hasDue: machine.names.includes('due'),
    })
    const { position, time, session } = ctx
    // The runtime calls only as long as all of it is at hand; an op comes after it, with what is its own.
    const isCalled = name === 'due' || name === 'ended'
    const given = isCalled ? fuel : Math.min(fuel, ENTRY_FUEL_MAX - journal.fuel)
    const outcome = machine.call(name, input, { host: step, fuel: given, position, time, session })
    journal[isCalled ? 'hookFuel' : 'fuel'] += Math.min(outcome.fuel, given)
    if (log !== undefined) say(step.said, log)
    return this.#resultOf(outcome, step.waiting, ctx, name)
  }

  #resultOf(outcome: CallOutcome, waiting: Waiting | undefined, ctx: ProgramContext, op: string): unknown {
    const facts = { extension: this.#parts.name, op }
    switch (outcome.kind) {
      case 'value':
        return waiting ?? outcome.value
      case 'threw':
        return ctx.reject('EXTENSION_THREW', { ...facts, text: outcome.text })
      case 'trap':
        return ctx.reject('EXTENSION_TRAP', { ...facts, text: outcome.text })
      case 'limit': {
        const { limit, fuel, reason } = outcome
        return ctx.reject('EXTENSION_LIMIT', { ...facts, limit, fuel, ...(reason === undefined ? {} : { reason }) })
      }
      case 'stopped': {
        const { by } = outcome
        if (!(by instanceof TooMuch)) throw by
        return ctx.reject('EXTENSION_LIMIT', { ...facts, limit: 'count', what: by.what, most: by.most })
      }
      default:
        return outcome satisfies never
    }
  }
}

/** What the program of a user that looks on does with a text is its own matter: no outcome depends on it. */
function say(texts: readonly string[], log: (text: string) => void): void {
  try {
    for (const text of texts) log(text)
  } catch {
    // What is lost are texts for people.
  }
}

/** Whether a program can be given it: bytes are no values of the guest. */
const isPassable = (input: unknown): boolean => weightOf(input) !== Infinity

function keyOf(row: unknown): string | undefined {
  if (typeof row !== 'object' || row === null || !('key' in row)) return undefined
  return typeof row.key === 'string' ? row.key : undefined
}
