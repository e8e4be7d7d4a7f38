/**
 * Watching over the members of a layout: polls them, and drives the epoch that goes on without those that are gone.
 *
 * Run by the sequencer's process (serving or standing by), by a unit that no sequencer looks at any more, and by a client whose
 * calls fail. Lost units are the serving sequencer's matter, and anybody's once it is gone. Several at once are normal: the agreement lets one of them win, and the others find nothing left to do.
 * A flow. Owns: one detector. Keeps: P4, P24. Read next: `detector.ts`, `reconfigure.ts`.
 */
import type { Cluster } from '../cluster/cluster.ts'
import { SirtakiError, asError } from '../errors.ts'
import { Identity } from '../wire/control.ts'
import { readCurrent, writeEpoch } from '../wire/tail-messages.ts'
import { Detector } from './detector.ts'
import { openSegment, unitsOf, type Layout, type SequencerMember, type UnitMember } from '../layout.ts'
import { isTurnOf, reconfigure } from './reconfigure.ts'

/** Who was told to wait for another driver waits for so many times what finding that out took. */
const TURN_TRIES = 2

/** How a watch is made. */
export interface WatchOptions {
  /** Tells people what is done. */
  readonly log?: ((text: string) => void) | undefined
  /** Takes over when the sequencer is gone. */
  readonly standby?: (() => SequencerMember | undefined) | undefined
  /** One's own identity, not polled. */
  readonly self?: string | undefined
  /** Whether the sequencer's process asks: then units need not look around themselves. */
  readonly asSequencer?: boolean | undefined
  /** Whether this is the sequencer that the newest layout names. */
  readonly isNamed?: (() => boolean) | undefined
}

/** One process that watches. */
export class Watch {
  readonly #cluster: Cluster
  readonly #options: WatchOptions
  readonly #detector: Detector
  readonly #full = new Set<string>()
  /** Units of the layout that answer under another start than it names. */
  readonly #restarted = new Set<string>()
  /** The named sequencer has just answered, and has not been told of its epoch. */
  #unstarted = false
  #looking = false
  /** The epoch that was completed, or could not be. */
  #completed = 0
  /** Until then another driver is let finish. */
  #waitUntilMs = -Infinity
  #told = ''

  constructor(cluster: Cluster, options: WatchOptions = {}) {
    this.#cluster = cluster
    this.#options = options
    this.#detector = new Detector(cluster.limits)
  }

  /**
   * A unit of the open segment whose disk is full, as it told last: nothing is appended to who holds closed ones only.
   */
  get full(): string | undefined { return this.#full.values().next().value }

  get looking(): boolean { return this.#looking }
  /** Whether so few answer that nobody can be suspected. */
  get isBlind(): boolean { return this.#cluster.layout !== undefined && this.#detector.isBlind(this.#cluster.layout) }

  /** Polls everybody once and acts on what follows. */
  async look(): Promise<void> {
    const { layout } = this.#cluster
    if (layout === undefined || this.#looking) return
    this.#looking = true
    try {
      if (this.#detector.begin(layout.epoch)) {
        this.#full.clear()
        this.#restarted.clear()
        this.#waitUntilMs = -Infinity
      }
      await Promise.all([...unitsOf(layout).filter(({ identity }) => identity !== this.#options.self).map((unit) => this.#pollUnit(layout, unit)), this.#pollSequencer(layout)])
      if (this.#cluster.layout === layout && !this.#cluster.closed) await this.#act(layout)
    } finally {
      this.#looking = false
    }
  }

  async #pollUnit(layout: Layout, { identity, boot, address }: UnitMember): Promise<void> {
    const { limits, ports } = this.#cluster
    const asked = this.#cluster.peer(address).request(this.#options.asSequencer === true ? 'watch' : 'current', writeEpoch(layout.epoch), limits.probeMs * limits.suspicionProbes).then(readCurrent)
    try {
      const { boot: answers, commitMs, idle, leaving, full } = await this.#inTime(asked)
      // Another start of it has to be named by the next epoch; another disk in its place is somebody else.
      if (answers === boot) this.#restarted.delete(identity)
      else if ((await this.#cluster.peer(address).control('identify', {}, Identity, limits.probeMs)).identity === identity) this.#restarted.add(identity)
      else { this.#detector.missed(identity); return }
      if (full && openSegment(layout).chains.flat().some((unit) => unit.identity === identity)) this.#full.add(identity)
      else this.#full.delete(identity)
      this.#detector.answered(identity, { commitMs, idle, leaving }, ports.clock.now())
    } catch {
      this.#detector.missed(identity)
      // An answer that comes late is one of a living unit: who has so much to do that all are late is slow, not gone.
      const { epoch } = layout
      asked.then(({ boot: answers, ...late }) => { if (answers === boot && this.#cluster.layout?.epoch === epoch) this.#detector.answered(identity, late, ports.clock.now()) }, () => undefined)
    }
  }

  /** Waits no longer than for one probe. @throws SirtakiError `TIMEOUT`. */
  #inTime<T>(asked: Promise<T>): Promise<T> {
    const { limits, ports: { clock } } = this.#cluster
    return new Promise((resolve, reject) => {
      const timer = clock.timer(limits.probeMs, () => { reject(new SirtakiError('TIMEOUT', `no answer within ${limits.probeMs} ms`)) })
      asked.then(resolve, reject).finally(() => { timer.cancel() })
    })
  }

  async #pollSequencer({ sequencer }: Layout): Promise<void> {
    const { limits, ports } = this.#cluster
    this.#unstarted = false
    if (sequencer === null || this.#options.isNamed?.() === true) return
    try {
      const { boot, role } = await this.#cluster.peer(sequencer.address).control(this.#options.standby === undefined ? 'identify' : 'watch', {}, Identity, limits.probeMs)
      // Whoever opens its epoch tells it at once, or has died before.
      this.#unstarted = boot === sequencer.boot && (role === 'waiting' || role === 'standby' || role === 'deposed')
      if (this.#unstarted || role === 'stopped') { this.#detector.missed(sequencer.boot); return }
      // Another start of it knows nothing of this epoch; it will ask for the next one by itself, unless somebody stands by.
      // One that sees too few to tell who is gone cannot watch over them either.
      this.#detector.answered(sequencer.boot, { commitMs: 0, idle: true, leaving: role === 'blind' || boot !== sequencer.boot || role === 'leaving' }, ports.clock.now())
    } catch {
      this.#detector.missed(sequencer.boot)
    }
  }

  async #act(layout: Layout): Promise<void> {
    const { ports, limits } = this.#cluster
    const goneBoot = layout.sequencer !== null && this.#detector.isGone(layout.sequencer.boot) ? layout.sequencer.boot : undefined
    // While the sequencer lives, units are its matter: whoever has lost sight of one alone would take it from everybody else.
    const isGuard = this.#options.isNamed?.() === true || layout.sequencer === null || goneBoot !== undefined
    const absent = isGuard ? this.#detector.suspects(layout, ports.clock.now()) : []
    // The named sequencer lives and waits for its epoch: whoever was to tell it is slow, or has died. To tell it is quicker than
    // another epoch, unless it was tried.
    const unstarted = goneBoot !== undefined && this.#unstarted
    const completes = unstarted && this.#completed !== layout.epoch
    const standby = !completes && (layout.sequencer === null || goneBoot !== undefined) ? this.#options.standby?.() : undefined
    const back = isGuard ? [...this.#restarted].filter((identity) => !absent.includes(identity)) : []
    if (absent.length === 0 && back.length === 0 && standby === undefined && !unstarted) return
    if (ports.clock.now() < this.#waitUntilMs) return
    const who = [...absent.map((identity) => `the unit at ${unitsOf(layout).find((unit) => unit.identity === identity)?.address}`), ...standby === undefined ? [] : ['the sequencer']]
    ports.failpoint?.('watch.suspects', { absent, sequencer: standby !== undefined, epoch: layout.epoch })
    if (absent.some((identity) => !this.#detector.isGone(identity))) ports.failpoint?.('watch.slow', { absent, epoch: layout.epoch })
    if (who.length > 0) this.#tell(`${who.join(' and ')} gone, epoch ${layout.epoch + 1} goes on without`)
    else if (back.length > 0) this.#tell(`${back.length} units were restarted, epoch ${layout.epoch + 1} names them`)
    else this.#tell(`epoch ${layout.epoch} is completed: its sequencer was not told`)
    const began = ports.clock.now()
    try {
      const gone = goneBoot === undefined || standby === undefined ? absent : [...absent, goneBoot]
      const options = { timeoutMs: limits.requestMs / 2, under: layout.epoch }
      const { epoch } = await reconfigure(this.#cluster, { absent: gone, standby }, options)
      this.#tell(`epoch ${epoch} is open`)
      if (completes) this.#completed = layout.epoch
    } catch (thrown) {
      if (completes && !isTurnOf(thrown)) this.#completed = layout.epoch
      // What is suspected is looked at again meanwhile: it may be there when the other driver has finished.
      if (isTurnOf(thrown)) this.#waitUntilMs = ports.clock.now() + TURN_TRIES * (ports.clock.now() - began)
      else this.#tell(`epoch ${layout.epoch + 1} could not be opened yet: ${asError(thrown).message}`)
    }
  }

  /** Nothing is told twice in a row. */
  #tell(text: string): void {
    if (text !== this.#told) this.#options.log?.(text)
    this.#told = text
  }
}
