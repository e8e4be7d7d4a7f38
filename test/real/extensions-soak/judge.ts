/**
 * The judge of a run: equal positions, equal fuel and equal digests, in every process that has played them (E3, O3).
 *
 * A pure function of what the processes have said. Read next: `judge.test.ts` (what it finds), `fuel-buckets.ts`.
 */
import { BUCKET, type FuelBucket } from './fuel-buckets.ts'

/** What a process says of a bucket that it has played whole. */
export interface BucketFact extends FuelBucket {
  readonly process: number
}
/** What a process says of its state at a position. */
export interface DigestFact {
  readonly process: number
  readonly position: number
  readonly digest: string
}

/** All that was said. `witness`: the process that played everything from the start, at the end. */
export interface Facts {
  readonly buckets: readonly BucketFact[]
  readonly digests: readonly DigestFact[]
  readonly witness?: number | undefined
}

/** What came of it. `buckets` and `digests` count comparisons of two processes. */
export interface Verdict {
  readonly buckets: number
  readonly digests: number
  readonly violations: readonly string[]
}

/** One thing that a process says of some positions. */
interface Voice {
  readonly process: number
  readonly of: string
  readonly says: string
}

/** Compares what was said of the same positions. */
export function judge({ buckets, digests, witness }: Facts): Verdict {
  const ofBuckets = compared(buckets.map(bucketVoice))
  const ofDigests = compared(digests.map(digestVoice))
  const unseen = witness === undefined ? [] : unseenBy(witness, buckets)
  return {
    buckets: ofBuckets.comparisons,
    digests: ofDigests.comparisons,
    violations: [...ofBuckets.violations, ...ofDigests.violations, ...unseen],
  }
}

const bucketVoice = ({ process, after, from, to, fuel, entries }: BucketFact): Voice => ({
  process,
  of: `fuel of [${from}, ${to})`,
  says: `${fuel} in ${entries} entries, none since ${after}`,
})
const digestVoice = ({ process, position, digest }: DigestFact): Voice => ({
  process,
  of: `digest at ${position}`,
  says: digest,
})

/** Finds what was said in two ways. Comparisons are those of two processes. */
function compared(voices: readonly Voice[]): { readonly comparisons: number; readonly violations: string[] } {
  const violations: string[] = []
  let comparisons = 0
  for (const [of, same] of Map.groupBy(voices, (voice) => voice.of)) {
    comparisons += new Set(same.map(({ process }) => process)).size - 1
    const sides = Map.groupBy(same, ({ says }) => says)
    if (sides.size > 1) violations.push(`${of}: ${[...sides].map(sideText).join('; ')}`)
  }
  return { comparisons, violations }
}

const sideText = ([says, voices]: readonly [string, readonly Voice[]]): string =>
  `${says} (process ${voices.map(({ process }) => process).join(', ')})`

/** Complete buckets in which others have used fuel, and the witness has not. */
function unseenBy(witness: number, buckets: readonly BucketFact[]): string[] {
  const seen = new Set(buckets.flatMap(({ process, from }) => (process === witness ? [from] : [])))
  return buckets
    .filter(({ from, to }) => to - from === BUCKET && !seen.has(from))
    .map(
      ({ process, from, to }) =>
        `[${from}, ${to}): process ${process} has used fuel there, the witness ${witness} has not`,
    )
}
