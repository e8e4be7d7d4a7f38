/**
 * The chaos run itself, in small: units are killed and stand still for some twenty seconds, and the judge finds
 * nothing.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { makeFolder } from '../log/io/folder.ts'
import { ended } from '../tools/command-line.ts'

const MAIN = join(import.meta.dirname, 'chaos/main.ts')

test.serial(
  'L2: units are killed and stand still under a recorded load: nothing acknowledged is missing',
  async (t) => {
    t.timeout(200_000)
    const folder = makeFolder(t)
    const child = spawn(
      process.execPath,
      [MAIN, '--minutes', '0.25', '--only', 'kill,pause', '--rate', '400', '--least', '10', '--dir', folder],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const { code, out, err } = await ended(child, { timeoutMs: 180_000 })
    t.regex(
      out.trim().split('\n').at(-1) ?? '',
      /^faults [2-9], operations \d{3,}, violations 0, unavailable p50 \d+ ms, max \d+ ms$/,
      out + err,
    )
    t.is(code, 0, out + err)
  },
)

test.serial('a kind of fault that does not exist is refused with those that do', async (t) => {
  const { code, err } = await ended(
    spawn(process.execPath, [MAIN, '--only', 'flood'], { stdio: ['ignore', 'pipe', 'pipe'] }),
  )
  t.is(code, 2)
  t.regex(err, /no kind of fault is called flood: there are kill, kill-sequencer, pause, partition/)
})
