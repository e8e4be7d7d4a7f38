/**
 * The judge of the loads of objects, on histories made by hand: what is right passes, and each thing that can be wrong
 * is found.
 */
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { makeFolder } from '../../log/io/folder.ts'
import { Fence } from './fence.ts'
import { HistoryFiles } from './history-files.ts'
import { judgeObjects, type ObjectJudgement } from './object-judge.ts'
import { SessionFacts, type Kill } from './session-facts.ts'

interface Case {
  readonly lines?: readonly string[]
  /** Lines of sessions and digests, each behind the name of who said it. */
  readonly said?: readonly string[]
  readonly kills?: readonly Kill[]
  readonly faults?: readonly { kind: string; fromNs: number; toNs: number }[]
  readonly writes?: readonly (readonly [token: number, value: number])[]
}

function judged(t: ExecutionContext, { lines = [], said = [], kills = [], faults = [], writes = [] }: Case) {
  const folder = makeFolder(t)
  const history = new HistoryFiles(folder)
  for (const line of lines) t.true(history.take(line), line)
  history.flush()
  const facts = new SessionFacts()
  for (const line of said) {
    const [by = '', ...words] = line.split(' ')
    t.true(facts.take(by, words), line)
  }
  facts.kills.push(...kills)
  const path = join(folder, 'fence.db')
  const fence = new Fence(path)
  for (const [token, value] of writes) fence.write('k', token, value)
  fence.close()
  return judgeObjects({ history, facts, fence: path, faults, isFinished: true })
}

const rulesOf = ({ violations }: ObjectJudgement): string[] => violations.map((one) => one.split(':')[0] ?? '')

/** A session S of client 1 that is opened at position 10 and ends at 50, as the keeper sees at instant 40. */
const S = ['keeper opened 1 10 2000 c1.lock.1', 'keeper ended 40 50 10 2', 'c1 alive 20 10 c1.lock.1']
const line = (load: string, call: number, returned: number | '-', input: object, told: readonly unknown[] | '-') =>
  `${load} ${call} ${returned} 7 ${JSON.stringify(input)} ${told === '-' ? '-' : JSON.stringify(told)}`
const acquire = { op: 'acquire', key: 'k', holder: 'a', session: 'c1.lock.1' }
const other = { op: 'acquire', key: 'k', holder: 'b', session: 'c2.lock.1' }

test('a lock whose holder is gone is had by another one once its session may have ended', (t) => {
  const held = line('lock', 10, 12, acquire, [20, 20])
  t.deepEqual(rulesOf(judged(t, { said: S, lines: [held, line('lock', 25, 35, other, [50, 50])] })), [])
  t.deepEqual(rulesOf(judged(t, { said: S, lines: [held, line('lock', 45, 46, other, [51, 51])] })), [])
  t.deepEqual(rulesOf(judged(t, { said: S, lines: [held, line('lock', 13, 15, other, [50, 50])] })), ['O7'])
  t.deepEqual(rulesOf(judged(t, { said: S, lines: [held, line('lock', 45, 46, other, [false])] })), ['O7'])
})

test('O7: a token that does not grow is found, also one that a write has passed', (t) => {
  const release = { op: 'release', key: 'k', holder: 'a', session: 'c1.lock.1' }
  const lines = (load: string, token: number) => [
    line(load, 10, 12, acquire, [20, 20]),
    line(load, 13, 14, release, [null]),
    line(load, 15, 16, other, [token, token]),
  ]
  for (const load of ['lock', 'fence']) {
    t.deepEqual(rulesOf(judged(t, { said: S, lines: lines(load, 30) })), [])
    t.deepEqual(rulesOf(judged(t, { said: S, lines: lines(load, 19) })), ['O7'])
  }
  t.deepEqual(rulesOf(judged(t, { said: S, lines: lines('fence', 20) })), ['O7'])
  const late = (passed: boolean) => [
    ...lines('fence', 30),
    line('fence', 17, 18, { op: 'write', key: 'k', token: 30 }, [true]),
    line('fence', 19, 20, { op: 'write', key: 'k', token: 20 }, [passed]),
  ]
  t.deepEqual(rulesOf(judged(t, { said: S, lines: late(false) })), [])
  t.deepEqual(rulesOf(judged(t, { said: S, lines: late(true) })), ['O7'])
})

test('O7: what a lock protects is never written by two from the same value', (t) => {
  t.deepEqual(
    rulesOf(
      judged(t, {
        writes: [
          [5, 1],
          [5, 2],
          [9, 3],
        ],
      }),
    ),
    [],
  )
  t.deepEqual(
    rulesOf(
      judged(t, {
        writes: [
          [5, 1],
          [9, 1],
        ],
      }),
    ),
    ['O7'],
  )
})

test('O5: a session is not counted on behind its end, ends once and for good, and in time', (t) => {
  t.deepEqual(rulesOf(judged(t, { said: S })), [])
  t.deepEqual(rulesOf(judged(t, { said: [...S, 'c1 alive 41 10 c1.lock.1'] })), ['O5'])
  t.deepEqual(rulesOf(judged(t, { said: [...S, 'keeper ended 60 70 10 3'] })), ['O5'])
  t.deepEqual(rulesOf(judged(t, { said: S.slice(0, 1) })), ['O5'])
  t.deepEqual(rulesOf(judged(t, { said: S, lines: [line('lock', 10, 12, acquire, [51, 51])] })), ['O5'])
  const late = ['keeper opened 1 10 2000 c1.lock.1', 'keeper ended 9000000000 50 10 2']
  const kills = [{ client: 1, at: 30 }]
  t.deepEqual(rulesOf(judged(t, { said: late, kills })), ['O5'])
  t.deepEqual(rulesOf(judged(t, { said: late, kills: [{ client: 1, at: 8e9 }] })), [])
  t.deepEqual(rulesOf(judged(t, { said: late, kills, faults: [{ kind: 'kill', fromNs: 1e9, toNs: 2e9 }] })), [])
})

test('O8: an item that two acknowledge, and one that is lost, are found', (t) => {
  const session = 'c1.lock.1'
  const put = line('queue', 1, 2, { op: 'put', key: 'q', item: 'x', session }, [true, 15])
  const take = line('queue', 3, 4, { op: 'take', key: 'q', taker: 't', session }, ['x', 20])
  const ack = line('queue', 5, 6, { op: 'ack', key: 'q', taker: 't', item: 'x', session }, [true])
  const again = [
    line('queue', 7, 8, { op: 'take', key: 'q', taker: 'u', session: 'c2.queue.1' }, ['x', 30]),
    line('queue', 9, 10, { op: 'ack', key: 'q', taker: 'u', item: 'x', session: 'c2.queue.1' }, [true]),
  ]
  t.deepEqual(rulesOf(judged(t, { said: S, lines: [put, take, ack] })), [])
  t.deepEqual(rulesOf(judged(t, { said: S, lines: [put, take, ack, ...again] })), ['O8'])
  t.deepEqual(rulesOf(judged(t, { said: S, lines: [put, take] })), ['O8'])
  const later = again.map((one) => one.replace(/queue (\d+) (\d+)/, (_all, call, end) => `queue 4${call} 4${end}`))
  t.deepEqual(
    rulesOf(judged(t, { said: S, lines: [put, take, ...later.map((one) => one.replace(',30]', ',60]'))] })),
    [],
  )
  const empty = line('queue', 45, 46, { op: 'take', key: 'q', taker: 'v', session: 'keeper' }, [null])
  t.true(rulesOf(judged(t, { said: S, lines: [put, take, empty] })).includes('O8'))
})

test('O1: a stale read of a node, and an ephemeral that outlives its session, are found', (t) => {
  const create = { op: 'create', key: 'e', value: 'x', owner: 'c1.lock.1', session: 'c1.lock.1' }
  const made = line('tree', 10, 11, create, [0])
  const read = (call: number, value: object | null, place: number) =>
    line('tree', call, call + 1, { op: 'read', key: 'e' }, [value, place])
  const there = { value: 'x', version: 0 }
  t.deepEqual(rulesOf(judged(t, { said: S, lines: [made, read(12, there, 20.5), read(42, null, 60.5)] })), [])
  t.deepEqual(rulesOf(judged(t, { said: S, lines: [made, read(12, null, 20.5)] })), ['O1'])
  t.deepEqual(rulesOf(judged(t, { said: S, lines: [made, read(42, there, 60.5)] })), ['O1'])
})

test('O2: half a transaction is found', (t) => {
  const write = [
    { op: 'write', key: 'a', value: 5 },
    { op: 'write', key: 'b', value: 5 },
  ]
  const look = [
    { op: 'read', key: 'a' },
    { op: 'read', key: 'b' },
  ]
  const wrote = line('txn', 1, 10, write, [[null, null]])
  t.deepEqual(rulesOf(judged(t, { lines: [wrote, line('txn', 2, 3, look, [[5, 5]])] })), [])
  t.deepEqual(rulesOf(judged(t, { lines: [wrote, line('txn', 2, 3, look, [[5, 0]])] })), ['O2'])
})

test('O3: two clients with two digests at one position are found', (t) => {
  t.deepEqual(rulesOf(judged(t, { said: ['a digest 1 5 ff', 'b digest 2 5 ff', 'b digest 3 6 aa'] })), [])
  t.deepEqual(rulesOf(judged(t, { said: ['a digest 1 5 ff', 'b digest 2 5 fe'] })), ['O3'])
})
