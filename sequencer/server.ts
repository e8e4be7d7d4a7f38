/**
 * The server of a sequencer: answers tokens and tails, hands what is about its place to `place.ts` and what is about
 * sessions to `session-keeper.ts`.
 *
 * Thin: grants are the machine's. Owns: the door, and the token requests that wait for room in the window or for an
 * epoch that is not open yet. Keeps: P13, P64. Read next: `sequencer.ts` (the machine), `progress.ts` (the decided
 * prefix), `place.ts` (who is the sequencer).
 */
import { Cluster } from '../log/cluster/cluster.ts'
import { SirtakiError, asError } from '../log/errors.ts'
import { unitsOf, type Layout, type SequencerMember } from '../log/layout.ts'
import type { Limits } from '../log/limits.ts'
import type { Ports } from '../log/ports.ts'
import { Bootstrap, readJson, writeJson } from '../log/wire/control.ts'
import { readHeartbeat, writeHeartbeatAnswer } from '../log/wire/heartbeat-messages.ts'
import { readToken, writeGrant } from '../log/wire/messages.ts'
import { openDoor, type Door, type Request } from '../log/wire/server.ts'
import { readTailsQuestion, writeTailsAnswer } from '../log/wire/tail-messages.ts'
import { Place, type PlaceCall, type SequencerRole } from './place.ts'
import { FULL_MS, PROGRESS_MS, Progress } from './progress.ts'
import { Sequencer } from './sequencer.ts'
import { SessionKeeper } from './session-keeper.ts'

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

/** A running sequencer. */
export class SequencerServer {
  readonly machine: Sequencer
  readonly options: SequencerServerOptions
  readonly #cluster: Cluster
  readonly #place: Place
  readonly #progress: Progress
  readonly #sessions: SessionKeeper
  #door: Door | undefined
  /** Token requests for which the window has no room. */
  #waiting: { readonly request: Request; readonly since: number }[] = []
  /** Asked under an epoch that is not open yet. */
  #early: Request[] = []
  #closing: Promise<void> | undefined
  #announced = 0
  #stopped: SirtakiError | undefined
  readonly #stopListeners: ((error: SirtakiError) => void)[] = []

  constructor(options: SequencerServerOptions) {
    const { ports, limits, units, name, log } = options
    const machine = new Sequencer(ports.random.id(), limits, ports.failpoint)
    const cluster = new Cluster({ ports, limits, name: `${name} (sequencer)`, addresses: units })
    this.options = options
    this.machine = machine
    this.#cluster = cluster
    this.#place = new Place({
      cluster,
      machine,
      log,
      member: () => this.member,
      deposed: (layout) => {
        this.#refuseWaiting(`epoch ${layout.epoch} has another sequencer`)
      },
    })
    this.#sessions = new SessionKeeper({ cluster, machine, log, isDeposed: () => this.deposed })
    const waiting = {
      waits: () => this.#waiting.length > 0,
      serve: () => {
        this.#serveWaiting()
      },
      expire: () => {
        this.#expireWaiting()
      },
    }
    this.#progress = new Progress({
      cluster,
      machine,
      log,
      waiting,
      isDeposed: () => this.deposed,
      failed: (error) => {
        this.#fail(error)
      },
    })
  }

  /** Opens the door. @throws SirtakiError `IN_USE`, `BAD_ADDRESS`. */
  async listen(): Promise<void> {
    const { ports, limits, address } = this.options
    this.#door = await openDoor(ports, limits, address, {
      cluster: () => this.#cluster.layout?.cluster ?? null,
      layout: () => this.#cluster.layout ?? null,
      request: (request) => {
        this.#request(request)
      },
      gone: (caller) => {
        this.#waiting = this.#waiting.filter(({ request }) => request.caller !== caller)
        this.#early = this.#early.filter((request) => request.caller !== caller)
      },
    })
  }

  get address(): string {
    return this.options.advertise ?? this.#door?.listener.address ?? this.options.address
  }
  get member(): SequencerMember {
    return { boot: this.machine.boot, address: this.address }
  }
  get deposed(): boolean {
    return this.#place.isDeposed
  }

  /** What it is doing. */
  get role(): SequencerRole {
    return this.#stopped === undefined ? this.#place.role : 'stopped'
  }

  /**
   * Takes its place: names itself in the next epoch unless another sequencer lives. With `takeOver` also then.
   *
   * @throws SirtakiError `IN_USE` when another one is alive; `UNREACHABLE`, `TIMEOUT` when the epoch cannot be opened.
   */
  start(options?: PlaceCall & { readonly takeOver?: boolean }): Promise<Layout> {
    return this.#place.start(options)
  }

  /**
   * Takes its place when nobody is in it: guards the sequencer and the units, and stands by again when it was deposed.
   * Settles when a cluster was found.
   *
   * @throws SirtakiError `UNREACHABLE`, `TIMEOUT`, `WRONG_CLUSTER`.
   */
  standBy(options?: PlaceCall): Promise<Layout> {
    return this.#place.standBy(options)
  }

  /**
   * Says that it is about to end, and waits until another one is named, or for `timeoutMs`; at once where nobody stands
   * by.
   */
  leave(options: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<void> {
    return this.#place.leave(options)
  }

  /** Calls `listener` once if it has to stop by itself. */
  onStopped(listener: (error: SirtakiError) => void): void {
    this.#stopListeners.push(listener)
  }

  /** Ends it. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    this.#place.close()
    this.#progress.close()
    this.#sessions.close()
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
      case 'token':
        return this.#token(request)
      case 'tails': {
        const { epoch, streams } = readTailsQuestion(request.body)
        const tails = { epoch, ...machine.tails(epoch, streams), logTime: Math.floor(machine.provenTime) }
        this.options.ports.failpoint?.('sequencer.tells', { epoch, logTime: tails.logTime })
        return writeTailsAnswer(tails)
      }
      case 'heartbeat':
        return writeHeartbeatAnswer(this.#sessions.heartbeat(readHeartbeat(request.body)))
      case 'bootstrap':
        this.#bootstrap(readJson(request.body, Bootstrap).layout)
        return writeJson({})
      case 'layout':
        return writeJson({ layout: this.#cluster.layout ?? null })
      case 'probe':
        this.#place.noteStandby(request.caller.name)
        return this.#identity()
      case 'identify':
        return this.#identity()
      case 'status':
        return writeJson(this.status())
      default:
        throw new SirtakiError('UNSUPPORTED', `a sequencer does not answer ${request.kind}`)
    }
  }

  #identity(): Uint8Array {
    const { machine } = this
    return writeJson({
      kind: 'sequencer',
      identity: machine.boot,
      acceptor: '',
      boot: machine.boot,
      role: this.role,
      cluster: this.#cluster.layout?.cluster ?? null,
      epoch: machine.epoch,
      opened: machine.epoch,
      sealed: machine.epoch,
      slot: machine.epoch,
      initialised: machine.epoch > 0,
    })
  }

  #fullError(identity: string): SirtakiError {
    const { layout } = this.#cluster
    const unit = layout === undefined ? undefined : unitsOf(layout).find((one) => one.identity === identity)
    const whose = unit === undefined ? 'a unit' : `the unit at ${unit.address}`
    const facts = { identity, address: unit?.address }
    return new SirtakiError(
      'FULL',
      `the disk of ${whose} is full: make room there or trim, appends go on by themselves then`,
      { facts },
    )
  }

  #token(request: Request): Uint8Array | undefined {
    const { epoch, runs } = readToken(request.body)
    const { full } = this.#place
    if (full !== undefined) {
      this.machine.requireEpoch(epoch)
      throw this.#fullError(full)
    }
    const grant =
      this.#waiting.length > 0 || epoch > this.machine.epoch
        ? undefined
        : this.machine.grant(epoch, runs, this.options.ports.clock.now())
    if (grant !== undefined) {
      this.#progress.arm(PROGRESS_MS)
      return writeGrant(grant)
    }
    const { tokensWaitingMax } = this.options.limits
    if (epoch > this.machine.epoch && this.#early.length < tokensWaitingMax) {
      this.#park(request)
      return undefined
    }
    this.machine.requireEpoch(epoch)
    if (this.#waiting.length >= tokensWaitingMax) {
      throw new SirtakiError(
        'OVERLOADED',
        `${tokensWaitingMax} token requests wait for the window of ${this.machine.layout?.window} positions`,
      )
    }
    this.options.ports.failpoint?.('sequencer.full', { tail: this.machine.tail })
    this.#waiting.push({ request, since: this.options.ports.clock.now() })
    this.#progress.arm(FULL_MS)
    return undefined
  }

  /**
   * Clients learn of an epoch before it is open: what they ask for then waits for it, else they would come back late.
   */
  #park(request: Request): void {
    const {
      ports: { clock },
      limits,
    } = this.options
    this.#early.push(request)
    clock.timer(limits.stuckMs, () => {
      if (!this.#early.includes(request)) return
      this.#early = this.#early.filter((one) => one !== request)
      request.caller.refuse('token', request.request, new SirtakiError('NOT_READY', 'the epoch is not open yet'))
    })
  }

  #bootstrap(layout: Layout): void {
    this.#cluster.learn(layout)
    const before = this.machine.epoch
    this.machine.bootstrap(layout, this.options.ports.clock.now())
    this.#place.keep()
    if (this.machine.epoch > before) this.#sessions.bootstrapped(before)
    this.#refuseWaiting(`epoch ${layout.epoch} has begun`)
    for (const request of this.#early.splice(0)) this.#request(request)
    if (this.#announced === layout.epoch) return
    this.#announced = layout.epoch
    this.#door?.tell(layout)
  }

  #refuseWaiting(why: string): void {
    for (const { request } of this.#waiting.splice(0)) {
      request.caller.refuse('token', request.request, new SirtakiError('EPOCH', why))
    }
  }

  #serveWaiting(): void {
    const now = this.options.ports.clock.now()
    while (this.#waiting[0] !== undefined) {
      const { request, since } = this.#waiting[0]
      if (now - since > this.options.limits.requestMs / 2) {
        request.caller.refuse(
          'token',
          request.request,
          new SirtakiError('OVERLOADED', 'the window stayed full', { next: 'again' }),
        )
      } else {
        const granted = this.#grantWaiting(request, now)
        if (!granted) return
      }
      this.#waiting.shift()
    }
  }

  /**
   * False while there is no room. A request that asks for nonsense is refused here, else all behind it would wait for
   * ever.
   */
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
    for (const { request } of late) {
      request.caller.refuse(
        'token',
        request.request,
        new SirtakiError('OVERLOADED', 'the window stayed full', { next: 'again' }),
      )
    }
  }

  /** The last resort: a rule that does not hold ends this sequencer, and the next one starts from the units. */
  #fail(error: SirtakiError): void {
    if (this.#stopped !== undefined) return
    this.#stopped = error
    this.options.log?.(`the sequencer stops: ${error.message}`)
    for (const listener of this.#stopListeners) listener(error)
    void this.close()
  }

  /** Everything that people want to know of this sequencer. */
  status(): Record<string, unknown> {
    const { machine } = this
    return {
      kind: 'sequencer',
      name: this.options.name,
      version: this.options.version,
      address: this.address,
      boot: machine.boot,
      role: this.role,
      epoch: machine.epoch,
      tail: machine.tail,
      prefix: machine.prefix,
      holes: machine.tail - machine.prefix,
      streams: machine.streams,
      window: machine.layout?.window ?? 0,
      ...machine.grants,
      appendMs: { p50: this.#cluster.appendLatency.p50, p99: this.#cluster.appendLatency.p99 },
      waiting: this.#waiting.length,
      sessions: this.#sessions.status(),
      logTime: Math.floor(machine.logTime(this.options.ports.clock.now())),
      standbys: this.#place.standbys,
      connections: this.#door?.connections() ?? 0,
    }
  }
}
