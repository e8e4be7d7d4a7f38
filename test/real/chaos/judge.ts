/**
 * The judge of a run: every window of the history goes to the log's checker, every round of a counter to the search
 * for an order, and every acknowledged append must have been read.
 *
 * Windows of positions are judged one by one, from the lowest, and nothing is lost by it. What a position holds is a
 * matter of its window, but for an append of unknown fate, which goes along to each window whose reads found it, with
 * the read that found it first. Real time (L7) is broken between windows only by an operation of a lower one that was
 * called after one of a higher had returned; of the lower ones the latest call is the one to break it first, so that
 * operation goes along too.
 *
 *     window 0        window 1        window 2
 *     latest call ──> latest call ──>            trims: in all of them
 *
 * A part of a stream must hold every append to that stream in [from, to) that was acknowledged before the part was
 * asked for. Keeps: the H side of L1, L2, L4, L7, L8, Q4, O9. Read next: `../../../testing/models.ts`,
 * `history-files.ts`.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkLinearizable, type Operation } from '../../../testing/linearizability.ts'
import {
  checkLogHistory,
  counterModel,
  type CounterInput,
  type LogOperation,
  type LogReading,
} from '../../../testing/models.ts'
import type { HistoryFiles } from './history-files.ts'
import { instantOf } from './history.ts'

/** What was found. `undecided` are counters whose history was too tangled to be decided. */
export interface Judgement {
  readonly violations: readonly string[]
  readonly missing: number
  readonly undecided: number
}

/** Violations that are told in words. */
const TOLD_MAX = 20

/**
 * Judges a history that is on disk. Where reading back did not come to its end, what nobody has read is not missing.
 */
export function judge(history: HistoryFiles, { isReadBack }: { readonly isReadBack: boolean }): Judgement {
  const judging = new Judging(history, isReadBack)
  for (let window = 0; window < history.windows; window++) judging.window(window)
  for (const round of history.rounds) judging.counter(round)
  return judging
}

/** An append that was acknowledged. */
interface Acknowledged {
  readonly value: string
  readonly stream: string
  readonly returned: number
}
/** A part of a stream as it was read. */
interface Part {
  readonly call: number
  readonly returned: number
  readonly stream: string
  readonly from: number
  readonly to: number
  readonly found: ReadonlyMap<number, string>
}

class Judging implements Judgement {
  readonly violations: string[] = []
  missing = 0
  undecided = 0
  readonly #folder: string
  readonly #isReadBack: boolean
  readonly #unknown: ReadonlyMap<string, LogOperation>
  readonly #trims: readonly LogOperation[]
  /** Where a value of unknown fate was read first. */
  readonly #foundAt = new Map<string, LogOperation>()
  /** Of the operations that have a place in the order of tails, the one called last; with the read that found it. */
  #latest: readonly LogOperation[] = []

  constructor({ folder, unknown, trims }: HistoryFiles, isReadBack: boolean) {
    this.#folder = folder
    this.#isReadBack = isReadBack
    this.#unknown = new Map(
      unknown.map((line) => {
        const [, call, , value = ''] = line.split(' ')
        return [
          value,
          { client: 0, call: Number(call), return: Infinity, input: { op: 'append', value }, output: undefined },
        ]
      }),
    )
    this.#trims = trims.map((line) => {
      const [, call, returned, before] = line.split(' ')
      return {
        client: 0,
        call: Number(call),
        return: instantOf(returned),
        input: { op: 'trim', before: Number(before) },
        output: undefined,
      }
    })
  }

  window(window: number): void {
    const operations: LogOperation[] = []
    const acknowledged = new Map<number, Acknowledged>()
    const parts: Part[] = []
    for (const line of linesOf(join(this.#folder, `window-${window}`))) readLine(line, operations, acknowledged, parts)
    for (const { call, returned, found } of parts) {
      for (const [position, value] of found) operations.push(readOf(call, returned, position, { kind: 'data', value }))
    }
    const carried = this.#latest
    const others = this.#othersOf(operations)
    this.#latest = this.#latestOf([...carried, ...operations, ...others])
    this.#check([...operations, ...others, ...carried.filter((one) => !others.includes(one)), ...this.#trims])
    this.#checkParts(acknowledged, parts)
    if (this.#isReadBack) this.#checkRead(acknowledged, operations)
  }

  /**
   * Appends that reads of this window found and no line of it acknowledges: of unknown fate, or of the objects
   * themselves.
   */
  #othersOf(operations: readonly LogOperation[]): LogOperation[] {
    const known = new Set(operations.flatMap(({ input }) => (input.op === 'append' ? [input.value] : [])))
    const others = new Map<string, readonly LogOperation[]>()
    for (const operation of operations) {
      const { output } = operation
      if (typeof output !== 'object' || output.kind !== 'data' || known.has(output.value)) continue
      const value = String(output.value)
      if (others.has(value)) continue
      const append = this.#unknown.get(value) ?? foreign(value)
      if (append === undefined) continue
      const first = this.#foundAt.get(value)
      if (first === undefined && this.#unknown.has(value)) this.#foundAt.set(value, operation)
      others.set(value, first === undefined ? [append] : [append, first])
    }
    return [...others.values()].flat()
  }

  #latestOf(operations: readonly LogOperation[]): readonly LogOperation[] {
    let latest: readonly LogOperation[] = []
    for (const one of operations) {
      if ((one.input.op !== 'tail' && one.input.op !== 'append') || one.call <= (latest[0]?.call ?? 0)) continue
      const found =
        one.return === Infinity && one.input.op === 'append' ? this.#foundAt.get(String(one.input.value)) : undefined
      if (one.return !== Infinity) latest = [one]
      else if (found !== undefined) latest = [one, found]
    }
    return latest
  }

  #check(operations: readonly LogOperation[]): void {
    const verdict = checkLogHistory(operations.map((operation, client) => ({ ...operation, client })))
    if (verdict.kind === 'violation') this.#tell(verdict.message)
  }

  #checkParts(acknowledged: ReadonlyMap<number, Acknowledged>, parts: readonly Part[]): void {
    const byStream = Map.groupBy(
      [...acknowledged].toSorted(([left], [right]) => left - right),
      ([, { stream }]) => stream,
    )
    const positionsOf = new Map(
      [...byStream].map(([stream, all]) => [stream, Float64Array.from(all, ([position]) => position)]),
    )
    for (const { call, stream, from, to, found } of parts) {
      const positions = positionsOf.get(stream) ?? new Float64Array()
      for (let i = lowestFrom(positions, from); (positions[i] ?? to) < to; i++) {
        const position = positions[i] ?? 0
        if ((acknowledged.get(position)?.returned ?? Infinity) < call && !found.has(position)) {
          this.#tell(
            `Q4: stream ${stream} read in [${from}, ${to}) at ${call} lacks position ${position}, acknowledged before`,
          )
        }
      }
    }
  }

  /** The keeper reads every position once, later or sooner: an append that nobody read is lost. */
  #checkRead(acknowledged: ReadonlyMap<number, Acknowledged>, operations: readonly LogOperation[]): void {
    const read = new Set(
      operations.flatMap(({ input, output }) =>
        input.op === 'read' && typeof output === 'object' && output.kind === 'data' ? [input.position] : [],
      ),
    )
    for (const [position, { value }] of acknowledged) {
      if (read.has(position)) continue
      this.missing++
      this.#tell(`L2: nobody found value ${value}, acknowledged at position ${position}`)
    }
  }

  counter(round: number): void {
    const operations: Operation<CounterInput, number>[] = []
    for (const [client, line] of linesOf(join(this.#folder, `count-${round}`)).entries()) {
      const [, call, returned, , by, answer] = line.split(' ')
      const input: CounterInput = by === '0' ? { op: 'read' } : { op: 'add', amount: Number(by) }
      operations.push({
        client,
        call: Number(call),
        return: instantOf(returned),
        input,
        output: answer === '-' ? undefined : Number(answer),
      })
    }
    const verdict = checkLinearizable(counterModel, operations)
    if (verdict.kind === 'undecided') this.undecided++
    if (verdict.kind === 'violation') {
      this.#tell(
        `O9: no order explains the counter of round ${round}; one of these had to come next: `
          + JSON.stringify(verdict.blocked),
      )
    }
  }

  #tell(what: string): void {
    this.violations.push(this.violations.length < TOLD_MAX ? what : (what.split(':')[0] ?? what))
  }
}

function readLine(
  line: string,
  operations: LogOperation[],
  acknowledged: Map<number, Acknowledged>,
  parts: Part[],
): void {
  const [kind, callText, returnText, first = '', second = '', third = '', ...more] = line.split(' ')
  const call = Number(callText)
  const returned = Number(returnText)
  switch (kind) {
    case 'append':
      operations.push({
        client: 0,
        call,
        return: returned,
        input: { op: 'append', value: first },
        output: Number(third),
      })
      acknowledged.set(Number(third), { value: first, stream: second, returned })
      return
    case 'read':
      operations.push(
        readOf(
          call,
          returned,
          Number(first),
          second === 'data' ? { kind: second, value: third } : { kind: second === 'junk' ? 'junk' : 'trimmed' },
        ),
      )
      return
    case 'tail':
      operations.push({ client: 0, call, return: returned, input: { op: 'tail' }, output: Number(first) })
      return
    default: {
      const found = new Map<number, string>()
      for (let i = 0; i < more.length; i += 2) found.set(Number(more[i]), more[i + 1] ?? '')
      parts.push({ call, returned, stream: first, from: Number(second), to: Number(third), found })
    }
  }
}

const readOf = (call: number, returned: number, position: number, reading: LogReading): LogOperation => ({
  client: 0,
  call,
  return: returned,
  input: { op: 'read', position },
  output: reading,
})

/** An entry of the objects: appended some time, by a client that keeps no record of it. */
const foreign = (value: string): LogOperation | undefined =>
  value.startsWith('x')
    ? { client: 0, call: 0, return: Infinity, input: { op: 'append', value }, output: undefined }
    : undefined

/** Index of the first of the ascending `positions` that is `from` or higher. */
function lowestFrom(positions: Float64Array, from: number): number {
  let low = 0
  for (let high = positions.length; low < high;) {
    const middle = (low + high) >>> 1
    if ((positions[middle] ?? Infinity) < from) low = middle + 1
    else high = middle
  }
  return low
}

const linesOf = (path: string): string[] => (existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [])
