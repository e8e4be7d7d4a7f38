/**
 * `npm run bench [-- --json] [-- --only NAME] [-- --rounds N] [-- --ms N]`: our append path beside its floor in one run.
 *
 * Three unit processes, a sequencer and a client, durable, 128-byte entries; the floor in rounds interleaved with ours.
 * Medians over the rounds. `--json` prints one object a line: {"name","system","p50Ms","p99Ms","perSecond"}.
 * Read next: `floor.ts`, `client.ts`.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Cluster } from '../../log/client/cluster.ts'
import { systemPorts } from '../../log/io/connect.ts'
import { init } from '../../log/layout/genesis.ts'
import { limits } from '../../log/limits.ts'
import type { Ask } from './client.ts'
import { median, type Measured } from './measure.ts'

const APPEND = [1, 64, 256, 1024]
const COUNTER = [1, 4, 16]
const names = [...APPEND.map((n) => n === 1 ? 'append.sequential' : `append.${n}`), 'playback', ...COUNTER.map((n) => `counter.${n}`)]

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, only: { type: 'string' }, rounds: { type: 'string', default: '3' }, ms: { type: 'string', default: '1500' }, entries: { type: 'string', default: '100000' }, prof: { type: 'string' } } })
const only = values.only
if (only !== undefined && !names.some((name) => name.startsWith(only))) {
  console.error(`no bench is called ${only}: there are ${names.join(', ')}`)
  process.exit(2)
}
const wanted = (name: string): boolean => only === undefined || name.startsWith(only)

const folder = mkdtempSync(join(tmpdir(), 'sirtaki-bench-'))
const children: ChildProcess[] = []

function start(file: string, args: readonly string[]): Promise<ChildProcess> {
  const execArgv = values.prof === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.prof}`]
  const child = fork(join(import.meta.dirname, file), args, { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  children.push(child)
  return file === 'client.ts' ? Promise.resolve(child) : new Promise((resolve, reject) => { child.once('message', () => { resolve(child) }); child.once('exit', (code) => { reject(new Error(`${file} ${args.join(' ')} ended with ${code}`)) }) })
}

/** Four free ports in a row. */
async function freePorts(): Promise<number> {
  for (let base = 20_000 + Math.floor(Math.random() * 20_000); ; base += 7) {
    const taken = await Promise.all([0, 1, 2, 3].map((i) => new Promise<boolean>((resolve) => {
      const server = createServer().once('error', () => { resolve(true) }).listen(base + i, '127.0.0.1', () => server.close(() => { resolve(false) }))
    })))
    if (!taken.includes(true)) return base
  }
}

async function startCluster(): Promise<string> {
  const base = await freePorts()
  const units = [1, 2, 3].map((i) => `127.0.0.1:${base + i}`)
  for (const [i, address] of units.entries()) {
    const data = join(folder, `unit-${i}`)
    mkdirSync(data)
    await start('process.ts', ['unit', data, address])
  }
  const operator = new Cluster({ ports: systemPorts(), limits, name: 'bench', addresses: units })
  await init(operator, { chains: [units] })
  const sequencer = await start('process.ts', ['sequencer', `127.0.0.1:${base}`, units.join(',')])
  const open = new Promise((resolve) => { sequencer.once('message', resolve) })
  sequencer.send('start')
  await open
  operator.close()
  return `tcp://${units.join(',')}`
}

async function startFloor(): Promise<number> {
  const base = await freePorts()
  for (const i of [1, 2, 3]) {
    const data = join(folder, `floor-${i}`)
    mkdirSync(data)
    await start('floor.ts', ['unit', String(base + i), data])
  }
  await start('floor.ts', ['sequencer', String(base)])
  return base
}

function ask(client: ChildProcess, question: Ask): Promise<[number, Measured][]> {
  return new Promise((resolve, reject) => {
    client.once('message', (answer: { rows?: [number, Measured][]; error?: string }) => { if (answer.rows === undefined) reject(new Error(answer.error)); else resolve(answer.rows) })
    client.send(question)
  })
}

function print(name: string, system: string, measured: Measured): void {
  if (values.json) console.log(JSON.stringify({ name, system, ...measured }))
  else console.log(`${name.padEnd(20)} ${system.padEnd(8)} p50 ${measured.p50Ms.toFixed(3).padStart(9)} ms   p99 ${measured.p99Ms.toFixed(3).padStart(9)} ms   ${measured.perSecond.toLocaleString('en').padStart(10)}/s`)
}

async function appends(address: string, client: ChildProcess): Promise<void> {
  const loads = APPEND.filter((n) => wanted(n === 1 ? 'append.sequential' : `append.${n}`))
  if (loads.length === 0) return
  const port = await startFloor()
  const rows = new Map<string, Measured[]>()
  for (let round = 0; round < Number(values.rounds); round++) for (const [system, what] of [['floor', 'floor'], ['sirtaki', 'append']] as const) {
    if (process.stderr.isTTY) process.stderr.write(`round ${round + 1} of ${values.rounds}, ${system}   \r`)
    for (const [outstanding, measured] of await ask(client, { what, address, port, loads, ms: Number(values.ms), entries: 0 })) {
      const key = `${outstanding}/${system}`
      rows.set(key, [...rows.get(key) ?? [], measured])
    }
  }
  for (const outstanding of loads) for (const system of ['floor', 'sirtaki']) print(outstanding === 1 ? 'append.sequential' : `append.${outstanding}`, system, median(rows.get(`${outstanding}/${system}`) ?? []))
}

try {
  const address = await startCluster()
  const client = await start('client.ts', [])
  await appends(address, client)
  const counters = COUNTER.filter((n) => wanted(`counter.${n}`))
  if (counters.length > 0) for (const [sessions, measured] of await ask(client, { what: 'counter', address, port: 0, loads: counters, ms: Number(values.ms), entries: 0 })) print(`counter.${sessions}`, 'sirtaki', measured)
  if (wanted('playback')) for (const [, measured] of await ask(client, { what: 'playback', address, port: 0, loads: [], ms: 0, entries: Number(values.entries) })) print('playback', 'sirtaki', measured)
} finally {
  for (const child of children) if (values.prof === undefined) child.kill('SIGKILL'); else child.disconnect()
  await Promise.all(children.filter((child) => child.exitCode === null && child.signalCode === null).map((child) => new Promise((resolve) => { child.once('exit', resolve) })))
  rmSync(folder, { recursive: true, force: true })
}
