/**
 * What a store says of itself: a nonce that the log keeps too, and the cluster whose blobs these are.
 *
 *     store.json {"format":1,"nonce":"...","cluster":"..."}
 *
 * Two stores may have one address, as seen from two machines or before and after a disk was lost: a trim that relied on
 * checkpoints in another one would shut everybody else out. Keeps: P62. Read next: `blobs.ts`,
 * `../../objects/retention/trim.ts`.
 */
import { integer, is, string, type } from 'superstruct'
import { SirtakiError } from '../errors.ts'
import type { Random } from '../ports.ts'
import type { BlobOptions, Blobs } from './blobs.ts'
import { damagedBlob } from './sealed.ts'

const KEY = 'store.json'
const FORMAT = 1
const Mark = type({ format: integer(), nonce: string(), cluster: string() })

/** The nonce of a store; `undefined`: nobody has written to it. @throws SirtakiError as `markStore`. */
export async function storeNonce(blobs: Blobs, cluster: string, options?: BlobOptions): Promise<string | undefined> {
  const bytes = await blobs.get(KEY, options)
  return bytes === undefined ? undefined : nonceOf(blobs, cluster, bytes)
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
  const known = await storeNonce(blobs, cluster, options)
  if (known !== undefined) return known
  const mark = { format: FORMAT, nonce: random.id(), cluster }
  await blobs.putNew(KEY, new TextEncoder().encode(JSON.stringify(mark)), options)
  const nonce = await storeNonce(blobs, cluster, options)
  if (nonce === undefined) throw damagedBlob(KEY, 'the store did not give back what it took')
  return nonce
}

function nonceOf({ address }: Blobs, cluster: string, bytes: Uint8Array): string {
  let mark: unknown
  try {
    mark = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw damagedBlob(KEY, 'it cannot be read', cause)
  }
  if (!is(mark, Mark)) throw damagedBlob(KEY, 'it is no mark of a store')
  if (mark.format > FORMAT) {
    throw new SirtakiError(
      'UNSUPPORTED',
      `the blobs at ${address} have format ${mark.format}, this is ${FORMAT}: upgrade`,
    )
  }
  if (mark.cluster === cluster) return mark.nonce
  throw new SirtakiError(
    'WRONG_CLUSTER',
    `the blobs at ${address} are those of cluster ${mark.cluster}, this is ${cluster}: name another prefix`,
    { facts: { address, cluster: mark.cluster } },
  )
}
