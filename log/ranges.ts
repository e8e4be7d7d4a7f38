/**
 * Positions of one class: every log unit holds one class of a segment, so whatever speaks of many positions speaks of
 * these.
 *
 *     Stripe {from: 2, to: 11, index: 0, step: 3}    . . . 3 . . 6 . . 9 .        the class is named
 *     Span   {from: 3, to: 10, step: 3}              . . . 3 . . 6 . . 9          it begins at a position of its class
 *
 * Read next: `wire/messages.ts`, `cluster/resolve.ts`, `unit/row.ts`.
 */

/** The positions p of [from, to) with p mod `step` = `index`. */
export interface Stripe {
  readonly from: number
  readonly to: number
  readonly index: number
  readonly step: number
}

/** The positions from, from + step, ... below to. */
export interface Span {
  readonly from: number
  readonly to: number
  readonly step: number
}

/** The first position at or above `position` that belongs to residue class `index` of `step`. */
export const firstOfClass = (position: number, index: number, step: number): number =>
  position + ((index - (position % step) + step) % step)

/** Joins ascending positions of one class into spans. */
export function spansOf(positions: readonly number[], step: number): Span[] {
  const spans: { from: number; to: number; step: number }[] = []
  for (const at of positions) {
    const last = spans.at(-1)
    if (last !== undefined && at < last.to + step && at === last.to - 1 + step) last.to = at + 1
    else spans.push({ from: at, to: at + 1, step })
  }
  return spans
}
