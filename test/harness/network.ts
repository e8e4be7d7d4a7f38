/**
 * The simulated network: byte streams with delays, cuts, partitions and half-open ends.
 *
 * Bytes of one connection arrive in order; connections overtake each other. A partition holds back what was sent
 * until it heals, or resets the connection. Each direction of each pair of processes draws from its own randomness.
 * Owns: connections and blocked links. Read next: `simulator.ts`.
 */
import { concat } from '../../log/bytes/bytes.ts'
import { crc32 } from '../../log/bytes/hash.ts'
import { SirtakiError } from '../../log/errors.ts'
import type { Connection, ConnectionEvents, Listener, Transport } from '../../log/ports.ts'
import { Prng } from './prng.ts'
import type { SimProcess, Simulator } from './simulator.ts'

/** How the network behaves in one run. */
export interface NetworkOptions {
  readonly delayMs: number
  readonly jitterMs: number
  readonly slowChance: number
  readonly slowMs: number
  readonly splitChance: number
}

interface Door {
  readonly process: SimProcess
  readonly generation: number
  readonly accept: (connection: Connection) => ConnectionEvents
}

/** Connections between processes of one world. */
export class Network {
  readonly #world: Simulator
  readonly #seed: string
  readonly #options: NetworkOptions
  readonly #doors = new Map<string, Door>()
  readonly #links = new Map<string, Prng>()
  readonly #blocked = new Map<string, number>()
  readonly #open = new Set<SimConnection>()
  /** Without faults and quick: until the cluster stands, and after everything has healed. */
  #quiet = true
  /** Sees every delivered write, for checks of what leaves a process. */
  onWrite: ((from: SimProcess, bytes: Uint8Array) => void) | undefined

  constructor(world: Simulator, seed: string, options: NetworkOptions) {
    this.#world = world
    this.#seed = seed
    this.#options = options
  }

  transportOf(process: SimProcess): Transport {
    return {
      connect: (address, events) => this.#connect(process, address, events),
      listen: (address, accept): Promise<Listener> => {
        this.#doors.set(address, { process, generation: process.generation, accept })
        return Promise.resolve({
          address,
          close: () => {
            this.#doors.delete(address)
            return Promise.resolve()
          },
        })
      },
    }
  }

  /** Blocks what `from` sends to `to` for some time. */
  block(from: string, to: string, ms: number): void {
    this.#blocked.set(`${from}>${to}`, Math.max(this.#blocked.get(`${from}>${to}`) ?? 0, this.#world.now + ms))
  }

  /** From here on the network behaves as the plan says. */
  disturb(): void {
    this.#quiet = false
  }

  /** Ends every fault and makes the network quick. */
  heal(): void {
    this.#blocked.clear()
    this.#quiet = true
  }

  /** Resets the connections between two processes. */
  reset(a: string, b: string): void {
    for (const connection of this.#open) if (connection.from.name === a && connection.to?.name === b) connection.break()
  }

  /** A process is gone: its peers notice, at once or, half-open, never. */
  gone(process: SimProcess, halfOpen: boolean): void {
    for (const connection of [...this.#open]) {
      if (connection.from === process) {
        this.#open.delete(connection)
        connection.dead = true
        if (!halfOpen) connection.other?.lose('reset by a crash')
      }
    }
  }

  /** Virtual milliseconds from `from` to `to`. */
  delay(from: SimProcess, to: SimProcess): number {
    const link = `${from.name}>${to.name}`
    const prng = this.#links.get(link) ?? new Prng(`${this.#seed}/link/${link}`)
    this.#links.set(link, prng)
    const { delayMs, jitterMs, slowChance, slowMs } = this.#options
    const usual = delayMs + prng.next() * jitterMs + (prng.chance(slowChance) ? prng.next() * slowMs : 0)
    const blockedMs = Math.max(0, (this.#blocked.get(link) ?? 0) - this.#world.now)
    return this.#quiet ? delayMs : blockedMs + usual
  }

  isBlocked(from: SimProcess, to: SimProcess): boolean {
    return (this.#blocked.get(`${from.name}>${to.name}`) ?? 0) > this.#world.now
  }
  splits(): number {
    return this.#quiet ? 0 : this.#options.splitChance
  }

  #connect(process: SimProcess, address: string, events: ConnectionEvents): Connection {
    const near = new SimConnection(this.#world, this, process, address, events)
    const door = this.#doors.get(address)
    const target = door?.process
    this.#open.add(near)
    if (door === undefined || target === undefined || !target.alive || target.generation !== door.generation) {
      this.#world.schedule(1, process, () => {
        near.fail(new SirtakiError('UNREACHABLE', `nothing listens at ${address}`))
      })
      return near
    }
    const far = new SimConnection(this.#world, this, target, process.name, undefined)
    this.#open.add(far)
    near.other = far
    far.other = near
    near.to = target
    far.to = process
    const arrives = this.delay(process, target)
    near.earliest = this.#world.now + arrives
    this.#world.scheduleAt(near.earliest, target, () => {
      if (near.dead || far.dead) return
      far.events = door.accept(far)
      far.opened = true
      far.drainEarly()
    })
    return near
  }

  forget(connection: SimConnection): void {
    this.#open.delete(connection)
  }
}

/** One end of a connection. */
export class SimConnection implements Connection {
  readonly remote: string
  readonly from: SimProcess
  to: SimProcess | undefined
  other: SimConnection | undefined
  events: ConnectionEvents | undefined
  opened = false
  dead = false
  earliest = 0
  buffered = 0
  readonly #world: Simulator
  readonly #network: Network
  readonly #generation: number
  #early: Uint8Array[] = []

  constructor(
    world: Simulator,
    network: Network,
    from: SimProcess,
    remote: string,
    events: ConnectionEvents | undefined,
  ) {
    this.#world = world
    this.#network = network
    this.from = from
    this.remote = remote
    this.events = events
    this.#generation = from.generation
  }

  write(pieces: readonly Uint8Array[]): void {
    const { other, to, from } = this
    if (this.dead || other === undefined || to === undefined || !from.alive || from.generation !== this.#generation) {
      return
    }
    const bytes = concat(pieces).slice()
    this.#network.onWrite?.(from, bytes)
    const at = Math.max(this.earliest, this.#world.now + this.#network.delay(from, to))
    this.earliest = at
    this.buffered += bytes.byteLength
    this.#world.scheduleAt(at, to, () => {
      this.buffered -= bytes.byteLength
      other.receive(bytes)
    })
  }

  receive(bytes: Uint8Array): void {
    if (this.dead) return
    if (this.events === undefined) {
      this.#early.push(bytes)
      return
    }
    this.#world.note(crc32(bytes))
    const middle = bytes.byteLength >> 1
    if (middle > 0 && this.#network.splits() > 0 && crc32(bytes) % 97 < this.#network.splits() * 97) {
      this.events.data(bytes.subarray(0, middle))
      if (!this.dead) this.events.data(bytes.subarray(middle))
    } else this.events.data(bytes)
  }

  drainEarly(): void {
    for (const bytes of this.#early.splice(0)) this.receive(bytes)
  }

  close(): void {
    if (this.dead) return
    this.dead = true
    this.#network.forget(this)
    this.events = undefined
    const { other, to } = this
    if (other !== undefined && to !== undefined) {
      this.#world.scheduleAt(Math.max(this.earliest, this.#world.now + this.#network.delay(this.from, to)), to, () => {
        other.fail()
      })
    }
  }

  /** Cuts both ends. */
  break(): void {
    this.lose('reset')
    this.other?.lose('reset')
  }

  /** This end learns soon that the connection is lost. */
  lose(why: string): void {
    if (this.dead) return
    this.#world.schedule(1, this.from, () => {
      this.fail(new Error(why))
    })
  }

  fail(error?: Error): void {
    if (this.dead) return
    this.dead = true
    this.#network.forget(this)
    const { events } = this
    this.events = undefined
    events?.closed(error)
  }
}
