/**
 * `npm run sim -- [--seeds N [--from S] | --seed S | --minutes N] [--trace]`: the simulator over many seeds, on every
 * core.
 *
 * One line for a failing seed: the invariant, the shrunk faults, the command that replays it. With `--minutes` it
 * soaks: seeds from a random start on until the time is over; those that fail go into `failed-seeds.txt`, which every
 * test run replays. The last line is `seeds N, failures N, seeds per minute N, points N of N`. Read next:
 * `../harness/sim-cluster.ts`, `worker.ts`, `failed-seeds.ts`.
 */
import { randomInt } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { points } from '../harness/points.ts'
import { noteFailedSeed } from './failed-seeds.ts'
import type { SeedReport } from './worker.ts'

/** Below this many seeds a point that was not reached says nothing. */
const POINTS_FROM_SEEDS = 5_000
/** Without a word about them. */
const SEEDS = 500
/**
 * A seed makes much that is soon forgotten: with room for it, and without stacks, 10 % more seeds are played in a
 * minute.
 */
const YOUNG_MB = 96
/** A soak begins anywhere below it. */
const SOAK_FROM_BELOW = 1_000_000_000

function refuse(why: string): never {
  console.error(`${why}\nusage: npm run sim -- [--seeds N [--from S] | --seed S | --minutes N] [--trace]`)
  process.exit(2)
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    minutes: { type: 'string' },
    trace: { type: 'boolean', default: false },
    workers: { type: 'string' },
    'stop-at-first': { type: 'boolean', default: false },
  },
})
const minutes = values.minutes === undefined ? undefined : Number(values.minutes)
const first = minutes === undefined ? Number(values.seed ?? values.from) : randomInt(1, SOAK_FROM_BELOW)
const count = minutes !== undefined ? SOAK_FROM_BELOW : values.seed === undefined ? Number(values.seeds ?? SEEDS) : 1
if (!Number.isInteger(first) || !Number.isInteger(count) || count < 1 || (minutes !== undefined && !(minutes > 0))) {
  refuse('--seeds, --seed, --from and --minutes take numbers from 1')
}
if (values.seed !== undefined && (values.seeds ?? values.minutes) !== undefined) {
  refuse(`--${values.seeds === undefined ? 'minutes' : 'seeds'} and --seed exclude each other: one seed is one run`)
}

const reached = new Map<string, number>()
const started = performance.now()
let next = first
let done = 0
let failures = 0
let stop = false

function report(one: SeedReport): void {
  done++
  for (const [name, times] of one.points) reached.set(name, (reached.get(name) ?? 0) + times)
  for (const line of one.trace) console.log(line)
  if (one.violation !== undefined) {
    failures++
    console.log(
      `seed ${one.seed} breaks ${one.violation.id}: ${one.violation.message.split('\n')[0]}\n  faults: `
        + `${JSON.stringify(one.violation.faults)}\n  replay: npm run sim -- --seed ${one.seed} --trace`,
    )
    if (values.trace) console.log(one.violation.message)
    if (minutes !== undefined) {
      noteFailedSeed({ seed: one.seed, id: one.violation.id, sentence: one.violation.message.split('\n')[0] ?? '' })
    }
    stop ||= values['stop-at-first']
  }
  const bound = minutes === undefined ? `${count} seeds` : `seeds from ${first} on`
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${bound}, ${failures} failures `)
  else if (done % 1_000 === 0) console.error(`${done} of ${bound}, ${failures} failures`)
  stop ||= minutes !== undefined && performance.now() - started >= minutes * 60_000
}

function runWorker(): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
    const give = (): void => {
      if (next >= first + count || stop) {
        void worker.terminate().then(() => {
          resolve()
        })
        return
      }
      worker.postMessage({ seed: String(next++), trace: values.trace })
    }
    worker.on('message', (one: SeedReport) => {
      report(one)
      give()
    })
    worker.on('error', reject)
    give()
  })
}

const workers = Math.min(count, Number(values.workers ?? availableParallelism()))
await Promise.all(Array.from({ length: workers }, runWorker))
const isLong = done >= POINTS_FROM_SEEDS
const missing = Object.keys(points).filter((name) => !reached.has(name))
if (process.stderr.isTTY) process.stderr.write('\n')
if (missing.length > 0 && isLong) {
  console.log(`points never reached: ${missing.map((name) => `${name} (${points[name]})`).join(', ')}`)
}
console.log(
  `seeds ${done}, failures ${failures}, seeds per minute `
    + `${Math.round((done * 60_000) / (performance.now() - started))}, points `
    + `${Object.keys(points).length - missing.length} of ${Object.keys(points).length}`,
)
process.exitCode = failures > 0 || (missing.length > 0 && isLong) ? 1 : 0
