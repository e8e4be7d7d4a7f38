/**
 * Queues whose items are taken, and then acknowledged or given back: first in, first out, or in any order (a bag).
 *
 *     put ──▶ ready ── take ──▶ taken ── ack ──▶ gone
 *               ▲                 └ back: at its old place
 *
 * A taker is a name for one take. What a take holds may come back by itself (its session ends, its caller gives up):
 * that is told by one more operation `back` without an item, called when it may happen, returned when it is known to
 * have happened.
 *
 * Keeps: the H side of O8.
 */

import type { Model } from '../linearizability.ts'
import { unreachable } from './unreachable.ts'

/** What is put; two equal items are two. */
export type QueueItem = string | number

/**
 * An operation on one of many queues. A take answers an item, or null where none is ready; an acknowledgement whether
 * that taker held the item, and so does a `back` of an item. What a put answers is not looked at.
 */
export type QueueInput = Readonly<
  | { op: 'put'; key: string; item: QueueItem }
  | { op: 'take'; key: string; taker: string | number }
  | { op: 'ack'; key: string; taker: string | number; item: QueueItem }
  | { op: 'back'; key: string; taker: string | number; item?: QueueItem | undefined }
>
export type QueueOutput = QueueItem | boolean | null

/** Items in the order of their puts, each with who has taken it; null: it is ready. */
type Items = readonly (readonly [item: QueueItem, taker: string | number | null])[]

/** Queues by key: a take gets the first item that is ready. */
export const queueModel: Model<Items, QueueInput, QueueOutput> = {
  initial: () => [],
  step: (state, input, output) => after(state, input, output, firstReady)[0],
  key: (state) => JSON.stringify(state),
  observes: isObservation,
  partition: byKey,
}

/**
 * Bags by key: a take gets any item that is ready. Which one an unknown take got is not known, so a state is all the
 * contents that there may be.
 */
export const bagModel: Model<readonly Items[], QueueInput, QueueOutput> = {
  initial: () => [[]],
  step(states, input, output) {
    const next = states.flatMap((state) => after(state, input, output, anyReady).map(sorted))
    const apart = [...new Map(next.map((state) => [JSON.stringify(state), state])).values()]
    return apart.length > 0 ? apart : undefined
  },
  key: (states) =>
    states
      .map((state) => JSON.stringify(state))
      .sort()
      .join(),
  partition: byKey,
}

function isObservation({ op }: QueueInput, output: QueueOutput): boolean {
  return op === 'take' ? output === null : op !== 'put' && output === false
}

function byKey<O extends { readonly input: QueueInput }>(history: readonly O[]): O[][] {
  return [...Map.groupBy(history, ({ input }) => input.key).values()]
}

const sorted = (state: Items): Items => state.toSorted((left, right) => (textOf(left) < textOf(right) ? -1 : 1))
const textOf = (one: unknown): string => JSON.stringify(one)

/** Which items a take may get, by their places. */
type Pick = (state: Items) => number[]
const anyReady: Pick = (state) => state.flatMap(([, taker], at) => (taker === null ? [at] : []))
const firstReady: Pick = (state) => anyReady(state).slice(0, 1)

/** All states that there may be after the operation; none: its output is not legal. */
function after(state: Items, input: QueueInput, output: QueueOutput | undefined, pick: Pick): Items[] {
  switch (input.op) {
    case 'put':
      return [[...state, [input.item, null]]]
    case 'take':
      return taken(state, input.taker, output, pick(state))
    case 'ack': {
      const at = state.findIndex(([item, taker]) => item === input.item && taker === input.taker)
      if (output !== undefined && output !== at >= 0) return []
      return [at < 0 ? state : state.toSpliced(at, 1)]
    }
    case 'back': {
      const isIts = ([item, taker]: Items[number]): boolean =>
        taker === input.taker && (input.item === undefined || input.item === item)
      if (output !== undefined && output !== state.some(isIts)) return []
      return [state.map((one) => (isIts(one) ? [one[0], null] : one))]
    }
    default:
      return unreachable(input)
  }
}

function taken(
  state: Items,
  taker: string | number,
  output: QueueOutput | undefined,
  ready: readonly number[],
): Items[] {
  if (ready.length === 0) return output === null || output === undefined ? [state] : []
  return ready.flatMap((at) => {
    const [item = null] = state[at] ?? []
    return item !== null && (output === undefined || output === item) ? [state.with(at, [item, taker])] : []
  })
}
