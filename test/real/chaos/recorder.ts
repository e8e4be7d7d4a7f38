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
import { objectLoads, type LoadName } from './loads.ts'
import { Meter } from './meter.ts'
import { ShimControl } from './native.ts'
import type { Network } from './network.ts'
import { ObjectProcess } from './object-process.ts'
import { SessionFacts } from './session-facts.ts'

const CLIENTS_READY_MS = 30_000
/** Clients of objects, which faults may meet. */
const OBJECT_CLIENTS = 3
/** Of the operations a second, each of their loads has this part. */
const OBJECT_SHARE = 0.08
/** More than this a second are too many for one search. */
const OBJECT_RATE_MAX = 40

/** What a run's clients are made of. `rate`: of the load on the log; `shim` is the path of the shim. */
export interface RecorderOptions {
  readonly url: string
  readonly rate: number
  readonly loads: readonly LoadName[]
  readonly network: Network
  readonly shim: string | undefined
  /** The address of the store of checkpoints, where there is one. */
  readonly blobs: string | undefined
}

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
  /** Clients of objects. */
  readonly objects: ObjectProcess[] = []
  readonly facts = new SessionFacts()
  readonly #ground: Ground
  readonly #clients: Client[] = []
  /** What was begun and has not ended, by client and id. */
  readonly #begun = new Map<string, readonly [load: string, round: string, call: string, input: string]>()
  #numbers = 10

  constructor(ground: Ground) {
    this.#ground = ground
    this.history = new HistoryFiles(join(ground.folder, 'history'))
  }

  /** The path of what the load's locks protect. */
  get fence(): string {
    return join(this.#ground.folder, 'fence.db')
  }

  /** Starts the clients: two of the load, which share `rate` operations a second, the keeper, those of objects. */
  async start(options: RecorderOptions): Promise<void> {
    const { loads } = options
    for (const [i, role] of ['load', 'load', 'keeper'].entries()) this.#spawn(options, i + 1, role)
    const ofObjects = loads.filter((load) => objectLoads.includes(load))
    if (ofObjects.length > 0) await this.#startObjects({ ...options, loads: ofObjects })
    const waits = () => [...this.#clients, ...this.objects]
    await this.#wait(waits, ({ isReady }) => isReady, CLIENTS_READY_MS, 'is not ready')
    this.meter.begin()
    for (const { child } of this.#clients) child.stdin?.write('go\n')
    for (const one of this.objects) one.go()
  }

  /** From now on the keeper trims what it has read: views that start later would not find their beginning. */
  trim(): void {
    for (const { child } of this.#clients) child.stdin?.write('trim\n')
  }

  /** Ends the load, has everything read back, and ends the keeper. */
  async stop(timeoutMs: number): Promise<void> {
    const [keeper, ...loads] = this.#clients.toReversed()
    for (const { child } of loads) child.stdin?.write('stop\n')
    for (const one of this.objects) one.tell('stop')
    const running = this.objects.filter((one) => one.isRunning)
    await this.#wait(
      () => [...loads, ...running],
      ({ isDone }) => isDone,
      timeoutMs,
      'does not end its load',
    )
    for (const one of this.objects) await one.kill()
    keeper?.child.stdin?.write('final\n')
    await this.#wait(
      () => this.#clients,
      ({ isDone }) => isDone,
      timeoutMs,
      'does not end what it reads back',
    )
    for (const { name, child, gone } of this.#clients) {
      child.kill('SIGKILL')
      await gone
      this.#endAll(name)
    }
    this.history.flush()
  }

  async #startObjects({ url, rate, loads, network, shim, blobs = '' }: RecorderOptions): Promise<void> {
    const perSecond = Math.min(OBJECT_RATE_MAX, rate * OBJECT_SHARE) / OBJECT_CLIENTS
    for (let i = 1; i <= OBJECT_CLIENTS; i++) {
      const name = `objects-${i}`
      const one = new ObjectProcess({
        ground: this.#ground,
        name,
        place: await network.clientPlace(name),
        shim: shim === undefined ? undefined : new ShimControl(shim, this.#ground.folder, name),
        args: (number) => [url, String(number), loads.join(), String(perSecond), this.fence, blobs],
        nextNumber: () => ++this.#numbers,
        said: (number, line) => {
          this.#heard(`objects-${number}`, line)
        },
        killed: (number) => {
          this.#endAll(`objects-${number}`)
        },
        problem: (words) => {
          this.problems.push(words)
        },
      })
      this.objects.push(one)
      one.start()
    }
  }

  #spawn({ url, rate, loads, blobs = '' }: RecorderOptions, number: number, role: string): void {
    const name = `client-${number}`
    const file = openSync(join(this.#ground.folder, 'logs', `${name}.log`), 'a')
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'client.ts'), url, String(number), role, String(rate / 2), loads.join(), blobs],
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
        if (line === 'ready') client.isReady = true
        else if (line === 'done') client.isDone = true
        else this.#heard(name, line)
      })
    }
    this.#clients.push(client)
  }

  async #wait<C extends { readonly name: string }>(
    clients: () => readonly C[],
    holds: (client: C) => boolean,
    timeoutMs: number,
    otherwise: string,
  ): Promise<void> {
    for (const started = performance.now(); !clients().every(holds);) {
      const late = clients()
        .filter((client) => !holds(client))
        .map(({ name }) => name)
      if (this.problems.length > 0) return
      if (performance.now() - started > timeoutMs) {
        this.problems.push(`${late.join()} ${otherwise} after ${timeoutMs} ms`)
        return
      }
      await rest(20)
    }
  }

  #heard(by: string, line: string): void {
    const words = line.split(' ')
    const [kind, call = '', returned, what, , position] = words
    switch (kind) {
      case 'error':
        this.#count(`${what ?? ''} of ${returned?.replace(/-\d+$/, '') ?? ''}`)
        return
      case 'begin':
        this.#begun.set(`${by} ${call}`, [returned ?? '', what ?? '', words[4] ?? '', words[5] ?? ''])
        return
      case 'never':
        this.#begun.delete(`${by} ${call}`)
        return
      case 'end':
        this.#end(`${by} ${call}`, returned ?? '-', what ?? '-')
        return
      default:
        if (this.facts.take(by, words)) {
          this.history.note(by, line)
          return
        }
    }
    if (!this.history.take(line)) {
      this.problems.push(`${by} said ${JSON.stringify(line.slice(0, 100))}`)
      return
    }
    if (kind === 'count') this.meter.count('counter', returned === '-', Number(returned))
    else this.meter.count('log', returned === '-', Number(returned))
    if (returned === '-') return
    if (kind === 'append' && position !== '-') this.meter.acknowledge(Number(call), Number(returned))
    this.meter.add(Number(call), Number(returned))
  }

  /** Writes down what was begun, with its end. */
  #end(key: string, returned: string, told: string): void {
    const begun = this.#begun.get(key)
    this.#begun.delete(key)
    if (begun === undefined) return
    const [load, round, call, input] = begun
    const line =
      load === 'counter'
        ? `count ${call} ${returned} ${round} ${input} ${told.replace(/^\[(.*)\]$/, '$1')}`
        : `${load} ${call} ${returned} ${round} ${input} ${told}`
    if (load === 'counter' && input === '0' && returned === '-') return
    if (!this.history.take(line)) this.problems.push(`no history takes ${JSON.stringify(line.slice(0, 100))}`)
    this.meter.count(load, returned === '-', Number(returned))
    if (returned !== '-') this.meter.add(Number(call), Number(returned))
  }

  /** A client is gone: nobody will know what came of what it had begun. */
  #endAll(by: string): void {
    for (const key of [...this.#begun.keys()]) if (key.startsWith(`${by} `)) this.#end(key, '-', '-')
  }

  #count(what: string): void {
    this.errors.set(what, (this.errors.get(what) ?? 0) + 1)
  }
}
