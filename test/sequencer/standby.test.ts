/**
 * Sequencers that stand by, units and sequencers that leave in good order, full disks: over whole clusters in memory.
 */
import test from 'ava'
import { Cluster } from '../../log/cluster/cluster.ts'
import { Guard } from '../../log/epochs/guard.ts'
import { reconfigure } from '../../log/epochs/reconfigure.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import { openSegment, type Layout } from '../../log/layout.ts'
import type { Ports, Transport } from '../../log/ports.ts'
import { FLAG_ANSWER, FLAG_ERROR, FrameParser, encodeFrame } from '../../log/wire/frame.ts'
import { kinds } from '../../log/wire/messages.ts'
import { readCurrent, writeCurrent } from '../../log/wire/tail-messages.ts'
import { SequencerServer } from '../../sequencer/server.ts'
import { HandCluster, payload } from '../harness/hand-cluster.ts'
import { acknowledgedOnce, appends } from '../log/limits/client.ts'

const times = { probeMs: 40, stuckMs: 100, requestMs: 1_000 }
/** Three probes, an epoch, and something for luck. */
const NOTICED_MS = 500

function layoutOf(hand: HandCluster): Layout {
  const { layout } = hand.unit('unit-0').unit.state
  if (layout === undefined) throw new Error('no layout')
  return layout
}
const sequencerOf = (hand: HandCluster): string | undefined => layoutOf(hand).sequencer?.address
const chainOf = (hand: HandCluster): string[] =>
  openSegment(layoutOf(hand))
    .chains.flat()
    .map(({ identity }) => identity)

const codeOf = (thrown: unknown): string => asError(thrown).code

async function standingBy(hand: HandCluster, address: string): Promise<SequencerServer> {
  const server = await hand.sequencerAt(address)
  await hand.done(server.standBy(), 100)
  return server
}

// ---- standing by

test('P4: who stands by does not depose a sequencer that lives', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  const second = await standingBy(hand, 'second')
  const { epoch } = layoutOf(hand)
  await hand.advance(5_000)
  t.deepEqual(
    [layoutOf(hand).epoch, sequencerOf(hand), second.role, hand.sequencer.role],
    [epoch, 'sequencer', 'standby', 'ready'],
  )
})

test('P4: who stands by takes the place of a sequencer that is silent, and appends go on', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  const second = await standingBy(hand, 'second')
  const log = await hand.client()
  await hand.done(log.append(payload(9)), 50)
  await hand.sequencer.close()
  await hand.until(() => sequencerOf(hand) === 'second' && second.role === 'ready', NOTICED_MS)
  await acknowledgedOnce(t, hand, log, appends(log, 3), 500)
})

test('P4: a sequencer that is restarted as a standby names itself in the first epoch that goes on', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  const { epoch } = layoutOf(hand)
  await hand.sequencer.close()
  const anew = await standingBy(hand, 'sequencer')
  await hand.until(() => anew.role === 'ready', NOTICED_MS)
  t.deepEqual([layoutOf(hand).epoch, sequencerOf(hand)], [epoch + 1, 'sequencer'])
})

test('P24: a sequencer that cannot be reached is replaced, and notices that it is no longer needed', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  const second = await standingBy(hand, 'second')
  hand.wire('second').hold('sequencer')
  await hand.until(() => sequencerOf(hand) === 'second', NOTICED_MS + 300)
  await hand.until(() => hand.sequencer.deposed, 2_000)
  t.deepEqual([hand.sequencer.role, second.role], ['deposed', 'ready'])
})

test('Q1: of two that stand by exactly one takes the place, and keeps it', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  const both = [await standingBy(hand, 'second'), await standingBy(hand, 'third')]
  await hand.sequencer.close()
  await hand.until(() => ['second', 'third'].includes(sequencerOf(hand) ?? ''), NOTICED_MS)
  await hand.advance(200)
  const winner = sequencerOf(hand)
  const { epoch } = layoutOf(hand)
  await hand.advance(5_000)
  t.deepEqual([sequencerOf(hand), layoutOf(hand).epoch], [winner, epoch])
  t.deepEqual(both.map(({ role }) => role).toSorted(), ['ready', 'standby'])
  await acknowledgedOnce(t, hand, await hand.client(), appends(await hand.client(), 3))
})

test('who was replaced while it stood by stands by again, and takes over once more', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  const second = await standingBy(hand, 'second')
  await hand.sequencer.close()
  await hand.until(() => second.role === 'ready', NOTICED_MS)
  const third = await hand.sequencerAt('third')
  await hand.done(third.start({ takeOver: true }), 300)
  await hand.until(() => second.role === 'standby', 1_000)
  await third.close()
  await hand.until(() => sequencerOf(hand) === 'second' && second.role === 'ready', NOTICED_MS)
  await acknowledgedOnce(t, hand, await hand.client(), appends(await hand.client(), 3))
})

test('who stands by guards the units too when the sequencer is gone with one of them', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  await standingBy(hand, 'second')
  await hand.sequencer.close()
  await hand.unit('unit-2').close()
  await hand.until(() => sequencerOf(hand) === 'second' && chainOf(hand).length === 2, 2_000)
  await acknowledgedOnce(t, hand, await hand.client(), appends(await hand.client(), 3))
})

test('standing by where no cluster answers ends with an error', async (t) => {
  const hand = await HandCluster.start(times)
  const lost = new SequencerServer({
    ports: hand.ports('lost'),
    limits: hand.limits,
    address: 'lost',
    name: 'lost',
    units: ['nowhere'],
  })
  await lost.listen()
  t.regex(String(await hand.outcome(lost.standBy({ timeoutMs: 200 }), 3_000)), /^TIMEOUT/)
})

// ---- leaving

test('a sequencer that leaves is replaced at once, and leaves when it is', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  await standingBy(hand, 'second')
  await hand.advance(200)
  const left = hand.sequencer.leave({ timeoutMs: 5_000 })
  t.is(hand.sequencer.role, 'leaving')
  await hand.done(left, 200)
  t.is(sequencerOf(hand), 'second')
  await acknowledgedOnce(t, hand, await hand.client(), appends(await hand.client(), 3))
})

test('until another one is named a sequencer that leaves goes on granting, no longer than it was told', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  const second = await standingBy(hand, 'second')
  await hand.advance(200)
  for (const address of hand.addresses) hand.wire('second').hold(address)
  const left = hand.sequencer.leave({ timeoutMs: 400 })
  const log = await hand.client()
  await acknowledgedOnce(t, hand, log, appends(log, 2), 100)
  t.is(await hand.outcome(left, 200), 'waiting')
  await hand.done(left, 400)
  t.is(sequencerOf(hand), 'sequencer')
  await second.close()
})

test('a sequencer leaves at once where nobody stands by', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  await hand.advance(500)
  t.is(await hand.outcome(hand.sequencer.leave({ timeoutMs: 5_000 }), 1), undefined)
})

test('a unit that leaves is left out at once, and appends hardly wait', async (t) => {
  const hand = await HandCluster.start({ ...times, probeMs: 200 }, { units: 3 })
  const log = await hand.client()
  await hand.advance(300)
  const left = hand.unit('unit-2').leave({ timeoutMs: 5_000 })
  await hand.until(() => chainOf(hand).length === 2, 300)
  await hand.done(left, 100)
  await hand.unit('unit-2').close()
  await acknowledgedOnce(t, hand, log, appends(log, 3))
  t.deepEqual(
    layoutOf(hand).absent.map(({ identity }) => identity),
    ['unit-2'],
  )
})

test('a unit leaves at once where its chain has nobody else, or where nobody looks', async (t) => {
  const alone = await HandCluster.start(times)
  t.is(await alone.outcome(alone.unit('unit-0').leave({ timeoutMs: 5_000 }), 1), undefined)
  t.false(alone.unit('unit-0').leaving)
  const unwatched = await HandCluster.start(times, { units: 3 })
  await unwatched.sequencer.close()
  await unwatched.advance(1_000)
  t.is(await unwatched.outcome(unwatched.unit('unit-2').leave({ timeoutMs: 5_000 }), 1), undefined)
})

test('Y4: a unit with the last copy of a closed segment leaves at once: the others wait for it', async (t) => {
  const hand = await HandCluster.start(times)
  await hand.blank('unit-1')
  await hand.drive({ join: [{ address: 'unit-1' }] })
  t.is(await hand.outcome(hand.unit('unit-0').leave({ timeoutMs: 5_000 }), 1), undefined)
  await hand.advance(1_000)
  t.deepEqual(chainOf(hand), ['unit-0', 'unit-1'])
})

// ---- starting

test('Q1: who starts and hears of an old epoch first is told of the sequencer that lives', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  await hand.drive({ drop: ['unit-2'] })
  const second = await hand.sequencerAt('second')
  await hand.done(second.start({ takeOver: true }), 300)
  await hand.until(() => hand.sequencer.deposed, 500)
  const third = new SequencerServer({
    ports: hand.ports('third'),
    limits: hand.limits,
    address: 'third',
    name: 'third',
    units: ['unit-2'],
  })
  await third.listen()
  t.is(await hand.outcome(third.start(), 500), 'IN_USE/stop')
  await second.close()
  await hand.done(third.start(), 1_000)
  t.is(sequencerOf(hand), 'third')
})

test('P23: of sequencers that start at once in a free place one is named, once, and the others are told', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  await hand.sequencer.close()
  const { epoch } = layoutOf(hand)
  const servers = await Promise.all(['second', 'third', 'fourth'].map((address) => hand.sequencerAt(address)))
  const outcomes = servers.map((server) => server.start().then(({ sequencer }) => sequencer?.address, codeOf))
  const told = await hand.done(Promise.all(outcomes), 2_000)
  t.deepEqual([told.filter((one) => one === 'IN_USE').length, layoutOf(hand).epoch], [2, epoch + 1])
  t.is(
    sequencerOf(hand),
    told.find((one) => one !== 'IN_USE'),
  )
})

for (const who of ['a unit that nobody looks at', 'who stands by'] as const) {
  test(`L11: a driver dies before it tells the sequencer of its epoch: ${who} sees to it`, async (t) => {
    const hand = await HandCluster.start(times, { units: 3 })
    if (who === 'who stands by') await standingBy(hand, 'third')
    else hand.supervise('unit-0')
    const second = await hand.sequencerAt('second')
    const { epoch } = layoutOf(hand)
    const operator = new Cluster({
      ports: hand.ports('operator'),
      limits: hand.limits,
      name: 'operator',
      addresses: hand.addresses,
    })
    const died = new SirtakiError('BAD_ARGUMENT', 'it dies')
    const driving = reconfigure(
      operator,
      { sequencer: second.member },
      {
        step: (text) => {
          if (text.startsWith('starting the sequencer')) throw died
        },
      },
    )
    t.is(await hand.outcome(driving, 300), 'BAD_ARGUMENT/stop')
    operator.close()
    t.true(layoutOf(hand).epoch > epoch)
    // It lives: to tell it takes less than another epoch.
    await hand.until(
      () => hand.unit('unit-0').unit.state.opened === layoutOf(hand).epoch && second.role === 'ready',
      5_000,
    )
    t.is(sequencerOf(hand), 'second')
    await acknowledgedOnce(t, hand, await hand.client(), appends(await hand.client(), 3))
  })
}

// ---- full disks

/** A transport over which units in `full` say that their disk is full. */
const telling = (inner: Transport, full: ReadonlySet<string>): Transport => ({
  listen: (address, accept) => inner.listen(address, accept),
  connect: (address, events) => {
    const parser = new FrameParser(1 << 26)
    return inner.connect(address, {
      opened: () => {
        events.opened()
      },
      closed: (error) => {
        events.closed(error)
      },
      data: (bytes) => {
        parser.push(bytes, ({ kind, flags, request, body }) => {
          const isCurrent =
            (kind === kinds.probe || kind === kinds.current)
            && (flags & FLAG_ANSWER) !== 0
            && (flags & FLAG_ERROR) === 0
          events.data(
            encodeFrame(
              kind,
              flags,
              request,
              isCurrent ? writeCurrent({ ...readCurrent(body), full: full.has(address) }) : body,
            ),
          )
        })
      },
    })
  },
})

test('a guard knows a unit whose disk is full, and that it has room again', async (t) => {
  const hand = await HandCluster.start(times, { units: 2 })
  const full = new Set<string>()
  const ports: Ports = { ...hand.ports('guard'), transport: telling(hand.ports('guard').transport, full) }
  const guard = new Guard(
    new Cluster({ ports, limits: hand.limits, name: 'guard', addresses: hand.addresses, layout: layoutOf(hand) }),
  )
  await hand.done(guard.probe(), 100)
  t.is(guard.full, undefined)
  full.add('unit-1')
  await hand.done(guard.probe(), 100)
  t.is(guard.full, 'unit-1')
  full.clear()
  await hand.done(guard.probe(), 100)
  t.is(guard.full, undefined)
})

/** Takes the place of the sequencer with one that hears which units are full. */
async function takeOver(hand: HandCluster, full: ReadonlySet<string>): Promise<void> {
  const ports = hand.ports('second')
  const second = new SequencerServer({
    ports: { ...ports, transport: telling(ports.transport, full) },
    limits: hand.limits,
    address: 'second',
    name: 'second',
    units: hand.addresses,
  })
  await second.listen()
  await hand.done(second.start({ takeOver: true }), 300)
}

test('while the disk of a unit is full appends are refused with the reason, and reads go on', async (t) => {
  const hand = await HandCluster.start(times, { units: 2 })
  const log = await hand.client()
  const { position } = await hand.done(log.append(payload(1)), 50)
  const full = new Set<string>()
  await takeOver(hand, full)
  await acknowledgedOnce(t, hand, log, appends(log, 2))
  full.add('unit-1')
  await hand.advance(200)
  t.is(await hand.outcome(log.append(payload(2)), 50), 'FULL/again')
  t.is((await hand.done(log.read(position), 50)).kind, 'data')
  t.is(typeof (await hand.outcome(log.tail(), 50)), 'object')
  full.clear()
  await hand.advance(200)
  await acknowledgedOnce(t, hand, log, appends(log, 2))
})

test('a unit that was full and is left out no longer holds appends back', async (t) => {
  const hand = await HandCluster.start(times, { units: 3 })
  await takeOver(hand, new Set(['unit-2']))
  await hand.advance(200)
  const log = await hand.client()
  t.is(await hand.outcome(log.append(payload(1)), 50), 'FULL/again')
  await hand.drive({ drop: ['unit-2'] })
  await hand.advance(200)
  await acknowledgedOnce(t, hand, log, appends(log, 2))
})
