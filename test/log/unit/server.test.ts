/** The unit's server: what a broken disk or a strange message does to it. */
import test from 'ava'
import { Cluster } from '../../../log/cluster/cluster.ts'
import { init } from '../../../log/epochs/genesis.ts'
import { SirtakiError, isError } from '../../../log/errors.ts'
import { limits } from '../../../log/limits.ts'
import type { Ports, Register } from '../../../log/ports.ts'
import { MemoryStore } from '../../../log/unit/memory-store.ts'
import { UnitServer } from '../../../log/unit/server.ts'
import { Empty, Identity, JunkAnswer, Promised } from '../../../log/wire/control.ts'
import { memoryTransport } from '../../../log/wire/memory-transport.ts'
import { HandClock, countingRandom } from '../../harness/hand-clock.ts'
import { HandCluster, payload } from '../../harness/hand-cluster.ts'

class TestRegister implements Register {
  #kept: string | undefined
  broken = false
  read(): string | undefined {
    return this.#kept
  }
  write(value: string): void {
    if (this.broken) throw new SirtakiError('IO', 'the disk is full')
    this.#kept = value
  }
}

class TestStore extends MemoryStore {
  broken = false
  override commit(...[commit, done]: Parameters<MemoryStore['commit']>): void {
    if (this.broken) done(new SirtakiError('IO', 'the disk is full'))
    else super.commit(commit, done)
  }
}

async function start(): Promise<{
  readonly server: UnitServer
  readonly raw: Cluster
  readonly register: TestRegister
  readonly store: TestStore
  readonly outcome: <T>(promise: Promise<T>) => Promise<unknown>
}> {
  const clock = new HandClock()
  const ports: Ports = { clock, random: countingRandom(), transport: memoryTransport(clock) }
  const register = new TestRegister()
  const store = new TestStore('u')
  const server = new UnitServer({ ports, limits, store, register, address: 'unit', name: 'unit' })
  await server.listen()
  const raw = new Cluster({ ports, limits, name: 'raw', addresses: ['unit'] })
  const outcome = async <T>(promise: Promise<T>): Promise<unknown> => {
    let result: unknown = 'waiting'
    promise.then(
      () => {
        result = 'done'
      },
      (thrown: unknown) => {
        result = isError(thrown) ? thrown.code : thrown
      },
    )
    await clock.advance(10)
    return result
  }
  await outcome(init(raw, { chains: [['unit']] }))
  return { server, raw, register, store, outcome }
}

test('L10: after the first error of the store nothing is acknowledged any more', async (t) => {
  const { server, raw, store, outcome } = await start()
  store.broken = true
  t.is(
    await outcome(
      raw.peer('unit').control('junk', { epoch: 1, first: true, ranges: [{ from: 0, to: 1, step: 1 }] }, JunkAnswer),
    ),
    'waiting',
  )
  t.is(server.stopped?.code, 'IO')
  store.broken = false
  t.is(
    await outcome(
      raw.peer('unit').control('junk', { epoch: 1, first: true, ranges: [{ from: 1, to: 2, step: 1 }] }, JunkAnswer),
    ),
    'STOPPED',
  )
})

test('L10: after the first error of the register nothing is acknowledged any more', async (t) => {
  const { server, raw, register, outcome } = await start()
  const cluster = raw.layout?.cluster ?? ''
  register.broken = true
  await outcome(raw.peer('unit').control('prepare', { cluster, slot: 2, rank: { round: 1, proposer: 'p' } }, Promised))
  t.is(server.stopped?.code, 'IO')
})

test('a range of junk beyond every bound is refused, and the unit goes on', async (t) => {
  const { raw, outcome } = await start()
  t.is(
    await outcome(
      raw
        .peer('unit')
        .control('junk', { epoch: 1, first: true, ranges: [{ from: 0, to: 20_000_000, step: 1 }] }, JunkAnswer),
    ),
    'BAD_ARGUMENT',
  )
  t.is(await outcome(raw.peer('unit').control('identify', {}, Identity)), 'done')
})

test('strange control messages are refused by name, and the unit goes on', async (t) => {
  const { server, raw, outcome } = await start()
  t.is(await outcome(raw.peer('unit').control('seal', { cluster: 'c1' }, Empty)), 'BAD_FRAME')
  t.is(await outcome(raw.peer('unit').control('install', { layout: null }, Empty)), 'BAD_FRAME')
  t.is(await outcome(raw.peer('unit').request('token', new Uint8Array(0))), 'UNSUPPORTED')
  t.is(await outcome(raw.peer('unit').request('store', new Uint8Array([1, 2, 3]))), 'BAD_FRAME')
  t.is(await outcome(raw.peer('unit').control('identify', {}, Identity)), 'done')
  t.is(server.stopped, undefined)
})

// Seed 29: a spare was promoted, the driver died before it had installed the epoch, then another acceptor was lost: no
// majority ever again.
test('Y1: an acceptor whose epoch was never installed here takes part when a proposer tells of it', async (t) => {
  const hand = await HandCluster.start({}, { units: 3 })
  const spare = await hand.blank('unit-3')
  const base = await hand.drive({ spares: ['unit-3'] })
  t.false(spare.acceptor.initialised)
  const raw = await hand.raw()
  const prepare = (layout: object): Promise<unknown> =>
    hand.outcome(
      raw
        .peer('unit-3')
        .control(
          'prepare',
          { cluster: base.cluster, slot: base.epoch + 2, rank: { round: 1, proposer: 'p' }, base: layout },
          Promised,
        )
        .then(({ promised }) => promised),
      1,
    )
  t.is(await prepare(base), 'NOT_READY/refresh')
  const promoted = {
    ...base,
    epoch: base.epoch + 1,
    acceptors: [...base.acceptors.slice(0, 2), { identity: spare.acceptor.identity, address: 'unit-3' }],
  }
  t.is(await prepare({ ...promoted, cluster: 'another' }), 'NOT_READY/refresh')
  t.is(await prepare(promoted), true)
})

test('P24: a detector is told how long a commit takes while it is under way', async (t) => {
  const hand = await HandCluster.start({ probeMs: 40, slowForMs: 60_000 }, { units: 3 })
  hand.store('unit-2').stalled = true
  void (await hand.client()).append(new Uint8Array(1)).catch(() => undefined)
  const { epoch } = hand.sequencer.machine
  await hand.advance(1_000)
  t.deepEqual([hand.sequencer.machine.epoch, hand.unit('unit-2').commitMs > 900], [epoch, true])
  hand.store('unit-2').goOn()
})

test('Q4: marks need no commit: what they decide is pushed while the disk is busy', async (t) => {
  const hand = await HandCluster.start()
  const [writer, other, reader] = [await hand.client('a'), await hand.client('b'), await hand.client('reader')]
  const got: number[] = []
  const ended = new AbortController()
  const subscribed = (async (): Promise<void> => {
    for await (const entry of reader.subscribe({ stream: 27, signal: ended.signal })) got.push(entry.position)
  })()
  await hand.advance(50)
  hand.store('unit-0').commitMs = 100
  void writer.append(payload(1), { streams: [27] })
  await hand.advance(50)
  // Its commit begins when that of the first is done, and takes another 100 ms.
  void other.append(payload(2))
  await hand.advance(90)
  t.is(got.length, 1)
  ended.abort()
  await hand.advance(50)
  await subscribed
})

test('Q3: an idle cluster does not forget how late it is: the next sequencer goes on from there', async (t) => {
  const hand = await HandCluster.start({ probeMs: 200 })
  const log = await hand.client()
  const before = await hand.done(log.append(payload(1)), 50)
  await hand.advance(600_000)
  await hand.sequencer.close()
  const next = await hand.sequencerAt('sequencer-2')
  await hand.done(next.start({ takeOver: true }), 5_000)
  const after = await hand.done(log.append(payload(2)), 5_000)
  t.true(after.logTime - before.logTime >= 600_000 - 200, String(after.logTime - before.logTime))
})
