/**
 * Reading the tail: the sequencer's answer, with proof of a current epoch for linearizable reads.
 *
 *     call ─ (waits for the round that is on its way to end) ─ round: tails ‖ proof ─ both: the answer
 *
 * Callers that wait share the next round; none boards a round already sent (P48). Keeps: L7, O1. Read next: `proof.ts`.
 */
import type { FlowOptions } from '../cluster/calls.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { Backoff, aborted } from '../cluster/retry.ts'
import { SirtakiError, asError } from '../errors.ts'
import type { Layout } from '../layout.ts'
import { readTailsAnswer, writeTailsQuestion } from '../wire/tail-messages.ts'
import { proveCurrent } from './proof.ts'

/**
 * Exclusive tails: of the log, and by stream an upper bound of its positions. `logTime`: milliseconds that nothing
 * appended later falls behind. It never goes back for one client, also over a failover, and covers each append and
 * entry that the client knows decided.
 */
export interface Tails {
  readonly tail: number
  readonly epoch: number
  readonly logTime: number
  readonly streams: ReadonlyMap<number, number>
}

interface Caller {
  readonly streams: readonly number[]
  readonly options: FlowOptions
  readonly deadline: number
  resolve(tails: Tails): void
  reject(error: SirtakiError): void
}

const isStillThere = ({ options }: Caller): boolean => options.isOver !== true

/** The tail of one stream, exclusive, and a log time that is not above that of any entry behind it. */
export interface StreamTail {
  readonly tail: number
  /** The tail of the log, where that is further on. */
  readonly end?: number
  readonly logTime: number
}

/** The tail reads of one client. */
export class TailReader {
  readonly #cluster: Cluster
  #waiting: Caller[] = []
  /** The stream asked for last by itself: nothing is made for each question. */
  #one: readonly number[] = []
  #running = false
  /** Callers that wait for the tail to get somewhere. */
  readonly #wishes = new Set<(error: SirtakiError) => void>()
  #seeking = false
  /** Ends the pause between two questions. */
  #hurry: () => void = () => undefined

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /**
   * Gives tails that cover everything acknowledged before the call, and never go back.
   *
   * @throws SirtakiError `TIMEOUT`, `ABORTED`, `CLOSED`, `OVERLOADED`.
   */
  linearizable(streams: readonly number[] = [], options: FlowOptions = {}): Promise<Tails> {
    return new Promise((resolve, reject) => {
      this.#wait({ streams, options, deadline: this.#deadlineOf(options), resolve, reject })
    })
  }

  /** Gives that of one stream, with its log time. @throws as `linearizable`. */
  of(stream: number, options: FlowOptions): Promise<StreamTail> {
    if (this.#one[0] !== stream) this.#one = [stream]
    const streams = this.#one
    return new Promise((resolve, reject) => {
      const answered = (tails: Tails): void => {
        resolve({ tail: tails.streams.get(stream) ?? tails.tail, end: tails.tail, logTime: tails.logTime })
      }
      this.#wait({ streams, options, deadline: this.#deadlineOf(options), resolve: answered, reject })
    })
  }

  #deadlineOf(options: FlowOptions): number {
    return options.deadline ?? this.#cluster.ports.clock.now() + (options.timeoutMs ?? this.#cluster.limits.requestMs)
  }

  #wait(caller: Caller): void {
    const { tailCallersMax } = this.#cluster.limits
    if (this.#waiting.length >= tailCallersMax) this.#waiting = this.#waiting.filter(isStillThere)
    if (this.#waiting.length >= tailCallersMax) {
      caller.reject(new SirtakiError('OVERLOADED', `${tailCallersMax} callers wait for the tail already`))
      return
    }
    this.#waiting.push(caller)
    if (this.#running) return
    this.#running = true
    // Callers that were answered together ask together, and nobody waits for the end of a turn.
    void Promise.resolve().then(() => this.#run())
  }

  /** Gives the sequencer's tails without proof: what was true at some time. @throws as `linearizable`. */
  async plain(streams: readonly number[] = [], options: FlowOptions = {}): Promise<Tails> {
    return this.#cluster.retry(options, (layout) => askTails(this.#cluster, layout, streams, options.timeoutMs))
  }

  /**
   * Settles once everything below `position` is known to have been granted. All who wait share one question at a time,
   * and the questions grow rare: a wish that nobody fulfils costs next to nothing.
   *
   * @throws SirtakiError `TIMEOUT` (next `again`) with the tail in its facts, `ABORTED`, `CLOSED`.
   */
  reaches(position: number, options: FlowOptions = {}): Promise<void> {
    const cluster = this.#cluster
    if (cluster.granted >= position) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const { timeoutMs, signal } = options
      const missed = (): SirtakiError => notReached(position, cluster.granted)
      options.noted?.(missed())
      if (signal?.aborted === true) {
        reject(aborted(signal))
        return
      }
      const end = (): void => {
        timer.cancel()
        unlisten()
        this.#wishes.delete(fail)
        signal?.removeEventListener('abort', onAbort)
      }
      const fail = (error: SirtakiError): void => {
        end()
        reject(error)
      }
      const onAbort = (): void => {
        if (signal !== undefined) fail(aborted(signal))
      }
      const unlisten = cluster.onGranted(() => {
        if (cluster.granted >= position) {
          end()
          resolve()
        } else options.noted?.(missed())
      })
      const timer = cluster.ports.clock.timer(timeoutMs ?? cluster.limits.requestMs, () => {
        fail(missed())
      })
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#wishes.add(fail)
      this.#hurry()
      if (!this.#seeking) void this.#seek()
    })
  }

  /** Asks for the tail as long as somebody wishes for a higher one. */
  async #seek(): Promise<void> {
    this.#seeking = true
    const backoff = new Backoff(this.#cluster.ports, this.#cluster.limits)
    while (this.#wishes.size > 0) {
      const epoch = this.#cluster.layout?.epoch ?? 0
      try {
        await askTails(this.#cluster, await this.#cluster.current(), [])
        if (this.#wishes.size === 0) break
        const hurried = new Promise<'hurried'>((resolve) => {
          this.#hurry = () => {
            resolve('hurried')
          }
        })
        if ((await Promise.race([this.#cluster.backOff(backoff, epoch), hurried])) === 'hurried') backoff.reset()
        this.#hurry = () => undefined
      } catch (thrown) {
        await this.#cluster.afterQuestion(thrown, epoch, backoff).catch((final: unknown) => {
          for (const fail of [...this.#wishes]) fail(asError(final))
        })
      }
    }
    this.#seeking = false
  }

  async #run(): Promise<void> {
    const backoff = new Backoff(this.#cluster.ports, this.#cluster.limits)
    while (this.#waiting.length > 0) {
      const callers = this.#board()
      if (callers.length === 0) continue
      if (callers.length > 1) this.#cluster.ports.failpoint?.('tail.shared')
      const epoch = this.#cluster.layout?.epoch ?? 0
      try {
        const layout = await this.#cluster.current()
        const streams = streamsOf(callers)
        const [tails] = await Promise.all([
          askTails(this.#cluster, layout, streams),
          proveCurrent(this.#cluster, layout),
        ])
        for (const caller of callers) caller.resolve(tails)
      } catch (thrown) {
        await this.#failed(callers, asError(thrown), epoch, backoff)
      }
    }
    this.#running = false
  }

  /**
   * Takes those that go with the next round: all that still wait, unless they name more streams than a message may
   * hold.
   */
  #board(): Caller[] {
    let streams = 0
    const callers = this.#waiting.filter(isStillThere)
    const end = callers.findIndex((caller, i) => {
      streams += caller.streams.length
      return i > 0 && streams * 8 > this.#cluster.limits.frameBytesMax / 2
    })
    this.#waiting = end < 0 ? [] : callers.splice(end)
    return callers
  }

  async #failed(callers: readonly Caller[], error: SirtakiError, epoch: number, backoff: Backoff): Promise<void> {
    let final: SirtakiError | undefined
    try {
      await this.#cluster.afterQuestion(error, epoch, backoff)
    } catch (thrown) {
      final = asError(thrown)
    }
    const now = this.#cluster.ports.clock.now()
    for (const caller of callers) {
      caller.options.noted?.(error)
      if (final !== undefined) caller.reject(final)
      else if (caller.deadline <= now) {
        caller.reject(
          new SirtakiError('TIMEOUT', `the tail could not be read in time: ${error.message}`, {
            cause: error,
            next: 'again',
          }),
        )
      } else this.#waiting.push(caller)
    }
  }
}

/** All that they ask for, each once. */
function streamsOf(callers: readonly Caller[]): number[] {
  const streams = new Set<number>()
  for (const caller of callers) for (const stream of caller.streams) streams.add(stream)
  return [...streams]
}

function notReached(position: number, tail: number): SirtakiError {
  const why = `its tail is ${tail}, nothing at or above it has been appended`
  return new SirtakiError('TIMEOUT', `the log did not get to position ${position} in time: ${why}`, {
    next: 'again',
    facts: { position, tail },
  })
}

async function askTails(
  cluster: Cluster,
  layout: Layout,
  streams: readonly number[],
  timeoutMs?: number,
): Promise<Tails> {
  if (layout.sequencer === null) throw new SirtakiError('NOT_READY', `epoch ${layout.epoch} has no sequencer`)
  const peer = cluster.peer(layout.sequencer.address)
  const asked = peer.request('tails', writeTailsQuestion({ epoch: layout.epoch, streams }), timeoutMs)
  peer.flush()
  const answer = readTailsAnswer(await asked)
  if (answer.epoch !== layout.epoch || answer.streams.length !== streams.length) {
    throw new SirtakiError('EPOCH', `asked for tails of epoch ${layout.epoch}, the sequencer is at ${answer.epoch}`)
  }
  cluster.noteGranted(answer.tail)
  const { tail, epoch } = answer
  const logTime = Math.max(answer.logTime, Math.floor(cluster.logTime))
  return { tail, epoch, logTime, streams: new Map(streams.map((stream, i) => [stream, answer.streams[i] ?? tail])) }
}
