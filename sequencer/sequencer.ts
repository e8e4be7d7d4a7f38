/**
 * The sequencer: a machine that hands out positions of one epoch, with the pointers of the streams.
 *
 *     0 ........ prefix .......... tail .......... prefix + window
 *       decided  | granted, in doubt | may be granted |
 *
 * It keeps nothing on a disk: what it forgets in a restart the next epoch's tail covers. The map of stream tails is
 * bounded: a forgotten stream answers `{before}`. Keeps: Q1, Q2, Q3, Q4, P9, P12. Read next: `server.ts`.
 * @source CORFU NSDI'12 3.3; Tango SOSP'13 5 (stream backpointers); windows and `{before}`: docs/rules.md, Q1 and Q4.
 */
import { packPrevious } from '../log/entry.ts'
import { SirtakiError } from '../log/errors.ts'
import { layoutText, type Layout } from '../log/layout.ts'
import type { Limits } from '../log/limits.ts'
import type { Failpoint } from '../log/ports.ts'
import type { GrantBody, TokenRun } from '../log/wire/messages.ts'
import { BusyStreams } from './busy-streams.ts'

/** Streams counted at once, to tell the busiest. */
const BUSY_STREAMS = 64

interface Granted {
  readonly to: number
  readonly at: number
}

/** One sequencer boot. */
export class Sequencer {
  readonly boot: string
  readonly #limits: Limits
  readonly #failpoint: Failpoint | undefined
  #layout: Layout | undefined
  #tail = 0
  #prefix = 0
  /** Log time at `#startedAt`. */
  #base = 0
  #logTime = 0
  /** What every sequencer that follows starts from, or more. */
  #provenTime = 0
  #startedAt = 0
  /** Last granted position by stream, the stream touched longest ago first. */
  #streams = new Map<number, number>()
  /** Nothing of a stream that is not in the map lies at or above it, in what this epoch has granted. */
  #floor = 0
  #granted: Granted[] = []
  #grants = 0
  #busy = new BusyStreams(BUSY_STREAMS)

  constructor(boot: string, limits: Limits, failpoint?: Failpoint) {
    this.boot = boot
    this.#limits = limits
    this.#failpoint = failpoint
  }

  get layout(): Layout | undefined {
    return this.#layout
  }
  get epoch(): number {
    return this.#layout?.epoch ?? 0
  }
  get tail(): number {
    return this.#tail
  }
  get prefix(): number {
    return this.#prefix
  }
  get streams(): number {
    return this.#streams.size
  }
  /** What this epoch has granted. */
  get grants(): {
    readonly grants: number
    readonly granted: number
    readonly busiest: readonly { stream: number; entries: number }[]
  } {
    return { grants: this.#grants, granted: this.#tail - (this.#layout?.tail ?? 0), busiest: this.#busy.top(20) }
  }

  /**
   * Opens an epoch, once for each.
   *
   * @throws SirtakiError `BOOT` when the layout names another start, `EPOCH` when it does not grow.
   */
  bootstrap(layout: Layout, now: number): void {
    if (layout.sequencer?.boot !== this.boot) {
      throw new SirtakiError('BOOT', `epoch ${layout.epoch} names another start of the sequencer`, {
        facts: { named: layout.sequencer?.boot, boot: this.boot },
      })
    }
    if (layout.epoch === this.epoch && this.#layout !== undefined && layoutText(layout) === layoutText(this.#layout)) {
      return
    }
    if (layout.epoch <= this.epoch) {
      throw new SirtakiError(
        'EPOCH',
        `the sequencer is at epoch ${this.epoch}, a bootstrap of ${layout.epoch} is too late`,
        { facts: { epoch: this.epoch } },
      )
    }
    // Its own clock went on while nothing was appended, which no unit knows of.
    this.#base = Math.max(this.#layout === undefined ? 0 : this.logTime(now), layout.logTime)
    this.#layout = layout
    this.#tail = layout.tail
    this.#prefix = layout.tail
    this.#provenTime = Math.max(this.#provenTime, layout.logTime)
    this.#startedAt = now
    this.#streams = new Map()
    this.#floor = layout.tail
    this.#granted = []
    this.#grants = 0
    this.#busy = new BusyStreams(BUSY_STREAMS)
    this.#failpoint?.('sequencer.bootstrapped', { boot: this.boot, epoch: layout.epoch, tail: layout.tail })
  }

  /** @throws SirtakiError `NOT_READY` before a bootstrap, `EPOCH` for another epoch. */
  requireEpoch(epoch: number): Layout {
    if (this.#layout === undefined) throw new SirtakiError('NOT_READY', 'this sequencer waits to be named by a layout')
    if (epoch !== this.epoch) {
      throw new SirtakiError('EPOCH', `the sequencer is at epoch ${this.epoch}, not ${epoch}`, {
        facts: { epoch: this.epoch },
      })
    }
    return this.#layout
  }

  /**
   * Log time in whole milliseconds: from the highest that is known at the bootstrap on by our own monotonic clock. It
   * goes on in idle hours, and never back.
   */
  logTime(now: number): number {
    // The difference first: the sum of base and clock is rounded, and floor would make a whole millisecond of that.
    this.#logTime = Math.max(this.#logTime, Math.floor(this.#base + (now - this.#startedAt)))
    return this.#logTime
  }

  /**
   * The log time to tell with tails. That of a token is not proven yet: a sequencer that follows knows only of
   * entries that are stored, so a reader that was told more would see log time go back (Q3).
   */
  get provenTime(): number {
    return this.#provenTime
  }

  /** Learns of a log time that every unit of some chain has stored: each of them brings it into the next epoch. */
  prove(logTime: number): void {
    this.#provenTime = Math.max(this.#provenTime, logTime)
  }

  /** Positions that may be granted now. */
  get room(): number {
    return this.#prefix + (this.#layout?.window ?? 0) - this.#tail
  }

  /**
   * Grants positions to entries, run by run in order; `undefined` while the window has no room for them.
   *
   * @throws SirtakiError `EPOCH`, `NOT_READY`, `BAD_ARGUMENT` for more than a quarter of the window at once.
   */
  grant(epoch: number, runs: readonly TokenRun[], now: number): GrantBody | undefined {
    const layout = this.requireEpoch(epoch)
    let count = 0
    let least = 1
    let streams = 0
    for (const run of runs) {
      count += run.count
      least = Math.min(least, run.count)
      streams = Math.max(streams, run.streams.length)
    }
    const max = Math.max(1, Math.floor(layout.window / 4))
    if (least < 1 || count < 1 || count > max) {
      throw new SirtakiError('BAD_ARGUMENT', `${count} tokens at once, from 1 to ${max} may be asked for`, {
        facts: { count, max },
      })
    }
    if (streams > this.#limits.streamsMax) {
      throw new SirtakiError('BAD_ARGUMENT', `more than ${this.#limits.streamsMax} streams for one entry`)
    }
    if (count > this.room) return undefined
    const from = this.#tail
    const previous = this.#link(from, runs)
    this.#tail = from + count
    this.#grants++
    this.#granted.push({ to: this.#tail, at: now })
    this.#failpoint?.('sequencer.granted', {
      from,
      count,
      epoch,
      boot: this.boot,
      prefix: this.#prefix,
      window: layout.window,
    })
    return { epoch, from, logTime: this.logTime(now), previous }
  }

  /** The pointer of the first entry of each stream, in order of first mention, and the new tails. */
  #link(from: number, runs: readonly TokenRun[]): number[] {
    const previous: number[] = []
    const seen = new Set<number>()
    let at = from
    for (const { count, streams } of runs) {
      for (const stream of streams) {
        if (!seen.has(stream)) {
          seen.add(stream)
          previous.push(this.#pointer(stream))
        }
        // Deleted and set again: the map's order is the order of last use.
        this.#streams.delete(stream)
        this.#streams.set(stream, at + count - 1)
        this.#busy.add(stream, at, count)
      }
      at += count
    }
    this.#forget()
    return previous
  }

  #pointer(stream: number): number {
    const last = this.#streams.get(stream)
    return last ?? packPrevious({ before: this.#floor })
  }

  #forget(): void {
    if (this.#streams.size <= this.#limits.streamTailsMax) return
    for (const [stream, last] of this.#streams) {
      if (this.#streams.size <= this.#limits.streamTailsMax) return
      this.#streams.delete(stream)
      this.#floor = Math.max(this.#floor, last + 1)
      this.#failpoint?.('sequencer.forgot', { stream })
    }
  }

  /** Exclusive tails. @throws SirtakiError `EPOCH`, `NOT_READY`. */
  tails(epoch: number, streams: readonly number[]): { tail: number; streams: number[] } {
    this.requireEpoch(epoch)
    return {
      tail: this.#tail,
      streams: streams.map((stream) => {
        const last = this.#streams.get(stream)
        return last === undefined ? this.#floor : last + 1
      }),
    }
  }

  /**
   * Learns that everything below `prefix` is decided; gives how long the slowest of what is new took, in milliseconds.
   */
  decided(prefix: number, now: number): number | undefined {
    if (prefix <= this.#prefix) return undefined
    if (prefix > this.#tail) this.#skipTo(prefix)
    this.#prefix = prefix
    let done = 0
    const slowest = this.#granted[0]
    while ((this.#granted[done]?.to ?? Infinity) <= this.#prefix) done++
    this.#granted.splice(0, done)
    return done === 0 || slowest === undefined ? undefined : now - slowest.at
  }

  /**
   * Somebody decided what was never granted, such as a client of an older version that plays beyond the tail. Those
   * positions are passed over: to grant them would be in vain, and to stop would end all appends. Whatever they hold,
   * the pointers of all streams say from now on that it is to be looked for.
   */
  #skipTo(prefix: number): void {
    this.#failpoint?.('sequencer.skipped', { from: this.#tail, to: prefix })
    this.#tail = prefix
    this.#streams.clear()
    this.#floor = prefix
  }

  /** The end of what was granted at or before `time` and is not known decided; the prefix when there is nothing. */
  overdue(time: number): number {
    let to = this.#prefix
    for (const one of this.#granted) {
      if (one.at > time) break
      to = Math.max(to, one.to)
    }
    return to
  }
}
