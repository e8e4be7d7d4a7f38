/** The life of sessions, waits and ticks over a log whose sequencer vouches for sessions, or does not. */
import test from 'ava'
import { isError } from '../../log/errors.ts'
import { Counter, ObjectClient, type ObjectClientOptions } from '../../objects.ts'
import { encodeResume } from '../../sequencer/session-entry.ts'
import { Board } from './board.ts'
import { FakeLog } from './fake-log.ts'

/** A client that has opened the board and the counter, and its states. */
async function program(log: FakeLog, options: ObjectClientOptions = {}) {
  const client = new ObjectClient(log, { types: [Board, Counter], timeoutMs: 2_000, ...options })
  const [board, hits] = [await client.open(Board, '/board'), await client.open(Counter, '/hits')]
  const states: string[] = []
  client.own.onState((state) => states.push(state))
  return { client, board, hits, states }
}

/** What became of calls within some milliseconds: a value, or code and what to do next. */
async function outcomes(log: FakeLog, promises: readonly Promise<unknown>[], ms = 200): Promise<unknown[]> {
  const settled = Promise.allSettled(promises)
  await log.settle(ms / 5)
  return (await settled).map((one) =>
    one.status === 'fulfilled' ? one.value : isError(one.reason) ? `${one.reason.code} ${one.reason.next}` : one.reason,
  )
}
const pass = (log: FakeLog, ms: number): Promise<void> => log.settle(ms / 5)

test('O5: a session that is confirmed lives on, however long nobody calls', async (t) => {
  const log = new FakeLog()
  const { client, board, states } = await program(log)
  await outcomes(log, [board.hold({ key: 'a', n: 1 })])
  await pass(log, 6_000)
  t.deepEqual([states, client.own.state, log.positions.length], [['connected'], 'connected', 3])
})

test('O5: one that is not is doubtful after half of its timeout, lost after 0.8, and its owner ends it', async (t) => {
  const log = new FakeLog()
  const { client, board, states } = await program(log)
  await outcomes(log, [board.hold({ key: 'a', n: 1 })], 20)
  const { signal, position } = client.own
  log.confirming = false
  await pass(log, 900)
  t.deepEqual(states, ['connected'])
  await pass(log, 500)
  t.deepEqual(states, ['connected', 'doubtful'])
  t.false(signal.aborted)
  await pass(log, 400)
  t.deepEqual(states, ['connected', 'doubtful', 'lost'])
  t.true(signal.aborted && isError(signal.reason, 'SESSION_LOST'))
  await client.sync()
  t.deepEqual([client.sessions(), [...board.tables.held.range()]], [[], []])
  log.confirming = true
  t.deepEqual(await outcomes(log, [board.hold({ key: 'a', n: 1 })]), [undefined])
  t.not(client.own.position, position)
})

test('O5: a session that would be named 0, which owns nothing, is opened once more', async (t) => {
  const log = new FakeLog()
  log.positions.pop()
  const { client, board } = await program(log)
  await outcomes(log, [board.hold({ key: 'a', n: 1 })])
  t.deepEqual([client.own.position, client.sessions().map(({ session }) => session)], [1, [0, 1]])
  await outcomes(log, [client.close()])
  const late = await program(log)
  await late.client.sync()
  t.deepEqual([...late.board.tables.held.range()], [])
})

test('O5: a session that was doubtful and is confirmed again is connected', async (t) => {
  const log = new FakeLog()
  const { board, states } = await program(log)
  await outcomes(log, [board.set({ n: 1 })], 20)
  log.confirming = false
  await pass(log, 1_200)
  log.confirming = true
  await pass(log, 1_000)
  t.deepEqual(states, ['connected', 'doubtful', 'connected'])
})

test('O5: a heartbeat counts from when it was sent, however late its answer comes', async (t) => {
  const log = new FakeLog()
  const { board, states } = await program(log)
  await outcomes(log, [board.set({ n: 1 })], 20)
  log.heartbeatMs = 1_100
  await pass(log, 1_800)
  t.deepEqual(states, ['connected', 'doubtful'])
  await pass(log, 400)
  t.deepEqual(states, ['connected', 'doubtful', 'lost'])
})

test('O5: a heartbeat counts only once the view has played to the tail of its answer', async (t) => {
  const log = new FakeLog()
  const { client, board } = await program(log)
  await outcomes(log, [board.hold({ key: 'a', n: 1 })], 20)
  const { incarnation } = client.own.ticket() ?? t.fail()
  log.pushing = false
  const [session] = client.sessions()
  log.write(encodeResume(incarnation, session ?? t.fail()), [0, 1])
  await pass(log, 800)
  t.true(isError(client.own.signal.reason, 'SESSION_MOVED'))
})

test('O5: a session that was lost here is heard of no more', async (t) => {
  const log = new FakeLog()
  const { client, board } = await program(log)
  await outcomes(log, [board.set({ n: 1 })], 20)
  const { incarnation } = client.own.ticket() ?? t.fail()
  log.confirming = false
  await pass(log, 1_800)
  t.is(client.own.state, 'lost')
  log.heartbeats.length = 0
  await pass(log, 2_000)
  t.false(log.heartbeats.flat().includes(incarnation))
})

test('O5: what was under way when a session is lost may have been applied, and handles may end with it', async (t) => {
  const log = new FakeLog()
  const { board, client } = await program(log, { onLost: 'stop' })
  await outcomes(log, [board.set({ n: 1 })], 20)
  log.confirming = false
  t.deepEqual(await outcomes(log, [board.ask({ n: 0 }, { forever: true })], 2_000), ['SESSION_LOST unknown'])
  t.deepEqual(await outcomes(log, [board.set({ n: 3 })]), ['SESSION_LOST unknown'])
  t.is(client.own.state, 'lost')
})

test('O5: a machine that was suspended past the timeout counts on nothing', async (t) => {
  const log = new FakeLog()
  const { board, states } = await program(log)
  await outcomes(log, [board.set({ n: 1 })])
  log.clock.suspend(5_000)
  t.deepEqual(await outcomes(log, [board.set({ n: 2 })]), ['SESSION_LOST again'])
  t.true(states.includes('lost'))
})

test('O5: a resumed session goes on in the other process with what it holds, and the first one is told', async (t) => {
  const log = new FakeLog()
  const [one, other] = [await program(log), await program(log)]
  await outcomes(log, [one.board.hold({ key: 'a', n: 1 })])
  const ticket = one.client.own.ticket() ?? t.fail()
  const waiting = one.board.ask({ n: 0 }, { forever: true })
  await pass(log, 50)
  const told = outcomes(log, [waiting])
  const resumed = other.client.session({ resume: ticket, timeoutMs: 2_000 })
  await pass(log, 200)
  t.deepEqual(await told, ['SESSION_MOVED again'])
  const session = await resumed
  t.is(session.position, ticket.session)
  const board = await session.open(Board, '/board')
  t.deepEqual(await outcomes(log, [board.mine({ n: 0 })]), [['a']])
  t.is(one.client.own.state, 'lost')
  const wrong = other.client.session({ resume: { ...ticket, secret: 'another' } })
  t.deepEqual(await outcomes(log, [wrong]), ['SESSION_LOST stop'])
})

test('O7: an op that waits must be told for how long, and settles with what another session gives it', async (t) => {
  const log = new FakeLog()
  const [one, other] = [await program(log), await program(log)]
  t.deepEqual(await outcomes(log, [one.board.ask({ n: 0 })]), ['BAD_ARGUMENT stop'])
  const [first, second] = [one.board.ask({ n: 0 }, { forever: true }), one.board.ask({ n: 0 }, { timeoutMs: 5_000 })]
  t.deepEqual(await outcomes(log, [one.board.add({ n: 1 })]), [1])
  const asked = [...one.board.tables.asked.range()].map(([key]) => Number(key))
  await outcomes(log, [
    other.board.refuse({ op: asked[0] ?? -1, code: 'DENIED' }),
    other.board.answer({ op: asked[1] ?? -1, n: 4 }),
  ])
  t.deepEqual(await outcomes(log, [first, second]), ['DENIED again', { n: 4 }])
})

test('O7: a wait that is given up is cancelled in the log, whatever gave it up', async (t) => {
  const log = new FakeLog()
  const { board } = await program(log)
  const aborting = new AbortController()
  const calls = [board.ask({ n: 0 }, { timeoutMs: 50 }), board.ask({ n: 0 }, { signal: aborting.signal })]
  const told = outcomes(log, calls, 400)
  await pass(log, 30)
  t.is(board.tables.asked.size, 2)
  aborting.abort()
  t.deepEqual(await told, ['TIMEOUT again', 'ABORTED again'])
  await pass(log, 100)
  t.is(board.tables.asked.size, 0)
})

test('O7: waits end at once when their client closes, and their rows with its session', async (t) => {
  const log = new FakeLog()
  const [one, other] = [await program(log), await program(log)]
  const waiting = one.board.ask({ n: 0 }, { forever: true })
  await pass(log, 50)
  t.deepEqual(await outcomes(log, [waiting, one.client.close()]), ['CLOSED unknown', undefined])
  await other.client.sync()
  t.is(other.board.tables.asked.size, 0)
})

test('O13: what falls due while nobody appends is brought by one tick, of the first process', async (t) => {
  const log = new FakeLog()
  const [one, other] = [await program(log), await program(log)]
  await outcomes(log, [one.hits.add({ by: 1 }), other.hits.add({ by: 1 })])
  await outcomes(log, [one.board.alarm({ key: 'hold', time: log.logTime + 300 })], 100)
  const before = log.positions.length
  t.false(other.board.tables.held.has('hold'))
  await log.settle(600, 1)
  t.true(other.board.tables.held.has('hold'))
  t.is(log.positions.length, before + 1)
})

test('O13: a sync brings what is due at its log time', async (t) => {
  const log = new FakeLog()
  const { client, board } = await program(log)
  await outcomes(log, [board.alarm({ key: 'hold', time: 1_000 })])
  await outcomes(log, [client.close()])
  const late = new ObjectClient(log, { types: [Board, Counter] })
  const there = await late.open(Board, '/board')
  log.clock.now = () => 1_000
  t.deepEqual(await outcomes(log, [late.sync()]), [undefined])
  t.true(there.tables.held.has('hold'))
})

test('O4: a call with a key that was applied already has its first result', async (t) => {
  const log = new FakeLog()
  const [one, other] = [await program(log), await program(log)]
  const add = { n: 2 }
  t.deepEqual(await outcomes(log, [one.board.add(add, { idempotencyKey: 'k' })]), [2])
  t.deepEqual(await outcomes(log, [other.board.add(add, { idempotencyKey: 'k' })]), [2])
  t.deepEqual(await outcomes(log, [other.board.set(add, { idempotencyKey: 'k' })]), ['KEY_REUSED stop'])
})
