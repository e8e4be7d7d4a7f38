/**
 * The programs of one space, as the registry's records say: their types, who may call them, what they take.
 *
 * Derived from records each time, so that whatever takes a record back takes this back too. Keeps: E3, E5, E6. Read
 * next: `registry.ts` (the records), `program.ts` (a type of theirs), `events.ts`.
 */
import { invariant } from '../../log/errors.ts'
import type { BoundType } from '../runtime/bound-type.ts'
import type { ObjectDeadlines } from '../runtime/deadlines.ts'
import type { What } from '../runtime/entry.ts'
import { ENTRY_FUEL_MAX, NOBODY, type Journal } from '../runtime/journal.ts'
import { OWN_PATHS, PROGRAMS_PATH, type Programs, type Reach, type Taker } from '../runtime/programs.ts'
import { Rejection } from '../runtime/rejection.ts'
import { LOAD_FUEL_MAX, Machine } from './engine/machine.ts'
import type { Machines } from './engine/machines.ts'
import type { EngineSource } from './engine-source.ts'
import { Events } from './events.ts'
import { matches } from './patterns.ts'
import { opNames, type ProgramTables } from './program-records.ts'
import { bindProgram, type ProgramCode } from './program.ts'
import {
  acknowledgedKey,
  runsOf,
  type Acknowledged,
  type ProgramRecord,
  type ProgramState,
  type Take,
} from './shapes.ts'

/** Where a program has records for what it does at other objects. */
export const ownPath = (program: string): string => `${OWN_PATHS}${program}`

type Registry = BoundType<object, { programs: ProgramRecord; states: ProgramState; acknowledged: Acknowledged }>

/** An engine, and the registry whose version is its number. */
interface KnownEngine {
  readonly source: EngineSource
  readonly open: () => Registry
  ready: Machines | undefined
  registry: Registry | undefined
}

/** What the records say of a program. `agreed`: by session, as far as somebody asked. */
interface Standing {
  readonly record: ProgramRecord | undefined
  readonly disabled: ProgramState['disabled']
  readonly agreed: Map<number, Acknowledged>
}

/** What a source came to. */
export type Loaded =
  | { readonly machine: Machine; readonly fuel: number; readonly reason?: undefined }
  | { readonly machine?: undefined; readonly fuel: number; readonly reason: string }

/** All programs of one space. */
export class RegisteredPrograms implements Programs {
  /** Is given what programs say for people. */
  log: ((program: string, text: string) => void) | undefined
  #reach: Reach | undefined
  readonly #journal: Journal
  readonly #engines = new Map<number, KnownEngine>()
  /** The one that there is, in most programs. */
  #only: KnownEngine | undefined
  readonly #types = new Map<string, BoundType<null, ProgramTables>>()
  /** By the very record: a program that is registered anew has another one. */
  readonly #codes = new WeakMap<ProgramRecord, ProgramCode>()
  /** Who is to be disabled at the end of the entry, and why. */
  readonly #lost = new Map<string, string>()
  /** Deadlines that wait until their program runs again. */
  readonly #parked = new Map<string, Set<ObjectDeadlines>>()
  /** What the records say of each program, and of which records that is. */
  readonly #standings = new Map<string, Standing>()
  #stood: { readonly programs: unknown; readonly changes: number } = { programs: undefined, changes: -1 }
  /** Of which records the index is. */
  #indexed: { readonly table: unknown; readonly revision: number } = { table: undefined, revision: -1 }
  #takers: readonly (Take & { readonly program: string })[] = []
  readonly #events: Events

  constructor(journal: Journal) {
    this.#journal = journal
    this.#events = new Events(journal, {
      type: (program) => this.type(program),
      own: ownPath,
      fails: (program, reason) => {
        this.#failed(program, reason)
      },
      starved: (program, run) => {
        journal.events.push({ path: PROGRAMS_PATH, kind: 'starved', facts: { extension: program, run } })
      },
      went: (program) => {
        if (this.#states.get(program)?.failures !== 0) this.#setState(program, { disabled: null, failures: 0 })
      },
      stop: (program, reason) => {
        this.#disable(program, reason)
      },
      runs: (program) => this.#runs(program),
    })
  }

  get reach(): Reach {
    invariant(this.#reach !== undefined, 'E3', {})
    return this.#reach
  }
  set reach(reach: Reach) {
    this.#reach = reach
  }

  /** Makes an engine known, and the registry of its number. */
  add(engine: number, known: { readonly source: EngineSource; readonly open: () => Registry }): void {
    const made: KnownEngine = { ...known, ready: known.source.now, registry: undefined }
    this.#engines.set(engine, made)
    this.#only = this.#engines.size === 1 ? made : undefined
  }

  get isReady(): boolean {
    for (const { ready } of this.#engines.values()) if (ready === undefined) return false
    return true
  }
  async bring(): Promise<void> {
    for (const known of this.#engines.values()) known.ready ??= await known.source.load()
  }

  get any(): boolean {
    return this.#programs.size > 0
  }
  get take(): boolean {
    return this.#index().takers.length > 0
  }

  type(program: string): BoundType<null, ProgramTables> {
    const known = this.#types.get(program)
    if (known !== undefined) return known
    const made = bindProgram(this.#journal, program, {
      code: () => this.#code(program),
      reach: () => this.reach,
      renew: () => {
        this.#renew(program)
      },
      trapped: () => this.#lost.set(program, 'the engine gave it up'),
      log: (text) => this.log?.(program, text),
      agrees: (session) => this.#agreed(program, session) !== undefined,
      park: (deadlines) => this.#park(program, deadlines),
    })
    this.#types.set(program, made)
    return made
  }

  /** Makes a machine of a source in one of the engines, with the fuel of the entry at hand. */
  load(source: string, engine: number): Loaded {
    if (ENTRY_FUEL_MAX - this.#journal.fuel < LOAD_FUEL_MAX) {
      return { fuel: 0, reason: 'this entry has no fuel left for it' }
    }
    const found = this.#machines(engine).load(source)
    const fuel = found instanceof Machine ? found.loadFuel : found.outcome.fuel
    this.#journal.fuel += Math.min(fuel, LOAD_FUEL_MAX)
    if (found instanceof Machine) return { machine: found, fuel }
    const { outcome, where } = found
    if (outcome.kind === 'threw' || outcome.kind === 'trap') {
      return { fuel, reason: where === undefined ? outcome.text : `${outcome.text} (line and column ${where})` }
    }
    if (outcome.kind === 'limit') return { fuel, reason: `it needs more ${outcome.limit} than there is` }
    return { fuel, reason: 'it asks for something while it is loaded' }
  }

  refusal(program: string, { version }: What, session: number): Rejection | undefined {
    const { record, disabled } = this.#standing(program)
    if (record === undefined) return new Rejection('NOT_REGISTERED', { extension: program })
    if (version !== record.version) {
      const facts = { extension: program, version, active: record.version }
      return new Rejection(version < record.version ? 'OLD_CODE' : 'NOT_ACTIVE', facts)
    }
    if (disabled !== null) {
      const { reason, position: since } = disabled
      return new Rejection('EXTENSION_DISABLED', { extension: program, reason, since })
    }
    if (this.#agreed(program, session) !== undefined) return undefined
    return new Rejection('NOT_ACKNOWLEDGED', { extension: program, hash: record.hash })
  }

  taker({ type, op }: What, path: string, session: number): Taker | undefined {
    for (const take of this.#index().takers) {
      if (take.type !== type || take.op !== op || !matches(take.path, path)) continue
      const { program, run } = take
      const isIts = this.#agreed(program, session)?.takes === true
      if (isIts && this.#runs(program)) return { program, run, path: ownPath(program) }
    }
    return undefined
  }

  mayTake({ type, op }: What, path: string): boolean {
    return this.#index().takers.some((take) => take.type === type && take.op === op && matches(take.path, path))
  }

  takersOf(path: string): string[] {
    const programs = this.#index().takers.flatMap((take) => (matches(take.path, path) ? [take.program] : []))
    return [...new Set(programs)].map(ownPath)
  }

  listensTo(path: string): boolean {
    this.#index()
    return this.#events.listensTo(path, this.reach)
  }

  ended(): void {
    this.#giveUp()
    if (!this.any) return
    this.#index()
    this.#events.run(this.reach)
    this.#giveUp()
    for (const [program, parked] of this.#parked) {
      if (!this.#runs(program)) continue
      this.#parked.delete(program)
      for (const deadlines of parked) deadlines.rearm()
    }
  }

  /** The number of the engine that runs: that of the registry as it is, or would be. */
  get #engine(): number {
    const [first] = this.#engines.keys()
    invariant(first !== undefined, 'E3', {})
    return this.#only === undefined ? (this.reach.object(PROGRAMS_PATH)?.type.version ?? first) : first
  }
  /** The records of the registry. */
  get tables() {
    const known = this.#only ?? this.#engines.get(this.#engine)
    invariant(known !== undefined, 'E3', { engine: this.#engine })
    return (known.registry ??= known.open()).read(PROGRAMS_PATH).tables
  }
  get #programs() {
    return this.tables.programs
  }
  get #states() {
    return this.tables.states
  }
  #machines(engine: number): Machines {
    const ready = this.#engines.get(engine)?.ready
    invariant(ready !== undefined, 'E3', { engine })
    return ready
  }

  /** What the registry says of a program: looked up once for all entries until it says another thing. */
  #standing(program: string): Standing {
    const { programs, states, acknowledged } = this.tables
    const changes = programs.revision + states.revision + acknowledged.revision
    if (programs !== this.#stood.programs || changes !== this.#stood.changes) {
      this.#stood = { programs, changes }
      this.#standings.clear()
    }
    const known = this.#standings.get(program)
    if (known !== undefined) return known
    const record = programs.get(program)
    const made = { record, disabled: states.get(program)?.disabled ?? null, agreed: new Map<number, Acknowledged>() }
    this.#standings.set(program, made)
    return made
  }

  /** What a session has agreed to, where that is the program as it is. */
  #agreed(program: string, session: number): Acknowledged | undefined {
    const { record, agreed } = this.#standing(program)
    const known = agreed.get(session)
    if (known !== undefined) return known
    const found = this.tables.acknowledged.get(acknowledgedKey(program, session))
    if (found === undefined || found.hash !== record?.hash) return undefined
    agreed.set(session, found)
    return found
  }

  #runs(program: string): boolean {
    const { record, disabled } = this.#standing(program)
    return record !== undefined && disabled === null
  }

  #code(program: string): ProgramCode | undefined {
    const { record, disabled } = this.#standing(program)
    if (record === undefined || disabled !== null) return undefined
    const known = this.#codes.get(record)
    if (known !== undefined) return known
    const engine = this.#engine
    const machine = this.#machines(engine).load(record.source)
    const isOther = record.engine !== engine
    if (isOther && !(machine instanceof Machine)) {
      this.#lost.set(program, `its source does not load in engine ${engine}`)
      return undefined
    }
    const isIts = machine instanceof Machine && (isOther || machine.hash === record.image)
    invariant(isIts, 'E3', { program, image: record.image })
    const runs = runsOf(record)
    const { waits, fuel } = record
    const uses = [...record.uses, ...record.takes]
    const ops = new Set(opNames(machine, runs))
    const made: ProgramCode = { machine, isRenewed: isOther, ops, runs, waits: new Set(waits), fuel, uses }
    this.#codes.set(record, made)
    return made
  }

  /** Another engine runs a program than the one that its record names: the record has that one from now on. */
  #renew(program: string): void {
    const { record } = this.#standing(program)
    const engine = this.#engine
    const machine = record && this.#machines(engine).load(record.source)
    invariant(record !== undefined && machine instanceof Machine, 'E3', { program })
    this.#programs.set(program, { ...record, engine, image: machine.hash })
  }

  /** What programs take and listen to, in order of registration: the last one first takes. */
  #index(): { readonly takers: readonly (Take & { readonly program: string })[] } {
    const programs = this.#programs
    if (programs !== this.#indexed.table || programs.revision !== this.#indexed.revision) {
      this.#indexed = { table: programs, revision: programs.revision }
      const all = [...programs.range()].sort(([, a], [, b]) => a.at - b.at)
      this.#takers = all.flatMap(([program, { takes }]) => takes.map((take) => ({ ...take, program }))).toReversed()
      this.#events.listen(
        all.flatMap(([program, { events, ids }]) => events.map((event) => ({ ...event, program, ids }))),
      )
    }
    return { takers: this.#takers }
  }

  #park(program: string, deadlines: ObjectDeadlines): boolean {
    if (this.#runs(program)) return false
    const parked = this.#parked.get(program) ?? new Set()
    this.#parked.set(program, parked.add(deadlines))
    return true
  }

  #failed(program: string, reason: string): void {
    const failures = (this.#states.get(program)?.failures ?? 0) + 1
    if (failures >= FAILURES_MAX) this.#disable(program, `${failures} failures of events in a row: ${reason}`)
    else this.#setState(program, { disabled: null, failures })
  }

  /** Nothing of it outlives its entry: no checkpoint has it. */
  #giveUp(): void {
    if (this.#lost.size === 0) return
    for (const [program, reason] of this.#lost) this.#disable(program, reason)
    this.#lost.clear()
  }

  #disable(program: string, why: string): void {
    if (!this.#runs(program)) return
    const { position } = this.#journal
    const reason = why.slice(0, REASON_MAX).toWellFormed()
    this.#setState(program, { disabled: { reason, position }, failures: 0 })
    this.#journal.events.push({ path: PROGRAMS_PATH, kind: 'disabled', facts: { extension: program, reason } })
  }

  #setState(program: string, state: ProgramState): void {
    this.#journal.step(NOBODY, () => {
      this.#states.set(program, state)
    })
  }
}

/** Failures of a program's events in a row that disable it. */
const FAILURES_MAX = 3
const REASON_MAX = 1_000
