/**
 * Trims of a cluster whose objects are in checkpoints: what is refused, what goes, and who goes on without noticing.
 *
 * Read next: `../../../objects/retention/trim.ts`, `../../../objects/runtime/view.ts`.
 */
import test from 'ava'
import { MemoryBlobs } from '../../../log/archive/memory-blobs.ts'
import { isError } from '../../../log/errors.ts'
import { Counter, type Client } from '../../../index.ts'
import { readSessionEntry } from '../../../sequencer/session-entry.ts'
import { DEFAULT_POLICY } from '../../../objects/retention/checkpointer.ts'
import { RETENTION_PATH } from '../../../objects/runtime/checkpoint-note.ts'
import { Clients } from '../checkpoints/clients.ts'

test('C2: a trim takes what two checkpoints have made good, and nobody notices', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  await hits.add({ by: 1 })
  const first = await writer.checkpoint()
  await hits.add({ by: 2 })
  const refused = await t.throwsAsync(writer.trim({ before: first.position }))
  t.true(isError(refused, 'NEEDED'), String(refused))
  const second = await writer.checkpoint()
  await hits.add({ by: 4 })
  const tooFar = await t.throwsAsync(writer.trim({ before: second.position }))
  t.true(isError(tooFar, 'NEEDED') && tooFar.facts['limit'] === first.position, String(tooFar))
  t.deepEqual(await writer.trim(), { before: first.position, isForced: false })
  t.is((await writer.log.read(first.position - 1)).kind, 'trimmed')
  t.not((await writer.log.read(first.position)).kind, 'trimmed')
  const reader = await clients.connect()
  await reader.sync()
  t.is((await reader.open(Counter, '/hits')).state.value, 7)
  t.is(reader.digest().digest, writer.digest().digest)
  t.is(reader.retention().mark, first.position)
})

test('NO_BLOBS: who was given no store learns where the checkpoints are', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  for (const by of [1, 2]) {
    await hits.add({ by })
    await writer.checkpoint()
  }
  await writer.trim()
  const without = await clients.connect({ blobs: undefined })
  const error = await t.throwsAsync(without.sync())
  t.true(isError(error, 'NO_BLOBS') && error.facts['address'] === clients.blobs.address, String(error))
  t.true(isError(await t.throwsAsync(without.open(Counter, '/hits').then((one) => one.add({ by: 1 }))), 'NO_BLOBS'))
})

test('P62: a trim that relies on checkpoints that are gone, or in another store, is refused', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  for (const by of [1, 2]) {
    await hits.add({ by })
    await writer.checkpoint()
  }
  const other = await clients.connect({ blobs: new MemoryBlobs('other') })
  await other.sync()
  t.true(isError(await t.throwsAsync(other.checkpoint()), 'OTHER_STORE'))
  t.true(isError(await t.throwsAsync(other.trim()), 'DAMAGED', 'OTHER_STORE'))
  const blind = await clients.connect({ blobs: undefined })
  await blind.sync()
  t.true(isError(await t.throwsAsync(blind.trim()), 'NO_BLOBS'))
  await clients.blobs.remove('manifests/0000000002')
  t.true(isError(await t.throwsAsync(writer.trim()), 'DAMAGED'))
  t.is(writer.retention().mark, 0)
})

test('P27: a hold keeps what it needs, and a trim goes on without it', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  const reader = await clients.connect()
  const held = await reader.hold({ position: 1, name: 'export' })
  for (const by of [1, 2]) {
    await hits.add({ by })
    await writer.checkpoint()
  }
  const refused = await t.throwsAsync(writer.trim({ before: 2 }))
  t.true(isError(refused, 'NEEDED') && refused.facts['name'] === 'export', String(refused))
  t.deepEqual(await writer.trim(), { before: 1, isForced: false })
  await held.release()
  t.true((await writer.trim()).before > 1)
  t.true(isError(await t.throwsAsync(reader.hold({ position: 1, name: 'late' })), 'TRIMMED'))
})

test('P27: a view that finds an old checkpoint, since the newer ones went while it read, looks again', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  const { client: slow, gate } = await clients.behindGate()
  await slow.sync()
  gate.close()
  for (const by of [1, 10, 100]) {
    await hits.add({ by })
    await writer.checkpoint()
  }
  await writer.trim()
  const [oldest, ...newer] = (await clients.blobs.list('manifests/', '')).keys
  t.true(oldest !== undefined && newer.length === 2)
  const read = clients.blobs.get.bind(clients.blobs)
  const once = new Set(newer)
  clients.blobs.get = async (key) => (once.delete(key) ? new Uint8Array(100) : read(key))
  gate.open()
  await slow.sync()
  t.is(once.size, 0)
  t.is(slow.digest().digest, writer.digest().digest)
})

test('P27: a view that the log has left behind goes on from a checkpoint, with its sessions', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  await hits.add({ by: 1 })
  const { client: slow, gate } = await clients.behindGate()
  const own = await slow.open(Counter, '/hits')
  await own.add({ by: 10 })
  const resyncs: number[] = []
  const watching = (async () => {
    for await (const item of slow.watch({ path: '/hits', onGap: 'resync' })) {
      if (item.kind === 'resync') resyncs.push(item.position)
      if (item.kind === 'change' && item.changes.some(({ after }) => JSON.stringify(after).includes('1111'))) return
    }
  })()
  const gone = slow.watch({ path: '/hits' })
  gate.close()
  for (const by of [100, 1_000]) {
    await hits.add({ by })
    await writer.checkpoint()
  }
  // The second newest has to have what the slow one lacks.
  await writer.checkpoint({ moves: true })
  await hits.add({ by: 0 })
  await writer.checkpoint()
  await writer.trim()
  gate.open()
  await slow.sync()
  t.is(own.state.value, 1_111)
  t.is(slow.digest().digest, writer.digest().digest)
  t.is(await own.add({ by: 5 }), 1_116)
  await hits.add({ by: 0 - 5 })
  await watching
  t.true(resyncs.length >= 1)
  t.true(isError(await t.throwsAsync(gone.next().then(() => gone.next())), 'TRIMMED'))
})

/** A slow client behind a gate, and what trims the log past it. */
async function leftBehind(clients: Clients) {
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  const { client: slow, gate } = await clients.behindGate()
  const own = await slow.open(Counter, '/hits')
  await own.add({ by: 1 })
  const goOn = async (): Promise<void> => {
    for (const by of [10, 100]) {
      await hits.add({ by })
      await writer.checkpoint()
    }
    await writer.trim()
    gate.open()
    await slow.sync()
  }
  return { writer, slow, own, gate, goOn }
}

test('P27: what became of calls in the part that is gone is not known, and later ones go on', async (t) => {
  const clients = new Clients(t)
  const { own, gate, goOn } = await leftBehind(clients)
  gate.close()
  const calls = [own.add({ by: 1_000 }), own.add({ by: 10_000 })]
  const failed = Promise.all(calls.map((call) => t.throwsAsync(call)))
  await new Promise((resolve) => setTimeout(resolve, 50))
  await goOn()
  for (const error of await failed) t.true(isError(error, 'SESSION_LOST') && error.next === 'unknown', String(error))
  t.is(await own.add({ by: 100_000 }), 111_111)
})

test('P27: a wait that was answered in the part that is gone leaves nothing held', async (t) => {
  const clients = new Clients(t)
  const { writer, slow, gate, goOn } = await leftBehind(clients)
  const held = await writer.lock('/lock', { timeoutMs: 5_000 })
  const session = await slow.session({ name: 'waiter' })
  const waiting = t.throwsAsync(session.lock('/lock', { timeoutMs: 20_000 }))
  while (Number(writer.describe('/lock')?.['waiters'] ?? 0) === 0) await writer.sync()
  await slow.sync()
  gate.close()
  await held.release()
  await goOn()
  t.true(isError(await waiting, 'SESSION_LOST'))
  await using again = await writer.lock('/lock', { timeoutMs: 20_000 })
  t.true(again.isCurrent)
})

test('C2: before a checkpoint is noted a copy of the sessions as of its position stands in the log', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  await (await writer.open(Counter, '/hits')).add({ by: 1 })
  const { position } = await writer.checkpoint()
  const copies = (await writer.log.readStream({ stream: 0 }))
    .map((entry) => ({ at: entry.position, read: readSessionEntry(entry.payload) }))
    .filter(({ read }) => read?.kind === 'sessions')
  const [note] = await writer.log.readStream({ stream: 3 })
  const [copy] = copies
  t.is(copies.length, 1)
  t.true(copy !== undefined && note !== undefined && copy.at < note.position)
  t.true(copy?.read?.kind === 'sessions' && copy.read.asOf === position && copy.read.sessions.length > 0)
})

test('C5: a checkpoint is written by hand while a checkpointer is at its post', async (t) => {
  const clients = new Clients(t)
  const duty = await clients.connect({ checkpoints: true, name: 'duty' })
  const hits = await duty.open(Counter, '/hits')
  await hits.add({ by: 1 })
  await duty.setPolicy({ ...DEFAULT_POLICY, everyMs: 100 })
  for (const until = Date.now() + 5_000; duty.retention().checkpoints.length === 0;) {
    await duty.sync()
    if (Date.now() > until) {
      t.fail('none was written')
      return
    }
  }
  const other = await clients.connect({ name: 'operator' })
  await hits.add({ by: 1 })
  const { n } = await other.checkpoint({ timeoutMs: 10_000 })
  t.true(n >= 2)
  await other.sync()
  t.true(other.retention().checkpoints.some((one) => one.n === n))
})

const holdsOf = (client: Client): number => {
  const holds = client.describe(RETENTION_PATH)?.['holds']
  return Array.isArray(holds) ? holds.length : 0
}

test('P27: a hold whose answer is not waited for is given back', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  await (await writer.open(Counter, '/hits')).add({ by: 1 })
  const { client: slow, gate } = await clients.behindGate()
  await (await slow.open(Counter, '/hits')).add({ by: 1 })
  gate.close()
  const failed = t.throwsAsync(slow.hold({ position: 0, name: 'lost', timeoutMs: 100 }))
  t.true(isError(await failed, 'TIMEOUT'))
  await writer.sync()
  gate.open()
  for (const until = Date.now() + 5_000; holdsOf(writer) > 0;) {
    await writer.sync()
    if (Date.now() > until) {
      t.fail('it is held still')
      return
    }
  }
})

test('P28: checkpoints that were collected after they were listed are looked for anew', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  for (const by of [1, 2, 3]) {
    await hits.add({ by })
    await writer.checkpoint()
  }
  await writer.trim()
  const { blobs } = clients
  const list = blobs.list.bind(blobs)
  let old = 3
  blobs.list = async (prefix, after) => {
    const page = await list(prefix, after)
    if (old === 0 || prefix !== 'manifests/') return page
    old--
    return { keys: ['manifests/0000000000'], isLast: true }
  }
  const reader = await clients.connect()
  await reader.sync()
  t.is((await reader.open(Counter, '/hits')).state.value, 6)
})
