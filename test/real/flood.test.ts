/**
 * Floods at a real door: those who send nothing, half a frame, or ask and never read, beside a client that works.
 *
 * Read next: `door-process.ts`, `../../log/wire/server.ts`.
 */
import { connect, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { systemPorts } from '../../log/io/connect.ts'
import { limits, type Limits } from '../../log/limits.ts'
import { writeJson } from '../../log/wire/control.ts'
import { encodeFrame } from '../../log/wire/frame.ts'
import { kinds } from '../../log/wire/messages.ts'
import { Peers } from '../../log/wire/peers.ts'
import type { Peer } from '../../log/wire/rpc.ts'
import { RealProcess } from './processes.ts'

const MB = 1 << 20
const hello = encodeFrame(kinds.hello, 0, 0, writeJson({ cluster: null, name: 'flood' }))
const ask = (request: number, bytes: number): Uint8Array =>
  encodeFrame(kinds.status, 0, request, new TextEncoder().encode(String(bytes)))
const pause = (ms: number): Promise<void> =>
  new Promise((done) => {
    setTimeout(done, ms)
  })

/** What the door's process says of itself. */
interface Look {
  readonly callers: number
  readonly sockets: number
  readonly bytes: number
}

/** A door in a process of its own and everybody who comes to it. */
class Flood {
  readonly door: RealProcess
  readonly address: string
  readonly sockets: Socket[] = []
  #looks = 0
  #request = 0

  private constructor(door: RealProcess, address: string) {
    this.door = door
    this.address = address
  }

  static async start(t: ExecutionContext, over: Partial<Limits>): Promise<Flood> {
    const door = new RealProcess('door-process.ts', ['127.0.0.1:0', JSON.stringify(over)])
    const flood = new Flood(door, await door.start('ready'))
    t.teardown(async () => {
      for (const socket of flood.sockets) socket.destroy()
      await door.kill()
    })
    return flood
  }

  async look(): Promise<Look> {
    const name = ++this.#looks
    this.door.send(`look ${name}`)
    const [callers = NaN, sockets = NaN, bytes = NaN] = (await this.door.said(`look-${name}`)).split(' ').map(Number)
    return { callers, sockets, bytes }
  }

  /** Looks until `condition` holds, for ten seconds at most. */
  async until(condition: (look: Look) => boolean): Promise<Look> {
    const end = performance.now() + 10_000
    for (;;) {
      const look = await this.look()
      if (condition(look) || performance.now() > end) return look
      await pause(100)
    }
  }

  peer(t: ExecutionContext, name: string): Peer {
    const peers = new Peers({
      ports: systemPorts(),
      limits,
      name,
      cluster: () => null,
      nextRequest: () => ++this.#request,
      learnt: () => undefined,
    })
    t.teardown(() => {
      peers.close()
    })
    return peers.at(this.address)
  }

  /** Dials so many times, a part of the kernel's queue at once; each sends `first` and nothing more. */
  async dial(count: number, first?: Uint8Array): Promise<Socket[]> {
    const [host = '', port = ''] = this.address.split(':')
    const all: Socket[] = []
    while (all.length < count) {
      const part = Array.from({ length: Math.min(250, count - all.length) }, () => connect(Number(port), host))
      await Promise.all(
        part.map(
          (socket) =>
            new Promise<void>((done) => {
              socket
                .once('connect', done)
                .once('close', () => {
                  done()
                })
                .on('error', () => undefined)
            }),
        ),
      )
      if (first !== undefined) for (const socket of part) socket.write(first)
      all.push(...part)
    }
    this.sockets.push(...all)
    return all
  }
}

/** Works one request after the other until told to stop; counts them and keeps the slowest. */
class Worker {
  readonly #done: Promise<void>
  #running = true
  requests = 0
  slowestMs = 0

  constructor(t: ExecutionContext, peer: Peer) {
    this.#done = this.#work(peer)
    // Told by `stop`.
    void this.#done.catch(() => undefined)
    t.teardown(() => {
      this.#running = false
    })
  }

  async #work(peer: Peer): Promise<void> {
    while (this.#running) {
      const start = performance.now()
      const body = await peer.request('status', new TextEncoder().encode('100'))
      if (body.byteLength !== 100) throw new Error(`an answer of ${body.byteLength} bytes`)
      this.slowestMs = Math.max(this.slowestMs, performance.now() - start)
      this.requests++
      await pause(1)
    }
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#done
  }
}

/** Never read: ask again and again, as long as they are let. */
function neverRead(sockets: readonly Socket[]): void {
  let request = 0
  const timer = setInterval(() => {
    const open = sockets.filter(({ writable }) => writable)
    for (const socket of open) socket.write(ask(++request, 256 << 10))
    if (open.length === 0) clearInterval(timer)
  }, 20)
}

test.serial(
  '2,000 who send nothing, 200 with half a frame and 50 who never read disturb nobody, cost little and are '
    + 'gone in the end',
  async (t) => {
    t.timeout(60_000)
    const flood = await Flood.start(t, { helloMs: 4_000, idleMs: 4_000, connectionBytesMax: 2 * MB })
    const worker = new Worker(t, flood.peer(t, 'worker'))
    const before = await flood.until(({ callers }) => callers === 1)
    await flood.dial(2_000)
    // A frame of 4 MiB of which the head has come, from callers who have greeted.
    await flood.dial(
      200,
      Buffer.concat([
        hello,
        encodeFrame(kinds.store, 0, 1, new Uint8Array(limits.frameBytesMax - 1024)).subarray(0, 1000),
      ]),
    )
    const during = await flood.until(({ callers }) => callers >= 2_201)
    t.true(during.callers >= 2_201, `${during.callers} callers`)
    t.true(
      during.bytes - before.bytes < 40 * MB,
      `${(during.bytes - before.bytes) / MB} MiB more with ${during.callers} callers`,
    )
    neverRead(await flood.dial(50, hello))
    let most = during.bytes
    const after = await flood.until(({ callers, sockets, bytes }) => {
      most = Math.max(most, bytes)
      return callers === 1 && sockets === 1
    })
    await worker.stop()
    t.deepEqual([after.callers, after.sockets], [1, 1])
    t.true(most - before.bytes < 50 * 3 * MB, `${(most - before.bytes) / MB} MiB at most`)
    t.true(after.bytes - before.bytes < 20 * MB, `${(after.bytes - before.bytes) / MB} MiB stay`)
    t.true(worker.slowestMs < 2_000, `${worker.slowestMs} ms for the slowest of ${worker.requests}`)
    t.true(worker.requests > 100, `${worker.requests} requests`)
    t.log(
      `${worker.requests} requests, slowest ${worker.slowestMs.toFixed(0)} ms; MiB more: `
        + `${((during.bytes - before.bytes) / MB).toFixed(1)} at first, `
        + `${((most - before.bytes) / MB).toFixed(1)} at most, `
        + `${((after.bytes - before.bytes) / MB).toFixed(1)} after`,
    )
  },
)

test.serial(
  'a flood beyond the bound takes no more than the bound, those who were there go on, and then there is room again',
  async (t) => {
    t.timeout(60_000)
    const flood = await Flood.start(t, { helloMs: 3_000, connectionsMax: 100 })
    const worker = new Worker(t, flood.peer(t, 'worker'))
    await flood.until(({ callers }) => callers === 1)
    await flood.dial(2_000)
    const during = await flood.until(({ callers }) => callers === 100)
    t.is(during.callers, 100)
    // One more may be on its way out while it is counted.
    t.true(during.sockets <= 202, `${during.sockets} sockets`)
    await flood.until(({ sockets }) => sockets === 100)
    await t.throwsAsync(flood.peer(t, 'late').request('status', new TextEncoder().encode('7')), { code: 'OVERLOADED' })
    const after = await flood.until(({ callers, sockets }) => callers === 1 && sockets === 1)
    t.deepEqual([after.callers, after.sockets], [1, 1])
    t.is((await flood.peer(t, 'newcomer').request('status', new TextEncoder().encode('7'))).byteLength, 7)
    await worker.stop()
    t.true(worker.slowestMs < 2_000, `${worker.slowestMs} ms for the slowest of ${worker.requests}`)
  },
)
