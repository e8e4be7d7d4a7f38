/** `sirtaki extension`: extensions are checked and built without a cluster, registered, looked after, and profiled. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { number, object } from 'superstruct'
import { Counter, defineExtension } from '../../index.ts'
import { folder, json, run } from './command-line.ts'
import { host } from './host.ts'

test.beforeEach((t) => {
  t.timeout(180_000)
})

const root = fileURLToPath(new URL('../..', import.meta.url))
const HEAD = `import { readFileSync } from 'node:fs'
import { number, object } from '${root}node_modules/superstruct/dist/index.mjs'
import { Counter, defineExtension } from '${root}index.ts'
`
const HITS = `const limit: number = 3
export const Hits = defineExtension({
  name: 'hits', version: 1, records: number(), waits: ['take'], uses: { '/jobs/*': Counter },
  due: () => undefined,
  ops: (op) => ({
    hit: op(object({ by: number() }), (ctx, { by }) => {
      const n = (ctx.get('n') ?? 0) + by
      ctx.set('n', n)
      return n
    }),
    take: op(object({}), (ctx) => ctx.wait('waiting/' + ctx.order)),
    limited: op(object({}), () => limit),
    sell: op(object({}), (ctx) => ctx.reject('OUT_OF_STOCK')),
  }),
})
`
const OTHER = `export const Other = defineExtension({ name: 'other', version: 2,
  ops: (op) => ({ one: op(object({}), () => 1) }),
  takes: { twice: { type: Counter, op: 'add', path: '/twice/*',
    run: (ctx, { path, input }) => ctx.do(path, 'add', { by: 2 * Object(input).by }) } },
  events: { seen: { on: ['created'], run: () => undefined } },
})
`

/** A folder of modules: gives the path of one. */
function modules(t: ExecutionContext): (name: string, text: string) => string {
  const { path, remove } = folder()
  t.teardown(remove)
  return (name, text) => {
    const file = join(path, name)
    writeFileSync(file, `${HEAD}${text}`)
    return file
  }
}

test('check: what each extension has, and what the examples come to, without a cluster', async (t) => {
  const file = modules(t)(
    'hits.ts',
    `${HITS}${OTHER}export const again = Hits
    export const examples = [
      { extension: 'hits', op: 'hit', input: { by: 1 }, records: { n: 4 } },
      { extension: 'hits', op: 'take' },
      { extension: 'other', op: 'one', path: '/one' },
    ]`,
  )
  const text = await run(['extension', 'check', file])
  t.is(text.code, 0, text.err)
  t.is(text.err, '')
  t.regex(
    text.out,
    /^name +hits\nversion +1\nhash +[0-9a-f]{64}\nsource +\d+ bytes\nfuel +5000000 for a call at most, \d+/,
  )
  t.regex(text.out, /^ops +hit, take \(may wait\), limited, sell\nhooks +due\nuses +\/jobs\/\* of sirtaki\.counter\n/m)
  t.regex(text.out, /^example +hit {"by":1}: 5 \(\d+ fuel\)\nexample +take {}: it waits \(\d+ fuel\)\nname +other\n/m)
  t.regex(
    text.out,
    /^takes +add of sirtaki\.counter at \/twice\/\* \(by twice\)\nevents +created: any in records of its own/m,
  )
  const lines = json((await run(['extension', 'check', file, '--json'])).out)
  t.is(lines.length, 5)
  t.like(lines[0], { extension: 'hits', version: 1, hooks: ['due'], fuel: 5_000_000, problem: null })
  t.like(lines[1], { extension: 'hits', op: 'hit', input: { by: 1 }, outcome: { kind: 'result', value: 5 } })
  t.true(Number(lines[1]?.['fuel']) > 0)
  t.like(lines[2], { op: 'take', outcome: { kind: 'waiting' } })
  t.like(lines[4], { extension: 'other', op: 'one', outcome: { value: 1 } })
})

test('check: what is refused is exit code 1 with the reason; a closure is named', async (t) => {
  const write = modules(t)
  const bad = write(
    'bad.js',
    `export const Bad = defineExtension({ name: 'bad', version: 1, source: '({\\n  put(ctx) { return 1 + },\\n})',
      ops: (op) => ({ put: op(object({})) }) })`,
  )
  const lacks = write(
    'lacks.js',
    `export const A = defineExtension({ name: 'a', version: 1, source: '({})',
      ops: (op) => ({ put: op(object({})) }) })`,
  )
  const example = (name: string, one: string): string =>
    write(`${name}.ts`, `${HITS}export const examples = [${one}, { op: 'sell' }]`)
  const ran = await Promise.all(
    [
      bad,
      lacks,
      example('closure', "{ op: 'limited' }"),
      example('refused', "{ op: 'sell' }"),
      example('input', "{ op: 'hit', input: { by: 'x' } }"),
      example('op', "{ op: 'ht' }"),
      example('path', "{ op: 'hit', input: { by: 1 }, path: 'x' }"),
      example('records', "{ op: 'hit', input: { by: 1 }, records: { n: new Uint8Array(1) } }"),
    ].map((file) => run(['extension', 'check', file])),
  )
  t.deepEqual(
    ran.map(({ code, err }) => [code, err.trim().split('\n').length]),
    ran.map(() => [1, 1]),
  )
  const said = ran.map(({ err }) => err)
  t.regex(
    said[0] ?? '',
    /^sirtaki: extension bad is refused: SyntaxError: .*\(line and column 2:25\) \[BAD_SOURCE\]\n$/,
  )
  t.regex(said[1] ?? '', /^sirtaki: extension a is refused: it has no function put \[BAD_SOURCE\]\n$/)
  t.regex(said[2] ?? '', /example limited of extension hits is refused: it uses limit, which is not defined there: /)
  t.regex(
    said[2] ?? '',
    /a program sees only its arguments and the language \(the first of 2 problems\) \[EXTENSION_THREW\]/,
  )
  t.regex(said[3] ?? '', /example sell of extension hits is refused: OUT_OF_STOCK \(.*\) \[REJECTED\]/)
  t.regex(said[4] ?? '', /the op does not accept its input: .*by.* \[BAD_ARGUMENT\]/)
  t.regex(said[5] ?? '', /example ht of extension hits is refused: .*no such op/)
  t.regex(said[6] ?? '', /x names no object/)
  t.regex(said[7] ?? '', /its records cannot be put: /)
  t.regex(ran[2]?.out ?? '', /^example +limited {}: EXTENSION_THREW, it uses limit, /m)
  const lines = await run(['extension', 'check', bad, '--json'])
  t.like(json(lines.out)[0], { extension: 'bad', version: 1 })
  t.like(json(lines.err)[0], { code: 'BAD_SOURCE', next: 'stop', exit: 1, facts: { extension: 'bad' } })
})

test('bad files, names and flags are exit code 2, in one line', async (t) => {
  const write = modules(t)
  const hits = write('hits.ts', HITS)
  const ran = await Promise.all(
    [
      ['check'],
      ['check', '/nowhere/to/be/found.ts'],
      ['check', write('none.ts', 'export const examples = []')],
      ['check', write('shape.ts', `${HITS}export const examples = [{ op: 7 }]`)],
      ['check', write('whose.ts', `${HITS}${OTHER}export const examples = [{ op: 'hit' }]`)],
      ['check', write('throws.ts', "throw new Error('no')")],
      ['build', write('types.ts', 'export { Counter }')],
      ['register', hits, '--only', 'hts'],
      ['disable', 'hits'],
      ['disable', 'hits', '--reason', ' '],
      ['profile', 'hits', '--from', 'x'],
      ['lst'],
    ].map((args) => run(['extension', ...args])),
  )
  t.deepEqual(
    ran.map(({ code, err }) => [code, err.trim().split('\n').length]),
    ran.map(() => [2, 1]),
  )
  const said = ran.map(({ err }) => err)
  t.regex(said[1] ?? '', /found\.ts cannot be loaded/)
  t.regex(said[2] ?? '', /none\.ts exports no extension: export what defineExtension gives/)
  t.regex(
    said[3] ?? '',
    /the examples of .*shape\.ts are not as they should be at 0\.op: see sirtaki extension check --help/,
  )
  t.regex(said[4] ?? '', /an example of op hit in .*whose\.ts names none of its extensions: it exports hits, other/)
  t.regex(said[6] ?? '', /types\.ts exports no extension/)
  t.regex(said[7] ?? '', /exports no extension "hts" \(did you mean hits\?\): it exports hits/)
  t.regex(said[8] ?? '', /--reason/)
  t.regex(said[9] ?? '', /a reason is a text of 1 to 1000 characters/)
  t.regex(said[11] ?? '', /did you mean list\?/)
})

test('build: the same text each time, which a definition takes; another one is not written over', async (t) => {
  const write = modules(t)
  const file = write('hits.ts', HITS)
  const built = await run(['extension', 'build', file])
  t.is(built.code, 0, built.err)
  const path = built.out.trim()
  t.true(path.endsWith('hits-1.js'))
  t.regex(built.err, /^in the definition, in place of functions: source: readFileSync\(/)
  t.regex(readFileSync(path, 'utf8'), /^\(\{\nhit: /)
  const again = json((await run(['extension', 'build', file, '--json'])).out)
  t.like(again, [{ extension: 'hits', version: 1, path }])
  const fixed = write(
    'fixed.js',
    `export const Hits = defineExtension({ name: 'hits', version: 1, waits: ['take'], uses: { '/jobs/*': Counter },
      source: readFileSync(new URL('./hits-1.js', import.meta.url), 'utf8'),
      ops: (op) => ({ hit: op(object({ by: number() })), take: op(object({})), limited: op(object({})),
        sell: op(object({})) }) })`,
  )
  t.is(json((await run(['extension', 'check', fixed, '--json'])).out)[0]?.['hash'], again[0]?.['hash'])
  const other = write('other.ts', HITS.replace("'n', n)", "'n', n + 0)"))
  const refused = await run(['extension', 'build', other])
  t.is(refused.code, 5)
  t.regex(refused.err, /hits-1\.js has another source: give hits a version above 1, or say --force/)
  const out = join(path, '..', 'deep', 'out')
  t.is((await run(['extension', 'build', other, '--out', out])).code, 0)
  t.true(existsSync(join(out, 'hits-1.js')))
  t.is((await run(['extension', 'build', other, '--force'])).code, 0)
  t.true(readFileSync(path, 'utf8').includes('n + 0'))
  const nowhere = await run(['extension', 'build', other, '--out', join(path, 'below-a-file')])
  t.is(nowhere.code, 1)
  t.regex(nowhere.err, /cannot be written/)
})

test.serial(
  'register, list and show: once, with its hash and position; other code of that version is refused',
  async (t) => {
    const { on, client } = await host(t)
    const write = modules(t)
    const file = write('hits.ts', `${HITS}${OTHER}`)
    t.is((await on('extension', 'list', '--json')).out, '')
    const [first] = json((await on('extension', 'register', file, '--only', 'hits', '--json')).out)
    t.like(first, { name: 'hits', version: 1, registered: true, replaced: null })
    const again = await on('extension', 'register', file)
    t.is(again.code, 0, again.err)
    t.regex(
      again.out,
      /^hits version 1 was registered already at position \d+, hash [0-9a-f]{64}\nother version 2 is reg/,
    )
    const listed = await on('extension', 'list')
    t.regex(listed.out, /^name +version +hash +position +state\nhits +1 +[0-9a-f]{12} +\d+ +runs\nother +2 +/)
    await client.sync()
    const { hash, at } = client.extensions()[0] ?? { hash: '', at: -1 }
    t.like(first, { hash, at })
    t.like(json((await on('extension', 'list', '--json')).out)[0], {
      name: 'hits',
      version: 1,
      hash,
      at,
      disabled: null,
    })
    const shown = await on('extension', 'show', 'hits')
    t.regex(
      shown.out,
      /^name +hits\nversion +1\n[^]*\nposition +\d+\nsession +\d+\nstate +runs\n[^]*\nops +hit, take \(may wait\)/,
    )
    t.like(json((await on('extension', 'show', 'other', '--json')).out)[0], { name: 'other', ops: [{ name: 'one' }] })
    t.is((await on('extension', 'show', 'hits', '--source')).out, `${client.extensions()[0]?.source}\n`)
    const [source] = json((await on('extension', 'show', 'hits', '--source', '--json')).out)
    t.deepEqual(Object.keys(source ?? {}), ['name', 'version', 'hash', 'source'])
    const differs = await on('extension', 'register', write('differs.ts', HITS.replace('?? 0', '?? 1')))
    t.is(differs.code, 5)
    t.regex(differs.err, /EXTENSION_DIFFERS \(extension hits, version 1, .*\[EXTENSION_DIFFERS\]\n$/)
    const next = write('next.ts', HITS.replace('version: 1', 'version: 2'))
    t.regex((await on('extension', 'register', next)).out, /^hits version 2 is registered in place of version 1, at/)
    const old = await on('extension', 'register', file, '--only', 'hits')
    t.is(old.code, 1)
    t.regex(old.err, /\[OLD_CODE\]\n$/)
    const missing = await on('extension', 'show', 'hit', '--json')
    t.is(missing.code, 4)
    t.like(json(missing.err)[0], { code: 'NOT_REGISTERED', facts: { extension: 'hit' } })
    t.regex(String(json(missing.err)[0]?.['message']), /did you mean hits\?/)
  },
)

test.serial('call: agrees to what is registered; ls, get, history and blame know its objects', async (t) => {
  const { on, client } = await host(t)
  const file = modules(t)('hits.ts', HITS)
  const none = await on('call', '/a', 'x:hits', 'hit')
  t.is(none.code, 4)
  t.regex(none.err, /no extension "hits" is registered: see sirtaki extension list \[NOT_REGISTERED\]\n$/)
  await on('extension', 'register', file)
  const called = await on('call', '/a', 'x:hits', 'hit', '{"by": 2}')
  t.is(called.code, 0, called.err)
  t.is(called.out, '2\n')
  t.like(json((await on('call', '/a', 'x:hits', 'hit', '{"by": 3}', '--json')).out)[0], { type: 'x:hits', result: 5 })
  const odd = await on('call', '/a', 'x:hits', 'ht')
  t.is(odd.code, 2)
  t.regex(odd.err, /type x:hits has no op "ht" \(did you mean hit\?\): it has hit, take, limited, sell/)
  const refused = await on('call', '/a', 'x:hits', 'sell')
  t.is(refused.code, 1)
  t.regex(refused.err, /sell of \/a was refused: OUT_OF_STOCK/)
  t.like(json((await on('ls', '--json')).out), [{ path: '/a', type: 'x:hits' }])
  t.like(json((await on('get', '/a', '--json')).out)[0], { type: 'x:hits', records: 1, waits: 0 })
  // A module with nothing but extensions brings no type: their code is in the log.
  const history = await on('history', '/a', '--code', file)
  t.regex(history.out, /hit of \/a {"by":2}: 2\n[^]*\/a records n = {"value":2,[^]*sell of \/a {}: rejected REJECTED/)
  const blamed = json((await on('blame', '/a', '--json')).out)
  t.like(
    blamed.find(({ key }) => key === 'n'),
    { op: 'hit' },
  )
  await client.sync()
  t.is(client.describe('/a')?.['records'], 1)
})

test.serial('disable, enable and remove: who calls is told the reason; objects stay', async (t) => {
  const { on } = await host(t)
  const file = modules(t)('hits.ts', HITS)
  const call = () => on('call', '/a', 'x:hits', 'hit', '{"by": 1}')
  await on('extension', 'register', file)
  await call()
  const disabled = await on('extension', 'disable', 'hits', '--reason', 'too slow', '--json')
  t.like(json(disabled.out)[0], { name: 'hits', disabled: { reason: 'too slow' } })
  const refused = await call()
  t.is(refused.code, 1)
  t.regex(refused.err, /EXTENSION_DISABLED \(extension hits, reason too slow, since \d+\) \[EXTENSION_DISABLED\]\n$/)
  t.regex((await on('extension', 'list')).out, /^hits .* disabled at \d+: too slow$/m)
  t.regex(
    (await on('extension', 'register', file)).err,
    /hits does not run, since it was disabled \(too slow\): sirtaki/,
  )
  t.is((await on('extension', 'enable', 'hits')).out, 'hits runs again\n')
  t.like(json((await on('extension', 'enable', 'hits', '--json')).out)[0], { name: 'hits', wasDisabled: false })
  t.is((await call()).out, '2\n')
  t.regex((await on('extension', 'disable', 'hits', '--reason', 'again')).out, /^hits does not run any more: again\n/)
  t.regex((await on('extension', 'remove', 'hits')).out, /^removed hits version 1; its objects stay, for reading: 1\n/)
  t.like(json((await on('ls', '--json')).out), [{ path: '/a', type: 'x:hits' }])
  const gone = await Promise.all([
    on('extension', 'remove', 'hits'),
    on('extension', 'enable', 'hits'),
    on('extension', 'disable', 'hits', '--reason', 'x'),
  ])
  t.deepEqual(
    gone.map(({ code, err }) => [code, err.includes('[NOT_REGISTERED]')]),
    gone.map(() => [4, true]),
  )
  await on('extension', 'register', file)
  t.like(json((await on('extension', 'remove', 'hits', '--json')).out)[0], { name: 'hits', version: 1, objects: 1 })
})

test.serial('profile: calls, fuel and failures of each function, of its own in a transaction too', async (t) => {
  const { on, client } = await host(t)
  const none = await on('extension', 'profile')
  t.is(none.code, 4)
  t.regex(none.err, /the log has no call of any extension/)
  const Hits = defineExtension({
    name: 'hits',
    version: 1,
    records: number(),
    ops: (op) => ({
      hit: op(object({ by: number() }), (ctx, { by }) => {
        if (by > 100) ctx.reject('TOO_FAR')
        for (let i = 0; i < by; i++) ctx.set('n', i)
        return by
      }),
      fail: op(object({}), () => {
        throw new Error('no')
      }),
    }),
  })
  const Idle = defineExtension({
    name: 'idle',
    version: 1,
    ops: (op) => ({ one: op(object({}), () => 1) }),
    events: { seen: { on: ['created'], path: '/count', run: () => undefined } },
  })
  await client.register(Hits)
  await client.register(Idle)
  const [hits, idle, counter] = [
    await client.open(Hits, '/hits'),
    await client.open(Idle, '/idle'),
    await client.open(Counter, '/count'),
  ]
  for (const by of [1, 1, 50]) await hits.hit({ by })
  await t.throwsAsync(hits.hit({ by: 101 }), { code: 'REJECTED' })
  await t.throwsAsync(hits.fail({}), { code: 'EXTENSION_THREW' })
  const { position } = client
  await client.transaction((tx) => [tx.do(hits, 'hit', { by: 1 }), tx.do(counter, 'add', { by: 1 })])
  await idle.one({})
  const text = await on('extension', 'profile')
  t.is(text.code, 0, text.err)
  t.regex(
    text.out,
    /^extension +function +calls +fuel p50 +p99 +max +failures\nhits +fail +1 +.* EXTENSION_THREW 1\nhits +hit +5 /,
  )
  t.regex(text.out, /TOO_FAR 1\nidle +one +1 +\d+ +\d+ +\d+\nidle +seen +1 +\d+ +\d+ +\d+\n$/)
  t.is(text.err, '')
  const replayed = (await on('replay')).out
  t.regex(replayed, /one of \/idle \{\}: 1\n {4}extension idle: one, \d+ fuel\n/)
  t.regex(replayed, / {4}extension hits: hit, \d+ fuel\n {4}extension idle: seen, \d+ fuel\n/)
  t.regex(replayed, / {4}extension hits: fail, \d+ fuel, EXTENSION_THREW\n/)
  const seen = json((await on('replay', '--json')).out).findLast((one) => JSON.stringify(one).includes('"run":"seen"'))
  t.like(seen, {
    calls: [
      { extension: 'hits', run: 'hit' },
      { extension: 'idle', run: 'seen' },
    ],
  })
  const all = json((await on('extension', 'profile', 'hits', '--json')).out)
  t.like(all, [
    { extension: 'hits', run: 'fail', calls: 1, failures: { EXTENSION_THREW: 1 } },
    { extension: 'hits', run: 'hit', calls: 5, failures: { TOO_FAR: 1 } },
  ])
  const [p50, p99] = [Number(all[1]?.['fuelP50']), Number(all[1]?.['fuelP99'])]
  t.true(p50 > 0 && p99 > 3 * p50)
  const late = json((await on('extension', 'profile', 'hits', '--from', String(position + 1), '--json')).out)
  t.like(late, [{ run: 'hit', calls: 1 }])
  t.is((await on('extension', 'profile', 'nobody')).code, 4)
})

test('explain knows the codes of extensions', async (t) => {
  const ran = await run(['explain', 'NOT_REGISTERED', '--json'])
  t.like(json(ran.out)[0], { code: 'NOT_REGISTERED', next: 'stop', exit: 4 })
})
