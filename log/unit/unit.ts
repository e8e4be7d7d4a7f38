/**
 * The log unit: a machine. It keeps positions write-once under exactly the epoch it has installed.
 *
 * Methods check, change memory and stage what must become durable; `takeCommit` hands the staged commit over, and no
 * answer may leave before it is durable (`server.ts` sees to that). A method that throws has changed nothing.
 *
 *     0 ... trim ........ prefix ............ highest
 *     gone | all decided  | some decided, some undecided, some empty (of the own residue class)
 *
 * Keeps: L1, L3, L5, L6, L8, L9 (with the server). Read next: `unit-state.ts`, `row.ts`, `server.ts`, `../cluster/resolve.ts`.
 * @source CORFU NSDI'12 3.2; chain replication OSDI'04; store-all and the deciding first unit: docs/rules.md, L5.
 */
import {
  KIND_DATA, KIND_JUNK, checkEntry, JUNK_HASH, positionAt, epochAt, lengthAt, hashAt, type EntryKind,
} from '../entry.ts'
import { SirtakiError, invariant } from '../errors.ts'
import { layoutText, unitsOf, type Layout } from '../layout.ts'
import { Bits } from '../bytes/bits.ts'
import { viewOf } from '../bytes/bytes.ts'
import type { Identity, Sealed } from '../wire/control.ts'
import {
  DAMAGED_HERE, DATA_DECIDED, DECIDED_OTHER, EMPTY, JUNK_DECIDED, OTHER, STORED, TRIMMED, UNDECIDED,
  type AskBody, type AskedBody, type Held, type Offer, type OfferedBody, type ReadItem, type StreamFrom,
  type StreamPart, type OfferStatus,
} from '../wire/messages.ts'
import { DAMAGED, DATA, DECIDED, JUNK } from './position-index.ts'
import { firstOfClass, spansOf, type Span, type Stripe } from '../ranges.ts'
import type { Commit } from './store.ts'
import { UnitState, type UnitOptions } from './unit-state.ts'

/** A part of a stream as `readStream` and push give it. */
export interface StreamSlice extends Omit<StreamPart, 'entries'> { readonly entries: readonly Uint8Array[] }

interface CopyOptions extends Stripe { readonly any?: boolean | undefined; readonly ranges?: boolean | undefined }
/** Positions that one answer to a copy covers at most, however little it says of them: a turn stays short. */
const COPY_POSITIONS = 1 << 14

/** A sum of what is held at some positions, at or above the trim mark. */
interface Digest { readonly count: number; readonly sum: number; readonly trim: number }
/** The same of those of [from, to) that are decided, which are named by bits (`../bytes/bits.ts`). */
interface DecidedDigest extends Digest { readonly from: number; readonly to: number; readonly decided: string }
/** Positions that one answer tells of one by one: some milliseconds, and 16 KiB of bits. */
const DECIDED_POSITIONS = 1 << 16

/** Damaged positions that a unit tells of itself at most. */
const DAMAGED_TOLD = 64

/** One log unit. */
export class Unit {
  readonly state: UnitState

  constructor(options: UnitOptions) { this.state = new UnitState(options) }

  /** What must become durable before any answer of this step leaves; `undefined` when nothing has changed. */
  takeCommit(): Commit | undefined { return this.state.takeCommit() }

  // ---- the hot path

  /**
   * Stores entries under the writer's token. Statuses one by one, or `undefined` when all are stored: stored again is stored.
   *
   * @throws SirtakiError `EPOCH`, `RECOVERING`, `BAD_FRAME`, `DAMAGED`, `WRONG_CHAIN`.
   */
  store(epoch: number, count: number, entries: Uint8Array): Uint8Array | undefined {
    const { state } = this
    if (state.sealed > epoch) state.failpoint?.('unit.store.sealed', { epoch })
    const layout = state.requireServing(epoch)
    const view = viewOf(entries)
    let at = 0
    for (let i = 0; i < count; i++) {
      const length = checkEntry(entries, view, at, state.bounds)
      const position = positionAt(view, at)
      state.requireOwn(position)
      if (epochAt(view, at) !== epoch) throw new SirtakiError('EPOCH', `an entry with a token of epoch ${epochAt(view, at)} cannot be stored in epoch ${epoch}`, { facts: { position } })
      // Below the tail only a resolve may decide: a late store could meet a position that was granted in an older epoch.
      if (position < layout.tail) throw new SirtakiError('EPOCH', `position ${position} lies below the tail ${layout.tail} of epoch ${epoch}`, { facts: { position } })
      at += length
    }
    if (at !== entries.byteLength) throw new SirtakiError('BAD_FRAME', `${entries.byteLength - at} bytes behind the last entry`)
    return this.#storeChecked(epoch, count, entries, view)
  }

  #storeChecked(epoch: number, count: number, entries: Uint8Array, view: DataView): Uint8Array | undefined {
    const { state } = this
    let statuses: Uint8Array | undefined
    let base = -1
    for (let i = 0, at = 0; i < count; i++) {
      const length = lengthAt(view, at)
      const position = positionAt(view, at)
      const hash = hashAt(view, at)
      const status = this.#statusOf(position, KIND_DATA, hash)
      if (status === EMPTY) {
        if (base < 0) base = state.pack(entries)
        state.putData(position, entries, view, at, base + at, epoch)
      } else if (status !== STORED) {
        statuses ??= new Uint8Array(count)
        statuses[i] = status
      } else state.failpoint?.('unit.store.again', { position })
      at += length
    }
    return statuses
  }

  /** Notes that positions are decided, if the epoch is ours and we hold just that. Needs no commit: it can be found out again. */
  mark(epoch: number, position: number, hash: number, kind: EntryKind): void {
    if (this.#isMark(epoch, position, hash, kind)) this.state.decide(position, epoch)
  }

  #isMark(epoch: number, position: number, hash: number, kind: EntryKind): boolean {
    const { state } = this
    if (!state.serves(epoch) || position < state.trim || !state.owns(position)) return false
    const flags = state.index.flags(position)
    if (flags === 0 || (flags & DECIDED) !== 0 || state.isDecided(position)) return false
    const same = kind === KIND_DATA ? (flags & DATA) !== 0 && state.index.hash(position) === hash : (flags & JUNK) !== 0
    if (!same) state.failpoint?.('unit.mark.other', { position })
    return same
  }

  /** The same for junk at the positions of a range of the own class; above what is held there is nothing to mark. */
  markJunk(epoch: number, { from, to, step }: Span): void {
    const { state } = this
    const place = state.placeIn(from, step)
    if (place === undefined) return
    for (let at = firstOfClass(Math.max(from, state.prefix), place.index, step); at < to && at <= state.highest; at += step) {
      if (this.#isMark(epoch, at, JUNK_HASH, KIND_JUNK)) at = state.decideJunk(at, to, epoch)
    }
  }

  // ---- resolving

  /** Tells what is held in [from, to), so that a resolver can decide. @throws SirtakiError `EPOCH`, `RECOVERING`. */
  ask({ epoch, from, to, withBytes }: AskBody, bytesMax: number): AskedBody {
    const { state } = this
    state.requireServing(epoch)
    const held: Held[] = []
    let bytes = 0
    let at = state.firstOwn(Math.max(from, withBytes ? 0 : state.prefix, state.trim))
    for (; at < to && at <= state.highest && bytes < bytesMax; at = state.after(at)) {
      const one = this.#held(at, withBytes)
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
    const { state } = this
    state.requireServing(epoch)
    this.#checkOffers(epoch, offers)
    if (offers.some(({ position }) => state.placeAt(position)?.isFirst !== true)) throw new SirtakiError('WRONG_CHAIN', 'only the first unit of a chain decides')
    return { results: offers.map((offer) => {
      const status = this.#offerStatus(offer)
      if (status !== EMPTY) return this.#answer(offer.position, status)
      this.#put(offer, epoch)
      return { status: STORED, held: undefined }
    }) }
  }

  /**
   * Puts the first unit's value on another unit, over anything that is not decided.
   *
   * @throws SirtakiError `EPOCH`, `RECOVERING`, `WRONG_CHAIN` at the first unit.
   */
  force(epoch: number, offers: readonly Offer[]): OfferedBody {
    const { state } = this
    state.requireServing(epoch)
    this.#checkOffers(epoch, offers)
    if (offers.some(({ position }) => state.placeAt(position)?.isFirst === true)) throw new SirtakiError('WRONG_CHAIN', 'nothing is forced onto the first unit')
    return { results: offers.map((offer) => {
      const status = this.#offerStatus(offer)
      if (status === STORED || status === TRIMMED) return { status, held: undefined }
      if (status === OTHER && state.isDecided(offer.position)) return this.#answer(offer.position, DECIDED_OTHER)
      if (status === OTHER) state.failpoint?.('unit.force.over', { position: offer.position })
      this.#put(offer, epoch)
      return { status: STORED, held: undefined }
    }) }
  }

  /**
   * Ranges of junk. At the first unit: where nothing is held; elsewhere over anything that is not decided. Gives the
   * positions that hold data instead.
   */
  junk(epoch: number, first: boolean, ranges: readonly Span[]): { data: number[]; trim: number } {
    const { state } = this
    state.requireServing(epoch)
    const wrong = ranges.find(({ from, to, step }) => from < to && state.placeIn(from, step)?.isFirst !== first)
    if (wrong !== undefined) throw new SirtakiError('WRONG_CHAIN', `a range of junk from ${wrong.from} on meant for another place in a chain`)
    const count = ranges.reduce((sum, { from, to, step }) => sum + Math.max(0, to - from) / step, 0)
    if (count > state.limits.resolveRangeMax) throw new SirtakiError('BAD_ARGUMENT', `junk for ${count} positions at once, at most ${state.limits.resolveRangeMax} are allowed`, { facts: { count } })
    const data: number[] = []
    for (const range of ranges) this.#junkRange(range, first, epoch, data)
    return { data, trim: state.trim }
  }

  #junkRange({ from, to, step }: Span, first: boolean, epoch: number, data: number[]): void {
    const { state } = this
    const start = firstOfClass(Math.max(from, state.trim), state.placeIn(from, step)?.index ?? 0, step)
    let begin = -1
    const flush = (end: number): void => { if (begin >= 0) state.putJunk({ from: begin, to: end, step }, epoch); begin = -1 }
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

  // ---- reading

  /** Reads positions; what is not decided is told as such only under the reader's own epoch. */
  read(positions: readonly number[], bytesMax: number): ReadItem[] {
    let left = bytesMax
    return positions.map((position) => {
      const item = this.#readOne(position, left)
      left -= item.bytes?.byteLength ?? 0
      return item
    })
  }

  #readOne(position: number, bytesLeft: number): ReadItem {
    const { state } = this
    if (position < state.trim) return { status: TRIMMED, bytes: undefined }
    state.requireOwn(position)
    const flags = state.index.flags(position)
    if ((flags & DAMAGED) !== 0) return { status: DAMAGED_HERE, bytes: undefined }
    if (!state.isDecided(position)) return { status: state.index.holds(position) ? UNDECIDED : EMPTY, bytes: undefined }
    if ((flags & JUNK) !== 0) return { status: JUNK_DECIDED, bytes: undefined }
    const bytes = bytesLeft > 0 ? state.bytesOf(position) : undefined
    if (bytesLeft > 0 && bytes === undefined) return { status: DAMAGED_HERE, bytes: undefined }
    return { status: bytes === undefined ? UNDECIDED : DATA_DECIDED, bytes }
  }

  /**
   * Decided entries of a stream from `from` on, for a reader who takes this unit for chain `index` of `step`: all of them
   * below `completeTo`, and those above that are decided already, none from `to` on. Complete in one segment at most.
   *
   * @throws SirtakiError `WRONG_CHAIN` where this unit does not hold everything of its chain from there on.
   */
  readStream({ stream, from, to = Infinity, ...chain }: StreamFrom, bytesMax: number): StreamSlice {
    const { state } = this
    // Whose it was does not matter any more: places below the mark may be forgotten.
    if (from < state.trim) return { completeTo: state.trim, trim: state.trim, more: false, count: 0, entries: [] }
    const list = state.streams.get(stream)
    const entries: Uint8Array[] = []
    let completeTo = Math.min(state.prefix, this.requireCovered({ from, ...chain }))
    let more = false
    let bytes = 0
    const next = (at: number): number => list === undefined ? -1 : state.nextIn(list, stream, at)
    for (let position = next(from); position >= 0; position = next(position + 1)) {
      if (position >= to) { completeTo = Math.min(completeTo, position); break }
      if (!state.isDecided(position) || !state.owns(position)) continue
      const entry = bytes < bytesMax ? state.bytesOf(position) : undefined
      if (entry === undefined) { more = bytes >= bytesMax; completeTo = Math.min(completeTo, position); break }
      entries.push(entry)
      bytes += entry.byteLength
    }
    return { completeTo, trim: state.trim, more, count: entries.length, entries }
  }

  /**
   * Where what this unit holds completely of chain `index` of `step` from `from` on ends.
   * Who names no chain is served where there is only one: units change places, and chains may be as many as before
   * (P67).
   *
   * @throws SirtakiError `WRONG_CHAIN`.
   */
  requireCovered({ from, step, index = step === 1 ? 0 : undefined }: Omit<StreamFrom, 'stream' | 'to'>): number {
    const { state } = this
    const facts = { position: from, step, index }
    if (index === undefined) {
      throw new SirtakiError('WRONG_CHAIN', `a reader does not say for which of ${step} chains it takes this unit: upgrade it`, { facts })
    }
    const end = state.coveredTo(from, step, index)
    if (end === undefined) {
      const epoch = state.layout?.epoch ?? 0
      throw new SirtakiError('WRONG_CHAIN', `position ${from} in chain ${index} of ${step} is not this unit's under epoch ${epoch}`, { facts })
    }
    return end
  }

  // ---- copies

  /**
   * What is held at the positions of class `index` of `step` in [from, to), for a newcomer: decided entries of its own only. Ends
   * early where that is not so, after `bytesMax` bytes and after COPY_POSITIONS. With `any` whatever is here: for who knows the
   * hash of what it lost. With `ranges` junk is told in ranges: every epoch skips a window of it.
   */
  copyOut({ from, to, index, step, any = false, ranges = false }: CopyOptions, bytesMax: number): AskedBody {
    const { state } = this
    const held: Held[] = []
    const junk: number[] = []
    let bytes = 0
    let at = firstOfClass(Math.max(from, state.trim), index, step)
    const end = Math.min(to, at + COPY_POSITIONS * step)
    for (; at < end && bytes < bytesMax; at += step) {
      const one = any || (state.owns(at) && state.isDecided(at)) ? this.#held(at, true) : undefined
      if (one === undefined || one.damaged) break
      const inRange = ranges && !any && one.kind === KIND_JUNK
      if (!inRange || junk.at(-1) !== at - step) bytes += 32 + (one.bytes?.byteLength ?? 0)
      if (inRange) junk.push(at)
      else held.push(one)
    }
    return { to: Math.min(at, to), prefix: state.prefix, trim: state.trim, held, junk: spansOf(junk, step) }
  }

  /** Takes what a member of the positions' segment, one of `step` chains, holds decided, over whatever is here. Gives how many bytes are new. */
  copyIn({ held, junk: ranges }: Pick<AskedBody, 'held' | 'junk'>, step = 1): number {
    const { state } = this
    const junk: number[] = []
    let bytes = 0
    for (const { from, to } of ranges) for (let at = from; at < to; at += step) if (at >= state.trim && this.#statusOf(at, KIND_JUNK, JUNK_HASH) !== STORED) junk.push(at)
    for (const { position, kind, hash, bytes: entry } of held) {
      // Trimmed meanwhile: what is gone must not come back.
      if (position < state.trim || this.#statusOf(position, kind, hash) === STORED) continue
      if (kind === KIND_JUNK) { junk.push(position); continue }
      if (entry === undefined) throw new SirtakiError('BAD_FRAME', `a copy of position ${position} without its bytes`)
      this.#checkOffers(state.sealed, [{ position, bytes: entry }], false)
      bytes += entry.byteLength
      this.#put({ position, bytes: entry }, state.sealed)
    }
    for (const range of spansOf(junk, step)) state.putJunk(range, state.sealed)
    return bytes
  }

  /** Writes a damaged entry anew, of which the index has kept the hash. False where that is another one. */
  repair(position: number, hash: number, bytes: Uint8Array): boolean {
    const { state } = this
    if (position < state.trim || !state.damaged.has(position)) return true
    if (state.index.hash(position) !== hash) return false
    this.#checkOffers(state.sealed, [{ position, bytes }])
    state.failpoint?.('unit.repaired', { unit: state.identity, position })
    const marked = position >= state.prefix && state.isDecided(position)
    this.#put({ position, bytes }, state.sealed)
    if (marked) state.index.decide(position)
    return true
  }

  /**
   * Takes what recovery has found, in place of what is empty, damaged or undecided here; from then on everything of its own below
   * `below` is decided. Only sealed for a slot whose layout is not installed: nobody acts on what is here then. What is decided
   * here and whole stays, and is told.
   *
   * @throws SirtakiError `EPOCH` unless sealed for just that slot, `YOUNG` when something below `below` would stay empty or damaged.
   */
  restore(slot: number, below: number, offers: readonly Offer[]): OfferedBody {
    const { state } = this
    if (state.sealed !== slot || (state.layout?.epoch ?? 0) >= slot) throw new SirtakiError('EPOCH', `restored is what is sealed for epoch ${slot} and not moved there, this unit is sealed at ${state.sealed}, installed is ${state.layout?.epoch ?? 0}`, { facts: { slot, sealed: state.sealed } })
    this.#checkOffers(slot, offers, false)
    const given = new Set(offers.map(({ position }) => position))
    for (let at = state.lackingFrom(state.trim, below); at < below; at = state.lackingFrom(at + 1, below)) {
      if (given.has(at)) continue
      const facts = { position: at }
      throw new SirtakiError('YOUNG', `position ${at} below ${below} would stay without a value`, { facts })
    }
    const results = offers.map((offer): OfferedBody['results'][number] => {
      const status = this.#offerStatus(offer)
      if (status === STORED || status === TRIMMED) return { status, held: undefined }
      if (status === OTHER && state.owns(offer.position) && state.isDecided(offer.position)) return this.#answer(offer.position, DECIDED_OTHER)
      state.failpoint?.('unit.restored', { unit: state.identity, position: offer.position })
      this.#put(offer, slot)
      return { status: STORED, held: undefined }
    })
    state.restoreBelow(below, slot)
    return { results }
  }

  /** Takes over the trim mark of a member: what lies below it was decided everywhere. */
  adoptTrim(before: number): void {
    const { state } = this
    if (before > state.trim && before <= state.decidedTo) state.trimTo(before)
  }

  // ---- epochs

  /** Answers who this is. */
  identity({ identity: acceptor, initialised, slot }: { readonly identity: string; readonly initialised: boolean; readonly slot: number }): Identity {
    const { state } = this
    const { identity, boot, role, layout, opened, sealed } = state
    return {
      kind: 'unit', acceptor, identity, boot, role, cluster: layout?.cluster ?? null, epoch: layout?.epoch ?? 0,
      opened, sealed, slot: initialised ? slot : 0, initialised, damaged: state.damagedOwn(DAMAGED_TOLD),
    }
  }

  /**
   * Refuses everything below `slot` from now on, durably. A blank unit too: an epoch may name it that its driver died with, and
   * nobody could follow that epoch if it could not be sealed.
   *
   * @throws SirtakiError `EPOCH` when sealed above it, `WRONG_CLUSTER`.
   */
  seal(cluster: string, slot: number): Sealed {
    const { state } = this
    const installed = state.layout === undefined ? 0 : state.requireLayout(cluster).epoch
    if (slot < state.sealed) throw new SirtakiError('EPOCH', `sealed at ${state.sealed}, slot ${slot} is too late`, { facts: { sealed: state.sealed } })
    if (slot > state.sealed) state.setMeta({ sealed: slot })
    state.failpoint?.('unit.sealed', { slot, identity: state.identity, boot: state.boot })
    return { identity: state.identity, boot: state.boot, installed, role: state.role, highest: state.highest, trim: state.trim, prefix: state.prefix, heldTo: state.heldTo(), logTime: Math.ceil(state.logTime), salvaged: state.salvaged }
  }

  /**
   * Moves to a layout. Repeats harmlessly.
   *
   * @throws SirtakiError `BOOT` when the layout names another start of this process, `EPOCH` when sealed above it,
   *   `CONFLICT` when another layout of that epoch is installed, `NOT_MEMBER`.
   */
  install(layout: Layout): void {
    const { state } = this
    const member = [...unitsOf(layout), ...layout.spares].find((unit) => unit.identity === state.identity)
    if (member === undefined) throw new SirtakiError('NOT_MEMBER', `epoch ${layout.epoch} does not name this unit`)
    if (state.layout !== undefined) state.requireLayout(layout.cluster)
    if (state.layout?.epoch === layout.epoch && state.layout.epoch === state.sealed) {
      if (layoutText(state.layout) !== layoutText(layout)) throw new SirtakiError('CONFLICT', `another layout of epoch ${layout.epoch} is installed`, { next: 'stop' })
      return
    }
    if (layout.epoch < state.sealed) throw new SirtakiError('EPOCH', `sealed at ${state.sealed}, epoch ${layout.epoch} is too late`, { facts: { sealed: state.sealed } })
    if (member.boot !== state.boot) {
      state.failpoint?.('unit.install.boot', { epoch: layout.epoch })
      throw new SirtakiError('BOOT', `epoch ${layout.epoch} names another start of this unit`, { facts: { named: member.boot, boot: state.boot } })
    }
    invariant(state.highest < layout.tail, 'L6', { highest: state.highest, tail: layout.tail, epoch: layout.epoch })
    state.installLayout(layout)
  }

  /** Takes the first layout of a cluster into a blank unit: also under another boot, which then has to be named by the next epoch. */
  genesis(layout: Layout): void {
    const { state } = this
    if (state.layout !== undefined) {
      if (layoutText(state.layout) === layoutText(layout)) return
      throw new SirtakiError('NOT_BLANK', `this unit belongs to cluster ${state.layout.cluster} at epoch ${state.layout.epoch}: give it an empty folder`, { facts: { cluster: state.layout.cluster } })
    }
    if (state.sealed > 0) throw new SirtakiError('NOT_BLANK', `this unit was sealed at ${state.sealed}, for a cluster that wants it: give it an empty folder`)
    const member = unitsOf(layout).find((unit) => unit.identity === state.identity)
    if (member === undefined) throw new SirtakiError('NOT_MEMBER', 'the first layout does not name the disk of this unit', { next: 'stop' })
    state.installLayout(layout)
  }

  /** Marks everything below the tail as decided, durably: the epoch is open for this unit. */
  decidedBelow(epoch: number, tail: number): void {
    const { state } = this
    const layout = state.requireServing(epoch)
    if (layout.tail !== tail) throw new SirtakiError('CONFLICT', `epoch ${epoch} has tail ${layout.tail}, not ${tail}`, { next: 'stop' })
    const heldTo = state.heldTo()
    if (heldTo < tail) throw new SirtakiError('YOUNG', `position ${heldTo} below the tail ${tail} is still empty`, { facts: { position: heldTo } })
    state.decideBelow(tail, epoch)
  }

  /**
   * Drops everything below `before`, which must be decided.
   *
   * @throws SirtakiError `EPOCH`, `RECOVERING`, `YOUNG` above the decided prefix.
   */
  trim(epoch: number, before: number): void {
    const { state } = this
    state.requireServing(epoch)
    if (before > state.decidedTo) throw new SirtakiError('YOUNG', `everything below ${state.prefix} is decided here, ${before} is above it: resolve first`, { facts: { prefix: state.prefix } })
    if (before > state.trim) state.trimTo(before)
  }

  /**
   * Sums up what is held at the positions of class `index` of `step` in [from, to), its own or not: equal digests,
   * equal content. With `sound` what is known to be damaged is not held; else it counts with the hash that it had.
   */
  digest({ from, to, index, step }: Stripe, sound = false): Digest {
    const { state } = this
    const first = firstOfClass(Math.max(from, state.trim), index, step)
    const held = { from: first, to: Math.min(to, state.highest + 1), step }
    return { ...state.index.digest(held, sound), trim: state.trim }
  }

  /**
   * Which positions of a range are decided, as bits from the first of its class on, and their digest: up to `to`, for
   * one answer tells of a bounded number.
   */
  digestDecided({ from, to, index, step }: Stripe): DecidedDigest {
    const { state } = this
    const first = firstOfClass(Math.max(from, state.trim), index, step)
    const end = Math.min(to, first + DECIDED_POSITIONS * step)
    const bits = new Bits(Math.ceil(Math.max(0, end - first) / step))
    for (let at = first, i = 0; at < end; at += step, i++) if (state.isDecided(at)) bits.set(i)
    const decided = bits.text()
    return { ...this.digestAmong({ from: first, to: end, index, step }, decided), from: first, to: end, decided }
  }

  /** Sums up what is held at those positions of a range, from its start on, that bits name. */
  digestAmong({ from, to, step }: Stripe, positions: string): Digest {
    const { state: { index, trim } } = this
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
  isSound(range: Stripe): boolean { return this.digest(range).count === this.digest(range, true).count }

  /** Whether the bytes of everything in [from, to) were read back from the disk since they were written there. */
  isReadBack({ from, to }: { readonly from: number; readonly to: number }): boolean {
    const { index, trim, highest } = this.state
    return index.unreadIn(trim, from, Math.min(to, highest + 1)) < 0
  }

  // ---- one position

  #statusOf(position: number, kind: EntryKind, hash: number): OfferStatus | typeof EMPTY {
    const { state } = this
    if (position < state.trim) return TRIMMED
    const flags = state.index.flags(position)
    if (flags === 0) return EMPTY
    if ((flags & DAMAGED) !== 0) return DAMAGED_HERE
    const same = kind === KIND_DATA ? (flags & DATA) !== 0 && state.index.hash(position) === hash : (flags & JUNK) !== 0
    return same ? STORED : OTHER
  }

  #offerStatus({ position, bytes }: Offer): OfferStatus | typeof EMPTY {
    return bytes === undefined ? this.#statusOf(position, KIND_JUNK, JUNK_HASH) : this.#statusOf(position, KIND_DATA, hashAt(viewOf(bytes), 0))
  }

  #checkOffers(epoch: number, offers: readonly Offer[], own = true): void {
    for (const { position, bytes } of offers) {
      if (own) this.state.requireOwn(position)
      if (bytes === undefined) continue
      const view = viewOf(bytes)
      if (checkEntry(bytes, view, 0, this.state.bounds) !== bytes.byteLength || positionAt(view, 0) !== position || epochAt(view, 0) > epoch) {
        throw new SirtakiError('BAD_FRAME', `the entry offered for position ${position} is another one`)
      }
    }
  }

  #put({ position, bytes }: Offer, epoch: number): void {
    const { state } = this
    if (bytes === undefined) state.putJunk({ from: position, to: position + 1, step: 1 }, epoch)
    else state.putData(position, bytes, viewOf(bytes), 0, state.pack(bytes), epoch)
  }

  #answer(position: number, status: OfferStatus): { status: OfferStatus; held: Held | undefined } {
    return { status, held: status === STORED || status === TRIMMED ? undefined : this.#held(position, true) }
  }

  #held(position: number, withBytes: boolean): Held | undefined {
    const { state } = this
    const flags = state.index.flags(position)
    if (flags === 0) return undefined
    const bytes = withBytes && (flags & DATA) !== 0 ? state.bytesOf(position) : undefined
    const damaged = (state.index.flags(position) & DAMAGED) !== 0
    return { position, kind: (flags & DATA) !== 0 ? KIND_DATA : KIND_JUNK, decided: state.isDecided(position), damaged, hash: state.index.hash(position), bytes }
  }
}

