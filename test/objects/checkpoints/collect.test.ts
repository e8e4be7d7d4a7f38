/**
 * C5: what is collected is what nobody names and nobody will name, after its grace.
 *
 * Read next: `../../../objects/checkpoints/collect.ts`.
 */
import test, { type ExecutionContext } from 'ava'
import { Blobs } from '../../../log/archive/blobs.ts'
import { rangeKey } from '../../../log/archive/range.ts'
import { Lineage } from '../../../log/archive/incarnations.ts'
import { MemoryBlobs } from '../../../log/archive/memory-blobs.ts'
import { limits } from '../../../log/limits.ts'
import { collect, keptOf, type CollectOptions } from '../../../objects/checkpoints/collect.ts'
import {
  encodeManifest,
  manifestKey,
  partKey,
  type Manifest,
  type ManifestBody,
} from '../../../objects/checkpoints/manifest.ts'
import type { Reading } from '../../../objects/checkpoints/reader.ts'
import { HandClock } from '../../harness/hand-clock.ts'

const hash = '0'.repeat(64)
const layer = (position: number) => ({
  position,
  parts: [{ key: partKey(position, 0, 'aa'), sha256: hash, bytes: 1, rows: 1 }],
  isInline: false,
})
/** A manifest of number `n` at `n * 100` whose base was written at `base`, and its deltas at `deltas`. */
function bodyOf(n: number, base: number, deltas: readonly number[] = []): ManifestBody {
  return {
    cluster: 'c',
    space: 1,
    n,
    position: n * 100,
    played: n * 100 - 1,
    time: 0,
    epoch: 0,
    wallOffset: 0,
    nonce: 'aa',
    previous: null,
    oldestPart: base,
    sessions: [],
    skips: [],
    types: [],
    digest: '0'.repeat(16),
    records: 1,
    base: layer(base),
    deltas: deltas.map(layer),
  }
}

/** A store with these manifests and all their parts. */
async function storeWith(t: ExecutionContext, bodies: readonly ManifestBody[]) {
  const clock = new HandClock()
  const store = new MemoryBlobs('collect')
  const random = { next: () => 0.5, id: () => 'aa' }
  const blobs = new Blobs(store, { clock, random }, limits)
  for (const body of bodies) {
    const keys = [body.base, ...body.deltas].flatMap(({ parts }) => parts.map(({ key }) => key))
    for (const key of keys) await store.put(key, new Uint8Array(1))
    await store.put(manifestKey(body.n), encodeManifest(body))
  }
  const reading: Reading = { blobs, clock, lineage: Lineage.of('c'), space: 1 }
  const run = (options: Partial<CollectOptions> = {}) =>
    collect(reading, { keep: 2, keepEvery: 0, archiveKeepMs: 0, graceMs: 1_000, ...options })
  const left = async (): Promise<readonly string[]> => (await store.list('', '')).keys
  t.true((await left()).length > 0)
  return { clock, store, run, keys: left }
}

test('C5: a checkpoint that is not kept goes at once, its parts after their grace', async (t) => {
  const { clock, run, keys } = await storeWith(t, [
    bodyOf(1, 100),
    bodyOf(2, 200),
    bodyOf(3, 200, [300]),
    bodyOf(4, 400),
  ])
  const first = await run()
  t.deepEqual(first, {
    manifests: [manifestKey(2), manifestKey(1)],
    ranges: [],
    parts: [],
    waiting: [partKey(100, 0, 'aa')],
  })
  t.true((await keys()).includes(partKey(100, 0, 'aa')))
  await clock.advance(999)
  t.deepEqual((await run()).parts, [])
  await clock.advance(1)
  t.deepEqual((await run()).parts, [partKey(100, 0, 'aa')])
  const left = await keys()
  t.false(left.includes(partKey(100, 0, 'aa')))
  t.true([200, 300, 400].every((position) => left.includes(partKey(position, 0, 'aa'))))
})

test('C5: parts that a kept checkpoint names stay, however old they are', async (t) => {
  const bodies = [bodyOf(1, 100), bodyOf(2, 200), bodyOf(11, 1_100), bodyOf(12, 1_200)]
  const { run, keys } = await storeWith(t, bodies)
  const done = await run({ keepEvery: 1_000, graceMs: 0 })
  t.deepEqual(done.manifests, [manifestKey(1)])
  t.deepEqual(done.parts, [partKey(100, 0, 'aa')])
  t.true((await keys()).includes(partKey(200, 0, 'aa')))
})

test("P62: parts of a checkpoint that is being written are nobody's garbage", async (t) => {
  const { store, run, keys } = await storeWith(t, [bodyOf(1, 100), bodyOf(2, 200)])
  const coming = partKey(300, 0, 'bb')
  const between = partKey(200, 1, 'bb')
  for (const key of [coming, between]) await store.put(key, new Uint8Array(1))
  t.deepEqual(await run({ graceMs: 0 }), { manifests: [], ranges: [], parts: [], waiting: [] })
  const left = await keys()
  t.true([coming, between].every((key) => left.includes(key)))
})

test('a dry run changes nothing, an empty store has nothing', async (t) => {
  const { run, keys } = await storeWith(t, [bodyOf(1, 100), bodyOf(2, 200), bodyOf(3, 300)])
  const before = await keys()
  t.deepEqual((await run({ dryRun: true, graceMs: 0 })).manifests, [manifestKey(1)])
  t.deepEqual(await keys(), before)
  const empty = await storeWith(t, [bodyOf(1, 100)])
  await empty.store.remove(manifestKey(1))
  t.deepEqual(await empty.run(), { manifests: [], ranges: [], parts: [], waiting: [] })
})

test('kept are the newest, and the newest of each span before them', (t) => {
  const all = [12, 11, 9, 8, 4, 1].map((n): Manifest => ({
    ...bodyOf(n, n * 100),
    key: manifestKey(n),
    sha256: hash,
    inline: undefined,
  }))
  const numbers = (keep: number, keepEvery: number) =>
    keptOf(all, { keep, keepEvery, archiveKeepMs: 0 }, 1e12).map(({ n }) => n)
  t.deepEqual(numbers(2, 0), [12, 11])
  t.deepEqual(numbers(2, 500), [12, 11, 9, 4])
  t.deepEqual(numbers(10, 500), [12, 11, 9, 8, 4, 1])
})

test('where the past has an end, a checkpoint is kept before it and for each quarter of it', (t) => {
  const numbers = (minutes: readonly number[], archiveKeepMs: number, keepEvery = 0) => {
    const all = minutes.map((minute, i): Manifest => {
      const n = minutes.length - i
      return {
        ...bodyOf(n, n * 100),
        wallOffset: -minute * 60_000,
        key: manifestKey(n),
        sha256: hash,
        inline: undefined,
      }
    })
    return keptOf(all, { keep: 2, keepEvery, archiveKeepMs }, 0).map(({ wallOffset }) => wallOffset / -60_000)
  }
  const everyMinute = Array.from({ length: 60 }, (_, i) => i)
  t.deepEqual(numbers(everyMinute, 0), [0, 1])
  // Quarters of twelve minutes; behind the first that is twelve minutes old nothing is needed.
  t.deepEqual(numbers(everyMinute, 12 * 60_000), [0, 1, 2, 4, 7, 10, 13])
  t.deepEqual(numbers([0, 30, 31, 60], 12 * 60_000), [0, 30])
  t.deepEqual(numbers([0, 1, 2], 12 * 60_000), [0, 1, 2])
  t.deepEqual(numbers(everyMinute.slice(0, 20), 12 * 60_000, 100).length, 13)
})

test('C2: the archive goes back to a checkpoint before the end of the past, and no further', async (t) => {
  const at = (minute: number, n: number): ManifestBody => ({ ...bodyOf(n, n * 100), wallOffset: -minute * 60_000 })
  const { store, run, keys } = await storeWith(t, [at(40, 1), at(20, 2), at(5, 3), at(1, 4)])
  for (const end of [100, 150, 200, 250, 400]) await store.put(rangeKey(end), new Uint8Array(1))
  const ranges = async () => (await keys()).filter((key) => key.startsWith('archive/'))
  t.deepEqual((await run({ archiveKeepMs: 60 * 60_000 })).ranges, [])
  const dry = await run({ archiveKeepMs: 12 * 60_000, dryRun: true })
  t.deepEqual(dry.ranges, [100, 150, 200].map(rangeKey))
  t.is((await ranges()).length, 5)
  t.deepEqual((await run({ archiveKeepMs: 12 * 60_000 })).manifests, [manifestKey(1)])
  t.deepEqual(await ranges(), [250, 400].map(rangeKey))
})

test('C2: however old the newest checkpoint is, the archive goes back to the one before it', async (t) => {
  const at = (minute: number, n: number): ManifestBody => ({ ...bodyOf(n, n * 100), wallOffset: -minute * 60_000 })
  const { store, run, keys } = await storeWith(t, [at(90, 1), at(80, 2), at(70, 3)])
  for (const end of [150, 200, 250, 300]) await store.put(rangeKey(end), new Uint8Array(1))
  await run({ archiveKeepMs: 12 * 60_000 })
  t.deepEqual(
    (await keys()).filter((key) => key.startsWith('archive/')),
    [250, 300].map(rangeKey),
  )
})
