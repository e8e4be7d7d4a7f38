/**
 * Ranges of the archive: what is in one, what is damage, and which one holds a position.
 *
 * Read next: `../../../log/archive/range.ts`, `../../../log/archive/archive-reader.ts`.
 */
import test from 'ava'
import { entriesOf, rangeWith } from '../../../log/archive/archive-reader.ts'
import { Blobs } from '../../../log/archive/blobs.ts'
import { Lineage } from '../../../log/archive/incarnations.ts'
import { MemoryBlobs } from '../../../log/archive/memory-blobs.ts'
import { decodeRange, encodeRange, rangeKey } from '../../../log/archive/range.ts'
import { clusterSeed, encodeEntry, readEntry, type Entry } from '../../../log/entry.ts'
import { isError } from '../../../log/errors.ts'
import { systemClock } from '../../../log/io/clock.ts'
import { systemRandom } from '../../../log/io/random.ts'
import { limits } from '../../../log/limits.ts'

const cluster = 'a-cluster'
const bounds = { ...limits, seed: clusterSeed(cluster) }
const entry = (position: number, stream = 16, bytes = 10): Entry =>
  readEntry(
    encodeEntry(
      bounds.seed,
      { position, epoch: 1, writer: 1, logTime: position, streams: [stream], previous: [-1] },
      new Uint8Array(bytes).fill(position & 127),
    ),
    bounds,
  )
const range = (from: number, to: number, entries: readonly Entry[]): Uint8Array =>
  encodeRange({ cluster, from, to, previous: null, horizon: to + 10 }, entries)
const decode = (to: number, bytes: Uint8Array, of = cluster) =>
  decodeRange(rangeKey(to), bytes, { lineage: Lineage.of(of), limits })

test('C3: a range gives back what it was given, in pieces of bounded size', (t) => {
  const entries = Array.from({ length: 300 }, (_, i) => entry(10 + 2 * i, 16 + (i % 2), 4_000))
  const read = decode(1_000, range(5, 1_000, entries))
  t.like(read, { from: 5, to: 1_000, horizon: 1_010, cluster })
  t.deepEqual(
    read.entries.map(({ position, payload }) => [position, payload[0]]),
    entries.map(({ position, payload }) => [position, payload[0]]),
  )
  t.deepEqual(
    entriesOf(read, 17, 100).map(({ position }) => position),
    entries.filter((_, i) => i % 2 === 1 && 10 + 2 * i >= 100).map(({ position }) => position),
  )
})

test('C3: a bit that flipped, another key, entries outside and another cluster are refused', (t) => {
  const good = range(0, 10, [entry(3)])
  for (let at = 0; at < good.byteLength; at += 7) {
    const bad = good.slice()
    bad[at] = (bad[at] ?? 0) ^ 4
    t.true(
      isError(
        t.throws(() => decode(10, bad)),
        'DAMAGED',
      ),
      String(at),
    )
  }
  t.true(
    isError(
      t.throws(() => decode(11, good)),
      'DAMAGED',
    ),
  )
  t.true(
    isError(
      t.throws(() => decode(10, range(0, 10, [entry(12)]))),
      'DAMAGED',
    ),
  )
  t.true(
    isError(
      t.throws(() => decode(10, range(0, 10, [entry(4), entry(3)]))),
      'DAMAGED',
    ),
  )
  t.true(
    isError(
      t.throws(() => decode(10, good, 'another')),
      'WRONG_CLUSTER',
    ),
  )
})

test('L8: the range that holds a position is found, a hole is none, and damage is said', async (t) => {
  const store = new MemoryBlobs('ranges')
  const blobs = new Blobs(store, { clock: systemClock, random: systemRandom }, limits)
  const source = { blobs, lineage: Lineage.of(cluster), limits }
  for (const [from, to] of [
    [0, 100],
    [50, 120],
    [120, 200],
    [300, 400],
  ] as const) {
    await store.put(rangeKey(to), range(from, to, [entry(from)]))
  }
  const found = async (position: number) => (await rangeWith(source, position))?.to
  t.deepEqual(
    [await found(0), await found(99), await found(100), await found(119), await found(120)],
    [100, 100, 120, 120, 200],
  )
  t.deepEqual(
    [await found(200), await found(299), await found(300), await found(400)],
    [undefined, undefined, 400, undefined],
  )
  await store.put(rangeKey(100), new Uint8Array(80))
  t.is(await found(60), 120)
  t.true(isError(await t.throwsAsync(found(10)), 'DAMAGED'))
})
