/**
 * What a log unit knows, in memory and staged for its disk: the index, the stream lists, epochs and marks.
 *
 * Owns: loading from a store's image, staging of commits, the decided prefix. The rules of the protocol are in `unit.ts`.
 * Keeps: L9 (with `server.ts`), L6 (the durable epoch is checked in the commit). Read next: `row.ts`, `position-index.ts`.
 */
import { integer, nullable, object } from 'superstruct'
import { ENTRY_HEAD_BYTES, checkEntry, clusterSeed, streamsAt, type EntryBounds } from '../entry.ts'
import { SirtakiError, isError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { LayoutStruct, chainsOf, firstOfClass, layoutText, openSegment, whole, type Layout } from '../layout/layout.ts'
import type { Failpoint } from '../ports.ts'
import { concat, viewOf } from '../wire/bytes.ts'
import { DATA, DECIDED, PositionIndex, PositionList } from './position-index.ts'
import { RowBuilder, visitRow, type JunkRange } from './row.ts'
import type { Commit, StoreImage } from './store.ts'

/** What a unit is made of. `readRow` reads a stored row's bytes. */
export interface UnitOptions {
  readonly image: StoreImage
  readonly boot: string
  readonly limits: Limits
  readonly readRow: (row: number) => Uint8Array | undefined
  readonly failpoint?: Failpoint | undefined
}

/** blank: no layout; recovering: the layout names another boot; sealed: moved to no newer layout yet. */
export type Role = 'blank' | 'recovering' | 'serving' | 'sealed'

const Meta = object({ version: integer(), layout: nullable(LayoutStruct), sealed: whole, opened: whole, trim: whole, prefix: whole, logTime: whole, highest: integer() })
const NO_BYTES = new Uint8Array(0)
/** Bytes of rows kept for readers that follow closely. */
const CACHE_BYTES = 8 << 20

/** The state of one unit. Positions are of its own residue class unless said otherwise. */
export class UnitState {
  readonly identity: string
  readonly boot: string
  readonly limits: Limits
  readonly failpoint: Failpoint | undefined
  readonly index = new PositionIndex()
  readonly streams = new Map<number, PositionList>()
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
  /** What was stored since this start. */
  readonly stored = { entries: 0, bytes: 0 }
  step = 1
  isFirst = false
  bounds: EntryBounds
  /** Told of positions that have become decided, while anyone listens. */
  onDecided: ((position: number) => void) | undefined
  #class = 0
  #serving = false
  readonly #readRow: (row: number) => Uint8Array | undefined
  readonly #cache = new Map<number, Uint8Array>()
  #cacheBytes = 0
  #viewed: Uint8Array = NO_BYTES
  #view = viewOf(NO_BYTES)
  readonly #rowTop = new Map<number, number>()
  #nextRow = 1
  #durableEpoch: number
  #builder = new RowBuilder()
  #drop: number[] = []
  #metaChanged = false
  /** Decided above the prefix since the last row. */
  #above: number[] = []

  constructor({ image, boot, limits, readRow, failpoint }: UnitOptions) {
    this.identity = image.identity
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
    const decided: number[] = []
    for (const { id, header } of image.headers) {
      let top = -1
      visitRow(id, header, {
        prefix: (prefix, logTime) => { this.prefix = Math.max(this.prefix, prefix); this.logTime = Math.max(this.logTime, logTime) },
        data: (position, offset, hash, streams) => { top = Math.max(top, position); this.#noteData(position, hash, id, offset, streams) },
        junk: (range) => { top = Math.max(top, range.to - 1); this.#noteJunk(range) },
        decided: (position) => { decided.push(position) },
      })
      this.#rowTop.set(id, top)
      this.#nextRow = id + 1
    }
    for (const position of decided) if (this.index.holds(position)) this.index.decide(position)
  }

  // ---- questions

  get role(): Role {
    if (this.layout === undefined) return 'blank'
    if (!this.#serving) return 'recovering'
    return this.sealed > this.layout.epoch ? 'sealed' : 'serving'
  }

  serves(epoch: number): boolean { return this.#serving && this.layout?.epoch === epoch && this.sealed === epoch }
  owns(position: number): boolean { return position % this.step === this.#class }
  firstOwn(position: number): number { return firstOfClass(position, this.#class, this.step) }
  isDecided(position: number): boolean { return position < this.prefix || (this.index.flags(position) & DECIDED) !== 0 }

  /** @throws SirtakiError `EPOCH` or `RECOVERING` unless exactly this epoch is installed and served. */
  requireServing(epoch: number): Layout {
    const layout = this.layout
    if (layout === undefined) throw new SirtakiError('NOT_READY', 'this unit is blank: run init')
    if (layout.epoch !== epoch || this.sealed !== epoch) throw new SirtakiError('EPOCH', `the message is of epoch ${epoch}, installed is ${layout.epoch}, sealed at ${this.sealed}`, { facts: { epoch, installed: layout.epoch, sealed: this.sealed } })
    if (!this.#serving) throw new SirtakiError('RECOVERING', 'this unit was restarted and waits for the next epoch to name it', { facts: { epoch } })
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
    if (!this.owns(position)) throw new SirtakiError('WRONG_CHAIN', `position ${position} belongs to chain ${position % this.step}, this is chain ${this.#class}`, { facts: { position } })
  }

  /** Lowest position of the own class, at or above the trim mark, that is empty. */
  heldTo(): number {
    let at = this.prefix
    while (at <= this.highest && this.index.holds(at)) at += this.step
    return at
  }

  /** The bytes of the entry at a position, checked; `undefined` (and remembered as damaged) when they are not what was stored. */
  bytesOf(position: number): Uint8Array | undefined {
    const staged = this.index.row(position) === this.#nextRow ? this.#builder.pieceAt(this.index.offset(position)) : undefined
    const row = staged?.bytes ?? this.#rowBytes(this.index.row(position))
    const offset = staged?.at ?? this.index.offset(position)
    if (row !== undefined && offset + ENTRY_HEAD_BYTES <= row.byteLength) {
      try {
        const view = this.#viewOf(row)
        const length = checkEntry(row, view, offset, this.bounds)
        if (view.getUint32(offset + 4, true) === this.index.hash(position) && view.getFloat64(offset + 12, true) === position) return row.subarray(offset, offset + length)
      } catch {
        // Told below: a damaged entry is an answer, not an error of the request.
      }
    }
    this.index.damage(position)
    this.failpoint?.('unit.damaged', { position })
    return undefined
  }

  /** Entries are read in the order of their rows: a view for each would cost as much as its checksum. */
  #viewOf(row: Uint8Array): DataView {
    if (this.#viewed !== row) { this.#viewed = row; this.#view = viewOf(row) }
    return this.#view
  }

  #rowBytes(row: number): Uint8Array | undefined {
    const known = this.#cache.get(row)
    if (known !== undefined) return known
    try {
      const bytes = this.#readRow(row)
      if (bytes !== undefined) this.#remember(row, bytes)
      return bytes
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
    const hash = view.getUint32(at + 4, true)
    this.logTime = Math.max(this.logTime, view.getFloat64(at + 32, true))
    this.stored.entries++
    this.stored.bytes += view.getUint32(at, true)
    if (this.index.holds(position)) this.#builder.withoutJunk(position)
    this.#builder.data(position, { offset, bytes: view.getUint32(at, true), hash, streams })
    this.#noteData(position, hash, this.#nextRow, offset, streams)
    this.failpoint?.('unit.put', { unit: this.identity, position, kind: 'data', hash, epoch })
  }

  /** Stages junk. */
  putJunk(range: JunkRange, epoch: number): void {
    this.#builder.junk(range)
    for (let at = range.from; at < range.to && this.failpoint !== undefined; at += range.step) this.failpoint('unit.put', { unit: this.identity, position: at, kind: 'junk', hash: 0, epoch })
    this.#noteJunk(range)
  }

  /** Takes a position out of the stream lists, before another value replaces the data that it holds. */
  #forgetStreams(position: number): void {
    if ((this.index.flags(position) & DATA) === 0) return
    for (const list of this.streams.values()) list.remove(position)
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
      this.prefix = Math.max(this.prefix, this.firstOwn(layout.trim))
      this.#advance()
      this.trimTo(layout.trim)
    }
    this.failpoint?.('unit.installed', { unit: this.identity, boot: this.boot, epoch: layout.epoch, layout: layoutText(layout), serving: this.#serving })
  }

  #become(layout: Layout): void {
    this.bounds = { ...this.bounds, seed: clusterSeed(layout.cluster) }
    for (const chain of chainsOf(openSegment(layout))) {
      const place = chain.units.findIndex((unit) => unit.identity === this.identity)
      if (place < 0) continue
      this.step = chain.step
      this.#class = chain.index
      this.isFirst = place === 0
      this.#serving = chain.units[place]?.boot === this.boot
    }
    this.prefix = this.firstOwn(Math.max(this.prefix, this.trim))
    this.#advance()
  }

  /** Marks one held position as decided. */
  decide(position: number, epoch: number): void {
    this.index.decide(position)
    this.failpoint?.('unit.decided', { unit: this.identity, position, kind: (this.index.flags(position) & 1) === 1 ? 'data' : 'junk', hash: this.index.hash(position), epoch })
    if (position === this.prefix) this.#advance()
    else this.#above.push(position)
    this.onDecided?.(position)
  }

  /** Marks everything below `tail` as decided: all of it is held. */
  decideBelow(tail: number, epoch: number): void {
    for (let at = this.prefix; at < tail; at += this.step) if (!this.isDecided(at)) this.decide(at, epoch)
    this.setMeta({ opened: epoch })
  }

  #advance(): void { while ((this.index.flags(this.prefix) & DECIDED) !== 0) this.prefix += this.step }

  trimTo(before: number): void {
    this.trim = before
    for (const [stream, list] of this.streams) {
      list.removeBelow(before)
      if (list.length === 0) this.streams.delete(stream)
    }
    for (const [row, top] of this.#rowTop) {
      if (top >= before) continue
      this.#drop.push(row)
      this.#rowTop.delete(row)
      this.#forget(row)
    }
    this.index.forgetBelow(before)
    this.#metaChanged = true
    this.failpoint?.('unit.trimmed', { unit: this.identity, before })
  }

  takeCommit(): Commit | undefined {
    if (this.#builder.empty && !this.#metaChanged) return undefined
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
    this.#rowTop.set(id, Math.max(this.#rowTop.get(id) ?? -1, this.#stagedTop))
    this.#remember(id, bytes)
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
    this.#forgetStreams(position)
    this.index.setData(position, hash, row, offset)
    this.highest = Math.max(this.highest, position)
    this.#stagedTop = Math.max(this.#stagedTop, position)
    for (const stream of streams) {
      const list = this.streams.get(stream)
      if (list !== undefined) list.add(position)
      else { const fresh = new PositionList(); fresh.add(position); this.streams.set(stream, fresh) }
    }
  }

  #noteJunk({ from, to, step }: JunkRange): void {
    for (let at = from; at < to; at += step) {
      this.#forgetStreams(at)
      this.index.setJunk(at)
      this.highest = Math.max(this.highest, at)
    }
    this.#stagedTop = Math.max(this.#stagedTop, to - 1)
  }

  #remember(row: number, bytes: Uint8Array): void {
    this.#forget(row)
    this.#cache.set(row, bytes)
    this.#cacheBytes += bytes.byteLength
    for (const oldest of this.#cache.keys()) {
      if (this.#cacheBytes <= CACHE_BYTES || oldest === row) break
      this.#forget(oldest)
    }
  }

  #forget(row: number): void {
    this.#cacheBytes -= this.#cache.get(row)?.byteLength ?? 0
    this.#cache.delete(row)
  }
}
