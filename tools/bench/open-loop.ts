/**
 * The open loop: calls start by the clock, whether or not earlier ones have come back, and latency counts from the
 * start that was intended. A closed loop stops asking while a system stands still, and so does not see the stall.
 *
 * Read next: `measure.ts`, `overload.ts`.
 * @source Schroeder, Wierman, Harchol-Balter: Open Versus Closed (NSDI'06).
 */
import { isError } from '../../log/errors.ts'
import { measured, type Measured } from './measure.ts'

/** Calls a second, for how long. */
export interface OpenLoopOptions {
  readonly rate: number
  readonly ms: number
}
/**
 * `admitted`: the calls that were answered; `refused`: told to retry; `failed`: any other error, the first one's
 * text beside it.
 */
export interface OpenLoop {
  readonly admitted: Measured
  readonly offered: number
  readonly refused: number
  readonly failed: number
  readonly failure: string | undefined
  /** The largest delay between the intended start of a call and the moment the generator came to it, in ms. */
  readonly generatorLagMs: number
  /** Answers in each second since the start. */
  readonly bySecond: readonly number[]
}

/** Runs `call` `rate` times a second. What is late starts at once. Settles when all have ended. */
export async function openLoop({ rate, ms }: OpenLoopOptions, call: () => Promise<unknown>): Promise<OpenLoop> {
  const start = performance.now()
  const times: number[] = []
  const bySecond: number[] = []
  const counts = { offered: 0, refused: 0, failed: 0, pending: 0, lagMs: 0 }
  let failure: string | undefined
  let ended: () => void = () => undefined
  const one = (intended: number): void => {
    counts.offered++
    counts.pending++
    call()
      .then(
        () => {
          const now = performance.now()
          times.push(now - intended)
          const second = Math.floor((now - start) / 1000)
          bySecond[second] = (bySecond[second] ?? 0) + 1
        },
        (thrown: unknown) => {
          if (isError(thrown, 'OVERLOADED') && thrown.next === 'again') counts.refused++
          else {
            counts.failed++
            failure ??= thrown instanceof Error ? thrown.message : String(thrown)
          }
        },
      )
      .finally(() => {
        if (--counts.pending === 0) ended()
      })
  }
  for (let made = 0; ;) {
    const now = performance.now()
    if (now - start >= ms) break
    const due = Math.floor(((now - start) * rate) / 1000)
    if (made < due) counts.lagMs = Math.max(counts.lagMs, now - start - (made * 1000) / rate)
    for (; made < due; made++) one(start + (made * 1000) / rate)
    await new Promise((resolve) => {
      setTimeout(resolve, 1)
    })
  }
  if (counts.pending > 0) {
    await new Promise<void>((resolve) => {
      ended = resolve
    })
  }
  const seconds = Math.floor(ms / 1000)
  const within = bySecond.slice(0, seconds).reduce((sum, count) => sum + (count ?? 0), 0)
  return {
    admitted: { ...measured(times, ms), perSecond: seconds === 0 ? 0 : Math.round(within / seconds) },
    offered: counts.offered,
    refused: counts.refused,
    failed: counts.failed,
    failure,
    generatorLagMs: counts.lagMs,
    bySecond: Array.from(bySecond, (count) => count ?? 0),
  }
}
