/**
 * Rows of checkpoints: a tree of a million nodes is written, changed, begun with, and played in place of that.
 *
 *     nodes, each written again ─ checkpoint ─ cold start │ replay ─ 1 % changed ─ checkpoint
 *
 * They go to a folder, or to the store that SIRTAKI_BLOBS names (a MinIO beside). Read next: `checkpoint-loads.ts`.
 */
import { join } from 'node:path'
import { BenchClient, BenchCluster } from './cluster.ts'
import { middleOf } from './measure.ts'
import type { Figures } from './scale-loads.ts'
import { scaled, type Special, type SpecialContext } from './special.ts'

const NODES = 1_000_000
const NODE_BYTES = 64
/** How often each node is written in all. */
const WRITES = 3
const CHANGED = 0.01
const APPENDING = { load: 'append', outstanding: 64, ms: 4_000, bytes: 128 } as const

const checkpoints: Special = {
  name: 'checkpoint.1M-nodes',
  async run(context) {
    const cluster = await BenchCluster.start(context.processes, join(context.folder, 'checkpoint'), {
      chains: 1,
      unix: false,
    })
    const { address, client } = cluster
    const nodes = scaled(context, NODES)
    const blobs = process.env['SIRTAKI_BLOBS'] ?? `file:${join(context.folder, 'checkpoint-blobs')}`
    const sizes = `${nodes.toLocaleString('en')} nodes of ${NODE_BYTES} B, each written ${WRITES} times`
    const tell = (what: string, value: number, unit: string, note: string): void => {
      context.tell({ name: `checkpoint.1M-nodes.${what}`, system: 'sirtaki', value, unit, note })
    }
    context.progress(`checkpoint.1M-nodes: ${sizes}`)
    await client.ask({ load: 'fillTree', address, nodes, bytes: NODE_BYTES })
    for (let write = 1; write < WRITES; write++) await client.ask({ load: 'treeOps', address, nodes, ops: nodes })
    const writer = await BenchClient.start(context.processes)
    const write = async (): Promise<Figures> => (await writer.ask({ load: 'checkpoint', address, blobs })).figures ?? {}
    context.progress('checkpoint.1M-nodes: playing, then writing')
    await write()
    const quiet = (await client.ask({ ...APPENDING, address })).measured.perSecond
    await client.ask({ load: 'treeOps', address, nodes, ops: Math.ceil(nodes * 0.3) })
    const [whole, busy] = await Promise.all([write(), client.ask({ ...APPENDING, address })])
    const { ms = NaN, bytes = NaN, stoodStillMs = NaN, moreMb = NaN } = whole
    tell(
      'write',
      ms / 1_000,
      's',
      `${(bytes / 1e6).toFixed(0)} MB, a base; its process grew by ${moreMb.toFixed(0)} MB`,
    )
    tell('stillstand', stoodStillMs, 'ms', 'the longest that its event loop stood still')
    const lost = (1 - busy.measured.perSecond / quiet) * 100
    tell('appends', lost, '% lost', `64 outstanding beside it; ${quiet.toFixed(0)}/s without`)
    await client.ask({ load: 'treeOps', address, nodes, ops: Math.ceil(nodes * CHANGED) })
    const { writtenBytes = NaN, bytes: all = NaN } = await write()
    tell(
      'delta',
      (writtenBytes / all) * 100,
      '% of the bytes',
      `uploaded after ${CHANGED * 100} % of the nodes changed`,
    )
    const cold = await beginnings(context, address, blobs)
    tell('cold', cold / 1_000, 's', `a new process begins with it: ${sizes}`)
    const played = await beginnings(context, address, undefined)
    tell(
      'replay',
      played / 1_000,
      's',
      `a new process plays the log in place of it: ${(played / cold).toFixed(1)} times`,
    )
    await context.processes.kill(writer.child)
    await cluster.stop()
  },
}

/** The middle of some processes that begin, in milliseconds. */
async function beginnings(context: SpecialContext, address: string, blobs: string | undefined): Promise<number> {
  const times: number[] = []
  const rounds = Math.min(context.rounds, blobs === undefined ? 1 : 3)
  for (let round = 0; round < rounds; round++) {
    const client = await BenchClient.start(context.processes)
    times.push((await client.ask({ load: 'begin', address, blobs })).figures?.['ms'] ?? NaN)
    await context.processes.kill(client.child)
  }
  return middleOf(times)
}

/** All of them. */
export const checkpointRows: readonly Special[] = [checkpoints]
