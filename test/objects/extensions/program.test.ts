/**
 * Programs as types of objects: what `ctx` does, what a step that fails leaves, how waits and owners end.
 *
 * Read next: `../../../objects/extensions/program.ts`, `../../../objects/extensions/guest-step.ts`.
 */
import test from 'ava'
import type { ProgramShape } from '../../../objects/extensions/shapes.ts'
import { programsOf } from '../../../objects/extensions/registry.ts'
import { Counter, orderKey } from '../../../objects.ts'
import { answerOf, type Answer, type DrivenSession } from '../machine-driver.ts'
import { ExtensionDriver, programOf, type Registrable } from './extension-driver.ts'

/** An object of one program at /it; whoever opens a session has agreed to it. */
class ProgramDriver extends ExtensionDriver {
  readonly program: Registrable

  constructor(source: string, more: Partial<ProgramShape> = {}) {
    super([Counter])
    this.program = programOf(source, more)
    const registrar = super.open()
    const answer = this.register(registrar, this.program)
    if (!('value' in Object(answer))) throw new Error(JSON.stringify(answer))
  }

  override open(): DrivenSession {
    const session = super.open()
    this.acknowledge(session, this.program)
    return session
  }
  call(session: DrivenSession, op: string, input: unknown = null): Answer {
    return this.ask(session, this.program, '/it', op, input)
  }
  gaveUp(session: DrivenSession, op: number): Answer {
    return answerOf(this.cancel(session, '/it', op).outcome)
  }
  get records(): readonly (readonly [key: string, value: unknown, session: number])[] {
    return this.recordsOf('test', '/it')
  }
  get waits(): number {
    return this.waitsOf('test', '/it')
  }
}

/** What calls use. Another figure is another format: views of two releases would not agree. */
const LOAD_FUEL = 7_279_726
const FUEL = { add: 48_100, put: 117_658, take: 101_779 }

const counter = `({
  add(ctx, { by }) { const n = (ctx.get('n') ?? 0) + by; ctx.set('n', n); return n },
})`
const queue = `({
  put(ctx, { item }) {
    const [first] = ctx.list('waiting/', 1)
    if (first === undefined) ctx.set('items/' + ctx.order, item)
    else ctx.settle(first.value, item)
  },
  take(ctx) {
    const [head] = ctx.list('items/', 1)
    if (head === undefined) return ctx.wait('waiting/' + ctx.order)
    ctx.delete(head.key)
    return head.value
  },
})`
const every = (body: string, more = ''): string => `({ run(ctx, input) { ${body} }, ${more} })`

test('E2: a counter is a counter; each entry says its fuel, alike on another view', (t) => {
  const driver = new ProgramDriver(counter)
  const ann = driver.open()
  t.deepEqual(driver.call(ann, 'add', { by: 2 }), { value: 2 })
  const { fuel } = driver.last
  t.is(fuel, FUEL.add)
  t.deepEqual(driver.call(ann, 'add', { by: 3 }), { value: 5 })
  t.deepEqual(driver.records, [['n', 5, 0]])
  t.deepEqual(driver.object('/it')?.describe(), {
    path: '/it',
    type: 'x:test',
    version: 1,
    created: 5,
    modified: 5,
    records: 1,
    waits: 0,
  })
  t.is(driver.replayed(), driver.digest)
  const again = driver.fresh()
  t.deepEqual(
    driver.entries.map((entry) => again.apply(entry).fuel),
    [0, 0, LOAD_FUEL, 0, 0, fuel, driver.last.fuel],
  )
})

test('O7: takes wait in order, past one that was given up and one whose session ended', (t) => {
  const driver = new ProgramDriver(queue, { waits: ['take'] })
  const [ann, bob, eve] = [driver.open(), driver.open(), driver.open()]
  const [first, second, third] = [ann, bob, eve].map((one) => {
    const op = driver.next
    t.is(driver.call(one, 'take'), 'waiting')
    return op
  })
  if (first === undefined || second === undefined || third === undefined) throw new Error('three takes')
  t.deepEqual(
    driver.records,
    [first, second, third].map((op, i) => [`waiting/${orderKey(op)}`, op, [ann, bob, eve][i]?.session]),
  )
  t.deepEqual(driver.gaveUp(ann, first), { value: null })
  driver.end(bob)
  t.is(driver.waits, 1)
  t.deepEqual(driver.call(ann, 'put', { item: 'x' }), { value: undefined })
  t.deepEqual(driver.settled.get(third), { value: 'x' })
  t.deepEqual([driver.records, driver.waits, driver.object('/it')], [[], 0, undefined])
  t.deepEqual(driver.call(ann, 'put', { item: { deep: [1, null, true] } }), { value: undefined })
  t.is(driver.last.fuel, FUEL.put)
  t.deepEqual(driver.call(eve, 'take'), { value: { deep: [1, null, true] } })
  t.is(driver.last.fuel, FUEL.take)
  t.is(driver.replayed(), driver.digest)
})

test('O5: a record ends with its owner, then `ended` runs; a waiter may be made an owner', (t) => {
  const driver = new ProgramDriver(
    `({
      lead(ctx) {
        if (ctx.get('leader') !== undefined) return ctx.wait('waiting/' + ctx.order)
        ctx.set('leader', ctx.position, { owner: ctx.session })
        return ctx.position
      },
      ended(ctx, { session, clean, keys }) {
        ctx.emit('ended', { session, clean, keys })
        const [next] = ctx.list('waiting/', 1)
        if (!keys.includes('leader') || next === undefined) return
        ctx.set('leader', ctx.position, { owner: next.session })
        ctx.settle(next.value, ctx.position)
      },
      cancelled(ctx, { op, row }) { ctx.emit('cancelled', { op, row, session: ctx.session }) },
    })`,
    { waits: ['lead'] },
  )
  const [ann, bob, eve] = [driver.open(), driver.open(), driver.open()]
  t.deepEqual(driver.call(ann, 'lead'), { value: 9 })
  t.is(driver.call(bob, 'lead'), 'waiting')
  t.is(driver.call(eve, 'lead'), 'waiting')
  driver.gaveUp(bob, 10)
  t.deepEqual(driver.last.events, [
    {
      path: '/it',
      kind: 'cancelled',
      facts: { op: 10, row: { key: `waiting/${orderKey(10)}` }, session: bob.session },
    },
  ])
  driver.end(ann, { clean: false, by: 3 })
  const { session } = ann
  t.deepEqual(driver.last.events[0]?.facts, { session, clean: false, keys: ['leader'] })
  t.deepEqual(driver.settled.get(11), { value: 13 })
  t.deepEqual(driver.records, [['leader', 13, eve.session]])
  driver.end(eve)
  t.deepEqual([driver.records, driver.object('/it')], [[], undefined])
  t.is(driver.replayed(), driver.digest)
})

test('O5: a deadline runs `due` with its key once', (t) => {
  const driver = new ProgramDriver(`({
    set(ctx, { ms }) {
      ctx.set('lease', ms)
      ctx.at('lease', ctx.time + ms)
      ctx.at('never', ctx.time + 1)
      ctx.at('never')
    },
    due(ctx, { key }) { ctx.delete(key); ctx.emit('over', { key, session: ctx.session }) },
  })`)
  const ann = driver.open()
  t.deepEqual(driver.call(ann, 'set', { ms: 500 }), { value: undefined })
  driver.after(499).tick()
  t.is(driver.records.length, 1)
  driver.after(1).tick()
  t.deepEqual(driver.last.events, [{ path: '/it', kind: 'over', facts: { key: 'lease', session: -1 } }])
  t.deepEqual([driver.records, driver.object('/it')], [[], undefined])
})

test('E2: whatever ends a step by a bound or a throw leaves nothing of it', (t) => {
  const ways = [
    '() => 1',
    '() => { for (;;); }',
    "() => { throw new Error('why') }",
    '() => NaN',
    "() => ctx.reject('NO', { n: 1 })",
    '() => { const f = () => f() + 1; try { return f() } catch { f() } }',
    '() => { try { ctx.get(1) } catch {} finally { return 1 } }',
    "() => ctx.wait('k')",
    "() => { for (;;) ctx.get('n') }",
    "() => { for (let i = 0; ; i++) ctx.set('k' + i, 0) }",
    "() => ctx.read('/other')",
    "() => { const text = 'x'.repeat(60000); for (let i = 0; ; i++) ctx.set('k' + i, text) }",
  ]
  const source = every(`ctx.set('n', 1); ctx.emit('e', {}); return [${ways.join(', ')}][input]()`)
  const driver = new ProgramDriver(source, { fuel: 50_000_000 })
  const ann = driver.open()
  const all: [nth: number, answer: unknown][] = []
  for (let nth = 1; nth < ways.length; nth++) {
    all.push([nth, driver.call(ann, 'run', nth)])
    t.deepEqual([driver.records, driver.last.events, driver.object('/it')], [[], [], undefined], `${nth}`)
  }
  const of = { extension: 'test', op: 'run' }
  const limit = (facts: object): object => ({ code: 'EXTENSION_LIMIT', facts: { ...of, ...facts } })
  const threw = (text: string): object => ({ code: 'EXTENSION_THREW', facts: { ...of, text } })
  t.like(Object.fromEntries(all), {
    1: limit({ limit: 'fuel' }),
    2: threw('Error: why'),
    3: limit({ limit: 'value', reason: 'the number NaN' }),
    4: { code: 'REJECTED', facts: { n: 1, reason: 'NO' } },
    5: threw('RangeError: Maximum call stack size exceeded'),
    6: { code: 'BAD_ARGUMENT', facts: { reason: '1 is no text: a key has to be one' } },
    7: { code: 'NOT_A_WAIT', facts: {} },
    8: limit({ limit: 'count', what: 'reads', most: 1_000 }),
    9: limit({ limit: 'count', what: 'writes', most: 1_000 }),
    10: { code: 'NOT_IN_USES', facts: { path: '/other' } },
    11: limit({ limit: 'count', what: 'weight given out', most: 1 << 20 }),
  })
  t.deepEqual(driver.call(ann, 'run', 0), { value: 1 })
  t.deepEqual(driver.records, [['n', 1, 0]])
  t.is(driver.replayed(), driver.digest)
})

test('E2: what ctx does not take is refused, with what it was', (t) => {
  const calls: readonly (readonly [call: string, reason: string])[] = [
    ['ctx.get()', 'undefined is no text: a key has to be one'],
    ["ctx.set('k')", 'the value of a record is undefined'],
    ["ctx.set('k', 1, { owners: 1 })", '{"owners":1} are no options of a record: only { owner } is one'],
    ["ctx.set('k', 1, { owner: 99 })", "the session 99 is neither the caller's nor one that waits here"],
    ["ctx.set('k'.repeat(5000), 1)", 'a key of table records is no well-formed text of at most 4096 characters'],
    ["ctx.list('', -1)", '-1 is no number of rows'],
    ["ctx.at('k', 1)", 'the program has no function `due` for a deadline to run'],
    ["ctx.settle('1', 1)", '"1" is no position of an op'],
    ["ctx.emit('kind', [1])", '[1] are no facts: an object has to hold them'],
    ["ctx.wait('a') ?? ctx.wait('b')", 'the op waits already'],
    ["ctx.set('a', 1) ?? ctx.wait('a')", 'there is a record "a" already'],
    [
      "ctx.wait('a') ?? ctx.set('a', 1)",
      'the record "a" is a wait: it ends by settle, refuse, a cancel or its session\'s end',
    ],
    [
      "ctx.wait('a') ?? ctx.delete('a')",
      'the record "a" is a wait: it ends by settle, refuse, a cancel or its session\'s end',
    ],
  ]
  for (const [call, reason] of calls) {
    const driver = new ProgramDriver(every(`return ${call}`), { waits: ['run'] })
    const answer = driver.call(driver.open(), 'run')
    t.deepEqual(answer, { code: 'BAD_ARGUMENT', facts: { reason } }, call)
    t.is(driver.object('/it'), undefined, call)
  }
})

test('E2: what one entry uses is bounded over all its parts', (t) => {
  const driver = new ProgramDriver(every('for (let i = 0; i < input; i++); return 1'), { fuel: 50_000_000 })
  const ann = driver.open()
  t.deepEqual(driver.call(ann, 'run', 50_000), { value: 1 })
  const each = driver.last.fuel
  const parts = Math.floor(100_000_000 / each) + 1
  const op = { type: driver.program, path: '/it', op: 'run', input: 50_000 }
  const answer = answerOf(
    driver.transaction(
      ann,
      Array.from({ length: parts }, () => op),
    ).outcome,
  )
  t.like(answer, { code: 'EXTENSION_LIMIT', facts: { limit: 'fuel', part: parts - 1 } })
  t.true(driver.last.fuel <= 100_000_000)
})

test('O3: in a transaction a program works on what the parts before it left, and may not wait', (t) => {
  const driver = new ProgramDriver(queue, { waits: ['take'] })
  const ann = driver.open()
  const { program: type } = driver
  const put = { type, path: '/it', op: 'put', input: { item: 1 } }
  const take = { type, path: '/it', op: 'take', input: null }
  const add = { type: Counter, path: '/count', op: 'add', input: { by: 1 } }
  t.deepEqual(answerOf(driver.transaction(ann, [put, add, take]).outcome), { value: [undefined, 1, 1] })
  t.like(answerOf(driver.transaction(ann, [add, take]).outcome), { code: 'WAIT_IN_TRANSACTION' })
  t.is(driver.replayed(), driver.digest)
})

test('what a program says for people goes to whoever asked for it, and is no part of the state', (t) => {
  const said: string[] = []
  const driver = new ProgramDriver(every("ctx.log('position ' + ctx.position)"))
  programsOf(driver.space.journal).log = (program, text) => void said.push(`${program}: ${text}`)
  driver.call(driver.open(), 'run')
  t.deepEqual(said, ['test: position 5'])
  t.deepEqual(driver.call(driver.open(), 'run', new Uint8Array(1)), {
    code: 'BAD_ARGUMENT',
    facts: { reason: 'a program takes no bytes' },
  })
})

test('E2: a getter that asks ends the call, however deep it would go', (t) => {
  const driver = new ProgramDriver(
    every(`
      let n = 0
      const make = () => {
        n++
        let value = n < input ? { get a() { ctx.set('k', make()); return 1 } } : 'x'
        for (let i = 0; i < 30; i++) value = [value]
        return value
      }
      ctx.set('k', make())
      return n`),
    { fuel: 50_000_000 },
  )
  const ann = driver.open()
  const reason = 'an object whose getter or setter calls ctx'
  t.like(driver.call(ann, 'run', 500), { code: 'EXTENSION_LIMIT', facts: { limit: 'value', reason } })
  t.deepEqual(driver.call(ann, 'run', 1), { value: 1 })
})

test('E2: what ends the text of a throw is counted and is an outcome', (t) => {
  for (const body of ["ctx.set('k', NaN)", 'ctx.get(1)', "for (;;) ctx.get('k')", 'throw { toString() { throw 1 } }']) {
    const source = every(`let i = 0; while (i < 5000) i++; throw { toString() { ${body} } }`)
    const driver = new ProgramDriver(source)
    const answer = driver.call(driver.open(), 'run')
    t.true('code' in Object(answer) && driver.last.fuel > 1_000_000, `${body}: ${JSON.stringify(answer)}`)
    t.like(answer, { facts: { extension: 'test', op: 'run' } })
  }
})

test('O7: a wait that was given up is gone, whatever `cancelled` does', (t) => {
  const driver = new ProgramDriver(
    `({
      take(ctx) { return ctx.wait('w') },
      put(ctx) { const [first] = ctx.list('w', 1); return first ? ctx.settle(first.value, 'item') : 'nobody' },
      cancelled(ctx) { ctx.set('half', 1); ctx.emit('half'); throw 1 },
    })`,
    { waits: ['take'] },
  )
  const [ann, bob] = [driver.open(), driver.open()]
  t.is(driver.call(ann, 'take'), 'waiting')
  t.deepEqual(driver.gaveUp(ann, 7), { value: null })
  t.deepEqual([driver.records, driver.last.events], [[], []])
  t.deepEqual(driver.call(bob, 'put'), { value: 'nobody' })
  t.is(driver.replayed(), driver.digest)
})

test('E2: deadlines take nothing from an op, and those that find no fuel left are fired by the next entries', (t) => {
  const driver = new ProgramDriver(
    `({
      arm(ctx) { for (let i = 0; i < 5; i++) { ctx.set('d' + i, i); ctx.at('d' + i, ctx.time + 1) } },
      add(ctx) { ctx.set('n', (ctx.get('n') ?? 0) + 1); return ctx.get('n') },
      due(ctx, { key }) { if (key !== 'd4') for (;;); ctx.delete(key) },
    })`,
    { fuel: 50_000_000 },
  )
  const ann = driver.open()
  driver.call(ann, 'arm')
  driver.after(10)
  const fuel: number[] = []
  for (let n = 1; n < 5; n++) {
    t.deepEqual(driver.call(ann, 'add'), { value: n })
    fuel.push(Math.floor(driver.last.fuel / 10_000_000))
  }
  t.deepEqual(fuel, [10, 10, 0, 0])
  t.deepEqual(
    driver.records.map(([key]) => key),
    ['d0', 'd1', 'd2', 'd3', 'n'],
  )
  t.is(driver.replayed(), driver.digest)
})

test('what a program says to one who throws over it changes nothing', (t) => {
  const driver = new ProgramDriver(every("ctx.set('a', 1); ctx.log('x'); return 1"))
  programsOf(driver.space.journal).log = () => {
    throw new Error('nobody listens')
  }
  t.deepEqual(driver.call(driver.open(), 'run'), { value: 1 })
  t.deepEqual(driver.records, [['a', 1, 0]])
})
