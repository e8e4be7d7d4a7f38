/**
 * Rows about many: a tree of a million nodes, ten thousand watchers, ten thousand sessions.
 *
 * What they cost in a process is measured there (`scale-loads.ts`), in CPU seconds, which the neighbours of this
 * machine move less than times. Read next: `specials.ts`.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BenchClient, BenchCluster } from './cluster.ts'
import { usageOf } from './processes.ts'
import { scaled, type Special, type SpecialContext } from './special.ts'

const NODES = 1_000_000
const FEW_NODES = 1_000
const NODE_BYTES = 64
const OPS = 50_000
const MANY = 10_000
const HEARTBEATS_MS = 20_000
const SETTLE_MS = 2_000

const startOwn = ({ processes, folder }: SpecialContext, name: string): Promise<BenchCluster> =>
  BenchCluster.start(processes, join(folder, name), { chains: 1, unix: false })
const count = (value: number): string => value.toLocaleString('en')

/** What a process holds that has played a tree, after a collection. */
const memory: Special = {
  name: 'memory.znodes',
  async run(context) {
    const cluster = await startOwn(context, 'memory')
    const { address, client } = cluster
    const nodes = scaled(context, NODES)
    context.progress(`memory.znodes: ${count(nodes)} nodes`)
    await client.ask({ load: 'fillTree', address, nodes, bytes: NODE_BYTES })
    const reader = await BenchClient.start(context.processes)
    const { figures } = await reader.ask({ load: 'treeMemory', address, nodes })
    const note = `${count(nodes)} nodes of ${NODE_BYTES} B, played by a process that does nothing else`
    for (const what of ['heap', 'rss'] as const) {
      const value = Math.round(figures?.[what] ?? NaN)
      context.tell({ name: `memory.znodes.${what}`, system: 'sirtaki', value, unit: 'MB', note })
    }
    await context.processes.kill(reader.child)
    await cluster.stop()
  },
}

/** A node is given other data, 64 at a time, in a tree of many nodes and in one of few. */
const manyNodes: Special = {
  name: 'op.1M-nodes',
  async run(context) {
    const cluster = await startOwn(context, 'op')
    const { address, client } = cluster
    const nodes = scaled(context, NODES)
    const few = Math.min(FEW_NODES, nodes)
    const ops = scaled(context, OPS)
    const cost = async (all: number): Promise<number> => {
      await client.ask({ load: 'fillTree', address, nodes: all, bytes: NODE_BYTES })
      await client.ask({ load: 'treeOps', address, nodes: all, ops })
      return (await client.ask({ load: 'treeOps', address, nodes: all, ops })).figures?.cpuUs ?? NaN
    }
    const before = await cost(few)
    context.progress(`op.1M-nodes: ${count(nodes)} nodes`)
    const after = await cost(nodes)
    context.tell({
      name: 'op.1M-nodes',
      system: 'sirtaki',
      value: after,
      unit: 'us of the client',
      note:
        `a set at ${count(nodes)} nodes, ${(after / before).toFixed(2)} times the ${before.toFixed(1)} us at `
        + count(few),
    })
    await cluster.stop()
  },
}

const watchers: Special = {
  name: 'watch.10k',
  async run(context) {
    const cluster = await startOwn(context, 'watch')
    const { address, client } = cluster
    const ops = scaled(context, OPS * 4)
    const watched = scaled(context, MANY)
    const cost = async (): Promise<number> =>
      (await client.ask({ load: 'watchedOps', address, ops })).figures?.cpuUs ?? NaN
    await cost()
    const before = await cost()
    context.progress(`watch.10k: ${count(watched)} watchers`)
    await client.ask({ load: 'watchers', address, watchers: watched })
    const after = await cost()
    context.tell({
      name: 'watch.10k',
      system: 'sirtaki',
      value: after - before,
      unit: 'us an unrelated entry',
      note:
        `${count(watched)} watchers of other objects; an increment costs the client ${after.toFixed(1)} us, without `
        + `watchers ${before.toFixed(1)}`,
    })
    await cluster.stop()
  },
}

/** Sessions of 10 s, of one client, that do nothing but live. */
const heartbeats: Special = {
  name: 'heartbeat.10k',
  async run(context) {
    const cluster = await startOwn(context, 'heartbeat')
    const { address, client, sequencer } = cluster
    const ms = context.scale < 1 ? SETTLE_MS : HEARTBEATS_MS
    const parts = { sequencer: sequencer.pid ?? 0, client: client.pid }
    const used = async (): Promise<Record<keyof typeof parts, number>> => {
      await sleep(SETTLE_MS)
      const cpu = () => [parts.sequencer, parts.client].map((pid) => usageOf(pid)?.cpuSeconds ?? 0)
      const before = cpu()
      await sleep(ms)
      const [of = NaN, by = NaN] = cpu().map((one, i) => ((one - (before[i] ?? 0)) / ms) * 1e5)
      return { sequencer: of, client: by }
    }
    const sessions = scaled(context, MANY)
    await client.ask({ load: 'sessions', address, sessions: 1 })
    const idle = await used()
    context.progress(`heartbeat.10k: ${count(sessions)} sessions`)
    await client.ask({ load: 'sessions', address, sessions })
    const busy = await used()
    for (const who of ['sequencer', 'client'] as const) {
      context.tell({
        name: `heartbeat.10k.${who}`,
        system: 'sirtaki',
        value: busy[who],
        unit: '% of a core',
        note: `${count(sessions)} sessions of 10 s in one client; ${idle[who].toFixed(1)} % with one session`,
      })
    }
    await cluster.stop()
  },
}

/** All of them. */
export const scales: readonly Special[] = [memory, manyNodes, watchers, heartbeats]
