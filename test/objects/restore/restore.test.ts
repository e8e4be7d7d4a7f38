/**
 * Restore: a cluster whose units are lost goes on as another one, from its blobs.
 *
 * Read next: `../../../objects/restore/restore.ts`, `../../../test/real/restore.test.ts`.
 */
import test, { type ExecutionContext } from 'ava'
import { number, object } from 'superstruct'
import { Blobs } from '../../../log/archive/blobs.ts'
import { rangeWith } from '../../../log/archive/archive-reader.ts'
import { Lineage, lineageOf, type Incarnation } from '../../../log/archive/incarnations.ts'
import { encodeRange, rangeKey } from '../../../log/archive/range.ts'
import type { LogClient } from '../../../log/client/client.ts'
import { isError } from '../../../log/errors.ts'
import { systemClock } from '../../../log/io/clock.ts'
import { systemRandom } from '../../../log/io/random.ts'
import { limits } from '../../../log/limits.ts'
import { Counter, defineObject } from '../../../index.ts'
import { Checkpoints } from '../../../objects/checkpoints/checkpoints.ts'
import { ObjectClient, ROOT_STREAM } from '../../../objects/client.ts'
import { manifestKeys, readCheckpoint, readManifest } from '../../../objects/checkpoints/reader.ts'
import { remainsOf, type Remains } from '../../../objects/restore/remains.ts'
import {
  EPOCHS_APART,
  POSITIONS_APART,
  claimFor,
  incarnationOf,
  refill,
  type Restored,
} from '../../../objects/restore/restore.ts'
import { spaceLogOf } from '../../../objects/runtime/space-log.ts'
import { startMemoryCluster } from '../../../sequencer/memory.ts'
import { Clients } from '../checkpoints/clients.ts'

const ports = { clock: systemClock, random: systemRandom }
/** A type that only the lost cluster knows. */
const Tally = defineObject({
  name: 'tally',
  version: 1,
  state: object({ n: number() }),
  initial: () => ({ n: 0 }),
  ops: (op) => ({
    more: op(number(), (draft, by) => {
      draft.n += by
    }),
  }),
})
const units = [['a', 'b']]

const blobsOf = (clients: Clients): Blobs => new Blobs(clients.blobs, ports, limits)
const remainsIn = (clients: Clients, again = false): Promise<Remains> =>
  remainsOf({ blobs: blobsOf(clients), types: [], ports, limits, again })
const checkpointsIn = (blobs: Blobs, log: LogClient): Checkpoints =>
  new Checkpoints({
    blobs,
    cluster: async () => (await log.layout()).cluster,
    space: ROOT_STREAM,
    ports: log.cluster.ports,
    limits,
  })

/** A cluster with one checkpoint, in which /hits is 1. */
async function begun(t: ExecutionContext) {
  const clients = new Clients(t)
  const before = await clients.connect({ types: [Tally] })
  const hits = await before.open(Counter, '/hits')
  await hits.add({ by: 1 })
  await before.checkpoint()
  return { clients, before, hits }
}

interface Next {
  readonly remains: Remains
  readonly incarnation: Incarnation
  readonly restored: Restored
  connect(): Promise<{ readonly log: LogClient; readonly client: ObjectClient }>
}

/** The cluster that goes on from the blobs. */
async function restore(t: ExecutionContext, clients: Clients, again = false): Promise<Next> {
  const blobs = blobsOf(clients)
  const remains = await remainsIn(clients, again)
  const incarnation = await claimFor(blobs, remains, { units, ports, again })
  const cluster = await startMemoryCluster(systemClock, systemRandom, { origin: incarnation })
  t.teardown(() => cluster.close())
  const log = cluster.client('restore')
  const checkpoints = checkpointsIn(blobs, log)
  const restored = await refill(
    spaceLogOf(log),
    { remains, incarnation, types: [], checkpoints },
    { timeoutMs: 20_000 },
  )
  await log.close()
  return {
    remains,
    incarnation,
    restored,
    connect: async () => {
      const own = cluster.client()
      const client = new ObjectClient(own, { checkpoints: checkpointsIn(blobs, own) })
      t.teardown(async () => {
        await client.close()
        await own.close()
      })
      await client.sync()
      return { log: own, client }
    },
  }
}

test('L5: what is in checkpoints and archive goes on, far above everything that was given out', async (t) => {
  const { clients, before, hits } = await begun(t)
  await hits.add({ by: 10 })
  const held = await before.lock('/lock', { timeoutMs: 5_000 })
  const archived = await before.archive()
  await hits.add({ by: 100 })
  const last = before.position
  const { epoch } = await before.log.layout()

  const { remains, incarnation, restored, connect } = await restore(t, clients)
  t.is(remains.below, archived)
  t.true(remains.below <= last, 'what was not archived is lost')
  t.true(remains.horizon > last)
  t.true(incarnation.from >= remains.horizon + POSITIONS_APART)
  t.true(incarnation.epoch >= epoch + EPOCHS_APART)
  t.true(restored.sessions >= 1)

  const { log, client } = await connect()
  t.is((await client.open(Counter, '/hits')).state.value, 11)
  const layout = await log.layout()
  t.is(layout.cluster, incarnation.cluster)
  t.true(layout.trim >= incarnation.from)
  // The hold ended with the sessions; its token is below every new one.
  const again = await client.lock('/lock', { timeoutMs: 5_000 })
  t.true(again.token > incarnation.from && again.token > held.token)
  await (await client.open(Counter, '/hits')).add({ by: 1_000 })
  t.is((await client.open(Counter, '/hits')).state.value, 1_011)
  const [first] = await Array.fromAsync(client.history({ from: incarnation.from }), ({ played }) => played.outcome)
  t.is(first?.kind, 'restored')
})

test('C4: the past before a restore is read as before, and between the two clusters nothing happened', async (t) => {
  const clients = new Clients(t)
  const before = await clients.connect()
  const hits = await before.open(Counter, '/hits')
  const seen: [position: number, value: number][] = []
  for (let i = 1; i <= 6; i++) {
    await hits.add({ by: i })
    seen.push([before.position, hits.state.value])
    if (i === 3) await before.checkpoint()
  }
  await before.archive()
  const { remains, incarnation, connect } = await restore(t, clients)
  const { client } = await connect()
  await (await client.open(Counter, '/hits')).add({ by: 100 })
  for (const [at, value] of [...seen, [remains.below + 5, 21], [incarnation.from, 21]] as const) {
    await using past = await client.at(at)
    t.is((await past.open(Counter, '/hits')).state.value, value, `at ${at}`)
  }
  const adds: unknown[] = []
  for await (const { ops } of client.history()) if (ops[0]?.op === 'add') adds.push(ops[0].input)
  t.deepEqual(
    adds,
    [1, 2, 3, 4, 5, 6, 100].map((by) => ({ by })),
  )
})

test('C5: the cluster that was restored from writes nothing to the store any more', async (t) => {
  const { clients, before, hits } = await begun(t)
  const { connect } = await restore(t, clients)
  await hits.add({ by: 1 })
  for (const run of [() => before.checkpoint(), () => before.archive(), () => before.trim({ before: 1 })]) {
    const error = await t.throwsAsync(run())
    t.true(isError(error, 'WRONG_CLUSTER'), String(error))
    t.regex(error?.message ?? '', /which was restored from this one/)
  }
  const { client } = await connect()
  t.is((await client.open(Counter, '/hits')).state.value, 1)
})

test('a restored cluster is restored again, with its whole past', async (t) => {
  const clients = new Clients(t)
  const before = await clients.connect()
  const hits = await before.open(Counter, '/hits')
  await hits.add({ by: 1 })
  const at = before.position
  await before.checkpoint()
  await before.archive()
  const first = await restore(t, clients)
  const { client } = await first.connect()
  await (await client.open(Counter, '/hits')).add({ by: 10 })
  const then = client.position
  await client.archive()
  const second = await restore(t, clients)
  t.is(second.incarnation.n, 2)
  t.true(second.incarnation.from > then + POSITIONS_APART)
  const again = await second.connect()
  t.is((await again.client.open(Counter, '/hits')).state.value, 11)
  for (const [position, value] of [
    [at, 1],
    [then, 11],
  ] as const) {
    await using past = await again.client.at(position)
    t.is((await past.open(Counter, '/hits')).state.value, value)
  }
})

test('C5: of two restores at once one has the store; one that died is finished with the same units', async (t) => {
  const clients = new Clients(t)
  const before = await clients.connect()
  await (await before.open(Counter, '/hits')).add({ by: 7 })
  await before.checkpoint()
  const blobs = blobsOf(clients)
  const [one, other] = [await remainsIn(clients), await remainsIn(clients)]
  const claimed = await claimFor(blobs, one, { units, ports })
  const quicker = await t.throwsAsync(claimFor(blobs, other, { units: [['c']], ports }))
  t.true(isError(quicker, 'CONFLICT'), String(quicker))

  // It dies here.
  const found = await remainsIn(clients)
  t.is(found.unfinished?.cluster, claimed.cluster)
  t.is(found.below, one.below)
  const others = await t.throwsAsync(claimFor(blobs, found, { units: [['c']], ports }))
  t.regex(
    others?.message ?? '',
    /to the units a, b was begun and has not finished: run it again with those units, or give it up/,
  )
  t.deepEqual(await claimFor(blobs, found, { units, ports }), claimed)
  const again = await claimFor(blobs, await remainsIn(clients, true), { units: [['c']], ports, again: true })
  t.is(again.n, 2)
  t.true(again.from >= claimed.from + POSITIONS_APART && again.epoch >= claimed.epoch + EPOCHS_APART)
})

test('what is behind a damaged range is lost; without the code of a type nothing is restored', async (t) => {
  const { clients, before, hits } = await begun(t)
  const ends: number[] = []
  for (let i = 0; i < 3; i++) {
    await hits.add({ by: 1 })
    ends.push(await before.archive())
  }
  const key = `archive/${String(ends.at(1)).padStart(16, '0')}`
  const whole = await clients.blobs.get(key)
  t.truthy(whole)
  await clients.blobs.put(key, (whole ?? new Uint8Array()).slice(0, -9))
  const found = await remainsIn(clients)
  t.is(found.below, ends[0] ?? 0)
  t.deepEqual(
    found.passedOver.map(({ code }) => code),
    ['DAMAGED'],
  )
  await (await before.open(Tally, '/tally')).more(1)
  await before.checkpoint()
  const missing = await t.throwsAsync(remainsIn(clients))
  t.true(isError(missing, 'CODE_MISSING'), String(missing))
  t.regex(missing?.message ?? '', /the code of tally@1 is missing here/)
  await clients.blobs.remove('store.json')
  t.true(isError(await t.throwsAsync(remainsIn(clients)), 'BAD_ARGUMENT'))
})

test('C3: what the lost cluster wrote behind the state that was restored is none of the log', async (t) => {
  const { clients, before, hits } = await begun(t)
  const remains = await remainsIn(clients)
  // A checkpointer of it that has not heard of the restore yet is quicker than the restore.
  await hits.add({ by: 1 })
  const late = await before.checkpoint()
  const { lineage } = remains
  const { cluster } = lineage
  const incarnation = incarnationOf(remains, { cluster: 'next', units, wall: 0 })
  const reading = {
    blobs: blobsOf(clients),
    space: ROOT_STREAM,
    clock: systemClock,
    lineage: lineageOf(cluster, [incarnation]),
  }
  const keys = await manifestKeys(reading)
  t.is(keys.length, 2)
  t.true(isError(await t.throwsAsync(readManifest(reading, keys[0] ?? '')), 'DAMAGED'))
  const found = await readCheckpoint(reading)
  t.true(found !== undefined && found.manifest.n < late.n)
})

/** The bytes under a key of the clients' store are cut off. */
async function damage(clients: Clients, key: string): Promise<void> {
  const bytes = await clients.blobs.get(key)
  await clients.blobs.put(key, (bytes ?? new Uint8Array(9)).slice(0, -9))
}
const keysOf = async (clients: Clients, prefix: string) => (await clients.blobs.list(prefix, '')).keys

test('L5: a restored cluster whose checkpoint is damaged is gone on with from its archive', async (t) => {
  const { clients } = await begun(t)
  const first = await restore(t, clients)
  const { client } = await first.connect()
  await (await client.open(Counter, '/hits')).add({ by: 10 })
  await client.archive()
  const manifests = await keysOf(clients, 'manifests/')
  await damage(clients, manifests.at(-1) ?? '')
  const archived = await remainsIn(clients)
  t.is(archived.unfinished, undefined)
  t.is(archived.lineage.cluster, first.incarnation.cluster)
  t.true(archived.below > first.incarnation.from)
  const second = await restore(t, clients)
  t.true(second.incarnation.from >= first.incarnation.from + POSITIONS_APART)
  t.is((await (await second.connect()).client.open(Counter, '/hits')).state.value, 11)
})

test('L5: where nothing of it can be read, the cluster before is gone on with by --again only', async (t) => {
  const { clients } = await begun(t)
  const first = await restore(t, clients)
  await damage(clients, (await keysOf(clients, 'manifests/')).at(-1) ?? '')
  const error = await t.throwsAsync(remainsIn(clients))
  t.true(isError(error, 'DAMAGED'), String(error))
  t.regex(error?.message ?? '', /nothing can be read of what cluster .* by --again/)
  const second = await restore(t, clients, true)
  t.is(second.incarnation.n, 2)
  t.true(second.incarnation.from >= first.incarnation.from + POSITIONS_APART)
  t.is((await (await second.connect()).client.open(Counter, '/hits')).state.value, 1)
})

test('a store that somebody writes to meanwhile is not claimed', async (t) => {
  const { clients, before, hits } = await begun(t)
  const remains = await remainsIn(clients)
  await hits.add({ by: 1 })
  await before.checkpoint()
  const error = await t.throwsAsync(claimFor(blobsOf(clients), remains, { units, ports }))
  t.true(isError(error, 'CONFLICT'), String(error))
  t.regex(error?.message ?? '', /still writes to the store/)
  t.deepEqual(await keysOf(clients, 'incarnations/'), [])
})

test('C3: a missing checkpoint, a damaged one beside a whole archive, and a store that was moved to', async (t) => {
  const clients = new Clients(t)
  const before = await clients.connect()
  const hits = await before.open(Counter, '/hits')
  await hits.add({ by: 1 })
  await before.archive()
  await before.checkpoint()
  await before.archive()
  await hits.add({ by: 2 })
  await before.archive()
  const [only = ''] = await keysOf(clients, 'manifests/')
  await damage(clients, only)
  const played = await remainsIn(clients)
  t.deepEqual([played.checkpoint, played.passedOver.length], [undefined, 1])
  // Its note is in the archive, its blob is gone: the next number is above both.
  await clients.blobs.remove(only)
  const { connect, restored } = await restore(t, clients)
  t.true(restored.n > 1)
  t.is((await (await connect()).client.open(Counter, '/hits')).state.value, 3)

  const moved = new Clients(t)
  const old = await moved.connect()
  await (await old.open(Counter, '/hits')).add({ by: 5 })
  await old.checkpoint()
  const other = new Clients(t)
  const mover = await moved.connect({ blobs: other.blobs })
  await mover.checkpoint({ moves: true })
  const next = await restore(t, other)
  t.is((await (await next.connect()).client.open(Counter, '/hits')).state.value, 5)
})

test('C3: a range that the lost cluster wrote over the end gives what is below it', async (t) => {
  const clients = new Clients(t)
  const before = await clients.connect()
  const hits = await before.open(Counter, '/hits')
  for (let i = 0; i < 3; i++) await hits.add({ by: 1 })
  const { position } = await before.checkpoint()
  const { incarnation } = await restore(t, clients)
  // Its archiver had looked at the store before.
  await hits.add({ by: 1 })
  const lineage = Lineage.of(incarnation.restored.cluster)
  const late = await before.log.tail()
  const decided = await spaceLogOf(before.log).decided?.({ from: 0, to: late.tail }, { timeoutMs: 5_000 })
  const head = { cluster: lineage.cluster, from: 0, to: late.tail, previous: null, horizon: late.tail }
  await clients.blobs.put(rangeKey(late.tail), encodeRange(head, decided?.entries ?? []))
  const source = { blobs: blobsOf(clients), limits, lineage: lineageOf(lineage.cluster, [incarnation]) }
  const range = await rangeWith(source, position - 1)
  t.is(range?.to, position)
  t.true(range?.entries.every((entry) => entry.position < position))
  t.is(await rangeWith(source, position), undefined)
})
