/**
 * Drives of the bounds in time, on a clock that only moves when told.
 *
 * Read next: `../../harness/hand-cluster.ts`, `health.ts`, `../limits.test.ts`.
 */
import type { LogClient } from '../../../log/client/client.ts'
import { SirtakiError } from '../../../log/errors.ts'
import { superviseUnit } from '../../../log/unit/rejoin.ts'
import { Sealed } from '../../../log/wire/control.ts'
import { ObjectClient } from '../../../objects/client.ts'
import { encodeOpen } from '../../../sequencer/session-entry.ts'
import { countingRandom } from '../../harness/hand-clock.ts'
import { HandCluster, payload } from '../../harness/hand-cluster.ts'
import { acknowledgedOnce, appends, type Drive } from './client.ts'

/** Opens a session of a space; gives its position. */
async function openSession(hand: HandCluster, log: LogClient, timeoutMs = 60_000): Promise<number> {
  const payloadOf = encodeOpen({ name: 'a', timeoutMs, ids: [], types: [], process: '0123456789abcdef' })
  return (await hand.done(log.appendAnywhere(payloadOf, { streams: [0, 1] }), 5)).position
}

/** Chance that always draws the longest pause. */
const longest = { ...countingRandom(), next: (): number => 0.999_999 }

/** The times between the tries of a call that goes wrong every time, rounded up. */
async function pausesOf(hand: HandCluster, ms: number): Promise<number[]> {
  const raw = await hand.raw()
  const tries: number[] = []
  const call = raw.retry({ timeoutMs: ms }, () => {
    tries.push(hand.clock.now())
    throw new SirtakiError('OVERLOADED', 'no')
  })
  await hand.outcome(call, 2 * ms)
  return tries.slice(1).map((at, i) => Math.ceil(at - (tries[i] ?? 0)))
}

export const timeDrives = {
  fillFloorMs: {
    title: 'a younger hole is left alone, an older one is filled',
    run: async (t) => {
      const hand = await HandCluster.start({ fillFloorMs: 80 })
      const raw = await hand.raw()
      const log = await hand.client()
      const hole = await hand.done(hand.token(raw, 1), 0)
      const fills = hand.point('resolve.fill')
      const filled = log.fill(hole)
      t.is(await hand.outcome(filled, 76), 'waiting')
      t.deepEqual([(await hand.done(log.read(hole), 3)).kind, hand.point('resolve.fill')], ['unwritten', fills])
      t.is((await hand.done(filled, 20)).kind, 'junk')
      t.is(hand.units[0]?.unit.state.prefix, hole + 1)
      await acknowledgedOnce(t, hand, log, appends(log, 3))
    },
  },
  probeMs: {
    title: 'a sequencer in its place looks around no more often than this, and not much more rarely',
    run: async (t) => {
      const hand = await HandCluster.start({ probeMs: 40 })
      const looks = (): number =>
        hand
          .wire('sequencer')
          .of('layout')
          .filter(({ address }) => address === 'unit-0').length
      const before = looks()
      await hand.advance(1_000)
      t.true(looks() - before >= 5 && looks() - before <= 25, `${looks() - before} looks`)
    },
  },
  suspicionProbes: {
    title: 'a silent sequencer is replaced after so many probes and not before; a living one is not',
    run: async (t) => {
      const hand = await HandCluster.start({ probeMs: 40, suspicionProbes: 3, requestMs: 200 })
      const second = await hand.sequencerAt('second')
      t.is(await hand.outcome(second.start(), 50), 'IN_USE/stop')
      const { epoch } = hand.sequencer.machine
      hand.wire('second').hold('sequencer')
      const before = hand.wire('second').sent.length
      await hand.done(second.start(), 400)
      const sent = hand
        .wire('second')
        .sent.slice(before)
        .filter(({ kind }) => kind !== 'ping')
      const asked = sent.findIndex(({ kind, address }) => kind === 'identify' && address === 'sequencer')
      const patience = (sent[asked + 1]?.at ?? 0) - (sent[asked]?.at ?? 0)
      t.true(patience >= 120 && patience <= 200, `${patience} ms`)
      t.is(second.machine.epoch, epoch + 1)
      await acknowledgedOnce(t, hand, await hand.client(), appends(await hand.client(), 3))
    },
  },
  requestMs: {
    title: 'whatever is asked of a cluster that is silent ends then',
    run: async (t) => {
      const hand = await HandCluster.start({ requestMs: 200 })
      const log = await hand.client()
      hand.wire('client').hold('unit-0')
      const append = log.append(payload(0))
      const calls = [append, log.tail(), log.read(0), log.fill(0), log.readStream({ stream: 21 })]
      t.is(await hand.outcome(Promise.race(calls), 199), 'waiting')
      t.is(await hand.outcome(append, 51), 'TIMEOUT/unknown')
      const ends = await Promise.all(calls.map((call) => hand.outcome(call, 200)))
      t.true(
        ends.every((end) => String(end).startsWith('TIMEOUT')),
        ends.join(' '),
      )
      hand.wire('client').release('unit-0')
      await acknowledgedOnce(t, hand, log, appends(log, 3))
    },
  },
  retryMinMs: {
    title: 'the first pause is drawn below it, the next ones below its doubles',
    run: async (t) => {
      const hand = await HandCluster.start({ retryMinMs: 8 }, { random: longest })
      t.deepEqual((await pausesOf(hand, 100)).slice(0, 4), [8, 16, 32, 64])
    },
  },
  retryMaxMs: {
    title: 'no pause is longer, however often it goes wrong',
    run: async (t) => {
      const hand = await HandCluster.start({ retryMaxMs: 30 }, { random: longest })
      t.deepEqual(await pausesOf(hand, 200), [10, 20, 30, 30, 30, 30, 30, 30])
    },
  },
  markIdleMs: {
    title: 'marks wait this long for a frame to ride on, then go by themselves',
    run: async (t) => {
      const hand = await HandCluster.start({ markIdleMs: 20 })
      const log = await hand.client()
      const marks = (): number => hand.wire('client').of('marks').length
      await hand.done(log.append(payload(0)), 19)
      t.deepEqual([marks(), hand.units[0]?.unit.state.prefix], [0, hand.sequencer.machine.tail - 1])
      await hand.advance(1)
      t.deepEqual([marks(), hand.units[0]?.unit.state.prefix], [1, hand.sequencer.machine.tail])
      await hand.done(log.append(payload(1)), 5)
      await hand.done(log.append(payload(2)), 5)
      t.is(marks(), 2)
      await hand.advance(20)
      t.is(hand.units[0]?.unit.state.prefix, hand.sequencer.machine.tail)
    },
  },
  stuckMs: {
    title: 'an epoch that was begun and left is driven when it has been stuck that long',
    run: async (t) => {
      const hand = await HandCluster.start({ stuckMs: 300, probeMs: 40 })
      const raw = await hand.raw()
      const epoch = raw.layout?.epoch ?? 0
      const supervised = hand.units.map((unit) => superviseUnit(unit))
      await hand.advance(100)
      await hand.done(
        raw.peer('unit-0').control('seal', { cluster: raw.layout?.cluster ?? '', slot: epoch + 1 }, Sealed),
        1,
      )
      await hand.advance(299)
      t.is(hand.units[0]?.unit.state.layout?.epoch, epoch)
      await hand.advance(200)
      t.is(hand.units[0]?.unit.state.layout?.epoch, epoch + 1)
      const log = await hand.client()
      await acknowledgedOnce(t, hand, log, appends(log, 3))
      for (const one of supervised) one.close()
    },
  },
  proofMs: {
    title: 'a sequencer confirms sessions for so long after it began its last proof, and proves four times as often',
    run: async (t) => {
      const hand = await HandCluster.start({ proofMs: 200 })
      const log = await hand.client()
      const session = await openSession(hand, log)
      await hand.advance(1_000)
      const proofs = hand.wire('sequencer').of('current').length
      t.true(proofs >= 18 && proofs <= 21, `${proofs} proofs in a second`)
      hand.wire('sequencer').hold('unit-0')
      await hand.advance(140)
      t.deepEqual((await hand.done(log.heartbeat([session]), 1)).confirmed, [true])
      await hand.advance(60)
      t.deepEqual((await hand.done(log.heartbeat([session]), 1)).confirmed, [false])
    },
  },
  sessionTimeoutMinMs: {
    title: 'a session may ask for no shorter timeout',
    run: async (t) => {
      const hand = await HandCluster.start({ sessionTimeoutMinMs: 500 })
      const objects = new ObjectClient(await hand.client(), { timeoutMs: 500 })
      t.is(objects.own.state, 'new')
      await t.throwsAsync(objects.session({ timeoutMs: 499 }), { code: 'BAD_ARGUMENT', message: /from 500 to/ })
    },
  },
  attendMs: {
    title: 'a sequencer looks at its sessions so often',
    run: async (t) => {
      const hand = await HandCluster.start({ attendMs: 1_000, proofMs: 4_000 })
      await openSession(hand, await hand.client(), 2_000)
      await hand.advance(5_950)
      t.is(hand.point('session.ends'), 0)
      await hand.advance(100)
      t.is(hand.point('session.ends'), 1)
    },
  },
} satisfies Record<string, Drive>
