/**
 * A whole cluster on a clock in the hands of a test, with everything on its way counted: for driving one bound at a
 * time.
 *
 * Owns: the wires of its processes (what is asked and not answered, what is held back, who is cut off), the doors
 * (what a caller has not read) and disks that wait, are slow or read wrong. Read next: `../log/limits/client.ts`,
 * `../log/limits.test.ts`.
 */
import { ByteWriter } from '../../log/bytes/bytes.ts'
import { LogClient } from '../../log/client/client.ts'
import { Cluster } from '../../log/cluster/cluster.ts'
import { clusterSeed, encodeEntry } from '../../log/entry.ts'
import { init } from '../../log/epochs/genesis.ts'
import type { Intent } from '../../log/epochs/intent.ts'
import { reconfigure } from '../../log/epochs/reconfigure.ts'
import { isError } from '../../log/errors.ts'
import type { Layout } from '../../log/layout.ts'
import { limits as usual, type Limits } from '../../log/limits.ts'
import type { Ports, Random, Register, Transport } from '../../log/ports.ts'
import { memoryRegister } from '../../log/unit/memory-store.ts'
import { superviseUnit, type Rejoin } from '../../log/unit/rejoin.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { memoryTransport } from '../../log/wire/memory-transport.ts'
import { readGrant, writeToken, type GrantBody } from '../../log/wire/messages.ts'
import { SequencerServer } from '../../sequencer/server.ts'
import { HandClock, countingRandom } from './hand-clock.ts'
import type { Far } from './hand-wires.ts'
import { Wire, HandStore, doors } from './hand-wires.ts'

/** Shape of a cluster. */
export interface HandShape {
  readonly units?: number
  readonly random?: Random
}

/** One chain of units `unit-0`, `unit-1`, ... and the sequencer `sequencer`, ready for appends. */
export class HandCluster {
  readonly clock = new HandClock()
  readonly limits: Limits
  readonly points = new Map<string, number>()
  readonly wires = new Map<string, Wire>()
  readonly accepted: Far[] = []
  readonly units: UnitServer[] = []
  readonly stores: HandStore[] = []
  readonly random: Random
  readonly #network: Transport
  readonly #registers = new Map<string, Register>()
  readonly #supervised = new Map<string, Rejoin>()
  #sequencer: SequencerServer | undefined

  private constructor(limits: Limits, random: Random) {
    this.limits = limits
    this.random = random
    this.#network = doors(memoryTransport(this.clock), this.accepted)
  }

  static async start(
    over: Partial<Limits> = {},
    { units = 1, random = countingRandom() }: HandShape = {},
  ): Promise<HandCluster> {
    const hand = new HandCluster({ ...usual, window: 4_096, ...over }, random)
    for (let i = 0; i < units; i++) await hand.#unit(`unit-${i}`)
    const operator = new Cluster({
      ports: hand.ports('init'),
      limits: hand.limits,
      name: 'init',
      addresses: hand.addresses,
    })
    await hand.done(init(operator, { chains: [hand.addresses], window: hand.limits.window }), 100)
    hand.#sequencer = await hand.sequencerAt('sequencer')
    await hand.done(hand.#sequencer.start(), 100)
    operator.close()
    return hand
  }

  async #unit(address: string): Promise<void> {
    const store = new HandStore(address, this.clock)
    this.#registers.set(address, memoryRegister())
    this.stores.push(store)
    this.units.push(await this.#open(address, store))
  }

  async #open(address: string, store: HandStore): Promise<UnitServer> {
    const register = this.#registers.get(address)
    if (register === undefined) throw new Error(`no register of ${address}`)
    const unit = new UnitServer({
      ports: this.ports(address),
      limits: this.limits,
      store,
      register,
      address,
      name: address,
    })
    await unit.listen()
    return unit
  }

  /** Starts a unit that belongs to nothing yet, as the next of `units`. */
  async blank(address: string): Promise<UnitServer> {
    await this.#unit(address)
    return this.unit(address)
  }

  /** Ends the process of a unit without a word and starts another one on its disk; supervised like the one before. */
  async restart(address: string): Promise<UnitServer> {
    const at = this.units.findIndex((unit) => unit.options.address === address)
    const store = this.stores[at]
    if (store === undefined) throw new Error(`no unit at ${address}`)
    const supervised = this.#supervised.get(address)
    supervised?.close()
    await this.units[at]?.close()
    const unit = await this.#open(address, store)
    this.units[at] = unit
    if (supervised !== undefined) this.supervise(address)
    return unit
  }

  /** Ends the process of a unit and starts another one at its address on a blank disk, `identity`. */
  async replaceDisk(address: string, identity: string): Promise<UnitServer> {
    const at = this.units.findIndex((unit) => unit.options.address === address)
    await this.units[at]?.close()
    this.#registers.set(address, memoryRegister())
    const store = new HandStore(identity, this.clock)
    const unit = await this.#open(address, store)
    this.stores[at] = store
    this.units[at] = unit
    return unit
  }

  /** These units look after their own place from now on. */
  supervise(...addresses: readonly string[]): void {
    for (const address of addresses) this.#supervised.set(address, superviseUnit(this.unit(address)))
  }

  unit(address: string): UnitServer {
    const unit = this.units.find((one) => one.options.address === address)
    if (unit === undefined) throw new Error(`no unit at ${address}`)
    return unit
  }
  store(address: string): HandStore {
    const store = this.stores[this.units.indexOf(this.unit(address))]
    if (store === undefined) throw new Error(`no disk at ${address}`)
    return store
  }

  /** Drives an epoch as an operator does; it must be open within `ms`. */
  async drive(intent: Intent, ms = 500): Promise<Layout> {
    const operator = new Cluster({
      ports: this.ports('operator'),
      limits: this.limits,
      name: 'operator',
      addresses: this.addresses,
    })
    const layout = await this.done(reconfigure(operator, intent), ms)
    operator.close()
    return layout
  }

  /** Lets time go by until something is so. */
  async until(what: () => boolean, ms: number): Promise<void> {
    for (let waited = 0; !what() && waited < ms; waited += 5) await this.advance(5)
    if (!what()) throw new Error(`not so within ${ms} ms: ${what.toString()}`)
  }

  async sequencerAt(address: string): Promise<SequencerServer> {
    const server = new SequencerServer({
      ports: this.ports(address),
      limits: this.limits,
      address,
      name: address,
      units: this.addresses,
    })
    await server.listen()
    return server
  }

  get addresses(): string[] {
    return this.units.map((unit) => unit.options.address)
  }
  get sequencer(): SequencerServer {
    if (this.#sequencer === undefined) throw new Error('no sequencer')
    return this.#sequencer
  }

  /** Ports of a process of its own; its wire is `wire(name)`. */
  ports(name: string): Ports {
    const wire = new Wire(this.clock)
    this.wires.set(name, wire)
    return {
      clock: this.clock,
      random: this.random,
      transport: wire.transport(this.#network),
      failpoint: (point) => {
        this.points.set(point, (this.points.get(point) ?? 0) + 1)
      },
    }
  }

  wire(name: string): Wire {
    const wire = this.wires.get(name)
    if (wire === undefined) throw new Error(`no wire of ${name}`)
    return wire
  }
  point(name: string): number {
    return this.points.get(name) ?? 0
  }

  /** A client that knows the layout already. */
  async client(name = 'client', over: Partial<Limits> = {}): Promise<LogClient> {
    const log = new LogClient({
      ports: this.ports(name),
      limits: { ...this.limits, ...over },
      name,
      addresses: this.addresses,
    })
    await this.done(log.cluster.refresh(), 10)
    return log
  }

  /** A process that sends single messages. */
  async raw(name = 'raw', over: Partial<Limits> = {}): Promise<Cluster> {
    return (await this.client(name, over)).cluster
  }

  stall(): void {
    for (const store of this.stores) store.stalled = true
  }
  goOn(): void {
    for (const store of this.stores) store.goOn()
  }
  advance(ms: number): Promise<void> {
    return this.clock.advance(ms)
  }

  /** What a promise has come to after `ms`: its value, `CODE/next` of its error, or `waiting`. */
  async outcome(promise: Promise<unknown>, ms = 0): Promise<unknown> {
    let outcome: unknown = 'waiting'
    promise.then(
      (value) => {
        outcome = value
      },
      (thrown: unknown) => {
        outcome = isError(thrown) ? `${thrown.code}/${thrown.next}` : thrown
      },
    )
    await this.clock.advance(ms)
    return outcome
  }

  /** The value of a promise that must settle within `ms`. */
  async done<T>(promise: Promise<T>, ms: number): Promise<T> {
    let settled = false
    promise.then(
      () => {
        settled = true
      },
      () => {
        settled = true
      },
    )
    await this.clock.advance(ms)
    if (!settled) throw new Error(`nothing came within ${ms} ms`)
    return promise
  }

  /** Takes tokens and never stores: holes. Gives the first position. */
  async token(raw: Cluster, count: number, streams: readonly number[] = []): Promise<number> {
    const body = await raw
      .peer('sequencer')
      .request('token', writeToken({ epoch: raw.layout?.epoch ?? 0, runs: [{ count, streams }] }))
    const { from } = readGrant(body)
    raw.noteGranted(from + count)
    return from
  }

  /** A writer takes a token, stores its entry at one unit only, and dies. Gives what it was granted, soon. */
  async storeAt(raw: Cluster, address: string, stream: number, bytes: Uint8Array): Promise<GrantBody> {
    const layout = await this.done(raw.current(), 2)
    const { cluster, epoch } = layout
    const asked = raw.peer('sequencer').request('token', writeToken({ epoch, runs: [{ count: 1, streams: [stream] }] }))
    const grant = await this.done(asked.then(readGrant), 2)
    const { from: position, logTime, previous } = grant
    const head = { position, epoch, writer: 1, logTime, streams: [stream], previous }
    const entry = encodeEntry(clusterSeed(cluster), head, bytes)
    await this.done(raw.peer(address).request('store', new ByteWriter(8).u32(epoch).u32(1).raw(entry).done()), 2)
    return grant
  }
}

/** A payload of so many bytes that says which one it is. */
export function payload(which: number, bytes = 4): Uint8Array {
  const out = new Uint8Array(bytes)
  new DataView(out.buffer).setUint32(0, which)
  return out
}

/** Which one a payload is. */
export const whichOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
