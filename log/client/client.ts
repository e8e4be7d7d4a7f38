/**
 * The client of the log: append, read, readStream, subscribe, tail, fill, trim over one cluster.
 *
 * A facade: each call is one flow in a file of its own. Read next: `append.ts`, `read.ts`, `tail.ts`, `../playback/`.
 */
import type { Entry } from '../entry.ts'
import { SirtakiError } from '../errors.ts'
import type { Layout } from '../layout/layout.ts'
import { Watch } from '../layout/watch.ts'
import { StreamPlayer, type StreamEvents } from '../playback/stream-player.ts'
import { Appender, type Appended } from './append.ts'
import { Cluster, type CallOptions, type ClusterOptions } from './cluster.ts'
import { Reader, requirePosition, type ReadResult } from './read.ts'
import { Subscriber } from './subscriber.ts'
import { TailReader, type Tails } from './tail.ts'

/** How an append goes. `streams` are ids from 0 to 4294967295, each once. */
export interface AppendOptions extends CallOptions {
  /** Streams that the entry is on: integers from 0 to 4294967295, each once, 64 at most. */
  readonly streams?: readonly number[] | undefined
}
/** Where a stream is read. `from` is inclusive, `to` exclusive; without `to` up to the tail as of now. */
export interface StreamOptions extends CallOptions {
  readonly stream: number
  /** First position, inclusive; 0 unless given. */
  readonly from?: number | undefined
  /** End, exclusive; the tail as of now unless given. */
  readonly to?: number | undefined
}
/** A subscription ends with its signal or a `break`. */
export interface SubscribeOptions {
  readonly stream: number
  /** First position, inclusive; 0 unless given. */
  readonly from?: number | undefined
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined
}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true

/** One client of one cluster. Every wait has a deadline (`timeoutMs`, 5 s unless told) and takes a signal. */
export class LogClient implements AsyncDisposable {
  readonly cluster: Cluster
  /** Names this client in every entry it writes. */
  readonly writer: number
  readonly #appender: Appender
  readonly #tails: TailReader
  readonly #reader: Reader
  readonly #players = new Set<StreamPlayer>()
  readonly #watch: Watch

  constructor(options: ClusterOptions) {
    this.cluster = new Cluster(options)
    this.writer = Math.floor(options.ports.random.next() * Number.MAX_SAFE_INTEGER)
    this.#appender = new Appender(this.cluster, this.writer)
    this.#tails = new TailReader(this.cluster)
    this.#reader = new Reader(this.cluster, this.#tails)
    this.#watch = new Watch(this.cluster)
    this.cluster.onTrouble = (): void => { this.#helpYourself() }
  }

  /** Servers that watch over each other may all be cut off, or gone: who meets errors for long looks around and drives by itself. */
  #helpYourself(): void {
    if (this.#watch.looking) return
    this.cluster.ports.failpoint?.('client.watches')
    void this.#watch.look()
  }

  /** The newest layout learnt, or asked for. @throws SirtakiError `TIMEOUT`, `UNREACHABLE`, `WRONG_CLUSTER`. */
  layout(options: CallOptions = {}): Promise<Layout> { return this.cluster.current(options) }

  /**
   * Appends one entry. Durable on every unit of its chain when it resolves.
   *
   * @throws SirtakiError `OVERSIZE`, `BAD_ARGUMENT` before anything is sent; `TIMEOUT`, `ABORTED`: it may still take effect; `TRIMMED`
   *   with next `unknown` and its position: others trimmed the log there before this client heard what became of its entry. They may have
   *   read it, so it is not appended a second time.
   */
  append(payload: Uint8Array, options: AppendOptions = {}): Promise<Appended> {
    return this.#appender.append(payload, options.streams, options)
  }

  /** Why an append of so many bytes would be refused at once; `undefined` when it would not. */
  overloaded(bytes: number): SirtakiError | undefined { return this.#appender.overloaded(bytes) }

  /** Appends several entries, each for itself, in ascending positions as long as nothing fails. Any number: they go by thousands. @throws as `append`. */
  async appendMany(payloads: readonly Uint8Array[], options: AppendOptions = {}): Promise<Appended[]> {
    const done: Appended[] = []
    const size = Math.min(this.cluster.limits.batchEntriesMax, this.cluster.limits.appendsWaitingMax)
    for (let from = 0; from < payloads.length; from += size) done.push(...await Promise.all(payloads.slice(from, from + size).map((payload) => this.append(payload, options))))
    return done
  }

  /** Reads one position. @throws SirtakiError `BAD_ARGUMENT`, `DAMAGED`, `TIMEOUT`, `ABORTED`. */
  read(position: number, options: CallOptions = {}): Promise<ReadResult> { return this.#reader.read(position, options) }

  /**
   * Tails, exclusive. `linearizable` (the default) covers every append acknowledged before the call.
   *
   * @throws SirtakiError `TIMEOUT`, `ABORTED`.
   */
  tail(options: CallOptions & { readonly streams?: readonly number[]; readonly linearizable?: boolean } = {}): Promise<Tails> {
    return options.linearizable === false ? this.#tails.plain(options.streams, options) : this.#tails.linearizable(options.streams, options)
  }

  /** Brings a position below the tail to decided. @throws SirtakiError `BAD_ARGUMENT`, `TIMEOUT`, `ABORTED`. */
  fill(position: number, options: CallOptions = {}): Promise<ReadResult> { return this.#reader.fill(position, options) }

  /** Drops everything below `before`, everywhere. @throws SirtakiError `BAD_ARGUMENT`, `TIMEOUT`, `ABORTED`. */
  trim(before: number, options: CallOptions = {}): Promise<void> { return this.#reader.trim(before, options) }

  /**
   * All entries of a stream in [from, to), in order. A `to` beyond the tail is waited for.
   *
   * @throws SirtakiError `BAD_ARGUMENT`, `TRIMMED`, `TIMEOUT` (with the tail in its facts where the log did not get to `to`), `ABORTED`.
   */
  async readStream({ stream, from = 0, to, ...options }: StreamOptions): Promise<Entry[]> {
    requirePosition(from)
    if (to !== undefined) requirePosition(to)
    const end = to ?? (await this.#tails.linearizable([stream], options)).streams.get(stream) ?? 0
    const entries: Entry[] = []
    let failed: SirtakiError | undefined
    const player = this.player(stream, from, { deliver: (due) => { entries.push(...due) }, reached: () => undefined, failed: (error) => { failed = error } }, { live: false })
    try {
      await player.playTo(end, options)
      if (failed !== undefined) throw failed
    } finally {
      this.closePlayer(player)
    }
    return entries.filter((entry) => entry.position < end)
  }

  /** A player of a stream, started when `live`; close it with `closePlayer`. */
  player(stream: number, from: number, events: StreamEvents, options: { live: boolean } = { live: true }): StreamPlayer {
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
   * Entries of a stream as they are decided, in order, once. Ends with the signal, on `break`, or with an error. A consumer that
   * is slower than the stream costs a position and a bounded queue: it is read to from there when it has caught up.
   *
   * @throws SirtakiError `TRIMMED` with the first position kept, `CLOSED`.
   */
  async *subscribe({ stream, from = 0, signal }: SubscribeOptions): AsyncGenerator<Entry, void, undefined> {
    const subscriber = new Subscriber(this, stream, from)
    const onAbort = (): void => { subscriber.wake() }
    signal?.addEventListener('abort', onAbort)
    try {
      while (!isAborted(signal)) {
        for (const entry of subscriber.take()) { yield entry; if (isAborted(signal)) return }
        if (subscriber.idle) await subscriber.woken()
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      subscriber.close()
    }
  }

  /** Closes connections; what waits is rejected with `CLOSED`. */
  close(): Promise<void> {
    for (const player of this.#players) player.close(new SirtakiError('CLOSED', 'the client was closed', { next: 'stop' }))
    this.#appender.close()
    this.cluster.close()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> { return this.close() }
}
