/**
 * Guests in the real engine: what calls come to, how values cross, what an image is made of.
 *
 * Read next: `../../../objects/extensions/engine/machine.ts`, `engine.test.ts`.
 */
import test from 'ava'
import fc from 'fast-check'
import { Machine, SOURCE_BYTES_MAX, type CallOutcome } from '../../../objects/extensions/engine/machine.ts'
import { Machines } from '../../../objects/extensions/engine/machines.ts'
import { engine, machineOf } from './corpus-run.ts'
import { callOf, hostWith, textOf } from './guest-call.ts'

const load = (source: string): Machine | CallOutcome => {
  const machine = new Machines(engine).load(source)
  return machine instanceof Machine ? machine : machine.outcome
}

test('E2: bounds, throws and ends by the host are outcomes that no guest can catch', (t) => {
  const outcomes: readonly (readonly [body: string, like: object])[] = [
    ['return 1 + 1', { kind: 'value', value: 2 }],
    ['return', { kind: 'value', value: undefined }],
    ['for (;;) try { for (;;); } catch {}', { kind: 'limit', limit: 'fuel' }],
    ['return NaN', { kind: 'limit', limit: 'value', reason: 'the number NaN' }],
    ["return '\\ud800'", { kind: 'limit', limit: 'value', reason: 'a text with half a surrogate pair' }],
    ['return JSON.parse(\'{"__proto__": 1}\')', { kind: 'limit', limit: 'value', reason: 'the key "__proto__"' }],
    ['return [undefined]', { kind: 'limit', limit: 'value', reason: 'undefined' }],
    ["throw new Error('why')", { kind: 'threw', text: 'Error: why' }],
    ["try { ctx.reject('NO') } catch { return 1 } finally { return 2 }", { kind: 'stopped' }],
  ]
  for (const [body, like] of outcomes) {
    const machine = machineOf(body)
    t.like(callOf(machine), like, body)
    machine.restore()
    t.true(machine.isRestored(), body)
  }
  const threw = callOf(machineOf("throw new Error('y'.repeat(5000))"))
  t.is(threw.kind === 'threw' ? threw.text.length : 0, 1_000)
  t.like(callOf(machineOf('return 1'), hostWith(), 1_000), { kind: 'limit', limit: 'fuel' })
})

test('E2: what the host throws for itself ends the call, whatever the guest does', (t) => {
  const machine = machineOf("try { ctx.get('x') } catch { return 'caught' }")
  const trouble = new RangeError('no stack left')
  const outcome = callOf(machine, {
    ask: () => {
      throw trouble
    },
  })
  t.is(outcome.kind === 'stopped' ? outcome.by : undefined, trouble)
})

test('E1: a guest sees these globals and no others, and cannot make code of a text', (t) => {
  const seen = callOf(machineOf('return Object.getOwnPropertyNames(globalThis).sort()'))
  t.deepEqual(seen.kind === 'value' ? seen.value : undefined, [
    ...['AggregateError', 'Array', 'BigInt', 'Boolean', 'DisposableStack', 'Error', 'EvalError', 'Infinity'],
    ...['InternalError', 'Iterator', 'JSON', 'Map', 'Math', 'NaN', 'Number', 'Object', 'RangeError', 'ReferenceError'],
    ...['Reflect', 'RegExp', 'Set', 'String', 'SuppressedError', 'Symbol', 'SyntaxError', 'TypeError', 'URIError'],
    ...['WeakMap', 'WeakSet', 'decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent', 'escape'],
    ...['globalThis', 'isFinite', 'isNaN', 'parseFloat', 'parseInt', 'undefined', 'unescape'],
  ])
  for (const body of [
    "return this.constructor.constructor('return 1')()",
    "return (() => 1).constructor('return 1')()",
    "return Reflect.construct(Function, ['return 1'])()",
    "return ctx.get.constructor('return 1')()",
    "return eval('1')",
  ]) {
    t.is(callOf(machineOf(body)).kind, 'threw', body)
  }
})

test('E4: no time, no chance, no language of the host', (t) => {
  for (const body of ['return Date.now()', 'return Math.random()', 'return new Date()', 'return performance.now()']) {
    t.is(callOf(machineOf(body)).kind, 'threw', body)
  }
  const texts = "return [(1234.5).toLocaleString(), 'I'.toLocaleLowerCase('tr'), 'a'.localeCompare('B'), typeof Intl]"
  const said = callOf(machineOf(texts))
  t.deepEqual(said.kind === 'value' ? said.value : undefined, ['1234.5', 'i', 1, 'undefined'])
})

test('E3: an image comes of its source alone', (t) => {
  const source = "({ one(ctx) { return 'a' }, two() {} })"
  const [first, second] = [load(source), load(source)]
  t.true(first instanceof Machine && second instanceof Machine)
  if (!(first instanceof Machine && second instanceof Machine)) return
  t.is(first.hash, second.hash)
  t.deepEqual(first.names, ['one', 'two'])
  const other = load(source.replace("'a'", "'b'"))
  t.not(other instanceof Machine ? other.hash : undefined, first.hash)
})

test('E3: a source that is no program is told apart, and why', (t) => {
  const odd: readonly (readonly [source: string, like: object])[] = [
    ['({ run( })', { kind: 'threw' }],
    ['1', { kind: 'threw', text: 'TypeError: a source is an object of functions' }],
    ['({ run: 1 })', { kind: 'threw', text: 'TypeError: a source has functions only: run' }],
    ['for (;;);', { kind: 'limit', limit: 'fuel' }],
    ["throw new Error('x')", { kind: 'threw', text: 'Error: x' }],
    ['(undeclared = 1, {})', { kind: 'threw' }],
  ]
  for (const [source, like] of odd) t.like(load(source), like, source)
  t.true(load(`({ run() { return '${'x'.repeat(SOURCE_BYTES_MAX - 100)}' } })`) instanceof Machine)
})

test('E3: values cross as they are, both ways', (t) => {
  const machine = machineOf('return input')
  const call = (input: unknown): CallOutcome =>
    machine.call('run', input, { host: hostWith(), fuel: 50_000_000, position: 1, time: 1, session: 1 })
  const key = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((one) => one !== '__proto__')
  const value = fc.letrec((tie) => ({
    one: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
      fc.string({ unit: 'grapheme', maxLength: 100 }),
      fc.array(tie('one'), { maxLength: 5 }),
      fc.dictionary(key, tie('one'), { maxKeys: 5, noNullPrototype: true }),
    ),
  })).one
  fc.assert(
    fc.property(value, (input) => {
      const outcome = call(input)
      t.deepEqual(outcome.kind === 'value' ? outcome.value : textOf(outcome), input)
    }),
    { numRuns: 500 },
  )
})

test('E3: what a call used is put back: stack, memory, depth, whatever ended it', (t) => {
  const machine = machineOf("const f = (n) => n < 1 ? ctx.get('x') ?? 0 : [f(n - 1)]; return f(20)")
  const plain = textOf(callOf(machine))
  const stopping = {
    ask: () => {
      throw new Error('deep in the guest')
    },
  }
  for (let i = 0; i < 300; i++) t.is(callOf(machine, stopping).kind, 'stopped')
  for (const fuel of [1_000, 20_000, 50_000, 100_000]) callOf(machine, hostWith(), fuel)
  t.is(textOf(callOf(machine)), plain)
  const long = 'x'.repeat(20_000)
  t.like(machine.call('run', long, { host: hostWith(), fuel: 5_000_000, position: 1, time: 1, session: 1 }), {
    kind: 'value',
  })
  machine.restore()
  t.true(machine.isRestored())
  const greedy = machineOf("const a = []; for (let i = 0; i < 8000; i++) a.push('x' + i); return a.length")
  const first = textOf(callOf(greedy))
  t.is(textOf(callOf(greedy)), first)
  greedy.restore()
  t.true(greedy.isRestored())
})

test('E3: what ctx answers with is taken by the engine, and its memory stays whole', (t) => {
  const machine = machineOf(`
    const kept = []
    for (let i = 0; i < input.times; i++) kept.push([i + 0.5, { i }, 'text ' + i, ctx.get(i) ?? 'none', [input.by]])
    return kept`)
  const answer = fc.oneof(
    fc.constantFrom(undefined, null, true, false),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    fc.string({ unit: 'grapheme' }),
    fc.record({ a: fc.constantFrom(null, true, 0.5) }),
  )
  const property = fc.property(
    fc.array(answer, { maxLength: 40 }),
    fc.double({ min: -9, max: 9, noNaN: true }),
    (all, by) => {
      const host = { ask: (_number: number, [i]: readonly unknown[]) => all[Number(i)] }
      const calling = { host, fuel: 10_000_000, position: 1, time: 1, session: 1 }
      const outcome = machine.call('run', { times: all.length, by }, calling)
      const kept = all.map((one, i) => [i + 0.5, { i }, `text ${i}`, one ?? 'none', [by + 0]])
      t.deepEqual(outcome, { kind: 'value', value: kept, fuel: outcome.fuel })
    },
  )
  fc.assert(property, { numRuns: 300 })
})
