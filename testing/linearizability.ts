/**
 * Decides whether a recorded history of concurrent operations is linearizable: whether every operation can be given one
 * instant between its call and its return so that, in the order of these instants, each output is what a sequential
 * model allows. It owns no clock and no chance: the same history gives the same verdict, after the same steps.
 *
 * The search is that of Wing and Gong with Lowe's memory of configurations, over a doubly linked list of the calls and
 * returns that are still to be explained. Next read `models.ts`, which holds the models.
 *
 * @source Wing and Gong, "Testing and verifying concurrent objects", JPDC 1993, section 4
 * @source Lowe, "Testing for linearizability", Concurrency and Computation 2017, section 4
 */

/**
 * One call of one client and how it ended.
 *
 * `call` and `return` are instants of one shared counter; only their order counts. `a` precedes `b` if
 * `a.return < b.call`; equal instants count as concurrent. `return: Infinity` says that the outcome never became known:
 * the operation may take effect at any instant after its call, or never. Its client makes no further call; a
 * harness lets such a client go on under a new number.
 */
export type Operation<I, O> = Readonly<{
  client: number
  call: number
  return: number
  input: I
  /** Undefined if the operation never returned, or if its answer says nothing. */
  output: O | undefined
}>

/** A sequential object: the meaning of its operations when they run one after another. */
export interface Model<S, I, O> {
  initial(): S
  /**
   * Answers the state after the operation, or undefined if `output` is not legal here; an undefined output is legal.
   */
  step(state: S, input: I, output: O | undefined): S | undefined
  /** Names a state: two states with the same key are interchangeable. */
  key(state: S): string
  /** Splits a history into parts that cannot influence each other; each is checked alone. */
  partition?(history: readonly Operation<I, O>[]): Operation<I, O>[][]
  /**
   * Whether two inputs do the same in every state (an equivalence). It only saves time: of several such operations with
   * unknown outcomes, k of n are then one case and not n over k.
   */
  twins?(left: I, right: I): boolean
  /**
   * Whether an operation with this output leaves every state as it is in which it is legal: a read, a refusal. It only
   * saves time: such an operation goes where it is first legal, and nothing else is tried there.
   */
  observes?(input: I, output: O): boolean
}

/**
 * What the search found.
 *
 * `partial` is an order that explains as many returned operations as any order the search met; `blocked` are the
 * returned operations one of which had to come next, in order of call. `undecided` says that `stepsMax` did not
 * suffice for a part.
 */
export type Verdict<I, O> =
  | Readonly<{ kind: 'ok' }>
  | Readonly<{ kind: 'violation'; partial: readonly Operation<I, O>[]; blocked: readonly Operation<I, O>[] }>
  | Readonly<{ kind: 'undecided'; steps: number }>

/** One million steps are a second or two, and at most some 200 MB of remembered configurations. */
const STEPS_MAX = 1_000_000

/**
 * Checks a history against a model.
 *
 * `stepsMax` bounds the calls of `model.step` made for candidates, for each part of the history. A violation in any
 * part outweighs an undecided one.
 *
 * @throws TypeError if the history is malformed, see `assertHistory`.
 */
export function checkLinearizable<S, I, O>(
  model: Model<S, I, O>,
  history: readonly Operation<I, O>[],
  options: Readonly<{ stepsMax?: number }> = {},
): Verdict<I, O> {
  assertHistory(history)
  let overall: Verdict<I, O> = { kind: 'ok' }
  for (const part of model.partition?.(history) ?? [history]) {
    const verdict = search(model, part, options.stepsMax ?? STEPS_MAX)
    if (verdict.kind === 'violation') return verdict
    if (verdict.kind === 'undecided') overall = verdict
  }
  return overall
}

/**
 * Refuses a history that no run can have recorded.
 *
 * @throws TypeError if an instant is no number, a return lies before its call, an operation that never returned has an
 * output, or one client has two operations at once (at equal instants too, where their order would be lost).
 */
export function assertHistory(history: readonly Operation<unknown, unknown>[]): void {
  const lastOf = new Map<number, Operation<unknown, unknown>>()
  for (const operation of history.toSorted((left, right) => left.call - right.call)) {
    if (!Number.isFinite(operation.call)) throw malformed(operation, 'its call is not a finite number')
    if (Number.isNaN(operation.return)) throw malformed(operation, 'its return is not a number')
    if (operation.return < operation.call) throw malformed(operation, 'it returned before its call')
    if (operation.return === Infinity && operation.output !== undefined) {
      throw malformed(operation, 'it never returned, yet it has an output')
    }
    const last = lastOf.get(operation.client)
    if (last !== undefined && operation.call <= last.return) {
      throw malformed(operation, `its client's operation of [${last.call}, ${last.return}] had not returned`)
    }
    lastOf.set(operation.client, operation)
  }
}

function malformed(operation: Operation<unknown, unknown>, why: string): TypeError {
  const { client, call, return: returned } = operation
  return new TypeError(`Malformed history: the operation of client ${client} at [${call}, ${returned}]: ${why}.`)
}

/** An operation as the search sees it. `pending`: it never returned, so it may be left out. */
type Call<I, O> = Readonly<{ operation: Operation<I, O>; index: number; pending: boolean }> & { placed: boolean }

/**
 * A configuration on the path, reached by `placed` from the one below it; its first `tried` candidates are done with.
 */
type Frame<S, I, O> = {
  readonly state: S
  readonly stateKey: string
  readonly configuration: string
  readonly placed: Call<I, O> | undefined
  readonly candidates: readonly Call<I, O>[]
  tried: number
}

function search<S, I, O>(model: Model<S, I, O>, history: readonly Operation<I, O>[], stepsMax: number): Verdict<I, O> {
  const remaining = new Remaining(history, model.twins?.bind(model))
  const root = frameOf(model, remaining, model.initial(), undefined)
  const path = [root]
  const seen = new Set<string>()
  let best = violationAt(path, root)
  let bestLeft = Infinity
  let steps = 0
  for (let frame = path.at(-1); frame !== undefined && remaining.returnsLeft > 0; frame = path.at(-1)) {
    const choice = frame.candidates[frame.tried]
    if (choice === undefined) {
      if (remaining.returnsLeft < bestLeft) best = violationAt(path, frame)
      bestLeft = Math.min(bestLeft, remaining.returnsLeft)
      path.pop()
      if (frame.placed !== undefined) remaining.putBack(frame.placed)
      continue
    }
    if (steps >= stepsMax) return { kind: 'undecided', steps }
    steps += 1
    frame.tried += 1
    const state = stateAfter(model, path.at(-2), frame, choice)
    if (state === undefined) continue
    remaining.take(choice)
    const next = frameOf(model, remaining, state, choice)
    if (seen.has(next.configuration)) {
      remaining.putBack(choice)
      continue
    }
    seen.add(next.configuration)
    path.push(next)
  }
  return remaining.returnsLeft > 0 ? best : { kind: 'ok' }
}

/**
 * The configuration is (set of placed operations, state). What is placed was called before the first return that is
 * left, else it would overtake that operation; so that return and the calls left before it name the set, however long
 * the history is.
 */
function frameOf<S, I, O>(
  model: Model<S, I, O>,
  remaining: Remaining<I, O>,
  state: S,
  placed: Call<I, O> | undefined,
): Frame<S, I, O> {
  const { candidates: all, nextReturn } = remaining.frontier()
  const stateKey = model.key(state)
  const left = all.map((call) => call.index).join(' ')
  const free = model.observes === undefined ? undefined : all.find((call) => isFree(model, state, stateKey, call))
  const candidates = free === undefined ? all : [free]
  return { state, stateKey, configuration: `${nextReturn}|${left}|${stateKey}`, placed, candidates, tried: 0 }
}

/**
 * Whether a call may be placed right here without a loss: it is legal, and leaves any state as it is, so an order of
 * what is left is still one with this call moved to its front.
 */
function isFree<S, I, O>(model: Model<S, I, O>, state: S, stateKey: string, { operation }: Call<I, O>): boolean {
  const { input, output } = operation
  if (output === undefined || model.observes?.(input, output) !== true) return false
  const next = model.step(state, input, output)
  return next !== undefined && model.key(next) === stateKey
}

/**
 * Answers the state once `choice` is placed on `frame`, or undefined if that is illegal or a detour.
 *
 * Detours are orders from which a pending operation can be dropped without a change: it leaves the state as it is, or
 * what comes right after it leads to the same state without it. An order with the fewest pending operations has
 * neither, so if there is an order at all, one is still found (a remembered configuration that failed for a detour
 * only lies on no such order). Without this rule n unknown writes of a register cost 2^n.
 */
function stateAfter<S, I, O>(
  model: Model<S, I, O>,
  before: Frame<S, I, O> | undefined,
  frame: Frame<S, I, O>,
  choice: Call<I, O>,
): S | undefined {
  const { input, output } = choice.operation
  const state = model.step(frame.state, input, output)
  if (state === undefined) return undefined
  if (choice.pending && model.key(state) === frame.stateKey) return undefined
  if (before === undefined || frame.placed?.pending !== true) return state
  const without = model.step(before.state, input, output)
  return without !== undefined && model.key(without) === model.key(state) ? undefined : state
}

function violationAt<S, I, O>(path: readonly Frame<S, I, O>[], frame: Frame<S, I, O>): Verdict<I, O> {
  const partial = path.flatMap(({ placed }) => (placed === undefined ? [] : [placed.operation]))
  const blocked = frame.candidates.filter((call) => !call.pending).map((call) => call.operation)
  return { kind: 'violation', partial, blocked }
}

/** A call or a return in the doubly linked list. */
type Event<I, O> = {
  readonly call: Call<I, O>
  readonly at: number
  readonly isReturn: boolean
  previous: Event<I, O> | undefined
  next: Event<I, O> | undefined
}

/**
 * The operations that are not placed yet: the returned ones as a list of events in order of time, so that taking one
 * out and putting it back cost nothing that grows with the history; the pending ones beside it, since they have no
 * return.
 */
class Remaining<I, O> {
  returnsLeft = 0
  #first: Event<I, O> | undefined
  readonly #eventsOf = new Map<Call<I, O>, readonly [Event<I, O>, Event<I, O>]>()
  readonly #pending: Call<I, O>[] = []
  readonly #twins: ((left: I, right: I) => boolean) | undefined

  constructor(history: readonly Operation<I, O>[], twins: ((left: I, right: I) => boolean) | undefined) {
    this.#twins = twins
    const events: Event<I, O>[] = []
    for (const [index, operation] of history.toSorted((left, right) => left.call - right.call).entries()) {
      const call = { operation, index, pending: operation.return === Infinity, placed: false }
      if (call.pending) {
        this.#pending.push(call)
        continue
      }
      const called = { call, at: operation.call, isReturn: false, previous: undefined, next: undefined }
      const returned = { call, at: operation.return, isReturn: true, previous: undefined, next: undefined }
      this.#eventsOf.set(call, [called, returned])
      events.push(called, returned)
      this.returnsLeft += 1
    }
    // At one instant calls stand before returns, which makes operations that touch concurrent.
    events.sort((left, right) => left.at - right.at || Number(left.isReturn) - Number(right.isReturn))
    for (const event of events.toReversed()) {
      event.next = this.#first
      this.#link(event)
    }
  }

  /**
   * Answers who may come next, returned operations first, since a pending one is a last resort; and whose return is
   * due.
   */
  frontier(): { candidates: Call<I, O>[]; nextReturn: number } {
    const candidates: Call<I, O>[] = []
    let event = this.#first
    for (; event !== undefined && !event.isReturn; event = event.next) candidates.push(event.call)
    if (event === undefined) return { candidates, nextReturn: -1 }
    const returned = candidates.length
    for (const call of this.#pending) {
      if (call.operation.call > event.at) break
      if (!call.placed && !this.#hasTwin(call, candidates, returned)) candidates.push(call)
    }
    return { candidates, nextReturn: event.call.index }
  }

  take(call: Call<I, O>): void {
    call.placed = true
    const events = this.#eventsOf.get(call)
    if (events === undefined) return
    this.returnsLeft -= 1
    for (const event of events) this.#unlink(event)
  }

  /** Undoes the latest `take` that is not undone: an event still knows its neighbours of then. */
  putBack(call: Call<I, O>): void {
    call.placed = false
    const events = this.#eventsOf.get(call)
    if (events === undefined) return
    this.returnsLeft += 1
    const [called, returned] = events
    this.#link(returned)
    this.#link(called)
  }

  /** Of twins the one called first goes first: whatever order uses a later one could use it. */
  #hasTwin(call: Call<I, O>, candidates: readonly Call<I, O>[], from: number): boolean {
    const twins = this.#twins
    return (
      twins !== undefined && candidates.slice(from).some((other) => twins(other.operation.input, call.operation.input))
    )
  }

  #unlink(event: Event<I, O>): void {
    if (event.previous === undefined) this.#first = event.next
    else event.previous.next = event.next
    if (event.next !== undefined) event.next.previous = event.previous
  }

  #link(event: Event<I, O>): void {
    if (event.previous === undefined) this.#first = event
    else event.previous.next = event
    if (event.next !== undefined) event.next.previous = event
  }
}
