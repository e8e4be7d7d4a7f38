/**
 * A part of a checkpoint: rows of many objects as bytes.
 *
 *     piece    row *
 *     row      name u32 | [new: object, type text, version u32, table text] | key text | modified f64 |
 *              [kept: created f64, low u32, high u32, value: bytes u32 | JSON]
 *
 * Every piece can be read by itself: a name is (object, type, version, table), numbered from 0 in each piece, and the
 * number that comes next brings its name along. `modified` is -1 of a record that was deleted. Values are JSON as in
 * entries. Keeps: C3, C4. Read next: `manifest.ts` (what lists parts), `../../log/archive/sealed.ts` (the envelope).
 */
import { PIECE_BYTES, Sealing, damagedBlob, open } from '../../log/archive/sealed.ts'
import { ByteReader, ByteWriter } from '../../log/bytes/bytes.ts'
import { isError } from '../../log/errors.ts'
import { Row } from '../runtime/row.ts'

/** Bytes of a part when it is closed. */
export const PART_BYTES = 8 << 20

/** Which table of which object a row stands in. The table of the small value is ''. */
export interface RowPlace {
  readonly object: string
  readonly type: string
  readonly version: number
  readonly table: string
}

/** A row, or that there is none any more. */
export interface PartRow {
  readonly place: RowPlace
  readonly key: string
  readonly row: Row<unknown> | undefined
}

/** To what a part belongs. `position`: of the checkpoint that wrote it, exclusive. */
export interface PartHead {
  readonly cluster: string
  readonly space: number
  readonly position: number
  readonly kind: 'base' | 'delta'
}

/** Writes one part, row by row. */
export class PartWriter {
  readonly #sealing: Sealing
  #piece = new ByteWriter(PIECE_BYTES + 4_096)
  /** Numbers of names in this piece. */
  #names = new Map<RowPlace, number>()
  rows = 0

  constructor(head: PartHead) {
    this.#sealing = new Sealing('SRTp', { ...head })
  }

  /** Whether there is room for more rows. */
  get isFull(): boolean {
    return this.#sealing.bytes + this.#piece.at >= PART_BYTES
  }
  /** Bytes so far: what waits for its piece is counted as it is. */
  get bytes(): number {
    return this.#sealing.bytes + this.#piece.at
  }

  /** Adds a row. True: a piece was compressed, which is as much as one turn should do. */
  add(place: RowPlace, key: string, row: Row<unknown> | undefined): boolean {
    const piece = this.#piece
    this.#name(place)
    piece.text(key)
    if (row === undefined) piece.f64(-1)
    else {
      piece.f64(row.modified).f64(row.created)
      piece.u32(row.low >>> 0).u32(row.high >>> 0)
      piece.text(JSON.stringify(row.value))
    }
    this.rows++
    if (piece.at < PIECE_BYTES) return false
    this.#close()
    return true
  }

  done(): Uint8Array {
    this.#close()
    return this.#sealing.done()
  }

  #name(place: RowPlace): void {
    const known = this.#names.get(place)
    const piece = this.#piece.u32(known ?? this.#names.size)
    if (known !== undefined) return
    this.#names.set(place, this.#names.size)
    piece.text(place.object).text(place.type).u32(place.version).text(place.table)
  }

  #close(): void {
    if (this.#piece.at === 0) return
    this.#sealing.add(this.#piece.done())
    this.#piece = new ByteWriter(PIECE_BYTES + 4_096)
    this.#names = new Map()
  }
}

/** Reads a part, piece by piece: each `next` is as much as one turn should do. @throws as `open`. */
export function* readPart(key: string, bytes: Uint8Array): Generator<PartRow[], void, undefined> {
  for (const piece of open('SRTp', key, bytes).pieces) yield rowsOfPiece(key, piece)
}

function rowsOfPiece(key: string, piece: Uint8Array): PartRow[] {
  const reader = new ByteReader(piece)
  const names: RowPlace[] = []
  const rows: PartRow[] = []
  try {
    while (reader.left > 0) rows.push(readRow(reader, names))
  } catch (thrown) {
    if (thrown instanceof SyntaxError || isError(thrown, 'BAD_FRAME')) {
      throw damagedBlob(key, `a row cannot be read: ${thrown.message}`, thrown)
    }
    throw thrown
  }
  return rows
}

function readRow(reader: ByteReader, names: RowPlace[]): PartRow {
  const number = reader.u32()
  if (number === names.length) {
    const [object, type] = [reader.text(), reader.text()]
    names.push({ object, type, version: reader.u32(), table: reader.text() })
  }
  const place = names[number]
  if (place === undefined) throw new SyntaxError(`name ${number} is not there`)
  const key = reader.text()
  const modified = reader.f64()
  if (modified < 0) return { place, key, row: undefined }
  const created = reader.f64()
  const [low, high] = [reader.u32(), reader.u32()]
  const value = frozen(JSON.parse(reader.text()))
  const row = new Row(value, created, modified)
  row.low = low | 0
  row.high = high | 0
  return { place, key, row }
}

/** As records are: what a reader got from one stays as it was. */
function frozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  for (const one of Object.values(value)) frozen(one)
  return Object.freeze(value)
}
