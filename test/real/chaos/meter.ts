/**
 * What is kept of a run beside its history: operations and their times by 100 ms, and every instant of an
 * acknowledged append.
 *
 * Read next: `recorder.ts`, `picture.ts`.
 */

/** The width of a bucket. */
export const BUCKET_MS = 100

/** What there is of each load: by seconds, and how many outcomes were never known. */
export interface LoadCount {
  readonly perSecond: readonly number[]
  readonly operations: number
  readonly unknown: number
}

/** Steps of the histogram of times: four to a doubling, from 1 us to some minutes. */
const STEPS = 112
const stepOf = (us: number): number => Math.min(STEPS - 1, Math.max(0, Math.round(Math.log2(Math.max(1, us)) * 4)))
const msOf = (step: number): number => 2 ** (step / 4) / 1_000

/** One bucket: how many operations ended in it, and how long they had taken. */
export interface Bucket {
  readonly operations: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** The meter of one run. Instants are nanoseconds of the machine's monotonic clock. */
export class Meter {
  startNs = Number(process.hrtime.bigint())
  operations = 0
  #times: Uint16Array[] = []
  #acks = new Float64Array(1 << 16)
  #ackCount = 0
  readonly #loads = new Map<string, { perSecond: number[]; operations: number; unknown: number }>()
  #waiting: { readonly afterNs: number; readonly done: () => void }[] = []

  get acknowledged(): number {
    return this.#ackCount
  }
  get nowNs(): number {
    return Number(process.hrtime.bigint())
  }

  /** The run begins now. */
  begin(): void {
    this.startNs = this.nowNs
  }

  /** Notes one operation that ended. */
  add(callNs: number, returnNs: number): void {
    const times = this.#bucket(this.#at(returnNs))
    const step = stepOf((returnNs - callNs) / 1_000)
    times[step] = Math.min(0xffff, (times[step] ?? 0) + 1)
    this.operations++
  }

  /** Counts one operation of a load. */
  count(load: string, isUnknown: boolean, returnNs: number): void {
    const one = this.#loads.get(load) ?? { perSecond: [], operations: 0, unknown: 0 }
    this.#loads.set(load, one)
    if (isUnknown) one.unknown++
    else {
      const second = Math.max(0, Math.floor((returnNs - this.startNs) / 1e9))
      while (one.perSecond.length <= second) one.perSecond.push(0)
      one.perSecond[second] = (one.perSecond[second] ?? 0) + 1
      one.operations++
    }
  }

  /** Counts of all loads. */
  loads(): ReadonlyMap<string, LoadCount> {
    return this.#loads
  }

  /** Notes one acknowledged append. */
  acknowledge(callNs: number, returnNs: number): void {
    if (this.#ackCount === this.#acks.length) {
      const more = new Float64Array(this.#acks.length * 2)
      more.set(this.#acks)
      this.#acks = more
    }
    this.#acks[this.#ackCount++] = returnNs
    const met = this.#waiting.filter(({ afterNs }) => callNs > afterNs)
    if (met.length === 0) return
    this.#waiting = this.#waiting.filter((one) => !met.includes(one))
    for (const { done } of met) done()
  }

  /** Waits for an append that was called after this instant and acknowledged; false when none is in time. */
  async acknowledges(afterNs: number, timeoutMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiting = {
      afterNs,
      done: () => {
        resolve(true)
      },
    }
    this.#waiting.push(waiting)
    const timer = setTimeout(() => {
      resolve(false)
    }, timeoutMs)
    const found = await promise
    clearTimeout(timer)
    this.#waiting = this.#waiting.filter((one) => one !== waiting)
    return found
  }

  /** How long after this instant the next append was acknowledged, in milliseconds; Infinity while there is none. */
  firstAckMs(afterNs: number): number {
    let first = Infinity
    for (const at of this.#acks.subarray(0, this.#ackCount)) if (at >= afterNs && at < first) first = at
    return (first - afterNs) / 1e6
  }

  /** The longest time in [fromNs, toNs) without an acknowledged append, in milliseconds. */
  longestGapMs(fromNs: number, toNs: number): number {
    const inside = this.#acks
      .subarray(0, this.#ackCount)
      .filter((at) => at >= fromNs && at < toNs)
      .sort()
    let longest = 0
    let last = fromNs
    for (const at of [...inside, toNs]) {
      longest = Math.max(longest, at - last)
      last = at
    }
    return longest / 1e6
  }

  /** Operations that ended in [fromNs, toNs), to the precision of a bucket. */
  operationsIn(fromNs: number, toNs: number): number {
    return this.#times.slice(this.#at(fromNs), this.#at(toNs)).reduce((sum, times) => sum + total(times), 0)
  }

  /** All buckets so far, in order. */
  buckets(): Bucket[] {
    return Array.from(this.#times, (times) => ({
      operations: total(times),
      p50Ms: quantile(times, 0.5),
      p99Ms: quantile(times, 0.99),
    }))
  }

  #at(ns: number): number {
    return Math.max(0, Math.floor((ns - this.startNs) / 1e6 / BUCKET_MS))
  }

  #bucket(at: number): Uint16Array {
    while (this.#times.length <= at) this.#times.push(new Uint16Array(STEPS))
    return this.#times[at] ?? new Uint16Array(STEPS)
  }
}

const total = (times: Uint16Array): number => times.reduce((sum, count) => sum + count, 0)

function quantile(times: Uint16Array, share: number): number {
  const rank = total(times) * share
  let below = 0
  for (const [step, count] of times.entries()) {
    below += count
    if (count > 0 && below >= rank) return msOf(step)
  }
  return 0
}
