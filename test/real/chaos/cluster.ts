/**
 * The cluster of a run: three units in a chain, a spare, two sequencers of which one stands by; all of them processes.
 *
 * Read next: `server.ts`, `commands.ts`, `faults.ts`.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as rest } from 'node:timers/promises'
import { connectLog } from '../../../sequencer/connect.ts'
import { Commands, unitArgs, type Status } from './commands.ts'
import { Disk } from './disk.ts'
import type { Ground } from './ground.ts'
import { ShimControl } from './native.ts'
import type { Network, Place } from './network.ts'
import { Server } from './server.ts'

const CHAIN = ['unit-a', 'unit-b', 'unit-c']
const SPARE = 'unit-d'
const SEQUENCERS = ['sequencer-a', 'sequencer-b']
/**
 * How long a sequencer may take until it has its place, and a cluster until it is whole, with all that has to be
 * copied.
 */
const READY_MS = 60_000
const WHOLE_MS = 180_000
const LOOK_MS = 500
/** So long a unit that was put out may take to come back by itself. */
const COMES_BACK_MS = 20_000

/**
 * What a cluster is made on. `diskBytes` is 0 where units have no disks of their own; `shim` is the path of the shim.
 */
export interface ClusterOptions {
  readonly ground: Ground
  readonly network: Network
  readonly diskBytes: number
  readonly shim: string | undefined
  readonly spare: boolean
}

/** One cluster. */
export class ChaosCluster {
  readonly network: Network
  readonly commands: Commands
  readonly units = new Map<string, Server>()
  readonly sequencers: Server[] = []
  readonly disks = new Map<string, Disk>()
  readonly #ground: Ground

  private constructor(options: ClusterOptions, commands: Commands) {
    this.#ground = options.ground
    this.network = options.network
    this.commands = commands
  }

  /** Starts everything and makes a cluster of it. */
  static async start(options: ClusterOptions): Promise<ChaosCluster> {
    const { ground, network, diskBytes, shim } = options
    const places = new Map<string, Place>()
    for (const name of [...CHAIN, SPARE, ...SEQUENCERS]) places.set(name, await network.place(name))
    const addressOf = (name: string): string => places.get(name)?.advertise ?? ''
    const commands = new Commands([...CHAIN, SPARE].map(addressOf))
    const cluster = new ChaosCluster(options, commands)
    const makeServer = (name: string, place: Place, args: readonly string[]): Server =>
      new Server({
        ground,
        name,
        place,
        args,
        shim: shim === undefined ? undefined : new ShimControl(shim, ground.folder, name),
      })
    for (const [name, place] of places) {
      if (SEQUENCERS.includes(name)) {
        cluster.sequencers.push(makeServer(name, place, commands.sequencerArgs(place)))
        continue
      }
      if (diskBytes > 0) cluster.disks.set(name, new Disk(ground, name, diskBytes))
      else mkdirSync(join(ground.folder, name))
      cluster.units.set(name, makeServer(name, place, unitArgs(place, cluster.#dataOf(name))))
    }
    await cluster.start([...cluster.units.values()].filter(({ name }) => CHAIN.includes(name)))
    await commands.init(CHAIN.map(addressOf))
    await cluster.sequencers[0]?.start()
    await cluster.ready()
    await cluster.sequencers[1]?.start()
    if (options.spare) {
      await cluster.units.get(SPARE)?.start()
      await commands.add(addressOf(SPARE), 'spare')
    }
    return cluster
  }

  get url(): string {
    return this.commands.url
  }
  get servers(): readonly Server[] {
    return [...this.units.values(), ...this.sequencers]
  }
  get running(): readonly Server[] {
    return this.servers.filter((server) => server.isRunning)
  }
  /** Units that hold the log or stand by for it. */
  get runningUnits(): readonly Server[] {
    return [...this.units.values()].filter((server) => server.isRunning)
  }

  /** The sequencer of the highest epoch that one of ours said it is ready in. */
  get sequencer(): Server | undefined {
    return this.sequencers
      .filter((one) => one.isRunning && one.epoch > 0)
      .toSorted((left, right) => right.epoch - left.epoch)[0]
  }
  /** The one that stands by. */
  get standby(): Server | undefined {
    return this.sequencers.find((one) => one.isRunning && one !== this.sequencer)
  }

  unitAt(address: string): Server | undefined {
    return [...this.units.values()].find((unit) => unit.address === address)
  }

  /** Waits until one of the sequencers is ready. */
  async ready(): Promise<void> {
    await until(() => Promise.resolve(this.sequencer !== undefined), 'no sequencer is ready', READY_MS)
  }

  /** The newest epoch. */
  async epoch(): Promise<number> {
    await using connected = await connectLog(this.url, { name: 'look' })
    await connected.client.cluster.refresh()
    return (await connected.client.layout()).epoch
  }

  async kill(servers: readonly Server[]): Promise<void> {
    await Promise.all(servers.map((server) => server.kill()))
  }
  async start(servers: readonly Server[]): Promise<void> {
    await Promise.all(servers.map((server) => server.start()))
  }

  /** Takes a unit's folder away for ever; it is blank when it starts again. */
  wipe(unit: Server): void {
    rmSync(this.#dataOf(unit.name), { recursive: true, force: true })
  }

  /**
   * Brings the cluster back to three units in the chain and a spare, as an operator would: failure detection may have
   * put a unit out, and a spare in its place, while a fault lasted. A unit that was put out is given time to come
   * back by itself; one that does not is wiped and joins again. It waits until what joined has been copied whole,
   * since the next fault may take away for ever what was copied from.
   */
  async repair(): Promise<void> {
    const started = performance.now()
    await until(
      async () => {
        const status = await this.commands.status()
        const stranger = this.runningUnits.find(({ address }) => !addressesOf(status).includes(address))
        if (stranger === undefined) return this.#isCopied()
        if (performance.now() - started < COMES_BACK_MS) return false
        await stranger.kill()
        this.wipe(stranger)
        await stranger.start()
        await this.commands.add(stranger.address, status.units.length < CHAIN.length ? 'newcomer' : 'spare')
        return false
      },
      'the cluster is not whole',
      WHOLE_MS,
    )
  }

  /** Whether every unit of the chain holds all of the log: what is being copied is a segment of its own until then. */
  async #isCopied(): Promise<boolean> {
    await using connected = await connectLog(this.url, { name: 'look' })
    await connected.client.cluster.refresh()
    return (await connected.client.layout()).segments.length === 1
  }

  #dataOf(name: string): string {
    return join(this.#ground.folder, name, 'data')
  }
}

/** Members of the chain and spares. */
const addressesOf = ({ units, spares }: Status): string[] => [...units, ...spares].map(({ address }) => address)

/** Tries until it holds. A command may be refused while the cluster changes. */
async function until(holds: () => Promise<boolean>, otherwise: string, timeoutMs: number): Promise<void> {
  const started = performance.now()
  for (let problem: unknown; ;) {
    try {
      if (await holds()) return
    } catch (thrown) {
      problem = thrown
    }
    if (performance.now() - started > timeoutMs) {
      throw new Error(`${otherwise} after ${timeoutMs} ms${problem instanceof Error ? `: ${problem.message}` : ''}`)
    }
    await rest(LOOK_MS)
  }
}
