/**
 * The client processes of a run: started, killed, each followed by another one under a new number.
 *
 * Every second one begins with the newest checkpoint, the others play the log from its start. Read next: `client.ts`,
 * `nemesis.ts`.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as rest } from 'node:timers/promises'
import type { Prng } from '../../harness/prng.ts'
import { RealProcess } from '../processes.ts'
import type { Recorder } from './recorder.ts'

/** Everything is played by then, also by one that begins at the start of a long log. */
const PLAYED_MS = 900_000
const LOOK_MS = 100
/** A client that still plays what there was before it is killed with this probability, else one that acts. */
const UNREADY = 0.2

/** What they are made of. */
export interface ClientsOptions {
  readonly url: string
  readonly seed: string
  readonly lanes: number
  readonly pauseMs: number
  /** The address of the blob store. */
  readonly store: string
  /** Where processes write the fuel of each entry. */
  readonly notes: string
  readonly recorder: Recorder
}

interface One {
  readonly process: RealProcess
  isReady: boolean
  isStopped: boolean
  /** What it has said to the last look. */
  looked: number | undefined
}

/** The file of one process. */
const notesOf = (folder: string, number: number): string => join(folder, `${number}.txt`)

/** All client processes that run. */
export class Clients {
  kills = 0
  readonly #options: ClientsOptions
  readonly #running = new Map<number, One>()
  readonly #killed: number[] = []
  #numbers = 0

  constructor(options: ClientsOptions) {
    this.#options = options
  }

  get started(): number {
    return this.#numbers
  }

  /** Starts another one that acts. */
  start(): Promise<number> {
    const { store, lanes } = this.#options
    return this.#start(lanes, this.#numbers % 2 === 0 ? store : '')
  }

  /** Starts one that plays everything from the start, and does nothing else. */
  startWitness(): Promise<number> {
    return this.#start(0, '')
  }

  async #start(lanes: number, store: string): Promise<number> {
    const { url, seed, pauseMs, notes, recorder } = this.#options
    const number = this.#numbers++
    const args = [url, String(number), seed, String(lanes), String(pauseMs), notesOf(notes, number), store]
    const process = new RealProcess('extensions-soak/client.ts', args)
    const one: One = { process, isReady: false, isStopped: false, looked: undefined }
    process.heard = (line) => {
      const [word, position] = line.split(' ')
      if (word === 'ready') one.isReady = true
      if (word === 'stopped') one.isStopped = true
      if (word === 'looked') one.looked = Number(position)
      recorder.heard(number, line)
    }
    this.#running.set(number, one)
    await process.start('started')
    void process.ended().then((code) => {
      if (this.#running.get(number) !== one) return
      recorder.failures.push(`process ${number} ended by itself with ${code ?? 'a signal'}`)
      this.#running.delete(number)
    })
    return number
  }

  /** Kills one and starts another one in its place. */
  async replaceOne(prng: Prng): Promise<void> {
    const all = [...this.#running]
    const ready = all.filter(([, { isReady }]) => isReady)
    if (all.length === 0) return
    const [number, { process }] = prng.pick(ready.length === 0 || prng.chance(UNREADY) ? all : ready)
    this.#running.delete(number)
    // The rest of a line may be the last that it says.
    process.heard = () => undefined
    await process.kill()
    this.kills++
    this.#killed.push(number)
    await this.start()
  }

  /** Removes what killed ones have written of their entries, once nothing of it is in doubt: it would be much. */
  forgetKilled(): void {
    for (const number of this.#killed.splice(0)) rmSync(notesOf(this.#options.notes, number), { force: true })
  }

  /** Ends the load; settles when all have played what there is and no act is under way. */
  async stop(): Promise<void> {
    this.#tell('stop')
    await this.#until(({ isStopped }) => isStopped, 'stop')
  }

  /** Has all say what they have come to; gives the positions. */
  async look(): Promise<readonly number[]> {
    for (const one of this.#running.values()) one.looked = undefined
    this.#tell('look')
    await this.#until(({ looked }) => looked !== undefined, 'look')
    return [...this.#running.values()].map(({ looked }) => looked ?? -1)
  }

  async end(): Promise<void> {
    const all = [...this.#running.values()]
    this.#running.clear()
    await Promise.all(all.map(({ process }) => process.kill()))
  }

  #tell(word: string): void {
    for (const { process } of this.#running.values()) process.send(word)
  }

  async #until(is: (one: One) => boolean, what: string): Promise<void> {
    const started = performance.now()
    for (;;) {
      const late = [...this.#running].filter(([, one]) => !is(one))
      if (late.length === 0) return
      if (performance.now() - started > PLAYED_MS) {
        throw new Error(`processes ${late.map(([number]) => number).join(', ')} do not ${what} for ${PLAYED_MS} ms`)
      }
      await rest(LOOK_MS)
    }
  }
}
