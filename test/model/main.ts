/**
 * Runs the Promela models of this folder and compares every result with what the table expects.
 *
 * `node test/model/main.ts [--only MODEL] [--full]`. The quick set takes a few minutes on two cores; `--full` adds
 * the large searches and needs about 12 GB. Without spin or gcc nothing is checked, and it says so. A variant that is
 * expected to be violated is a planted bug: a model that no longer finds it fails the run. Read README.md next.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'

const run = promisify(execFile)

/** What a search must end with. A `clean` one is exhaustive unless its search is `bitstate`. */
type Expectation = 'clean' | 'violated'

/**
 * How states are kept: whole, `collapse` (slower, smaller), or `bitstate` (one bit or two each, cut off after minutes).
 */
type Search = 'whole' | 'collapse' | 'bitstate'

type Case = {
  readonly model: string
  /** Preprocessor flags without `-D`, separated by blanks; empty for the model itself. */
  readonly flags: string
  readonly expected: Expectation
  readonly set: 'quick' | 'full'
  readonly search: Search
}

type Outcome =
  | { readonly kind: 'clean'; readonly states: number; readonly isExhaustive: boolean }
  | { readonly kind: 'violated'; readonly states: number }
  | { readonly kind: 'incomplete'; readonly states: number; readonly why: string }

const BITSTATE_MINUTES_MAX = 2
const MEMORY_MIB_MAX = 12_000
const SEARCH_MS_MAX = 2 * 60 * 60 * 1_000
/** Two searches at once: each of the large ones takes gigabytes. */
const SEARCHES_MAX = Math.min(2, availableParallelism())

const clean = (model: string, flags: string, set: Case['set'] = 'quick', search: Search = 'whole'): Case => ({
  model,
  flags,
  expected: 'clean',
  set,
  search,
})
const violated = (model: string, flags: string, set: Case['set'] = 'quick', search: Search = 'whole'): Case => ({
  model,
  flags,
  expected: 'violated',
  set,
  search,
})

const CASES: readonly Case[] = [
  clean('store-all', ''),
  violated('store-all', 'BUG_FORCE_UNFENCED'),
  violated('store-all', 'BUG_REFUSED_EARLY'),
  violated('store-all', 'BUG_READ_UNDECIDED'),
  violated('store-all', 'BUG_READ_FIRST'),
  clean('store-all', 'BUG_NO_RESEAL', 'full'),
  clean('store-all', 'READER', 'full', 'bitstate'),
  clean('store-all', 'DUEL', 'full', 'bitstate'),

  clean('reads', ''),
  clean('reads', 'ONLY_ACCEPTORS'),
  clean('reads', 'ONLY_CHAIN'),
  clean('reads', 'W=2 OPS=2'),
  violated('reads', 'BUG_NO_PROOF'),
  violated('reads', 'BUG_JOIN_BUS'),
  violated('reads', 'BUG_BLANK ONLY_ACCEPTORS'),
  violated('reads', 'BUG_NO_SKIP TWO_APPENDERS'),
  violated('reads', 'BUG_NO_SKIP REGRANT_OK TWO_READERS', 'full'),
  violated('reads', 'BUG_TAIL_FROM_SOME TWO_APPENDERS'),
  violated('reads', 'BUG_REBOOT SEQ_RESTART TWO_APPENDERS TWO_RECONFIGURERS NO_READER', 'full'),
  // Its sequencer hears of positions that a later epoch decided: see README.md.
  violated('reads', 'TWO_APPENDERS OPS=2'),
  clean('reads', 'TWO_APPENDERS', 'full', 'collapse'),
  clean('reads', 'TWO_READERS', 'full', 'collapse'),
  clean('reads', 'TWO_RECONFIGURERS', 'full', 'bitstate'),
  clean('reads', 'TWO_RECONFIGURERS TWO_APPENDERS TWO_READERS SEQ_RESTART', 'full', 'bitstate'),

  clean('streams', ''),
  clean('streams', 'JUNK_WITH_TOKEN'),
  violated('streams', 'NAIVE'),

  violated('restart', 'BUG_BOOT'),
  violated('restart', 'ALL ORDINARY'),
  violated('restart', 'ALL FIRST'),
  clean('restart', 'ALL STOP'),
  violated('restart', 'ALL STOP IS_STOP_NEEDLESS'),
  clean('restart', 'ALL PROVEN'),
  clean('restart', '', 'full', 'collapse'),

  violated('epochs', 'SEAL_SOME BUG_NO_INSTALL BUG_ACCEPT_NEWER'),
  clean('epochs', '', 'full', 'collapse'),
  clean('epochs', 'DUEL', 'full', 'bitstate'),
  clean('epochs', 'SEAL_SOME', 'full', 'bitstate'),

  clean('complete-to', ''),
  clean('complete-to', 'OPEN_EARLY'),
  clean('complete-to', 'BEFORE_HELD'),
  clean('complete-to', 'SYNC'),
  clean('complete-to', 'G1=4 W=4', 'full'),
  violated('complete-to', 'BUG_NAIVE'),
  violated('complete-to', 'BUG_ONE_CHAIN'),
  violated('complete-to', 'BUG_HIGHEST'),
  violated('complete-to', 'BUG_BEFORE_EMPTY'),
  violated('complete-to', 'BUG_OLD_TAIL'),
  violated('complete-to', 'BUG_TAIL_BACK'),
  violated('complete-to', 'BUG_PREFIX_OF_ANY_EPOCH W=2'),

  clean('session-order', 'P=7'),
  clean('session-order', 'K=2'),
  clean('session-order', 'ON_JUNK_ONLY P=7'),
  violated('session-order', 'BUG_HIGHEST_SEEN'),
  violated('session-order', 'BUG_NO_REAPPEND'),
  violated('session-order', 'BUG_APPLY_GAP'),
  violated('session-order', 'BUG_CHECKPOINT_BARE'),
  violated('session-order', 'BUG_ABORT_FORGOTTEN'),
  clean('session-order', '', 'full'),
  clean('session-order', 'ONE_BY_ONE', 'full'),
  clean('session-order', 'P=9', 'full', 'bitstate'),

  clean('session', ''),
  clean('session', 'RESUME PROOF=1 TIMEOUT=2'),
  clean('session', 'RESUME FIRST_SILENT', 'quick', 'collapse'),
  violated('session', 'RESUME FIRST_SILENT BUG_NO_GRACE_FOR_RESUMED', 'quick', 'collapse'),
  violated('session', 'BUG_NO_GRACE'),
  violated('session', 'BUG_UNPROVED'),
  violated('session', 'BUG_END_WITHOUT_EPOCH'),
  violated('session', 'BUG_PROVED_FROM_ANSWER'),
  violated('session', 'BUG_CONFIRMED_FROM_ANSWER TIMEOUT=5'),
  clean('session', 'BUG_BEATS_AFTER_LOSS'),
  violated('session', 'BUG_BEATS_AFTER_LOSS BUG_CONFIRMS_WHILE_ENDING'),
  violated('session', 'RESUME BUG_END_IGNORES_RESUME'),
  clean('session', 'RESUME', 'full', 'collapse'),

  clean('genesis', 'NO_REPLACE'),
  clean('genesis', 'IN_ORDER'),
  clean('genesis', 'IN_ORDER SAME_UNITS'),
  clean('genesis', 'ONE_INIT DUEL IN_ORDER'),
  violated('genesis', 'BUG_OVERWRITE'),
  violated('genesis', 'BUG_BY_NAME ONE_INIT DUEL IN_ORDER'),
  clean('genesis', 'BUG_BY_NAME ONE_INIT'),
  violated('genesis', 'BUG_HALF'),
  clean('genesis', 'BUG_HALF SAME_UNITS NO_REPLACE', 'full'),
  violated('genesis', 'BUG_BLANK_PROMISES'),
  violated('genesis', 'BUG_SAME_CLUSTER SAME_UNITS'),
  violated('genesis', 'IS_NEVER_STUCK NO_REPLACE'),
  clean('genesis', 'IS_NEVER_STUCK NO_REPLACE IN_ORDER'),
  clean('genesis', '', 'full'),
  clean('genesis', 'SAME_UNITS', 'full'),
  clean('genesis', 'ONE_INIT DUEL', 'full'),
  violated('genesis', 'BUG_BY_NAME ONE_INIT DUEL', 'full'),
  violated('genesis', 'BUG_HALF SAME_UNITS', 'full'),

  clean('newcomer', 'E=2 G3=0'),
  clean('newcomer', 'E=3 G2=0 G3=0 TRIM=0'),
  clean('newcomer', 'E=4 G2=0 G3=0 TRIM=0 STRAIGHT'),
  clean('newcomer', 'E=3 G2=0 G3=0 STRAIGHT MERGE_AND_DROP'),
  violated('newcomer', 'BUG_MERGE_BEFORE_COPY G2=0 G3=0'),
  violated('newcomer', 'BUG_COPY_BEFORE_RESOLVED G2=0 G3=0'),
  violated('newcomer', 'BUG_NEWCOMER_SERVES E=2 G2=0 G3=0 TRIM=0'),
  violated('newcomer', 'BUG_KEEP_STALE E=3 G2=0 G3=0 TRIM=0'),
  violated('newcomer', 'BUG_TRIM_LAST E=2 G2=0 G3=0'),
  violated('newcomer', 'BUG_DROP_LAST E=3 G2=0 G3=0 TRIM=0'),
  violated('newcomer', 'BUG_OPEN_AT_OLD_TAIL E=2 G3=0 TRIM=0'),
  violated('newcomer', 'BUG_TRIM_NOT_FIRST MERGE_AND_DROP E=3 G2=0 G3=0'),
  clean('newcomer', 'E=2 G3=0 TRIM=0 FILL', 'full'),
]

/**
 * Runs the selected cases, prints one line each and the sum, and sets the exit code.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, full: { type: 'boolean', default: false } } })
  const missing = await missingTool()
  if (missing !== null) {
    console.log(`models SKIPPED: ${missing} is not installed, nothing was checked`)
    return
  }
  const selected = CASES.filter(
    (one) => (values.full || one.set === 'quick') && (values.only === undefined || one.model === values.only),
  )
  if (selected.length === 0) {
    console.log(`no model is named ${String(values.only)}`)
    process.exitCode = 1
    return
  }
  const asExpected = await runAll(selected)
  console.log(`models ${selected.length}, as expected ${asExpected}`)
  if (asExpected !== selected.length) process.exitCode = 1
}

/** The first of the programs needed that does not start, or null. */
async function missingTool(): Promise<string | null> {
  for (const [tool, flag] of [
    ['spin', '-V'],
    ['gcc', '--version'],
  ] as const) {
    try {
      await run(tool, [flag])
    } catch {
      return tool
    }
  }
  return null
}

/** Runs the cases, `SEARCHES_MAX` at a time, and answers how many ended as expected. */
async function runAll(cases: readonly Case[]): Promise<number> {
  const waiting = [...cases]
  let asExpected = 0
  const worker = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
      const startedAt = performance.now()
      const outcome = await check(one)
      const seconds = (performance.now() - startedAt) / 1_000
      if (outcome.kind === one.expected) asExpected += 1
      console.log(lineOf(one, outcome, seconds))
    }
  }
  await Promise.all(Array.from({ length: SEARCHES_MAX }, worker))
  return asExpected
}

/** Translates, compiles and searches one case in a folder of its own. */
async function check(one: Case): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'model-'))
  try {
    const flags = one.flags
      .split(' ')
      .filter((flag) => flag !== '')
      .map((flag) => `-D${flag}`)
    await run('spin', [...flags, '-a', join(import.meta.dirname, `${one.model}.pml`)], { cwd: folder })
    await run('gcc', ['-O2', '-w', ...compilerFlags(one.search), '-o', 'pan', 'pan.c'], { cwd: folder })
    const { stdout } = await run(join(folder, 'pan'), searchFlags(one.search), { cwd: folder, timeout: SEARCH_MS_MAX })
    return outcomeOf(stdout, one.search)
  } catch (error) {
    return { kind: 'incomplete', states: 0, why: firstLine(error) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function compilerFlags(search: Search): readonly string[] {
  const common = ['-DSAFETY', '-DVECTORSZ=1024']
  switch (search) {
    case 'whole':
      return [...common, `-DMEMLIM=${MEMORY_MIB_MAX}`]
    case 'collapse':
      return [...common, `-DMEMLIM=${MEMORY_MIB_MAX}`, '-DCOLLAPSE']
    case 'bitstate':
      return [...common, '-DBITSTATE']
    default:
      return search satisfies never
  }
}

/** `-E`: a process that takes no further step has died, and that is no error. */
function searchFlags(search: Search): readonly string[] {
  const common = ['-E', '-m300000']
  return search === 'bitstate' ? [...common, '-w33', `-Q${BITSTATE_MINUTES_MAX}`] : [...common, '-w24']
}

/** Reads the verifier's report. */
function outcomeOf(report: string, search: Search): Outcome {
  const states = Number(/^\s*(\S+) states, stored/m.exec(report)?.[1] ?? 0)
  const errors = /errors: (\d+)/.exec(report)?.[1]
  if (errors === undefined) return { kind: 'incomplete', states, why: 'no result' }
  if (errors !== '0') {
    if (report.includes('assertion violated') && !report.includes('invalid array index')) {
      return { kind: 'violated', states }
    }
    return { kind: 'incomplete', states, why: /^pan:1: .*$/m.exec(report)?.[0] ?? 'an error that is no assertion' }
  }
  if (report.includes('max search depth too small')) return { kind: 'incomplete', states, why: 'depth' }
  const isCutOff = report.includes('Search not completed')
  if (search !== 'bitstate' && isCutOff) return { kind: 'incomplete', states, why: 'cut off' }
  return { kind: 'clean', states, isExhaustive: search !== 'bitstate' && !isCutOff }
}

function lineOf(one: Case, outcome: Outcome, seconds: number): string {
  const name = [one.model, one.flags].join(' ').padEnd(78)
  const facts = `${String(outcome.states).padStart(10)} states ${seconds.toFixed(1).padStart(7)} s`
  const verdict = outcome.kind === one.expected ? '' : `  NOT AS EXPECTED: ${one.expected}`
  return `${name} ${facts}  ${resultOf(outcome)}${verdict}`
}

function resultOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'clean':
      return outcome.isExhaustive ? 'clean' : 'clean as far as searched'
    case 'violated':
      return 'violated'
    case 'incomplete':
      return `incomplete (${outcome.why})`
    default:
      return outcome satisfies never
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n', 2).join(' ')
}

await main()
