/**
 * Locks: at most one holder at a time, and tokens that fence whoever thinks that he is one still.
 *
 * A holder is a name for one hold: who acquires again does so under another name. A hold that may end by itself (its
 * session ends, its caller gives up waiting) is told by one more operation `release` without an output: called when
 * the hold may be over, returned when it is known to be.
 *
 * Keeps: the H side of O7.
 */

import type { Model } from '../linearizability.ts'
import { unreachable } from './unreachable.ts'

/** Names one hold. */
export type Holder = string | number

/**
 * An operation on one of many locks. An acquire answers true, or false where it would have had to wait; a release
 * whether the lock was held by that holder.
 */
export type LockInput = Readonly<{ op: 'acquire' | 'release'; key: string; holder: Holder }>

/** Locks by key. The state is the holder of one of them; null: it is free. */
export const lockModel: Model<Holder | null, LockInput, boolean> = {
  initial: () => null,
  step(state, { op, holder }, output) {
    const done = op === 'acquire' ? state === null : state === holder
    if (output !== undefined && output !== done) return undefined
    if (!done) return state
    return op === 'acquire' ? holder : null
  },
  key: (state) => JSON.stringify(state),
  observes: (_input, output) => !output,
  partition: (history) => [...Map.groupBy(history, ({ input }) => input.key).values()],
}

/** An operation on a lock with tokens, or on what it protects: `write` with the token of a hold. */
export type FencedLockInput = Readonly<
  { op: 'acquire' | 'release'; key: string; holder: Holder } | { op: 'write'; key: string; token: number }
>

/**
 * A lock and what it protects. `token`: no grant so far had a higher one; `seen`: the highest that a write showed.
 */
export type FencedLockState = Readonly<{ holder: Holder | null; token: number; seen: number }>

/**
 * Locks with tokens, by key. An acquire answers its token, an integer above those of all grants before it, or false; a
 * write answers false if a write before it showed a higher token.
 */
export const fencedLockModel: Model<FencedLockState, FencedLockInput, number | boolean> = {
  initial: () => ({ holder: null, token: -1, seen: -1 }),
  step(state, input, output) {
    switch (input.op) {
      case 'acquire':
        return acquired(state, input.holder, output)
      case 'release': {
        const held = state.holder === input.holder
        if (output !== undefined && output !== held) return undefined
        return held ? { ...state, holder: null } : state
      }
      case 'write': {
        const passes = input.token >= state.seen
        if (output !== undefined && output !== passes) return undefined
        return passes ? { ...state, seen: input.token } : state
      }
      default:
        return unreachable(input)
    }
  },
  key: ({ holder, token, seen }) => JSON.stringify([holder, token, seen]),
  observes: (_input, output) => output === false,
  partition: (history) => [...Map.groupBy(history, ({ input }) => input.key).values()],
}

/** The token of a grant that nobody was told is at least the next one. */
function acquired(
  state: FencedLockState,
  holder: Holder,
  output: number | boolean | undefined,
): FencedLockState | undefined {
  const free = state.holder === null
  if (output === false) return free ? undefined : state
  if (output === undefined) return free ? { ...state, holder, token: state.token + 1 } : state
  return free && typeof output === 'number' && output > state.token ? { ...state, holder, token: output } : undefined
}
