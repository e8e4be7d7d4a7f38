/** The sequencer's server over a whole cluster in memory: what one client sends does not hurt another. */
import test from 'ava'
import { LogClient } from '../../log/client/client.ts'
import { Cluster } from '../../log/cluster/cluster.ts'
import { init } from '../../log/epochs/genesis.ts'
import { SirtakiError, isError, type Code } from '../../log/errors.ts'
import { limits as usual } from '../../log/limits.ts'
import type { Ports } from '../../log/ports.ts'
import { MemoryStore, memoryRegister } from '../../log/unit/memory-store.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { memoryTransport } from '../../log/wire/memory-transport.ts'
import { readGrant, writeToken } from '../../log/wire/messages.ts'
import { keepSequencer } from '../../sequencer/keep.ts'
import { SequencerServer } from '../../sequencer/server.ts'
import { HandClock, countingRandom } from '../harness/hand-clock.ts'
import { HandCluster } from '../harness/hand-cluster.ts'

const limits = { ...usual, window: 4 }

/** The value of a promise that must settle within `ms`. */
async function within<T>(clock: HandClock, promise: Promise<T>, ms = 2_000): Promise<T> {
  promise.catch(() => undefined)
  await clock.advance(ms)
  return promise
}

/** The next time that a sequencer hears how far all is decided, a rule of its own does not hold. */
function breakRules({ machine }: SequencerServer): void {
  Object.assign(machine, {
    decided: () => {
      throw new SirtakiError('INVARIANT', 'a rule does not hold')
    },
  })
}

/** One unit and one sequencer with a window of four. */
async function start(): Promise<{
  readonly clock: HandClock
  readonly ports: Ports
  readonly raw: Cluster
  readonly unit: UnitServer
  readonly sequencer: SequencerServer
  readonly outcome: <T>(promise: Promise<T>, ms?: number) => Promise<unknown>
}> {
  const clock = new HandClock()
  const ports: Ports = { clock, random: countingRandom(), transport: memoryTransport(clock) }
  const outcome = async <T>(promise: Promise<T>, ms = 0): Promise<unknown> => {
    let result: unknown = 'waiting'
    promise.then(
      (value) => {
        result = value
      },
      (thrown: unknown) => {
        result = isError(thrown) ? thrown.code : thrown
      },
    )
    await clock.advance(ms)
    return result
  }
  const unit = new UnitServer({
    ports,
    limits,
    store: new MemoryStore('u'),
    register: memoryRegister(),
    address: 'unit',
    name: 'unit',
  })
  await unit.listen()
  const raw = new Cluster({ ports, limits, name: 'raw', addresses: ['unit'] })
  await outcome(init(raw, { chains: [['unit']], window: 4 }), 100)
  const sequencer = new SequencerServer({ ports, limits, address: 'sequencer', name: 'sequencer', units: ['unit'] })
  await sequencer.listen()
  await outcome(sequencer.start(), 500)
  await outcome(raw.refresh(), 50)
  return { clock, ports, raw, unit, sequencer, outcome }
}

const token = (raw: Cluster, count: number): Promise<number> =>
  raw
    .peer('sequencer')
    .request('token', writeToken({ epoch: raw.layout?.epoch ?? 0, runs: [{ count, streams: [] }] }))
    .then((body) => readGrant(body).from)

test('nonsense asked for while the window is full is refused, and those behind it are served', async (t) => {
  const { raw, outcome } = await start()
  const granted = [
    await outcome(token(raw, 1)),
    await outcome(token(raw, 1)),
    await outcome(token(raw, 1)),
    await outcome(token(raw, 1)),
  ]
  t.true(granted.every((one) => typeof one === 'number'))
  const waiting = token(raw, 1)
  const nonsense = token(raw, 1000)
  const behind = token(raw, 1)
  t.is(await outcome(waiting), 'waiting')
  t.is(await outcome(nonsense, 1000), 'BAD_ARGUMENT')
  t.is(typeof (await outcome(waiting)), 'number')
  t.is(typeof (await outcome(behind)), 'number')
})

/** A code that this version may not know. */
const isOurs = (code: string): code is Code => code !== ''
const foreign = (code: string): Code => (isOurs(code) ? code : 'INVARIANT')

/**
 * The next question for the decided prefix is refused with this code, as a unit of another version or one with a fault
 * would.
 */
function refuseOnce({ unit: { state } }: UnitServer, code: string): { count: number } {
  const refused = { count: 0 }
  const served = state.requireServing.bind(state)
  Object.assign(state, {
    requireServing: (epoch: number) => {
      if (refused.count++ === 0) throw new SirtakiError(foreign(code), 'a fault of this unit', { next: 'again' })
      return served(epoch)
    },
  })
  return refused
}

for (const code of ['SHED_LOAD', 'INVARIANT']) {
  test(`P64: a sequencer that hears ${code} of a unit goes on`, async (t) => {
    const { raw, unit, sequencer, outcome } = await start()
    const stops: string[] = []
    sequencer.onStopped((error) => {
      stops.push(error.message)
    })
    t.is(typeof (await outcome(token(raw, 1))), 'number')
    const refused = refuseOnce(unit, code)
    // The unit with a fault stops; that is its own matter.
    await outcome(token(raw, 1), 1_000)
    t.true(refused.count > 0)
    t.deepEqual([stops, sequencer.role === 'stopped'], [[], false])
  })
}

test('L11: positions that were granted and never written are resolved, and appends go on', async (t) => {
  const { ports, raw, outcome } = await start()
  const first = await outcome(token(raw, 1))
  const log = new LogClient({ ports, limits, name: 'log', addresses: ['unit'] })
  const appended = await outcome(
    log.append(new Uint8Array([1])).then(({ position }) => position),
    200,
  )
  t.is(appended, Number(first) + 1)
  t.is(
    await outcome(
      log.read(Number(first)).then(({ kind }) => kind),
      500,
    ),
    'junk',
  )
})

test('L11: requests that come closer together than the sequencer looks do not keep it from looking', async (t) => {
  const { raw, outcome } = await start()
  const holes: unknown[] = []
  while (holes.length < 4) holes.push(await outcome(token(raw, 1)))
  t.true(holes.every((one) => typeof one === 'number'))
  const waiting = token(raw, 1)
  // Half a millisecond apart, for longer than a hole may stay one.
  for (let i = 0; i < 400; i++) {
    await outcome(
      token(raw, 1).catch(() => undefined),
      0.5,
    )
  }
  t.is(typeof (await outcome(waiting)), 'number')
})

test('P66: a sequencer that stops by itself is followed by the next, and appends go on', async (t) => {
  const { clock, ports } = await start()
  const options = { ports, limits, address: 'kept', name: 'kept', units: ['unit'] }
  const kept = await within(clock, keepSequencer(options, { takeOver: true }))
  const log = new LogClient({ ports, limits, name: 'log', addresses: ['unit'] })
  const { server } = kept
  breakRules(server)
  const before = await within(clock, log.append(new Uint8Array([1])), 1_000)
  t.is(server.role, 'stopped')
  const after = await within(clock, log.append(new Uint8Array([2])), 4_000)
  t.true(after.position > before.position && after.epoch > before.epoch)
  breakRules(kept.server)
  await within(clock, log.append(new Uint8Array([3])), 1_000)
  const last = await within(clock, log.append(new Uint8Array([4])), 4_000)
  t.true(last.position > after.position && last.epoch > after.epoch)
  t.deepEqual([server.role, kept.server.role], ['stopped', 'ready'])
  await within(clock, kept.close())
  const late = log.append(new Uint8Array([5]), { timeoutMs: 1_000 }).catch((thrown: unknown) => thrown)
  t.like(await within(clock, late, 6_000), { code: 'TIMEOUT' })
})

test('Q3: log time told with tails never goes back over a failover, and covers what is decided', async (t) => {
  const hand = await HandCluster.start({}, { units: 2 })
  const log = await hand.client()
  const reader = await hand.client('reader')
  await hand.advance(500)
  const appended = await hand.done(log.append(new Uint8Array([1])), 5)
  t.true(appended.logTime > 400)
  t.true((await hand.done(log.tail(), 5)).logTime >= appended.logTime)
  await hand.advance(1_500)
  const before = (await hand.done(reader.tail(), 5)).logTime
  t.true(before >= Math.floor(appended.logTime), `${before} after ${appended.logTime}`)
  await hand.sequencer.close()
  const next = await hand.sequencerAt('sequencer-2')
  await hand.done(next.start({ takeOver: true }), 1_000)
  const after = (await hand.done(reader.tail(), 1_000)).logTime
  t.true(after >= before, `${after} after ${before}`)
  const later = await hand.done(log.append(new Uint8Array([2])), 500)
  t.true(later.logTime >= after)
})

test('Q3: a log time that only one unit of a chain has stored is not told with tails', async (t) => {
  const hand = await HandCluster.start({}, { units: 2 })
  const log = await hand.client()
  await hand.done(log.append(new Uint8Array([1])), 50)
  const proven = (await hand.done(log.tail(), 50)).logTime
  await hand.advance(1_000)
  const { logTime } = await hand.storeAt(await hand.raw(), 'unit-0', 3, new Uint8Array([2]))
  t.true(logTime > proven + 900)
  await hand.advance(40)
  t.is((await hand.done(log.tail(), 2)).logTime, proven)
  // The sequencer resolves it: then it is everywhere.
  await hand.advance(500)
  t.is((await hand.done(log.tail(), 2)).logTime, Math.floor(logTime))
})

test('Q3: a token whose entry was never stored proves no log time', async (t) => {
  const hand = await HandCluster.start({}, { units: 2 })
  const log = await hand.client()
  await hand.done(log.append(new Uint8Array([1])), 50)
  const proven = (await hand.done(log.tail(), 50)).logTime
  await hand.advance(1_000)
  await hand.done(hand.token(log.cluster, 1), 5)
  // The sequencer fills what it granted; junk carries no log time.
  await hand.advance(1_000)
  t.is(hand.sequencer.machine.prefix, hand.sequencer.machine.tail)
  t.is((await hand.done(log.tail(), 50)).logTime, proven)
})
