/**
 * The registry of extensions: who may call what, what versions and removal do, what other objects a program reaches,
 * which ops it takes, which changes it is called for.
 *
 * Read next: `../../../objects/extensions/registry.ts`, `../../../objects/extensions/registered.ts`, `program.test.ts`.
 *
 * Long: one driver shows what the registry does.
 */
import test from 'ava'
import { engineFrom, packagedEngine } from '../../../objects/extensions/engine-source.ts'
import { extensionsIn, programsOf } from '../../../objects/extensions/registry.ts'
import type { EventOf, ProgramShape } from '../../../objects/extensions/shapes.ts'
import { readEngineFile } from '../../../objects/io/engine-file.ts'
import { NEEDS_ENGINE, PROGRAMS_PATH, PROGRAMS_TYPE } from '../../../objects/runtime/programs.ts'
import { SHARED_MAX } from '../../../objects/lock/shapes.ts'
import { Counter, Lock, Queue, Space, orderKey } from '../../../objects.ts'
import { answerOf, type Answer } from '../machine-driver.ts'
import { ExtensionDriver, programOf, type Registrable } from './extension-driver.ts'
import { FailingMachines, OtherMachines, registryWith } from './odd-engines.ts'
import { Ledger } from '../space-driver.ts'

const source = (...functions: readonly string[]): string => `({ ${functions.join(', ')} })`
const add = 'add(ctx, { by }) { const n = (ctx.get("n") ?? 0) + by; ctx.set("n", n); return n }'
const codeOf = (answer: Answer): string => (typeof answer === 'object' && 'code' in answer ? answer.code : 'none')

// ---- who may call what

test('E5: only a session that has agreed to this very source calls it', (t) => {
  const driver = new ExtensionDriver()
  const [ann, bob] = [driver.open(), driver.open()]
  const one = programOf(source(add))
  const call = (session = bob, program: Registrable = one): Answer =>
    driver.ask(session, program, '/n', 'add', { by: 1 })
  t.deepEqual(call(), { code: 'NOT_REGISTERED', facts: { extension: 'test' } })
  t.deepEqual(driver.acknowledge(bob, one), { code: 'NOT_REGISTERED', facts: { extension: 'test' } })
  t.deepEqual(driver.register(ann, one), { value: { hash: one.hash } })
  t.deepEqual(driver.last.events[0]?.kind, 'registered')
  t.deepEqual(call(ann), { value: 1 })
  t.deepEqual(call(), { code: 'NOT_ACKNOWLEDGED', facts: { extension: 'test', hash: one.hash } })
  t.deepEqual(driver.acknowledge(bob, one), { value: undefined })
  t.deepEqual(call(), { value: 2 })
  // The same once more changes nothing, and so does another source of that version.
  t.deepEqual(driver.register(ann, one), { value: { hash: one.hash } })
  t.deepEqual(driver.last.patches, [])
  const other = programOf(source(add, 'more() { return 1 }'))
  t.like(driver.register(ann, other), { code: 'EXTENSION_DIFFERS', facts: { hash: other.hash, registered: one.hash } })
  t.like(driver.acknowledge(bob, other), { code: 'EXTENSION_DIFFERS' })
  t.is(driver.replayed(), driver.digest)
})

test('E5: a higher version takes the place at its position: records stay, and each session agrees anew', (t) => {
  const driver = new ExtensionDriver()
  const [ann, bob] = [driver.open(), driver.open()]
  const one = programOf(source(add))
  const two = programOf(source(add.replace('+ by', '+ 10 * by'), 'more() { return 1 }'), { version: 2 })
  driver.register(ann, one)
  driver.acknowledge(bob, one)
  t.deepEqual(driver.ask(bob, one, '/n', 'add', { by: 1 }), { value: 1 })
  driver.register(ann, two)
  t.deepEqual(driver.ask(ann, two, '/n', 'add', { by: 1 }), { value: 11 })
  t.deepEqual(driver.ask(bob, one, '/n', 'add', { by: 1 }), {
    code: 'OLD_CODE',
    facts: { extension: 'test', version: 1, active: 2 },
  })
  t.is(codeOf(driver.ask(bob, two, '/n', 'add', { by: 1 })), 'NOT_ACKNOWLEDGED')
  t.is(codeOf(driver.register(bob, one)), 'OLD_CODE')
  driver.acknowledge(bob, two)
  t.deepEqual(driver.ask(bob, two, '/n', 'more'), { value: 1 })
  t.is(codeOf(driver.ask(bob, { ...two, version: 3 }, '/n', 'more')), 'NOT_ACTIVE')
  t.is(driver.replayed(), driver.digest)
})

test('E5: what a transaction removes, disables or replaces does not answer behind that: nothing of it is done', (t) => {
  const driver = new ExtensionDriver()
  const ann = driver.open()
  const one = programOf(source(add))
  const two = programOf(source(add, 'more() { return 1 }'), { version: 2 })
  driver.register(ann, one)
  const type = { name: 'sirtaki.extensions', version: 1 }
  const behind = (op: string, input: object): string => {
    const change = { type, path: PROGRAMS_PATH, op, input }
    const call = { type: { name: 'x:test', version: 1 }, path: '/n', op: 'add', input: { by: 1 } }
    return codeOf(answerOf(driver.transaction(ann, [change, call]).outcome))
  }
  const replaced = { name: 'test', version: 2, taken: true, ...two.program }
  for (const total of [1, 2]) {
    t.is(behind('remove', { name: 'test' }), 'NOT_REGISTERED')
    t.is(behind('disable', { name: 'test', reason: 'why not' }), 'EXTENSION_DISABLED')
    t.is(behind('register', replaced), 'OLD_CODE')
    t.deepEqual(driver.ask(ann, one, '/n', 'add', { by: 1 }), { value: total })
  }
  t.is(driver.replayed(), driver.digest)
})

test('E2: where the engine gives up the op alone is refused, and its program is disabled', (t) => {
  const driver = new ExtensionDriver([Counter], {}, registryWith(new FailingMachines('fail')))
  const ann = driver.open()
  const one = programOf(source(add, 'fail(ctx) { ctx.set("n", "give up") }'))
  const other = programOf(source(add), { name: 'other' })
  driver.register(ann, one)
  driver.register(ann, other)
  t.deepEqual(driver.ask(ann, one, '/n', 'add', { by: 2 }), { value: 2 })
  t.like(driver.ask(ann, one, '/n', 'fail'), {
    code: 'EXTENSION_TRAP',
    facts: { extension: 'test', op: 'fail', text: 'memory access out of bounds' },
  })
  t.is(driver.last.events[0]?.kind, 'disabled')
  t.true(driver.last.fuel > 0)
  t.deepEqual(driver.recordsOf('test', '/n'), [['n', 2, 0]])
  t.like(driver.ask(ann, one, '/n', 'add', { by: 1 }), {
    code: 'EXTENSION_DISABLED',
    facts: { reason: 'the engine gave it up' },
  })
  t.deepEqual(driver.ask(ann, other, '/o', 'add', { by: 1 }), { value: 1 })
  driver.registry(ann, 'enable', { name: 'test' })
  t.deepEqual(driver.ask(ann, one, '/n', 'add', { by: 1 }), { value: 3 })
  t.is(driver.replayed(), driver.digest)
})

test('E3: another engine runs from its activation on; what is called names its image then, and the past stays', (t) => {
  const other = new OtherMachines()
  const first = extensionsIn(packagedEngine)
  const second = registryWith(other, 2)
  const driver = new ExtensionDriver([Counter, second], {}, first)
  const ann = driver.open()
  const one = programOf(source(add))
  const idle = programOf(source(add), { name: 'idle' })
  const old = programOf(source(add, 'hint() { return "too old" }'), { name: 'old' })
  for (const program of [one, idle, old]) driver.register(ann, program)
  const record = (name: string) => programsOf(driver.space.journal).tables.programs.get(name)
  const before = record('test')
  t.deepEqual(driver.ask(ann, one, '/n', 'add', { by: 1 }), { value: 1 })
  driver.run(ann, { type: null, path: '/.sirtaki', op: '$activate', input: { type: PROGRAMS_TYPE, version: 2 } })
  // The registry is another one with the first op of that version.
  t.is(codeOf(driver.registry(ann, 'enable', { name: 'test' })), 'OLD_CODE')
  t.deepEqual(driver.ask(ann, one, '/n', 'add', { by: 1 }), { value: 2 })
  t.is(other.calls, 0)
  t.deepEqual(answerOf(driver.op(ann, second, PROGRAMS_PATH, 'enable', { name: 'test' }).outcome), { value: undefined })
  t.deepEqual(driver.ask(ann, one, '/n', 'add', { by: 1 }), { value: 3 })
  t.is(other.calls, 1)
  t.like(record('test'), { engine: 2, image: `2${before?.image.slice(1)}`, hash: before?.hash, at: before?.at })
  t.like(record('idle'), { engine: 1, image: before?.image })
  t.is(codeOf(driver.ask(ann, old, '/o', 'add', { by: 1 })), 'REJECTED')
  t.is(driver.disabled('old'), 'its source does not load in engine 2')
  t.is(driver.replayed(), driver.digest)
})

test('O13: what is disabled does not run, and goes on where it was; what is removed stays for reading', (t) => {
  const driver = new ExtensionDriver()
  const ann = driver.open()
  const lease = programOf(
    source(
      'take(ctx) { ctx.set("lease", 1); ctx.at("lease", ctx.time + 10) }',
      'due(ctx, { key }) { ctx.delete(key); ctx.emit("over", {}) }',
    ),
  )
  driver.register(ann, lease)
  driver.ask(ann, lease, '/lease', 'take')
  t.deepEqual(driver.registry(ann, 'disable', { name: 'test', reason: 'an operator looks' }), { value: undefined })
  t.deepEqual(driver.ask(ann, lease, '/lease', 'take'), {
    code: 'EXTENSION_DISABLED',
    facts: { extension: 'test', reason: 'an operator looks', since: 4 },
  })
  driver.after(20).tick()
  driver.after(20).tick()
  t.deepEqual(driver.recordsOf('test', '/lease'), [['lease', 1, 0]])
  driver.registry(ann, 'enable', { name: 'test' })
  driver.tick()
  t.deepEqual([driver.recordsOf('test', '/lease'), driver.last.events.map(({ kind }) => kind)], [[], ['over']])
  driver.ask(ann, lease, '/lease', 'take')
  driver.registry(ann, 'remove', { name: 'test' })
  driver.after(20).tick()
  t.deepEqual(driver.recordsOf('test', '/lease'), [['lease', 1, 0]])
  t.is(codeOf(driver.ask(ann, lease, '/lease', 'take')), 'NOT_REGISTERED')
  driver.register(ann, lease)
  driver.tick()
  t.deepEqual(driver.recordsOf('test', '/lease'), [])
  t.is(driver.replayed(), driver.digest)
})

test('a source that is no program is refused with where and why, and leaves nothing', (t) => {
  const driver = new ExtensionDriver()
  const ann = driver.open()
  driver.register(ann, programOf(source(add), { name: 'other' }))
  const odd: readonly (readonly [source: string, reason: RegExp, more?: Partial<ProgramShape>])[] = [
    ['({\n  run(ctx) { return ( }\n})', /SyntaxError: unexpected token in expression: '}' \(line and column 2:\d+\)/],
    ['1', /a source is an object of functions/],
    ['({ n: 1 })', /a source has functions only: n/],
    ['({ run() {} }); for (;;);', /it needs more fuel than there is/],
    ['({ "no name"() {} })', /no name.{1,2} is no name of an op/],
    ['({ run() {} })', /it has no function take that waits/, { waits: ['take'] }],
    ['({ run() {} })', /it has no function left/, { events: [event({ run: 'left' })] }],
    [
      '({ run() {} })',
      /reaches the paths in \/\. which are ours/,
      { uses: [{ path: '/*', type: Counter.name, version: 1 }] },
    ],
    ['({ run() {} })', /the type shop\.stock/, { uses: [{ path: '/a', type: 'shop.stock', version: 1 }] }],
  ]
  for (const [text, reason, more] of odd) {
    const answer = driver.register(ann, programOf(text, more))
    t.is(codeOf(answer), 'BAD_SOURCE', text)
    t.regex(JSON.stringify(answer).replaceAll('\\n', '\n'), reason)
    t.deepEqual([driver.last.patches, driver.last.events], [[], []])
  }
  t.is(driver.replayed(), driver.digest)
})

test('E2: what one entry loads is bounded like what it calls', (t) => {
  const driver = new ExtensionDriver()
  const ann = driver.open()
  const slow = (n: number) =>
    programOf(`({ run${n}() {} }); for (let i = 0; i < 20000; i++);`.replace(/^(.*?); (.*)$/s, '$2 $1'), {
      name: `p${n}`,
    })
  const parts = [1, 2, 3, 4, 5].map((n) => {
    const { extension: name, version, program } = slow(n)
    return {
      type: { name: 'sirtaki.extensions', version: 1 },
      path: PROGRAMS_PATH,
      op: 'register',
      input: { name, version, taken: true, ...program },
    }
  })
  const answer = answerOf(driver.transaction(ann, parts).outcome)
  t.is(codeOf(answer), 'BAD_SOURCE')
  t.true(driver.last.fuel <= 100_000_000 && driver.last.fuel > 50_000_000, String(driver.last.fuel))
  t.is(driver.object(PROGRAMS_PATH), undefined)
})

test('P33: a space without the engine says so before it changes anything', async (t) => {
  const driver = new ExtensionDriver([Counter])
  const ann = driver.open()
  driver.ask(ann, Counter, '/hits', 'add', { by: 1 })
  driver.register(ann, programOf(source(add)))
  driver.tick()
  const [first, opened, added, registered, ticked] = driver.entries
  if (!first || !opened || !added || !registered || !ticked) throw new Error('five entries')
  const late = (): Space => {
    const space = new Space()
    space.register(extensionsIn(engineFrom(() => Promise.resolve(readEngineFile()))))
    space.register(Counter)
    return space
  }
  const space = late()
  for (const entry of [first, opened, added]) space.apply(entry)
  const before = space.digest().digest
  const isMissing = (): void =>
    void t.is(
      thrownBy(() => space.apply(registered)),
      NEEDS_ENGINE,
    )
  isMissing()
  isMissing()
  t.deepEqual([space.digest().digest, space.position], [before, 2])
  await space.bringEngine()
  space.apply(registered)
  // From here on a deadline or the end of a session may call it, whatever the entry.
  const copy = late()
  copy.load(space.snapshot())
  t.is(
    thrownBy(() => copy.apply(ticked)),
    NEEDS_ENGINE,
  )
  await copy.bringEngine()
  t.is(copy.apply(ticked).outcome.kind, 'tick')
})

function thrownBy(run: () => unknown): unknown {
  try {
    return run()
  } catch (thrown) {
    return thrown
  }
}

test('C4: a space that takes a copy has the programs, who has agreed to them, and their objects', (t) => {
  const driver = new ExtensionDriver()
  const [ann, bob] = [driver.open(), driver.open()]
  const queue = programOf(
    source(
      'put(ctx, i) { const [w] = ctx.list("w/", 1); w ? ctx.settle(w.value, i) : ctx.set("i/" + ctx.order, i) }',
      'take(ctx) { return ctx.wait("w/" + ctx.order) }',
    ),
    { waits: ['take'] },
  )
  driver.register(ann, queue)
  driver.acknowledge(bob, queue)
  t.is(driver.ask(bob, queue, '/q', 'take'), 'waiting')
  const copy = driver.fresh()
  copy.load(driver.space.snapshot())
  driver.ask(ann, queue, '/q', 'put', 'x')
  const last = driver.entries.at(-1)
  if (last === undefined) throw new Error('no entry')
  t.deepEqual(copy.apply(last).settled, driver.last.settled)
  t.is(copy.digest().digest, driver.digest)
})

// ---- other objects

const shop = {
  uses: [
    { path: '/shop/*', type: Counter.name, version: 1 },
    { path: '/lock', type: Lock.name, version: 1 },
  ],
}

test('E5: a program reads and calls what it uses, for its caller, in one step', (t) => {
  const driver = new ExtensionDriver([Counter, Lock, Queue])
  const ann = driver.open()
  const restock = programOf(
    source(
      `fill(ctx, { sku, upTo }) {
        const path = '/shop/' + sku
        const is = ctx.read(path)?.value ?? 0
        if (is < upTo) ctx.do(path, 'add', { by: upTo - is })
        ctx.set(sku, ctx.read(path))
        return ctx.read(path).value
      }`,
      'other(ctx, path) { ctx.set("n", 1); return ctx.do(path, "add", { by: 1 }) }',
      'half(ctx) { ctx.do("/shop/a", "add", { by: 1 }); throw new Error("half") }',
      `lock(ctx) {
        const how = { weight: ${SHARED_MAX}, capacity: null, wait: true, once: true, delayMs: 0, data: null }
        return ctx.do('/lock', 'acquire', how)
      }`,
      'holders(ctx) { return ctx.range("/lock", "holders").map(({ value }) => value.session) }',
      `odd(ctx, n) {
        return [
          () => ctx.read('/shop/a', 'rows', 'k'),
          () => ctx.do('/shop/a', 'multiply', {}),
          () => ctx.read('/elsewhere'),
          () => ctx.do('/shop/a', 'add', { by: 'x' }),
        ][n]()
      }`,
    ),
    shop,
  )
  driver.register(ann, restock)
  const ask = (op: string, input?: unknown): Answer => driver.ask(ann, restock, '/restock', op, input)
  t.deepEqual(ask('fill', { sku: 'a', upTo: 5 }), { value: 5 })
  t.deepEqual(ask('fill', { sku: 'a', upTo: 3 }), { value: 5 })
  t.deepEqual(Counter.bind(driver.space.journal).read('/shop/a').state, { value: 5 })
  t.deepEqual(ask('other', '/hits'), { code: 'NOT_IN_USES', facts: { path: '/hits' } })
  t.like(ask('half'), { code: 'EXTENSION_THREW' })
  t.deepEqual(Counter.bind(driver.space.journal).read('/shop/a').state, { value: 5 })
  t.like(ask('lock'), { value: { token: driver.last.position } })
  t.like(ask('lock'), { code: 'ALREADY_HELD' })
  t.deepEqual(ask('holders'), { value: [ann.session] })
  t.deepEqual(
    [0, 1, 2, 3].map((n) => codeOf(ask('odd', n))),
    ['BAD_ARGUMENT', 'REJECTED', 'NOT_IN_USES', 'BAD_ARGUMENT'],
  )
  const bob = driver.open()
  driver.acknowledge(bob, restock)
  // Another one holds it: an op that would wait is no op of a program.
  t.like(driver.ask(bob, restock, '/restock', 'lock'), { code: 'NOT_A_WAIT', facts: { path: '/lock' } })
  t.is(driver.replayed(), driver.digest)
})

test("E5: a program calls no other program, and its own paths are nobody else's", (t) => {
  const driver = new ExtensionDriver()
  const ann = driver.open()
  const one = programOf(source(add), { name: 'one' })
  const two = programOf(
    source(
      'run(ctx) { return ctx.do("/one", "add", { by: 1 }) }',
      'look(ctx) { return ctx.read("/one", "records", "n") }',
    ),
    {
      name: 'two',
      uses: [{ path: '/one', type: 'x:one', version: 1 }],
    },
  )
  driver.register(ann, one)
  driver.register(ann, two)
  driver.ask(ann, one, '/one', 'add', { by: 7 })
  t.like(driver.ask(ann, two, '/two', 'run'), { code: 'NESTED' })
  t.deepEqual(driver.ask(ann, two, '/two', 'look'), { value: 7 })
  t.is(codeOf(driver.ask(ann, one, '/.sirtaki/x/one', 'add', { by: 1 })), 'BAD_ARGUMENT')
  t.is(
    codeOf(answerOf(driver.run(ann, { type: null, path: PROGRAMS_PATH, op: '$drop', input: {} }).outcome)),
    'BAD_ARGUMENT',
  )
})

// ---- ops that are taken

test('E5: an op is taken from those who agreed to it, and `do` reaches the op itself', (t) => {
  const driver = new ExtensionDriver([Counter])
  const [ann, bob] = [driver.open(), driver.open()]
  const double = programOf(
    source(
      `twice(ctx, { path, op, input }) {
        ctx.set(path, (ctx.get(path) ?? 0) + 1)
        return ctx.do(path, op, { by: 2 * input.by })
      }`,
    ),
    { takes: [{ run: 'twice', path: '/hits/*', type: Counter.name, version: 1, op: 'add' }] },
  )
  driver.register(ann, double)
  driver.acknowledge(bob, double)
  const hit = (session: typeof ann, path: string): Answer => driver.ask(session, Counter, path, 'add', { by: 1 })
  t.deepEqual(hit(ann, '/hits/a'), { value: 2 })
  t.deepEqual(hit(bob, '/hits/a'), { value: 3 })
  t.deepEqual(hit(ann, '/other'), { value: 1 })
  t.deepEqual(driver.recordsOf('test', '/.sirtaki/x/test'), [['/hits/a', 1, 0]])
  driver.acknowledge(bob, double, true)
  t.deepEqual(hit(bob, '/hits/a'), { value: 5 })
  // What does not run takes nothing.
  driver.registry(ann, 'disable', { name: 'test', reason: 'no' })
  t.deepEqual(hit(ann, '/hits/a'), { value: 6 })
  t.is(codeOf(driver.ask(ann, double, '/x', 'twice')), 'EXTENSION_DISABLED')
  driver.registry(ann, 'enable', { name: 'test' })
  t.is(codeOf(driver.ask(ann, double, '/x', 'twice')), 'REJECTED')
  t.is(driver.replayed(), driver.digest)
})

test('O7: an op that is taken may wait, and its caller gives it up where it asked', (t) => {
  const driver = new ExtensionDriver([Queue])
  const [ann, bob] = [driver.open(), driver.open()]
  const fair = programOf(
    source(
      'take(ctx) { return ctx.wait("w/" + ctx.order) }',
      `put(ctx, { path, op, input }) {
        const [first] = ctx.list('w/', 1)
        if (first) ctx.settle(first.value, 'for you')
        return ctx.do(path, op, input)
      }`,
      'cancelled(ctx, { op }) { ctx.emit("gone", { op }) }',
    ),
    {
      waits: ['take'],
      takes: [
        { run: 'take', path: '/jobs', type: Queue.name, version: 1, op: 'take' },
        { run: 'put', path: '/jobs', type: Queue.name, version: 1, op: 'put' },
      ],
    },
  )
  driver.register(ann, fair)
  driver.acknowledge(bob, fair, true)
  const take = (session: typeof ann): Answer =>
    driver.ask(session, Queue, '/jobs', 'take', { n: 1, visibilityMs: 1_000 })
  t.is(take(bob), 'waiting')
  const first = driver.last.position
  t.is(take(ann), 'waiting')
  const second = driver.last.position
  t.deepEqual(answerOf(driver.cancel(ann, '/jobs', first).outcome), { value: null })
  t.is(driver.waitsOf('test', '/.sirtaki/x/test'), 2)
  driver.cancel(bob, '/jobs', first)
  t.deepEqual(
    driver.last.events.map(({ facts }) => facts),
    [{ op: first }],
  )
  t.deepEqual(driver.recordsOf('test', '/.sirtaki/x/test'), [[`w/${orderKey(second)}`, second, ann.session]])
  driver.end(ann)
  t.is(driver.object('/.sirtaki/x/test'), undefined)
  t.is(driver.replayed(), driver.digest)
})

// ---- changes

function event(more: Partial<EventOf>): EventOf {
  return { run: 'on', on: ['created', 'changed', 'deleted'], path: null, table: 'records', key: null, ...more }
}

test('an op and an event work as a pair: the leader is gone, the next one leads', (t) => {
  const driver = new ExtensionDriver()
  const election = programOf(
    source(
      `lead(ctx) {
        if (ctx.get('leader') !== undefined) return ctx.wait('waiting/' + ctx.order)
        ctx.set('leader', { op: ctx.position, token: ctx.position }, { owner: ctx.session })
        return { token: ctx.position }
      }`,
      'resign(ctx, { token }) { if (ctx.get("leader")?.token === token) ctx.delete("leader") }',
      'cancelled(ctx, { op }) { if (ctx.get("leader")?.op === op) ctx.delete("leader") }',
      `left(ctx) {
        const [next] = ctx.list('waiting/', 1)
        if (next === undefined) return
        ctx.set('leader', { op: next.value, token: ctx.position }, { owner: next.session })
        ctx.settle(next.value, { token: ctx.position })
      }`,
    ),
    { name: 'election', waits: ['lead'], events: [event({ run: 'left', on: ['deleted'], key: 'leader' })] },
  )
  const all = [driver.open(), driver.open(), driver.open(), driver.open()] as const
  const [ann, bob, eve, dan] = all
  driver.register(ann, election)
  for (const one of all) driver.acknowledge(one, election)
  const ops = all.map((one) => {
    driver.ask(one, election, '/leader', 'lead')
    return driver.last.position
  })
  t.deepEqual(driver.settled, new Map())
  // Its session ends; its caller gives up after it was granted; it resigns.
  driver.end(ann, { clean: false, by: 3 })
  t.deepEqual(driver.settled.get(ops[1] ?? 0), { value: { token: driver.last.position } })
  driver.cancel(bob, '/leader', ops[1] ?? 0)
  t.deepEqual(driver.settled.get(ops[2] ?? 0), { value: { token: driver.last.position } })
  driver.ask(eve, election, '/leader', 'resign', { token: driver.last.position })
  t.deepEqual(driver.settled.get(ops[3] ?? 0), { value: { token: driver.last.position } })
  driver.end(dan)
  t.is(driver.object('/leader'), undefined)
  t.is(driver.replayed(), driver.digest)
})

test('changes of other objects: by literal path and by prefix, only what was asked for, with both sides', (t) => {
  const driver = new ExtensionDriver([Counter, Ledger])
  const ann = driver.open()
  const seen = programOf(
    source(
      'hits(ctx, { changes }) { for (const c of changes) ctx.set(c.path + c.on, c) }',
      'one(ctx) { ctx.set("one", ctx.session) }',
    ),
    {
      events: [
        event({ run: 'hits', path: '/hits/*', table: '' }),
        event({ run: 'one', on: ['created'], path: '/hits/a', table: '' }),
      ],
    },
  )
  driver.register(ann, seen)
  driver.ask(ann, Counter, '/hits/a', 'add', { by: 1 })
  driver.ask(ann, Counter, '/hits/a', 'add', { by: 2 })
  driver.ask(ann, Counter, '/other', 'add', { by: 2 })
  // A type of a program of its own is not seen: another view may not have its code.
  driver.ask(ann, Ledger, '/hits/ledger', 'put', { key: 'k', n: 1 })
  const change = { path: '/hits/a', table: '', key: '' }
  t.deepEqual(driver.recordsOf('test', '/.sirtaki/x/test'), [
    ['/hits/achanged', { on: 'changed', ...change, before: { value: 1 }, after: { value: 3 } }, 0],
    ['/hits/acreated', { on: 'created', ...change, after: { value: 1 } }, 0],
    ['one', -1, 0],
  ])
  t.is(driver.replayed(), driver.digest)
})

test('E6: an event that fails takes back itself, never the op; three in a row disable it', (t) => {
  const driver = new ExtensionDriver([Counter])
  const ann = driver.open()
  const bad = programOf(source('on(ctx) { ctx.set("half", 1); ctx.emit("half"); if (ctx.position !== 5) throw 1 }'), {
    events: [event({ path: '/hits', table: '' })],
  })
  driver.register(ann, bad)
  const hit = (): Answer => driver.ask(ann, Counter, '/hits', 'add', { by: 1 })
  t.deepEqual([hit(), hit()], [{ value: 1 }, { value: 2 }])
  t.deepEqual([driver.last.events, driver.object('/.sirtaki/x/test')], [[], undefined])
  t.deepEqual(hit(), { value: 3 })
  t.deepEqual(driver.recordsOf('test', '/.sirtaki/x/test'), [['half', 1, 0]])
  t.deepEqual([hit(), hit()], [{ value: 4 }, { value: 5 }])
  t.is(driver.disabled('test'), undefined)
  t.deepEqual(hit(), { value: 6 })
  t.is(driver.disabled('test'), '3 failures of events in a row: on: EXTENSION_THREW')
  t.deepEqual(
    driver.last.events.map(({ path, kind }) => [path, kind]),
    [[PROGRAMS_PATH, 'disabled']],
  )
  t.deepEqual(hit(), { value: 7 })
  t.is(driver.replayed(), driver.digest)
})

test('P38: an entry has 8 rounds of events and 64 calls: who would go on is disabled', (t) => {
  const driver = new ExtensionDriver([Counter])
  const ann = driver.open()
  const echo = programOf(source('go(ctx) { ctx.set("n", 0) }', 'on(ctx) { ctx.set("n", ctx.get("n") + 1) }'), {
    events: [event({})],
  })
  driver.register(ann, echo)
  driver.ask(ann, echo, '/echo', 'go')
  t.deepEqual(driver.recordsOf('test', '/echo'), [['n', 8, 0]])
  t.is(driver.disabled('test'), 'its events go on for more than 8 rounds')
  const wide = programOf(
    source(
      'go(ctx) { for (let i = 0; i < 70; i++) ctx.do("/c/" + i, "add", { by: 1 }) }',
      'on(ctx, { changes }) { ctx.set("n", changes.length) }',
    ),
    {
      name: 'wide',
      uses: [{ path: '/c/*', type: Counter.name, version: 1 }],
      events: [event({ path: '/c/*', table: '' })],
    },
  )
  driver.register(ann, wide)
  t.deepEqual(driver.ask(ann, wide, '/wide', 'go'), { value: undefined })
  // All changes of a round are one call.
  t.deepEqual(driver.recordsOf('wide', '/.sirtaki/x/wide'), [['n', 70, 0]])
  const many = Array.from({ length: 65 }, (_, i) =>
    programOf(source('on(ctx) {}'), { name: `m${i}`, events: [event({ path: '/many', table: '' })] }),
  )
  for (const one of many) driver.register(ann, one)
  driver.ask(ann, Counter, '/many', 'add', { by: 1 })
  t.deepEqual([driver.disabled('m63'), driver.disabled('m64')], [undefined, 'an entry calls more than 64 events'])
  t.is(driver.replayed(), driver.digest)
})

test('P38: events go in order of registration; what deadlines and ends of sessions change counts too', (t) => {
  const driver = new ExtensionDriver()
  const ids = [['digest', 'ann']] as const
  const [ann, bob] = [driver.open({ ids }), driver.open({ ids: [['digest', 'bob']] })]
  const base = programOf(
    source(
      'own(ctx) { ctx.set("mine", 1, { owner: ctx.session }); ctx.at("mine", ctx.time + 50) }',
      'due(ctx, { key }) { ctx.delete(key) }',
    ),
    { name: 'base' },
  )
  const watch = (name: string): Registrable =>
    programOf(source('on(ctx, { changes: [c] }) { ctx.emit(c.on, { ids: ctx.ids }) }'), {
      name,
      events: [event({ path: '/base*', on: ['deleted'] })],
    })
  driver.register(ann, base)
  driver.acknowledge(bob, base)
  for (const name of ['z', 'a', 'm']) driver.register(ann, watch(name))
  driver.ask(ann, base, '/base/1', 'own')
  driver.after(60).tick()
  t.deepEqual(
    driver.last.events.map(({ path }) => path.slice(-1)),
    ['z', 'a', 'm'],
  )
  driver.ask(bob, base, '/base/2', 'own')
  driver.end(bob, { clean: false, by: 3 })
  // For whoever registered it, whose session it was.
  t.deepEqual(driver.last.events[0]?.facts, { ids })
  t.deepEqual(
    driver.last.events.map(({ kind }) => kind),
    ['deleted', 'deleted', 'deleted'],
  )
})

test('O5: ends of sessions that find no fuel left are told by the next entry; their records are gone at once', (t) => {
  const driver = new ExtensionDriver()
  const [ann, bob] = [driver.open(), driver.open()]
  const slow = programOf(
    source(
      'own(ctx) { ctx.set("mine", 1, { owner: ctx.session }) }',
      'ended(ctx, { session, keys }) { ctx.set("gone", [session, keys]); if (ctx.position === 9) for (;;); }',
    ),
    {
      fuel: 50_000_000,
    },
  )
  driver.register(ann, slow)
  driver.acknowledge(bob, slow)
  for (const path of ['/1', '/2', '/3']) driver.ask(bob, slow, path, 'own')
  driver.tick()
  driver.end(bob)
  t.is(driver.last.position, 9)
  t.deepEqual(
    ['/1', '/2', '/3'].map((path) => driver.recordsOf('test', path)),
    [[], [], []],
  )
  driver.tick()
  t.deepEqual(driver.recordsOf('test', '/3'), [['gone', [bob.session, ['mine']], 0]])
  t.deepEqual(driver.recordsOf('test', '/1'), [])
  t.is(driver.replayed(), driver.digest)
})

test('O4: an op with a key is applied once, also where a program takes it', (t) => {
  const driver = new ExtensionDriver([Counter])
  const ann = driver.open()
  const double = programOf(
    source('twice(ctx, { path, op, input }) { return ctx.do(path, op, { by: 2 * input.by }) }'),
    {
      takes: [{ run: 'twice', path: '/hits', type: Counter.name, version: 1, op: 'add' }],
    },
  )
  driver.register(ann, double)
  const hit = (): Answer =>
    answerOf(driver.keyed(ann, { type: Counter, path: '/hits', op: 'add', input: { by: 1 } }, 'once').outcome)
  t.deepEqual([hit(), hit()], [{ value: 2 }, { value: 2 }])
  driver.registry(ann, 'disable', { name: 'test', reason: 'no' })
  t.deepEqual(hit(), { value: 2 })
  t.is(driver.replayed(), driver.digest)
})

test('E6: an event that finds no fuel, since others have used it, is told and not held against its program', (t) => {
  const driver = new ExtensionDriver([Counter])
  const ann = driver.open()
  const busy = programOf(source('run(ctx) { ctx.do("/hits", "add", { by: 1 }); for (let i = 0; i < 20000; i++); }'), {
    name: 'busy',
    fuel: 50_000_000,
    uses: [{ path: '/hits', type: Counter.name, version: 1 }],
  })
  const slow = programOf(source('on(ctx) { for (let i = 0; i < 55000; i++); ctx.set("done", 1) }'), {
    fuel: 50_000_000,
    events: [event({ path: '/hits', table: '' })],
  })
  driver.register(ann, busy)
  driver.register(ann, slow)
  const part = { type: { name: busy.name, version: 1 }, path: '/busy', op: 'run', input: null }
  for (let n = 0; n < 4; n++) {
    t.like(answerOf(driver.transaction(ann, [part, part, part, part]).outcome), {
      value: [undefined, undefined, undefined, undefined],
    })
    t.deepEqual(driver.last.events, [{ path: PROGRAMS_PATH, kind: 'starved', facts: { extension: 'test', run: 'on' } }])
  }
  t.is(driver.disabled('test'), undefined)
  driver.run(ann, part)
  t.deepEqual(driver.recordsOf('test', '/.sirtaki/x/test'), [['done', 1, 0]])
})

test('O3: a view that cannot see what programs are called for, or has another engine, stops', (t) => {
  const driver = new ExtensionDriver([Counter, Ledger])
  const ann = driver.open()
  const listening = programOf(source('on(ctx) { ctx.set("n", 1) }'), { events: [event({ path: '/hits', table: '' })] })
  driver.register(ann, listening)
  driver.transaction(ann, [
    { type: Ledger, path: '/ledger', op: 'put', input: { key: 'k', n: 1 } },
    { type: Counter, path: '/hits', op: 'add', input: { by: 1 } },
  ])
  const entries = [...driver.entries]
  const seen = new ExtensionDriver([Counter]).fresh()
  for (const entry of entries.slice(0, -1)) seen.apply(entry)
  const last = entries.at(-1)
  if (last === undefined) throw new Error('no entry')
  t.like(
    thrownBy(() => seen.apply(last)),
    { code: 'STOPPED' },
  )
  const later = new ExtensionDriver()
  const eve = later.open()
  later.register(eve, listening)
  const next = { name: 'sirtaki.extensions', version: 2 }
  later.run(eve, { type: null, path: '/.sirtaki', op: '$activate', input: { type: next.name, version: next.version } })
  t.like(
    thrownBy(() => later.run(eve, { type: next, path: PROGRAMS_PATH, op: 'enable', input: { name: 'test' } })),
    { code: 'STOPPED' },
  )
})
