/**
 * One unit on a store in memory, for tests: it is committed and started again by hand.
 *
 * Read next: `unit.test.ts`.
 */
import { concat } from '../../../log/bytes/bytes.ts'
import type { Entry } from '../../../log/entry.ts'
import { readEntry } from '../../../log/entry.ts'
import { isError } from '../../../log/errors.ts'
import type { Layout } from '../../../log/layout.ts'
import { limits, type Limits } from '../../../log/limits.ts'
import { MemoryStore } from '../../../log/unit/memory-store.ts'
import { Unit } from '../../../log/unit/unit.ts'
import { bounds, bytesOf, layoutOf, textOf, type EntryShape, type LayoutShape } from '../layouts.ts'

export const A_LOT = 1 << 20

/** The unit called `name` of the cluster; `a` is first in its chain. */
export class HandUnit {
  readonly store: MemoryStore
  readonly points: string[] = []
  readonly name: string
  unit: Unit
  /** Rows whose bytes read wrong, and rows that cannot be read at all. */
  readonly damagedRows = new Set<number>()
  readonly unreadableRows = new Map<number, Error>()
  readonly #limits: Limits
  #starts = 1

  constructor(name: string, shape: LayoutShape | null = {}, over: Partial<Limits> = {}, store = new MemoryStore(name)) {
    this.name = name
    this.#limits = { ...limits, ...over }
    this.store = store
    this.unit = this.#start()
    if (shape === null) return
    this.unit.membership.genesis(layoutOf(shape))
    this.commit()
  }

  #start(): Unit {
    return new Unit({
      image: this.store.open(),
      boot: `${this.name}-${this.#starts}`,
      limits: this.#limits,
      readRow: (row) => this.#read(row),
      failpoint: (point) => {
        this.points.push(point)
      },
    })
  }

  #read(row: number): Uint8Array | undefined {
    const error = this.unreadableRows.get(row)
    if (error !== undefined) throw error
    const bytes = this.store.read(row)?.slice()
    if (bytes !== undefined && this.damagedRows.has(row)) bytes[bytes.byteLength - 1] = (bytes.at(-1) ?? 0) ^ 1
    return bytes
  }

  commit(): void {
    const commit = this.unit.takeCommit()
    const error = commit === undefined ? undefined : this.store.apply(commit)
    if (error !== undefined) throw error
  }

  /** Starts the unit again; `sameBoot` lets it serve at once, as if nothing had named the new start. */
  restart(options: { readonly sameBoot?: boolean } = {}): void {
    if (options.sameBoot !== true) this.#starts++
    this.unit = this.#start()
  }

  /** Stores entries and gives the statuses, `ok` for all stored. */
  storeEntries(shapes: readonly EntryShape[], epoch = 1): readonly number[] | 'ok' {
    const statuses = this.unit.store(epoch, shapes.length, concat(shapes.map((shape) => bytesOf({ epoch, ...shape }))))
    return statuses === undefined ? 'ok' : [...statuses]
  }

  settle(shape: EntryShape, epoch = 1): number | undefined {
    return this.unit.decisions.settle(epoch, [{ position: shape.position, bytes: bytesOf(shape) }]).results[0]?.status
  }
  settleJunk(position: number, epoch = 1): number | undefined {
    return this.unit.decisions.settle(epoch, [{ position, bytes: undefined }]).results[0]?.status
  }
  force(shape: EntryShape, epoch = 1): number | undefined {
    return this.unit.decisions.force(epoch, [{ position: shape.position, bytes: bytesOf(shape) }]).results[0]?.status
  }
  forceJunk(position: number, epoch = 1): number | undefined {
    return this.unit.decisions.force(epoch, [{ position, bytes: undefined }]).results[0]?.status
  }
  mark(shape: EntryShape, epoch = 1): void {
    this.unit.mark(epoch, shape.position, readEntry(bytesOf(shape), bounds).hash, 1)
  }
  markJunk(position: number, epoch = 1): void {
    this.unit.mark(epoch, position, 0, 2)
  }

  /** What a position reads as: its text, or the status. */
  read(position: number): string | number {
    const item = this.unit.read([position], A_LOT)[0]
    return item?.bytes === undefined ? (item?.status ?? -1) : textOf(item.bytes)
  }

  /** Texts of a stream, and how far they are complete. */
  stream(stream: number, from = 0): { readonly texts: readonly string[]; readonly completeTo: number } {
    const { entries, completeTo } = this.unit.readStream(
      { stream, from, step: this.step, index: this.unit.state.places.open?.index },
      A_LOT,
    )
    return { texts: entries.map(textOf), completeTo }
  }

  /** Whether it decides, and of how many chains its own is one. */
  get isFirst(): boolean {
    return this.unit.state.places.list.at(-1)?.isFirst === true
  }
  get step(): number {
    return this.unit.state.places.open?.step ?? 1
  }

  /** The code of what `run` throws, else what it gives. */
  outcome(run: (unit: Unit) => unknown): unknown {
    try {
      return run(this.unit)
    } catch (thrown) {
      if (isError(thrown)) return thrown.code
      throw thrown
    }
  }

  install(layout: Layout): void {
    this.unit.membership.install(layout)
    this.commit()
  }
}

/** What tells whether two units hold the same. Marks the unit may have lost are not part of it. */
export function contentOf({ unit }: HandUnit, to: number, epoch: number): unknown {
  const held = unit.decisions
    .ask({ epoch, from: 0, to, withBytes: true }, A_LOT)
    .held.map(({ position, kind, hash, damaged, bytes }) => [
      position,
      kind,
      hash,
      damaged,
      bytes === undefined ? undefined : textOf(bytes),
    ])
  return {
    held,
    highest: unit.state.highest,
    trim: unit.state.trim,
    sealed: unit.state.sealed,
    opened: unit.state.opened,
    places: unit.state.places.list,
  }
}

/** Marks everything held as decided and gives what readers then see. */
export function readingOf({ unit }: HandUnit, to: number, epoch: number, streams: readonly number[]): unknown {
  const { trim } = unit.state
  for (const { position, hash, kind } of unit.decisions.ask({ epoch, from: 0, to, withBytes: true }, A_LOT).held) {
    unit.mark(epoch, position, hash, kind)
  }
  const positions = Array.from({ length: to - trim }, (_, i) => trim + i)
  const streamOf = (stream: number): unknown => {
    const { completeTo, entries } = unit.readStream(
      { stream, from: trim, step: unit.state.places.open?.step ?? 1, index: unit.state.places.open?.index },
      A_LOT,
    )
    return [stream, completeTo, entries.map((bytes): Entry['position'] => readEntry(bytes, bounds).position)]
  }
  return {
    prefix: unit.state.prefix,
    streams: streams.map(streamOf),
    reads: unit.read(positions, A_LOT).map(({ status, bytes }) => (bytes === undefined ? status : textOf(bytes))),
  }
}
