/** The checker against histories whose verdict is plain to see, and against a search that tries every order. */

import test from 'ava'
import fc from 'fast-check'
import { checkLinearizable } from '../../testing/linearizability.ts'
import type { Operation } from '../../testing/linearizability.ts'
import { counterModel, registerModel } from '../../testing/models.ts'
import type { CounterInput, RegisterInput, RegisterOutput } from '../../testing/models.ts'
import { NEVER, compare, on } from './brute-force.ts'

const ok = { kind: 'ok' } as const

test('a read that overlaps a write may see either value', (t) => {
  const write = on(1, 0, 10, { op: 'write', key: 'x', value: 1 }, null)
  t.deepEqual(register(write, on(2, 1, 2, { op: 'read', key: 'x' }, null)), ok)
  t.deepEqual(register(write, on(2, 1, 2, { op: 'read', key: 'x' }, 1)), ok)
})

test('a stale read is a violation that names the read and what was placed before it', (t) => {
  const write = on(1, 0, 1, { op: 'write', key: 'x', value: 1 }, null)
  const stale = on(2, 2, 3, { op: 'read', key: 'x' }, null)
  t.deepEqual(register(write, stale), { kind: 'violation', partial: [write], blocked: [stale] })
})

test('two reads during one write do not see it come and go', (t) => {
  const write = on(1, 0, 10, { op: 'write', key: 'x', value: 1 }, null)
  const fresh = on(2, 1, 2, { op: 'read', key: 'x' }, 1)
  const older = on(3, 3, 4, { op: 'read', key: 'x' }, null)
  t.is(register(write, fresh, older).kind, 'violation')
})

test('of two compare-and-sets from one value only one is done, else an update is lost', (t) => {
  const first = on(1, 0, 10, { op: 'compareAndSet', key: 'x', expected: null, value: 1 }, true)
  const lost = on(2, 0, 10, { op: 'compareAndSet', key: 'x', expected: null, value: 2 }, true)
  const refused = on(2, 0, 10, { op: 'compareAndSet', key: 'x', expected: null, value: 2 }, false)
  t.is(register(first, lost).kind, 'violation')
  t.deepEqual(register(first, refused), ok)
})

test('operations that touch at one instant are concurrent', (t) => {
  const write = on(1, 0, 1, { op: 'write', key: 'x', value: 1 }, null)
  t.deepEqual(register(write, on(2, 1, 2, { op: 'read', key: 'x' }, null)), ok)
})

test('each key is a register of its own', (t) => {
  const write = on(1, 0, 1, { op: 'write', key: 'x', value: 1 }, null)
  const other = on(2, 2, 3, { op: 'read', key: 'y' }, null)
  const stale = on(2, 4, 5, { op: 'read', key: 'x' }, null)
  t.deepEqual(register(write, other), ok)
  t.deepEqual(register(write, other, stale), { kind: 'violation', partial: [write], blocked: [stale] })
})

test('an operation that never returned may take effect late or never, but once and not before its call', (t) => {
  const unknown = on(1, 2, NEVER, { op: 'write', key: 'x', value: 1 }, undefined)
  const before = on(2, 0, 1, { op: 'read', key: 'x' }, 1)
  const absent = on(2, 10, 11, { op: 'read', key: 'x' }, null)
  const present = on(2, 12, 13, { op: 'read', key: 'x' }, 1)
  const absentAgain = on(2, 14, 15, { op: 'read', key: 'x' }, null)
  t.deepEqual(register(unknown, absent), ok)
  t.deepEqual(register(unknown, absent, present), ok)
  t.is(register(unknown, absent, present, absentAgain).kind, 'violation')
  t.is(register(before, unknown).kind, 'violation')
})

test('a compare-and-set with an unknown outcome explains a value only where it could be done', (t) => {
  const unknown = on(1, 0, NEVER, { op: 'compareAndSet', key: 'x', expected: 1, value: 2 }, undefined)
  const read = on(2, 4, 5, { op: 'read', key: 'x' }, 2)
  t.is(register(unknown, read).kind, 'violation')
  t.deepEqual(register(unknown, on(3, 1, 2, { op: 'write', key: 'x', value: 1 }, null), read), ok)
})

test('a chain of unknown operations explains a value that none of them gives alone', (t) => {
  const second = on(1, 0, NEVER, { op: 'compareAndSet', key: 'x', expected: 1, value: 2 }, undefined)
  const first = on(2, 1, NEVER, { op: 'write', key: 'x', value: 1 }, undefined)
  t.deepEqual(register(second, first, on(3, 2, 3, { op: 'read', key: 'x' }, 2)), ok)
})

test('an add that counted twice is a violation', (t) => {
  const add = on(1, 0, 1, { op: 'add', amount: 1 }, 1)
  t.deepEqual(counter(add, on(2, 2, 3, { op: 'read' }, 1)), ok)
  t.is(counter(add, on(2, 2, 3, { op: 'read' }, 2)).kind, 'violation')
})

test('two adds that answer one value are a violation', (t) => {
  const add = on(1, 0, 9, { op: 'add', amount: 1 }, 1)
  t.is(counter(add, on(2, 0, 9, { op: 'add', amount: 1 }, 1)).kind, 'violation')
  t.deepEqual(counter(add, on(2, 0, 9, { op: 'add', amount: 1 }, 2)), ok)
})

test('an add that returned without its value counts all the same', (t) => {
  const add = on(1, 0, 1, { op: 'add', amount: 1 }, undefined)
  t.deepEqual(counter(add, on(2, 2, 3, { op: 'read' }, 1)), ok)
  t.is(counter(add, on(2, 2, 3, { op: 'read' }, 0)).kind, 'violation')
})

test('forty unknown operations do not blow up the search for a violation', (t) => {
  const adds = Array.from({ length: 40 }, (_, at) => on(at, at, NEVER, { op: 'add', amount: 1 }, undefined))
  t.deepEqual(counter(...adds, on(99, 50, 51, { op: 'read' }, 40)), ok)
  t.is(counter(...adds, on(99, 50, 51, { op: 'read' }, 41)).kind, 'violation')
  const writes = Array.from({ length: 40 }, (_, at) =>
    on(at, at, NEVER, { op: 'write', key: 'x', value: at }, undefined),
  )
  t.deepEqual(register(...writes, on(99, 50, 51, { op: 'read', key: 'x' }, 39)), ok)
  t.is(register(...writes, on(99, 50, 51, { op: 'read', key: 'x' }, 40)).kind, 'violation')
})

test('a search that runs out of steps says so, and a violation elsewhere outweighs it', (t) => {
  const write = on(1, 0, 1, { op: 'write', key: 'x', value: 1 }, null)
  const read = on(1, 2, 3, { op: 'read', key: 'x' }, 1)
  const stale = on(2, 0, 1, { op: 'read', key: 'y' }, 1)
  t.deepEqual(checkLinearizable(registerModel, [write, read], { stepsMax: 1 }), { kind: 'undecided', steps: 1 })
  t.deepEqual(checkLinearizable(registerModel, [write, read], { stepsMax: 0 }), { kind: 'undecided', steps: 0 })
  t.is(checkLinearizable(registerModel, [write, read, stale], { stepsMax: 1 }).kind, 'violation')
})

test('a malformed history is refused with the reason', (t) => {
  const get = { op: 'read' } as const
  const because = (message: RegExp) => ({ instanceOf: TypeError, message })
  t.deepEqual(counter(), ok)
  t.throws(() => counter(on(1, 2, 1, get, 0)), because(/returned before its call/))
  t.throws(() => counter(on(1, NaN, 1, get, 0)), because(/call is not a finite number/))
  t.throws(() => counter(on(1, 0, NaN, get, 0)), because(/return is not a number/))
  t.throws(() => counter(on(1, 0, NEVER, get, 0)), because(/never returned, yet it has an output/))
  t.throws(() => counter(on(1, 0, 2, get, 0), on(1, 1, 3, get, 0)), because(/client 1 at \[1, 3\].*had not returned/))
  t.throws(() => counter(on(1, 0, 2, get, 0), on(1, 2, 3, get, 0)), because(/had not returned/))
  t.throws(() => counter(on(1, 0, NEVER, get, undefined), on(1, 2, 3, get, 0)), because(/had not returned/))
})

test('on small random histories of a register the verdict is that of trying every order', (t) => {
  const value = fc.constantFrom(null, 1, 2)
  const operation = fc.oneof(
    fc.record({ input: fc.constant({ op: 'read', key: 'x' } as const), output: value }),
    fc.record({
      input: fc.record({ op: fc.constant('write' as const), key: fc.constant('x'), value }),
      output: fc.constant(null),
    }),
    fc.record({
      input: fc.record({ op: fc.constant('compareAndSet' as const), key: fc.constant('x'), expected: value, value }),
      output: fc.boolean(),
    }),
  )
  const verdicts = compare<RegisterOutput, RegisterInput, RegisterOutput>(registerModel, operation)
  t.true(verdicts.ok > 500 && verdicts.violation > 500, JSON.stringify(verdicts))
})

test('on small random histories of a counter the verdict is that of trying every order', (t) => {
  const output = fc.integer({ min: 0, max: 3 })
  const operation = fc.oneof(
    fc.record({ input: fc.constant({ op: 'read' } as const), output }),
    fc.record({
      input: fc.record({ op: fc.constant('add' as const), amount: fc.integer({ min: 1, max: 2 }) }),
      output: fc.option(output, { nil: undefined }),
    }),
  )
  const verdicts = compare<number, CounterInput, number>(counterModel, operation)
  t.true(verdicts.ok > 500 && verdicts.violation > 500, JSON.stringify(verdicts))
})

function register(...history: Operation<RegisterInput, RegisterOutput>[]) {
  return checkLinearizable(registerModel, history)
}

function counter(...history: Operation<CounterInput, number>[]) {
  return checkLinearizable(counterModel, history)
}
