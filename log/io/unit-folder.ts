/**
 * The folder of a unit and what lies in it beside the database: made, locked, its WAL grown and cut.
 *
 * Read next: `sqlite-store.ts`, `wal-scan.ts`.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type Database from 'better-sqlite3'
import { SirtakiError } from '../errors.ts'
import { openDatabase } from './database.ts'
import { damaged, isFull } from './sqlite-error.ts'
import { syncFolder } from './sync-folder.ts'
import { scanWal, type WalScan } from './wal-scan.ts'

/** Of a database's header, what is looked at. */
const HEAD_BYTES = 32
/** A database may be padded to twice its size, and in any case by so much. */
const PADDED_BYTES = 2 ** 26

/** Of `unit.wal-bytes`, whatever number it is. */
const NOTE_BYTES = 32

/** Makes the folder, or checks that there is one to write into. */
export function makeFolder(folder: string): void {
  const entry = statSync(folder, { throwIfNoEntry: false })
  if (entry === undefined) {
    mkdirSync(folder)
    syncFolder(dirname(folder))
  } else if (!entry.isDirectory()) {
    throw new SirtakiError('IO', `${folder} is a file, a unit needs a folder: name another place`, {
      facts: { path: folder },
    })
  }
  accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
}

/**
 * Takes the folder for this process. A database of its own carries the lock, so that the WAL can be scanned under it,
 * and the system gives it back when the process dies in whatever way. A lock file that is no database holds nothing
 * worth keeping and is emptied: `tell` hears of it. While somebody has the lock it cannot be read at all, so nobody
 * loses it by that.
 */
export function takeLock(folder: string, tell: (text: string) => void = () => undefined): Database.Database {
  const path = join(folder, 'unit.lock')
  try {
    return lockAt(path, folder)
  } catch (thrown) {
    if (!isNoDatabase(thrown)) throw thrown
    cutFile(path, 0)
    tell(`${path} was no lock (${thrown.message}): it was made anew, the log is not concerned`)
    return lockAt(path, folder)
  }
}

const isNoDatabase = (thrown: unknown): thrown is Error =>
  thrown instanceof Error && 'code' in thrown && /^SQLITE_(NOTADB|CORRUPT)/.test(String(thrown.code))

function lockAt(path: string, folder: string): Database.Database {
  // Two that start at once can refuse each other; waiting a moment lets one of them win.
  const lock = openDatabase(path, { timeout: 100 })
  try {
    lock.pragma('journal_mode = MEMORY')
    lock.exec('begin exclusive')
    notePid(join(folder, 'unit.pid'))
    return lock
  } catch (thrown) {
    lock.close()
    throw thrown
  }
}

function notePid(path: string): void {
  try {
    writeFileSync(path, `${process.pid}\n`)
  } catch (thrown) {
    // It is for people only, and a full disk must not keep the unit from starting.
    if (!isFull(thrown)) throw thrown
  }
}

/**
 * Notes durably how long the WAL is, as long as the store is open. Without room it notes nothing: then a lost WAL is
 * not missed.
 */
export function noteWal(folder: string): void {
  writeNote(folder, sizeOf(join(folder, 'unit.db-wal')))
}

function writeNote(folder: string, bytes: number): void {
  const path = join(folder, 'unit.wal-bytes')
  const isNew = sizeOf(path) === 0
  let descriptor: number | undefined
  try {
    descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT)
    // In place and always as long: it takes no room, and a crash leaves the old note or the new one.
    writeSync(
      descriptor,
      String(bytes)
        .padEnd(NOTE_BYTES - 1)
        .concat('\n'),
      0,
    )
    fsyncSync(descriptor)
    if (isNew) syncFolder(folder)
  } catch (thrown) {
    if (!isFull(thrown)) throw thrown
    // A note that is no longer true would miss what was never lost.
    rmSync(path, { force: true })
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** Forgets it, durably: from here on SQLite may empty the WAL, or remove it. */
export function forgetWal(folder: string): void {
  rmSync(join(folder, 'unit.wal-bytes'), { force: true })
  syncFolder(folder)
}

/**
 * Looks whether the WAL is as long as the store had grown it that was open last, unless that one was closed in good
 * order: what it had acknowledged since its last checkpoint is in there only, and SQLite takes a WAL that is gone for
 * one without rows.
 *
 * @throws SirtakiError `DAMAGED`.
 */
export function requireWal(folder: string): void {
  const note = join(folder, 'unit.wal-bytes')
  const [noted] = /^\d+/.exec(existsSync(note) ? readFileSync(note, 'latin1') : '') ?? []
  const path = join(folder, 'unit.db-wal')
  const size = sizeOf(path)
  if (noted === undefined || size >= Number(noted)) return
  const state = existsSync(path) ? `has ${size} of its ${noted} bytes` : 'is missing'
  throw damaged(
    path,
    `it ${state}, though the unit did not end in good order: what was acknowledged last is in it only`,
  )
}

/** Bytes of a file, 0 when there is none. */
export const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** The files that hold a unit's rows, as the system knows them. */
export type HeldFiles = readonly { readonly path: string; readonly place: string | undefined }[]

/** Notes which files lie there now. */
export const heldFiles = (folder: string): HeldFiles =>
  ['unit.db', 'unit.db-wal'].map((name) => join(folder, name)).map((path) => ({ path, place: placeOf(path) }))

/**
 * Looks whether the files in use are still the ones at their paths: what is written into a file that was removed is
 * gone at the end of the process, whatever a sync says.
 *
 * @throws SirtakiError `IO`.
 */
export function requireFiles(files: HeldFiles): void {
  const gone = files.find(({ path, place }) => placeOf(path) !== place)
  if (gone === undefined) return
  throw new SirtakiError(
    'IO',
    `${gone.path} was ${placeOf(gone.path) === undefined ? 'removed' : 'replaced'} while it was in use: `
      + 'nothing is acknowledged any more, and what only this unit held since is lost. Put the folder back, or '
      + 'start with an empty one as a new unit',
    { facts: { path: gone.path } },
  )
}

function placeOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? undefined : `${found.dev}:${found.ino}`
}

/** Bytes that the database lacks of the pages that its header counts. */
export function bytesMissing(folder: string): number {
  const path = join(folder, 'unit.db')
  const size = sizeOf(path)
  if (size < HEAD_BYTES) return 0
  const head = Buffer.alloc(HEAD_BYTES)
  const descriptor = openSync(path, 'r')
  try {
    readSync(descriptor, head, 0, HEAD_BYTES, 0)
  } finally {
    closeSync(descriptor)
  }
  const pageBytes = head.readUInt16BE(16)
  const whole = head.readUInt32BE(28) * pageBytes
  // A count that makes no sense is damage of another kind.
  return whole > size && whole - size <= Math.max(size, PADDED_BYTES) ? whole - size : 0
}

/** Scans the WAL of a database that nobody has open. @throws SirtakiError `DAMAGED` when its database is gone. */
export function scanFolder(folder: string): WalScan {
  const path = join(folder, 'unit.db-wal')
  // The register is written behind the database: beside nothing it is that of a unit whose rows are gone.
  if (sizeOf(join(folder, 'unit.db')) === 0 && existsSync(join(folder, 'acceptor.register'))) {
    throw damaged(
      join(folder, 'unit.db'),
      'it is missing or empty, though the register acceptor.register of this unit is there',
    )
  }
  const scan: WalScan = sizeOf(path) === 0 ? { kind: 'empty' } : scanWal(readFileSync(path))
  if (scan.kind === 'whole' && sizeOf(join(folder, 'unit.db')) === 0) {
    throw damaged(join(folder, 'unit.db'), 'it is missing or empty, but its WAL has rows')
  }
  return scan
}

/**
 * Fills an open file with `piece` from `from` up to `to`; tells whether there was room.
 *
 * @throws the system's error, but none of a full disk.
 */
export function fill(descriptor: number, piece: Uint8Array, from: number, to: number): boolean {
  try {
    for (let at = from; at < to;) at += writeSync(descriptor, piece, 0, Math.min(piece.byteLength, to - at), at)
    return true
  } catch (thrown) {
    if (!isFull(thrown)) throw thrown
    return false
  }
}

/** Appends zeros to the WAL; what SQLite keeps in it is not touched. On a disk without room it stays as it was. */
export function growWal(path: string, bytes: number): void {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT)
  try {
    const { size } = fstatSync(descriptor)
    if (!fill(descriptor, Buffer.alloc(1 << 20), size, bytes)) ftruncateSync(descriptor, size)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Shortens a file to `bytes`, durably. */
export function cutFile(path: string, bytes: number): void {
  const descriptor = openSync(path, 'r+')
  try {
    ftruncateSync(descriptor, bytes)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Takes the frames of a transaction out of the WAL that did not find room. They carry the salts of the transactions to
 * come: behind the commit of a later one that a crash tears they would look like damage to `wal-scan.ts`.
 */
export function cutUncommitted(folder: string): void {
  const path = join(folder, 'unit.db-wal')
  const scan = scanWal(readFileSync(path))
  if (scan.kind === 'damaged') throw damaged(path, `${scan.reason} (byte ${scan.offset})`)
  if (scan.kind !== 'whole') return
  // Before the cut: a crash in between must not leave a WAL that is shorter than its note.
  writeNote(folder, scan.committedBytes)
  cutFile(path, scan.committedBytes)
}
