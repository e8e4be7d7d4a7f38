/**
 * Time that has passed in this process, whatever happened to it: suspended, or its clock set.
 *
 * Read next: `heart.ts`.
 */
import type { Clock } from '../../log/ports.ts'

/** A point in time of this process. */
export interface Moment {
  readonly now: number
  readonly uptime: number
}

export const momentOf = (clock: Clock): Moment => ({ now: clock.now(), uptime: clock.uptime() })

/** Milliseconds since then: by the clock that counts more. */
export const since = (clock: Clock, { now, uptime }: Moment): number =>
  Math.max(clock.now() - now, clock.uptime() - uptime)
