/**
 * A child process of `sirtaki dev`: ends with its parent, speaks JSON lines on stdout, is only ever signalled by its
 * id.
 *
 * Read next: `dev-cluster.ts`.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { is, nullable, number, optional, string, type } from 'superstruct'
import { Failure, exits } from '../cli/failure.ts'

const Event = type({ event: string(), address: optional(string()), epoch: optional(number()) })

const LastWords = type({ code: nullable(string()), message: string() })

/** How a child ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly lastWords: string
}

/** A running child. */
export class Child {
  readonly name: string
  readonly process: ChildProcess
  readonly exited: Promise<Exit>
  readonly #seen = new Set<string>()
  #heard: () => void = () => undefined
  #lastWords = ''

  /** Starts `script` below tools/ with these arguments. `told` hears what it says on stderr. */
  constructor(name: string, script: string, args: readonly string[], told: (text: string) => void = () => undefined) {
    this.name = name
    // The flags say everything: a SIRTAKI_ variable meant for the parent must not reach a child.
    const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('SIRTAKI_')))
    const path = fileURLToPath(
      new URL(`../${script}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
    )
    const child = spawn(process.execPath, [path, ...args], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    this.process = child
    child.on('error', (error) => {
      this.#lastWords = error.message
    })
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#event(line)
      })
    }
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        this.#lastWords = wordsOf(line)
        told(line)
      })
    }
    this.exited = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        resolve({ code, signal, lastWords: this.#lastWords })
      })
    })
  }

  get alive(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null
  }

  /** Whether it does what it is there for: a unit that listens, a sequencer that has its place. */
  get isReady(): boolean {
    return this.#seen.has(this.name === 'sequencer' ? 'ready' : 'listening')
  }
  get lastWords(): string {
    return this.#lastWords
  }

  /** Settles when the child has told this event. @throws Failure when it ends before or takes longer. */
  async until(event: string, timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(
          new Failure(
            exits.unreachable,
            `${this.name} is not ${event} after ${timeoutMs / 1000} s: ${this.#lastWords || 'it says nothing'}`,
          ),
        )
      }, timeoutMs)
    })
    const ended = this.exited.then(({ code, lastWords }): never => {
      throw new Failure(code ?? exits.failed, lastWords === '' ? `${this.name} ended with code ${code}` : lastWords)
    })
    const told = (async () => {
      while (!this.#seen.has(event)) {
        await new Promise<void>((resolve) => {
          this.#heard = resolve
        })
      }
    })()
    try {
      await Promise.race([told, ended, late])
    } finally {
      clearTimeout(timer)
      ended.catch(() => undefined)
    }
  }

  /** Asks it to end; after `patienceMs` it is killed. */
  async end(patienceMs = 3_000): Promise<void> {
    if (!this.alive) return
    this.process.kill('SIGTERM')
    const timer = setTimeout(() => {
      this.process.kill('SIGKILL')
    }, patienceMs)
    await this.exited
    clearTimeout(timer)
  }

  #event(line: string): void {
    try {
      const value: unknown = JSON.parse(line)
      if (!is(value, Event)) return
      this.#seen.add(value.event)
      this.#heard()
    } catch {
      // No JSON: not for us.
    }
  }
}

/** What a line of stderr says: an error is a JSON object there. */
function wordsOf(line: string): string {
  try {
    const value: unknown = JSON.parse(line)
    if (!is(value, LastWords)) return line
    return value.code === null ? value.message : `${value.message} [${value.code}]`
  } catch {
    return line
  }
}
