/**
 * What a space and the programs that are registered in it ask of each other: types whose code stands in the log.
 *
 *     space ─ refusal, type, takes, ended ─▶ Programs ─ reads, ops on other objects ─▶ Reach
 *
 * A space knows no program, no engine: who has the registry brings both. Read next: `space.ts`, `object-type.ts`,
 * `../extensions/registry.ts`.
 */
import type { What } from './entry.ts'
import type { Journal } from './journal.ts'
import type { AnyBoundType, AnyObject, AnyObjectType } from './object-type.ts'
import type { Rejection } from './rejection.ts'
import type { Input } from './values.ts'

/** The registry of programs: the one object of its type. */
export const PROGRAMS_TYPE = 'sirtaki.extensions'
export const PROGRAMS_PATH = '/.sirtaki/extensions'
/** Where programs have records of their own: nobody else writes there. */
export const OWN_PATHS = '/.sirtaki/x/'

/** Type names of programs begin so: no other type has a colon in its name. */
const PREFIX = 'x:'

/** The name of a program's type. */
export const programType = (name: string): string => `${PREFIX}${name}`
/** The name of the program whose type it is; `undefined`: it is another type. */
export const programOf = (type: string): string | undefined =>
  type.startsWith(PREFIX) ? type.slice(PREFIX.length) : undefined

/** What a space throws before it changes anything: this entry needs the engine of the programs, which is not here. */
export const NEEDS_ENGINE: unique symbol = Symbol('needs engine')

/** An op on another object. */
export interface Reached {
  readonly path: string
  /** Of which type the object is, or becomes; in which version where none is active yet. */
  readonly type: { readonly name: string; readonly version: number }
  readonly op: string
  readonly input: Input
}

/** What programs can reach of their space, in the open step. */
export interface Reach {
  /** The object at a path, if there is one. @throws SirtakiError `CODE_MISSING` where its code is missing here. */
  object(path: string): AnyObject | undefined
  /** The name of the type of what is at a path in this entry, also of an object that the entry has dropped. */
  typeAt(path: string): string | undefined
  /** Runs an op. @throws Rejection; SirtakiError `CODE_MISSING`. */
  run(what: Reached): unknown
  /** Runs a step on the object of a program, which is made where there is none. @throws what the step throws. */
  step(path: string, type: AnyBoundType, run: (object: AnyObject) => void): void
}

/** Who does an op in place of its type: a program, by one of its functions. */
export interface Taker {
  readonly program: string
  readonly run: string
  /** The object that has its records. */
  readonly path: string
}

/** The programs of a space. */
export interface Programs {
  /** Whether there is one. */
  readonly any: boolean
  /** Whether what they run in is here. */
  readonly isReady: boolean
  /** Brings it. @throws SirtakiError why it cannot be had. */
  bring(): Promise<void>
  /** Whether some of them take ops of other types. */
  readonly take: boolean
  /** The type of a program's objects, whether or not it is registered. */
  type(program: string): AnyBoundType
  /** What refuses the op of a session: it may call this version of the program, or not. */
  refusal(program: string, what: What, session: number): Rejection | undefined
  /** Who takes an op, for a session that has agreed to it. */
  taker(what: What, path: string, session: number): Taker | undefined
  /** Whether somebody takes such an op, for whomever. */
  mayTake(what: What, path: string): boolean
  /** Objects of those who take ops at a path: they hold what those wait for. */
  takersOf(path: string): string[]
  /** Whether some are called for changes at a path. */
  listensTo(path: string): boolean
  /** Is given what programs say for people, as it is played. */
  log: ((program: string, text: string) => void) | undefined
  /** The end of an entry's own steps: who was given up is disabled, who asked for changes is called. */
  ended(): void
}

/** The type of the registry of programs. */
export interface ProgramRegistry extends AnyObjectType {
  /** The programs of the space of a journal, always the same ones. */
  programs(journal: Journal, reach: Reach): Programs
}

export const isProgramRegistry = (type: AnyObjectType): type is ProgramRegistry => 'programs' in type
