/**
 * Extensions as a program uses them: registered, opened and called over clients of one cluster, after losses, from
 * checkpoints, in the past.
 *
 * Read next: `../../../objects/extensions/open-extension.ts`, `registry.test.ts`.
 */
import { execFile } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import test, { type ExecutionContext } from 'ava'
import { number, object, string, type Struct } from 'superstruct'
import { Counter, SirtakiError, defineExtension, isError, type Client, type ExtensionCall } from '../../../index.ts'
import { Clients } from '../checkpoints/clients.ts'

const nothing = object({})
const amount: Struct<{ by: number }, unknown> = object({ by: number() })

const Hits = defineExtension({
  name: 'hits',
  version: 1,
  records: number(),
  ops: (op) => ({
    hit: op(amount, (ctx, { by }) => {
      const n = (ctx.get('n') ?? 0) + by
      ctx.set('n', n)
      return n
    }),
  }),
})
const Jobs = defineExtension({
  name: 'jobs',
  version: 1,
  records: string(),
  waits: ['take'],
  ops: (op) => ({
    put: op(object({ item: string() }), (ctx, { item }) => {
      const [first] = ctx.list('waiting/', 1)
      if (first === undefined) ctx.set(`items/${ctx.order}`, item)
      else ctx.settle(Number(first.value), item)
    }),
    take: op(nothing, (ctx) => {
      const [head] = ctx.list('items/', 1)
      if (head === undefined) return ctx.wait(`waiting/${ctx.order}`)
      ctx.delete(head.key)
      return head.value
    }),
  }),
})

async function two(t: ExecutionContext): Promise<readonly [Client, Client]> {
  const clients = new Clients(t)
  return [await clients.connect(), await clients.connect()]
}

test('a program is registered by one client and called by all, with types and waits', async (t) => {
  const [ann, bob] = await two(t)
  await t.throwsAsync(bob.open(Hits, '/hits'), { code: 'NOT_REGISTERED', message: /register it first/ })
  await ann.register(Hits)
  await ann.register(Jobs)
  const [one, other] = [await ann.open(Hits, '/hits'), await bob.open(Hits, '/hits')]
  t.is(await one.hit({ by: 2 }), 2)
  t.is(await other.hit({ by: 3 }), 5)
  await one.sync()
  t.is(one.tables.records.get('n')?.value, 5)
  await t.throwsAsync(one.hit(JSON.parse('{"by":"x"}')), { code: 'BAD_ARGUMENT', message: /by/ })
  const [puts, takes] = [await ann.open(Jobs, '/jobs'), await bob.open(Jobs, '/jobs')]
  const taken = takes.take({}, { timeoutMs: 5_000 })
  await puts.put({ item: 'a' })
  t.is(await taken, 'a')
  await t.throwsAsync(takes.take({}, { timeoutMs: 500 }), { code: 'TIMEOUT' })
  // Ops of a session are applied in order: behind this one that take is cancelled.
  t.is(await other.hit({ by: 0 }), 5)
  await puts.put({ item: 'b' })
  t.is(await takes.take({}, { timeoutMs: 5_000 }), 'b')
  t.deepEqual(
    bob.extensions().map(({ name, version, hash, disabled }) => [name, version, hash, disabled]),
    [
      ['hits', 1, Hits.hash, undefined],
      ['jobs', 1, Jobs.hash, undefined],
    ],
  )
  await Promise.all([ann.sync(), bob.sync()])
  t.is(ann.digest().digest, bob.digest().digest)
})

test('calls are counted, told to who looks on, and near their bound to who called', async (t) => {
  const clients = new Clients(t)
  const [said, called, channel]: [string[], ExtensionCall[], unknown[]] = [[], [], []]
  const ann = await clients.connect({ extensionLog: (extension, text) => said.push(`${extension}: ${text}`) })
  const bob = await clients.connect({ extensionCalled: (call) => called.push(call) })
  const listen = (call: unknown): void => void channel.push(call)
  subscribe('sirtaki:extension', listen)
  t.teardown(() => unsubscribe('sirtaki:extension', listen))
  const Dear = defineExtension({
    name: 'dear',
    version: 1,
    fuel: 500_000,
    ops: (op) => ({
      some: op(nothing, () => 1),
      most: op(nothing, (ctx) => {
        for (let i = 0; i < 20; i++) ctx.set('n', i)
      }),
      more: op(nothing, (ctx) => {
        for (let i = 0; ; i++) ctx.set('n', i)
      }),
    }),
  })
  await ann.register(Dear)
  const dear = await ann.open(Dear, '/dear')
  await dear.some({})
  await dear.most({})
  await t.throwsAsync(dear.more({}), { code: 'EXTENSION_LIMIT' })
  await bob.sync()
  t.is(said.length, 2, said.join())
  t.regex(said[0] ?? '', /^dear: most used \d{6} of 500000 fuel, at position \d+$/)
  t.like(called, [
    { extension: 'dear', run: 'some', limit: 500_000, code: undefined },
    { extension: 'dear', run: 'most', code: undefined },
    { extension: 'dear', run: 'more', fuel: 500_000, code: 'EXTENSION_LIMIT' },
  ])
  for (const call of called) t.is(channel.filter((other) => JSON.stringify(other) === JSON.stringify(call)).length, 2)
  const [{ counts } = { counts: undefined }] = bob.extensions()
  const fuel = called.reduce((sum, call) => sum + call.fuel, 0)
  t.deepEqual(counts, { calls: 3, refused: { EXTENSION_LIMIT: 1 }, fuel, fuelMax: 500_000 })
  t.deepEqual(ann.extensions()[0]?.counts, counts)
})

test('a transaction joins programs and other objects; a key applies an op once', async (t) => {
  const [ann] = await two(t)
  await ann.register(Hits)
  const [hits, counter] = [await ann.open(Hits, '/hits'), await ann.open(Counter, '/count')]
  const both = await ann.transaction((tx) => {
    t.is(tx.row(hits, 'records', 'n'), undefined)
    return [tx.do(hits, 'hit', { by: 7 }), tx.do(counter, 'add', { by: 1 })] as const
  })
  t.deepEqual([both[0].value, both[1].value], [7, 1])
  const options = { idempotencyKey: 'once' }
  t.deepEqual([await hits.hit({ by: 1 }, options), await hits.hit({ by: 1 }, options)], [8, 8])
})

test('another source of one version is refused with both hashes, to who registers and to who opens', async (t) => {
  const [ann, bob] = await two(t)
  await ann.register(Hits)
  const Other = defineExtension({
    name: 'hits',
    version: 1,
    ops: (op) => ({ hit: op(amount, (_ctx, { by }) => by) }),
  })
  for (const call of [bob.register(Other), bob.open(Other, '/hits')]) {
    const error = await t.throwsAsync(call, { code: 'EXTENSION_DIFFERS' })
    t.true(isError(error) && error.facts['hash'] === Other.hash && error.facts['registered'] === Hits.hash)
  }
  const Closure = defineExtension({
    name: 'closure',
    version: 1,
    ops: (op) => ({ run: op(nothing, () => amount.type) }),
  })
  await ann.register(Closure)
  const closure = await ann.open(Closure, '/closure')
  await t.throwsAsync(closure.run({}), { code: 'EXTENSION_THREW', message: /amount is not defined|'amount'/ })
})

test('E5: after a loss the next session has agreed to what the one before had', async (t) => {
  const [ann] = await two(t)
  await ann.register(Hits)
  const session = await ann.session({ name: 'short' })
  const hits = await session.open(Hits, '/hits')
  t.is(await hits.hit({ by: 1 }), 1)
  const { position } = session
  session.current().stop(new SirtakiError('SESSION_LOST', 'a test says so'))
  t.is(await hits.hit({ by: 1 }), 2)
  t.not(session.position, position)
})

test('C4: a client that begins with a checkpoint has the programs, and the past has them as they were', async (t) => {
  const clients = new Clients(t)
  const ann = await clients.connect()
  await ann.register(Hits)
  const hits = await ann.open(Hits, '/hits')
  await hits.hit({ by: 1 })
  const then = ann.position
  await hits.hit({ by: 10 })
  await ann.checkpoint()
  await hits.hit({ by: 100 })
  const late = await clients.connect()
  const same = await late.open(Hits, '/hits')
  t.is(await same.hit({ by: 1_000 }), 1_111)
  await ann.sync()
  t.is(ann.digest().digest, late.digest().digest)
  await using past = await ann.at(then)
  t.is((await past.open(Hits, '/hits')).tables.records.get('n')?.value, 1)
  const seen: unknown[] = []
  for await (const { ops, played } of ann.history({ from: then })) {
    for (const { type, op } of ops) {
      if (type === Hits.name) seen.push([op, played.outcome.kind === 'result' && played.outcome.value])
    }
  }
  t.deepEqual(seen, [
    ['hit', 1],
    ['hit', 11],
    ['hit', 111],
    ['hit', 1_111],
  ])
})

test('what a program says for people goes to who asked for it', async (t) => {
  const clients = new Clients(t)
  const said: string[] = []
  const ann = await clients.connect({ extensionLog: (extension, text) => void said.push(`${extension}: ${text}`) })
  const source = "({ say(ctx) { ctx.log('at ' + ctx.time) } })"
  const Says = defineExtension({ name: 'says', version: 1, source, ops: (op) => ({ say: op(nothing) }) })
  await ann.register(Says)
  await (await ann.open(Says, '/says')).say({})
  t.regex(said.join(), /^says: at \d+$/)
})

test('an op that a program takes is a call of the built-in type', async (t) => {
  const [ann, bob] = await two(t)
  const Double = defineExtension({
    name: 'double',
    version: 1,
    ops: () => ({}),
    takes: {
      twice: {
        type: Counter,
        op: 'add',
        path: '/hits/*',
        run: (ctx, { path, op, input }) => ctx.do(path, op, { by: 2 * Object(input).by }),
      },
    },
  })
  await ann.register(Double)
  const [one, other] = [await ann.open(Counter, '/hits/a'), await bob.open(Counter, '/hits/a')]
  t.is(await one.add({ by: 1 }), 2)
  t.is(await other.add({ by: 1 }), 3)
  await bob.agree(Double, { takes: true })
  t.is(await other.add({ by: 1 }), 5)
})

/** Runs a program in which nothing can be compiled; gives whether it ended well. */
function withoutWebAssembly(body: string): Promise<boolean> {
  const index = new URL('../../../index.ts', import.meta.url).href
  const file = new URL('../../../objects/io/engine-file.ts', import.meta.url).href
  const program = `
    const { connect, Counter, defineExtension } = await import(${JSON.stringify(index)})
    await import(${JSON.stringify(file)})
    // Behind the imports: Node reads TypeScript with a program of its own.
    WebAssembly.Module = WebAssembly.compile = WebAssembly.instantiate = () => { throw new Error('compiled') }
    const client = await connect('memory:')
    const counter = await client.open(Counter, '/hits')
    await counter.add({ by: 1 })
    ${body}
    await client.close()`
  const args = ['--input-type=module', '--eval', program]
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: 60_000 }, (error) => {
      resolve(error === null)
    })
  })
}

test('a program without extensions compiles no WebAssembly', async (t) => {
  t.timeout(120_000)
  t.true(await withoutWebAssembly(''))
  const register = "await client.register(defineExtension({ name: 'a', version: 1, source: '({})', ops: () => ({}) }))"
  t.false(await withoutWebAssembly(register))
})
