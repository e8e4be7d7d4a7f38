/**
 * What a client sees while something breaks: acknowledged appends by bucket of time, on the clock of the machine.
 *
 * Owns: the load that never stops, whatever its calls come to. Read next: `faults.ts`.
 */
import { connected } from './loads.ts'

/** Width of a bucket, in milliseconds. */
export const BUCKET_MS = 10
/** Between two looks at what is due. */
const TICK_MS = 2
const STREAM = 31

/** Acknowledged appends by bucket from `startedAt` (milliseconds since 1970) on, and what failed. */
export interface Timeline {
  readonly startedAt: number
  readonly acknowledged: readonly number[]
  readonly failed: number
}

/**
 * Appends for `ms`: with `rate` so many a second whatever becomes of them, else `outstanding` callers, each when its
 * last call has ended.
 */
export async function timeline(
  address: string,
  { outstanding, rate, ms, bytes }: { outstanding: number; rate?: number; ms: number; bytes: number },
): Promise<Timeline> {
  const { client } = await connected(address)
  const payload = new Uint8Array(bytes).fill(7)
  const startedAt = performance.timeOrigin + performance.now()
  const acknowledged = Array.from({ length: Math.ceil(ms / BUCKET_MS) }, () => 0)
  let failed = 0
  const now = (): number => performance.timeOrigin + performance.now() - startedAt
  const append = (): Promise<void> =>
    client.append(payload, { streams: [STREAM] }).then(
      () => {
        const bucket = Math.floor(now() / BUCKET_MS)
        if (bucket < acknowledged.length) acknowledged[bucket] = (acknowledged[bucket] ?? 0) + 1
      },
      () => {
        failed++
      },
    )
  if (rate === undefined) {
    await Promise.all(
      Array.from({ length: outstanding }, async () => {
        while (now() < ms) {
          const before = failed
          await append()
          if (failed > before) {
            await new Promise((done) => {
              setTimeout(done, 1)
            })
          }
        }
      }),
    )
  } else {
    for (let sent = 0; now() < ms;) {
      for (const due = (now() * rate) / 1000; sent < due; sent++) void append()
      await new Promise((done) => {
        setTimeout(done, TICK_MS)
      })
    }
  }
  return { startedAt, acknowledged, failed }
}
