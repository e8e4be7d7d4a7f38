/**
 * The past: any position as it was, what changed, who did it, and where a predicate first held.
 *
 * Read next: `../../../objects/past/past.ts`, `../../../objects/past/history.ts`.
 */
import test from 'ava'
import { isError } from '../../../log/errors.ts'
import { number, object } from 'superstruct'
import { Counter, defineObject } from '../../../index.ts'
import { Blames } from '../../../objects/past/blame.ts'
import { claimOf, firstDifference } from '../../../objects/past/compare.ts'
import { Differences } from '../../../objects/past/difference.ts'
import { predicateOf } from '../../../objects/past/until.ts'
import { Clients } from '../checkpoints/clients.ts'

test('C4: at: every position is what it was, from the log and from checkpoints', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  const tree = await writer.tree('/config')
  await tree.create('/dark', false)
  const seen: { position: number; value: number; dark: unknown; digest: string }[] = []
  for (let i = 1; i <= 12; i++) {
    await hits.add({ by: i })
    if (i % 3 === 0) await tree.set('/dark', i)
    if (i % 4 === 0) await writer.checkpoint()
    const { position, digest } = writer.digest()
    seen.push({ position, value: hits.state.value, dark: tree.get('/dark')?.value, digest })
  }
  for (const { position, value, dark, digest } of seen) {
    await using past = await writer.at(position)
    t.is((await past.open(Counter, '/hits')).state.value, value)
    const shown: unknown = (await past.tree('/config')).get('/dark')?.value
    t.deepEqual(shown, dark)
    t.is(past.digest().digest, digest)
  }
})

test('C4: at: what is not there any more, or not yet, is refused; so is a change of the past', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  await hits.add({ by: 1 })
  const first = writer.position
  for (const by of [2, 3]) {
    await writer.checkpoint()
    await hits.add({ by })
  }
  await writer.checkpoint()
  await writer.trim()
  t.true(isError(await t.throwsAsync(writer.at(first - 1)), 'TRIMMED'))
  t.true(isError(await t.throwsAsync(writer.at(1_000_000)), 'BAD_ARGUMENT'))
  t.true(isError(await t.throwsAsync(writer.at(-1)), 'BAD_ARGUMENT'))
  await using past = await writer.at(writer.position)
  const old = await past.open(Counter, '/hits')
  t.true(isError(await t.throwsAsync(old.add({ by: 1 })), 'UNSUPPORTED'))
  t.is(old.state.value, 6)
})

test('C4: at: a position behind the last entry of the objects is one of the past too', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  await (await writer.open(Counter, '/hits')).add({ by: 4 })
  // Which has not heard of what comes next.
  const reader = await clients.connect()
  const { position } = await writer.log.append(new Uint8Array(1), { streams: [77] })
  await using past = await reader.at(position)
  t.is(past.position, position)
  t.is((await past.open(Counter, '/hits')).state.value, 4)
  t.true(isError(await t.throwsAsync(reader.at(position + 1_000)), 'BAD_ARGUMENT'))
})

test('C4: at: a moment is the last entry at or before it', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  await hits.add({ by: 1 })
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  const walls: number[] = []
  const positions: number[] = []
  for (const by of [2, 3]) {
    await hits.add({ by })
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  for await (const { wall, entry, ops } of writer.history()) {
    if (ops[0]?.op !== 'add') continue
    walls.push(wall)
    positions.push(entry.position)
  }
  t.is(await writer.positionOf(new Date((walls[1] ?? 0) + 1)), positions[1] ?? -1)
  t.true(isError(await t.throwsAsync(writer.positionOf(new Date(0))), 'BAD_ARGUMENT'))
  t.true(isError(await t.throwsAsync(writer.positionOf(new Date('no'))), 'BAD_ARGUMENT'))
})

test('C4: history: what was asked, by whom, and what came of it; diff and blame are folds of it', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect({ name: 'shop' })
  const tree = await writer.tree('/stock')
  await tree.create('/apples', { left: 5, price: 2 })
  const before = writer.position
  const other = await clients.connect({ name: 'thief' })
  await (await other.tree('/stock')).set('/apples', { left: 0, price: 2 })
  await writer.sync()
  await tree.create('/pears', 1)
  await t.throwsAsync(tree.create('/pears', 2))
  const differences = new Differences()
  const kinds: string[] = []
  for await (const { entry, played, ops } of writer.history({ from: before + 1 })) {
    differences.add(entry.position, played.patches)
    if (ops.length > 0) kinds.push(`${ops[0]?.op} ${played.outcome.kind}`)
  }
  t.deepEqual(
    kinds.filter((kind) => !kind.includes('hold') && !kind.includes('release')),
    ['set result', 'create result', 'create rejected'],
  )
  const apples = differences.all().find(({ table, key }) => table === 'nodes' && key === '/apples')
  t.regex(JSON.stringify(apples?.before), /left\W+5/)
  t.regex(JSON.stringify(apples?.after), /left\W+0/)
  const blames = new Blames('/stock')
  for await (const step of writer.history()) blames.add(step)
  const thief = blames.all().filter(({ name }) => name === 'thief')
  t.true(thief.some(({ key, field }) => key === '/apples' && field === 'data'))
  t.false(thief.some(({ key }) => key === '/pears'))
  t.false(thief.some(({ key, field }) => key === '/apples' && field === 'ctime'))
})

const byOf = (input: unknown): unknown =>
  typeof input === 'object' && input !== null && 'by' in input ? input.by : undefined

test('until: an expression finds the first entry for which it holds', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  for (const by of [1, 5, -10, 3]) await hits.add({ by })
  const first = async (expression: string, path?: string): Promise<unknown> => {
    const holds = predicateOf(expression, path)
    for await (const step of writer.history()) if (holds(step)) return byOf(step.ops[0]?.input)
    return undefined
  }
  t.is(await first("op == 'add' && input.by < 0"), -10)
  t.is(await first('state != null && state.value > 5', '/hits'), 5)
  t.is(await first("changes.exists(c, c.path == '/hits' && c.after.value == -1)"), 3)
  t.is(await first("session != null && session.name == 'nobody'"), undefined)
  for (const odd of ['op ==', 'nothing > 1', "path.matches('(a+)+$')", '1 + 1', '['.repeat(200)]) {
    t.true(
      isError(
        t.throws(() => predicateOf(odd)),
        'BAD_ARGUMENT',
      ),
      odd,
    )
  }
})

const tally = (times: number) =>
  defineObject({
    name: 'test.tally',
    version: 1,
    state: object({ sum: number() }),
    initial: () => ({ sum: 0 }),
    ops: (op) => ({
      add: op(number(), (draft, by) => {
        draft.sum += by > 5 ? by * times : by
        return draft.sum
      }),
    }),
  })

test('O3: two codes that differ for some inputs are told apart at the first of those', async (t) => {
  const clients = new Clients(t)
  const Tally = tally(1)
  const writer = await clients.connect({ types: [Tally] })
  const sum = await writer.open(Tally, '/sum')
  for (const by of [1, 2, 7, 3]) await sum.add(by)
  const played = (times: number) => {
    const others = writer.types.filter(({ name }) => name !== Tally.name)
    return writer.history({ types: [...others, tally(times)] })
  }
  t.is(await firstDifference(played(1), played(1)), undefined)
  const found = await firstDifference(played(1), played(2))
  t.like(found?.ops, [{ path: '/sum', op: 'add', input: 7 }])
  t.true(found !== undefined && found.base.digest !== found.code.digest)
})

test('O3: digests that were claimed are those of a replay', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const other = await clients.connect()
  // Claims are made by views that have once been at the tail.
  await Promise.all([writer.sync(), other.sync()])
  const [hits, again] = [await writer.open(Counter, '/hits'), await other.open(Counter, '/hits')]
  for (let from = 0; from < 9_000; from += 500) {
    await Promise.all(Array.from({ length: 250 }, () => [hits.add({ by: 1 }), again.add({ by: 1 })]).flat())
  }
  const found = { none: 0, same: 0, other: 0 }
  for await (const step of writer.history()) found[claimOf(step)]++
  t.true(found.same > 0)
  t.is(found.other, 0)
})

test('C4: what is behind the past that is looked at cannot be waited for', async (t) => {
  const clients = new Clients(t)
  const writer = await clients.connect()
  const hits = await writer.open(Counter, '/hits')
  await hits.add({ by: 1 })
  const { position } = writer
  for (let i = 0; i < 5; i++) await hits.add({ by: 1 })
  await using past = await writer.at(position)
  t.true(isError(await t.throwsAsync(past.sync({ atLeast: position + 3 })), 'BAD_ARGUMENT'))
  await past.sync({ atLeast: position })
  t.is((await past.open(Counter, '/hits')).state.value, 1)
})
