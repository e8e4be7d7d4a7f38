/**
 * The processes of one peer: three servers and a client, each with a log, that live and end together.
 *
 * Only what was started here is ever signalled, and nothing of it outlives this process, however it ends short of
 * SIGKILL. Read next: `running.ts`.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { lastLine } from './install.ts'

const READY_MS = 60_000
const POLL_MS = 100
/** A server that has not ended this long after SIGTERM is killed. */
const STOP_MS = 1_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Processes with data and logs below one folder. */
export class Processes {
  readonly #folder: string
  readonly #children: ChildProcess[] = []
  readonly #broken = Promise.withResolvers<never>()
  readonly #killAll = (): void => {
    for (const child of this.#children) child.kill('SIGKILL')
  }
  readonly #onSignal = (): void => {
    process.exit(1)
  }
  #stopping = false

  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true })
    this.#broken.promise.catch(() => undefined)
    process.once('exit', this.#killAll)
    for (const signal of SIGNALS) process.once(signal, this.#onSignal)
  }

  /** A folder of its own for the data of one server. */
  data(name: string): string {
    const folder = join(this.#folder, name)
    mkdirSync(folder, { recursive: true })
    return folder
  }

  /** Where a process logs. */
  log(name: string): string {
    return join(this.#folder, `${name}.log`)
  }

  /** Starts a server and gives its process id. */
  spawn(name: string, command: string, args: readonly string[]): number {
    // etcd takes flags from such variables too.
    const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('ETCD_')))
    return this.#keep(name, (log) => spawn(command, args, { env, stdio: ['ignore', log, log] })).pid ?? 0
  }

  /** Starts a Node process that can be sent messages. */
  fork(name: string, file: string, args: readonly string[]): ChildProcess {
    return this.#keep(name, (log) => fork(file, args, { execArgv: [], stdio: ['ignore', log, log, 'ipc'] }))
  }

  #keep(name: string, start: (log: number) => ChildProcess): ChildProcess {
    const path = this.log(name)
    const log = openSync(path, 'a')
    const child = start(log)
    closeSync(log)
    this.#children.push(child)
    child.once('error', ({ message }) => {
      this.#broken.reject(new Error(`${name}: ${message}`))
    })
    child.once('exit', (code, signal) => {
      if (!this.#stopping) {
        this.#broken.reject(new Error(`${name} ended with ${signal ?? code}: ${lastLine(path)} (log: ${path})`))
      }
    })
    return child
  }

  /**
   * Waits until `answers` gives true; what it throws means not yet.
   *
   * @throws Error when a process ends before, or time is up
   */
  ready(answers: () => Promise<boolean>): Promise<void> {
    const poll = async (signal: AbortSignal): Promise<void> => {
      while (!signal.aborted && !(await answers().catch(() => false))) await sleep(POLL_MS)
    }
    return this.within(READY_MS, 'the servers', poll)
  }

  /** Waits for `work`. @throws Error when a process ends before, or time is up */
  async within<T>(ms: number, who: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const over = new AbortController()
    const late = sleep(ms, undefined, { signal: over.signal }).then(() => {
      throw new Error(`${who} did not answer within ${ms / 1000} s (logs: ${this.#folder})`)
    })
    try {
      return await Promise.race([work(over.signal), this.#broken.promise, late])
    } finally {
      over.abort()
      late.catch(() => undefined)
    }
  }

  /** Ends every process and waits until all have ended. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const child of this.#children) child.kill('SIGTERM')
    const timer = setTimeout(this.#killAll, STOP_MS)
    await Promise.all(this.#children.filter(isRunning).map((child) => once(child, 'exit')))
    clearTimeout(timer)
    process.off('exit', this.#killAll)
    for (const signal of SIGNALS) process.off(signal, this.#onSignal)
  }
}

const isRunning = (child: ChildProcess): boolean =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null

/** Finds ports that nothing listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' ? (address?.port ?? 0) : 0
  })
  await Promise.all(
    servers.map((server) => {
      server.close()
      return once(server, 'close')
    }),
  )
  return ports
}

/** Finds `kinds` free ports for each of three servers. */
export async function serverPorts(kinds: number): Promise<number[][]> {
  const ports = await freePorts(3 * kinds)
  return [0, 1, 2].map((i) => ports.slice(i * kinds, (i + 1) * kinds))
}

/** Whether a server's page says so. */
export async function pageSays(port: number, path: string, text: string): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(1_000) })
  return (await response.text()).includes(text)
}
