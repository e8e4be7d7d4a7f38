/**
 * Sessions at the sequencer, over a whole cluster on a clock in the hands of the test. A session's timeout is two
 * seconds unless said otherwise.
 */
import test, { type ExecutionContext } from 'ava'
import type { LogClient } from '../../log/client/client.ts'
import type { Entry } from '../../log/entry.ts'
import type { SequencerServer } from '../../sequencer/server.ts'
import {
  encodeEnd,
  encodeOpen,
  encodeResume,
  readSessionEntry,
  type SessionEntry,
  type SessionInfo,
} from '../../sequencer/session-entry.ts'
import { SessionTable } from '../../sequencer/session-table.ts'
import { HandCluster, payload } from '../harness/hand-cluster.ts'

const info: SessionInfo = { name: 'a', timeoutMs: 2_000, ids: [], types: [], process: '0123456789abcdef' }

/** A cluster whose sequencer has served for longer than it waits for the confirmations of others. */
async function start(): Promise<{ readonly hand: HandCluster; readonly log: LogClient }> {
  const hand = await HandCluster.start()
  const log = await hand.client()
  const first = await open(hand, log, 600_000)
  await hand.advance(600)
  await hand.done(log.appendAnywhere(encodeEnd(first, 0, true), { streams: [0, 1] }), 5)
  return { hand, log }
}

/** Opens a session; gives its position. */
async function open(hand: HandCluster, log: LogClient, timeoutMs = 2_000): Promise<number> {
  const appended = log.appendAnywhere(encodeOpen({ ...info, timeoutMs }), { streams: [0, 1] })
  return (await hand.done(appended, 5)).position
}

/** Another process takes a session over; gives its new incarnation. */
async function resume(hand: HandCluster, log: LogClient, incarnation: number): Promise<number> {
  const appended = log.appendAnywhere(encodeResume(incarnation, info), { streams: [0, 1] })
  return (await hand.done(appended, 5)).position
}

/** Heartbeats for so long, one every 200 ms; gives what each was answered, the last one at the end. */
async function beat(hand: HandCluster, log: LogClient, incarnation: number, ms: number): Promise<unknown[]> {
  const answers: unknown[] = []
  for (let went = 0; went < ms; went += 200) {
    await hand.advance(190)
    const answered = log.heartbeat([incarnation], { timeoutMs: 10 }).then(({ confirmed }) => confirmed[0])
    answers.push(await hand.outcome(answered, 10))
  }
  return answers
}

async function readStream(hand: HandCluster, log: LogClient, stream: number): Promise<Entry[]> {
  return hand.done(log.readStream({ stream }), 50)
}

/** The live incarnations, as everybody folds them from the log. */
async function live(hand: HandCluster, log: LogClient): Promise<number[]> {
  const table = new SessionTable()
  for (const { position, epoch, streams, payload: bytes } of await readStream(hand, log, 0)) {
    const decoded = readSessionEntry(bytes)
    if (decoded !== undefined) {
      table.apply({ position, epoch, streams: streams.map(({ stream }) => stream) }, decoded)
    }
  }
  return table.all().map(({ incarnation }) => incarnation)
}

async function entries(hand: HandCluster, log: LogClient, stream: number): Promise<SessionEntry[]> {
  return (await readStream(hand, log, stream)).flatMap(({ payload: bytes }) => readSessionEntry(bytes) ?? [])
}
/** The ends that sequencers have appended. */
const ends = async (hand: HandCluster, log: LogClient): Promise<SessionEntry[]> =>
  (await entries(hand, log, 0)).filter((one) => one.kind === 'end' && one.epoch > 0)
/** The ticks of the space `/`. */
const ticks = async (hand: HandCluster, log: LogClient): Promise<SessionEntry[]> =>
  (await entries(hand, log, 1)).filter(({ kind }) => kind === 'tick')

const sessionsOf = (server: SequencerServer): unknown => server.status()['sessions']

async function standingBy(hand: HandCluster, address: string): Promise<SequencerServer> {
  const server = await hand.sequencerAt(address)
  await hand.done(server.standBy(), 100)
  return server
}

/** Another sequencer takes the place from one that lives. */
async function takeOver(hand: HandCluster, server: SequencerServer): Promise<void> {
  await hand.done(server.start({ takeOver: true }), 100)
}

/** Another epoch, with the same sequencer. */
async function another(hand: HandCluster): Promise<void> {
  await hand.blank('unit-1')
  await hand.drive({ join: [{ address: 'unit-1' }] }, 50)
}

const allTrue = (t: ExecutionContext, answers: readonly unknown[]): void => {
  t.deepEqual(
    answers,
    answers.map(() => true),
  )
}

test('O5: a session that falls silent is ended after its timeout, not before, and once', async (t) => {
  const { hand, log } = await start()
  const session = await open(hand, log)
  await hand.advance(1_900)
  t.deepEqual(await live(hand, log), [session])
  await hand.advance(200)
  t.deepEqual(await live(hand, log), [])
  await hand.advance(5_000)
  t.deepEqual(await ends(hand, log), [
    { kind: 'end', incarnation: session, epoch: hand.sequencer.machine.epoch, clean: false },
  ])
  t.deepEqual(sessionsOf(hand.sequencer), { live: 0, ending: 0 })
})

test('O5: a session that is heard of is confirmed every time and never ended', async (t) => {
  const { hand, log } = await start()
  const session = await open(hand, log)
  allTrue(t, await beat(hand, log, session, 20_000))
  t.deepEqual(await live(hand, log), [session])
  t.deepEqual(await ends(hand, log), [])
})

test('one heartbeat speaks for many sessions, and tells the tail of the space', async (t) => {
  const { hand, log } = await start()
  const sessions = [await open(hand, log), await open(hand, log, 60_000), await open(hand, log)]
  await hand.advance(1_000)
  const answer = await hand.done(log.heartbeat(sessions), 5)
  t.deepEqual(answer.confirmed, [true, true, true])
  t.is(answer.epoch, hand.sequencer.machine.epoch)
  t.deepEqual([answer.tail], hand.sequencer.machine.tails(answer.epoch, [1]).streams)
  t.true(answer.tail > Math.max(...sessions))
  await hand.advance(1_900)
  t.deepEqual(await live(hand, log), sessions)
  await hand.advance(200)
  t.deepEqual(await live(hand, log), sessions.slice(1, 2))
})

test('O5: an end that a deposed sequencer decided does not count', async (t) => {
  const { hand, log } = await start()
  const session = await open(hand, log)
  allTrue(t, await beat(hand, log, session, 400))
  hand.wire('sequencer').hold('unit-0')
  const second = await standingBy(hand, 'second')
  await takeOver(hand, second)
  await beat(hand, log, session, 400)
  allTrue(t, await beat(hand, log, session, 3_000))
  hand.wire('sequencer').release('unit-0')
  allTrue(t, await beat(hand, log, session, 3_000))
  t.deepEqual(await live(hand, log), [session])
  t.true((await ends(hand, log)).length > 0, 'it decided nothing')
  t.is(hand.sequencer.role, 'deposed')
})

test('O5: nobody is confirmed while the epoch cannot be proved current', async (t) => {
  const { hand, log } = await start()
  const session = await open(hand, log)
  allTrue(t, await beat(hand, log, session, 1_000))
  hand.wire('sequencer').hold('unit-0')
  await beat(hand, log, session, 600)
  t.deepEqual(await beat(hand, log, session, 1_000), [false, false, false, false, false])
  hand.wire('sequencer').release('unit-0')
  allTrue(t, await beat(hand, log, session, 1_000))
  t.deepEqual(await live(hand, log), [session])
})

test('O5: a proof counts from its beginning, however late its answer comes', async (t) => {
  const { hand, log } = await start()
  const session = await open(hand, log)
  hand.wire('sequencer').late('unit-0', 440)
  await beat(hand, log, session, 1_600)
  hand.wire('sequencer').hold('unit-0')
  t.is((await beat(hand, log, session, 200)).at(-1), false)
})

test('O5: a proof grows old while the machine is suspended', async (t) => {
  const { hand, log } = await start()
  const session = await open(hand, log)
  allTrue(t, await beat(hand, log, session, 1_000))
  hand.clock.suspend(600)
  const late = log.heartbeat([session]).then(({ confirmed }) => confirmed[0])
  t.is(await hand.outcome(late, 0), false)
  allTrue(t, await beat(hand, log, session, 400))
})

test('O5: nobody is confirmed whose end has begun', async (t) => {
  const { hand, log } = await start()
  const session = await open(hand, log)
  hand.store('unit-0').full = true
  void log.append(payload(0)).catch(() => undefined)
  await hand.advance(2_500)
  t.deepEqual(sessionsOf(hand.sequencer), { live: 1, ending: 1 })
  t.deepEqual(await beat(hand, log, session, 600), [false, false, false])
})

test('O5: after another sequencer the next one waits for a timeout and as long as a proof is good for', async (t) => {
  const { hand, log } = await start()
  const session = await open(hand, log)
  const second = await standingBy(hand, 'second')
  await beat(hand, log, session, 3_000)
  const from = hand.clock.now()
  await takeOver(hand, second)
  await hand.advance(from + 2_450 - hand.clock.now())
  t.deepEqual(await live(hand, log), [session])
  await hand.advance(from + 2_700 - hand.clock.now())
  t.deepEqual(await live(hand, log), [])
})

test('a sequencer that opens another epoch needs to wait for nobody', async (t) => {
  const { hand, log } = await start()
  await open(hand, log)
  const { epoch } = hand.sequencer.machine
  await hand.advance(1_000)
  await another(hand)
  t.is(hand.sequencer.machine.epoch, epoch + 1)
  await hand.advance(1_100)
  t.deepEqual(await live(hand, log), [])
})

test('O5: a session resumed just before its end goes on, and that end is void', async (t) => {
  const { hand, log } = await start()
  const session = await open(hand, log)
  await hand.advance(1_800)
  hand.wire('sequencer').late('unit-0', 300)
  await hand.advance(150)
  const resumed = await resume(hand, log, session)
  await beat(hand, log, resumed, 800)
  hand.wire('sequencer').late('unit-0', 0)
  allTrue(t, await beat(hand, log, resumed, 3_000))
  t.deepEqual(await live(hand, log), [resumed])
  t.deepEqual(await ends(hand, log), [
    { kind: 'end', incarnation: session, epoch: hand.sequencer.machine.epoch, clean: false },
  ])
  t.deepEqual(sessionsOf(hand.sequencer), { live: 1, ending: 0 })
})

test('while a disk is full nothing ends; with room again it does', async (t) => {
  const { hand, log } = await start()
  const session = await open(hand, log)
  hand.store('unit-0').full = true
  void log.append(payload(0)).catch(() => undefined)
  await hand.advance(8_000)
  t.deepEqual(await live(hand, log), [session])
  t.deepEqual(sessionsOf(hand.sequencer), { live: 1, ending: 1 })
  hand.store('unit-0').full = false
  await hand.advance(3_000)
  t.deepEqual(await live(hand, log), [])
  t.deepEqual(sessionsOf(hand.sequencer), { live: 0, ending: 0 })
})

test('many sessions that fall silent together are ended a few hundred at a time', async (t) => {
  const { hand, log } = await start()
  const opening = Array.from({ length: 600 }, () => log.appendAnywhere(encodeOpen(info), { streams: [0, 1] }))
  await hand.done(Promise.all(opening), 50)
  t.deepEqual(sessionsOf(hand.sequencer), { live: 600, ending: 0 })
  await hand.advance(2_200)
  t.deepEqual(await live(hand, log), [])
  t.is((await ends(hand, log)).length, 600)
  t.true((hand.wire('sequencer').most.get('token')?.entries ?? 0) <= 257)
})

test('the serving sequencer says what time it is: with the first session, in each epoch, when it is off', async (t) => {
  const hand = await HandCluster.start()
  const log = await hand.client()
  await hand.advance(3_000)
  t.deepEqual(await readStream(hand, log, 1), [])
  await open(hand, log, 600_000)
  await hand.advance(5_000)
  const { epoch } = hand.sequencer.machine
  t.is((await ticks(hand, log)).length, 1)
  hand.clock.wallAheadMs += 3_600_000
  await hand.advance(100)
  const told = await ticks(hand, log)
  t.is(told.length, 2)
  t.like(told[1], { kind: 'tick', epoch })
  t.true(told[1]?.kind === 'tick' && told[1].wall > 3_600_000 && told[1].wall <= 3_600_000 + hand.clock.now())
  await another(hand)
  await hand.advance(100)
  t.like((await ticks(hand, log))[2], { kind: 'tick', epoch: epoch + 1 })
})

test('without sessions nobody is asked for anything', async (t) => {
  const hand = await HandCluster.start()
  const log = await hand.client()
  await hand.advance(5_000)
  t.is(hand.wire('sequencer').of('current').length, 0)
  t.is(hand.wire('sequencer').of('token').length, 0)
  const session = await open(hand, log)
  await beat(hand, log, session, 1_000)
  t.true(hand.wire('sequencer').of('current').length >= 8)
  await hand.advance(3_000)
  const { length } = hand.wire('sequencer').of('current')
  await hand.advance(3_000)
  t.is(hand.wire('sequencer').of('current').length, length)
})

test('what was trimmed is not waited for: sessions opened later are kept', async (t) => {
  const { hand, log } = await start()
  await open(hand, log, 600_000)
  const trimmed = await open(hand, log, 600_000)
  await hand.done(log.trim(trimmed + 1), 50)
  const second = await standingBy(hand, 'second')
  await hand.advance(500)
  await takeOver(hand, second)
  const session = await open(hand, log)
  await hand.advance(1_000)
  allTrue(t, await beat(hand, log, session, 1_000))
  await hand.advance(5_000)
  const left = await hand.done(log.readStream({ stream: 0, from: session }), 50)
  t.deepEqual(
    left.map(({ payload: bytes }) => readSessionEntry(bytes)?.kind),
    ['open', 'end'],
  )
})
