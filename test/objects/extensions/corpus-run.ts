/**
 * The corpora in the engine of this host: `node test/objects/extensions/corpus-run.ts [--all]` prints the table.
 *
 * `--all` adds 10,000 programs of the grammar. Problems go to stderr, and end it with 1. Read next: `corpora.ts`,
 * `golden.ts`, `engine.test.ts`.
 */
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Engine } from '../../../objects/extensions/engine/compile.ts'
import type { Machine } from '../../../objects/extensions/engine/machine.ts'
import type { Machines } from '../../../objects/extensions/engine/machines.ts'
import { readEngineFile } from '../../../objects/io/engine-file.ts'
import { Corpora } from './corpora.ts'

export const corpora = new Corpora(readEngineFile())
export const engine: Engine = corpora.engine
export const machines: Machines = corpora.machines

/** A program by its body. @throws Error where it does not load. */
export const machineOf = (body: string): Machine => corpora.machineOf(body)

if (fileURLToPath(import.meta.url) === argv[1]) {
  console.log(JSON.stringify(corpora.findings(argv.includes('--all')), null, 2))
  if (corpora.problems.length > 0) {
    console.error(corpora.problems.join('\n'))
    process.exitCode = 1
  }
}
