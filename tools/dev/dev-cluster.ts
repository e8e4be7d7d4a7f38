/**
 * A cluster of processes on this machine: units and a sequencer, started, made a cluster, started again when they die.
 *
 *     <data>/dev.json   port and number of units: the addresses are in the layout, so they must not change
 *     <data>/unit-0...  the folders of the units
 *
 * Read next: `child.ts`, `../job/run-job.ts`.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { is, number, object } from 'superstruct'
import { init } from '../../log/epochs/genesis.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import { Identity } from '../../log/wire/control.ts'
import { Failure, exits } from '../cli/failure.ts'
import { peersAt } from '../cluster/open-log.ts'
import { makeFolders } from '../serving/folders.ts'
import { Child } from './child.ts'

/** Where a dev cluster lives. Without `port` and `units`: as last time. */
export interface DevClusterOptions {
  readonly data: string
  readonly port: number | undefined
  readonly units: number | undefined
  readonly timeoutMs: number
  readonly talk: (text: string) => void
}

const PORT = 7_100
const UNITS = 3
const START_MS = 30_000
/** Starts of one process before dev gives it up. */
const STARTS_MAX = 20
const RESTART_MS = 300

const Shape = object({ port: number(), units: number() })

/** A running cluster. */
export class DevCluster {
  readonly address: string
  readonly units: readonly string[]
  readonly #options: DevClusterOptions
  readonly #shape: { readonly port: number; readonly units: number }
  readonly #sequencer: string
  readonly #children = new Map<string, Child>()
  #closed = false

  constructor(options: DevClusterOptions) {
    const { port, units } = shapeOf(options)
    this.#options = options
    this.#shape = { port, units }
    this.units = Array.from({ length: units }, (_, i) => `127.0.0.1:${port + i}`)
    this.#sequencer = `127.0.0.1:${port + units}`
    this.address = `tcp://${this.units.join(',')}`
  }

  /** The first port that none of its processes has. */
  get nextPort(): number {
    return this.#shape.port + this.#shape.units + 1
  }

  /** What its start waits for, with the last words of those that are not there yet. */
  get waiting(): string {
    const awaited = [...this.#children].flatMap(([name, { isReady, lastWords }]) =>
      isReady ? [] : [lastWords === '' ? name : `${name} (${lastWords})`],
    )
    return `waiting for ${awaited.length === 0 ? 'the units to become a cluster' : awaited.join(', ')}`
  }

  /** Ready for appends when it settles. @throws Failure of the process that could not start, SirtakiError of `init`. */
  async start(): Promise<void> {
    const units = this.units.map((address, i) =>
      this.#spawn(`unit-${i}`, [
        'unit',
        '--json',
        '--data',
        join(this.#options.data, `unit-${i}`),
        '--listen',
        address,
      ]),
    )
    await Promise.all(units.map((unit) => unit.until('listening', START_MS).catch(withPort)))
    await this.#initialise()
    writeFileSync(join(this.#options.data, 'dev.json'), `${JSON.stringify(this.#shape)}\n`)
    const sequencer = this.#spawn('sequencer', [
      'sequencer',
      '--json',
      '--listen',
      this.#sequencer,
      '--units',
      this.units.join(','),
    ])
    await sequencer.until('ready', START_MS).catch(withPort)
    for (const [name, child] of this.#children) this.#supervise(name, child, 1)
  }

  /** Ends sequencer and units, in this order. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#children.get('sequencer')?.end()
    await Promise.all([...this.#children.values()].map((child) => child.end()))
  }

  #spawn(name: string, args: readonly string[]): Child {
    const child = new Child(name, 'main', args)
    this.#children.set(name, child)
    return child
  }

  /** Makes a cluster of blank units; a genesis that stopped half way is finished. */
  async #initialise(): Promise<void> {
    const peers = peersAt(this.#options, this.units)
    try {
      const found = await Promise.all(
        this.units.map((address) => peers.peer(address).control('identify', {}, Identity)),
      )
      const clusters = new Set(found.flatMap(({ cluster }) => (cluster === null ? [] : [cluster])))
      if (clusters.size > 1) {
        throw new SirtakiError(
          'WRONG_CLUSTER',
          `the folders in ${this.#options.data} belong to ${clusters.size} clusters `
            + `(${[...clusters].join(', ')}): name another folder with --data`,
        )
      }
      if (found.every(({ role }) => role !== 'blank')) return
      await init(peers, { chains: [this.units] })
    } finally {
      peers.close()
    }
  }

  #supervise(name: string, child: Child, starts: number): void {
    void child.exited.then(async ({ code, signal, lastWords }) => {
      if (this.#closed) return
      const why = signal ?? `code ${code}${lastWords === '' ? '' : `, ${lastWords}`}`
      // A sequencer that was moved has nothing left to do here.
      if (starts >= STARTS_MAX || (name === 'sequencer' && code === exits.conflict)) {
        this.#options.talk(`${name} ended (${why}) and stays down`)
        return
      }
      this.#options.talk(`${name} ended (${why}): starting it again`)
      await new Promise((resolve) => {
        setTimeout(resolve, RESTART_MS)
      })
      if (!this.#closed) this.#supervise(name, this.#spawn(name, child.process.spawnargs.slice(2)), starts + 1)
    })
  }
}

/** The shape of last time, or of the flags; kept for next time. @throws Failure when the flags want another one. */
function shapeOf({ data, port, units }: DevClusterOptions): { port: number; units: number } {
  const path = join(data, 'dev.json')
  try {
    makeFolders(data)
    const known: unknown = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
    const shape = is(known, Shape) ? known : { port: port ?? PORT, units: units ?? UNITS }
    if ((port ?? shape.port) !== shape.port || (units ?? shape.units) !== shape.units) {
      throw new Failure(
        exits.conflict,
        `the cluster in ${data} has ${shape.units} units from port ${shape.port} on: leave out --port and `
          + '--units, or name another folder with --data',
      )
    }
    return shape
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown
    throw new SirtakiError(
      'IO',
      `the folder ${data} cannot be used: ${asError(thrown, 'IO').message}. Name another one with --data`,
      { cause: thrown, facts: { path: data } },
    )
  }
}

/** A port in use is answered with another port, not with another address. */
function withPort(thrown: unknown): never {
  if (thrown instanceof Failure && /:\d+ is in use/.test(thrown.message)) {
    throw new Failure(
      thrown.exit,
      thrown.message.replace(
        'choose another address',
        'choose other ports with --port (and another folder with --data, where a cluster is in it already)',
      ),
    )
  }
  throw thrown
}
