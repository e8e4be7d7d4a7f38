/**
 * Copies: what a unit gives to a newcomer, takes as one, mends, and by which sums two units are compared.
 *
 * A room of the machine in `unit.ts`, over its state. Keeps: Y4, P47. Read next: `held.ts`, `copy.ts` (who copies),
 * `repair.ts`, `../epochs/whole.ts` (who compares).
 */
import { Bits } from '../bytes/bits.ts'
import { KIND_JUNK, JUNK_HASH } from '../entry.ts'
import { SirtakiError } from '../errors.ts'
import { firstOfClass, spansOf, type Stripe } from '../ranges.ts'
import {
  STORED,
  TRIMMED,
  OTHER,
  DECIDED_OTHER,
  type AskedBody,
  type Held,
  type Offer,
  type OfferedBody,
} from '../wire/messages.ts'
import { heldAt, statusOf, checkOffers, putOffer, offerStatus, answerOf } from './held.ts'
import type { UnitState } from './unit-state.ts'

interface CopyOptions extends Stripe {
  readonly any?: boolean | undefined
  readonly ranges?: boolean | undefined
}
/** Positions that one answer to a copy covers at most, however little it says of them: a turn stays short. */
const COPY_POSITIONS = 1 << 14

/** A sum of what is held at some positions, at or above the trim mark. */
interface Digest {
  readonly count: number
  readonly sum: number
  readonly trim: number
}
/** The same of those of [from, to) that are decided, which are named by bits (`../bytes/bits.ts`). */
interface DecidedDigest extends Digest {
  readonly from: number
  readonly to: number
  readonly decided: string
}
/** Positions that one answer tells of one by one: some milliseconds, and 16 KiB of bits. */
const DECIDED_POSITIONS = 1 << 16

/** Copies of one unit. */
export class Copies {
  readonly #state: UnitState

  constructor(state: UnitState) {
    this.#state = state
  }

  /**
   * What is held at the positions of class `index` of `step` in [from, to), for a newcomer: decided entries of its
   * own only. Ends early where that is not so, after `bytesMax` bytes and after COPY_POSITIONS. With `any` whatever
   * is here: for who knows the hash of what it lost. With `ranges` junk is told in ranges: every epoch skips a window
   * of it.
   */
  copyOut({ from, to, index, step, any = false, ranges = false }: CopyOptions, bytesMax: number): AskedBody {
    const state = this.#state
    const held: Held[] = []
    const junk: number[] = []
    let bytes = 0
    let at = firstOfClass(Math.max(from, state.trim), index, step)
    const end = Math.min(to, at + COPY_POSITIONS * step)
    for (; at < end && bytes < bytesMax; at += step) {
      const one = any || (state.places.owns(at) && state.isDecided(at)) ? heldAt(state, at, true) : undefined
      if (one === undefined || one.damaged) break
      const inRange = ranges && !any && one.kind === KIND_JUNK
      if (!inRange || junk.at(-1) !== at - step) bytes += 32 + (one.bytes?.byteLength ?? 0)
      if (inRange) junk.push(at)
      else held.push(one)
    }
    return { to: Math.min(at, to), prefix: state.prefix, trim: state.trim, held, junk: spansOf(junk, step) }
  }

  /**
   * Takes what a member of the positions' segment, one of `step` chains, holds decided, over whatever is here. Gives
   * how many bytes are new.
   */
  copyIn({ held, junk: ranges }: Pick<AskedBody, 'held' | 'junk'>, step = 1): number {
    const state = this.#state
    const junk: number[] = []
    let bytes = 0
    for (const { from, to } of ranges) {
      for (let at = from; at < to; at += step) {
        if (at >= state.trim && statusOf(state, at, KIND_JUNK, JUNK_HASH) !== STORED) junk.push(at)
      }
    }
    for (const { position, kind, hash, bytes: entry } of held) {
      // Trimmed meanwhile: what is gone must not come back.
      if (position < state.trim || statusOf(state, position, kind, hash) === STORED) continue
      if (kind === KIND_JUNK) {
        junk.push(position)
        continue
      }
      if (entry === undefined) throw new SirtakiError('BAD_FRAME', `a copy of position ${position} without its bytes`)
      checkOffers(state, state.sealed, [{ position, bytes: entry }], false)
      bytes += entry.byteLength
      putOffer(state, { position, bytes: entry }, state.sealed)
    }
    for (const range of spansOf(junk, step)) state.putJunk(range, state.sealed)
    return bytes
  }

  /** Writes a damaged entry anew, of which the index has kept the hash. False where that is another one. */
  repair(position: number, hash: number, bytes: Uint8Array): boolean {
    const state = this.#state
    if (position < state.trim || !state.damaged.has(position)) return true
    if (state.index.hash(position) !== hash) return false
    checkOffers(state, state.sealed, [{ position, bytes }])
    state.failpoint?.('unit.repaired', { unit: state.identity, position })
    const marked = position >= state.prefix && state.isDecided(position)
    putOffer(state, { position, bytes }, state.sealed)
    if (marked) state.index.decide(position)
    return true
  }

  /**
   * Takes what recovery has found, in place of what is empty, damaged or undecided here; from then on everything of
   * its own below `below` is decided. Only sealed for a slot whose layout is not installed: nobody acts on what is
   * here then. What is decided here and whole stays, and is told.
   *
   * @throws SirtakiError `EPOCH` unless sealed for just that slot, `YOUNG` when something below `below` would stay
   *   empty or damaged.
   */
  restore(slot: number, below: number, offers: readonly Offer[]): OfferedBody {
    const state = this.#state
    if (state.sealed !== slot || (state.layout?.epoch ?? 0) >= slot) {
      throw new SirtakiError(
        'EPOCH',
        `restored is what is sealed for epoch ${slot} and not moved there, this unit is sealed at `
          + `${state.sealed}, installed is ${state.layout?.epoch ?? 0}`,
        { facts: { slot, sealed: state.sealed } },
      )
    }
    checkOffers(state, slot, offers, false)
    const given = new Set(offers.map(({ position }) => position))
    for (let at = state.lackingFrom(state.trim, below); at < below; at = state.lackingFrom(at + 1, below)) {
      if (given.has(at)) continue
      const facts = { position: at }
      throw new SirtakiError('YOUNG', `position ${at} below ${below} would stay without a value`, { facts })
    }
    const results = offers.map((offer): OfferedBody['results'][number] => {
      const status = offerStatus(state, offer)
      if (status === STORED || status === TRIMMED) return { status, held: undefined }
      if (status === OTHER && state.places.owns(offer.position) && state.isDecided(offer.position)) {
        return answerOf(state, offer.position, DECIDED_OTHER)
      }
      state.failpoint?.('unit.restored', { unit: state.identity, position: offer.position })
      putOffer(state, offer, slot)
      return { status: STORED, held: undefined }
    })
    state.restoreBelow(below, slot)
    return { results }
  }

  /** Takes over the trim mark of a member: what lies below it was decided everywhere. */
  adoptTrim(before: number): void {
    const state = this.#state
    if (before > state.trim && before <= state.decidedTo) state.trimTo(before)
  }

  /**
   * Sums up what is held at the positions of class `index` of `step` in [from, to), its own or not: equal digests,
   * equal content. With `sound` what is known to be damaged is not held; else it counts with the hash that it had.
   */
  digest({ from, to, index, step }: Stripe, sound = false): Digest {
    const state = this.#state
    const first = firstOfClass(Math.max(from, state.trim), index, step)
    const held = { from: first, to: Math.min(to, state.highest + 1), step }
    return { ...state.index.digest(held, sound), trim: state.trim }
  }

  /**
   * Which positions of a range are decided, as bits from the first of its class on, and their digest: up to `to`, for
   * one answer tells of a bounded number.
   */
  digestDecided({ from, to, index, step }: Stripe): DecidedDigest {
    const state = this.#state
    const first = firstOfClass(Math.max(from, state.trim), index, step)
    const end = Math.min(to, first + DECIDED_POSITIONS * step)
    const bits = new Bits(Math.ceil(Math.max(0, end - first) / step))
    for (let at = first, i = 0; at < end; at += step, i++) if (state.isDecided(at)) bits.set(i)
    const decided = bits.text()
    return { ...this.digestAmong({ from: first, to: end, index, step }, decided), from: first, to: end, decided }
  }

  /** Sums up what is held at those positions of a range, from its start on, that bits name. */
  digestAmong({ from, to, step }: Stripe, positions: string): Digest {
    const { index, trim } = this.#state
    const bits = Bits.read(positions)
    let count = 0
    let sum = 0
    for (let at = from, i = 0; at < to && i < bits.length; at += step, i++) {
      if (!bits.has(i)) continue
      const part = index.digest({ from: at, to: at + 1, step: 1 })
      count += part.count
      sum = (sum + part.sum) >>> 0
    }
    return { count, sum, trim }
  }

  /** Whether nothing in a range is known to be damaged. */
  isSound(range: Stripe): boolean {
    return this.digest(range).count === this.digest(range, true).count
  }

  /** Whether the bytes of everything in [from, to) were read back from the disk since they were written there. */
  isReadBack({ from, to }: { readonly from: number; readonly to: number }): boolean {
    const { index, trim, highest } = this.#state
    return index.unreadIn(trim, from, Math.min(to, highest + 1)) < 0
  }
}
