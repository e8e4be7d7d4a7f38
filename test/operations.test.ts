/**
 * Every runbook of docs/operations.md is run, one block after the other, in one shell, on real processes.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { freePorts } from './free-ports.ts'

const root = new URL('..', import.meta.url).pathname
const page = readFileSync(join(root, 'docs/operations.md'), 'utf8')
const runbooks = [...page.matchAll(/```sh runbook\n([\s\S]*?)```/g)].map((found) => found[1] ?? '')

/** `sirtaki` as a function. */
const prelude = `set -e
sirtaki() { "$NODE" tools/main.ts "$@"; }
`

test('the runbooks of the operations page work, in their order', async (t) => {
  t.timeout(240_000)
  t.true(runbooks.length >= 6)
  const data = mkdtempSync(join(tmpdir(), 'sirtaki-runbook-'))
  t.teardown(() => {
    rmSync(data, { recursive: true, force: true, maxRetries: 5 })
  })
  const [a, b, c, d, s, u] = (await freePorts(6)).map((port) => `127.0.0.1:${port}`)
  const script = join(data, 'runbook.sh')
  const blocks = runbooks.map((block, i) => `echo "runbook ${i + 1}"\n${block}`)
  const last = 'sirtaki status --json > $DATA/end.json || true\necho "runbooks done"\n'
  writeFileSync(script, `${prelude}${blocks.join('\n')}\n${last}`)
  // A process group of its own: what the shell has started in the background ends with it, whatever becomes of the
  // shell.
  const child = spawn('bash', [script], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE: process.execPath,
      DATA: data,
      A: a,
      B: b,
      C: c,
      D: d,
      S: s,
      T: u,
      SIRTAKI_TIMEOUT: '15000',
    },
  })
  const end = (): void => {
    try {
      process.kill(-(child.pid ?? Infinity), 'SIGKILL')
    } catch {
      /* Nobody of the group is left. */
    }
  }
  const late = setTimeout(end, 200_000)
  t.teardown(() => {
    clearTimeout(late)
    end()
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (piece: Buffer) => {
      said += piece.toString()
    })
  }
  const code = await new Promise((resolve) => {
    child.once('exit', resolve)
  })
  t.is(code, 0, said.slice(-4000))
  t.regex(said, /runbooks done/)
  // The cluster is left whole, and with a sequencer that stands by.
  const left: { standbys: string[]; degraded: string[] } = JSON.parse(readFileSync(join(data, 'end.json'), 'utf8'))
  t.deepEqual([left.standbys, left.degraded], [[s], []])
})
