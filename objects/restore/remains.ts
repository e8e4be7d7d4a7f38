/**
 * What a blob store holds of a log: the newest state that can be had of it, and how far everything was given out.
 *
 *     mark ─ newest checkpoint that verifies ─ ranges behind it, without a hole ─▶ the state below `below`
 *                                                └ damaged, or missing: what is behind it is lost
 *
 * Reads only. Keeps: C3, C4. Read next: `restore.ts`, `../../log/archive/incarnations.ts`.
 */
import { rangeWith, type ArchiveSource } from '../../log/archive/archive-reader.ts'
import type { BlobOptions, Blobs } from '../../log/archive/blobs.ts'
import { lineageOf, type Incarnation, type Lineage } from '../../log/archive/incarnations.ts'
import { readStoreMark } from '../../log/archive/store-mark.ts'
import { SirtakiError, asError, isError } from '../../log/errors.ts'
import type { Limits } from '../../log/limits.ts'
import type { Ports } from '../../log/ports.ts'
import { readCheckpoint, type Checkpoint } from '../checkpoints/reader.ts'
import { ROOT_STREAM, withOurs } from '../client.ts'
import { offlineLog } from '../past/offline.ts'
import type { AnyObjectType } from '../runtime/object-type.ts'
import type { CheckpointSource, StoredSpace } from '../runtime/stored-space.ts'
import { View } from '../runtime/view.ts'

/** Playing what was archived takes as long as it takes. */
const PATIENT_MS = 2 ** 31 - 1

/** From where, and with what code. */
export interface RemainsOptions extends BlobOptions {
  readonly blobs: Blobs
  readonly types: readonly AnyObjectType[]
  readonly ports: Pick<Ports, 'clock' | 'random'>
  readonly limits: Limits
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
}

/**
 * Reads what there is.
 *
 * @throws SirtakiError `BAD_ARGUMENT` where there is nothing; `DAMAGED` where there are checkpoints, and none can be
 *   read; `CODE_MISSING`; as `Blobs.get`.
 */
export async function remainsOf(options: RemainsOptions): Promise<Remains> {
  const { blobs, types, ports, limits, signal, timeoutMs } = options
  const mark = await readStoreMark(blobs, { signal, timeoutMs })
  if (mark === undefined) {
    throw new SirtakiError('BAD_ARGUMENT', `the store at ${blobs.address} holds nothing of any cluster: name another`)
  }
  const passedOver: SirtakiError[] = []
  const noted = (error: SirtakiError) => passedOver.push(error)
  const reading = {
    blobs,
    space: ROOT_STREAM,
    clock: ports.clock,
    signal,
    timeoutMs,
    lineage: mark.lineage,
    passedOver: noted,
  }
  const checkpoint = await readCheckpoint(reading)
  const newest = mark.incarnations.at(-1)
  const first = mark.lineage.spans[0]?.cluster ?? ''
  const owner = checkpoint?.manifest.cluster ?? newest?.restored.cluster ?? first
  const unfinished = newest?.cluster === owner ? undefined : newest
  const lineage = lineageOf(first, mark.incarnations.slice(0, 1 + mark.incarnations.findIndex(isOf(owner))))
  const source = { blobs, limits, signal, timeoutMs, lineage }
  const from = checkpoint?.manifest.position ?? lineage.spans.at(-1)?.from ?? 0
  const archived = await endOfArchive(source, from, unfinished?.restored.below ?? Infinity, noted)
  if (archived.below === 0) {
    throw new SirtakiError('BAD_ARGUMENT', `the store at ${blobs.address} has no checkpoint, and no archive from 0 on`)
  }
  const exported = { cluster: owner, from: 0, to: archived.below }
  const log = offlineLog(exported, source, { ...ports, limits })
  const view = new View(log, ROOT_STREAM, withOurs(types), { checkpoints: only(blobs.address, checkpoint) })
  try {
    await view.sync({ signal, timeoutMs: PATIENT_MS })
    const snapshot = view.space.snapshot()
    const skips = await view.skipsBelow(archived.below, { signal, timeoutMs: PATIENT_MS })
    const { time, epoch, wallOffset } = view.space
    return {
      lineage,
      incarnations: mark.incarnations,
      unfinished,
      below: archived.below,
      horizon: archived.horizon,
      epoch,
      time,
      wall: time + wallOffset,
      checkpoint: checkpoint && { n: checkpoint.manifest.n, position: checkpoint.manifest.position },
      stored: { position: archived.below, snapshot, skips },
      passedOver,
    }
  } finally {
    view.close()
  }
}

const isOf =
  (cluster: string) =>
  (one: Incarnation): boolean =>
    one.cluster === cluster

/** Where the ranges that join from a position on end, at most at `most`; the highest horizon of them. */
async function endOfArchive(
  source: ArchiveSource,
  from: number,
  most: number,
  noted: (error: SirtakiError) => void,
): Promise<{ readonly below: number; readonly horizon: number }> {
  let [below, horizon] = [from, from]
  try {
    while (below < most) {
      const range = await rangeWith(source, below)
      if (range === undefined) break
      horizon = Math.max(horizon, range.horizon)
      below = range.to
    }
  } catch (thrown) {
    if (!isError(thrown, 'DAMAGED', 'WRONG_CLUSTER')) throw thrown
    noted(asError(thrown))
  }
  return { below: Math.min(below, most), horizon }
}

/** One checkpoint, and no other. */
const only = (address: string, checkpoint: Checkpoint | undefined): CheckpointSource => ({
  address,
  newest: (before) => {
    const isBelow = checkpoint !== undefined && checkpoint.manifest.position <= before
    if (!isBelow) return Promise.resolve(undefined)
    const { manifest, snapshot } = checkpoint
    return Promise.resolve({ position: manifest.position, snapshot, skips: manifest.skips })
  },
  played: () => undefined,
  replaced: () => undefined,
})
