/**
 * The chaos run itself, in small: units and a client are killed, and units stand still, for half a minute under all
 * loads, and the judges find nothing.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { makeFolder } from '../log/io/folder.ts'
import { ended } from '../tools/command-line.ts'
import { loadNames } from './chaos/loads.ts'

const MAIN = join(import.meta.dirname, 'chaos/main.ts')

test.serial(
  'L2, O5, O7, O8: units and clients are killed under a recorded load: nothing acknowledged is missing',
  async (t) => {
    t.timeout(200_000)
    const folder = makeFolder(t)
    const child = spawn(
      process.execPath,
      [MAIN, '--minutes', '0.4', '--only', 'kill,pause,kill-client', '--rate', '300', '--least', '10', '--dir', folder],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const { code, out, err } = await ended(child, { timeoutMs: 180_000 })
    t.regex(
      out.trim().split('\n').at(-1) ?? '',
      /^faults [2-9], operations \d{3,}, violations 0, unavailable p50 \d+ ms, max \d+ ms$/,
      out + err,
    )
    t.is(code, 0, out + err)
    for (const load of loadNames) t.regex(out, new RegExp(`^${load} +\\d\\d`, 'm'), out)
    t.regex(out, /^\d+ rounds of objects judged; \d\d+ sessions opened/m)
  },
)

test.serial('a kind of fault that does not exist is refused with those that do', async (t) => {
  const { code, err } = await ended(
    spawn(process.execPath, [MAIN, '--only', 'flood'], { stdio: ['ignore', 'pipe', 'pipe'] }),
  )
  t.is(code, 2)
  t.regex(err, /no kind of fault is called flood: there are kill, kill-sequencer, pause, partition/)
})

test.serial('a load that does not exist is refused, and faults of clients without a load of theirs', async (t) => {
  const told = async (...args: readonly string[]): Promise<string> => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const { code, err } = await ended(child)
    t.is(code, 2)
    return err
  }
  t.regex(
    await told('--loads', 'flood'),
    /no load is called flood: there are log, counter, lock, fence, queue, tree, txn/,
  )
  t.regex(
    await told('--loads', 'log', '--only', 'kill-client'),
    /faults of clients need one of the loads counter, lock/,
  )
})
