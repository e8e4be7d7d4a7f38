/**
 * What a check finds, and how a difference is narrowed down to a position.
 *
 * Read next: `running.ts`, `stopped.ts`.
 */
import type { Span } from '../../log/ranges.ts'

/** Something that is not as it should be. `unit`: an address or a folder. */
export interface Finding {
  readonly unit: string
  readonly position?: number | undefined
  readonly what: string
}
/** What was checked and what was found. `unreachable`: members that could not be asked. */
export interface Verified {
  readonly findings: readonly Finding[]
  readonly unreachable: readonly { readonly address: string; readonly problem: string }[]
  readonly checked: Readonly<Record<string, unknown>>
}
/** How far a check is. */
export type Progress = (text: string) => void

/** Findings of one kind in one place that are listed: a lost folder would list every position. */
export const LISTED_MAX = 100

/** Collects findings, and counts what it does not list. */
export class Findings {
  readonly #counts = new Map<string, number>()
  readonly all: Finding[] = []

  add(unit: string, what: string, position?: number): void {
    const count = (this.#counts.get(`${unit} ${what}`) ?? 0) + 1
    this.#counts.set(`${unit} ${what}`, count)
    if (count <= LISTED_MAX) this.all.push({ unit, what, ...(position === undefined ? {} : { position }) })
  }

  /** All that are listed, with a line for those that are not. */
  done(): Finding[] {
    const more = [...this.#counts].flatMap(([key, count]): Finding[] =>
      count > LISTED_MAX
        ? [
            {
              unit: key.slice(0, key.indexOf(' ')),
              what: `${count - LISTED_MAX} positions more: ${key.slice(key.indexOf(' ') + 1)}`,
            },
          ]
        : [],
    )
    return [...this.all, ...more]
  }
}

/** What a unit holds of a range, summed up. */
export interface Digest {
  readonly count: number
  readonly sum: number
  readonly trim: number
}

/** How many positions a range has at or above `trim`. */
export function countOf({ from, to, step }: Span, trim: number): number {
  const start = from + Math.max(0, Math.ceil((trim - from) / step)) * step
  return Math.max(0, Math.ceil((to - start) / step))
}

/** The lowest position of a range that `isWrong` holds for, by halves. `isWrong` is true for the whole range. */
export async function firstWrong(
  { from, to, step }: Span,
  isWrong: (range: Span) => Promise<boolean>,
): Promise<number> {
  let low = from
  let count = Math.ceil((to - from) / step)
  while (count > 1) {
    const half = Math.floor(count / 2)
    if (await isWrong({ from: low, to: low + half * step, step })) count = half
    else {
      low += half * step
      count -= half
    }
  }
  return low
}
