/**
 * The client of the log: append, read, readStream, subscribe, tail, fill, trim over one cluster.
 *
 * A facade: each call is one flow in a file of its own. Read next: `append.ts`, `../playback/read.ts`,
 * `../playback/tail.ts`, `../playback/`.
 */
import { badArgument, isBytes, requireCallOptions, requireStream } from '../cluster/arguments.ts'
import { Calls, type Call, type CallOptions, type FlowOptions } from '../cluster/calls.ts'
import { Cluster, type ClusterOptions } from '../cluster/cluster.ts'
import { OBJECT_STREAMS, type Entry } from '../entry.ts'
import { Guard } from '../epochs/guard.ts'
import { SirtakiError } from '../errors.ts'
import type { Layout } from '../layout.ts'
import { Reader, requirePosition, type ReadResult } from '../playback/read.ts'
import { StreamPlayer, type StreamEvents } from '../playback/stream-player.ts'
import { Subscriber } from '../playback/subscriber.ts'
import { TailReader, type StreamTail, type Tails } from '../playback/tail.ts'
import type { HeartbeatAnswer } from '../wire/heartbeat-messages.ts'
import { Appender } from './append.ts'
import type { Appended } from './batch.ts'
import { sendHeartbeat } from './heartbeat.ts'

/** How an append goes. */
export interface AppendOptions extends CallOptions {
  /**
   * Streams that the entry is on: integers from 16 (below are those of the objects) to 4294967295, each once, 64 at
   * most.
   */
  readonly streams?: readonly number[] | undefined
  /** Nobody awaits it: it does not keep the process alive. */
  readonly background?: boolean | undefined
}
/** Which tails are read. */
export interface TailOptions extends CallOptions {
  /** Streams whose tails are asked for as well. */
  readonly streams?: readonly number[] | undefined
  /** Whether the tail covers every append acknowledged before the call; true unless told. */
  readonly linearizable?: boolean | undefined
}
/** Where a stream is read. */
export interface StreamOptions extends CallOptions {
  readonly stream: number
  /** Inclusive; 0 unless told. */
  readonly from?: number | undefined
  /** Exclusive; up to the tail as of now unless told. */
  readonly to?: number | undefined
}
/** A subscription ends with its signal or a `break`. */
export interface SubscribeOptions {
  readonly stream: number
  /** Inclusive; 0 unless told. */
  readonly from?: number | undefined
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined
}
const NO_OPTIONS: CallOptions = {}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true

/**
 * One client of one cluster. Every call ends within its deadline (`timeoutMs`, 5 s unless told), or when its signal
 * aborts; while it is under way it keeps the process alive, an idle client does not. Keeps: P72, P73.
 */
export class LogClient implements AsyncDisposable {
  readonly cluster: Cluster
  /** Names this client in every entry it writes. */
  readonly writer: number
  readonly #appender: Appender
  readonly #tails: TailReader
  readonly #reader: Reader
  readonly #players = new Set<StreamPlayer>()
  readonly #guard: Guard
  readonly #calls: Calls

  constructor(options: ClusterOptions) {
    this.cluster = new Cluster(options)
    this.#calls = new Calls(options.ports.clock, options.limits.requestMs, () => this.cluster.waitsFor())
    this.writer = Math.floor(options.ports.random.next() * Number.MAX_SAFE_INTEGER)
    this.#appender = new Appender(this.cluster, this.writer)
    this.#tails = new TailReader(this.cluster)
    this.#reader = new Reader(this.cluster, this.#tails)
    this.#guard = new Guard(this.cluster)
    this.cluster.onTrouble = (): void => {
      this.#helpYourself()
    }
  }

  /**
   * Servers that guard each other may all be cut off, or gone: who meets errors for long looks around and drives by
   * itself.
   */
  #helpYourself(): void {
    if (this.#guard.isProbing) return
    this.cluster.ports.failpoint?.('client.guards')
    void this.#guard.probe()
  }

  /**
   * The newest layout learnt, or asked for.
   *
   * @throws SirtakiError `BAD_ARGUMENT`, `WRONG_CLUSTER`, `WRONG_VERSION`; `TIMEOUT`, `ABORTED`, next `again`;
   *   `CLOSED`.
   */
  layout(options: CallOptions = NO_OPTIONS): Promise<Layout> {
    return this.#calls.run('looking for the cluster', options, (call) => this.cluster.current(call))
  }

  /**
   * Appends one entry. Durable on every unit of its chain when it resolves.
   *
   * @throws SirtakiError `OVERSIZE`, `BAD_ARGUMENT`, `OVERLOADED` before anything is sent; `FULL` when the disk of a
   *   unit is full; `TIMEOUT`, `ABORTED`, `CLOSED`: with `next` `unknown` it may still take effect, with `again` it
   *   does not; `TRIMMED` with next `unknown` and its position: others trimmed the log there before this client heard
   *   what became of its entry. They may have read it, so it is not appended a second time.
   */
  append(payload: Uint8Array, options: AppendOptions = NO_OPTIONS): Promise<Appended> {
    const reserved = reservedIn(options?.streams)
    return reserved === undefined ? this.appendAnywhere(payload, options) : Promise.reject(reserved)
  }

  /**
   * Appends one entry, also on streams of the objects (0 to 15): for their runtime, and for who knows what a foreign
   * entry does there.
   *
   * @throws SirtakiError as `append`.
   */
  appendAnywhere(payload: Uint8Array, options: AppendOptions = NO_OPTIONS): Promise<Appended> {
    const odd = oddAppend(payload, options)
    return odd === undefined ? this.#appender.append(payload, options.streams, options) : Promise.reject(odd)
  }

  /** Why an append of so many bytes would be refused at once; `undefined` when it would not. */
  overloaded(bytes: number): SirtakiError | undefined {
    return this.#appender.overloaded(bytes)
  }

  /**
   * Appends several entries, each for itself, in ascending positions as long as nothing fails. Any number: they go by
   * thousands.
   *
   * @throws as `append`.
   */
  async appendMany(payloads: readonly Uint8Array[], options: AppendOptions = {}): Promise<Appended[]> {
    if (!Array.isArray(payloads)) throw badArgument('appendMany', 'an array of payloads', payloads)
    const done: Appended[] = []
    const size = Math.min(this.cluster.limits.batchEntriesMax, this.cluster.limits.appendsWaitingMax)
    for (let from = 0; from < payloads.length; from += size) {
      done.push(
        ...(await Promise.all(payloads.slice(from, from + size).map((payload) => this.append(payload, options)))),
      )
    }
    return done
  }

  /**
   * Reads one position.
   *
   * @throws SirtakiError `BAD_ARGUMENT`, `DAMAGED`; `TIMEOUT`, `ABORTED`, next `again`; `CLOSED`.
   */
  read(position: number, options: CallOptions = NO_OPTIONS): Promise<ReadResult> {
    return this.#calls.run('read', options, (call) => this.#reader.read(position, call))
  }

  /**
   * Tails, exclusive. `linearizable` (the default) covers every append acknowledged before the call.
   *
   * @throws SirtakiError `TIMEOUT`, `ABORTED`, next `again`; `OVERLOADED` when too many callers wait; `CLOSED`,
   *   `BAD_ARGUMENT`.
   */
  tail(options: TailOptions = NO_OPTIONS): Promise<Tails> {
    return this.#calls.run('tail', options, (call) => {
      const { streams, linearizable } = options
      for (const stream of streams ?? []) requireStream('tail', stream)
      return linearizable === false ? this.#tails.plain(streams, call) : this.#tails.linearizable(streams, call)
    })
  }

  /**
   * The tail of one stream for a flow that has its own deadline, linearizable: no call is made of it.
   *
   * @throws as `tail`.
   */
  tailOf(stream: number, flow: FlowOptions): Promise<StreamTail> {
    return this.#tails.of(stream, flow)
  }

  /**
   * Says to the sequencer that these incarnations of sessions live, 65,536 at most. `confirmed`, one for each: nobody
   * ends that one before its timeout is over, counted from this call. `tail`: exclusive, of stream 1.
   *
   * @throws SirtakiError `BAD_ARGUMENT`; `TIMEOUT`, `ABORTED`, next `again`; `CLOSED`.
   */
  heartbeat(incarnations: readonly number[], options: CallOptions = NO_OPTIONS): Promise<HeartbeatAnswer> {
    return this.#calls.run('heartbeat', options, (call) => sendHeartbeat(this.cluster, incarnations, call))
  }

  /**
   * Brings a position below the tail to decided.
   *
   * @throws SirtakiError `BAD_ARGUMENT`, `DAMAGED`; `TIMEOUT`, `ABORTED`, next `again`; `CLOSED`.
   */
  fill(position: number, options: CallOptions = NO_OPTIONS): Promise<ReadResult> {
    return this.#calls.run('fill', options, (call) => this.#reader.fill(position, call))
  }

  /**
   * Drops everything below `before`, everywhere. Repeating it is harmless.
   *
   * @throws SirtakiError `BAD_ARGUMENT`, `DAMAGED`, `CLOSED`; `TIMEOUT`, `ABORTED`: with `next` `unknown` some units
   *   may have dropped it.
   */
  trim(before: number, options: CallOptions = NO_OPTIONS): Promise<void> {
    return this.#calls.run('trim', options, (call) => this.#reader.trim(before, call))
  }

  /**
   * All entries of a stream in [from, to), in order. A `to` beyond the tail is waited for.
   *
   * @throws SirtakiError `BAD_ARGUMENT`, `TRIMMED`, `DAMAGED`; `TIMEOUT` (with the tail in its facts where the log
   *   did not get to `to`), `ABORTED`, both with next `again`; `CLOSED`.
   */
  readStream(options: StreamOptions): Promise<Entry[]> {
    return this.#calls.run('readStream', options, (call) => this.#readStream(options, call))
  }

  async #readStream(options: StreamOptions, call: Call): Promise<Entry[]> {
    const { stream, from } = requireStreamOptions('readStream', options)
    const { to } = options
    if (to !== undefined) requirePosition(to)
    const end = to ?? (await this.#tails.linearizable([stream], call)).streams.get(stream) ?? 0
    const entries: Entry[] = []
    let failed: SirtakiError | undefined
    const player = this.player(
      stream,
      from,
      {
        deliver: (due) => {
          entries.push(...due)
        },
        reached: () => undefined,
        failed: (error) => {
          failed = error
        },
      },
      { live: false },
    )
    try {
      await player.playTo(end, call)
      if (failed !== undefined) throw failed
    } finally {
      this.closePlayer(player)
    }
    return entries.filter((entry) => entry.position < end)
  }

  /** A player of a stream, started when `live`; close it with `closePlayer`. */
  player(
    stream: number,
    from: number,
    events: StreamEvents,
    options: { live: boolean } = { live: true },
  ): StreamPlayer {
    const player = new StreamPlayer(this.cluster, this.#tails, stream, from, events, options)
    this.#players.add(player)
    if (options.live) player.start()
    return player
  }

  closePlayer(player: StreamPlayer): void {
    player.close()
    this.#players.delete(player)
  }

  /**
   * Entries of a stream as they are decided, in order, once. Ends with the signal, on `break`, or with an error. A
   * consumer that is slower than the stream costs a position and a bounded queue: it is read to from there when it
   * has caught up.
   *
   * @throws SirtakiError `TRIMMED` with the first position kept, `DAMAGED`, `CLOSED`; `BAD_ARGUMENT` at the first
   *   entry asked for.
   */
  async *subscribe(options: SubscribeOptions): AsyncGenerator<Entry, void, undefined> {
    const { stream, from } = requireStreamOptions('subscribe', options)
    const { signal } = options
    const subscriber = new Subscriber(this, stream, from)
    const onAbort = (): void => {
      subscriber.wake()
    }
    signal?.addEventListener('abort', onAbort)
    try {
      while (!isAborted(signal)) {
        for (const entry of subscriber.take()) {
          yield entry
          if (isAborted(signal)) return
        }
        if (subscriber.idle) await this.#attended(subscriber.woken())
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      subscriber.close()
    }
  }

  /** Keeps the process alive while somebody waits for it. */
  async #attended(event: Promise<void>): Promise<void> {
    const release = this.cluster.ports.clock.hold?.()
    try {
      await event
    } finally {
      release?.()
    }
  }

  /** Closes connections; what waits is rejected with `CLOSED`. */
  close(): Promise<void> {
    const closed = new SirtakiError('CLOSED', 'the client was closed', { next: 'stop' })
    for (const player of this.#players) player.close(closed)
    this.#calls.close(closed)
    this.#appender.close()
    this.cluster.close()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Why an entry of a program's own is not on such streams: only entries of spaces belong there. */
function reservedIn(streams: AppendOptions['streams']): SirtakiError | undefined {
  if (!Array.isArray(streams)) return undefined
  for (const stream of streams) if (stream >= 0 && stream < OBJECT_STREAMS) return reservedStream(stream)
  return undefined
}

const reservedStream = (stream: number): SirtakiError =>
  new SirtakiError(
    'BAD_ARGUMENT',
    `stream ${stream} is one of the objects (0 to ${OBJECT_STREAMS - 1}): name one from ${OBJECT_STREAMS} on`,
    { facts: { stream } },
  )

/** Why an append that names such things is none. On the way of every append: nothing is made where all is well. */
function oddAppend(payload: unknown, options: unknown): SirtakiError | undefined {
  if (!isBytes(payload)) return badArgument('append', 'its payload as a Uint8Array', payload)
  if (typeof options !== 'object' || options === null) return badArgument('append', 'its options as an object', options)
  const streams = 'streams' in options ? options.streams : undefined
  return streams === undefined || Array.isArray(streams)
    ? undefined
    : badArgument('append', 'streams as an array of integers', streams)
}

/** @throws SirtakiError `BAD_ARGUMENT`. */
function requireStreamOptions(
  what: string,
  options: StreamOptions | SubscribeOptions,
): { readonly stream: number; readonly from: number } {
  const { stream, from = 0 }: Partial<StreamOptions> = requireCallOptions(what, options)
  requirePosition(from)
  return { stream: requireStream(what, stream), from }
}
