/**
 * The place of a sequencer: taking it, standing by for it, losing it to another one, leaving it.
 *
 *     start ──▶ named by an epoch ──▶ serves ──▶ another one is named ──▶ deposed
 *     stand by ──▶ asks the named one all the time; it is gone ──▶ named ──▶ serves ──▶ deposed ──▶ stands by
 *     leave ──▶ says so to who stands by, and waits until that one is named
 *
 * A flow. Owns: whether this sequencer is wanted. Guards the members while it serves or stands by.
 * Read next: `../log/epochs/reconfigure.ts`, `../log/epochs/guard.ts`.
 */
import type { Cluster } from '../log/cluster/cluster.ts'
import { isTurnOf } from '../log/epochs/driver.ts'
import { Guard } from '../log/epochs/guard.ts'
import { reconfigure } from '../log/epochs/reconfigure.ts'
import { SirtakiError, asError } from '../log/errors.ts'
import type { Layout, SequencerMember } from '../log/layout.ts'
import { Identity } from '../log/wire/control.ts'
import type { Sequencer } from './sequencer.ts'

/** What a place is taken with. */
export interface PlaceOptions {
  readonly cluster: Cluster
  readonly machine: Sequencer
  /** Who this is, with its address. */
  readonly member: () => SequencerMember
  readonly log?: ((text: string) => void) | undefined
  /** Called when another one has the place. */
  readonly deposed: (layout: Layout) => void
}

/** How long taking a place may take. */
export interface PlaceCall {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** What a sequencer is doing: ready, blind (it reaches too few units) and leaving ones grant. */
export type SequencerRole = 'ready' | 'blind' | 'stopped' | 'leaving' | 'standby' | 'deposed' | 'waiting'

/** The place of one sequencer. */
export class Place {
  readonly #cluster: Cluster
  readonly #machine: Sequencer
  readonly #member: () => SequencerMember
  readonly #log: ((text: string) => void) | undefined
  readonly #told: (layout: Layout) => void
  readonly #members: Guard
  #closed = false
  #deposed = false
  #supervising = false
  #guarding = false
  #standsBy = false
  #leaving = false
  /** When somebody last asked who this is: who stands by does so all the time. */
  #askedAtMs = -Infinity
  /** Who stands by, by name, and when it asked last. */
  readonly #standbys = new Map<string, number>()

  constructor({ cluster, machine, member, log, deposed }: PlaceOptions) {
    this.#cluster = cluster
    this.#machine = machine
    this.#member = member
    this.#log = log
    this.#told = deposed
    this.#members = new Guard(cluster, {
      logTime: (epoch) => (machine.epoch === epoch ? machine.logTime(cluster.ports.clock.now()) : 0),
      log,
      isNamed: () => this.#isNamed(),
      standby: () => (this.#standsBy && !this.#closed && !this.#leaving ? this.#member() : undefined),
    })
  }

  /** Whether another one has the place. */
  get isDeposed(): boolean {
    return this.#deposed
  }

  /** The unit (identity) whose disk is full, if there is one. */
  get full(): string | undefined {
    return this.#members.full
  }

  get role(): SequencerRole {
    if (this.#leaving) return 'leaving'
    if (this.#machine.epoch > 0 && !this.#deposed) return this.#members.isBlind ? 'blind' : 'ready'
    return this.#standsBy ? 'standby' : this.#deposed ? 'deposed' : 'waiting'
  }

  /** Names of those who stand by. */
  get standbys(): readonly string[] {
    const oldest = this.#oldestAskMs
    return [...this.#standbys].flatMap(([name, at]) => (at >= oldest ? [name] : []))
  }

  /**
   * Takes the place unless another sequencer lives; with `takeOver` also then.
   *
   * @throws SirtakiError as `SequencerServer.start`.
   */
  async start({ takeOver, ...options }: PlaceCall & { readonly takeOver?: boolean } = {}): Promise<Layout> {
    // It may be named by an epoch that opens only when somebody leaves a lost unit out: that is its matter from then
    // on.
    this.#keepGuarding()
    const {
      ports: { clock, random },
      limits,
    } = this.#cluster
    const deadline = clock.now() + (options.timeoutMs ?? limits.requestMs)
    for (;;) {
      const free = await this.#freePlace(options, takeOver)
      const under = takeOver === true ? undefined : free.epoch
      try {
        const timeoutMs = Math.max(1, deadline - clock.now())
        const opened = await reconfigure(this.#cluster, { sequencer: this.#member() }, { ...options, timeoutMs, under })
        this.keep()
        return opened
      } catch (thrown) {
        // Another driver's epoch came first. It may name a sequencer that lives: the place is no longer free.
        const overtaken = isTurnOf(thrown) || (this.#cluster.layout?.epoch ?? 0) > free.epoch
        if (under === undefined || !overtaken || clock.now() >= deadline) throw thrown
        await this.#cluster.newerOrPause(limits.probeMs * (0.5 + random.next()))
      }
    }
  }

  /**
   * Takes the place when nobody is in it, and stands by again when deposed.
   *
   * @throws SirtakiError as `SequencerServer.standBy`.
   */
  async standBy(options: PlaceCall = {}): Promise<Layout> {
    this.#standsBy = true
    await this.#cluster.refresh().catch(() => undefined)
    const layout = await this.#cluster.newer(0, options)
    this.keep()
    return layout
  }

  /**
   * Says that it is about to end, and waits until another one is named, or for `timeoutMs`; at once where nobody stands
   * by.
   */
  async leave({ timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<void> {
    const {
      ports: { clock },
      limits,
    } = this.#cluster
    const isAsked = this.#askedAtMs >= this.#oldestAskMs
    this.#leaving = true
    this.#standsBy = false
    const end = clock.now() + timeoutMs
    while (isAsked && this.#isNamed() && clock.now() < end && signal?.aborted !== true) {
      await this.#cluster.newerOrPause(limits.probeMs / 2)
    }
  }

  /**
   * Looks after the place from now on. Also who was deposed, or never started by itself, does once a layout names it.
   */
  keep(): void {
    this.#deposed = false
    this.#keepGuarding()
    if (this.#supervising) return
    this.#supervising = true
    void this.#supervise().finally(() => {
      this.#supervising = false
    })
  }

  /** Somebody who stands by has asked who this is: nobody else asks a sequencer so. */
  noteStandby(name: string): void {
    const now = this.#cluster.ports.clock.now()
    this.#askedAtMs = now
    this.#standbys.set(name, now)
    const oldest = this.#oldestAskMs
    for (const [one, at] of this.#standbys) if (at < oldest) this.#standbys.delete(one)
  }

  /** Ends it: what is under way ends by itself. */
  close(): void {
    this.#closed = true
  }

  get #oldestAskMs(): number {
    const {
      ports: { clock },
      limits,
    } = this.#cluster
    return clock.now() - limits.probeMs * limits.suspicionProbes
  }

  #isNamed(): boolean {
    return this.#cluster.layout?.sequencer?.boot === this.#machine.boot
  }

  /** Whether this sequencer still looks after the place. */
  get #isKept(): boolean {
    return !this.#closed && (!this.#deposed || this.#standsBy)
  }

  /** A layout whose place nobody is in; the newest one with `takeOver`. @throws SirtakiError `IN_USE`. */
  async #freePlace(options: PlaceCall, takeOver = false): Promise<Layout> {
    // A layout learnt long ago may name a sequencer that is gone, or none though one lives by now.
    await this.#cluster.refresh().catch(() => undefined)
    for (let layout = await this.#cluster.newer(0, options); ;) {
      const role = takeOver ? undefined : await this.#roleOf(layout)
      if (role === undefined) return layout
      if (role !== 'deposed') throw placeTaken(layout)
      // A unit that was taken out long ago has told: who was deposed since knows that there is a newer epoch.
      layout = await this.#cluster.newer(layout.epoch, options)
    }
  }

  /** The role of the sequencer that a layout names, if that very one answers and is another process. */
  async #roleOf({ sequencer }: Layout): Promise<string | undefined> {
    if (sequencer === null || sequencer.boot === this.#machine.boot) return undefined
    const { probeMs, suspicionProbes } = this.#cluster.limits
    try {
      const peer = this.#cluster.peer(sequencer.address)
      const { boot, role } = await peer.control('identify', {}, Identity, probeMs * suspicionProbes)
      return boot === sequencer.boot ? role : undefined
    } catch {
      return undefined
    }
  }

  #keepGuarding(): void {
    if (this.#guarding) return
    this.#guarding = true
    void this.#guardMembers().finally(() => {
      this.#guarding = false
    })
  }

  /** Looks at every member while it serves the newest epoch, or stands by. */
  async #guardMembers(): Promise<void> {
    const { ports, limits } = this.#cluster
    while (this.#isKept) {
      const started = ports.clock.now()
      if (this.#standsBy || this.#isNamed()) await this.#members.probe()
      const nextMs = started + limits.probeMs * (0.9 + ports.random.next() / 5) - ports.clock.now()
      await this.#cluster.pause(Math.max(limits.probeMs / 4, nextMs))
    }
  }

  /** Goes on as long as the newest layout wants this sequencer, and drives an epoch that wants it and does not open. */
  async #supervise(): Promise<void> {
    const { ports, limits } = this.#cluster
    let stuckSince: number | undefined
    while (this.#isKept) {
      // Units tell a newer layout by themselves; only a lost connection makes it necessary to ask.
      await this.#cluster.newerOrPause(
        limits.probeMs * (stuckSince === undefined ? 5 : 1) * (0.5 + ports.random.next()),
      )
      await this.#cluster.refresh().catch(() => undefined)
      const { layout } = this.#cluster
      if (layout === undefined || layout.epoch <= this.#machine.epoch) {
        stuckSince = undefined
        continue
      }
      if (layout.sequencer !== null && layout.sequencer.boot !== this.#machine.boot) {
        if (this.#machine.epoch > 0 || !this.#standsBy) this.#depose(layout)
        if (!this.#standsBy) return
        stuckSince = undefined
        continue
      }
      if (this.#standsBy && layout.sequencer === null) continue
      stuckSince ??= ports.clock.now()
      if (layout.sequencer !== null && ports.clock.now() - stuckSince < limits.stuckMs) continue
      if (await this.#drive(layout)) stuckSince = undefined
    }
  }

  /** Drives the epoch behind a layout that wants this sequencer. True when it is open. */
  async #drive({ epoch }: Layout): Promise<boolean> {
    try {
      await reconfigure(this.#cluster, { sequencer: this.#member() }, { under: epoch })
      return true
    } catch (thrown) {
      if (!isTurnOf(thrown)) this.#log?.(`the next epoch could not be opened yet: ${asError(thrown).message}`)
      return false
    }
  }

  #depose(layout: Layout): void {
    if (this.#deposed) return
    this.#deposed = true
    this.#told(layout)
    this.#cluster.ports.failpoint?.('sequencer.deposed', { epoch: layout.epoch })
    this.#log?.(`epoch ${layout.epoch} has its sequencer at ${layout.sequencer?.address}: this one is no longer needed`)
  }
}

function placeTaken({ epoch, sequencer }: Layout): SirtakiError {
  const facts = { address: sequencer?.address }
  const hint = 'stop it, or move it with reconfigure'
  return new SirtakiError('IN_USE', `epoch ${epoch} has a living sequencer at ${sequencer?.address}: ${hint}`, {
    facts,
  })
}
