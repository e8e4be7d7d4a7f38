/**
 * The lock of the host of a `file:` cluster: an exclusive transaction on `host.lock`, held as long as the process
 * hosts.
 *
 * The system gives the lock back when the process dies in whatever way, and keeps it while the process is stopped. It
 * is a lock of the process on the file: whoever in this process opens and closes `host.lock` by other means than
 * SQLite lets it go unnoticed, and whoever unlinks the file lets a second host in (P50). Hence nobody does either,
 * and the host looks now and then whether the file that it holds is still the one at the path. Keeps: P50. Read next:
 * `host-folder.ts`.
 */
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Database from 'better-sqlite3'
import { SirtakiError } from '../errors.ts'
import { openDatabase } from './database.ts'
import { hostOf, type HostFolder } from './host-folder.ts'
import { isFull } from './sqlite-error.ts'

/** A file replaced between two looks is tried again this often. */
const TRIES = 3

/** The lock of one folder, taken. */
export class HostLock {
  readonly #path: string
  readonly #database: Database.Database
  readonly #held: LockFile
  #released = false

  /** By `takeHostLock` only. */
  constructor(path: string, database: Database.Database, held: LockFile) {
    this.#path = path
    this.#database = database
    this.#held = held
    noteHost(join(path, 'host.pid'), `${process.pid} ${held.mark}\n`)
  }

  /**
   * Looks whether the file held is still the one at the path.
   *
   * @throws SirtakiError `STOPPED` when it is not: another process may host by now.
   */
  check(): void {
    const file = join(this.#path, 'host.lock')
    const found = lockFileAt(this.#path)
    if (found?.place === this.#held.place) return
    throw new SirtakiError(
      'STOPPED',
      `this process hosts ${this.#path} no longer: ${file} was `
        + `${found === undefined ? 'removed' : 'replaced'} while it held the lock, so that another process `
        + 'could host the same log. Leave that file alone, and connect again',
      { facts: { path: file, pid: process.pid } },
    )
  }

  /** Lets the lock go, after the record of who holds it. Idempotent. */
  release(): void {
    if (this.#released) return
    this.#released = true
    try {
      const record = hostOf({ path: this.#path })
      if (record?.pid === process.pid && record.lock === this.#held.mark) {
        rmSync(join(this.#path, 'host.pid'), { force: true })
      }
    } catch {
      // The folder lets nothing be removed. The next host replaces the record, which names this lock file.
    } finally {
      this.#database.close()
    }
  }
}

/**
 * On a full disk the log is hosted all the same, for who reads: then nobody is told who hosts, nor that a copy was made
 * in use.
 */
function noteHost(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (thrown) {
    if (!isFull(thrown)) throw thrown
  }
}

/**
 * The lock file as the system knows it: where it is now, and a mark that outlives a restart of the machine but no copy.
 */
interface LockFile {
  readonly place: string
  readonly mark: string
}

/**
 * Takes the lock without waiting.
 *
 * @throws SirtakiError `IN_USE` with the pid of who holds it, `DAMAGED` for a folder that was copied in use or a lock
 *   file that is none, `IO` when the folder may not be written to.
 */
export function takeHostLock({ path }: Pick<HostFolder, 'path'>): HostLock {
  for (let tries = 1; ; tries++) {
    const { database, held } = lockOnce(path)
    if (held !== undefined) {
      try {
        requireOwnFolder(path, held)
        return new HostLock(path, database, held)
      } catch (thrown) {
        database.close()
        throw lockError(thrown, path)
      }
    }
    database.close()
    if (tries === TRIES) {
      throw new SirtakiError(
        'IN_USE',
        `${join(path, 'host.lock')} is being replaced by somebody: leave that file alone`,
        { facts: { path }, next: 'again' },
      )
    }
  }
}

/** Locks what is at the path. Only if the same file was there before and after is it the one that was locked. */
function lockOnce(path: string): { readonly database: Database.Database; readonly held: LockFile | undefined } {
  const file = join(path, 'host.lock')
  let database: Database.Database | undefined
  try {
    if (!existsSync(file)) openDatabase(file).close()
    const before = lockFileAt(path)
    database = openDatabase(file, { timeout: 0 })
    database.pragma('journal_mode = MEMORY')
    database.exec('begin exclusive')
    const after = lockFileAt(path)
    return { database, held: before?.place === after?.place ? after : undefined }
  } catch (thrown) {
    database?.close()
    throw lockError(thrown, path)
  }
}

function lockFileAt(path: string): LockFile | undefined {
  const found = statSync(join(path, 'host.lock'), { bigint: true, throwIfNoEntry: false })
  // Numbers of devices are given anew when a machine starts: what is kept must do without.
  return found === undefined
    ? undefined
    : { place: `${found.dev}:${found.ino}`, mark: `${found.ino}:${found.birthtimeNs}` }
}

/** A record that names another lock file was copied with the folder, or its host lives and has lost its lock file. */
function requireOwnFolder(path: string, held: LockFile): void {
  const record = hostOf({ path })
  if (record === undefined || record.lock === held.mark) return
  const file = join(path, 'host.pid')
  throw new SirtakiError(
    'DAMAGED',
    `${path} was copied while process ${record.pid} hosted it, or its host.lock was replaced: what is in it `
      + 'may not be whole. Copy the folder again while nobody uses it; if the lock was replaced, end process '
      + `${record.pid} first; when you know that nobody used the folder meanwhile, remove ${file} and connect `
      + 'again',
    { facts: { path, pid: record.pid } },
  )
}

function lockError(thrown: unknown, path: string): SirtakiError {
  if (thrown instanceof SirtakiError) return thrown
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    const pid = hostOf({ path })?.pid
    return new SirtakiError(
      'IN_USE',
      `${path} is hosted by ${pid === undefined ? 'another process' : `process ${pid}`}, which does not `
        + 'answer: it is starting, ending, busy or stopped. If it stays so, end it',
      { cause: thrown, facts: { path, pid }, next: 'again' },
    )
  }
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    return new SirtakiError(
      'DAMAGED',
      `${join(path, 'host.lock')} is no lock database (${text}): when no process uses the folder, remove `
        + 'that file and connect again',
      { cause: thrown, facts: { path } },
    )
  }
  return new SirtakiError(
    'IO',
    `${path} cannot be hosted by this process: ${text}. Give it the right to write there, or let a process `
      + 'that has it connect first',
    { cause: thrown, facts: { path, code } },
  )
}
