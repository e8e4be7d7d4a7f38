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
import type { Struct } from 'superstruct'
import { SirtakiError } from '../../log/errors.ts'
import { checkedOps, isVersion, type CallCheck } from '../define-object.ts'
import type { Waiting } from '../runtime/object-type.ts'
import { misfit } from '../runtime/ops.ts'
import type { Input, Value } from '../runtime/values.ts'
import { CALL_FUEL, CALL_FUEL_MAX, hookNames, programType } from './program.ts'
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
  /** Refuses the step: nothing of it stays, and nothing behind this call runs. */
  reject(code: string, facts?: Readonly<Record<string, Value>>): never
  /** For people who look on: no part of the state. */
  log(text: string): void
}

declare const types: unique symbol

/** An op of a program, whatever it takes: its check, and what makes its text. */
export interface AnyExtensionOp {
  /** Says what is wrong with an input. */
  refusal(input: unknown): string | undefined
  /** Absent where the definition has a source. */
  readonly run: GuestFunction | undefined
}

/** An op that takes an `I` and answers with an `R`. */
export interface ExtensionOp<I, R> extends AnyExtensionOp {
  readonly [types]?: (input: I) => R
}

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
  /** Fuel of one call: 5,000,000 unless told, 50,000,000 at most. */
  readonly fuel?: number
  /** All functions as one text, `({ put(ctx, input) {...} })`, in place of functions: the same from every build. */
  readonly source?: string
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

/** An extension, ready to be registered. */
export interface Extension<O> {
  readonly name: string
  /** `x:` and the name: what its entries name. */
  readonly type: string
  readonly version: number
  readonly source: string
  readonly waits: readonly string[]
  readonly fuel: number
  readonly ops: O
  readonly calls: ReadonlyMap<string, CallCheck>
}

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
  const hook = all.find(([op]) => hookNames.some((one) => one === op))
  if (hook !== undefined) throw bad(name, `an op must not be named ${hook[0]}: the runtime calls that by itself`)
  for (const op of waits) if (!Object.hasOwn(ops, op)) throw bad(name, `it has no op ${JSON.stringify(op)} that waits`)
  return {
    name,
    type: programType(name),
    version,
    source: definition.source === undefined ? madeSource(definition, all) : givenSource(definition, all),
    waits,
    fuel,
    ops,
    calls: new Map(all.map(([op, { refusal }]) => [op, { waits: waits.some((one) => one === op), refusal }])),
  }
}

function makeOp<I extends Input, R, V>(
  input: Struct<I, unknown>,
  run?: (ctx: ExtensionContext<V>, input: I) => R,
): ExtensionOp<I, R> {
  return { refusal: (value) => misfit(value, input), run }
}

type Named = readonly (readonly [name: string, op: AnyExtensionOp])[]

/** The source made of functions. */
function madeSource<O, V>(definition: ExtensionDefinition<O, V>, ops: Named): string {
  const functions = new Map<string, GuestFunction>()
  for (const [name, { run }] of ops) {
    if (run === undefined) throw bad(definition.name, `its op ${name} has no function, and there is no source`)
    functions.set(name, run)
  }
  for (const hook of hookNames) {
    const run = definition[hook]
    if (run !== undefined) functions.set(hook, run)
  }
  return sourceOf(definition.name, functions)
}

/** The source that the definition gives. */
function givenSource<O, V>({ name, source = '', ...definition }: ExtensionDefinition<O, V>, ops: Named): string {
  const both = ops.find(([, { run }]) => run !== undefined)?.[0] ?? hookNames.find((hook) => definition[hook])
  if (both !== undefined) throw bad(name, `it has a source, and a function for ${both} besides: give one of them`)
  return checkedSource(name, source)
}

const bad = (extension: string, why: string): SirtakiError =>
  new SirtakiError('BAD_ARGUMENT', `the extension ${JSON.stringify(extension)} is refused: ${why}`, {
    facts: { extension },
  })
