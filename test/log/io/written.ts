/**
 * A folder with rows of many shapes, and what opening it gives after somebody damaged it: for the tests of damage, of
 * salvage and of the witness. A checksum of each row's bytes is kept beside, as entries carry one.
 *
 * Read next: `damage.test.ts`, `salvage.test.ts`.
 */
import { crc32 } from '../../../log/bytes/hash.ts'
import { isError } from '../../../log/errors.ts'
import { systemRandom } from '../../../log/io/random.ts'
import { SqliteStore, type SqliteStoreOptions } from '../../../log/io/sqlite-store.ts'
import { visitBlock, type BlockVisitor, type RowBlock, type StoredHeader } from '../../../log/unit/row-block.ts'
import { RowBuilder, visitRow } from '../../../log/unit/row.ts'
import type { Row, StoreImage } from '../../../log/unit/store.ts'

/** A store without reserve and grown WAL, with small packs: what is in neither is what these tests are about. */
export const storeIn = (folder: string, options: Partial<SqliteStoreOptions> = {}): SqliteStore =>
  new SqliteStore({
    folder,
    random: systemRandom,
    walMb: 0,
    reserveMb: 0,
    checkpointFrames: 100,
    packRows: 16,
    ...options,
  })

/** A row whose sizes go from a few bytes to several pages, in header and bytes. */
export function shapedRow(id: number): Row {
  // Unlike in any two places, so that a place can be found by what it holds.
  const bytes = new Uint8Array(id % 11 === 5 ? 20_000 : 30 + ((id * 13) % 700)).map((_, at) =>
    mixed(mixed(id * 2 + 2) ^ at),
  )
  const row = new RowBuilder()
  const entries = id % 17 === 3 ? 1100 : id % 10
  for (let i = 0; i < entries; i++) {
    row.data(id * 2000 + i, { offset: i * 20, bytes: 20, hash: mixed(mixed(id) ^ i), streams: [id % 5, id] })
  }
  if (id % 3 === 0) row.junk({ from: id * 2000 + 1500, to: id * 2000 + 1600, step: 1 + (id % 4) })
  return { id, header: row.finish(mixed(id), mixed(id * 2 + 1), id % 4 === 0 ? [id, id + 7] : []).header, bytes }
}

/** What rows say, by id, and below -1 what they say together. */
export function sayings(parts: Iterable<RowBlock | StoredHeader>): Map<number, string> {
  const said = new Map<number, string>()
  let items: unknown[] = []
  let row = -1
  let highest = 0
  const decided: number[] = []
  const visitor: BlockVisitor = {
    prefix: (prefix, logTime) => {
      highest = Math.max(highest, prefix, logTime)
    },
    data: (position, offset, hash, streams) => {
      items.push(position, offset, hash, streams)
    },
    junk: (range) => {
      items.push(range)
    },
    decided: (position) => {
      decided.push(position)
    },
    begin: (id) => {
      row = id
      items = []
    },
    end: (bytesLength) => {
      said.set(row, JSON.stringify([bytesLength, items]))
    },
  }
  for (const part of parts) {
    if ('block' in part) {
      visitBlock(part, visitor)
      continue
    }
    visitor.begin(part.id)
    visitRow(part.id, part.header, visitor)
    visitor.end(part.bytesLength)
  }
  said.set(-1, JSON.stringify([highest, decided.toSorted((a, b) => a - b)]))
  return said
}

/** What shaped rows of these ids say. */
export const sayingsOf = (ids: Iterable<number>): Map<number, string> =>
  sayings([...ids].map(shapedRow).map(({ id, header, bytes }) => ({ id, header, bytesLength: bytes.byteLength })))

const mixed = (value: number): number => {
  const high = Math.imul(value, 0x9e37_79b1)
  return Math.imul(high ^ (high >>> 15), 0x85eb_ca6b) >>> 8
}

/**
 * What was written: identity, meta and the ids of the rows that are there, with the sums of their headers and bytes.
 */
export interface Written {
  readonly identity: string
  readonly meta: string | undefined
  readonly rows: ReadonlyMap<number, { readonly header: number; readonly bytes: number }>
}

/** Writes `count` rows, drops some on the way, moves the epoch, and closes in good order. */
export function write(folder: string, count: number, options: Partial<SqliteStoreOptions> = {}): Written {
  const store = storeIn(folder, options)
  const { identity } = store.open()
  const rows = new Map<number, { header: number; bytes: number }>()
  const refused: Error[] = []
  const keep = (error?: Error): void => {
    if (error !== undefined) refused.push(error)
  }
  store.commit({ expectEpoch: 0, meta: { epoch: 1, text: 'the meta of epoch 1' } }, keep)
  for (let id = 1; id <= count; id++) {
    const row = shapedRow(id)
    const drop = id % 20 === 0 ? [id - 15, id - 14, id - 13] : []
    store.commit({ expectEpoch: 1, row, drop }, keep)
    rows.set(id, { header: crc32(row.header), bytes: crc32(row.bytes) })
    for (const gone of drop) rows.delete(gone)
  }
  store.close()
  if (refused[0] !== undefined) throw refused[0]
  return { identity, meta: 'the meta of epoch 1', rows }
}

/** What came of opening a folder and reading all of it. */
export type Found =
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  | {
      readonly kind: 'open'
      readonly salvaged: boolean
      readonly wrong: readonly string[]
      readonly missing: readonly number[]
      readonly damagedBytes: readonly number[]
    }

/** How a folder is read: each header, or as a unit does, what the blocks of headers say. */
export type Reading = 'headers' | 'blocks'

/**
 * Opens, reads and compares. `wrong` is what nobody would notice; damaged bytes are told by their checksum or an error.
 * @throws what has no type.
 */
export function readBack(
  folder: string,
  written: Written,
  options: Partial<SqliteStoreOptions> = {},
  by: Reading = 'headers',
): Found {
  const store = storeIn(folder, options)
  try {
    const image = store.open()
    const { ids, wrong } = by === 'headers' ? readHeaders(image, written) : readBlocks(image)
    const found = new Set(ids)
    if (image.identity !== written.identity) wrong.push('the identity')
    if (image.meta !== written.meta) wrong.push('the meta')
    return {
      kind: 'open',
      salvaged: image.salvaged,
      wrong,
      missing: [...written.rows.keys()].filter((id) => !found.has(id)),
      damagedBytes: ids.filter((id) => bytesSum(store, id) !== written.rows.get(id)?.bytes),
    }
  } catch (thrown) {
    if (!isError(thrown)) throw thrown
    return { kind: 'refused', code: thrown.code, message: thrown.message }
  } finally {
    store.close()
  }
}

interface Listed {
  readonly ids: readonly number[]
  readonly wrong: string[]
}

function readHeaders({ headers }: StoreImage, written: Written): Listed {
  const all = [...headers]
  const odd = all.filter(({ id, header }) => written.rows.get(id)?.header !== crc32(header))
  return { ids: all.map(({ id }) => id), wrong: odd.map(({ id }) => `the header of row ${id}`) }
}

function readBlocks({ blocks, headers }: StoreImage): Listed {
  const said = sayings(blocks ?? headers)
  const ids = [...said.keys()].filter((id) => id >= 0)
  const right = sayingsOf(ids)
  return { ids, wrong: [...said].filter(([id, text]) => right.get(id) !== text).map(([id]) => `what row ${id} says`) }
}

/** The sum of a row's bytes, `undefined` when the store says that it cannot read them. */
function bytesSum(store: SqliteStore, id: number): number | undefined {
  try {
    const bytes = store.read(id)
    return bytes === undefined ? undefined : crc32(bytes)
  } catch (thrown) {
    if (!isError(thrown, 'DAMAGED', 'IO')) throw thrown
    return undefined
  }
}
