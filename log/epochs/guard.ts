/**
 * Guards the members of a layout: probes them, and drives the epoch that goes on without those that are gone.
 *
 * Run by the sequencer's process (serving or standing by), by a unit that no sequencer probes any more, and by a client
 * whose calls fail. Several at once are normal: the agreement lets one of them win, and the others find nothing left
 * to do. A flow. Owns: one detector. Keeps: P4, P24. Read next: `guard-move.ts` (what follows), `detector.ts`,
 * `reconfigure.ts`.
 */
import type { Cluster } from '../cluster/cluster.ts'
import { SirtakiError, asError } from '../errors.ts'
import { openSegment, unitsOf, type Layout, type SequencerMember, type UnitMember } from '../layout.ts'
import { Identity } from '../wire/control.ts'
import { readCurrent, writeEpoch, writeProbe } from '../wire/tail-messages.ts'
import { Detector } from './detector.ts'
import { isTurnOf } from './driver.ts'
import { moveOf, type Sighting, type Move } from './guard-move.ts'
import { reconfigure } from './reconfigure.ts'

/** Who was told to wait for another driver waits for so many times what finding that out took. */
const TURN_TRIES = 2

/** How a guard is made. */
export interface GuardOptions {
  /** Tells people what is done. */
  readonly log?: ((text: string) => void) | undefined
  /** Takes over when the sequencer is gone. */
  readonly standby?: (() => SequencerMember | undefined) | undefined
  /** One's own identity, not probed. */
  readonly self?: string | undefined
  /**
   * Given by a sequencer's process: then units need not look around themselves. Gives the log time of the epoch that it
   * serves, 0 while it serves none.
   */
  readonly logTime?: ((epoch: number) => number) | undefined
  /** Whether this is the sequencer that the newest layout names. */
  readonly isNamed?: (() => boolean) | undefined
}

/** One process that guards the members. */
export class Guard {
  readonly #cluster: Cluster
  readonly #options: GuardOptions
  readonly #detector: Detector
  readonly #full = new Set<string>()
  /** Units of the layout that answer under another start than it names. */
  readonly #restarted = new Set<string>()
  /** The named sequencer has just answered, and has not been told of its epoch. */
  #unstarted = false
  #isProbing = false
  /** The epoch that was completed, or could not be. */
  #completed = 0
  /** Until then another driver is let finish. */
  #waitUntilMs = -Infinity
  #told = ''

  constructor(cluster: Cluster, options: GuardOptions = {}) {
    this.#cluster = cluster
    this.#options = options
    this.#detector = new Detector(cluster.limits)
  }

  /**
   * A unit of the open segment whose disk is full, as it told last: nothing is appended to who holds closed ones only.
   */
  get full(): string | undefined {
    return this.#full.values().next().value
  }

  get isProbing(): boolean {
    return this.#isProbing
  }
  /** Whether so few answer that nobody can be suspected. */
  get isBlind(): boolean {
    return this.#cluster.layout !== undefined && this.#detector.isBlind(this.#cluster.layout)
  }

  /** Probes everybody once and acts on what follows. */
  async probe(): Promise<void> {
    const { layout } = this.#cluster
    if (layout === undefined || this.#isProbing) return
    this.#isProbing = true
    try {
      if (this.#detector.begin(layout.epoch)) {
        this.#full.clear()
        this.#restarted.clear()
        this.#waitUntilMs = -Infinity
      }
      await Promise.all([
        ...unitsOf(layout)
          .filter(({ identity }) => identity !== this.#options.self)
          .map((unit) => this.#probeUnit(layout, unit)),
        this.#probeSequencer(layout),
      ])
      if (this.#cluster.layout === layout && !this.#cluster.closed) await this.#act(layout)
    } finally {
      this.#isProbing = false
    }
  }

  async #probeUnit(layout: Layout, { identity, boot, address }: UnitMember): Promise<void> {
    const { limits, ports } = this.#cluster
    const { epoch } = layout
    const { logTime } = this.#options
    const asked = this.#cluster
      .peer(address)
      .request(
        logTime === undefined ? 'current' : 'probe',
        logTime === undefined ? writeEpoch(epoch) : writeProbe({ epoch, logTime: logTime(epoch) }),
        limits.probeMs * limits.suspicionProbes,
      )
      .then(readCurrent)
    try {
      const { boot: answers, commitMs, idle, leaving, full } = await this.#inTime(asked)
      // Another start of it has to be named by the next epoch; another disk in its place is somebody else.
      if (answers === boot) this.#restarted.delete(identity)
      else if (
        (await this.#cluster.peer(address).control('identify', {}, Identity, limits.probeMs)).identity === identity
      ) {
        this.#restarted.add(identity)
      } else {
        this.#detector.missed(identity)
        return
      }
      if (
        full
        && openSegment(layout)
          .chains.flat()
          .some((unit) => unit.identity === identity)
      ) {
        this.#full.add(identity)
      } else this.#full.delete(identity)
      this.#detector.answered(identity, { commitMs, idle, leaving }, ports.clock.now())
    } catch {
      this.#detector.missed(identity)
      // An answer that comes late is one of a living unit: who has so much to do that all are late is slow, not gone.
      asked.then(
        ({ boot: answers, ...late }) => {
          if (answers === boot && this.#cluster.layout?.epoch === epoch) {
            this.#detector.answered(identity, late, ports.clock.now())
          }
        },
        () => undefined,
      )
    }
  }

  /** Waits no longer than for one probe. @throws SirtakiError `TIMEOUT`. */
  #inTime<T>(asked: Promise<T>): Promise<T> {
    const {
      limits,
      ports: { clock },
    } = this.#cluster
    return new Promise((resolve, reject) => {
      const timer = clock.timer(limits.probeMs, () => {
        reject(new SirtakiError('TIMEOUT', `no answer within ${limits.probeMs} ms`))
      })
      asked.then(resolve, reject).finally(() => {
        timer.cancel()
      })
    })
  }

  async #probeSequencer({ sequencer }: Layout): Promise<void> {
    const { limits, ports } = this.#cluster
    this.#unstarted = false
    if (sequencer === null || this.#options.isNamed?.() === true) return
    try {
      const { boot, role } = await this.#cluster
        .peer(sequencer.address)
        .control(this.#options.standby === undefined ? 'identify' : 'probe', {}, Identity, limits.probeMs)
      // Whoever opens its epoch tells it at once, or has died before.
      this.#unstarted = boot === sequencer.boot && (role === 'waiting' || role === 'standby' || role === 'deposed')
      if (this.#unstarted || role === 'stopped') {
        this.#detector.missed(sequencer.boot)
        return
      }
      // Another start of it knows nothing of this epoch; it will ask for the next one by itself, unless somebody stands
      // by. One that sees too few to tell who is gone cannot guard them either.
      this.#detector.answered(
        sequencer.boot,
        { commitMs: 0, idle: true, leaving: role === 'blind' || boot !== sequencer.boot || role === 'leaving' },
        ports.clock.now(),
      )
    } catch {
      this.#detector.missed(sequencer.boot)
    }
  }

  async #act(layout: Layout): Promise<void> {
    const { ports } = this.#cluster
    const move = moveOf(this.#sighting(layout))
    if (move === undefined || ports.clock.now() < this.#waitUntilMs) return
    this.#tellMove(layout, move)
    const began = ports.clock.now()
    const isDone = await this.#drive(layout, move)
    if (move.completes && isDone !== 'turn') this.#completed = layout.epoch
    // What is suspected is probed again meanwhile: it may be there when the other driver has finished.
    if (isDone === 'turn') this.#waitUntilMs = ports.clock.now() + TURN_TRIES * (ports.clock.now() - began)
  }

  #sighting(layout: Layout): Sighting {
    const { sequencer } = layout
    const isGone = sequencer !== null && this.#detector.isGone(sequencer.boot)
    return {
      isNamed: this.#options.isNamed?.() === true,
      sequencer: sequencer === null ? 'none' : !isGone ? 'alive' : this.#unstarted ? 'untold' : 'gone',
      isCompleted: this.#completed === layout.epoch,
      suspects: this.#detector.suspects(layout, this.#cluster.ports.clock.now()),
      restarted: [...this.#restarted],
      standsBy: this.#options.standby?.() !== undefined,
    }
  }

  /** Drives the next epoch. `turn`: another driver has its turn. */
  async #drive(layout: Layout, { absent, standsIn }: Move): Promise<'open' | 'failed' | 'turn'> {
    const { limits } = this.#cluster
    const standby = standsIn ? this.#options.standby?.() : undefined
    const gone = standby === undefined || layout.sequencer === null ? absent : [...absent, layout.sequencer.boot]
    try {
      const options = { timeoutMs: limits.requestMs / 2, under: layout.epoch }
      const { epoch } = await reconfigure(this.#cluster, { absent: gone, standby }, options)
      this.#tell(`epoch ${epoch} is open`)
      return 'open'
    } catch (thrown) {
      if (isTurnOf(thrown)) return 'turn'
      this.#tell(`epoch ${layout.epoch + 1} could not be opened yet: ${asError(thrown).message}`)
      return 'failed'
    }
  }

  #tellMove(layout: Layout, { absent, back, standsIn }: Move): void {
    const {
      ports: { failpoint },
    } = this.#cluster
    const { epoch } = layout
    const units = unitsOf(layout).filter(({ identity }) => absent.includes(identity))
    const who = [...units.map(({ address }) => `the unit at ${address}`), ...(standsIn ? ['the sequencer'] : [])]
    failpoint?.('guard.suspects', { absent, sequencer: standsIn, epoch })
    if (absent.some((identity) => !this.#detector.isGone(identity))) failpoint?.('guard.slow', { absent, epoch })
    if (who.length > 0) this.#tell(`${who.join(' and ')} gone, epoch ${epoch + 1} goes on without`)
    else if (back.length > 0) this.#tell(`${back.length} units were restarted, epoch ${epoch + 1} names them`)
    else this.#tell(`epoch ${epoch} is completed: its sequencer was not told`)
  }

  /** Nothing is told twice in a row. */
  #tell(text: string): void {
    if (text !== this.#told) this.#options.log?.(text)
    this.#told = text
  }
}
