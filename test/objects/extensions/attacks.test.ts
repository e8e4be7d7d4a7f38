/**
 * What anybody may append: no entry stops a view that has all code, and none makes two views differ, whether they
 * played everything, began with a copy, or met ops in another order.
 *
 * Each was found by an attack on the rules. Read next: `registry.test.ts`, `../../../objects/runtime/space.ts`.
 */
import test, { type ExecutionContext } from 'ava'
import { isError } from '../../../log/errors.ts'
import { StoredState } from '../../../objects/checkpoints/stored-state.ts'
import { packagedEngine } from '../../../objects/extensions/engine-source.ts'
import { PROGRAMS_MAX } from '../../../objects/extensions/program.ts'
import { extensionsIn, programsOf } from '../../../objects/extensions/registry.ts'
import type { EventOf } from '../../../objects/extensions/shapes.ts'
import { PROGRAMS_PATH, PROGRAMS_TYPE } from '../../../objects/runtime/programs.ts'
import type { SpaceSnapshot } from '../../../objects/runtime/snapshot.ts'
import { Counter, Queue } from '../../../objects.ts'
import { answerOf, type Answer, type DrivenSession } from '../machine-driver.ts'
import { Ledger } from '../space-driver.ts'
import { ExtensionDriver, programOf, type Registrable } from './extension-driver.ts'
import { FailingMachines, registryWith } from './odd-engines.ts'

const event = (more: Partial<EventOf> = {}): EventOf => ({
  ...{ run: 'on', on: ['created', 'changed', 'deleted'], path: '/hits', table: '', key: null },
  ...more,
})
const counterAt = (path: string) => ({ path, type: Counter.name, version: 1 })
const UNKNOWN = { name: 'nobody.has', version: 1 }
const codeOf = (answer: Answer): string => (typeof answer === 'object' && 'code' in answer ? answer.code : 'none')

/** A view that begins with a copy of this one, for whatever comes. */
function copyOf(driver: ExtensionDriver) {
  const copy = driver.fresh()
  copy.load(driver.space.snapshot())
  const from = driver.entries.length
  return {
    digest: (): string => {
      for (const entry of driver.entries.slice(from)) copy.apply(entry)
      return copy.digest().digest
    },
  }
}

/** All views come to the same: the one at hand, one from the start, one from a copy. */
function same(t: ExecutionContext, driver: ExtensionDriver, copy: { digest(): string }): void {
  t.is(copy.digest(), driver.digest)
  t.is(driver.replayed(), driver.digest)
}

test('E5: the paths that programs have for themselves are theirs alone, also where ops have gone straight', (t) => {
  const driver = new ExtensionDriver([Counter])
  const ann = driver.open()
  const program = programOf('({ add(ctx) { ctx.set("n", 1); return 1 }, on(ctx) { ctx.set("e", 1) } })', {
    events: [event()],
  })
  driver.register(ann, program)
  driver.op(ann, Counter, '/hits', 'add', { by: 1 })
  driver.ask(ann, program, '/n', 'add')
  const copy = copyOf(driver)
  t.is(codeOf(driver.ask(ann, program, '/.sirtaki/x/test', 'add')), 'BAD_ARGUMENT')
  t.is(codeOf(answerOf(driver.op(ann, Counter, '/.sirtaki/x/other', 'add', { by: 1 }).outcome)), 'BAD_ARGUMENT')
  same(t, driver, copy)
})

test('E6: a program is disabled whatever it calls its reason', (t) => {
  const driver = new ExtensionDriver([Counter])
  const ann = driver.open()
  const source = '({ on(ctx) { ctx.reject("a".repeat(LEFT) + "\\u{1F600}".repeat(50)) } })'
  for (const left of [949, 950]) {
    const name = `left-${left}`
    driver.register(ann, programOf(source.replace('LEFT', String(left)), { name, events: [event()] }))
  }
  for (let i = 0; i < 3; i++) t.deepEqual(driver.op(ann, Counter, '/hits', 'add', { by: 1 }).outcome.kind, 'result')
  for (const left of [949, 950]) t.true(driver.disabled(`left-${left}`)?.isWellFormed())
  t.is(driver.replayed(), driver.digest)
})

test('E2: a program may throw any text', (t) => {
  const driver = new ExtensionDriver()
  const ann = driver.open()
  const program = programOf('({ run(ctx, n) { throw "a".repeat(n) + "\\u{1F600}".repeat(500) } })')
  driver.register(ann, program)
  for (const n of [0, 1]) t.is(codeOf(driver.ask(ann, program, '/p', 'run', n)), 'EXTENSION_THREW')
})

/** All records of a snapshot, as a checkpoint takes them. */
const recordsOf = ({ objects }: SpaceSnapshot) =>
  objects.flatMap(({ path: object, type, version, tables }) =>
    tables.flatMap(({ table, keys, rows }) =>
      keys.flatMap((key, i) => {
        const row = rows[i]
        return row === undefined ? [] : [{ place: { object, type, version, table }, key, row }]
      }),
    ),
  )

test('P38: changes come in the order of keys where an object is dropped, also behind a checkpoint', (t) => {
  const driver = new ExtensionDriver()
  const ann = driver.open()
  const put = programOf('({ put(ctx, [key, value]) { ctx.set(key, value) } })', { name: 'put' })
  const look = programOf('({ on(ctx, { changes }) { ctx.set("keys", changes.map(({ key }) => key)) } })', {
    events: [event({ path: '/o', on: ['deleted'], table: 'records' })],
  })
  driver.register(ann, put)
  driver.register(ann, look)
  for (const key of ['z', 'x', 'y']) driver.ask(ann, put, '/o', 'put', [key, 1])
  const stored = new StoredState()
  stored.add(recordsOf(driver.space.snapshot()), false)
  driver.ask(ann, put, '/o', 'put', ['x', 2])
  const snapshot = driver.space.snapshot()
  stored.add(
    recordsOf(snapshot).filter(({ row }) => row.modified === driver.last.position),
    true,
  )
  const copy = driver.fresh()
  copy.load(stored.snapshot(snapshot))
  t.is(copy.digest().digest, driver.digest)
  driver.run(ann, { type: null, path: '/o', op: '$drop', input: {} })
  const [last] = driver.entries.slice(-1)
  if (last !== undefined) copy.apply(last)
  t.deepEqual(driver.recordsOf('test', '/.sirtaki/x/test'), [['keys', ['x', 'y', 'z'], 0]])
  t.is(copy.digest().digest, driver.digest)
})

const failingIn = (run: string) => registryWith(new FailingMachines(run))

test('E2: who is given up in a change is disabled by the end of that entry', (t) => {
  const driver = new ExtensionDriver([Counter], {}, failingIn('on'))
  const ann = driver.open()
  driver.register(ann, programOf('({ on(ctx) { ctx.set("n", 1) } })', { events: [event()] }))
  driver.op(ann, Counter, '/hits', 'add', { by: 1 })
  t.is(driver.disabled('test'), 'the engine gave it up')
  const copy = copyOf(driver)
  driver.tick()
  same(t, driver, copy)
})

test('E2: who is given up, and removed in the same entry, runs when it is registered anew', (t) => {
  const driver = new ExtensionDriver([], {}, failingIn('due'))
  const ann = driver.open()
  const program = programOf('({ go(ctx) { ctx.at("x", ctx.time + 10) }, due(ctx) { ctx.set("n", 1) } })')
  driver.register(ann, program)
  driver.ask(ann, program, '/p', 'go')
  driver.after(20)
  driver.registry(ann, 'remove', { name: 'test' })
  const copy = copyOf(driver)
  driver.register(ann, program)
  t.is(driver.disabled('test'), undefined)
  same(t, driver, copy)
})

test('E2: what the runtime calls by itself takes no ops and listens to nothing', (t) => {
  const driver = new ExtensionDriver([Counter])
  const ann = driver.open()
  for (const run of ['due', 'ended', 'cancelled']) {
    const source = `({ ${run}(ctx) { for (;;); } })`
    const takes = [{ ...counterAt('/hits'), run, op: 'add' }]
    t.is(codeOf(driver.register(ann, programOf(source, { takes }))), 'BAD_SOURCE')
    t.is(codeOf(driver.register(ann, programOf(source, { events: [event({ run })] }))), 'BAD_SOURCE')
  }
})

test('E3: programs reach types and versions that every view with their engine has', (t) => {
  const driver = new ExtensionDriver([Counter])
  const ann = driver.open()
  const source = '({ go(ctx) { return ctx.do("/a", "add", { by: 1 }) } })'
  for (const [type, version] of [
    ['sirtaki.bogus', 1],
    [Counter.name, 99],
    [PROGRAMS_TYPE, 1],
    ['test.ledger', 1],
  ] as const) {
    const uses = [{ path: '/a', type, version }]
    t.is(codeOf(driver.register(ann, programOf(source, { uses }))), 'BAD_SOURCE', type)
  }
  const program = programOf(source, { uses: [counterAt('/a')] })
  driver.register(ann, program)
  t.deepEqual(driver.ask(ann, program, '/p', 'go'), { value: 1 })
  driver.run(ann, { type: null, path: '/.sirtaki', op: '$activate', input: { type: Counter.name, version: 9 } })
  t.is(codeOf(driver.ask(ann, program, '/p', 'go')), 'OLD_CODE')
  t.is(driver.replayed(), driver.digest)
})

const registryOp = (op: string, input: unknown, more: object = {}) => ({
  ...{ type: { name: PROGRAMS_TYPE, version: 1 }, path: PROGRAMS_PATH, op, input },
  ...more,
})

test('E5: the registry is at its path, and nothing else is', (t) => {
  for (const registries of [[], [extensionsIn(packagedEngine, 2)]]) {
    const driver = new ExtensionDriver([Counter, ...registries])
    const ann = driver.open()
    const strange = { type: { name: 'sirtaki.bogus', version: 1 }, path: PROGRAMS_PATH, op: 'x', input: null }
    t.is(codeOf(answerOf(driver.run(ann, strange).outcome)), 'BAD_ARGUMENT')
    t.is(codeOf(answerOf(driver.op(ann, Counter, PROGRAMS_PATH, 'add', { by: 1 }).outcome)), 'BAD_ARGUMENT')
    const elsewhere = registryOp('enable', { name: 'x' }, { path: '/foo' })
    t.is(codeOf(answerOf(driver.run(ann, elsewhere).outcome)), 'BAD_ARGUMENT')
    t.is(codeOf(driver.register(ann, programOf('({ run() {} })'))), 'none')
    t.is(driver.replayed(), driver.digest)
  }
})

test('O11: the first registry is that of an engine which all sessions know that know one', (t) => {
  const driver = new ExtensionDriver()
  const [ann, eve] = [driver.open({ types: [[PROGRAMS_TYPE, 1]] }), driver.open({ types: [[PROGRAMS_TYPE, 77]] })]
  const other = registryOp('enable', { name: 'x' }, { type: { name: PROGRAMS_TYPE, version: 77 } })
  t.is(codeOf(answerOf(driver.run(eve, other).outcome)), 'NOT_ACTIVE')
  driver.end(eve)
  t.is(codeOf(driver.register(ann, programOf('({ run() {} })'))), 'none')
})

test('O2: what every view does alike stands in no transaction beside what some views cannot do', (t) => {
  const driver = new ExtensionDriver([Counter, Ledger])
  const ann = driver.open()
  const program = programOf('({ go(ctx) { return ctx.do("/c", "add", { by: 1 }) } })', { uses: [counterAt('/c')] })
  driver.register(ann, program)
  const foreign = { type: Ledger, path: '/l', op: 'put', input: { key: 'k', n: 1 } }
  const activates = { type: null, path: '/.sirtaki', op: '$activate', input: { type: Counter.name, version: 2 } }
  const go = { type: program, path: '/p', op: 'go', input: null }
  const codes = [
    [foreign, go],
    [go, foreign],
    [{ ...foreign, type: UNKNOWN }, registryOp('enable', { name: 'test' })],
    [foreign, activates],
    [activates, { type: Counter, path: '/c', op: 'add', input: { by: 1 } }],
  ].map((parts) => codeOf(answerOf(driver.transaction(ann, parts).outcome)))
  t.deepEqual(codes, ['NOT_PORTABLE', 'NOT_PORTABLE', 'NOT_PORTABLE', 'BAD_ARGUMENT', 'BAD_ARGUMENT'])
  const elsewhere = { ...activates, path: '/l' }
  t.is(codeOf(answerOf(driver.run(ann, elsewhere).outcome)), 'BAD_ARGUMENT')
  t.is(driver.transaction(ann, [go, { type: Counter, path: '/d', op: 'add', input: { by: 1 } }]).outcome.kind, 'result')
  t.is(driver.replayed(), driver.digest)
})

/** A view without the code of a user's type plays everything; gives whether it stopped. */
function stopsWithout(driver: ExtensionDriver): boolean {
  const other = new ExtensionDriver([Counter, Queue]).fresh()
  try {
    for (const entry of driver.entries) other.apply(entry)
    return false
  } catch (thrown) {
    return isError(thrown, 'STOPPED')
  }
}
const nothingMade = { type: Ledger, op: 'put', input: { bad: 1 } }

test('O3: a view that cannot see whether a program runs stops, and does not go on alone', (t) => {
  const withTake = (
    run: (driver: ExtensionDriver, ann: DrivenSession) => void,
    more: Partial<Registrable['program']>,
  ) => {
    const driver = new ExtensionDriver([Counter, Queue, Ledger])
    const ann = driver.open()
    const source = '({ go(ctx) { return ctx.do("/c", "add", { by: 1 }) }, wait(ctx) { return ctx.wait("w") } })'
    driver.register(ann, programOf(source, { uses: [counterAt('/c')], ...more }))
    run(driver, ann)
    return stopsWithout(driver)
  }
  const takes = [{ ...counterAt('/hits'), run: 'go', op: 'add' }]
  // Where nobody has asked for anything it plays on without what it does not know.
  t.false(withTake((driver, ann) => driver.run(ann, { ...nothingMade, path: '/hits' }), { takes }))
  const taken = (driver: ExtensionDriver, ann: DrivenSession): void => {
    driver.run(ann, { ...nothingMade, path: '/hits' })
    t.deepEqual(answerOf(driver.op(ann, Counter, '/hits', 'add', { by: 1 }).outcome), { value: 1 })
  }
  t.true(withTake(taken, { takes }))
  const called = (driver: ExtensionDriver, ann: DrivenSession): void => {
    driver.run(ann, { ...nothingMade, path: '/p' })
    t.deepEqual(driver.ask(ann, { name: 'x:test', version: 1 }, '/p', 'go'), { value: 1 })
  }
  t.true(withTake(called, {}))
  const waits = ['wait']
  const queues = [{ path: '/jobs', type: Queue.name, version: 1, run: 'wait', op: 'take' }]
  const cancelled = (driver: ExtensionDriver, ann: DrivenSession): void => {
    const take = driver.op(ann, Queue, '/jobs', 'take', { n: 1, visibilityMs: 1_000 })
    t.is(take.outcome.kind, 'waiting')
    driver.run(ann, { ...nothingMade, path: '/jobs' })
    driver.cancel(ann, '/jobs', take.position)
  }
  t.true(withTake(cancelled, { waits, takes: queues }))
})

test('P38: the ops of an entry call so many programs, each of which may need to be built', (t) => {
  const driver = new ExtensionDriver()
  const ann = driver.open()
  const all = Array.from({ length: PROGRAMS_MAX + 1 }, (_, i) =>
    programOf(`({ go() { return ${i} } })`, { name: `p${i}` }),
  )
  for (const program of all) driver.register(ann, program)
  const parts = all.map((program) => ({ type: program, path: `/${program.extension}`, op: 'go', input: null }))
  t.is(driver.transaction(ann, parts.slice(1)).outcome.kind, 'result')
  t.like(answerOf(driver.transaction(ann, parts).outcome), { code: 'EXTENSION_LIMIT', facts: { most: PROGRAMS_MAX } })
  t.is(driver.replayed(), driver.digest)
})

test('E5: who has not agreed to a program has it told of no cancel but of a wait of its own', (t) => {
  const driver = new ExtensionDriver()
  const [ann, eve] = [driver.open(), driver.open()]
  const program = programOf('({ go(ctx) { ctx.set("n", 1) }, cancelled(ctx, { op }) { ctx.set("gone", op) } })', {})
  driver.register(ann, program)
  driver.ask(ann, program, '/p', 'go')
  const { position } = driver.last
  driver.cancel(eve, '/p', position)
  t.deepEqual(driver.recordsOf('test', '/p'), [['n', 1, 0]])
  driver.cancel(ann, '/p', position)
  t.is(driver.recordsOf('test', '/p').length, 2)
})

test('E6: a record that is as deep as one may be fails nobody who listens', (t) => {
  const driver = new ExtensionDriver()
  const ann = driver.open()
  const put = programOf('({ put(ctx, value) { ctx.set("n", value) } })', { name: 'put' })
  const look = programOf('({ on(ctx, { changes: [{ on, after }] }) { ctx.set("saw", [on, after === undefined]) } })', {
    events: [event({ path: '/o', table: 'records' })],
  })
  driver.register(ann, put)
  driver.register(ann, look)
  const codes = Array.from({ length: 11 }, (_, i) => {
    const deep: unknown = JSON.parse(`${'['.repeat(22 + i)}1${']'.repeat(22 + i)}`)
    return codeOf(driver.ask(ann, put, '/o', 'put', deep))
  })
  t.is(codes[0], 'none')
  t.is(codes.at(-1), 'BAD_ARGUMENT')
  t.is(driver.disabled('test'), undefined)
  t.deepEqual(driver.recordsOf('test', '/.sirtaki/x/test'), [['saw', ['changed', true], 0]])
  t.deepEqual(programsOf(driver.space.journal).tables.states.get('test')?.failures, 0)
})
