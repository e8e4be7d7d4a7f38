/**
 * What an entry came to: the outcome of the op that it holds, or what became of a session.
 *
 * Read next: `space.ts` (who says so), `session.ts` (what a caller gets of it).
 */
import type { Next } from '../../log/errors.ts'
import type { Session } from '../../sequencer/session-entry.ts'
import type { Claimed } from './claims.ts'
import type { Emitted, Settlement } from './journal.ts'
import type { ProgramCall } from './program-counts.ts'
import type { Rejection } from './rejection.ts'
import type { Patch } from './row.ts'
import type { Input } from './values.ts'

/** Whose op it is: the incarnation of a session, and the op's number. */
export interface OpName {
  readonly position: number
  readonly incarnation: number
  readonly number: number
}

/** A refusal as its caller gets it. `part` and `path` name the part of a transaction that was refused. */
export interface Refused {
  readonly kind: 'rejected'
  /** A code of the type's, or of ours; `REJECTED` where the type declares none, with the `reason` among the facts. */
  readonly code: string
  readonly next: Next
  readonly facts: Readonly<Record<string, Input>>
}

/** What became of an op whose turn it was. */
export type Applied = OpName
  & (
    | { readonly kind: 'result'; readonly value: unknown }
    /** Its result comes with a later entry, by its position. */
    | { readonly kind: 'waiting' }
    | Refused
    /** The op threw: `cause` is for people near by and never part of the state. */
    | { readonly kind: 'failed'; readonly cause: unknown }
    /** The code of the object's type is missing here. */
    | { readonly kind: 'opaque' }
    | { readonly kind: 'empty' }
  )

/** What an entry came to. */
export type Outcome =
  | Applied
  /** `duplicate`: applied before; `gap`: too early, the one before it is missing; `unknown`: of no live session. */
  | ({ readonly kind: 'duplicate' | 'gap' | 'unknown' } & OpName)
  | { readonly kind: 'opened'; readonly position: number; readonly session: Session }
  | { readonly kind: 'resumed'; readonly position: number; readonly session: Session; readonly before: Session }
  /** `epoch`: of the sequencer that ended it; 0: its owner. */
  | {
      readonly kind: 'ended'
      readonly position: number
      readonly session: Session
      readonly clean: boolean
      readonly epoch: number
    }
  /** The log was restored: these sessions are over. */
  | { readonly kind: 'restored'; readonly position: number; readonly gone: readonly Session[] }
  | { readonly kind: 'tick'; readonly position: number }
  /** Not an entry of this space, or one that changes nothing. */
  | { readonly kind: 'ignored'; readonly position: number }

/** One entry, played. */
export interface Played {
  readonly position: number
  /** Log time of the entry. */
  readonly time: number
  readonly outcome: Outcome
  /** Waits that it settled, in order. */
  readonly settled: readonly Settlement[]
  /** What its steps emitted, in order. */
  readonly events: readonly Emitted[]
  /** All changes in order; `netChanges` makes the changes of the entry of them. */
  readonly patches: readonly Patch[]
  /** Bytes of its payload. */
  readonly bytes: number
  /** What programs used over it: the same on every view. */
  readonly fuel: number
  /** The calls of programs that used it, in order, what was taken back too; absent where there were none. */
  readonly calls: readonly ProgramCall[] | undefined
  /** The digest that its process claims to have had. */
  readonly claimed?: Claimed | undefined
}

/**
 * Gives a refusal as its caller gets it: `declared` are the codes of the type, `where` goes with its facts. A code that
 * nobody has declared is the reason of a `REJECTED`.
 */
export function refusalOf(
  rejection: Rejection,
  declared: ReadonlyMap<string, Next> | undefined,
  where: Readonly<Record<string, Input>> = {},
): Refused {
  const { code, facts } = rejection
  const next = rejection.next ?? declared?.get(code) ?? refusalsOfOurs.get(code)
  // A refusal of a node says which: where the object is another matter, its own path stands as it is.
  if (next !== undefined) return { kind: 'rejected', code, next, facts: { ...where, ...facts } }
  return { kind: 'rejected', code: 'REJECTED', next: 'stop', facts: { ...where, ...facts, reason: code } }
}

/** Refusals of the runtime itself, for every type, with what a caller may do. */
const refusalsOfOurs: ReadonlyMap<string, Next> = new Map<string, Next>([
  ['BAD_ARGUMENT', 'stop'],
  ['CONFLICT', 'again'],
  ['EXTENSION_DISABLED', 'stop'],
  ['EXTENSION_LIMIT', 'stop'],
  ['EXTENSION_THREW', 'stop'],
  ['EXTENSION_TRAP', 'stop'],
  ['KEY_REUSED', 'stop'],
  ['NESTED', 'stop'],
  ['NOT_ACKNOWLEDGED', 'stop'],
  ['NOT_ACTIVE', 'stop'],
  ['NOT_A_WAIT', 'stop'],
  ['NOT_EMPTY', 'stop'],
  ['NOT_IN_USES', 'stop'],
  ['NOT_PORTABLE', 'stop'],
  ['NOT_REGISTERED', 'stop'],
  ['OLD_CODE', 'stop'],
  ['SESSION_LOST', 'stop'],
  ['SKIPPED', 'stop'],
  ['TOO_MANY', 'stop'],
  ['WAIT_IN_TRANSACTION', 'stop'],
  ['WRONG_TYPE', 'stop'],
])
