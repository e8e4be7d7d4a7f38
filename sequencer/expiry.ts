/**
 * When a session has been silent for too long: time that the sequencer attended, and when it last heard of whom.
 *
 *     heard ──────────── timeout, attended ────────────▶ due ──▶ ending: confirmed no more
 *       own time    ─┤├──┤├──┤├──────── a pause ────────┤├──     a bootstrap ──▶ none is ending, and of
 *       attended    ─┤├──┤├──┤├─┤                       ├──      none was heard before the grace is over
 *
 * A machine. Attended time grows by own time since the last look, but never by more than two looks at once: while this
 * process did not run it heard of nobody, and nobody is blamed for it. A sequencer confirms only for as long after the
 * beginning of a proof as the next one waits (the grace), which also holds for sessions that it learns of later.
 * Each session is looked at about once a timeout: an item of the heap that has been heard of since goes back with its
 * new time. Keeps: O5. Read next: `session-keeper.ts` (the flow around it).
 */
import { between, type Moment } from '../log/cluster/moments.ts'
import { Heap } from '../log/heap.ts'
import type { Limits } from '../log/limits.ts'

/** Items of the heap, beside twice as many as there are sessions, before it is made anew. */
const STALE_MAX = 1_024

interface Watched {
  readonly timeoutMs: number
  /** In attended time. */
  heard: number
}

/** Who lives, as far as one sequencer has heard. */
export class Expiry {
  readonly #lookMaxMs: number
  readonly #proofMs: number
  #attended = 0
  #lookedAt: number | undefined
  /** In attended time: whoever another sequencer may have confirmed counts as heard at it. */
  #grace = 0
  readonly #watched = new Map<number, Watched>()
  readonly #ending = new Set<number>()
  /** Incarnations; the time of each, attended, is no later than when it is due. */
  readonly #heap = new Heap<number>(() => false)
  /** When the latest proof began that this epoch is the current one. */
  #proof: Moment | undefined

  constructor({ attendMs, proofMs }: Pick<Limits, 'attendMs' | 'proofMs'>) {
    this.#lookMaxMs = 2 * attendMs
    this.#proofMs = proofMs
  }

  /** Time that this sequencer attended, in milliseconds. */
  get attended(): number {
    return this.#attended
  }
  /** Those whose end has begun in this epoch, in the order in which it did. */
  get ending(): ReadonlySet<number> {
    return this.#ending
  }

  /** Items of the heap, those of the gone included. */
  get items(): number {
    return this.#heap.size
  }

  /** Sees that own time has come to `now`: before everything else that happens at that time. */
  look(now: number): void {
    this.#attended += Math.min(now - (this.#lookedAt ?? now), this.#lookMaxMs)
    this.#lookedAt = now
  }

  /** An opening or a resume was played: counts as heard. */
  opened(incarnation: number, timeoutMs: number): void {
    const heard = Math.max(this.#attended, this.#grace)
    this.#watched.set(incarnation, { timeoutMs, heard })
    this.#heap.push({ of: incarnation, time: heard + timeoutMs })
    if (this.#heap.size > 2 * this.#watched.size + STALE_MAX) this.#compact()
  }

  /** It ended, or another incarnation came after it. */
  closed(incarnation: number): void {
    this.#watched.delete(incarnation)
    this.#ending.delete(incarnation)
  }

  /** A heartbeat came. Of one that is not known nothing is kept: its opening will count as heard. */
  heard(incarnation: number): void {
    const watched = this.#watched.get(incarnation)
    if (watched !== undefined) watched.heard = Math.max(watched.heard, this.#attended)
  }

  /** A proof that began then says that this epoch is the current one: whatever opens another one comes later. */
  proved(began: Moment): void {
    if (this.#proof === undefined || began.now > this.#proof.now) this.#proof = began
  }

  /** Whether an incarnation may be confirmed: this epoch ends it no sooner than a timeout after it was heard of. */
  confirms(incarnation: number, at: Moment): boolean {
    if (this.#proof === undefined || this.#ending.has(incarnation)) return false
    return between(this.#proof, at) < this.#proofMs
  }

  /** An epoch was opened. `servedBefore`: this sequencer served the one before it, so nobody else has confirmed. */
  bootstrapped(servedBefore: boolean): void {
    this.#proof = undefined
    if (!servedBefore) {
      this.#grace = this.#attended + this.#proofMs
      for (const watched of this.#watched.values()) watched.heard = this.#grace
    }
    for (const incarnation of this.#ending) this.#heap.push({ of: incarnation, time: this.#attended })
    this.#ending.clear()
  }

  /** Gives those that have been silent for more than their timeout: from now on their end has begun. */
  due(): readonly number[] {
    const due: number[] = []
    for (let top = this.#heap.first; top !== undefined && top.time < this.#attended; top = this.#heap.first) {
      this.#heap.pop()
      const incarnation = top.of
      const watched = this.#watched.get(incarnation)
      if (watched === undefined || this.#ending.has(incarnation)) continue
      const time = watched.heard + watched.timeoutMs
      if (time >= this.#attended) {
        this.#heap.push({ of: incarnation, time })
        continue
      }
      this.#ending.add(incarnation)
      due.push(incarnation)
    }
    return due
  }

  /** Items of those that are gone would stay for as long as their timeouts, which may be years. */
  #compact(): void {
    const items = [...this.#watched].flatMap(([incarnation, { heard, timeoutMs }]) =>
      this.#ending.has(incarnation) ? [] : [{ of: incarnation, time: heard + timeoutMs }],
    )
    this.#heap.rebuild(items.sort((a, b) => a.time - b.time))
  }
}
