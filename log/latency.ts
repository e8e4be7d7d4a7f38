/**
 * How long things took lately. Read next: `cluster/cluster.ts` (appends), `unit/server.ts` (commits).
 */

/** The spread of the last 128 durations, in milliseconds. */
export class LatencyEstimate {
  readonly #ring = new Float64Array(128)
  #count = 0
  add(ms: number): void {
    this.#ring[this.#count++ % this.#ring.length] = ms
  }
  get p50(): number {
    return this.#quantile(0.5)
  }
  get p99(): number {
    return this.#quantile(0.99)
  }

  /** A quantile of the last 128, 0 before anything was measured. */
  #quantile(share: number): number {
    const known = Math.min(this.#count, this.#ring.length)
    const sorted = this.#ring.slice(0, known).sort()
    return sorted[Math.floor((known - 1) * share)] ?? 0
  }
}
