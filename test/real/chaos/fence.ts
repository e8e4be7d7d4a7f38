/**
 * What the load's locks protect: a table in SQLite that refuses lower tokens than it has seen, and notes every write.
 *
 * It is outside of the cluster, and in the judge's reach. A client that stands still inside of a transaction would have
 * the others wait, so they wait only for a moment. Read next: `object-lanes.ts`, `object-judge.ts`.
 */
import type { Database } from 'better-sqlite3'
import { openDatabase } from '../../../log/io/database.ts'

/** Others have the table no longer than this. */
const BUSY_MS = 200

/** One write that was let through. */
export interface FencedWrite {
  readonly key: string
  readonly token: number
  readonly value: number
}

/** The table, from one process. */
export class Fence {
  readonly #database: Database

  constructor(path: string) {
    this.#database = openDatabase(path, { timeout: BUSY_MS })
    this.#database.pragma('journal_mode = wal')
    this.#database.pragma('synchronous = off')
    this.#database.exec(
      'create table if not exists seen (key text primary key, token integer, value integer);'
        + 'create table if not exists writes (n integer primary key, key text, token integer, value integer)',
    )
  }

  /** The value behind a key; `undefined`: refused. The token is seen from here on. */
  read(key: string, token: number): number | undefined {
    return this.#pass(key, token, undefined)
  }

  /** Writes a value; `undefined`: refused. */
  write(key: string, token: number, value: number): number | undefined {
    return this.#pass(key, token, value)
  }

  /** All writes, in order. */
  writes(): FencedWrite[] {
    return this.#database.prepare<[], FencedWrite>('select key, token, value from writes order by n').all()
  }

  close(): void {
    this.#database.close()
  }

  #pass(key: string, token: number, value: number | undefined): number | undefined {
    const pass = this.#database.transaction(() => {
      const seen = this.#database
        .prepare<[string], { token: number; value: number }>('select token, value from seen where key = ?')
        .get(key)
      if (seen !== undefined && token < seen.token) return undefined
      const next = value ?? seen?.value ?? 0
      this.#database.prepare('insert or replace into seen values (?, ?, ?)').run(key, token, next)
      if (value !== undefined) {
        this.#database.prepare('insert into writes (key, token, value) values (?, ?, ?)').run(key, token, value)
      }
      return next
    })
    return pass.immediate()
  }
}
