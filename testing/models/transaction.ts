/**
 * Transactions over several registers: each reads and writes all of them at one instant, or none.
 *
 * A history that this explains is strictly serializable. Keeps: the H side of O2.
 */

import type { Model, Operation } from '../linearizability.ts'
import type { RegisterValue } from './register.ts'
import { unreachable } from './unreachable.ts'

/**
 * A step of a transaction; steps are done in order, and see what those before them wrote. A register that does not hold
 * what is expected refuses the whole. Adds count from 0 where there is no number.
 */
export type TransactionStep = Readonly<
  | { op: 'read'; key: string }
  | { op: 'write'; key: string; value: RegisterValue }
  | { op: 'add'; key: string; by: number }
  | { op: 'expect'; key: string; value: RegisterValue }
>

/** A transaction. One without any `expect` is never refused. */
export type TransactionInput = readonly TransactionStep[]

/** What each step answers: a read the value, an add the value after it, others nothing; undefined: nobody was told. */
export type TransactionOutput = readonly (RegisterValue | undefined)[] | 'refused'

type Registers = ReadonlyMap<string, RegisterValue>

/** Registers by key, all of them with `initial` before the first write. */
export const transactionModel = (
  initial: RegisterValue = null,
): Model<Registers, TransactionInput, TransactionOutput> => ({
  initial: () => new Map(),
  step(state, input, output) {
    const next = new Map(state)
    for (const [nth, step] of input.entries()) {
      const held = next.has(step.key) ? (next.get(step.key) ?? null) : initial
      const told = output === 'refused' ? undefined : output?.[nth]
      if (step.op === 'expect') {
        if (held === step.value) continue
        return output === undefined || output === 'refused' ? state : undefined
      }
      const value = valueAfter(held, step)
      if (step.op !== 'write' && told !== undefined && told !== value) return undefined
      if (step.op !== 'read') next.set(step.key, value)
    }
    return output === 'refused' ? undefined : next
  },
  key: (state) => JSON.stringify([...state].sort(([left], [right]) => (left < right ? -1 : 1))),
  observes: (input, output) => output === 'refused' || input.every(({ op }) => op === 'read' || op === 'expect'),
  partition: byConnectedKeys,
})

function valueAfter(held: RegisterValue, step: Exclude<TransactionStep, { op: 'expect' }>): RegisterValue {
  switch (step.op) {
    case 'read':
      return held
    case 'write':
      return step.value
    case 'add':
      return (typeof held === 'number' ? held : 0) + step.by
    default:
      return unreachable(step)
  }
}

/** Transactions that share no register, not by way of others either, do not influence each other. */
function byConnectedKeys<O>(history: readonly Operation<TransactionInput, O>[]): Operation<TransactionInput, O>[][] {
  const above = new Map<string, string>()
  const rootOf = (key: string): string => {
    let root = key
    for (let next = above.get(root); next !== undefined; next = above.get(root)) root = next
    return root
  }
  for (const { input } of history) {
    const [first, ...others] = input.map(({ key }) => rootOf(key))
    for (const other of others) {
      const [from, to] = [rootOf(other), rootOf(first ?? other)]
      if (from !== to) above.set(from, to)
    }
  }
  return [...Map.groupBy(history, ({ input: [step] }) => rootOf(step?.key ?? '')).values()]
}
