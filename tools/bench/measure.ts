/**
 * Loads and what they measured.
 *
 * A closed loop has `outstanding` callers that each wait for their call before the next: it finds what a system can
 * do at its best. An open loop (`open-loop.ts`) starts calls by the clock: it finds what users feel. Read next:
 * `main.ts`.
 */

/** Latencies in milliseconds, calls per second. */
export interface Measured {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly perSecond: number
}

/** Calls `run` for `ms` milliseconds, `outstanding` at a time. */
export async function measure(
  outstanding: number,
  ms: number,
  run: (caller: number) => Promise<unknown>,
): Promise<Measured> {
  const times: number[] = []
  const start = performance.now()
  await Promise.all(
    Array.from({ length: outstanding }, async (_, caller) => {
      for (let now = performance.now(); now - start < ms; now = performance.now()) {
        await run(caller)
        times.push(performance.now() - now)
      }
    }),
  )
  return measured(times, performance.now() - start)
}

/** What a system has no like of, and why. */
export interface Missing {
  readonly missing: string
}

/** What is asked of objects; peers are asked the like of it by their usual recipes. */
export const objectLoads = [
  ...(['queue', 'lock', 'createDelete', 'multi', 'ephemeral', 'txn', 'txnCounter'] as const),
  ...(['extensionCounter', 'extensionQueue'] as const),
] as const
export type ObjectLoad = (typeof objectLoads)[number]

/** One load, ready to be called. */
export interface Operation {
  readonly run: (caller: number) => Promise<unknown>
  /** What the counter stands at: every increment is checked to be there once. */
  readonly total?: () => Promise<number>
  /** Takes away what a round has left; not measured. */
  readonly clean?: () => Promise<unknown>
}

/** Measures one load. @throws Error as a call, or where the counter does not stand where it should. */
export async function measureOperation(
  { run, total, clean }: Operation,
  outstanding: number,
  ms: number,
): Promise<Measured> {
  const before = await total?.()
  let added = 0
  const taken = await measure(outstanding, ms, async (caller) => {
    await run(caller)
    added++
  })
  const after = await total?.()
  await clean?.()
  if (before !== undefined && after !== before + added) {
    throw new Error(`added ${added} to ${before}, but the counter stands at ${after}`)
  }
  return taken
}

/** Runs something for each of many, some at a time. */
export async function eachOf<T>(all: readonly T[], atATime: number, run: (one: T) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < all.length; from += atATime) await Promise.all(all.slice(from, from + atATime).map(run))
}

/** Sums up calls that took `times` milliseconds, all of them within `ms`. */
export function measured(times: readonly number[], ms: number): Measured {
  const sorted = Float64Array.from(times).sort()
  const at = (quantile: number): number =>
    Math.round((sorted[Math.floor((sorted.length - 1) * quantile)] ?? 0) * 1000) / 1000
  return { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), perSecond: Math.round((times.length / ms) * 1000) }
}

/** The middle of some values, 0 of none. */
export const middleOf = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** One call that took `ms` milliseconds and did `count` things. */
export const measuredOnce = (ms: number, count: number): Measured => ({
  p50Ms: ms,
  p99Ms: ms,
  p999Ms: ms,
  perSecond: Math.round((count / ms) * 1000),
})

/** The round whose rate is the median. */
export function median(rounds: readonly Measured[]): Measured {
  const sorted = [...rounds].sort((a, b) => a.perSecond - b.perSecond)
  return sorted[Math.floor(sorted.length / 2)] ?? { p50Ms: 0, p99Ms: 0, p999Ms: 0, perSecond: 0 }
}
