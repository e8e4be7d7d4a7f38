/**
 * The client's side of a connection: requests with deadlines, one connection per peer address.
 *
 * Every request ends: with its answer, an error of the other end, `TIMEOUT`, `UNREACHABLE` or `CLOSED`. A peer that let a
 * deadline pass has its connection closed: it may be half-open. Owns: pending requests and reconnecting.
 * Read next: `server.ts` for the other side.
 */
import type { Struct } from 'superstruct'
import { SirtakiError, asError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { Layout } from '../layout/layout.ts'
import type { Connection, Ports, Timer } from '../ports.ts'
import { LayoutAnswer, Welcome, readError, readJson, writeJson, type Hello } from './control.ts'
import { FLAG_ERROR, FrameParser, encodeFrame, type Frame } from './frame.ts'
import { FrameWriter } from './frame-writer.ts'
import { kinds, type Kind } from './messages.ts'

/** Called once with the body of the answer or with an error. */
export type OnAnswer = (error: SirtakiError | undefined, body: Uint8Array) => void

/** What all peers of one process share. `cluster` is null until it is known (before `init`, for lookups). */
export interface PeerContext {
  readonly ports: Ports
  readonly limits: Limits
  /** Our own name, for the other end's messages to people. */
  readonly name: string
  cluster(): string | null
  /** A number for the next request, unique among those that wait. */
  nextRequest(): number
  /** Newer layouts that servers tell us of, unasked. */
  learnt(layout: Layout): void
}

/** What a subscription hears: bodies, and once that it has ended. With an error the server refused it. */
export interface SubscriberEvents { push(body: Uint8Array): void; closed(error?: SirtakiError): void }

interface Pending { readonly kind: Kind; readonly deadline: number; readonly answer: OnAnswer }
const nothing = new Uint8Array(0)

/** One other process, reached over one connection that is opened when needed. */
export class Peer {
  readonly address: string
  readonly #context: PeerContext
  readonly #pending = new Map<number, Pending>()
  readonly #subscribers = new Map<number, SubscriberEvents>()
  #connection: Connection | undefined
  #writer: FrameWriter | undefined
  #parser: FrameParser
  #sweep: { readonly timer: Timer; readonly at: number } | undefined
  #heard = 0
  #closed = false

  constructor(address: string, context: PeerContext) {
    this.address = address
    this.#context = context
    this.#parser = new FrameParser(context.limits.frameBytesMax)
  }

  /** Sends a request; the promise settles with the body of the answer. */
  request(kind: Kind, body: Uint8Array, timeoutMs = this.#context.limits.requestMs): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const request = this.#context.nextRequest()
      this.call(kind, request, encodeFrame(kinds[kind], 0, request, body), (error, answer) => { if (error === undefined) resolve(answer); else reject(error) }, timeoutMs)
    })
  }

  /** Sends a control message and checks its answer. */
  async control<T, S>(kind: Kind, value: unknown, answer: Struct<T, S>, timeoutMs?: number): Promise<T> {
    return readJson(await this.request(kind, writeJson(value), timeoutMs), answer)
  }

  /** Sends a frame made for the number `request`; the same frame may go to several peers. The way of the hot path: no promise. */
  call(kind: Kind, request: number, frame: Uint8Array, answer: OnAnswer, timeoutMs = this.#context.limits.requestMs): void {
    const writer = this.#open()
    if (writer instanceof SirtakiError) { answer(writer, nothing); return }
    const { requestsMax, frameBytesMax } = this.#context.limits
    // The other end would hang up, and take everybody else's requests with it.
    if (frame.byteLength > frameBytesMax) { answer(new SirtakiError('OVERSIZE', `a request ${kind} of ${frame.byteLength} bytes, at most ${frameBytesMax} are allowed`), nothing); return }
    if (this.#pending.size >= requestsMax) { answer(new SirtakiError('OVERLOADED', `${requestsMax} requests to ${this.address} are open already`, { facts: { address: this.address } }), nothing); return }
    const now = this.#context.ports.clock.now()
    this.#pending.set(request, { kind, deadline: now + timeoutMs, answer })
    writer.send(frame)
    this.#watch(now, timeoutMs)
  }

  /** Sends a frame that nobody answers; with `rides` it leaves with the next one only. */
  notify(kind: Kind, body: Uint8Array, { rides = false }: { readonly rides?: boolean } = {}): void {
    const writer = this.#open()
    if (!(writer instanceof FrameWriter)) return
    const frame = encodeFrame(kinds[kind], 0, 0, body)
    if (rides) writer.queue(frame)
    else writer.send(frame)
  }

  /** Writes what waits, now: the end of the turn would be a round of the event loop later. */
  flush(): void { this.#writer?.flush() }

  /** Runs `work`; what it sends to this peer leaves right behind it. */
  together(work: () => void): void {
    const writer = this.#open()
    if (writer instanceof FrameWriter) writer.together(work)
    else work()
  }

  /** Starts a subscription; `closed` is called once when the connection is lost. Gives the way to end it. */
  subscribe(body: Uint8Array, events: SubscriberEvents): () => void {
    const writer = this.#open()
    if (writer instanceof SirtakiError) { events.closed(writer); return () => undefined }
    const request = this.#context.nextRequest()
    this.#subscribers.set(request, events)
    writer.send(encodeFrame(kinds.subscribe, 0, request, body))
    this.#watch(this.#context.ports.clock.now(), this.#context.limits.requestMs)
    return () => {
      if (this.#subscribers.delete(request)) this.#writer?.send(encodeFrame(kinds.unsubscribe, 0, request, nothing))
    }
  }

  /** Nobody waits for this peer any more: ends the connection and fails what is open with `error`. A later request begins anew. */
  abandon(error: SirtakiError): void {
    if (this.#writer !== undefined) this.#lost(error)
  }

  /** Bytes on their way. */
  get buffered(): number { return this.#writer?.buffered ?? 0 }

  close(): void {
    this.#closed = true
    this.#writer?.flush()
    this.#lost(new SirtakiError('CLOSED', 'the client was closed'))
  }

  /** Gives the writer of the connection, or why there is none: closed, or an address that makes no sense. */
  #open(): FrameWriter | SirtakiError {
    if (this.#closed) return new SirtakiError('CLOSED', `the client is closed, nothing was sent to ${this.address}`)
    if (this.#writer !== undefined) return this.#writer
    try {
      return this.#dial()
    } catch (thrown) {
      return asError(thrown, 'BAD_ADDRESS')
    }
  }

  #dial(): FrameWriter {
    const { ports, limits } = this.#context
    const parser = new FrameParser(limits.frameBytesMax)
    this.#parser = parser
    const connection: Connection = ports.transport.connect(this.address, {
      opened: () => { this.#heard = ports.clock.now() },
      data: (bytes) => { if (this.#parser === parser) this.#received(bytes) },
      closed: (error) => { if (this.#parser === parser) this.#lost(new SirtakiError('UNREACHABLE', error instanceof SirtakiError ? error.message : `${this.address}: ${error?.message ?? 'the connection was closed'}`, { cause: error, next: 'unknown', facts: { address: this.address } })) },
    })
    this.#connection = connection
    const writer = new FrameWriter(ports.clock, connection)
    this.#writer = writer
    const hello: typeof Hello.TYPE = { cluster: this.#context.cluster(), name: this.#context.name }
    writer.send(encodeFrame(kinds.hello, 0, 0, writeJson(hello)))
    return writer
  }

  #received(bytes: Uint8Array): void {
    this.#heard = this.#context.ports.clock.now()
    try {
      this.#parser.push(bytes, (frame) => { this.#frame(frame) })
    } catch (thrown) {
      this.#lost(asError(thrown, 'BAD_FRAME'))
    }
  }

  #frame(frame: Frame): void {
    switch (frame.kind) {
      case kinds.push: this.#subscribers.get(frame.request)?.push(frame.body); return
      case kinds.hello: this.#welcome(frame); return
      case kinds.layout: if (frame.request === 0) { this.#learn(readJson(frame.body, LayoutAnswer).layout); return } break
      default:
    }
    const pending = this.#pending.get(frame.request)
    if (pending === undefined) {
      if ((frame.flags & FLAG_ERROR) !== 0) this.#endSubscription(frame.request, readError(frame.body))
      return
    }
    // Read before it counts as answered: an error that makes no sense costs the connection, and the request ends with that.
    const error = (frame.flags & FLAG_ERROR) === 0 ? undefined : readError(frame.body)
    this.#pending.delete(frame.request)
    pending.answer(error, error === undefined ? frame.body : nothing)
  }

  #endSubscription(request: number, error: SirtakiError): void {
    const events = this.#subscribers.get(request)
    this.#subscribers.delete(request)
    events?.closed(error)
  }

  #welcome(frame: Frame): void {
    if ((frame.flags & FLAG_ERROR) !== 0) { this.#lost(readError(frame.body)); return }
    this.#learn(readJson(frame.body, Welcome).layout)
  }

  #learn(layout: Layout | null): void { if (layout !== null) this.#context.learnt(layout) }

  /** Looks at deadlines now and then while something is pending: one timer, not one per request. */
  #watch(now: number, timeoutMs: number): void {
    const { ports: { clock }, limits: { requestMs } } = this.#context
    const at = now + Math.min(timeoutMs, requestMs / 4)
    if (this.#sweep !== undefined) {
      if (this.#sweep.at <= at) return
      this.#sweep.timer.cancel()
    }
    const timer = clock.timer(at - now, () => {
      this.#sweep = undefined
      const next = this.#expire()
      if (this.#pending.size > 0 || this.#subscribers.size > 0) this.#watch(clock.now(), Math.max(0, next - clock.now()))
    })
    this.#sweep = { timer, at }
  }

  /** Ends what is late; gives the earliest deadline of what is left. */
  #expire(): number {
    const now = this.#context.ports.clock.now()
    const { requestMs } = this.#context.limits
    let late: Pending | undefined
    let next = Infinity
    for (const [request, pending] of this.#pending) {
      if (pending.deadline > now) { next = Math.min(next, pending.deadline); continue }
      this.#pending.delete(request)
      late = pending
      pending.answer(this.#timeout(pending.kind), nothing)
    }
    // Nothing heard for the whole time: the connection may be half-open, and a new one is cheap.
    const silentMs = now - this.#heard
    if (late !== undefined && silentMs >= requestMs / 2) this.#lost(this.#timeout(late.kind))
    else if (this.#subscribers.size > 0 && this.#pending.size === 0 && silentMs >= requestMs / 4) void this.request('ping', nothing).catch(() => undefined)
    return next
  }

  #timeout(kind: Kind): SirtakiError { return new SirtakiError('TIMEOUT', `${this.address} did not answer ${kind} in time`, { facts: { address: this.address, kind } }) }

  #lost(error: SirtakiError): void {
    this.#parser = new FrameParser(this.#context.limits.frameBytesMax)
    this.#connection?.close()
    this.#writer?.close()
    this.#connection = undefined
    this.#writer = undefined
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    const subscribers = [...this.#subscribers.values()]
    this.#subscribers.clear()
    for (const one of pending) one.answer(error, nothing)
    for (const one of subscribers) one.closed()
  }
}

/** All peers of a process, by address. */
export class Peers {
  readonly context: PeerContext
  readonly #peers = new Map<string, Peer>()
  #closed = false

  constructor(context: PeerContext) { this.context = context }

  at(address: string): Peer {
    const known = this.#peers.get(address)
    if (known !== undefined) return known
    const peer = new Peer(address, this.context)
    if (this.#closed) peer.close()
    else this.#peers.set(address, peer)
    return peer
  }

  abandon(address: string, error: SirtakiError): void { this.#peers.get(address)?.abandon(error) }

  close(): void {
    this.#closed = true
    for (const peer of this.#peers.values()) peer.close()
    this.#peers.clear()
  }
}
