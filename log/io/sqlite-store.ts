/**
 * A unit's store in a folder, on SQLite. It and `host-lock.ts` alone load better-sqlite3.
 *
 *     unit.lock   a database of which this process holds the exclusive lock as long as the store is open
 *     unit.pid    who holds it, for people only
 *     unit.db     about (format, identity: once), meta (one row at most), row (one per commit); unit.db-wal beside it
 *
 * Durable means: in the write-ahead log and synced, one sync per commit (P29). The WAL is grown once with zeros, so that a
 * commit overwrites in place (measured: 4100 commits/s of one entry against 3460 with a WAL that grows), and its
 * checkpoints are started here, behind the answer, because SQLite's own swallow their errors. After the first error nothing is written (P30).
 * The WAL is scanned before SQLite may open it (P31) and emptied afterwards, which `wal-scan.ts` relies on.
 * Keeps: L2, L9, L10. Read next: `wal-scan.ts`, `sqlite-error.ts`, `../unit/store.ts`.
 */
import { accessSync, closeSync, constants, fstatSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import Database from 'better-sqlite3'
import { SirtakiError } from '../errors.ts'
import type { Random } from '../ports.ts'
import type { Commit, StoreImage, UnitStore } from '../unit/store.ts'
import { damaged, storeError } from './sqlite-error.ts'
import { syncFolder } from './sync-folder.ts'
import { scanWal, type WalScan } from './wal-scan.ts'

/** The format of the folder that this version writes. */
const FORMAT = 1

const SCHEMA = `
  create table about(id integer primary key check(id = 0), format integer not null, identity text not null);
  create table meta(id integer primary key check(id = 0), epoch integer not null, text text not null);
  create table row(id integer primary key, header blob not null, bytes blob not null);`

/** Frames of a commit or a dropped row beside those of the bytes, on the average: the leaf, at times its parent, meta or the free list. */
const COMMIT_FRAMES = 2
/** Measured: commits of 200 KB take 10 to 25 % less CPU than with pages of 4 KiB, those of one entry as much. */
const PAGE_BYTES = 8192
const NO_WAL: WalScan = { kind: 'empty' }
const HEADERS_PER_READ = 256

/** Where a store lives and how its WAL is kept. */
export interface SqliteStoreOptions {
  /** Made if it does not exist; its parent must. */
  readonly folder: string
  readonly random: Random
  /** A readable beginning for the identity of a blank folder; chance follows, since every blank disk is a new identity. */
  readonly identityHint?: string | undefined
  /** Megabytes to which the WAL is grown: more than the checkpoint's frames and the largest commit together. */
  readonly walMb?: number | undefined
  /** Frames of a page after which the WAL is copied into the database: bounds that pause (measured with pages of 4 KiB: 26 ms at 1000, 110 ms at 4000). */
  readonly checkpointFrames?: number | undefined
}

/** Keeps a unit in SQLite. One store object serves one opening after another, but none after a failed commit. */
export class SqliteStore implements UnitStore {
  readonly #folder: string
  readonly #options: SqliteStoreOptions
  readonly #checkpointFrames: number
  #lock: Database.Database | undefined
  #database: Database.Database | undefined
  #sql: Statements | undefined
  #frames = 0
  #failed: SirtakiError | undefined

  constructor(options: SqliteStoreOptions) {
    this.#options = options
    this.#folder = resolve(options.folder)
    this.#checkpointFrames = options.checkpointFrames ?? 500
  }

  open(): StoreImage {
    if (this.#failed !== undefined) throw this.#failed
    if (this.#lock !== undefined) throw new SirtakiError('MISUSE', `the store in ${this.#folder} is open already`)
    try {
      makeFolder(this.#folder)
      this.#lock = takeLock(this.#folder)
      checkFiles(this.#folder)
      const database = new Database(this.#path('unit.db'), { timeout: 0 })
      this.#database = database
      const identity = prepareDatabase(database, this.#mintIdentity(), this.#folder)
      growWal(this.#path('unit.db-wal'), (this.#options.walMb ?? 32) << 20)
      this.#sql = prepareStatements(database)
      this.#frames = 0
      return this.#image(identity, this.#sql)
    } catch (thrown) {
      this.close()
      throw storeError(thrown, this.#folder, 'open')
    }
  }

  commit(commit: Commit, done: (error?: Error) => void): void {
    const error = this.#failed ?? this.#write(commit)
    if (error === undefined) done()
    else done(error)
    if (this.#frames >= this.#checkpointFrames) this.#checkpoint()
  }

  /** Gives `DAMAGED` in place of `IO` when SQLite finds the row's pages out of order: the row can be fetched from a peer. */
  read(row: number): Uint8Array | undefined {
    const sql = this.#sql
    if (sql === undefined) throw this.#notOpen()
    try {
      return sql.read.get(row)?.bytes
    } catch (thrown) {
      throw storeError(thrown, this.#folder, `read row ${row} of`)
    }
  }

  describe(): { kind: string; path: string; diskBytes: number } {
    return { kind: 'sqlite', path: this.#folder, diskBytes: sizeOf(this.#path('unit.db')) + sizeOf(this.#path('unit.db-wal')) }
  }

  close(): void {
    this.#sql = undefined
    this.#database?.close()
    this.#database = undefined
    if (this.#lock !== undefined) rmSync(this.#path('unit.pid'), { force: true })
    this.#lock?.close()
    this.#lock = undefined
  }

  /** One transaction, one sync. */
  #write({ expectEpoch, meta, row, drop }: Commit): SirtakiError | undefined {
    const sql = this.#sql
    if (sql === undefined) return this.#notOpen()
    try {
      sql.begin.run()
      const epoch = sql.epoch.get() ?? 0
      if (epoch !== expectEpoch) {
        sql.rollback.run()
        return new SirtakiError('EPOCH', `the store is at epoch ${epoch}, the commit expects ${expectEpoch}`, { facts: { epoch, expectEpoch } })
      }
      if (row !== undefined) sql.insert.run(row.id, row.header, row.bytes)
      for (const id of drop ?? []) sql.drop.run(id)
      if (meta !== undefined) sql.setMeta.run(meta.epoch, meta.text)
      sql.commit.run()
      const bytes = row === undefined ? 0 : row.header.byteLength + row.bytes.byteLength
      this.#frames += COMMIT_FRAMES * (1 + (drop?.length ?? 0)) + Math.ceil(bytes / PAGE_BYTES)
      return undefined
    } catch (thrown) {
      return this.#fail(thrown, 'commit to')
    }
  }

  /** Copies the WAL into the database, so that the next commit starts it over from its beginning. */
  #checkpoint(): void {
    if (this.#sql === undefined || this.#failed !== undefined) return
    try {
      const { log, checkpointed } = this.#sql.checkpoint.get() ?? {}
      // Nobody else reads this database, so nothing can hold the checkpoint back; if something does, the WAL has no bound.
      if (log === undefined || log !== checkpointed) throw new Error(`${checkpointed} of ${log} frames went into the database`)
      this.#frames = 0
    } catch (thrown) {
      this.#fail(thrown, 'checkpoint')
    }
  }

  /** After an error the disk may hold the commit or not, and SQLite would go on as if nothing had happened (P30). */
  #fail(thrown: unknown, doing: string): SirtakiError {
    this.#failed = storeError(thrown, this.#folder, doing, true)
    try {
      if (this.#database?.inTransaction === true) this.#sql?.rollback.run()
    } catch {
      // The first error is the one to tell; reads see the unfinished transaction, which nothing was acknowledged of.
    }
    return this.#failed
  }

  #image(identity: string, sql: Statements): StoreImage {
    const meta = sql.meta.get()
    return { identity, meta: meta?.text, epoch: meta?.epoch ?? 0, headers: { [Symbol.iterator]: () => readHeaders(sql, this.#folder) } }
  }

  #mintIdentity(): string {
    const { identityHint, random } = this.#options
    return identityHint === undefined ? random.id() : `${identityHint}-${random.id()}`
  }

  #path(name: string): string { return join(this.#folder, name) }

  #notOpen(): SirtakiError { return new SirtakiError('CLOSED', `the store in ${this.#folder} is not open`, { next: 'stop' }) }
}

/** Makes the folder, or checks that there is one to write into. */
function makeFolder(folder: string): void {
  const entry = statSync(folder, { throwIfNoEntry: false })
  if (entry === undefined) {
    mkdirSync(folder)
    syncFolder(dirname(folder))
  } else if (!entry.isDirectory()) {
    throw new SirtakiError('IO', `${folder} is a file, a unit needs a folder: name another place`, { facts: { path: folder } })
  }
  accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
}

/**
 * Takes the folder for this process. A database of its own carries the lock, so that the WAL can be scanned under it, and
 * the system gives it back when the process dies in whatever way.
 */
function takeLock(folder: string): Database.Database {
  // Two that start at once can refuse each other; waiting a moment lets one of them win.
  const lock = new Database(join(folder, 'unit.lock'), { timeout: 100 })
  try {
    lock.pragma('journal_mode = MEMORY')
    lock.exec('begin exclusive')
    writeFileSync(join(folder, 'unit.pid'), `${process.pid}\n`)
    return lock
  } catch (thrown) {
    lock.close()
    throw thrown
  }
}

/** Looks at the files before SQLite does: it would drop what it cannot verify. */
function checkFiles(folder: string): void {
  const path = join(folder, 'unit.db-wal')
  const scan = sizeOf(path) === 0 ? NO_WAL : scanWal(readFileSync(path))
  if (scan.kind === 'damaged') throw damaged(path, `${scan.reason} (byte ${scan.offset})`)
  if (scan.kind === 'whole' && sizeOf(join(folder, 'unit.db')) === 0) throw damaged(join(folder, 'unit.db'), 'it is missing or empty, but its WAL has rows')
}

/** Sets the database up for durable commits; gives the identity, a new one if the database is blank. */
function prepareDatabase(database: Database.Database, blankIdentity: string, folder: string): string {
  database.pragma('locking_mode = EXCLUSIVE')
  // Only a blank database takes it.
  database.pragma(`page_size = ${PAGE_BYTES}`)
  const tables = database.prepare<[], string>('select name from sqlite_schema').pluck().all()
  if (tables.length > 0 && !tables.includes('about')) throw damaged(join(folder, 'unit.db'), 'it is the database of another program')
  if (database.pragma('journal_mode = WAL', { simple: true }) !== 'wal') throw new Error('SQLite does not switch to a write-ahead log there')
  database.pragma('synchronous = FULL')
  // Ours report their errors and run behind the answer.
  database.pragma('wal_autocheckpoint = 0')
  if (tables.length === 0) {
    database.transaction(() => {
      database.exec(SCHEMA)
      database.prepare<[number, string]>('insert into about values(0, ?, ?)').run(FORMAT, blankIdentity)
    }).immediate()
  }
  const about = database.prepare<[], { format: number; identity: string }>('select format, identity from about').get()
  if (about === undefined) throw damaged(join(folder, 'unit.db'), 'its identity is missing')
  if (about.format > FORMAT) throw new SirtakiError('UNSUPPORTED', `the folder ${folder} has format version ${about.format}, this is version ${FORMAT}: upgrade`, { facts: { path: folder, format: about.format } })
  // Only after a first read in WAL mode does the pragma tell the truth (P29).
  const synchronous = database.pragma('synchronous', { simple: true })
  if (synchronous !== 2) throw new SirtakiError('IO', `SQLite runs ${folder} with synchronous = ${String(synchronous)}, which loses acknowledged commits in a power cut: use a build of better-sqlite3 that honours the pragma`)
  if (database.pragma('wal_checkpoint(TRUNCATE)', { simple: true }) !== 0) throw new Error('SQLite does not empty its write-ahead log')
  if (tables.length === 0) syncFolder(folder)
  return about.identity
}

/** Appends zeros to the WAL; what SQLite keeps in it is not touched. */
function growWal(path: string, bytes: number): void {
  const zeros = Buffer.alloc(1 << 20)
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT)
  try {
    for (let at = fstatSync(descriptor).size; at < bytes;) at += writeSync(descriptor, zeros, 0, Math.min(zeros.byteLength, bytes - at), at)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

type Statements = ReturnType<typeof prepareStatements>

interface HeaderRow { readonly id: number; readonly header: Uint8Array; readonly bytesLength: number }

function prepareStatements(database: Database.Database) {
  return {
    begin: database.prepare<[]>('begin immediate'),
    commit: database.prepare<[]>('commit'),
    rollback: database.prepare<[]>('rollback'),
    meta: database.prepare<[], { epoch: number; text: string }>('select epoch, text from meta'),
    epoch: database.prepare<[], number>('select epoch from meta').pluck(),
    setMeta: database.prepare<[number, string]>('insert into meta values(0, ?, ?) on conflict do update set epoch = excluded.epoch, text = excluded.text'),
    insert: database.prepare<[number, Uint8Array, Uint8Array]>('insert into row values(?, ?, ?)'),
    drop: database.prepare<[number]>('delete from row where id = ?'),
    read: database.prepare<[number], { bytes: Uint8Array }>('select bytes from row where id = ?'),
    headers: database.prepare<[number, number], HeaderRow>('select id, header, length(bytes) as bytesLength from row where id > ? order by id limit ?'),
    checkpoint: database.prepare<[], { log: number; checkpointed: number }>('pragma wal_checkpoint(PASSIVE)'),
  }
}

/** Reads in pieces: an open cursor would hold up commits and checkpoints. */
function* readHeaders(sql: Statements, folder: string): Generator<HeaderRow> {
  let last = -1
  for (;;) {
    const rows = headersAfter(sql, last, folder)
    yield* rows
    const end = rows.at(-1)
    if (end === undefined) return
    last = end.id
  }
}

function headersAfter(sql: Statements, id: number, folder: string): HeaderRow[] {
  try {
    return sql.headers.all(id, HEADERS_PER_READ)
  } catch (thrown) {
    throw storeError(thrown, folder, `read the headers after row ${id} of`)
  }
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0
