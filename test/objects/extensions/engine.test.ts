/**
 * The real engine on many programs: they leave nothing behind, and every host says the same.
 *
 * Read next: `golden.ts`, `corpora.ts`, `machine.test.ts`; `../../real/browser.test.ts` (hosts that are no Node).
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { isError } from '../../../log/errors.ts'
import { compileEngine } from '../../../objects/extensions/engine/compile.ts'
import { readEngineFile } from '../../../objects/io/engine-file.ts'
import { corpora, engine } from './corpus-run.ts'
import { golden, goldenQuick } from './golden.ts'

test('E3: the engine is the one file that is expected, metered as ever', (t) => {
  t.is(engine.name, golden.engine)
  const bytes = readEngineFile()
  const other = bytes.slice()
  other[other.length - 1] = (other.at(-1) ?? 0) ^ 1
  const error = t.throws(() => compileEngine(other))
  t.true(isError(error, 'UNSUPPORTED'), String(error))
})

test('E3: images, corpora and fuel are those of the table, and no call leaves anything behind', (t) => {
  t.timeout(180_000)
  t.deepEqual(corpora.findings(false), goldenQuick)
  t.deepEqual(corpora.problems, [])
})

const corpus = fileURLToPath(new URL('corpus-run.ts', import.meta.url))
const node22 = fileURLToPath(new URL('../../../node_modules/node22/bin/node', import.meta.url))
for (const [name, program, args] of [
  ['Node 22', node22, []],
  ['a small stack', process.execPath, ['--stack-size=300']],
  ['the baseline compiler alone', process.execPath, ['--liftoff', '--no-wasm-tier-up']],
  ['the optimising compiler alone', process.execPath, ['--no-liftoff']],
] as const) {
  test.serial(`E3: with ${name} all comes to the same, fuel included`, async (t) => {
    t.timeout(180_000)
    const { stdout } = await promisify(execFile)(program, [...args, corpus])
    t.deepEqual(JSON.parse(stdout), goldenQuick)
  })
}
