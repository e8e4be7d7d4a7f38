/**
 * The models of objects: right histories pass, wrong ones are found, and on small random histories the verdict is that
 * of a search that tries every order of an independent description.
 */

import test from 'ava'
import fc from 'fast-check'
import { checkLinearizable, type Model, type Operation } from '../../testing/linearizability.ts'
import {
  bagModel,
  fencedLockModel,
  lockModel,
  nodeModel,
  ordered,
  queueModel,
  transactionModel,
  type FencedLockInput,
  type FencedLockState,
  type LockInput,
  type NodeInput,
  type NodeOutput,
  type NodeState,
  type QueueInput,
  type QueueOutput,
  type TransactionInput,
  type TransactionOutput,
} from '../../testing/models.ts'
import { NEVER, compare, histories, on } from './brute-force.ts'

const ENOUGH = 300

const judged = <S, I, O>(model: Model<S, I, O>, history: readonly Operation<I, O>[]): string =>
  checkLinearizable(model, history).kind

// ---- locks

const acquire = (holder: string): LockInput => ({ op: 'acquire', key: 'l', holder })
const release = (holder: string): LockInput => ({ op: 'release', key: 'l', holder })
const locks = (...history: Operation<LockInput, boolean>[]) => judged(lockModel, history)

test('a lock passes from hand to hand, and refuses while it is held', (t) => {
  t.is(
    locks(
      on(1, 0, 1, acquire('a'), true),
      on(2, 2, 3, acquire('b'), false),
      on(2, 4, 8, acquire('c'), true),
      on(1, 5, 6, release('a'), true),
    ),
    'ok',
  )
})

test('O7: two holders at once are found', (t) => {
  t.is(locks(on(1, 0, 1, acquire('a'), true), on(2, 2, 3, acquire('b'), true)), 'violation')
  t.is(
    locks(on(1, 0, 1, acquire('a'), true), on(2, 2, 5, acquire('b'), true), on(1, 6, 7, release('a'), true)),
    'violation',
  )
})

test('O7: a lock that is given back twice, or refused though it is free, is found', (t) => {
  const held = on(1, 0, 1, acquire('a'), true)
  t.is(locks(held, on(1, 2, 3, release('a'), true), on(1, 4, 5, release('a'), true)), 'violation')
  t.is(locks(held, on(1, 2, 3, release('a'), true), on(2, 4, 5, acquire('b'), false)), 'violation')
})

test('a hold that ends with its session is over by the time that is known, and not before it may be', (t) => {
  const lost = on(1, 0, 1, acquire('a'), true)
  const ends = on<LockInput, boolean>(9, 4, 6, release('a'), undefined)
  t.is(locks(lost, ends, on(2, 5, 7, acquire('b'), true)), 'ok')
  t.is(locks(lost, ends, on(2, 2, 3, acquire('b'), true)), 'violation')
  t.is(locks(lost, ends, on(2, 7, 8, acquire('b'), false)), 'violation')
})

test('an acquire of unknown outcome holds until it is given back', (t) => {
  const unknown = on<LockInput, boolean>(1, 0, NEVER, acquire('a'), undefined)
  t.is(locks(unknown, on(2, 1, 2, acquire('b'), false)), 'ok')
  t.is(locks(unknown, on(2, 1, 2, acquire('b'), false), on(2, 3, 4, acquire('c'), true)), 'violation')
})

const fenced = (...history: Operation<FencedLockInput, number | boolean>[]) => judged(fencedLockModel, history)
const grab = (holder: string): FencedLockInput => ({ op: 'acquire', key: 'l', holder })
const free = (holder: string): FencedLockInput => ({ op: 'release', key: 'l', holder })
const write = (token: number): FencedLockInput => ({ op: 'write', key: 'l', token })

test('O7: tokens grow, and what shows a lower one than was seen is refused', (t) => {
  const first = on(1, 0, 1, grab('a'), 7)
  const over = on<FencedLockInput, boolean>(9, 1, 2, free('a'), undefined)
  const second = on(2, 3, 4, grab('b'), 9)
  t.is(fenced(first, over, second, on(2, 5, 6, write(9), true), on(1, 7, 8, write(7), false)), 'ok')
  t.is(fenced(first, over, second, on(1, 5, 6, write(7), true), on(2, 7, 8, write(9), true)), 'ok')
  t.is(fenced(first, over, second, on(2, 5, 6, write(9), true), on(1, 7, 8, write(7), true)), 'violation')
  t.is(fenced(first, over, second, on(1, 7, 8, write(7), false)), 'violation')
})

test('O7: a token that is given twice, or goes back, is found', (t) => {
  const first = on(1, 0, 1, grab('a'), 7)
  const over = on<FencedLockInput, boolean>(1, 2, 3, free('a'), true)
  t.is(fenced(first, over, on(2, 4, 5, grab('b'), 7)), 'violation')
  t.is(fenced(first, over, on(2, 4, 5, grab('b'), 6)), 'violation')
  const unknown = on<FencedLockInput, number>(2, 4, NEVER, grab('b'), undefined)
  const itsEnd = on<FencedLockInput, boolean>(9, 5, 6, free('b'), undefined)
  t.is(fenced(first, over, unknown, itsEnd, on(3, 7, 8, grab('c'), 8)), 'ok')
  t.is(fenced(first, over, on(2, 4, 5, grab('b'), 8), itsEnd, on(3, 7, 8, grab('c'), 8)), 'violation')
})

// ---- queues

const put = (item: string): QueueInput => ({ op: 'put', key: 'q', item })
const take = (taker: number): QueueInput => ({ op: 'take', key: 'q', taker })
const ack = (taker: number, item: string): QueueInput => ({ op: 'ack', key: 'q', taker, item })
const back = (taker: number, item?: string): QueueInput => ({ op: 'back', key: 'q', taker, item })
const queues = (...history: Operation<QueueInput, QueueOutput>[]) => judged(queueModel, history)
const bags = (...history: Operation<QueueInput, QueueOutput>[]) => judged(bagModel, history)
const ab = [on(1, 0, 1, put('a'), true), on(1, 2, 3, put('b'), true)] as const

test('a queue gives items out in order, and what comes back first', (t) => {
  const first = on(2, 4, 5, take(1), 'a')
  t.is(queues(...ab, first, on(2, 6, 7, take(2), 'b'), on(2, 8, 9, take(3), null)), 'ok')
  t.is(queues(...ab, first, on(2, 6, 7, back(1, 'a'), true), on(2, 8, 9, take(2), 'a')), 'ok')
  t.is(queues(...ab, on(2, 4, 5, take(1), 'b')), 'violation')
  t.is(queues(...ab, first, on(2, 6, 7, back(1, 'a'), true), on(2, 8, 9, take(2), 'b')), 'violation')
})

test('a bag gives items out in any order', (t) => {
  t.is(bags(...ab, on(2, 4, 5, take(1), 'b'), on(2, 6, 7, take(2), 'a'), on(2, 8, 9, take(3), null)), 'ok')
  t.is(bags(...ab, on(2, 4, 5, take(1), 'b'), on(2, 6, 7, take(2), 'b')), 'violation')
})

test('O8: an item that is taken twice, or acknowledged twice, is found', (t) => {
  for (const check of [queues, bags]) {
    const first = on(2, 4, 5, take(1), 'a')
    t.is(check(...ab, first, on(3, 4, 5, take(2), 'a')), 'violation')
    const done = on(2, 6, 7, ack(1, 'a'), true)
    t.is(check(...ab, first, done, on(3, 8, 9, ack(1, 'a'), true)), 'violation')
    t.is(check(...ab, first, done, on(3, 8, 9, ack(1, 'a'), false)), 'ok')
    const itsEnd = on<QueueInput, QueueOutput>(9, 5, 6, back(1), undefined)
    t.is(check(...ab, first, itsEnd, on(3, 7, 8, take(2), 'a'), on(2, 9, 10, ack(1, 'a'), false)), 'ok')
    t.is(check(...ab, first, itsEnd, on(3, 7, 8, take(2), 'a'), on(2, 9, 10, ack(1, 'a'), true)), 'violation')
  }
})

test('O8: an acknowledged put that is lost is found by who finds the queue empty', (t) => {
  for (const check of [queues, bags]) {
    t.is(check(...ab, on(2, 4, 5, take(1), 'a'), on(2, 6, 7, take(2), null)), 'violation')
    const unknown = on<QueueInput, QueueOutput>(1, 0, NEVER, put('a'), undefined)
    t.is(check(unknown, on(2, 4, 5, take(2), null), on(2, 6, 7, take(3), 'a')), 'ok')
    t.is(
      check(unknown, on(2, 4, 5, take(2), 'a'), on(2, 6, 7, ack(2, 'a'), true), on(2, 8, 9, take(3), 'a')),
      'violation',
    )
  }
})

test('a bag with a take of unknown outcome lacks one item, nobody knows which, until it is back', (t) => {
  const unknown = on<QueueInput, QueueOutput>(3, 4, NEVER, take(9), undefined)
  const rest = [on(2, 6, 7, take(1), 'b'), on(2, 8, 9, take(2), null)] as const
  t.is(bags(...ab, unknown, ...rest), 'ok')
  t.is(bags(...ab, unknown, on(2, 6, 7, take(1), 'a'), on(2, 8, 9, take(2), null)), 'ok')
  t.is(bags(...ab, ...rest), 'violation')
  const returned = on<QueueInput, QueueOutput>(9, 5, 10, back(9), undefined)
  t.is(bags(...ab, unknown, ...rest, returned, on(2, 11, 12, take(3), 'a')), 'ok')
  const untold = on<QueueInput, QueueOutput>(3, 4, 4.5, take(9), undefined)
  t.is(bags(...ab, untold, ...rest, returned, on(2, 11, 12, take(3), null)), 'violation')
})

// ---- nodes

const nodes = (...history: Operation<NodeInput, NodeOutput>[]) => judged(nodeModel, history)
const key = 'n'

test('a node is made once, changed in its version, and is gone when it is deleted', (t) => {
  const made = on(1, 0, 1, { op: 'create', key, value: 1 } as const, 0)
  const changed = on(1, 2, 3, { op: 'set', key, value: 2, version: 0 } as const, 1)
  t.is(nodes(made, changed, on(2, 4, 5, { op: 'read', key }, { value: 2, version: 1 })), 'ok')
  t.is(nodes(made, changed, on(2, 4, 5, { op: 'read', key }, { value: 1, version: 0 })), 'violation')
  t.is(nodes(made, changed, on(2, 4, 5, { op: 'set', key, value: 3, version: 0 }, 1)), 'violation')
  t.is(nodes(made, changed, on(2, 4, 5, { op: 'set', key, value: 3, version: 0 }, 'version')), 'ok')
  t.is(nodes(made, on(2, 2, 3, { op: 'create', key, value: 1 }, 0)), 'violation')
  const gone = on(1, 4, 5, { op: 'delete', key } as const, -1)
  t.is(nodes(made, changed, gone, on(2, 6, 7, { op: 'set', key, value: 3 }, 'absent')), 'ok')
  t.is(nodes(made, changed, gone, on(2, 6, 7, { op: 'read', key }, { value: 2, version: 1 })), 'violation')
})

test('O5: what a session owns goes with it, and nothing else does', (t) => {
  const owned = on<NodeInput, NodeOutput>(1, 0, 1, { op: 'create', key, value: 1, owner: 's' }, 0)
  const itsEnd = on<NodeInput, NodeOutput>(9, 3, 5, { op: 'end', key, owner: 's' }, undefined)
  const other = on<NodeInput, NodeOutput>(9, 3, 5, { op: 'end', key, owner: 'x' }, undefined)
  t.is(nodes(owned, itsEnd, on(2, 6, 7, { op: 'read', key }, null)), 'ok')
  t.is(nodes(owned, itsEnd, on(2, 6, 7, { op: 'read', key }, { value: 1, version: 0 })), 'violation')
  t.is(nodes(owned, itsEnd, on(2, 1.5, 2, { op: 'read', key }, null)), 'violation')
  t.is(nodes(owned, other, on(2, 6, 7, { op: 'read', key }, null)), 'violation')
})

// ---- transactions

const transactions = (...history: Operation<TransactionInput, TransactionOutput>[]) =>
  judged(transactionModel(0), history)
const both = (value: number): TransactionInput => [
  { op: 'write', key: 'x', value },
  { op: 'write', key: 'y', value },
]
const look: TransactionInput = [
  { op: 'read', key: 'x' },
  { op: 'read', key: 'y' },
]

test('O2: half a transaction is found', (t) => {
  const wrote = on<TransactionInput, TransactionOutput>(1, 0, 10, both(1), [])
  t.is(transactions(wrote, on(2, 1, 2, look, [0, 0]), on(2, 3, 4, look, [1, 1])), 'ok')
  t.is(transactions(wrote, on(2, 1, 2, look, [1, 0])), 'violation')
  t.is(transactions(wrote, on(2, 1, 2, look, [1, 1]), on(2, 3, 4, look, [0, 0])), 'violation')
})

test('O2: a stale read is found, though one order would explain the transactions alone', (t) => {
  const wrote = on<TransactionInput, TransactionOutput>(1, 0, 1, both(1), [])
  t.is(transactions(wrote, on(2, 2, 3, look, [0, 0])), 'violation')
  const skew = [
    on<TransactionInput, TransactionOutput>(1, 0, 9, [look[0] ?? never(), { op: 'write', key: 'y', value: 1 }], [0]),
    on<TransactionInput, TransactionOutput>(2, 0, 9, [look[1] ?? never(), { op: 'write', key: 'x', value: 1 }], [0]),
  ]
  t.is(transactions(...skew), 'violation')
})

test('O2: what is refused changes nothing, and is refused for a reason', (t) => {
  const guarded: TransactionInput = [{ op: 'expect', key: 'x', value: 5 }, ...both(1)]
  t.is(transactions(on(1, 0, 1, guarded, 'refused'), on(2, 2, 3, look, [0, 0])), 'ok')
  t.is(transactions(on(1, 0, 1, guarded, 'refused'), on(2, 2, 3, look, [1, 1])), 'violation')
  t.is(transactions(on(1, 0, 1, guarded, [])), 'violation')
  t.is(transactions(on(1, 0, 1, both(1), 'refused')), 'violation')
  t.is(transactions(on(1, 0, 1, [{ op: 'add', key: 'x', by: 2 }], [2]), on(2, 2, 3, look, [2, 0])), 'ok')
  t.is(
    transactions(
      on(1, 0, 1, both(0), []),
      on(1, 2, 3, [{ op: 'write', key: 'x', value: null }], []),
      on(2, 4, 5, look, [null, 0]),
    ),
    'ok',
  )
})

test('transactions that share no register are judged apart', (t) => {
  const apart: TransactionInput = [{ op: 'write', key: 'z', value: 1 }]
  const history = [on(1, 0, 1, apart, []), on(1, 2, 3, both(1), []), on(1, 4, 5, look, [1, 1])]
  t.is(transactionModel().partition?.(history).length, 2)
  t.is(transactionModel().partition?.([...history, on(1, 6, 7, [...apart, ...look], [])]).length, 1)
})

// ---- by places

test('answers that tell their places stand in that order, or the history is wrong', (t) => {
  const model = ordered(queueModel, (_input, output) => (typeof output === 'number' ? output : undefined))
  const [one, two] = [on(1, 0, 9, put('a'), 5), on(2, 0, 9, put('b'), 3)]
  t.is(judged(model, [one, two, on(3, 10, 11, take(1), 'b')]), 'ok')
  t.is(judged(model, [one, two, on(3, 10, 11, take(1), 'a')]), 'violation')
  t.is(judged(queueModel, [one, two, on(3, 10, 11, take(1), 'a')]), 'ok')
})

// ---- against every order

test('on small random histories of locks the verdict is that of trying every order', (t) => {
  const holder = fc.constantFrom('a', 'b', 'c')
  const op = fc.constantFrom('acquire' as const, 'acquire' as const, 'release' as const)
  const input = fc.record({ op, key: fc.constant('l'), holder })
  const plain = compare(lockModel, fc.record({ input, output: fc.option(fc.boolean(), { nil: undefined }) }))
  t.true(plain.ok > ENOUGH && plain.violation > ENOUGH, JSON.stringify(plain))
  const token = fc.integer({ min: 0, max: 3 })
  const tokens = compare<FencedLockState, FencedLockInput, number | boolean>(
    fencedLockModel,
    fc.oneof(
      fc.record({
        input: fc.record({ op: fc.constant('acquire' as const), key: fc.constant('l'), holder }),
        output: token,
      }),
      fc.record({
        input: fc.record({ op: fc.constant('release' as const), key: fc.constant('l'), holder }),
        output: fc.constant(undefined),
      }),
      fc.record({
        input: fc.record({ op: fc.constant('write' as const), key: fc.constant('l'), token }),
        output: fc.boolean(),
      }),
    ),
  )
  t.true(tokens.ok > ENOUGH && tokens.violation > ENOUGH, JSON.stringify(tokens))
})

test('on small random histories of nodes the verdict is that of trying every order', (t) => {
  const version = fc.integer({ min: 0, max: 1 })
  const value = fc.constantFrom(1, 2)
  const at = fc.constant('n')
  const verdicts = compare<NodeState, NodeInput, NodeOutput>(
    nodeModel,
    fc.oneof(
      fc.record({
        input: fc.record({ op: fc.constant('create' as const), key: at, value, owner: fc.constantFrom('s', 'r') }),
        output: fc.constantFrom<NodeOutput>(0, 0, 'exists'),
      }),
      fc.record({
        input: fc.record({ op: fc.constant('set' as const), key: at, value, version }),
        output: fc.constantFrom<NodeOutput>(1, 'absent', 'version'),
      }),
      fc.record({
        input: fc.record({ op: fc.constant('read' as const), key: at }),
        output: fc.oneof<fc.Arbitrary<NodeOutput>[]>(fc.record({ value, version }), fc.constant(null)),
      }),
      fc.record({
        input: fc.record({ op: fc.constant('end' as const), key: at, owner: fc.constantFrom('s', 'r') }),
        output: fc.constant(undefined),
      }),
    ),
  )
  t.true(verdicts.ok > ENOUGH && verdicts.violation > ENOUGH, JSON.stringify(verdicts))
})

test('on small random histories of transactions the verdict is that of trying every order', (t) => {
  const at = fc.constantFrom('x', 'y')
  const value = fc.integer({ min: 0, max: 2 })
  const step = fc.oneof(
    fc.record({ op: fc.constant('read' as const), key: at }),
    fc.record({ op: fc.constant('write' as const), key: at, value }),
    fc.record({ op: fc.constant('expect' as const), key: at, value }),
  )
  const verdicts = compare(
    transactionModel(0),
    fc.record({
      input: fc.array(step, { minLength: 1, maxLength: 2 }),
      output: fc.oneof<fc.Arbitrary<TransactionOutput | undefined>[]>(
        fc.array(value, { minLength: 2, maxLength: 2 }),
        fc.constant('refused'),
        fc.constant(undefined),
      ),
    }),
  )
  t.true(verdicts.ok > ENOUGH && verdicts.violation > ENOUGH, JSON.stringify(verdicts))
})

test('on small random histories of queues and bags the verdict is that of a plain search over contents', (t) => {
  const taker = fc.integer({ min: 0, max: 1 })
  const item = fc.constantFrom('a', 'b')
  const at = fc.constant('q')
  const operation = fc.oneof<fc.Arbitrary<{ input: QueueInput; output: QueueOutput | undefined }>[]>(
    fc.record({ input: fc.record({ op: fc.constant('put' as const), key: at, item }), output: fc.constant(true) }),
    fc.record({
      input: fc.record({ op: fc.constant('take' as const), key: at, taker }),
      output: fc.constantFrom('a', 'a', 'b', null),
    }),
    fc.record({ input: fc.record({ op: fc.constant('ack' as const), key: at, taker, item }), output: fc.boolean() }),
    fc.record({
      input: fc.record({ op: fc.constant('back' as const), key: at, taker }),
      output: fc.constant(undefined),
    }),
  )
  for (const verdicts of [
    comparedWithSlots(queueModel, operation, true),
    comparedWithSlots(bagModel, operation, false),
  ]) {
    t.true(verdicts.ok > ENOUGH && verdicts.violation > ENOUGH, JSON.stringify(verdicts))
  }
})

function comparedWithSlots<S>(
  model: Model<S, QueueInput, QueueOutput>,
  operation: fc.Arbitrary<{ input: QueueInput; output: QueueOutput | undefined }>,
  isFifo: boolean,
) {
  const verdicts = { ok: 0, violation: 0, undecided: 0 }
  const property = fc.property(histories(operation), (history) => {
    const { kind } = checkLinearizable(model, history)
    verdicts[kind] += 1
    return (kind === 'ok') === isExplained(history, [], isFifo)
  })
  fc.assert(property, { numRuns: 3_000 })
  return verdicts
}

interface Slot {
  readonly item: string | number
  readonly taker: string | number | undefined
}

/** Tries every order, and of a take every item that it may get. */
function isExplained(
  left: readonly Operation<QueueInput, QueueOutput>[],
  slots: readonly Slot[],
  isFifo: boolean,
): boolean {
  if (left.every((operation) => operation.return === NEVER)) return true
  return left.some((operation) => {
    if (left.some((other) => other.return < operation.call)) return false
    const others = left.filter((other) => other !== operation)
    return contentsAfter(slots, operation, isFifo).some((next) => isExplained(others, next, isFifo))
  })
}

function contentsAfter(
  slots: readonly Slot[],
  { input, output }: Operation<QueueInput, QueueOutput>,
  isFifo: boolean,
): (readonly Slot[])[] {
  const taker = 'taker' in input ? input.taker : undefined
  const mine = slots.filter((slot) => slot.taker === taker && taker !== undefined)
  if (input.op === 'put') return [[...slots, { item: input.item, taker: undefined }]]
  if (input.op === 'back') return [slots.map((slot) => (mine.includes(slot) ? { ...slot, taker: undefined } : slot))]
  if (input.op === 'ack') {
    const done = mine.find((slot) => slot.item === input.item)
    if (output !== undefined && output !== (done !== undefined)) return []
    return [slots.filter((slot) => slot !== done)]
  }
  const ready = slots.filter((slot) => slot.taker === undefined)
  if (ready.length === 0) return output === null || output === undefined ? [slots] : []
  return (isFifo ? ready.slice(0, 1) : ready)
    .filter((slot) => output === undefined || slot.item === output)
    .map((got) => slots.map((slot) => (slot === got ? { ...slot, taker } : slot)))
}

function never(): never {
  throw new Error('never')
}
