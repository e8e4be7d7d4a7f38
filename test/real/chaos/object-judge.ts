/**
 * The judge of the loads of objects: every round of every load goes to the search for an order, with what the log says
 * of places; and over the whole run, what sessions, tokens, items and digests must be.
 *
 *     acquire ──── alive ┊ the hold ends with its session ┊ the keeper has seen the end
 *                        └──── release, without an output ┘
 *
 * What a session holds ends with it, at some instant between the last one at which its client counted on it and the one
 * at which the end was seen: that is one more operation of the history. A call whose outcome is unknown may also be
 * given back by its own client, at any instant. Keeps: the H side of O1, O2, O3, O5, O7, O8. Read next:
 * `../../../testing/models.ts`, `session-facts.ts`.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkLinearizable, type Model, type Operation } from '../../../testing/linearizability.ts'
import {
  fencedLockModel,
  lockModel,
  nodeModel,
  ordered,
  queueModel,
  transactionModel,
  type FencedLockInput,
  type LockInput,
  type NodeInput,
  type NodeOutput,
  type QueueInput,
  type QueueOutput,
  type TransactionInput,
  type TransactionOutput,
} from '../../../testing/models.ts'
import { Fence } from './fence.ts'
import type { HistoryFiles } from './history-files.ts'
import { instantOf } from './history.ts'
import { isLoadSession } from './loads.ts'
import type { SessionFact, SessionFacts } from './session-facts.ts'

/** What was found. */
export interface ObjectJudgement {
  readonly violations: readonly string[]
  /** Rounds whose history was too tangled to be decided. */
  readonly undecided: readonly string[]
  readonly rounds: number
}

/** What there is to judge. */
export interface ObjectsToJudge {
  readonly history: HistoryFiles
  readonly facts: SessionFacts
  /** Where the fence is, if there is one. */
  readonly fence: string | undefined
  /** Faults by their instants. */
  readonly faults: readonly { readonly kind: string; readonly fromNs: number; readonly toNs: number }[]
  /** Whether the keeper came to its end: only then what is left is all there is. */
  readonly isFinished: boolean
}

/** A failover, and what the machine may be late by. */
const FAILOVER_MS = 1_500
const LATE_MS = 1_000
const STEPS_MAX = 300_000
/** Rounds with many unknown outcomes, as while a disk is full, are searched once more for longer. */
const STEPS_LONG = 4_000_000

/** One line. `answer` is undefined where it is not known; `place` where the log does not say it. */
interface Line {
  readonly call: number
  readonly returned: number
  readonly input: Readonly<Record<string, unknown>>
  readonly answer: unknown
  readonly place: number | undefined
  readonly session: string
}
type Ops<I, O> = Operation<I, Placed<O>>[]
/** What an operation answered, with its place. */
interface Placed<O> {
  readonly answer: O | undefined
  readonly place: number | undefined
}

/** Judges all of it. */
export function judgeObjects(to: ObjectsToJudge): ObjectJudgement {
  const judging = new Judging(to)
  for (const [load, rounds] of to.history.objectRounds) {
    for (const round of rounds) judging.round(load, round)
  }
  if (to.fence !== undefined && existsSync(to.fence)) judging.fence(to.fence)
  judging.sessions()
  return judging
}

class Judging implements ObjectJudgement {
  readonly violations: string[]
  readonly undecided: string[] = []
  rounds = 0
  readonly #to: ObjectsToJudge

  constructor(to: ObjectsToJudge) {
    this.#to = to
    this.violations = [...to.facts.violations]
  }

  round(load: 'lock' | 'fence' | 'queue' | 'tree' | 'txn', round: number): void {
    const lines = linesOf(join(this.#to.history.folder, `${load}-${round}`))
    const what = `${load} of round ${round}`
    this.rounds++
    for (const line of lines) this.#placeInSession(what, line)
    switch (load) {
      case 'lock':
        this.#check('O7', what, lockModel, this.#lockOps(lines))
        return
      case 'fence':
        this.#check('O7', what, fencedLockModel, this.#fenceOps(lines))
        return
      case 'queue':
        this.#check('O8', what, queueModel, this.#queueOps(lines))
        if (this.#to.isFinished) this.#nothingLost(what, lines)
        return
      case 'tree':
        this.#check('O1', what, nodeModel, this.#treeOps(lines))
        return
      case 'txn':
        this.#check('O2', what, transactionModel(0), lines.flatMap(txnOp))
        return
      default:
        load satisfies never
    }
  }

  #check<S, I, O>(rule: string, what: string, model: Model<S, I, O>, operations: Ops<I, O>): void {
    const alone: Model<S, I, Placed<O>> = {
      initial: () => model.initial(),
      step: (state, input, output) => model.step(state, input, output?.answer),
      key: (state) => model.key(state),
      ...(model.partition === undefined ? {} : { partition: partitionOf(model) }),
    }
    const { observes } = model
    if (observes !== undefined) alone.observes = (input, { answer }) => answer !== undefined && observes(input, answer)
    const placed = ordered(alone, (_input, output) => output?.place)
    const all = operations.map((operation, client) => ({ ...operation, client }))
    const soon = checkLinearizable(placed, all, { stepsMax: STEPS_MAX })
    const verdict = soon.kind === 'undecided' ? checkLinearizable(placed, all, { stepsMax: STEPS_LONG }) : soon
    if (verdict.kind === 'undecided') this.undecided.push(what)
    if (verdict.kind !== 'violation') return
    this.violations.push(
      `${rule}: no order explains the ${what} behind ${JSON.stringify(verdict.partial.slice(-3))}; one of these had to `
        + `come next: ${JSON.stringify(verdict.blocked)}`,
    )
  }

  /** O5: what a session is told of its ops stands between its opening and its end. */
  #placeInSession(what: string, { place, session: name, input }: Line): void {
    const session = name === '' ? undefined : this.#to.facts.of(name)
    if (session === undefined || place === undefined || !Number.isInteger(place)) return
    if (place > session.position && place < session.endPosition) return
    this.violations.push(
      `O5: in the ${what} ${JSON.stringify(input)} stands at ${place}, and its session is from ${session.position} to `
        + session.endPosition,
    )
  }

  /** When what a session holds ends with it, at the earliest and at the latest. */
  #endOf(name: string, call: number, isTold: boolean): { call: number; return: number } {
    const session = this.#to.facts.of(name)
    const earliest = isTold ? Math.max(call, session?.aliveAt ?? 0) : call
    return { call: earliest, return: Math.max(earliest, session?.endAt ?? Infinity) }
  }

  /** Holds that nobody gave back for sure end in some way. */
  #holdEnds(lines: readonly Line[]): { readonly line: Line; readonly call: number; readonly return: number }[] {
    const over = new Set<unknown>()
    for (const { input, returned } of lines) {
      if (input['op'] === 'release' && returned !== Infinity) over.add(input['holder'])
    }
    return lines
      .filter(({ input, answer }) => input['op'] === 'acquire' && answer !== false && !over.has(input['holder']))
      .map((line) => ({ line, ...this.#endOf(line.session, line.call, line.answer !== undefined) }))
  }

  #lockOps(lines: readonly Line[]): Ops<LockInput, boolean> {
    const op = (line: Line): LockInput => ({
      op: line.input['op'] === 'acquire' ? 'acquire' : 'release',
      key: String(line.input['key']),
      holder: String(line.input['holder']),
    })
    const told = lines.map((line) =>
      operationOf(line, op(line), typeof line.answer === 'number' ? true : falseOr(line.answer)),
    )
    const ends = this.#holdEnds(lines).map(({ line, ...when }) =>
      endOf<LockInput, boolean>(when, { ...op(line), op: 'release' }),
    )
    return [...told, ...ends]
  }

  #fenceOps(lines: readonly Line[]): Ops<FencedLockInput, number | boolean> {
    const op = ({ input }: Line): FencedLockInput =>
      input['op'] === 'write'
        ? { op: 'write', key: String(input['key']), token: Number(input['token']) }
        : {
            op: input['op'] === 'acquire' ? 'acquire' : 'release',
            key: String(input['key']),
            holder: String(input['holder']),
          }
    const told = lines.map((line) =>
      operationOf(
        line,
        op(line),
        typeof line.answer === 'number' || typeof line.answer === 'boolean' ? line.answer : undefined,
      ),
    )
    const ends = this.#holdEnds(lines).map(({ line, ...when }) =>
      endOf<FencedLockInput, number | boolean>(when, {
        op: 'release',
        key: String(line.input['key']),
        holder: String(line.input['holder']),
      }),
    )
    return [...told, ...ends]
  }

  #queueOps(lines: readonly Line[]): Ops<QueueInput, QueueOutput> {
    const isSettled = new Set<unknown>()
    for (const { input, answer } of lines) {
      if ((input['op'] === 'ack' || input['op'] === 'back') && answer === true) isSettled.add(input['taker'])
    }
    const told = lines.flatMap((line) => {
      const answer = queueAnswer(line)
      const input = queueInput(line)
      return input === undefined ? [] : [operationOf(line, input, answer)]
    })
    const ends = lines
      .filter(({ input, answer }) => input['op'] === 'take' && answer !== null && !isSettled.has(input['taker']))
      .map((line) =>
        endOf<QueueInput, QueueOutput>(this.#endOf(line.session, line.call, line.answer !== undefined), {
          op: 'back',
          key: 'q',
          taker: String(line.input['taker']),
        }),
      )
    return [...told, ...ends]
  }

  /** O8: what was put for sure has been taken and acknowledged by the end, or nobody knows whether it was. */
  #nothingLost(what: string, lines: readonly Line[]): void {
    const done = new Set(
      lines.filter(({ input, answer }) => input['op'] === 'ack' && answer !== false).map(({ input }) => input['item']),
    )
    for (const { input, answer } of lines) {
      if (input['op'] === 'put' && answer === true && !done.has(input['item'])) {
        this.violations.push(`O8: the ${what} lost the item ${String(input['item'])}, whose put was acknowledged`)
      }
    }
  }

  #treeOps(lines: readonly Line[]): Ops<NodeInput, NodeOutput> {
    const owned = new Map<string, { call: number; return: number; readonly input: NodeInput }>()
    const told = lines.flatMap((line) => {
      const { input, answer, session } = line
      if (input['op'] === 'create' && input['owner'] !== undefined && answer !== 'exists') {
        const key = String(input['key'])
        const when = this.#endOf(session, line.call, answer !== undefined)
        const known = owned.get(`${key} ${session}`)
        const ends = { ...when, input: { op: 'end', key, owner: session } as const }
        if (known === undefined || when.call < known.call) owned.set(`${key} ${session}`, ends)
      }
      const op = nodeInput(input)
      return op === undefined ? [] : [operationOf(line, op, nodeOutput(answer))]
    })
    const ends = [...owned.values()].map(({ input, ...when }) => endOf<NodeInput, NodeOutput>(when, input))
    return [...told, ...ends]
  }

  /** O7: nothing that a lock protects was written in another order than that of the tokens, and no write was lost. */
  fence(path: string): void {
    const fence = new Fence(path)
    const last = new Map<string, { token: number; value: number }>()
    for (const { key, token, value } of fence.writes()) {
      const before = last.get(key) ?? { token: -1, value: 0 }
      if (token < before.token || value !== before.value + 1) {
        this.violations.push(
          `O7: what the lock ${key} protects was written as ${value} with token ${token} behind ${before.value} with `
            + `token ${before.token}`,
        )
      }
      last.set(key, { token, value })
    }
    fence.close()
  }

  /** O5: no end of a session is decided while its client counts on it; and those of who is killed come soon. */
  sessions(): void {
    const { facts, isFinished } = this.#to
    for (const session of facts.sessions.values()) {
      if (session.aliveAt > session.endAt) {
        this.violations.push(
          `O5: session ${session.name} was counted on by its client ${msOf(session.aliveAt - session.endAt)} ms after `
            + `its end at ${session.endPosition}, by epoch ${session.endEpoch}, was seen`,
        )
      }
      if (isFinished && session.endAt === Infinity && isLoadSession(session.name)) {
        this.violations.push(`O5: session ${session.name} at ${session.position} has never ended`)
      }
    }
    for (const { client, at } of facts.kills) {
      for (const session of facts.liveOf(client, at)) this.#endsSoon(session, at)
    }
  }

  #endsSoon(session: SessionFact, at: number): void {
    const until = at + (session.timeoutMs + FAILOVER_MS + LATE_MS) * 1e6
    if (session.endAt <= until) return
    const isDisturbed = this.#to.faults.some(
      ({ kind, fromNs, toNs }) => kind !== 'kill-client' && fromNs < until && toNs > at,
    )
    if (isDisturbed) return
    this.violations.push(
      `O5: session ${session.name} with a timeout of ${session.timeoutMs} ms ended `
        + `${msOf(session.endAt - at)} ms after its client was killed`,
    )
  }
}

const msOf = (ns: number): number => Math.round(ns / 1e6)
const falseOr = (answer: unknown): boolean | undefined => (answer === false ? false : undefined)

const operationOf = <I, O>(
  { call, returned, place }: Line,
  input: I,
  answer: O | undefined,
): Operation<I, Placed<O>> => ({
  client: 0,
  call,
  return: returned,
  input,
  output: returned === Infinity ? undefined : { answer, place },
})

const endOf = <I, O>(when: { readonly call: number; readonly return: number }, input: I): Operation<I, Placed<O>> => ({
  client: 0,
  ...when,
  input,
  output: undefined,
})

function partitionOf<S, I, O>(
  model: Model<S, I, O>,
): (history: readonly Operation<I, Placed<O>>[]) => Operation<I, Placed<O>>[][] {
  const untold = (one: Operation<I, Placed<O>>): Operation<I, O> => ({ ...one, output: undefined })
  return (history) => {
    // A model parts a history by inputs alone, so outputs need not be its own here.
    const bare = new Map(history.map((one) => [untold(one), one] as const))
    return (model.partition?.([...bare.keys()]) ?? [[...bare.keys()]]).map((part) =>
      part.flatMap((one) => bare.get(one) ?? []),
    )
  }
}

function queueInput({ input }: Line): QueueInput | undefined {
  const [taker, item] = [String(input['taker']), String(input['item'])]
  switch (input['op']) {
    case 'put':
      return { op: 'put', key: 'q', item }
    case 'take':
      return { op: 'take', key: 'q', taker }
    case 'ack':
      return { op: 'ack', key: 'q', taker, item }
    case 'back':
      return { op: 'back', key: 'q', taker, item }
    default:
      return undefined
  }
}

const queueAnswer = ({ answer }: Line): QueueOutput | undefined =>
  answer === null || typeof answer === 'string' || typeof answer === 'boolean' ? answer : undefined

function nodeInput(input: Readonly<Record<string, unknown>>): NodeInput | undefined {
  const key = String(input['key'])
  const value = String(input['value'])
  const version = typeof input['version'] === 'number' ? { version: input['version'] } : {}
  switch (input['op']) {
    case 'create':
      return { op: 'create', key, value, ...(typeof input['owner'] === 'string' ? { owner: input['owner'] } : {}) }
    case 'set':
      return { op: 'set', key, value, ...version }
    case 'delete':
      return { op: 'delete', key, ...version }
    case 'read':
      return { op: 'read', key }
    default:
      return undefined
  }
}

function nodeOutput(answer: unknown): NodeOutput | undefined {
  if (answer === null || typeof answer === 'number') return answer
  if (answer === 'exists' || answer === 'absent' || answer === 'version') return answer
  if (typeof answer !== 'object' || !('value' in answer) || !('version' in answer)) return undefined
  return { value: String(answer.value), version: Number(answer.version) }
}

function txnOp(line: Line): Ops<TransactionInput, TransactionOutput> {
  const { input, answer } = line
  if (!Array.isArray(input)) return []
  const steps: TransactionInput = input
  if (answer === 'refused') return [operationOf(line, steps, 'refused')]
  const told: readonly (number | undefined)[] | undefined = Array.isArray(answer)
    ? steps.map((_step, nth): number | undefined => (typeof answer[nth] === 'number' ? answer[nth] : undefined))
    : undefined
  return [operationOf(line, steps, told)]
}

function linesOf(path: string): Line[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8').trimEnd().split('\n').map(lineOf)
}

function lineOf(line: string): Line {
  const [, call, returned, , inputText = '', toldText = '-'] = line.split(' ')
  const input: unknown = JSON.parse(inputText)
  const told: unknown = toldText === '-' ? [] : JSON.parse(toldText)
  const [answer, place]: readonly unknown[] = Array.isArray(told) ? told : []
  const known = isRecord(input) ? input : {}
  return {
    call: Number(call),
    returned: instantOf(returned),
    input: known,
    answer,
    place: typeof place === 'number' ? place : undefined,
    session: typeof known['session'] === 'string' ? known['session'] : '',
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null
