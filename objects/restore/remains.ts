/**
 * What a blob store holds of a log: the newest state that can be had of it, and how far everything was given out.
 *
 *     mark ─ newest checkpoint that verifies ─ ranges behind it, without a hole ─▶ the state below `below`
 *                                                └ damaged, or missing: what is behind it is lost
 *
 * Reads only. Keeps: C3, C4. Read next: `restore.ts`, `../../log/archive/incarnations.ts`.
 */
import { rangeEnds, rangeWith, type ArchiveSource } from '../../log/archive/archive-reader.ts'
import type { BlobOptions, Blobs } from '../../log/archive/blobs.ts'
import { lineageOf, type Incarnation, type Lineage } from '../../log/archive/incarnations.ts'
import { readStoreMark } from '../../log/archive/store-mark.ts'
import { SirtakiError, asError, isError } from '../../log/errors.ts'
import type { Limits } from '../../log/limits.ts'
import type { Ports } from '../../log/ports.ts'
import { decodeManifest, manifestNumber } from '../checkpoints/manifest.ts'
import { manifestKeys, readCheckpoint, storedOf, type Checkpoint } from '../checkpoints/reader.ts'
import { ROOT_STREAM, withOurs } from '../client.ts'
import { offlineLog } from '../past/offline.ts'
import type { AnyObjectType } from '../runtime/object-type.ts'
import { onlyStored, type StoredSpace } from '../runtime/stored-space.ts'
import { View } from '../runtime/view.ts'

/** Playing what was archived takes as long as it takes. */
const PATIENT_MS = 2 ** 31 - 1

/** From where, and with what code. */
export interface RemainsOptions extends BlobOptions {
  readonly blobs: Blobs
  readonly types: readonly AnyObjectType[]
  readonly ports: Pick<Ports, 'clock' | 'random'>
  readonly limits: Limits
  /** Pass over a restore that has not finished, or one of whose cluster nothing can be read. */
  readonly again?: boolean | undefined
}

/** What is left of a log. */
export interface Remains {
  /** The clusters that it was of; the last one is the one that can be gone on with. */
  readonly lineage: Lineage
  /** All that have claimed the store. */
  readonly incarnations: readonly Incarnation[]
  /** One that claimed the store and has stored nothing: its restore died, or is under way. */
  readonly unfinished: Incarnation | undefined
  /** Exclusive: the state of everything below it. */
  readonly below: number
  /** No position at or above it was granted when the newest range was written, nor was the state's own. */
  readonly horizon: number
  readonly epoch: number
  /** Of the last entry: log time, and the same by the sequencer's clock. */
  readonly time: number
  readonly wall: number
  readonly checkpoint: { readonly n: number; readonly position: number } | undefined
  readonly stored: StoredSpace
  /** What is damaged, and was passed over. */
  readonly passedOver: readonly SirtakiError[]
  /** What the store had when it was read: where that differs later, somebody writes to it. */
  readonly seen: Seen
}

/** What a store has. */
export interface Seen {
  /** The highest number of a checkpoint. */
  readonly manifests: number
  /** Ends of the ranges behind `below`. */
  readonly ends: readonly number[]
}

/** Looks what a store has now. @throws as `Blobs.list`. */
export async function seenIn(blobs: Blobs, below: number, options?: BlobOptions): Promise<Seen> {
  const [newest = ''] = await manifestKeys({ ...options, blobs })
  return { manifests: manifestNumber(newest) ?? 0, ends: await rangeEnds({ ...options, blobs }, below) }
}

/**
 * Reads what there is.
 *
 * @throws SirtakiError `BAD_ARGUMENT` where there is nothing; `DAMAGED` where nothing can be read, or nothing of the
 *   cluster that had the store last; `CODE_MISSING`; as `Blobs.get`.
 */
export async function remainsOf(options: RemainsOptions): Promise<Remains> {
  const { blobs, types, ports, limits, signal, timeoutMs, again = false } = options
  const mark = await readStoreMark(blobs, { signal, timeoutMs })
  if (mark === undefined) {
    throw new SirtakiError('BAD_ARGUMENT', `the store at ${blobs.address} holds nothing of any cluster: name another`)
  }
  const { incarnations } = mark
  const first = mark.lineage.spans[0]?.cluster ?? ''
  const newest = incarnations.at(-1)
  const unfinished =
    newest === undefined || (await hasStored(blobs, newest, { signal, timeoutMs })) ? undefined : newest
  const passedOver: SirtakiError[] = []
  const flow = { blobs, limits, signal, timeoutMs, ports, noted: (error: SirtakiError) => passedOver.push(error) }
  const owner = unfinished?.restored.cluster ?? newest?.cluster ?? first
  const most = again ? Infinity : (unfinished?.restored.below ?? Infinity)
  let lineage = lineageOf(first, incarnations, owner)
  const read = await endOf({ ...flow, lineage }, most)
  const before = lineage.spans.at(-2)
  if (before !== undefined && read.below < (lineage.spans.at(-1)?.from ?? 0)) {
    if (!again) throw nothingOf(owner, before.cluster)
    lineage = lineageOf(first, incarnations, before.cluster)
  }
  const { below, horizon, checkpoint } = read
  if (below === 0) {
    throw new SirtakiError('BAD_ARGUMENT', `the store at ${blobs.address} has no checkpoint, and no archive from 0 on`)
  }
  const log = offlineLog({ cluster: lineage.cluster, from: 0, to: below }, { ...flow, lineage }, { ...ports, limits })
  const view = new View(log, ROOT_STREAM, withOurs(types), {
    checkpoints: onlyStored(blobs.address, checkpoint && storedOf(checkpoint)),
  })
  try {
    await view.sync({ signal, timeoutMs: PATIENT_MS })
    const snapshot = view.space.snapshot()
    const skips = await view.skipsBelow(below, { signal, timeoutMs: PATIENT_MS })
    const { time, epoch, wallOffset } = view.space
    return {
      lineage,
      incarnations,
      unfinished,
      below,
      horizon,
      epoch,
      time,
      wall: time + wallOffset,
      checkpoint: checkpoint && { n: checkpoint.manifest.n, position: checkpoint.manifest.position },
      stored: { position: below, snapshot, skips },
      passedOver,
      seen: await seenIn(blobs, below, { signal, timeoutMs }),
    }
  } finally {
    view.close()
  }
}

const nothingOf = (owner: string, before: string): SirtakiError =>
  new SirtakiError(
    'DAMAGED',
    `nothing can be read of what cluster ${owner} has stored, which had the store last: put it back, or go on with the `
      + `one before, ${before}, by --again`,
    { facts: { cluster: owner, before } },
  )

/**
 * Whether one that claimed a store has stored anything, readable or not: then its positions were given out.
 *
 * @throws as `Blobs.get`.
 */
async function hasStored(blobs: Blobs, { cluster, from, manifests }: Incarnation, flow: BlobOptions): Promise<boolean> {
  if ((await rangeEnds({ ...flow, blobs }, from, 1)).length > 0) return true
  for (const key of await manifestKeys({ ...flow, blobs })) {
    if ((manifestNumber(key) ?? 0) <= manifests) return false
    const bytes = await blobs.get(key, flow)
    if (bytes !== undefined && mayBeOf(cluster, key, bytes)) return true
  }
  return false
}

/** Whether a manifest is a cluster's. What cannot be read may be anybody's. */
function mayBeOf(cluster: string, key: string, bytes: Uint8Array): boolean {
  try {
    return decodeManifest(key, bytes).cluster === cluster
  } catch (thrown) {
    if (!isError(thrown, 'DAMAGED')) throw thrown
    return true
  }
}

interface Looking extends ArchiveSource {
  readonly ports: Pick<Ports, 'clock'>
  noted(error: SirtakiError): void
}
interface Found {
  readonly below: number
  readonly horizon: number
  readonly checkpoint: Checkpoint | undefined
}

/** The newest checkpoint, and where the ranges that join behind it end, at most at `most`. */
async function endOf(source: Looking, most: number): Promise<Found> {
  const { lineage, noted } = source
  const checkpoint = await newestOf(source, most)
  const from = checkpoint?.manifest.position ?? 0
  let [below, horizon] = [from, from]
  try {
    for (let at = lineage.after(below); at < most; at = lineage.after(below)) {
      const range = await rangeWith(source, at)
      if (range === undefined) break
      horizon = Math.max(horizon, range.horizon)
      below = range.to
    }
  } catch (thrown) {
    if (!isError(thrown, 'DAMAGED', 'WRONG_CLUSTER')) throw thrown
    noted(asError(thrown))
  }
  return { below: Math.min(below, most), horizon, checkpoint }
}

/** @throws SirtakiError `DAMAGED` where there are some, none can be read, and the archive does not begin at 0. */
async function newestOf(source: Looking, most: number): Promise<Checkpoint | undefined> {
  const { ports, noted, limits: _, ...rest } = source
  try {
    return await readCheckpoint({ ...rest, space: ROOT_STREAM, clock: ports.clock, passedOver: noted }, most)
  } catch (thrown) {
    const hasAll = isError(thrown, 'DAMAGED') && (await rangeWith(source, 0)) !== undefined
    if (!hasAll) throw thrown
    noted(thrown)
    return undefined
  }
}
