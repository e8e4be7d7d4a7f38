/**
 * The work queue as a machine: every row of what the design says of it, then random histories.
 *
 * In each case position 0 is nobody's, sessions are opened next, and log time stands still unless told. Read next:
 * `machine-driver.ts`, `queue-model.ts`, `queue-histories.ts`.
 *
 * Long: a list of cases.
 */
import test from 'ava'
import { DUE_MAX } from '../../objects/runtime/deadlines.ts'
import { OWNED_MAX } from '../../objects/runtime/owners.ts'
import { ID_KNOWN_MS, ITEM_WEIGHT_MAX, type NewItem, type Take } from '../../objects/queue/shapes.ts'
import { Queue } from '../../objects/queue/type.ts'
import { MachineDriver, TIME, answerOf, type Answer, type DrivenSession, type Op } from './machine-driver.ts'
import { playRandom } from './model-run.ts'
import { anyQueuePlan, queueSubject } from './queue-histories.ts'

type TakeAsked = Take & { wait: boolean }
const plain: NewItem = { value: null, id: null, priority: 0, delayMs: 0, maxAttempts: 0 }
const one: TakeAsked = { n: 1, visibilityMs: 0, remove: false, wait: true }

/** A queue at /queue, and what its callers are told. */
class QueueDriver extends MachineDriver {
  constructor() {
    super([Queue])
    this.tick()
  }

  put(session: DrivenSession, ...items: Partial<NewItem>[]): Answer {
    return this.ask(session, 'put', { items: items.map((item) => ({ ...plain, ...item })) })
  }
  take(session: DrivenSession, input: Partial<TakeAsked> = {}): Answer {
    return this.ask(session, 'take', { ...one, ...input })
  }
  /** `ack` of an item by its token. */
  ack(session: DrivenSession, id: string, token: number): Answer {
    return this.ask(session, 'ack', { items: [{ id, token }], strict: false })
  }
  nack(session: DrivenSession, id: string, token: number, delayMs = 0): Answer {
    return this.ask(session, 'nack', { items: [{ id, token }], strict: false, delayMs, reason: 'broken' })
  }
  extend(session: DrivenSession, id: string, token: number, visibilityMs: number): Answer {
    return this.ask(session, 'extend', { items: [{ id, token }], strict: false, visibilityMs })
  }
  ask(session: DrivenSession, op: string, input: unknown): Answer {
    return answerOf(this.op(session, Queue, '/queue', op, input).outcome)
  }
  gaveUp(session: DrivenSession, op: number): Answer {
    return answerOf(this.cancel(session, '/queue', op).outcome)
  }
  allOf(session: DrivenSession, ...parts: Op[]): Answer {
    return answerOf(this.transaction(session, parts).outcome)
  }

  /** The names of the items, by where they are. */
  get names(): Record<'ready' | 'delayed' | 'taken' | 'dead', string[]> {
    const { ready, delayed, taken, dead } = Queue.bind(this.space.journal).read('/queue').tables
    const namesOf = (rows: Iterable<readonly [string, unknown]>): string[] => [...rows].map(([name]) => name)
    return {
      ready: namesOf(ready.range()),
      delayed: namesOf(delayed.range()),
      taken: namesOf(taken.range()),
      dead: namesOf(dead.range()),
    }
  }
  /** How many there are: ready, delayed, taken, dead. */
  get sizes(): number[] {
    return Object.values(this.names).map(({ length }) => length)
  }
}

const nameOf = (position: number, place = 0, priority = 0): string =>
  [String(priority).padStart(5, '0'), String(position).padStart(16, '0'), String(place).padStart(5, '0')].join(':')
const given = (id: string, token: number, attempt = 1, value: unknown = null): Answer => {
  return { value: [{ id, value, token, attempt }] }
}
const itemsOf = (length: number, delayMs = 0): NewItem[] => Array.from({ length }, () => ({ ...plain, delayMs }))
const refused = (code: string, facts: Record<string, unknown>): Answer => ({ code, facts })
const putOf = (...items: Partial<NewItem>[]): Op => {
  return { type: Queue, path: '/queue', op: 'put', input: { items: items.map((item) => ({ ...plain, ...item })) } }
}
const takeOf = (input: Partial<TakeAsked> = {}): Op => {
  return { type: Queue, path: '/queue', op: 'take', input: { ...one, wait: false, ...input } }
}
const queueOp = (op: string, input: unknown): Op => ({ type: Queue, path: '/queue', op, input })

test('O8: items go out in order of priority, then position, then place in the list', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  t.deepEqual(d.put(ann, { value: 'c', priority: 7 }), { value: [nameOf(2, 0, 7)] })
  t.deepEqual(d.put(ann, { value: 'a' }, { value: 'b' }), { value: [nameOf(3, 0), nameOf(3, 1)] })
  d.put(ann, { value: 'd', priority: 65_535 })
  t.deepEqual(d.take(ann, { n: 9 }), {
    value: [
      { id: nameOf(3, 0), value: 'a', token: 5, attempt: 1 },
      { id: nameOf(3, 1), value: 'b', token: 5, attempt: 1 },
      { id: nameOf(2, 0, 7), value: 'c', token: 5, attempt: 1 },
      { id: nameOf(4, 0, 65_535), value: 'd', token: 5, attempt: 1 },
    ],
  })
})

test('O8: priorities go from 0 to 65,535, and a list holds 1,024 items', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  t.like(d.put(ann, { priority: 65_536 }), { code: 'BAD_ARGUMENT' })
  t.like(d.put(ann, { priority: -1 }), { code: 'BAD_ARGUMENT' })
  t.like(d.put(ann, ...itemsOf(1_025)), { code: 'BAD_ARGUMENT' })
  t.like(d.take(ann, { n: 1_025 }), { code: 'BAD_ARGUMENT' })
  t.like(d.take(ann, { n: 0 }), { code: 'BAD_ARGUMENT' })
  t.is(d.object('/queue'), undefined)
})

test('O8: a take that waits is served in the entry of the put, takers in order of their takes', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  t.is(d.take(ann), 'waiting')
  t.is(d.take(bob, { n: 2 }), 'waiting')
  d.put(ann, {}, {}, {}, {})
  t.deepEqual(d.order, [3, 4])
  t.deepEqual(d.settled.get(3), given(nameOf(5, 0), 5))
  t.like(d.settled.get(4), { value: [{ id: nameOf(5, 1) }, { id: nameOf(5, 2) }] })
  t.deepEqual(d.sizes, [1, 0, 3, 0])
})

test('O8: a take that does not wait of an empty queue is answered with nothing', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  t.deepEqual(d.take(ann, { wait: false }), { value: [] })
  t.is(d.object('/queue'), undefined)
})

test('O8: an item is acknowledged once, by session and token', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.put(ann, {})
  d.take(ann)
  const name = nameOf(3)
  t.deepEqual(d.ack(bob, name, 4), { value: [{ code: 'NOT_HELD', by: 4 }] })
  t.deepEqual(d.ack(ann, name, 3), { value: [{ code: 'NOT_HELD', by: 4 }] })
  t.deepEqual(d.ack(ann, name, 4), { value: ['ok'] })
  t.deepEqual(d.ack(ann, name, 4), { value: [{ code: 'NOT_HELD', by: null }] })
  t.is(d.object('/queue'), undefined)
})

test('O8: one receipt twice in a list counts once', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, {})
  d.take(ann)
  const receipt = { id: nameOf(2), token: 3 }
  const answer = d.ask(ann, 'ack', { items: [receipt, receipt], strict: false })
  t.deepEqual(answer, { value: ['ok', { code: 'NOT_HELD', by: null }] })
})

test('O8: who lost an item cannot acknowledge it when another has it (apache/curator#1122)', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.put(ann, {})
  d.take(ann, { visibilityMs: 100 })
  d.at(TIME + 100)
  t.deepEqual(d.take(bob), given(nameOf(3), 5, 2))
  t.deepEqual(d.ack(ann, nameOf(3), 4), { value: [{ code: 'NOT_HELD', by: 5 }] })
  t.deepEqual(d.nack(ann, nameOf(3), 4), { value: [{ code: 'NOT_HELD', by: 5 }] })
  t.deepEqual(d.extend(ann, nameOf(3), 4, 1), { value: [{ code: 'NOT_HELD', by: 5 }] })
  t.deepEqual(d.ack(bob, nameOf(3), 5), { value: ['ok'] })
})

test('O8: the token of an earlier take does not acknowledge a later one of the same session', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, {})
  d.take(ann)
  d.nack(ann, nameOf(2), 3)
  d.take(ann)
  t.deepEqual(d.ack(ann, nameOf(2), 3), { value: [{ code: 'NOT_HELD', by: 5 }] })
  t.deepEqual(d.sizes, [0, 0, 1, 0])
})

test('O8: an item that is given back stands where it stood (apache/curator#577, #744)', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, { id: 'a' }, { id: 'b' })
  d.take(ann)
  t.deepEqual(d.nack(ann, 'a', 3), { value: ['ok'] })
  t.deepEqual(d.take(ann, { n: 2 }), {
    value: [
      { id: 'a', value: null, token: 5, attempt: 2 },
      { id: 'b', value: null, token: 5, attempt: 1 },
    ],
  })
})

test('O13: an item that is given back with a delay is not out again a millisecond before', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, {})
  d.take(ann)
  d.nack(ann, nameOf(2), 3, 500)
  t.is(d.take(ann), 'waiting')
  d.at(TIME + 499).tick()
  t.is(d.settled.size, 0)
  d.at(TIME + 500).tick()
  t.deepEqual(d.settled.get(5), given(nameOf(2), 7, 2))
})

test('O13: a delayed item comes when its delay is over, at its old place', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, { value: 'late', delayMs: 100 })
  d.put(ann, { value: 'soon' })
  t.deepEqual(d.at(TIME + 99).take(ann, { wait: false, n: 2 }), given(nameOf(3), 4, 1, 'soon'))
  d.put(ann, { value: 'last' })
  t.like(d.at(TIME + 100).take(ann, { n: 2 }), { value: [{ value: 'late' }, { value: 'last' }] })
})

test('O13: a delayed item is due once', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.put(ann, { delayMs: 100 })
  d.take(ann)
  d.take(bob)
  d.at(TIME + 100).tick()
  d.at(TIME + 10_000).tick()
  t.deepEqual(d.order, [4])
  t.deepEqual(d.sizes, [0, 0, 1, 0])
})

test('O13: what is not acknowledged in time goes to its old place, and to the next taker in that entry', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.put(ann, {})
  d.take(ann, { visibilityMs: 100 })
  d.take(bob)
  d.at(TIME + 99).tick()
  t.is(d.settled.size, 0)
  d.at(TIME + 100).tick()
  t.deepEqual(d.settled.get(5), given(nameOf(3), 7, 2))
})

test('O13: without a visibility an item is held until its session ends (D14)', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.put(ann, {})
  d.take(ann)
  d.at(TIME + 10 * ID_KNOWN_MS)
  t.is(d.take(bob), 'waiting')
  d.end(ann, { clean: false })
  t.deepEqual(d.settled.get(5), given(nameOf(3), 6, 2))
})

test('O13: who extends has the item for so long from then on; 0: until the session ends', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.put(ann, {})
  d.take(ann, { visibilityMs: 100 })
  t.deepEqual(d.at(TIME + 99).extend(ann, nameOf(3), 4, 200), { value: ['ok'] })
  d.at(TIME + 298).tick()
  t.deepEqual(d.sizes, [0, 0, 1, 0])
  d.extend(ann, nameOf(3), 4, 0)
  d.at(TIME + 9_000).tick()
  t.deepEqual(d.sizes, [0, 0, 1, 0])
  t.is(d.take(bob), 'waiting')
  d.extend(ann, nameOf(3), 4, 1)
  d.after(1).tick()
  t.deepEqual(d.settled.get(9), given(nameOf(3), 11, 2))
})

test('O13: what is acknowledged in the entry at which it is due is gone already', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, {})
  d.take(ann, { visibilityMs: 100 })
  t.deepEqual(d.at(TIME + 100).ack(ann, nameOf(2), 3), { value: [{ code: 'NOT_HELD', by: null }] })
  t.deepEqual(d.sizes, [1, 0, 0, 0])
})

test('O5: the items of a session that ends go back to their old places, in that entry (python-zk/kazoo#366)', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.put(ann, { value: 'a' }, { value: 'b' }, { value: 'c' })
  d.take(ann, { n: 2 })
  d.end(ann)
  t.deepEqual(d.names.ready, [nameOf(3, 0), nameOf(3, 1), nameOf(3, 2)])
  t.like(d.take(bob, { n: 3 }), {
    value: [
      { value: 'a', attempt: 2 },
      { value: 'b', attempt: 2 },
      { value: 'c', attempt: 1 },
    ],
  })
})

test('O5: a taker that is over gets nothing: the item goes to the next (hazelcast#11700)', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.take(ann)
  d.take(bob)
  d.end(ann, { clean: false })
  d.put(bob, {})
  t.deepEqual(d.order, [4])
})

test('O5: a session that moves keeps its items; the old process cannot acknowledge them', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, {})
  d.take(ann)
  const before = d.resume(ann)
  t.deepEqual(d.ack(before, nameOf(2), 3), { kind: 'unknown' })
  t.deepEqual(d.ack(ann, nameOf(2), 3), { value: ['ok'] })
})

test('O8: after as many attempts as allowed an item is dead, with the reason; requeued it begins anew', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, { id: 'job', maxAttempts: 2 })
  d.take(ann)
  d.nack(ann, 'job', 3)
  d.take(ann)
  d.nack(ann, 'job', 5, 1_000)
  t.deepEqual(d.sizes, [0, 0, 0, 1])
  t.like(Queue.bind(d.space.journal).read('/queue').tables.dead.get(nameOf(2)), { attempts: 2, reason: 'broken' })
  t.deepEqual(d.ask(ann, 'requeue', { id: 'job' }), { value: undefined })
  t.deepEqual(d.take(ann), given('job', 8, 1))
})

test('O8: the end of a session and a visibility that is over count as attempts too', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.put(ann, { maxAttempts: 1 }, { maxAttempts: 1 }, { maxAttempts: 2 })
  d.take(ann)
  d.take(bob, { n: 2, visibilityMs: 10 })
  d.end(ann)
  d.at(TIME + 10).tick()
  t.deepEqual(d.names, { ready: [nameOf(3, 2)], delayed: [], taken: [], dead: [nameOf(3, 0), nameOf(3, 1)] })
  const { dead } = Queue.bind(d.space.journal).read('/queue').tables
  t.is(dead.get(nameOf(3, 0))?.reason, 'its session ended')
  t.is(dead.get(nameOf(3, 1))?.reason, 'not acknowledged in time')
})

test('O8: without a limit an item is never dead', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, {})
  d.take(ann)
  d.nack(ann, nameOf(2), 3)
  d.take(ann)
  d.nack(ann, nameOf(2), 5)
  t.deepEqual(d.take(ann), given(nameOf(2), 7, 3))
})

test('O8: what nobody can work on is buried with the reason (D14)', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, {})
  d.take(ann)
  const items = [{ id: nameOf(2), token: 3 }]
  t.deepEqual(d.ask(ann, 'bury', { items, strict: false, reason: 'no such kind' }), { value: ['ok'] })
  t.like(Queue.bind(d.space.journal).read('/queue').tables.dead.get(nameOf(2)), { reason: 'no such kind', attempts: 1 })
  t.deepEqual(d.ask(ann, 'requeue', { id: nameOf(3) }), refused('MISSING', { id: nameOf(3) }))
})

test('O8: a take that was given up waits no more; what it got goes back and counts for nothing (D10, D14)', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.take(ann)
  d.gaveUp(ann, 3)
  d.put(bob, { maxAttempts: 1 })
  t.is(d.settled.size, 0)
  t.deepEqual(d.take(ann), given(nameOf(5), 6))
  t.deepEqual(d.gaveUp(ann, 6), { value: null })
  t.deepEqual(d.gaveUp(ann, 6), { value: null }, 'harmless when repeated')
  t.deepEqual(d.take(bob), given(nameOf(5), 9, 1))
})

test('O8: nobody gives up what another session took; what was acknowledged stays done', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.put(ann, {}, {})
  d.take(ann, { n: 2 })
  d.gaveUp(bob, 4)
  t.deepEqual(d.sizes, [0, 0, 2, 0])
  d.ack(ann, nameOf(3, 0), 4)
  d.gaveUp(ann, 4)
  t.deepEqual(d.sizes, [1, 0, 0, 0])
})

test('O8: take and remove in one is done at the take, and gone where the take was given up (finding 24)', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, { id: 'x' }, { id: 'y' })
  t.deepEqual(d.take(ann, { remove: true }), given('x', 3))
  d.gaveUp(ann, 3)
  t.deepEqual(d.ack(ann, 'x', 3), { value: [{ code: 'NOT_HELD', by: null }] })
  t.deepEqual(d.sizes, [1, 0, 0, 0])
})

test('O8: a live id is refused, a done one is known for a day (idempotency)', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  t.deepEqual(d.put(ann, { id: 'x' }), { value: ['x'] })
  t.deepEqual(d.put(ann, {}, { id: 'x' }), refused('EXISTS', { id: 'x' }))
  t.deepEqual(d.sizes, [1, 0, 0, 0], 'all of a put or nothing')
  d.take(ann)
  t.deepEqual(d.put(ann, { id: 'x' }), refused('EXISTS', { id: 'x' }))
  d.ack(ann, 'x', 4)
  t.deepEqual(d.put(ann, { id: 'x' }), { value: ['x'] })
  t.deepEqual(d.sizes, [0, 0, 0, 0])
  d.at(TIME + ID_KNOWN_MS - 1).tick()
  t.not(d.object('/queue'), undefined)
  d.at(TIME + ID_KNOWN_MS).tick()
  t.is(d.object('/queue'), undefined)
  d.put(ann, { id: 'x' })
  t.deepEqual(d.sizes, [1, 0, 0, 0])
})

test('O8: an id is no name of an item', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  t.like(d.put(ann, { id: nameOf(2) }), { code: 'BAD_ARGUMENT' })
  t.like(d.put(ann, { id: '' }), { code: 'BAD_ARGUMENT' })
})

test('O8: an item that nobody works on can be removed: ready, delayed or dead', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, { id: 'a' }, { id: 'b', delayMs: 10 }, { id: 'c', maxAttempts: 1 })
  t.deepEqual(d.ask(ann, 'remove', { id: 'b' }), { value: undefined })
  d.take(ann, { n: 2 })
  t.deepEqual(d.ask(ann, 'remove', { id: 'a' }), refused('HELD', { id: 'a', token: 4 }))
  d.nack(ann, 'c', 4)
  t.deepEqual(d.ask(ann, 'remove', { id: 'c' }), { value: undefined })
  t.deepEqual(d.ask(ann, 'remove', { id: 'c' }), refused('MISSING', { id: 'c' }))
  d.at(TIME + 10).tick()
  t.deepEqual(d.sizes, [0, 0, 1, 0])
})

test('O8: in a transaction one receipt that does not count refuses all (D14)', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.put(ann, {}, {})
  d.take(ann)
  d.take(bob)
  const items = [
    { id: nameOf(3, 0), token: 4 },
    { id: nameOf(3, 1), token: 4 },
  ]
  t.deepEqual(
    d.allOf(ann, putOf({}), queueOp('ack', { items, strict: true })),
    refused('NOT_HELD', { id: nameOf(3, 1), token: 4, by: 5, part: 1, path: '/queue' }),
  )
  t.deepEqual(d.sizes, [0, 0, 2, 0])
})

test('O8: two puts of one transaction make items of different names, in their order', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  t.deepEqual(d.allOf(ann, putOf({ value: 'a' }), putOf({ value: 'b' }, { value: 'c' })), {
    value: [[nameOf(2, 0)], [nameOf(2, 1), nameOf(2, 2)]],
  })
  t.like(d.take(ann, { n: 9 }), { value: [{ value: 'a' }, { value: 'b' }, { value: 'c' }] })
})

test('O12: a transaction takes without waiting, or is refused', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  t.deepEqual(
    d.allOf(ann, putOf({}), takeOf(), takeOf({ wait: true })),
    refused('WAIT_IN_TRANSACTION', { op: 'take', part: 2, path: '/queue' }),
  )
  t.is(d.object('/queue'), undefined)
  t.deepEqual(d.allOf(ann, putOf({ value: 1 }), takeOf()), {
    value: [[nameOf(3)], [{ id: nameOf(3), value: 1, token: 3, attempt: 1 }]],
  })
})

test('O12: items that a refused transaction has dropped are there again', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, { value: 'kept' })
  const drop: Op = { type: null, path: '/queue', op: '$drop', input: {} }
  t.like(d.allOf(ann, drop, putOf({}), queueOp('remove', { id: 'none' })), { code: 'MISSING' })
  t.deepEqual(d.take(ann), given(nameOf(2), 4, 1, 'kept'))
  t.deepEqual(answerOf(d.run(ann, drop).outcome), refused('NOT_EMPTY', { owned: 1 }))
})

test('O8: what an entry gave out and got back is given out again by the next one, under another token', (t) => {
  const d = new QueueDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.put(ann, { delayMs: 100 })
  d.take(bob)
  d.take(cid)
  d.at(TIME + 100).end(bob)
  t.deepEqual(d.settled.get(5), given(nameOf(4), 7, 1))
  t.false(d.settled.has(6))
  d.tick()
  t.deepEqual(d.settled.get(6), given(nameOf(4), 8, 2))
})

test('O8: an item as heavy as it may be can be taken, given back and kept by its reason', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  const id = 'x'.repeat(1_024)
  const value = 'v'.repeat(ITEM_WEIGHT_MAX - 8)
  t.like(d.put(ann, { id, value: `${value}v` }), { code: 'BAD_ARGUMENT' })
  t.deepEqual(d.put(ann, { id, value }), { value: [id] })
  d.take(ann)
  d.ask(ann, 'nack', { items: [{ id, token: 5 }], strict: true, delayMs: 0, reason: 'r'.repeat(4_096) })
  d.take(ann)
  d.end(ann)
  t.like(d.take(bob), { value: [{ id, attempt: 3 }] })
})

test('O8: a session that owns as much as it may keeps nobody from putting', (t) => {
  const d = new QueueDriver()
  const [ann, bob] = [d.open(), d.open()]
  const many = itemsOf(1_024)
  const rounds = Array.from({ length: OWNED_MAX / 1_024 }, () => [d.put(ann, ...many), d.take(bob, { n: 1_024 })])
  t.is(rounds.length, 64)
  t.deepEqual(d.sizes, [0, 0, OWNED_MAX, 0])
  t.deepEqual(d.take(bob), refused('TOO_MANY', { session: 2 }))
  d.ack(bob, nameOf(3), 4)
  t.deepEqual([d.take(bob), d.take(bob)], ['waiting', 'waiting'])
  t.like(d.put(ann, {}, {}), { value: [nameOf(135), nameOf(135, 1)] })
  t.like(d.settled.get(133), { value: [{ id: nameOf(135), token: 135 }] })
  t.deepEqual(d.settled.get(134), refused('TOO_MANY', { session: 2 }))
  t.deepEqual(d.sizes, [1, 0, OWNED_MAX, 0])
})

test('O13: one entry fires at most 1,000 deadlines of an object, in order of time, then key; the next goes on', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  const items = Array.from({ length: 1_024 }, (_, nth) => ({ delayMs: 1_024 - (nth % 1_024) }))
  d.put(ann, ...items)
  d.at(TIME + 5_000).tick()
  t.deepEqual(d.sizes, [DUE_MAX, 24, 0, 0])
  t.deepEqual(d.names.delayed.at(0), nameOf(2, 0), 'the latest ones are left')
  t.deepEqual(d.names.delayed.at(-1), nameOf(2, 23))
  t.true(d.space.firstDeadline <= TIME + 5_000)
  d.tick()
  t.deepEqual(d.sizes, [1_024, 0, 0, 0])
})

test('O13: the bound is of each object: one with many deadlines keeps no other one waiting', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, ...itemsOf(1_024, 10))
  d.op(ann, Queue, '/second', 'put', { items: [{ ...plain, delayMs: 10 }] })
  d.at(TIME + 10).tick()
  t.is(Queue.bind(d.space.journal).read('/second').tables.ready.size, 1)
})

test('O13: a deadline that has fired stays so where the op of its entry is refused', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, { id: 'x', delayMs: 10 })
  t.like(d.at(TIME + 10).put(ann, { id: 'x' }), { code: 'EXISTS' })
  t.deepEqual(d.sizes, [1, 0, 0, 0])
})

test('O8: what is said of a queue are its numbers (D28)', (t) => {
  const d = new QueueDriver()
  const ann = d.open()
  d.put(ann, {}, {}, { delayMs: 5 }, { priority: 1, maxAttempts: 1 })
  d.take(ann)
  t.like(d.object('/queue')?.describe(), { ready: 2, delayed: 1, taken: 1, dead: 0, takers: 0 })
})

test('O8: random histories of two queues are those of their models', (t) => {
  playRandom(anyQueuePlan, queueSubject)
  t.pass()
})
