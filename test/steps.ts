/**
 * The steps of `npm test`: what each runs, and what its output says.
 *
 * `group`: steps of one group run one after the other; the groups behind the first run side by side, once it is done.
 * What computes runs at low priority, so that what waits for real time beside it is not late. Read next: `all.ts`.
 */

/** What the output of a step came to. `failures` are the names of what failed. */
export interface Outcome {
  readonly passed: number
  readonly failures: readonly string[]
}

/** One step. */
export interface Step {
  readonly name: string
  readonly group: 'first' | 'computes' | 'waits'
  readonly args: readonly string[]
  readonly read: (output: string, ok: boolean) => Outcome
}

const quick = ['test/*.test.ts', 'test/{contracts,harness,log,objects,sequencer,sim,tools}/**/*.test.ts']
const slow = ['test/real/**/*.test.ts', 'test/package/**/*.test.ts']
const bin = (name: string): string => new URL(`../node_modules/${name}`, import.meta.url).pathname

/** All steps, in order. */
export const steps: readonly Step[] = [
  { name: 'format', group: 'first', args: [bin('oxfmt/bin/oxfmt'), '--check'], read: readExit },
  { name: 'type check', group: 'first', args: [bin('typescript/bin/tsc'), '--noEmit'], read: readExit },
  { name: 'lint', group: 'first', args: [bin('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings'], read: readExit },
  { name: 'MinIO', group: 'first', args: ['test/real/find-minio.ts'], read: readExit },
  { name: 'tests', group: 'computes', args: [bin('ava/entrypoints/cli.js'), ...quick], read: readAva },
  { name: 'simulator', group: 'computes', args: ['test/sim/main.ts', '--seeds', '500'], read: readSimulator },
  { name: 'planted bugs', group: 'computes', args: ['test/bugs/main.ts', '--replay'], read: readBugs },
  {
    name: 'real processes',
    group: 'waits',
    read: readAva,
    args: [bin('ava/entrypoints/cli.js'), '--serial', '--concurrency=1', ...slow],
  },
]

/** The steps that a word chooses: those whose names begin with it. */
export const chosenSteps = (word: string | undefined): readonly Step[] =>
  steps.filter(({ name }) => word === undefined || name.startsWith(word))

/** A step that ended badly has failed in something, though its output does not say in what. */
const atLeastOne = (failures: readonly string[], ok: boolean): readonly string[] =>
  ok || failures.length > 0 ? failures : ['ended badly']

/** Reads a step that either goes through or does not. */
export function readExit(_output: string, ok: boolean): Outcome {
  return { passed: ok ? 1 : 0, failures: atLeastOne([], ok) }
}

/**
 * Reads what ava prints. Its summary names the passes only where nothing failed, so the lines of the tests are counted.
 */
export function readAva(output: string, ok: boolean): Outcome {
  const passed = [...output.matchAll(/^\s*[✔√] (?!\[expected fail\])/gm)].length
  const failures = [...output.matchAll(/^\s*[✘×] (?:\[fail\]: )?(.*)$/gm)].map((match) => match[1] ?? '')
  return { passed, failures: atLeastOne(failures, ok && passed > 0) }
}

/** Reads what the simulator prints: one line for a failing seed, and one in the end. */
export function readSimulator(output: string, ok: boolean): Outcome {
  const failures = [...output.matchAll(/^(seed \S+ breaks .*)$/gm)].map((match) => match[1] ?? '')
  const missing = [...output.matchAll(/^(points never reached: .*)$/gm)].map((match) => match[1] ?? '')
  const seeds = Number([...output.matchAll(/^seeds (\d+)/gm)].at(-1)?.[1] ?? 0)
  return { passed: seeds - failures.length, failures: atLeastOne([...failures, ...missing], ok && seeds > 0) }
}

/** Reads what the search for planted bugs prints: one line a bug. */
export function readBugs(output: string, ok: boolean): Outcome {
  const passed = [...output.matchAll(/^found /gm)].length
  const failures = [...output.matchAll(/^(MISSED .*)$/gm)].map((match) => match[1] ?? '')
  return { passed, failures: atLeastOne(failures, ok && passed > 0) }
}
