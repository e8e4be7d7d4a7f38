/**
 * Restore: a cluster whose units are lost goes on as another one, from its blobs.
 *
 * Read next: `../../../objects/restore/restore.ts`, `../../../test/real/restore.test.ts`.
 */
import test, { type ExecutionContext } from 'ava'
import { number, object } from 'superstruct'
import { Blobs } from '../../../log/archive/blobs.ts'
import { lineageOf, type Incarnation } from '../../../log/archive/incarnations.ts'
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
import { EPOCHS_APART, POSITIONS_APART, claimFor, refill, type Restored } from '../../../objects/restore/restore.ts'
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
const remainsIn = (clients: Clients): Promise<Remains> =>
  remainsOf({ blobs: blobsOf(clients), types: [], ports, limits })
const checkpointsIn = (blobs: Blobs, log: LogClient): Checkpoints =>
  new Checkpoints({
    blobs,
    cluster: async () => (await log.layout()).cluster,
    space: ROOT_STREAM,
    ports: log.cluster.ports,
    limits,
  })

interface Next {
  readonly remains: Remains
  readonly incarnation: Incarnation
  readonly restored: Restored
  connect(): Promise<{ readonly log: LogClient; readonly client: ObjectClient }>
}

/** The cluster that goes on from the blobs. */
async function restore(t: ExecutionContext, clients: Clients): Promise<Next> {
  const blobs = blobsOf(clients)
  const remains = await remainsIn(clients)
  const incarnation = await claimFor(blobs, remains, { units, ports })
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
  const clients = new Clients(t)
  const before = await clients.connect()
  const hits = await before.open(Counter, '/hits')
  await hits.add({ by: 1 })
  await before.checkpoint()
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
  const clients = new Clients(t)
  const before = await clients.connect()
  const hits = await before.open(Counter, '/hits')
  await hits.add({ by: 1 })
  await before.checkpoint()
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
  const again = await claimFor(blobs, found, { units: [['c']], ports, again: true })
  t.is(again.n, 2)
  t.true(again.from >= claimed.from + POSITIONS_APART && again.epoch >= claimed.epoch + EPOCHS_APART)
})

test('what is behind a damaged range is lost; without the code of a type nothing is restored', async (t) => {
  const clients = new Clients(t)
  const before = await clients.connect({ types: [Tally] })
  const hits = await before.open(Counter, '/hits')
  await hits.add({ by: 1 })
  await before.checkpoint()
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
  const clients = new Clients(t)
  const before = await clients.connect()
  const hits = await before.open(Counter, '/hits')
  await hits.add({ by: 1 })
  await before.checkpoint()
  const remains = await remainsIn(clients)
  // A checkpointer of it that has not heard of the restore yet is quicker than the restore.
  await hits.add({ by: 1 })
  const late = await before.checkpoint()
  const { lineage } = remains
  const { cluster } = lineage
  const incarnation = await claimFor(blobsOf(clients), remains, { units, ports })
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
