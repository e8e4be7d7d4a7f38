/**
 * One pass of resolving over a part of one chain: ask all units, take a verdict on each position, let the first unit
 * settle, force its values on the others.
 *
 * Keeps: L1, L3, L5, P15, P16, P66. Read next: `resolve.ts` (the calls), `verdict.ts` (the rule),
 * `../unit/decisions.ts`.
 */
import { viewOf } from '../bytes/bytes.ts'
import { KIND_DATA, KIND_JUNK, hashAt, type EntryKind } from '../entry.ts'
import { SirtakiError, asError, invariant } from '../errors.ts'
import type { Chain, Layout, UnitMember } from '../layout.ts'
import { firstOfClass, type Span, spansOf } from '../ranges.ts'
import { JunkAnswer } from '../wire/control.ts'
import {
  DAMAGED_HERE,
  DECIDED_OTHER,
  STORED,
  TRIMMED,
  readAsked,
  readOffered,
  writeAsk,
  writeMarks,
  writeOffers,
  type Held,
  type Mark,
  type Offer,
  type OfferedBody,
} from '../wire/messages.ts'
import type { Peer } from '../wire/rpc.ts'
import type { Cluster } from './cluster.ts'
import { verdictOf, type Answer, type Verdict } from './verdict.ts'

/** What a resolve may do and what it knows. */
export interface ResolveOptions {
  /**
   * Whether junk may go where nobody holds anything: the caller vouches for the age of the holes. That they were
   * granted at all `resolve` sees to itself: at or above the highest tail that this process knows a hole stays one.
   */
  readonly mayFill: boolean
  /** Whether what is decided has to be on every unit that answers: an epoch opens only then. */
  readonly everywhere?: boolean | undefined
  /** The writer's own entry, where the caller is the writer and its token is of this epoch. */
  readonly own?: Offer | undefined
}

/** What a position was resolved to. */
export interface Resolved {
  readonly kind: 'data' | 'junk' | 'hole' | 'trimmed'
  readonly hash: number
  readonly bytes: Uint8Array | undefined
}

/** By position. */
export type ResolvedMap = Map<number, Resolved>

/** Takes what positions were resolved to; with `skipsEmpty` not what was empty and is junk now. */
export interface Sink {
  readonly skipsEmpty?: boolean
  set(position: number, resolved: Resolved): void
}

type Value = { readonly kind: EntryKind; readonly hash: number; readonly bytes: Uint8Array | undefined }

/** What an offer, or an answer to it, needs beside its bytes. */
const OFFER_HEAD_BYTES = 32
const HOLE: Resolved = { kind: 'hole', hash: 0, bytes: undefined }
/** It is below a trim mark. */
export const GONE: Resolved = { kind: 'trimmed', hash: 0, bytes: undefined }
const JUNKED: Resolved = { kind: 'junk', hash: 0, bytes: undefined }
const JUNK: Value = { kind: KIND_JUNK, hash: 0, bytes: undefined }

/** One pass over a part of one chain: `ask`, `sort`, `settle`, `force`, in this order. */
export class Round {
  readonly chain: Chain
  readonly #cluster: Cluster
  readonly #layout: Layout
  readonly #options: ResolveOptions
  readonly #out: Sink
  /** What the units answered, in the order of the chain; `undefined` for one that did not. */
  #answers: (Answer | undefined)[] = []
  /** Why the first unit did not answer. */
  #firstError: SirtakiError | undefined
  #askedAt = 0
  /** Offers of data for an empty first unit, and runs of positions at which it is to hold junk. */
  #offers: Offer[] = []
  #junk: number[] = []
  /** Positions that nobody holds, above all that anybody holds: after a failure nearly all of a window. */
  #empty: Span | undefined
  /** Those of them that hold data or are gone after all. */
  #notEmpty: ReadonlySet<number> = new Set()
  readonly #marks: Mark[] = []
  /** What the first unit holds: to be put on the others. */
  readonly #values = new Map<number, Value>()

  constructor(cluster: Cluster, layout: Layout, chain: Chain, options: ResolveOptions, out: Sink) {
    this.chain = chain
    this.#cluster = cluster
    this.#layout = layout
    this.#options = options
    this.#out = out
  }

  /** Asks every unit; gives the end of what all answers cover. */
  async ask(from: number, end: number): Promise<number> {
    const to = Math.min(end, from + this.#cluster.limits.resolveRangeMax * this.chain.step)
    const body = writeAsk({ epoch: this.#layout.epoch, from, to, withBytes: true })
    let until = to
    this.#askedAt = this.#cluster.ports.clock.now()
    this.#answers = await Promise.all(
      this.chain.units.map(async (unit, i): Promise<Answer | undefined> => {
        try {
          const asked = readAsked(await this.#cluster.peer(unit.address).request('ask', body))
          until = Math.min(until, asked.to)
          return {
            held: new Map(asked.held.map((held) => [held.position, held])),
            prefix: asked.prefix,
            trim: asked.trim,
          }
        } catch (thrown) {
          const error = asError(thrown)
          if (error.next === 'refresh') throw error
          if (i === 0) this.#firstError = error
          return undefined
        }
      }),
    )
    // At least one position a pass, whatever the bounds of an answer.
    return Math.max(until, from + 1)
  }

  /** Decides for each position what is to be done. */
  sort(from: number, until: number): void {
    const answered = this.#answers.filter((answer) => answer !== undefined)
    const trim = Math.max(0, ...answered.map((asked) => asked.trim))
    const mayFill =
      this.#options.mayFill && this.#options.own === undefined && answered.length === this.chain.units.length
    // Below a unit's decided prefix nothing is empty: what is missing there is damage.
    let held = Math.max(trim, ...answered.map((asked) => asked.prefix)) - 1
    for (const asked of answered) for (const position of asked.held.keys()) held = Math.max(held, position)
    const fillTo = mayFill ? Math.min(until, this.#fillBelow) : from
    const rights = { mayFill: this.#options.mayFill, fillBelow: this.#fillBelow, own: this.#options.own }
    let at = from
    for (; at < until && !(at > held && at < fillTo); at += this.chain.step) {
      this.#sortOne(at, verdictOf(at, this.#answers, rights))
    }
    if (at >= until) return
    this.#empty = { from: at, to: fillTo, step: this.chain.step }
    const { index, step } = this.chain
    for (let above = firstOfClass(fillTo, index, step); above < until; above += step) this.#out.set(above, HOLE)
    if (this.#cluster.ports.failpoint !== undefined) {
      this.#eachEmpty((position) => {
        this.#cluster.ports.failpoint?.('resolve.fill', { position, askedAt: this.#askedAt })
      })
    }
  }

  #eachEmpty(visit: (position: number) => void): void {
    if (this.#empty === undefined) return
    const { from, to, step } = this.#empty
    for (let at = from; at < to; at += step) if (!this.#notEmpty.has(at)) visit(at)
  }

  #sortOne(at: number, verdict: Verdict): void {
    switch (verdict.kind) {
      case 'trimmed':
        this.#out.set(at, GONE)
        if (verdict.untold !== undefined) this.#mark(at, verdict.untold)
        break
      case 'decided':
        this.#done(at, verdict.held, verdict.isTold)
        break
      case 'held':
        this.#values.set(at, verdict.held)
        break
      case 'offer':
        if (verdict.offer.bytes === undefined) this.#junk.push(at)
        else this.#offers.push(verdict.offer)
        break
      case 'fill':
        this.#fill(at)
        break
      case 'hole':
        this.#out.set(at, HOLE)
        break
      case 'damaged':
        throw verdict.everywhere ? goneAt(at) : damagedAt(at, this.chain)
      case 'silent':
        throw this.#firstError ?? new SirtakiError('BAD_LAYOUT', 'a chain without units')
      default:
        verdict satisfies never
    }
  }

  #mark(position: number, { kind, hash }: Value): void {
    this.#marks.push({ position, kind, hash })
  }

  /** What was never granted is no hole: junk there would be decided under the hands of the sequencer (P66). */
  get #fillBelow(): number {
    return Math.max(this.#layout.tail, this.#cluster.granted)
  }

  #fill(at: number): void {
    this.#cluster.ports.failpoint?.('resolve.fill', { position: at, askedAt: this.#askedAt })
    this.#junk.push(at)
  }

  /** Lets the first unit decide what it does not hold yet. */
  async settle(): Promise<void> {
    const first = this.chain.units[0]
    if (first === undefined) return
    const peer = this.#cluster.peer(first.address)
    const { epoch } = this.#layout
    if (this.#junk.length > 0 || this.#empty !== undefined) {
      const { data, trim } = await peer.control(
        'junk',
        {
          epoch,
          first: true,
          ranges: [...spansOf(this.#junk, this.chain.step), ...(this.#empty === undefined ? [] : [this.#empty])],
        },
        JunkAnswer,
      )
      const kept = new Set(data)
      this.#trimEmpty(trim)
      this.#notEmpty = kept
      for (const at of this.#junk) {
        if (at < trim) this.#out.set(at, GONE)
        else if (!kept.has(at)) this.#values.set(at, JUNK)
      }
      // The writer came between asking and filling: its entry is what the first unit decided for.
      if (data.length > 0) {
        this.#cluster.ports.failpoint?.('resolve.fillMetData', { position: data[0] })
        await this.#takeData(peer, data)
      }
    }
    if (this.#offers.length === 0) return
    for (const offers of this.#parts(this.#offers)) {
      this.#settled(offers, readOffered(await peer.request('settle', writeOffers({ epoch, offers }))))
    }
  }

  /**
   * Takes what the first unit holds at these positions. Asked for and not offered: a unit bounds its answer to a
   * question.
   */
  async #takeData(peer: Peer, positions: readonly number[]): Promise<void> {
    const end = (positions.at(-1) ?? 0) + 1
    for (let from = positions[0] ?? end; from < end;) {
      const { to, trim, held } = readAsked(
        await peer.request('ask', writeAsk({ epoch: this.#layout.epoch, from, to: end, withBytes: true })),
      )
      const byPosition = new Map(held.map((one) => [one.position, one]))
      const until = Math.max(to, from + 1)
      for (const position of positions) {
        if (position < from || position >= until) continue
        const found = byPosition.get(position)
        if (found?.damaged === true) throw damagedAt(position, this.chain)
        if (found !== undefined) this.#values.set(position, found)
        else if (position < trim) this.#out.set(position, GONE)
        else {
          throw new SirtakiError('BAD_FRAME', `an answer to ask leaves out position ${position}`, {
            facts: { position },
          })
        }
      }
      from = until
    }
  }

  #settled(asked: readonly Offer[], { results }: OfferedBody): void {
    asked.forEach((offer, i) => {
      const result = results[i]
      if (result === undefined) throw new SirtakiError('BAD_FRAME', 'an answer to settle is too short')
      if (result.status === TRIMMED) this.#out.set(offer.position, GONE)
      else if (result.status === DAMAGED_HERE) throw damagedAt(offer.position, this.chain)
      else this.#values.set(offer.position, result.held ?? valueOf(offer))
    })
  }

  #trimEmpty(trim: number): void {
    if (this.#empty === undefined || this.#empty.from >= trim) return
    const { from, to, step } = this.#empty
    let at = from
    for (; at < to && at < trim; at += step) this.#out.set(at, GONE)
    this.#empty = at < to ? { from: at, to, step } : undefined
  }

  /** Puts the first unit's values on the others; then they are decided. */
  async force(): Promise<void> {
    const { epoch } = this.#layout
    await Promise.all(
      this.chain.units.slice(1).map(async (unit, i) => {
        const known = this.#answers[i + 1]
        const offers: Offer[] = []
        const junk: number[] = []
        for (const [position, value] of this.#values) {
          const held = known?.held.get(position)
          if (held !== undefined && !held.damaged && held.kind === value.kind && held.hash === value.hash) continue
          if (value.kind === KIND_JUNK) junk.push(position)
          else offers.push({ position, bytes: value.bytes })
        }
        const peer = this.#cluster.peer(unit.address)
        await Promise.all([
          this.#forceOffers(peer.request.bind(peer), epoch, offers),
          this.#forceJunk(peer, epoch, [...spansOf(junk, this.chain.step), ...this.#emptyRanges()]),
        ])
      }),
    )
    const marks = this.#marks
    for (const [position, value] of this.#values) {
      this.#mark(position, value)
      this.#decided(position, value)
    }
    if (this.#out.skipsEmpty !== true || this.#cluster.ports.failpoint !== undefined) {
      this.#eachEmpty((position) => {
        this.#decided(position, JUNK)
      })
    }
    const junk = this.#emptyRanges()
    if (marks.length === 0 && junk.length === 0) return
    const body = writeMarks(epoch, marks, junk)
    for (const unit of this.chain.units) this.#cluster.peer(unit.address).notify('marks', body)
  }

  #decided(position: number, { kind, hash, bytes }: Value): void {
    this.#out.set(position, kind === KIND_JUNK ? JUNKED : { kind: 'data', hash, bytes })
    this.#cluster.ports.failpoint?.('resolved', {
      position,
      kind: kind === KIND_DATA ? 'data' : 'junk',
      hash,
      epoch: this.#layout.epoch,
    })
  }

  async #forceOffers(
    request: (kind: 'force', body: Uint8Array) => Promise<Uint8Array>,
    epoch: number,
    offers: readonly Offer[],
  ): Promise<void> {
    for (const part of this.#parts(offers)) {
      const { results } = readOffered(await request('force', writeOffers({ epoch, offers: part })))
      results.forEach(({ status }, i) => {
        const position = part[i]?.position
        invariant(status !== DECIDED_OTHER, 'L5', { position, epoch })
        if (status !== STORED && status !== TRIMMED) {
          throw new SirtakiError('DAMAGED', `position ${position} could not be forced`, { facts: { position, status } })
        }
      })
    }
  }

  /**
   * Offers in requests of a quarter of a frame, each of one at least: the answer may bring what the unit holds instead.
   */
  #parts(offers: readonly Offer[]): Offer[][] {
    const { frameBytesMax } = this.#cluster.limits
    const parts: Offer[][] = []
    let room = 0
    for (const offer of offers) {
      const bytes = OFFER_HEAD_BYTES + (offer.bytes?.byteLength ?? 0)
      const last = parts.at(-1)
      if (last === undefined || bytes > room) {
        parts.push([offer])
        room = frameBytesMax / 4 - bytes
      } else {
        last.push(offer)
        room -= bytes
      }
    }
    return parts
  }

  async #forceJunk(peer: Peer, epoch: number, ranges: readonly Span[]): Promise<void> {
    if (ranges.length === 0) return
    const { data } = await peer.control('junk', { epoch, first: false, ranges }, JunkAnswer)
    invariant(data.length === 0, 'L3', { position: data[0], epoch })
  }

  /** The empty positions as ranges: one, unless a writer came between. */
  #emptyRanges(): Span[] {
    if (this.#empty === undefined) return []
    if (this.#notEmpty.size === 0) return [this.#empty]
    const positions: number[] = []
    this.#eachEmpty((position) => {
      positions.push(position)
    })
    return spansOf(positions, this.chain.step)
  }

  /** What is decided is on every unit of the chain, or that unit has lost it. */
  #requireHeld(at: number): void {
    this.chain.units.forEach((unit, i) => {
      const answer = this.#answers[i]
      if (answer !== undefined && at >= answer.trim && !answer.held.has(at)) throw lacksAt(at, unit)
    })
  }

  /**
   * A decided value is the answer; a unit that was not told (its mark was lost) is told again, else its prefix never
   * moves.
   */
  #done(at: number, held: Held, isTold: boolean): void {
    if (this.#options.everywhere === true) this.#requireHeld(at)
    const { kind, hash, bytes } = held
    this.#out.set(at, { kind: kind === KIND_DATA ? 'data' : 'junk', hash, bytes })
    if (!isTold) this.#mark(at, held)
  }
}

/** No unit that answers has it, though it is decided. */
function goneAt(position: number): SirtakiError {
  const what = `position ${position} is decided, and no unit that answers has it`
  return new SirtakiError('DAMAGED', what, { facts: { position }, next: 'again' })
}

/** Nobody but this unit can decide it: it has to leave the chain. */
const damagedAt = (position: number, { units }: Chain): SirtakiError =>
  new SirtakiError('DAMAGED', `position ${position} is damaged on the unit that decides it, ${units[0]?.address}`, {
    next: 'again',
    facts: { position, identity: units[0]?.identity },
  })

/** A unit lacks what is decided: its disk has lost it. */
const lacksAt = (position: number, unit: UnitMember): SirtakiError =>
  new SirtakiError(
    'DAMAGED',
    `the unit at ${unit.address} lacks position ${position}, which is decided: it has to join anew`,
    { next: 'again', facts: { position, identity: unit.identity } },
  )

function valueOf({ bytes }: Offer): Value {
  if (bytes === undefined) return { kind: KIND_JUNK, hash: 0, bytes }
  return { kind: KIND_DATA, hash: hashAt(viewOf(bytes), 0), bytes }
}
