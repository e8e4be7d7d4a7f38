/**
 * The real engine on many programs: they leave nothing behind, and every host says the same.
 *
 * Read next: `corpus.ts`, `corpus-run.ts`, `machine.test.ts`.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { isError } from '../../../log/errors.ts'
import { compileEngine } from '../../../objects/extensions/engine/compile.ts'
import { readEngineFile } from '../../../objects/io/engine-file.ts'
import { callOf, engine, hostWith, machineOf, runAll, textOf } from './corpus-run.ts'
import { programs } from './program-grammar.ts'

/** What the corpus comes to, fuel included, on every host: where it changes, the engine is another one. */
const CORPUS = '3c20f02b11c1bf5546a530dc3070c9742bc801203feea3416f74ef6b212d1c2a'
const ENGINE = '3b350f0c512521d9e06452ac51247f9fc62afb856530ccc4380ca1a0b76f4751-1'

test('E3: the engine is the one file that is expected, metered as ever', (t) => {
  t.is(engine.name, ENGINE)
  const bytes = readEngineFile()
  const other = bytes.slice()
  other[other.length - 1] = (other.at(-1) ?? 0) ^ 1
  const error = t.throws(() => compileEngine(other))
  t.true(isError(error, 'UNSUPPORTED'), String(error))
})

test('E3: every program of the corpus comes to the same three times, and leaves nothing behind', (t) => {
  t.timeout(120_000)
  t.deepEqual(runAll(), { hash: CORPUS, problems: [] })
})

const corpus = fileURLToPath(new URL('corpus-run.ts', import.meta.url))
const node22 = fileURLToPath(new URL('../../../node_modules/node22/bin/node', import.meta.url))
for (const [name, program, args] of [
  ['Node 22', node22, []],
  ['a small stack', process.execPath, ['--stack-size=300']],
  ['the baseline compiler alone', process.execPath, ['--liftoff', '--no-wasm-tier-up']],
  ['the optimising compiler alone', process.execPath, ['--no-liftoff']],
] as const) {
  test.serial(`E3: with ${name} the corpus comes to the same, fuel included`, async (t) => {
    t.timeout(180_000)
    const { stdout } = await promisify(execFile)(program, [...args, corpus])
    t.deepEqual(JSON.parse(stdout), { hash: CORPUS, problems: [] })
  })
}

test('E3: programs of a grammar come to the same twice, with others in between, and leave nothing behind', (t) => {
  t.timeout(120_000)
  for (const body of programs(300)) {
    const machine = machineOf(body)
    const first = textOf(callOf(machine, hostWith(), 300_000))
    callOf(machine, hostWith(), 5_000)
    t.is(textOf(callOf(machine, hostWith(), 300_000)), first, body)
    machine.restore()
    t.true(machine.isRestored(), body)
  }
})
