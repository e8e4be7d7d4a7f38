/**
 * Removes checkpoints that a policy does not keep, ranges of the archive that are too old, and parts that no checkpoint
 * names any more: these in two phases.
 *
 *     manifests not kept ─ removed ─▶ parts that nobody names ─ marked ─ grace ─ still so? ─ removed
 *
 * A part is garbage only below the oldest part of the newest manifest: that never falls, so no later manifest will name
 * it, and names of parts are never used again (P62). Who reads an old checkpoint meanwhile has the grace to end, or
 * begins anew.
 *
 *     archive   ──── removed ────┤ newest checkpoint that is old enough ──── archiveKeepMs ──── now
 *
 * So everything of that time can be read: the archive goes back to a checkpoint before it. Keeps: C2, C3, C5. Read
 * next: `manifest.ts`, `reader.ts`, `../retention/checkpointer.ts`.
 */
import { array, is, number, string, tuple, type } from 'superstruct'
import { rangeEnds } from '../../log/archive/archive-reader.ts'
import type { BlobOptions } from '../../log/archive/blobs.ts'
import { rangeKey } from '../../log/archive/range.ts'
import { PARTS, partPosition, type Manifest } from './manifest.ts'
import { listManifests, type Reading } from './reader.ts'

/** How long a part stays after nobody names it. */
export const GRACE_MS = 600_000
/** What is marked, and since when: [key, milliseconds since 1970]. */
const GARBAGE_KEY = 'garbage.json'
const Garbage = type({ parts: array(tuple([string(), number()])) })

/** What is kept of the past. */
export interface Kept {
  /** So many of the newest checkpoints. */
  readonly keep: number
  /** One checkpoint for each so many positions before them; 0: none. */
  readonly keepEvery: number
  /** How far the past can be looked at, in milliseconds: archive and checkpoints before that go; 0: for ever. */
  readonly archiveKeepMs: number
}

/** While the past has an end, a checkpoint is kept for each such part of it, however few others are. */
const PAST_PARTS = 4

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
  /** Ranges of the archive. */
  readonly ranges: readonly string[]
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
  const now = Math.floor(clock.wall())
  const byPolicy = keptOf(readable, options, now)
  const kept = readable.filter((one) => byPolicy.includes(one) || needed.includes(one.key))
  const [newest] = kept
  if (newest === undefined) return { manifests: [], ranges: [], parts: [], waiting: [] }
  const firstKept = byPolicy[Math.min(options.keep, byPolicy.length) - 1] ?? newest
  const isKept = (key: string): boolean => key >= firstKept.key || kept.some((one) => one.key === key)
  const manifests = all.map(({ key }) => key).filter((key) => !isKept(key))
  const named = new Set(kept.flatMap(({ base, deltas }) => [base, ...deltas]).flatMap(({ parts }) => parts.map(keyOf)))
  const isGarbage = (key: string): boolean => (partPosition(key) ?? Infinity) < newest.oldestPart && !named.has(key)
  const garbage = (await blobs.list(PARTS, options)).filter(isGarbage)
  const marked = new Map(await markedParts(reading))
  const isDue = (key: string): boolean => now - (marked.get(key) ?? now) >= graceMs
  const ranges = await oldRanges(reading, byPolicy, options, now)
  const parts = garbage.filter(isDue)
  const waiting = garbage.filter((key) => !isDue(key))
  if (dryRun) return { manifests, ranges, parts, waiting }
  await blobs.remove(manifests, options)
  await blobs.remove(ranges, options)
  await blobs.remove(parts, options)
  if (waiting.length + marked.size > 0) {
    const mark = JSON.stringify({ parts: waiting.map((key) => [key, marked.get(key) ?? now]) })
    await blobs.put(GARBAGE_KEY, new TextEncoder().encode(mark), options)
  }
  return { manifests, ranges, parts, waiting }
}

/** The time of a checkpoint by the sequencer's clock. */
const wallOf = ({ time, wallOffset }: Pick<Manifest, 'time' | 'wallOffset'>): number => time + wallOffset

/**
 * The manifests that stay, the newest first: the newest `keep`, of those before the newest of each `keepEvery`
 * positions, and where the past has an end, of each part of it; behind the first that is old enough none.
 */
export function keptOf(newestFirst: readonly Manifest[], policy: Kept, now: number): Manifest[] {
  const { keep, keepEvery, archiveKeepMs } = policy
  const kept = newestFirst.slice(0, keep)
  const seen = new Set<string>()
  for (const manifest of newestFirst.slice(keep)) {
    if (kept.some((one) => isOld(one, policy, now))) break
    const spans = [
      ...(keepEvery === 0 ? [] : [`at ${Math.floor(manifest.position / keepEvery)}`]),
      ...(archiveKeepMs === 0 ? [] : [`in ${Math.floor((wallOf(manifest) / archiveKeepMs) * PAST_PARTS)}`]),
    ]
    if (spans.every((span) => seen.has(span))) continue
    for (const span of spans) seen.add(span)
    kept.push(manifest)
  }
  return kept
}

/** Whether everything that can be looked at is behind a checkpoint. */
const isOld = (manifest: Manifest, { archiveKeepMs }: Kept, now: number): boolean =>
  archiveKeepMs > 0 && wallOf(manifest) <= now - archiveKeepMs

/** Ranges in front of the newest checkpoint that is old enough: never the newest, which may turn out damaged. */
async function oldRanges(reading: Reading, kept: readonly Manifest[], policy: Kept, now: number): Promise<string[]> {
  const first = kept.slice(1).find((one) => isOld(one, policy, now))
  if (first === undefined) return []
  return (await rangeEnds(reading)).filter((end) => end <= first.position).map(rangeKey)
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
