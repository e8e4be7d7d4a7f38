/**
 * Proves at the start that a store can be written to: it reads back what it wrote and refuses a second conditional
 * PUT. One that overwrites would let two checkpointers destroy each other's manifests.
 *
 * For writers: readers put nothing. Keeps: C5, P42. Read next: `blobs.ts`.
 */
import { sameBytes } from '../bytes/bytes.ts'
import { SirtakiError } from '../errors.ts'
import type { Random } from '../ports.ts'
import type { BlobOptions, Blobs } from './blobs.ts'

const PREFIX = 'preflight/'
const encoder = new TextEncoder()

/**
 * Writes, reads, lists and removes a small blob.
 *
 * @throws SirtakiError `UNSUPPORTED` for a store that has not what is needed; as `Blobs.put` and `Blobs.get`.
 */
export async function preflight(blobs: Blobs, random: Random, options?: BlobOptions): Promise<void> {
  const key = PREFIX + random.id()
  const [first, second] = [encoder.encode(`first ${random.id()}`), encoder.encode(`second ${random.id()}`)]
  try {
    require(blobs, await blobs.putNew(key, first, options), 'it refused a conditional PUT of a key that is not there')
    require(blobs, await isThere(blobs, key, first, options), 'it did not give back what was just stored')
    const isRefused = !(await blobs.putNew(key, second, options))
    require(blobs, isRefused, 'it does not refuse a conditional PUT (If-None-Match: *) of a key that is there')
    require(blobs, await isThere(blobs, key, first, options), 'a refused conditional PUT changed what was there')
    const keys = await blobs.list(PREFIX, options)
    require(blobs, keys.includes(key), 'it does not list what was just stored')
  } finally {
    await blobs.remove([key], options).catch(() => undefined)
  }
}

const isThere = async (blobs: Blobs, key: string, bytes: Uint8Array, options?: BlobOptions): Promise<boolean> => {
  const there = await blobs.get(key, options)
  return there !== undefined && sameBytes(there, bytes)
}

/** @throws SirtakiError `UNSUPPORTED`. */
function require({ address }: Blobs, holds: boolean, reason: string): void {
  if (holds) return
  throw new SirtakiError(
    'UNSUPPORTED',
    `the blob store ${address} cannot be used: ${reason}. Use one with conditional writes, or a newer version of it`,
    { facts: { address } },
  )
}
