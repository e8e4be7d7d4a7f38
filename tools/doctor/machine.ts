/**
 * Whether this machine can run a server: Node, the database library, open files, the clock.
 *
 * Looking and judging are apart, so that the judgements can be tested. Read next: `disk.ts`, `../commands/doctor.ts`.
 */
import { spawnSync } from 'node:child_process'
import { asError } from '../../log/errors.ts'
import { limits } from '../../log/limits.ts'
import { rest } from '../cli/interrupt.ts'
import { nodeRange } from '../cli/version.ts'
import { check, type Check } from './check.ts'

/** Judges the version of Node against a range `>=MAJOR.MINOR`. */
export function judgeNode(version: string, range = nodeRange): Check {
  const [major = 0, minor = 0] = numbersOf(version)
  const [leastMajor = 0, leastMinor = 0] = numbersOf(range)
  const suffices = major > leastMajor || (major === leastMajor && minor >= leastMinor)
  return suffices
    ? check('node', 'ok', `Node ${version}`, { version, range })
    : check('node', 'fail', `Node ${version} is too old: install ${range}`, { version, range })
}

const numbersOf = (text: string): number[] => [...text.matchAll(/\d+/g)].map(Number)

/** Tells whether the database library loads on this machine. */
export async function checkSqlite(): Promise<Check> {
  try {
    const { default: Database } = await import('better-sqlite3')
    const database = new Database(':memory:')
    const version: unknown = database.prepare('select sqlite_version()').pluck().get()
    database.close()
    return check('sqlite', 'ok', `better-sqlite3 loads, SQLite ${String(version)}`, { version })
  } catch (thrown) {
    return check(
      'sqlite',
      'fail',
      `better-sqlite3 does not load (${asError(thrown, 'IO').message}): install the package again on this `
        + 'machine, its binary is for one system and processor',
    )
  }
}

/** Files that a server has open beside its connections. */
const OWN_FILES = 64

/** Reads how many files a process may have open here; `undefined` where the system does not say. */
export function openFilesMax(): number | undefined {
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })
  const text = typeof stdout === 'string' ? stdout.trim() : ''
  if (text === 'unlimited') return Infinity
  return /^\d+$/.test(text) ? Number(text) : undefined
}

/** Judges how many files a process may have open. */
export function judgeOpenFiles(files: number | undefined): Check {
  const wanted = limits.connectionsMax + OWN_FILES
  if (files === undefined) return check('open files', 'warn', 'this system does not say how many files may be open')
  const facts = { files: Number.isFinite(files) ? files : null, wanted }
  if (files >= wanted) {
    return check('open files', 'ok', Number.isFinite(files) ? `${files} may be open` : 'as many as are wanted', facts)
  }
  return check(
    'open files',
    'warn',
    `${files} may be open, a server takes up to ${limits.connectionsMax} connections: raise the limit `
      + `(ulimit -n ${wanted}, LimitNOFILE of systemd)`,
    facts,
  )
}

const CLOCK_MS = 1_000
/** What setting a clock gently does in a second is half a millisecond; reading it is as coarse as one. */
const DRIFT_MAX_MS = 5

/** Compares the clock of the machine with its monotonic one over a short while. */
export async function checkClock(signal: AbortSignal): Promise<Check> {
  const started = { wall: Date.now(), monotonic: performance.now() }
  await rest(CLOCK_MS, signal)
  const ended = { wall: Date.now(), monotonic: performance.now() }
  return judgeDrift(
    ended.wall - started.wall - (ended.monotonic - started.monotonic),
    ended.monotonic - started.monotonic,
  )
}

/** Judges by how much the clock ran ahead of the monotonic one in `windowMs`. */
export function judgeDrift(driftMs: number, windowMs: number): Check {
  const facts = { driftMs: rounded(driftMs), windowMs: rounded(windowMs) }
  if (Math.abs(driftMs) <= DRIFT_MAX_MS) {
    return check(
      'clock',
      'ok',
      `runs evenly: ${driftMs.toFixed(1)} ms off in ${(windowMs / 1_000).toFixed(1)} s`,
      facts,
    )
  }
  return check(
    'clock',
    'warn',
    `was moved by ${driftMs.toFixed(1)} ms within ${(windowMs / 1_000).toFixed(1)} s: nothing is decided by `
      + 'it, but times in logs will mislead; see that one service sets it',
    facts,
  )
}

const rounded = (ms: number): number => Math.round(ms * 1_000) / 1_000
