/**
 * The tables of a unit's database, and the sums with which it notices what SQLite does not.
 *
 *     about   format, identity and its sum: once
 *     meta    epoch, text and their sum: one row at most
 *     row     one per commit that has one: sum of its header; count of commits, total of sums after it; header, bytes
 *     total   the same count and total, by commits without a row, before each checkpoint and at a close in good order
 *     pack    headers of a block of rows once more, for a quick start (`header-packs.ts`); without rowid, so that its
 *             pages are told from those of `row`
 *
 * SQLite has no checksums in its pages: a flipped bit that leaves a page in shape changes a value, an id or the
 * number of rows in a page, and nothing says so. The total is the sum over meta and the headers of all rows that are
 * there: rows that are gone, are back, or changed their header or id make it differ. The bytes of rows are not in it:
 * entries carry checksums. What lies in a page was once copied there by a checkpoint, before which `total` was
 * written: so the last row is missed too. Keeps: L2, by refusing. Read next: `sqlite-store.ts`, `header-packs.ts`,
 * `salvage.ts`.
 */
import { join } from 'node:path'
import type Database from 'better-sqlite3'
import { crc32, crc32Text } from '../bytes/hash.ts'
import { SirtakiError } from '../errors.ts'
import type { RowBlock } from '../unit/row-block.ts'
import { unpack, type HeaderPacks, type HeaderRow, type Pack } from './header-packs.ts'
import { damaged, storeError } from './sqlite-error.ts'
import { syncFolder } from './sync-folder.ts'
import type { Total } from './tail-witness.ts'
import { sizeOf } from './unit-folder.ts'

/** The format of the folder that this version writes. */
const FORMAT = 3

/** The first column of a table with one row. */
const ONCE = 'id integer primary key check(id = 0)'
const SCHEMA = `
  create table about(${ONCE}, format integer not null, identity text not null, sum integer not null);
  create table meta(${ONCE}, epoch integer not null, text text not null, sum integer not null);
  create table total(${ONCE}, count integer not null, total integer not null);
  create table row(${[
    'id integer primary key, sum integer not null, count integer not null, total integer not null',
    'header blob not null, bytes blob not null',
  ].join(', ')});
  create table pack(${[
    'block integer primary key, sums integer not null, sum integer not null',
    'says blob not null',
  ].join(', ')}) without rowid;`

/** Measured: commits of 200 KB take 10 to 25 % less CPU than with pages of 4 KiB, those of one entry as much. */
export const PAGE_BYTES = 8192
const HEADERS_PER_READ = 256
/** Measured: one by one they take four times as long. */
const PACKS_PER_READ = 16

/** The sum of a row's header, which its id is a part of. */
export const rowSum = (id: number, header: Uint8Array): number => crc32(header, id % 2 ** 32)
/** The sum of a meta, 0 where there is none. */
export const metaSum = (meta: { readonly epoch: number; readonly text: string } | undefined): number =>
  meta === undefined ? 0 : crc32Text(`${meta.epoch} ${meta.text}`)

/** The statements of an open database. */
export interface Statements {
  readonly begin: Database.Statement<[]>
  readonly commit: Database.Statement<[]>
  readonly rollback: Database.Statement<[]>
  readonly meta: Database.Statement<[], { epoch: number; text: string; sum: number }>
  readonly epoch: Database.Statement<[], number>
  readonly setMeta: Database.Statement<[number, string, number]>
  readonly total: Database.Statement<[], Total>
  readonly lastTotal: Database.Statement<[], Total>
  readonly setTotal: Database.Statement<[number, number]>
  readonly insert: Database.Statement<[number, number, number, number, Uint8Array, Uint8Array]>
  readonly sumOf: Database.Statement<[number, number], number>
  readonly drop: Database.Statement<[number, number]>
  readonly read: Database.Statement<[number], Uint8Array>
  readonly headers: Database.Statement<[number, number, number], HeaderRow>
  readonly rowFrom: Database.Statement<[number], number>
  readonly packs: Database.Statement<[number, number], Pack>
  readonly setPack: Database.Statement<[number, number, number, Uint8Array]>
  readonly dropPacks: Database.Statement<[number, number]>
  readonly freedPages: Database.Statement<[], number>
  readonly checkpoint: Database.Statement<[], { log: number; checkpointed: number }>
}

/** Prepares them. */
export function prepareStatements(database: Database.Database): Statements {
  return {
    begin: database.prepare<[]>('begin immediate'),
    commit: database.prepare<[]>('commit'),
    rollback: database.prepare<[]>('rollback'),
    meta: database.prepare<[], { epoch: number; text: string; sum: number }>('select epoch, text, sum from meta'),
    epoch: database.prepare<[], number>('select epoch from meta').pluck(),
    setMeta: database.prepare<[number, string, number]>(
      'insert into meta values(0, ?, ?, ?) on conflict do update set epoch = excluded.epoch, text = '
        + 'excluded.text, sum = excluded.sum',
    ),
    total: database.prepare<[], Total>('select count, total as sum from total'),
    lastTotal: database.prepare<[], Total>('select count, total as sum from row order by id desc limit 1'),
    setTotal: database.prepare<[number, number]>(
      'insert into total values(0, ?, ?) on conflict do update set count = excluded.count, total = excluded.total',
    ),
    insert: database.prepare<[number, number, number, number, Uint8Array, Uint8Array]>(
      'insert into row values(?, ?, ?, ?, ?, ?)',
    ),
    sumOf: database.prepare<[number, number], number>('select total(sum) from row where id between ? and ?').pluck(),
    drop: database.prepare<[number, number]>('delete from row where id between ? and ?'),
    read: database.prepare<[number], Uint8Array>('select bytes from row where id = ?').pluck(),
    headers: database.prepare<[number, number, number], HeaderRow>(
      'select id, sum, header, length(bytes) as bytesLength from row where id >= ? and id < ? order by id limit ?',
    ),
    rowFrom: database.prepare<[number], number>('select id from row where id >= ? order by id limit 1').pluck(),
    packs: database.prepare<[number, number], Pack>(
      'select block, sums, sum, says from pack where block >= ? order by block limit ?',
    ),
    setPack: database.prepare<[number, number, number, Uint8Array]>('insert or replace into pack values(?, ?, ?, ?)'),
    dropPacks: database.prepare<[number, number]>('delete from pack where block between ? and ?'),
    freedPages: database.prepare<[], number>('pragma freelist_count').pluck(),
    checkpoint: database.prepare<[], { log: number; checkpointed: number }>('pragma wal_checkpoint(PASSIVE)'),
  }
}

/** Sets the database up for durable commits; gives the identity, `blankIdentity` if the database is blank. */
export function prepareDatabase(database: Database.Database, folder: string, blankIdentity: string): string {
  const path = join(folder, 'unit.db')
  database.pragma('locking_mode = EXCLUSIVE')
  // Only a blank database takes it.
  database.pragma(`page_size = ${PAGE_BYTES}`)
  const tables = database.prepare<[], string>('select name from sqlite_schema').pluck().all()
  if (tables.length > 0 && !tables.includes('about')) throw damaged(path, 'it is the database of another program')
  // A crash while it was made leaves no page or one; in anything else there were tables once, and a blank unit must not
  // take their place.
  if (tables.length === 0 && ![0, PAGE_BYTES].includes(sizeOf(path))) throw damaged(path, 'its tables are gone')
  if (database.pragma('journal_mode = WAL', { simple: true }) !== 'wal') {
    throw new Error('SQLite does not switch to a write-ahead log there')
  }
  database.pragma('synchronous = FULL')
  // Ours report their errors and run behind the answer.
  database.pragma('wal_autocheckpoint = 0')
  if (tables.length === 0) makeTables(database, blankIdentity)
  const identity = readAbout(database, folder)
  // Only after a first read in WAL mode does the pragma tell the truth (P29).
  const synchronous = database.pragma('synchronous', { simple: true })
  if (synchronous !== 2) {
    throw new SirtakiError(
      'IO',
      `SQLite runs ${folder} with synchronous = ${String(synchronous)}, which loses acknowledged commits in `
        + 'a power cut: use a build of better-sqlite3 that honours the pragma',
    )
  }
  if (database.pragma('wal_checkpoint(TRUNCATE)', { simple: true }) !== 0) {
    throw new Error('SQLite does not empty its write-ahead log')
  }
  // SQLite swallows the errors of its own syncs of the folder.
  syncFolder(folder)
  return identity
}

/** Makes the tables of a store that has committed nothing yet. */
export function makeTables(database: Database.Database, identity: string): void {
  database
    .transaction(() => {
      database.exec(SCHEMA)
      database
        .prepare<[number, string, number]>('insert into about values(0, ?, ?, ?)')
        .run(FORMAT, identity, crc32Text(identity))
      database.prepare<[]>('insert into total values(0, 0, 0)').run()
    })
    .immediate()
}

function readAbout(database: Database.Database, folder: string): string {
  const path = join(folder, 'unit.db')
  const format = database.prepare<[], number>('select format from about').pluck().get()
  if (format === undefined) throw damaged(path, 'its identity is missing')
  if (format > FORMAT) {
    throw new SirtakiError(
      'UNSUPPORTED',
      `the folder ${folder} has format version ${format}, this is version ${FORMAT}: upgrade`,
      { facts: { path: folder, format } },
    )
  }
  if (format < FORMAT) {
    throw new SirtakiError(
      'UNSUPPORTED',
      `the folder ${folder} has format version ${format}, which no release has written; this is version `
        + `${FORMAT}: give the unit an empty folder`,
      { facts: { path: folder, format } },
    )
  }
  const about = database.prepare<[], { identity: string; sum: number }>('select identity, sum from about').get()
  if (about === undefined || typeof about.identity !== 'string' || about.sum !== crc32Text(about.identity)) {
    throw damaged(path, 'its identity fails its checksum')
  }
  return about.identity
}

/** The meta, `undefined` where there is none. @throws SirtakiError `DAMAGED`. */
export function readMeta(
  sql: Statements,
  folder: string,
): { readonly epoch: number; readonly text: string } | undefined {
  const meta = sql.meta.get()
  if (
    meta !== undefined
    && (!Number.isSafeInteger(meta.epoch) || typeof meta.text !== 'string' || meta.sum !== metaSum(meta))
  ) {
    throw damaged(join(folder, 'unit.db'), 'its meta fails its checksum')
  }
  return meta
}

/**
 * How far the store has come: what its last row says or `total`, whichever is newer.
 *
 * @throws SirtakiError `DAMAGED`.
 */
export function readTotal(sql: Statements, folder: string): Total {
  const total = sql.total.get()
  const last = sql.lastTotal.get()
  if (total === undefined) throw damaged(join(folder, 'unit.db'), 'its total is missing')
  const newest = last !== undefined && last.count > total.count ? last : total
  if (!Number.isSafeInteger(newest.count) || !Number.isSafeInteger(newest.sum)) {
    throw damaged(join(folder, 'unit.db'), 'its total makes no sense')
  }
  return newest
}

/**
 * What came of reading headers: the sum of those that were given so far, and what was read by itself and what from
 * packs.
 */
export interface Tally {
  sum: number
  readonly packs?: HeaderPacks | undefined
}

/**
 * Reads what the headers say by ascending id, in pieces: an open cursor would hold up commits and checkpoints. Blocks
 * of `size` rows come from their packs where there are any.
 *
 * @throws SirtakiError `DAMAGED`, `IO`.
 */
export function* readBlocks(
  sql: Statements,
  folder: string,
  size: number,
  tally: Tally,
): Generator<RowBlock | HeaderRow> {
  let packs: Pack[] = []
  let packsTo = 0
  for (let next: number | undefined = 0; next !== undefined;) {
    const block = Math.floor(next / size)
    const end = (block + 1) * size
    if (block >= packsTo) {
      packs = reading(folder, next, () => sql.packs.all(block, PACKS_PER_READ)).toReversed()
      packsTo = packs.length < PACKS_PER_READ ? Infinity : (packs[0]?.block ?? 0) + 1
    }
    while ((packs.at(-1)?.block ?? Infinity) < block) packs.pop()
    const pack = packs.at(-1)?.block === block ? packs.pop() : undefined
    const packed = pack === undefined ? undefined : unpack(pack, size)
    if (packed === undefined) {
      yield* readRows(sql, folder, next, end, tally)
      next = reading(folder, end, () => sql.rowFrom.get(end))
    } else {
      tally.sum = plus(tally.sum, pack?.sums ?? 0)
      tally.packs?.notePacked(block)
      yield packed
      next = end
    }
  }
}

/** Reads all headers one by one, as they were stored. @throws as `readBlocks`. */
export const readHeaders = (sql: Statements, folder: string, tally: Tally): Generator<HeaderRow> =>
  readRows(sql, folder, 0, Number.MAX_SAFE_INTEGER, tally)

function* readRows(sql: Statements, folder: string, from: number, to: number, tally: Tally): Generator<HeaderRow> {
  for (let next = from; ;) {
    const rows = reading(folder, next, () => sql.headers.all(next, to, HEADERS_PER_READ))
    for (const row of rows) {
      if (!(row.id >= next) || !headerVerifies(row)) {
        throw damaged(join(folder, 'unit.db'), `the header of row ${row.id} fails its checksum`)
      }
      next = row.id + 1
      tally.sum = plus(tally.sum, row.sum)
      tally.packs?.note(row)
      yield row
    }
    if (rows.length < HEADERS_PER_READ) return
  }
}

/** Writes the packs that are ready, in a transaction of the caller, who says when they are `written`. */
export function writePacks(sql: Statements, packs: HeaderPacks): void {
  for (const { block, sums, sum, says } of packs.packs()) sql.setPack.run(block, sums, sum, says)
}

/** Whether a row is what was stored under its id. */
export const headerVerifies = ({ id, sum, header, bytesLength }: HeaderRow): boolean =>
  header instanceof Uint8Array && typeof bytesLength === 'number' && sum === rowSum(id, header)

function reading<T>(folder: string, id: number, read: () => T): T {
  try {
    return read()
  } catch (thrown) {
    throw storeError(thrown, folder, `read the headers from row ${id} on of`)
  }
}

/** Adds to a total or, with a minus, takes from it: the order in which rows come and go does not matter. */
export const plus = (total: number, sum: number): number => (total + sum) >>> 0
