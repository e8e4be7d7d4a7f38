/**
 * The heart of a process: one heartbeat for all its sessions, and what follows when none is confirmed.
 *
 *     connected ── 0.5 of the timeout unconfirmed ──▶ doubtful ── 0.8 ──▶ lost, for good
 *         ▲                                            │
 *         └──────── confirmed: counted from the sending, once the view has played to the tail of the answer
 *
 * Giving up at 0.8 is before anybody may end the session, so whoever asks it knows. Keeps: O5. Read next:
 * `session-life.ts`, `../../sequencer/session-keeper.ts`, `test/model/session.pml`.
 */
import { momentOf, since, type Moment } from '../../log/cluster/moments.ts'
import { HEARTBEAT_MAX, type HeartbeatAnswer } from '../../log/wire/heartbeat-messages.ts'
import type { Timer } from '../../log/ports.ts'
import type { SpaceLog } from './space-log.ts'

/** Parts of its timeout after which an unconfirmed session is doubtful, and lost. */
export const DOUBTFUL_AT = 0.5
export const LOST_AT = 0.8
/** Heartbeats in one timeout. */
const BEATS = 6

/** A session that lives by heartbeats. */
export interface Beating {
  readonly incarnation: number
  readonly timeoutMs: number
  /** When what was confirmed last had been sent. */
  readonly confirmedAt: Moment
  confirmed(sent: Moment): void
  /** Looks at its age. */
  look(): void
}

/** What the heart needs of the view. */
export interface HeartPorts {
  readonly log: SpaceLog
  /** Plays to a tail, exclusive. */
  playTo(tail: number): Promise<void>
  /** A sample of log time. */
  sampled(logTime: number): void
}

/** The heart of one view. */
export class Heart {
  readonly #ports: HeartPorts
  readonly #beating = new Set<Beating>()
  #isRunning = false
  #isClosed = false
  #pause: { readonly timer: Timer; readonly end: () => void } | undefined
  #watch: Timer | undefined
  /** When the sessions are looked at next. */
  #watchAt = Infinity

  constructor(ports: HeartPorts) {
    this.#ports = ports
  }

  add(one: Beating): void {
    this.#beating.add(one)
    if (this.#lookIn(one) < this.#watchAt - this.#ports.log.clock.now()) this.#arm()
    if (this.#isRunning) this.#pause?.end()
    else void this.#run()
  }

  remove(one: Beating): void {
    this.#beating.delete(one)
  }

  close(): void {
    this.#isClosed = true
    this.#beating.clear()
    this.#watch?.cancel()
    this.#pause?.end()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    let failed = false
    while (!this.#isClosed && this.#beating.size > 0) {
      let everyMs = Infinity
      for (const { timeoutMs } of this.#beating) everyMs = Math.min(everyMs, timeoutMs / BEATS)
      await this.#wait(failed ? everyMs / 2 : everyMs)
      failed = this.#beating.size > 0 && !(await this.#beat(everyMs * 2))
    }
    this.#isRunning = false
  }

  /** Sends a heartbeat for all, in as few messages as may be; false: some of it failed. */
  async #beat(timeoutMs: number): Promise<boolean> {
    const all = [...this.#beating]
    const parts = Array.from({ length: Math.ceil(all.length / HEARTBEAT_MAX) }, (_, i) =>
      all.slice(i * HEARTBEAT_MAX, (i + 1) * HEARTBEAT_MAX),
    )
    return (await Promise.all(parts.map((part) => this.#beatFor(part, timeoutMs)))).every(Boolean)
  }

  async #beatFor(all: readonly Beating[], timeoutMs: number): Promise<boolean> {
    const { log, sampled } = this.#ports
    const sent = momentOf(log.clock)
    try {
      const answer = await log.heartbeat(
        all.map(({ incarnation }) => incarnation),
        { timeoutMs },
      )
      sampled(answer.logTime)
      void this.#count(all, sent, answer)
      return answer.confirmed.every(Boolean)
    } catch {
      return false
    }
  }

  /** What a resume elsewhere or an end has put into the log below that tail is seen before the heartbeat counts. */
  async #count(all: readonly Beating[], sent: Moment, { tail, confirmed }: HeartbeatAnswer): Promise<void> {
    try {
      await this.#ports.playTo(tail)
    } catch {
      return
    }
    all.forEach((one, i) => {
      if (confirmed[i] === true && this.#beating.has(one)) one.confirmed(sent)
    })
    this.#arm()
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#pause?.timer.cancel()
        this.#pause = undefined
        resolve()
      }
      this.#pause = { timer: this.#ports.log.clock.timer(ms, end), end }
    })
  }

  /** Looks again when the first of them may have become doubtful or lost. */
  #arm(): void {
    this.#watch?.cancel()
    this.#watch = undefined
    let nextMs = Infinity
    for (const one of this.#beating) nextMs = Math.min(nextMs, this.#lookIn(one))
    const { clock } = this.#ports.log
    this.#watchAt = clock.now() + nextMs
    if (nextMs === Infinity || this.#isClosed) return
    this.#watch = clock.timer(Math.max(1, Math.ceil(nextMs)), () => {
      for (const one of [...this.#beating]) one.look()
      this.#arm()
    })
  }

  /** In how many milliseconds a session may have become doubtful, or lost. */
  #lookIn({ timeoutMs, confirmedAt }: Beating): number {
    const age = since(this.#ports.log.clock, confirmedAt)
    const [doubtfulIn, lostIn] = [DOUBTFUL_AT * timeoutMs - age, LOST_AT * timeoutMs - age]
    return doubtfulIn > 0 ? doubtfulIn : Math.max(0, lostIn)
  }
}
