/**
 * The kinds of faults, of servers and of clients of objects. Each is injected, lasts, and ends: then everything it took
 * away is there again.
 *
 * A kind that this machine cannot do is skipped with its reason; a kind that was asked for and never met fails the run.
 * Read next: `nemesis.ts`, `cluster.ts`.
 */
import { setTimeout as rest } from 'node:timers/promises'
import type { Prng } from '../../harness/prng.ts'
import type { ChaosCluster } from './cluster.ts'
import { run } from './ground.ts'
import type { ObjectProcess } from './object-process.ts'
import type { Retention } from './retention.ts'
import type { Server } from './server.ts'

/** One fault on its way. `what` tells people what it was; `end` gives back what it took. */
export interface Fault {
  readonly what: string
  end(): Promise<void>
}

/**
 * What faults work on. `cut` is the path of the program that cuts the power of disks; `clients` are those of objects;
 * `killed` is told of each that is killed, in nanoseconds.
 */
export interface World {
  readonly cluster: ChaosCluster
  readonly prng: Prng
  readonly cut: string | undefined
  readonly clients: readonly ObjectProcess[]
  /** What writes checkpoints and archive, where the run has it. */
  readonly retention: Retention | undefined
  killed(client: number, at: number): void
  /** Whether a client that is started now finds the beginning of the objects. */
  canStart(): boolean
}

/** How long a kind may last, in milliseconds, and how it begins. */
export interface Kind {
  readonly lastsMs: readonly [from: number, to: number]
  /** Whether it can be done at present; always unless told. */
  isPossible?(world: World): boolean
  inject(world: World): Promise<Fault>
}

/** The units that hold the log now. */
async function membersOf(cluster: ChaosCluster): Promise<Server[]> {
  const { units } = await cluster.commands.status()
  return units.flatMap(({ address }) => cluster.unitAt(address) ?? [])
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what}`)
  return value
}

async function killed(cluster: ChaosCluster, servers: readonly Server[], what: string): Promise<Fault> {
  await cluster.kill(servers)
  return { what, end: () => cluster.start(servers) }
}

/**
 * Cuts the power of all units' disks, or of one's. What runs on them is killed at once: a machine without power runs
 * nothing.
 */
async function powerCut({ cluster, prng, cut }: World): Promise<Fault> {
  const all = cluster.runningUnits
  const units = prng.chance(0.5) ? all : [prng.pick(await membersOf(cluster))]
  await cutPower(cluster, units, required(cut, 'program that cuts the power'))
  return {
    what: units.length === all.length ? 'all units' : units.map(({ name }) => name).join(),
    end: () => giveBackPower(cluster, units),
  }
}

/** From here on nothing of these units reaches their disks any more; then they are gone. */
export async function cutPower(cluster: ChaosCluster, units: readonly Server[], cut: string): Promise<void> {
  run(cut, ...units.flatMap(({ name }) => cluster.disks.get(name)?.folder ?? []))
  for (const unit of units) unit.note('its power is cut')
  await cluster.kill(units)
  for (const { name } of units) cluster.disks.get(name)?.unmount()
}

/** Mounts their disks again, which replays what is in the journals, and starts them. */
export async function giveBackPower(cluster: ChaosCluster, units: readonly Server[]): Promise<void> {
  for (const { name } of units) cluster.disks.get(name)?.mount()
  await cluster.start(units)
}

/** A unit's folder is lost for ever; the spare takes its place, and the unit comes back blank, as the next spare. */
async function replace({ cluster, prng }: World): Promise<Fault> {
  const members = await membersOf(cluster)
  const lost = prng.pick(members)
  const spare = required(
    cluster.runningUnits.find((unit) => !members.includes(unit)),
    'spare unit',
  )
  await lost.kill()
  cluster.wipe(lost)
  return {
    what: `${lost.name} by ${spare.name}`,
    end: async () => {
      // Failure detection may have been quicker.
      const isMember = (await membersOf(cluster)).includes(lost)
      if (isMember) await cluster.commands.replace(lost.address, spare.address)
      await lost.start()
      await cluster.commands.add(lost.address, 'spare')
    },
  }
}

/** One of the clients of objects stands still, and goes on when its sessions are over. */
function pauseClient({ clients, prng }: World): Promise<Fault> {
  const client = prng.pick(clients)
  client.pause()
  return Promise.resolve({
    what: client.name,
    end: () => {
      client.goOn()
      return Promise.resolve()
    },
  })
}

async function killClient({ clients, prng, killed: tell }: World): Promise<Fault> {
  const client = prng.pick(clients)
  const { number } = client
  await client.kill()
  tell(number, Number(process.hrtime.bigint()))
  return {
    what: client.name,
    end: () => {
      client.start()
      return Promise.resolve()
    },
  }
}

function cutClient({ clients, prng, cluster }: World, servers: readonly Server[], from: string): Promise<Fault> {
  const client = prng.pick(clients)
  cluster.network.cutOff(
    client.name,
    servers.map(({ name }) => name),
  )
  return Promise.resolve({
    what: `${client.name} | ${from}`,
    end: () => {
      cluster.network.heal()
      return Promise.resolve()
    },
  })
}

function moveClientClock({ clients, prng }: World): Promise<Fault> {
  const { name, shim } = prng.pick(clients)
  const hours = prng.integer(1, 48) * (prng.chance(0.5) ? 1 : -1)
  shim?.moveClock(hours * 3_600)
  return Promise.resolve({
    what: `${name} by ${hours} h`,
    end: () => {
      shim?.moveClock(0)
      return Promise.resolve()
    },
  })
}

async function killMinio({ retention }: World): Promise<Fault> {
  const one = required(retention, 'MinIO')
  await one.killMinio()
  return { what: one.minio.endpoint, end: () => one.startMinio() }
}

function pauseMinio({ retention }: World): Promise<Fault> {
  const { minio } = required(retention, 'MinIO')
  minio.signal('SIGSTOP')
  return Promise.resolve({
    what: minio.endpoint,
    end: () => {
      minio.signal('SIGCONT')
      return Promise.resolve()
    },
  })
}

async function killDuty({ retention, prng }: World): Promise<Fault> {
  const duty = prng.pick(required(retention, 'checkpointer').duties)
  await duty.kill()
  return { what: duty.name, end: () => duty.start() }
}

async function moveSequencer({ cluster }: World): Promise<Fault> {
  const from = required(cluster.sequencer, 'sequencer')
  const to = required(cluster.standby, 'standby sequencer')
  await cluster.commands.moveSequencer(to.address)
  return { what: `${from.name} to ${to.name}`, end: () => cluster.ready() }
}

/** Every kind by its name. */
export const kinds = {
  kill: {
    lastsMs: [500, 10_000],
    inject: async ({ cluster, prng }) => {
      const unit = prng.pick(await membersOf(cluster))
      return killed(cluster, [unit], unit.name)
    },
  },
  'kill-sequencer': {
    lastsMs: [500, 10_000],
    inject: ({ cluster }) => {
      const one = required(cluster.sequencer, 'sequencer')
      return killed(cluster, [one], one.name)
    },
  },
  pause: {
    lastsMs: [500, 8_000],
    inject: async ({ cluster, prng }) => {
      const server = prng.pick([...(await membersOf(cluster)), required(cluster.sequencer, 'sequencer')])
      server.pause()
      return {
        what: server.name,
        end: () => {
          server.goOn()
          return Promise.resolve()
        },
      }
    },
  },
  partition: {
    lastsMs: [500, 8_000],
    inject: async ({ cluster, prng }) => {
      const victim = prng.pick([...(await membersOf(cluster)), required(cluster.sequencer, 'sequencer')])
      const others = cluster.running.filter((one) => one !== victim).map(({ name }) => name)
      const what = cluster.network.partition(victim.name, others, prng)
      return {
        what,
        end: () => {
          cluster.network.heal()
          return Promise.resolve()
        },
      }
    },
  },
  'slow-disk': {
    lastsMs: [1_000, 10_000],
    inject: async ({ cluster, prng }) => {
      const members = await membersOf(cluster)
      const slow = prng.chance(0.7) ? [prng.pick(members)] : members
      const ms = prng.integer(20, 400)
      for (const { shim } of slow) shim?.delayDisk(ms)
      return {
        what: `${slow.map(({ name }) => name).join()} by ${ms} ms`,
        end: () => {
          for (const { shim } of slow) shim?.delayDisk(0)
          return Promise.resolve()
        },
      }
    },
  },
  'fill-disk': {
    // The room that a unit's files have already lasts for some seconds.
    lastsMs: [3_000, 20_000],
    inject: async ({ cluster, prng }) => {
      const { name } = prng.pick(await membersOf(cluster))
      const disk = required(cluster.disks.get(name), `disk of ${name}`)
      disk.fill()
      return {
        what: name,
        end: () => {
          disk.empty()
          return Promise.resolve()
        },
      }
    },
  },
  clock: {
    lastsMs: [500, 8_000],
    inject: ({ cluster, prng }) => {
      const { name, shim } = prng.pick(cluster.running)
      const hours = prng.integer(1, 48) * (prng.chance(0.5) ? 1 : -1)
      shim?.moveClock(hours * 3_600)
      return Promise.resolve({
        what: `${name} by ${hours} h`,
        end: () => {
          shim?.moveClock(0)
          return Promise.resolve()
        },
      })
    },
  },
  'restart-all': {
    lastsMs: [0, 3_000],
    inject: ({ cluster }) => killed(cluster, cluster.running, 'everything'),
  },
  'power-cut': { lastsMs: [200, 5_000], inject: powerCut },
  replace: { lastsMs: [500, 5_000], inject: replace },
  'move-sequencer': { lastsMs: [0, 1_000], inject: moveSequencer },
  // Sessions of these clients have timeouts of 2 to 4 seconds.
  'kill-client': { lastsMs: [4_500, 7_000], inject: killClient, isPossible: ({ canStart }) => canStart() },
  'pause-client': { lastsMs: [4_500, 8_000], inject: pauseClient },
  'cut-sequencer': {
    lastsMs: [1_500, 8_000],
    inject: (world) => cutClient(world, world.cluster.sequencers, 'the sequencers'),
  },
  'cut-units': {
    lastsMs: [1_500, 8_000],
    inject: (world) => cutClient(world, [...world.cluster.units.values()], 'the units'),
  },
  'clock-client': { lastsMs: [500, 5_000], inject: moveClientClock },
  'kill-minio': { lastsMs: [500, 15_000], inject: killMinio },
  'pause-minio': { lastsMs: [500, 12_000], inject: pauseMinio },
  'kill-checkpointer': { lastsMs: [500, 10_000], inject: killDuty },
} as const satisfies Record<string, Kind>

/** The name of a kind. */
export type KindName = keyof typeof kinds

/** All names. */
export const kindNames: readonly KindName[] = Object.keys(kinds).filter(isKindName)

/** Those that meet clients of objects. */
export const clientKinds: readonly KindName[] = [
  'kill-client',
  'pause-client',
  'cut-sequencer',
  'cut-units',
  'clock-client',
]

/** Those that meet what writes checkpoints and archive. */
export const retentionKinds: readonly KindName[] = ['kill-minio', 'pause-minio', 'kill-checkpointer']

/** Whether a kind can be done at present. */
export function isPossible(kind: KindName, world: World): boolean {
  const { isPossible: can }: Kind = kinds[kind]
  return can?.(world) ?? true
}

/** Whether there is such a kind. */
export function isKindName(name: string): name is KindName {
  return Object.hasOwn(kinds, name)
}

/** Injects a fault, has it last, and ends it; tells when it began and ended. */
export async function goThrough(
  kind: KindName,
  world: World,
  lastsMs: number,
  now: () => number,
): Promise<{ readonly what: string; readonly fromNs: number; readonly toNs: number }> {
  const fromNs = now()
  const fault = await kinds[kind].inject(world)
  await rest(lastsMs)
  await fault.end()
  return { what: fault.what, fromNs, toNs: now() }
}
