/**
 * Registers with versions that come and go, such as the nodes of a tree: created, changed in a version, deleted, and
 * gone with their owner.
 *
 * Keeps: the H side of O1, and of O5 for what a session owns.
 */

import type { Model } from '../linearizability.ts'
import type { RegisterValue } from './register.ts'
import { unreachable } from './unreachable.ts'

/**
 * An operation on one of many nodes. A set or delete with a `version` asks for that version, without one for any. `end`
 * takes the node away if it is owned by `owner`; what it answers is not looked at.
 */
export type NodeInput = Readonly<
  | { op: 'create'; key: string; value: RegisterValue; owner?: string | number }
  | { op: 'set'; key: string; value: RegisterValue; version?: number }
  | { op: 'delete'; key: string; version?: number }
  | { op: 'read'; key: string }
  | { op: 'end'; key: string; owner: string | number }
>

/**
 * What an operation answers: the version that there is then (-1: no node), a refusal, or what was read, null where
 * there is none.
 */
export type NodeOutput =
  | number
  | 'exists'
  | 'absent'
  | 'version'
  | Readonly<{ value: RegisterValue; version: number }>
  | null

/** One node; null: there is none. */
export type NodeState = Readonly<{ value: RegisterValue; version: number; owner?: string | number | undefined }> | null

/** Nodes by key: no operation touches two, so each key is checked alone. */
export const nodeModel: Model<NodeState, NodeInput, NodeOutput> = {
  initial: () => null,
  step(state, input, output) {
    if (input.op === 'read') return isRead(state, output) ? state : undefined
    if (input.op === 'end') return state?.owner === input.owner ? null : state
    const [answer, next] = changed(state, input)
    return output === undefined || output === answer ? next : undefined
  },
  key: (state) => JSON.stringify(state === null ? null : [state.value, state.version, state.owner]),
  observes: ({ op }, output) => op === 'read' || output === 'exists' || output === 'absent' || output === 'version',
  partition: (history) => [...Map.groupBy(history, ({ input }) => input.key).values()],
}

type Change = Exclude<NodeInput, { op: 'read' | 'end' }>

function changed(state: NodeState, input: Change): readonly [answer: NodeOutput, next: NodeState] {
  if (input.op === 'create') {
    const { value, owner } = input
    return state === null ? [0, { value, version: 0, owner }] : ['exists', state]
  }
  if (state === null) return ['absent', null]
  if (input.version !== undefined && input.version !== state.version) return ['version', state]
  switch (input.op) {
    case 'set':
      return [state.version + 1, { ...state, value: input.value, version: state.version + 1 }]
    case 'delete':
      return [-1, null]
    default:
      return unreachable(input)
  }
}

function isRead(state: NodeState, output: NodeOutput | undefined): boolean {
  if (output === undefined) return true
  if (state === null || output === null) return state === output
  return typeof output === 'object' && output.value === state.value && output.version === state.version
}
