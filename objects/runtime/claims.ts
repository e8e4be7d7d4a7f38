/**
 * Digest claims: each process says once, in its next op, which digest it had at its last digest point; others compare.
 *
 *     claim of a digest point ─┬ ours is the same: a voice for this state
 *                              └ ours is another: replayed beside from the start
 *                                 ├ the replay agrees with the claim: it takes the place of the state
 *                                 └ else: 30 s of log time later the voices are counted
 *
 * A voice is the newest claim of a process with a live session. A process whose state was wrong claims anew once it has
 * replayed, so the count waits for that. Claims are never state: no record and no digest depends on one. Views that
 * lack the code of some object, or that were never at the tail, make no claims and judge none (finding 30). Keeps: O3.
 * Read next: `space.ts` (digest points), `view.ts` (who replays and stops).
 */
import { SirtakiError } from '../../log/errors.ts'
import type { Claim } from './entry.ts'
import type { Lanes } from './row.ts'

/** Log time from the first claim that differs to the count: a replay of a large log takes that long. */
export const COUNT_AFTER_MS = 30_000
/** Voices kept: beyond it the oldest is forgotten. */
export const VOICES_MAX = 1_024

/** A claim as an entry holds it: by which process, when. */
export interface Claimed {
  readonly claim: Claim
  readonly process: string
  readonly time: number
}

/** Writers by what they claim. */
export interface Voices {
  /** Of the state that is here, this process among them if it writes. */
  readonly same: number
  readonly other: number
}

/** What the side with the fewer voices does: it stops; where there are as many, all stop writing. */
export type Verdict = 'stays' | 'stopsWriting' | 'stops'

/** Judges a view that differs from others though it has replayed. */
export function verdictOf({ same, other }: Voices): Verdict {
  if (same === other) return 'stopsWriting'
  return same > other ? 'stays' : 'stops'
}

/** Whether a claim says what the lanes of a digest say. */
export const isSameDigest = ({ low, high }: Claim, lanes: Lanes): boolean =>
  low === lanes.low >>> 0 && high === lanes.high >>> 0

/** The claims that one view has read and made. */
export class Claims {
  /** The newest claim of each process, oldest first. */
  readonly #voices = new Map<string, Claim>()
  /** Processes because of whose claims there was a replay: one for each is enough. */
  readonly #checked = new Set<string>()
  #made = -1
  /** When the voices are counted, in log time. */
  #countAt = Infinity

  /** When the voices are to be counted; Infinity: nobody differs. */
  get countAt(): number {
    return this.#countAt
  }

  /** The claim to make of the last digest point; `undefined`: it was made. */
  next(last: { readonly position: number; readonly lanes: Lanes } | undefined): Claim | undefined {
    if (last === undefined || last.position <= this.#made) return undefined
    this.#made = last.position
    return { position: last.position, low: last.lanes.low >>> 0, high: last.lanes.high >>> 0 }
  }

  /**
   * Takes a claim; `own` is the digest that was here at its position. True: that is another one, and nobody has
   * replayed because of this process yet.
   */
  heard({ claim, process, time }: Claimed, own: Lanes | undefined): boolean {
    this.#voices.delete(process)
    this.#voices.set(process, claim)
    const [oldest] = this.#voices.keys()
    if (this.#voices.size > VOICES_MAX && oldest !== undefined) this.#voices.delete(oldest)
    if (own === undefined || isSameDigest(claim, own)) return false
    this.#countAt = Math.min(this.#countAt, time + COUNT_AFTER_MS)
    if (this.#checked.has(process)) return false
    if (this.#checked.size >= VOICES_MAX) this.#checked.clear()
    this.#checked.add(process)
    return true
  }

  /** Puts the count off: a replay is under way. */
  postpone(time: number): void {
    this.#countAt = time + COUNT_AFTER_MS
  }

  /** Counts the voices of `writers` against the digests that are here. What is not to be compared has no voice. */
  count(writers: ReadonlySet<string>, own: string, digestAt: (position: number) => Lanes | undefined): Voices {
    this.#countAt = Infinity
    // A writer that has not claimed yet stands for what it has.
    let same = writers.has(own) ? 1 : 0
    let other = 0
    for (const [process, claim] of this.#voices) {
      const lanes = digestAt(claim.position)
      if (lanes === undefined || process === own || !writers.has(process)) continue
      if (isSameDigest(claim, lanes)) same++
      else other++
    }
    return { same, other }
  }

  /** Another state is here: what was claimed of the old one is claimed anew. */
  replaced(): void {
    this.#made = -1
    this.#countAt = Infinity
    this.#checked.clear()
  }
}

/** The error of a view that differs from others. */
export const diverged = ({ same, other }: Voices, position: number): SirtakiError =>
  new SirtakiError(
    'DIVERGED',
    `${other} of ${same + other} writing processes have another state at position ${position}, and a replay of the log `
      + 'comes to the same as before: run the same code on the same version of Node, and start again',
    { facts: { same, other, position } },
  )
