/**
 * What a client process of the bench does with checkpoints and the archive: writes one beside its view, begins with
 * one, plays instead; plays the past; archives.
 *
 * Read next: `checkpoint-rows.ts`.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { openBlobs } from '../../log/io/blobs.ts'
import { connect, type Client } from '../../objects/connect.ts'
import { predicateOf } from '../../objects/past/until.ts'
import { TREE, type Figures } from './scale-loads.ts'

/** What a client process is asked for. `blobs` of `begin` is absent where it plays the log in place of a checkpoint. */
export type CheckpointAsk =
  | { readonly load: 'checkpoint'; readonly address: string; readonly blobs: string }
  | { readonly load: 'begin'; readonly address: string; readonly blobs: string | undefined }
  | { readonly load: 'history'; readonly address: string; readonly blobs: string; readonly until?: string }
  | { readonly load: 'archive'; readonly address: string; readonly blobs: string; readonly ms: number }

const loads: readonly string[] = ['checkpoint', 'begin', 'history', 'archive']
/** Tells them from other loads. */
export const isCheckpointAsk = (ask: { readonly load: string }): ask is CheckpointAsk => loads.includes(ask.load)

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
  const { bytes, writtenBytes, records, position } = await client.checkpoint(PATIENCE)
  const ms = performance.now() - began
  delay.disable()
  clearInterval(looking)
  return { ms, bytes, writtenBytes, records, position, stoodStillMs: delay.max / 1e6, moreMb: (most - rss) / 1e6 }
}

/** How long a client takes from nothing to the tail: with checkpoints, or without by playing the log. */
async function begin(address: string, blobs: string | undefined): Promise<Figures> {
  const began = performance.now()
  const store = blobs === undefined ? undefined : openBlobs(blobs)
  await using client = await connect(address, { name: 'cold', blobs: store, ...PATIENCE })
  await client.sync(PATIENCE)
  return { ms: performance.now() - began, objects: client.objects().length }
}

/** Plays all that happened, entry by entry, up to where an expression holds. */
async function playHistory(address: string, blobs: string, until?: string): Promise<Figures> {
  await using client = await connect(address, { name: 'history', blobs: openBlobs(blobs), ...PATIENCE })
  await client.sync(PATIENCE)
  const holds = until === undefined ? undefined : predicateOf(until, TREE)
  const began = performance.now()
  let entries = 0
  for await (const step of client.history(PATIENCE)) {
    entries++
    if (holds?.(step) === true) break
  }
  const ms = performance.now() - began
  return { ms, entries, perSecond: (entries / ms) * 1_000 }
}

/** Archives for some time; which part of a core that took, and how far it was behind. */
async function archiveFor(address: string, blobs: string, ms: number): Promise<Figures> {
  await using client = await connect(address, { name: 'archiver', blobs: openBlobs(blobs), ...PATIENCE })
  await client.archive(PATIENCE)
  const archiver = client.archiver()
  const before = process.cpuUsage()
  await new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
  const { user, system } = process.cpuUsage(before)
  const { tail } = await client.log.tail(PATIENCE)
  await archiver.close()
  await client.sync(PATIENCE)
  return { cpu: (user + system) / 1_000 / ms, behind: tail - (client.retention().archived ?? 0) }
}

/** Runs one of them. */
export function checkpointLoad(ask: CheckpointAsk): Promise<Figures> {
  const { address } = ask
  switch (ask.load) {
    case 'checkpoint':
      return writeCheckpoint(address, ask.blobs)
    case 'begin':
      return begin(address, ask.blobs)
    case 'history':
      return playHistory(address, ask.blobs, ask.until)
    case 'archive':
      return archiveFor(address, ask.blobs, ask.ms)
    default:
      return ask satisfies never
  }
}
