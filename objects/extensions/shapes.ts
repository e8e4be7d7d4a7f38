/**
 * What the registry of extensions keeps, and what its ops take: shapes, and the guards that check them.
 *
 * Owns no rule. Read next: `registry.ts`.
 */
import { sha256 } from '../../log/bytes/hash.ts'
import type { Identity } from '../../sequencer/session-entry.ts'
import { count, fields, flag, integerIn, list, nullable, oneOf, text, type Check } from '../runtime/fields.ts'
import { orderKey } from '../runtime/object-type.ts'
import { SOURCE_BYTES_MAX } from './engine/machine.ts'

/** Fuel of one call unless a program says otherwise, and the most that it may say. */
export const CALL_FUEL = 5_000_000
export const CALL_FUEL_MAX = 50_000_000
/** Of each list that a definition has. */
const LISTED_MAX = 64

/** Objects that a program may reach, and of which type they are; `version` where none is active yet. */
export interface Use {
  readonly path: string
  readonly type: string
  readonly version: number
}
/** Ops of another type that a program does in its place, by the function `run`. */
export interface Take extends Use {
  readonly run: string
  readonly op: string
}
/** How a record changed. */
export type ChangeKind = 'created' | 'changed' | 'deleted'
/** Changes that a program is called for. `path` null: of its own objects; `key` null: any. */
export interface EventOf {
  readonly run: string
  readonly on: readonly ChangeKind[]
  readonly path: string | null
  readonly table: string
  readonly key: string | null
}

/** What a program is, apart from its name and version. */
export interface ProgramShape {
  readonly source: string
  readonly waits: readonly string[]
  /** Of one call. */
  readonly fuel: number
  readonly uses: readonly Use[]
  readonly takes: readonly Take[]
  readonly events: readonly EventOf[]
}
export interface RegisterInput extends ProgramShape {
  readonly name: string
  readonly version: number
  /** Whether it takes ops of the session that registers it. */
  readonly taken: boolean
}
/** A program that is registered. `image`: the hash of what the engine of number `engine` makes of its source. */
export interface ProgramRecord extends ProgramShape {
  readonly version: number
  readonly hash: string
  readonly engine: number
  readonly image: string
  /** Position of its registration, whose it is, and whom that spoke for: events act so. */
  readonly at: number
  readonly session: number
  readonly ids: readonly Identity[]
}
/** How a program fares. `failures`: of its events, in a row. */
export interface ProgramState {
  readonly disabled: { readonly reason: string; readonly position: number } | null
  readonly failures: number
}
/** A session has agreed to one source of a program; with `takes` also to ops that it takes. */
export interface Acknowledged {
  readonly session: number
  readonly hash: string
  readonly takes: boolean
}

/** The key of an acknowledgement. A name has no slash. */
export const acknowledgedKey = (name: string, session: number): string => `${name}/${orderKey(session)}`

/** Functions of a program that are no ops: ops of others and changes call them. */
export const runsOf = ({ takes, events }: Pick<ProgramShape, 'takes' | 'events'>): ReadonlySet<string> =>
  new Set([...takes, ...events].map(({ run }) => run))

/** What tells two programs apart that have one name and version. */
export const hashOfProgram = ({ source, waits, fuel, uses, takes, events }: ProgramShape): string =>
  sha256(
    JSON.stringify([
      source,
      waits,
      fuel,
      uses.map(({ path, type, version }) => [path, type, version]),
      takes.map(({ run, path, type, version, op }) => [run, path, type, version, op]),
      events.map(({ run, on, path, table, key }) => [run, on, path, table, key]),
    ]),
  )

const version = integerIn(1, 0xffff_ffff)
const pattern: Check = (value) => typeof value === 'string' && value.length <= 4_096 && value.startsWith('/')
const name: Check = (value) => typeof value === 'string' && /^\w[\w.-]{0,125}$/u.test(value)
const run: Check = (value) => typeof value === 'string' && /^[a-zA-Z]\w{0,63}$/.test(value)
const use = { path: pattern, type: text(128), version }
const program = {
  source: text(SOURCE_BYTES_MAX),
  waits: list(run, LISTED_MAX),
  fuel: integerIn(1, CALL_FUEL_MAX),
  uses: list(fields<Use>(use), LISTED_MAX),
  takes: list(fields<Take>({ ...use, run, op: text(64) }), LISTED_MAX),
  events: list(
    fields<EventOf>({
      run,
      on: list(oneOf('created', 'changed', 'deleted'), 3),
      path: nullable(pattern),
      table: text(64),
      key: nullable(text(4_096)),
    }),
    LISTED_MAX,
  ),
}
const identity: Check = (value) => Array.isArray(value) && value.length === 2 && value.every(text())

export const isRegister = fields<RegisterInput>({ ...program, name, version, taken: flag })
export const isProgramRecord = fields<ProgramRecord>({
  ...program,
  version,
  hash: text(64),
  engine: version,
  image: text(64),
  at: count,
  session: integerIn(-1, Number.MAX_SAFE_INTEGER),
  ids: list(identity),
})
export const isProgramState = fields<ProgramState>({
  disabled: nullable(fields<{ reason: string; position: number }>({ reason: text(1_024), position: count })),
  failures: count,
})
export const isAcknowledged = fields<Acknowledged>({ session: count, hash: text(64), takes: flag })
export const isAcknowledge = fields<{ name: string; hash: string; takes: boolean }>({
  name,
  hash: text(64),
  takes: flag,
})
export const isNamed = fields<{ name: string }>({ name })
export const isDisable = fields<{ name: string; reason: string }>({ name, reason: text(1_024) })
