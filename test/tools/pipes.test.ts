/**
 * What a command prints comes through a pipe whole, however slowly it is read; a reader that goes away ends it (P74).
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import { limits } from '../../log/limits.ts'
import { connectLog } from '../../sequencer/connect.ts'
import { MAIN, ended, folder, start, type Ran } from './command-line.ts'

test.beforeEach((t) => {
  t.timeout(120_000)
})

const LINES = 43_000
let cluster = ''
let position = 0
let end: () => Promise<void> = () => Promise.resolve()

test.before(async () => {
  const { path, remove } = folder()
  const { client, close } = await connectLog(`file:${path}`, { timeoutMs: 30_000 })
  cluster = `file:${path}`
  end = async () => {
    await close()
    remove()
  }
  const lines = Array.from({ length: LINES }, (_, i) => new TextEncoder().encode(`line ${i}`))
  await client.appendMany(lines, { streams: [17] })
  ;({ position } = await client.append(new Uint8Array(limits.entryBytesMax).fill(97)))
})
test.after.always(() => end())

/** Runs a line in a shell where `sirtaki` is the command line on the cluster. */
const inShell = (text: string): Promise<Ran> =>
  ended(spawn('bash', ['-c', `sirtaki() { "${process.execPath}" "${MAIN}" --cluster "${cluster}" "$@"; }; ${text}`]))

/** Reads a little of what a command prints, rests, and reads on. */
async function readSlowly(...args: readonly string[]): Promise<{ readonly code: number | null; readonly out: string }> {
  const child = start(['--cluster', cluster, ...args])
  const { stdout } = child
  if (stdout === null) throw new Error('no stdout')
  child.stderr?.resume()
  const gone = once(child, 'close')
  let out = ''
  for await (const piece of stdout) {
    out += String(piece)
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
  }
  const [code] = await gone
  return { code: typeof code === 'number' ? code : null, out }
}

test.serial('P74: a slow reader gets every line of a long stream', async (t) => {
  const { code, out } = await readSlowly('tail', '--json', '--stream', '17', '--from', '0')
  t.is(code, 0)
  t.is(out.split('\n').length - 1, LINES)
  t.regex(out, /"text":"line 42999"\}\n$/)
})

test.serial('P74: a slow reader gets every line of the whole log', async (t) => {
  const { code, out } = await readSlowly('tail', '--json', '--from', '0')
  t.is(code, 0)
  t.is(out.split('\n').length - 1, LINES + 1)
})

test.serial('P74: a slow reader gets the largest entry whole', async (t) => {
  const { code, out } = await readSlowly('read', String(position))
  t.is(code, 0)
  t.true(out.length > limits.entryBytesMax)
  t.true(out.endsWith('aaa\n'))
})

test.serial('P74: what a shell pipes is counted whole', async (t) => {
  const counted = await inShell('sirtaki tail --json --stream 17 --from 0 | (sleep 1; wc -l)')
  t.is(counted.out.trim(), String(LINES))
})

test.serial('P74: a reader that goes away ends the command quietly', async (t) => {
  const piped = await inShell('set -o pipefail; sirtaki tail --json --stream 17 --from 0 | head -n 1')
  t.deepEqual([piped.code, piped.err, piped.out.split('\n').length], [0, '', 2])
})

test.serial('P74: a reader of stderr that goes away changes no exit code', async (t) => {
  const piped = await inShell('sirtaki read 99999999 2> >(exec 0<&-; true); echo $?')
  t.is(piped.out, '99999999  unwritten\n4\n')
})
