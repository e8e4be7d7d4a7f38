/**
 * The server of a sequencer: answers tokens and tails, follows the decided prefix, resolves what stays undecided.
 *
 * Thin: grants are the machine's, resolving is `log/cluster/resolve.ts`, epochs are `log/epochs/reconfigure.ts`.
 * Keeps: L11, P13, P17, P64. Read next: `sequencer.ts`.
 */
import { Cluster } from '../log/cluster/cluster.ts'
import { resolveRange } from '../log/cluster/resolve.ts'
import { SirtakiError, asError, isError } from '../log/errors.ts'
import {
  chainsOf, openSegment, unitsOf, type Layout, type SequencerMember,
} from '../log/layout.ts'
import { firstOfClass } from '../log/ranges.ts'
import { isTurnOf, reconfigure } from '../log/epochs/reconfigure.ts'
import { Watch } from '../log/epochs/watch.ts'
import type { Limits } from '../log/limits.ts'
import type { Ports, Timer } from '../log/ports.ts'
import { Bootstrap, Identity, readJson, writeJson } from '../log/wire/control.ts'
import { readToken, writeGrant } from '../log/wire/messages.ts'
import { readProgress, readTailsQuestion, writeEpoch, writeTailsAnswer, type Progress } from '../log/wire/tail-messages.ts'
import { openDoor, type Door, type Request } from '../log/wire/server.ts'
import { Sequencer } from './sequencer.ts'

/** What a sequencer process is started with. */
export interface SequencerServerOptions {
  readonly ports: Ports
  readonly limits: Limits
  readonly address: string
  readonly advertise?: string | undefined
  readonly name: string
  /** Of the program, for people. */
  readonly version?: string | undefined
  /** Addresses of units. */
  readonly units: readonly string[]
  readonly log?: ((text: string) => void) | undefined
}

/** Between two looks at the decided prefix while something is in doubt. */
const PROGRESS_MS = 20
/** The same while the window is full. */
const FULL_MS = 1

/** A running sequencer. */
export class SequencerServer {
  readonly machine: Sequencer
  readonly options: SequencerServerOptions
  readonly #cluster: Cluster
  #door: Door | undefined
  #waiting: { readonly request: Request; readonly since: number }[] = []
  /** Asked under an epoch that is not open yet. */
  #early: Request[] = []
  /** `at`: when it is due. */
  #timer: { readonly timer: Timer; readonly at: number } | undefined
  #looking = false
  #resolving = false
  #resolveAt = 0
  #resolveFailures = 0
  #closed = false
  #closing: Promise<void> | undefined
  readonly #told = new Map<string, Progress & { readonly epoch: number }>()
  #turn = 0
  #lag = { from: 0, since: 0 }
  #announced = 0
  #deposed = false
  #supervising = false
  #standsBy = false
  #leaving = false
  #stopped: SirtakiError | undefined
  readonly #stopListeners: ((error: SirtakiError) => void)[] = []
  /** When somebody last asked who this is: who stands by does so all the time. */
  #lookedAtMs = -Infinity
  /** Who stands by, by name, and when it asked last. */
  readonly #standbys = new Map<string, number>()
  readonly #members: Watch
  #watching = false

  constructor(options: SequencerServerOptions) {
    const { ports, limits, units, name } = options
    this.options = options
    this.machine = new Sequencer(ports.random.id(), limits, ports.failpoint)
    this.#cluster = new Cluster({ ports, limits, name: `${name} (sequencer)`, addresses: units })
    this.#members = new Watch(this.#cluster, { asSequencer: true, log: options.log, isNamed: () => this.#cluster.layout?.sequencer?.boot === this.machine.boot, standby: () => this.#standsBy && !this.#closed && !this.#leaving ? this.member : undefined })
  }

  /** Opens the door. @throws SirtakiError `IN_USE`, `BAD_ADDRESS`. */
  async listen(): Promise<void> {
    const { ports, limits, address } = this.options
    this.#door = await openDoor(ports, limits, address, {
      cluster: () => this.#cluster.layout?.cluster ?? null,
      layout: () => this.#cluster.layout ?? null,
      request: (request) => { this.#request(request) },
      gone: (caller) => {
        this.#waiting = this.#waiting.filter(({ request }) => request.caller !== caller)
        this.#early = this.#early.filter((request) => request.caller !== caller)
      },
    })
  }

  get address(): string { return this.options.advertise ?? this.#door?.listener.address ?? this.options.address }
  get member(): SequencerMember { return { boot: this.machine.boot, address: this.address } }
  get deposed(): boolean { return this.#deposed }

  /** What it is doing: ready, blind (it reaches too few units) and leaving sequencers grant. */
  get role(): 'ready' | 'blind' | 'stopped' | 'leaving' | 'standby' | 'deposed' | 'waiting' {
    if (this.#stopped !== undefined) return 'stopped'
    if (this.#leaving) return 'leaving'
    if (this.machine.epoch > 0 && !this.#deposed) return this.#members.isBlind ? 'blind' : 'ready'
    return this.#standsBy ? 'standby' : this.#deposed ? 'deposed' : 'waiting'
  }

  /**
   * Takes its place: names itself in the next epoch unless another sequencer lives. With `takeOver` also then.
   *
   * @throws SirtakiError `IN_USE` when another one is alive; `UNREACHABLE`, `TIMEOUT` when the epoch cannot be opened.
   */
  async start(options: { takeOver?: boolean; timeoutMs?: number; signal?: AbortSignal } = {}): Promise<Layout> {
    // It may be named by an epoch that opens only when somebody leaves a lost unit out: that is its matter from then on.
    this.#keepWatching()
    // A layout learnt long ago may name a sequencer that is gone, or none though one lives by now.
    await this.#cluster.refresh().catch(() => undefined)
    let layout = await this.#cluster.newer(0, options)
    for (let role = await this.#roleOf(layout); role !== undefined && options.takeOver !== true; role = await this.#roleOf(layout)) {
      if (role !== 'deposed') throw new SirtakiError('IN_USE', `epoch ${layout.epoch} has a living sequencer at ${layout.sequencer?.address}: stop it, or move it with reconfigure`, { facts: { address: layout.sequencer?.address } })
      // A unit that was taken out long ago has told: who was deposed since knows that there is a newer epoch.
      layout = await this.#cluster.newer(layout.epoch, options)
    }
    const opened = await reconfigure(this.#cluster, { sequencer: this.member }, options)
    this.#keepSupervising()
    return opened
  }

  /**
   * Takes its place when nobody is in it: watches over the sequencer and the units, and stands by again when it was deposed.
   * Settles when a cluster was found.
   *
   * @throws SirtakiError `UNREACHABLE`, `TIMEOUT`, `WRONG_CLUSTER`.
   */
  async standBy(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<Layout> {
    this.#standsBy = true
    await this.#cluster.refresh().catch(() => undefined)
    const layout = await this.#cluster.newer(0, options)
    this.#keepSupervising()
    return layout
  }

  /**
   * Says that it is about to end, and waits until another one is named, or for `timeoutMs`; at once where nobody stands by.
   */
  async leave({ timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<void> {
    const { ports: { clock }, limits } = this.options
    const watched = clock.now() - this.#lookedAtMs <= limits.probeMs * limits.suspicionProbes
    const isNamed = (): boolean => this.#cluster.layout?.sequencer?.boot === this.machine.boot
    this.#leaving = true
    this.#standsBy = false
    for (const end = clock.now() + timeoutMs; watched && isNamed() && clock.now() < end && signal?.aborted !== true;) await this.#cluster.newerOrPause(limits.probeMs / 2)
  }

  /** Calls `listener` once if it has to stop by itself. */
  onStopped(listener: (error: SirtakiError) => void): void { this.#stopListeners.push(listener) }

  /** The role of the sequencer that a layout names, if that very one answers and is another process. */
  async #roleOf({ sequencer }: Layout): Promise<string | undefined> {
    if (sequencer === null || sequencer.boot === this.machine.boot) return undefined
    try {
      const { boot, role } = await this.#cluster.peer(sequencer.address).control('identify', {}, Identity, this.options.limits.probeMs * this.options.limits.suspicionProbes)
      return boot === sequencer.boot ? role : undefined
    } catch {
      return undefined
    }
  }

  /** Also a sequencer that was deposed, or never started by itself, watches over its place once a layout names it. */
  #keepSupervising(): void {
    this.#deposed = false
    this.#keepWatching()
    if (this.#supervising) return
    this.#supervising = true
    void this.#supervise().finally(() => { this.#supervising = false })
  }

  #keepWatching(): void {
    if (this.#watching) return
    this.#watching = true
    void this.#watchMembers().finally(() => { this.#watching = false })
  }

  /** Looks at every member while it serves the newest epoch, or stands by. */
  async #watchMembers(): Promise<void> {
    const { ports, limits } = this.options
    while (!this.#closed && (!this.#deposed || this.#standsBy)) {
      const started = ports.clock.now()
      const { layout } = this.#cluster
      if (this.#standsBy || layout?.sequencer?.boot === this.machine.boot) await this.#members.look()
      await this.#cluster.pause(Math.max(limits.probeMs / 4, started + limits.probeMs * (0.9 + ports.random.next() / 5) - ports.clock.now()))
    }
  }

  /** Goes on as long as the newest layout wants this sequencer, and drives an epoch that wants it and does not open. */
  async #supervise(): Promise<void> {
    const { ports, limits, log } = this.options
    let stuckSince: number | undefined
    while (!this.#closed && (!this.#deposed || this.#standsBy)) {
      // Units tell a newer layout by themselves; only a lost connection makes it necessary to ask.
      await this.#cluster.newerOrPause(limits.probeMs * (stuckSince === undefined ? 5 : 1) * (0.5 + ports.random.next()))
      await this.#cluster.refresh().catch(() => undefined)
      const { layout } = this.#cluster
      if (layout === undefined || layout.epoch <= this.machine.epoch) { stuckSince = undefined; continue }
      if (layout.sequencer !== null && layout.sequencer.boot !== this.machine.boot) {
        if (this.machine.epoch > 0 || !this.#standsBy) this.#depose(layout)
        if (!this.#standsBy) return
        stuckSince = undefined
        continue
      }
      if (this.#standsBy && layout.sequencer === null) continue
      stuckSince ??= ports.clock.now()
      if (layout.sequencer !== null && ports.clock.now() - stuckSince < limits.stuckMs) continue
      try {
        await reconfigure(this.#cluster, { sequencer: this.member }, { under: layout.epoch })
        stuckSince = undefined
      } catch (thrown) {
        if (!isTurnOf(thrown)) log?.(`the next epoch could not be opened yet: ${asError(thrown).message}`)
      }
    }
  }

  #depose(layout: Layout): void {
    if (this.#deposed) return
    this.#deposed = true
    for (const { request } of this.#waiting.splice(0)) request.caller.refuse('token', request.request, new SirtakiError('EPOCH', `epoch ${layout.epoch} has another sequencer`))
    this.options.ports.failpoint?.('sequencer.deposed', { epoch: layout.epoch })
    this.options.log?.(`epoch ${layout.epoch} has its sequencer at ${layout.sequencer?.address}: this one is no longer needed`)
  }

  /** Ends it. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    this.#closed = true
    this.#timer?.timer.cancel()
    await this.#door?.close()
    this.#cluster.close()
  }

  #request(request: Request): void {
    const { caller, kind } = request
    try {
      const body = this.#execute(request)
      if (body !== undefined) caller.answer(kind, request.request, body)
    } catch (thrown) {
      caller.refuse(kind, request.request, asError(thrown, 'BAD_FRAME'))
    }
  }

  #execute(request: Request): Uint8Array | undefined {
    const { machine } = this
    switch (request.kind) {
      case 'token': return this.#token(request)
      case 'tails': {
        const { epoch, streams } = readTailsQuestion(request.body)
        const tails = { epoch, ...machine.tails(epoch, streams), logTime: Math.floor(machine.provenTime) }
        this.options.ports.failpoint?.('sequencer.tells', { epoch, logTime: tails.logTime })
        return writeTailsAnswer(tails)
      }
      case 'bootstrap': this.#bootstrap(readJson(request.body, Bootstrap).layout); return writeJson({})
      case 'layout': return writeJson({ layout: this.#cluster.layout ?? null })
      case 'watch': this.#noteStandby(request.caller.name); return this.#identity()
      case 'identify': return this.#identity()
      case 'status': return writeJson(this.status())
      default: throw new SirtakiError('UNSUPPORTED', `a sequencer does not answer ${request.kind}`)
    }
  }

  /** Only who stands by asks a sequencer so. */
  #noteStandby(name: string): void {
    const { ports: { clock }, limits } = this.options
    const now = clock.now()
    this.#lookedAtMs = now
    this.#standbys.set(name, now)
    const oldest = now - limits.probeMs * limits.suspicionProbes
    for (const [one, at] of this.#standbys) if (at < oldest) this.#standbys.delete(one)
  }

  #identity(): Uint8Array {
    const { machine } = this
    return writeJson({ kind: 'sequencer', identity: machine.boot, acceptor: '', boot: machine.boot, role: this.role, cluster: this.#cluster.layout?.cluster ?? null, epoch: machine.epoch, opened: machine.epoch, sealed: machine.epoch, slot: machine.epoch, initialised: machine.epoch > 0 })
  }

  #fullError(identity: string): SirtakiError {
    const { layout } = this.#cluster
    const unit = layout === undefined ? undefined : unitsOf(layout).find((one) => one.identity === identity)
    const whose = unit === undefined ? 'a unit' : `the unit at ${unit.address}`
    const facts = { identity, address: unit?.address }
    return new SirtakiError('FULL', `the disk of ${whose} is full: make room there or trim, appends go on by themselves then`, { facts })
  }

  #token(request: Request): Uint8Array | undefined {
    const { epoch, runs } = readToken(request.body)
    const { full } = this.#members
    if (full !== undefined) { this.machine.requireEpoch(epoch); throw this.#fullError(full) }
    const grant = this.#waiting.length > 0 || epoch > this.machine.epoch ? undefined : this.machine.grant(epoch, runs, this.options.ports.clock.now())
    if (grant !== undefined) { this.#watch(PROGRESS_MS); return writeGrant(grant) }
    const { tokensWaitingMax } = this.options.limits
    if (epoch > this.machine.epoch && this.#early.length < tokensWaitingMax) { this.#park(request); return undefined }
    this.machine.requireEpoch(epoch)
    if (this.#waiting.length >= tokensWaitingMax) throw new SirtakiError('OVERLOADED', `${tokensWaitingMax} token requests wait for the window of ${this.machine.layout?.window} positions`)
    this.options.ports.failpoint?.('sequencer.full', { tail: this.machine.tail })
    this.#waiting.push({ request, since: this.options.ports.clock.now() })
    this.#watch(FULL_MS)
    return undefined
  }

  /** Clients learn of an epoch before it is open: what they ask for then waits for it, else they would come back late. */
  #park(request: Request): void {
    const { ports: { clock }, limits } = this.options
    this.#early.push(request)
    clock.timer(limits.stuckMs, () => {
      if (!this.#early.includes(request)) return
      this.#early = this.#early.filter((one) => one !== request)
      request.caller.refuse('token', request.request, new SirtakiError('NOT_READY', 'the epoch is not open yet'))
    })
  }

  #bootstrap(layout: Layout): void {
    this.#cluster.learn(layout)
    this.machine.bootstrap(layout, this.options.ports.clock.now())
    this.#keepSupervising()
    const waiting = this.#waiting
    this.#waiting = []
    for (const { request } of waiting) request.caller.refuse('token', request.request, new SirtakiError('EPOCH', `epoch ${layout.epoch} has begun`))
    for (const request of this.#early.splice(0)) this.#request(request)
    if (this.#announced === layout.epoch) return
    this.#announced = layout.epoch
    this.#door?.tell(layout)
  }

  // ---- the decided prefix

  #watch(ms: number): void {
    if (this.#closed || this.#deposed || this.#looking) return
    const { clock } = this.options.ports
    const at = clock.now() + ms
    if (this.#timer !== undefined) {
      // Requests that come closer together than its time would put it off for ever.
      if (this.#timer.at <= at) return
      this.#timer.timer.cancel()
    }
    const timer = clock.timer(ms, () => {
      this.#timer = undefined
      const { layout } = this.machine
      if (layout === undefined) return
      this.#looking = true
      void this.#look(layout).finally(() => {
        this.#looking = false
        if (this.#waiting.length > 0) this.#watch(FULL_MS)
        else if (Math.min(this.machine.prefix, this.#laggard(layout)) < this.machine.tail) this.#watch(PROGRESS_MS)
      })
    })
    this.#timer = { timer, at }
  }

  async #look(layout: Layout): Promise<void> {
    const { machine } = this
    const { clock } = this.options.ports
    try {
      const prefix = await this.#leastPrefix(layout)
      if (machine.epoch !== layout.epoch) return
      if (prefix > machine.tail) this.options.log?.(`positions ${machine.tail} to ${prefix - 1} were decided though nobody was granted them: they are skipped`)
      const took = machine.decided(prefix, clock.now())
      // What was filled took as long as a fill waits: counting that would make the next one wait longer.
      if (took !== undefined && took < this.#cluster.fillAgeMs) this.#cluster.appendLatency.add(took)
      this.#serveWaiting()
    } catch (thrown) {
      if (isError(thrown, 'INVARIANT')) { this.#fail(thrown); return }
      this.#expireWaiting()
      // Units that moved on tell the newer layout; the supervision draws the consequences.
      if (isError(thrown, 'EPOCH')) await this.#cluster.refresh().catch(() => undefined)
    }
    await this.#resolveOverdue(layout)
  }

  /** Asks one unit of each chain, in turn; the best known prefix of each chain counts, the least over the chains is the log's. */
  async #leastPrefix(layout: Layout): Promise<number> {
    this.#turn++
    const prefixes = await Promise.all(chainsOf(openSegment(layout)).map(async ({ index, step, units }) => {
      const unit = units[this.#turn % units.length]
      if (unit === undefined) return 0
      const asked = this.#cluster.peer(unit.address).request('progress', writeEpoch(layout.epoch))
      const { prefix, logTime } = readProgress(await asked)
      this.#told.set(unit.identity, { epoch: layout.epoch, prefix: firstOfClass(prefix, index, step), logTime })
      this.machine.prove(Math.min(...units.map((one) => this.#timeOf(one.identity, layout))))
      return Math.max(...units.map((one) => this.#prefixOf(one.identity, layout)))
    }))
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
  #laggard(layout: Layout): number { return Math.min(...openSegment(layout).chains.flat().map((unit) => this.#prefixOf(unit.identity, layout))) }

  #serveWaiting(): void {
    const now = this.options.ports.clock.now()
    while (this.#waiting[0] !== undefined) {
      const { request, since } = this.#waiting[0]
      if (now - since > this.options.limits.requestMs / 2) request.caller.refuse('token', request.request, new SirtakiError('OVERLOADED', 'the window stayed full', { next: 'again' }))
      else {
        const granted = this.#grantWaiting(request, now)
        if (!granted) return
      }
      this.#waiting.shift()
    }
  }

  /** False while there is no room. A request that asks for nonsense is refused here, else all behind it would wait for ever. */
  #grantWaiting({ caller, request, body }: Request, now: number): boolean {
    try {
      const { epoch, runs } = readToken(body)
      const grant = this.machine.grant(epoch, runs, now)
      if (grant === undefined) return false
      caller.answer('token', request, writeGrant(grant))
    } catch (thrown) {
      caller.refuse('token', request, thrown)
    }
    return true
  }

  /** Requests that have waited too long are told so: their clients try again, perhaps at another sequencer. */
  #expireWaiting(): void {
    const now = this.options.ports.clock.now()
    const late = this.#waiting.filter(({ since }) => now - since > this.options.limits.requestMs / 2)
    this.#waiting = this.#waiting.filter((one) => !late.includes(one))
    for (const { request } of late) request.caller.refuse('token', request.request, new SirtakiError('OVERLOADED', 'the window stayed full', { next: 'again' }))
  }

  /** The last resort: a rule that does not hold ends this sequencer, and the next one starts from the units. */
  #fail(error: SirtakiError): void {
    if (this.#stopped !== undefined) return
    this.#stopped = error
    this.options.log?.(`the sequencer stops: ${error.message}`)
    for (const listener of this.#stopListeners) listener(error)
    void this.close()
  }

  /** L11: what was granted long ago and is not known decided gets resolved here, whoever its writer was. */
  async #resolveOverdue(layout: Layout): Promise<void> {
    const { machine } = this
    const { clock, failpoint } = this.options.ports
    const { fillAgeMs } = this.#cluster
    const laggard = this.#laggard(layout)
    if (laggard !== this.#lag.from) this.#lag = { from: laggard, since: clock.now() }
    const overdue = machine.overdue(clock.now() - fillAgeMs)
    // Two passes: a unit that stays behind must not keep the holes above it from being filled.
    const ranges: (readonly [number, number])[] = []
    if (laggard < machine.prefix && clock.now() - this.#lag.since >= fillAgeMs) ranges.push([laggard, Math.min(machine.prefix, laggard + 256)])
    if (overdue > machine.prefix) ranges.push([machine.prefix, Math.min(overdue, machine.prefix + 256)])
    if (this.#resolving || ranges.length === 0 || machine.epoch !== layout.epoch || clock.now() < this.#resolveAt) return
    this.#resolving = true
    try {
      this.#cluster.noteGranted(machine.tail)
      for (const [from, to] of ranges) {
        failpoint?.('sequencer.resolves', { from, to })
        await resolveRange(this.#cluster, layout, from, to, { mayFill: true })
      }
      this.#resolveFailures = 0
    } catch (thrown) {
      if (isError(thrown, 'INVARIANT')) { this.#fail(thrown); return }
      // While a unit is out of reach every further try is only load (P17).
      const { retryMinMs, retryMaxMs } = this.options.limits
      failpoint?.('sequencer.resolveFailed', { message: asError(thrown).message })
      this.#resolveAt = clock.now() + Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(this.#resolveFailures++, 16))
      if (asError(thrown).next === 'refresh') await this.#cluster.refresh().catch(() => undefined)
    } finally {
      this.#resolving = false
    }
  }

  /** Everything that people want to know of this sequencer. */
  status(): Record<string, unknown> {
    const { machine } = this
    const { ports: { clock }, limits } = this.options
    const oldest = clock.now() - limits.probeMs * limits.suspicionProbes
    const standbys = [...this.#standbys].flatMap(([name, at]) => at >= oldest ? [name] : [])
    return { kind: 'sequencer', name: this.options.name, version: this.options.version, address: this.address, boot: machine.boot, role: this.role, epoch: machine.epoch, tail: machine.tail, prefix: machine.prefix, holes: machine.tail - machine.prefix, streams: machine.streams, window: machine.layout?.window ?? 0, ...machine.grants, appendMs: { p50: this.#cluster.appendLatency.p50, p99: this.#cluster.appendLatency.p99 }, waiting: this.#waiting.length, logTime: Math.floor(machine.logTime(this.options.ports.clock.now())), standbys, connections: this.#door?.connections() ?? 0 }
  }
}
