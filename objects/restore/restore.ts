/**
 * Restore: another cluster goes on with the state that a blob store has of one that is lost.
 *
 *     remains ─ claim the store ─ genesis far above ─▶ restored {cluster, below} ─ trim ─ checkpoint, noted
 *                 └ another one claimed it: CONFLICT
 *
 *     old log  0 ───── archived ─────┤ below ··· lost ··· horizon        2^40 positions          from ──▶ new log
 *
 * Nothing is given out twice: positions go on 2^40 above the horizon of the archive, epochs 2^20 above its last one,
 * log time with the later of its own and the wall's. So fencing tokens still grow, and whatever the old cluster did
 * behind its last range is below everything new. Its members and clients are refused by the cluster's id, and it writes
 * nothing to the store any more. Its sessions end with the first entry. A restore that dies is finished by another one
 * with the same units.
 *
 * A flow; genesis and a sequencer for the while are its caller's. Keeps: L5, Q1, O5, C5. Read next: `remains.ts`,
 * `../../log/epochs/genesis.ts`, `../../tools/commands/restore.ts`.
 */
import type { BlobOptions, Blobs } from '../../log/archive/blobs.ts'
import { claimStore, type Incarnation } from '../../log/archive/incarnations.ts'
import type { CallOptions } from '../../log/cluster/calls.ts'
import { SirtakiError } from '../../log/errors.ts'
import type { Ports } from '../../log/ports.ts'
import { encodeRestored } from '../../sequencer/session-entry.ts'
import type { Checkpoints } from '../checkpoints/checkpoints.ts'
import { ObjectClient, ROOT_STREAM, type WrittenCheckpoint } from '../client.ts'
import type { AnyObjectType } from '../runtime/object-type.ts'
import type { SpaceLog } from '../runtime/space-log.ts'
import { onlyStored } from '../runtime/stored-space.ts'
import { seenIn, type Remains } from './remains.ts'

/** What was granted behind the last range is below: at a million appends a second it takes 12 days to get there. */
export const POSITIONS_APART = 2 ** 40
/** The same of epochs. */
export const EPOCHS_APART = 2 ** 20
const SESSIONS_STREAM = 0

/** For whom a store is claimed. */
export interface Claiming {
  /** Addresses of blank units, by chain. */
  readonly units: readonly (readonly string[])[]
  readonly ports: Pick<Ports, 'clock' | 'random'>
  /** Give up a restore that claimed the store for other units and has stored nothing. */
  readonly again?: boolean | undefined
}

/** Where the cluster begins that goes on with what is left. */
export function incarnationOf(
  { lineage, incarnations, below, horizon, epoch, time, seen }: Remains,
  { cluster, units, wall }: Pick<Incarnation, 'cluster' | 'wall'> & Pick<Claiming, 'units'>,
): Incarnation {
  return {
    n: (incarnations.at(-1)?.n ?? 0) + 1,
    cluster,
    // Also above where one that was given up may have begun.
    from: Math.max(horizon, below, ...incarnations.map((one) => one.from)) + POSITIONS_APART,
    epoch: Math.max(epoch, ...incarnations.map((one) => one.epoch)) + EPOCHS_APART,
    logTime: Math.max(time, wall),
    units: units.map((chain) => [...chain]),
    restored: { cluster: lineage.cluster, below, horizon },
    manifests: seen.manifests,
    wall,
  }
}

/**
 * Claims the store for another cluster, or goes on with the claim of a restore of the same units that died.
 *
 * @throws SirtakiError `CONFLICT` (next `stop`) where another restore is under way, or was quicker; as `Blobs.putNew`.
 */
export async function claimFor(
  blobs: Blobs,
  remains: Remains,
  { units, ports, again = false }: Claiming,
  options?: BlobOptions,
): Promise<Incarnation> {
  const { unfinished, below, lineage } = remains
  if (unfinished !== undefined && !again) {
    const { restored } = unfinished
    const isSame = restored.below === below && restored.cluster === lineage.cluster
    if (isSame && JSON.stringify(unfinished.units) === JSON.stringify(units)) return unfinished
    throw new SirtakiError(
      'CONFLICT',
      `a restore to the units ${unfinished.units.flat().join(', ')} was begun and has not finished: run it again with `
        + 'those units, or give it up with --again',
      { next: 'stop', facts: { cluster: unfinished.cluster, units: unfinished.units } },
    )
  }
  // What is left was read some time ago: a cluster that lives has stored more since, and removed some of it perhaps.
  if (JSON.stringify(await seenIn(blobs, below, options)) !== JSON.stringify(remains.seen)) {
    throw new SirtakiError('CONFLICT', `cluster ${lineage.cluster} still writes to the store: end it, and try again`, {
      next: 'stop',
      facts: { cluster: lineage.cluster },
    })
  }
  const wall = Math.floor(ports.clock.wall())
  const incarnation = incarnationOf(remains, { cluster: ports.random.id(), units, wall })
  if (await claimStore(blobs, incarnation, options)) return incarnation
  throw new SirtakiError('CONFLICT', 'another restore from this store was quicker: look what came of it', {
    next: 'stop',
    facts: { n: incarnation.n },
  })
}

/** What is brought into the new log. */
export interface Refilling {
  readonly remains: Remains
  readonly incarnation: Incarnation
  readonly types: readonly AnyObjectType[]
  readonly checkpoints: Checkpoints
}

/** What a restore has come to. */
export interface Restored extends WrittenCheckpoint {
  /** Sessions that ended with it. */
  readonly sessions: number
}

/**
 * Begins the new log with what is left: ends the old sessions, and writes the first checkpoint.
 *
 * @throws as any append, `ObjectClient.trim`, `ObjectClient.checkpoint`.
 */
export async function refill(
  log: SpaceLog,
  { remains, incarnation, types, checkpoints }: Refilling,
  options: CallOptions,
): Promise<Restored> {
  const { stored, lineage, below } = remains
  const source = onlyStored(checkpoints.address, { ...stored, position: incarnation.from })
  await log.append(encodeRestored(lineage.cluster, below), { streams: [SESSIONS_STREAM, ROOT_STREAM], ...options })
  await using client = new ObjectClient(log, { name: 'restore', types, checkpoints, stored: source })
  await client.sync(options)
  await client.trim({ ...options, before: incarnation.from, force: true })
  // The store that it was restored from is its store now, whatever the state says.
  const written = await client.checkpoint({ ...options, moves: true })
  return { ...written, sessions: stored.snapshot.sessions.length }
}
