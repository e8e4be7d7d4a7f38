/**
 * C3, C4, C5: what a checkpoint holds is the state that was written, whatever led to it, or it is known for damage.
 *
 * Read next: `../../../objects/checkpoints/writer.ts`, `../../../objects/checkpoints/reader.ts`.
 */
import test from 'ava'
import fc from 'fast-check'
import { Blobs } from '../../../log/archive/blobs.ts'
import { Lineage } from '../../../log/archive/incarnations.ts'
import { MemoryBlobs } from '../../../log/archive/memory-blobs.ts'
import { isError, type SirtakiError } from '../../../log/errors.ts'
import { systemClock } from '../../../log/io/clock.ts'
import { limits } from '../../../log/limits.ts'
import { Changes } from '../../../objects/checkpoints/changes.ts'
import { INLINE_BYTES, type Manifest } from '../../../objects/checkpoints/manifest.ts'
import { manifestToExtend, readCheckpoint, type Reading } from '../../../objects/checkpoints/reader.ts'
import { stateOf } from '../../../objects/checkpoints/state.ts'
import { writeCheckpoint } from '../../../objects/checkpoints/writer.ts'
import { Counter, Space } from '../../../objects.ts'
import { countingRandom } from '../../harness/hand-clock.ts'
import { Ledger, SpaceDriver } from '../space-driver.ts'

const CLUSTER = 'cluster-of-the-test'

/** A space with its checkpoints. */
class Checkpointed {
  readonly driver = new SpaceDriver(Ledger, Counter)
  readonly store = new MemoryBlobs()
  readonly changes = new Changes()
  readonly random = countingRandom()
  readonly passedOver: SirtakiError[] = []
  readonly reading: Reading
  readonly session: number
  newest: Manifest | undefined
  /** Below it a state stands in its manifest: nothing does, unless a test wants it. */
  inlineBytes = 0
  #number = 0

  constructor() {
    const ports = { clock: systemClock, random: this.random }
    this.reading = {
      lineage: Lineage.of(CLUSTER),
      space: 1,
      blobs: new Blobs(this.store, ports, limits),
      clock: ports.clock,
      passedOver: (error) => this.passedOver.push(error),
    }
    this.session = this.driver.open()
    this.#noted()
  }

  do(
    op: string,
    input: unknown,
    on: { path?: string; type?: typeof Ledger | typeof Counter; key?: string } = {},
  ): void {
    this.driver.op(this.session, this.#number++, op, input, on)
    this.#noted()
  }

  #noted(): void {
    this.changes.played(this.driver.patches)
  }

  async write(previous = this.newest): Promise<Manifest> {
    const changed = this.changes.take(this.newest?.records ?? 0)
    const state = stateOf(this.driver.space, this.driver.next, { skips: [], changed })
    const { blobs, clock, lineage, space } = this.reading
    const manifest = await writeCheckpoint(
      {
        cluster: lineage.cluster,
        space,
        blobs,
        ports: { clock, random: this.random },
        bytesPerSecond: Infinity,
        inlineBytes: this.inlineBytes,
      },
      state,
      { previous },
    )
    this.newest = manifest
    return manifest
  }

  /** The space that a reader gets. */
  async read(before?: number): Promise<Space | undefined> {
    const checkpoint = await readCheckpoint(this.reading, before)
    if (checkpoint === undefined) return undefined
    const space = new Space()
    space.register(Ledger)
    space.register(Counter)
    space.load(checkpoint.snapshot)
    return space
  }
}

/** What a snapshot holds, whatever order its tables have. */
const recordsOf = (space: Space | undefined): unknown =>
  space
    ?.snapshot()
    .objects.map(({ path, type, version, tables }) => [
      [path, type, version],
      tables.map(({ table, keys, rows }) => [table, keys.map((key, i): unknown[] => [key, rows[i]]).toSorted(byKey)]),
    ])
const byKey = ([a]: readonly unknown[], [b]: readonly unknown[]): number => (String(a) < String(b) ? -1 : 1)

/** Keys that do not compress away. */
const keyOf = (i: number): string => `key-${i}-${'x'.repeat(200)}-${(i * 7_919) % 10_007}-${Math.sin(i)}`
const putMany = (checkpointed: Checkpointed, count: number): void => {
  for (let i = 0; i < count; i++) checkpointed.do('put', { key: keyOf(i), n: i })
}

test('C4: a space that begins with a checkpoint is the one that was written', async (t) => {
  const checkpointed = new Checkpointed()
  checkpointed.inlineBytes = INLINE_BYTES
  checkpointed.do('put', { key: 'a', n: 1 })
  checkpointed.do('add', { by: 5 }, { type: Counter, path: '/hits', key: 'once' })
  const manifest = await checkpointed.write()
  t.like(manifest, { n: 1, position: checkpointed.driver.next, previous: null, records: 6 })
  t.true(manifest.base.isInline)
  const space = await checkpointed.read()
  t.is(space?.digest().digest, checkpointed.driver.space.digest().digest)
  t.is(space?.digest().digest, manifest.digest)
  t.deepEqual(space?.sessions(), checkpointed.driver.space.sessions())
  t.deepEqual(recordsOf(space), recordsOf(checkpointed.driver.space))
})

test('C4: a large state stands in parts, and deltas hold what changed since, deletes too', async (t) => {
  const checkpointed = new Checkpointed()
  putMany(checkpointed, 9_000)
  const base = await checkpointed.write()
  t.false(base.base.isInline)
  checkpointed.do('put', { key: 'new', n: 1 })
  checkpointed.do('drop', { key: keyOf(7) })
  const delta = await checkpointed.write()
  t.is(delta.deltas.length, 1)
  t.deepEqual(
    delta.deltas[0]?.parts.map(({ rows }) => rows),
    [3],
  )
  t.deepEqual(delta.base, base.base)
  t.deepEqual(delta.previous, { n: 1, sha256: base.sha256 })
  t.is((await checkpointed.read())?.digest().digest, checkpointed.driver.space.digest().digest)
  t.is((await checkpointed.read(base.position))?.digest().digest, base.digest)
})

test('C4: whatever was done between checkpoints, each is the state at its position', async (t) => {
  const key = fc.constantFrom('a', 'b', 'c', 'd')
  const step = fc.oneof(
    fc.record({ op: fc.constant('put'), input: fc.record({ key, n: fc.nat(9) }) }),
    fc.record({ op: fc.constant('drop'), input: fc.record({ key }) }),
    fc.record({ op: fc.constant('putAllThenReject'), input: fc.array(key, { maxLength: 2 }) }),
    fc.record({ op: fc.constant('write'), input: fc.constant(undefined) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const checkpointed = new Checkpointed()
      putMany(checkpointed, 1_600)
      const written = [await checkpointed.write()]
      for (const { op, input } of steps) {
        if (op === 'write' && checkpointed.driver.next > (checkpointed.newest?.position ?? 0)) {
          written.push(await checkpointed.write())
        } else if (op !== 'write') checkpointed.do(op, input)
      }
      for (const manifest of written) {
        const space = await checkpointed.read(manifest.position)
        t.is(space?.digest().digest, manifest.digest)
      }
      checkpointed.do('put', { key: 'last', n: 1 })
      const live = checkpointed.driver.space
      const last = await checkpointed.write()
      t.deepEqual(recordsOf(await checkpointed.read()), recordsOf(live))
      t.is(last.oldestPart, last.base.position)
    }),
    { numRuns: 20 },
  )
})

test('C4: a key that begins with a byte order mark keeps it', async (t) => {
  const checkpointed = new Checkpointed()
  checkpointed.do('put', { key: '\uFEFFkey', n: 1 })
  checkpointed.do('put', { key: 'key', n: 2 })
  await checkpointed.write()
  t.deepEqual(recordsOf(await checkpointed.read()), recordsOf(checkpointed.driver.space))
})

test('C3: what is damaged or missing is passed over for the checkpoint before', async (t) => {
  const checkpointed = new Checkpointed()
  putMany(checkpointed, 1_600)
  const first = await checkpointed.write()
  checkpointed.changes.giveUp()
  checkpointed.do('put', { key: 'later', n: 1 })
  const second = await checkpointed.write()
  const [part] = second.base.parts
  const key = part?.key ?? ''
  const whole = (await checkpointed.store.get(key)) ?? new Uint8Array()
  const spoilt = whole.slice()
  spoilt[spoilt.length >> 1] = (spoilt[spoilt.length >> 1] ?? 0) ^ 1
  await checkpointed.store.put(key, spoilt)
  t.is((await checkpointed.read())?.digest().digest, first.digest)
  await checkpointed.store.remove(key)
  t.is((await checkpointed.read())?.digest().digest, first.digest)
  await checkpointed.store.put(key, whole)
  t.is((await checkpointed.read())?.digest().digest, second.digest)
  await checkpointed.store.put(second.key, (await checkpointed.store.get(second.key))?.subarray(0, 50) ?? whole)
  t.is((await checkpointed.read())?.digest().digest, first.digest)
  const { previous, last } = await manifestToExtend(checkpointed.reading)
  t.deepEqual([previous?.n, last], [1, 2])
  t.true(checkpointed.passedOver.every(({ code }) => code === 'DAMAGED') && checkpointed.passedOver.length > 2)
})

test('C3: a part that is whole, but not the one that was written, is passed over too', async (t) => {
  const checkpointed = new Checkpointed()
  putMany(checkpointed, 1_600)
  const first = await checkpointed.write()
  checkpointed.changes.giveUp()
  checkpointed.do('put', { key: keyOf(3), n: 1_000 })
  const second = await checkpointed.write()
  const older = (await checkpointed.store.get(first.base.parts[0]?.key ?? '')) ?? new Uint8Array()
  await checkpointed.store.put(second.base.parts[0]?.key ?? '', older)
  t.is(first.records, second.records)
  t.is((await checkpointed.read())?.digest().digest, first.digest)
})

test('C5: of two checkpointers one has the number, and nothing of it changes', async (t) => {
  const checkpointed = new Checkpointed()
  checkpointed.do('put', { key: 'a', n: 1 })
  const first = await checkpointed.write()
  checkpointed.do('put', { key: 'b', n: 1 })
  const second = await checkpointed.write()
  checkpointed.do('put', { key: 'c', n: 1 })
  const error = await t.throwsAsync(checkpointed.write(first))
  t.true(isError(error, 'CONFLICT'))
  t.is((await checkpointed.read())?.digest().digest, second.digest)
})

test('C1: a store that does not give back what it took gets no manifest', async (t) => {
  const checkpointed = new Checkpointed()
  putMany(checkpointed, 1_600)
  const get = checkpointed.store.get.bind(checkpointed.store)
  checkpointed.store.get = async (key) => (key.startsWith('parts/') ? new Uint8Array(3) : get(key))
  t.true(isError(await t.throwsAsync(checkpointed.write()), 'DAMAGED'))
  t.deepEqual((await checkpointed.store.list('manifests/', '')).keys, [])
})

test('C4: a manifest with more sessions than a piece of a blob may hold is read', async (t) => {
  const checkpointed = new Checkpointed()
  for (let i = 0; i < 48_000; i++) checkpointed.driver.open(`session-${i}-${'x'.repeat(240)}`)
  await checkpointed.write()
  t.is((await checkpointed.read())?.digest().digest, checkpointed.driver.space.digest().digest)
})

test('the blobs of another cluster are refused', async (t) => {
  const checkpointed = new Checkpointed()
  await checkpointed.write()
  const error = await t.throwsAsync(readCheckpoint({ ...checkpointed.reading, lineage: Lineage.of('another') }))
  t.true(isError(error, 'WRONG_CLUSTER'))
})
