/**
 * A cluster of real processes on real folders: started, killed by pid, started again on the same folder and port.
 *
 * Read next: `load.ts`, `kill.test.ts`.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { LogClient } from '../../log/client/client.ts'
import { Cluster } from '../../log/cluster/cluster.ts'
import { init } from '../../log/epochs/genesis.ts'
import { systemPorts } from '../../log/io/connect.ts'
import { limits } from '../../log/limits.ts'
import { connectLog } from '../../sequencer/connect.ts'
import { makeFolder, type Teardown } from '../log/io/folder.ts'

/** One process with the lines it has said. */
export class RealProcess {
  readonly lines: string[] = []
  readonly #script: string
  #args: readonly string[]
  #child: ChildProcessByStdio<Writable, Readable, null> | undefined
  #ended: Promise<number | null> = Promise.resolve(null)
  #wake: () => void = () => undefined

  constructor(script: string, args: readonly string[]) {
    this.#script = join(import.meta.dirname, script)
    this.#args = args
  }

  /**
   * Starts it and waits for a line that begins with `word`; gives the rest of that line. `args` replace the old ones.
   */
  async start(word: string, args: readonly string[] = this.#args): Promise<string> {
    this.#args = args
    this.lines.length = 0
    const child = spawn(process.execPath, [this.#script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child = child
    this.#ended = once(child, 'exit').then(([code]) => (typeof code === 'number' ? code : null))
    child.stdin.on('error', () => undefined)
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.lines.push(line)
      this.heard(line)
      this.#wake()
    })
    return this.said(word)
  }

  /** Called with every line. */
  heard: (line: string) => void = () => undefined

  /** Waits for a line that begins with `word`; gives the rest of it. */
  async said(word: string): Promise<string> {
    const signal = AbortSignal.timeout(20_000)
    for (;;) {
      const found = this.lines.find((line) => line.startsWith(`${word} `) || line === word)
      if (found !== undefined) return found.slice(word.length + 1)
      if (signal.aborted) throw new Error(`${this.#script} never said ${word}, it said:\n${this.lines.join('\n')}`)
      await new Promise<void>((done) => {
        this.#wake = done
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

  send(line: string): void {
    this.#child?.stdin.write(`${line}\n`)
  }
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name)
  }

  /** The exit code, null when it was killed. */
  ended(): Promise<number | null> {
    return this.#ended
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#ended
  }
}

/** Three units in one chain and a sequencer. */
export class RealCluster {
  readonly folder: string
  readonly units: RealProcess[] = []
  readonly addresses: string[] = []
  readonly #t: Teardown
  sequencer = new RealProcess('sequencer-process.ts', [])

  constructor(t: Teardown) {
    this.#t = t
    this.folder = makeFolder(t)
  }

  /** Starts everything and makes a cluster of it. */
  static async start(t: Teardown): Promise<RealCluster> {
    const cluster = new RealCluster(t)
    // Registered first, run last: the folder goes when nobody writes into it.
    t.teardown(() => cluster.kill(...cluster.units, cluster.sequencer))
    for (const name of ['unit-a', 'unit-b', 'unit-c']) {
      cluster.units.push(new RealProcess('unit-process.ts', [cluster.folderOf(name), '127.0.0.1:0', name]))
    }
    cluster.addresses.push(...(await Promise.all(cluster.units.map((unit) => unit.start('ready')))))
    const operator = new Cluster({ ports: systemPorts(), limits, name: 'init', addresses: cluster.addresses })
    await init(operator, { chains: [cluster.addresses], window: 1024 })
    operator.close()
    const address = await cluster.sequencer.start('listening', ['127.0.0.1:0', cluster.addresses.join(), 'sequencer'])
    await cluster.sequencer.said('ready')
    cluster.#sequencerArgs = [address, cluster.addresses.join(), 'sequencer']
    return cluster
  }

  #sequencerArgs: readonly string[] = []

  folderOf(name: string): string {
    return join(this.folder, name)
  }
  unit(i: number): RealProcess {
    return this.units[i] ?? new RealProcess('', [])
  }
  get url(): string {
    return `tcp://${this.addresses.join()}`
  }

  /** Starts a unit again on its folder, or on another one. */
  startUnit(i: number, folder = this.folderOf(`unit-${'abc'[i] ?? ''}`)): Promise<string> {
    return this.unit(i).start('ready', [folder, this.addresses[i] ?? '', `unit-${'abc'[i] ?? ''}`])
  }
  /** Starts a unit that is expected to refuse; gives its error and exit code. */
  async startRefused(
    i: number,
    folder: string,
    address = this.addresses[i] ?? '',
  ): Promise<readonly [string, number | null]> {
    const unit = new RealProcess('unit-process.ts', [folder, address, 'refused'])
    const error = await unit.start('error')
    return [error.split(' ')[0] ?? '', await unit.ended()]
  }

  async startSequencer(): Promise<void> {
    await this.sequencer.start('listening', this.#sequencerArgs)
  }

  async kill(...processes: readonly RealProcess[]): Promise<void> {
    await Promise.all(processes.map((one) => one.kill()))
  }

  async client(name = 'client'): Promise<LogClient> {
    const { client, close } = await connectLog(this.url, { name, timeoutMs: 10_000 })
    this.#t.teardown(close)
    return client
  }

  /** A client in a process of its own. */
  async clientProcess(): Promise<RealProcess> {
    const client = new RealProcess('client-process.ts', [this.url])
    this.#t.teardown(() => client.kill())
    await client.start('ready')
    return client
  }
}
