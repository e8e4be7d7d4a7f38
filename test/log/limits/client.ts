/**
 * Drives of the bounds of a client: each makes one bound small, runs into it and goes on.
 *
 * Read next: `../../harness/hand-cluster.ts`, `../limits.test.ts`.
 */
import type { ExecutionContext } from 'ava'
import type { LogClient } from '../../../log/client/client.ts'
import type { Entry } from '../../../log/entry.ts'
import { Subscriber } from '../../../log/playback/subscriber.ts'
import { HandCluster, payload, whichOf } from '../../harness/hand-cluster.ts'

/** What a bound promises, and how a test sees it. */
export interface Drive {
  readonly title: string
  readonly run: (t: ExecutionContext) => Promise<void>
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** Appends `count` payloads at once and gives their promises. */
export const appends = (
  log: LogClient,
  count: number,
  {
    bytes = 4,
    from = 0,
    streams = [],
  }: { readonly bytes?: number; readonly from?: number; readonly streams?: readonly number[] } = {},
): Promise<number>[] =>
  upTo(count).map((i) => log.append(payload(from + i, bytes), { streams }).then(({ position }) => position))

/** Every append was acknowledged within `ms`, each at a position of its own that holds its payload. */
export async function acknowledgedOnce(
  t: ExecutionContext,
  hand: HandCluster,
  log: LogClient,
  asked: readonly Promise<number>[],
  ms = 300,
): Promise<void> {
  const positions = await hand.done(Promise.all(asked), ms)
  t.is(new Set(positions).size, asked.length)
  const reads = await hand.done(Promise.all(positions.map((position) => log.read(position))), 50)
  t.deepEqual(
    reads.map((read) => (read.kind === 'data' ? whichOf(read.entry.payload) : read.kind)),
    upTo(asked.length),
  )
}

/**
 * Takes everything that comes of a stream until `count` entries have; gives them with the largest number and bytes
 * taken at once.
 */
async function takeSlowly(
  hand: HandCluster,
  log: LogClient,
  stream: number,
  count: number,
): Promise<{ readonly taken: number[]; readonly most: number; readonly mostBytes: number }> {
  const subscriber = new Subscriber(log, stream, 0)
  const taken: number[] = []
  let most = 0
  let mostBytes = 0
  for (let round = 0; taken.length < count && round < 100; round++) {
    await hand.advance(100)
    const due = subscriber.take()
    most = Math.max(most, due.length)
    mostBytes = Math.max(
      mostBytes,
      due.reduce((sum, entry) => sum + entry.payload.byteLength, 0),
    )
    taken.push(...due.map((entry) => whichOf(entry.payload)))
  }
  subscriber.close()
  return { taken, most, mostBytes }
}

export const clientDrives = {
  appendsWaitingMax: {
    title: 'one append too many is refused at once, those before it go through',
    run: async (t) => {
      const hand = await HandCluster.start({ clientEntriesMax: 2, appendsWaitingMax: 3 })
      const log = await hand.client()
      hand.stall()
      const onTheirWay = appends(log, 2)
      await hand.advance(0)
      const waiting = appends(log, 3, { from: 2 })
      t.is(log.overloaded(4)?.code, 'OVERLOADED')
      t.is(await hand.outcome(log.append(payload(9))), 'OVERLOADED/again')
      t.is(await hand.outcome(Promise.race([...onTheirWay, ...waiting])), 'waiting')
      hand.goOn()
      await acknowledgedOnce(t, hand, log, [...onTheirWay, ...waiting])
      t.is(typeof (await hand.outcome(log.append(payload(9)), 10)), 'object')
    },
  },
  appendsWaitingBytesMax: {
    title: 'what would be too many bytes is refused, a smaller append is not',
    run: async (t) => {
      const hand = await HandCluster.start({ clientEntriesMax: 1, appendsWaitingBytesMax: 100 })
      const log = await hand.client()
      hand.stall()
      const asked = appends(log, 1)
      await hand.advance(0)
      asked.push(...appends(log, 2, { from: 1, bytes: 40 }))
      t.is(await hand.outcome(log.append(payload(9, 40))), 'OVERLOADED/again')
      asked.push(...appends(log, 1, { from: 3, bytes: 20 }))
      t.is(await hand.outcome(log.append(payload(9))), 'OVERLOADED/again')
      hand.goOn()
      await acknowledgedOnce(t, hand, log, asked)
      t.is(typeof (await hand.outcome(log.append(payload(9, 100)), 10)), 'object')
    },
  },
  clientEntriesMax: {
    title: 'never more entries than this are on their way',
    run: async (t) => {
      const hand = await HandCluster.start({ clientEntriesMax: 4, batchEntriesMax: 3 }, { units: 2 })
      const log = await hand.client()
      hand.stall()
      const asked = appends(log, 30)
      await hand.advance(50)
      t.is(hand.wire('client').most.get('store')?.entries, 4)
      hand.goOn()
      await acknowledgedOnce(t, hand, log, asked)
      t.is(hand.wire('client').most.get('store')?.entries, 4)
      t.true((hand.wire('client').most.get('token')?.entries ?? 99) <= 4)
    },
  },
  clientBytesMax: {
    title: 'beyond it appends wait: at most one batch is begun below it',
    run: async (t) => {
      const hand = await HandCluster.start({ clientBytesMax: 1_000 })
      const log = await hand.client()
      hand.stall()
      const asked = appends(log, 30, { bytes: 300 })
      await hand.advance(50)
      t.true((hand.wire('client').most.get('store')?.entryBytes ?? 0) >= 600)
      hand.goOn()
      await acknowledgedOnce(t, hand, log, asked)
      t.true((hand.wire('client').most.get('store')?.entryBytes ?? 9_999) < 2_000)
    },
  },
  batchEntriesMax: {
    title: 'no token request and no frame has more entries',
    run: async (t) => {
      const hand = await HandCluster.start({ batchEntriesMax: 3 })
      const log = await hand.client()
      await acknowledgedOnce(t, hand, log, appends(log, 10))
      const { sent } = hand.wire('client')
      t.deepEqual(
        sent.filter(({ kind }) => kind === 'token').map(({ entries }) => entries),
        [3, 3, 3, 1],
      )
      t.deepEqual(
        sent.filter(({ kind }) => kind === 'store').map(({ entries }) => entries),
        [3, 3, 3, 1],
      )
      const many = await hand.done(log.appendMany(upTo(10).map((i) => payload(i))), 50)
      t.deepEqual(
        many.map(({ position }) => position),
        upTo(10).map((i) => (many[0]?.position ?? 0) + i),
      )
    },
  },
  entryBytesMax: {
    title: 'a larger value is refused before a token is taken, the largest goes through',
    run: async (t) => {
      const hand = await HandCluster.start({ entryBytesMax: 100 })
      const log = await hand.client()
      t.is(await hand.outcome(log.append(payload(0, 101)), 10), 'OVERSIZE/stop')
      t.is(hand.wire('client').of('token').length, 0)
      await acknowledgedOnce(t, hand, log, appends(log, 1, { bytes: 100 }))
    },
  },
  streamsMax: {
    title: 'one stream too many is refused by the client and by the sequencer',
    run: async (t) => {
      const hand = await HandCluster.start({ streamsMax: 2 })
      const log = await hand.client()
      t.is(await hand.outcome(log.append(payload(0), { streams: [21, 22, 23] }), 10), 'BAD_ARGUMENT/stop')
      t.is(hand.wire('client').of('token').length, 0)
      t.is(await hand.outcome(hand.token(log.cluster, 1, [1, 2, 3]), 10), 'BAD_ARGUMENT/stop')
      await acknowledgedOnce(t, hand, log, appends(log, 1, { streams: [21, 22] }))
    },
  },
  requestsMax: {
    title: 'one open request too many is refused at once; stores are sent again',
    run: async (t) => {
      const hand = await HandCluster.start()
      const log = await hand.client('client', { requestsMax: 2, batchEntriesMax: 1 })
      const { cluster } = log
      hand.wire('client').hold('sequencer')
      const open = [hand.token(cluster, 1), hand.token(cluster, 1)]
      t.is(await hand.outcome(hand.token(cluster, 1)), 'OVERLOADED/again')
      hand.wire('client').release('sequencer')
      t.is((await hand.done(Promise.all(open), 10)).length, 2)
      hand.stall()
      const asked = appends(log, 8)
      await hand.advance(100)
      t.deepEqual([hand.wire('client').most.get('all')?.requests, hand.point('append.sentAgain') > 0], [2, true])
      hand.goOn()
      await acknowledgedOnce(t, hand, await hand.client('reader'), asked)
      t.is(hand.wire('client').most.get('all')?.requests, 2)
    },
  },
  recoversMax: {
    title: 'of the appends that a lost unit leaves only so many ask at once, and all end well',
    run: async (t) => {
      const hand = await HandCluster.start({ recoversMax: 2 }, { units: 2 })
      const log = await hand.client()
      hand.wire('client').cut('unit-1')
      hand.wire('client').hold('unit-0')
      const asked = appends(log, 12)
      await hand.advance(5)
      hand.wire('client').release('unit-0')
      hand.wire('client').hold('unit-0')
      await hand.advance(50)
      t.is(hand.wire('client').most.get('ask')?.requests, 2)
      hand.wire('client').release('unit-0')
      hand.wire('client').mend('unit-1')
      await acknowledgedOnce(t, hand, log, asked, 1_000)
      t.is(hand.wire('client').most.get('ask')?.requests, 2)
    },
  },
  tailCallersMax: {
    title: 'one caller too many is refused, those that wait share the next round',
    run: async (t) => {
      const hand = await HandCluster.start({ tailCallersMax: 3 })
      const log = await hand.client()
      hand.wire('client').hold('sequencer')
      const first = log.tail()
      await hand.advance(1)
      const waiting = [log.tail(), log.tail(), log.tail()]
      t.is(await hand.outcome(log.tail()), 'OVERLOADED/again')
      hand.wire('client').release('sequencer')
      t.is((await hand.done(Promise.all([first, ...waiting]), 10)).length, 4)
      t.deepEqual([hand.wire('client').of('tails').length, typeof (await hand.outcome(log.tail(), 10))], [2, 'object'])
    },
  },
  subscriberEntriesMax: {
    title: 'a slow consumer gets every entry once, in order, and no more than the bound is held',
    run: async (t) => {
      const hand = await HandCluster.start({ subscriberEntriesMax: 4 })
      const log = await hand.client()
      await hand.done(Promise.all(appends(log, 30, { streams: [27] })), 50)
      t.deepEqual(await takeSlowly(hand, log, 27, 30), { taken: upTo(30), most: 4, mostBytes: 16 })
      t.true(hand.point('subscriber.paused') >= 7)
      const got: number[] = []
      const reading = (async (): Promise<void> => {
        for await (const entry of log.subscribe({ stream: 27 })) {
          got.push(whichOf(entry.payload))
          await log.cluster.pause(5)
          if (got.length === 31) return
        }
      })()
      await hand.advance(60)
      await hand.done(Promise.all(appends(log, 1, { from: 30, streams: [27] })), 10)
      await hand.done(reading, 1_000)
      t.deepEqual(got, upTo(31))
    },
  },
  subscriberBytesMax: {
    title: 'the same in bytes: at most one entry beyond it',
    run: async (t) => {
      const hand = await HandCluster.start({ subscriberBytesMax: 1_000 })
      const log = await hand.client()
      await hand.done(Promise.all(appends(log, 20, { bytes: 300, streams: [27] })), 50)
      t.deepEqual(await takeSlowly(hand, log, 27, 20), { taken: upTo(20), most: 4, mostBytes: 1_200 })
      t.true(hand.point('subscriber.paused') >= 5)
      const entries: Entry[] = await hand.done(log.readStream({ stream: 27 }), 50)
      t.is(entries.length, 20)
    },
  },
} satisfies Record<string, Drive>
