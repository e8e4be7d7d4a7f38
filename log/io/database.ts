/**
 * Opening an SQLite database: the one place that loads better-sqlite3's binary.
 *
 * Read next: `sqlite-store.ts`, `unit-folder.ts`, `host-lock.ts`.
 */
import Database from 'better-sqlite3'
import { SirtakiError } from '../errors.ts'

/** The oldest Node that the library's binary runs on: an older one ends with a segmentation fault, without a word. */
export const NODE_MIN = '22.18'

/**
 * Opens the database at a path, `:memory:` for one without a file.
 *
 * @throws SirtakiError `UNSUPPORTED` on a Node that the binary would crash; what better-sqlite3 throws.
 */
export function openDatabase(path: string, options: Database.Options = {}): Database.Database {
  const refusal = refusalOf(process.versions.node)
  if (refusal !== undefined) throw refusal
  return new Database(path, options)
}

/** Says why a version of Node cannot open a database; `undefined` where it can. */
export function refusalOf(version: string): SirtakiError | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [majorMin = 0, minorMin = 0] = NODE_MIN.split('.').map(Number)
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return undefined
  const message = `the log on a disk needs Node ${NODE_MIN} or newer, this is Node ${version}: install a newer one`
  return new SirtakiError('UNSUPPORTED', message, { facts: { version, needed: NODE_MIN } })
}
