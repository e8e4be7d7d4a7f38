/**
 * Where servers live, and how they are cut off: three networks with one face.
 *
 *     Namespaces   each server in a network namespace of its own; a router between them drops packets from A to B
 *     Proxies      each server behind a TCP proxy: no root needed, and it can delay and leave connections half open
 *     Loopback     nothing can be cut
 *
 * Packets are dropped by policy rules of the router (`ip rule ... blackhole`), in silence and in one direction each,
 * so it needs no netfilter in the kernel. Read next: `proxy.ts`, `faults.ts`.
 */
import { existsSync } from 'node:fs'
import { freePorts } from '../../free-ports.ts'
import type { Prng } from '../../harness/prng.ts'
import { has, isRoot, prefixOf, removeNamespaces, run, type Ground } from './ground.ts'
import { Proxy, proxyModes } from './proxy.ts'

/** Where one server lives. `command` gives what has to be run for a program to run there. */
export interface Place {
  readonly listen: string
  readonly advertise: string
  command(program: string, args: readonly string[]): readonly [string, readonly string[]]
}

/** What servers are connected by. */
export interface Network {
  /** Makes a place for a server. */
  place(name: string): Promise<Place>
  /** Makes a place for a client of its own; others live where the run does. */
  clientPlace(name: string): Promise<Place>
  /** Cuts one off from these, both ways. */
  cutOff(victim: string, others: readonly string[]): void
  /** Cuts a server off, as chance has it; gives in words how. */
  partition(victim: string, others: readonly string[], prng: Prng): string
  /** Ends every partition. */
  heal(): void
  /** An address of the run itself that all places reach. */
  readonly host: string
}

/** Where a client lives that cannot be cut off. */
const anywhere: Place = { listen: '', advertise: '', command: (program, args) => [program, args] }

const asItIs = (program: string, args: readonly string[]): readonly [string, readonly string[]] => [program, args]

/** Places on the loopback interface. */
export class Loopback implements Network {
  readonly host = '127.0.0.1'

  async place(): Promise<Place> {
    const [port] = await freePorts(1)
    return { listen: `127.0.0.1:${port}`, advertise: `127.0.0.1:${port}`, command: asItIs }
  }

  clientPlace(): Promise<Place> {
    return Promise.resolve(anywhere)
  }
  cutOff(): void {
    throw new Error('the loopback interface cannot be cut')
  }
  partition(): string {
    throw new Error('the loopback interface cannot be cut')
  }
  heal(): void {
    return undefined
  }
}

/** Places behind proxies, which run in this process. */
export class Proxies implements Network {
  readonly host = '127.0.0.1'
  readonly #proxies = new Map<string, Proxy>()

  async place(name: string): Promise<Place> {
    const [port = 0, hidden = 0] = await freePorts(2)
    const proxy = new Proxy(hidden)
    await proxy.listen(port)
    this.#proxies.set(name, proxy)
    return { listen: `127.0.0.1:${hidden}`, advertise: `127.0.0.1:${port}`, command: asItIs }
  }

  clientPlace(): Promise<Place> {
    return Promise.resolve(anywhere)
  }
  /** A proxy stands before a server, and does not know who comes. */
  cutOff(): void {
    throw new Error('proxies cut servers off, not clients')
  }

  partition(victim: string, _others: readonly string[], prng: Prng): string {
    const mode = prng.pick(proxyModes)
    this.#proxies.get(victim)?.setMode(mode, prng.integer(20, 300))
    return `${victim} behind its proxy: ${mode}`
  }

  heal(): void {
    for (const proxy of this.#proxies.values()) proxy.setMode('open')
  }
}

/** Why there are no namespaces here, if there are none. */
export function whyNoNamespaces(): string | undefined {
  if (!isRoot()) return 'namespaces need root'
  const missing = ['ip', 'nsenter'].filter((program) => !has(program))
  if (missing.length > 0) return `no ${missing.join(', ')} here`
  const trial = `${prefixOf(process.pid)}trial`
  try {
    run('ip', 'netns', 'add', trial)
    run('ip', '-n', trial, 'rule', 'add', 'from', '10.0.0.1', 'to', '10.0.0.2', 'blackhole')
    run('ip', '-n', trial, 'link', 'add', 'trial', 'type', 'veth', 'peer', 'name', 'other')
    return undefined
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  } finally {
    if (existsSync(`/run/netns/${trial}`)) run('ip', 'netns', 'del', trial)
  }
}

const CLIENTS = 'clients'
const PORT = 7_100

/**
 * Places in network namespaces: `10.N.i.2` is the server's end of its wire, `10.N.i.1` the router's; the clients are at
 * i = 0.
 */
export class Namespaces implements Network {
  readonly #router = `${prefixOf(process.pid)}router`
  readonly #net: string
  readonly #addresses = new Map<string, string>()
  readonly #clients: string[] = []
  #cuts: (readonly string[])[] = []

  constructor(ground: Ground) {
    const isTaken = (i: number): boolean =>
      run('ip', 'route', 'show', 'to', 'root', `10.${i}.0.0/16`) !== ''
      || run('ip', 'route', 'show', 'match', `10.${i}.0.0`).includes(`10.${i}.`)
    const free = Array.from({ length: 128 }, (_, i) => 64 + ((process.pid + i) % 128)).find((i) => !isTaken(i))
    this.#net = `10.${free ?? 64}`
    ground.undo(() => {
      removeNamespaces(process.pid)
    })
    run('ip', 'netns', 'add', this.#router)
    run('nsenter', `--net=/run/netns/${this.#router}`, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    const wire = `chaos${process.pid}`
    run('ip', 'link', 'add', wire, 'type', 'veth', 'peer', 'name', 'wire0', 'netns', this.#router)
    this.#plug(0)
    run('ip', 'addr', 'add', `${this.#net}.0.2/30`, 'dev', wire)
    run('ip', 'link', 'set', wire, 'up')
    run('ip', 'route', 'add', `${this.#net}.0.0/16`, 'via', `${this.#net}.0.1`)
    this.#addresses.set(CLIENTS, `${this.#net}.0.2`)
  }

  get host(): string {
    return `${this.#net}.0.2`
  }

  place(name: string): Promise<Place> {
    const i = this.#addresses.size
    const space = `${prefixOf(process.pid)}${name}`
    const own = `${this.#net}.${i}.2`
    run('ip', 'netns', 'add', space)
    run('ip', '-n', space, 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', `wire${i}`, 'netns', this.#router)
    this.#plug(i)
    run('ip', '-n', space, 'addr', 'add', `${own}/30`, 'dev', 'wire')
    run('ip', '-n', space, 'link', 'set', 'wire', 'up')
    run('ip', '-n', space, 'link', 'set', 'lo', 'up')
    run('ip', '-n', space, 'route', 'add', 'default', 'via', `${this.#net}.${i}.1`)
    this.#addresses.set(name, own)
    const address = `${own}:${PORT}`
    // Only the network is another one: `ip netns exec` would also make a mount namespace, which keeps disks busy.
    return Promise.resolve({
      listen: address,
      advertise: address,
      command: (program: string, args: readonly string[]) =>
        ['nsenter', [`--net=/run/netns/${space}`, program, ...args]] as const,
    })
  }

  async clientPlace(name: string): Promise<Place> {
    this.#clients.push(name)
    return this.place(name)
  }

  cutOff(victim: string, others: readonly string[]): void {
    for (const other of others) {
      this.#cut(victim, other)
      this.#cut(other, victim)
    }
  }

  partition(victim: string, others: readonly string[], prng: Prng): string {
    const way = prng.pick(['both ways', 'what it sends', 'what it is sent'])
    const everybody = [...others, CLIENTS, ...this.#clients]
    const far = prng.pick([everybody, others, [prng.pick(others)]])
    for (const other of far) {
      if (way !== 'what it is sent') this.#cut(victim, other)
      if (way !== 'what it sends') this.#cut(other, victim)
    }
    const servers = far.length === others.length ? 'all other servers' : far.join()
    return `${victim} | ${far === everybody ? 'everybody' : servers}: ${way}`
  }

  heal(): void {
    for (const rule of this.#cuts.splice(0)) run('ip', '-n', this.#router, 'rule', 'del', ...rule)
  }

  /** Sets up the router's end of a wire. */
  #plug(i: number): void {
    run('ip', '-n', this.#router, 'addr', 'add', `${this.#net}.${i}.1/30`, 'dev', `wire${i}`)
    run('ip', '-n', this.#router, 'link', 'set', `wire${i}`, 'up')
  }

  /** Drops every packet from one to another. */
  #cut(from: string, to: string): void {
    const rule = ['from', this.#addresses.get(from) ?? '', 'to', this.#addresses.get(to) ?? '', 'blackhole']
    run('ip', '-n', this.#router, 'rule', 'add', ...rule)
    this.#cuts.push(rule)
  }
}
