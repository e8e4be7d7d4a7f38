/**
 * Ticks: an empty entry for what falls due while nobody appends, by the process whose turn it is.
 *
 *     due by the estimate ── rank * 5 ms ──▶ tick, if nobody else's has come meanwhile
 *
 * The process with the lowest live session goes first, so that N idle clients append one tick and not N (finding 17).
 * Log time here is the latest sample plus the time since: a fast clock ticks early once, and the tick brings a better
 * sample (18). Keeps: O13 (early ticks fire nothing). Read next: `deadlines.ts`, `view.ts`.
 */
import type { Timer } from '../../log/ports.ts'
import { encodeTick } from '../../sequencer/session-entry.ts'
import type { SpaceLog } from './space-log.ts'

/** Ranks that wait one after the other, and for how long each. */
const RANKS = 20
const RANK_MS = 5
/** All others: at least that, and as much again by chance. */
const OTHERS_MS = 100
/** Between two ticks of one process. */
const APART_MS = 20

/** What the ticker needs of the view. */
export interface TickerPorts {
  readonly log: SpaceLog
  readonly stream: number
  /** When the next deadline falls due in log time; Infinity: there is none. */
  due(): number
  /** The rank of this process among those with live sessions, -1: it has none. */
  rank(): number
  /** Appends a tick. */
  tick(payload: Uint8Array): Promise<unknown>
}

/** Appends ticks for one view. */
export class Ticker {
  readonly #ports: TickerPorts
  #sample: { readonly logTime: number; readonly at: number } | undefined
  #timer: Timer | undefined
  #dueAt = Infinity
  #tickedAt = -Infinity
  #isClosed = false

  constructor(ports: TickerPorts) {
    this.#ports = ports
  }

  /** Log time as of now; -1 before the first sample. */
  get estimate(): number {
    return this.#sample === undefined ? -1 : this.#sample.logTime + this.#ports.log.clock.now() - this.#sample.at
  }

  sampled(logTime: number): void {
    this.#sample = { logTime, at: this.#ports.log.clock.now() }
  }

  /** Looks whether something falls due at another time than it did. */
  look(): void {
    const due = this.#ports.due()
    if (due === this.#dueAt || this.#isClosed) return
    this.#dueAt = due
    this.#arm()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  #arm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#dueAt === Infinity || this.#sample === undefined) return
    const { clock, random } = this.#ports.log
    const rank = this.#ports.rank()
    const turnMs = rank >= 0 && rank < RANKS ? rank * RANK_MS : OTHERS_MS * (1 + random.next())
    const apartMs = this.#tickedAt + APART_MS - clock.now()
    this.#timer = clock.timer(Math.max(apartMs, this.#dueAt - this.estimate + turnMs, 0), () => {
      void this.#fire()
    })
  }

  async #fire(): Promise<void> {
    if (this.#isClosed || this.#ports.due() === Infinity) return
    if (this.#ports.due() > this.estimate) {
      this.#arm()
      return
    }
    this.#tickedAt = this.#ports.log.clock.now()
    // Whether it goes through is seen by what is due then.
    await this.#ports.tick(encodeTick(0, 0)).catch(() => undefined)
    this.#dueAt = Infinity
    this.look()
  }
}
