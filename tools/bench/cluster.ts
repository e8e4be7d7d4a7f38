/**
 * A cluster of the bench: unit processes, a sequencer and a client process, on loopback, durable.
 *
 * Owns: how a cluster is put together for a row: chains of three units, TCP or unix sockets. Read next: `process.ts`,
 * `client.ts`.
 */
import type { ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { number, type } from 'superstruct'
import { Cluster } from '../../log/cluster/cluster.ts'
import { init } from '../../log/epochs/genesis.ts'
import type { Intent } from '../../log/epochs/intent.ts'
import { reconfigure } from '../../log/epochs/reconfigure.ts'
import { systemPorts } from '../../log/io/connect.ts'
import type { Layout } from '../../log/layout.ts'
import { limits } from '../../log/limits.ts'
import type { Answer, Ask } from './client.ts'
import type { Processes } from './processes.ts'

/** How a cluster is put together. */
export interface Shape {
  readonly chains: number
  readonly unix: boolean
}

const UNITS = 3

/** A running cluster with one client process. */
export class BenchCluster {
  readonly address: string
  readonly client: BenchClient
  readonly units: readonly ChildProcess[]
  readonly #processes: Processes
  readonly #addresses: readonly string[]
  readonly #folder: string
  #sequencer: ChildProcess

  private constructor(
    processes: Processes,
    folder: string,
    parts: {
      units: readonly ChildProcess[]
      sequencer: ChildProcess
      addresses: readonly string[]
      client: BenchClient
    },
  ) {
    this.#processes = processes
    this.#folder = folder
    this.units = parts.units
    this.#sequencer = parts.sequencer
    this.#addresses = parts.addresses
    this.client = parts.client
    this.address =
      parts.addresses[0]?.startsWith('unix:') === true
        ? parts.addresses.join(',')
        : `tcp://${parts.addresses.join(',')}`
  }

  static async start(processes: Processes, folder: string, { chains, unix }: Shape): Promise<BenchCluster> {
    mkdirSync(folder, { recursive: true })
    const units: ChildProcess[] = []
    const addresses: string[] = []
    for (let i = 0; i < chains * UNITS; i++) {
      const data = join(folder, `unit-${i}`)
      mkdirSync(data)
      const { child, told } = await processes.start('process', [
        'unit',
        data,
        unix ? `unix:${join(folder, `${i}.sock`)}` : '127.0.0.1:0',
      ])
      units.push(child)
      addresses.push(told)
    }
    const operator = new Cluster({ ports: systemPorts(), limits, name: 'bench', addresses })
    await init(operator, {
      chains: Array.from({ length: chains }, (_, i) => addresses.slice(i * UNITS, (i + 1) * UNITS)),
    })
    operator.close()
    const sequencer = await startSequencer(
      processes,
      unix ? `unix:${join(folder, 'sequencer.sock')}` : '127.0.0.1:0',
      addresses,
    )
    return new BenchCluster(processes, folder, {
      units,
      sequencer,
      addresses,
      client: await BenchClient.start(processes),
    })
  }

  get sequencer(): ChildProcess {
    return this.#sequencer
  }
  /** Server processes, for what they use. */
  get pids(): number[] {
    return [...this.units, this.#sequencer].map((child) => child.pid ?? 0)
  }

  /** Ends its processes at once. */
  async stop(): Promise<void> {
    for (const child of [this.client.child, this.#sequencer, ...this.units]) await this.#processes.kill(child)
  }

  /** Kills the sequencer, starts another and gives the moment at which that was asked for. */
  async replaceSequencer(): Promise<{ startedAt: number; openAt: number }> {
    await this.#processes.kill(this.#sequencer)
    const startedAt = performance.now()
    this.#sequencer = await startSequencer(this.#processes, '127.0.0.1:0', this.#addresses)
    return { startedAt, openAt: performance.now() }
  }

  /** Starts another sequencer, which stands by. */
  standby(): Promise<ChildProcess> {
    return startSequencer(this.#processes, '127.0.0.1:0', this.#addresses, 'standby')
  }

  /** Starts one more unit, blank; gives its address. */
  async blankUnit(name: string): Promise<{ child: ChildProcess; address: string }> {
    const data = join(this.#folder, name)
    mkdirSync(data)
    const { child, told } = await this.#processes.start('process', ['unit', data, '127.0.0.1:0'])
    return { child, address: told }
  }

  /** Drives an epoch as an operator would. */
  reconfigure(intent: Intent): Promise<Layout> {
    return this.#ask((operator) => reconfigure(operator, intent, { timeoutMs: 20_000 }))
  }

  /** The newest layout. */
  layout(): Promise<Layout> {
    return this.#ask(async (asker) => {
      await asker.refresh()
      return asker.current()
    })
  }

  /** Granted positions that a sequencer does not know decided. */
  async holes(address: string): Promise<number> {
    return (await this.#ask((asker) => asker.peer(address).control('status', {}, type({ holes: number() })))).holes
  }

  /** Lets somebody in from outside for one question. */
  async #ask<T>(ask: (cluster: Cluster) => Promise<T>): Promise<T> {
    const cluster = new Cluster({ ports: systemPorts(), limits, name: 'bench', addresses: this.#addresses })
    try {
      return await ask(cluster)
    } finally {
      cluster.close()
    }
  }

  /**
   * Kills a unit and starts it again in its folder, at its address; gives how long it took until it listened, in ms.
   */
  async restartUnit(index: number): Promise<{ child: ChildProcess; ms: number }> {
    const unit = this.units[index]
    if (unit === undefined) throw new Error(`there is no unit ${index}`)
    await this.#processes.kill(unit)
    const started = performance.now()
    const { child } = await this.#processes.start('process', [
      'unit',
      join(this.#folder, `unit-${index}`),
      this.#addresses[index] ?? '',
    ])
    return { child, ms: performance.now() - started }
  }
}

async function startSequencer(
  processes: Processes,
  address: string,
  units: readonly string[],
  word: 'start' | 'standby' = 'start',
): Promise<ChildProcess> {
  const { child } = await processes.start('process', ['sequencer', address, units.join(',')])
  await new Promise<void>((resolve, reject) => {
    child.on('message', (said) => {
      if (said === 'open') resolve()
    })
    child.once('exit', () => {
      reject(new Error('the sequencer did not open an epoch'))
    })
    child.send(word)
  })
  return child
}

/** A client process that runs loads. */
export class BenchClient {
  readonly child: ChildProcess
  private constructor(child: ChildProcess) {
    this.child = child
  }

  static async start(processes: Processes): Promise<BenchClient> {
    return new BenchClient((await processes.start('client', [])).child)
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** Runs one load. @throws Error of the load. */
  ask(question: Ask): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const lost = (code: number | null): void => {
        reject(new Error(`the client process ended with ${code ?? 'a signal'}`))
      }
      this.child.once('exit', lost)
      this.child.once('message', (answer: Answer | { readonly error: string }) => {
        this.child.off('exit', lost)
        if ('error' in answer) reject(new Error(answer.error))
        else resolve(answer)
      })
      this.child.send(question)
    })
  }
}
