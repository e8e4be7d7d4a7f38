/**
 * The lock, semaphore and election as a machine: every row of what the design says of them, then random histories.
 *
 * In each case position 0 is nobody's, sessions are opened next, and log time stands still unless told. Read next:
 * `machine-driver.ts`, `lock-model.ts`, `lock-histories.ts`.
 *
 * Long: a list of cases.
 */
import test from 'ava'
import { Counter, orderKey } from '../../objects.ts'
import { OWNED_MAX } from '../../objects/runtime/owners.ts'
import { DATA_WEIGHT_MAX, SHARED_MAX, type AcquireInput } from '../../objects/lock/shapes.ts'
import { Lock } from '../../objects/lock/type.ts'
import { anyLockPlan, lockSubject } from './lock-histories.ts'
import { MachineDriver, TIME, answerOf, type Answer, type DrivenSession, type Op } from './machine-driver.ts'
import { playRandom } from './model-run.ts'

const writer: AcquireInput = { weight: 0, capacity: null, wait: true, once: false, delayMs: 0, data: null }
const reader: AcquireInput = { ...writer, weight: 1 }
/** One permit of three. */
const permit: AcquireInput = { ...reader, capacity: 3 }
const trying: AcquireInput = { ...writer, wait: false }

/** A lock at /lock, and what its callers are told. */
class LockDriver extends MachineDriver {
  constructor() {
    super([Lock, Counter])
    this.tick()
  }

  acquire(session: DrivenSession, input: Partial<AcquireInput> = {}, path = '/lock'): Answer {
    return this.ask(session, 'acquire', { ...writer, ...input }, path)
  }
  release(session: DrivenSession, hold: number): Answer {
    return this.ask(session, 'release', { hold })
  }
  ask(session: DrivenSession, op: string, input: unknown, path = '/lock'): Answer {
    return answerOf(this.op(session, Lock, path, op, input).outcome)
  }
  gaveUp(session: DrivenSession, op: number): Answer {
    return answerOf(this.cancel(session, '/lock', op).outcome)
  }
  allOf(session: DrivenSession, ...parts: Op[]): Answer {
    return answerOf(this.transaction(session, parts).outcome)
  }

  /** Positions of the acquires that hold it, and of those that wait. */
  get holds(): { holders: number[]; waiters: number[] } {
    const { holders, waiters } = Lock.bind(this.space.journal).read('/lock').tables
    const positions = (rows: Iterable<readonly [string, unknown]>): number[] => [...rows].map(([key]) => Number(key))
    return { holders: positions(holders.range()), waiters: positions(waiters.range()) }
  }
}

const granted = (token: number, hold = token): Answer => ({ value: { token, hold } })
const refused = (code: string, facts: Record<string, unknown>): Answer => ({ code, facts })
const acquireOf = (path: string, input: Partial<AcquireInput> = {}): Op => {
  return { type: Lock, path, op: 'acquire', input: { ...trying, ...input } }
}
const lockOp = (op: string, input: unknown, path = '/lock'): Op => ({ type: Lock, path, op, input })

test('O7: the token is the position of the grant, at once or later', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  t.deepEqual(d.acquire(ann), granted(3))
  t.is(d.acquire(bob), 'waiting')
  t.deepEqual(d.release(ann, 3), { value: undefined })
  t.deepEqual(d.settled.get(4), granted(5, 4))
  t.deepEqual(d.holds, { holders: [4], waiters: [] })
})

test('O7: waiters are served in order of their positions', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann)
  d.acquire(bob)
  d.acquire(cid)
  d.release(ann, 4)
  t.deepEqual(d.order, [5])
  d.release(bob, 5)
  t.deepEqual(d.order, [5, 6])
})

test('O7: readers that stand together are granted in one entry and share its token', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann)
  d.acquire(bob, reader)
  d.acquire(bob, reader)
  d.acquire(ann)
  d.release(ann, 3)
  t.deepEqual([d.settled.get(4), d.settled.get(5)], [granted(7, 4), granted(7, 5)])
  t.deepEqual(d.holds, { holders: [4, 5], waiters: [6] })
})

test('O7: a reader does not overtake a writer that waits', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann, reader)
  t.is(d.acquire(bob), 'waiting')
  t.is(d.acquire(cid, reader), 'waiting')
  t.deepEqual(
    d.acquire(cid, { ...reader, wait: false }),
    refused('HELD', { holder: 1, hold: 4, token: 4, since: TIME, holders: 1, waiters: 2 }),
  )
  d.release(ann, 4)
  t.deepEqual(d.holds, { holders: [5], waiters: [6] })
})

test('O7: a try that fails says who holds it, since when, and changes nothing', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.at(2_000).acquire(ann)
  const { digest } = d
  t.deepEqual(
    d.at(9_000).acquire(bob, { wait: false }),
    refused('HELD', { holder: 1, hold: 3, token: 3, since: 2_000, holders: 1, waiters: 0 }),
  )
  t.not(d.digest, digest, 'it took its number')
  t.deepEqual(d.holds, { holders: [3], waiters: [] })
})

test('O7: two calls of one session queue like strangers (D8)', (t) => {
  const d = new LockDriver()
  const ann = d.open()
  t.deepEqual(d.acquire(ann), granted(2))
  t.is(d.acquire(ann), 'waiting')
  t.deepEqual(
    d.acquire(ann, { once: true }),
    refused('ALREADY_HELD', { holder: 1, hold: 2, token: 2, since: TIME, holders: 1, waiters: 1 }),
  )
  d.release(ann, 2)
  t.deepEqual(d.settled.get(3), granted(5, 3))
})

test('O7: a hold is released by its session and its hold, once (D12)', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann, reader)
  d.acquire(ann, reader)
  t.deepEqual(d.release(bob, 3), refused('NOT_HELD', { hold: 3 }))
  t.deepEqual(d.release(ann, 9), refused('NOT_HELD', { hold: 9 }))
  t.deepEqual(d.release(ann, 4), { value: undefined })
  t.deepEqual(d.release(ann, 4), refused('NOT_HELD', { hold: 4 }))
  t.deepEqual(d.holds, { holders: [3], waiters: [] })
})

test('O7: a wait is not released: it is given up', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann)
  d.acquire(bob)
  t.deepEqual(d.release(bob, 4), refused('NOT_HELD', { hold: 4 }))
  t.deepEqual(d.holds, { holders: [3], waiters: [4] })
})

test('O7: who gives up a wait leaves nothing, and those behind move up (D10)', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann, reader)
  d.acquire(bob)
  d.acquire(cid, reader)
  t.deepEqual(d.gaveUp(bob, 5), { value: null })
  t.deepEqual(d.settled.get(6), granted(7, 6))
  t.false(d.settled.has(5))
  t.deepEqual(d.holds, { holders: [4, 6], waiters: [] })
})

test('O7: a grant that came before it was given up is given back, and passed on (D10, D11)', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann)
  d.acquire(bob)
  d.acquire(cid)
  d.release(ann, 4)
  t.deepEqual(d.gaveUp(bob, 5), { value: null })
  t.deepEqual(d.settled.get(6), granted(8, 6))
  t.deepEqual(d.gaveUp(bob, 5), { value: null }, 'harmless when repeated')
  t.deepEqual(d.holds, { holders: [6], waiters: [] })
})

test('O7: nobody gives up what another session waits for or holds', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann)
  d.acquire(bob)
  d.gaveUp(cid, 4)
  d.gaveUp(cid, 5)
  t.deepEqual(d.holds, { holders: [4], waiters: [5] })
})

test('O7: a writer that becomes a reader keeps place and token; readers at the head join it', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann)
  d.acquire(bob, reader)
  d.acquire(cid)
  t.deepEqual(d.ask(ann, 'downgrade', { hold: 4 }), { value: undefined })
  t.deepEqual(d.settled.get(5), granted(7, 5))
  t.is(Lock.bind(d.space.journal).read('/lock').tables.holders.get(orderKey(4))?.token, 4)
  t.deepEqual(d.holds, { holders: [4, 5], waiters: [6] })
})

test('O7: after a downgrade a writer that waits does not get in (apache/curator#1138, #796)', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann)
  d.acquire(bob)
  d.acquire(cid, reader)
  d.ask(ann, 'downgrade', { hold: 4 })
  t.deepEqual(d.holds, { holders: [4], waiters: [5, 6] })
})

test('O7: only a writer that holds it becomes a reader; there is no way back', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann, reader)
  t.deepEqual(d.ask(ann, 'downgrade', { hold: 3 }), refused('NOT_EXCLUSIVE', { hold: 3 }))
  t.deepEqual(d.ask(bob, 'downgrade', { hold: 3 }), refused('NOT_HELD', { hold: 3 }))
  t.deepEqual(
    d.ask(ann, 'upgrade', { hold: 3 }),
    refused('REJECTED', { op: 'upgrade', reason: 'the type has no such op' }),
  )
})

test('O7: a request to give it back is an event to the holder, nothing else', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann)
  const played = d.op(bob, Lock, '/lock', 'requestRevoke', { hold: 3, reason: 'urgent' })
  const facts = { hold: 3, session: 1, by: 2, reason: 'urgent' }
  t.deepEqual(played.events, [{ path: '/lock', kind: 'revokeRequested', facts }])
  t.deepEqual(d.holds, { holders: [3], waiters: [] })
  t.deepEqual(d.ask(bob, 'requestRevoke', { hold: 9, reason: '' }), refused('NOT_HELD', { hold: 9 }))
})

test('O5: the end of a session releases its holds, drops its waits and serves the next, in that entry', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann)
  d.acquire(ann)
  d.acquire(bob)
  d.acquire(cid, reader)
  d.end(ann)
  t.deepEqual(d.order, [6])
  t.deepEqual(d.settled.get(6), granted(8, 6))
  t.deepEqual(d.holds, { holders: [6], waiters: [7] })
})

test('O5: where only a writer that waits ends, the readers behind it move up', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann, reader)
  d.acquire(bob)
  d.acquire(cid, reader)
  d.end(bob, { clean: false, by: 3 })
  t.deepEqual(d.settled.get(6), granted(7, 6))
  t.deepEqual(d.holds, { holders: [4, 6], waiters: [] })
})

test('O5: nobody waits on for a session that is over (etcd-io/etcd#9921, #19597)', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann)
  d.acquire(bob)
  d.end(bob)
  d.release(ann, 3)
  t.is(d.settled.size, 0)
  t.is(d.object('/lock'), undefined)
})

test('O5: an end of a deposed sequencer, and one of an older incarnation, end nothing', (t) => {
  const d = new LockDriver()
  const ann = d.open()
  d.acquire(ann)
  t.is(d.end(ann, { by: 2 }).outcome.kind, 'ignored')
  const before = d.resume(ann)
  t.is(d.end(before).outcome.kind, 'ignored')
  t.deepEqual(d.holds, { holders: [2], waiters: [] })
})

test('O5: a session that moves keeps holds, tokens and waits; the old process can do nothing more', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann)
  d.acquire(bob)
  const before = d.resume(ann)
  t.deepEqual(d.release(before, 3), { kind: 'unknown' })
  t.deepEqual(d.release(ann, 3), { value: undefined })
  const moved = d.resume(bob)
  t.deepEqual(d.gaveUp(moved, 4), { kind: 'unknown' })
  t.deepEqual(d.holds, { holders: [4], waiters: [] })
  t.deepEqual(d.release(bob, 4), { value: undefined })
})

test('O5: what one entry ends is served object by object in the order of their paths', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann, writer, '/b')
  d.acquire(ann, writer, '/a')
  d.acquire(bob, writer, '/b')
  d.acquire(bob, writer, '/a')
  d.end(ann)
  t.deepEqual(d.order, [6, 5])
})

test('O13: after an unclean end nobody gets it until the lock-delay is over, to the millisecond (D14)', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann, { delayMs: 500 })
  d.acquire(bob)
  d.end(ann, { clean: false })
  d.at(TIME + 499).tick()
  t.deepEqual(d.holds, { holders: [], waiters: [4] })
  d.at(TIME + 500).tick()
  t.deepEqual(d.settled.get(4), granted(7, 4))
})

test('O13: a clean end has no lock-delay, nor has a holder that asked for none', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann, { delayMs: 500 })
  d.end(ann, { clean: true })
  t.deepEqual(d.acquire(bob), granted(5))
  d.end(bob, { clean: false })
  t.is(d.object('/lock'), undefined)
})

test('O13: the longest lock-delay of those freed counts, and newcomers wait for it too', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann, { ...reader, delayMs: 100 })
  d.acquire(ann, { ...reader, delayMs: 900 })
  d.end(ann, { clean: false, by: 3 })
  t.deepEqual(d.at(TIME + 899).acquire(bob, trying), refused('HELD', { holders: 0, waiters: 0, until: TIME + 900 }))
  t.deepEqual(d.at(TIME + 900).acquire(bob, trying), granted(7))
})

test('O13: a reader that holds it still does not shorten the lock-delay of another one', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann, { ...reader, delayMs: 500 })
  d.acquire(bob, reader)
  d.end(ann, { clean: false })
  t.is(d.acquire(bob, reader), 'waiting')
  d.at(TIME + 500).tick()
  t.deepEqual(d.settled.get(6), granted(7, 6))
})

test('O7: who was granted by a deadline and is given up in the same entry shares its token with nobody', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann, { delayMs: 500 })
  d.acquire(bob)
  d.acquire(cid)
  d.end(ann, { clean: false })
  d.at(TIME + 500).cancel(bob, '/lock', 5)
  t.deepEqual(d.settled.get(5), granted(8, 5))
  t.deepEqual(d.holds, { holders: [], waiters: [6] })
  d.tick()
  t.deepEqual(d.settled.get(6), granted(9, 6))
})

test('O7: the same where the session of who was granted by a deadline ends in that entry', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann, { delayMs: 500 })
  d.acquire(bob)
  d.acquire(cid)
  d.end(ann, { clean: false })
  d.at(TIME + 500).end(bob)
  t.deepEqual(d.holds, { holders: [], waiters: [6] })
  d.tick()
  t.deepEqual(d.settled.get(6), granted(9, 6))
})

test('O7: a transaction that gives it back and takes it again gets another token, or is refused', (t) => {
  const d = new LockDriver()
  const ann = d.open()
  d.acquire(ann)
  t.deepEqual(d.allOf(ann, lockOp('release', { hold: 2 }), acquireOf('/lock')), {
    value: [undefined, { token: 3, hold: 3 }],
  })
  t.deepEqual(
    d.allOf(
      ann,
      lockOp('release', { hold: 3 }),
      acquireOf('/lock'),
      lockOp('release', { hold: 4 }),
      acquireOf('/lock'),
    ),
    refused('HELD', { holders: 0, waiters: 0, until: 0, part: 3, path: '/lock' }),
  )
})

test('O7: several locks are taken all or none (multi-lock)', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(bob, writer, '/b')
  t.deepEqual(
    d.allOf(ann, acquireOf('/a'), acquireOf('/b')),
    refused('HELD', { holder: 2, hold: 3, token: 3, since: TIME, holders: 1, waiters: 0, part: 1, path: '/b' }),
  )
  t.is(d.object('/a'), undefined)
  t.deepEqual(d.allOf(ann, acquireOf('/a'), acquireOf('/c')), {
    value: [
      { token: 5, hold: 5 },
      { token: 5, hold: 5 },
    ],
  })
})

test('O7: one transaction does not take one lock twice', (t) => {
  const d = new LockDriver()
  const ann = d.open()
  const facts = { holder: 1, hold: 2, token: 2, since: TIME, holders: 1, waiters: 0, part: 1, path: '/lock' }
  t.deepEqual(d.allOf(ann, acquireOf('/lock', reader), acquireOf('/lock', reader)), refused('ALREADY_HELD', facts))
  t.is(d.object('/lock'), undefined)
})

test('O12: a transaction does not wait', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann)
  const facts = { op: 'acquire', part: 1, path: '/lock' }
  t.deepEqual(d.allOf(bob, acquireOf('/other'), acquireOf('/lock', writer)), refused('WAIT_IN_TRANSACTION', facts))
  t.deepEqual(d.holds, { holders: [3], waiters: [] })
  t.is(d.object('/other'), undefined)
})

test('O12: what a refused transaction has settled is told to nobody', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann)
  d.acquire(bob)
  const answer = d.allOf(ann, lockOp('release', { hold: 3 }), lockOp('held', { hold: 3, token: 3 }))
  t.deepEqual(answer, refused('NOT_HELD', { hold: 3, token: 3, part: 1, path: '/lock' }))
  t.is(d.settled.size, 0)
  t.deepEqual(d.holds, { holders: [3], waiters: [4] })
})

test('O12: a refused transaction leaves the events of its steps unsaid', (t) => {
  const d = new LockDriver()
  const ann = d.open()
  d.acquire(ann)
  const played = d.transaction(ann, [
    lockOp('requestRevoke', { hold: 2, reason: '' }),
    lockOp('held', { hold: 2, token: 9 }),
  ])
  t.deepEqual(played.events, [])
})

test('O12: a lock that a refused transaction has dropped is as it was', (t) => {
  const d = new LockDriver()
  const ann = d.open()
  d.acquire(ann, { delayMs: 500 })
  d.end(ann, { clean: false })
  const bob = d.open()
  const drop: Op = { type: null, path: '/lock', op: '$drop', input: {} }
  d.allOf(bob, drop, lockOp('release', { hold: 9 }))
  t.deepEqual(d.acquire(bob, trying), refused('HELD', { holders: 0, waiters: 0, until: TIME + 500 }))
  const asCounter: Op = { type: Counter, path: '/lock', op: 'add', input: { by: 1 } }
  const facts = { path: '/lock', type: 'sirtaki.lock', wanted: 'sirtaki.counter', part: 1 }
  t.deepEqual(d.allOf(bob, drop, asCounter), refused('WRONG_TYPE', facts))
  t.is(d.object('/lock')?.type.name, 'sirtaki.lock')
})

test('O7: the guard held fails where hold and token do not fit (D12)', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann)
  const write: Op = { type: Counter, path: '/n', op: 'add', input: { by: 1 } }
  t.deepEqual(d.allOf(bob, lockOp('held', { hold: 3, token: 3 }), write), { value: [undefined, 1] })
  t.deepEqual(
    d.allOf(bob, lockOp('held', { hold: 3, token: 2 }), write),
    refused('NOT_HELD', { hold: 3, token: 2, part: 0, path: '/lock' }),
  )
  d.release(ann, 3)
  t.like(d.allOf(bob, lockOp('held', { hold: 3, token: 3 }), write), { code: 'NOT_HELD' })
  t.like(d.ask(bob, 'held', { hold: 3, token: 3 }), { code: 'NOT_HELD' }, 'also where there is no such lock')
})

test('O7: a semaphore gives out as many permits as it has; who wants more than there are is refused', (t) => {
  const d = new LockDriver()
  const ann = d.open()
  d.acquire(ann, permit)
  d.acquire(ann, { ...permit, weight: 2 })
  t.is(d.acquire(ann, permit), 'waiting')
  t.deepEqual(d.acquire(ann, { ...permit, weight: 4 }), refused('OVER_CAPACITY', { capacity: 3 }))
  t.deepEqual(d.holds, { holders: [2, 3], waiters: [4] })
})

test('O7: a light waiter does not overtake a heavy one', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann, { ...permit, weight: 2 })
  d.acquire(bob, { ...permit, weight: 2 })
  t.is(d.acquire(cid, permit), 'waiting')
  t.like(d.acquire(cid, { ...permit, wait: false }), { code: 'HELD' })
  d.release(ann, 4)
  t.deepEqual(d.holds, { holders: [5, 6], waiters: [] })
})

test('O7: two tries of one session take two permits, not one (python-zk/kazoo#213)', (t) => {
  const d = new LockDriver()
  const ann = d.open()
  const answers = [d.acquire(ann, { ...permit, wait: false }), d.acquire(ann, { ...permit, wait: false })]
  t.deepEqual(answers, [granted(2), granted(3)])
  t.deepEqual(d.holds.holders, [2, 3])
})

test('O7: no permit is orphaned by a lost answer: what was appended twice is taken once (apache/curator#835)', (t) => {
  const d = new LockDriver()
  const ann = d.open()
  d.acquire(ann, permit)
  t.is(d.again().outcome.kind, 'duplicate')
  t.deepEqual(d.holds.holders, [2])
  d.end(ann)
  t.is(d.object('/lock'), undefined)
})

test('O7: the capacity of a new semaphore is that of its first acquire; later ones agree or say none (D14)', (t) => {
  const d = new LockDriver()
  const ann = d.open()
  t.deepEqual(d.acquire(ann, permit), granted(2))
  t.deepEqual(d.acquire(ann, { ...permit, capacity: 4 }), refused('OVER_CAPACITY', { capacity: 3, wanted: 4 }))
  t.deepEqual(d.acquire(ann, { ...permit, capacity: null }), granted(4))
  d.release(ann, 2)
  d.release(ann, 4)
  t.is(d.object('/lock'), undefined, 'nothing is left of it')
  t.deepEqual(d.acquire(ann, { ...permit, capacity: 4 }), granted(7))
})

test('O7: more capacity serves waiters at once (apache/curator#596)', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann, { ...permit, weight: 3 })
  d.acquire(bob, permit)
  d.acquire(bob, permit)
  t.deepEqual(d.ask(ann, 'setCapacity', { capacity: 4 }), { value: undefined })
  t.deepEqual(d.settled.get(4), granted(6, 4))
  t.deepEqual(d.holds, { holders: [3, 4], waiters: [5] })
})

test('O7: less capacity takes nothing away; who can never be served is told', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann, { ...permit, weight: 3 })
  d.acquire(bob, { ...permit, weight: 2 })
  d.acquire(cid, permit)
  d.ask(ann, 'setCapacity', { capacity: 1 })
  t.deepEqual(d.settled.get(5), refused('OVER_CAPACITY', { capacity: 1 }))
  t.deepEqual(d.holds, { holders: [4], waiters: [6] })
  d.release(ann, 4)
  t.deepEqual(d.settled.get(6), granted(8, 6))
})

test('O7: who waits for all of it gets all that there is by then', (t) => {
  const d = new LockDriver()
  const [ann, bob, cid] = [d.open(), d.open(), d.open()]
  d.acquire(ann, permit)
  d.acquire(bob)
  d.acquire(cid)
  d.ask(ann, 'setCapacity', { capacity: 6 })
  d.release(ann, 4)
  t.deepEqual(d.holds, { holders: [5], waiters: [6] })
  d.release(bob, 5)
  t.deepEqual(d.holds, { holders: [6], waiters: [] })
})

test('O7: a semaphore whose capacity was set stays, a lock that is held takes none (D13)', (t) => {
  const d = new LockDriver()
  const ann = d.open()
  d.acquire(ann)
  t.like(d.ask(ann, 'setCapacity', { capacity: 2 }), { code: 'HELD' })
  d.release(ann, 2)
  t.is(d.object('/lock'), undefined)
  d.ask(ann, 'setCapacity', { capacity: 2 })
  t.like(d.acquire(ann, permit), { code: 'OVER_CAPACITY' })
  t.is(d.object('/lock')?.describe()['mode'], 'semaphore')
})

test('O7: the data of a leader is seen, and changed by the leader only (election)', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann, { data: 'a:80' })
  d.acquire(bob, { data: 'b:80' })
  t.deepEqual(d.ask(bob, 'proclaim', { hold: 3, data: 'mine' }), refused('NOT_HELD', { hold: 3 }))
  t.deepEqual(d.ask(ann, 'proclaim', { hold: 3, data: 'a:81' }), { value: undefined })
  const holder = { session: 1, hold: 3, token: 3, weight: SHARED_MAX, since: TIME, data: 'a:81' }
  t.like(d.object('/lock')?.describe(), { mode: 'lock', holders: [holder], waiters: 1, until: 0 })
  d.end(ann, { clean: false })
  t.like(d.object('/lock')?.describe(), { holders: [{ ...holder, session: 2, hold: 4, token: 7, data: 'b:80' }] })
  t.deepEqual(d.ask(ann, 'proclaim', { hold: 3, data: 'still me' }), { kind: 'unknown' })
})

test('O7: a lock ends when nobody holds it and no lock-delay is left, and its path is free (D13)', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann, { delayMs: 500 })
  t.like(answerOf(d.op(ann, Counter, '/lock', 'add', { by: 1 }).outcome), { code: 'WRONG_TYPE' })
  d.end(ann, { clean: false })
  t.is(d.object('/lock')?.type.name, 'sirtaki.lock')
  d.at(TIME + 500).tick()
  t.is(d.object('/lock'), undefined)
  t.deepEqual(answerOf(d.op(bob, Counter, '/lock', 'add', { by: 1 }).outcome), { value: 1 })
})

test('O7: a lock that somebody holds or waits for is not dropped (D13)', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann)
  d.acquire(bob)
  const drop: Op = { type: null, path: '/lock', op: '$drop', input: {} }
  t.deepEqual(answerOf(d.run(bob, drop).outcome), refused('NOT_EMPTY', { owned: 2 }))
  d.ask(bob, 'setCapacity', { capacity: 1 })
  d.end(ann)
  d.end(bob)
  const cid = d.open()
  d.run(cid, drop)
  t.is(d.object('/lock'), undefined)
})

test('O11: inputs that are none are refused alike by everyone', (t) => {
  const d = new LockDriver()
  const ann = d.open()
  t.like(d.acquire(ann, { delayMs: 60_001 }), { code: 'BAD_ARGUMENT' })
  t.like(d.acquire(ann, { weight: -1 }), { code: 'BAD_ARGUMENT' })
  t.like(d.acquire(ann, { weight: SHARED_MAX + 1 }), { code: 'BAD_ARGUMENT' })
  t.like(d.ask(ann, 'setCapacity', { capacity: 0 }), { code: 'BAD_ARGUMENT' })
  t.like(d.ask(ann, 'acquire', { weight: 1 }), { code: 'BAD_ARGUMENT' })
  t.like(d.ask(ann, 'release', { hold: 1.5 }), { code: 'BAD_ARGUMENT' })
  t.is(d.object('/lock'), undefined)
})

test('O7: data as heavy as it may be does not keep a lock from being granted', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  const data = 'x'.repeat(DATA_WEIGHT_MAX - 8)
  d.acquire(ann)
  t.is(d.acquire(bob, { data }), 'waiting')
  t.like(d.acquire(bob, { data: `${data}x` }), { code: 'BAD_ARGUMENT' })
  d.release(ann, 3)
  t.deepEqual(d.settled.get(4), granted(6, 4))
})

test('O7: a session that owns as much as it may gets what it waits for all the same', (t) => {
  const d = new LockDriver()
  const [ann, bob] = [d.open(), d.open()]
  d.acquire(ann)
  const others = Array.from({ length: OWNED_MAX }, () => d.acquire(bob, reader, '/other'))
  t.is(others.filter((one) => typeof one === 'object' && 'value' in one).length, OWNED_MAX)
  t.is(d.acquire(bob), 'waiting')
  t.like(d.acquire(bob, reader, '/other'), { code: 'TOO_MANY' })
  t.deepEqual(d.release(ann, 3), { value: undefined })
  t.deepEqual(d.settled.get(OWNED_MAX + 4), granted(OWNED_MAX + 6, OWNED_MAX + 4))
})

test('O7: random histories of two locks are those of their models', (t) => {
  playRandom(anyLockPlan, lockSubject)
  t.pass()
})
