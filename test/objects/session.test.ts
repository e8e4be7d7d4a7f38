/**
 * Sessions and views over a log that junks, doubles, loses and delays: once, in order, and nobody blocked.
 *
 * Long: a list of cases.
 */
import test from 'ava'
import fc from 'fast-check'
import { number, object } from 'superstruct'
import { isError } from '../../log/errors.ts'
import { Counter, defineObject, ObjectClient, type Handle } from '../../objects.ts'
import { requestOf, targetOf } from '../../objects/handle.ts'
import { encodeOp, encodeTarget } from '../../objects/runtime/entry.ts'
import { encodeInput } from '../../objects/runtime/input.ts'
import { Session } from '../../objects/runtime/session.ts'
import { View } from '../../objects/runtime/view.ts'
import { encodeEnd } from '../../sequencer/session-entry.ts'
import { FakeLog, type Fate } from './fake-log.ts'

/** Keeps every mark with its position. */
const Trail = defineObject({
  name: 'test.trail',
  version: 1,
  state: object({ count: number() }),
  initial: () => ({ count: 0 }),
  tables: { marks: object({ session: number(), n: number() }) },
  ops: (op) => ({
    mark: op(object({ n: number() }), (draft, { n }, ctx) => {
      ctx.tables.marks.set(String(ctx.position).padStart(8, '0'), { session: ctx.session, n })
      draft.count++
      return ctx.position
    }),
    refuse: op(object({}), (draft, _input, ctx) => {
      draft.count = -1
      ctx.reject('never', { why: 'test' })
    }),
    fail: op(object({}), () => {
      throw new TypeError('engine text')
    }),
  }),
})

/** What became of promises, once everything has settled. */
async function outcomes(log: FakeLog, promises: readonly Promise<unknown>[], steps = 40): Promise<unknown[]> {
  const settled = Promise.allSettled(promises)
  await log.settle(steps)
  return (await settled).map((one) =>
    one.status === 'fulfilled' ? one.value : isError(one.reason) ? one.reason.code : one.reason,
  )
}

async function openCounter(log: FakeLog) {
  const client = new ObjectClient(log, { types: [Counter] })
  const hits = await client.open(Counter, '/hits')
  return { client, hits }
}

const adds = (hits: { add(input: { by: number }): Promise<number> }, count: number): Promise<number>[] =>
  Array.from({ length: count }, () => hits.add({ by: 1 }))
const addOne = () => requestOf(targetOf(Counter, '/hits', 'add', Counter.ops.add), { by: 1 })

/** Fates by the count of grants: the opening of the session is grant 0, its first op grant 1. */
const fates = (log: FakeLog, byGrant: Readonly<Record<number, Fate>>): void => {
  log.fate = (grant) => byGrant[grant] ?? 'stored'
}

test('O4: calls of one turn travel together, and resolve with their outcomes without being read back', async (t) => {
  const log = new FakeLog()
  log.pushing = false
  const { hits } = await openCounter(log)
  t.deepEqual(
    await outcomes(log, adds(hits, 64)),
    Array.from({ length: 64 }, (_, i) => i + 1),
  )
  t.deepEqual(log.turns, [1, 64])
  const again = adds(hits, 3)
  await log.settle()
  t.deepEqual(log.turns, [1, 64, 3])
  t.deepEqual(await Promise.all(again), [65, 66, 67])
})

test('O4: ops behind one that went to junk are appended again in order, in one turn', async (t) => {
  const log = new FakeLog()
  fates(log, { 2: 'junk' })
  const { client, hits } = await openCounter(log)
  t.deepEqual(await outcomes(log, adds(hits, 6)), [1, 2, 3, 4, 5, 6])
  t.deepEqual(log.turns, [1, 6, 1, 4])
  t.deepEqual(
    client.sessions().map(({ next }) => next),
    [6],
  )
})

test('O4: ops called while others are held wait behind them', async (t) => {
  const log = new FakeLog()
  fates(log, { 1: 'junk', 4: 'junk' })
  const { hits } = await openCounter(log)
  const first = adds(hits, 3)
  await log.settle(2)
  const more = adds(hits, 3)
  t.deepEqual(await outcomes(log, [...first, ...more]), [1, 2, 3, 4, 5, 6])
})

test('O4, O9: an op that is in the log twice counts once', async (t) => {
  const log = new FakeLog()
  fates(log, { 1: 'twice', 3: 'twice' })
  const { hits } = await openCounter(log)
  t.deepEqual(await outcomes(log, adds(hits, 4)), [1, 2, 3, 4])
  t.is(hits.state.value, 4)
})

test('O4: an op appended twice around a missing one settles with the copy that applied', async (t) => {
  const log = new FakeLog()
  fates(log, { 1: 'junk', 2: 'twice' })
  const { hits } = await openCounter(log)
  t.deepEqual(await outcomes(log, adds(hits, 3)), [1, 2, 3])
  t.is(hits.state.value, 3)
})

test('O4: an op whose position was trimmed before its fate was known is appended again, and counts once', async (t) => {
  const log = new FakeLog()
  log.pushing = false
  fates(log, { 1: 'trimmed', 3: 'gone' })
  const { client, hits } = await openCounter(log)
  const calls = adds(hits, 4)
  await log.settle(8)
  log.push()
  t.deepEqual(await outcomes(log, calls), [1, 2, 3, 4])
  t.is(hits.state.value, 4)
  t.deepEqual(
    client.sessions().map(({ next }) => next),
    [4],
  )
})

test('O4: an op whose turn comes before its first append is acknowledged settles with the second', async (t) => {
  const log = new FakeLog()
  fates(log, { 1: 'junk', 2: 'late' })
  const { hits } = await openCounter(log)
  const calls = adds(hits, 2)
  await log.settle(3)
  log.pushing = false
  t.deepEqual(await outcomes(log, calls), [1, 2])
})

test('O4: an op lost for good fails its caller, blocks nobody behind it and never comes back', async (t) => {
  const log = new FakeLog()
  fates(log, { 1: 'lost' })
  const { client, hits } = await openCounter(log)
  t.deepEqual(await outcomes(log, adds(hits, 4)), ['TIMEOUT', 1, 2, 3])
  t.deepEqual(
    client.sessions().map(({ next }) => next),
    [4],
  )
  t.is(hits.state.value, 3)
})

test('O4: an op whose time is over before its turn is appended with no time left, not with less', async (t) => {
  const log = new FakeLog()
  const given: (number | undefined)[] = []
  const append = log.append.bind(log)
  log.append = (payload, options) => {
    given.push(options.timeoutMs)
    return append(payload, options)
  }
  const client = new ObjectClient(log, { types: [Counter], timeoutMs: 3_600_000 })
  const hits = await client.open(Counter, '/hits')
  const calls = adds(hits, 2)
  const now = log.clock.now.bind(log.clock)
  // A timer that is late on a busy machine.
  log.clock.now = () => now() + 60_000
  await outcomes(log, calls)
  t.deepEqual(given.slice(1), [0, 0])
})

test('O4: the empty op in its place is appended until it is decided', async (t) => {
  const log = new FakeLog()
  // Grants 3, 5 and 7 are empty ops; those between them are the second op, too early again and again.
  fates(log, { 1: 'lost', 3: 'lost', 5: 'lost', 7: 'junk' })
  const { hits } = await openCounter(log)
  t.deepEqual(await outcomes(log, adds(hits, 2)), ['TIMEOUT', 1])
})

test('O4: an op that took effect though its append failed counts once, and its empty copy is dropped', async (t) => {
  const log = new FakeLog()
  log.pushing = false
  fates(log, { 2: 'unknown' })
  const { client, hits } = await openCounter(log)
  const calls = adds(hits, 3)
  await log.settle(8)
  log.push()
  t.deepEqual(await outcomes(log, calls), [1, 'TIMEOUT', 3])
  t.is(hits.state.value, 3)
  t.deepEqual(
    client.sessions().map(({ next }) => next),
    [3],
  )
})

test('O4: an op whose outcome is known resolves though its append failed', async (t) => {
  const log = new FakeLog()
  const { hits } = await openCounter(log)
  await outcomes(log, adds(hits, 1))
  const append = log.append.bind(log)
  log.append = async (payload, options) => {
    await append(payload, options)
    log.push()
    throw Object.assign(new Error('no answer'), {})
  }
  t.deepEqual(await outcomes(log, adds(hits, 1)), [2])
})

test('O4: an aborted call is refused, and its number is taken', async (t) => {
  const log = new FakeLog()
  const { client, hits } = await openCounter(log)
  await outcomes(log, adds(hits, 1))
  const aborting = new AbortController()
  const calls = [hits.add({ by: 5 }, { signal: aborting.signal }), hits.add({ by: 1 })]
  aborting.abort()
  t.deepEqual(await outcomes(log, calls), ['ABORTED', 2])
  t.deepEqual(await outcomes(log, [hits.add({ by: 1 }, { signal: aborting.signal })]), ['ABORTED'])
  t.deepEqual(
    client.sessions().map(({ next }) => next),
    [3],
  )
})

test('O4: a call that waits too long for entries before it is refused, and applies in its turn', async (t) => {
  const log = new FakeLog()
  log.pushing = false
  fates(log, { 1: 'junk' })
  const { hits } = await openCounter(log)
  // One timer is behind all calls of the view.
  t.is(log.clock.timers, 1)
  const call = hits.add({ by: 1 }, { timeoutMs: 50 })
  t.deepEqual(await outcomes(log, [call]), ['TIMEOUT'])
  log.pushing = true
  t.deepEqual(await outcomes(log, adds(hits, 1)), [2])
  // The session has two more: its next heartbeat, and when it may be doubtful.
  t.is(log.clock.timers, 3)
})

test('O4: a session whose opening fails is opened again, and its calls keep their order', async (t) => {
  const log = new FakeLog()
  fates(log, { 0: 'lost', 1: 'junk', 2: 'unknown' })
  const { client, hits } = await openCounter(log)
  t.deepEqual(await outcomes(log, adds(hits, 3)), [1, 2, 3])
  t.deepEqual(
    client.sessions().map(({ next }) => next),
    [0, 3],
  )
})

test('O4: what is refused at once takes no number', async (t) => {
  const log = new FakeLog()
  const client = new ObjectClient(log)
  const trail = await client.open(Trail, '/trail')
  const bad: unknown = { n: 'one' }
  t.deepEqual(
    await outcomes(log, [
      call(trail, 'mark', bad),
      call(trail, 'mark', { n: Number.NaN }),
      call(trail, 'mark', { n: 1, more: 'x'.repeat(2 << 20) }),
    ]),
    ['BAD_ARGUMENT', 'BAD_ARGUMENT', 'BAD_ARGUMENT'],
  )
  t.is(log.positions.length, 1)
  await t.throwsAsync(client.open(Counter, 'hits'), { code: 'BAD_ARGUMENT' })
})

test('O4: an input that does not fit into an entry is refused at once', async (t) => {
  const log = new FakeLog()
  Object.assign(log, { limits: { ...log.limits, entryBytesMax: 60 } })
  const { hits } = await openCounter(log)
  t.deepEqual(await outcomes(log, adds(hits, 1)), ['OVERSIZE'])
  t.is(log.positions.length, 1)
})

/** Calls an op by name, as a program without types would. */
const call = (handle: object, op: string, input: unknown): Promise<unknown> => {
  const found: unknown = Reflect.get(handle, op)
  return typeof found === 'function'
    ? Promise.resolve(Reflect.apply(found, handle, [input]))
    : Promise.reject(new Error(op))
}

test('O1: rejections and failures reach the caller with their facts and position, without engine text', async (t) => {
  const log = new FakeLog()
  const client = new ObjectClient(log)
  const trail = await client.open(Trail, '/trail')
  const [refused, failed] = [trail.refuse({}), trail.fail({})]
  const checks = Promise.all([
    t.throwsAsync(refused, { code: 'REJECTED', message: /refuse of \/trail was refused: never/ }),
    t.throwsAsync(failed, { code: 'APPLY_FAILED' }),
  ])
  await log.settle()
  const [rejection, failure] = await checks
  t.like(rejection, { next: 'stop', facts: { reason: 'never', why: 'test', position: 2 } })
  t.false(failure?.message.includes('engine text'))
  t.is(trail.state.count, 0)
})

test('O1: a sync that begins later sees what was acknowledged, and a position carries it further', async (t) => {
  const log = new FakeLog()
  log.pushing = false
  const [one, other, third] = [new ObjectClient(log), new ObjectClient(log), new ObjectClient(log)]
  const trail = await one.open(Trail, '/trail')
  const [position] = await outcomes(log, [trail.mark({ n: 1 })])
  const [there, far] = [await other.open(Trail, '/trail'), await third.open(Trail, '/trail')]
  t.is(there.state.count, 0)
  await there.sync()
  t.deepEqual([there.state.count, there.position], [1, 2])
  await far.sync({ atLeast: Number(position) })
  t.is(far.state.count, 1)
  await t.throwsAsync(far.sync({ atLeast: 99 }), { code: 'TIMEOUT' })
  t.deepEqual(one.digest(), other.digest())
})

test('O4: many sessions of one client share its view, and each has its own order', async (t) => {
  const log = new FakeLog()
  fates(log, { 2: 'junk', 5: 'junk' })
  const client = new ObjectClient(log, { types: [Counter] })
  const [first, second] = [await client.session({ name: 'first' }), await client.session({ name: 'second' })]
  const [one, other] = [await first.open(Counter, '/hits'), await second.open(Counter, '/hits')]
  const values = await outcomes(log, [...adds(one, 4), ...adds(other, 4)])
  t.deepEqual(
    [...values].sort((a, b) => Number(a) - Number(b)),
    [1, 2, 3, 4, 5, 6, 7, 8],
  )
  t.like(client.sessions(), [
    { session: first.position ?? -1, name: 'first', next: 4 },
    { session: second.position ?? -1, name: 'second', next: 4 },
  ])
  t.is(client.sessions().length, 2)
  t.is(one.state, other.state)
})

test('O3: a type that becomes known late is played from the start, and calls under way do not notice', async (t) => {
  const log = new FakeLog()
  const [writer, reader] = [
    new ObjectClient(log, { types: [Trail, Counter] }),
    new ObjectClient(log, { types: [Counter] }),
  ]
  const trail = await writer.open(Trail, '/trail')
  await outcomes(log, [trail.mark({ n: 1 }), trail.mark({ n: 2 })])
  const hits = await reader.open(Counter, '/hits')
  await outcomes(log, adds(hits, 2))
  const under = adds(hits, 2)
  const late = await reader.open(Trail, '/trail')
  t.is(late.state.count, 2)
  t.deepEqual(await outcomes(log, [...under, ...adds(hits, 1)]), [3, 4, 5])
  t.deepEqual(reader.digest(), writer.digest())
})

test('O11: an entry of a later format stops the view, and everybody is told to upgrade', async (t) => {
  const log = new FakeLog()
  const { client, hits } = await openCounter(log)
  await outcomes(log, adds(hits, 1))
  log.write(Uint8Array.of(3, 2))
  t.deepEqual(await outcomes(log, [...adds(hits, 2), client.sync()]), ['UNSUPPORTED', 'UNSUPPORTED', 'UNSUPPORTED'])
  t.deepEqual(await outcomes(log, adds(hits, 1)), ['UNSUPPORTED'])
  t.is(hits.state.value, 1)
})

test('O11: entries that are none are passed over', async (t) => {
  const log = new FakeLog()
  const { client, hits } = await openCounter(log)
  await outcomes(log, adds(hits, 1))
  log.write(new Uint8Array(0))
  log.write(Uint8Array.of(2, 7, 7, 7))
  log.write(
    encodeOp(55, 0, {
      target: encodeTarget({ type: Counter.name, version: 1, op: 'add' }, '/hits'),
      input: encodeInput({ by: 1 }).bytes,
    }),
  )
  t.deepEqual(await outcomes(log, adds(hits, 1)), [2])
  await client.sync()
  t.is(client.position, log.positions.length - 1)
})

test('O11: text that another program appends to the stream of the objects stops nobody', async (t) => {
  const log = new FakeLog()
  const { hits } = await openCounter(log)
  await outcomes(log, adds(hits, 1))
  log.write(new TextEncoder().encode('hello'))
  t.deepEqual(await outcomes(log, adds(hits, 1)), [2])
})

test('O5: a session whose end is in the log is lost, what was not applied can be repeated, others go on', async (t) => {
  const log = new FakeLog()
  const view = new View(log, 1, [Counter])
  const [gone, busy] = [new Session(view, { name: 'gone' }), new Session(view, { name: 'busy' })]
  await outcomes(log, [gone.call(addOne()), busy.call(addOne())])
  const under = gone.call(addOne())
  log.write(encodeEnd(gone.position ?? -1, 1, false), [0, 1])
  const lost = t.throwsAsync(under, { code: 'SESSION_LOST' })
  t.deepEqual(await outcomes(log, [gone.call(addOne()), busy.call(addOne())]), ['SESSION_LOST', 3])
  t.like(await lost, { next: 'again' })
  t.deepEqual([gone.state, gone.signal.aborted, busy.state], ['lost', true, 'connected'])
  view.close()
})

test('O3: a type that conflicts with a known one is refused, and later replays go on without it', async (t) => {
  const log = new FakeLog()
  const twin = defineObject({ name: 'test.trail', version: 1, state: object({}), initial: () => ({}), ops: () => ({}) })
  const other = defineObject({
    name: 'test.other',
    version: 1,
    state: object({ n: number() }),
    initial: () => ({ n: 0 }),
    ops: (op) => ({ hit: op(object({}), (draft) => ++draft.n) }),
  })
  const [writer, reader] = [new ObjectClient(log, { types: [Trail, other] }), new ObjectClient(log)]
  await outcomes(log, [
    (await writer.open(Trail, '/trail')).mark({ n: 1 }),
    (await writer.open(other, '/other')).hit({}),
  ])
  await reader.sync()
  const opened = await Promise.allSettled([reader.open(Trail, '/trail'), reader.open(twin, '/twin')])
  t.deepEqual(
    opened.map((one) => (one.status === 'fulfilled' ? 'opened' : one.reason.code)),
    ['opened', 'MISUSE'],
  )
  t.is((await reader.open(other, '/other')).state.n, 1)
})

test('O1: closing refuses what is under way, and what comes after', async (t) => {
  const log = new FakeLog()
  const { client, hits } = await openCounter(log)
  await outcomes(log, adds(hits, 1))
  fates(log, { 2: 'junk' })
  log.pushing = false
  const calls = adds(hits, 2)
  await log.settle(2)
  const closing = client.close()
  t.deepEqual(await outcomes(log, adds(hits, 1)), ['CLOSED'])
  t.deepEqual(await outcomes(log, calls, 800), ['CLOSED', 'CLOSED'])
  await closing
  t.deepEqual(await outcomes(log, [...adds(hits, 1), client.sync()]), ['CLOSED', 'CLOSED'])
  t.is(log.clock.timers, 0)
})

test('O4: while a client closes, calls have a second to settle, and its session ends in the log', async (t) => {
  const log = new FakeLog()
  const { client, hits } = await openCounter(log)
  const watching = new ObjectClient(log)
  const calls = adds(hits, 2)
  t.deepEqual(await outcomes(log, [...calls, client.close()]), [1, 2, undefined])
  await watching.sync()
  t.deepEqual(watching.sessions(), [])
})

test('O4: a session of its own can be closed, the others go on', async (t) => {
  const log = new FakeLog()
  const client = new ObjectClient(log, { types: [Counter] })
  const session = await client.session({ name: 'short' })
  const [mine, own] = [await session.open(Counter, '/hits'), await client.open(Counter, '/hits')]
  await outcomes(log, adds(mine, 2))
  await outcomes(log, [session.close()])
  t.deepEqual(await outcomes(log, [...adds(mine, 1), ...adds(own, 1)]), ['CLOSED', 3])
  t.deepEqual(
    client.sessions().map(({ session: one }) => one),
    [client.own.position],
  )
})

const fate = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fate>('stored') },
  { weight: 4, arbitrary: fc.constantFrom<Fate>('junk', 'twice', 'lost', 'unknown', 'late') },
)
const burst = fc.record({
  session: fc.integer({ min: 0, max: 3 }),
  calls: fc.integer({ min: 1, max: 6 }),
  steps: fc.integer({ min: 0, max: 2 }),
  pushing: fc.boolean(),
  patience: fc.constantFrom(30, 5_000),
})

interface Told {
  readonly session: number
  readonly n: number
  readonly answer: unknown
}

type Burst = {
  readonly session: number
  readonly calls: number
  readonly steps: number
  readonly pushing: boolean
  readonly patience: number
}
interface Told {
  readonly session: number
  readonly n: number
  readonly answer: unknown
}
type Trails = Handle<{ count: number }, { marks: { session: number; n: number } }, typeof Trail.ops>

test('O4: under any fates ops apply at most once, in call order, as acknowledged, and all views agree', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { maxLength: 60 }),
      fc.array(burst, { minLength: 1, maxLength: 12 }),
      async (plan, bursts) => {
        const { log, clients, sessions, trail, told } = await play(plan, bursts)
        const late = new ObjectClient(log, { types: [Trail] })
        await Promise.all([...clients, late].map((client) => client.sync()))
        const positions = sessions.map(({ position }) => position ?? -1)
        const applied = [...trail.tables.marks.range()].map(([position, { session, n }]) => ({
          position: Number(position),
          session: positions.indexOf(session),
          n,
        }))
        const orders = positions.map((_, i) => applied.filter(({ session }) => session === i).map(({ n }) => n))
        t.deepEqual(
          orders,
          orders.map((order) => [...new Set(order)].sort((a, b) => a - b)),
        )
        t.deepEqual(
          told.filter((one) => !agrees(one, applied)),
          [],
        )
        t.deepEqual(
          clients.map((client) => client.digest()),
          [late.digest(), late.digest()],
        )
        t.deepEqual(
          positions.map((position) => late.sessions().find(({ session }) => session === position)?.next ?? 0),
          positions.map((_, i) => told.filter(({ session }) => session === i).length),
        )
      },
    ),
    { numRuns: 300 },
  )
})

/** Four sessions of two clients call in bursts; then everything settles. */
async function play(plan: readonly Fate[], bursts: readonly Burst[]) {
  const log = new FakeLog()
  log.fate = (grant) => plan[grant] ?? 'stored'
  const [one, other] = [new ObjectClient(log, { types: [Trail] }), new ObjectClient(log, { types: [Trail] })]
  const sessions = await Promise.all([one.session(), other.session(), one.session(), other.session()])
  const trails = await Promise.all(sessions.map((session) => session.open(Trail, '/trail')))
  const calls: Promise<Told>[] = []
  for (const { session, calls: count, steps, pushing, patience } of bursts) {
    log.pushing = pushing
    for (let i = 0; i < count; i++) calls.push(mark(trails[session], session, calls.length, patience))
    await log.settle(steps)
  }
  log.pushing = true
  const told = Promise.all(calls)
  await log.settle(200)
  return { log, clients: [one, other], sessions, trail: await one.open(Trail, '/trail'), told: await told }
}

async function mark(trail: Trails | undefined, session: number, n: number, timeoutMs: number): Promise<Told> {
  try {
    return { session, n, answer: await trail?.mark({ n }, { timeoutMs }) }
  } catch (thrown) {
    return { session, n, answer: isError(thrown) ? thrown.code : thrown }
  }
}

/** An answer is the position of the one mark; a time-out leaves open whether there is one. */
function agrees(
  { session, n, answer }: Told,
  applied: readonly { position: number; session: number; n: number }[],
): boolean {
  const found = applied.filter((one) => one.n === n)
  if (answer === 'TIMEOUT') return found.length <= 1
  return found.length === 1 && found.every((one) => one.position === answer && one.session === session)
}
