/**
 * A simulated cluster that gets more than it can do: clients that append at a rate whatever becomes of it, one of
 * them stalls between token and store now and then, and one consumer is slow.
 *
 * Owns: the load and what it came to; everything is checked as it happens by the harness's `Checker`. Deterministic
 * by seed. Read next: `overload.test.ts`, `../harness/sim-cluster.ts` for the runs with faults of the servers.
 */
import { LogClient } from '../../log/client/client.ts'
import { Cluster } from '../../log/cluster/cluster.ts'
import { init } from '../../log/epochs/genesis.ts'
import { asError } from '../../log/errors.ts'
import { limits as usual, type Limits } from '../../log/limits.ts'
import { Subscriber } from '../../log/playback/subscriber.ts'
import type { Ports } from '../../log/ports.ts'
import { superviseUnit } from '../../log/unit/rejoin.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { SequencerServer } from '../../sequencer/server.ts'
import { checkLogHistory } from '../../testing/models.ts'
import { Checker } from '../harness/checker.ts'
import { SimDisk } from '../harness/disk.ts'
import { Network } from '../harness/network.ts'
import { Prng } from '../harness/prng.ts'
import { SharedHistory, decodeValue } from '../harness/sim-client.ts'
import { Simulator, type SimProcess } from '../harness/simulator.ts'
import { drain } from './drain.ts'

const STREAM = 27
const UNITS = ['u0:1', 'u1:1', 'u2:1']
/** Small bounds: a commit of `unitBytesMax` takes about `SYNC_MS`, which is what the units can do. */
export const limits: Limits = {
  ...usual,
  window: 64,
  clientEntriesMax: 16,
  appendsWaitingMax: 40,
  unitBytesMax: 4_000,
  batchEntriesMax: 4,
  fillFloorMs: 30,
  requestMs: 1_000,
  retryMinMs: 3,
  retryMaxMs: 60,
  subscriberEntriesMax: 16,
  tokensWaitingMax: 64,
  probeMs: 40,
  stuckMs: 500,
}
const SYNC_MS = 4
/** How long a client sleeps between its token and its store. */
export const STALL_MS = 200

/** What the appends of the load came to. */
export interface Load {
  asked: number
  acknowledged: number
  refused: number
  timedOut: number
  lost: number
  readonly others: string[]
}

/** One run. */
export class OverloadWorld {
  readonly world = new Simulator(drain)
  readonly checker = new Checker()
  readonly shared = new SharedHistory()
  readonly points = new Map<string, number>()
  readonly load: Load = { asked: 0, acknowledged: 0, refused: 0, timedOut: 0, lost: 0, others: [] }
  /** The most that was ever seen of what a bound keeps small. */
  readonly most = { unitBytes: 0, clientWaiting: 0, subscriber: 0, tokensWaiting: 0, holes: 0 }
  readonly consumed: number[] = []
  readonly units: UnitServer[] = []
  stalls = 0
  readonly #seed: string
  readonly #network: Network
  readonly #prng: Prng
  readonly #waiting = new Map<LogClient, number>()
  #sequencer: SequencerServer | undefined
  #failure: unknown

  constructor(seed: string) {
    this.#seed = seed
    this.#prng = new Prng(`${seed}/load`)
    this.checker.now = () => this.world.now
    this.#network = new Network(this.world, seed, {
      delayMs: 0.1,
      jitterMs: 0.2,
      slowChance: 0,
      slowMs: 0,
      splitChance: 0,
    })
  }

  /** Runs until `promise` settles. @throws what a check found, or when nothing came within `ms`. */
  async until<T>(promise: Promise<T>, ms: number): Promise<T> {
    let settled = false
    promise.then(
      () => {
        settled = true
      },
      () => {
        settled = true
      },
    )
    await this.world.run(this.world.now + ms, () => settled || this.#failure !== undefined)
    if (this.#failure !== undefined) throw asError(this.#failure)
    if (!settled) throw new Error(`nothing came within ${ms} ms`)
    return promise
  }

  async run(ms: number): Promise<void> {
    await this.world.run(this.world.now + ms, () => this.#failure !== undefined)
    if (this.#failure !== undefined) throw asError(this.#failure)
  }

  ports(name: string, seen: (point: string) => void = () => undefined): Ports {
    const process = this.world.process(name)
    const prng = new Prng(`${this.#seed}/process/${name}`)
    return {
      clock: this.world.clockOf(process),
      random: { next: () => prng.next(), id: () => prng.id() },
      transport: this.#network.transportOf(process),
      failpoint: (point, facts = {}) => {
        this.points.set(point, (this.points.get(point) ?? 0) + 1)
        try {
          this.checker.event(point, facts)
        } catch (thrown) {
          this.#failure ??= thrown
        }
        seen(point)
      },
    }
  }

  async start(): Promise<void> {
    for (const [i, address] of UNITS.entries()) await this.#startUnit(this.world.process(`unit-${i}`), i, address)
    const operator = new Cluster({ ports: this.ports('init'), limits, name: 'init', addresses: [] })
    await this.until(init(operator, { chains: [UNITS], window: limits.window }), 1_000)
    this.#sequencer = new SequencerServer({
      ports: this.ports('sequencer'),
      limits,
      address: 's:1',
      name: 'sequencer',
      units: UNITS,
    })
    await this.#sequencer.listen()
    await this.until(this.#sequencer.start(), 1_000)
    operator.close()
    this.#network.disturb()
    this.#sample()
  }

  async #startUnit(process: SimProcess, i: number, address: string): Promise<void> {
    const prng = new Prng(`${this.#seed}/disk/${i}`)
    const disk = new SimDisk(this.world, process, prng, prng.id())
    disk.onDurable = (commit) => {
      try {
        this.checker.durable(disk.identity, commit)
      } catch (thrown) {
        this.#failure ??= thrown
      }
    }
    const server = new UnitServer({
      ports: this.ports(process.name),
      limits,
      store: disk,
      register: disk.register(),
      address,
      name: process.name,
    })
    this.checker.started(disk.identity, server.unit.state.boot)
    server.onStopped((error) => {
      this.#failure ??= error
    })
    await server.listen()
    superviseUnit(server)
    disk.syncMs = SYNC_MS
    this.units.push(server)
  }

  /** Looks at every queue, all the time. */
  #sample(): void {
    for (const unit of this.units) {
      this.most.unitBytes = Math.max(this.most.unitBytes, Number(unit.status()['waitingBytes']))
    }
    const { machine } = this.sequencer
    this.most.tokensWaiting = Math.max(this.most.tokensWaiting, Number(this.sequencer.status()['waiting']))
    this.most.holes = Math.max(this.most.holes, machine.tail - machine.prefix)
    for (const waiting of this.#waiting.values()) this.most.clientWaiting = Math.max(this.most.clientWaiting, waiting)
    this.world.schedule(0.5, undefined, () => {
      this.#sample()
    })
  }

  get sequencer(): SequencerServer {
    if (this.#sequencer === undefined) throw new Error('no sequencer')
    return this.#sequencer
  }

  client(name: string, seen?: (point: string) => void): LogClient {
    return new LogClient({ ports: this.ports(name, seen), limits, name, addresses: UNITS })
  }

  /**
   * Several clients append `perMs` entries each millisecond between them, whatever becomes of them, for `ms`. The first
   * stalls now and then.
   */
  async overload(clients: number, perMs: number, ms: number): Promise<void> {
    const logs = Array.from({ length: clients }, (_, i) =>
      this.client(
        `client-${i}`,
        i === 0
          ? (point) => {
              if (point === 'append.granted') this.#maybeStall('client-0')
            }
          : undefined,
      ),
    )
    for (const log of logs) await this.until(log.layout(), 100)
    const end = this.world.now + ms
    for (; this.world.now < end; await this.run(1)) for (let i = 0; i < perMs; i++) this.#append(logs[i % clients])
    await this.#dieWithTokens('client-0', logs[0])
  }

  /** What the client sends to the units from now on arrives late: it sleeps between its token and its store. */
  #maybeStall(name: string): void {
    if (!this.#prng.chance(0.02)) return
    this.stalls++
    this.#stall(name)
  }

  #stall(name: string): void {
    for (const i of UNITS.keys()) this.#network.block(name, `unit-${i}`, STALL_MS)
  }

  /** Nobody but the sequencer will ever bring to an end what it was granted. */
  async #dieWithTokens(name: string, log: LogClient | undefined): Promise<void> {
    this.#stall(name)
    const granted = this.points.get('append.granted') ?? 0
    await this.world.run(
      this.world.now + limits.requestMs,
      () => this.#failure !== undefined || (this.points.get('append.granted') ?? 0) > granted + 8,
    )
    const process = this.world.process(name)
    process.alive = false
    process.generation++
    this.#network.gone(process, false)
    if (log === undefined) return
    this.load.lost = this.#waiting.get(log) ?? 0
    this.#waiting.delete(log)
  }

  #append(log: LogClient | undefined): void {
    if (log === undefined) return
    const { shared, load } = this
    const value = shared.nextValue++
    const lowest = shared.highestAcked
    const operation: SharedHistory['operations'][number] = {
      client: shared.operations.length,
      call: shared.clock++,
      return: Infinity,
      input: { op: 'append', value },
      output: undefined,
    }
    shared.operations.push(operation)
    load.asked++
    this.#waiting.set(log, (this.#waiting.get(log) ?? 0) + 1)
    const over = (): void => {
      this.#waiting.set(log, (this.#waiting.get(log) ?? 0) - 1)
    }
    log.append(payloadOf(value), { streams: [STREAM] }).then(
      ({ position }) => {
        over()
        load.acknowledged++
        operation.return = shared.clock++
        operation.output = position
        shared.acked.push({ position, value, streams: [STREAM] })
        if (position <= lowest) {
          this.#failure ??= new Error(
            `an append called after position ${lowest} was acknowledged got position ${position}`,
          )
        }
        shared.highestAcked = Math.max(shared.highestAcked, position)
      },
      (thrown: unknown) => {
        over()
        const { code, next, message } = asError(thrown)
        if (code === 'OVERLOADED' && next === 'again') {
          load.refused++
          shared.dropped.add(operation)
        } else if (code === 'TIMEOUT') load.timedOut++
        else load.others.push(`${code}/${next}: ${message}`)
      },
    )
  }

  /** Takes what has come of the stream, rarely. */
  consumeSlowly(everyMs: number): void {
    const process = this.world.process('consumer')
    const log = this.client('consumer')
    void log.layout().then(() => {
      const subscriber = new Subscriber(log, STREAM, 0)
      const take = (): void => {
        try {
          const due = subscriber.take()
          this.most.subscriber = Math.max(this.most.subscriber, due.length)
          for (const entry of due) this.consumed.push(entry.position)
        } catch (thrown) {
          this.#failure ??= thrown
        }
        this.world.schedule(everyMs, process, take)
      }
      take()
    })
  }

  /**
   * Another client appends `count` entries one after the other; gives how long the first took and the longest of the
   * others.
   */
  async appendAfterwards(count: number, ms: number): Promise<{ readonly first: number; readonly others: number }> {
    const log = this.client('afterwards')
    await this.until(log.layout(), ms)
    const took: number[] = []
    for (let i = 0; i < count; i++) {
      const from = this.world.now
      await this.until(log.append(payloadOf(-1 - i)), ms)
      took.push(this.world.now - from)
    }
    return { first: took[0] ?? Infinity, others: Math.max(...took.slice(1)) }
  }

  /** Waits until every call has ended and everything that was granted is decided on every unit; gives the tail. */
  async settle(ms: number): Promise<number> {
    const { machine } = this.sequencer
    const end = this.world.now + ms
    await this.world.run(
      end,
      () =>
        this.#failure !== undefined
        || (this.pending === 0
          && machine.prefix === machine.tail
          && this.units.every((unit) => unit.unit.state.prefix >= machine.tail)),
    )
    if (this.#failure !== undefined) throw asError(this.#failure)
    return machine.tail
  }

  /** What the sequencer takes for the time of a slow append: holes are left alone four times as long. */
  get slowAppendMs(): number {
    const { appendMs } = this.sequencer.status()
    return appendMs !== null && typeof appendMs === 'object' && 'p99' in appendMs ? Number(appendMs.p99) : 0
  }

  /** Appends that have not ended. */
  get pending(): number {
    return [...this.#waiting.values()].reduce((sum, one) => sum + one, 0)
  }

  /** Reads every acknowledged position back and judges the whole history; gives what is wrong with it. */
  async judge(): Promise<string | undefined> {
    const log = this.client('judge')
    await this.until(log.layout(), 1_000)
    const { shared } = this
    const stream = await this.until(log.readStream({ stream: STREAM }), 2_000)
    const inStream = new Set(stream.map(({ position }) => position))
    const missing = shared.acked.find(({ position }) => !inStream.has(position))
    if (missing !== undefined) return `position ${missing.position} was acknowledged and is not in the stream`
    if (this.consumed.join() !== stream.map(({ position }) => position).join()) {
      return `the slow consumer got ${this.consumed.length} entries, the stream has ${stream.length}`
    }
    for (const { position, value } of [...shared.acked]) {
      const call = shared.clock++
      const read = await this.until(log.read(position), 1_000)
      if (read.kind !== 'data' || decodeValue(read.entry.payload) !== value) {
        return `position ${position} was acknowledged for ${value} and reads ${read.kind}`
      }
      shared.operations.push({
        client: shared.operations.length,
        call,
        return: shared.clock++,
        input: { op: 'read', position },
        output: { kind: 'data', value },
      })
    }
    const verdict = checkLogHistory(shared.operations.filter((operation) => !shared.dropped.has(operation)))
    return verdict.kind === 'violation' ? `${verdict.rule}: ${verdict.message}` : undefined
  }
}

/** A hundred bytes that begin with a value. */
const payloadOf = (value: number): Uint8Array =>
  new Uint8Array(new Float64Array([value, ...Array.from({ length: 12 }, () => 0)]).buffer)
