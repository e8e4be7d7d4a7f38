/**
 * The archive: what is trimmed can be read still, and what is not archived is not trimmed.
 *
 * Read next: `../../../objects/retention/archiver.ts`, `../../../objects/past/archived-log.ts`.
 */
import test from 'ava'
import { isError } from '../../../log/errors.ts'
import { Counter } from '../../../index.ts'
import { Clients } from '../checkpoints/clients.ts'

test('C2: with an archive a trim goes up to the newest checkpoint, and every past state stays', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  const seen: [position: number, value: number, digest: string][] = []
  for (let i = 1; i <= 10; i++) {
    await hits.add({ by: i })
    const { position, digest } = writer.digest()
    seen.push([position, hits.state.value, digest])
    if (i === 4 || i === 8) await writer.archive()
  }
  const { position } = await writer.checkpoint()
  await hits.add({ by: 100 })
  const tooFar = await t.throwsAsync(writer.trim({ before: position }))
  t.true(isError(tooFar, 'NEEDED') && tooFar.facts['by'] === 'archive', String(tooFar))
  t.true((await writer.archive()) >= position)
  t.is((await writer.trim()).before, position)
  t.is((await writer.log.read(1)).kind, 'trimmed')
  const reader = await clients.connect()
  for (const [at, value, digest] of seen) {
    await using past = await reader.at(at)
    t.is((await past.open(Counter, '/hits')).state.value, value)
    t.is(past.digest().digest, digest)
  }
  const adds: unknown[] = []
  for await (const { ops } of reader.history()) if (ops[0]?.op === 'add') adds.push(ops[0].input)
  t.deepEqual(
    adds,
    [...Array.from({ length: 10 }, (_, i) => i + 1), 100].map((by) => ({ by })),
  )
})

test('L8: a range that is gone is a hole, and is said', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 10; i++) await hits.add({ by: 1 })
    await writer.archive()
  }
  await writer.checkpoint()
  await writer.archive()
  await writer.trim()
  const [first = ''] = (await clients.blobs.list('archive/', '')).keys
  const last = writer.position
  await clients.blobs.remove(first)
  t.true(isError(await t.throwsAsync(writer.at(3)), 'TRIMMED'))
  await using now = await writer.at(last)
  t.is((await now.open(Counter, '/hits')).state.value, 30)
})

test('C1: two archivers write as one, and go on where the other stopped', async (t) => {
  const clients = new Clients(t)
  const one = await clients.connect()
  const two = await clients.connect()
  const ranges: [number, number][] = []
  const often = { rangeMs: 30, archived: (from: number, to: number) => void ranges.push([from, to]) }
  const archivers = [one.archiver(often), two.archiver(often)]
  t.teardown(() => Promise.all(archivers.map((each) => each.close())))
  const hits = await one.open(Counter, '/hits')
  while (ranges.length < 3) await hits.add({ by: 1 })
  await archivers.find((each) => each.status().isHolder)?.close()
  const before = ranges.length
  while (ranges.length < before + 3) await hits.add({ by: 1 })
  for (const [i, [from]] of ranges.entries()) t.is(from, ranges[i - 1]?.[1] ?? 0)
})
