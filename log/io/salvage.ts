/**
 * Opens a damaged folder as far as what verifies, and says durably that the unit is not whole.
 *
 *     unit.salvaged            what was left out, for people; as long as it is there the store says `salvaged`
 *     unit.db-wal.damaged, -2  a WAL as it was found
 *     unit.db.damaged, -2      a database as it was found
 *
 * The mark is durable before anything is cut, and what was found stays beside, as it was: opening a database moves
 * its WAL into it. A database with a fault is not repaired but written anew from the rows whose pages are whole,
 * since SQLite must not write into pages that are out of order, and may find in them what was dropped. Keeps: L2, by
 * telling. Read next: `page-scan.ts`, `sqlite-schema.ts`, `wal-scan.ts`.
 */
import {
  appendFileSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
} from 'node:fs'
import { join } from 'node:path'
import type Database from 'better-sqlite3'
import { isError } from '../errors.ts'
import { openDatabase } from './database.ts'
import { HeaderPacks } from './header-packs.ts'
import { PageScan } from './page-scan.ts'
import { damaged } from './sqlite-error.ts'
import {
  PAGE_BYTES,
  makeTables,
  metaSum,
  plus,
  prepareStatements,
  readBlocks,
  readHeaders,
  readMeta,
  readTotal,
  rowSum,
  writePacks,
  type Statements,
  type Tally,
} from './sqlite-schema.ts'
import { syncFolder } from './sync-folder.ts'
import { cutFile, sizeOf } from './unit-folder.ts'

/** Rows and pages that a note names. */
const LISTED_MAX = 200

const markOf = (folder: string): string => join(folder, 'unit.salvaged')

/** Whether this folder was salvaged and has not been healed. */
export const isSalvaged = (folder: string): boolean => existsSync(markOf(folder))

/** What was left out of a folder that was salvaged, a line each; nothing where it was not, or is whole again. */
export function salvageNotes(folder: string): string[] {
  return isSalvaged(folder)
    ? readFileSync(markOf(folder), 'utf8')
        .split('\n')
        .filter((one) => one !== '')
    : []
}

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

/** A unit's folder, and how many rows a pack of headers has. */
export interface Place {
  readonly folder: string
  readonly packRows: number
}

/** Where the files are that SQLite would change. */
export interface Originals {
  readonly database: string
  readonly wal: string | undefined
}

/** Copies database and WAL, durably, before SQLite moves the one into the other; nobody has the database open. */
export function keepOriginals(folder: string): Originals {
  const [database, wal] = [join(folder, 'unit.db'), join(folder, 'unit.db-wal')].map((path) =>
    existsSync(path) ? copyBeside(path) : undefined,
  )
  if (database === undefined) throw damaged(join(folder, 'unit.db'), 'it is missing')
  syncFolder(folder)
  return { database, wal }
}

/** Removes the copies: nothing was left out. */
export function dropOriginals({ database, wal }: Originals, folder: string): void {
  for (const name of [database, wal]) if (name !== undefined) rmSync(name)
  syncFolder(folder)
}

/**
 * Takes the damage out of the WAL; nobody has the database open. Where the database by itself is whole and has all
 * that the readable part of the WAL has, the WAL was copied into it before it was damaged: to replay a part would put
 * older pages over newer.
 */
export function mendWal(
  place: Place,
  { offset, reason }: { readonly offset: number; readonly reason: string },
  { database, wal }: Originals,
): void {
  const { folder } = place
  const path = join(folder, 'unit.db-wal')
  const isCopied = hasAll(place, database, offset)
  markSalvaged(
    folder,
    `${path} was ${isCopied ? 'left out' : `cut at byte ${offset}`}: ${reason}. As they were found: ${wal}, `
      + database,
  )
  cutFile(path, isCopied ? 0 : offset)
}

/** Adds zeros to a database that ends before the last of its pages; a copy of it exists. */
export function padDatabase(folder: string, bytes: number, original: string): void {
  const path = join(folder, 'unit.db')
  markSalvaged(folder, `${path} was cut off at byte ${sizeOf(path)} of ${bytes}. As it was found: ${original}`)
  truncateSync(path, bytes)
  syncFile(path)
}

/** Whether a database without its WAL is whole, and no older than with the WAL up to `offset`. */
function hasAll(place: Place, database: string, offset: number): boolean {
  const { folder } = place
  const trial = join(folder, 'unit.db.trial')
  const forget = (): void => {
    for (const name of [trial, `${trial}-wal`, `${trial}-shm`]) rmSync(name, { force: true })
  }
  try {
    forget()
    copyFileSync(database, trial, constants.COPYFILE_FICLONE)
    const alone = countOf(trial, place)
    if (alone === undefined) return false
    copyFileSync(join(folder, 'unit.db-wal'), `${trial}-wal`, constants.COPYFILE_FICLONE)
    truncateSync(`${trial}-wal`, offset)
    return alone >= (countOf(trial, place) ?? 0)
  } finally {
    forget()
  }
}

/** How many commits a database has that is whole, `undefined` for any other. */
function countOf(path: string, { folder, packRows }: Place): number | undefined {
  return tried(() => {
    const database = openDatabase(path)
    try {
      database.pragma('locking_mode = EXCLUSIVE')
      return isWhole(database, folder, packRows) ? readTotal(prepareStatements(database), folder).count : undefined
    } finally {
      database.close()
    }
  })
}

/**
 * Whether every page, row and sum of a database is as it was written, but for the bytes of rows; also what its packs
 * say.
 */
export function isWhole(database: Database.Database, folder: string, packRows: number): boolean {
  try {
    if (database.pragma('integrity_check(1)', { simple: true }) !== 'ok') return false
    const sql = prepareStatements(database)
    const { sum } = readTotal(sql, folder)
    const reads = [
      (tally: Tally) => readHeaders(sql, folder, tally),
      (tally: Tally) => readBlocks(sql, folder, packRows, tally),
    ]
    return reads.every((read) => {
      const tally = { sum: metaSum(readMeta(sql, folder)) }
      for (const part of read(tally)) void part
      return tally.sum === sum
    })
  } catch (thrown) {
    if (isCorrupt(thrown)) return false
    throw thrown
  }
}

/**
 * Writes a database anew from what of it verifies, and puts it in its place; the database is closed. `kept`: where
 * the original is already, if it is.
 *
 * @throws SirtakiError `DAMAGED` without identity or meta: they are what a unit is.
 */
export function rebuild(database: Database.Database, identity: string, place: Place, kept: string | undefined): void {
  const { folder } = place
  const path = join(folder, 'unit.db')
  const fresh = join(folder, 'unit.db.fresh')
  for (const name of [fresh, `${fresh}-wal`, `${fresh}-journal`]) rmSync(name, { force: true })
  const source = sourceOf(database, folder)
  const target = openDatabase(fresh)
  const descriptor = openSync(path, 'r')
  try {
    target.pragma(`page_size = ${PAGE_BYTES}`)
    target.pragma('synchronous = EXTRA')
    makeTables(target, identity)
    const lost = copyRows(source, new PageScan(descriptor, PAGE_BYTES, sizeOf(path)), target, place)
    const beside = kept ?? besideOf(path)
    markSalvaged(folder, `${path} was written anew. As it was found: ${beside}. Rows left out: ${lost}`)
    if (kept === undefined) linkSync(path, beside)
  } finally {
    closeSync(descriptor)
    target.close()
  }
  syncFile(fresh)
  renameSync(fresh, path)
  syncFolder(folder)
}

/** What SQLite can say of a damaged database. */
interface Source {
  readonly meta: { readonly epoch: number; readonly text: string } | undefined
  readonly count: number
  readonly hasRows: boolean
  readonly roots: ReadonlyMap<string, number>
}

function sourceOf(database: Database.Database, folder: string): Source {
  try {
    const sql = prepareStatements(database)
    const roots = new Map(
      database
        .prepare<[], { name: string; rootpage: number }>('select name, rootpage from sqlite_schema')
        .all()
        .map(({ name, rootpage }) => [name, rootpage]),
    )
    return {
      meta: readMeta(sql, folder),
      count: highestCount(sql),
      hasRows: tried(() => sql.lastTotal.get()) !== undefined,
      roots,
    }
  } finally {
    database.close()
  }
}

/** Copies meta and every row that can be believed; gives what is known of the others, as text. */
function copyRows(
  { meta, count: highest, hasRows, roots }: Source,
  scan: PageScan,
  target: Database.Database,
  { folder, packRows }: Place,
): string {
  const sql = prepareStatements(target)
  const rootOf = (name: string): number => roots.get(name) ?? 0
  // A page that is out of order may give an older meta back, whose sum is right.
  if (meta !== undefined && !scan.isWholeLeaf(rootOf('meta'))) {
    throw damaged(join(folder, 'unit.db'), 'the page of its meta is out of order')
  }
  const { rows, leftOut } = scan.rows(rootOf('row'), ['about', 'meta', 'total'].map(rootOf))
  let sum = metaSum(meta)
  let count = highest
  let copied = 0
  const packs = new HeaderPacks(packRows, true)
  const lost: number[] = []
  target.transaction(() => {
    if (meta !== undefined) sql.setMeta.run(meta.epoch, meta.text, sum)
    for (const {
      id,
      columns: [, own, , , header, bytes],
    } of rows) {
      if (
        !(header instanceof Uint8Array)
        || !(bytes instanceof Uint8Array)
        || typeof own !== 'number'
        || own !== rowSum(id, header)
      ) {
        lost.push(id)
        continue
      }
      sum = plus(sum, own)
      sql.insert.run(id, own, ++count, sum, header, bytes)
      packs.note({ id, sum: own, header, bytesLength: bytes.byteLength })
      copied++
      if (!packs.isReady) continue
      writePacks(sql, packs)
      packs.written()
    }
    // A unit has rows only when it has a layout: a damaged page may hide the one row of meta.
    if (meta === undefined && (hasRows || copied + lost.length + leftOut.length > 0)) {
      throw damaged(join(folder, 'unit.db'), 'its meta is missing')
    }
    sql.setTotal.run(++count, sum)
  })()
  const pages = leftOut.length === 0 ? [] : [`all of pages ${listOf(leftOut)}`]
  return (
    [...(lost.length === 0 ? [] : [listOf(lost)]), ...pages].join('; ')
    || 'none of those whose ids can be read, maybe others'
  )
}

function listOf(numbers: readonly number[]): string {
  const more = numbers.length > LISTED_MAX ? ` and ${numbers.length - LISTED_MAX} more` : ''
  return `${numbers.slice(0, LISTED_MAX).join(', ')}${more}`
}

function highestCount(source: Statements): number {
  const counts = [source.total, source.lastTotal].map((statement) => tried(() => statement.get())?.count ?? 0)
  return Math.max(0, ...counts.filter((count) => Number.isSafeInteger(count)))
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

const isCorrupt = (thrown: unknown): boolean =>
  isError(thrown, 'DAMAGED')
  || (thrown instanceof Error && 'code' in thrown && /^SQLITE_(CORRUPT|TOOBIG|ERROR$)/.test(String(thrown.code)))

function copyBeside(path: string): string {
  const name = besideOf(path)
  copyFileSync(path, name, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  syncFile(name)
  return name
}

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
