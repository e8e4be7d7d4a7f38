/**
 * A log for the tests of the objects: one total order in memory, whose appends can be junked, doubled, lost or late.
 *
 * What is real: positions, `previous`, order of delivery (the log's own `StreamOrder`). What a test decides: the fate
 * of each append. Nothing happens until `settle()` takes a step. Read next: `../../objects/runtime/space-log.ts`.
 */
import type { Appended } from '../../log/client/batch.ts'
import type { CallOptions } from '../../log/cluster/calls.ts'
import { aborted } from '../../log/cluster/retry.ts'
import type { Entry } from '../../log/entry.ts'
import { SirtakiError } from '../../log/errors.ts'
import { limits } from '../../log/limits.ts'
import { StreamOrder } from '../../log/playback/stream-order.ts'
import type { StreamEvents } from '../../log/playback/stream-player.ts'
import type { StreamTail } from '../../log/playback/tail.ts'
import type { HeartbeatAnswer } from '../../log/wire/heartbeat-messages.ts'
import type { SpaceLog, SpacePlayer } from '../../objects.ts'
import { HandClock } from '../harness/hand-clock.ts'

/**
 * What becomes of one append: `junk`: its position is lost and it goes to the end of the queue; `twice`: it is in the
 * log twice, the caller hears of the second; `lost`: TIMEOUT, not in the log; `unknown`: TIMEOUT, though in the log;
 * `late`: in the log, acknowledged three steps later; `trimmed`: nobody can tell its caller, though it is in the log;
 * `gone`: the same, and it is not.
 */
export type Fate = 'stored' | 'junk' | 'twice' | 'lost' | 'unknown' | 'late' | 'trimmed' | 'gone'

interface Append {
  readonly payload: Uint8Array
  readonly streams: readonly number[]
  ended: boolean
  resolve(appended: Appended): void
  reject(error: SirtakiError): void
}
interface Play {
  readonly stream: number
  readonly order: StreamOrder
  readonly events: StreamEvents
  closed: boolean
}

const NO_BYTES = new Uint8Array(0)
const timeout = (): SirtakiError => new SirtakiError('TIMEOUT', 'the append was not answered in time')
const trimmed = (): SirtakiError =>
  new SirtakiError('TRIMMED', 'the position was trimmed too early', { next: 'unknown' })

export class FakeLog implements SpaceLog {
  readonly clock = new HandClock()
  readonly random = { next: () => 0.5, id: () => (this.#ids++).toString(16).padStart(16, '0') }
  readonly limits = limits
  /** What was granted; `undefined` is junk. A session at position 0 would be opened twice, so that is none's. */
  readonly positions: (Entry | undefined)[] = [undefined]
  /** Appends of every turn, in the order they came. */
  readonly turns: number[] = []
  /** Whether players are told of others' entries. */
  pushing = true
  /** A stream that is told of nothing and whose tail is not answered, until this is another one. */
  silent: number | undefined
  /** Whether the sequencer vouches for sessions. */
  confirming = true
  /** How long the sequencer takes to say so. */
  heartbeatMs = 0
  /** The incarnations that each heartbeat named. */
  readonly heartbeats: (readonly number[])[] = []
  /** Decides the fate of an append, by the count of grants so far. */
  fate: (grant: number) => Fate = () => 'stored'
  #queue: Append[] = []
  #late: { steps: number; acknowledge: () => void }[] = []
  #plays: Play[] = []
  #last = -1
  #granted = 0
  #ids = 0

  overloaded(): undefined {
    return undefined
  }

  append(
    payload: Uint8Array,
    { streams, signal }: CallOptions & { readonly streams: readonly number[] },
  ): Promise<Appended> {
    if (signal?.aborted === true) return Promise.reject(aborted(signal))
    return new Promise((resolve, reject) => {
      const append: Append = { payload, streams, ended: false, resolve, reject }
      signal?.addEventListener(
        'abort',
        () => {
          append.ended = true
          reject(aborted(signal))
        },
        { once: true },
      )
      this.#queue.push(append)
    })
  }

  /** Log time: that of the test's clock. */
  get logTime(): number {
    return Math.floor(this.clock.now())
  }

  async tail(stream: number): Promise<StreamTail> {
    while (stream === this.silent) await new Promise<void>((resolve) => this.clock.timer(1, resolve))
    return { tail: this.positions.length, logTime: this.logTime }
  }

  async heartbeat(incarnations: readonly number[]): Promise<HeartbeatAnswer> {
    this.heartbeats.push(incarnations)
    if (this.heartbeatMs > 0) await new Promise<void>((resolve) => this.clock.timer(this.heartbeatMs, resolve))
    const confirmed = incarnations.map(() => this.confirming)
    return { epoch: 1, logTime: this.logTime, tail: this.positions.length, confirmed }
  }

  play(stream: number, events: StreamEvents, from = 0): SpacePlayer {
    const play: Play = { stream, order: new StreamOrder(stream, from), events, closed: false }
    this.#plays.push(play)
    return {
      offer: (entry) => {
        give(play, play.order.offer(entry))
      },
      playTo: (to) => {
        this.#pull(play)
        return play.order.next >= to ? Promise.resolve() : Promise.reject(timeout())
      },
      close: () => {
        play.closed = true
      },
    }
  }

  /** Puts an entry there that no session of a test wrote. */
  write(payload: Uint8Array, streams: readonly number[] = [1]): Entry {
    return this.#grant(payload, streams)
  }

  /** Has everything below `position` granted to others: the next entry stands there or behind. */
  jump(position: number): void {
    while (this.positions.length < position) this.#junk()
  }

  /** Lets time and log go on until nothing moves any more. */
  async settle(steps = 40, stepMs = 5): Promise<void> {
    for (let step = 0; step < steps; step++) {
      await this.clock.settle()
      this.step()
      await this.clock.advance(stepMs)
    }
  }

  /** One turn: what was late is acknowledged, what waits is granted, everybody is told. */
  step(): void {
    const due = this.#late.filter((one) => --one.steps === 0)
    this.#late = this.#late.filter(({ steps }) => steps > 0)
    for (const { acknowledge } of due) acknowledge()
    const queue = this.#queue.splice(0).filter(({ ended }) => !ended)
    if (queue.length > 0) this.turns.push(queue.length)
    for (const append of queue) this.#decide(append, this.fate(this.#granted++))
    if (this.pushing) this.push()
  }

  /** Tells every player of everything. */
  push(): void {
    for (const play of this.#plays) if (play.stream !== this.silent) this.#pull(play)
  }

  #decide(append: Append, fate: Fate): void {
    if (fate === 'junk') {
      this.#junk()
      this.#queue.push(append)
      return
    }
    if (fate === 'lost' || fate === 'gone') {
      this.#junk()
      append.reject(fate === 'lost' ? timeout() : trimmed())
      return
    }
    const first = this.#grant(append.payload, append.streams)
    if (fate === 'unknown' || fate === 'trimmed') {
      append.reject(fate === 'unknown' ? timeout() : trimmed())
      return
    }
    const entry = fate === 'twice' ? this.#grant(append.payload, append.streams) : first
    const acknowledge = (): void => {
      append.resolve({
        position: entry.position,
        epoch: 1,
        logTime: entry.logTime,
        streams: append.streams,
        previous: entry.streams.map(({ previous }) => previous),
      })
    }
    if (fate === 'late') this.#late.push({ steps: 3, acknowledge })
    else acknowledge()
  }

  #junk(): void {
    this.#last = this.positions.length
    this.positions.push(undefined)
  }

  #grant(payload: Uint8Array, streams: readonly number[]): Entry {
    const position = this.positions.length
    const previous = this.#last < 0 ? { before: 0 } : this.#last
    const entry: Entry = {
      position,
      epoch: 1,
      writer: 1,
      logTime: this.logTime,
      streams: streams.map((stream) => ({ stream, previous })),
      payload,
      hash: 0,
      bytes: NO_BYTES,
    }
    this.#last = position
    this.positions.push(entry)
    return entry
  }

  #pull(play: Play): void {
    const { next } = play.order
    give(
      play,
      play.order.complete(
        next,
        this.positions.length,
        this.positions.slice(next).filter((entry) => entry !== undefined),
      ),
    )
  }
}

function give({ closed, events, order }: Play, due: readonly Entry[]): void {
  if (closed) return
  if (due.length > 0) events.deliver(due)
  events.reached(order.next)
}
