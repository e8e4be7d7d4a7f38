/**
 * What the headers of many rows say, in one: millions of rows are noted without reading a header for each.
 *
 *     version u8 | prefix f64 | log time f64 | sets n | rows n | junk n | decided n
 *     set        streams u8, stream u32 *
 *     row        (id - base) u32, bytes u32, data u32, junk u32        in the order of the rows, that of their effects
 *     data       position f64, offset u32, hash u32, set u16
 *     junk       from f64, to f64, step u32
 *     decided    position f64
 *
 * Prefix and log time are the highest of the rows. This says nothing that the headers do not say: a block that is
 * missing costs time. Read next: `row.ts`, `store.ts`.
 */
import { ByteWriter, viewOf } from '../bytes/bytes.ts'
import { SirtakiError } from '../errors.ts'
import type { Span } from '../ranges.ts'
import { visitRow, type RowVisitor } from './row.ts'

const BLOCK_VERSION = 1
const HEAD_BYTES = 33
const SETS_MAX = 0xffff

/** A row's header, and how many bytes the row has. */
export interface StoredHeader {
  readonly id: number
  readonly header: Uint8Array
  readonly bytesLength: number
}

/** What the headers of the rows from `base` on say. */
export interface RowBlock {
  readonly base: number
  readonly block: Uint8Array
}

/** What is called for each item of a block: `begin` before what a row says, `end` behind it. */
export interface BlockVisitor extends RowVisitor {
  begin(id: number): void
  end(bytesLength: number): void
}

/**
 * Puts together what rows say whose ids lie less than 2^32 above `base`; `undefined` where it is too much for one
 * block.
 *
 * @throws SirtakiError `DAMAGED`, `UNSUPPORTED` as `visitRow`.
 */
export function blockOf(base: number, rows: readonly StoredHeader[]): RowBlock | undefined {
  const rowPart = new ByteWriter(16 * rows.length)
  const dataPart = new ByteWriter(32 * rows.length)
  const junkPart = new ByteWriter()
  const decidedPart = new ByteWriter()
  const sets = new Sets()
  const all = { prefix: 0, logTime: 0, junk: 0, decided: 0 }
  let [data, junk] = [0, 0]
  const visitor: RowVisitor = {
    prefix: (prefix, logTime) => {
      all.prefix = Math.max(all.prefix, prefix)
      all.logTime = Math.max(all.logTime, logTime)
    },
    data: (position, offset, hash, streams) => {
      dataPart.f64(position).u32(offset).u32(hash).u16(sets.indexOf(streams))
      data++
    },
    junk: ({ from, to, step }) => {
      junkPart.f64(from).f64(to).u32(step)
      junk++
    },
    decided: (position) => {
      decidedPart.f64(position)
      all.decided++
    },
  }
  for (const { id, header, bytesLength } of rows) {
    ;[data, junk] = [0, 0]
    visitRow(id, header, visitor)
    rowPart
      .u32(id - base)
      .u32(bytesLength)
      .u32(data)
      .u32(junk)
    all.junk += junk
  }
  if (sets.count > SETS_MAX) return undefined
  const out = new ByteWriter(HEAD_BYTES + sets.bytes.at + rowPart.at + dataPart.at + junkPart.at + decidedPart.at)
  out.u8(BLOCK_VERSION).f64(all.prefix).f64(all.logTime).u32(sets.count).u32(rows.length).u32(all.junk).u32(all.decided)
  for (const part of [sets.bytes, rowPart, dataPart, junkPart, decidedPart]) out.raw(part.done())
  return { base, block: out.done() }
}

/** The sets of streams that entries are on, each once. */
class Sets {
  readonly bytes = new ByteWriter(64)
  count = 0
  readonly #known = new Map<string, number>()
  #last: readonly number[] = []
  #lastIndex = -1

  indexOf(streams: readonly number[]): number {
    if (streams !== this.#last || this.#lastIndex < 0) {
      this.#last = streams
      this.#lastIndex = this.#ensure(streams)
    }
    return this.#lastIndex
  }

  #ensure(streams: readonly number[]): number {
    const key = streams.join()
    const known = this.#known.get(key)
    if (known !== undefined) return known
    this.#known.set(key, this.count)
    this.bytes.u8(streams.length)
    for (const stream of streams) this.bytes.u32(stream)
    return this.count++
  }
}

/** Reads a block that was verified. @throws SirtakiError `UNSUPPORTED` for another format. */
export function visitBlock({ base, block }: RowBlock, visitor: BlockVisitor): void {
  const view = viewOf(block)
  const version = view.getUint8(0)
  if (version !== BLOCK_VERSION) {
    throw new SirtakiError(
      'UNSUPPORTED',
      `a block of rows has format version ${version}, this is version ${BLOCK_VERSION}: upgrade`,
    )
  }
  visitor.prefix(view.getFloat64(1, true), view.getFloat64(9, true))
  const rows = view.getUint32(21, true)
  const { sets, end } = readSets(view, view.getUint32(17, true))
  let data = end + 16 * rows
  const junkCount = view.getUint32(25, true)
  const decidedCount = view.getUint32(29, true)
  const decided = block.byteLength - 8 * decidedCount
  let junk = decided - 20 * junkCount
  for (let row = 0, at = end; row < rows; row++, at += 16) {
    visitor.begin(base + view.getUint32(at, true))
    for (let left = view.getUint32(at + 8, true); left > 0; left--, data += 18) {
      const streams = sets[view.getUint16(data + 16, true)] ?? []
      visitor.data(
        view.getFloat64(data, true),
        view.getUint32(data + 8, true),
        view.getUint32(data + 12, true),
        streams,
      )
    }
    for (let left = view.getUint32(at + 12, true); left > 0; left--, junk += 20) visitor.junk(junkAt(view, junk))
    visitor.end(view.getUint32(at + 4, true))
  }
  for (let at = decided; at < block.byteLength; at += 8) visitor.decided(view.getFloat64(at, true))
}

function readSets(view: DataView, count: number): { readonly sets: readonly number[][]; readonly end: number } {
  const sets: number[][] = []
  let at = HEAD_BYTES
  while (sets.length < count) {
    const streams: number[] = []
    const length = view.getUint8(at++)
    for (; streams.length < length; at += 4) streams.push(view.getUint32(at, true))
    sets.push(streams)
  }
  return { sets, end: at }
}

const junkAt = (view: DataView, at: number): Span => ({
  from: view.getFloat64(at, true),
  to: view.getFloat64(at + 8, true),
  step: view.getUint32(at + 16, true),
})
