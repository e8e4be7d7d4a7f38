/**
 * The blob store that a command names, with the checkpoints of the cluster in it.
 *
 * Read next: `../../log/io/blobs.ts`, `../../objects/checkpoints/checkpoints.ts`.
 */
import { Blobs } from '../../log/archive/blobs.ts'
import { openBlobs } from '../../log/io/blobs.ts'
import { systemClock } from '../../log/io/clock.ts'
import { systemRandom } from '../../log/io/random.ts'
import { Checkpoints, type CheckpointsOptions } from '../../objects/checkpoints/checkpoints.ts'
import type { Reading } from '../../objects/checkpoints/reader.ts'
import { ROOT_STREAM } from '../../objects/client.ts'
import type { Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { limitsOf, withLog } from './open-log.ts'

/** How long a command waits for one answer of the store, at least: one that restarts is back before. */
const PATIENCE_MS = 10_000

/** What a command has of a store. */
export interface BlobsOfCluster {
  readonly blobs: Blobs
  readonly checkpoints: Checkpoints
  readonly reading: Reading
}

/**
 * Opens the store, runs `use` and closes it.
 *
 * @throws Failure where none is named; SirtakiError `BAD_ADDRESS`; as `withLog`; as the store does.
 */
export async function withBlobs<T>(context: Context, use: (store: BlobsOfCluster) => Promise<T>): Promise<T> {
  const { output, signal } = context
  const address = requireBlobs(context)
  const store = openBlobs(address)
  try {
    const cluster = await withLog(context, async (log) => (await log.layout()).cluster)
    const limits = limitsOf(context)
    const blobs = new Blobs(store, systemPorts, { ...limits, blobMs: Math.max(limits.requestMs, PATIENCE_MS) })
    const passedOver = (error: Error): void => {
      output.talk(`passed over: ${error.message}`)
    }
    const checkpoints = checkpointsIn(blobs, { cluster, limits, passedOver })
    return await use({ blobs, checkpoints, reading: await checkpoints.reading({ signal }) })
  } finally {
    store.close()
  }
}

/** What a store needs of this process. */
export const systemPorts = { clock: systemClock, random: systemRandom }

/** The checkpoints in a store, of a cluster whose id is known. */
export const checkpointsIn = (
  blobs: Blobs,
  { cluster, ...options }: Pick<CheckpointsOptions, 'limits' | 'passedOver'> & { readonly cluster: string },
): Checkpoints =>
  new Checkpoints({
    ...options,
    blobs,
    cluster: () => Promise.resolve(cluster),
    space: ROOT_STREAM,
    ports: systemPorts,
  })

/** The address of the store. @throws Failure where none is named. */
export function requireBlobs({ blobs }: Context): string {
  if (blobs !== undefined) return blobs
  throw new Failure(exits.usage, 'no blob store is named: --blobs s3://bucket/prefix?endpoint=URL or file:FOLDER')
}
