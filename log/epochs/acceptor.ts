/**
 * The acceptor of layouts: single-decree Paxos, one slot for each epoch, in the process of a unit.
 *
 * What it promised or accepted is in its register before it is answered. Its identity stands in that register: a lost
 * or unreadable register is another acceptor, which no layout names. Keeps: Y1, Y2, P21.
 * Read next: `reconfigure.ts` (the proposer).
 * @source Lamport, Paxos made simple; CORFU NSDI'12 3.1 (auxiliary).
 */
import { boolean, integer, nullable, object, string, type Infer } from 'superstruct'
import { SirtakiError, isError } from '../errors.ts'
import { LayoutStruct, layoutText, whole, type Layout } from '../layout.ts'
import type { Failpoint, Register } from '../ports.ts'
import { Accepted, Rank, compareRanks, type Promised } from '../wire/control.ts'

const Kept = object({
  version: integer(),
  identity: string(),
  cluster: nullable(string()),
  initialised: boolean(),
  slot: whole,
  promised: nullable(Rank),
  accepted: nullable(Accepted),
  base: nullable(LayoutStruct),
})
type Kept = Infer<typeof Kept>

/** One acceptor over its register. */
export class Acceptor {
  readonly #register: Register
  readonly #failpoint: Failpoint | undefined
  #kept: Kept

  /**
   * Opens the register; an unreadable or absent one becomes a new acceptor named `freshIdentity`. `leavesBe`: that
   * one is written only when a layout names it, since without the lost one no layout can be agreed on: somebody has
   * to look at what there is.
   */
  constructor(register: Register, freshIdentity: string, failpoint?: Failpoint, leavesBe = false) {
    this.#register = register
    this.#failpoint = failpoint
    const found = readKept(register)
    this.#kept = found ?? {
      version: 1,
      identity: freshIdentity,
      cluster: null,
      initialised: false,
      slot: 0,
      promised: null,
      accepted: null,
      base: null,
    }
    if (found === undefined && !leavesBe) this.#keep(this.#kept)
  }

  get identity(): string {
    return this.#kept.identity
  }
  get initialised(): boolean {
    return this.#kept.initialised
  }
  /** Highest slot promised; a layout of a lower epoch than that may have a successor. */
  get slot(): number {
    return this.#kept.slot
  }

  /** The highest rank that it has promised in its slot. */
  get promised(): Rank | null {
    return this.#kept.promised
  }

  /** The newest agreed layout that a proposer has built on: perhaps no unit has it. */
  get base(): Layout | undefined {
    return this.#kept.base ?? undefined
  }

  /**
   * Refuses what is meant for another one: the disk that was at this address took its promises with it, and a vote of
   * its successor is none of its own (Y2).
   *
   * @throws SirtakiError `NOT_MEMBER`.
   */
  requireMeant(identity: string | undefined): void {
    if (identity === undefined || identity === this.identity) return
    const message = `the acceptor here is ${this.identity}, asked for is ${identity}: its disk is another one's`
    throw new SirtakiError('NOT_MEMBER', message, { facts: { identity: this.identity, asked: identity } })
  }

  /** Makes it an acceptor of this layout's successors, if the layout names it. Repeats harmlessly. */
  initialise(layout: Layout): void {
    if (!layout.acceptors.some((one) => one.identity === this.identity)) return
    if (this.#kept.initialised && this.#kept.slot >= layout.epoch) return
    const newer = layout.epoch > this.#kept.slot
    this.#keep({
      ...this.#kept,
      cluster: layout.cluster,
      initialised: true,
      ...(newer ? { slot: layout.epoch, promised: null, accepted: null } : {}),
    })
  }

  /**
   * Promises to accept nothing of a lower rank in this slot, and tells what it has accepted there. `base` is the agreed
   * layout that the proposer builds on: kept, because a promise for a new slot forgets what was accepted in the old
   * one, and whoever comes next must still learn that epoch.
   *
   * @throws SirtakiError `NOT_READY` when no layout has made it an acceptor, `WRONG_CLUSTER`.
   */
  prepare(cluster: string, slot: number, rank: Rank, base?: Layout): Omit<Promised, 'layout'> {
    this.#require(cluster)
    const { slot: highest, promised, accepted } = this.#kept
    if (slot < highest || (slot === highest && promised !== null && compareRanks(rank, promised) <= 0)) {
      return { promised: false, rank: promised, accepted: null }
    }
    const kept = slot === highest ? accepted : null
    const newest = base !== undefined && base.epoch > (this.#kept.base?.epoch ?? 0) ? base : this.#kept.base
    this.#keep({ ...this.#kept, slot, promised: rank, accepted: kept, base: newest })
    this.#failpoint?.('acceptor.promised', { acceptor: this.identity, slot, rank })
    return { promised: true, rank, accepted: kept }
  }

  /** Accepts a layout for a slot unless it has promised a higher rank. @throws as `prepare`. */
  accept(cluster: string, slot: number, rank: Rank, layout: Layout): { accepted: boolean; rank: Rank | null } {
    this.#require(cluster)
    const { slot: highest, promised } = this.#kept
    if (layout.epoch !== slot) {
      throw new SirtakiError('BAD_LAYOUT', `a layout of epoch ${layout.epoch} proposed for slot ${slot}`)
    }
    if (slot < highest || (slot === highest && promised !== null && compareRanks(rank, promised) < 0)) {
      return { accepted: false, rank: promised }
    }
    this.#keep({ ...this.#kept, slot, promised: rank, accepted: { rank, layout } })
    this.#failpoint?.('acceptor.accepted', { acceptor: this.identity, slot, rank, layout: layoutText(layout) })
    return { accepted: true, rank }
  }

  #require(cluster: string): void {
    if (!this.#kept.initialised || this.#kept.cluster === null) {
      throw new SirtakiError('NOT_READY', 'this acceptor belongs to no cluster yet')
    }
    if (this.#kept.cluster !== cluster) {
      throw new SirtakiError(
        'WRONG_CLUSTER',
        `this acceptor belongs to cluster ${this.#kept.cluster}, not to ${cluster}`,
      )
    }
  }

  #keep(kept: Kept): void {
    this.#register.write(JSON.stringify(kept))
    this.#kept = kept
  }
}

function readKept(register: Register): Kept | undefined {
  try {
    const text = register.read()
    if (text === undefined) return undefined
    const [error, kept] = Kept.validate(JSON.parse(text))
    if (error !== undefined) {
      throw new SirtakiError('DAMAGED', `the acceptor's register makes no sense: ${error.message}`)
    }
    if (kept.version !== 1) {
      throw new SirtakiError('UNSUPPORTED', `the acceptor's register has format version ${kept.version}: upgrade`)
    }
    return kept
  } catch (error) {
    // Unreadable is lost: whoever could not read its promises must not vote under its old name (P45).
    if (isError(error, 'DAMAGED') || error instanceof SyntaxError) return undefined
    throw error
  }
}
