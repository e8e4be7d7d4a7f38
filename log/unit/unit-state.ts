/**
 * What a log unit knows, in memory and staged for its disk: the index, the stream lists, epochs and marks.
 *
 * Owns: loading from a store's image, staging of commits, the decided prefix. The rules of the protocol are in `unit.ts`.
 * Keeps: L9 (with `server.ts`), L6 (the durable epoch is checked in the commit). Read next: `row.ts`, `position-index.ts`.
 */
import { integer, nullable, object } from 'superstruct'
import {
  ENTRY_HEAD_BYTES, checkEntry, clusterSeed, streamsAt, hashAt, positionAt, logTimeAt, lengthAt,
  type EntryBounds,
} from '../entry.ts'
import { SirtakiError, isError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { LayoutStruct, layoutText, placesOf, unitsOf, whole, type Layout, type Place } from '../layout.ts'
import type { Failpoint } from '../ports.ts'
import { concat, viewOf } from '../bytes/bytes.ts'
import { firstOfClass, type Span } from '../ranges.ts'
import { DATA, DECIDED, PositionIndex, REPLACED } from './position-index.ts'
import { PositionList, PositionSet } from './position-list.ts'
import { visitBlock } from './row-block.ts'
import { RowBuilder, visitRow } from './row.ts'
import { RowCache } from './row-cache.ts'
import { Rows } from './rows.ts'
import type { Commit, StoreImage } from './store.ts'
import { WideMap } from './wide-map.ts'

/** What a unit is made of. `readRow` reads a stored row's bytes. */
export interface UnitOptions {
  readonly image: StoreImage
  readonly boot: string
  readonly limits: Limits
  readonly readRow: (row: number) => Uint8Array | undefined
  readonly failpoint?: Failpoint | undefined
}

/** blank: no layout; spare: waits for a place; recovering: the layout names another boot; sealed: moved to no newer layout yet. */
export type Role = 'blank' | 'spare' | 'recovering' | 'serving' | 'sealed'

const Meta = object({ version: integer(), layout: nullable(LayoutStruct), sealed: whole, opened: whole, trim: whole, prefix: whole, logTime: whole, highest: integer() })
const NO_BYTES = new Uint8Array(0)
/** Bytes of rows kept for readers that follow closely. */
const CACHE_BYTES = 8 << 20
/** Decisions above the prefix that are listed while rows are read, before those that it has passed are left out. */
const DECIDED_MAX = 1 << 20
/** Lists of streams whose beginning one step trims: some microseconds each. */
const LISTS_A_STEP = 4_096

/** The state of one unit. Positions are of its own residue class unless said otherwise. */
export class UnitState {
  readonly identity: string
  readonly boot: string
  readonly limits: Limits
  readonly failpoint: Failpoint | undefined
  readonly index = new PositionIndex()
  readonly streams = new WideMap<number, PositionList>()
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
  /** Rows were left out when the folder was opened: what is here may lack what was decided. */
  salvaged: boolean
  /** Positions whose bytes were found to be other than what was stored. */
  readonly damaged = new PositionSet()
  /** What was stored since this start. */
  readonly stored = { entries: 0, bytes: 0 }
  /** Positions that are its own under the layout installed, ascending. Several when segments wait to be merged. */
  places: readonly Place[] = []
  bounds: EntryBounds
  /** Told of positions that have become decided, while anyone listens. */
  onDecided: ((position: number) => void) | undefined
  /** The last place, by itself: nearly every position is there. */
  #from = 0
  #to = Infinity
  #step = 1
  #class = 0
  #serving = false
  readonly #readRow: (row: number) => Uint8Array | undefined
  readonly #cache = new RowCache(CACHE_BYTES)
  #viewed: Uint8Array = NO_BYTES
  #view = viewOf(NO_BYTES)
  readonly #rows = new Rows()
  /** Lists of streams whose beginning was trimmed and is still there, while there are any. */
  #untrimmed: Iterator<[number, PositionList]> | undefined
  #nextRow = 1
  #durableEpoch: number
  #builder = new RowBuilder()
  #drop: number[] = []
  #metaChanged = false
  /** Decided above the prefix since the last row. */
  #above: number[] = []

  constructor({ image, boot, limits, readRow, failpoint }: UnitOptions) {
    this.identity = image.identity
    this.salvaged = image.salvaged
    this.boot = boot
    this.limits = limits
    this.failpoint = failpoint
    this.#readRow = readRow
    this.#durableEpoch = image.epoch
    this.bounds = { seed: 0, entryBytesMax: limits.entryBytesMax, streamsMax: limits.streamsMax }
    if (image.meta !== undefined) this.#loadMeta(image.meta)
    this.#loadRows(image)
    if (this.layout !== undefined) this.#become(this.layout)
  }

  #loadMeta(text: string): void {
    const [error, meta] = Meta.validate(JSON.parse(text))
    if (error !== undefined) throw new SirtakiError('DAMAGED', `the unit's meta makes no sense: ${error.message}`, { cause: error })
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
      decided: (position: number): void => { decided.push(position) },
      begin: (id: number): void => { row = id; top = -1 },
      end: (bytesLength: number): void => {
        this.#rows.add(row, top, bytesLength)
        this.#nextRow = row + 1
        // What the prefix has passed is decided anyway: without that the list would grow with the log.
        if (decided.length >= DECIDED_MAX) decided = decided.filter((position) => position >= this.prefix)
      },
    }
    for (const part of image.blocks ?? image.headers) {
      if ('block' in part) { visitBlock(part, visitor); continue }
      visitor.begin(part.id)
      visitRow(part.id, part.header, visitor)
      visitor.end(part.bytesLength)
    }
    for (const position of decided) if (this.index.holds(position)) this.index.decide(position)
    // A trim that a restart has cut short goes on.
    if (this.trim > 0) this.#rows.dropBelow(this.trim)
  }

  // ---- questions

  get role(): Role {
    if (this.layout === undefined) return 'blank'
    if (this.places.length === 0) return 'spare'
    if (!this.#serving) return 'recovering'
    return this.sealed > this.layout.epoch ? 'sealed' : 'serving'
  }

  serves(epoch: number): boolean { return this.#serving && this.layout?.epoch === epoch && this.sealed === epoch }
  owns(position: number): boolean { return position >= this.#from && position < this.#to ? position % this.#step === this.#class : this.placeAt(position) !== undefined }

  /** The place of a position of its own. */
  placeAt(position: number): Place | undefined { return this.places.find(({ from, to, index, step }) => position >= from && position < to && position % step === index) }

  /** The place where a range of positions of one of `step` chains begins. */
  placeIn(position: number, count: number): Place | undefined { return this.places.find(({ from, to, step }) => position >= from && position < to && step === count) }

  /** The first own position at or above `position`; Infinity when the open segment does not name it. */
  firstOwn(position: number): number {
    if (position >= this.#from && this.#to === Infinity) return firstOfClass(position, this.#class, this.#step)
    for (const { from, to, index, step } of this.places) {
      const first = firstOfClass(Math.max(from, position), index, step)
      if (first < to) return first
    }
    return Infinity
  }

  /** The own position after an own one. */
  after(position: number): number { return position >= this.#from && this.#to === Infinity ? position + this.#step : this.firstOwn(position + 1) }

  /** From where on everything of its class up to the open end is here; undefined when the open segment does not name it. */
  get openPlace(): { readonly from: number; readonly index: number; readonly step: number } | undefined {
    const last = this.places.at(-1)
    if (last?.to !== Infinity) return undefined
    let { from } = last
    for (const place of this.places.toReversed()) if (place.to === from && place.step === last.step && place.index === last.index) from = place.from
    return { from, index: last.index, step: last.step }
  }

  /**
   * Where everything of class `index` of `step` from `from` on ends: a stream read from there is complete no further.
   * Undefined where it is no member.
   */
  coveredTo(from: number, step: number, index: number): number | undefined {
    let to: number | undefined
    for (const place of this.places) {
      const follows = to === undefined ? from >= place.from && from < place.to : place.from === to
      if (follows && place.step === step && place.index === index) ({ to } = place)
    }
    return to
  }

  isDecided(position: number): boolean { return position < this.prefix || (this.index.flags(position) & DECIDED) !== 0 }

  /** @throws SirtakiError `EPOCH` or `RECOVERING` unless exactly this epoch is installed and served. */
  requireServing(epoch: number): Layout {
    const layout = this.layout
    if (layout === undefined) throw new SirtakiError('NOT_READY', 'this unit is blank: run init')
    if (layout.epoch !== epoch || this.sealed !== epoch) throw new SirtakiError('EPOCH', `the message is of epoch ${epoch}, installed is ${layout.epoch}, sealed at ${this.sealed}`, { facts: { epoch, installed: layout.epoch, sealed: this.sealed } })
    if (!this.#serving) throw new SirtakiError('RECOVERING', this.places.length === 0 ? 'this unit is a spare' : 'this unit was restarted and waits for the next epoch to name it', { facts: { epoch } })
    return layout
  }

  /** @throws SirtakiError `NOT_READY` while blank, `WRONG_CLUSTER`. */
  requireLayout(cluster: string): Layout {
    if (this.layout === undefined) throw new SirtakiError('NOT_READY', 'this unit is blank: run init')
    if (this.layout.cluster !== cluster) throw new SirtakiError('WRONG_CLUSTER', `this unit belongs to cluster ${this.layout.cluster}, not to ${cluster}`, { facts: { cluster: this.layout.cluster } })
    return this.layout
  }

  /** @throws SirtakiError `WRONG_CHAIN` for a position of another chain. */
  requireOwn(position: number): void {
    if (!this.owns(position)) throw new SirtakiError('WRONG_CHAIN', `position ${position} is not this unit's: it holds ${this.#placesText()}`, { facts: { position } })
  }

  #placesText(): string {
    return this.places.length === 0 ? 'none' : this.places.map(({ from, to, index, step }) => `chain ${index} of ${step} in [${from}, ${to === Infinity ? 'open' : to})`).join(' and ')
  }

  /** Lowest own position, at or above the trim mark, that is empty; the tail of the layout when nothing below it is. */
  heldTo(): number {
    const at = this.#past('pastHeld', this.prefix, this.highest + 1)
    return at === Infinity ? Math.max(this.prefix, this.layout?.tail ?? 0) : at
  }

  /** The lowest own position from `from` on that is empty or damaged; `to` or above when there is none below it. */
  lackingFrom(from: number, to: number): number { return this.#past('pastWhole', from, to) }

  /** The first own position from `from` on that a search of the index does not pass; the first from `to` on at most. */
  #past(search: 'pastHeld' | 'pastWhole', from: number, to: number): number {
    let at = this.firstOwn(from)
    while (at < to) {
      const place = this.placeAt(at)
      if (place === undefined) return at
      const end = Math.min(to, place.to)
      const next = this.index[search](at, end, place.step)
      if (next < end) return next
      at = this.firstOwn(next)
    }
    return at
  }

  /** The bytes of the entry at a position, checked; `undefined` (and remembered as damaged) when they are not what was stored. */
  bytesOf(position: number): Uint8Array | undefined {
    return this.#checked(position, (row) => this.#rowBytes(row))
  }

  /** The same from the disk itself, whatever is in memory. A scrub asks row by row: `last` keeps the row read before. */
  verify(position: number, last: { row: number; bytes: Uint8Array | undefined }): boolean {
    return this.#checked(position, (row) => {
      if (last.row !== row) { last.row = row; last.bytes = this.#fromDisk(row) }
      return last.bytes
    }) !== undefined
  }

  /** Whether the bytes at a position wait for the next commit. */
  isStaged(position: number): boolean { return this.index.row(position) === this.#nextRow }

  /** Positions of its own that are known to be damaged, `max` of them at most. */
  damagedOwn(max: number): number[] {
    const found: number[] = []
    for (const position of this.damaged) {
      if (found.length === max) break
      if (this.owns(position)) found.push(position)
    }
    return found
  }

  /** Reads a damaged position once more: a disk may also have read from a wrong place. True when it is whole. */
  recheck(position: number): boolean {
    this.index.undamage(position)
    if (!this.verify(position, { row: -1, bytes: undefined })) return false
    this.damaged.delete(position)
    return true
  }

  /** What the first read gave may have been read from a wrong place, or kept wrongly in memory: the disk is asked once more. */
  #checked(position: number, read: (row: number) => Uint8Array | undefined): Uint8Array | undefined {
    const row = this.index.row(position)
    const staged = row === this.#nextRow ? this.#builder.pieceAt(this.index.offset(position)) : undefined
    const found = staged === undefined ? this.#entryIn(read(row), this.index.offset(position), position) : this.#entryIn(staged.bytes, staged.at, position)
    if (found !== undefined) return found
    this.#cache.delete(row)
    const again = staged === undefined ? this.#entryIn(this.#fromDisk(row), this.index.offset(position), position) : undefined
    if (again !== undefined) return again
    this.index.damage(position)
    this.damaged.add(position)
    this.failpoint?.('unit.damaged', { unit: this.identity, position })
    return undefined
  }

  #entryIn(row: Uint8Array | undefined, offset: number, position: number): Uint8Array | undefined {
    if (row === undefined || offset + ENTRY_HEAD_BYTES > row.byteLength) return undefined
    try {
      const view = this.#viewOf(row)
      const length = checkEntry(row, view, offset, this.bounds)
      return hashAt(view, offset) === this.index.hash(position) && positionAt(view, offset) === position ? row.subarray(offset, offset + length) : undefined
    } catch {
      // A damaged entry is an answer, not an error of the request.
      return undefined
    }
  }

  /** Entries are read in the order of their rows: a view for each would cost as much as its checksum. */
  #viewOf(row: Uint8Array): DataView {
    if (this.#viewed !== row) { this.#viewed = row; this.#view = viewOf(row) }
    return this.#view
  }

  #rowBytes(row: number): Uint8Array | undefined {
    const known = this.#cache.get(row)
    if (known !== undefined) return known
    const bytes = this.#fromDisk(row)
    if (bytes !== undefined) this.#cache.set(row, bytes)
    return bytes
  }

  #fromDisk(row: number): Uint8Array | undefined {
    try {
      return this.#readRow(row)
    } catch (thrown) {
      // What the disk cannot read is damage like any other: another unit has it.
      if (isError(thrown, 'DAMAGED', 'IO')) return undefined
      throw thrown
    }
  }

  // ---- staging

  /** Packs bytes of entries into the row of the next commit; gives their offset. */
  pack(bytes: Uint8Array): number { return this.#builder.pack(bytes) }

  /** Stages the entry at `at` of `bytes`, which will lie at `offset` of the row. */
  putData(position: number, bytes: Uint8Array, view: DataView, at: number, offset: number, epoch: number): void {
    const streams = streamsAt(view, at)
    const hash = hashAt(view, at)
    this.logTime = Math.max(this.logTime, logTimeAt(view, at))
    this.stored.entries++
    this.stored.bytes += lengthAt(view, at)
    if (this.index.holds(position)) this.#builder.withoutJunk(position)
    this.#builder.data(position, { offset, bytes: lengthAt(view, at), hash, streams })
    this.#noteData(position, hash, this.#nextRow, offset, streams)
    this.failpoint?.('unit.put', { unit: this.identity, position, kind: 'data', hash, epoch })
  }

  /** Stages junk. */
  putJunk(range: Span, epoch: number): void {
    this.#builder.junk(range)
    for (let at = range.from; at < range.to && this.failpoint !== undefined; at += range.step) this.failpoint('unit.put', { unit: this.identity, position: at, kind: 'junk', hash: 0, epoch })
    this.#noteJunk(range)
  }

  setMeta(change: { sealed?: number; opened?: number }): void {
    this.sealed = change.sealed ?? this.sealed
    this.opened = change.opened ?? this.opened
    this.#metaChanged = true
  }

  installLayout(layout: Layout): void {
    this.layout = layout
    this.sealed = layout.epoch
    this.logTime = Math.max(this.logTime, layout.logTime)
    this.#metaChanged = true
    this.#become(layout)
    if (layout.trim > this.trim) {
      // A unit trims only what was decided in every chain: so all of it is decided here too.
      this.prefix = Math.max(this.prefix, layout.trim)
      this.#advance()
      this.trimTo(layout.trim)
    }
    this.failpoint?.('unit.installed', { unit: this.identity, boot: this.boot, epoch: layout.epoch, layout: layoutText(layout), serving: this.#serving })
  }

  #become(layout: Layout): void {
    this.bounds = { ...this.bounds, seed: clusterSeed(layout.cluster) }
    this.places = placesOf(layout, this.identity)
    const last = this.places.at(-1)
    this.#from = last?.from ?? 0
    this.#to = last?.to ?? 0
    this.#step = last?.step ?? 1
    this.#class = last?.index ?? 0
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
    this.failpoint?.('unit.decided', { unit: this.identity, position, kind: (this.index.flags(position) & DATA) !== 0 ? 'data' : 'junk', hash: this.index.hash(position), epoch })
    if (position > this.prefix) this.#above.push(position)
  }

  /** Marks junk as decided, with all of it that follows below `to` where there is one chain. Gives the last position marked. */
  decideJunk(position: number, to: number, epoch: number): number {
    const place = this.placeAt(position)
    const end = place?.step === 1 ? this.index.pastJunk(position, Math.min(to, place.to), 1) : position
    if (end <= position + 1) { this.decide(position, epoch); return position }
    this.index.decideRange(position, end)
    // First, so that nothing is listed as decided above a prefix that passes it. Nobody waits for junk: `onDecided` is not told.
    if (this.prefix >= position && this.prefix < end) this.#advance()
    if (this.failpoint !== undefined || end - 1 > this.prefix) for (let at = position; at < end; at++) this.#noteDecided(at, epoch)
    return end - 1
  }

  /** Marks everything below `tail` as decided: all of it is held. */
  decideBelow(tail: number, epoch: number): void {
    this.#decideAll(tail, epoch)
    if (this.firstOwn(this.prefix) === Infinity) this.prefix = Math.max(this.prefix, tail)
    this.setMeta({ opened: epoch })
  }

  /** The same without an epoch that is open: recovery says so. */
  restoreBelow(below: number, epoch: number): void {
    this.#decideAll(below, epoch)
    this.setMeta({})
  }

  /** In ranges: one by one, a million takes 170 ms. The prefix passes them first: none is listed as decided above it. */
  #decideAll(to: number, epoch: number): void {
    const isHeard = this.failpoint !== undefined || this.onDecided !== undefined
    const fresh: number[] = []
    for (let at = this.firstOwn(this.prefix); at < to;) {
      const place = this.placeAt(at)
      if (place === undefined) break
      const end = Math.min(to, place.to)
      for (let one = at; isHeard && one < end; one += place.step) if (!this.isDecided(one)) fresh.push(one)
      if (place.step === 1) this.index.decideRange(at, end)
      else for (let one = at; one < end; one += place.step) this.index.decide(one)
      at = this.firstOwn(end)
    }
    this.#advance()
    for (const one of fresh) {
      this.#noteDecided(one, epoch)
      if ((this.index.flags(one) & DATA) !== 0) this.onDecided?.(one)
    }
  }

  /** The prefix stands at an own position, or behind the last one where the open segment does not name this unit. */
  /** Everything of its own below it is decided; where the open segment does not name it, everything it will ever hold. */
  get decidedTo(): number { return this.firstOwn(this.prefix) === Infinity ? Infinity : this.prefix }

  #advance(): void {
    let at = this.firstOwn(this.prefix)
    while (at !== Infinity && (this.index.flags(at) & DECIDED) !== 0) at = at >= this.#from && this.#to === Infinity ? this.index.pastDecided(at, Infinity, this.#step) : this.after(at)
    this.prefix = at === Infinity ? Math.max(this.prefix, this.places.at(-1)?.to ?? 0) : at
  }

  /** Takes a trim mark, with the next commit; what it leaves behind goes in slices, the first one with it. */
  trimTo(before: number): void {
    this.trim = before
    this.prefix = Math.max(this.prefix, before)
    this.damaged.deleteBelow(before)
    this.index.forgetBelow(before)
    this.#untrimmed = this.streams[Symbol.iterator]()
    this.#rows.dropBelow(before)
    this.#metaChanged = true
    this.tidy()
    this.failpoint?.('unit.trimmed', { unit: this.identity, before })
  }

  /** Something below the trim mark is still there: `tidy` takes a slice of it. */
  get untidy(): boolean { return this.#rows.dropping || this.#untrimmed !== undefined }

  /** Lets go of a slice of what was trimmed: rows with the next commit, and the beginnings of lists. */
  tidy(): void {
    const { dropRowsMax, dropBytesMax } = this.limits
    for (const row of this.#rows.takeDropped({ rows: dropRowsMax, bytes: dropBytesMax })) {
      this.#drop.push(row)
      this.#cache.delete(row)
    }
    for (let left = LISTS_A_STEP; left > 0 && this.#untrimmed !== undefined; left--) {
      const { done, value } = this.#untrimmed.next()
      if (done === true) this.#untrimmed = undefined
      else this.#trimList(...value)
    }
  }

  #trimList(stream: number, list: PositionList): void {
    list.removeBelow(this.trim)
    if (list.length === 0) this.streams.delete(stream)
  }

  takeCommit(): Commit | undefined {
    if (this.#builder.empty && !this.#metaChanged && this.#drop.length === 0) return undefined
    const row = this.#takeRow()
    const expectEpoch = this.#durableEpoch
    const meta = this.#metaChanged ? { epoch: this.sealed, text: this.#metaText() } : undefined
    if (meta !== undefined) this.#durableEpoch = meta.epoch
    const drop = this.#drop
    this.#metaChanged = false
    this.#drop = []
    return { expectEpoch, meta, row, drop }
  }

  #takeRow(): Commit['row'] {
    if (this.#builder.empty) return undefined
    const { header, pieces } = this.#builder.finish(this.prefix, this.logTime, this.#above)
    const id = this.#nextRow++
    const bytes = concat(pieces)
    this.#rows.add(id, this.#stagedTop, bytes.byteLength)
    this.#cache.set(id, bytes)
    this.#builder = new RowBuilder()
    this.#above = []
    this.#stagedTop = -1
    return { id, header, bytes }
  }

  #metaText(): string {
    return JSON.stringify({ version: 1, layout: this.layout ?? null, sealed: this.sealed, opened: this.opened, trim: this.trim, prefix: this.prefix, logTime: Math.ceil(this.logTime), highest: this.highest })
  }

  // ---- memory

  #stagedTop = -1

  #noteData(position: number, hash: number, row: number, offset: number, streams: readonly number[]): void {
    const before = this.index.flags(position)
    const isOther = before !== 0 && ((before & DATA) === 0 || (before & REPLACED) !== 0
      || this.index.hash(position) !== hash)
    if (this.damaged.size > 0) this.damaged.delete(position)
    this.index.setData(position, hash, row, offset)
    if (isOther) this.index.replace(position)
    this.highest = Math.max(this.highest, position)
    this.#stagedTop = Math.max(this.#stagedTop, position)
    for (const stream of streams) {
      const list = this.streams.get(stream)
      if (list !== undefined) list.add(position)
      else { const fresh = new PositionList(); fresh.add(position); this.streams.set(stream, fresh) }
    }
  }

  /** Where it replaces data the lists go on naming the position: `nextIn` passes it over. */
  #noteJunk(range: Span): void {
    const { from, to, step } = range
    for (let at = this.damaged.next(from); at >= 0 && at < to; at = this.damaged.next(at + 1)) {
      if ((at - from) % step === 0) this.damaged.delete(at)
    }
    this.index.setJunk(range)
    if (from < to) this.highest = Math.max(this.highest, from + Math.floor((to - 1 - from) / step) * step)
    this.#stagedTop = Math.max(this.#stagedTop, to - 1)
  }

  /**
   * The lowest position at or above `position` in the list of a stream, -1 when there is none. What was trimmed or
   * replaced since it was listed may still be there, and is passed over: to look for it in every list would take long.
   */
  nextIn(list: PositionList, stream: number, position: number): number {
    for (let at = list.next(Math.max(position, this.trim)); at >= 0; at = list.next(at + 1)) {
      const flags = this.index.flags(at)
      if ((flags & DATA) !== 0 && ((flags & REPLACED) === 0 || this.#isOf(at, stream))) return at
      list.remove(at)
    }
    if (list.length === 0) this.streams.delete(stream)
    return -1
  }

  /** Whether the entry at a position is of a stream; so is what cannot be read, until it is mended. */
  #isOf(position: number, stream: number): boolean {
    const bytes = this.bytesOf(position)
    return bytes === undefined || streamsAt(this.#viewOf(bytes), 0).includes(stream)
  }
}
