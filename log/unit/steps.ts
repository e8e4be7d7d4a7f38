/**
 * The steps of a unit: what is received while a commit runs is the next step, and no answer of a step leaves before its
 * commit is durable.
 *
 *     received ─ queue ─ turn: step ─ one commit ─ durable: answers leave, pushes follow ─ what came meanwhile: step
 *                                              └ error: nothing leaves any more
 *
 * Owns: the queue, the order of effects, how long commits take. Keeps: L9, L10, P20. Read next: `server.ts`,
 * `requests.ts`, `store.ts`.
 */
import { SirtakiError, asError, isError } from '../errors.ts'
import { LatencyEstimate } from '../latency.ts'
import type { Limits } from '../limits.ts'
import type { Ports, Timer } from '../ports.ts'
import { FRAME_HEAD_BYTES } from '../wire/frame.ts'
import type { Caller, Request } from '../wire/server.ts'
import type { UnitStore } from './store.ts'
import type { Unit } from './unit.ts'

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

/** Refuses a request that came too late. */
function refuseStopped({ caller, kind, request }: Request, { message }: SirtakiError): void {
  caller.refuse(kind, request, new SirtakiError('STOPPED', `this unit has stopped: ${message}`, { next: 'refresh' }))
}

/** What steps are made of. */
export interface StepsOptions {
  readonly ports: Ports
  readonly limits: Limits
  readonly store: UnitStore
  readonly unit: Unit
  /** Executes one request; gives the body of the answer, `undefined` for those that have none. */
  readonly execute: (request: Request) => Uint8Array | undefined
  /** Called when answers have left. */
  readonly answered: () => void
  /** Pushes what is decided to who subscribes: true where somebody is behind. */
  readonly push: () => boolean
  /** Called once, when nothing leaves any more. */
  readonly failed: (error: SirtakiError) => void
}

/** The steps of one unit. */
export class Steps {
  readonly #ports: Ports
  readonly #limits: Limits
  readonly #store: UnitStore
  readonly #unit: Unit
  readonly #execute: StepsOptions['execute']
  readonly #answered: StepsOptions['answered']
  readonly #pushDecided: StepsOptions['push']
  readonly #failed: StepsOptions['failed']
  #queue: Request[] = []
  #queueBytes = 0
  #changes: Change[] = []
  readonly #afterCommit: (() => void)[] = []
  #scheduled = false
  /** A push waits for the end of this turn. */
  #pushes = false
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
  readonly #commitMs = new LatencyEstimate()

  constructor({ ports, limits, store, unit, execute, answered, push, failed }: StepsOptions) {
    this.#ports = ports
    this.#limits = limits
    this.#store = store
    this.#unit = unit
    this.#execute = execute
    this.#answered = answered
    this.#pushDecided = push
    this.#failed = failed
  }

  /** Why nothing leaves any more. */
  get stopped(): SirtakiError | undefined {
    return this.#stopped
  }

  /** What is known of commits and of the queue. */
  get statistics(): { commits: number; commitMs: { p50: number; p99: number }; waitingBytes: number } {
    const { p50, p99 } = this.#commitMs
    return { commits: this.#commits, commitMs: { p50, p99 }, waitingBytes: this.#queueBytes }
  }

  /** Takes a request into the next step. */
  enqueue(request: Request): void {
    if (this.#stopped !== undefined) {
      refuseStopped(request, this.#stopped)
      return
    }
    // A detector wants to know how long this commit takes already: a stall is slowness, silence would be death. Whose
    // turn it is need not be durable either, and a mark says of others what they have made durable.
    const { kind } = request
    if (kind === 'turn' || kind === 'turnOver' || kind === 'marks' || (kind === 'probe' && this.#committing)) {
      this.#answerNow(request)
      if (kind === 'marks') this.#pushSoon()
      return
    }
    const bytes = sizeOf(request)
    if (this.#queueBytes + bytes > this.#limits.unitBytesMax) {
      request.caller.refuse(
        request.kind,
        request.request,
        new SirtakiError(
          'OVERLOADED',
          `${this.#queueBytes} bytes wait at this unit, ${this.#limits.unitBytesMax} are the limit`,
        ),
      )
      return
    }
    this.#queueBytes += bytes
    this.#queue.push(request)
    this.#schedule()
  }

  /** What is decided goes to subscribers at the end of the turn, whether a commit runs or not: nobody waits for it. */
  #pushSoon(): void {
    if (this.#pushes) return
    this.#pushes = true
    this.#ports.clock.turn(() => {
      this.#pushes = false
      if (this.#stopped === undefined) this.#push()
    })
  }

  #push(): void {
    if (!this.#pushDecided() || this.#pushTimer !== undefined) return
    this.#pushTimer = this.#ports.clock.timer(this.#limits.markIdleMs, () => {
      this.#pushTimer = undefined
      if (this.#stopped === undefined) this.#push()
    })
  }

  /** For requests whose answer says nothing that has to be durable. */
  #answerNow(request: Request): void {
    const { caller, kind } = request
    try {
      const body = this.#execute(request)
      if (body !== undefined) caller.answer(kind, request.request, body)
    } catch (thrown) {
      const refusal = this.#refusalOf(thrown)
      if (refusal !== undefined) caller.refuse(kind, request.request, refusal)
    }
  }

  /** What a request is refused with that threw; `undefined` where this unit has to stop, and has. */
  #refusalOf(thrown: unknown): SirtakiError | undefined {
    const error = asError(thrown, 'BAD_FRAME')
    // The only disk that a request touches by itself is the acceptor's register.
    if (!isError(error, 'INVARIANT', 'IO')) return error
    this.fail(error)
    return undefined
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

  /** Runs an effect when the commit of the step under way is durable, before its answers leave. */
  afterCommit(effect: () => void): void {
    this.#afterCommit.push(effect)
  }

  /** Ends it: what waits is not answered. */
  close(error: SirtakiError): void {
    this.#stopped ??= error
    this.#pushTimer?.cancel()
    this.#tidyTimer?.cancel()
  }

  #schedule(): void {
    if (this.#scheduled || this.#committing) return
    this.#scheduled = true
    this.#ports.clock.turn(() => {
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
        answers.all.push(run(this.#unit))
      } catch (thrown) {
        reject(asError(thrown))
      }
    }
    if (this.#tidies) {
      this.#tidies = false
      this.#unit.state.tidy()
    }
    for (const asked of batch) {
      // Few bytes may ask for many: the rest is for the next step.
      if (bytes > this.#limits.stepBytesMax) break
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
        const refusal = this.#refusalOf(thrown)
        if (refusal === undefined) return
        answers.all.push(() => {
          caller.refuse(kind, request, refusal)
        })
      }
    }
    if (done < batch.length) this.#queue = [...batch.slice(done), ...this.#queue]
    this.#commit(answers)
  }

  #commit(answers: Answers): void {
    const commit = this.#unit.takeCommit()
    if (commit === undefined) {
      this.#answer(answers)
      this.#scheduleRest()
      return
    }
    this.#committing = true
    const { clock } = this.#ports
    const started = clock.now()
    this.#commitFrom = started
    this.#store.commit(commit, (error) => {
      this.#committing = false
      this.#commits++
      this.#commitMs.add(clock.now() - started)
      this.#commitTo = clock.now()
      this.#commitMean += (this.#commitTo - started - this.#commitMean) / 8
      if (error !== undefined) {
        this.fail(asError(error, 'IO'))
        return
      }
      this.#answer(answers)
      this.#scheduleRest()
    })
  }

  #scheduleRest(): void {
    if (this.#queue.length > 0 || this.#changes.length > 0) this.#schedule()
    this.tidyLater()
  }

  /** What a trim has left goes in slices, with pauses as long as a commit takes: requests have half of the time. */
  tidyLater(): void {
    if (!this.#unit.state.untidy || this.#tidyTimer !== undefined || this.#tidies) return
    this.#tidyTimer = this.#ports.clock.timer(Math.max(this.#limits.markIdleMs, this.#commitMean), () => {
      this.#tidyTimer = undefined
      this.#tidies = true
      this.#schedule()
    })
  }

  /** How long its commits take now, with the one that is under way, in milliseconds. */
  get commitMs(): number {
    return this.#committing ? Math.max(this.#commitMean, this.#ports.clock.now() - this.#commitFrom) : this.#commitMean
  }

  /** Nothing to commit for a while: who does nothing is not slow. */
  get idle(): boolean {
    return !this.#committing && this.#ports.clock.now() - this.#commitTo > 2 * this.#limits.probeMs
  }

  #answer(answers: Answers): void {
    if (this.#stopped !== undefined) return
    try {
      for (const effect of this.#afterCommit.splice(0)) effect()
    } catch (thrown) {
      this.fail(asError(thrown, 'IO'))
      return
    }
    // The turn that waited for the commit is this one: waiting for its end would be a round of the event loop more.
    for (const caller of answers.callers) caller.hold()
    for (const answer of answers.all) answer()
    this.#answered()
    this.#push()
    for (const caller of answers.callers) caller.release()
  }

  /** The last resort: no acknowledgement leaves any more, whatever was asked (L10). */
  fail(error: SirtakiError): void {
    if (this.#stopped !== undefined) return
    this.#stopped = error
    this.#ports.failpoint?.('unit.stopped', {
      unit: this.#unit.state.identity,
      code: error.code,
      message: error.message,
    })
    for (const request of this.#queue.splice(0)) refuseStopped(request, error)
    for (const { reject } of this.#changes.splice(0)) reject(error)
    this.#failed(error)
  }
}
