/**
 * Ranges of positions of one class: what messages, rows and resolving say of junk, thousands of positions at once.
 *
 * Read next: `wire/messages.ts`, `client/resolve.ts`, `unit/row.ts`.
 */

/** Junk at the positions from, from + step, ... below to. */
export interface JunkRange { readonly from: number; readonly to: number; readonly step: number }

/** Joins ascending positions of one class into ranges. */
export function rangesOf(positions: readonly number[], step: number): JunkRange[] {
  const ranges: { from: number; to: number; step: number }[] = []
  for (const at of positions) {
    const last = ranges.at(-1)
    if (last !== undefined && at < last.to + step && at === last.to - 1 + step) last.to = at + 1
    else ranges.push({ from: at, to: at + 1, step })
  }
  return ranges
}
