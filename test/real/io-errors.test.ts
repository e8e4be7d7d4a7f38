/**
 * Every single call to the disk of a unit fails once, or from then on: nothing is acknowledged after it, and a clean
 * start finds everything that was. Needs a compiler on Linux; elsewhere it shows up as skipped. Of the many calls of
 * the running store some are stepped over; with `ALL_FAULTS=1` in the environment none is.
 *
 * Read next: `io-errors-child.ts`, `shim/failing-disk.c`.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { asError } from '../../log/errors.ts'
import { systemRandom } from '../../log/io/random.ts'
import { RegisterFile } from '../../log/io/register-file.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { dropOf, isMeta, rowOf, type Report } from './io-errors-plan.ts'
import { buildShim, canShim, type Call, type Fault } from './shim/failing-disk.ts'

const shimmed = canShim() ? test.serial : test.serial.skip
const FAULTS_PER_CHILD = 60
/** More than a store makes of any call while it opens. */
const OPENING_CALLS = 30

/** A folder in memory where there is one: the shim fails what never reaches a disk. */
function makeRoot(t: ExecutionContext): string {
  const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sirtaki-'))
  t.teardown(() => {
    rmSync(root, { recursive: true, force: true })
  })
  return root
}

/** Runs the child with the shim; gives what it says of each fault. */
function runChild(
  root: string,
  library: string,
  subject: 'store' | 'register',
  faults: readonly (Fault | null)[],
): readonly Report[] {
  const runs = join(root, 'runs')
  rmSync(runs, { recursive: true, force: true })
  mkdirSync(runs)
  const env = { ...process.env, LD_PRELOAD: library, SHIM_COUNTS: join(root, 'counts') }
  const { stdout, stderr, error } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, 'io-errors-child.ts'), subject, runs, JSON.stringify(faults)],
    { encoding: 'utf8', maxBuffer: 1 << 28, env },
  )
  if (error !== undefined) throw error
  const reports: Report[] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  if (reports.length !== faults.length) {
    throw new Error(`the child ended after ${reports.length} of ${faults.length} faults: ${stderr}`)
  }
  return reports
}

/**
 * Every call of the first ones, in which a store opens, and then steps that do not fall into step with the calls of a
 * commit.
 */
function stepsTo(count: number, tries: number): readonly number[] {
  const step = process.env['ALL_FAULTS'] === undefined ? Math.max(1, Math.ceil((count - OPENING_CALLS) / tries)) : 1
  const coprime = step % 3 === 0 ? step + 1 : step
  return Array.from({ length: count }, (_, index) => index + 1).filter(
    (at) => at <= OPENING_CALLS || at % coprime === 0,
  )
}

/** Makes every call of a kind fail, once and for good, a folder for each; gives everything that is wrong. */
function tryAll(
  t: ExecutionContext,
  subject: 'store' | 'register',
  call: Call,
  error: 'EIO' | 'ENOSPC',
  wrongIn: (report: Report) => readonly string[],
): readonly string[] {
  const root = makeRoot(t)
  const library = buildShim(root)
  const count = runChild(root, library, subject, [null])[0]?.counts[call] ?? 0
  const faults = [
    ...stepsTo(count, 60).map((at): Fault => ({ call, at, error, stays: false })),
    ...stepsTo(count, 10).map((at): Fault => ({ call, at, error, stays: true })),
  ]
  t.log(`${count} calls, ${faults.length} faults tried`)
  const wrong: string[] = []
  for (let from = 0; from < faults.length; from += FAULTS_PER_CHILD) {
    for (const report of runChild(root, library, subject, faults.slice(from, from + FAULTS_PER_CHILD))) {
      wrong.push(...wrongIn(report).map((text) => `${JSON.stringify(report.fault)}: ${text}`))
    }
  }
  return wrong
}

/** What must not have happened in the child, whatever the disk did. */
function wrongInChild({ fault, opened, outcomes, told }: Report): readonly string[] {
  const first = outcomes.findIndex(({ outcome }) => outcome !== 'kept' && outcome !== 'FULL')
  const untyped = [opened, ...outcomes].find(
    ({ outcome }) => !['open', 'kept', 'IO', 'FULL', 'DAMAGED'].includes(outcome),
  )
  // A read may be asked again. A write without room is taken back; a sync that says so is a disk that fails.
  const isRead = fault?.call === 'pread' || fault?.call === 'read'
  const isRoom = fault?.error === 'ENOSPC' && (fault.call === 'pwrite' || fault.call === 'write')
  const fatal = fault !== undefined && !isRead && !isRoom
  // SQLite ignores the error of its own sync of the folder, behind which follows that of the store, and makes its first
  // write into a blank database once more.
  const ignored =
    opened.hit && opened.outcome === 'open' && (fault?.call === 'fsync' || (fault?.call === 'pwrite' && fault.at <= 3))
  return [
    ...(untyped === undefined ? [] : [`ends with ${untyped.outcome}`]),
    ...(first >= 0 && outcomes.slice(first).some(({ outcome }) => outcome === 'kept')
      ? [`L10: acknowledges again after commit ${first} failed`]
      : []),
    ...(fatal && !ignored && outcomes.some(({ outcome, hit }) => outcome === 'kept' && hit)
      ? ['L10: acknowledges what came after the fault']
      : []),
    ...(isRoom && !fault.stays && outcomes.some(({ outcome }) => outcome !== 'kept')
      ? ['refuses a commit that had room in the reserve']
      : []),
    ...(fatal && !told ? ['a fault behind an acknowledgement is not told'] : []),
  ]
}

/** What a clean start finds wrong. */
function wrongInStore(report: Report): readonly string[] {
  const store = new SqliteStore({
    folder: report.folder,
    random: systemRandom,
    walMb: 1,
    reserveMb: 1,
    witness: join(report.folder, 'witness'),
  })
  try {
    const image = store.open()
    const found = new Set([...image.headers].map(({ id }) => id))
    const kept = report.outcomes.flatMap(({ outcome }, at) => (outcome === 'kept' ? [at] : []))
    const dropped = new Set(report.outcomes.flatMap((_, at) => dropOf(at)))
    const missing = kept.filter((at) => !isMeta(at) && !dropped.has(at) && !sameBytes(store.read(at), rowOf(at).bytes))
    const doubtful = [...found].filter((id) => !kept.includes(id))
    const epochs = kept.filter((at) => isMeta(at)).length
    return [
      ...(missing.length > 0 ? [`L2: rows ${missing.join()} are missing or other`] : []),
      ...(doubtful.length > 1 ? [`rows ${doubtful.join()} were never acknowledged`] : []),
      ...(image.epoch < epochs || image.epoch > epochs + 1
        ? [`L2: the epoch is ${image.epoch}, acknowledged was ${epochs}`]
        : []),
    ]
  } catch (thrown) {
    return [`does not start again: ${asError(thrown).code} ${asError(thrown).message}`]
  } finally {
    store.close()
  }
}

const sameBytes = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0

/** What a clean start finds wrong in a register. */
function wrongInRegister({ folder, outcomes }: Report): readonly string[] {
  const value = new RegisterFile(join(folder, 'register')).read()
  const last = outcomes.findLastIndex(({ outcome }) => outcome === 'kept')
  // The first of its two files may hold what the second has no room for.
  const doubtful = outcomes.findIndex(({ outcome }) => outcome !== 'kept')
  const allowed = [last < 0 ? undefined : `value ${last}`, doubtful < 0 ? undefined : `value ${doubtful}`]
  return allowed.includes(value) ? [] : [`reads ${value}, the last acknowledged was ${last}`]
}

for (const [call, error] of [
  ['pwrite', 'EIO'],
  ['fsync', 'EIO'],
  ['fdatasync', 'EIO'],
  ['ftruncate', 'EIO'],
  ['write', 'EIO'],
  ['pread', 'EIO'],
  ['pwrite', 'ENOSPC'],
  ['write', 'ENOSPC'],
  ['fsync', 'ENOSPC'],
] as const) {
  shimmed(
    `L2, L10: whichever ${call} of a store fails with ${error}, nothing is acknowledged after it and `
      + 'everything that was is there',
    (t) => {
      t.timeout(100_000)
      t.deepEqual(
        tryAll(t, 'store', call, error, (report) => [...wrongInChild(report), ...wrongInStore(report)]),
        [],
      )
    },
  )
}

for (const [call, error] of [
  ['write', 'EIO'],
  ['fsync', 'EIO'],
  ['rename', 'EIO'],
  ['write', 'ENOSPC'],
  ['fsync', 'ENOSPC'],
] as const) {
  shimmed(
    `Y2, L10: whichever ${call} of a register fails with ${error}, it reads the last value that was `
      + 'acknowledged or the one in doubt',
    (t) => {
      t.timeout(100_000)
      t.deepEqual(
        tryAll(t, 'register', call, error, (report) => [...wrongInChild(report), ...wrongInRegister(report)]),
        [],
      )
    },
  )
}
