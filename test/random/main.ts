/**
 * `npm run random [-- --runs N] [--seed S] [--only TEXT]`: the random histories of all objects, many of each.
 *
 * Every test file of objects with a test of "random histories" is run with N (10,000) histories in batches of 1,000,
 * from seed S (drawn unless told) on: batch k has seed S + k. One line a batch. The first failure of a file is printed
 * with its history, shrunk, and ends that file; the last line is `histories N, failed N`. To play a batch again, give
 * its seed and its number of runs. Read next: `../objects/model-run.ts`.
 */
import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const BATCH = 1_000
/** Longest time without a word of one batch: fast-check says nothing while it shrinks. */
const SILENT = '900s'
const TITLE = 'random histories'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10000' },
    seed: { type: 'string' },
    only: { type: 'string', default: '' },
  },
})
const root = join(import.meta.dirname, '../..')
const runs = Number(values.runs)
const firstSeed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000_000))
if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(firstSeed)) {
  console.error('--runs takes a number from 1 on, --seed a whole number')
  process.exit(2)
}
const files = globSync('test/objects/**/*.test.ts', { cwd: root })
  .filter((file) => file.includes(values.only) && readFileSync(join(root, file), 'utf8').includes(TITLE))
  .sort()

/** Plays a batch of one file; gives what it printed, `undefined` when all went well. */
function play(file: string, seed: number, count: number): Promise<string | undefined> {
  const cli = join(root, 'node_modules/ava/entrypoints/cli.js')
  const env = { ...process.env, SIRTAKI_RUNS: String(count), SIRTAKI_SEED: String(seed), NO_COLOR: '1' }
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, file, '--match', `*${TITLE}*`, '--timeout', SILENT], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data.toString()
      })
    }
    child.on('close', (code) => {
      resolve(code === 0 ? undefined : output)
    })
  })
}

let [played, failed] = [0, 0]
console.log(`${files.length} files, ${runs} histories each, from seed ${firstSeed}`)
for (const file of files) {
  for (let from = 0, seed = firstSeed; from < runs; from += BATCH, seed++) {
    const count = Math.min(BATCH, runs - from)
    const started = performance.now()
    const trouble = await play(file, seed, count)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    played += count
    console.log(
      `${file}: ${from + count} of ${runs}, seed ${seed}: ${trouble === undefined ? 'ok' : 'FAILED'} (${seconds} s)`,
    )
    if (trouble === undefined) continue
    failed++
    console.log(trouble)
    break
  }
}
console.log(`histories ${played}, failed ${failed}`)
process.exitCode = failed === 0 && files.length > 0 ? 0 : 1
