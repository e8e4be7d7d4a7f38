/**
 * Calls of one client: each ends with its flow, with its deadline or with its signal, whichever comes first.
 *
 *     call ─ flow ─────────────── settles ──▶ the caller
 *        └ deadline, signal, close ─▶ the caller hears of it at once
 *                              └────▶ the flow's own signal: it ends behind the call, and nobody hears of it
 *
 * So no flow has to bound each of its waits, and what several calls share (a round of tail reads) goes on for the
 * others. Keeps: P72, P73. Read next: `deadlines.ts`, `../client/client.ts`.
 */
import { SirtakiError, asError, type Facts } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { requireCallOptions } from './arguments.ts'
import { Deadlines, type Due } from './deadlines.ts'

/** How long a call may take. */
export interface CallOptions {
  /** Ends the call with `ABORTED`. */
  readonly signal?: AbortSignal | undefined
  /** Until it ends with `TIMEOUT`, in milliseconds; 5,000 unless told. */
  readonly timeoutMs?: number | undefined
}

/** What a flow gets of the call that it works for. Not to be spread: `Call` gives it by getters. */
export interface FlowOptions extends CallOptions {
  /** Whether nobody waits for the outcome any more. */
  readonly isOver?: boolean
  /** When the call ends, on the clock of its client: what `timeoutMs` is reckoned from. */
  readonly deadline?: number
  /** Called with what went wrong and is tried again. */
  noted?(error: SirtakiError): void
  /** Names the call, for messages. */
  readonly what?: string
  /** What a caller may do who gives up now. */
  readonly next?: 'again' | 'unknown'
  /** Called before something is sent that takes effect. */
  takesEffect?(): void
}

/** The error of a call whose signal had aborted before it began. */
export const abortedBefore = (what: string, signal: AbortSignal): SirtakiError =>
  new SirtakiError('ABORTED', `${what} was aborted before anything was sent`, { cause: signal.reason, next: 'again' })

/**
 * What an error of a call that took too long says. `waitsFor`: who owes an answer; `trouble`: what failed last and was
 * tried again.
 */
interface Late {
  readonly what: string
  readonly afterMs: number
  readonly next: 'again' | 'unknown'
  readonly waitsFor?: string | undefined
  readonly trouble?: SirtakiError | undefined
  readonly facts?: Facts | undefined
}

/** The error of a call that took too long: what it waited for, and what failed last. */
export function timedOut({ what, afterMs, next, waitsFor, trouble, facts = {} }: Late): SirtakiError {
  const why = [
    ...(waitsFor === undefined ? [] : [waitsFor]),
    ...(trouble === undefined ? [] : [`the last failure: ${trouble.message}`]),
  ]
  const advice = next === 'unknown' ? '; it may still take effect' : ''
  return new SirtakiError(
    'TIMEOUT',
    `${what} was not done within ${Math.round(afterMs)} ms${why.length === 0 ? '' : ` (${why.join('; ')})`}${advice}`,
    { cause: trouble, next, facts: { ...trouble?.facts, ...facts } },
  )
}

const NOTHING = (): void => undefined

/**
 * What a call is made of. `reject` is that of its caller; `deadlines` is the list that it is on as long as it is under
 * way.
 */
interface Made {
  readonly clock: Clock
  readonly what: string
  readonly signal: AbortSignal | undefined
  readonly timeoutMs: number
  readonly deadlines: Deadlines<Call>
  readonly reject: (error: SirtakiError) => void
}

/** One call under way, as its flow sees it. */
export class Call implements FlowOptions, Due<Call> {
  readonly what: string
  readonly deadline: number
  readonly attended = true
  before: Call | undefined
  after: Call | undefined
  /** What has failed and is tried again. */
  trouble: SirtakiError | undefined
  next: 'again' | 'unknown' = 'again'
  readonly since: number
  readonly #clock: Clock
  readonly #deadlines: Deadlines<Call>
  readonly #reject: (error: SirtakiError) => void
  readonly #unlisten: () => void
  #over: AbortController | undefined
  #isOver = false

  constructor({ clock, what, signal, timeoutMs, deadlines, reject }: Made) {
    this.#clock = clock
    this.what = what
    this.since = clock.now()
    this.deadline = this.since + timeoutMs
    this.#deadlines = deadlines
    this.#reject = reject
    this.#unlisten = signal === undefined ? NOTHING : this.#listen(signal)
    deadlines.add(this, this.since)
  }

  /** Rejects the call, unless it has ended. */
  fail(error: SirtakiError): void {
    if (this.end()) this.#reject(error)
  }

  #listen(signal: AbortSignal): () => void {
    const onAbort = (): void => {
      this.fail(
        new SirtakiError(
          'ABORTED',
          `${this.what} was aborted${this.next === 'unknown' ? '; it may still take effect' : ''}`,
          { cause: signal.reason, next: this.next },
        ),
      )
    }
    signal.addEventListener('abort', onAbort, { once: true })
    return () => {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** What is left of the time, in milliseconds. */
  get timeoutMs(): number {
    return Math.max(1, this.deadline - this.#clock.now())
  }

  /** Aborts when the call is over. Made when it is first asked for: most calls end without. */
  get signal(): AbortSignal {
    if (this.#over === undefined) {
      this.#over = new AbortController()
      if (this.#isOver) this.#over.abort()
    }
    return this.#over.signal
  }

  get isOver(): boolean {
    return this.#isOver
  }

  noted(error: SirtakiError): void {
    this.trouble = error
  }
  takesEffect(): void {
    this.next = 'unknown'
  }

  /** Ends it: false when it had ended before. */
  end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#unlisten()
    this.#over?.abort()
    this.#deadlines.delete(this)
    return true
  }
}

/** The calls of one client. */
export class Calls {
  readonly #clock: Clock
  readonly #requestMs: number
  readonly #waitsFor: () => string | undefined
  readonly #deadlines: Deadlines<Call>
  #closed: SirtakiError | undefined

  /** `waitsFor` says who owes an answer at present. */
  constructor(clock: Clock, requestMs: number, waitsFor: () => string | undefined = () => undefined) {
    this.#clock = clock
    this.#requestMs = requestMs
    this.#waitsFor = waitsFor
    this.#deadlines = new Deadlines(clock, (late) => {
      for (const call of late) call.fail(this.#late(call))
    })
  }

  /**
   * Runs a flow as a call. `what` names it in messages. `undo` gets what a flow gave after its call was over.
   *
   * @throws SirtakiError what the flow throws; `BAD_ARGUMENT` for options that make no sense; `TIMEOUT` and
   *   `ABORTED`, next `again` unless something was sent that may take effect; `CLOSED`.
   */
  run<T>(
    what: string,
    options: CallOptions | undefined,
    flow: (call: Call) => Promise<T>,
    undo?: (late: T) => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { signal, timeoutMs = this.#requestMs } = requireCallOptions(what, options)
      if (this.#closed !== undefined) throw this.#closed
      if (signal?.aborted === true) throw abortedBefore(what, signal)
      const call = new Call({ clock: this.#clock, what, signal, timeoutMs, deadlines: this.#deadlines, reject })
      try {
        flow(call).then(
          (value) => {
            if (call.end()) resolve(value)
            else undo?.(value)
          },
          (thrown: unknown) => {
            call.fail(asError(thrown))
          },
        )
      } catch (thrown) {
        call.fail(asError(thrown))
      }
    })
  }

  /** Ends all calls, and those that come. */
  close(error: SirtakiError): void {
    this.#closed ??= error
    for (const call of this.#deadlines.all()) call.fail(error)
    this.#deadlines.close()
  }

  #late({ what, since, next, trouble }: Call): SirtakiError {
    return timedOut({ what, afterMs: this.#clock.now() - since, next, trouble, waitsFor: this.#waitsFor() })
  }
}
