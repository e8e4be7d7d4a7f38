/**
 * `defineExtension`: a type of objects whose code stands in the log, as one value.
 *
 *     const Hits = defineExtension({ name: 'hits', version: 1, records: number(), ops: (op) => ({
 *       hit: op(object({ by: number() }), (ctx, { by }) => {
 *         const n = (ctx.get('n') ?? 0) + by
 *         ctx.set('n', n)
 *         return n
 *       }) }) })
 *
 * The functions are not called here: their texts become the source, which each client runs in its engine at the
 * position of an op. So they see their arguments and the language, and nothing of the program around them (E1). Owns:
 * the checks of a definition, the types of `ctx`. Read next: `source-text.ts`, `program.ts`, `../define-object.ts`.
 */
import { define, type Struct } from 'superstruct'
import { SirtakiError } from '../../log/errors.ts'
import { checkedOps, isVersion, type ObjectType } from '../define-object.ts'
import type { Callable, Waiting } from '../runtime/object-type.ts'
import { misfit } from '../runtime/ops.ts'
import { programType } from '../runtime/programs.ts'
import type { Input, Value } from '../runtime/values.ts'
import { hookNames, isReachable, type ProgramTables } from './program-records.ts'
import { programsOf } from './registry.ts'
import {
  CALL_FUEL,
  CALL_FUEL_MAX,
  hashOfProgram,
  type ChangeKind,
  type EventOf,
  type ProgramShape,
  type Take,
  type Use,
} from './shapes.ts'
import { checkedSource, sourceOf, type GuestFunction } from './source-text.ts'

/** A record as `list` gives it; `session` 0: nobody owns it. Of a wait, `value` is the position of its op. */
export interface Listed<V> {
  readonly key: string
  readonly value: V
  readonly session: number
}

/** What a function of a program is given: its object's records, and what is known of the entry. */
export interface ExtensionContext<V = Value> {
  /** Of the entry: the identity of this op. */
  readonly position: number
  /** The position as a text whose order is that of positions. */
  readonly order: string
  /** Log time in milliseconds: never goes back. */
  readonly time: number
  /** Milliseconds since 1970 by the sequencer's clock, for people. */
  readonly wall: number
  /** The session whose op it is; -1 in `due` and `ended`. */
  readonly session: number
  /** Whom the op speaks for. */
  readonly ids: readonly (readonly [scheme: string, id: string])[]
  get(key: string): V | undefined
  /** Puts a record in place of what is there. `owner`: a session that it ends with, the caller's or one that waits. */
  set(key: string, value: V, options?: { readonly owner?: number | undefined }): void
  /** Tells whether there was such a record. */
  delete(key: string): boolean
  /** Records whose keys begin so, in order of UTF-16 units; all of them without a limit. */
  list(prefix?: string, limit?: number): readonly Listed<V>[]
  /** Has `due` run with the key by the first entry at or past `time`; `undefined` takes that back. */
  at(key: string, time: number | undefined): void
  /** Puts the record of a wait, which the runtime alone takes out: the op has its outcome when it is settled. */
  wait(key: string): Waiting
  /** Gives a waiting op its result. False where it waits no more. */
  settle(op: number, value?: Value): boolean
  /** Refuses a waiting op. False where it waits no more. */
  refuse(op: number, code: string): boolean
  emit(kind: string, facts?: Readonly<Record<string, Value>>): void
  /** A record of another object under `uses`, its small value where no table is named. */
  read(path: string, table?: string, key?: string): Value | undefined
  /** Records of a table of another object from a key on, in order. */
  range(path: string, table: string, from?: string, limit?: number): readonly { key: string; value: Value }[]
  /** Runs an op of another object in this step, for whom this one is: what refuses it refuses the step. */
  do(path: string, op: string, input?: Value): Value | undefined
  /** Refuses the step: nothing of it stays, and nothing behind this call runs. */
  reject(code: string, facts?: Readonly<Record<string, Value>>): never
  /** For people who look on: no part of the state. */
  log(text: string): void
}

/** An op of a program, whatever it takes: its check, and what makes its text. */
export interface AnyExtensionOp {
  /** Says what is wrong with an input. */
  refusal(input: unknown): string | undefined
  /** Absent where the definition has a source. */
  readonly run: GuestFunction | undefined
}

/** An op that takes an `I` and answers with an `R`. */
export interface ExtensionOp<I, R> extends AnyExtensionOp, Callable<I, R> {}

/** Any value, as part of an input: unlike `any()` it must be there. */
export const anyValue: Struct<Value, null> = define<Value>('a value', (value) => value !== undefined)

/** Makes an op. */
export interface ExtensionOpMaker<V> {
  <I extends Input, R>(input: Struct<I, unknown>, run: (ctx: ExtensionContext<V>, input: I) => R): ExtensionOp<I, R>
  /** An op whose function stands in the `source` of the definition. */
  <I extends Input>(input: Struct<I, unknown>): ExtensionOp<I, Value>
}

/** What an extension is made of. */
export interface ExtensionDefinition<O, V> {
  /** Letters, digits, dots and dashes. Its type is `x:NAME`. */
  readonly name: string
  readonly version: number
  /** What records hold, the positions of waiting ops beside it: for the types of `ctx`, nobody checks it. */
  readonly records?: Struct<V, unknown>
  readonly ops: (op: ExtensionOpMaker<NoInfer<V>>) => O
  /** Ops that may answer with `ctx.wait(key)`. */
  readonly waits?: readonly (keyof NoInfer<O> & string)[]
  /** A deadline that was set with `at` has come. */
  readonly due?: (ctx: ExtensionContext<NoInfer<V>>, what: { readonly key: string }) => void
  /** A session that owned records here has ended; they are gone. */
  readonly ended?: (ctx: ExtensionContext<NoInfer<V>>, what: EndedSession) => void
  /** A caller gave up an op that waits, or waited: `row` is null where it was settled before. */
  readonly cancelled?: (ctx: ExtensionContext<NoInfer<V>>, what: CancelledOp) => void
  /** What else of the space it may reach: paths, with a `*` behind their beginning, and the types of what is there. */
  readonly uses?: Readonly<Record<string, TypeName>>
  /** Ops of another type that it does in that type's place, for sessions that agree to it. */
  readonly takes?: Readonly<Record<string, TakeDefinition<NoInfer<V>>>>
  /** Changes that it is called for: for whom its registrar spoke, behind the entry's own steps. */
  readonly events?: Readonly<Record<string, EventDefinition<NoInfer<V>>>>
  /** Fuel of one call: 5,000,000 unless told, 50,000,000 at most. */
  readonly fuel?: number
  /** All functions as one text, `({ put(ctx, input) {...} })`, in place of functions: the same from every build. */
  readonly source?: string
}

/** A type of objects, by what names it. */
export type TypeName = Pick<ObjectType<never, never, never>, 'name' | 'version'>

/** An op that an extension takes. `ctx` has records of its own; `ctx.do` reaches the op that was taken. */
export interface TakeDefinition<V> {
  readonly type: TypeName
  readonly op: string
  /** Which objects, as in `uses`. */
  readonly path: string
  /** Whether it may answer with `ctx.wait(key)`. */
  readonly waits?: boolean
  /** Absent where the definition has a source. */
  readonly run?: (ctx: ExtensionContext<V>, what: { path: string; op: string; input: Value }) => unknown
}

/** One record that an entry left other than it found it. A side that holds what is no value of a program is absent. */
export interface Changed {
  readonly on: ChangeKind
  readonly path: string
  readonly table: string
  readonly key: string
  readonly before?: Value
  readonly after?: Value
}

/** Changes that an extension asks for. */
export interface EventDefinition<V> {
  readonly on: readonly ChangeKind[]
  /** Of which objects, as in `uses`; of its own where absent. */
  readonly path?: string
  /** `records` of its own, the small value of others, unless told. */
  readonly table?: string
  /** Which records: a key, or its beginning with a `*` behind it. */
  readonly key?: string
  /** Absent where the definition has a source. `ctx` has the records of the object that changed, if that is its own. */
  readonly run?: (ctx: ExtensionContext<V>, what: { readonly changes: readonly Changed[] }) => void
}

export interface EndedSession {
  readonly session: number
  readonly clean: boolean
  readonly keys: readonly string[]
}
export interface CancelledOp {
  readonly op: number
  readonly row: { readonly key: string } | null
}

/** An extension, ready to be registered: a type of objects like any. */
export interface Extension<O> extends ObjectType<null, ProgramTables, O> {
  /** Its own name; that of the type is `x:` and this. */
  readonly extension: string
  /** What stands in the log. */
  readonly program: ProgramShape
  /** Tells this very program from others of its name and version. */
  readonly hash: string
}

/** Whether a type is an extension. */
export const isExtension = (type: object): type is Extension<object> => 'extension' in type && 'program' in type

/**
 * Makes an extension.
 *
 * @throws SirtakiError `BAD_ARGUMENT` for a malformed or reserved name, a function that cannot travel, or a bound out
 *   of its range; `OVERSIZE` for a source that is too large.
 */
export function defineExtension<O extends Readonly<Record<string, AnyExtensionOp>>, V = Value>(
  definition: ExtensionDefinition<O, V>,
): Extension<O> {
  const { name, version, waits = [], fuel = CALL_FUEL } = definition
  if (!/^\w[\w.-]{0,125}$/u.test(name)) {
    throw bad(name, 'its name is malformed: use letters, digits, dots and dashes, 126 at most')
  }
  if (!isVersion(version)) {
    throw bad(name, `its version ${version} is none: use integers from 1`)
  }
  if (!Number.isInteger(fuel) || fuel < 1 || fuel > CALL_FUEL_MAX) {
    throw bad(name, `its fuel ${fuel} is out of range: at most ${CALL_FUEL_MAX}`)
  }
  const ops = checkedOps(programType(name), definition.ops(makeOp))
  const all = Object.entries<AnyExtensionOp>(ops)
  for (const op of waits) if (!Object.hasOwn(ops, op)) throw bad(name, `it has no op ${JSON.stringify(op)} that waits`)
  const functions = functionsOf(definition, all)
  const { uses = {}, takes = {}, events = {} } = definition
  const program: ProgramShape = {
    source: definition.source === undefined ? sourceOf(name, functions) : givenSource(definition, functions),
    waits: [...waits, ...Object.entries(takes).flatMap(([run, one]) => (one.waits === true ? [run] : []))],
    fuel,
    uses: Object.entries(uses).map(([path, type]) => useOf(name, path, type)),
    takes: Object.entries(takes).map(([run, { op, path, type }]): Take => ({ ...useOf(name, path, type), run, op })),
    events: Object.entries(events).map(([run, one]) => eventOf(run, one)),
  }
  return {
    extension: name,
    name: programType(name),
    version,
    program,
    hash: hashOfProgram(program),
    bind: (journal) => programsOf(journal).type(name),
    ops,
    refusals: new Map(),
    calls: new Map(all.map(([op, { refusal }]) => [op, { waits: waits.some((one) => one === op), refusal }])),
  }
}

function useOf(extension: string, path: string, { name, version }: TypeName): Use {
  if (!path.startsWith('/')) {
    throw bad(extension, `it uses ${JSON.stringify(path)}, which is no path: use one like /jobs/*`)
  }
  if (isReachable({ type: name, version })) return { path, type: name, version }
  throw bad(extension, `it uses ${path} of type ${name}, whose code other processes may not have`)
}

const eventOf = (run: string, { on, path, table, key }: EventDefinition<never>): EventOf => ({
  run,
  on,
  path: path ?? null,
  table: table ?? (path === undefined ? 'records' : ''),
  key: key ?? null,
})

/** All functions of a definition by name; undefined where its source has them. */
function functionsOf<O, V>(definition: ExtensionDefinition<O, V>, ops: Named): Map<string, GuestFunction | undefined> {
  const { name, takes = {}, events = {} } = definition
  const functions = new Map<string, GuestFunction | undefined>()
  const add = (one: string, run: GuestFunction | undefined): void => {
    if (functions.has(one)) throw bad(name, `two of its functions are named ${one}`)
    functions.set(one, run)
  }
  for (const [op, { run }] of ops) {
    if (hookNames.some((hook) => hook === op)) {
      throw bad(name, `an op must not be named ${op}: the runtime calls that by itself`)
    }
    add(op, run)
  }
  for (const hook of hookNames) if (definition[hook] !== undefined) add(hook, definition[hook])
  for (const [run, one] of [...Object.entries(takes), ...Object.entries(events)]) {
    if (!/^[a-zA-Z]\w{0,63}$/.test(run) || hookNames.some((hook) => hook === run)) {
      throw bad(name, `${JSON.stringify(run)} is no name of a function: use letters and digits`)
    }
    add(run, one.run)
  }
  return functions
}

function makeOp<I extends Input, R, V>(
  input: Struct<I, unknown>,
  run?: (ctx: ExtensionContext<V>, input: I) => R,
): ExtensionOp<I, R> {
  return { refusal: (value) => misfit(value, input), run }
}

type Named = readonly (readonly [name: string, op: AnyExtensionOp])[]

/** The source that the definition gives. */
function givenSource<O, V>(
  { name, source = '' }: ExtensionDefinition<O, V>,
  functions: ReadonlyMap<string, GuestFunction | undefined>,
): string {
  const both = [...functions].find(([, run]) => run !== undefined)
  if (both !== undefined) throw bad(name, `it has a source, and a function for ${both[0]} besides: give one of them`)
  return checkedSource(name, source)
}

const bad = (extension: string, why: string): SirtakiError =>
  new SirtakiError('BAD_ARGUMENT', `the extension ${JSON.stringify(extension)} is refused: ${why}`, {
    facts: { extension },
  })
