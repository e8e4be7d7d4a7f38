/**
 * Whether another code of the types comes to the same: a stored log played on two codes side by side, or on one beside
 * the digests that processes have claimed.
 *
 *     entry ─┬ code of today ─┐
 *            └ the other code ┴ same outcome, same digest? ─ no: this entry is the first that differs
 *
 * Keeps: O3. Read next: `history.ts`, `../runtime/claims.ts`.
 */
import { isSameDigest } from '../runtime/claims.ts'
import type { Step } from './history.ts'

/** The first entry at which two codes differ, and how each saw it. */
export interface CodeDifference {
  readonly position: number
  readonly ops: Step['ops']
  readonly base: Seen
  readonly code: Seen
}
/** What an entry came to, and the digest behind it. */
export interface Seen {
  readonly outcome: string
  readonly digest: string
}

/** Plays two codes side by side; `undefined`: they come to the same. `played` hears of each entry. */
export async function firstDifference(
  base: AsyncIterable<Step>,
  code: AsyncIterable<Step>,
  played: (position: number) => void = () => undefined,
): Promise<CodeDifference | undefined> {
  const others = code[Symbol.asyncIterator]()
  for await (const step of base) {
    const next = await others.next()
    if (next.done === true) return undefined
    const { position } = step.entry
    const [one, other] = [seenIn(step), seenIn(next.value)]
    if (one.outcome !== other.outcome || one.digest !== other.digest) {
      await others.return?.()
      return { position, ops: step.ops, base: one, code: other }
    }
    played(position)
  }
  return undefined
}

const seenIn = ({ played: { outcome }, space }: Step): Seen => {
  // What was thrown is for people: its text is the engine's.
  const told = outcome.kind === 'failed' ? { ...outcome, cause: undefined } : outcome
  return { outcome: JSON.stringify(told), digest: space.digest().digest }
}

/** Whether a step carries a digest that some process claims to have had, and whether it is the one here. */
export function claimOf({ played: { claimed }, space }: Step): 'none' | 'same' | 'other' {
  const lanes = claimed && space.lanesAt(claimed.claim.position)
  if (claimed === undefined || lanes === undefined) return 'none'
  return isSameDigest(claimed.claim, lanes) ? 'same' : 'other'
}
