/**
 * What a store says of itself: a nonce that the log keeps too, and the cluster that it was made for.
 *
 *     store.json {"format":1,"nonce":"...","cluster":"..."}
 *
 * Two stores may have one address, as seen from two machines or before and after a disk was lost: a trim that relied on
 * checkpoints in another one would shut everybody else out. Keeps: P62. Read next: `incarnations.ts` (whose
 * it is since), `../../objects/retention/trim.ts`.
 */
import { integer, is, string, type } from 'superstruct'
import { SirtakiError } from '../errors.ts'
import type { Random } from '../ports.ts'
import type { BlobOptions, Blobs } from './blobs.ts'
import { incarnationKeys, lineageOf, listIncarnations, type Incarnation, type Lineage } from './incarnations.ts'
import { damagedBlob, readJson } from './sealed.ts'

const KEY = 'store.json'
const FORMAT = 1
const Mark = type({ format: integer(), nonce: string(), cluster: string() })

/** Keys of all that a store says of itself. @throws as `Blobs.list`. */
export async function markKeys(blobs: Blobs, options?: BlobOptions): Promise<string[]> {
  const isMarked = (await blobs.get(KEY, options)) !== undefined
  return isMarked ? [KEY, ...(await incarnationKeys(blobs, options))] : []
}

/** A store as it marks itself. */
export interface MarkedStore {
  readonly nonce: string
  /** The cluster that it belongs to, and those before. */
  readonly lineage: Lineage
  readonly incarnations: readonly Incarnation[]
}

/**
 * What a store says of itself; `undefined`: nobody has written to it.
 *
 * @throws SirtakiError `DAMAGED`, `UNSUPPORTED`; as `Blobs.get`.
 */
export async function readStoreMark(blobs: Blobs, options?: BlobOptions): Promise<MarkedStore | undefined> {
  const bytes = await blobs.get(KEY, options)
  if (bytes === undefined) return undefined
  const { nonce, cluster } = readMark(blobs, bytes)
  const incarnations = await listIncarnations(blobs, options)
  return { nonce, lineage: lineageOf(cluster, incarnations), incarnations }
}

/**
 * What a store says of itself, where it is this cluster's.
 *
 * @throws SirtakiError `WRONG_CLUSTER` for another cluster's; as `readStoreMark`.
 */
export async function storeOf(blobs: Blobs, cluster: string, options?: BlobOptions): Promise<MarkedStore | undefined> {
  const mark = await readStoreMark(blobs, options)
  if (mark !== undefined && mark.lineage.cluster !== cluster) throw othersStore(blobs, mark.lineage, cluster)
  return mark
}

/**
 * The nonce of a store, which is given one if it has none.
 *
 * @throws SirtakiError `WRONG_CLUSTER` for another cluster's; `UNSUPPORTED` for a later format; `DAMAGED`; as
 *   `Blobs.putNew`.
 */
export async function markStore(
  blobs: Blobs,
  cluster: string,
  { random, ...options }: BlobOptions & { readonly random: Random },
): Promise<string> {
  const known = await storeOf(blobs, cluster, options)
  if (known !== undefined) return known.nonce
  const mark = { format: FORMAT, nonce: random.id(), cluster }
  await blobs.putNew(KEY, new TextEncoder().encode(JSON.stringify(mark)), options)
  const made = await storeOf(blobs, cluster, options)
  if (made === undefined) throw damagedBlob(KEY, 'the store did not give back what it took')
  return made.nonce
}

function readMark({ address }: Blobs, bytes: Uint8Array): { readonly nonce: string; readonly cluster: string } {
  const mark = readJson(KEY, bytes)
  if (!is(mark, Mark)) throw damagedBlob(KEY, 'it is no mark of a store')
  if (mark.format > FORMAT) {
    throw new SirtakiError(
      'UNSUPPORTED',
      `the blobs at ${address} have format ${mark.format}, this is ${FORMAT}: upgrade`,
    )
  }
  return mark
}

/** The error of a store that was made for another cluster, or that another one was restored from. */
function othersStore({ address }: Blobs, { cluster: owner, spans }: Lineage, cluster: string): SirtakiError {
  const isOlder = spans.some((one) => one.cluster === cluster)
  const what = isOlder
    ? `the blobs at ${address} are those of cluster ${owner}, which was restored from this one, ${cluster}: nothing `
      + 'is written there any more'
    : `the blobs at ${address} are those of cluster ${owner}, this is ${cluster}: name another prefix`
  return new SirtakiError('WRONG_CLUSTER', what, { facts: { address, cluster: owner } })
}
