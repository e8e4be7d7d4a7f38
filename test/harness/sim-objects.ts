/**
 * Objects in a simulated run: counters over the same log, with what must hold of them.
 *
 * Checks O1 (an add sees every add acknowledged before it), O3 (same position, same digest), O4 and O9 (no add lost, none
 * doubled). Read next: `sim-cluster.ts`.
 */
import type { LogClient } from '../../log/client/client.ts'
import { isError } from '../../log/errors.ts'
import { ObjectClient } from '../../objects/client.ts'
import { Counter } from '../../objects/counter.ts'
import type { Checker } from './checker.ts'
import type { Prng } from './prng.ts'

/** What all clients of a run know of the counter. */
export class CounterHistory {
  called = 0
  acknowledged = 0
  highest = 0
  readonly results = new Set<number>()
  readonly digests = new Map<number, string>()
}

const PATH = '/hits'

/** The objects of one client process. */
export class SimObjects {
  readonly #objects: ObjectClient
  readonly #log: LogClient
  readonly #prng: Prng
  readonly #checker: Checker
  readonly #history: CounterHistory
  readonly #thinkMs: number
  #alive = true

  constructor(log: LogClient, prng: Prng, checker: Checker, history: CounterHistory, thinkMs: number) {
    this.#log = log
    this.#objects = new ObjectClient(log)
    this.#prng = prng
    this.#checker = checker
    this.#history = history
    this.#thinkMs = thinkMs
  }

  stop(): void { this.#alive = false }

  /** Adds from a session until stopped. */
  async lane(name: string): Promise<void> {
    const session = await this.#objects.session({ name })
    const handle = await session.open(Counter, PATH)
    while (this.#alive) {
      await this.#log.cluster.pause(this.#prng.next() * this.#thinkMs)
      if (!this.#alive) return
      try {
        await Promise.all(Array.from({ length: this.#prng.integer(1, 4) }, () => this.#add(handle)))
        this.#noteDigest()
      } catch (thrown) {
        if (!isError(thrown) || thrown.code === 'INVARIANT' || thrown.code === 'APPLY_FAILED' || thrown.code === 'DIVERGED') throw thrown
        // A session whose fate is in doubt stays so; the process goes on under another one.
        if (thrown.next === 'stop') return
      }
    }
  }

  async #add(handle: { add(input: { by: number }): Promise<number> }): Promise<void> {
    const history = this.#history
    const lowest = history.highest
    history.called++
    const value = await handle.add({ by: 1 })
    history.acknowledged++
    if (history.results.has(value)) this.#checker.fail('O9', `two adds were answered with ${value}`)
    if (value <= lowest) this.#checker.fail('O1', `an add called after ${lowest} was known was answered with ${value}`)
    history.results.add(value)
    history.highest = Math.max(history.highest, value)
  }

  #noteDigest(): void {
    const { position } = this.#objects
    const digest = JSON.stringify(this.#objects.digest())
    const known = this.#history.digests.get(position)
    if (known !== undefined && known !== digest) this.#checker.fail('O3', `two views differ at position ${position}: ${known} and ${digest}`)
    this.#history.digests.set(position, digest)
  }

  /** The end: everything acknowledged is counted, nothing more than was called. */
  async judge(): Promise<void> {
    const handle = await this.#objects.open(Counter, PATH)
    const { acknowledged } = this.#history
    await handle.sync()
    const { value } = handle.state
    const { called } = this.#history
    if (value < acknowledged || value > called) this.#checker.fail('O9', `the counter is ${value} after ${acknowledged} acknowledged adds of ${called}`)
    this.#noteDigest()
  }
}
