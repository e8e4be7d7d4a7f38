/**
 * The client's side of a connection: requests with deadlines, one connection per peer address.
 *
 * Every request ends: with its answer, an error of the other end, `TIMEOUT`, `UNREACHABLE` or `CLOSED`.
 *
 * A connection may be half-open: the other machine is gone and nobody says so. A deadline that passes in silence,
 * however short it was, is a reason to doubt, no more: the server may have much to do. So a ping goes out, which a
 * living server answers before anything else that waits. What then comes, whatever it is, ends the doubt; silence for
 * as long as a peer is given that is looked at (`suspicionProbes` looks) **retires** the connection:
 *
 *     request ──200 ms, silence──▶ doubt: ping ──600 ms, silence──▶ retired: the next request dials anew,
 *        └ anything heard: the server is slow                         what waits on the old one may still be answered
 *
 * So a slow server loses no request by it. A request that was sent half of `requestMs` ago or earlier, and nothing
 * was heard since, ends the connection at its deadline with all that waits on it. Subscribers ping by themselves:
 * when they hear nothing, and when they say nothing, lest the server takes them for gone. A connection that nobody
 * used for half of `idleMs` is not trusted with a request.
 *
 * Owns: pending requests and reconnecting. Read next: `server.ts` for the other side.
 *
 * Long: requests, subscriptions and the doubt about silence are the life of one connection.
 */
import type { Struct } from 'superstruct'
import { SirtakiError, asError } from '../errors.ts'
import type { Layout } from '../layout.ts'
import type { Limits } from '../limits.ts'
import type { Connection, Ports, Timer } from '../ports.ts'
import { LayoutAnswer, Welcome, readError, readJson, writeJson, type Hello } from './control.ts'
import { FrameWriter } from './frame-writer.ts'
import { FLAG_ANSWER, FLAG_ERROR, FrameParser, encodeFrame, type Frame } from './frame.ts'
import { kinds, type Kind } from './messages.ts'
import { UNSAID, agreeVersion, versionsOf } from './version.ts'

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
export interface SubscriberEvents {
  push(body: Uint8Array): void
  closed(error?: SirtakiError): void
}

/**
 * One connection. `heard`: when it last gave a sign of life; before any it is when it was dialled. `ping`: the request
 * that asks whether it lives.
 */
interface Link {
  readonly connection: Connection
  readonly writer: FrameWriter
  readonly parser: FrameParser
  heard: number
  ping: number | undefined
  version: number | undefined
  closed: boolean
}
interface Pending {
  readonly kind: Kind
  readonly link: Link
  readonly since: number
  readonly deadline: number
  readonly answer: OnAnswer
}
/** A request without an answer yet; `since` on the clock of the process. */
export interface Owed {
  readonly address: string
  readonly kind: Kind
  readonly since: number
}
interface Subscribed {
  readonly link: Link
  readonly events: SubscriberEvents
}
const nothing = new Uint8Array(0)

/** What only a member of the layout can answer. */
const MEMBERS: ReadonlySet<Kind> = new Set([
  'store',
  'ask',
  'settle',
  'force',
  'junk',
  'read',
  'readStream',
  'progress',
  'trim',
  'token',
  'tails',
  'heartbeat',
])

/** One other process, reached over one connection that is opened when needed. */
export class Peer {
  readonly address: string
  readonly #context: PeerContext
  readonly #pending = new Map<number, Pending>()
  readonly #subscribers = new Map<number, Subscribed>()
  #link: Link | undefined
  /** Given up for new requests; each is closed when nothing waits on it any more. */
  readonly #retired = new Set<Link>()
  #sweep: { readonly timer: Timer; readonly at: number } | undefined
  /** When the last request was sent. */
  #asked = 0
  #closed = false

  constructor(address: string, context: PeerContext) {
    this.address = address
    this.#context = context
  }

  /** The version of the messages that both ends speak, once the server has said so. */
  get version(): number | undefined {
    return this.#link?.version
  }

  /** Sends a request; the promise settles with the body of the answer. */
  request(kind: Kind, body: Uint8Array, timeoutMs = this.#context.limits.requestMs): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const request = this.#context.nextRequest()
      this.call(
        kind,
        request,
        encodeFrame(kinds[kind], 0, request, body),
        (error, answer) => {
          if (error === undefined) resolve(answer)
          else reject(error)
        },
        timeoutMs,
      )
    })
  }

  /** Sends a control message and checks its answer. */
  async control<T, S>(kind: Kind, value: unknown, answer: Struct<T, S>, timeoutMs?: number): Promise<T> {
    return readJson(await this.request(kind, writeJson(value), timeoutMs), answer)
  }

  /**
   * Sends a frame made for the number `request`; the same frame may go to several peers. The way of the hot path: no
   * promise.
   */
  call(
    kind: Kind,
    request: number,
    frame: Uint8Array,
    answer: OnAnswer,
    timeoutMs = this.#context.limits.requestMs,
  ): void {
    const link = this.#open()
    if (link instanceof SirtakiError) {
      answer(link, nothing)
      return
    }
    const { requestsMax, frameBytesMax } = this.#context.limits
    // The other end would hang up, and take everybody else's requests with it.
    if (frame.byteLength > frameBytesMax) {
      answer(
        new SirtakiError(
          'OVERSIZE',
          `a request ${kind} of ${frame.byteLength} bytes, at most ${frameBytesMax} are allowed`,
        ),
        nothing,
      )
      return
    }
    if (this.#pending.size >= requestsMax) {
      answer(
        new SirtakiError('OVERLOADED', `${requestsMax} requests to ${this.address} are open already`, {
          facts: { address: this.address },
        }),
        nothing,
      )
      return
    }
    const now = this.#context.ports.clock.now()
    this.#asked = now
    this.#pending.set(request, { kind, link, since: now, deadline: now + timeoutMs, answer })
    link.writer.send(frame)
    this.#arm(now, timeoutMs)
  }

  /** Sends a frame that nobody answers; with `rides` it leaves with the next one only. */
  notify(kind: Kind, body: Uint8Array, { rides = false }: { readonly rides?: boolean } = {}): void {
    const link = this.#open()
    if (link instanceof SirtakiError) return
    const frame = encodeFrame(kinds[kind], 0, 0, body)
    if (rides) link.writer.queue(frame)
    else link.writer.send(frame)
  }

  /** Writes what waits, now: the end of the turn would be a round of the event loop later. */
  flush(): void {
    this.#link?.writer.flush()
  }

  /** Runs `work`; what it sends to this peer leaves right behind it. */
  together(work: () => void): void {
    const link = this.#open()
    if (link instanceof SirtakiError) work()
    else link.writer.together(work)
  }

  /** Starts a subscription; `closed` is called once when the connection is lost. Gives the way to end it. */
  subscribe(body: Uint8Array, events: SubscriberEvents): () => void {
    const link = this.#open()
    if (link instanceof SirtakiError) {
      events.closed(link)
      return () => undefined
    }
    const request = this.#context.nextRequest()
    this.#subscribers.set(request, { link, events })
    link.writer.send(encodeFrame(kinds.subscribe, 0, request, body))
    this.#asked = this.#context.ports.clock.now()
    this.#arm(this.#asked, this.#context.limits.requestMs)
    return () => {
      if (this.#subscribers.delete(request)) link.writer.send(encodeFrame(kinds.unsubscribe, 0, request, nothing))
    }
  }

  /**
   * This peer is no member any more: what was asked of it as one ends with `error`. It may still be asked who it is.
   */
  abandon(error: SirtakiError): void {
    const ended: OnAnswer[] = []
    for (const [request, { kind, answer }] of this.#pending) {
      if (MEMBERS.has(kind)) {
        this.#pending.delete(request)
        ended.push(answer)
      }
    }
    for (const answer of ended) answer(error, nothing)
    for (const link of [...this.#retired, ...(this.#link === undefined ? [] : [this.#link])]) {
      this.#endSubscriptions(link)
    }
  }

  /** What it has owed an answer to for longest, beside pings. */
  get owed(): Owed | undefined {
    for (const { kind, since } of this.#pending.values()) {
      if (kind !== 'ping') return { address: this.address, kind, since }
    }
    return undefined
  }

  /** Bytes on their way. */
  get buffered(): number {
    return this.#link?.writer.buffered ?? 0
  }

  close(): void {
    this.#closed = true
    this.flush()
    for (const link of [...this.#retired, ...(this.#link === undefined ? [] : [this.#link])]) {
      this.#lost(link, new SirtakiError('CLOSED', 'the client was closed'))
    }
  }

  /** Gives the connection, or why there is none: closed, or an address that makes no sense. */
  #open(): Link | SirtakiError {
    if (this.#closed) return new SirtakiError('CLOSED', `the client is closed, nothing was sent to ${this.address}`)
    if (this.#link !== undefined && !this.#isStale(this.#link)) return this.#link
    try {
      return this.#dial()
    } catch (thrown) {
      return asError(thrown, 'BAD_ADDRESS')
    }
  }

  /**
   * Nobody used it for so long that the server may be about to hang up, or gone without a word. Then it is closed:
   * nothing waits on it.
   */
  #isStale(link: Link): boolean {
    const {
      ports: { clock },
      limits: { idleMs },
    } = this.#context
    if (this.#pending.size > 0 || this.#subscribers.size > 0 || clock.now() - link.heard <= idleMs / 2) return false
    link.writer.flush()
    this.#lost(link, new SirtakiError('UNREACHABLE', `the connection to ${this.address} was not used for long`))
    return true
  }

  #dial(): Link {
    const { ports, limits, name } = this.#context
    const connection: Connection = ports.transport.connect(this.address, {
      opened: () => {
        link.heard = ports.clock.now()
      },
      data: (bytes) => {
        this.#received(link, bytes)
      },
      closed: (error) => {
        this.#lost(
          link,
          new SirtakiError(
            'UNREACHABLE',
            error instanceof SirtakiError
              ? error.message
              : `${this.address}: ${error?.message ?? 'the connection was closed'}`,
            {
              cause: error,
              next: 'unknown',
              facts: { ...(error instanceof SirtakiError ? error.facts : {}), address: this.address },
            },
          ),
        )
      },
    })
    const writer = new FrameWriter(ports.clock, connection)
    const link: Link = {
      connection,
      writer,
      parser: new FrameParser(limits.frameBytesMax),
      heard: ports.clock.now(),
      ping: undefined,
      version: undefined,
      closed: false,
    }
    this.#link = link
    const versions = versionsOf(limits)
    // Version 1 said nothing of versions.
    const hello: typeof Hello.TYPE = {
      cluster: this.#context.cluster(),
      name,
      ...(versions.max === UNSAID.max ? {} : { versions }),
    }
    writer.send(encodeFrame(kinds.hello, 0, 0, writeJson(hello)))
    return link
  }

  #received(link: Link, bytes: Uint8Array): void {
    link.heard = this.#context.ports.clock.now()
    try {
      link.parser.push(bytes, (frame) => {
        if (!link.closed) this.#frame(link, frame)
      })
    } catch (thrown) {
      this.#lost(link, asError(thrown, 'BAD_FRAME'))
    }
  }

  #frame(link: Link, frame: Frame): void {
    switch (frame.kind) {
      case kinds.push:
        this.#subscribers.get(frame.request)?.events.push(frame.body)
        return
      case kinds.hello:
        this.#welcome(link, frame)
        return
      case kinds.layout:
        if (frame.request === 0) {
          this.#learn(readJson(frame.body, LayoutAnswer).layout)
          return
        }
        break
      default:
    }
    // A newer server may say things that nobody asked for.
    if ((frame.flags & FLAG_ANSWER) === 0) return
    const pending = this.#pending.get(frame.request)
    if (pending === undefined) {
      if ((frame.flags & FLAG_ERROR) !== 0) this.#endSubscription(frame.request, readError(frame.body))
      return
    }
    // Read before it counts as answered: an error that makes no sense costs the connection, and the request ends with
    // that.
    const error = (frame.flags & FLAG_ERROR) === 0 ? undefined : readError(frame.body)
    this.#pending.delete(frame.request)
    pending.answer(error, error === undefined ? frame.body : nothing)
  }

  #endSubscription(request: number, error: SirtakiError): void {
    const subscribed = this.#subscribers.get(request)
    this.#subscribers.delete(request)
    subscribed?.events.closed(error)
  }

  #welcome(link: Link, frame: Frame): void {
    if ((frame.flags & FLAG_ERROR) !== 0) {
      this.#lost(link, readError(frame.body))
      return
    }
    const { layout, version = UNSAID.max } = readJson(frame.body, Welcome)
    link.version = agreeVersion({ min: version, max: version }, versionsOf(this.#context.limits))
    this.#learn(layout)
  }

  #learn(layout: Layout | null): void {
    if (layout !== null) this.#context.learnt(layout)
  }

  /** Looks at deadlines now and then while something is pending: one timer, not one per request. */
  #arm(now: number, timeoutMs: number): void {
    const {
      ports: { clock },
      limits: { requestMs },
    } = this.#context
    const at = now + Math.min(timeoutMs, requestMs / 4)
    if (this.#sweep !== undefined) {
      if (this.#sweep.at <= at) return
      this.#sweep.timer.cancel()
    }
    // What has come meanwhile is read first: whoever was busy himself must not take it for the silence of others.
    const sweep = {
      at,
      timer: clock.timer(at - now, () => {
        clock.turn(() => {
          if (this.#sweep === sweep) this.#runSweep()
        })
      }),
    }
    this.#sweep = sweep
  }

  #runSweep(): void {
    const { clock } = this.#context.ports
    this.#sweep = undefined
    const next = this.#expire()
    if (this.#pending.size > 0 || this.#subscribers.size > 0) this.#arm(clock.now(), Math.max(0, next - clock.now()))
  }

  /** Ends what is late; gives the earliest deadline of what is left. */
  #expire(): number {
    const now = this.#context.ports.clock.now()
    const late = new Map<Link, { readonly pending: Pending; readonly isPing: boolean }>()
    const busy = new Set<Link>()
    let next = Infinity
    for (const [request, pending] of this.#pending) {
      if (pending.deadline > now) {
        next = Math.min(next, pending.deadline)
        busy.add(pending.link)
        continue
      }
      this.#pending.delete(request)
      // The one that was sent first has waited longest; but what our own ping says counts most.
      const isPing = request === pending.link.ping
      if (isPing || !late.has(pending.link)) late.set(pending.link, { pending, isPing })
      pending.answer(this.#timeout(pending.kind), nothing)
    }
    for (const { pending, isPing } of late.values()) this.#doubt(pending, isPing, now)
    for (const link of this.#retired) if (!busy.has(link)) this.#lost(link, this.#timeout('ping'))
    this.#keepAlive(now)
    return next
  }

  /** Something sent over it is late. See the head of this file. */
  #doubt({ link, kind, since }: Pending, isPing: boolean, now: number): void {
    const { requestMs } = this.#context.limits
    if (link.closed) return
    if (link.heard > since) {
      if (now - link.heard >= this.#patienceMs) this.#ping(link)
      return
    }
    if (isPing) this.#retire(link)
    else if (now - since >= requestMs / 2) this.#lost(link, this.#timeout(kind))
    else this.#ping(link)
  }

  /** A subscriber hears of the end of its connection only by asking, and is heard of only by asking. */
  #keepAlive(now: number): void {
    const link = this.#link
    const { requestMs, idleMs } = this.#context.limits
    if (link === undefined || this.#subscribers.size === 0 || this.#pending.size > 0) return
    if (now - link.heard >= requestMs / 4 || now - this.#asked >= idleMs / 4) this.#ping(link)
  }

  /** How long a ping may take: as long as it takes to suspect a peer that is looked at. */
  get #patienceMs(): number {
    const { probeMs, suspicionProbes, requestMs } = this.#context.limits
    return Math.min(probeMs * suspicionProbes, requestMs / 2)
  }

  /** Asks whether the other end lives, unless that has been asked already. */
  #ping(link: Link): void {
    if (link !== this.#link || (link.ping !== undefined && this.#pending.has(link.ping))) return
    const request = this.#context.nextRequest()
    link.ping = request
    this.call('ping', request, encodeFrame(kinds.ping, 0, request, nothing), () => undefined, this.#patienceMs)
  }

  /** The next request dials anew; what waits may still be answered. */
  #retire(link: Link): void {
    if (this.#link !== link) return
    this.#link = undefined
    this.#retired.add(link)
    this.#endSubscriptions(link)
  }

  #timeout(kind: Kind): SirtakiError {
    return new SirtakiError('TIMEOUT', `${this.address} did not answer ${kind} in time`, {
      facts: { address: this.address, kind },
    })
  }

  #lost(link: Link, error: SirtakiError): void {
    if (link.closed) return
    link.closed = true
    link.connection.close()
    link.writer.close()
    this.#retired.delete(link)
    if (this.#link === link) this.#link = undefined
    const ended: OnAnswer[] = []
    for (const [request, pending] of this.#pending) {
      if (pending.link === link) {
        this.#pending.delete(request)
        ended.push(pending.answer)
      }
    }
    for (const answer of ended) answer(error, nothing)
    this.#endSubscriptions(link)
  }

  #endSubscriptions(link: Link): void {
    const ended: SubscriberEvents[] = []
    for (const [request, subscribed] of this.#subscribers) {
      if (subscribed.link === link) {
        this.#subscribers.delete(request)
        ended.push(subscribed.events)
      }
    }
    for (const events of ended) events.closed()
  }
}
