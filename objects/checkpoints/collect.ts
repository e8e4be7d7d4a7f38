/**
 * Removes checkpoints that a policy does not keep, and parts that no checkpoint names any more: in two phases.
 *
 *     manifests not kept ─ removed ─▶ parts that nobody names ─ marked ─ grace ─ still so? ─ removed
 *
 * A part is garbage only below the oldest part of the newest manifest: that never falls, so no later manifest will name
 * it, and names of parts are never used again (P62). Who reads an old checkpoint meanwhile has the grace to end, or
 * begins anew. Keeps: C3, C5. Read next: `manifest.ts`, `reader.ts`, `../retention/checkpointer.ts`.
 */
import { array, is, number, string, tuple, type } from 'superstruct'
import type { BlobOptions } from '../../log/archive/blobs.ts'
import { PARTS, partPosition, type Manifest } from './manifest.ts'
import { listManifests, type Reading } from './reader.ts'

/** How long a part stays after nobody names it. */
export const GRACE_MS = 600_000
/** What is marked, and since when: [key, milliseconds since 1970]. */
const GARBAGE_KEY = 'garbage.json'
const Garbage = type({ parts: array(tuple([string(), number()])) })

/** Which checkpoints are kept: so many of the newest, and one for each so many positions before them; 0: none. */
export interface Kept {
  readonly keep: number
  readonly keepEvery: number
}

/** What is kept, and how it goes. */
export interface CollectOptions extends Kept, BlobOptions {
  readonly graceMs?: number | undefined
  /** Manifests that stay whatever else is kept. */
  readonly needed?: readonly string[] | undefined
  /** Reports what would be done, and does nothing. */
  readonly dryRun?: boolean | undefined
}

/** What was done, or would be. */
export interface Collected {
  readonly manifests: readonly string[]
  readonly parts: readonly string[]
  /** Parts that are marked, and wait for the end of their grace. */
  readonly waiting: readonly string[]
}

/** Collects once. @throws SirtakiError as `Blobs.list`, `Blobs.remove`. */
export async function collect(reading: Reading, options: CollectOptions): Promise<Collected> {
  const { blobs, clock } = reading
  const { graceMs = GRACE_MS, dryRun = false, needed = [] } = options
  const all = await listManifests(reading)
  const readable = all.flatMap(({ manifest }) => (manifest === undefined ? [] : [manifest]))
  const byPolicy = keptOf(readable, options)
  const kept = readable.filter((one) => byPolicy.includes(one) || needed.includes(one.key))
  const [newest] = kept
  if (newest === undefined) return { manifests: [], parts: [], waiting: [] }
  const firstKept = byPolicy[Math.min(options.keep, byPolicy.length) - 1] ?? newest
  const isKept = (key: string): boolean => key >= firstKept.key || kept.some((one) => one.key === key)
  const manifests = all.map(({ key }) => key).filter((key) => !isKept(key))
  const named = new Set(kept.flatMap(({ base, deltas }) => [base, ...deltas]).flatMap(({ parts }) => parts.map(keyOf)))
  const isGarbage = (key: string): boolean => (partPosition(key) ?? Infinity) < newest.oldestPart && !named.has(key)
  const garbage = (await blobs.list(PARTS, options)).filter(isGarbage)
  const now = Math.floor(clock.wall())
  const marked = new Map(await markedParts(reading))
  const isDue = (key: string): boolean => now - (marked.get(key) ?? now) >= graceMs
  const parts = garbage.filter(isDue)
  const waiting = garbage.filter((key) => !isDue(key))
  if (dryRun) return { manifests, parts, waiting }
  await blobs.remove(manifests, options)
  await blobs.remove(parts, options)
  if (waiting.length + marked.size > 0) {
    const mark = JSON.stringify({ parts: waiting.map((key) => [key, marked.get(key) ?? now]) })
    await blobs.put(GARBAGE_KEY, new TextEncoder().encode(mark), options)
  }
  return { manifests, parts, waiting }
}

/**
 * The manifests that stay, the newest first: the newest `keep`, and of those before the newest of each `keepEvery`
 * positions.
 */
export function keptOf(newestFirst: readonly Manifest[], { keep, keepEvery }: Kept) {
  const kept = newestFirst.slice(0, keep)
  const seen = new Set<number>()
  for (const manifest of newestFirst.slice(keep)) {
    const span = keepEvery === 0 ? undefined : Math.floor(manifest.position / keepEvery)
    if (span === undefined || seen.has(span)) continue
    seen.add(span)
    kept.push(manifest)
  }
  return kept
}

const keyOf = ({ key }: { readonly key: string }): string => key

/** What was marked before; what cannot be read is marked anew. */
async function markedParts({ blobs, signal, timeoutMs }: Reading): Promise<readonly (readonly [string, number])[]> {
  const bytes = await blobs.get(GARBAGE_KEY, { signal, timeoutMs })
  try {
    const plain: unknown = bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes))
    return is(plain, Garbage) ? plain.parts : []
  } catch {
    return []
  }
}
