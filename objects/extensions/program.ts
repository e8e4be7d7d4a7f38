/**
 * A program as a type of objects: its ops and hooks run in the machine, on one table of records by key.
 *
 *     entry ─ op ─▶ fuel ─▶ machine ─▶ value: the result, or that it waits
 *                              ├─▶ a bound, a throw, a trap: the op is refused, nothing of it stays
 *                              └─▶ the host's own trouble: the view stops
 *
 * Nothing below knows that a type is one: sessions, waits, deadlines, watches, checkpoints and replay are those of all
 * types. Which code it has is asked for with each call: another version may be registered by then, or none. Keeps: E2,
 * E3, O3, O7. Read next: `guest-step.ts`, `engine/machine.ts`, `../runtime/bound-type.ts`.
 */
import { BoundType, type BoundTypeOptions } from '../runtime/bound-type.ts'
import type { ObjectDeadlines } from '../runtime/deadlines.ts'
import { ENTRY_FUEL_MAX, type Journal } from '../runtime/journal.ts'
import { orderKey, type Hooks, type OpOf, type OpsByName, type Waiting } from '../runtime/object-type.ts'
import { programType, type Reach } from '../runtime/programs.ts'
import { Rejection } from '../runtime/rejection.ts'
import { DEPTH_MAX, weightOf, type Input } from '../runtime/values.ts'
import type { CallOutcome, Machine } from './engine/machine.ts'
import { GuestStep, TooMuch } from './guest-step.ts'
import type { HookName, ProgramContext, ProgramTables } from './program-records.ts'
import { CALL_FUEL, type Use } from './shapes.ts'

/** Keys of deadlines that are the runtime's: ends of sessions that found no fuel left. */
const ENDS = '\0ended/'

/** What a program is made of, where it is registered and not disabled. */
export interface ProgramCode {
  readonly machine: Machine
  /** Whether it runs in another engine than its record names. */
  readonly isRenewed: boolean
  readonly ops: ReadonlySet<string>
  /** Functions that ops of others and changes call. */
  readonly runs: ReadonlySet<string>
  /** Functions that may wait. */
  readonly waits: ReadonlySet<string>
  /** Of one call. */
  readonly fuel: number
  readonly uses: readonly Use[]
}

/** Where a program stands. */
export interface ProgramPlace {
  code(): ProgramCode | undefined
  reach(): Reach
  /** Has its record name the engine that runs it, in the open step. */
  renew(): void
  /** The engine gave it up. */
  trapped(): void
  /** Is given what it says for people, as it is played. */
  log(text: string): void
  /** Whether a session has agreed to the program as it is. */
  agrees(session: number): boolean
  /** Takes deadlines for later where it does not run now. */
  park(deadlines: ObjectDeadlines): boolean
}

/** Makes the type of a program's objects in a space. Its version is that of the form of records, not of the code. */
export const bindProgram = (journal: Journal, name: string, place: ProgramPlace): BoundType<null, ProgramTables> =>
  new BoundType<null, ProgramTables>(journal, new Program(journal, name, place).options)

/** Programs that the ops of one entry may call; calls for changes have a bound of their own. */
export const PROGRAMS_MAX = 64

/** A call of one of its functions, and which fuel it uses: that of ops and events, or that of deadlines and ends. */
interface FunctionCall {
  readonly name: string
  readonly input: Input
  readonly purse: 'fuel' | 'hookFuel'
  readonly mayWait: boolean
}

class Program {
  readonly #journal: Journal
  readonly #name: string
  readonly #place: ProgramPlace
  readonly #ops = new Map<string, OpOf<null, ProgramTables>>()

  constructor(journal: Journal, name: string, place: ProgramPlace) {
    this.#journal = journal
    this.#name = name
    this.#place = place
  }

  get options(): BoundTypeOptions<null, ProgramTables> {
    const { code, park } = this.#place
    return {
      name: programType(this.#name),
      version: 1,
      initial: null,
      tables: ['records', 'waits', 'ends'],
      tableOptions: {
        records: { owner: 'session', isLarge: true },
        waits: { owner: 'session' },
        ends: { isLarge: true },
      },
      waits: new Set(['waits']),
      refusals: new Map(),
      get hookFuel() {
        return code()?.fuel ?? CALL_FUEL
      },
      park,
      ops: this.#opsOf(({ ops }) => ops),
      taken: this.#opsOf(({ runs }) => runs),
      hooks: this.#hooks,
    }
  }

  get #hooks(): Hooks<null, ProgramTables> {
    const { code } = this.#place
    const hook = (name: HookName, ctx: ProgramContext, input: Input): void => {
      // What the caller of an op gives up is a part of that op; the others have fuel of their own.
      const purse = name === 'cancelled' ? 'fuel' : 'hookFuel'
      if (code()?.machine.names.includes(name) === true) this.#call({ name, input, purse, mayWait: false }, ctx)
    }
    return {
      due: (key, ctx) => {
        const end = key.startsWith(ENDS) ? ctx.tables.ends.get(key) : undefined
        if (end === undefined) {
          hook('due', ctx, { key })
          return
        }
        ctx.tables.ends.delete(key)
        this.#journal.attempt(() => {
          hook('ended', ctx, { ...end })
        })
      },
      ended: ({ clean, rows }, ctx) => {
        // The session itself is over: who it was stands in its rows.
        const [first] = rows.records
        if (first === undefined || code()?.machine.names.includes('ended') !== true) return
        const end = { session: first[1].session, clean, keys: rows.records.map(([key]) => key) }
        if (this.#hasHookFuel()) {
          hook('ended', ctx, end)
          return
        }
        // Nobody fails because others have used what there is: the next entry calls it.
        const key = `${ENDS}${orderKey(end.session)}`
        ctx.tables.ends.set(key, end)
        ctx.at(key, ctx.time)
      },
      cancelled: ({ op, row }, ctx) => {
        const key = keyOf(row)
        if (key !== undefined) ctx.tables.records.delete(key)
        // A wait of the caller's own; or one that was settled, as only who may call the program can say.
        else if (!this.#place.agrees(ctx.session)) return
        // Whatever it does: a wait that was given up must not be there for the next one to settle.
        this.#journal.attempt(() => {
          hook('cancelled', ctx, { op, row: key === undefined ? null : { key } })
        })
      },
      over: () => true,
      describe: ({ tables }) => ({ records: tables.records.size, waits: tables.waits.size }),
    }
  }

  #hasHookFuel(): boolean {
    return (this.#place.code()?.fuel ?? CALL_FUEL) <= ENTRY_FUEL_MAX - this.#journal.hookFuel
  }

  #opsOf(among: (code: ProgramCode) => ReadonlySet<string>): OpsByName<null, ProgramTables> {
    const has = (name: string): boolean => {
      const code = this.#place.code()
      return code !== undefined && among(code).has(name)
    }
    return { has, get: (name) => (has(name) ? this.#op(name) : undefined) }
  }

  #op(name: string): OpOf<null, ProgramTables> {
    const known = this.#ops.get(name)
    if (known !== undefined) return known
    const mayWait = (): boolean => this.#place.code()?.waits.has(name) === true
    const made: OpOf<null, ProgramTables> = {
      get waits() {
        return mayWait()
      },
      refusal: (input) => (isPassable(input) ? undefined : `bytes, or a value nested more than ${DEPTH_MAX} deep`),
      run: (input, ctx) => {
        if (!isPassable(input)) throw new Rejection('BAD_ARGUMENT', { reason: 'a program takes no bytes' })
        return this.#call({ name, input, purse: 'fuel', mayWait: mayWait() }, ctx)
      },
    }
    this.#ops.set(name, made)
    return made
  }

  /** Calls one of its functions. @throws Rejection, or what stops a view. */
  #call({ name, input, purse, mayWait }: FunctionCall, ctx: ProgramContext): unknown {
    const journal = this.#journal
    const code = this.#place.code()
    if (code === undefined) throw new Rejection('NOT_REGISTERED', { extension: this.#name })
    const { machine, fuel, uses } = code
    if (code.isRenewed) this.#place.renew()
    const step = new GuestStep(ctx, {
      charge: (amount) => {
        machine.charge(amount)
      },
      mayWait,
      hasDue: machine.names.includes('due'),
      uses,
      reach: () => this.#place.reach(),
      changes: () => journal.patches.length,
    })
    const { position, time, session } = ctx
    if (purse === 'fuel' && ctx.session >= 0) this.#count(ctx)
    // The runtime calls only as long as all of it is at hand; an op comes after it, with what is its own.
    const given = purse === 'hookFuel' ? fuel : Math.min(fuel, ENTRY_FUEL_MAX - journal.fuel)
    const outcome = machine.call(name, input, { host: step, fuel: given, position, time, session })
    const used = Math.min(outcome.fuel, given)
    journal[purse] += used
    say(step.said, this.#place.log)
    let refused: string | undefined
    try {
      return this.#resultOf(outcome, step.waiting, ctx, name)
    } catch (thrown) {
      if (thrown instanceof Rejection) refused = thrown.code
      throw thrown
    } finally {
      journal.calls ??= []
      journal.calls.push({ extension: this.#name, run: name, fuel: used, limit: given, code: refused })
    }
  }

  /** Each program may need an image that was dropped, which is built without fuel. */
  #count(ctx: ProgramContext): void {
    const { programs } = this.#journal
    if (programs.has(this.#name)) return
    if (programs.size >= PROGRAMS_MAX) {
      const facts = { extension: this.#name, limit: 'count', what: 'programs in one entry', most: PROGRAMS_MAX }
      ctx.reject('EXTENSION_LIMIT', facts)
    }
    programs.add(this.#name)
  }

  #resultOf(outcome: CallOutcome, waiting: Waiting | undefined, ctx: ProgramContext, op: string): unknown {
    const facts = { extension: this.#name, op }
    switch (outcome.kind) {
      case 'value':
        return waiting ?? outcome.value
      case 'threw':
        return ctx.reject('EXTENSION_THREW', { ...facts, text: outcome.text })
      case 'trap':
        this.#place.trapped()
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
