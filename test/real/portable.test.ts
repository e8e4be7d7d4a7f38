/**
 * One log, several engines: a replay from genesis comes to the same state, and tells the same.
 *
 * Read next: `../objects/recorded-logs.ts`.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { recordLogs } from '../objects/recorded-logs.ts'
import { replayAll, type Replayed } from '../objects/replay.ts'

const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
const node22 = pathOf('../../node_modules/node22/bin/node')
const logs = JSON.stringify(recordLogs())
const here: readonly Replayed[] = JSON.parse(replayAll(logs))

/** What a program says of the logs. */
function replayedBy(node: string, ...args: string[]): unknown {
  const env = { ...process.env, NODE_NO_WARNINGS: '1' }
  const stdio: ['pipe', 'pipe', 'ignore'] = ['pipe', 'pipe', 'ignore']
  return JSON.parse(execFileSync(node, args, { input: logs, encoding: 'utf8', timeout: 100_000, env, stdio }))
}

test('O3: the recorded logs have entries of all kinds, and are the same in each run', (t) => {
  t.true(here.length > 50)
  t.true(here.reduce((sum, { entries }) => sum + entries, 0) > 1_500)
  t.true(new Set(here.map(({ digest }) => digest)).size > 40)
  t.is(JSON.stringify(recordLogs()), logs)
})

test('O3: a replay from genesis comes to the same on Node 22 and 24', (t) => {
  t.regex(execFileSync(node22, ['--version'], { encoding: 'utf8' }), /^v22\./)
  t.regex(process.version, /^v24\./)
  t.deepEqual(replayedBy(node22, pathOf('replay-process.ts')), here)
})

test('O3: a replay comes to the same in a bare context, as in a browser', (t) => {
  t.deepEqual(replayedBy(process.execPath, '--experimental-vm-modules', pathOf('bare-process.ts')), here)
})
