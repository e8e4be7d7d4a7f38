/**
 * Resolving, at one unit: tells what is held, decides as the first of its chain, takes the first one's decision as
 * another.
 *
 * A room of the machine in `unit.ts`, over its state. Keeps: L1, L3, L5, P16. Read next: `held.ts`,
 * `../cluster/resolve.ts`.
 */
import { SirtakiError } from '../errors.ts'
import { firstOfClass, type Span } from '../ranges.ts'
import {
  EMPTY,
  STORED,
  TRIMMED,
  OTHER,
  DECIDED_OTHER,
  type AskBody,
  type AskedBody,
  type Held,
  type Offer,
  type OfferedBody,
} from '../wire/messages.ts'
import { heldAt, checkOffers, offerStatus, answerOf, putOffer } from './held.ts'
import { JUNK, DATA } from './position-index.ts'
import type { UnitState } from './unit-state.ts'

/** Decisions of one unit. */
export class Decisions {
  readonly #state: UnitState

  constructor(state: UnitState) {
    this.#state = state
  }

  /** Tells what is held in [from, to), so that a resolver can decide. @throws SirtakiError `EPOCH`, `RECOVERING`. */
  ask({ epoch, from, to, withBytes }: AskBody, bytesMax: number): AskedBody {
    const state = this.#state
    state.requireServing(epoch)
    const held: Held[] = []
    let bytes = 0
    let at = state.places.first(Math.max(from, withBytes ? 0 : state.prefix, state.trim))
    for (; at < to && at <= state.highest && bytes < bytesMax; at = state.places.after(at)) {
      const one = heldAt(state, at, withBytes)
      if (one === undefined) continue
      held.push(one)
      bytes += 32 + (one.bytes?.byteLength ?? 0)
    }
    return { to: at <= state.highest && at < to ? at : to, prefix: state.prefix, trim: state.trim, held, junk: [] }
  }

  /**
   * The first unit of a chain decides: what it holds stays, what it does not hold it takes from the resolver.
   *
   * @throws SirtakiError `EPOCH`, `RECOVERING`, `WRONG_CHAIN` when this is not the first unit.
   */
  settle(epoch: number, offers: readonly Offer[]): OfferedBody {
    const state = this.#state
    state.requireServing(epoch)
    checkOffers(state, epoch, offers)
    if (offers.some(({ position }) => state.places.at(position)?.isFirst !== true)) {
      throw new SirtakiError('WRONG_CHAIN', 'only the first unit of a chain decides')
    }
    return {
      results: offers.map((offer) => {
        const status = offerStatus(state, offer)
        if (status !== EMPTY) return answerOf(state, offer.position, status)
        putOffer(state, offer, epoch)
        return { status: STORED, held: undefined }
      }),
    }
  }

  /**
   * Puts the first unit's value on another unit, over anything that is not decided.
   *
   * @throws SirtakiError `EPOCH`, `RECOVERING`, `WRONG_CHAIN` at the first unit.
   */
  force(epoch: number, offers: readonly Offer[]): OfferedBody {
    const state = this.#state
    state.requireServing(epoch)
    checkOffers(state, epoch, offers)
    if (offers.some(({ position }) => state.places.at(position)?.isFirst === true)) {
      throw new SirtakiError('WRONG_CHAIN', 'nothing is forced onto the first unit')
    }
    return {
      results: offers.map((offer) => {
        const status = offerStatus(state, offer)
        if (status === STORED || status === TRIMMED) return { status, held: undefined }
        if (status === OTHER && state.isDecided(offer.position)) return answerOf(state, offer.position, DECIDED_OTHER)
        if (status === OTHER) state.failpoint?.('unit.force.over', { position: offer.position })
        putOffer(state, offer, epoch)
        return { status: STORED, held: undefined }
      }),
    }
  }

  /**
   * Ranges of junk. At the first unit: where nothing is held; elsewhere over anything that is not decided. Gives the
   * positions that hold data instead.
   */
  junk(epoch: number, first: boolean, ranges: readonly Span[]): { data: number[]; trim: number } {
    const state = this.#state
    state.requireServing(epoch)
    const wrong = ranges.find(({ from, to, step }) => from < to && state.places.in(from, step)?.isFirst !== first)
    if (wrong !== undefined) {
      throw new SirtakiError('WRONG_CHAIN', `a range of junk from ${wrong.from} on meant for another place in a chain`)
    }
    const count = ranges.reduce((sum, { from, to, step }) => sum + Math.max(0, to - from) / step, 0)
    if (count > state.limits.resolveRangeMax) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `junk for ${count} positions at once, at most ${state.limits.resolveRangeMax} are allowed`,
        { facts: { count } },
      )
    }
    const data: number[] = []
    for (const range of ranges) this.#junkRange(range, first, epoch, data)
    return { data, trim: state.trim }
  }

  #junkRange({ from, to, step }: Span, first: boolean, epoch: number, data: number[]): void {
    const state = this.#state
    const start = firstOfClass(Math.max(from, state.trim), state.places.in(from, step)?.index ?? 0, step)
    let begin = -1
    const flush = (end: number): void => {
      if (begin >= 0) state.putJunk({ from: begin, to: end, step }, epoch)
      begin = -1
    }
    for (let at = start; at < to; at += step) {
      const held = state.index.pastBlank(at, to, step)
      if (held > at && begin < 0) begin = at
      at = held
      if (at >= to) break
      const flags = state.index.flags(at)
      const stays = (flags & JUNK) !== 0 || ((flags & DATA) !== 0 && (first || state.isDecided(at)))
      if ((flags & DATA) !== 0 && stays) data.push(at)
      if ((flags & DATA) !== 0 && !stays) state.failpoint?.('unit.force.over', { position: at })
      if (stays) flush(at)
      else if (begin < 0) begin = at
    }
    flush(to)
  }
}
