/**
 * Reads the rows of a damaged database from its pages, without SQLite, and none that was dropped.
 *
 * A page keeps what was deleted from it: bytes behind its last cell, cells that nothing names any more, whole pages
 * on the list of free ones. One flipped bit in a count or a pointer brings such a row back, with a right checksum. So
 * a row counts only where
 *
 *     its page is whole       its cells, free blocks and the count of stray bytes fill it up, without gap or overlap
 *     its page is in use      a page of the tree, or not on the list of free pages where that list is whole
 *     its id is in place      between the ids that the tree names beside the page, and in the range of no other page
 *
 *     page   [ head 8 or 12 | cell pointers | ... unused ... | cells, free blocks and stray bytes ]
 *                                                            ^ content start          usable bytes ^
 *
 * A page that fails is left out with all its rows. What a row says is checked by its sum, in `salvage.ts`.
 * Read next: `salvage.ts`.
 * @source SQLite, Database File Format, 1.3 to 2.
 */
import { readSync } from 'node:fs'
import { viewOf } from '../bytes/bytes.ts'

const LEAF = 13
const INTERIOR = 5
const NEXT_FREE_AT = 32
const FREE_COUNT_AT = 36
const PAGES_AT = 28
const HEAD_BYTES = 100

/** A row as its page holds it: id, and the columns behind it. */
export interface ScannedRow {
  readonly id: number
  readonly columns: readonly (number | Uint8Array | undefined)[]
}

/** What a scan gives: rows by ascending id, and pages of rows that were left out. */
export interface Scan {
  readonly rows: Iterable<ScannedRow>
  readonly leftOut: readonly number[]
}

interface Page {
  readonly number: number
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly at: number
}
interface Cell {
  readonly at: number
  readonly bytes: number
  readonly key: number
  readonly child: number
}
interface Leaf {
  readonly page: number
  readonly from: number
  readonly to: number
}
interface Bounds {
  readonly above: number
  readonly to: number
}

/** The pages of a file that nobody writes. */
export class PageScan {
  readonly #descriptor: number
  readonly #pageBytes: number
  readonly #pages: number

  /** Reads from an open file of `fileBytes`; what lies behind its end counts as zeros. */
  constructor(descriptor: number, pageBytes: number, fileBytes: number) {
    this.#descriptor = descriptor
    this.#pageBytes = pageBytes
    const said = this.#page(1).view.getUint32(PAGES_AT)
    const there = Math.ceil(fileBytes / pageBytes)
    this.#pages = said > 0 && said < there ? said : there
  }

  /** Whether the one page of a small table is whole. */
  isWholeLeaf(number: number): boolean {
    return this.#isPage(number) && cellsOf(this.#page(number), LEAF) !== undefined
  }

  /** The rows of the table with this root; `others`: root pages of the other tables. */
  rows(root: number, others: readonly number[]): Scan {
    const free = this.#freePages()
    const seen = new Uint8Array(this.#pages + 1)
    const leaves: Leaf[] = []
    const leftOut: number[] = []
    const isWalked = this.#walk(root, seen, leaves, leftOut, free)
    // Below what cannot be walked lie pages that are in use and that nothing has named. Where all was walked there are
    // none: a page that looks like that is one that a damaged list of free pages has forgotten.
    if (!isWalked && free !== undefined) {
      for (let number = 2; number <= this.#pages; number++) {
        if (seen[number] === 1 || free[number] === 1 || others.includes(number)) continue
        const page = this.#page(number)
        if (page.bytes[0] === LEAF) this.#take(page, { above: -Infinity, to: Infinity }, leaves, leftOut)
      }
    }
    leaves.sort((a, b) => a.from - b.from)
    const alone = leaves.filter(({ page, from, to }, index) => {
      const isAlone = from > (leaves[index - 1]?.to ?? -Infinity) && to < (leaves[index + 1]?.from ?? Infinity)
      if (!isAlone) leftOut.push(page)
      return isAlone
    })
    return { rows: { [Symbol.iterator]: () => this.#read(alone) }, leftOut }
  }

  /** From the root down; whether every page above others was whole. */
  #walk(root: number, seen: Uint8Array, leaves: Leaf[], leftOut: number[], free: Uint8Array | undefined): boolean {
    let isWalked = true
    const left: { readonly number: number; readonly bounds: Bounds }[] = [
      { number: root, bounds: { above: -Infinity, to: Infinity } },
    ]
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const { number, bounds } = next
      if (!this.#isPage(number) || seen[number] === 1 || free?.[number] === 1) continue
      seen[number] = 1
      const page = this.#page(number)
      const cells = cellsOf(page, INTERIOR)
      if (cells === undefined) {
        if (page.bytes[0] !== LEAF) isWalked = false
        this.#take(page, bounds, leaves, leftOut)
        continue
      }
      let { above } = bounds
      for (const { child, key } of cells) {
        left.push({ number: child, bounds: { above, to: Math.min(key, bounds.to) } })
        above = key
      }
      left.push({ number: page.view.getUint32(8), bounds: { above, to: bounds.to } })
    }
    return isWalked
  }

  #take(page: Page, { above, to }: Bounds, leaves: Leaf[], leftOut: number[]): void {
    const cells = cellsOf(page, LEAF)
    const [first, last] = [cells?.[0], cells?.at(-1)]
    if (cells === undefined || (first !== undefined && first.key <= above) || (last !== undefined && last.key > to)) {
      leftOut.push(page.number)
      return
    }
    if (first !== undefined && last !== undefined) leaves.push({ page: page.number, from: first.key, to: last.key })
  }

  /** A mark for each page on the list of free ones; `undefined` when that list is not whole. */
  #freePages(): Uint8Array | undefined {
    const free = new Uint8Array(this.#pages + 1)
    const { view } = this.#page(1)
    let count = 0
    const take = (number: number): boolean => {
      if (!this.#isPage(number) || free[number] === 1) return false
      free[number] = 1
      count++
      return true
    }
    for (let trunk = view.getUint32(NEXT_FREE_AT); trunk !== 0;) {
      if (!take(trunk)) return undefined
      const page = this.#page(trunk).view
      const leaves = page.getUint32(4)
      if (leaves > this.#pageBytes / 4 - 2) return undefined
      for (let index = 0; index < leaves; index++) if (!take(page.getUint32(8 + 4 * index))) return undefined
      trunk = page.getUint32(0)
    }
    return count === view.getUint32(FREE_COUNT_AT) ? free : undefined
  }

  *#read(leaves: readonly Leaf[]): Generator<ScannedRow> {
    for (const { page: number } of leaves) {
      const page = this.#page(number)
      for (const cell of cellsOf(page, LEAF) ?? []) {
        const payload = this.#payload(page, cell)
        yield { id: cell.key, columns: payload === undefined ? [] : columnsOf(payload) }
      }
    }
  }

  /** What a cell holds, with the pages into which it overflows; `undefined` where these end too early. */
  #payload(page: Page, { at }: Cell): Uint8Array | undefined {
    const [total, totalBytes] = varintAt(page.bytes, at)
    const [, keyBytes] = varintAt(page.bytes, at + totalBytes)
    const local = localBytes(total, this.#pageBytes)
    const from = at + totalBytes + keyBytes
    if (local === total) return page.bytes.slice(from, from + total)
    if (total > this.#pages * this.#pageBytes) return undefined
    const payload = new Uint8Array(total)
    payload.set(page.bytes.subarray(from, from + local))
    let next = page.view.getUint32(from + local)
    for (let have = local; have < total;) {
      if (!this.#isPage(next)) return undefined
      const more = this.#page(next)
      const piece = more.bytes.subarray(4, 4 + Math.min(total - have, this.#pageBytes - 4))
      payload.set(piece, have)
      have += piece.byteLength
      next = more.view.getUint32(0)
    }
    return payload
  }

  #isPage(number: number): boolean {
    return number > 0 && number <= this.#pages
  }

  #page(number: number): Page {
    const bytes = new Uint8Array(this.#pageBytes)
    readSync(this.#descriptor, bytes, 0, this.#pageBytes, (number - 1) * this.#pageBytes)
    return { number, bytes, view: viewOf(bytes), at: number === 1 ? HEAD_BYTES : 0 }
  }
}

/** The cells of a page of this kind by ascending key; `undefined` when the page is of another kind or not whole. */
function cellsOf({ bytes, view, at }: Page, kind: number): readonly Cell[] | undefined {
  if (bytes[at] !== kind) return undefined
  const count = view.getUint16(at + 3)
  const start = view.getUint16(at + 5) || 65_536
  const pointers = at + (kind === LEAF ? 8 : 12)
  if (start < pointers + 2 * count || start > bytes.byteLength) return undefined
  const cells: Cell[] = []
  let last = -Infinity
  for (let index = 0; index < count; index++) {
    const cell = cellAt(bytes, view, view.getUint16(pointers + 2 * index), kind)
    if (cell === undefined || cell.at < start || cell.key <= last) return undefined
    last = cell.key
    cells.push(cell)
  }
  const blocks = freeBlocks(view, view.getUint16(at + 1), start)
  return blocks !== undefined && fills([...cells, ...blocks], start, bytes.byteLength, view.getUint8(at + 7))
    ? cells
    : undefined
}

function cellAt(bytes: Uint8Array, view: DataView, at: number, kind: number): Cell | undefined {
  if (at + 4 > bytes.byteLength) return undefined
  if (kind === INTERIOR) {
    const [key, keyBytes] = varintAt(bytes, at + 4)
    return { at, bytes: 4 + keyBytes, key, child: view.getUint32(at) }
  }
  const [total, totalBytes] = varintAt(bytes, at)
  const [key, keyBytes] = varintAt(bytes, at + totalBytes)
  const local = localBytes(total, bytes.byteLength)
  // A cell is never shorter than the free block that it may become.
  return { at, bytes: Math.max(4, totalBytes + keyBytes + local + (local < total ? 4 : 0)), key, child: 0 }
}

/** Free blocks ascend and never touch. */
function freeBlocks(view: DataView, first: number, start: number): { at: number; bytes: number }[] | undefined {
  const blocks: { at: number; bytes: number }[] = []
  for (let at = first, end = start - 1; at !== 0;) {
    if (at <= end || at + 4 > view.byteLength) return undefined
    const bytes = view.getUint16(at + 2)
    if (bytes < 4) return undefined
    blocks.push({ at, bytes })
    end = at + bytes
    at = view.getUint16(at)
  }
  return blocks
}

/** Whether pieces fill [from, to) without overlap, but for `stray` bytes. */
function fills(pieces: { at: number; bytes: number }[], from: number, to: number, stray: number): boolean {
  let end = from
  let gaps = 0
  for (const { at, bytes } of pieces.sort((a, b) => a.at - b.at)) {
    if (at < end) return false
    gaps += at - end
    end = at + bytes
  }
  return end <= to && gaps + to - end === stray
}

/** Of a payload, what lies in its page. */
function localBytes(total: number, usable: number): number {
  if (total <= usable - 35) return total
  const least = Math.floor(((usable - 12) * 32) / 255) - 23
  const fitting = least + ((total - least) % (usable - 4))
  return fitting <= usable - 35 ? fitting : least
}

/** The columns of a record: whole numbers and bytes, `undefined` for anything else; none where lengths do not fit. */
function columnsOf(payload: Uint8Array): (number | Uint8Array | undefined)[] {
  const [headBytes, first] = varintAt(payload, 0)
  const columns: (number | Uint8Array | undefined)[] = []
  let at = headBytes
  for (let place = first; place < headBytes && place < payload.byteLength;) {
    const [type, typeBytes] = varintAt(payload, place)
    const bytes = bytesOfType(type)
    columns.push(columnOf(payload.subarray(at, at + bytes), type))
    at += bytes
    place += typeBytes
  }
  return at === payload.byteLength ? columns : []
}

const bytesOfType = (type: number): number =>
  type >= 12 ? Math.floor((type - 12) / 2) : ([0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0][type] ?? 0)

function columnOf(bytes: Uint8Array, type: number): number | Uint8Array | undefined {
  if (type >= 12) return type % 2 === 0 ? bytes : undefined
  if (type === 8 || type === 9) return type - 8
  if (type < 1 || type > 6 || bytes.byteLength === 0) return undefined
  return bytes.reduce((value, byte, index) => (index === 0 ? (byte << 24) >> 24 : value * 256 + byte), 0)
}

/** A number of 1 to 9 bytes, and how many these are. */
function varintAt(bytes: Uint8Array, at: number): readonly [number, number] {
  let value = 0
  for (let index = 0; index < 8; index++) {
    const byte = bytes[at + index] ?? 0
    value = value * 128 + (byte & 127)
    if (byte < 128) return [value, index + 1]
  }
  return [value * 256 + (bytes[at + 8] ?? 0), 9]
}
