/**
 * The header of a stored row: what one group commit did, so that the index can be rebuilt without reading entries.
 *
 *     version u8 | prefix f64 | log time f64 | data runs n | junk n: (from f64, to f64, step u32) | decided n:
 *       position f64 | crc-32
 *     data run    from f64, step u32, offset u32, streams u8, stream u32 *, n: (hash u32, bytes u32)
 *
 * A run is entries of the same streams at from, from + step, ... that lie one behind the other: eight bytes an entry.
 * The prefix is the unit's decided prefix at the commit, the log time the highest it has stored; `decided` lists what
 * was decided above it since the row before. This format cannot be retrofitted: a new one gets a new version. Read
 * next: `unit.ts`.
 */
import { ByteWriter, setU32, u32At, viewOf } from '../bytes/bytes.ts'
import { crc32, crc32Of } from '../bytes/hash.ts'
import { SirtakiError } from '../errors.ts'
import type { Span } from '../ranges.ts'

export const ROW_VERSION = 2

/** What is called for each item of a header. */
export interface RowVisitor {
  prefix(prefix: number, logTime: number): void
  data(position: number, offset: number, hash: number, streams: readonly number[]): void
  junk(range: Span): void
  decided(position: number): void
}

/** An entry in a row: where its bytes lie, and what it is. */
export interface Placed {
  readonly offset: number
  readonly bytes: number
  readonly hash: number
  readonly streams: readonly number[]
}

interface Run {
  readonly at: number
  count: number
  step: number
  last: number
  end: number
  readonly streams: readonly number[]
}
const NO_RUN: Run = { at: 0, count: 0, step: 0, last: 0, end: 0, streams: [] }

function sameStreams(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Collects what one commit will hold. */
export class RowBuilder {
  readonly #data = new ByteWriter(512)
  #runs = 0
  #run = NO_RUN
  readonly #junk: Span[] = []
  readonly #pieces: Uint8Array[] = []
  #bytes = 0

  get empty(): boolean {
    return this.#runs === 0 && this.#junk.length === 0
  }

  /** Packs bytes that hold one or more whole entries; gives the offset at which they will lie. */
  pack(bytes: Uint8Array): number {
    const offset = this.#bytes
    this.#pieces.push(bytes)
    this.#bytes += bytes.byteLength
    return offset
  }

  /** The piece that lies at `offset`, for reading what is staged and not committed yet. */
  pieceAt(offset: number): { readonly bytes: Uint8Array; readonly at: number } | undefined {
    let from = 0
    for (const bytes of this.#pieces) {
      if (offset < from + bytes.byteLength) return { bytes, at: offset - from }
      from += bytes.byteLength
    }
    return undefined
  }

  /** Notes an entry of `bytes` bytes that lies at `offset`. */
  data(position: number, { offset, bytes, hash, streams }: Placed): void {
    const run = this.#run
    const step = position - run.last
    const joins =
      run.count > 0
      && run.end === offset
      && step > 0
      && step <= 0xffff_ffff
      && (run.count === 1 || step === run.step)
      && sameStreams(run.streams, streams)
    if (joins) {
      run.count++
      run.step = step
      run.last = position
      run.end = offset + bytes
    } else {
      this.#endRun()
      this.#runs++
      this.#run = { at: this.#data.at, count: 1, step: 0, last: position, end: offset + bytes, streams }
      this.#data.f64(position).u32(0).u32(offset).u8(streams.length)
      for (const stream of streams) this.#data.u32(stream)
      this.#data.u32(0)
    }
    this.#data.u32(hash).u32(bytes)
  }

  /** Fills in what was not known when the run began. */
  #endRun(): void {
    const { at, count, step, streams } = this.#run
    if (count === 0) return
    setU32(this.#data.bytes, at + 8, step)
    setU32(this.#data.bytes, at + 17 + 4 * streams.length, count)
  }

  junk(range: Span): void {
    this.#junk.push(range)
  }

  /**
   * Takes back junk of this row where data replaces it: whoever reads the header takes the data first, then the junk.
   */
  withoutJunk(position: number): void {
    const at = this.#junk.findIndex(
      ({ from, to, step }) => position >= from && position < to && (position - from) % step === 0,
    )
    const range = this.#junk[at]
    if (range === undefined) return
    const parts = [
      { ...range, to: position },
      { ...range, from: position + range.step },
    ]
    this.#junk.splice(at, 1, ...parts.filter(({ from, to }) => from < to))
    this.withoutJunk(position)
  }

  /** The finished header and pieces. */
  finish(
    prefix: number,
    logTime: number,
    decided: readonly number[],
  ): { header: Uint8Array; pieces: readonly Uint8Array[] } {
    const out = new ByteWriter(64 + this.#data.at + 20 * this.#junk.length + 8 * decided.length)
    this.#endRun()
    out.u8(ROW_VERSION).f64(prefix).f64(logTime).u32(this.#runs).raw(this.#data.done()).u32(this.#junk.length)
    for (const { from, to, step } of this.#junk) out.f64(from).f64(to).u32(step)
    out.u32(decided.length)
    for (const position of decided) out.f64(position)
    return { header: out.u32(crc32(out.done())).done(), pieces: this.#pieces }
  }
}

/**
 * Reads a header.
 *
 * @throws SirtakiError `DAMAGED` when its checksum is wrong, `UNSUPPORTED` for a newer format.
 */
export function visitRow(id: number, header: Uint8Array, visitor: RowVisitor): void {
  const end = header.byteLength - 4
  if (header.byteLength < 33 || crc32Of(header, 0, end) !== u32At(header, end)) {
    throw new SirtakiError('DAMAGED', `the header of row ${id} is damaged`, { facts: { row: id } })
  }
  const view = viewOf(header)
  const version = view.getUint8(0)
  if (version < ROW_VERSION) {
    throw new SirtakiError(
      'UNSUPPORTED',
      `row ${id} has format version ${version}, which no release has written; this is version `
        + `${ROW_VERSION}: give the unit an empty folder`,
    )
  }
  if (version > ROW_VERSION) {
    throw new SirtakiError(
      'UNSUPPORTED',
      `row ${id} has format version ${version}, this is version ${ROW_VERSION}: upgrade`,
    )
  }
  visitor.prefix(view.getFloat64(1, true), view.getFloat64(9, true))
  let at = 21
  for (let left = view.getUint32(17, true); left > 0; left--) at = visitRun(view, at, visitor)
  const junk = view.getUint32(at, true)
  at += 4
  for (let left = junk; left > 0; left--, at += 20) {
    visitor.junk({
      from: view.getFloat64(at, true),
      to: view.getFloat64(at + 8, true),
      step: view.getUint32(at + 16, true),
    })
  }
  const decided = view.getUint32(at, true)
  at += 4
  for (let left = decided; left > 0; left--, at += 8) visitor.decided(view.getFloat64(at, true))
}

/** Reads a run; gives where it ends. */
function visitRun(view: DataView, from: number, visitor: RowVisitor): number {
  let position = view.getFloat64(from, true)
  const step = view.getUint32(from + 8, true)
  let offset = view.getUint32(from + 12, true)
  const streams: number[] = []
  let at = from + 17
  for (let left = view.getUint8(from + 16); left > 0; left--, at += 4) streams.push(view.getUint32(at, true))
  const count = view.getUint32(at, true)
  at += 4
  for (let left = count; left > 0; left--, at += 8) {
    visitor.data(position, offset, view.getUint32(at, true), streams)
    offset += view.getUint32(at + 4, true)
    position += step
  }
  return at
}
