/**
 * Drives of the bounds of servers: doors, units, the sequencer.
 *
 * Read next: `../../harness/hand-cluster.ts`, `../limits.test.ts`.
 *
 * Long: a list, one drive a bound.
 */
import { resolveRange } from '../../../log/cluster/resolve.ts'
import { SirtakiError } from '../../../log/errors.ts'
import { limits as usual, type Limits } from '../../../log/limits.ts'
import { JunkAnswer, readError, writeJson } from '../../../log/wire/control.ts'
import { FLAG_ERROR, FRAME_HEAD_BYTES, FRAME_VERSION, FrameParser, encodeFrame } from '../../../log/wire/frame.ts'
import { memoryTransport } from '../../../log/wire/memory-transport.ts'
import { kinds, readAsk, readReadItems, writePositions } from '../../../log/wire/messages.ts'
import { Peers } from '../../../log/wire/peers.ts'
import type { Peer } from '../../../log/wire/rpc.ts'
import { openDoor, type Caller, type Door } from '../../../log/wire/server.ts'
import { HandClock, countingRandom } from '../../harness/hand-clock.ts'
import { HandCluster, payload, whichOf } from '../../harness/hand-cluster.ts'
import type { Far } from '../../harness/hand-wires.ts'
import { doors } from '../../harness/hand-wires.ts'
import { acknowledgedOnce, appends, type Drive } from './client.ts'

/** A connection made with bare hands: what it was told at the end, and whether it has ended. */
interface Dialled {
  readonly write: (bytes: Uint8Array) => void
  readonly isClosed: () => boolean
  readonly lastWords: () => string | undefined
}
interface BareDoor {
  readonly clock: HandClock
  readonly door: Door
  readonly accepted: Far[]
  readonly gone: string[]
  readonly callers: Caller[]
  readonly peer: (name: string, over?: Partial<Limits>) => Peer
  readonly dial: () => Dialled
}

/** A door at which `status` is answered with what was sent and `trim` is refused. */
export async function bareDoor(over: Partial<Limits>): Promise<BareDoor> {
  const clock = new HandClock()
  const accepted: Far[] = []
  const gone: string[] = []
  const callers: Caller[] = []
  const ports = { clock, random: countingRandom(), transport: doors(memoryTransport(clock), accepted) }
  const door = await openDoor(ports, { ...usual, ...over }, 'door', {
    cluster: () => 'c1',
    layout: () => null,
    gone: ({ name }) => {
      gone.push(name)
    },
    request: ({ caller, kind, request, body }) => {
      callers.push(caller)
      if (kind === 'trim') caller.refuse(kind, request, new SirtakiError('EPOCH', 'too old'.repeat(20)))
      else caller.answer(kind, request, body)
    },
  })
  let request = 0
  return {
    clock,
    door,
    accepted,
    gone,
    callers,
    peer: (name, own = {}) =>
      new Peers({
        ports,
        limits: { ...usual, ...own },
        name,
        cluster: () => 'c1',
        nextRequest: () => ++request,
        learnt: () => undefined,
      }).at('door'),
    dial: () => {
      const parser = new FrameParser(1 << 20)
      let isClosed = false
      let lastWords: string | undefined
      const connection = ports.transport.connect('door', {
        opened: () => undefined,
        data: (bytes) => {
          parser.push(bytes, ({ flags, body }) => {
            if ((flags & FLAG_ERROR) !== 0) lastWords = readError(body).code
          })
        },
        closed: () => {
          isClosed = true
        },
      })
      return {
        write: (bytes) => {
          connection.write([bytes])
        },
        isClosed: () => isClosed,
        lastWords: () => lastWords,
      }
    },
  }
}

/** What becomes of a request within this turn: the length of its answer, or the code and next of its error. */
export async function told(clock: HandClock, promise: Promise<Uint8Array>): Promise<unknown> {
  let outcome: unknown = 'waiting'
  promise.then(
    (body) => {
      outcome = body.byteLength
    },
    (thrown: unknown) => {
      outcome = thrown instanceof SirtakiError ? `${thrown.code}/${thrown.next}` : thrown
    },
  )
  await clock.settle()
  return outcome
}

/** The head of a frame that says it is so long. */
function longFrame(bytes: number): Uint8Array {
  const head = new Uint8Array(FRAME_HEAD_BYTES)
  new DataView(head.buffer).setUint32(0, bytes, true)
  head[4] = FRAME_VERSION
  return head
}

/** Appends thirty entries in rows of their own and trims below the last; gives how many rows each commit drops. */
async function dropsOf(over: Partial<Limits>): Promise<readonly number[]> {
  const hand = await HandCluster.start(over)
  const log = await hand.client()
  let last = 0
  for (let i = 0; i < 30; i++) for (const append of appends(log, 1, { bytes: 200 })) last = await hand.done(append, 5)
  const drops: number[] = []
  const store = hand.store('unit-0')
  const commit = store.commit.bind(store)
  store.commit = (what, done): void => {
    drops.push(what.drop?.length ?? 0)
    commit(what, done)
  }
  await hand.done(log.trim(last), 20)
  await hand.until(() => !hand.unit('unit-0').unit.state.untidy, 500)
  await hand.advance(5)
  return drops.filter((rows) => rows > 0)
}

export const serverDrives = {
  dropRowsMax: {
    title: 'a trim drops its rows with many commits, no more than this with each',
    run: async (t) => {
      const drops = await dropsOf({ dropRowsMax: 4 })
      t.true(drops.length >= 8 && drops.slice(0, -1).every((rows) => rows === 4), drops.join(' '))
    },
  },
  dropBytesMax: {
    title: 'rows of more bytes than this go with commits of their own',
    run: async (t) => {
      const drops = await dropsOf({ dropBytesMax: 500 })
      // About 300 bytes a row; the first rows are those of the epochs, which have none.
      t.true(drops.length >= 10 && drops.slice(1).every((rows) => rows <= 3), drops.join(' '))
    },
  },
  unitBytesMax: {
    title: 'stores beyond it are refused and sent again, and each append is acknowledged once',
    run: async (t) => {
      const hand = await HandCluster.start(
        { unitBytesMax: 2_000, batchEntriesMax: 1, fillFloorMs: 1_000 },
        { units: 2 },
      )
      const log = await hand.client()
      hand.stall()
      const asked = appends(log, 40, { bytes: 200 })
      await hand.advance(60)
      const waiting = hand.units.map((unit) => Number(unit.status()['waitingBytes']))
      t.true(
        waiting.every((bytes) => bytes > 1_000 && bytes <= 2_000),
        waiting.join(' '),
      )
      t.true(hand.point('append.sentAgain') > 10)
      hand.goOn()
      await acknowledgedOnce(t, hand, log, asked, 2_000)
      t.deepEqual(
        hand.units.map((unit) => [unit.unit.state.stored.entries, Number(unit.status()['waitingBytes'])]),
        [
          [40, 0],
          [40, 0],
        ],
      )
    },
  },
  stepBytesMax: {
    title: 'one step sends no more than this and one answer, the next steps the rest',
    run: async (t) => {
      const hand = await HandCluster.start({ stepBytesMax: 3_000 })
      const log = await hand.client()
      const positions = await hand.done(Promise.all(appends(log, 12, { bytes: 1_000 })), 10)
      const raw = await hand.raw()
      const before = hand.accepted.map((far) => far.writes.length)
      const asked = positions.map((position) => raw.peer('unit-0').request('read', writePositions([position])))
      const answers = await hand.done(Promise.all(asked), 10)
      t.deepEqual(
        answers.map((body) => readReadItems(body)[0]?.bytes === undefined),
        positions.map(() => false),
      )
      const writes = hand.accepted.flatMap((far, i) => far.writes.slice(before[i])).filter((bytes) => bytes > 1_000)
      t.true(writes.length >= 3, writes.join(' '))
      t.true(
        writes.every((bytes) => bytes < 3_000 + 1_200),
        writes.join(' '),
      )
    },
  },
  pushBytesMax: {
    title: 'a subscriber that is far behind gets no more than this and one entry in one push',
    run: async (t) => {
      const hand = await HandCluster.start({ pushBytesMax: 1_000 })
      const log = await hand.client()
      await hand.done(
        Promise.all(Array.from({ length: 12 }, (_, i) => log.append(payload(i, 400), { streams: [21] }))),
        10,
      )
      const reader = await hand.client('reader')
      const before = hand.accepted.map((far) => far.writes.length)
      let got = 0
      reader.player(21, 0, {
        deliver: (entries) => {
          got += entries.length
        },
        reached: () => undefined,
        failed: () => {
          t.fail()
        },
      })
      await hand.advance(50)
      t.is(got, 12)
      const writes = hand.accepted.flatMap((far, i) => far.writes.slice(before[i])).filter((bytes) => bytes > 400)
      t.true(writes.length >= 4 && writes.every((bytes) => bytes < 1_000 + 600), writes.join(' '))
    },
  },
  pushLagBytesMax: {
    title: 'a subscriber that reads nothing is passed over once its connection holds this',
    run: async (t) => {
      const hand = await HandCluster.start({ pushLagBytesMax: 1_000, pushBytesMax: 500 })
      const log = await hand.client()
      await hand.done(log.append(payload(0)), 10)
      const before = hand.accepted.length
      const reader = await hand.client('reader')
      reader.player(21, 0, { deliver: () => undefined, reached: () => undefined, failed: () => undefined })
      await hand.advance(20)
      for (const far of hand.accepted.slice(before)) far.deaf = true
      await hand.done(
        Promise.all(Array.from({ length: 20 }, (_, i) => log.append(payload(i, 400), { streams: [21] }))),
        50,
      )
      await hand.advance(50)
      const unread = Math.max(...hand.accepted.map((far) => far.unread))
      t.true(unread > 1_000 && unread < 1_000 + 2 * 600, `${unread}`)
    },
  },
  connectionsMax: {
    title: 'one connection too many is refused with a reason; when another has gone there is room',
    run: async (t) => {
      const { clock, door, peer } = await bareDoor({ connectionsMax: 2 })
      const [first, second, third] = [peer('first'), peer('second'), peer('third')]
      t.deepEqual(
        [
          await told(clock, first.request('status', payload(1))),
          await told(clock, second.request('status', payload(1))),
        ],
        [4, 4],
      )
      t.is(await told(clock, third.request('status', payload(1))), 'OVERLOADED/again')
      t.is(door.connections(), 2)
      first.close()
      await clock.settle()
      t.deepEqual(
        [
          await told(clock, third.request('status', payload(1))),
          await told(clock, second.request('status', payload(1))),
          door.connections(),
        ],
        [4, 4, 2],
      )
    },
  },
  helloMs: {
    title: 'a connection that says nothing, or half a hello, is closed then and not before, and told why',
    run: async (t) => {
      const { clock, door, peer, dial } = await bareDoor({ helloMs: 400 })
      const [silent, half] = [dial(), dial()]
      half.write(encodeFrame(kinds.hello, 0, 0, writeJson({ cluster: null, name: 'half' })).subarray(0, 30))
      t.is(await told(clock, peer('polite').request('status', payload(1))), 4)
      await clock.advance(399)
      t.deepEqual([silent.isClosed(), half.isClosed(), door.connections()], [false, false, 3])
      await clock.advance(102)
      t.deepEqual([silent.isClosed(), half.isClosed(), door.connections()], [true, true, 1])
      t.deepEqual([silent.lastWords(), half.lastWords()], ['TIMEOUT', 'TIMEOUT'])
    },
  },
  idleMs: {
    title:
      'who sends no frame for that long is hung up on; the next request dials anew and its caller sees nothing of it',
    run: async (t) => {
      const { clock, accepted, door, gone, peer } = await bareDoor({ idleMs: 4_000 })
      const [quiet, chatty] = [peer('quiet'), peer('chatty')]
      t.deepEqual(
        [
          await told(clock, quiet.request('status', payload(1))),
          await told(clock, chatty.request('status', payload(1))),
        ],
        [4, 4],
      )
      for (const _ of [1, 2, 3, 4]) {
        await clock.advance(950)
        t.is(await told(clock, chatty.request('status', payload(1))), 4)
      }
      t.deepEqual([gone, door.connections()], [[], 2])
      await clock.advance(1_250)
      t.deepEqual([gone, door.connections()], [['quiet'], 1])
      t.is(await told(clock, quiet.request('status', payload(1))), 4)
      t.deepEqual([accepted.length, door.connections()], [3, 2])
    },
  },
  wireVersionMax: {
    title: 'the lower of two ends decides, and both know it',
    run: async (t) => {
      const versions = async (server: number, client: number): Promise<unknown> => {
        const { clock, callers, peer } = await bareDoor({ wireVersionMax: server })
        const near = peer('client', { wireVersionMax: client })
        await told(clock, near.request('status', payload(1)))
        return [callers[0]?.version, near.version]
      }
      for (const [servers, clients] of [
        [1, 3],
        [3, 1],
        [2, 3],
        [3, 2],
      ] as const) {
        const hand = await HandCluster.start({ wireVersionMax: servers }, { units: 2 })
        const log = await hand.client('client', { wireVersionMax: clients })
        await acknowledgedOnce(t, hand, log, appends(log, 5))
      }
      t.deepEqual(
        [await versions(2, 2), await versions(1, 2), await versions(2, 1), await versions(1, 1), await versions(9, 9)],
        [
          [2, 2],
          [1, 1],
          [1, 1],
          [1, 1],
          [3, 3],
        ],
      )
    },
  },
  connectionBytesMax: {
    title: 'a caller that reads nothing is hung up on as soon as it has too many answers, others are not disturbed',
    run: async (t) => {
      const { clock, accepted, gone, peer } = await bareDoor({ connectionBytesMax: 1_000 })
      const [deaf, other] = [peer('deaf'), peer('other')]
      t.deepEqual(
        [await told(clock, deaf.request('status', payload(1))), await told(clock, other.request('status', payload(1)))],
        [4, 4],
      )
      const far = accepted[0]
      if (far === undefined) throw new Error('nobody came')
      far.deaf = true
      for (let i = 0; i < 3; i++) void deaf.request('status', payload(i, 300)).catch(() => undefined)
      await clock.settle()
      t.deepEqual([far.closed, gone], [false, []])
      for (let i = 0; i < 6; i++) void deaf.request('status', payload(i, 300)).catch(() => undefined)
      await clock.settle()
      t.deepEqual([far.closed, gone], [true, ['deaf']])
      t.true(far.unread <= 1_000 + 324 + 300, `${far.unread}`)
      t.is(await told(clock, other.request('status', payload(1))), 4)
      t.is(await told(clock, deaf.request('status', payload(1))), 4)
    },
  },
  frameBytesMax: {
    title: 'a longer frame costs its sender the connection before anything is allocated; stores never are longer',
    run: async (t) => {
      const hand = await HandCluster.start({ frameBytesMax: 8_192, entryBytesMax: 3_000 })
      const log = await hand.client()
      const transport = hand.ports('rude').transport
      let closed = false
      const connection = transport.connect('unit-0', {
        opened: () => undefined,
        data: () => undefined,
        closed: () => {
          closed = true
        },
      })
      connection.write([encodeFrame(kinds.hello, 0, 0, writeJson({ cluster: null, name: 'rude' })), longFrame(8_193)])
      await hand.advance(1)
      t.true(closed)
      await acknowledgedOnce(t, hand, log, appends(log, 12, { bytes: 3_000 }))
      t.true(hand.wire('client').sent.every(({ frameBytes }) => frameBytes <= 8_192))
      t.true(hand.wire('client').longestAnswer <= 8_192)
    },
  },
  tokensWaitingMax: {
    title: 'with a full window one request too many is refused, those that wait are served when there is room',
    run: async (t) => {
      const hand = await HandCluster.start({ window: 4, tokensWaitingMax: 2 })
      const raw = await hand.raw()
      const granted = [hand.token(raw, 1), hand.token(raw, 1), hand.token(raw, 1), hand.token(raw, 1)]
      const waiting = [hand.token(raw, 1), hand.token(raw, 1)]
      const last = hand.token(raw, 1)
      await hand.done(Promise.all(granted), 1)
      t.deepEqual(
        [await hand.outcome(Promise.race(waiting)), await hand.outcome(last), hand.sequencer.status()['waiting']],
        ['waiting', 'OVERLOADED/again', 2],
      )
      t.is(new Set(await hand.done(Promise.all([...granted, ...waiting]), 200)).size, 6)
      t.is(hand.sequencer.status()['waiting'], 0)
      t.is(typeof (await hand.outcome(hand.token(raw, 1), 200)), 'number')
    },
  },
  window: {
    title: 'grants never run further ahead of what is decided; what waits is granted then',
    run: async (t) => {
      const hand = await HandCluster.start({ window: 4 })
      const log = await hand.client()
      const { machine } = hand.sequencer
      hand.stall()
      const asked = appends(log, 12)
      await hand.advance(60)
      t.deepEqual([machine.tail - machine.prefix, hand.point('sequencer.full') > 0], [4, true])
      hand.goOn()
      await acknowledgedOnce(t, hand, log, asked)
      await hand.advance(50)
      t.is(machine.tail, machine.prefix)
    },
  },
  streamTailsMax: {
    title: 'the sequencer forgets the oldest, and every stream still reads whole',
    run: async (t) => {
      const hand = await HandCluster.start({ streamTailsMax: 2 })
      const log = await hand.client()
      const streams = [21, 22, 23, 24, 25, 21, 22, 23, 24, 25]
      const positions: number[] = []
      for (const stream of streams) {
        positions.push((await hand.done(log.append(payload(stream), { streams: [stream] }), 10)).position)
      }
      t.is(hand.sequencer.machine.streams, 2)
      t.true(hand.point('sequencer.forgot') >= 8)
      const read = await hand.done(Promise.all([21, 22, 23, 24, 25].map((stream) => log.readStream({ stream }))), 100)
      t.deepEqual(
        read.map((entries) => entries.map((entry) => whichOf(entry.payload))),
        [21, 22, 23, 24, 25].map((stream) => [stream, stream]),
      )
    },
  },
  subscriptionsMax: {
    title: 'one subscription too many waits until another ends, the others are pushed to',
    run: async (t) => {
      const hand = await HandCluster.start({ subscriptionsMax: 2 })
      const log = await hand.client()
      const got: number[][] = [[], [], []]
      const players = [21, 22, 23].map((stream, i) =>
        log.player(stream, 0, {
          deliver: (entries) => {
            got[i]?.push(...entries.map((entry) => whichOf(entry.payload)))
          },
          reached: () => undefined,
          failed: () => {
            t.fail()
          },
        }),
      )
      await hand.advance(100)
      // One more is the sequencer's own.
      for (const stream of [21, 22, 23]) await hand.done(log.append(payload(stream), { streams: [stream] }), 50)
      t.deepEqual([got, hand.units[0]?.status()['subscriptions']], [[[21], [22], []], 3])
      if (players[0] !== undefined) log.closePlayer(players[0])
      await hand.advance(100)
      t.deepEqual([got, hand.units[0]?.status()['subscriptions']], [[[21], [22], [23]], 3])
    },
  },
  resolveRangeMax: {
    title: 'no message of a resolve covers more positions, a unit refuses one that does',
    run: async (t) => {
      const hand = await HandCluster.start({ resolveRangeMax: 3 }, { units: 2 })
      const raw = await hand.raw()
      const { layout } = raw
      if (layout === undefined) throw new Error('no layout')
      const from = await hand.done(hand.token(raw, 10), 1)
      t.is(
        await hand.outcome(
          raw
            .peer('unit-0')
            .control(
              'junk',
              { epoch: layout.epoch, first: true, ranges: [{ from, to: from + 4, step: 1 }] },
              JunkAnswer,
            ),
          1,
        ),
        'BAD_ARGUMENT/stop',
      )
      const found = await hand.done(resolveRange(raw, layout, from, from + 10, { mayFill: true }), 20)
      t.deepEqual(
        [...found.values()].map(({ kind }) => kind),
        Array.from({ length: 10 }, () => 'junk'),
      )
      const asks = hand
        .wire('raw')
        .of('ask')
        .filter(({ address }) => address === 'unit-0')
        .map(({ body }) => readAsk(body))
      t.deepEqual(
        asks.map((ask) => [ask.from - from, ask.to - from]),
        [
          [0, 3],
          [3, 6],
          [6, 9],
          [9, 10],
        ],
      )
    },
  },
} satisfies Record<string, Drive>
