/**
 * A session: numbers the ops of one caller, appends them without waiting for one another, and gives each its outcome.
 *
 *     call ─ number ─ append ─ offer ─ view plays it ─┬ applied: the call settles, or waits for a later entry
 *                       ↑                             └ gap: held until its turn, then sent again in order, in one turn
 *                       └───────────────────────────────┘
 *
 * The session is opened by its first op. A number never gets lost: where the append of an op fails for good, its
 * caller gets the error, and an empty op with the same number is appended until either of the two is decided; so what
 * was called later is not blocked. A wait that was given up is cancelled, until that is applied or the session has
 * ended: no grant leaks. Keeps: O4, O7, O9. Read next: `session-life.ts`, `space.ts` (what `number` means), `view.ts`.
 *
 * Long: where a call of a session may stand is one matter.
 */
import type { Appended } from '../../log/client/batch.ts'
import { requireCallOptions } from '../../log/cluster/arguments.ts'
import type { CallOptions } from '../../log/cluster/calls.ts'
import { abortedBefore } from '../../log/cluster/calls.ts'
import { Backoff, aborted } from '../../log/cluster/retry.ts'
import { SirtakiError, asError, invariant, isError } from '../../log/errors.ts'
import type { Identity } from '../../sequencer/session-entry.ts'
import { entryOf, newCall, resultOf, type Call, type Caller, type Request } from './call.ts'
import { CLAIM_BYTES, claimed, encodeEmpty, encodeOp, type Claim } from './entry.ts'
import { encodeInput } from './input.ts'
import type { Applied, Outcome } from './outcome.ts'
import { runtimeTarget } from './runtime-ops.ts'
import { SessionLife, type SessionOptions, type SessionState, type Ticket } from './session-life.ts'
import type { SpaceLog } from './space-log.ts'
import type { LocalSession, View } from './view.ts'

/** Calls of one session that may be under way: beyond it a caller must wait for some of them. */
export const CALLS_MAX = 65_536

/** How long `close` waits for calls under way, and for its end to be applied. */
const CLOSE_CALLS_MS = 1_000
const CLOSE_END_MS = 2_000

/** How one call goes. */
export interface SessionCallOptions extends CallOptions {
  readonly forever?: boolean | undefined
  /** Whether its process may end while it is under way. */
  readonly background?: boolean | undefined
}

/** A session of this process. */
export class Session implements LocalSession {
  readonly #view: View
  readonly #log: SpaceLog
  readonly #streams: readonly number[]
  readonly #life: SessionLife
  readonly #calls = new Map<number, Call>()
  /** Ops that wait, by position. */
  readonly #waiting = new Map<number, Call>()
  readonly #controller = new AbortController()
  readonly #listeners = new Set<(state: SessionState) => void>()
  /** Calls that wait for their turn, by number. */
  #held: Call[] = []
  /** Number of the next call. */
  #next = 0
  /** Number of the op that the view applies next. */
  #turn = 0
  #incarnation: number | undefined
  #stopped: SirtakiError | undefined
  /** Waits for the calls under way to end. */
  #idle: (() => void) | undefined

  constructor(view: View, options: SessionOptions) {
    this.#view = view
    this.#log = view.log
    this.#streams = [view.stream]
    this.#life = new SessionLife(view, options, {
      opened: (incarnation) => {
        this.#incarnation = incarnation
        view.opened(this, incarnation)
        this.#sendHeld()
      },
      state: (state) => {
        for (const listener of [...this.#listeners]) listener(state)
      },
      over: (error) => {
        this.#end(error)
      },
    })
    view.join(this)
    if (options.resume !== undefined) this.#life.begin()
  }

  get name(): string {
    return this.#life.name
  }
  get timeoutMs(): number {
    return this.#life.timeoutMs
  }
  /** Whom its ops speak for. */
  get ids(): readonly Identity[] {
    return this.#life.ids
  }
  /** The position that opened it; `undefined` before its first op. */
  get position(): number | undefined {
    return this.#life.session
  }
  get state(): SessionState {
    return this.#life.state
  }
  /** Aborts when it is lost or closed; the reason is the error. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }
  get ticket(): Ticket | undefined {
    return this.#life.ticket
  }
  /** Why it is over. */
  get stopped(): SirtakiError | undefined {
    return this.#stopped
  }
  /** Ops that have not settled. */
  get outstanding(): number {
    return this.#calls.size + this.#waiting.size
  }

  /** What its ops and heartbeats name; -1 before it is open. */
  get incarnation(): number {
    return this.#incarnation ?? -1
  }
  /** Whether it may be counted on, by the clocks as they are: a question that changes nothing. */
  get isCountedOn(): boolean {
    return this.#life.isCountedOn
  }

  /** Looks at the clocks now: whether it may still be counted on. */
  get isCurrent(): boolean {
    this.#life.look()
    return this.#stopped === undefined
  }

  /** Calls `listener` with every state from now on; gives what ends that. */
  onState(listener: (state: SessionState) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Opens it without an op; settles when the view has played that. @throws SirtakiError why it could not be. */
  async opened(): Promise<void> {
    this.#life.begin()
    while (this.#stopped === undefined && this.#incarnation === undefined) await this.#change()
    if (this.#incarnation !== undefined) await this.#view.playTo(this.#incarnation + 1)
    if (this.#stopped !== undefined) throw this.#stopped
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const end = this.onState(() => {
        end()
        resolve()
      })
    })
  }

  /**
   * Appends one op or transaction; settles with its outcome once the view has played it. Calls of one turn travel
   * together.
   *
   * @throws SirtakiError `BAD_ARGUMENT`, `OVERSIZE`, `OVERLOADED` before anything is sent; what apply refused it with;
   *   `APPLY_FAILED`, `CODE_MISSING`; `SESSION_LOST`, `SESSION_MOVED`; `TIMEOUT`, `ABORTED`, `CLOSED`, `STOPPED`: it
   *   may still take effect, a wait that is given up does not.
   */
  call(request: Request, options: SessionCallOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call = this.#admit(request, options, { resolve, reject })
      this.#calls.set(call.number, call)
      this.#begin(call)
    })
  }

  /** Ends it: calls under way get a second, then the end is appended and applied, or two seconds are over. */
  async close(): Promise<void> {
    if (this.#life.isOver || this.#idle !== undefined) return
    const closed = new SirtakiError('CLOSED', `session ${this.name} is closed`)
    for (const call of [...this.#waiting.values()]) this.#fail(call, closed)
    if (this.#calls.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#log.clock.timer(CLOSE_CALLS_MS, resolve)
        this.#idle = () => {
          timer.cancel()
          resolve()
        }
      })
    }
    this.#idle = () => undefined
    await this.#life.close(CLOSE_END_MS)
  }

  stop(error: SirtakiError): void {
    this.#life.lose(error)
  }

  played(outcome: Outcome): void {
    switch (outcome.kind) {
      case 'opened':
      case 'duplicate':
      case 'restored':
      case 'tick':
        return
      case 'ignored':
        this.#life.refused()
        return
      case 'resumed':
        if (outcome.before.incarnation === this.#incarnation) this.#life.moved()
        return
      case 'ended':
      case 'unknown':
        this.#life.endedInLog()
        return
      case 'gap': {
        const call = this.#calls.get(outcome.number)
        if (call !== undefined) this.#hold(call)
        return
      }
      default:
        this.#applied(outcome)
    }
  }

  /**
   * Its view has gone on from a stored state, so of some ops nobody here will ever know the outcome. Where one of them
   * may have been given something, as a lock, the session is lost: that must not be held by nobody.
   */
  passed(next: number): void {
    const gone = [...this.#calls.values()].filter(({ number }) => number < next)
    if (this.#waiting.size > 0 || gone.some(({ request }) => request.waits)) {
      this.#life.lose(lostTrack(`session ${this.name}`))
      return
    }
    for (const call of gone) {
      call.disarm?.()
      this.#unhold(call)
      this.#calls.delete(call.number)
      if (call.abandoned === undefined) call.reject(lostTrack(call.request.what))
    }
    if (this.#calls.size === 0) this.#idle?.()
    this.#turn = Math.max(this.#turn, next)
    // What stands too early, in the part that is gone, is played by nobody here: it goes once more, one of two counts.
    for (const call of [...this.#calls.values()].sort((a, b) => a.number - b.number)) {
      call.isTwice ||= call.payload.byteLength > 0
      this.#hold(call)
    }
    this.#sendHeld()
  }

  #applied(outcome: Applied): void {
    this.#turn = outcome.number + 1
    const call = this.#calls.get(outcome.number)
    if (call !== undefined) {
      call.applied = outcome
      this.#calls.delete(call.number)
      this.#unhold(call)
      if (call.abandoned === undefined) {
        if (outcome.kind === 'waiting') this.#waitFor(call, outcome.position)
        else this.#settle(call)
      } else if (call.request.waits && (outcome.kind === 'waiting' || outcome.kind === 'result')) {
        this.#cancel(call, outcome.position)
      }
      if (this.#calls.size === 0) this.#idle?.()
    }
    this.#sendHeld()
  }

  #waitFor(call: Call, position: number): void {
    this.#waiting.set(position, call)
    this.#view.awaits(position, (settled) => {
      this.#waiting.delete(position)
      call.settled = settled
      this.#settle(call)
    })
    this.#arm(call)
  }

  /** Gives a caller what its op came to. */
  #settle(call: Call): void {
    call.disarm?.()
    try {
      call.resolve(resultOf(call))
    } catch (thrown) {
      call.reject(asError(thrown))
    }
  }

  /** Gives a wait back, or what it was given, until that is applied. */
  #cancel({ request: { object } }: Call, position: number): void {
    const request = cancelOf(object, position)
    const backoff = new Backoff(this.#log, this.#log.limits)
    const again = (thrown: unknown): void => {
      if (this.#stopped !== undefined || isError(thrown, 'CLOSED', 'STOPPED', 'CODE_MISSING')) return
      void backoff.wait().then(() => {
        this.call(request).catch(again)
      })
    }
    this.call(request).catch(again)
  }

  #admit(request: Request, options: SessionCallOptions, caller: Pick<Caller, 'resolve' | 'reject'>): Call {
    const { signal, timeoutMs } = requireCallOptions(request.what, options)
    this.#life.glance()
    if (this.#stopped !== undefined) throw unsent(this.#stopped)
    if (this.#idle !== undefined) throw new SirtakiError('CLOSED', `session ${this.name} closes`, { next: 'stop' })
    if (signal?.aborted === true) throw abortedBefore(request.what, signal)
    if (request.waits && timeoutMs === undefined && signal === undefined && options.forever !== true) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        `${request.what} may wait without end: give it timeoutMs, a signal, or forever: true`,
      )
    }
    const { entryBytesMax, requestMs } = this.#log.limits
    if (request.bytes > entryBytesMax) {
      throw new SirtakiError(
        'OVERSIZE',
        `${request.what} takes ${request.bytes} bytes, at most ${entryBytesMax} are allowed: split it`,
        { facts: { bytes: request.bytes, entryBytesMax } },
      )
    }
    // Before it has a number: one that is taken must be appended, come what may.
    const overloaded = this.#log.overloaded(request.bytes)
    if (overloaded !== undefined) throw overloaded
    if (this.outstanding >= CALLS_MAX) {
      throw new SirtakiError('OVERLOADED', `session ${this.name} has ${CALLS_MAX} ops under way: wait for some of them`)
    }
    const patienceMs = timeoutMs ?? (request.waits ? Infinity : requestMs)
    return newCall(this.#next++, request, { deadline: this.#log.clock.now() + patienceMs, signal, ...caller })
  }

  #begin(call: Call): void {
    if (this.#stopped !== undefined) return
    if (this.#incarnation !== undefined && this.#held.length === 0) {
      this.#send(call)
      return
    }
    this.#hold(call)
    if (this.#incarnation === undefined) this.#life.begin()
  }

  #send(call: Call): void {
    const incarnation = this.#incarnation
    invariant(incarnation !== undefined, 'O4', { number: call.number })
    const { abandoned, request, number, deadline, signal } = call
    const isEmpty = abandoned !== undefined
    call.payload = isEmpty
      ? encodeEmpty(incarnation, number)
      : request.encode(incarnation, number, this.#claimFor(request))
    // Its timer may be late, or have its turn after this one: then nothing is left of its time.
    const timeoutMs = Math.max(0, deadline - this.#log.clock.now())
    const streams = request.alsoOn === undefined ? this.#streams : [...this.#streams, ...request.alsoOn]
    const options = isEmpty ? { streams, background: true } : { streams, signal, timeoutMs }
    call.disarm?.()
    const sending = this.#log.append(call.payload, options)
    call.sending = sending
    sending.then(
      (appended) => {
        this.#appended(call, sending, appended)
      },
      (thrown: unknown) => {
        this.#refused(call, sending, asError(thrown))
      },
    )
  }

  /** The claim that goes with an op, where there is one to make and room for it. */
  #claimFor({ bytes }: Request): Claim | undefined {
    return bytes + CLAIM_BYTES > this.#log.limits.entryBytesMax ? undefined : this.#view.claim()
  }

  #appended(call: Call, sending: Promise<Appended>, appended: Appended): void {
    // Its turn may have come again while the first append was on its way.
    const isNewest = call.sending === sending
    if (isNewest) call.sending = undefined
    this.#view.offer(entryOf(appended, call.payload))
    if (isNewest && call.applied === undefined && !call.held) this.#arm(call)
  }

  #refused(call: Call, sending: Promise<Appended>, error: SirtakiError): void {
    if (call.sending !== sending) return
    call.sending = undefined
    if (call.applied !== undefined || call.held || this.#stopped !== undefined) return
    // The log cannot tell whether it was there. Apply drops the second of two, so it is appended once more.
    if (error.code === 'TRIMMED' && error.next === 'unknown') {
      call.isTwice = true
      this.#send(call)
    } else this.#fail(call, call.isTwice ? unknownOf(error) : error)
  }

  /** Keeps a call until everything before it is applied or on its way. */
  #hold(call: Call): void {
    if (call.held) return
    call.held = true
    this.#arm(call)
    const at = this.#held.findLastIndex((other) => other.number < call.number) + 1
    this.#held.splice(at, 0, call)
    this.#sendHeld()
  }

  #unhold(call: Call): void {
    if (!call.held) return
    call.held = false
    this.#held = this.#held.filter((other) => other !== call)
  }

  /** Sends all that are held, in order and in one turn, once it is the turn of the first. */
  #sendHeld(): void {
    const [first] = this.#held
    if (first === undefined || this.#incarnation === undefined || first.number > this.#turn) return
    const due = this.#held
    this.#held = []
    for (const call of due) {
      call.held = false
      this.#send(call)
    }
  }

  /** Fails a call by its deadline and its signal, where no append of it does. */
  #arm(call: Call): void {
    const { signal, deadline, request, abandoned } = call
    // An op that was given up is nobody's call any more: the process may end over it.
    if (abandoned !== undefined || call.disarm !== undefined) return
    const { clock } = this.#log
    const release = request.background === true ? undefined : clock.hold?.()
    const late = (): void => {
      this.#fail(call, tooLate(call, this.position))
    }
    const timer = deadline === Infinity ? undefined : clock.timer(Math.max(0, deadline - clock.now()), late)
    const onAbort = (): void => {
      if (signal !== undefined) this.#fail(call, isWaiting(call) ? gaveUp(request.what, signal) : aborted(signal))
    }
    call.disarm = () => {
      call.disarm = undefined
      timer?.cancel()
      release?.()
      signal?.removeEventListener('abort', onAbort)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted === true) onAbort()
  }

  /**
   * Gives its caller an error, and sees to it that the call's number is taken all the same and that nothing that it
   * waits for is given to it.
   */
  #fail(call: Call, error: SirtakiError): void {
    call.disarm?.()
    this.#unhold(call)
    call.sending = undefined
    if (call.abandoned === undefined) call.reject(error)
    if (this.#stopped !== undefined) return
    if (call.applied?.kind === 'waiting') {
      const { position } = call.applied
      this.#waiting.delete(position)
      this.#view.forgets(position)
      this.#cancel(call, position)
      return
    }
    if (error.code === 'CLOSED' || (call.abandoned !== undefined && error.next === 'stop')) {
      this.stop(error)
      return
    }
    call.abandoned ??= new Backoff(this.#log, this.#log.limits)
    void call.abandoned.wait().then(() => {
      if (call.applied === undefined) this.#begin(call)
    })
  }

  /** The life is over: so is everything under way. */
  #end(error: SirtakiError): void {
    if (this.#stopped !== undefined) return
    this.#stopped = error
    this.#view.leave(this, this.#incarnation)
    for (const position of this.#waiting.keys()) this.#view.forgets(position)
    for (const call of [...this.#calls.values(), ...this.#waiting.values()]) {
      call.disarm?.()
      if (call.abandoned === undefined) call.reject(error)
    }
    this.#calls.clear()
    this.#waiting.clear()
    this.#held = []
    this.#idle?.()
    this.#controller.abort(error)
  }
}

const isWaiting = ({ applied }: Call): boolean => applied?.kind === 'waiting'

/** Why a call was not even sent: then it certainly did not take effect. */
function unsent(stopped: SirtakiError | undefined): SirtakiError {
  if (stopped === undefined) return new SirtakiError('SESSION_LOST', 'the session is lost', { next: 'again' })
  if (stopped.code !== 'SESSION_LOST' || stopped.next !== 'unknown') return stopped
  return new SirtakiError('SESSION_LOST', stopped.message, { next: 'again', cause: stopped, facts: stopped.facts })
}

function tooLate(call: Call, session: number | undefined): SirtakiError {
  const { request, number } = call
  return isWaiting(call)
    ? new SirtakiError('TIMEOUT', `${request.what} waited for its outcome in vain and was taken back`, {
        next: 'again',
      })
    : new SirtakiError('TIMEOUT', `${request.what} (${number} of session ${session}) was not applied in time`)
}

const gaveUp = (what: string, signal: AbortSignal): SirtakiError =>
  new SirtakiError('ABORTED', `${what} was aborted and taken back`, { cause: signal.reason, next: 'again' })

/** An entry of the call that was sent before may still count. */
const unknownOf = (error: SirtakiError): SirtakiError =>
  error.next === 'again'
    ? new SirtakiError(error.code, error.message, { cause: error, facts: error.facts, next: 'unknown' })
    : error

const lostTrack = (what: string): SirtakiError =>
  new SirtakiError(
    'SESSION_LOST',
    `the log was trimmed before this process had played it, and what became of ${what} is not known here`,
    { next: 'unknown' },
  )

/** The op that takes a wait back. */
function cancelOf(object: string, position: number): Request {
  const target = runtimeTarget('$cancel', object)
  const { bytes: input } = encodeInput({ op: position })
  return {
    what: `$cancel of ${object}`,
    object,
    waits: false,
    bytes: target.byteLength + input.byteLength + 19,
    encode: (incarnation, number, claim) => encodeOp(incarnation, number, { target, input }, claimed(claim)),
  }
}
