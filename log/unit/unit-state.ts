/**
 * What a log unit knows, in memory and staged for its disk: the index, the stream lists, epochs and marks.
 *
 * Owns: loading from a store's image, staging of commits, the decided prefix. The rules of the protocol are in
 * `unit.ts`. Keeps: L9 (with `server.ts`), L6 (the durable epoch is checked in the commit). Read next: `row.ts`,
 * `position-index.ts`.
 */
import { clusterSeed, streamsAt, hashAt, logTimeAt, lengthAt, type EntryBounds } from '../entry.ts'
import { SirtakiError } from '../errors.ts'
import { layoutText, placesOf, unitsOf, type Layout } from '../layout.ts'
import type { Limits } from '../limits.ts'
import type { Failpoint } from '../ports.ts'
import type { Span } from '../ranges.ts'
import { EntryReader } from './entry-reader.ts'
import { Places } from './places.ts'
import { DATA, DECIDED, PositionIndex, REPLACED } from './position-index.ts'
import { PositionSet } from './position-list.ts'
import { visitBlock } from './row-block.ts'
import { visitRow } from './row.ts'
import { Staging } from './staging.ts'
import type { Commit, StoreImage } from './store.ts'
import { StreamLists } from './stream-lists.ts'
import { readMeta, writeMeta, type UnitMeta } from './unit-meta.ts'

/** What a unit is made of. `readRow` reads a stored row's bytes. */
export interface UnitOptions {
  readonly image: StoreImage
  readonly boot: string
  readonly limits: Limits
  readonly readRow: (row: number) => Uint8Array | undefined
  readonly failpoint?: Failpoint | undefined
}

/**
 * blank: no layout; spare: waits for a place; recovering: the layout names another boot; sealed: moved to no newer
 * layout yet.
 */
export type Role = 'blank' | 'spare' | 'recovering' | 'serving' | 'sealed'

/** Decisions above the prefix that are listed while rows are read, before those that it has passed are left out. */
const DECIDED_MAX = 1 << 20

/** The state of one unit. Positions are of its own residue class unless said otherwise. */
export class UnitState {
  readonly identity: string
  readonly boot: string
  readonly limits: Limits
  readonly failpoint: Failpoint | undefined
  readonly index = new PositionIndex()
  readonly streams = new StreamLists()
  layout: Layout | undefined
  /** Refuses everything below; durable before it is told. Never below the layout's epoch. */
  sealed = 0
  /** The epoch below whose tail everything is known decided here. */
  opened = 0
  trim = 0
  /** Lowest position of the own class not known decided. */
  prefix = 0
  /** Highest position ever held, -1 for none. */
  highest = -1
  logTime = 0
  /** The highest log time that a sequencer of an epoch served here has told, in memory only. */
  heardTime = 0
  /** Rows were left out when the folder was opened: what is here may lack what was decided. */
  salvaged: boolean
  /** Positions whose bytes were found to be other than what was stored. */
  readonly damaged = new PositionSet()
  /** What was stored since this start. */
  readonly stored = { entries: 0, bytes: 0 }
  /** Positions that are its own under the layout installed. */
  places = new Places([], Infinity)
  readonly entries: EntryReader
  bounds: EntryBounds
  /** Told of positions that have become decided, while anyone listens. */
  onDecided: ((position: number) => void) | undefined
  #serving = false
  readonly #staging: Staging

  constructor({ image, boot, limits, readRow, failpoint }: UnitOptions) {
    this.identity = image.identity
    this.salvaged = image.salvaged
    this.boot = boot
    this.limits = limits
    this.failpoint = failpoint
    this.#staging = new Staging(image.epoch)
    this.entries = new EntryReader({
      index: this.index,
      readRow,
      bounds: () => this.bounds,
      damaged: (position) => {
        this.#damagedAt(position)
      },
      staged: (row, offset) => this.#staging.pieceAt(row, offset),
    })
    this.bounds = { seed: 0, entryBytesMax: limits.entryBytesMax, streamsMax: limits.streamsMax }
    if (image.meta !== undefined) this.#loadMeta(readMeta(image.meta))
    this.#loadRows(image)
    if (this.layout !== undefined) this.#become(this.layout)
  }

  #loadMeta(meta: UnitMeta): void {
    this.layout = meta.layout ?? undefined
    this.sealed = meta.sealed
    this.opened = meta.opened
    this.trim = meta.trim
    this.prefix = meta.prefix
    this.logTime = meta.logTime
    this.highest = meta.highest
  }

  #loadRows(image: StoreImage): void {
    let row = 0
    let top = -1
    let decided: number[] = []
    const visitor = {
      prefix: (prefix: number, logTime: number): void => {
        this.prefix = Math.max(this.prefix, prefix)
        this.logTime = Math.max(this.logTime, logTime)
      },
      data: (position: number, offset: number, hash: number, streams: readonly number[]): void => {
        top = Math.max(top, position)
        // A row stays until all of it is trimmed, and for a while after.
        if (position >= this.trim) this.#noteData(position, hash, row, offset, streams)
      },
      junk: ({ from, to, step }: Span): void => {
        top = Math.max(top, to - 1)
        this.#noteJunk({ from: from + Math.max(0, Math.ceil((this.trim - from) / step)) * step, to, step })
      },
      decided: (position: number): void => {
        decided.push(position)
      },
      begin: (id: number): void => {
        row = id
        top = -1
      },
      end: (bytesLength: number): void => {
        this.#staging.loaded(row, top, bytesLength)
        // What the prefix has passed is decided anyway: without that the list would grow with the log.
        if (decided.length >= DECIDED_MAX) decided = decided.filter((position) => position >= this.prefix)
      },
    }
    for (const part of image.blocks ?? image.headers) {
      if ('block' in part) {
        visitBlock(part, visitor)
        continue
      }
      visitor.begin(part.id)
      visitRow(part.id, part.header, visitor)
      visitor.end(part.bytesLength)
    }
    for (const position of decided) if (this.index.holds(position)) this.index.decide(position)
    // A trim that a restart has cut short goes on.
    if (this.trim > 0) this.#staging.dropBelow(this.trim)
  }

  // ---- questions

  /** What was left out when the folder was opened is here again. */
  noteWhole(): void {
    this.salvaged = false
  }

  get role(): Role {
    if (this.layout === undefined) return 'blank'
    if (this.places.list.length === 0) return 'spare'
    if (!this.#serving) return 'recovering'
    return this.sealed > this.layout.epoch ? 'sealed' : 'serving'
  }

  serves(epoch: number): boolean {
    return this.#serving && this.layout?.epoch === epoch && this.sealed === epoch
  }
  isDecided(position: number): boolean {
    return position < this.prefix || (this.index.flags(position) & DECIDED) !== 0
  }

  /** @throws SirtakiError `EPOCH` or `RECOVERING` unless exactly this epoch is installed and served. */
  requireServing(epoch: number): Layout {
    const layout = this.layout
    if (layout === undefined) throw new SirtakiError('NOT_READY', 'this unit is blank: run init')
    if (layout.epoch !== epoch || this.sealed !== epoch) {
      throw new SirtakiError(
        'EPOCH',
        `the message is of epoch ${epoch}, installed is ${layout.epoch}, sealed at ${this.sealed}`,
        { facts: { epoch, installed: layout.epoch, sealed: this.sealed } },
      )
    }
    if (!this.#serving) {
      throw new SirtakiError(
        'RECOVERING',
        this.places.list.length === 0
          ? 'this unit is a spare'
          : 'this unit was restarted and waits for the next epoch to name it',
        { facts: { epoch } },
      )
    }
    return layout
  }

  /** @throws SirtakiError `NOT_READY` while blank, `WRONG_CLUSTER`. */
  requireLayout(cluster: string): Layout {
    if (this.layout === undefined) throw new SirtakiError('NOT_READY', 'this unit is blank: run init')
    if (this.layout.cluster !== cluster) {
      throw new SirtakiError(
        'WRONG_CLUSTER',
        `this unit belongs to cluster ${this.layout.cluster}, not to ${cluster}`,
        { facts: { cluster: this.layout.cluster } },
      )
    }
    return this.layout
  }

  /** Lowest own position, at or above the trim mark, that is empty; the tail of the layout when nothing below it is. */
  heldTo(): number {
    const at = this.#past('pastHeld', this.prefix, this.highest + 1)
    return at === Infinity ? Math.max(this.prefix, this.layout?.tail ?? 0) : at
  }

  /** The lowest own position from `from` on that is empty or damaged; `to` or above when there is none below it. */
  lackingFrom(from: number, to: number): number {
    return this.#past('pastWhole', from, to)
  }

  /** The first own position from `from` on that a search of the index does not pass; the first from `to` on at most. */
  #past(search: 'pastHeld' | 'pastWhole', from: number, to: number): number {
    let at = this.places.first(from)
    while (at < to) {
      const place = this.places.at(at)
      if (place === undefined) return at
      const end = Math.min(to, place.to)
      const next = this.index[search](at, end, place.step)
      if (next < end) return next
      at = this.places.first(next)
    }
    return at
  }

  /**
   * The bytes of the entry at a position, checked; `undefined` (and remembered as damaged) when they are not what was
   * stored.
   */
  bytesOf(position: number): Uint8Array | undefined {
    return this.entries.bytesOf(position)
  }

  /** Whether the bytes at a position wait for the next commit. */
  isStaged(position: number): boolean {
    return this.index.row(position) === this.#staging.row
  }

  /** Positions of its own that are known to be damaged, `max` of them at most. */
  damagedOwn(max: number): number[] {
    const found: number[] = []
    for (const position of this.damaged) {
      if (found.length === max) break
      if (this.places.owns(position)) found.push(position)
    }
    return found
  }

  /** Reads a damaged position once more: a disk may also have read from a wrong place. True when it is whole. */
  recheck(position: number): boolean {
    this.index.undamage(position)
    if (!this.entries.verify(position, { row: -1, bytes: undefined })) return false
    this.damaged.delete(position)
    return true
  }

  #damagedAt(position: number): void {
    this.index.damage(position)
    this.damaged.add(position)
    this.failpoint?.('unit.damaged', { unit: this.identity, position })
  }

  // ---- staging

  /** Packs bytes of entries into the row of the next commit; gives their offset. */
  pack(bytes: Uint8Array): number {
    return this.#staging.pack(bytes)
  }

  /** Stages the entry at `at` of `bytes`, which will lie at `offset` of the row. */
  putData(position: number, bytes: Uint8Array, view: DataView, at: number, offset: number, epoch: number): void {
    const streams = streamsAt(view, at)
    const hash = hashAt(view, at)
    this.logTime = Math.max(this.logTime, logTimeAt(view, at))
    this.stored.entries++
    this.stored.bytes += lengthAt(view, at)
    this.#staging.data(position, { offset, bytes: lengthAt(view, at), hash, streams }, this.index.holds(position))
    this.#noteData(position, hash, this.#staging.row, offset, streams)
    this.failpoint?.('unit.put', { unit: this.identity, position, kind: 'data', hash, epoch })
  }

  /** Stages junk. */
  putJunk(range: Span, epoch: number): void {
    this.#staging.junk(range)
    for (let at = range.from; at < range.to && this.failpoint !== undefined; at += range.step) {
      this.failpoint('unit.put', { unit: this.identity, position: at, kind: 'junk', hash: 0, epoch })
    }
    this.#noteJunk(range)
  }

  setMeta(change: { sealed?: number; opened?: number }): void {
    this.sealed = change.sealed ?? this.sealed
    this.opened = change.opened ?? this.opened
    this.#staging.changeMeta()
  }

  installLayout(layout: Layout): void {
    this.layout = layout
    this.sealed = layout.epoch
    this.logTime = Math.max(this.logTime, layout.logTime)
    this.#staging.changeMeta()
    this.#become(layout)
    if (layout.trim > this.trim) {
      // A unit trims only what was decided in every chain: so all of it is decided here too.
      this.prefix = Math.max(this.prefix, layout.trim)
      this.#advance()
      this.trimTo(layout.trim)
    }
    this.failpoint?.('unit.installed', {
      unit: this.identity,
      boot: this.boot,
      epoch: layout.epoch,
      layout: layoutText(layout),
      serving: this.#serving,
    })
  }

  #become(layout: Layout): void {
    this.bounds = { ...this.bounds, seed: clusterSeed(layout.cluster) }
    this.places = new Places(placesOf(layout, this.identity))
    this.#serving = unitsOf(layout).some((unit) => unit.identity === this.identity && unit.boot === this.boot)
    this.prefix = Math.max(this.prefix, this.trim)
    this.#advance()
  }

  /** Marks one held position as decided. */
  decide(position: number, epoch: number): void {
    this.index.decide(position)
    this.#noteDecided(position, epoch)
    if (position === this.prefix) this.#advance()
    this.onDecided?.(position)
  }

  #noteDecided(position: number, epoch: number): void {
    this.failpoint?.('unit.decided', {
      unit: this.identity,
      position,
      kind: (this.index.flags(position) & DATA) !== 0 ? 'data' : 'junk',
      hash: this.index.hash(position),
      epoch,
    })
    if (position > this.prefix) this.#staging.decided(position)
  }

  /**
   * Marks junk as decided, with all of it that follows below `to` where there is one chain. Gives the last position
   * marked.
   */
  decideJunk(position: number, to: number, epoch: number): number {
    const place = this.places.at(position)
    const end = place?.step === 1 ? this.index.pastJunk(position, Math.min(to, place.to), 1) : position
    if (end <= position + 1) {
      this.decide(position, epoch)
      return position
    }
    this.index.decideRange(position, end)
    // First, so that nothing is listed as decided above a prefix that passes it. Nobody waits for junk: `onDecided` is
    // not told.
    if (this.prefix >= position && this.prefix < end) this.#advance()
    if (this.failpoint !== undefined || end - 1 > this.prefix) {
      for (let at = position; at < end; at++) this.#noteDecided(at, epoch)
    }
    return end - 1
  }

  /** Marks everything below `tail` as decided: all of it is held. */
  decideBelow(tail: number, epoch: number): void {
    this.#decideAll(tail, epoch)
    if (this.places.first(this.prefix) === Infinity) this.prefix = Math.max(this.prefix, tail)
    this.setMeta({ opened: epoch })
  }

  /** The same without an epoch that is open: recovery says so. */
  restoreBelow(below: number, epoch: number): void {
    this.#decideAll(below, epoch)
    this.setMeta({})
  }

  /**
   * In ranges: one by one, a million takes 170 ms. The prefix passes them first: none is listed as decided above it.
   */
  #decideAll(to: number, epoch: number): void {
    const isHeard = this.failpoint !== undefined || this.onDecided !== undefined
    const fresh: number[] = []
    for (let at = this.places.first(this.prefix); at < to;) {
      const place = this.places.at(at)
      if (place === undefined) break
      const end = Math.min(to, place.to)
      for (let one = at; isHeard && one < end; one += place.step) if (!this.isDecided(one)) fresh.push(one)
      if (place.step === 1) this.index.decideRange(at, end)
      else for (let one = at; one < end; one += place.step) this.index.decide(one)
      at = this.places.first(end)
    }
    this.#advance()
    for (const one of fresh) {
      this.#noteDecided(one, epoch)
      if ((this.index.flags(one) & DATA) !== 0) this.onDecided?.(one)
    }
  }

  /**
   * Everything of its own below it is decided; where the open segment does not name it, everything it will ever hold.
   */
  get decidedTo(): number {
    return this.places.first(this.prefix) === Infinity ? Infinity : this.prefix
  }

  /** The prefix stands at an own position, or behind the last one where the open segment does not name this unit. */
  #advance(): void {
    let at = this.places.first(this.prefix)
    while (at !== Infinity && (this.index.flags(at) & DECIDED) !== 0) {
      at = this.places.isOpenFrom(at)
        ? this.index.pastDecided(at, Infinity, this.places.openStep)
        : this.places.after(at)
    }
    this.prefix = at === Infinity ? Math.max(this.prefix, this.places.end) : at
  }

  /** Takes a trim mark, with the next commit; what it leaves behind goes in slices, the first one with it. */
  trimTo(before: number): void {
    this.trim = before
    this.prefix = Math.max(this.prefix, before)
    this.damaged.deleteBelow(before)
    this.index.forgetBelow(before)
    this.streams.trim()
    this.#staging.dropBelow(before)
    this.#staging.changeMeta()
    this.tidy()
    this.failpoint?.('unit.trimmed', { unit: this.identity, before })
  }

  /** Something below the trim mark is still there: `tidy` takes a slice of it. */
  get untidy(): boolean {
    return this.#staging.isDropping || this.streams.isUntidy
  }

  /** Lets go of a slice of what was trimmed: rows with the next commit, and the beginnings of lists. */
  tidy(): void {
    const { dropRowsMax, dropBytesMax } = this.limits
    const dropped = this.#staging.dropSome({ rows: dropRowsMax, bytes: dropBytesMax })
    for (const row of dropped) this.entries.forget(row)
    this.streams.tidy(this.trim)
  }

  /** What must become durable; `undefined` when nothing has changed. */
  takeCommit(): Commit | undefined {
    const meta = (): { epoch: number; text: string } => ({ epoch: this.sealed, text: writeMeta(this) })
    const commit = this.#staging.take(this, meta)
    if (commit?.row !== undefined) this.entries.keep(commit.row.id, commit.row.bytes)
    return commit
  }

  // ---- memory

  #noteData(position: number, hash: number, row: number, offset: number, streams: readonly number[]): void {
    const before = this.index.flags(position)
    const isOther =
      before !== 0 && ((before & DATA) === 0 || (before & REPLACED) !== 0 || this.index.hash(position) !== hash)
    if (this.damaged.size > 0) this.damaged.delete(position)
    this.index.setData(position, hash, row, offset)
    if (isOther) this.index.replace(position)
    this.highest = Math.max(this.highest, position)
    this.#staging.reaches(position)
    this.streams.add(streams, position)
  }

  /** Where it replaces data the lists go on naming the position: `nextIn` passes it over. */
  #noteJunk(range: Span): void {
    const { from, to, step } = range
    for (let at = this.damaged.next(from); at >= 0 && at < to; at = this.damaged.next(at + 1)) {
      if ((at - from) % step === 0) this.damaged.delete(at)
    }
    this.index.setJunk(range)
    if (from < to) this.highest = Math.max(this.highest, from + Math.floor((to - 1 - from) / step) * step)
    this.#staging.reaches(to - 1)
  }

  /** The lowest position of a stream at or above `position`, -1 when there is none. */
  nextIn(stream: number, position: number): number {
    return this.streams.next(stream, Math.max(position, this.trim), this.#belongs)
  }

  readonly #belongs = (position: number, stream: number): boolean => {
    const flags = this.index.flags(position)
    return (flags & DATA) !== 0 && ((flags & REPLACED) === 0 || this.entries.isOf(position, stream))
  }
}
