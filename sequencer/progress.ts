/**
 * Progress of the log: follows the decided prefix while something granted is not known decided, and resolves what
 * stays so.
 *
 *     decided everywhere       known decided          granted
 *     ────────────────── laggard ──────────── prefix ───────── overdue ─────── tail
 *                        │ a unit was not told │     │ resolved by age │ in flight
 *
 * A flow. Owns: what units said of their prefixes, the timer of the next look, the back-off of resolving.
 * Keeps: L11, P13, P17. Read next: `sequencer.ts` (the machine), `../log/cluster/resolve.ts`.
 */
import type { Cluster } from '../log/cluster/cluster.ts'
import { resolveRange } from '../log/cluster/resolve.ts'
import { asError, isError, type SirtakiError } from '../log/errors.ts'
import { chainsOf, openSegment, type Layout } from '../log/layout.ts'
import type { Timer } from '../log/ports.ts'
import { firstOfClass } from '../log/ranges.ts'
import { readProgress, writeEpoch, type Progress as UnitProgress } from '../log/wire/tail-messages.ts'
import type { Sequencer } from './sequencer.ts'

/** Between two looks at the decided prefix while something is in doubt, in milliseconds. */
export const PROGRESS_MS = 20
/** The same while the window is full. */
export const FULL_MS = 1
/** Positions that one pass resolves at most. */
const OVERDUE_MAX = 256

/** Who waits for progress: the token requests for which the window has no room. */
export interface Waiting {
  /** Whether anybody waits. */
  waits(): boolean
  /** Called when the prefix may have moved. */
  serve(): void
  /** Called when nobody could say whether it has. */
  expire(): void
}

/** What progress is followed with. */
export interface ProgressOptions {
  readonly cluster: Cluster
  readonly machine: Sequencer
  readonly waiting: Waiting
  readonly log?: ((text: string) => void) | undefined
  /** Whether another sequencer has the place: then its units' progress is no matter of this one. */
  readonly isDeposed: () => boolean
  /** Called with an invariant that does not hold. */
  readonly failed: (error: SirtakiError) => void
}

/** Follows the decided prefix of one sequencer. */
export class Progress {
  readonly #cluster: Cluster
  readonly #machine: Sequencer
  readonly #waiting: Waiting
  readonly #log: ((text: string) => void) | undefined
  readonly #isDeposed: () => boolean
  readonly #failed: (error: SirtakiError) => void
  /** By identity of a unit. */
  readonly #told = new Map<string, UnitProgress & { readonly epoch: number }>()
  /** `at`: when it is due. */
  #timer: { readonly timer: Timer; readonly at: number } | undefined
  #asking = false
  #closed = false
  #turn = 0
  #lag = { from: 0, since: 0 }
  #resolving = false
  #resolveAt = 0
  #resolveFailures = 0

  constructor({ cluster, machine, waiting, log, isDeposed, failed }: ProgressOptions) {
    this.#cluster = cluster
    this.#machine = machine
    this.#waiting = waiting
    this.#log = log
    this.#isDeposed = isDeposed
    this.#failed = failed
  }

  /** Asks the units no later than in `ms`, and goes on until everything granted is known decided. */
  arm(ms: number): void {
    if (this.#closed || this.#asking || this.#isDeposed()) return
    const { clock } = this.#cluster.ports
    const at = clock.now() + ms
    if (this.#timer !== undefined) {
      // Requests that come closer together than its time would put it off for ever.
      if (this.#timer.at <= at) return
      this.#timer.timer.cancel()
    }
    const timer = clock.timer(ms, () => {
      this.#timer = undefined
      const { layout } = this.#machine
      if (layout === undefined) return
      this.#asking = true
      void this.#follow(layout).finally(() => {
        this.#asking = false
        if (this.#waiting.waits()) this.arm(FULL_MS)
        else if (Math.min(this.#machine.prefix, this.#laggard(layout)) < this.#machine.tail) this.arm(PROGRESS_MS)
      })
    })
    this.#timer = { timer, at }
  }

  /** Ends it: what is under way ends by itself. */
  close(): void {
    this.#closed = true
    this.#timer?.timer.cancel()
  }

  async #follow(layout: Layout): Promise<void> {
    const machine = this.#machine
    const { clock } = this.#cluster.ports
    try {
      const prefix = await this.#leastPrefix(layout)
      if (machine.epoch !== layout.epoch) return
      if (prefix > machine.tail) {
        const skipped = `positions ${machine.tail} to ${prefix - 1}`
        this.#log?.(`${skipped} were decided though nobody was granted them: they are skipped`)
      }
      const took = machine.decided(prefix, clock.now())
      // What was filled took as long as a fill waits: counting that would make the next one wait longer.
      if (took !== undefined && took < this.#cluster.fillAgeMs) this.#cluster.appendLatency.add(took)
      this.#waiting.serve()
    } catch (thrown) {
      if (isError(thrown, 'INVARIANT')) {
        this.#failed(thrown)
        return
      }
      this.#waiting.expire()
      // Units that moved on tell the newer layout; the supervision draws the consequences.
      if (isError(thrown, 'EPOCH')) await this.#cluster.refresh().catch(() => undefined)
    }
    await this.#resolveOverdue(layout)
  }

  /**
   * Asks one unit of each chain, in turn; the best known prefix of each chain counts, the least over the chains is the
   * log's.
   */
  async #leastPrefix(layout: Layout): Promise<number> {
    this.#turn++
    const prefixes = await Promise.all(
      chainsOf(openSegment(layout)).map(async ({ index, step, units }) => {
        const unit = units[this.#turn % units.length]
        if (unit === undefined) return 0
        const asked = this.#cluster.peer(unit.address).request('progress', writeEpoch(layout.epoch))
        const { prefix, logTime } = readProgress(await asked)
        this.#told.set(unit.identity, { epoch: layout.epoch, prefix: firstOfClass(prefix, index, step), logTime })
        this.#machine.prove(Math.min(...units.map((one) => this.#timeOf(one.identity, layout))))
        return Math.max(...units.map((one) => this.#prefixOf(one.identity, layout)))
      }),
    )
    return Math.min(...prefixes)
  }

  #prefixOf(identity: string, layout: Layout): number {
    const told = this.#told.get(identity)
    return told?.epoch === layout.epoch ? told.prefix : layout.tail
  }

  #timeOf(identity: string, layout: Layout): number {
    const told = this.#told.get(identity)
    return told?.epoch === layout.epoch ? told.logTime : layout.logTime
  }

  /** The lowest position that some unit has not been told decided: marks can be lost with a writer or a connection. */
  #laggard(layout: Layout): number {
    return Math.min(
      ...openSegment(layout)
        .chains.flat()
        .map((unit) => this.#prefixOf(unit.identity, layout)),
    )
  }

  /** L11: what was granted long ago and is not known decided gets resolved here, whoever its writer was. */
  async #resolveOverdue(layout: Layout): Promise<void> {
    const {
      ports: { clock, failpoint },
    } = this.#cluster
    const ranges = this.#overdue(layout)
    if (this.#resolving || ranges.length === 0) return
    if (this.#machine.epoch !== layout.epoch || clock.now() < this.#resolveAt) return
    this.#resolving = true
    try {
      this.#cluster.noteGranted(this.#machine.tail)
      for (const { from, to } of ranges) {
        failpoint?.('sequencer.resolves', { from, to })
        await resolveRange(this.#cluster, layout, from, to, { mayFill: true })
      }
      this.#resolveFailures = 0
    } catch (thrown) {
      if (isError(thrown, 'INVARIANT')) {
        this.#failed(thrown)
        return
      }
      await this.#backOff(asError(thrown))
    } finally {
      this.#resolving = false
    }
  }

  /**
   * What is old enough to be resolved. Two ranges: a unit that stays behind must not keep the holes above it from being
   * filled.
   */
  #overdue(layout: Layout): readonly { readonly from: number; readonly to: number }[] {
    const machine = this.#machine
    const { clock } = this.#cluster.ports
    const { fillAgeMs } = this.#cluster
    const laggard = this.#laggard(layout)
    if (laggard !== this.#lag.from) this.#lag = { from: laggard, since: clock.now() }
    const overdue = machine.overdue(clock.now() - fillAgeMs)
    const isLate = laggard < machine.prefix && clock.now() - this.#lag.since >= fillAgeMs
    return [
      ...(isLate ? [{ from: laggard, to: Math.min(machine.prefix, laggard + OVERDUE_MAX) }] : []),
      ...(overdue > machine.prefix
        ? [{ from: machine.prefix, to: Math.min(overdue, machine.prefix + OVERDUE_MAX) }]
        : []),
    ]
  }

  /** While a unit is out of reach every further try is only load (P17). */
  async #backOff({ message, next }: SirtakiError): Promise<void> {
    const {
      limits: { retryMinMs, retryMaxMs },
      ports: { clock, failpoint },
    } = this.#cluster
    failpoint?.('sequencer.resolveFailed', { message })
    this.#resolveAt = clock.now() + Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(this.#resolveFailures++, 16))
    if (next === 'refresh') await this.#cluster.refresh().catch(() => undefined)
  }
}
