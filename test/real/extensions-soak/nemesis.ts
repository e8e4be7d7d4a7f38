/**
 * The nemesis of a run: clients are killed every few seconds, now and then a sequencer or a unit, all of them by -9.
 *
 * One server at a time: the next one is killed when the cluster is whole again. Read next: `clients.ts`,
 * `../chaos/cluster.ts`.
 */
import { setTimeout as rest } from 'node:timers/promises'
import { Prng } from '../../harness/prng.ts'
import type { ChaosCluster } from '../chaos/cluster.ts'
import type { Clients } from './clients.ts'

const CLIENT_MS = [3_000, 7_000] as const
const SERVER_MS = [20_000, 40_000] as const
const DOWN_MS = [200, 3_000] as const

/** Kills until it is ended. */
export class Nemesis {
  sequencers = 0
  units = 0
  readonly #cluster: ChaosCluster
  readonly #clients: Clients
  readonly #ending = new AbortController()
  readonly #done: Promise<unknown>

  /** In a run of `forMs` each kind of thing is killed at least once or twice. */
  constructor(cluster: ChaosCluster, clients: Clients, { seed, forMs }: { readonly seed: string; forMs: number }) {
    this.#cluster = cluster
    this.#clients = clients
    const scale = Math.min(1, forMs / (4 * SERVER_MS[0]))
    this.#done = Promise.all([
      this.#killClients(new Prng(`${seed}/clients`), Math.max(0.5, scale)),
      this.#killServers(new Prng(`${seed}/servers`), scale),
    ])
    // Whoever ends it is told.
    this.#done.catch(() => undefined)
  }

  /** Settles when the cluster is whole. @throws Error where it does not come back. */
  async end(): Promise<void> {
    this.#ending.abort()
    await this.#done
  }

  async #killClients(prng: Prng, scale: number): Promise<void> {
    while (await this.#goesOnAfter(scale * prng.between(...CLIENT_MS))) await this.#clients.replaceOne(prng)
  }

  /** Sequencers and units in turn. */
  async #killServers(prng: Prng, scale: number): Promise<void> {
    for (let isUnit = false; await this.#goesOnAfter(scale * prng.between(...SERVER_MS)); isUnit = !isUnit) {
      const server = isUnit ? prng.pick(this.#cluster.runningUnits) : this.#cluster.sequencer
      if (server === undefined) continue
      if (isUnit) this.units++
      else this.sequencers++
      await server.kill()
      await rest(prng.between(...DOWN_MS))
      await server.start()
      await this.#cluster.ready()
      await this.#cluster.repair()
    }
  }

  async #goesOnAfter(ms: number): Promise<boolean> {
    const { signal } = this.#ending
    await rest(ms, undefined, { signal }).catch(() => undefined)
    return !signal.aborted
  }
}
