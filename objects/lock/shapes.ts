/**
 * What the ops of a lock take, and its records: shapes, and the guards that check them.
 *
 * Owns no rule. Read next: `type.ts`.
 */
import { any, count, fields, flag, integerIn, nullable, text } from '../runtime/fields.ts'
import type { Value } from '../runtime/values.ts'

/** The capacity of a lock: so many readers may hold it together. */
export const SHARED_MAX = 2 ** 30
/** The longest lock-delay in milliseconds. */
export const LOCK_DELAY_MS_MAX = 60_000

/** Who waits: `weight` of the capacity, 0 for all of it; `data` for others to see. */
export interface Waiter {
  readonly session: number
  readonly weight: number
  readonly delayMs: number
  readonly data: Value
}
/** Who holds; `since` in wall milliseconds. */
export interface Holder extends Waiter {
  readonly token: number
  readonly since: number
}
/**
 * `used` of `capacity`; the last `token` granted; nothing is granted before `until`; `fixed`: setCapacity was called.
 */
export interface LockState {
  readonly capacity: number
  readonly used: number
  readonly token: number
  readonly until: number
  readonly fixed: boolean
}
/** What an acquire answers with. */
export interface Grant {
  readonly token: number
  readonly hold: number
}
/** `weight` 0: all of the capacity. `capacity` counts on a new object; null: as it is, of a new one SHARED_MAX. */
export interface AcquireInput {
  readonly weight: number
  readonly capacity: number | null
  readonly wait: boolean
  /** Refused with `ALREADY_HELD` where the session holds already. */
  readonly once: boolean
  /** How long nobody gets it after an unclean end of the holder's session. */
  readonly delayMs: number
  readonly data: Value
}

const capacity = integerIn(1, SHARED_MAX)
const weight = integerIn(0, SHARED_MAX)
const delayMs = integerIn(0, LOCK_DELAY_MS_MAX)
const waiter = { session: count, weight, delayMs, data: any }
export const isAcquire = fields<AcquireInput>({
  weight,
  capacity: nullable(capacity),
  wait: flag,
  once: flag,
  delayMs,
  data: any,
})
export const isHold = fields<{ hold: number }>({ hold: count })
export const isHeld = fields<{ hold: number; token: number }>({ hold: count, token: count })
export const isProclaim = fields<{ hold: number; data: Value }>({ hold: count, data: any })
export const isRevoke = fields<{ hold: number; reason: string }>({ hold: count, reason: text(1_024) })
export const isCapacity = fields<{ capacity: number }>({ capacity })

export const isLockState = fields<LockState>({ capacity, used: count, token: any, until: count, fixed: flag })
export const isHolder = fields<Holder>({ ...waiter, token: count, since: count })
export const isWaiter = fields<Waiter>(waiter)
