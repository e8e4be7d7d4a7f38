/**
 * The registry of extensions, as a machine: which programs there are, which of them run, who has agreed to them.
 *
 *     register ─▶ runs ⇄ disabled (enable, disable; a trap; 3 failures of events in a row) ─▶ removed
 *     acknowledge ─▶ a session may call exactly that source, until it ends
 *
 * One object, `/.sirtaki/extensions`. Its version is that of the engine with prelude and prices: another engine is
 * announced, activated and missed like another version of any type. Keeps: E3, E5, O3. Read next: `registered.ts` (the
 * programs that it holds), `program.ts`.
 * @source Extensible Distributed Coordination, EuroSys'15, 4 (registration, acknowledgement).
 */
import { SirtakiError } from '../../log/errors.ts'
import { defineObject, type ObjectType } from '../define-object.ts'
import type { Journal } from '../runtime/journal.ts'
import { nothing } from '../runtime/fields.ts'
import type { Context } from '../runtime/object-type.ts'
import { PROGRAMS_TYPE, type ProgramRegistry, type Reach } from '../runtime/programs.ts'
import type { Machine } from './engine/machine.ts'
import { ABI } from './engine/prelude.ts'
import { packagedEngine, type EngineSource } from './engine-source.ts'
import { mayReach } from './patterns.ts'
import { hookNames, isReachable, opNames } from './program-records.ts'
import { RegisteredPrograms, type Loaded } from './registered.ts'
import {
  acknowledgedKey,
  hashOfProgram,
  isAcknowledge,
  isAcknowledged,
  isDisable,
  isNamed,
  isProgramRecord,
  isProgramState,
  isRegister,
  runsOf,
  type Acknowledged,
  type ProgramRecord,
  type ProgramState,
  type RegisterInput,
} from './shapes.ts'

/** The tables of the registry: of programs by name, of acknowledgements by name and session. */
export type RegistryTables = { programs: ProgramRecord; states: ProgramState; acknowledged: Acknowledged }
type Ctx = Context<object, RegistryTables>

/** Programs of one space. */
const PROGRAMS_MAX = 4_096
const RUNS: ProgramState = { disabled: null, failures: 0 }

/** Where sources are made machines of, and the number of the engine there. */
interface Loader {
  readonly engine: number
  load(source: string): Loaded
}

/** The ops, in a space whose programs `loader` knows. */
const registryOf = (loader: Loader) =>
  defineObject({
    name: PROGRAMS_TYPE,
    version: loader.engine,
    state: nothing,
    initial: () => ({}),
    tables: { programs: isProgramRecord, states: isProgramState, acknowledged: isAcknowledged },
    owned: { acknowledged: 'session' },
    large: ['programs'],
    refusals: { EXTENSION_DIFFERS: 'stop', BAD_SOURCE: 'stop' },
    ops: (op) => ({
      register: op.raw(isRegister, (input, ctx) => register(input, loader, ctx)),
      /** The session that calls has agreed to this very source, and with `takes` to have its ops taken by it. */
      acknowledge: op.raw(isAcknowledge, ({ name, hash, takes }, ctx) => {
        const known = ctx.tables.programs.get(name) ?? ctx.reject('NOT_REGISTERED', { extension: name })
        if (known.hash !== hash) {
          ctx.reject('EXTENSION_DIFFERS', { extension: name, version: known.version, hash, registered: known.hash })
        }
        acknowledge(name, { hash, takes }, ctx)
      }),
      enable: op.raw(isNamed, ({ name }, ctx) => {
        requireProgram(name, ctx)
        ctx.tables.states.set(name, RUNS)
        ctx.emit('enabled', { extension: name })
      }),
      disable: op.raw(isDisable, ({ name, reason }, ctx) => {
        requireProgram(name, ctx)
        ctx.tables.states.set(name, { disabled: { reason, position: ctx.position }, failures: 0 })
        ctx.emit('disabled', { extension: name, reason })
      }),
      /** Its objects stay, for reading. */
      remove: op.raw(isNamed, ({ name }, ctx) => {
        remove(name, ctx)
      }),
    }),
    describe: ({ tables: { programs, states } }) => ({
      extensions: [...programs.range()].map(([name, { version, hash, source, at, session }]) => {
        const { disabled, failures } = states.get(name) ?? RUNS
        const is = { name, version, hash, bytes: source.length, at, session, failures }
        return { ...is, disabled: disabled && { ...disabled } }
      }),
    }),
  })

/** The registry apart from any space: nothing is loaded there. */
const shapeOf = (engine: number) => registryOf({ engine, load: () => ({ fuel: 0, reason: 'there is no engine here' }) })
const shape = shapeOf(ABI)
type RegistryOps = (typeof shape)['ops']
type Registry = ObjectType<object, RegistryTables, RegistryOps> & ProgramRegistry
/** The programs of a space, and its registry in each version. */
interface InSpace {
  readonly programs: RegisteredPrograms
  readonly types: Map<number, typeof shape>
}
const bySpace = new WeakMap<Journal, InSpace>()

/** The programs of the space of a journal, where their registry is known. @throws SirtakiError `CODE_MISSING`. */
export function programsOf(journal: Journal): RegisteredPrograms {
  const known = bySpace.get(journal)
  if (known !== undefined) return known.programs
  throw new SirtakiError('CODE_MISSING', `this space was made without ${PROGRAMS_TYPE}: it has no extensions`)
}

/**
 * The type of the one object that holds all extensions, which run in an engine that `source` brings. `engine` is the
 * number of that engine: a space may know several, and runs the one whose number its registry has.
 */
export function extensionsIn(source: EngineSource, engine = ABI): Registry {
  const inSpace = (journal: Journal) => {
    const known = bySpace.get(journal) ?? { programs: new RegisteredPrograms(journal), types: new Map() }
    bySpace.set(journal, known)
    const { programs, types } = known
    const type = types.get(engine) ?? registryOf({ engine, load: (text) => programs.load(text, engine) })
    if (!types.has(engine)) {
      types.set(engine, type)
      programs.add(engine, { source, open: () => type.bind(journal) })
    }
    return { programs, type }
  }
  return {
    ...shapeOf(engine),
    bind: (journal) => inSpace(journal).type.bind(journal),
    programs: (journal: Journal, reach: Reach) => {
      const { programs } = inSpace(journal)
      programs.reach = reach
      return programs
    },
  }
}

/** The same with the engine of the package that brings it. */
export const Extensions: Registry = extensionsIn(packagedEngine)

/**
 * Puts a program in place of an older one of its name. Whoever registers it has agreed to it. The same again is no
 * change.
 */
function register(input: RegisterInput, loader: Loader, ctx: Ctx): { readonly hash: string } {
  const { name, version, taken, ...program } = input
  const { programs, states } = ctx.tables
  const known = programs.get(name)
  const hash = hashOfProgram(input)
  if (known !== undefined && known.version > version) {
    ctx.reject('OLD_CODE', { extension: name, version, active: known.version })
  }
  if (known?.version === version && known.hash !== hash) {
    ctx.reject('EXTENSION_DIFFERS', { extension: name, version, hash, registered: known.hash })
  }
  if (known?.version !== version) {
    if (known === undefined && programs.size >= PROGRAMS_MAX) ctx.reject('TOO_MANY', { programs: programs.size })
    const machine = loadedFrom(input, loader, ctx)
    const { position: at, session, ids } = ctx
    const { engine } = loader
    programs.set(name, { ...program, version, hash, engine, image: machine.hash, at, session, ids })
    states.set(name, RUNS)
    ctx.emit('registered', { extension: name, version, hash })
  }
  acknowledge(name, { hash, takes: taken }, ctx)
  return { hash }
}

function remove(name: string, ctx: Ctx): void {
  requireProgram(name, ctx)
  const { programs, states, acknowledged } = ctx.tables
  programs.delete(name)
  states.delete(name)
  for (const [key] of [...acknowledged.range(`${name}/`, `${name}0`)]) acknowledged.delete(key)
  ctx.emit('removed', { extension: name })
}

function acknowledge(name: string, what: Omit<Acknowledged, 'session'>, { session, tables }: Ctx): void {
  const key = acknowledgedKey(name, session)
  const known = tables.acknowledged.get(key)
  if (known?.hash === what.hash && known.takes === what.takes) return
  tables.acknowledged.set(key, { session, ...what })
}

function requireProgram(name: string, ctx: Ctx): void {
  if (!ctx.tables.programs.has(name)) ctx.reject('NOT_REGISTERED', { extension: name })
}

/** Makes the machine of a program, which has everything that the registration says. @throws Rejection. */
function loadedFrom(input: RegisterInput, loader: Loader, ctx: Ctx): Machine {
  const refuse = (reason: string): never => ctx.reject('BAD_SOURCE', { extension: input.name, reason })
  const { waits, uses, takes, events } = input
  for (const { path, type, version } of [...uses, ...takes]) {
    if (mayReach(path, '/.')) refuse(`the pattern ${path} reaches the paths in /. which are ours`)
    if (!isReachable({ type, version })) {
      refuse(`the type ${type}@${version} of ${path} is none of ours and no x:*: other views may not have it`)
    }
  }
  for (const { path } of events) {
    if (path !== null && mayReach(path, '/.')) refuse(`the pattern ${path} reaches the paths in /. which are ours`)
  }
  const { fuel, machine, reason } = loader.load(input.source)
  if (machine === undefined) return ctx.reject('BAD_SOURCE', { extension: input.name, reason, fuel })
  const runs = runsOf(input)
  for (const run of runs) {
    if (hookNames.some((hook) => hook === run)) refuse(`${run} is called by the runtime alone`)
    if (!machine.names.includes(run)) refuse(`it has no function ${run}`)
  }
  const ops = opNames(machine, runs)
  const odd = ops.find((name) => !/^[a-zA-Z]\w{0,63}$/.test(name))
  if (odd !== undefined) refuse(`${JSON.stringify(odd)} is no name of an op: use letters and digits`)
  for (const op of waits) if (!machine.names.includes(op)) refuse(`it has no function ${op} that waits`)
  return machine
}
