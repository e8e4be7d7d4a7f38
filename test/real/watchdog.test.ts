/** The watchdog on a real process whose only thread hangs. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'

const program = fileURLToPath(new URL('looping-process.ts', import.meta.url))

/** Starts the program; it is ended with the test. */
function start(t: ExecutionContext, how: 'end' | 'hang') {
  const child = spawn(process.execPath, [program, how], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => {
    child.kill('SIGKILL')
  })
  const said = { out: '', err: '' }
  child.stdout.on('data', (data: Buffer) => {
    said.out += data.toString()
  })
  child.stderr.on('data', (data: Buffer) => {
    said.err += data.toString()
  })
  return { child, said }
}

test('an op that never ends is named once, with its position, while its thread can print nothing', async (t) => {
  t.timeout(60_000)
  const { child, said } = start(t, 'hang')
  await new Promise<void>((resolve) => {
    child.stderr.on('data', () => {
      if (said.err.includes('\n')) resolve()
    })
  })
  t.regex(said.err, /^sirtaki: \/loops\/ä at position \d+ has run for 5 s and may never end: stop this process, .*\n$/)
  t.is(child.exitCode, null)
  t.is(said.out, 'turn 1\n')
})

test('a program whose ops end is not kept alive by its watchdog, and nothing is printed', async (t) => {
  t.timeout(60_000)
  const { child, said } = start(t, 'end')
  const code = await new Promise((resolve) => child.on('close', resolve))
  t.deepEqual([code, said.out, said.err], [0, 'turn 1\nturn 2\n', ''])
})
