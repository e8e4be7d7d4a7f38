/**
 * Registers and a counter: what one operation at a time reads and writes.
 *
 * Keeps: the H side of O1 (register), O9 (counter). Read next: `node.ts` (registers with versions), `transaction.ts`
 * (several at once).
 */

import type { Model } from '../linearizability.ts'
import { unreachable } from './unreachable.ts'

/** What a register holds; null before the first write. */
export type RegisterValue = string | number | boolean | null

/** An operation on one of many registers. */
export type RegisterInput = Readonly<
  | { op: 'read'; key: string }
  | { op: 'write'; key: string; value: RegisterValue }
  | { op: 'compareAndSet'; key: string; expected: RegisterValue; value: RegisterValue }
>

/** A read answers the value, a compare-and-set whether it was done; what a write answers is not looked at. */
export type RegisterOutput = RegisterValue

/** Registers by key. The state is the value of one of them: no operation touches two, so each key is checked alone. */
export const registerModel: Model<RegisterValue, RegisterInput, RegisterOutput> = {
  initial: () => null,
  step(state, input, output) {
    switch (input.op) {
      case 'read':
        return output === undefined || output === state ? state : undefined
      case 'write':
        return input.value
      case 'compareAndSet': {
        const done = state === input.expected
        if (output !== undefined && output !== done) return undefined
        return done ? input.value : state
      }
      default:
        return unreachable(input)
    }
  },
  key: (state) => JSON.stringify(state),
  observes: ({ op }, output) => op === 'read' || (op === 'compareAndSet' && output === false),
  partition: (history) => [...Map.groupBy(history, ({ input }) => input.key).values()],
}

/** An operation on the one counter. */
export type CounterInput = Readonly<{ op: 'add'; amount: number } | { op: 'read' }>

/** A counter from 0: an add answers the value after it (or nothing, if the caller was not told), a read the value. */
export const counterModel: Model<number, CounterInput, number> = {
  initial: () => 0,
  step(state, input, output) {
    const next = input.op === 'add' ? state + input.amount : state
    return output === undefined || output === next ? next : undefined
  },
  key: String,
  observes: ({ op }) => op === 'read',
  // Adds of one amount are alike; without this, twenty unknown adds of 1 would be a million cases.
  twins: (left, right) => left.op === 'add' && right.op === 'add' && left.amount === right.amount,
}
