/** A closed loop: `outstanding` callers that each wait for their call before the next. */

/** Latencies in milliseconds, calls per second. */
export interface Measured { readonly p50Ms: number; readonly p99Ms: number; readonly perSecond: number }

/** Calls `run` for `ms` milliseconds, `outstanding` at a time. */
export async function measure(outstanding: number, ms: number, run: (caller: number) => Promise<unknown>): Promise<Measured> {
  const times: number[] = []
  const start = performance.now()
  await Promise.all(Array.from({ length: outstanding }, async (_, caller) => {
    for (let now = performance.now(); now - start < ms; now = performance.now()) {
      await run(caller)
      times.push(performance.now() - now)
    }
  }))
  const seconds = (performance.now() - start) / 1000
  times.sort((a, b) => a - b)
  const at = (quantile: number): number => Math.round((times[Math.floor((times.length - 1) * quantile)] ?? 0) * 1000) / 1000
  return { p50Ms: at(0.5), p99Ms: at(0.99), perSecond: Math.round(times.length / seconds) }
}

/** The median by calls per second. */
export function median(rounds: readonly Measured[]): Measured {
  const sorted = [...rounds].sort((a, b) => a.perSecond - b.perSecond)
  return sorted[Math.floor(sorted.length / 2)] ?? { p50Ms: 0, p99Ms: 0, perSecond: 0 }
}
