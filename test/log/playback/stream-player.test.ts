/**
 * Playing a stream over a cluster in memory: what it costs.
 *
 * Read next: `../../../log/playback/stream-player.ts`, `stream-order.test.ts` for the order,
 * `../../contracts/log-client.ts`.
 */
import test from 'ava'
import { LogClient } from '../../../log/client/client.ts'
import type { Entry } from '../../../log/entry.ts'
import type { StreamEvents } from '../../../log/playback/stream-player.ts'
import { HandCluster, payload, whichOf } from '../../harness/hand-cluster.ts'
import { appends } from '../limits/client.ts'

/** What a player tells, entry by entry. */
const hearing = (each: (entry: Entry) => void): StreamEvents => ({
  deliver: (due) => {
    for (const entry of due) each(entry)
  },
  reached: () => undefined,
  failed: () => undefined,
})

test('Q4: a part of a stream is read without what lies behind it', async (t) => {
  const hand = await HandCluster.start({}, { units: 1 })
  const log = await hand.client()
  const positions = await hand.done(Promise.all(appends(log, 20, { bytes: 1_000, streams: [27] })), 100)
  const read = async (name: string, from: number, to: number): Promise<{ which: number[]; bytes: number }> => {
    const reader = await hand.client(name)
    const entries = await hand.done(
      reader.readStream({ stream: 27, from: positions[from] ?? 0, to: positions[to] ?? 0 }),
      100,
    )
    return { which: entries.map((entry) => whichOf(entry.payload)), bytes: hand.wire(name).longestAnswer }
  }
  const [part, most] = [await read('part', 3, 5), await read('most', 1, 19)]
  t.deepEqual(part.which, [3, 4])
  t.deepEqual(
    most.which,
    Array.from({ length: 18 }, (_, i) => i + 1),
  )
  t.true(part.bytes < 4_000 && most.bytes > 18_000, `${part.bytes} and ${most.bytes} bytes`)
})

test('P66: a wish beyond the tail fills nothing, asks seldom, and ends with the tail', async (t) => {
  const hand = await HandCluster.start({}, { units: 2 })
  const log = await hand.client()
  await hand.done(Promise.all(appends(log, 3, { streams: [27] })), 100)
  const reader = await hand.client('reader')
  const { tail } = await hand.done(reader.tail(), 50)
  const [fills, asked] = [hand.point('resolve.fill'), hand.wire('reader').sent.length]
  const read = reader.readStream({ stream: 27, to: tail + 20, timeoutMs: 2_000 })
  const error = await hand.done(
    read.catch((thrown: unknown) => thrown),
    2_600,
  )
  t.like(error, { code: 'TIMEOUT', next: 'again', facts: { position: tail + 20, tail } })
  t.is(hand.point('resolve.fill'), fills)
  t.true(hand.wire('reader').sent.length - asked < 30, `${hand.wire('reader').sent.length - asked} questions`)
  t.is((await hand.done(log.append(payload(9), { streams: [27] }), 100)).position, tail)
  t.is(hand.sequencer.role, 'ready')
})

test('P66: a wish beyond the tail is granted when the log gets there, with and without a subscription', async (t) => {
  const hand = await HandCluster.start({}, { units: 2 })
  const log = await hand.client()
  const { tail } = await hand.done(log.tail(), 50)
  const reader = await hand.client('reader')
  const seen: number[] = []
  const player = reader.player(
    27,
    0,
    hearing((entry) => {
      seen.push(entry.position)
    }),
  )
  const read = reader.readStream({ stream: 27, to: tail + 3 })
  const played = player.playTo(tail + 3)
  t.deepEqual([await hand.outcome(read, 500), await hand.outcome(played, 500)], ['waiting', 'waiting'])
  await hand.done(log.append(payload(0), { streams: [27] }), 100)
  t.deepEqual([await hand.outcome(read, 1_000), await hand.outcome(played)], ['waiting', 'waiting'])
  await hand.done(Promise.all(appends(log, 2, { streams: [28] })), 100)
  t.deepEqual(
    (await hand.done(read, 1_500)).map(({ position }) => position),
    [tail],
  )
  await hand.done(played, 100)
  t.deepEqual([seen, player.next], [[tail], tail + 3])
})

test('P66: one who waits beyond the tail keeps nobody waiting who plays to it', async (t) => {
  const hand = await HandCluster.start({}, { units: 1 })
  const log = await hand.client()
  const player = log.player(
    27,
    0,
    hearing(() => undefined),
    { live: false },
  )
  await hand.done(Promise.all(appends(log, 3, { streams: [27] })), 100)
  const { tail } = await hand.done(log.tail(), 50)
  const beyond = player.playTo(tail + 100, { timeoutMs: 3_000 })
  t.is(await hand.outcome(beyond, 1_000), 'waiting')
  await hand.done(player.playTo(tail), 20)
  t.is(await hand.outcome(beyond, 3_000), 'TIMEOUT/again')
  const closed = player.playTo(tail + 100)
  t.is(await hand.outcome(closed, 100), 'waiting')
  log.closePlayer(player)
  t.is(await hand.outcome(closed), 'CLOSED/stop')
})

test('P67: who knows only the layout before, of as many chains, takes no unit for another chain', async (t) => {
  const hand = await HandCluster.start({}, { units: 4 })
  const log = await hand.client()
  const old = await hand.drive({
    chains: [
      ['unit-0', 'unit-1'],
      ['unit-2', 'unit-3'],
    ],
  })
  await hand.done(Promise.all(appends(log, 4, { streams: [27] })), 200)
  await hand.drive({
    chains: [
      ['unit-0', 'unit-3'],
      ['unit-2', 'unit-1'],
    ],
  })
  await hand.advance(1_000)
  const acknowledged = await hand.done(Promise.all(appends(log, 8, { streams: [27] })), 1_000)
  const to = (acknowledged.at(-1) ?? 0) + 1
  // Of the one chain it asks the unit that has stayed, of the other the one that has moved.
  let turn = 0
  const random = { ...hand.random, next: () => (turn++ % 2 === 0 ? 0.1 : 0.9) }
  const late = (name: string): LogClient => {
    const ports = { ...hand.ports(name), random }
    const client = new LogClient({ ports, limits: hand.limits, name, addresses: hand.addresses, layout: old })
    // It knows of the position from an entry of another stream, and need not ask for the tail.
    client.cluster.noteGranted(to)
    return client
  }
  const read = await hand.done(late('reads').readStream({ stream: 27, from: old.tail, to }), 3_000)
  t.deepEqual(read.map(({ position }) => position).slice(-8), acknowledged)
  const seen: number[] = []
  const player = late('plays').player(
    27,
    old.tail,
    hearing((entry) => {
      seen.push(entry.position)
    }),
  )
  await hand.done(player.playTo(to), 3_000)
  t.deepEqual(seen.slice(-8), acknowledged)
})

test('P19: damage that heals ends no subscription, and a call that does not live to see it says so', async (t) => {
  const hand = await HandCluster.start({}, { units: 3 })
  const log = await hand.client()
  await hand.done(Promise.all(appends(log, 2, { streams: [27] })), 100)
  const seen: number[] = []
  const failed: string[] = []
  const events = hearing((entry) => {
    seen.push(whichOf(entry.payload))
  })
  const player = log.player(27, 0, {
    ...events,
    failed: ({ code }) => {
      failed.push(code)
    },
  })
  // A writer dies between its stores: its entry is on the unit that decides, whose disk damages it.
  await hand.storeAt(await hand.raw(), 'unit-0', 27, payload(99))
  hand.store('unit-0').damage(hand.store('unit-0').lastRow())
  const position = (await hand.done(log.tail(), 2)).tail - 1
  t.is(hand.unit('unit-0').unit.state.entries.verify(position, { row: -1, bytes: undefined }), false)
  await hand.done(Promise.all(appends(log, 2, { streams: [27], from: 2 })), 500)
  const { tail } = await hand.done(log.tail(), 50)
  const error = await hand.done(
    player.playTo(tail, { timeoutMs: 400 }).catch((thrown: unknown) => thrown),
    1_500,
  )
  t.like(error, { code: 'TIMEOUT', next: 'again', cause: { code: 'DAMAGED' } })
  t.deepEqual([seen, failed], [[0, 1], []])
  hand.supervise('unit-0', 'unit-1', 'unit-2')
  await hand.done(player.playTo(tail, { timeoutMs: 10_000 }), 10_000)
  t.deepEqual([seen, failed], [[0, 1, 2, 3], []])
})

test('L8: a player that is closed while an answer is on its way has not played', async (t) => {
  const hand = await HandCluster.start({}, { units: 1 })
  const log = await hand.client()
  await hand.done(Promise.all(appends(log, 3, { streams: [27] })), 100)
  const reader = await hand.client('reader')
  const { tail } = await hand.done(reader.tail(), 50)
  let delivered = 0
  const events = hearing(() => delivered++)
  const player = reader.player(27, 0, events, { live: false })
  hand.wire('reader').late('unit-0', 50)
  const played = player.playTo(tail).then(
    () => 'played',
    (thrown: unknown) => thrown,
  )
  await hand.until(() => hand.wire('reader').of('readStream').length > 0, 100)
  reader.closePlayer(player)
  t.like(await hand.done(played, 200), { code: 'CLOSED' })
  t.is(delivered, 0)
})
