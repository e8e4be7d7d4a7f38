/**
 * Walks `log/limits.ts`: every bound has a drive, which the compiler demands, and a test named after it.
 *
 * Read next: `../harness/hand-cluster.ts` (the cluster they run on), `limits/client.ts`, `limits/server.ts`,
 * `limits/times.ts`, `limits/health.ts`.
 */
import test from 'ava'
import { LogClient } from '../../log/client/client.ts'
import { limits, type Limits } from '../../log/limits.ts'
import { encodeFrame } from '../../log/wire/frame.ts'
import { kinds } from '../../log/wire/messages.ts'
import { HandCluster, payload, whichOf } from '../harness/hand-cluster.ts'
import { layoutOf } from './layouts.ts'
import { appends, clientDrives, type Drive } from './limits/client.ts'
import { blobDrives } from './limits/blobs.ts'
import { healthDrives } from './limits/health.ts'
import { bareDoor, serverDrives, told } from './limits/server.ts'
import { timeDrives } from './limits/times.ts'

const drives: Record<keyof Limits, Drive> = {
  ...clientDrives,
  ...serverDrives,
  ...timeDrives,
  ...healthDrives,
  ...blobDrives,
}

for (const [name, { title, run }] of Object.entries(drives)) test(`${name}: ${title}`, run)

test('every bound has a value and a drive, and nothing else has one', (t) => {
  t.deepEqual(Object.keys(drives).sort(), Object.keys(limits).sort())
})

// ---- bounds that are not kept yet

test('appendsWaitingMax: appends whose token request failed count while they wait for the next try', async (t) => {
  const hand = await HandCluster.start({ appendsWaitingMax: 3, clientEntriesMax: 2 })
  const log = await hand.client()
  hand.wire('client').cut('sequencer')
  let waiting = 0
  let refused = 0
  let most = 0
  for (let ms = 0; ms < 40; ms++) {
    for (const append of appends(log, 3)) {
      waiting++
      void append.then(
        () => {
          waiting--
        },
        (thrown: unknown) => {
          waiting--
          refused += String(thrown).includes('wait in this client') ? 1 : 0
        },
      )
    }
    await hand.advance(1)
    most = Math.max(most, waiting)
  }
  t.true(most <= 5, `${most} appends waited, ${refused} were refused`)
})

test('appendsWaitingMax: appends that wait for the first layout count', async (t) => {
  const hand = await HandCluster.start({ appendsWaitingMax: 3 })
  const log = new LogClient({
    ports: hand.ports('client'),
    limits: hand.limits,
    name: 'client',
    addresses: hand.addresses,
  })
  hand.wire('client').hold('unit-0')
  const asked = appends(log, 3)
  t.is(await hand.outcome(log.append(payload(9)), 10), 'OVERLOADED/again')
  t.is(await hand.outcome(Promise.race(asked)), 'waiting')
})

test('clientBytesMax: never more bytes than this are on their way', async (t) => {
  const hand = await HandCluster.start({ clientBytesMax: 1_000 })
  const log = await hand.client()
  await hand.done(Promise.all(appends(log, 30, { bytes: 300 })), 100)
  t.true(
    (hand.wire('client').most.get('store')?.entryBytes ?? 0) <= 1_000,
    `${hand.wire('client').most.get('store')?.entryBytes}`,
  )
})

test('P17: the pauses of a store that is refused again and again grow', async (t) => {
  const hand = await HandCluster.start({ unitBytesMax: 4_000, requestMs: 3_000, fillFloorMs: 10_000 })
  const log = await hand.client()
  t.is(await hand.outcome(log.append(payload(0, 5_000)), 2_900), 'waiting')
  t.true(hand.point('append.sentAgain') < 20, `sent again ${hand.point('append.sentAgain')} times`)
})

test('P17: the pauses of a token request that fails again and again grow', async (t) => {
  const hand = await HandCluster.start({ window: 4, tokensWaitingMax: 0, requestMs: 3_000, fillFloorMs: 10_000 })
  const log = await hand.client()
  await hand.done(hand.token(log.cluster, 1), 10)
  await hand.done(hand.token(log.cluster, 1), 10)
  await hand.done(hand.token(log.cluster, 1), 10)
  await hand.done(hand.token(log.cluster, 1), 10)
  t.is(await hand.outcome(log.append(payload(0)), 2_800), 'waiting')
  t.true(hand.wire('client').of('token').length < 20, `asked ${hand.wire('client').of('token').length} times`)
})

test('subscriberEntriesMax: a consumer that was paused when its client closed is told so', async (t) => {
  const hand = await HandCluster.start({ subscriberEntriesMax: 4 })
  const log = await hand.client()
  await hand.done(Promise.all(appends(log, 10, { streams: [27] })), 50)
  const got: number[] = []
  const reading = (async (): Promise<void> => {
    for await (const entry of log.subscribe({ stream: 27 })) {
      got.push(whichOf(entry.payload))
      if (got.length === 1) {
        await log.cluster.pause(50)
        await log.close()
      }
    }
  })()
  t.is(await hand.outcome(reading, 500), 'CLOSED/stop')
})

test('connectionBytesMax: refusals count as answers', async (t) => {
  const { clock, accepted, gone, peer } = await bareDoor({ connectionBytesMax: 1_000 })
  const deaf = peer('deaf')
  t.is(await told(clock, deaf.request('status', payload(1))), 4)
  const far = accepted[0]
  if (far === undefined) throw new Error('nobody came')
  far.deaf = true
  for (let i = 0; i < 100; i++) void deaf.request('trim', payload(i)).catch(() => undefined)
  await clock.settle()
  t.deepEqual([far.closed, gone], [true, ['deaf']], `${far.unread} bytes wait`)
})

test('connectionBytesMax: news of layouts count too, and go to nobody who has not greeted', async (t) => {
  const { clock, door, accepted, gone, peer, dial } = await bareDoor({ connectionBytesMax: 4_000 })
  const [deaf, other] = [peer('deaf'), peer('other')]
  t.deepEqual(
    [await told(clock, deaf.request('status', payload(1))), await told(clock, other.request('status', payload(1)))],
    [4, 4],
  )
  const stranger = dial()
  const far = accepted[0]
  if (far === undefined) throw new Error('nobody came')
  far.deaf = true
  for (let epoch = 2; epoch < 40; epoch++) {
    door.tell(layoutOf({ epoch }))
    await clock.settle()
  }
  t.deepEqual([far.closed, gone, far.unread < 6_000], [true, ['deaf'], true], `${far.unread} bytes wait`)
  t.deepEqual([accepted[2]?.writes, stranger.isClosed()], [[], false])
  t.is(await told(clock, other.request('status', payload(1))), 4)
})

test('connectionsMax: of a flood so many are told why and the rest is closed at once', async (t) => {
  const { clock, door, dial } = await bareDoor({ connectionsMax: 3 })
  const flood = Array.from({ length: 20 }, () => dial())
  t.is(door.connections(), 3)
  await clock.settle()
  t.deepEqual(
    flood.map((one) => [one.isClosed(), one.lastWords()]),
    flood.map((_, i) => [i >= 3, i >= 3 && i < 6 ? 'OVERLOADED' : undefined]),
  )
  t.is(door.connections(), 3)
})

test('frameBytesMax: before it has greeted nobody gets room for a long frame', async (t) => {
  const { clock, dial } = await bareDoor({})
  const raw = dial()
  raw.write(encodeFrame(kinds.hello, 0, 0, new Uint8Array(70_000)).subarray(0, 100))
  await clock.settle()
  t.deepEqual([raw.isClosed(), raw.lastWords()], [true, 'OVERSIZE'])
})

test('frameBytesMax: a question that is too long for a frame ends by itself and hurts no other call', async (t) => {
  const hand = await HandCluster.start({ window: 4, frameBytesMax: 8_192, entryBytesMax: 3_000 })
  const log = await hand.client()
  for (let i = 0; i < 4; i++) await hand.done(hand.token(log.cluster, 1), 1)
  const waitsForRoom = log.append(payload(0))
  await hand.advance(1)
  const question = log.tail({ streams: Array.from({ length: 3_000 }, (_, i) => i) })
  t.regex(String(await hand.outcome(question, 10)), /^(OVERSIZE|BAD_ARGUMENT)\/stop$/)
  t.is(typeof (await hand.outcome(waitsForRoom, 500)), 'object')
})

test('unitBytesMax: requests without a body count', async (t) => {
  const hand = await HandCluster.start({ unitBytesMax: 4_000 })
  const log = await hand.client()
  hand.stall()
  void log.append(payload(0)).catch(() => undefined)
  await hand.advance(1)
  const transport = hand.ports('rude').transport
  const connection = transport.connect('unit-0', {
    opened: () => undefined,
    data: () => undefined,
    closed: () => undefined,
  })
  connection.write([encodeFrame(kinds.hello, 0, 0, new TextEncoder().encode('{"cluster":null,"name":"rude"}'))])
  for (let i = 0; i < 1_000; i++) connection.write([encodeFrame(kinds.unsubscribe, 0, i + 1, new Uint8Array(0))])
  await hand.advance(1)
  hand.goOn()
  await hand.advance(1)
  t.true(
    (hand.accepted.at(-1)?.writes ?? []).reduce((sum, bytes) => sum + bytes, 0) > 10_000,
    'none of 24,000 bytes of requests was refused',
  )
})

test('fillFloorMs: how long the last holes were left alone does not say how slow appends are', async (t) => {
  const hand = await HandCluster.start({ fillFloorMs: 50 })
  const raw = await hand.raw()
  const lived: number[] = []
  for (let i = 0; i < 6; i++) {
    const hole = await hand.done(hand.token(raw, 1), 0)
    const from = hand.clock.now()
    for (let waited = 0; waited < 400 && (hand.units[0]?.unit.state.prefix ?? 0) <= hole; waited++) {
      await hand.advance(10)
    }
    lived.push(hand.clock.now() - from)
  }
  t.true(
    lived.every((ms) => ms <= 100),
    `the holes lived for ${lived.join(', ')} ms`,
  )
})

test('fillFloorMs: waiting for its turn in its own client does not make an append slow', async (t) => {
  const hand = await HandCluster.start({ clientEntriesMax: 1, fillFloorMs: 50 })
  const log = await hand.client()
  const asked = appends(log, 60)
  hand.stall()
  for (let i = 0; i < 60; i++) {
    await hand.advance(5)
    hand.goOn()
    hand.stall()
  }
  hand.goOn()
  await hand.done(Promise.all(asked), 50)
  t.true(log.cluster.fillAgeMs <= 50, `holes are left alone for ${log.cluster.fillAgeMs} ms`)
})
