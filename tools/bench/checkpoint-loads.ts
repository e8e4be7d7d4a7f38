/**
 * What a client process of the bench does with checkpoints: writes one beside its view, begins with one, plays instead.
 *
 * Read next: `checkpoint-rows.ts`.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { openBlobs } from '../../log/io/blobs.ts'
import { connect, type Client } from '../../objects/connect.ts'
import type { Figures } from './scale-loads.ts'

const PATIENCE = { timeoutMs: 1_800_000 }

const writers = new Map<string, Client>()

/** Writes a checkpoint of everything, in a process that has played it; what it is, and what it cost that process. */
async function writeCheckpoint(address: string, blobs: string): Promise<Figures> {
  const known = writers.get(address)
  const client = known ?? (await connect(address, { name: 'checkpointer', blobs: openBlobs(blobs), ...PATIENCE }))
  writers.set(address, client)
  await client.sync(PATIENCE)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const rss = process.memoryUsage.rss()
  let most = rss
  const looking = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 20)
  delay.enable()
  const began = performance.now()
  const { bytes, writtenBytes, records } = await client.checkpoint(PATIENCE)
  const ms = performance.now() - began
  delay.disable()
  clearInterval(looking)
  return { ms, bytes, writtenBytes, records, stoodStillMs: delay.max / 1e6, moreMb: (most - rss) / 1e6 }
}

/** How long a client takes from nothing to the tail: with checkpoints, or without by playing the log. */
async function begin(address: string, blobs: string | undefined): Promise<Figures> {
  const began = performance.now()
  const store = blobs === undefined ? undefined : openBlobs(blobs)
  await using client = await connect(address, { name: 'cold', blobs: store, ...PATIENCE })
  await client.sync(PATIENCE)
  return { ms: performance.now() - began, objects: client.objects().length }
}

/** Runs one of them. */
export const checkpointLoad = ({
  load,
  address,
  blobs,
}: {
  readonly load: 'checkpoint' | 'begin'
  readonly address: string
  readonly blobs: string | undefined
}): Promise<Figures> =>
  load === 'checkpoint' && blobs !== undefined ? writeCheckpoint(address, blobs) : begin(address, blobs)
