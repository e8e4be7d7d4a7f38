/**
 * Runs the corpora of the engine in a bare V8 context, as in a browser. Needs `--experimental-vm-modules`.
 *
 * Read next: `bare-context.ts`, `browser.test.ts`, `../objects/extensions/corpora.ts`.
 */
import { readEngineFile } from '../../objects/io/engine-file.ts'
import { bareFunction } from './bare-context.ts'

const run = await bareFunction('test/objects/extensions/corpora.ts', 'findingsInBrowser')
process.stdout.write(String(run(readEngineFile())))
