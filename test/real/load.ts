/**
 * A recorded load on a real cluster: three clients in this process, one in a process of its own, and the judge of it
 * all.
 *
 * An operation whose outcome is not known returns at infinity; every operation is a client of its own for the judge.
 * Read next: `kill.test.ts`, `../../testing/models.ts`.
 */
import type { LogClient } from '../../log/client/client.ts'
import { isError } from '../../log/errors.ts'
import { checkLogHistory, type LogInput, type LogOutput, type LogVerdict } from '../../testing/models.ts'
import { Prng } from '../harness/prng.ts'
import type { RealCluster, RealProcess } from './processes.ts'

interface Recorded {
  readonly client: number
  readonly call: number
  return: number
  readonly input: LogInput
  output: LogOutput | undefined
}

const encode = (value: string): Uint8Array => new TextEncoder().encode(value)
const decode = (payload: Uint8Array): string => new TextDecoder().decode(payload)

/** What ran and what came of it. */
export class Load {
  readonly operations: Recorded[] = []
  readonly acknowledged = new Map<number, string>()
  /** Codes of the errors that clients were told. */
  readonly errors = new Map<string, number>()
  readonly #lanes: Promise<void>[] = []
  readonly #cluster: RealCluster
  readonly #waiting = new Map<string, Recorded>()
  #process: RealProcess | undefined
  #tail = 0
  #events = 0
  #values = 0
  #running = true
  #progress: (() => void)[] = []

  constructor(cluster: RealCluster) {
    this.#cluster = cluster
  }

  /** Starts the clients. */
  static async start(cluster: RealCluster): Promise<Load> {
    const load = new Load(cluster)
    const clients = await Promise.all([0, 1, 2].map((i) => cluster.client(`client ${i}`)))
    for (const [i, client] of clients.entries()) load.#lanes.push(load.#lane(client, new Prng(`lane/${i}`)))
    await load.startProcess()
    load.#lanes.push(load.#feed())
    return load
  }

  /** Starts the client process, again after it was killed. */
  async startProcess(): Promise<void> {
    this.#process = await this.#cluster.clientProcess()
    this.#process.heard = (line) => {
      this.#heard(line)
    }
  }

  get clientProcess(): RealProcess | undefined {
    return this.#process
  }

  #whatIsMissing(goal: number, count: number): string {
    const missing = `${goal - this.acknowledged.size} of ${count} appends are still missing`
    const said = [...this.#cluster.units, this.#cluster.sequencer].flatMap(({ lines }) => lines.slice(-5)).join('\n')
    return `${missing}; errors: ${JSON.stringify([...this.errors])}; unit and sequencer said\n${said}`
  }

  /** Waits until `count` more appends were acknowledged. */
  async acknowledges(count: number): Promise<void> {
    const goal = this.acknowledged.size + count
    const signal = AbortSignal.timeout(20_000)
    while (this.acknowledged.size < goal) {
      if (signal.aborted) throw new Error(this.#whatIsMissing(goal, count))
      await new Promise<void>((done) => {
        this.#progress.push(done)
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

  async stop(): Promise<void> {
    this.#running = false
    await Promise.all(this.#lanes)
  }

  /**
   * Reads everything back; gives the positions that do not hold what was acknowledged there, and the verdict on the
   * history.
   */
  async judge(): Promise<{ readonly missing: readonly string[]; readonly verdict: LogVerdict }> {
    const reader = await this.#cluster.client('judge')
    const missing: string[] = []
    await Promise.all(
      [...this.acknowledged].map(async ([position, value]) => {
        const operation = this.#begin({ op: 'read', position })
        const result = await reader.read(position, { timeoutMs: 10_000 })
        const found = result.kind === 'data' ? decode(result.entry.payload) : result.kind
        if (found !== value) missing.push(`${position} should be ${value}, is ${found}`)
        if (result.kind === 'unwritten') this.#drop(operation)
        else this.#end(operation, result.kind === 'data' ? { kind: 'data', value: found } : { kind: result.kind })
      }),
    )
    return { missing, verdict: checkLogHistory(this.operations) }
  }

  async #lane(client: LogClient, prng: Prng): Promise<void> {
    while (this.#running) {
      await client.cluster.pause(prng.next() * 4)
      const roll = prng.next()
      try {
        if (roll < 0.6) await this.#append(client)
        else if (roll < 0.85) await this.#read(client, prng.integer(0, this.#tail + 2))
        else await this.#readTail(client)
      } catch (thrown) {
        if (!isError(thrown) || thrown.code === 'INVARIANT' || thrown.code === 'BAD_FRAME') throw thrown
        this.errors.set(thrown.code, (this.errors.get(thrown.code) ?? 0) + 1)
      }
    }
  }

  async #append(client: LogClient): Promise<void> {
    const value = `value ${++this.#values}`
    const operation = this.#begin({ op: 'append', value })
    const { position } = await client.append(encode(value), { streams: [20 + (this.#values % 3)] })
    this.#end(operation, position)
    this.#acknowledge(position, value)
  }

  async #read(client: LogClient, position: number): Promise<void> {
    const operation = this.#begin({ op: 'read', position })
    const result = await client.read(position)
    if (result.kind === 'unwritten') this.#drop(operation)
    else {
      this.#end(
        operation,
        result.kind === 'data' ? { kind: 'data', value: decode(result.entry.payload) } : { kind: result.kind },
      )
    }
  }

  async #readTail(client: LogClient): Promise<void> {
    const operation = this.#begin({ op: 'tail' })
    const { tail } = await client.tail()
    this.#end(operation, tail)
    this.#tail = Math.max(this.#tail, tail)
  }

  /** Gives the client process something to append now and then. */
  async #feed(): Promise<void> {
    while (this.#running) {
      await new Promise((done) => {
        setTimeout(done, 5)
      })
      if (this.#waiting.size > 100) continue
      const value = `process ${++this.#values}`
      this.#waiting.set(value, this.#begin({ op: 'append', value }))
      this.#process?.send(value)
    }
  }

  #heard(line: string): void {
    const [, value = '', end = ''] = /^(process \d+) (.*)$/.exec(line) ?? []
    const operation = this.#waiting.get(value)
    this.#waiting.delete(value)
    if (operation === undefined || end.startsWith('failed')) return
    this.#end(operation, Number(end))
    this.#acknowledge(Number(end), value)
  }

  #acknowledge(position: number, value: string): void {
    this.acknowledged.set(position, value)
    for (const wake of this.#progress.splice(0)) wake()
  }

  #begin(input: LogInput): Recorded {
    const operation: Recorded = {
      client: this.operations.length,
      call: this.#events++,
      return: Infinity,
      input,
      output: undefined,
    }
    this.operations.push(operation)
    return operation
  }

  #end(operation: Recorded, output: LogOutput): void {
    operation.return = this.#events++
    operation.output = output
  }

  /** The judge has no word for what is not written yet: such a read stays without an outcome. */
  #drop(operation: Recorded): void {
    operation.return = Infinity
  }
}
