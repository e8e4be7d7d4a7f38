/**
 * A folder with rows of many shapes, and what opening it gives after somebody damaged it: for the tests of damage, of
 * salvage and of the witness. A checksum of each row's bytes is kept beside, as entries carry one.
 *
 * Read next: `damage.test.ts`, `salvage.test.ts`.
 */
import { isError } from '../../../log/errors.ts'
import { systemRandom } from '../../../log/io/random.ts'
import { SqliteStore, type SqliteStoreOptions } from '../../../log/io/sqlite-store.ts'
import type { Row } from '../../../log/unit/store.ts'
import { crc32 } from '../../../log/wire/hash.ts'

/** A store without reserve and grown WAL: what is in neither is what these tests are about. */
export const storeIn = (folder: string, options: Partial<SqliteStoreOptions> = {}): SqliteStore =>
  new SqliteStore({ folder, random: systemRandom, walMb: 0, reserveMb: 0, checkpointFrames: 100, ...options })

/** A row whose sizes go from a few bytes to several pages, in header and bytes. */
export function shapedRow(id: number): Row {
  // Unlike in any two places, so that a place can be found by what it holds.
  const fill = (length: number, salt: number): Uint8Array => new Uint8Array(length).map((_, at) => mixed(mixed(id * 2 + salt) ^ at))
  return { id, header: fill(id % 17 === 3 ? 9000 : 40 + id % 90, 1), bytes: fill(id % 11 === 5 ? 20_000 : 30 + id * 13 % 700, 2) }
}

const mixed = (value: number): number => { const high = Math.imul(value, 0x9e37_79b1); return Math.imul(high ^ high >>> 15, 0x85eb_ca6b) >>> 8 }

/** What was written: identity, meta and the ids of the rows that are there, with the sums of their headers and bytes. */
export interface Written { readonly identity: string; readonly meta: string | undefined; readonly rows: ReadonlyMap<number, { readonly header: number; readonly bytes: number }> }

/** Writes `count` rows, drops some on the way, moves the epoch, and closes in good order. */
export function write(folder: string, count: number, options: Partial<SqliteStoreOptions> = {}): Written {
  const store = storeIn(folder, options)
  const { identity } = store.open()
  const rows = new Map<number, { header: number; bytes: number }>()
  const refused: Error[] = []
  const keep = (error?: Error): void => { if (error !== undefined) refused.push(error) }
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
  | { readonly kind: 'open'; readonly salvaged: boolean; readonly wrong: readonly string[]; readonly missing: readonly number[]; readonly damagedBytes: readonly number[] }

/** Opens, reads and compares. `wrong` is what nobody would notice; damaged bytes are told by their checksum or an error. @throws what has no type. */
export function readBack(folder: string, written: Written, options: Partial<SqliteStoreOptions> = {}): Found {
  const store = storeIn(folder, options)
  try {
    const image = store.open()
    const headers = [...image.headers]
    const found = new Set(headers.map(({ id }) => id))
    const wrong = headers.filter(({ id, header }) => written.rows.get(id)?.header !== crc32(header)).map(({ id }) => `the header of row ${id}`)
    if (image.identity !== written.identity) wrong.push('the identity')
    if (image.meta !== written.meta) wrong.push('the meta')
    return {
      kind: 'open', salvaged: image.salvaged, wrong,
      missing: [...written.rows.keys()].filter((id) => !found.has(id)),
      damagedBytes: headers.filter(({ id }) => bytesSum(store, id) !== written.rows.get(id)?.bytes).map(({ id }) => id),
    }
  } catch (thrown) {
    if (!isError(thrown)) throw thrown
    return { kind: 'refused', code: thrown.code, message: thrown.message }
  } finally {
    store.close()
  }
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
