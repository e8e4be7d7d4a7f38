/**
 * A session: numbers the ops of one caller, appends them without waiting for one another, and tells each its outcome.
 *
 *     call ─ number ─ append ─ offer ─ view plays it ─┬ applied: the call settles
 *                       ↑                             └ gap: held until its turn, then sent again in order, in one turn
 *                       └───────────────────────────────┘
 *
 * The session is opened by its first op. A number never gets lost: where the append of an op fails for good, its
 * caller gets the error, and an empty op with the same number is appended until either of the two is decided; so what
 * was called later is not blocked. Keeps: O4, O9. Read next: `space.ts` (what `number` means), `view.ts`.
 */
import type { Appended } from '../../log/client/batch.ts'
import { requireCallOptions } from '../../log/cluster/arguments.ts'
import type { CallOptions } from '../../log/cluster/calls.ts'
import { abortedBefore } from '../../log/cluster/calls.ts'
import { Backoff, aborted } from '../../log/cluster/retry.ts'
import type { Entry } from '../../log/entry.ts'
import { SirtakiError, asError, invariant, isError } from '../../log/errors.ts'
import { encodeEmpty, encodeInput, encodeOp, encodeOpen, OP_HEAD_BYTES, type Target } from './op-entry.ts'
import type { SpaceLog } from './space-log.ts'
import type { Applied, Outcome } from './space.ts'
import { canonical } from './values.ts'
import type { LocalSession, View } from './view.ts'

/** Calls of one session that may be under way: beyond it a caller is told to wait for some of them. */
export const CALLS_MAX = 65_536

/** Whom a call is for, encoded once for a handle. */
export interface CallTarget {
  readonly target: Target
  readonly bytes: Uint8Array
  refusal(input: unknown): string | undefined
}

/** One op on its way: it is held, or its append is under way, or its entry waits to be played. */
interface Call {
  readonly number: number
  readonly to: CallTarget
  readonly input: Uint8Array
  readonly deadline: number
  readonly signal: AbortSignal | undefined
  /** Its caller has been told an error; what is appended from now on is an empty op. */
  abandoned: Backoff | undefined
  /** Waits for its turn among the held calls. */
  held: boolean
  payload: Uint8Array
  sending: Promise<Appended> | undefined
  applied: Applied | undefined
  wake: (() => void) | undefined
  fail: ((error: SirtakiError) => void) | undefined
}

/** A session of this process. */
export class Session implements LocalSession {
  readonly name: string
  readonly #view: View
  readonly #log: SpaceLog
  readonly #streams: readonly number[]
  readonly #calls = new Map<number, Call>()
  /** Calls that wait for their turn, by number. */
  #held: Call[] = []
  /** Number of the next call. */
  #next = 0
  /** Number of the op that the view applies next. */
  #turn = 0
  #position: number | undefined
  #opening = false
  #stopped: SirtakiError | undefined

  constructor(view: View, name: string) {
    this.name = canonical(name)
    this.#view = view
    this.#log = view.log
    this.#streams = [view.stream]
    view.join(this)
  }

  /** What names the session in the log: the position that opened it; `undefined` before its first op. */
  get position(): number | undefined {
    return this.#position
  }
  /** Ops that have not settled. */
  get outstanding(): number {
    return this.#calls.size
  }

  /**
   * Appends one op; settles with its outcome once the view has played it. Calls of one turn travel together.
   *
   * @throws SirtakiError `BAD_ARGUMENT`, `OVERSIZE`, `OVERLOADED` before anything is sent; `REJECTED`, `APPLY_FAILED`,
   *   `CODE_MISSING` from apply; `TIMEOUT`, `ABORTED`, `CLOSED`, `STOPPED`: it may still take effect.
   */
  call(to: CallTarget, input: unknown, options: CallOptions = {}): Promise<unknown> {
    try {
      const call = this.#admit(to, input, options)
      this.#calls.set(call.number, call)
      return this.#run(call)
    } catch (thrown) {
      return Promise.reject(asError(thrown))
    }
  }

  /** Ends it in this process: calls under way are refused with `CLOSED`. */
  close(): void {
    this.stop(new SirtakiError('CLOSED', `session ${this.name} is closed`))
  }

  stop(error: SirtakiError): void {
    if (this.#stopped !== undefined) return
    this.#stopped = error
    this.#view.leave(this, this.#position)
    for (const call of this.#calls.values()) call.fail?.(error)
    this.#calls.clear()
    this.#held = []
  }

  played(outcome: Outcome): void {
    if (outcome.kind === 'opened' || outcome.kind === 'ignored' || outcome.kind === 'duplicate') return
    if (outcome.kind === 'unknown') {
      this.stop(forgotten(this.name))
      return
    }
    const call = this.#calls.get(outcome.number)
    if (outcome.kind === 'gap') {
      if (call !== undefined) this.#hold(call)
      return
    }
    this.#turn = outcome.number + 1
    if (call !== undefined) {
      call.applied = outcome
      this.#calls.delete(call.number)
      this.#unhold(call)
      call.wake?.()
    }
    this.#sendHeld()
  }

  #admit(to: CallTarget, value: unknown, options: CallOptions): Call {
    const { signal, timeoutMs } = requireCallOptions(to.target.op, options)
    if (this.#stopped !== undefined) throw this.#stopped
    const { object, op } = to.target
    if (signal?.aborted === true) throw abortedBefore(`op ${op} of ${object}`, signal)
    const input = canonical(value)
    const refusal = to.refusal(input)
    if (refusal !== undefined) {
      throw new SirtakiError('BAD_ARGUMENT', `the input of ${op} of ${object} is refused: ${refusal}`)
    }
    const bytes = encodeInput(input)
    const length = OP_HEAD_BYTES + to.bytes.byteLength + bytes.byteLength
    const { entryBytesMax, requestMs } = this.#log.limits
    if (length > entryBytesMax) {
      throw new SirtakiError(
        'OVERSIZE',
        `op ${op} of ${object} takes ${length} bytes, at most ${entryBytesMax} are allowed: split it`,
        { facts: { bytes: length, entryBytesMax } },
      )
    }
    // Before it has a number: one that is taken must be appended, come what may.
    const overloaded = this.#log.overloaded(length)
    if (overloaded !== undefined) throw overloaded
    if (this.#calls.size >= CALLS_MAX) {
      throw new SirtakiError('OVERLOADED', `session ${this.name} has ${CALLS_MAX} ops under way: wait for some of them`)
    }
    return {
      number: this.#next++,
      to,
      input: bytes,
      deadline: this.#log.clock.now() + (timeoutMs ?? requestMs),
      signal,
      abandoned: undefined,
      held: false,
      payload: NO_BYTES,
      sending: undefined,
      applied: undefined,
      wake: undefined,
      fail: undefined,
    }
  }

  /** Two promises a call in the straight case: this one and the append's. */
  async #run(call: Call): Promise<unknown> {
    try {
      if (call.applied === undefined) this.#begin(call)
      while (call.applied === undefined) {
        const { sending } = call
        if (sending === undefined) {
          await this.#wait(call)
          continue
        }
        const appended = await sending.catch(unlessTrimmed)
        // Its turn may have come again while the first append was on its way.
        const isNewest = call.sending === sending
        if (isNewest) call.sending = undefined
        if (appended !== undefined) this.#view.offer(entryOf(appended, call.payload))
        // The log cannot tell whether it was there. Apply drops the second of two, so it is appended once more.
        else if (isNewest && call.applied === undefined && !call.held) this.#send(call)
      }
      return resultOf(call.applied, call)
    } catch (thrown) {
      if (call.applied !== undefined) return resultOf(call.applied, call)
      this.#abandon(call, asError(thrown))
      throw thrown
    }
  }

  #begin(call: Call): void {
    if (this.#stopped !== undefined) throw this.#stopped
    if (this.#position !== undefined && this.#held.length === 0) {
      this.#send(call)
      return
    }
    this.#hold(call)
    if (this.#position === undefined && !this.#opening) void this.#open()
  }

  #send(call: Call): void {
    const session = this.#position
    invariant(session !== undefined, 'O4', { number: call.number })
    const { abandoned, to, number, input, deadline, signal } = call
    call.payload = abandoned === undefined ? encodeOp(session, number, to.bytes, input) : encodeEmpty(session, number)
    // Its timer may be late, or have its turn after this one: then nothing is left of its time.
    const timeoutMs = Math.max(0, deadline - this.#log.clock.now())
    const streams = this.#streams
    const options = abandoned === undefined ? { streams, signal, timeoutMs } : { streams, background: true }
    call.sending = this.#log.append(call.payload, options)
  }

  /** Keeps a call until everything before it is applied or on its way. */
  #hold(call: Call): void {
    if (call.held) return
    call.held = true
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
    if (first === undefined || this.#position === undefined || first.number > this.#turn) return
    const due = this.#held
    this.#held = []
    for (const call of due) {
      call.held = false
      this.#send(call)
      // An earlier copy may settle the call before anyone looks at this one.
      call.sending?.catch(() => undefined)
      call.wake?.()
    }
  }

  /** Waits for an outcome or for its turn. Only calls that did not go the straight way come here. */
  #wait(call: Call): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#stopped !== undefined) {
        reject(this.#stopped)
        return
      }
      const {
        signal,
        number,
        to: { target },
      } = call
      const late = (): void => {
        call.fail?.(
          new SirtakiError(
            'TIMEOUT',
            `op ${target.op} of ${target.object} (${number} of session ${this.#position}) was not applied in time`,
          ),
        )
      }
      // An op that was given up is nobody's call any more: the process may end over it.
      const release = call.abandoned === undefined ? this.#log.clock.hold?.() : undefined
      const timer =
        call.abandoned === undefined
          ? this.#log.clock.timer(Math.max(0, call.deadline - this.#log.clock.now()), late)
          : undefined
      const onAbort = (): void => {
        if (signal !== undefined) call.fail?.(aborted(signal))
      }
      const end = (): void => {
        timer?.cancel()
        release?.()
        signal?.removeEventListener('abort', onAbort)
        call.wake = undefined
        call.fail = undefined
      }
      call.wake = () => {
        end()
        resolve()
      }
      call.fail = (error) => {
        end()
        reject(error)
      }
      if (call.abandoned === undefined) signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Sees to it that the call's number is taken all the same. */
  #abandon(call: Call, error: SirtakiError): void {
    this.#unhold(call)
    call.sending = undefined
    if (this.#stopped !== undefined) return
    if (error.code === 'CLOSED' || (call.abandoned !== undefined && error.next === 'stop')) {
      this.stop(error)
      return
    }
    call.abandoned ??= new Backoff(this.#log, this.#log.limits)
    void call.abandoned
      .wait()
      .then(() => this.#run(call))
      .catch(() => undefined)
  }

  async #open(): Promise<void> {
    this.#opening = true
    const backoff = new Backoff(this.#log, this.#log.limits)
    const payload = encodeOpen(this.name)
    while (this.#stopped === undefined) {
      try {
        const appended = await this.#log.append(payload, { streams: this.#streams, background: true })
        if (!this.#isStopped()) this.#opened(appended, payload)
        return
      } catch (thrown) {
        const error = asError(thrown)
        if (error.code === 'CLOSED' || error.next === 'stop') this.stop(error)
        else await backoff.wait()
      }
    }
  }

  #isStopped(): boolean {
    return this.#stopped !== undefined
  }

  #opened(appended: Appended, payload: Uint8Array): void {
    this.#position = appended.position
    this.#view.opened(this, appended.position)
    this.#view.offer(entryOf(appended, payload))
    this.#sendHeld()
  }
}

const NO_BYTES = new Uint8Array(0)

/** @throws what an append failed with, but for its position having been trimmed before its fate was known. */
function unlessTrimmed(thrown: unknown): undefined {
  if (!isError(thrown, 'TRIMMED') || thrown.next !== 'unknown') throw thrown
}

/** Nobody can say any more which of its ops were applied. */
const forgotten = (name: string): SirtakiError =>
  new SirtakiError(
    'STOPPED',
    `session ${name} was idle for so long that the space has forgotten it: open another one`,
    { next: 'unknown' },
  )

/** Builds the entry that the log now holds, as far as playing it needs. */
function entryOf({ position, epoch, logTime, streams, previous }: Appended, payload: Uint8Array): Entry {
  const links = streams.map((stream, i) => ({ stream, previous: previous[i] ?? { before: position } }))
  return { position, epoch, writer: 0, logTime, streams: links, payload, hash: 0, bytes: NO_BYTES }
}

/** Gives an op's result. @throws SirtakiError for every other outcome. */
function resultOf(
  applied: Applied,
  {
    to: {
      target: { object, op },
    },
  }: Call,
): unknown {
  const { kind, position } = applied
  switch (kind) {
    case 'result':
      return applied.value
    case 'rejected':
      throw new SirtakiError('REJECTED', `${op} of ${object} was rejected: ${applied.reason}`, {
        facts: { ...applied.facts, reason: applied.reason, position },
      })
    case 'failed':
      throw new SirtakiError('APPLY_FAILED', `${op} of ${object} failed at position ${position}; nothing of it stays`, {
        cause: applied.cause,
        facts: { position },
      })
    case 'opaque':
      throw new SirtakiError('CODE_MISSING', `${object} was made by code that this process does not have`, {
        facts: { position },
      })
    case 'empty':
      throw new SirtakiError('ABORTED', `${op} of ${object} was given up`, { facts: { position }, next: 'again' })
    default:
      return applied satisfies never
  }
}
