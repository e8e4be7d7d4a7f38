/**
 * C4: a client that begins with a checkpoint has the state of those that played everything, also where the log before
 * it is gone.
 *
 * Read next: `../../../objects/checkpoints/checkpoints.ts`, `../../../objects/runtime/view.ts`.
 */
import test from 'ava'
import { number, object } from 'superstruct'
import { MemoryBlobs } from '../../../log/archive/memory-blobs.ts'
import { isError } from '../../../log/errors.ts'
import { systemRandom } from '../../../log/io/random.ts'
import { Counter, defineObject } from '../../../index.ts'
import { spaceLogOf } from '../../../objects/runtime/space-log.ts'
import { SKIP_STREAM, encodeSkip } from '../../../objects/runtime/skip-entry.ts'
import { Clients } from './clients.ts'

const Tally = defineObject({
  name: 'test.tally',
  version: 1,
  state: object({ sum: number() }),
  initial: () => ({ sum: 0 }),
  ops: (op) => ({
    add: op(number(), (draft, by) => {
      draft.sum += by
      return draft.sum
    }),
  }),
})

test('C4: a new client begins with the checkpoint and goes on from there', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  const mail = await writer.queue('/mail')
  await using lock = await writer.lock('/lock', { timeoutMs: 1_000 })
  for (let i = 0; i < 20; i++) await hits.add({ by: i })
  const put = await mail.put({ to: 'a@b.c' }, { idempotencyKey: 'order-17' })
  const checkpoint = await writer.checkpoint()
  t.is(checkpoint.n, 1)
  t.deepEqual(await writer.checkpoint(), checkpoint)
  await hits.add({ by: 1_000 })
  await writer.log.trim(checkpoint.position)
  const reader = await clients.connect()
  await reader.sync()
  t.is(reader.digest().digest, writer.digest().digest)
  t.is((await reader.open(Counter, '/hits')).state.value, 1_190)
  t.is(await (await reader.queue('/mail')).put({ to: 'a@b.c' }, { idempotencyKey: 'order-17' }), put)
  t.is(await reader.tryLock('/lock'), undefined)
  lock.assertHeld()
  const second = await reader.checkpoint()
  t.is(second.n, 2)
})

test('C4: without the blobs, what was trimmed is missed', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  await hits.add({ by: 1 })
  const { position } = await writer.checkpoint()
  await hits.add({ by: 2 })
  await writer.log.trim(position)
  const without = await clients.connect({ blobs: undefined })
  t.true(isError(await t.throwsAsync(without.sync()), 'NO_BLOBS'))
  const other = await clients.connect({ blobs: new MemoryBlobs() })
  t.true(isError(await t.throwsAsync(other.sync()), 'TRIMMED'))
})

test('C4: a type that becomes known later is played from the checkpoint', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const tally = await writer.open(Tally, '/tally')
  await tally.add(1)
  const { position } = await writer.checkpoint()
  await tally.add(2)
  await writer.log.trim(position)
  const reader = await clients.connect()
  await reader.sync()
  t.is((await reader.open(Tally, '/tally')).state.sum, 3)
  t.is(reader.digest().digest, writer.digest().digest)
})

test('a checkpoint is refused where some type is not known, and without blobs', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  await (await writer.open(Tally, '/tally')).add(1)
  const other = await clients.connect()
  t.true(isError(await t.throwsAsync(other.checkpoint()), 'CODE_MISSING'))
  const without = await clients.connect({ blobs: undefined })
  t.true(isError(await t.throwsAsync(without.checkpoint()), 'MISUSE'))
})

test('C4: deltas of one client and of another end in the same state', async (t) => {
  const clients = new Clients(t)
  const one = await clients.connect()
  const tree = await one.tree('/tree')
  const nodes = Array.from({ length: 6_000 }, (_, i) => `/node-${i}-${(i * 7_919) % 100_003}`)
  for (let from = 0; from < nodes.length; from += 500) {
    await Promise.all(
      nodes
        .slice(from, from + 500)
        .map((path) => tree.create(path, { text: path, more: [1, 2, 3, 4].map(() => systemRandom.id()) })),
    )
  }
  const base = await one.checkpoint()
  await tree.set(nodes[1] ?? '', { text: 'changed' })
  await tree.delete(nodes[2] ?? '')
  const delta = await one.checkpoint()
  t.true(delta.writtenBytes < base.writtenBytes / 20, `${delta.writtenBytes} of ${base.writtenBytes}`)
  const two = await clients.connect()
  await (await two.tree('/tree')).set(nodes[3] ?? '', { text: 'by the other' })
  await two.checkpoint()
  await tree.create('/more', null)
  t.is((await one.checkpoint()).n, 4)
  await tree.create('/lost', null)
  t.is((await one.checkpoint()).n, 5)
  // The number of a manifest that is damaged is not given again, and nobody knows what changed since the one before.
  await clients.blobs.put('manifests/0000000005', new Uint8Array(100))
  await tree.create('/last', null)
  const last = await one.checkpoint()
  t.is(last.n, 6)
  await one.log.trim(last.position)
  const reader = await clients.connect()
  await reader.sync()
  t.is(reader.digest().digest, one.digest().digest)
})

test('C4: a type that becomes known where the newest checkpoint stands is played', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const tally = await writer.open(Tally, '/tally')
  await tally.add(1)
  const reader = await clients.connect()
  await reader.sync()
  const { position } = await writer.checkpoint()
  t.true(reader.position >= position - 1)
  t.is((await reader.open(Tally, '/tally')).state.sum, 1)
})

test('O3: what was skipped stays so behind a checkpoint, also for who plays from the start', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect({ types: [Tally] })
  const tally = await writer.open(Tally, '/tally')
  await tally.add(1)
  await tally.add(13)
  const position = writer.position
  const operator = await clients.connect({ blobs: undefined })
  await operator.skip({ position, object: '/tally' })
  const second = await clients.connect({ types: [Tally] })
  await second.sync()
  await (await second.open(Counter, '/hits')).add({ by: 1 })
  await second.checkpoint()
  const reader = await clients.connect({ types: [Tally] })
  await reader.sync()
  await (await reader.open(Counter, '/hits')).add({ by: 1 })
  await reader.checkpoint()
  const blind = await clients.connect()
  await blind.sync()
  for (const key of (await clients.blobs.list('manifests/', '')).keys) await clients.blobs.remove(key)
  t.is((await blind.open(Tally, '/tally')).state.sum, 1)
  t.is((await reader.open(Tally, '/tally')).state.sum, 1)
})

test('O3: what is skipped behind a checkpoint that has it is played from before that', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  await hits.add({ by: 1 })
  await writer.checkpoint()
  await hits.add({ by: 5 })
  const position = writer.position
  await writer.checkpoint()
  const operator = await clients.connect({ blobs: undefined })
  const skip = { position, object: '/hits' }
  await t.throwsAsync(operator.skip(skip), { code: 'CONFLICT' })
  // One that was on its way when the checkpoint was noted.
  await spaceLogOf(operator.log).append(encodeSkip(skip), { streams: [SKIP_STREAM] })
  const reader = await clients.connect()
  await reader.sync()
  t.is((await reader.open(Counter, '/hits')).state.value, 1)
})

test('O1: what was loaded is frozen, as what was played is', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  await (await writer.open(Tally, '/tally')).add(1)
  await writer.checkpoint()
  const reader = await clients.connect({ types: [Tally] })
  await reader.sync()
  t.true(Object.isFrozen((await reader.open(Tally, '/tally')).state))
})

test('C1: a checkpoint whose parts are gone is neither given back nor extended', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const tree = await writer.tree('/tree')
  const value = (): string[] => Array.from({ length: 500 }, () => systemRandom.id())
  await Promise.all(Array.from({ length: 40 }, (_, i) => tree.create(`/node-${i}`, value())))
  const first = await writer.checkpoint()
  const parts = await clients.blobs.list('parts/', '')
  t.true(parts.keys.length > 0)
  for (const key of parts.keys) await clients.blobs.remove(key)
  const second = await writer.checkpoint()
  t.is(second.n, first.n + 1)
  await writer.log.trim(second.position)
  const reader = await clients.connect()
  await reader.sync()
  t.is(reader.digest().digest, writer.digest().digest)
})

test('C3: where the log was trimmed the error says why the store did not help', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  await (await writer.open(Counter, '/hits')).add({ by: 1 })
  const { position, n } = await writer.checkpoint()
  await (await writer.open(Counter, '/hits')).add({ by: 1 })
  await writer.log.trim(position)
  await clients.blobs.put(`manifests/${String(n).padStart(10, '0')}`, new Uint8Array(100))
  const reader = await clients.connect()
  const error = await t.throwsAsync(reader.sync())
  t.true(isError(error, 'TRIMMED'))
  t.regex(error?.message ?? '', /no checkpoint could be read in its place: the blob manifests\/0000000001 is damaged/)
})

test('a checkpoint ends with its time and with its client', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  await (await writer.open(Counter, '/hits')).add({ by: 1 })
  clients.blobs.put = () => new Promise<never>(() => undefined)
  clients.blobs.putNew = () => new Promise<never>(() => undefined)
  t.true(isError(await t.throwsAsync(writer.checkpoint({ timeoutMs: 50 })), 'TIMEOUT'))
  const written = writer.checkpoint()
  await writer.sync()
  await writer.close()
  t.true(isError(await t.throwsAsync(written), 'CLOSED'))
})

test('a call that waits for the store says so', async (t) => {
  const clients = new Clients(t)
  clients.blobs.list = () => new Promise<never>(() => undefined)
  const reader = await clients.connect()
  const error = await t.throwsAsync(reader.sync({ timeoutMs: 50 }))
  t.true(isError(error, 'TIMEOUT'))
  t.regex(error?.message ?? '', /the blob store memory:\w+ has not answered/)
})
