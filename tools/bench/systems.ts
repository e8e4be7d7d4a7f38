/**
 * The systems that rows are asked of: Sirtaki in its shapes, the floor, and peers, each behind one face.
 *
 * Read next: `rows.ts`, `cluster.ts`, `peers/peer.ts`.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { BenchClient, BenchCluster, type Shape } from './cluster.ts'
import type { Measured, Missing } from './measure.ts'
import type { RunningPeer } from './peers/peer.ts'
import type { Processes } from './processes.ts'
import type { Row } from './rows.ts'

/** Who answers a row. */
export interface System {
  readonly name: string
  readonly version: string
  /** Makes everything ready that a row needs, so that its rounds are alike. */
  prepare(row: Row): Promise<void>
  run(row: Row, ms: number): Promise<Measured | Missing>
  /** Processes of a row, for what they use. */
  pids(row: Row): { readonly clients: readonly number[]; readonly servers: readonly number[] }
  stop(): Promise<void>
}

const keyOf = ({ chains, unix }: Shape): string => `${unix ? 'unix' : 'tcp'}-${chains}`
/**
 * Before the first row and before every row: compilers of all systems take seconds to see what matters; peers warm up
 * for 3 s too.
 */
const FIRST_WARM_MS = 3_000
const FIRST_WARM_OUTSTANDING = 256
const WARM_MS = 500

/** Sirtaki; a cluster for each shape, started when a row first needs it. */
export class SirtakiSystem implements System {
  readonly name = 'sirtaki'
  readonly version: string
  readonly #processes: Processes
  readonly #folder: string
  readonly #clusters = new Map<string, BenchCluster>()
  readonly #more: BenchClient[] = []
  #tokens: { readonly address: string; readonly pid: number } | undefined

  constructor(processes: Processes, folder: string, version: string) {
    this.#processes = processes
    this.#folder = folder
    this.version = version
  }

  async cluster(shape: Shape): Promise<BenchCluster> {
    const known = this.#clusters.get(keyOf(shape))
    if (known !== undefined) return known
    const made = await BenchCluster.start(this.#processes, join(this.#folder, `sirtaki-${keyOf(shape)}`), shape)
    this.#clusters.set(keyOf(shape), made)
    await made.client.ask({
      load: 'append',
      address: made.address,
      outstanding: FIRST_WARM_OUTSTANDING,
      ms: FIRST_WARM_MS,
      bytes: 128,
    })
    return made
  }

  async prepare(row: Row): Promise<void> {
    await this.cluster(row.shape)
    while (this.#more.length < row.processes - 1) this.#more.push(await BenchClient.start(this.#processes))
    // A client that is left over would play along, on cores that the row and its peers share.
    for (const { child } of this.#more.splice(Math.max(0, row.processes - 1))) await this.#processes.kill(child)
    if (row.load === 'tokens' && this.#tokens === undefined) {
      const { child, told } = await this.#processes.start('process', ['tokens'])
      this.#tokens = { address: told, pid: child.pid ?? 0 }
    }
    if (row.load !== 'sessionEnd') await this.run(row, WARM_MS)
  }

  async run(row: Row, ms: number): Promise<Measured> {
    const { address } = await this.cluster(row.shape)
    const { outstanding, bytes } = row
    const clients = this.#clientsOf(row)
    switch (row.load) {
      case 'append':
        return (await this.#first(row).ask({ load: 'append', address, outstanding, ms, bytes })).measured
      case 'tokens':
        return (
          await this.#first(row).ask({
            load: 'tokens',
            address: this.#tokens?.address ?? '',
            outstanding,
            ms,
            apart: row.name !== 'token',
          })
        ).measured
      case 'readLocal':
        return (await this.#first(row).ask({ load: 'readLocal', address, ms })).measured
      case 'readLinearizable':
        return (await this.#first(row).ask({ load: 'readLinearizable', address, outstanding, ms })).measured
      case 'sessionEnd':
        return (await this.#first(row).ask({ load: 'sessionEnd', address, ends: outstanding })).measured
      default: {
        const ask = { load: row.load, address, outstanding: outstanding / clients.length, ms }
        return joined(await Promise.all(clients.map(async (client) => (await client.ask(ask)).measured)))
      }
    }
  }

  pids(row: Row): { readonly clients: readonly number[]; readonly servers: readonly number[] } {
    const servers =
      row.load === 'tokens' ? [this.#tokens?.pid ?? 0] : (this.#clusters.get(keyOf(row.shape))?.pids ?? [])
    return { clients: this.#clientsOf(row).map((client) => client.pid), servers }
  }

  stop(): Promise<void> {
    return Promise.resolve()
  }

  #first(row: Row): BenchClient {
    const [client] = this.#clientsOf(row)
    if (client === undefined) throw new Error(`no cluster was prepared for ${row.name}`)
    return client
  }

  #clientsOf({ shape, processes }: Row): BenchClient[] {
    const own = this.#clusters.get(keyOf(shape))?.client
    return own === undefined ? [] : [own, ...this.#more.slice(0, processes - 1)]
  }
}

/** Several processes that ran side by side: rates add up, of latencies the worst counts. */
function joined(parts: readonly Measured[]): Measured {
  const most = (of: (one: Measured) => number): number => Math.max(...parts.map(of))
  return {
    p50Ms: most((one) => one.p50Ms),
    p99Ms: most((one) => one.p99Ms),
    p999Ms: most((one) => one.p999Ms),
    perSecond: parts.reduce((sum, one) => sum + one.perSecond, 0),
  }
}

/** The floor of the append path. */
export class FloorSystem implements System {
  readonly name = 'floor'
  readonly version = '1'
  readonly #address: string
  readonly #client: BenchClient
  readonly #pids: readonly number[]

  private constructor(address: string, client: BenchClient, pids: readonly number[]) {
    this.#address = address
    this.#client = client
    this.#pids = pids
  }

  static async start(processes: Processes, folder: string): Promise<FloorSystem> {
    const started = [await processes.start('floor', ['sequencer'])]
    for (const i of [0, 1, 2]) {
      const data = join(folder, `floor-${i}`)
      mkdirSync(data, { recursive: true })
      started.push(await processes.start('floor', ['unit', data]))
    }
    const address = started.map(({ told }) => told).join(',')
    const client = await BenchClient.start(processes)
    await client.ask({ load: 'floor', address, outstanding: FIRST_WARM_OUTSTANDING, ms: FIRST_WARM_MS })
    return new FloorSystem(
      address,
      client,
      started.map(({ child }) => child.pid ?? 0),
    )
  }

  async prepare(row: Row): Promise<void> {
    await this.run(row, WARM_MS)
  }
  async run({ outstanding }: Row, ms: number): Promise<Measured> {
    return (await this.#client.ask({ load: 'floor', address: this.#address, outstanding, ms })).measured
  }
  pids(): { readonly clients: readonly number[]; readonly servers: readonly number[] } {
    return { clients: [this.#client.pid], servers: this.#pids }
  }
  stop(): Promise<void> {
    return Promise.resolve()
  }
}

/** A peer. */
export class PeerSystem implements System {
  readonly #peer: RunningPeer
  constructor(peer: RunningPeer) {
    this.#peer = peer
  }

  get name(): string {
    return this.#peer.name
  }
  get version(): string {
    return this.#peer.version
  }
  async prepare(row: Row): Promise<void> {
    if (row.load !== 'sessionEnd') await this.run(row, WARM_MS)
  }

  async run({ load, outstanding }: Row, ms: number): Promise<Measured | Missing> {
    return load === 'tokens' ? { missing: 'no sequencer' } : this.#peer.run(load, outstanding, ms)
  }

  pids(): { readonly clients: readonly number[]; readonly servers: readonly number[] } {
    return { clients: [this.#peer.clientPid], servers: this.#peer.pids }
  }
  stop(): Promise<void> {
    return this.#peer.stop()
  }
}
