/**
 * What a log that is cut costs: two checkpoints, a trim behind them, and a client that begins from nothing.
 *
 *     checkpoint ─ checkpoint ─ trim ─▶ new client: one manifest, its parts, the entries behind ─ same digest?
 *
 * Two, since without an archive the log is kept up to the second newest. Read next: `../../objects/retention/trim.ts`.
 */
import { openBlobs } from '../../log/io/blobs.ts'
import type { Client } from '../../objects/connect.ts'
import { connect } from '../../objects/connect.ts'
import { jobTypes } from './objects.ts'

/** What was done, and how long a new client took. */
export interface ColdStart {
  readonly n: number
  readonly position: number
  readonly records: number
  readonly bytes: number
  /** The first position that is kept, and how many were dropped. */
  readonly trimmedBefore: number
  readonly dropped: number
  readonly coldMs: number
  readonly isSame: boolean
}

/** How often digests are compared: entries of others may come between. */
const LOOKS = 20
const PATIENCE_MS = 60_000

/** Writes, trims, begins anew. @throws SirtakiError as `Client.checkpoint`, `Client.trim`, `connect`. */
export async function startCold(
  client: Client,
  { cluster, blobs, signal }: { readonly cluster: string; readonly blobs: string; readonly signal: AbortSignal },
): Promise<ColdStart> {
  const patient = { signal, timeoutMs: PATIENCE_MS }
  await client.checkpoint(patient)
  const before = client.retention().mark
  const { n, position, records, bytes } = await client.checkpoint(patient)
  const trimmed = await client.trim(patient)
  const store = openBlobs(blobs)
  const began = performance.now()
  try {
    await using cold = await connect(cluster, { name: 'cold', types: jobTypes, blobs: store, ...patient })
    await cold.sync(patient)
    const coldMs = performance.now() - began
    const isSame = await isEqual(client, cold)
    const dropped = trimmed.before - before
    return { n, position, records, bytes, trimmedBefore: trimmed.before, dropped, coldMs, isSame }
  } finally {
    store.close()
  }
}

/** Whether both have one digest at one position. */
async function isEqual(one: Client, other: Client): Promise<boolean> {
  for (let look = 0; look < LOOKS; look++) {
    await Promise.all([one.sync(), other.sync()])
    const [a, b] = [one.digest(), other.digest()]
    if (a.position === b.position) return a.digest === b.digest
  }
  return false
}
