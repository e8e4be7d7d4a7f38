/**
 * `npm run bugs [-- --replay] [--only NAME] [--record] [--from S] [--seeds N]`: does every planted bug get found?
 *
 * Searches afresh: up to N (2,000) seeds a bug from seed S (1) on, until one breaks an invariant that the bug is said
 * to break. With `--replay` only the recorded seed is played. With `--record` the seeds found are written to
 * `catalogue.ts`. One line a bug; the last line is `bugs N, found N, applied N`. Read next: `catalogue.ts`,
 * `plant.ts`, `child.ts`.
 */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { bugs, type Bug } from './catalogue.ts'
import { misfit } from './plant.ts'

/** Children at once: each is one thread. */
const PARALLEL = 2
/** Longest run of one child, in milliseconds: a bug that hangs the simulator is not found. */
const CHILD_MS = 900_000

interface Verdict {
  readonly bug: Bug
  readonly found: boolean
  readonly applied: boolean
  readonly seed: number
  readonly text: string
}

const { values } = parseArgs({
  options: {
    replay: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '2000' },
    parallel: { type: 'string' },
  },
})
const chosen = values.only === undefined ? bugs : bugs.filter((bug) => values.only?.includes(bug.name))
if (chosen.length === 0) {
  console.error(`no bug is called ${values.only?.join(', ')}; there are ${bugs.map((bug) => bug.name).join(', ')}`)
  process.exit(2)
}

const path = (file: string): string => new URL(file, import.meta.url).pathname

/** Runs a program with a bug planted, until it ends or has printed enough; gives everything it printed. */
function run(bug: Bug, args: readonly string[], isEnough: (output: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve) => {
    const plant = `--import=${path('plant.ts')}`
    const env = { ...process.env, SIRTAKI_BUG: bug.name, NODE_OPTIONS: plant, NO_COLOR: '1', FORCE_COLOR: '0' }
    const child = spawn(process.execPath, [...args], {
      cwd: path('../..'),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
    })
    // With everything it has started.
    const end = (): void => {
      try {
        process.kill(-(child.pid ?? NaN), 'SIGKILL')
      } catch {
        /* gone already */
      }
    }
    const late = setTimeout(end, CHILD_MS)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data.toString()
        if (isEnough(output)) end()
      })
    }
    running.add(end)
    child.on('close', () => {
      clearTimeout(late)
      running.delete(end)
      resolve(output)
    })
  })
}

const running = new Set<() => void>()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    for (const end of running) end()
    process.exit(130)
  })
}

async function judge(bug: Bug): Promise<Verdict> {
  const wrong = misfit(bug)
  if (wrong !== undefined) return { bug, found: false, applied: false, seed: bug.seed, text: wrong }
  return bug.judge === 'tests' ? judgeByTests(bug) : judgeBySeeds(bug)
}

interface Played {
  readonly found?: { readonly seed: number; readonly id: string; readonly message: string }
  readonly others: readonly string[]
  readonly seeds: number
}

async function judgeBySeeds(bug: Bug): Promise<Verdict> {
  const [from, count] = values.replay ? [String(bug.seed), '1'] : [values.from, values.seeds]
  const output = await run(bug, [path('child.ts'), from, count, bug.breaks.join()])
  const played = readPlayed(output)
  if (played === undefined) {
    return { bug, found: false, applied: true, seed: bug.seed, text: `the run ended badly: ${output.slice(-600)}` }
  }
  const { found, others, seeds } = played
  const aside = others.length > 0 ? `; ${others.join('; ')}` : ''
  if (found === undefined) {
    return {
      bug,
      found: false,
      applied: true,
      seed: bug.seed,
      text: `NOT FOUND in ${seeds} seeds from ${from}${aside}`,
    }
  }
  return {
    bug,
    found: true,
    applied: true,
    seed: found.seed,
    text:
      `seed ${found.seed} breaks `
      + `${found.message.startsWith(found.id) ? found.message : `${found.id}: ${found.message}`}${aside}`,
  }
}

function readPlayed(output: string): Played | undefined {
  try {
    const read: Played = JSON.parse(output.trim().split('\n').at(-1) ?? '')
    return read
  } catch {
    return undefined
  }
}

/**
 * Of the named test files a test must fail whose title begins with an invariant that the bug is said to break: only
 * those run.
 */
async function judgeByTests(bug: Bug): Promise<Verdict> {
  const failedIn = (output: string): string[] =>
    [...output.matchAll(/^not ok \d+ - (.*)$/gm)].map((match) => match[1] ?? '')
  const hitIn = (output: string): string | undefined =>
    failedIn(output).find((title) => bug.breaks.some((id) => new RegExp(`(^|› |: )${id}: `).test(title)))
  const matches = bug.breaks.flatMap((id) => ['--match', `${id}: *`, '--match', `*: ${id}: *`])
  const args = [path('../../node_modules/ava/entrypoints/cli.js'), '--tap', ...matches, ...(bug.tests ?? [])]
  const output = await run(bug, args, (so) => hitIn(so) !== undefined)
  const [failed, hit] = [failedIn(output), hitIn(output)]
  if (hit === undefined) {
    return {
      bug,
      found: false,
      applied: true,
      seed: 0,
      text:
        'NOT FOUND by '
        + `${bug.tests?.join(', ')}${failed.length > 0 ? `; failed: ${failed.join('; ')}` : `: ${output.slice(-300)}`}`,
    }
  }
  return { bug, found: true, applied: true, seed: 0, text: `test fails: ${hit}` }
}

/** Writes the seeds found into the catalogue, whose lines `seed: N` follow those of `name`. */
function record(verdicts: readonly Verdict[]): void {
  let text = readFileSync(path('catalogue.ts'), 'utf8')
  for (const { bug, found, seed } of verdicts) {
    if (!found || bug.judge === 'tests') continue
    const at = text.indexOf(`name: '${bug.name}'`)
    text = text.slice(0, at) + text.slice(at).replace(/seed: \d+/, `seed: ${seed}`)
  }
  writeFileSync(path('catalogue.ts'), text)
}

const verdicts: Verdict[] = []
const queue = [...chosen]

async function work(): Promise<void> {
  for (let bug = queue.shift(); bug !== undefined; bug = queue.shift()) {
    const started = performance.now()
    const verdict = await judge(bug)
    verdicts.push(verdict)
    console.log(
      `${verdict.found ? 'found' : 'MISSED'} ${bug.name}: ${verdict.text} `
        + `(${((performance.now() - started) / 1000).toFixed(1)} s)`,
    )
  }
}

await Promise.all(Array.from({ length: Number(values.parallel ?? PARALLEL) }, work))
if (values.record) record(verdicts)
const found = verdicts.filter((one) => one.found).length
const applied = verdicts.filter((one) => one.applied).length
console.log(`bugs ${chosen.length}, found ${found}, applied ${applied}`)
process.exitCode = found === chosen.length && applied === chosen.length ? 0 : 1
