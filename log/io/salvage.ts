/**
 * Opens a damaged folder as far as what verifies, and says durably that the unit is not whole.
 *
 *     unit.salvaged            what was left out, for people; as long as it is there the store says `salvaged`
 *     unit.db-wal.damaged, -2  a WAL as it was found
 *     unit.db.damaged, -2      a database as it was found
 *
 * The mark is durable before anything is cut, and what was found stays beside. A database with a fault is not repaired but
 * written anew from the rows that can be read, since SQLite must not write into pages that are out of order.
 * Keeps: L2, by telling. Read next: `sqlite-schema.ts`, `wal-scan.ts`.
 */
import { appendFileSync, closeSync, constants, copyFileSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { isError } from '../errors.ts'
import { damaged } from './sqlite-error.ts'
import { PAGE_BYTES, headerVerifies, makeTables, metaSum, plus, prepareStatements, readHeaders, readMeta, readTotal, type HeaderRow, type Statements } from './sqlite-schema.ts'
import { syncFolder } from './sync-folder.ts'
import { cutFile } from './unit-folder.ts'

/** Ids looked for one by one behind the last row that can be read, where the database cannot tell its highest id. */
const PROBES_MAX = 20_000
const LISTED_MAX = 200

const markOf = (folder: string): string => join(folder, 'unit.salvaged')

/** Whether this folder was salvaged and has not been healed. */
export const isSalvaged = (folder: string): boolean => existsSync(markOf(folder))

/** Notes durably that this folder is not whole. @throws the system's error. */
export function markSalvaged(folder: string, text: string): void {
  appendFileSync(markOf(folder), `${text}\n`)
  syncFile(markOf(folder))
  syncFolder(folder)
}

/** Takes the note away. @throws the system's error. */
export function unmarkSalvaged(folder: string): void {
  rmSync(markOf(folder), { force: true })
  syncFolder(folder)
}

/** Cuts the WAL at the damage; nobody has the database open. */
export function cutDamagedWal(folder: string, { offset, reason }: { readonly offset: number; readonly reason: string }): void {
  const path = join(folder, 'unit.db-wal')
  const kept = besideOf(path)
  markSalvaged(folder, `${path} was cut at byte ${offset}: ${reason}. As it was found: ${kept}`)
  copyFileSync(path, kept, constants.COPYFILE_EXCL)
  syncFile(kept)
  syncFolder(folder)
  cutFile(path, offset)
}

/** Whether every page, row and sum of a database is as it was written, but for the bytes of rows. */
export function isWhole(database: Database.Database, folder: string): boolean {
  try {
    if (database.pragma('integrity_check(1)', { simple: true }) !== 'ok') return false
    const sql = prepareStatements(database)
    let sum = metaSum(readMeta(sql, folder))
    for (const row of readHeaders(sql, folder)) sum = plus(sum, row.sum)
    return sum === readTotal(sql, folder).sum
  } catch (thrown) {
    if (isCorrupt(thrown)) return false
    throw thrown
  }
}

/** Writes a database anew from what of it verifies, and puts it in its place. @throws SirtakiError `DAMAGED` without identity or meta: they are what a unit is. */
export function rebuild(database: Database.Database, identity: string, folder: string): void {
  const path = join(folder, 'unit.db')
  const fresh = join(folder, 'unit.db.fresh')
  for (const name of [fresh, `${fresh}-wal`, `${fresh}-journal`]) rmSync(name, { force: true })
  const target = new Database(fresh)
  try {
    target.pragma(`page_size = ${PAGE_BYTES}`)
    target.pragma('synchronous = EXTRA')
    makeTables(target, identity)
    const lost = copyRows(prepareStatements(database), target, folder)
    const kept = besideOf(path)
    markSalvaged(folder, `${path} was written anew. As it was found: ${kept}. Rows left out, or ids that nothing had: ${lost}`)
    linkSync(path, kept)
  } finally {
    target.close()
    database.close()
  }
  syncFile(fresh)
  renameSync(fresh, path)
  syncFolder(folder)
}

/** Copies meta and every row that can be read; gives the ids of the others, as text. */
function copyRows(source: Statements, target: Database.Database, folder: string): string {
  const sql = prepareStatements(target)
  const meta = readMeta(source, folder)
  let sum = metaSum(meta)
  let count = highestCount(source)
  const lost: number[] = []
  target.transaction(() => {
    if (meta !== undefined) sql.setMeta.run(meta.epoch, meta.text, sum)
    for (const { row, bytes } of readableRows(source, lost)) {
      sum = plus(sum, row.sum)
      sql.insert.run(row.id, row.sum, ++count, sum, row.header, bytes)
    }
    // A unit has rows only when it has a layout: a damaged page may hide the one row of meta.
    if (meta === undefined && (sql.lastTotal.get() !== undefined || lost.length > 0)) throw damaged(join(folder, 'unit.db'), 'its meta is missing')
    sql.setTotal.run(++count, sum)
  })()
  return lost.length === 0 ? 'none of those whose ids can be read, maybe others' : `${lost.slice(0, LISTED_MAX).join(', ')}${lost.length > LISTED_MAX ? ` and ${lost.length - LISTED_MAX} more` : ''}`
}

function highestCount(source: Statements): number {
  const counts = [source.total, source.lastTotal].map((statement) => tried(() => statement.get())?.count ?? 0)
  return Math.max(0, ...counts.filter((count) => Number.isSafeInteger(count)))
}

interface ReadableRow { readonly row: HeaderRow; readonly bytes: Uint8Array }

/** Rows by ascending id. Where the next one cannot be found, the ids behind are tried one by one. */
function* readableRows(source: Statements, lost: number[]): Generator<ReadableRow> {
  const highest = tried(() => source.headers.database.prepare<[], number>('select max(id) from row').pluck().get())
  const bounded = typeof highest === 'number' && Number.isSafeInteger(highest)
  let last = -1
  let misses = 0
  for (;;) {
    const id = tried(() => nextId(source, last))
    if (id === null) return
    const row = readRow(source, id ?? last + 1)
    last = id ?? last + 1
    if (row !== undefined) { misses = 0; yield row } else { lost.push(last); misses++ }
    if (misses > PROBES_MAX || (id === undefined && bounded && last >= highest)) return
  }
}

/** The id that follows, null at the end. @throws SqliteError where a page on the way there is out of order. */
function nextId(source: Statements, last: number): number | null {
  const row = source.headers.all(last, 1)[0]
  if (row === undefined) return null
  if (!Number.isSafeInteger(row.id) || row.id <= last) throw damaged('unit.db', 'ids do not ascend')
  return row.id
}

function readRow(source: Statements, id: number): ReadableRow | undefined {
  return tried(() => {
    const row = source.headers.all(id - 1, 1)[0]
    const bytes = source.read.get(id)
    return row?.id === id && headerVerifies(row) && bytes instanceof Uint8Array && bytes.byteLength === row.bytesLength ? { row, bytes } : undefined
  })
}

/** What `read` gives, `undefined` where pages are out of order. */
function tried<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (thrown) {
    if (!isCorrupt(thrown)) throw thrown
    return undefined
  }
}

const isCorrupt = (thrown: unknown): boolean => isError(thrown, 'DAMAGED') || (thrown instanceof Error && 'code' in thrown && /^SQLITE_(CORRUPT|TOOBIG|ERROR$)/.test(String(thrown.code)))

/** A name beside that nothing has yet. */
function besideOf(path: string): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? `${path}.damaged` : `${path}.damaged-${number}`
    if (!existsSync(name)) return name
  }
}

function syncFile(path: string): void {
  const descriptor = openSync(path, 'r+')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
