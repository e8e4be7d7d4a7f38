/** Sequencers that stand by, units and sequencers that leave in good order, full disks: over whole clusters in memory. */
import test from 'ava'
import { Cluster } from '../../log/client/cluster.ts'
import { SirtakiError } from '../../log/errors.ts'
import { openSegment, type Layout } from '../../log/layout/layout.ts'
import { reconfigure } from '../../log/layout/reconfigure.ts'
import { Watch } from '../../log/layout/watch.ts'
import type { Ports, Transport } from '../../log/ports.ts'
import { FLAG_ANSWER, FLAG_ERROR, FrameParser, encodeFrame } from '../../log/wire/frame.ts'
import { kinds } from '../../log/wire/messages.ts'
import { readCurrent, writeCurrent } from '../../log/wire/tail-messages.ts'
import { SequencerServer } from '../../sequencer/server.ts'
import { LimitBench, payload } from '../log/limit-bench.ts'
import { acknowledgedOnce, appends } from '../log/limit-drives-client.ts'

const times = { probeMs: 40, stuckMs: 100, requestMs: 1_000 }
/** Three probes, an epoch, and something for luck. */
const NOTICED_MS = 500

function layoutOf(bench: LimitBench): Layout {
  const { layout } = bench.unit('unit-0').unit.state
  if (layout === undefined) throw new Error('no layout')
  return layout
}
const sequencerOf = (bench: LimitBench): string | undefined => layoutOf(bench).sequencer?.address
const chainOf = (bench: LimitBench): string[] => openSegment(layoutOf(bench)).chains.flat().map(({ identity }) => identity)

async function standingBy(bench: LimitBench, address: string): Promise<SequencerServer> {
  const server = await bench.sequencerAt(address)
  await bench.done(server.standBy(), 100)
  return server
}

// ---- standing by

test('P4: who stands by does not depose a sequencer that lives', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  const second = await standingBy(bench, 'second')
  const { epoch } = layoutOf(bench)
  await bench.advance(5_000)
  t.deepEqual([layoutOf(bench).epoch, sequencerOf(bench), second.role, bench.sequencer.role], [epoch, 'sequencer', 'standby', 'ready'])
})

test('P4: who stands by takes the place of a sequencer that is silent, and appends go on', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  const second = await standingBy(bench, 'second')
  const log = await bench.client()
  await bench.done(log.append(payload(9)), 50)
  await bench.sequencer.close()
  await bench.until(() => sequencerOf(bench) === 'second' && second.role === 'ready', NOTICED_MS)
  await acknowledgedOnce(t, bench, log, appends(log, 3), 500)
})

test('P4: a sequencer that is started anew at its address and stands by names itself in the first epoch that goes on', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  const { epoch } = layoutOf(bench)
  await bench.sequencer.close()
  const anew = await standingBy(bench, 'sequencer')
  await bench.until(() => anew.role === 'ready', NOTICED_MS)
  t.deepEqual([layoutOf(bench).epoch, sequencerOf(bench)], [epoch + 1, 'sequencer'])
})

test('P24: a sequencer that cannot be reached is replaced, and notices that it is no longer needed', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  const second = await standingBy(bench, 'second')
  bench.wire('second').hold('sequencer')
  await bench.until(() => sequencerOf(bench) === 'second', NOTICED_MS + 300)
  await bench.until(() => bench.sequencer.deposed, 2_000)
  t.deepEqual([bench.sequencer.role, second.role], ['deposed', 'ready'])
})

test('Q1: of two that stand by exactly one takes the place, and keeps it', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  const both = [await standingBy(bench, 'second'), await standingBy(bench, 'third')]
  await bench.sequencer.close()
  await bench.until(() => ['second', 'third'].includes(sequencerOf(bench) ?? ''), NOTICED_MS)
  await bench.advance(200)
  const winner = sequencerOf(bench)
  const { epoch } = layoutOf(bench)
  await bench.advance(5_000)
  t.deepEqual([sequencerOf(bench), layoutOf(bench).epoch], [winner, epoch])
  t.deepEqual(both.map(({ role }) => role).toSorted(), ['ready', 'standby'])
  await acknowledgedOnce(t, bench, await bench.client(), appends(await bench.client(), 3))
})

test('who was replaced while it stood by stands by again, and takes over once more', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  const second = await standingBy(bench, 'second')
  await bench.sequencer.close()
  await bench.until(() => second.role === 'ready', NOTICED_MS)
  const third = await bench.sequencerAt('third')
  await bench.done(third.start({ takeOver: true }), 300)
  await bench.until(() => second.role === 'standby', 1_000)
  await third.close()
  await bench.until(() => sequencerOf(bench) === 'second' && second.role === 'ready', NOTICED_MS)
  await acknowledgedOnce(t, bench, await bench.client(), appends(await bench.client(), 3))
})

test('who stands by watches over the units too when the sequencer is gone with one of them', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  await standingBy(bench, 'second')
  await bench.sequencer.close()
  await bench.unit('unit-2').close()
  await bench.until(() => sequencerOf(bench) === 'second' && chainOf(bench).length === 2, 2_000)
  await acknowledgedOnce(t, bench, await bench.client(), appends(await bench.client(), 3))
})

test('standing by where no cluster answers ends with an error', async (t) => {
  const bench = await LimitBench.start(times)
  const lost = new SequencerServer({ ports: bench.ports('lost'), limits: bench.limits, address: 'lost', name: 'lost', units: ['nowhere'] })
  await lost.listen()
  t.regex(String(await bench.outcome(lost.standBy({ timeoutMs: 200 }), 3_000)), /^TIMEOUT/)
})

// ---- leaving

test('a sequencer that leaves is replaced at once, and leaves when it is', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  await standingBy(bench, 'second')
  await bench.advance(200)
  const left = bench.sequencer.leave({ timeoutMs: 5_000 })
  t.is(bench.sequencer.role, 'leaving')
  await bench.done(left, 200)
  t.is(sequencerOf(bench), 'second')
  await acknowledgedOnce(t, bench, await bench.client(), appends(await bench.client(), 3))
})

test('until another one is named a sequencer that leaves goes on granting, no longer than it was told', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  const second = await standingBy(bench, 'second')
  await bench.advance(200)
  for (const address of bench.addresses) bench.wire('second').hold(address)
  const left = bench.sequencer.leave({ timeoutMs: 400 })
  const log = await bench.client()
  await acknowledgedOnce(t, bench, log, appends(log, 2), 100)
  t.is(await bench.outcome(left, 200), 'waiting')
  await bench.done(left, 400)
  t.is(sequencerOf(bench), 'sequencer')
  await second.close()
})

test('a sequencer leaves at once where nobody stands by', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  await bench.advance(500)
  t.is(await bench.outcome(bench.sequencer.leave({ timeoutMs: 5_000 }), 1), undefined)
})

test('a unit that leaves is left out at once, and appends hardly wait', async (t) => {
  const bench = await LimitBench.start({ ...times, probeMs: 200 }, { units: 3 })
  const log = await bench.client()
  await bench.advance(300)
  const left = bench.unit('unit-2').leave({ timeoutMs: 5_000 })
  await bench.until(() => chainOf(bench).length === 2, 300)
  await bench.done(left, 100)
  await bench.unit('unit-2').close()
  await acknowledgedOnce(t, bench, log, appends(log, 3))
  t.deepEqual(layoutOf(bench).absent.map(({ identity }) => identity), ['unit-2'])
})

test('a unit leaves at once where its chain has nobody else, or where nobody looks', async (t) => {
  const alone = await LimitBench.start(times)
  t.is(await alone.outcome(alone.unit('unit-0').leave({ timeoutMs: 5_000 }), 1), undefined)
  t.false(alone.unit('unit-0').leaving)
  const unwatched = await LimitBench.start(times, { units: 3 })
  await unwatched.sequencer.close()
  await unwatched.advance(1_000)
  t.is(await unwatched.outcome(unwatched.unit('unit-2').leave({ timeoutMs: 5_000 }), 1), undefined)
})

test('Y4: a unit that is the last copy of a closed segment leaves at once: the others have to wait for it', async (t) => {
  const bench = await LimitBench.start(times)
  await bench.blank('unit-1')
  await bench.drive({ join: [{ address: 'unit-1' }] })
  t.is(await bench.outcome(bench.unit('unit-0').leave({ timeoutMs: 5_000 }), 1), undefined)
  await bench.advance(1_000)
  t.deepEqual(chainOf(bench), ['unit-0', 'unit-1'])
})

// ---- starting

test('Q1: who starts and hears of an old epoch first, whose sequencer was deposed, is told of the one that lives', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  await bench.drive({ drop: ['unit-2'] })
  const second = await bench.sequencerAt('second')
  await bench.done(second.start({ takeOver: true }), 300)
  await bench.until(() => bench.sequencer.deposed, 500)
  const third = new SequencerServer({ ports: bench.ports('third'), limits: bench.limits, address: 'third', name: 'third', units: ['unit-2'] })
  await third.listen()
  t.is(await bench.outcome(third.start(), 500), 'IN_USE/stop')
  await second.close()
  await bench.done(third.start(), 1_000)
  t.is(sequencerOf(bench), 'third')
})

for (const who of ['a unit that nobody looks at', 'who stands by'] as const) test(`L11: a driver dies before it tells the sequencer of its epoch: ${who} sees to it`, async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  if (who === 'who stands by') await standingBy(bench, 'third')
  else bench.supervise('unit-0')
  const second = await bench.sequencerAt('second')
  const { epoch } = layoutOf(bench)
  const operator = new Cluster({ ports: bench.ports('operator'), limits: bench.limits, name: 'operator', addresses: bench.addresses })
  const died = new SirtakiError('BAD_ARGUMENT', 'it dies')
  const driving = reconfigure(operator, { sequencer: second.member }, { step: (text) => { if (text.startsWith('starting the sequencer')) throw died } })
  t.is(await bench.outcome(driving, 300), 'BAD_ARGUMENT/stop')
  operator.close()
  t.true(layoutOf(bench).epoch > epoch)
  // It lives: to tell it takes less than another epoch.
  await bench.until(() => bench.unit('unit-0').unit.state.opened === layoutOf(bench).epoch && second.role === 'ready', 5_000)
  t.is(sequencerOf(bench), 'second')
  await acknowledgedOnce(t, bench, await bench.client(), appends(await bench.client(), 3))
})

// ---- full disks

/** A transport over which units in `full` say that their disk is full. */
const telling = (inner: Transport, full: ReadonlySet<string>): Transport => ({
  listen: (address, accept) => inner.listen(address, accept),
  connect: (address, events) => {
    const parser = new FrameParser(1 << 26)
    return inner.connect(address, { opened: () => { events.opened() }, closed: (error) => { events.closed(error) }, data: (bytes) => {
      parser.push(bytes, ({ kind, flags, request, body }) => {
        const isCurrent = (kind === kinds.watch || kind === kinds.current) && (flags & FLAG_ANSWER) !== 0 && (flags & FLAG_ERROR) === 0
        events.data(encodeFrame(kind, flags, request, isCurrent ? writeCurrent({ ...readCurrent(body), full: full.has(address) }) : body))
      })
    } })
  },
})

test('a watch knows a unit whose disk is full, and that it has room again', async (t) => {
  const bench = await LimitBench.start(times, { units: 2 })
  const full = new Set<string>()
  const ports: Ports = { ...bench.ports('watch'), transport: telling(bench.ports('watch').transport, full) }
  const watch = new Watch(new Cluster({ ports, limits: bench.limits, name: 'watch', addresses: bench.addresses, layout: layoutOf(bench) }))
  await bench.done(watch.look(), 100)
  t.is(watch.full, undefined)
  full.add('unit-1')
  await bench.done(watch.look(), 100)
  t.is(watch.full, 'unit-1')
  full.clear()
  await bench.done(watch.look(), 100)
  t.is(watch.full, undefined)
})

/** Takes the place of the sequencer with one that hears which units are full. */
async function takeOver(bench: LimitBench, full: ReadonlySet<string>): Promise<void> {
  const ports = bench.ports('second')
  const second = new SequencerServer({ ports: { ...ports, transport: telling(ports.transport, full) }, limits: bench.limits, address: 'second', name: 'second', units: bench.addresses })
  await second.listen()
  await bench.done(second.start({ takeOver: true }), 300)
}

test('while the disk of a unit is full appends are refused at once with the reason, reads go on; then all goes on', async (t) => {
  const bench = await LimitBench.start(times, { units: 2 })
  const log = await bench.client()
  const { position } = await bench.done(log.append(payload(1)), 50)
  const full = new Set<string>()
  await takeOver(bench, full)
  await acknowledgedOnce(t, bench, log, appends(log, 2))
  full.add('unit-1')
  await bench.advance(200)
  t.is(await bench.outcome(log.append(payload(2)), 50), 'FULL/again')
  t.is((await bench.done(log.read(position), 50)).kind, 'data')
  t.is(typeof await bench.outcome(log.tail(), 50), 'object')
  full.clear()
  await bench.advance(200)
  await acknowledgedOnce(t, bench, log, appends(log, 2))
})

test('a unit that was full and is left out no longer holds appends back', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  await takeOver(bench, new Set(['unit-2']))
  await bench.advance(200)
  const log = await bench.client()
  t.is(await bench.outcome(log.append(payload(1)), 50), 'FULL/again')
  await bench.drive({ drop: ['unit-2'] })
  await bench.advance(200)
  await acknowledgedOnce(t, bench, log, appends(log, 2))
})
