/**
 * `npm test`: everything that has to hold before a change lands, one step after the other.
 *
 * Type check, lint, unit and contract tests, 500 simulator seeds, every planted bug replayed at its recorded seed, the
 * real-process tests. The last line is `N passed, N failed`.
 */
import { spawn } from 'node:child_process'

interface Step { readonly name: string; readonly args: readonly string[]; readonly count: (output: string, ok: boolean) => { passed: number; failed: number } }

const one = (_: string, ok: boolean): { passed: number; failed: number } => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1 })
const find = (output: string, pattern: RegExp): number => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0)

/** ava's own summary; a run that ends badly without one is a failure too. */
function ava(output: string, ok: boolean): { passed: number; failed: number } {
  const passed = find(output, /(\d+) tests? passed/g)
  const failed = find(output, /(\d+) tests? failed/g) + find(output, /(\d+) uncaught exceptions?/g)
  return { passed, failed: ok && passed > 0 ? failed : Math.max(failed, 1) }
}

const quick = ['test/*.test.ts', 'test/{contracts,harness,log,objects,sequencer,sim,tools}/**/*.test.ts']
const bin = (name: string): string => new URL(`../node_modules/${name}`, import.meta.url).pathname
const steps: readonly Step[] = [
  { name: 'type check', args: [bin('typescript/bin/tsc'), '--noEmit'], count: one },
  { name: 'lint', args: [bin('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings'], count: one },
  { name: 'tests', args: [bin('ava/entrypoints/cli.js'), ...quick], count: ava },
  { name: 'simulator', args: ['test/sim/main.ts', '--seeds', '500'], count: (output, ok) => { const seeds = find(output, /seeds (\d+)/g); const failed = find(output, /failures (\d+)/g); return { passed: seeds - failed, failed: ok ? failed : Math.max(1, failed) } } },
  { name: 'planted bugs', args: ['test/bugs/main.ts', '--replay'], count: (output, ok) => { const found = find(output, /found (\d+)/g); const bugs = find(output, /bugs (\d+)/g); return { passed: found, failed: ok ? bugs - found : Math.max(1, bugs - found) } } },
  { name: 'real processes', args: [bin('ava/entrypoints/cli.js'), '--serial', '--concurrency=1', 'test/real/**/*.test.ts', 'test/package/**/*.test.ts'], count: ava },
]

/** A step that says nothing for so long hangs and is ended, with everything it has started. (The runner of tests gives up after `timeout`, but not once a test has asked for a longer one.) */
const SILENT_MS = 420_000

function run({ name, args }: Step): Promise<{ output: string; ok: boolean }> {
  console.log(`\n== ${name}`)
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'pipe'], cwd: new URL('..', import.meta.url), env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' }, detached: true })
    const end = (): void => { try { process.kill(-(child.pid ?? NaN), 'SIGKILL') } catch { /* gone already */ } }
    const interrupted = (): void => { end(); process.exit(130) }
    process.on('SIGINT', interrupted).on('SIGTERM', interrupted).on('SIGHUP', interrupted)
    const silent = setTimeout(() => { console.log(`${name}: nothing was said for ${SILENT_MS / 1000} s: it hangs and is ended`); end() }, SILENT_MS)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => { output += data.toString(); process.stdout.write(data); silent.refresh() })
    child.on('exit', (code) => {
      clearTimeout(silent)
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted).off('SIGHUP', interrupted)
      resolve({ output, ok: code === 0 })
    })
  })
}

let passed = 0
let failed = 0
const only = process.argv[2]
for (const step of steps.filter(({ name }) => only === undefined || name.startsWith(only))) {
  const started = performance.now()
  const { output, ok } = await run(step)
  const counted = step.count(output, ok)
  passed += counted.passed
  failed += counted.failed
  console.log(`-- ${step.name}: ${counted.passed} passed, ${counted.failed} failed in ${((performance.now() - started) / 1000).toFixed(1)} s`)
}
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
