/**
 * The objects of an export, played without a cluster.
 *
 * Read next: `past.ts`, `../../objects/past/offline.ts`, `../../log/io/pack-blobs.ts`.
 */
import { Blobs } from '../../log/archive/blobs.ts'
import { openPack } from '../../log/io/pack-blobs.ts'
import { ObjectClient } from '../../objects/client.ts'
import { offlineLog, readExport, type Exported } from '../../objects/past/offline.ts'
import type { Context } from '../cli/context.ts'
import { Results } from '../job/results.ts'
import { checkpointsIn, systemPorts } from './blobs.ts'
import { loadTypes } from './code.ts'
import { limitsOf } from './open-log.ts'
import type { PastFlags } from './past.ts'

/** Runs `use` with the objects of an export. @throws SirtakiError `IO`, `DAMAGED`, `UNSUPPORTED`. */
export async function withExport<T>(
  context: Context,
  path: string,
  { code = [] }: PastFlags,
  use: (client: ObjectClient, exported: Exported) => Promise<T>,
): Promise<T> {
  const types = await loadTypes(code)
  const limits = limitsOf(context)
  const blobs = new Blobs(openPack(path), systemPorts, limits)
  const exported = await readExport(blobs)
  const { cluster } = exported
  const checkpoints = checkpointsIn(blobs, { cluster, limits })
  const log = offlineLog(exported, await checkpoints.archive(), { ...systemPorts, limits })
  await using client = new ObjectClient(log, { types: [Results, ...types], checkpoints })
  await client.sync({ signal: context.signal })
  return await use(client, exported)
}
