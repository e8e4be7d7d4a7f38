/** Commands for objects: call, get, ls, rm, watch, sessions. */
import test from 'ava'
import { number, object } from 'superstruct'
import { Counter, defineObject } from '../../index.ts'
import { inputExamples, objectTypes, typeNames } from '../../tools/cluster/object-types.ts'
import { ended, json, line, run } from './command-line.ts'
import { host } from './host.ts'

test.beforeEach((t) => {
  t.timeout(120_000)
})

test('every op of a type that the command line knows has an example that it accepts', (t) => {
  const odd = typeNames.flatMap((type) => {
    const { calls } = objectTypes[type]
    const examples = new Map<string, unknown>(Object.entries(inputExamples[type]))
    t.deepEqual([...examples.keys()].sort(), [...calls.keys()].sort())
    return [...calls].filter(([op, check]) => check.refusal(examples.get(op)) !== undefined)
  })
  t.deepEqual(odd, [])
})

test.serial('call, get, ls and rm: an object is made, printed, listed and dropped', async (t) => {
  const { on } = await host(t)
  const added = await on('call', '/shop/hits', 'counter', 'add', '{"by": 2}')
  t.deepEqual([added.code, added.out, added.err], [0, '2\n', ''])
  const [again] = json((await on('call', '--json', '/shop/hits', 'counter', 'add', '{"by": 3}')).out)
  t.deepEqual(again, { object: '/shop/hits', type: 'counter', op: 'add', result: 5 })
  t.regex((await on('get', '/shop/hits')).out, /^path +\/shop\/hits\ntype +sirtaki\.counter\n[^]*^value +5\n$/m)
  t.like(json((await on('get', '--json', '/shop/hits')).out)[0], { type: 'sirtaki.counter', version: 1, value: 5 })
  await on('queue', 'put', '/mail', '"text"')
  t.regex((await on('ls')).out, /^path +type +version +modified\n\/mail +sirtaki\.queue +1 +\d+\n\/shop\/hits +/)
  t.like(json((await on('ls', '/shop', '--json')).out), [{ path: '/shop/hits', type: 'sirtaki.counter', version: 1 }])
  t.is((await on('rm', '/shop/hits', '--dry-run')).out, 'would drop /shop/hits (sirtaki.counter)\n')
  t.like(json((await on('rm', '--json', '/shop/hits')).out)[0], { path: '/shop/hits', dryRun: false })
  const gone = await Promise.all([on('get', '/shop/hits'), on('rm', '/shop/hits')])
  t.deepEqual(
    gone.map(({ code, err }) => [code, err]),
    gone.map(() => [4, 'sirtaki: there is no object at /shop/hits: sirtaki ls prints those that there are\n']),
  )
})

test.serial('skip: an op is left out for ever, and only where it is said with --force', async (t) => {
  const { on, client } = await host(t)
  const hits = await client.open(Counter, '/hits')
  await hits.add({ by: 2 })
  await hits.add({ by: 3 })
  const { position } = hits
  const refused = await on('skip', String(position), '/hits')
  t.deepEqual([refused.code, refused.out], [2, ''])
  t.regex(refused.err, /^sirtaki: refused: nothing of \/hits would run at position \d+, for ever\. .* with --force\n$/)
  const odd = await on('skip', String(position), '/other', '--force')
  t.regex(odd.err, /^sirtaki: position \d+ has no op of \/other: .*\[BAD_ARGUMENT\]\n$/)
  const [skipped] = json((await on('skip', String(position), '/hits', '--force', '--json')).out)
  t.like(skipped, { position, object: '/hits' })
  t.regex((await on('get', '/hits')).out, /^value +2$/m)
  await t.throwsAsync(client.sync(), { code: 'STOPPED' })
})

test.serial('call: what the object refuses ends with its code, an op that waits says what becomes of it', async (t) => {
  const { on, client } = await host(t)
  await (await client.open(Counter, '/hits')).set({ value: 7 })
  const refused = await on('call', '/hits', 'counter', 'compareAndSet', '{"expect": 1, "value": 2}')
  t.is(refused.code, 5)
  t.regex(refused.err, /^sirtaki: compareAndSet of \/hits was refused: MISMATCH \(value 7\) \[MISMATCH\]\n$/)
  const other = await on('call', '/hits', 'queue', 'remove', '{"id": "a"}', '--json')
  t.is(other.code, 5)
  t.like(json(other.err)[0], { code: 'WRONG_TYPE', next: 'stop', facts: { type: 'sirtaki.counter' } })
  const input = '{"n": 1, "visibilityMs": 0, "remove": true, "wait": false}'
  const taken = await on('call', '/mail', 'queue', 'take', input)
  t.deepEqual(
    [taken.code, taken.out, taken.err],
    [0, '[]\n', 'what the op acquires is given back when this command ends\n'],
  )
})

test.serial('an object of a type that only a program knows is listed, and neither printed nor dropped', async (t) => {
  const { on, client } = await host(t)
  const Shelf = defineObject({
    name: 'test.shelf',
    version: 1,
    state: object({ books: number() }),
    initial: () => ({ books: 0 }),
    ops: (op) => ({
      put: op(object({ books: number() }), (draft, { books }) => {
        draft.books += books
      }),
    }),
  })
  const shelf = await client.open(Shelf, '/shelf')
  await shelf.put({ books: 3 })
  t.deepEqual(json((await on('ls', '--json')).out), [{ path: '/shelf', type: null, version: null, modified: null }])
  const [got, dropped] = await Promise.all([on('get', '/shelf'), on('rm', '/shelf', '--json')])
  t.deepEqual([got.code, dropped.code], [1, 1])
  t.regex(got.err, /^sirtaki: \/shelf was made by a type of a program: .*\[CODE_MISSING\]\n$/)
  t.like(json(dropped.err)[0], { code: 'CODE_MISSING', facts: { path: '/shelf' } })
  await shelf.sync()
  t.is(shelf.state.books, 3)
})

test.serial('rm: what somebody holds stays, with exit code 5', async (t) => {
  const { on, client } = await host(t)
  await client.lock('/locks/one', { timeoutMs: 10_000 })
  const refused = await on('rm', '/locks/one')
  t.is(refused.code, 5)
  t.regex(refused.err, /NOT_EMPTY \(owned 1\) \[NOT_EMPTY\]\n$/)
})

test.serial('sessions: who is there, and a command that only looks is not', async (t) => {
  const { on, client } = await host(t)
  t.regex((await on('sessions')).out, /^session +name +timeout ms +process +ops +identities\n$/)
  await (await client.open(Counter, '/hits')).add({ by: 1 })
  const found = json((await on('sessions', '--json')).out)
  t.like(found, [{ session: client.own.position, name: 'host', timeoutMs: 10_000, ids: [], next: 1 }])
  t.regex((await on('sessions')).out, /^\d+ +host +10000 +[0-9a-f]{16} +1\n$/m)
})

test.serial(
  'watch: prints what happens from now on, to one object or to all, and SIGINT ends it with 130',
  async (t) => {
    const { start, client } = await host(t)
    const [hits, other] = await Promise.all([client.open(Counter, '/hits'), client.open(Counter, '/other')])
    await hits.add({ by: 1 })
    const one = start('watch', '/hits', '--json')
    const all = start('watch')
    const [endOfOne, endOfAll] = [ended(one), ended(all)]
    const seen = [line(one, 'caughtUp'), line(all, '"value":9')]
    await seen[0]
    await other.set({ value: 8 })
    const told = line(one, '"value":3')
    await hits.set({ value: 3 })
    t.like(json(await told)[0], {
      kind: 'change',
      changes: [{ path: '/hits', before: { value: 1 }, after: { value: 3 } }],
    })
    const again = setInterval(() => void other.set({ value: 9 }), 200)
    t.regex((await seen[1]) ?? '', /^\d+ {2}\/other = {"value":9}/)
    clearInterval(again)
    one.kill('SIGINT')
    all.kill('SIGINT')
    const [first, second] = await Promise.all([endOfOne, endOfAll])
    t.deepEqual([first.code, second.code], [130, 130])
    t.false(first.out.includes('/other'))
    t.false(second.out.includes('/.sirtaki'))
  },
)

test.serial('watch: --after begins with what happened above a position, --snapshot with what there is', async (t) => {
  const { start, client } = await host(t)
  const hits = await client.open(Counter, '/hits')
  await hits.add({ by: 1 })
  const { position } = hits
  await hits.add({ by: 2 })
  await hits.add({ by: 4 })
  const after = start('watch', '/hits', '--after', String(position), '--json')
  const snapshot = start('watch', '/hits', '--snapshot')
  const [endOfAfter, endOfSnapshot] = [ended(after), ended(snapshot)]
  await Promise.all([line(after, '"value":7'), line(snapshot, '/hits')])
  after.kill('SIGINT')
  snapshot.kill('SIGINT')
  const [changes, rows] = await Promise.all([endOfAfter, endOfSnapshot])
  t.like(json(changes.out).slice(0, 2), [
    { changes: [{ before: { value: 1 }, after: { value: 3 } }] },
    { changes: [{ before: { value: 3 }, after: { value: 7 } }] },
  ])
  t.regex(rows.out, /^\d+ {2}\/hits = {"value":7}\n$/)
})

/** Thousands of calls at once, beside other tests: their deadline is not what is tested. */
const PATIENT = { timeoutMs: 60_000 }

test.serial('watch --after: what is not kept any more is exit code 4, and with --snapshot all there is', async (t) => {
  const { on, start, client } = await host(t)
  const hits = await client.open(Counter, '/hits')
  const { position } = hits
  const add = (): Promise<unknown> => Promise.all(Array.from({ length: 8_500 }, () => hits.add({ by: 1 }, PATIENT)))
  await add()
  await add()
  const late = await on('watch', '/hits', '--after', String(position + 1), '--json')
  t.is(late.code, 4)
  t.like(json(late.err)[0], { code: 'TRIMMED', next: 'stop', facts: { after: position + 1 } })
  const all = start('watch', '/hits', '--after', String(position + 1), '--snapshot')
  t.regex(await line(all, '/hits'), /\/hits = {"value":17000}/)
})

test('what makes no sense is exit code 2, in one line that says what to write, and no cluster is asked', async (t) => {
  const ran = await Promise.all(
    [
      ['call', '/hits', 'count', 'add'],
      ['call', '/hits', 'counter', 'ad'],
      ['call', '/hits', 'counter', 'add', '{by: 1}'],
      ['call', '/hits', 'counter', 'add'],
      ['call', 'hits', 'counter', 'add', '{"by": 1}'],
      ['get', '/hits/'],
      ['rm', '/.sirtaki'],
      ['ls', 'hits'],
      ['watch', '--after', '-2'],
      ['queue', 'put', '/mail', 'text'],
      ['queue', 'put', '/mail', '1', '2', '--id', 'a'],
      ['queue', 'requeue', '/mail'],
      ['queue', 'tkae', '/mail'],
      ['elect', '/leader', '--data', 'me', '--', 'true'],
      ['lock', '/lock'],
      ['skip', '3', '/hits'],
      ['skip', 'three', '/hits', '--force'],
    ].map((args) => run(args)),
  )
  t.deepEqual(
    ran.map(({ code, err }) => [code, err.trim().split('\n').length]),
    ran.map(() => [2, 1]),
  )
  const said = ran.map(({ err }) => err)
  t.regex(
    said[0] ?? '',
    /Allowed choices are counter, lock, queue, tree, and x:NAME of an extension: see sirtaki call --help/,
  )
  t.regex(said[1] ?? '', /no op "ad" \(did you mean add\?\): it has add, set, compareAndSet, requireAtLeast/)
  t.regex(said[2] ?? '', /this is no JSON: write it like/)
  t.is(said[3], `sirtaki: add of type counter does not accept {}: write an input like '{"by":1}'\n`)
  t.regex(said[4] ?? '', /a path begins with \/ .*, such as \/hits/)
  t.regex(said[12] ?? '', /did you mean take\?/)
})
