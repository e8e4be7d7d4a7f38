/**
 * A process whose disk fails: `STORE|REGISTER ROOT FAULTS`, with the shim preloaded. One folder and one line, a
 * `Report`, for each fault; it kills itself at the end. Every second store is closed first, while its disk still
 * fails.
 *
 * Read next: `io-errors-plan.ts`, `io-errors.test.ts`.
 */
import { mkdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { isError } from '../../log/errors.ts'
import { systemRandom } from '../../log/io/random.ts'
import { RegisterFile } from '../../log/io/register-file.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { COMMITS, VALUES, commitAt, isMeta, type Outcome, type Report } from './io-errors-plan.ts'
import { arm, countsIn, disarm, type Fault } from './shim/failing-disk.ts'

const [, , subject = '', root = '', faults = '[]'] = process.argv
const counts = (): Report['counts'] => countsIn(process.env['SHIM_COUNTS'] ?? '')
const isHit = (fault: Fault | undefined): boolean => fault !== undefined && counts()[fault.call] >= fault.at
const codeOf = (thrown: unknown): string => (isError(thrown) ? thrown.code : `untyped ${String(thrown)}`)

function runStore(
  folder: string,
  fault: Fault | undefined,
  closes: boolean,
): Pick<Report, 'opened' | 'outcomes' | 'told'> {
  const store = new SqliteStore({
    folder,
    random: systemRandom,
    walMb: 1,
    reserveMb: 1,
    checkpointFrames: 40,
    witness: join(folder, 'witness'),
  })
  let failed = false
  let told = true
  store.onFailed = () => {
    failed = true
  }
  const outcomes: Outcome[] = []
  let epoch = 0
  try {
    for (const { id } of store.open().headers) throw new Error(`a new folder has a row ${id}`)
  } catch (thrown) {
    return { opened: { outcome: codeOf(thrown), hit: isHit(fault) }, outcomes, told }
  }
  const opened = { outcome: 'open', hit: isHit(fault) }
  let hitBefore = opened.hit
  for (let at = 0; at < COMMITS; at++) {
    let last: Outcome = { outcome: 'silent', hit: false }
    store.commit(commitAt(at, epoch), (error) => {
      last = { outcome: error === undefined ? 'kept' : codeOf(error), hit: isHit(fault) }
    })
    outcomes.push(last)
    if (last.outcome === 'kept' && isMeta(at)) epoch++
    if (!hitBefore && !last.hit && isHit(fault)) told = failed
    hitBefore = isHit(fault)
  }
  if (closes) store.close()
  return { opened, outcomes, told }
}

function runRegister(folder: string, fault: Fault | undefined): Pick<Report, 'opened' | 'outcomes' | 'told'> {
  const register = new RegisterFile(join(folder, 'register'), () => true)
  const outcomes: Outcome[] = []
  for (let at = 0; at < VALUES; at++) {
    let outcome = 'kept'
    try {
      register.write(`value ${at}`)
    } catch (thrown) {
      outcome = codeOf(thrown)
    }
    outcomes.push({ outcome, hit: isHit(fault) })
  }
  return { opened: { outcome: 'open', hit: false }, outcomes, told: true }
}

const wanted: readonly (Fault | null)[] = JSON.parse(faults)
wanted.forEach((each, index) => {
  const fault = each ?? undefined
  const folder = join(root, String(index))
  mkdirSync(folder)
  arm(folder, fault)
  const said = subject === 'store' ? runStore(folder, fault, index % 2 === 0) : runRegister(folder, fault)
  disarm()
  const report: Report = { folder, fault, ...said, counts: counts() }
  writeSync(1, `${JSON.stringify(report)}\n`)
})
process.kill(process.pid, 'SIGKILL')
