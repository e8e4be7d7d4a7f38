/**
 * What the headers of a block of rows say, once more and together: a unit with 20 million rows starts in seconds
 * (measured: 4 us a header that is read by itself, 0.3 us here).
 *
 *     table pack   block | sums | sum | what its rows say (`../unit/row-block.ts`)
 *
 * A block is the rows whose ids divided by 2,048 give its number. Its pack is written when the block is behind, with
 * the checkpoint that follows, and gone with the first of its rows that is dropped: so a pack names exactly the rows
 * of its block. It is never needed: what has none, or one that fails its sum, is read row by row. `sums` are those of
 * the headers. Read next: `sqlite-schema.ts`, `sqlite-store.ts`.
 */
import { crc32 } from '../bytes/hash.ts'
import { isError } from '../errors.ts'
import { blockOf, type RowBlock, type StoredHeader } from '../unit/row-block.ts'

/** Rows of a block. */
export const PACK_ROWS = 2048
/**
 * Headers longer than this together are read row by row: what they cost is their entries, and memory until they are
 * packed.
 */
const PACK_BYTES = 512 << 10
/** Blocks that wait to be written; those of a database that has no packs at all are left as they are. */
const READY_MAX = 4

/** A row's header. `sum` is the one that it is stored with. */
export interface HeaderRow extends StoredHeader {
  readonly sum: number
}

/** A pack as it is stored. */
export interface Pack {
  readonly block: number
  readonly sums: number
  readonly sum: number
  readonly says: Uint8Array
}

interface Block {
  readonly block: number
  readonly rows: readonly HeaderRow[]
}

/** The sum of a pack, of which its place and the sums of its headers are a part. */
const packSum = (block: number, sums: number, says: Uint8Array): number =>
  crc32(says, crc32(new Uint8Array(new Float64Array([block, sums]).buffer)))

/** Packs the rows of a block; `undefined` where their headers make no sense to this version. */
export function packOf(block: number, rows: readonly HeaderRow[], size: number): Pack | undefined {
  const merged = tried(() => blockOf(block * size, rows))
  if (merged === undefined) return undefined
  const sums = rows.reduce((total, { sum }) => (total + sum) >>> 0, 0)
  return { block, sums, sum: packSum(block, sums, merged.block), says: merged.block }
}

/** A row whose header says nothing is refused by the unit, not by its store. */
function tried(make: () => RowBlock | undefined): RowBlock | undefined {
  try {
    return make()
  } catch (thrown) {
    if (!isError(thrown, 'DAMAGED', 'UNSUPPORTED')) throw thrown
    return undefined
  }
}

/** What a pack says; `undefined` when it is not what was stored. */
export function unpack({ block, sums, sum, says }: Pack, size: number): RowBlock | undefined {
  return says instanceof Uint8Array && sum === packSum(block, sums, says)
    ? { base: block * size, block: says }
    : undefined
}

/** Collects headers of rows, by ascending id, until their block is behind. */
export class HeaderPacks {
  readonly size: number
  #ready: Block[] = []
  #block = -1
  #rows: HeaderRow[] = []
  /** Of the rows of this block; Infinity where it is to have no pack. */
  #bytes = 0
  #packed = -1
  #isWhole: boolean

  /** `isWhole`: the first block that is noted is noted from its beginning. */
  constructor(size: number, isWhole: boolean) {
    this.size = size
    this.#isWhole = isWhole
  }

  /** Whether a pack is to be written. */
  get isReady(): boolean {
    return this.#ready.length > 0
  }

  /** The packs that are to be written; they stay until `written`. */
  packs(): Pack[] {
    return this.#ready.map(({ block, rows }) => packOf(block, rows, this.size)).filter((pack) => pack !== undefined)
  }

  /** What `packs` gave is written. */
  written(): void {
    this.#ready = []
  }

  blockOf(id: number): number {
    return Math.floor(id / this.size)
  }

  /** Notes a row that no pack has. */
  note(row: HeaderRow): void {
    const block = this.blockOf(row.id)
    if (block !== this.#block) this.#begin(block)
    this.#bytes += row.header.byteLength
    if (this.#bytes <= PACK_BYTES) this.#rows.push(row)
    else this.#rows = []
  }

  /** Notes a block that has its pack. */
  notePacked(block: number): void {
    this.#begin(block)
    this.#bytes = Infinity
    this.#packed = block
  }

  /** Whether a new row belongs to a block that has its pack already, which must go then: rows were lost at its end. */
  isPacked(id: number): boolean {
    return this.blockOf(id) === this.#packed
  }

  #begin(block: number): void {
    if (this.#rows.length > 0 && this.#ready.length < READY_MAX) {
      this.#ready.push({ block: this.#block, rows: this.#rows })
    }
    this.#block = block
    this.#rows = []
    this.#bytes = this.#isWhole ? 0 : Infinity
    this.#isWhole = true
  }

  /** Rows of these ids are gone: their blocks get no pack. */
  drop(from: number, to: number): void {
    const [first, last] = [this.blockOf(from), this.blockOf(to)]
    if (this.#block >= first && this.#block <= last) {
      this.#rows = []
      this.#bytes = Infinity
    }
    this.#ready = this.#ready.filter(({ block }) => block < first || block > last)
  }
}
