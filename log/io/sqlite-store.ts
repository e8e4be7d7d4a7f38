/**
 * A unit's store in a folder, on SQLite. With its schema, lock and salvage, and `host-lock.ts`, alone in loading
 * better-sqlite3.
 *
 *     unit.lock   a database of which this process holds the exclusive lock as long as the store is open
 *     unit.pid    who holds it, for people only
 *     unit.wal-bytes   how long the WAL is as long as the store is open: a WAL that is gone is not one without rows
 *     unit.db     about, meta, row, total, pack (`sqlite-schema.ts`); unit.db-wal beside it
 *     unit.reserve, unit.salvaged, *.damaged   see `disk-reserve.ts`, `salvage.ts`
 *
 * Durable means: in the write-ahead log and synced, one sync per commit (P29). The WAL is grown once with zeros, so
 * that a commit overwrites in place (measured: 4100 commits/s of one entry against 3460 with a WAL that grows), and
 * its checkpoints are started here, behind the answer, because SQLite's own swallow their errors. After the first
 * error no commit is taken (P30): all that follows is the checkpoint with which SQLite closes, of commits that were
 * synced before. A write that finds no room is no such error: it comes before anything was synced and is taken back
 * (P32). The WAL is scanned before SQLite may open it (P31) and emptied afterwards, which `wal-scan.ts` relies on.
 * Keeps: L2, L9, L10. Read next: `sqlite-schema.ts`, `wal-scan.ts`, `disk-reserve.ts`, `tail-witness.ts`,
 * `../unit/store.ts`.
 *
 * Long: one connection with one order of syncs; what is apart from it is in files of its own.
 */
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type Database from 'better-sqlite3'
import { SirtakiError, isError } from '../errors.ts'
import type { Random } from '../ports.ts'
import type { Commit, StoreImage, UnitStore } from '../unit/store.ts'
import { openDatabase } from './database.ts'
import { DiskReserve, freeBytes } from './disk-reserve.ts'
import { HeaderPacks, PACK_ROWS, type HeaderRow } from './header-packs.ts'
import {
  dropOriginals,
  isSalvaged,
  isWhole,
  keepOriginals,
  markSalvaged,
  mendWal,
  padDatabase,
  rebuild,
  unmarkSalvaged,
  type Originals,
} from './salvage.ts'
import { beyondSalvage, damaged, isFull, storeError } from './sqlite-error.ts'
import {
  PAGE_BYTES,
  metaSum,
  plus,
  prepareDatabase,
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
import { TailWitness, type Total } from './tail-witness.ts'
import {
  bytesMissing,
  cutUncommitted,
  forgetWal,
  growWal,
  heldFiles,
  makeFolder,
  noteWal,
  requireFiles,
  requireWal,
  scanFolder,
  sizeOf,
  takeLock,
} from './unit-folder.ts'

/**
 * Frames of a commit or a range of dropped rows beside those of the bytes, on the average: the leaf, at times its
 * parent, meta or the free list.
 */
const COMMIT_FRAMES = 2
/**
 * Small rows dropped together, a frame: pages that become free are not written (measured: 27 frames for 1,024 rows of
 * 160 bytes, 6 for 512 of 4,000).
 */
const DROPPED_ROWS_A_FRAME = 16
/**
 * Commits from one look at the free space to the next: less than the room that is kept takes of the largest that are
 * common.
 */
const CHECK_COMMITS = 256
/** Between two looks at the files, and, while the disk is full and hardly any commit comes, at the free space. */
const LOOK_MS = 500
const MB = 2 ** 20
const NOTHING: Total = { count: 0, sum: 0 }

/** Where a store lives and how its disk is kept. */
export interface SqliteStoreOptions {
  /** Made if it does not exist; its parent must. */
  readonly folder: string
  readonly random: Random
  /**
   * A readable beginning for the identity of a blank folder; chance follows, since every blank disk is a new identity.
   */
  readonly identityHint?: string | undefined
  /** Megabytes to which the WAL is grown: more than the checkpoint's frames and the largest commit together. */
  readonly walMb?: number | undefined
  /**
   * Frames of a page after which the WAL is copied into the database: bounds that pause (measured with pages of 4 KiB:
   * 26 ms at 1000, 110 ms at 4000).
   */
  readonly checkpointFrames?: number | undefined
  /**
   * Megabytes kept back for a full disk; the disk counts as full when it has less than this and the WAL's megabytes
   * beside them.
   */
  readonly reserveMb?: number | undefined
  /**
   * A file, on another disk if there is one, that sees every commit before it is acknowledged, at the price of a sync.
   */
  readonly witness?: string | undefined
  /** Open a damaged folder as far as what verifies, and say so in the image. */
  readonly salvage?: boolean | undefined
  /** For tests, which have few rows: those of a pack of headers, the same at every opening. */
  readonly packRows?: number | undefined
  /** Hears what people should know of an opening that goes on all the same. */
  readonly tell?: ((text: string) => void) | undefined
}

interface Range {
  readonly from: number
  readonly to: number
}
/** What a commit has come to. */
interface Put {
  readonly total: Total
  readonly metaSum: number
  readonly frames: number
  readonly dropped: readonly Range[]
  readonly row: HeaderRow | undefined
}

/** Ids as ranges that end with `to`: dropped one by one, a thousand rows of a long log take 23 ms, as a range 3 ms. */
function consecutive(ids: readonly number[]): Range[] {
  const ranges: { from: number; to: number }[] = []
  for (const id of ids) {
    const last = ranges.at(-1)
    if (last !== undefined && id === last.to + 1) last.to = id
    else ranges.push({ from: id, to: id })
  }
  return ranges
}

/** Keeps a unit in SQLite. One store object serves one opening after another, but none after a failed commit. */
export class SqliteStore implements UnitStore {
  readonly #folder: string
  readonly #options: SqliteStoreOptions
  readonly #checkpointFrames: number
  readonly #walBytes: number
  /** The folder says how long the WAL is, as far as this process knows: also where its start has failed since. */
  #walNoted = false
  #lock: Database.Database | undefined
  #database: Database.Database | undefined
  #sql: Statements | undefined
  #reserve: DiskReserve | undefined
  #witness: TailWitness | undefined
  #lookTimer: NodeJS.Timeout | undefined
  #frames = 0
  #total = NOTHING
  #packs: HeaderPacks
  /** The count that the table `total` has. */
  #noted = 0
  #metaSum = 0
  #failed: SirtakiError | undefined
  onFailed: ((error: SirtakiError) => void) | undefined

  constructor(options: SqliteStoreOptions) {
    this.#options = options
    this.#folder = resolve(options.folder)
    this.#checkpointFrames = options.checkpointFrames ?? 500
    this.#walBytes = (options.walMb ?? 32) * MB
    this.#packs = new HeaderPacks(options.packRows ?? PACK_ROWS, false)
  }

  get full(): boolean {
    return this.#reserve?.full ?? false
  }

  open(): StoreImage {
    if (this.#failed !== undefined) throw this.#failed
    if (this.#lock !== undefined) throw new SirtakiError('MISUSE', `the store in ${this.#folder} is open already`)
    try {
      makeFolder(this.#folder)
      this.#lock = takeLock(this.#folder, this.#options.tell)
      const bytes = (this.#options.reserveMb ?? 64) * MB
      const roomBytes = this.#walBytes + bytes
      const freedBytes = (): number => this.#freedBytes()
      this.#reserve = new DiskReserve({ path: this.#path('unit.reserve'), bytes, roomBytes, freedBytes })
      const originals = this.#withRoom(() => this.#openWal())
      const identity = this.#withRoom(() => this.#openDatabase(originals))
      growWal(this.#path('unit.db-wal'), this.#walBytes)
      syncFolder(this.#folder)
      this.#walNoted = true
      noteWal(this.#folder)
      const sql = this.#load()
      this.#reserve.open()
      this.#openWitness(identity)
      this.#arm()
      return this.#image(identity, sql)
    } catch (thrown) {
      this.close()
      const error = storeError(thrown, this.#folder, 'open')
      throw this.#options.salvage === true && error.code === 'DAMAGED' ? beyondSalvage(this.#folder, error) : error
    }
  }

  commit(commit: Commit, done: (error?: Error) => void): void {
    const error = this.#failed ?? this.#write(commit)
    if (error === undefined) done()
    else done(error)
    if (this.#frames >= this.#checkpointFrames) this.#checkpoint()
    else if (this.full || this.#total.count % CHECK_COMMITS === 0) this.#checkRoom()
  }

  /**
   * Gives `DAMAGED` in place of `IO` when SQLite finds the row's pages out of order: the row can be fetched from a
   * peer.
   */
  read(row: number): Uint8Array | undefined {
    const sql = this.#sql
    if (sql === undefined) throw this.#notOpen()
    try {
      const bytes = sql.read.get(row)
      if (bytes !== undefined && !(bytes instanceof Uint8Array)) {
        throw damaged(this.#path('unit.db'), `row ${row} has no bytes`)
      }
      return bytes
    } catch (thrown) {
      throw storeError(thrown, this.#folder, `read row ${row} of`)
    }
  }

  healed(): void {
    if (this.#sql === undefined) throw this.#notOpen()
    try {
      unmarkSalvaged(this.#folder)
    } catch (thrown) {
      throw storeError(thrown, this.#folder, 'mark as whole', true)
    }
  }

  /**
   * Gives the reserve back to the file system, for what lies beside the store: the acceptor's register. Tells whether
   * there was anything to give.
   *
   * @throws SirtakiError `IO`.
   */
  giveBack(): boolean {
    if (this.#sql === undefined) throw this.#notOpen()
    return this.#giveBack()
  }

  describe(): { kind: string; path: string; diskBytes: number; freeBytes?: number } {
    const diskBytes = ['unit.db', 'unit.db-wal', 'unit.reserve'].reduce(
      (bytes, name) => bytes + sizeOf(this.#path(name)),
      0,
    )
    const room = freeBytes(this.#folder) + this.#freedBytes()
    return { kind: 'sqlite', path: this.#folder, diskBytes, ...(Number.isFinite(room) ? { freeBytes: room } : {}) }
  }

  /** Bytes of pages in the database that nothing is in. */
  #freedBytes(): number {
    return this.#failed === undefined ? (this.#sql?.freedPages.get() ?? 0) * PAGE_BYTES : 0
  }

  close(): void {
    clearInterval(this.#lookTimer)
    this.#lookTimer = undefined
    // SQLite's own checkpoint follows.
    if (this.#failed === undefined && this.#sql !== undefined) this.#noteAtClose(this.#sql)
    if (this.#walNoted) this.#forgetWal()
    this.#sql = undefined
    this.#closeDatabase()
    this.#witness?.close()
    this.#witness = undefined
    this.#reserve = undefined
    this.#giveLockBack()
  }

  #giveLockBack(): void {
    if (this.#lock === undefined) return
    try {
      rmSync(this.#path('unit.pid'), { force: true })
    } catch {
      // It is for people only; a disk that failed may not let go of it.
    }
    this.#lock.close()
    this.#lock = undefined
  }

  #noteAtClose(sql: Statements): void {
    try {
      this.#noteTotal(sql)
    } catch {
      // The disk is full or fails: what was acknowledged is there without it.
    }
  }

  /** SQLite removes the WAL when it closes. */
  #forgetWal(): void {
    try {
      forgetWal(this.#folder)
      this.#walNoted = false
    } catch {
      // The disk fails: the next start refuses in place of believing that all was copied.
    }
  }

  #closeDatabase(): void {
    this.#database?.close()
    this.#database = undefined
  }

  /**
   * Looks at the WAL before SQLite does: it would drop what it cannot verify. With `salvage` gives where the originals
   * are, if SQLite changes them.
   */
  #openWal(): Originals | undefined {
    const { salvage } = this.#options
    this.#requireWal()
    const scan = scanFolder(this.#folder)
    if (salvage !== true && scan.kind === 'damaged') {
      throw damaged(this.#path('unit.db-wal'), `${scan.reason} (byte ${scan.offset})`)
    }
    forgetWal(this.#folder)
    const missing = salvage === true ? bytesMissing(this.#folder) : 0
    if (salvage !== true || (scan.kind === 'empty' && missing === 0)) return undefined
    const originals = keepOriginals(this.#folder)
    if (scan.kind === 'damaged') mendWal({ folder: this.#folder, packRows: this.#packs.size }, scan, originals)
    if (missing > 0) padDatabase(this.#folder, sizeOf(this.#path('unit.db')) + missing, originals.database)
    return originals
  }

  /** A WAL that is gone or short is not one without rows. With `salvage` what is left of it counts. */
  #requireWal(): void {
    try {
      requireWal(this.#folder)
    } catch (thrown) {
      if (!isError(thrown, 'DAMAGED') || this.#options.salvage !== true) throw thrown
      markSalvaged(this.#folder, thrown.message)
    }
  }

  /** Opens and checks the database; gives its identity. */
  #openDatabase(originals: Originals | undefined): string {
    const path = this.#path('unit.db')
    const open = (): string => {
      this.#closeDatabase()
      this.#database = openDatabase(path, { timeout: 0 })
      return prepareDatabase(this.#database, this.#folder, this.#mintIdentity())
    }
    const identity = open()
    if (
      this.#options.salvage === true
      && this.#database !== undefined
      && !isWhole(this.#database, this.#folder, this.#packs.size)
    ) {
      rebuild(this.#database, identity, { folder: this.#folder, packRows: this.#packs.size }, originals?.database)
      return open()
    }
    if (originals !== undefined && !isSalvaged(this.#folder)) dropOriginals(originals, this.#folder)
    return identity
  }

  /** Refuses a database that lacks what the witness saw, or marks it as salvaged. */
  #openWitness(identity: string): void {
    const path = this.#options.witness
    if (path === undefined) return
    const witness = new TailWitness(resolve(path), identity)
    this.#witness = witness
    try {
      witness.open(this.#total, this.#folder, isSalvaged(this.#folder) && this.#options.salvage === true)
    } catch (thrown) {
      if (!isError(thrown, 'DAMAGED') || this.#options.salvage !== true) throw thrown
      markSalvaged(this.#folder, thrown.message)
      witness.open(this.#total, this.#folder, true)
    }
  }

  #load(): Statements {
    if (this.#database === undefined) throw this.#notOpen()
    const sql = prepareStatements(this.#database)
    this.#sql = sql
    this.#packs = new HeaderPacks(this.#packs.size, false)
    this.#frames = 0
    this.#metaSum = metaSum(readMeta(sql, this.#folder))
    this.#total = readTotal(sql, this.#folder)
    // After a crash the table is behind: the next checkpoint or the end in good order catches up.
    this.#noted = sql.total.get()?.count ?? 0
    return sql
  }

  #image(identity: string, sql: Statements): StoreImage {
    const meta = readMeta(sql, this.#folder)
    const headers = { [Symbol.iterator]: () => this.#headers((tally) => readHeaders(sql, this.#folder, tally)) }
    const blocks = {
      [Symbol.iterator]: () => this.#headers((tally) => readBlocks(sql, this.#folder, this.#packs.size, tally)),
    }
    return { identity, meta: meta?.text, epoch: meta?.epoch ?? 0, salvaged: isSalvaged(this.#folder), headers, blocks }
  }

  /**
   * At the end the sum over what was read tells whether it is all that was acknowledged, if no commit came in between.
   */
  *#headers<T>(read: (tally: Tally) => Generator<T>): Generator<T> {
    const { count, sum } = this.#total
    const packs = new HeaderPacks(this.#packs.size, true)
    const tally = { sum: this.#metaSum, packs }
    yield* read(tally)
    if (count !== this.#total.count) return
    if (tally.sum !== sum) {
      throw damaged(this.#path('unit.db'), 'its rows are not those that were acknowledged: some are gone, or back')
    }
    this.#packs = packs
  }

  /** Does something that may need room; where there is none, once more with that of the reserve. */
  #withRoom<T>(run: () => T): T {
    try {
      return run()
    } catch (thrown) {
      if (!isFull(thrown) || !this.#giveBack()) throw thrown
      return run()
    }
  }

  #giveBack(): boolean {
    try {
      return this.#reserve?.giveBack() === true
    } catch (thrown) {
      throw this.#fail(thrown, 'give back the reserve of')
    }
  }

  /** One transaction, one sync. A commit that finds no room is made once more in that of the reserve. */
  #write(commit: Commit): SirtakiError | undefined {
    const sql = this.#sql
    if (sql === undefined) return this.#notOpen()
    try {
      const after = this.#withRoom(() => this.#transact(sql, () => this.#put(sql, commit)))
      if (after instanceof SirtakiError) return after
      this.#total = after.total
      this.#metaSum = after.metaSum
      this.#frames += after.frames
      for (const { from, to } of after.dropped) this.#packs.drop(from, to)
      if (after.row !== undefined) this.#packs.note(after.row)
    } catch (thrown) {
      if (!isFull(thrown)) return this.#fail(thrown, 'commit to')
      return new SirtakiError('FULL', `the disk of ${this.#folder} is full, nothing was written: make room`, {
        cause: thrown,
        facts: { path: this.#folder },
      })
    }
    return this.#see()
  }

  #see(): SirtakiError | undefined {
    try {
      this.#withRoom(() => this.#witness?.see(this.#total))
      return undefined
    } catch (thrown) {
      return this.#fail(thrown, 'write the witness of')
    }
  }

  /**
   * Runs a transaction.
   *
   * @throws an error that `isFull` when it found no room and nothing of it is left; any other leaves the disk unknown.
   */
  #transact<T>(sql: Statements, run: () => T): T {
    try {
      sql.begin.run()
      const outcome = run()
      if (outcome instanceof SirtakiError) sql.rollback.run()
      else sql.commit.run()
      return outcome
    } catch (thrown) {
      if (!isFull(thrown)) throw this.#fail(thrown, 'commit to')
      this.#takeBack(sql)
      throw thrown
    }
  }

  #takeBack(sql: Statements): void {
    try {
      if (this.#database?.inTransaction === true) sql.rollback.run()
      cutUncommitted(this.#folder)
    } catch (thrown) {
      throw this.#fail(thrown, 'take back a commit to')
    }
  }

  /** Writes a commit; gives what is true after it, or why it is not to be. */
  #put(sql: Statements, { expectEpoch, meta, row, drop = [] }: Commit): SirtakiError | Put {
    const epoch = sql.epoch.get() ?? 0
    if (epoch !== expectEpoch) {
      return new SirtakiError('EPOCH', `the store is at epoch ${epoch}, the commit expects ${expectEpoch}`, {
        facts: { epoch, expectEpoch },
      })
    }
    const count = this.#total.count + 1
    let { sum } = this.#total
    const ranges = consecutive(drop)
    for (const { from, to } of ranges) {
      sum = plus(sum, -(sql.sumOf.get(from, to) ?? 0))
      sql.drop.run(from, to)
      sql.dropPacks.run(this.#packs.blockOf(from), this.#packs.blockOf(to))
    }
    const newMetaSum = meta === undefined ? this.#metaSum : metaSum(meta)
    sum = plus(sum, newMetaSum - this.#metaSum)
    if (meta !== undefined) sql.setMeta.run(meta.epoch, meta.text, newMetaSum)
    const own = row === undefined ? 0 : rowSum(row.id, row.header)
    if (row !== undefined) {
      sum = plus(sum, own)
      if (this.#packs.isPacked(row.id)) sql.dropPacks.run(this.#packs.blockOf(row.id), this.#packs.blockOf(row.id))
      sql.insert.run(row.id, own, count, sum, row.header, row.bytes)
    } else {
      sql.setTotal.run(count, sum)
    }
    const bytes = row === undefined ? 0 : row.header.byteLength + row.bytes.byteLength
    const frames = COMMIT_FRAMES * (1 + ranges.length) + drop.length / DROPPED_ROWS_A_FRAME
    const noted =
      row === undefined ? undefined : { id: row.id, sum: own, header: row.header, bytesLength: row.bytes.byteLength }
    return {
      total: { count, sum },
      metaSum: newMetaSum,
      frames: Math.ceil(frames + bytes / PAGE_BYTES),
      dropped: ranges,
      row: noted,
    }
  }

  /** Copies the WAL into the database, so that the next commit starts it over from its beginning. */
  #checkpoint(): void {
    const sql = this.#sql
    if (sql === undefined || this.#failed !== undefined) return
    this.#frames = 0
    try {
      this.#withRoom(() => {
        this.#noteTotal(sql)
        const { log, checkpointed } = sql.checkpoint.get() ?? {}
        // Nobody else reads this database, so nothing can hold the checkpoint back; if something does, the WAL has no
        // bound.
        if (log === undefined || log !== checkpointed) {
          throw new Error(`${checkpointed} of ${log} frames went into the database`)
        }
      })
    } catch (thrown) {
      // Without room the WAL goes on and has everything; the next try comes after as many frames.
      if (!isFull(thrown)) {
        this.onFailed?.(this.#fail(thrown, 'checkpoint'))
        return
      }
    }
    this.#checkRoom()
  }

  /**
   * What is copied into the pages of the database is counted there: without it the loss of the last row would go
   * unseen. With it go the packs of the blocks that are behind.
   */
  #noteTotal(sql: Statements): void {
    const { count, sum } = this.#total
    if (count === this.#noted) return
    this.#transact(sql, () => {
      sql.setTotal.run(count, sum)
      writePacks(sql, this.#packs)
    })
    this.#noted = count
    this.#packs.written()
  }

  #checkRoom(): void {
    if (this.#failed !== undefined) return
    try {
      this.#reserve?.check()
    } catch (thrown) {
      this.onFailed?.(this.#fail(thrown, 'keep the reserve of'))
    }
  }

  /** By the clock: a folder that was removed shows in no commit. */
  #arm(): void {
    const files = heldFiles(this.#folder)
    this.#lookTimer = setInterval(() => {
      try {
        requireFiles(files)
        if (this.full) this.#checkRoom()
      } catch (thrown) {
        this.onFailed?.(this.#fail(thrown, 'look at'))
      }
    }, LOOK_MS).unref()
  }

  /** After an error the disk may hold the commit or not, and SQLite would go on as if nothing had happened (P30). */
  #fail(thrown: unknown, doing: string): SirtakiError {
    if (this.#failed !== undefined) return this.#failed
    this.#failed = storeError(thrown, this.#folder, doing, true)
    clearInterval(this.#lookTimer)
    try {
      if (this.#database?.inTransaction === true) this.#sql?.rollback.run()
    } catch {
      // The first error is the one to tell; reads see the unfinished transaction, which nothing was acknowledged of.
    }
    return this.#failed
  }

  #mintIdentity(): string {
    const { identityHint, random } = this.#options
    return identityHint === undefined ? random.id() : `${identityHint}-${random.id()}`
  }

  #path(name: string): string {
    return join(this.#folder, name)
  }

  #notOpen(): SirtakiError {
    return new SirtakiError('CLOSED', `the store in ${this.#folder} is not open`, { next: 'stop' })
  }
}
