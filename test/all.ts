/**
 * `npm test [-- NAME | --list]`: everything that has to hold before a change lands.
 *
 * Format, type check and lint first, one after the other; then what computes (unit and contract tests, simulator seeds,
 * every planted bug at its recorded seed), beside the real-process tests, which mostly wait. NAME runs only the steps
 * whose names begin with it, `--list` prints the names. At the end the failures are named once more; the last line is
 * `N passed, N failed`. Read next: `steps.ts`.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { chosenSteps, steps, type Step } from './steps.ts'

/**
 * A step that prints nothing for so long hangs and is ended, with everything it has started. (The runner of tests
 * gives up after `timeout`, but not once a test has asked for a longer one.)
 */
const SILENT_MS = 420_000
/**
 * Compiled sources of all processes: there are some hundreds, and each would take a second to compile what it imports.
 */
const COMPILED = new URL('../node_modules/.cache/compiled', import.meta.url).pathname
/** What computes gives way to what waits: a tenth of a busy CPU. */
const COMPUTES_NICE = '10'

const failures: string[] = []
let passed = 0
const running = new Set<(signal: NodeJS.Signals) => void>()

const interrupted = (): void => {
  // They end what they have started themselves.
  for (const end of running) end('SIGTERM')
  process.exit(130)
}
process.on('SIGINT', interrupted).on('SIGTERM', interrupted).on('SIGHUP', interrupted)

/** Runs one step; `prefix` begins each line of its output where several run side by side. */
function run({ name, args, group }: Step, prefix: string): Promise<{ output: string; ok: boolean }> {
  return new Promise((resolve) => {
    const command = [...(group === 'computes' ? ['nice', '-n', COMPUTES_NICE] : []), process.execPath, ...args]
    const child = spawn(command[0] ?? '', command.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: new URL('..', import.meta.url),
      env: { NODE_COMPILE_CACHE: COMPILED, ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
      detached: true,
    })
    const end = (signal: NodeJS.Signals): void => {
      try {
        process.kill(-(child.pid ?? NaN), signal)
      } catch {
        /* gone already */
      }
    }
    running.add(end)
    const silent = setTimeout(() => {
      console.log(`${name}: nothing was printed for ${SILENT_MS / 1000} s: it hangs and is ended`)
      end('SIGKILL')
    }, SILENT_MS)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        output += `${line}\n`
        console.log(prefix + line)
        silent.refresh()
      })
    }
    child.on('close', (code) => {
      clearTimeout(silent)
      running.delete(end)
      resolve({ output, ok: code === 0 })
    })
  })
}

async function runAll(group: readonly Step[], isBeside: boolean): Promise<void> {
  for (const step of group) {
    console.log(`\n== ${step.name}`)
    const started = performance.now()
    const { output, ok } = await run(step, isBeside ? `${step.name} | ` : '')
    const read = step.read(output, ok)
    passed += read.passed
    failures.push(...read.failures.map((failure) => `${step.name}: ${failure}`))
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(`-- ${step.name}: ${read.passed} passed, ${read.failures.length} failed in ${seconds} s`)
  }
}

const [word] = process.argv.slice(2)
const chosen = word === '--list' ? steps : chosenSteps(word)
if (word === '--list' || chosen.length === 0) {
  if (chosen.length === 0) console.error(`no step begins with "${word}"; there are:`)
  console.log(steps.map(({ name }) => name).join('\n'))
  process.exit(chosen.length === 0 ? 2 : 0)
}

const groups = Map.groupBy(chosen, ({ group }) => group)
await runAll(groups.get('first') ?? [], false)
const beside = [groups.get('computes'), groups.get('waits')].filter((group) => group !== undefined)
await Promise.all(beside.map((group) => runAll(group, beside.length > 1)))
if (failures.length > 0) console.log(`\nfailed:\n${failures.map((failure) => `  ${failure}`).join('\n')}`)
console.log(`\n${passed} passed, ${failures.length} failed`)
process.exitCode = failures.length > 0 ? 1 : 0
