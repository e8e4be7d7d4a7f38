/**
 * Time that has passed in this process, whatever happened to it: suspended, or its clock set.
 *
 * Read next: `../../objects/runtime/heart.ts`, `../../sequencer/expiry.ts`.
 */
import type { Clock } from '../ports.ts'

/** A point in time of this process: one clock stands still while the machine is suspended, the other is coarse. */
export interface Moment {
  readonly now: number
  readonly uptime: number
}

export const momentOf = (clock: Clock): Moment => ({ now: clock.now(), uptime: clock.uptime() })

/** Milliseconds from one to another: by the clock that counts more. */
export const between = (from: Moment, to: Moment): number => Math.max(to.now - from.now, to.uptime - from.uptime)

/** Milliseconds since then. */
export const since = (clock: Clock, then: Moment): number => between(then, momentOf(clock))
