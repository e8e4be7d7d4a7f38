/**
 * Both ends of a connection over bytes in memory and a clock in the hands of the test.
 *
 * Long: a list of cases.
 */
import test from 'ava'
import fc from 'fast-check'
import { SirtakiError, isError } from '../../../log/errors.ts'
import type { Layout } from '../../../log/layout.ts'
import { limits, type Limits } from '../../../log/limits.ts'
import type { Connection, ConnectionEvents, Ports } from '../../../log/ports.ts'
import { readError, writeJson } from '../../../log/wire/control.ts'
import { FLAG_ANSWER, FLAG_ERROR, FrameParser, encodeFrame, type Frame } from '../../../log/wire/frame.ts'
import { memoryTransport } from '../../../log/wire/memory-transport.ts'
import { kinds } from '../../../log/wire/messages.ts'
import { Peers } from '../../../log/wire/peers.ts'
import type { Peer } from '../../../log/wire/rpc.ts'
import { openDoor, type Caller, type Door, type Request } from '../../../log/wire/server.ts'
import { HandClock, countingRandom } from '../../harness/hand-clock.ts'
import { layoutOf } from '../layouts.ts'

const nothing = new Uint8Array(0)
const bytes = (...values: number[]): Uint8Array => new Uint8Array(values)

/** A network with one server at `door` that answers `status` with the body sent, and is silent to `store`. */
class Bench {
  readonly clock = new HandClock()
  readonly ports: Ports = { clock: this.clock, random: countingRandom(), transport: memoryTransport(this.clock) }
  readonly learnt: Layout[] = []
  readonly gone: string[] = []
  readonly requests: Request[] = []
  readonly callers: Caller[] = []
  #request = 0

  door(
    over: Partial<Limits> = {},
    cluster: string | null | (() => string | null) = 'c1',
    layout: Layout | null = null,
  ): Promise<Door> {
    return openDoor(this.ports, { ...limits, ...over }, 'door', {
      cluster: () => (typeof cluster === 'function' ? cluster() : cluster),
      layout: () => layout,
      gone: (caller) => {
        this.gone.push(caller.name)
      },
      request: (request) => {
        this.requests.push(request)
        this.callers.push(request.caller)
        if (request.kind === 'status') request.caller.answer('status', request.request, request.body)
        if (request.kind === 'trim') {
          request.caller.refuse('trim', request.request, new SirtakiError('EPOCH', 'too old'))
        }
      },
    })
  }

  peer(name = 'client', cluster: string | null = 'c1', over: Partial<Limits> = {}): Peer {
    return new Peers({
      ports: this.ports,
      limits: { ...limits, ...over },
      name,
      cluster: () => cluster,
      nextRequest: () => ++this.#request,
      learnt: (layout) => {
        this.learnt.push(layout)
      },
    }).at('door')
  }

  /** Listens at `door` with bare hands. */
  async listen(): Promise<{ readonly connections: Connection[]; readonly closed: () => number }> {
    const connections: Connection[] = []
    let closed = 0
    const events: ConnectionEvents = {
      opened: () => undefined,
      data: () => undefined,
      closed: () => {
        closed++
      },
    }
    await this.ports.transport.listen('door', (connection) => {
      connections.push(connection)
      return events
    })
    return { connections, closed: () => closed }
  }

  /** Dials `door` and writes raw bytes; `heard` gives the greeting's answer. */
  dial(): {
    readonly write: (data: Uint8Array) => void
    readonly closed: () => boolean
    readonly heard: () => Frame | undefined
  } {
    let closed = false
    let heard: Frame | undefined
    const parser = new FrameParser(1 << 20)
    const connection = this.ports.transport.connect('door', {
      opened: () => undefined,
      data: (data) => {
        parser.push(data, (frame) => {
          heard ??= frame
        })
      },
      closed: () => {
        closed = true
      },
    })
    return {
      write: (data) => {
        connection.write([data])
      },
      closed: () => closed,
      heard: () => heard,
    }
  }

  /** Waits for the outcome of a request while time goes by: its body or the code of its error. */
  async outcome(promise: Promise<Uint8Array>, ms = 0): Promise<unknown> {
    let outcome: unknown = 'waiting'
    promise.then(
      (body) => {
        outcome = [...body]
      },
      (thrown: unknown) => {
        outcome = isError(thrown) ? thrown.code : thrown
      },
    )
    await this.clock.advance(ms)
    return outcome
  }
}

const hello = (cluster: string | null): Uint8Array =>
  encodeFrame(kinds.hello, 0, 0, writeJson({ cluster, name: 'raw' }))

test('a request is answered, an error of the server comes as one', async (t) => {
  const bench = new Bench()
  await bench.door()
  const peer = bench.peer()
  t.deepEqual(await bench.outcome(peer.request('status', bytes(1, 2))), [1, 2])
  t.is(await bench.outcome(peer.request('trim', nothing)), 'EPOCH')
  t.deepEqual(await bench.outcome(peer.request('ping', nothing)), [])
})

test('a request that nobody answers ends at its deadline', async (t) => {
  const bench = new Bench()
  await bench.door()
  const request = bench.peer().request('store', nothing)
  t.is(await bench.outcome(request, limits.requestMs - 1), 'waiting')
  t.is(await bench.outcome(request, limits.requestMs / 4 + 1), 'TIMEOUT')
})

test('a short deadline is kept while a long one is waited for', async (t) => {
  const bench = new Bench()
  await bench.door()
  const peer = bench.peer()
  const long = peer.request('store', nothing)
  const short = peer.request('store', nothing, 100)
  t.is(await bench.outcome(short, 200), 'TIMEOUT')
  t.is(await bench.outcome(long), 'waiting')
})

test('nobody at the address: UNREACHABLE; as soon as somebody listens the next request goes through', async (t) => {
  const bench = new Bench()
  const peer = bench.peer()
  t.is(await bench.outcome(peer.request('status', nothing)), 'UNREACHABLE')
  await bench.door()
  t.deepEqual(await bench.outcome(peer.request('status', bytes(3))), [3])
})

test('a lost connection ends what waits, and the next request opens another one', async (t) => {
  const bench = new Bench()
  const door = await bench.door()
  const peer = bench.peer()
  const lost = peer.request('store', nothing)
  await bench.clock.settle()
  await door.close()
  t.is(await bench.outcome(lost), 'UNREACHABLE')
  await bench.door()
  t.deepEqual(await bench.outcome(peer.request('status', bytes(4))), [4])
})

test('a half-open connection is given up at the first deadline, and the next request dials anew', async (t) => {
  const bench = new Bench()
  const silent = await bench.listen()
  const peer = bench.peer()
  t.is(await bench.outcome(peer.request('status', nothing), limits.requestMs * 1.3), 'TIMEOUT')
  t.is(silent.closed(), 1)
  void peer.request('status', nothing).catch(() => undefined)
  await bench.clock.settle()
  t.is(silent.connections.length, 2)
})

test('a subscriber whose server has gone silent is told', async (t) => {
  const bench = new Bench()
  await bench.listen()
  let closed = 0
  bench.peer().subscribe(nothing, {
    push: () => undefined,
    closed: () => {
      closed++
    },
  })
  await bench.clock.advance(limits.requestMs * 3)
  t.is(closed, 1)
})

test('pushes go to their subscription until it ends', async (t) => {
  const bench = new Bench()
  await bench.door()
  const pushed: number[][] = []
  const end = bench.peer().subscribe(bytes(9), {
    push: (body) => {
      pushed.push([...body])
    },
    closed: () => {
      t.fail()
    },
  })
  await bench.clock.settle()
  bench.callers[0]?.push(bench.requests[0]?.request ?? 0, bytes(5))
  await bench.clock.settle()
  end()
  bench.callers[0]?.push(bench.requests[0]?.request ?? 0, bytes(6))
  await bench.clock.settle()
  t.deepEqual(pushed, [[5]])
  t.deepEqual(
    bench.requests.map(({ kind }) => kind),
    ['subscribe', 'unsubscribe'],
  )
})

test('L8: a refused subscription is told why', async (t) => {
  const bench = new Bench()
  await bench.door()
  const told: unknown[] = []
  bench.peer().subscribe(nothing, {
    push: () => undefined,
    closed: (error?: SirtakiError) => {
      told.push(error?.code)
    },
  })
  await bench.clock.settle()
  bench.callers[0]?.refuse('subscribe', bench.requests[0]?.request ?? 0, new SirtakiError('TRIMMED', 'gone'))
  await bench.clock.settle()
  t.deepEqual(told, ['TRIMMED'])
})

test('a client of another cluster is refused by name, one that does not know its cluster is let in', async (t) => {
  const bench = new Bench()
  await bench.door()
  t.is(await bench.outcome(bench.peer('stranger', 'c2').request('status', nothing)), 'WRONG_CLUSTER')
  t.deepEqual(await bench.outcome(bench.peer('newcomer', null).request('status', nothing)), [])
})

test('L6: a client that met a blank server is refused as soon as that belongs to another cluster', async (t) => {
  const bench = new Bench()
  let cluster: string | null = null
  await bench.door({}, () => cluster)
  const [stranger, own] = [bench.peer('stranger', 'c2'), bench.peer('own', 'c1')]
  t.deepEqual(await bench.outcome(stranger.request('status', nothing)), [])
  t.deepEqual(await bench.outcome(own.request('status', nothing)), [])
  cluster = 'c1'
  t.is(await bench.outcome(stranger.request('status', nothing)), 'WRONG_CLUSTER')
  t.deepEqual(await bench.outcome(own.request('status', nothing)), [])
})

test('the greeting and later news carry the newest layout', async (t) => {
  const bench = new Bench()
  const door = await bench.door({}, 'c1', layoutOf({ epoch: 4 }))
  void bench.peer().request('status', nothing)
  await bench.clock.settle()
  door.tell(layoutOf({ epoch: 5 }))
  await bench.clock.settle()
  t.deepEqual(
    bench.learnt.map(({ epoch }) => epoch),
    [4, 5],
  )
})

test('a first frame that is no hello costs the connection', async (t) => {
  const bench = new Bench()
  await bench.door()
  const rude = bench.dial()
  rude.write(encodeFrame(kinds.status, 0, 1, nothing))
  const polite = bench.dial()
  polite.write(hello('c1'))
  await bench.clock.settle()
  t.deepEqual([rude.closed(), polite.closed(), bench.requests.length], [true, false, 0])
})

test('a kind of frame that a server does not know is refused, and the connection lives', async (t) => {
  const bench = new Bench()
  await bench.door()
  const peer = bench.peer()
  const told: unknown[] = []
  peer.call('status', 77, encodeFrame(99, 0, 77, nothing), (error) => {
    told.push(error?.code, error?.next, error?.facts)
  })
  const beside = peer.request('status', bytes(1))
  t.deepEqual(await bench.outcome(beside), [1])
  t.deepEqual(told, ['UNSUPPORTED', 'stop', { kind: 99 }])
  t.deepEqual([new Set(bench.callers).size, bench.gone], [1, []])
})

test('a kind of frame that a client does not know is passed over, whatever number it bears', async (t) => {
  const bench = new Bench()
  const raw = await bench.listen()
  const peer = bench.peer()
  const request = peer.request('status', nothing)
  await bench.clock.settle()
  raw.connections[0]?.write([
    encodeFrame(99, 0, 0, bytes(1)),
    encodeFrame(99, 0, 1, bytes(2)),
    encodeFrame(kinds.status, FLAG_ANSWER, 1, bytes(3)),
  ])
  t.deepEqual(await bench.outcome(request), [3])
})

test('a client whose versions are all too new or too old is told which end to upgrade', async (t) => {
  const bench = new Bench()
  await bench.door()
  const greet = async (versions: unknown): Promise<unknown> => {
    const raw = bench.dial()
    raw.write(encodeFrame(kinds.hello, 0, 0, writeJson({ cluster: 'c1', name: 'raw', versions })))
    await bench.clock.settle()
    const { code, message } = readError(raw.heard()?.body ?? nothing)
    return [raw.closed(), code, message]
  }
  t.deepEqual(await greet({ min: 4, max: 5 }), [
    true,
    'WRONG_VERSION',
    'the server speaks versions 1 to 3, the client versions 4 to 5: upgrade the server',
  ])
  t.deepEqual(await greet({ min: 0, max: 0 }), [
    true,
    'WRONG_VERSION',
    'the server speaks versions 1 to 3, the client version 0: upgrade the client',
  ])
})

test('a server that welcomes in a version that the client does not speak is left, and the call told why', async (t) => {
  const bench = new Bench()
  const raw = await bench.listen()
  const request = bench.peer().request('status', nothing)
  await bench.clock.settle()
  raw.connections[0]?.write([
    encodeFrame(kinds.hello, FLAG_ANSWER, 0, writeJson({ cluster: 'c1', layout: null, version: 7 })),
  ])
  t.is(await bench.outcome(request), 'WRONG_VERSION')
  t.is(raw.closed(), 1)
})

test('a hello without versions is answered as version 1 answered it', async (t) => {
  const bench = new Bench()
  await bench.door()
  const old = bench.dial()
  old.write(hello('c1'))
  await bench.clock.settle()
  t.deepEqual(JSON.parse(new TextDecoder().decode(old.heard()?.body)), { cluster: 'c1', layout: null })
})

test('a server that is slow keeps its connection, however many short deadlines pass', async (t) => {
  const bench = new Bench()
  await bench.door()
  const peer = bench.peer()
  const long = peer.request('store', nothing)
  for (let i = 0; i < 10; i++) t.is(await bench.outcome(peer.request('store', nothing, 200), 300), 'TIMEOUT')
  bench.callers[0]?.answer('store', bench.requests[0]?.request ?? 0, bytes(8))
  t.deepEqual(await bench.outcome(long), [8])
  t.is(new Set(bench.callers).size, 1)
})

test('a request of 200 ms over a half-open connection has the next one dial anew within a second', async (t) => {
  const bench = new Bench()
  const silent = await bench.listen()
  const peer = bench.peer()
  t.is(await bench.outcome(peer.request('status', nothing, 200), 210), 'TIMEOUT')
  await bench.clock.advance(650)
  t.is(silent.closed(), 1)
  void peer.request('status', nothing, 200).catch(() => undefined)
  await bench.clock.settle()
  t.is(silent.connections.length, 2)
})

test('what waits on a doubted connection is still answered there, the next request has another', async (t) => {
  const bench = new Bench()
  const raw = await bench.listen()
  const peer = bench.peer()
  const long = peer.request('store', nothing)
  t.is(await bench.outcome(peer.request('status', nothing, 200), 900), 'TIMEOUT')
  const next = peer.request('status', nothing)
  await bench.clock.settle()
  t.deepEqual([raw.connections.length, raw.closed()], [2, 0])
  raw.connections[0]?.write([encodeFrame(kinds.store, FLAG_ANSWER, 1, bytes(5))])
  raw.connections[1]?.write([encodeFrame(kinds.status, FLAG_ANSWER, 4, bytes(6))])
  t.deepEqual([await bench.outcome(long), await bench.outcome(next)], [[5], [6]])
  await bench.clock.advance(limits.requestMs / 2)
  t.is(raw.closed(), 1)
})

test('a subscriber that is silent otherwise stays, for hours', async (t) => {
  const bench = new Bench()
  const door = await bench.door({ idleMs: 10_000 })
  bench.peer().subscribe(nothing, {
    push: () => undefined,
    closed: () => {
      t.fail()
    },
  })
  await bench.clock.advance(200_000)
  t.deepEqual([door.connections(), bench.gone], [1, []])
})

test('a subscriber that is pushed to all the time, and so has no doubts, is heard of all the same', async (t) => {
  const bench = new Bench()
  const door = await bench.door({ idleMs: 10_000 })
  let pushed = 0
  bench.peer('client', 'c1', { idleMs: 10_000 }).subscribe(nothing, {
    push: () => {
      pushed++
    },
    closed: () => {
      t.fail()
    },
  })
  for (let i = 0; i < 200; i++) {
    await bench.clock.advance(200)
    bench.callers[0]?.push(bench.requests[0]?.request ?? 0, bytes(1))
  }
  t.deepEqual([pushed >= 199, door.connections(), bench.gone], [true, 1, []])
})

test('a connection that nobody used for long is not trusted: its server may be gone without a word', async (t) => {
  const bench = new Bench()
  const raw = await bench.listen()
  const peer = bench.peer()
  const first = peer.request('status', nothing)
  await bench.clock.settle()
  raw.connections[0]?.write([encodeFrame(kinds.status, FLAG_ANSWER, 1, bytes(1))])
  t.deepEqual(await bench.outcome(first), [1])
  await bench.clock.advance(limits.idleMs / 2 + 1)
  const second = peer.request('status', nothing)
  await bench.clock.settle()
  t.deepEqual([raw.connections.length, raw.closed()], [2, 1])
  raw.connections[1]?.write([encodeFrame(kinds.status, FLAG_ANSWER, 2, bytes(2))])
  t.deepEqual(await bench.outcome(second), [2])
})

test('1,000 random byte streams at a server do not disturb another client', async (t) => {
  const bench = new Bench()
  const door = await bench.door()
  const peer = bench.peer()
  const noise = fc.array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      fc.constantFrom(hello('c1'), encodeFrame(kinds.status, 0, 7, nothing), encodeFrame(99, 0, 1, nothing)),
    ),
    { minLength: 1, maxLength: 4 },
  )
  await fc.assert(
    fc.asyncProperty(noise, fc.nat(255), async (pieces, value) => {
      const raw = bench.dial()
      for (const piece of pieces) raw.write(piece)
      t.deepEqual(await bench.outcome(peer.request('status', bytes(value))), [value])
    }),
    { numRuns: 1000 },
  )
  t.true(door.connections() < 1000)
})

test('connections beyond the bound are refused with a reason, the others stay', async (t) => {
  const bench = new Bench()
  const door = await bench.door({ connectionsMax: 2 })
  const first = bench.peer('first')
  const second = bench.peer('second')
  await bench.outcome(
    Promise.all([first.request('status', nothing), second.request('status', nothing)]).then(() => nothing),
  )
  t.is(await bench.outcome(bench.peer('third').request('status', nothing)), 'OVERLOADED')
  t.deepEqual(await bench.outcome(first.request('status', bytes(1))), [1])
  t.is(door.connections(), 2)
})

test('a broken answer costs the connection and ends every request on it', async (t) => {
  const bench = new Bench()
  const raw = await bench.listen()
  const peer = bench.peer()
  const first = peer.request('status', nothing)
  const second = peer.request('status', nothing)
  void first.catch(() => undefined)
  void second.catch(() => undefined)
  await bench.clock.settle()
  raw.connections[0]?.write([encodeFrame(kinds.status, FLAG_ANSWER | FLAG_ERROR, 1, bytes(1, 2, 3))])
  t.is(await bench.outcome(first), 'BAD_FRAME')
  t.is(await bench.outcome(second), 'BAD_FRAME')
})

test('a closed client sends nothing any more', async (t) => {
  const bench = new Bench()
  await bench.door()
  const peers = new Peers({
    ports: bench.ports,
    limits,
    name: 'n',
    cluster: () => 'c1',
    nextRequest: () => 1,
    learnt: () => undefined,
  })
  const waiting = peers.at('door').request('store', nothing)
  await bench.clock.settle()
  peers.close()
  t.is(await bench.outcome(waiting), 'CLOSED')
  t.is(await bench.outcome(peers.at('door').request('status', nothing)), 'CLOSED')
})

test('an address that makes no sense ends the call, it does not throw', async (t) => {
  const bench = new Bench()
  const ports: Ports = {
    ...bench.ports,
    transport: {
      ...bench.ports.transport,
      connect: () => {
        throw new SirtakiError('BAD_ADDRESS', 'odd')
      },
    },
  }
  const peers = new Peers({
    ports,
    limits,
    name: 'n',
    cluster: () => 'c1',
    nextRequest: () => 1,
    learnt: () => undefined,
  })
  const told: unknown[] = []
  t.notThrows(() => {
    peers.at('odd').call('store', 1, encodeFrame(kinds.store, 0, 1, nothing), (error) => {
      told.push(error?.code)
    })
  })
  t.deepEqual(told, ['BAD_ADDRESS'])
})
