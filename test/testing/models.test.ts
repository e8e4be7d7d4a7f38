/**
 * The rules of the log, one history each, and the whole against a search over orders of an independent sequential log.
 */

import test from 'ava'
import fc from 'fast-check'
import { checkLinearizable } from '../../testing/linearizability.ts'
import type { Model, Operation } from '../../testing/linearizability.ts'
import { checkLogHistory } from '../../testing/models.ts'
import type { LogOperation, LogOutput, LogReading, LogRule, LogVerdict } from '../../testing/models.ts'

const NEVER = Infinity
const ok = { kind: 'ok' } as const
const junk = { kind: 'junk' } as const
const trimmed = { kind: 'trimmed' } as const

test('a log with junk between its appends, read in any order, is right', (t) => {
  const first = append(1, 0, 5, 'a', 7)
  const second = append(2, 0, 5, 'b', 3)
  const last = append(1, 6, 7, 'c', 9)
  const reads = [read(2, 8, 9, 7, data('a')), read(2, 10, 11, 8, junk), read(2, 12, 13, 3, data('b'))]
  t.deepEqual(checkLogHistory([first, second, last, ...reads, tail(1, 14, 15, 12)]), ok)
})

test('L1: two appends never answer one position', (t) => {
  t.like(checkLogHistory([append(1, 0, 5, 'a', 3), append(2, 0, 5, 'b', 3)]), broken('L1'))
})

test('L1: one append is never found at two positions', (t) => {
  const acknowledged = append(1, 0, 1, 'a', 3)
  const unknown = append(1, 0, NEVER, 'a', undefined)
  t.like(checkLogHistory([acknowledged, read(2, 2, 3, 4, data('a'))]), broken('L1'))
  t.like(checkLogHistory([unknown, read(2, 2, 3, 3, data('a')), read(2, 4, 5, 4, data('a'))]), broken('L1'))
})

test('L2: an acknowledged append is not junk, nor the entry of another', (t) => {
  const acknowledged = append(1, 0, 1, 'a', 3)
  const unknown = append(3, 0, NEVER, 'b', undefined)
  t.like(checkLogHistory([acknowledged, read(2, 2, 3, 3, junk)]), broken('L2'))
  t.like(checkLogHistory([acknowledged, unknown, read(2, 2, 3, 3, data('b'))]), broken('L2'))
})

test('L2: a position that was read as junk is never answered to an append', (t) => {
  t.like(checkLogHistory([read(2, 0, 1, 3, junk), append(1, 2, 3, 'a', 3)]), broken('L2'))
})

test('L4: what a read returned once is never read otherwise', (t) => {
  const unknown = append(1, 0, NEVER, 'a', undefined)
  const found = read(2, 2, 3, 5, data('a'))
  t.like(checkLogHistory([unknown, found, read(2, 4, 5, 5, junk)]), broken('L4'))
  t.like(checkLogHistory([unknown, read(2, 0, 1, 5, junk), read(2, 2, 3, 5, data('a'))]), broken('L4'))
  t.deepEqual(checkLogHistory([unknown, found, read(3, 4, 5, 5, data('a'))]), ok)
})

test('L4: a read finds only what somebody appends', (t) => {
  t.like(checkLogHistory([read(1, 0, 1, 5, data('a'))]), broken('L4'))
})

test('L7: an append called after another returned gets a larger position', (t) => {
  const first = append(1, 0, 1, 'a', 5)
  const later = append(2, 2, 3, 'b', 4)
  const verdict = checkLogHistory([first, later])
  t.like(verdict, broken('L7'))
  t.deepEqual(verdict.kind === 'violation' && verdict.operations, [first, later])
  t.deepEqual(checkLogHistory([first, append(2, 1, 3, 'b', 4)]), ok)
})

test('L7: an unknown append that a read found counts as appended by then', (t) => {
  const unknown = append(1, 0, NEVER, 'a', undefined)
  const found = read(2, 2, 3, 5, data('a'))
  t.like(checkLogHistory([unknown, found, append(3, 4, 5, 'b', 4)]), broken('L7'))
  t.deepEqual(checkLogHistory([unknown, found, append(3, 3, 5, 'b', 4)]), ok)
  const late = append(1, 2, NEVER, 'a', undefined)
  t.like(checkLogHistory([append(3, 0, 1, 'b', 6), late, read(2, 3, 4, 5, data('a'))]), broken('L7'))
})

test('L7: no read finds what is appended only later', (t) => {
  t.like(checkLogHistory([read(2, 0, 1, 5, data('a')), append(1, 2, 3, 'a', 5)]), broken('L7'))
  t.deepEqual(checkLogHistory([read(2, 0, 2, 5, data('a')), append(1, 2, 3, 'a', 5)]), ok)
})

test('L7: the tail covers every append that returned', (t) => {
  t.like(checkLogHistory([append(1, 0, 1, 'a', 5), tail(2, 2, 3, 5)]), broken('L7'))
  t.deepEqual(checkLogHistory([append(1, 0, 1, 'a', 5), tail(2, 2, 3, 6)]), ok)
  t.deepEqual(checkLogHistory([append(1, 0, 3, 'a', 5), tail(2, 2, 3, 5)]), ok)
})

test('L7: the tail never goes back', (t) => {
  t.like(checkLogHistory([tail(1, 0, 1, 6), tail(2, 2, 3, 5)]), broken('L7'))
  t.deepEqual(checkLogHistory([tail(1, 0, 2, 6), tail(2, 2, 3, 5)]), ok)
})

test('L7: an append called after a tail was told does not land below it', (t) => {
  t.like(checkLogHistory([tail(1, 0, 1, 6), append(2, 2, 3, 'a', 5)]), broken('L7'))
  t.deepEqual(checkLogHistory([tail(1, 0, 1, 6), append(2, 2, 3, 'a', 6)]), ok)
})

test('L7: an append does not land where a trim already was', (t) => {
  t.like(checkLogHistory([trim(1, 0, 1, 6), append(2, 2, 3, 'a', 5)]), broken('L7'))
  t.like(checkLogHistory([trim(1, 0, NEVER, 6), read(2, 2, 3, 4, trimmed), append(2, 4, 5, 'a', 4)]), broken('L7'))
})

test('L8: once a trim returned, what lies below it is trimmed', (t) => {
  const history = [append(1, 0, 1, 'a', 5), trim(1, 2, 4, 6)]
  t.like(checkLogHistory([...history, read(2, 5, 6, 5, data('a'))]), broken('L8'))
  t.deepEqual(checkLogHistory([...history, read(2, 5, 6, 5, trimmed)]), ok)
  t.deepEqual(checkLogHistory([...history, read(2, 5, 6, 6, junk)]), ok)
})

test('L8: while a trim runs a read may answer either way', (t) => {
  const history = [append(1, 0, 1, 'a', 5), trim(1, 2, 20, 6)]
  t.deepEqual(checkLogHistory([...history, read(2, 5, 6, 5, trimmed), read(2, 7, 8, 5, data('a'))]), ok)
})

test('L8: nothing is trimmed without a trim that reaches it', (t) => {
  const history = [append(1, 0, 1, 'a', 5), trim(1, 4, 5, 5)]
  t.like(checkLogHistory([...history, read(2, 6, 7, 5, trimmed)]), broken('L8'))
  t.like(checkLogHistory([...history, read(2, 2, 3, 4, trimmed)]), broken('L8'))
})

test('an append with an unknown outcome may be nowhere', (t) => {
  t.deepEqual(checkLogHistory([append(1, 0, NEVER, 'a', undefined), read(2, 2, 3, 0, junk), tail(2, 4, 5, 0)]), ok)
})

test('a trim with an unknown outcome may have happened or not', (t) => {
  const history = [append(1, 0, 1, 'a', 5), trim(1, 2, NEVER, 6)]
  t.deepEqual(checkLogHistory([...history, read(2, 5, 6, 5, trimmed)]), ok)
  t.deepEqual(checkLogHistory([...history, read(2, 5, 6, 5, data('a'))]), ok)
})

test('a malformed history of the log is refused with the reason', (t) => {
  const twice = [append(1, 0, 1, 'a', 1), append(1, 2, 3, 'a', 2)]
  t.throws(() => checkLogHistory(twice), { instanceOf: TypeError, message: /Two appends carry/ })
  t.throws(() => checkLogHistory([append(1, 0, 1, 'a', undefined)]), {
    instanceOf: TypeError,
    message: /has no position/,
  })
  t.throws(() => checkLogHistory([append(1, 0, 1, 'a', 1.5)]), { instanceOf: TypeError, message: /has no position/ })
  t.throws(() => checkLogHistory([read(1, 0, 1, 0, undefined)]), { instanceOf: TypeError, message: /is not a reading/ })
  t.throws(() => checkLogHistory([tail(1, 2, 1, 0)]), { instanceOf: TypeError, message: /returned before its call/ })
})

test('on small random histories the verdict is that of a search over orders', (t) => {
  const verdicts = { ok: 0, violation: 0 }
  const property = fc.property(histories(), (history) => {
    const { kind } = checkLogHistory(history)
    verdicts[kind] += 1
    return (kind === 'ok') === isExplained(history)
  })
  fc.assert(property, { numRuns: 5_000 })
  t.true(verdicts.ok > 500 && verdicts.violation > 500, JSON.stringify(verdicts))
})

function append(
  client: number,
  call: number,
  returned: number,
  value: string,
  position: number | undefined,
): LogOperation {
  return { client, call, return: returned, input: { op: 'append', value }, output: position }
}

function read(
  client: number,
  call: number,
  returned: number,
  position: number,
  reading: LogReading | undefined,
): LogOperation {
  return { client, call, return: returned, input: { op: 'read', position }, output: reading }
}

function tail(client: number, call: number, returned: number, position: number): LogOperation {
  return { client, call, return: returned, input: { op: 'tail' }, output: position }
}

function trim(client: number, call: number, returned: number, before: number): LogOperation {
  return { client, call, return: returned, input: { op: 'trim', before }, output: undefined }
}

function data(value: string): LogReading {
  return { kind: 'data', value }
}

function broken(rule: LogRule): Partial<LogVerdict> {
  return { kind: 'violation', rule }
}

/**
 * Up to six operations at random times over positions 0 to 3; each is its own client, which hides nothing from the
 * rules.
 */
function histories(): fc.Arbitrary<LogOperation[]> {
  const position = fc.integer({ min: 0, max: 3 })
  const value = fc.constantFrom('v0', 'v1', 'v2', 'v3')
  const reading = fc.oneof<fc.Arbitrary<LogReading>[]>(
    fc.record({ kind: fc.constant('data' as const), value }),
    fc.constant(junk),
    fc.constant(trimmed),
  )
  const time = { call: fc.integer({ min: 0, max: 12 }), length: fc.integer({ min: 0, max: 8 }), returns: fc.boolean() }
  const what = fc.constantFrom('append', 'append', 'read', 'read', 'tail', 'trim')
  const operation = fc.record({ ...time, what, position, reading })
  return fc.array(operation, { minLength: 1, maxLength: 6 }).map((operations) =>
    operations.map((drawn, client): LogOperation => {
      const end = drawn.call + drawn.length
      if (drawn.what === 'read') return read(client, drawn.call, end, drawn.position, drawn.reading)
      if (drawn.what === 'tail') return tail(client, drawn.call, end, drawn.position)
      if (drawn.what === 'trim') return trim(client, drawn.call, drawn.returns ? end : NEVER, drawn.position)
      if (drawn.returns) return append(client, drawn.call, end, `v${client}`, drawn.position)
      return append(client, drawn.call, NEVER, `v${client}`, undefined)
    }),
  )
}

/**
 * The sequential log of the docstring of `checkLogHistory`, with a trim as two steps: it begins, and it is complete.
 */
type Log = Readonly<{ tail: number; begun: number; trimmed: number; contents: readonly (LogReading | undefined)[] }>
type Step = LogOperation['input'] | Readonly<{ op: 'trimmed'; before: number }>

const logModel: Model<Log, Step, LogOutput> = {
  initial: () => ({ tail: 0, begun: 0, trimmed: 0, contents: [] }),
  key: (log) => JSON.stringify(log),
  step(log, input, output) {
    switch (input.op) {
      case 'append':
        if (typeof output !== 'number' || output < log.tail || log.contents[output] !== undefined) return undefined
        return { ...log, tail: output + 1, contents: holding(log, output, { kind: 'data', value: input.value }) }
      case 'tail':
        return typeof output === 'number' && output >= log.tail ? { ...log, tail: output } : undefined
      case 'trim':
        return { ...log, begun: Math.max(log.begun, input.before) }
      case 'trimmed':
        return { ...log, tail: Math.max(log.tail, input.before), trimmed: Math.max(log.trimmed, input.before) }
      default:
        return typeof output === 'object' ? afterRead(log, input.position, output) : undefined
    }
  },
}

function afterRead(log: Log, position: number, reading: LogReading): Log | undefined {
  if (reading.kind === 'trimmed') {
    return position < log.begun ? { ...log, tail: Math.max(log.tail, position + 1) } : undefined
  }
  if (position < log.trimmed) return undefined
  const held = log.contents[position]
  if (held === undefined) {
    return reading.kind === 'junk' ? { ...log, contents: holding(log, position, junk) } : undefined
  }
  return JSON.stringify(held) === JSON.stringify(reading) ? log : undefined
}

function holding(log: Log, position: number, reading: LogReading): (LogReading | undefined)[] {
  return Array.from({ length: 5 }, (_, at) => (at === position ? reading : log.contents[at]))
}

/** Tries every outcome of the unknown appends: none, or a position from 0 to 4 at any later instant. */
function isExplained(history: readonly LogOperation[]): boolean {
  const unknown = history.find(({ input, return: returned }) => input.op === 'append' && returned === NEVER)
  if (unknown === undefined) return checkLinearizable(logModel, history.flatMap(steps)).kind === 'ok'
  const others = history.filter((operation) => operation !== unknown)
  if (isExplained(others)) return true
  return [0, 1, 2, 3, 4].some((position) => isExplained([...others, { ...unknown, return: 1_000, output: position }]))
}

function steps(operation: LogOperation): Operation<Step, LogOutput>[] {
  const { input } = operation
  if (input.op !== 'trim') return [operation]
  return [operation, { ...operation, client: operation.client + 100, input: { op: 'trimmed', before: input.before } }]
}
