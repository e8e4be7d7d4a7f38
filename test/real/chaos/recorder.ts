/**
 * The clients of the load and what they say: metered at once, then put on disk.
 *
 * Read next: `client.ts`, `history-files.ts`, `judge.ts`.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as rest } from 'node:timers/promises'
import { cleanEnvironment } from './commands.ts'
import type { Ground } from './ground.ts'
import { HistoryFiles } from './history-files.ts'
import { Meter } from './meter.ts'

const CLIENTS_READY_MS = 30_000

/** One process of the load. */
interface Client {
  readonly name: string
  readonly child: ChildProcess
  readonly gone: Promise<unknown>
  isReady: boolean
  isDone: boolean
}

/** Clients, meter and history of one run. */
export class Recorder {
  readonly meter = new Meter()
  readonly history: HistoryFiles
  /** Codes of the errors that clients were told, by operation. */
  readonly errors = new Map<string, number>()
  /** What went wrong with a client itself. */
  readonly problems: string[] = []
  readonly #ground: Ground
  readonly #clients: Client[] = []

  constructor(ground: Ground) {
    this.#ground = ground
    this.history = new HistoryFiles(join(ground.folder, 'history'))
  }

  /** Starts the clients: two of the load, which share `rate` operations a second, and the keeper. */
  async start(url: string, rate: number): Promise<void> {
    for (const [i, role] of ['load', 'load', 'keeper'].entries()) this.#spawn(url, i + 1, role, rate / 2)
    await this.#wait(({ isReady }) => isReady, CLIENTS_READY_MS, 'is not ready')
    this.meter.begin()
    for (const { child } of this.#clients) child.stdin?.write('go\n')
  }

  /** Ends the load, has everything read back, and ends the keeper. */
  async stop(timeoutMs: number): Promise<void> {
    const [keeper, ...loads] = this.#clients.toReversed()
    for (const { child } of loads) child.stdin?.write('stop\n')
    await this.#wait((client) => client === keeper || client.isDone, timeoutMs, 'does not end its load')
    keeper?.child.stdin?.write('final\n')
    await this.#wait(({ isDone }) => isDone, timeoutMs, 'does not end what it reads back')
    for (const { child, gone } of this.#clients) {
      child.kill('SIGKILL')
      await gone
    }
    this.history.flush()
  }

  #spawn(url: string, number: number, role: string, rate: number): void {
    const name = `client-${number}`
    const file = openSync(join(this.#ground.folder, 'logs', `${name}.log`), 'a')
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'client.ts'), url, String(number), role, String(rate)],
      { stdio: ['pipe', 'pipe', file], env: cleanEnvironment() },
    )
    child.stdin?.on('error', () => undefined)
    if (child.pid !== undefined) this.#ground.note(child.pid)
    const gone = once(child, 'exit').then(([code]) => {
      if (!client.isDone) this.problems.push(`${name} ended by itself with ${String(code)}: see logs/${name}.log`)
    })
    const client: Client = { name, child, gone, isReady: false, isDone: false }
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#heard(client, line)
      })
    }
    this.#clients.push(client)
  }

  async #wait(holds: (client: Client) => boolean, timeoutMs: number, otherwise: string): Promise<void> {
    for (const started = performance.now(); !this.#clients.every(holds);) {
      const late = this.#clients.filter((client) => !holds(client)).map(({ name }) => name)
      if (this.problems.length > 0) return
      if (performance.now() - started > timeoutMs) {
        this.problems.push(`${late.join()} ${otherwise} after ${timeoutMs} ms`)
        return
      }
      await rest(20)
    }
  }

  #heard(client: Client, line: string): void {
    if (line === 'ready') {
      client.isReady = true
      return
    }
    if (line === 'done') {
      client.isDone = true
      return
    }
    const [kind, call, returned, what, , position] = line.split(' ')
    if (kind === 'error') {
      this.#count(`${what ?? ''} of ${returned?.replace(/-\d+$/, '') ?? ''}`)
      return
    }
    if (!this.history.take(line)) {
      this.problems.push(`${client.name} said ${JSON.stringify(line.slice(0, 100))}`)
      return
    }
    if (returned === '-') return
    if (kind === 'append' && position !== '-') this.meter.acknowledge(Number(call), Number(returned))
    this.meter.add(Number(call), Number(returned))
  }

  #count(what: string): void {
    this.errors.set(what, (this.errors.get(what) ?? 0) + 1)
  }
}
