/**
 * The shared log. It has a checker of its own, since its positions say the order that a search would look for.
 *
 * Keeps: the H side of L1, L2, L4, L7, L8.
 */

import { assertHistory } from '../linearizability.ts'
import type { Operation } from '../linearizability.ts'

/**
 * What an append carries. Each append of a history has a value of its own, so that a read says whose entry it found.
 */
export type LogValue = string | number

/** An operation on the log. A trim drops the positions below `before`. */
export type LogInput = Readonly<
  { op: 'append'; value: LogValue } | { op: 'read'; position: number } | { op: 'tail' } | { op: 'trim'; before: number }
>

/** What a position was read as. */
export type LogReading = Readonly<{ kind: 'data'; value: LogValue } | { kind: 'junk' } | { kind: 'trimmed' }>

/** An append answers its position, a read a reading, a tail the first position not granted; a trim answers nothing. */
export type LogOutput = number | LogReading

/** One operation on the log. */
export type LogOperation = Operation<LogInput, LogOutput>

/** `rule` is the id of the broken invariant; `operations` are the few that contradict each other. */
export type LogVerdict = Readonly<
  { kind: 'ok' } | { kind: 'violation'; rule: LogRule; message: string; operations: readonly LogOperation[] }
>

/** The ids of the invariants that a history of the log can break. */
export type LogRule = 'L1' | 'L2' | 'L4' | 'L7' | 'L8'

/**
 * Checks a history of the log, in O(n log n) but for trims, each of which costs a comparison per read at worst.
 *
 * The sequential log behind it is a content by position, and a tail that may grow at any instant by itself:
 *
 *      position   0   1   2   3   4   5 ...
 *      content    a   -   b   junk         append: any p >= tail that is not junk; then tail = p + 1
 *                                 ^ tail   tail: answers t >= tail; then tail = t
 *
 * A read answers the data whose append has that position, or junk, and then no append ever has it. A trim may not pass
 * the tail, so it leaves tail >= before; it reaches units one by one, so while it runs a position below it reads as
 * before or `trimmed`, even by turns; once it returned, only `trimmed`. An operation that never returned may have taken
 * effect or not; a read that finds the value of such an append tells its position.
 *
 * Why this is exact, a search over orders being needless. What a position holds does not depend on the order, and these
 * rules are checked as they stand (L1, L2, L4, and L8 against the calls and returns of trims). Order matters for the
 * tail alone, and positions prescribe it: append p before tail t iff p < t. An order of instants exists iff nothing
 * that had to happen later by position was called and over before: give each operation, in order of positions, the
 * greatest call so far as its instant; that lies before its return unless one with a lower position was called after
 * that return, which L7 forbids pair by pair. A read of data or `trimmed` at p, and a trim, bound tail from below
 * like a return of the append that they imply. An append with an unknown outcome that no read found can be left out.
 *
 * @throws TypeError if the history is malformed, two appends carry one value, or an output does not fit its operation.
 */
export function checkLogHistory(history: readonly LogOperation[]): LogVerdict {
  assertHistory(history)
  const facts = sort(history)
  return checkContents(facts) ?? checkRealTime(facts) ?? checkTrims(facts) ?? { kind: 'ok' }
}

/** An operation with its position: of an append or read, the tail answered, or the `before` of a trim. */
type Placed = { readonly operation: LogOperation; readonly position: number }
type Append = { readonly operation: LogOperation; readonly value: LogValue; position: number | undefined }
type Read = Placed & { readonly reading: LogReading }
type Facts = {
  readonly appends: Map<LogValue, Append>
  readonly reads: Read[]
  readonly tails: Placed[]
  readonly trims: Placed[]
}

function sort(history: readonly LogOperation[]): Facts {
  const facts: Facts = { appends: new Map(), reads: [], tails: [], trims: [] }
  for (const operation of history) {
    const { input, output } = operation
    if (input.op === 'append') {
      if (facts.appends.has(input.value)) throw new TypeError(`Two appends carry the value ${input.value}.`)
      const position = operation.return === Infinity ? undefined : positionIn(output, operation)
      facts.appends.set(input.value, { operation, value: input.value, position })
    } else if (input.op === 'trim') {
      facts.trims.push({ operation, position: positionIn(input.before, operation) })
    } else if (operation.return === Infinity) {
      continue
    } else if (input.op === 'tail') {
      facts.tails.push({ operation, position: positionIn(output, operation) })
    } else {
      if (typeof output !== 'object') throw new TypeError(`${told(operation)} is not a reading.`)
      facts.reads.push({ operation, position: positionIn(input.position, operation), reading: output })
    }
  }
  return facts
}

function positionIn(value: LogOutput | undefined, operation: LogOperation): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new TypeError(`${told(operation)} has no position, which is a safe integer from 0.`)
  }
  return value
}

/**
 * L1, L2, L4: what each position holds, whatever the order. Notes the positions of unknown appends that reads found.
 */
function checkContents({ appends, reads }: Facts): LogVerdict | undefined {
  const appendAt = new Map<number, LogOperation>()
  for (const { operation, position } of appends.values()) {
    if (position === undefined) continue
    const other = appendAt.get(position)
    if (other !== undefined) return violation('L1', 'two appends answered one position', other, operation)
    appendAt.set(position, operation)
  }
  const readAt = new Map<number, Read>()
  for (const read of reads) {
    const { reading, position, operation } = read
    if (reading.kind === 'trimmed') continue
    const before = readAt.get(position)
    if (before !== undefined && contentOf(before.reading) !== contentOf(reading)) {
      return violation('L4', 'a position was read in two ways', before.operation, operation)
    }
    readAt.set(position, read)
    const acknowledged = appendAt.get(position)
    const append = reading.kind === 'data' ? appends.get(reading.value) : undefined
    if (acknowledged !== undefined && acknowledged !== append?.operation) {
      return violation('L2', 'a position does not hold what was appended there', acknowledged, operation)
    }
    if (reading.kind === 'junk') continue
    if (append === undefined) return violation('L4', 'a read found what nobody appended', operation)
    if (append.position !== undefined && append.position !== position) {
      return violation('L1', 'one append is at two positions', append.operation, operation)
    }
    append.position = position
    appendAt.set(position, append.operation)
  }
  return undefined
}

/**
 * L7: sweeps the calls in order of time beside the returns, and keeps the lowest tail that the returns before a call
 * allow.
 *
 *      returns   append 3 --> 4        tail 9 --> 9
 *      calls              p >= 4                  p >= 9
 */
function checkRealTime({ appends, reads, tails, trims }: Facts): LogVerdict | undefined {
  const found = [...appends.values()].filter((append): append is Append & Placed => append.position !== undefined)
  const seen = reads.filter(({ reading }) => reading.kind !== 'junk')
  // A read found p, so p is taken: this also forbids that the append found was called only after the read.
  const taken = [...found, ...seen].map(({ operation, position }) => ({ operation, position: position + 1 }))
  const bounds = [...taken, ...tails, ...trims].toSorted(
    (left, right) => left.operation.return - right.operation.return,
  )
  let next = 0
  let highest: Placed | undefined
  for (const later of [...found, ...tails].toSorted((left, right) => left.operation.call - right.operation.call)) {
    const { call } = later.operation
    for (let bound = bounds[next]; bound !== undefined && bound.operation.return < call; bound = bounds[next]) {
      if (highest === undefined || bound.position > highest.position) highest = bound
      next += 1
    }
    if (highest !== undefined && later.position < highest.position) {
      return violation(
        'L7',
        `called when the tail was at least ${highest.position}`,
        highest.operation,
        later.operation,
      )
    }
  }
  return undefined
}

/** L8: `trimmed` needs a trim called before the read returned; a trim over before the read was called demands it. */
function checkTrims({ reads, trims }: Facts): LogVerdict | undefined {
  const calls = trims.toSorted((left, right) => left.operation.call - right.operation.call)
  const returns = trims.toSorted((left, right) => left.operation.return - right.operation.return)
  for (const { operation, position, reading } of reads) {
    if (reading.kind === 'trimmed') {
      const cause = calls.find((trim) => trim.position > position)
      if (cause === undefined || cause.operation.call > operation.return) {
        return violation('L8', 'a read answered trimmed without a trim', operation)
      }
      continue
    }
    const trim = returns.find((candidate) => candidate.position > position)
    if (trim !== undefined && trim.operation.return < operation.call) {
      return violation('L8', 'a read found what was trimmed before', trim.operation, operation)
    }
  }
  return undefined
}

function contentOf(reading: LogReading): LogValue | undefined {
  return reading.kind === 'data' ? reading.value : undefined
}

function violation(rule: LogRule, why: string, ...operations: LogOperation[]): LogVerdict {
  return { kind: 'violation', rule, message: `${rule}: ${why}: ${operations.map(told).join('; ')}`, operations }
}

function told({ client, call, return: returned, input, output }: LogOperation): string {
  return `client ${client} [${call}, ${returned}] ${JSON.stringify(input)} -> ${JSON.stringify(output)}`
}
