/**
 * The log unit: a machine. It keeps positions write-once under exactly the epoch it has installed.
 *
 * Its rooms: storing and reading are here, `decisions.ts` resolves, `copies.ts` gives and takes copies,
 * `membership.ts` moves from epoch to epoch. Methods check, change memory and stage what must become durable;
 * `takeCommit` hands the staged commit over, and no answer may leave before it is durable (`server.ts` sees to that).
 * A method that throws has changed nothing.
 *
 *     0 ... trim ........ prefix ............ highest
 *     gone | all decided  | some decided, some undecided, some empty (of the own residue class)
 *
 * Keeps: L1, L9 (with the server). Read next: `unit-state.ts`, `server.ts`.
 * @source CORFU NSDI'12 3.2; chain replication OSDI'04; store-all and the deciding first unit: docs/rules.md, L5.
 */
import { viewOf } from '../bytes/bytes.ts'
import {
  KIND_DATA,
  KIND_JUNK,
  checkEntry,
  JUNK_HASH,
  positionAt,
  epochAt,
  lengthAt,
  hashAt,
  type EntryKind,
} from '../entry.ts'
import { SirtakiError } from '../errors.ts'
import { firstOfClass, type Span } from '../ranges.ts'
import {
  DAMAGED_HERE,
  DATA_DECIDED,
  EMPTY,
  JUNK_DECIDED,
  STORED,
  TRIMMED,
  UNDECIDED,
  type ReadItem,
  type StreamFrom,
  type StreamPart,
} from '../wire/messages.ts'
import { Copies } from './copies.ts'
import { Decisions } from './decisions.ts'
import { statusOf } from './held.ts'
import { Membership } from './membership.ts'
import { DAMAGED, DATA, DECIDED, JUNK } from './position-index.ts'
import type { Commit } from './store.ts'
import { UnitState, type UnitOptions } from './unit-state.ts'

/** A part of a stream as `readStream` and push give it. */
export interface StreamSlice extends Omit<StreamPart, 'entries'> {
  readonly entries: readonly Uint8Array[]
}

/** One log unit. */
export class Unit {
  readonly state: UnitState
  readonly decisions: Decisions
  readonly copies: Copies
  readonly membership: Membership

  constructor(options: UnitOptions) {
    this.state = new UnitState(options)
    this.decisions = new Decisions(this.state)
    this.copies = new Copies(this.state)
    this.membership = new Membership(this.state)
  }

  /** What must become durable before any answer of this step leaves; `undefined` when nothing has changed. */
  takeCommit(): Commit | undefined {
    return this.state.takeCommit()
  }

  /**
   * Stores entries under the writer's token. Statuses one by one, or `undefined` when all are stored: stored again is
   * stored.
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
      state.places.requireOwn(position)
      if (epochAt(view, at) !== epoch) {
        throw new SirtakiError(
          'EPOCH',
          `an entry with a token of epoch ${epochAt(view, at)} cannot be stored in epoch ${epoch}`,
          { facts: { position } },
        )
      }
      // Below the tail only a resolve may decide: a late store could meet a position that was granted in an older
      // epoch.
      if (position < layout.tail) {
        throw new SirtakiError('EPOCH', `position ${position} lies below the tail ${layout.tail} of epoch ${epoch}`, {
          facts: { position },
        })
      }
      at += length
    }
    if (at !== entries.byteLength) {
      throw new SirtakiError('BAD_FRAME', `${entries.byteLength - at} bytes behind the last entry`)
    }
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
      const status = statusOf(state, position, KIND_DATA, hash)
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

  /**
   * Notes that positions are decided, if the epoch is ours and we hold just that. Needs no commit: it can be found out
   * again.
   */
  mark(epoch: number, position: number, hash: number, kind: EntryKind): void {
    if (this.#isMark(epoch, position, hash, kind)) this.state.decide(position, epoch)
  }

  #isMark(epoch: number, position: number, hash: number, kind: EntryKind): boolean {
    const { state } = this
    if (!state.serves(epoch) || position < state.trim || !state.places.owns(position)) return false
    const flags = state.index.flags(position)
    if (flags === 0 || (flags & DECIDED) !== 0 || state.isDecided(position)) return false
    const same = kind === KIND_DATA ? (flags & DATA) !== 0 && state.index.hash(position) === hash : (flags & JUNK) !== 0
    if (!same) state.failpoint?.('unit.mark.other', { position })
    return same
  }

  /** The same for junk at the positions of a range of the own class; above what is held there is nothing to mark. */
  markJunk(epoch: number, { from, to, step }: Span): void {
    const { state } = this
    const place = state.places.in(from, step)
    if (place === undefined) return
    for (
      let at = firstOfClass(Math.max(from, state.prefix), place.index, step);
      at < to && at <= state.highest;
      at += step
    ) {
      if (this.#isMark(epoch, at, JUNK_HASH, KIND_JUNK)) at = state.decideJunk(at, to, epoch)
    }
  }

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
    state.places.requireOwn(position)
    const flags = state.index.flags(position)
    if ((flags & DAMAGED) !== 0) return { status: DAMAGED_HERE, bytes: undefined }
    if (!state.isDecided(position)) return { status: state.index.holds(position) ? UNDECIDED : EMPTY, bytes: undefined }
    if ((flags & JUNK) !== 0) return { status: JUNK_DECIDED, bytes: undefined }
    const bytes = bytesLeft > 0 ? state.bytesOf(position) : undefined
    if (bytesLeft > 0 && bytes === undefined) return { status: DAMAGED_HERE, bytes: undefined }
    return { status: bytes === undefined ? UNDECIDED : DATA_DECIDED, bytes }
  }

  /**
   * Decided entries of a stream from `from` on, for a reader who takes this unit for chain `index` of `step`: all of
   * them below `completeTo`, and those above that are decided already, none from `to` on. Complete in one segment at
   * most.
   *
   * @throws SirtakiError `WRONG_CHAIN` where this unit does not hold everything of its chain from there on.
   */
  readStream({ stream, from, to = Infinity, ...chain }: StreamFrom, bytesMax: number): StreamSlice {
    const { state } = this
    // Whose it was does not matter any more: places below the mark may be forgotten.
    if (from < state.trim) return { completeTo: state.trim, trim: state.trim, more: false, count: 0, entries: [] }
    const entries: Uint8Array[] = []
    let completeTo = Math.min(state.prefix, this.requireCovered({ from, ...chain }))
    let more = false
    let bytes = 0
    for (let position = state.nextIn(stream, from); position >= 0; position = state.nextIn(stream, position + 1)) {
      if (position >= to) {
        completeTo = Math.min(completeTo, position)
        break
      }
      if (!state.isDecided(position) || !state.places.owns(position)) continue
      const entry = bytes < bytesMax ? state.bytesOf(position) : undefined
      if (entry === undefined) {
        more = bytes >= bytesMax
        completeTo = Math.min(completeTo, position)
        break
      }
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
      throw new SirtakiError(
        'WRONG_CHAIN',
        `a reader does not say for which of ${step} chains it takes this unit: upgrade it`,
        { facts },
      )
    }
    const end = state.places.coveredTo(from, step, index)
    if (end === undefined) {
      const epoch = state.layout?.epoch ?? 0
      throw new SirtakiError(
        'WRONG_CHAIN',
        `position ${from} in chain ${index} of ${step} is not this unit's under epoch ${epoch}`,
        { facts },
      )
    }
    return end
  }
}
