/**
 * Plays the logs that come on stdin in a bare V8 context, as in a browser. Needs `--experimental-vm-modules`.
 *
 * Read next: `bare-context.ts`, `portable.test.ts`.
 */
import { readFileSync } from 'node:fs'
import { bareFunction } from './bare-context.ts'

const replayAll = await bareFunction('test/objects/replay.ts', 'replayAll')
process.stdout.write(String(replayAll(readFileSync(0, 'utf8'))))
