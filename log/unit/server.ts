/**
 * The server of a unit: thin. It decodes, lets the machines step, makes durable, answers.
 *
 * Everything received while a commit runs is the next step: group commit. No answer of a step leaves before its commit
 * is durable (L9); after the first error of the disk none leaves at all (L10). Owns: the queue and the order of
 * effects. Read next: `unit.ts`, `../epochs/acceptor.ts`, `rejoin.ts`.
 */
import type { Infer } from 'superstruct'
import { pause } from '../cluster/retry.ts'
import { Acceptor } from '../epochs/acceptor.ts'
import { Turn } from '../epochs/turn.ts'
import { missingParts } from '../epochs/whole.ts'
import { SirtakiError, asError, isError } from '../errors.ts'
import { LatencyEstimate } from '../latency.ts'
import { isMajority, seatOf, type Layout } from '../layout.ts'
import type { Limits } from '../limits.ts'
import type { Ports, Register, Timer } from '../ports.ts'
import {
  Accept,
  AskTurn,
  ClassRange,
  DecidedBelow,
  Install,
  Junk,
  Prepare,
  Seal,
  Trim,
  TurnOver,
  readJson,
  writeJson,
  type DigestAnswer,
} from '../wire/control.ts'
import { FRAME_HEAD_BYTES } from '../wire/frame.ts'
import {
  readAsk,
  readMarks,
  readOffers,
  readPositions,
  readRestore,
  readStore,
  readStreamFrom,
  writeAsked,
  writeOffered,
  writeReadItems,
  writeStored,
  writeStreamPart,
  type Kind,
} from '../wire/messages.ts'
import { openDoor, type Caller, type Door, type Request } from '../wire/server.ts'
import { readEpoch, writeCurrent, writeProgress } from '../wire/tail-messages.ts'
import { readBack, type Range } from './read-back.ts'
import type { UnitStore } from './store.ts'
import { Subscriptions } from './subscriptions.ts'
import { Unit } from './unit.ts'

/** What a unit process is started with. */
export interface UnitServerOptions {
  readonly ports: Ports
  readonly limits: Limits
  readonly store: UnitStore
  readonly register: Register
  /** Where it listens. */
  readonly address: string
  /** Where others reach it, where that is another address. */
  readonly advertise?: string | undefined
  readonly name: string
  /** Of the program, for people. */
  readonly version?: string | undefined
}

/** How far a copy has come: positions of [from, to), bytes since it began. */
export interface CopyProgress {
  readonly from: number
  readonly to: number
  at: number
  bytes: number
  readonly startedAtMs: number
}

/** A change of this process's own; `run` gives what tells its end. */
interface Change {
  readonly run: (unit: Unit) => () => void
  readonly reject: (error: SirtakiError) => void
}
/** What a step answers, and to whom. */
interface Answers {
  readonly callers: Set<Caller>
  readonly all: (() => void)[]
}
/** What a request takes while it waits, in bytes. */
const sizeOf = ({ body }: Request): number => FRAME_HEAD_BYTES + body.byteLength
/** What only drivers send, and resolving for one. */
const DRIVING: ReadonlySet<Kind> = new Set([
  'prepare',
  'accept',
  'seal',
  'install',
  'digest',
  'ask',
  'settle',
  'force',
  'junk',
  'decidedBelow',
])
const nothing: Answers = { callers: new Set(), all: [] }
const newestOf = (a: Layout | undefined, b: Layout | undefined): Layout | null =>
  (b !== undefined && b.epoch > (a?.epoch ?? 0) ? b : a) ?? null

/** A running unit with the acceptor beside it. */
export class UnitServer {
  readonly unit: Unit
  readonly acceptor: Acceptor
  readonly options: UnitServerOptions
  #door: Door | undefined
  #queue: Request[] = []
  #queueBytes = 0
  #changes: Change[] = []
  readonly #afterCommit: (() => void)[] = []
  #scheduled = false
  #committing = false
  #stopped: SirtakiError | undefined
  #pushTimer: Timer | undefined
  #tidyTimer: Timer | undefined
  #tidies = false
  #commits = 0
  #commitFrom = 0
  #commitTo = 0
  /** How long commits take: a moving mean, in milliseconds. */
  #commitMean = 0
  /** How far a copy has come, while there is one. */
  copying: CopyProgress | undefined
  /** Told to end: the detectors need not wait until it is gone. */
  leaving = false
  /** When a sequencer's detector last looked at this unit, on our clock. */
  probedAtMs: number
  readonly #commitMs = new LatencyEstimate()
  /** What somebody asked for and is being read back. */
  #toRead: Range | undefined
  #told: Layout | undefined
  readonly #subscriptions: Subscriptions
  readonly #turn: Turn
  readonly #stopListeners: ((error: SirtakiError) => void)[] = []

  /** Opens store and register. @throws SirtakiError of the store: `DAMAGED`, `IN_USE`, `IO`, `UNSUPPORTED`. */
  constructor(options: UnitServerOptions) {
    const { ports, limits, store, register } = options
    this.options = options
    const image = store.open()
    this.unit = new Unit({
      image,
      boot: ports.random.id(),
      limits,
      readRow: (row) => store.read(row),
      failpoint: ports.failpoint,
    })
    const { layout, identity } = this.unit.state
    const isVital =
      layout !== undefined && seatOf(layout, identity) !== undefined && !isMajority(layout.acceptors.length - 1, layout)
    this.acceptor = new Acceptor(register, ports.random.id(), ports.failpoint, isVital)
    // A crash between the unit's first layout and the acceptor's register left the acceptor behind.
    if (layout !== undefined) this.acceptor.initialise(layout)
    this.#subscriptions = new Subscriptions(this.unit, limits)
    this.#turn = new Turn(limits)
    store.onFailed = (error): void => {
      this.#fail(error)
    }
    this.probedAtMs = ports.clock.now()
  }

  /** Opens the door. @throws SirtakiError `IN_USE`, `BAD_ADDRESS`. */
  async listen(): Promise<void> {
    const { ports, limits, address } = this.options
    this.#door = await openDoor(ports, limits, address, {
      cluster: () => this.unit.state.layout?.cluster ?? null,
      layout: () => this.unit.state.layout ?? null,
      request: (request) => {
        this.#enqueue(request)
      },
      gone: (caller) => {
        this.#subscriptions.gone(caller)
        this.#turn.gone(caller)
      },
    })
    this.#tidyLater()
  }

  /** The address that others dial. */
  get address(): string {
    return this.options.advertise ?? this.#door?.listener.address ?? this.options.address
  }
  get stopped(): SirtakiError | undefined {
    return this.#stopped
  }

  /**
   * What the loss of the acceptor's register means here; `undefined` where the layout names no other acceptor in this
   * place.
   */
  get registerLost(): string | undefined {
    const { layout, identity } = this.unit.state
    const seat = layout === undefined ? undefined : seatOf(layout, identity)
    if (layout === undefined || seat === undefined || seat.identity === this.acceptor.identity) return undefined
    const way = isMajority(layout.acceptors.length - 1, layout)
      ? 'the next epoch names the new one: sirtaki reconfigure opens it'
      : 'no epoch can be opened without it: put its register back from a backup, or see sirtaki recover '
        + '--without-acceptors'
    return (
      `the register of the acceptor that epoch ${layout.epoch} names here (${seat.address}) is lost or cannot `
      + `be read: ${way}`
    )
  }

  /** Calls `listener` once if the unit has to stop by itself. */
  onStopped(listener: (error: SirtakiError) => void): void {
    this.#stopListeners.push(listener)
  }

  /**
   * Says that it is about to end, and waits until the others go on without it, or for `timeoutMs`. At once where
   * nobody looks, or where its chain has nobody else: then they have to wait for it.
   */
  async leave({ timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<void> {
    const {
      ports: { clock },
      limits,
    } = this.options
    const { state } = this.unit
    const { layout } = state
    const isAlone =
      layout === undefined
      || layout.segments.some((segment) =>
        segment.chains.some((chain) => chain.length === 1 && chain[0]?.identity === state.identity),
      )
    if (isAlone || clock.now() - this.probedAtMs > limits.probeMs * limits.suspicionProbes) return
    this.leaving = true
    // Who goes on without it seals it on the way.
    for (
      const end = clock.now() + timeoutMs;
      clock.now() < end && state.sealed === layout.epoch && this.#stopped === undefined && signal?.aborted !== true;
    ) {
      await pause(clock, limits.probeMs / 10)
    }
    await pause(clock, limits.probeMs / 4)
  }

  /** Ends it in good order: the queue is refused, what is durable stays. */
  async close(): Promise<void> {
    this.#stopped ??= new SirtakiError('STOPPED', 'the unit was stopped')
    this.#pushTimer?.cancel()
    this.#tidyTimer?.cancel()
    await this.#door?.close()
    this.options.store.close()
  }

  #enqueue(request: Request): void {
    if (this.#stopped !== undefined) {
      request.caller.refuse(
        request.kind,
        request.request,
        new SirtakiError('STOPPED', `this unit has stopped: ${this.#stopped.message}`, { next: 'refresh' }),
      )
      return
    }
    if (DRIVING.has(request.kind)) this.#turn.heard(request.caller, this.options.ports.clock.now())
    // A detector wants to know how long this commit takes already: a stall is slowness, silence would be death.
    if (request.kind === 'probe' && this.#committing) {
      this.#answerNow(request)
      return
    }
    // Whose turn it is need not be durable either.
    if (request.kind === 'turn' || request.kind === 'turnOver') {
      this.#answerNow(request)
      return
    }
    const bytes = sizeOf(request)
    if (this.#queueBytes + bytes > this.options.limits.unitBytesMax) {
      request.caller.refuse(
        request.kind,
        request.request,
        new SirtakiError(
          'OVERLOADED',
          `${this.#queueBytes} bytes wait at this unit, ${this.options.limits.unitBytesMax} are the limit`,
        ),
      )
      return
    }
    this.#queueBytes += bytes
    this.#queue.push(request)
    this.#schedule()
  }

  /** Nothing of what it tells has to be durable. */
  #answerNow(request: Request): void {
    const { caller, kind } = request
    try {
      const body = this.#execute(request)
      if (body !== undefined) caller.answer(kind, request.request, body)
    } catch (thrown) {
      caller.refuse(kind, request.request, asError(thrown, 'BAD_FRAME'))
    }
  }

  /**
   * Makes a change of this process's own, as part of the next step. Settles when it is durable.
   *
   * @throws what `run` throws, `STOPPED`.
   */
  change<T>(run: (unit: Unit) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#stopped !== undefined) {
        reject(this.#stopped)
        return
      }
      this.#changes.push({
        run: (unit) => {
          const value = run(unit)
          return () => {
            resolve(value)
          }
        },
        reject,
      })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#committing) return
    this.#scheduled = true
    this.options.ports.clock.turn(() => {
      this.#scheduled = false
      this.#step()
    })
  }

  #step(): void {
    if (this.#stopped !== undefined || this.#committing) return
    const batch = this.#queue
    this.#queue = []
    const answers: Answers = { callers: new Set(), all: [] }
    let bytes = 0
    let done = 0
    for (const { run, reject } of this.#changes.splice(0)) {
      try {
        answers.all.push(run(this.unit))
      } catch (thrown) {
        reject(asError(thrown))
      }
    }
    if (this.#tidies) {
      this.#tidies = false
      this.unit.state.tidy()
    }
    for (const asked of batch) {
      // Few bytes may ask for many: the rest is for the next step.
      if (bytes > this.options.limits.stepBytesMax) break
      done++
      const { caller, kind, request } = asked
      this.#queueBytes -= sizeOf(asked)
      answers.callers.add(caller)
      try {
        const body = this.#execute(asked)
        bytes += body?.byteLength ?? 0
        if (body !== undefined) {
          answers.all.push(() => {
            caller.answer(kind, request, body)
          })
        }
      } catch (thrown) {
        const error = asError(thrown, 'BAD_FRAME')
        // The only disk that a request touches by itself is the acceptor's register.
        if (isError(error, 'INVARIANT', 'IO')) {
          this.#fail(error)
          return
        }
        answers.all.push(() => {
          caller.refuse(kind, request, error)
        })
      }
    }
    if (done < batch.length) this.#queue = [...batch.slice(done), ...this.#queue]
    this.#commit(answers)
  }

  #commit(answers: Answers): void {
    const commit = this.unit.takeCommit()
    if (commit === undefined) {
      this.#answer(answers)
      this.#scheduleRest()
      return
    }
    this.#committing = true
    const { clock } = this.options.ports
    const started = clock.now()
    this.#commitFrom = started
    this.options.store.commit(commit, (error) => {
      this.#committing = false
      this.#commits++
      this.#commitMs.add(clock.now() - started)
      this.#commitTo = clock.now()
      this.#commitMean += (this.#commitTo - started - this.#commitMean) / 8
      if (error !== undefined) {
        this.#fail(asError(error, 'IO'))
        return
      }
      this.#answer(answers)
      this.#scheduleRest()
    })
  }

  #scheduleRest(): void {
    if (this.#queue.length > 0 || this.#changes.length > 0) this.#schedule()
    this.#tidyLater()
  }

  /** What a trim has left goes in slices, with pauses as long as a commit takes: requests have half of the time. */
  #tidyLater(): void {
    if (!this.unit.state.untidy || this.#tidyTimer !== undefined || this.#tidies) return
    this.#tidyTimer = this.options.ports.clock.timer(Math.max(this.options.limits.markIdleMs, this.#commitMean), () => {
      this.#tidyTimer = undefined
      this.#tidies = true
      this.#schedule()
    })
  }

  /** How long its commits take now, with the one that is under way, in milliseconds. */
  get commitMs(): number {
    return this.#committing
      ? Math.max(this.#commitMean, this.options.ports.clock.now() - this.#commitFrom)
      : this.#commitMean
  }

  /** Nothing to commit for a while: who does nothing is not slow. */
  get idle(): boolean {
    return !this.#committing && this.options.ports.clock.now() - this.#commitTo > 2 * this.options.limits.probeMs
  }

  #answer(answers: Answers): void {
    if (this.#stopped !== undefined) return
    try {
      for (const effect of this.#afterCommit.splice(0)) effect()
    } catch (thrown) {
      this.#fail(asError(thrown, 'IO'))
      return
    }
    // The turn that waited for the commit is this one: waiting for its end would be a round of the event loop more.
    for (const caller of answers.callers) caller.hold()
    for (const answer of answers.all) answer()
    this.#tellLayout()
    const behind = this.#subscriptions.push()
    for (const caller of answers.callers) caller.release()
    if (behind && this.#pushTimer === undefined) {
      this.#pushTimer = this.options.ports.clock.timer(this.options.limits.markIdleMs, () => {
        this.#pushTimer = undefined
        if (!this.#committing) this.#answer(nothing)
      })
    }
  }

  #tellLayout(): void {
    const { layout, role } = this.unit.state
    if (layout === undefined || layout === this.#told || role !== 'serving') return
    this.#told = layout
    this.#door?.tell(layout)
  }

  /** Stops it because a rule does not hold: as after an error of its disk. */
  stop(error: SirtakiError): void {
    this.#fail(error)
  }

  /** The last resort: no acknowledgement leaves any more, whatever was asked (L10). */
  #fail(error: SirtakiError): void {
    if (this.#stopped !== undefined) return
    this.#stopped = error
    this.options.ports.failpoint?.('unit.stopped', {
      unit: this.unit.state.identity,
      code: error.code,
      message: error.message,
    })
    const queue = this.#queue
    this.#queue = []
    for (const { caller, kind, request } of queue) {
      caller.refuse(
        kind,
        request,
        new SirtakiError('STOPPED', `this unit has stopped: ${error.message}`, { next: 'refresh' }),
      )
    }
    for (const { reject } of this.#changes.splice(0)) reject(error)
    for (const listener of this.#stopListeners) listener(error)
  }

  /** Executes one request; gives the body of the answer, `undefined` for those that have none. */
  #execute({ kind, body, caller, request }: Request): Uint8Array | undefined {
    const { unit } = this
    const bytesMax = this.options.limits.frameBytesMax / 4
    switch (kind) {
      case 'store': {
        const { epoch, count, entries } = readStore(body)
        if (this.options.store.full) throw new SirtakiError('FULL', 'the disk of this unit is full: make room there')
        const statuses = unit.store(epoch, count, entries)
        return writeStored(this.#subscriptions.subscribedByOthers(caller, entries), statuses)
      }
      case 'marks':
        this.#marks(body)
        return undefined
      case 'read':
        return writeReadItems(unit.read(readPositions(body), bytesMax))
      case 'readStream': {
        const slice = unit.readStream(readStreamFrom(body), bytesMax)
        return writeStreamPart(slice, slice.entries)
      }
      case 'subscribe': {
        this.#subscriptions.add(caller, request, readStreamFrom(body), this.options.limits.subscriptionsMax)
        return undefined
      }
      case 'unsubscribe':
        this.#subscriptions.remove(caller, request)
        return undefined
      case 'probe':
        this.probedAtMs = this.options.ports.clock.now()
        readEpoch(body)
        return this.#current()
      case 'current':
        readEpoch(body)
        return this.#current()
      case 'progress':
        unit.state.requireServing(readEpoch(body))
        return writeProgress(unit.state, caller.version)
      case 'ask':
        return writeAsked(unit.decisions.ask(readAsk(body), bytesMax))
      case 'settle': {
        const { epoch, offers } = readOffers(body)
        return writeOffered(unit.decisions.settle(epoch, offers))
      }
      case 'force': {
        const { epoch, offers } = readOffers(body)
        return writeOffered(unit.decisions.force(epoch, offers))
      }
      case 'restore': {
        const { epoch, below, offers } = readRestore(body)
        return writeOffered(unit.copies.restore(epoch, below, offers))
      }
      case 'turn':
        return this.#askTurn(readJson(body, AskTurn), caller)
      case 'turnOver':
        this.#turn.over(readJson(body, TurnOver).proposer)
        return undefined
      default:
        return this.#control(kind, body)
    }
  }

  #current(): Uint8Array {
    const {
      unit: { state },
      acceptor,
    } = this
    return writeCurrent({
      identity: acceptor.identity,
      boot: state.boot,
      commitMs: this.commitMs,
      idle: this.idle,
      leaving: this.leaving,
      full: this.options.store.full,
      slot: acceptor.initialised ? acceptor.slot : 0,
      installed: state.role === 'recovering' ? 0 : (state.layout?.epoch ?? 0),
      sealed: state.sealed,
    })
  }

  /** @throws SirtakiError `WRONG_CLUSTER`. */
  #askTurn(asked: AskTurn, caller: Caller): Uint8Array {
    const { layout } = this.unit.state
    if (layout !== undefined && layout.cluster !== asked.cluster) {
      throw new SirtakiError('WRONG_CLUSTER', `this unit belongs to cluster ${layout.cluster}, not to ${asked.cluster}`)
    }
    return writeJson({ by: this.#turn.ask(asked, caller, this.options.ports.clock.now()) ?? null })
  }

  #marks(body: Uint8Array): void {
    let epoch = 0
    const { unit } = this
    readMarks(body, {
      epoch: (sent) => {
        epoch = sent
        return unit.state.serves(sent)
      },
      mark: (position, hash, kind) => {
        unit.mark(epoch, position, hash, kind)
      },
      junk: (range) => {
        unit.markJunk(epoch, range)
      },
    })
  }

  #control(kind: Request['kind'], body: Uint8Array): Uint8Array {
    const { unit, acceptor } = this
    const { state } = unit
    switch (kind) {
      case 'junk': {
        const { epoch, first, ranges } = readJson(body, Junk)
        return writeJson(unit.decisions.junk(epoch, first, ranges))
      }
      case 'trim': {
        const { epoch, before } = readJson(body, Trim)
        unit.membership.trim(epoch, before)
        return writeJson({})
      }
      case 'seal': {
        const { cluster, slot } = readJson(body, Seal)
        return writeJson(unit.membership.seal(cluster, slot))
      }
      case 'install':
        this.#install(readJson(body, Install).layout)
        return writeJson({})
      case 'decidedBelow': {
        const { epoch, tail } = readJson(body, DecidedBelow)
        unit.membership.decidedBelow(epoch, tail)
        this.#afterCommit.push(() => {
          this.noteWhole()
        })
        return writeJson({})
      }
      case 'digest':
        return writeJson(this.#digest(readJson(body, ClassRange)))
      // Each part waits for commits of appends at both ends: measured 53 MB/s beside them with a quarter, 72 with half.
      case 'copy':
        return writeAsked(unit.copies.copyOut(readJson(body, ClassRange), this.options.limits.frameBytesMax / 2))
      case 'prepare': {
        const { cluster, acceptor: asked, slot, rank, base } = readJson(body, Prepare)
        acceptor.requireMeant(asked)
        this.#becomeAcceptor(base)
        const answer = acceptor.prepare(cluster, slot, rank, base)
        return writeJson({ ...answer, layout: answer.promised ? null : newestOf(state.layout, acceptor.base) })
      }
      case 'accept': {
        const { cluster, acceptor: asked, slot, rank, layout } = readJson(body, Accept)
        acceptor.requireMeant(asked)
        return writeJson(acceptor.accept(cluster, slot, rank, layout))
      }
      case 'layout':
        return writeJson({ layout: state.layout ?? null })
      case 'identify':
        return writeJson(unit.membership.identity(acceptor))
      case 'status':
        return writeJson(this.status())
      default:
        throw new SirtakiError('UNSUPPORTED', `a unit does not answer ${kind}`)
    }
  }

  /** Whoever relies on the bytes has them read back first: that takes its time, and the asker asks again. */
  #digest(range: Infer<typeof ClassRange>): DigestAnswer {
    const { unit } = this
    if (range.decided === true) return unit.copies.digestDecided(range)
    // That the bits were understood has to be said, not the bits.
    if (range.among !== undefined) return { ...unit.copies.digestAmong(range, range.among), decided: '' }
    if (range.sound !== true) return unit.copies.digest(range)
    const read = unit.copies.isReadBack(range)
    if (!read) this.#readBackSoon(range)
    return { ...unit.copies.digest(range, true), read }
  }

  /** One range at a time, which grows with what is asked for. */
  #readBackSoon({ from, to }: Range): void {
    const asked = this.#toRead
    this.#toRead = asked === undefined ? { from, to } : { from: Math.min(from, asked.from), to: Math.max(to, asked.to) }
    if (asked !== undefined) return
    const run = async (): Promise<void> => {
      for (let range; this.#toRead !== undefined && range !== this.#toRead;) await this.readBack((range = this.#toRead))
    }
    // A unit that stops reads nothing any more; its errors are told elsewhere.
    void run()
      .catch(() => undefined)
      .finally(() => {
        this.#toRead = undefined
      })
  }

  /**
   * Reads everything in a range back from the disk, a slice at a time between other steps, as fast as copies are made.
   * What is found damaged is noted as such. Settles when all of it was read.
   *
   * @throws SirtakiError `STOPPED`.
   */
  async readBack(range: Range): Promise<void> {
    const {
      ports: { clock },
      limits,
    } = this.options
    for (let started = clock.now(), bytes = 0; ;) {
      const slice = await this.change(({ state }) => readBack(state, range))
      if (slice.done) return
      bytes += slice.bytes
      const dueMs = (bytes / limits.copyBytesPerSecond) * 1000 - (clock.now() - started)
      if (dueMs > 1) await pause(clock, dueMs)
    }
  }

  /**
   * A proposer builds on an agreed layout. Where that names the acceptor here and was never installed (a spare was
   * promoted, and the driver died), its vote may be the one that is missing.
   */
  #becomeAcceptor(base: Layout | undefined): void {
    const { state } = this.unit
    if (base !== undefined && base.cluster === state.layout?.cluster) this.acceptor.initialise(base)
  }

  #install(layout: Layout): void {
    const { state } = this.unit
    const isBlank = state.layout === undefined
    const open = state.places.open
    // Only a unit that durably has a layout, or is sealed, makes an acceptor of it: else a crash in between leaves a
    // blank unit with a bound acceptor.
    const initialise = (): void => {
      this.#afterCommit.push(() => {
        this.acceptor.initialise(layout)
      })
    }
    try {
      if (isBlank && layout.epoch === 1) this.unit.membership.genesis(layout)
      else this.unit.membership.install(layout)
    } catch (thrown) {
      // An acceptor is a disk, not a boot: the epoch after this one may need its promise. A seal makes a blank unit
      // this cluster's.
      if (isError(thrown, 'BOOT')) {
        if (isBlank) this.unit.membership.seal(layout.cluster, layout.epoch)
        initialise()
      }
      throw thrown
    }
    initialise()
    const now = state.places.open
    if (
      open !== undefined
      && (now === undefined || now.from > open.from || now.step !== open.step || now.index !== open.index)
    ) {
      this.#subscriptions.endAll(layout.epoch)
    }
  }

  /**
   * A salvaged unit whose epoch is open and that has copied everything is like any other; whether it was one. @throws
   * SirtakiError `IO`.
   */
  noteWhole(): boolean {
    const { state } = this.unit
    const { layout } = state
    if (
      !state.salvaged
      || layout === undefined
      || state.opened !== layout.epoch
      || missingParts(layout, state.identity).length > 0
    ) {
      return false
    }
    this.options.store.healed()
    state.noteWhole()
    return true
  }

  #copyStatus(): Record<string, number> | null {
    if (this.copying === undefined) return null
    const { from, to, at, bytes, startedAtMs } = this.copying
    return {
      from,
      to,
      at,
      bytes,
      bytesPerSecond: Math.round((bytes / Math.max(1, this.options.ports.clock.now() - startedAtMs)) * 1000),
    }
  }

  /** Everything that people want to know of this unit. */
  status(): Record<string, unknown> {
    const { state } = this.unit
    return {
      kind: 'unit',
      name: this.options.name,
      version: this.options.version,
      address: this.address,
      identity: state.identity,
      boot: state.boot,
      role: this.#stopped === undefined ? state.role : 'stopped',
      salvaged: state.salvaged,
      stopped: this.#stopped?.message,
      cluster: state.layout?.cluster ?? null,
      epoch: state.layout?.epoch ?? 0,
      sealed: state.sealed,
      opened: state.opened,
      prefix: state.prefix,
      highest: state.highest,
      trim: state.trim,
      logTime: state.logTime,
      streams: state.streams.size,
      copy: this.#copyStatus(),
      subscriptions: this.#subscriptions.size,
      connections: this.#door?.connections() ?? 0,
      commits: this.#commits,
      commitMs: { p50: this.#commitMs.p50, p99: this.#commitMs.p99 },
      damaged: state.damaged.size,
      entries: state.stored.entries,
      bytes: state.stored.bytes,
      waitingBytes: this.#queueBytes,
      full: this.options.store.full,
      store: this.options.store.describe(),
      acceptor: {
        identity: this.acceptor.identity,
        slot: this.acceptor.slot,
        initialised: this.acceptor.initialised,
        lost: this.registerLost,
      },
    }
  }
}
