/**
 * A client of objects as a process in a place of its own: it can be killed, stand still, be cut off, and have a wrong
 * clock. When it is started again it is another client, under another number.
 *
 * Read next: `object-client.ts`, `recorder.ts`, `faults.ts`.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { cleanEnvironment } from './commands.ts'
import type { Ground } from './ground.ts'
import type { ShimControl } from './native.ts'
import type { Place } from './network.ts'

/** What such a client is made of. `said` gets its lines, `killed` is told when it is gone. */
export interface ObjectProcessOptions {
  readonly ground: Ground
  readonly name: string
  readonly place: Place
  readonly shim: ShimControl | undefined
  /** The arguments of the next one. */
  args(number: number): readonly string[]
  nextNumber(): number
  said(number: number, line: string): void
  killed(number: number): void
  problem(words: string): void
}

/** One client after the other, in one place. */
export class ObjectProcess {
  readonly name: string
  readonly shim: ShimControl | undefined
  isReady = false
  isDone = false
  number = 0
  readonly #options: ObjectProcessOptions
  #child: ChildProcess | undefined
  #gone: Promise<unknown> = Promise.resolve()
  #isWanted = false
  #isGoing = false

  constructor(options: ObjectProcessOptions) {
    this.name = options.name
    this.shim = options.shim
    this.#options = options
  }

  get isRunning(): boolean {
    return this.#isWanted
  }

  /** Starts another one; it works as soon as it is ready, if the others do. */
  start(): void {
    const { ground, place, args, shim } = this.#options
    this.number = this.#options.nextNumber()
    this.isReady = false
    this.isDone = false
    this.#isWanted = true
    const { number } = this
    const [program, all] = place.command(process.execPath, [
      join(import.meta.dirname, 'object-client.ts'),
      ...args(number),
    ])
    const file = openSync(join(ground.folder, 'logs', `${this.name}.log`), 'a')
    const child = spawn(program, all, {
      stdio: ['pipe', 'pipe', file],
      env: { ...cleanEnvironment(), ...shim?.environment },
    })
    this.#child = child
    child.stdin?.on('error', () => undefined)
    if (child.pid !== undefined) ground.note(child.pid)
    const heard = child.stdout === null ? Promise.resolve([]) : this.#hear(child, child.stdout)
    this.#gone = Promise.all([once(child, 'exit'), heard]).then(([[code, signal]]) => {
      this.#options.killed(number)
      if (this.#isWanted && !this.isDone && child === this.#child) {
        this.#options.problem(
          `${this.name} (client ${number}) ended by itself with ${String(code ?? signal)}: see logs/${this.name}.log`,
        )
      }
    })
  }

  /** Settles when all that it said is heard. */
  #hear(child: ChildProcess, stdout: Readable): Promise<unknown> {
    const { number } = this
    const lines = createInterface({ input: stdout }).on('line', (line) => {
      if (line === 'done') this.isDone = true
      else if (line !== 'ready') this.#options.said(number, line)
      else if (child === this.#child) {
        this.isReady = true
        if (this.#isGoing) this.tell('go')
      }
    })
    return once(lines, 'close')
  }

  /** Has it work, and those that come after it. */
  go(): void {
    this.#isGoing = true
    this.tell('go')
  }

  tell(line: string): void {
    this.#child?.stdin?.write(`${line}\n`)
  }

  /** Kills it; settles when it is gone and all that it said is heard. */
  async kill(): Promise<void> {
    this.#isWanted = false
    this.#child?.kill('SIGKILL')
    await this.#gone
  }
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }
  goOn(): void {
    this.#child?.kill('SIGCONT')
  }
}
