/** How servers end: leave, then close, within bounds; at once when they are told twice. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { roleText } from '../../tools/commands/status.ts'
import { tellFull } from '../../tools/commands/unit.ts'
import { makeLog, type Log } from '../../tools/serving/log.ts'
import { live, type Ending } from '../../tools/serving/serving.ts'

const never = new Promise<void>(() => undefined)

function hear(): { log: Log; lines: string[] } {
  const lines: string[] = []
  return {
    lines,
    log: makeLog({
      format: 'pretty',
      kind: 'unit',
      address: () => '',
      write: (text) => {
        lines.push(text.slice(25, -1))
      },
      wall: () => new Date(0),
      colours: false,
    }),
  }
}

test('a server that was told to end leaves, then closes', async (t) => {
  const acts: string[] = []
  const server: Ending = {
    leave: async ({ timeoutMs }) => {
      acts.push(`leaves within ${timeoutMs} ms`)
    },
    close: async () => {
      acts.push('closes')
    },
  }
  await live(
    server,
    hear().log,
    async () => {
      acts.push('serves')
    },
    { leaveMs: 2_000, closeMs: 5_000 },
  )
  t.deepEqual(acts, ['serves', 'leaves within 2000 ms', 'closes'])
})

test('a server that fails closes without leaving, and its failure is what is told', async (t) => {
  const acts: string[] = []
  const server: Ending = {
    leave: async () => {
      acts.push('leaves')
    },
    close: async () => {
      acts.push('closes')
    },
  }
  await t.throwsAsync(
    live(server, hear().log, () => Promise.reject(new Error('disk full'))),
    { message: 'disk full' },
  )
  t.deepEqual(acts, ['closes'])
})

test('leaving and closing that take too long, or throw, are told and cut off', async (t) => {
  const { log, lines } = hear()
  let aborted = false
  await live(
    {
      leave: ({ signal }) => {
        signal.addEventListener('abort', () => {
          aborted = true
        })
        return never
      },
      close: () => never,
    },
    log,
    async () => undefined,
    { leaveMs: 20, closeMs: 10 },
  )
  await live(
    { leave: () => Promise.reject(new Error('nobody there')), close: async () => undefined },
    log,
    async () => undefined,
  )
  t.true(aborted)
  t.deepEqual(lines, [
    'warn  it left without handing on: that took longer than 20 ms',
    'warn  it ended without closing: that took longer than 10 ms',
    'warn  it left without handing on: nobody there',
  ])
})

test('one Ctrl-C that comes twice is one; told again later, a process ends at once', async (t) => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('stubborn-process.ts', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => {
    child.kill('SIGKILL')
  })
  const lines = createInterface({ input: child.stdout })
  const words = lines[Symbol.asyncIterator]()
  t.is((await words.next()).value, 'ready')
  child.kill('SIGINT')
  child.kill('SIGTERM')
  t.is((await words.next()).value, 'told to end')
  t.is((await words.next()).value, 'still here')
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  t.deepEqual(await exit, [130, null])
})

test('P32: a unit says once that its disk is full, with what follows, and once that it has room again', (t) => {
  const { log, lines } = hear()
  const store = { full: false, describe: () => ({ kind: 'sqlite', path: '/data', diskBytes: 1, freeBytes: 2 }) }
  const look = tellFull(log, store, '/data')
  look()
  store.full = true
  look()
  look()
  store.full = false
  look()
  t.deepEqual(lines, [
    'warn  the disk of /data is full: appends are refused until there is room, trim or make some code=FULL freeBytes=2',
    'info  the disk of /data has room again: appends go on freeBytes=2',
  ])
})

/** Runs `sirtaki unit` on a folder, tells it to end after `ms`, and gives how it ended and what it said. */
async function endedAfter(folder: string, ms: number): Promise<{ readonly end: string; readonly said: string }> {
  const args = ['unit', '--data', join(folder, 'unit'), '--listen', `unix:${join(folder, 'unit.sock')}`]
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../tools/sirtaki.js', import.meta.url)), ...args])
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      said += data.toString()
    })
  }
  const ended = once(child, 'close')
  await setTimeout(ms)
  child.kill('SIGTERM')
  const [code, signal]: unknown[] = await ended
  return { end: String(signal ?? code), said }
}

test('a unit that is stopped at any moment of its start ends by the signal, or in good order', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sirtaki-'))
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  for (const ms of [0, 60, 120, 180, 240, 300, 400, 600, 1_000]) {
    const { end, said } = await endedAfter(folder, ms)
    if (end === 'SIGTERM') t.is(said, '', `after ${ms} ms`)
    else t.is(end, '0', `after ${ms} ms: ${said}`)
    t.notRegex(said, /error|^\s+at /im, `after ${ms} ms`)
  }
})

test('the role of a unit that copies says how far it is', (t) => {
  t.is(roleText({ role: 'serving' }), 'serving')
  t.is(roleText({ role: 'serving', copy: null }), 'serving')
  t.is(roleText({ role: 'serving', copy: null, full: true }), 'serving, disk full')
  t.is(
    roleText({ role: 'copying', copy: { from: 100, to: 300, at: 184, bytes: 5e6, bytesPerSecond: 12_340_000 } }),
    'copying 42 % 12.3 MB/s',
  )
  t.is(
    roleText({ role: 'copying', copy: { from: 5, to: 5, at: 5, bytes: 0, bytesPerSecond: 0 } }),
    'copying 100 % 0.0 MB/s',
  )
})
