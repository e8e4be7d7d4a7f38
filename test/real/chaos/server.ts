/**
 * One server as a process of the command line, kept running as an init system would: what ends by itself is started
 * again.
 *
 * Read next: `cluster.ts`, `commands.ts`.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as rest } from 'node:timers/promises'
import { MAIN, cleanEnvironment } from './commands.ts'
import type { Ground } from './ground.ts'
import type { ShimControl } from './native.ts'
import type { Place } from './network.ts'

/** Between its end and its next start. */
const AGAIN_MS = 1_000
const LISTENING_MS = 30_000

/** What a server is made of. `args` are those of its command. */
export interface ServerOptions {
  readonly ground: Ground
  readonly name: string
  readonly place: Place
  readonly args: readonly string[]
  readonly shim: ShimControl | undefined
}

/** One server. */
export class Server {
  readonly name: string
  readonly address: string
  readonly shim: ShimControl | undefined
  /** The epoch that it said it is the sequencer of, since its last start. */
  epoch = 0
  /** How often it ended by itself. */
  ends = 0
  readonly #options: ServerOptions
  readonly #log: string
  #child: ChildProcess | undefined
  #gone: Promise<unknown> = Promise.resolve()
  #isWanted = false
  #isListening = false
  #wake: (() => void)[] = []

  constructor(options: ServerOptions) {
    this.name = options.name
    this.address = options.place.advertise
    this.shim = options.shim
    this.#options = options
    this.#log = join(options.ground.folder, 'logs', `${options.name}.log`)
  }

  /** Whether it was ever started. */
  get hasStarted(): boolean {
    return this.#child !== undefined
  }
  get pid(): number | undefined {
    return this.isRunning ? this.#child?.pid : undefined
  }
  get isRunning(): boolean {
    return this.#isWanted && this.#isListening
  }

  /** Starts it; settles when it listens. */
  async start(): Promise<void> {
    this.#isWanted = true
    this.#spawn()
    const signal = AbortSignal.timeout(LISTENING_MS)
    while (!this.#isListening) {
      if (signal.aborted) throw new Error(`${this.name} does not listen after ${LISTENING_MS} ms: see ${this.#log}`)
      await new Promise<void>((done) => {
        this.#wake.push(done)
        signal.addEventListener(
          'abort',
          () => {
            done()
          },
          { once: true },
        )
      })
    }
  }

  /** Kills it; settles when it is gone. */
  async kill(): Promise<void> {
    this.#isWanted = false
    this.note('killed')
    this.#child?.kill('SIGKILL')
    await this.#gone
  }

  pause(): void {
    this.note('stopped')
    this.#child?.kill('SIGSTOP')
  }
  goOn(): void {
    this.#child?.kill('SIGCONT')
    this.note('goes on')
  }

  /** Writes into its log what was done to it. */
  note(what: string): void {
    this.#write(`--- ${what}`)
  }

  #write(line: string): void {
    appendFileSync(this.#log, `${new Date().toISOString()} ${line}\n`)
  }

  #spawn(): void {
    const { ground, place, args, shim } = this.#options
    this.note('starts')
    const [program, all] = place.command(process.execPath, [MAIN, ...args])
    const child = spawn(program, all, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...cleanEnvironment(), ...shim?.environment },
    })
    this.#child = child
    this.#isListening = false
    this.epoch = 0
    if (child.pid !== undefined) ground.note(child.pid)
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (child === this.#child) this.#heard(line)
      })
    }
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        this.#write(line)
      })
    }
    this.#gone = once(child, 'exit').then(
      ([code, signal]) => this.#ended(code, signal),
      (thrown: unknown) => this.#ended(thrown, null),
    )
  }

  #heard(line: string): void {
    this.#write(line)
    // One that writes checkpoints or the archive listens to nobody: it is ready at once.
    if (/"event":"(?:listening"|ready","blobs")/.test(line)) this.#isListening = true
    const [, epoch] = /"event":"ready".*"epoch":(\d+)/.exec(line) ?? []
    if (epoch !== undefined) this.epoch = Number(epoch)
    for (const wake of this.#wake.splice(0)) wake()
  }

  #ended(code: unknown, signal: unknown): void {
    this.#isListening = false
    this.epoch = 0
    if (!this.#isWanted) return
    this.ends++
    this.note(`ended by itself with ${String(code ?? signal)}`)
    void rest(AGAIN_MS).then(() => {
      if (this.#isWanted && !this.#isListening) this.#spawn()
    })
  }
}
