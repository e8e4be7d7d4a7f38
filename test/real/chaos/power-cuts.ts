/**
 * Power cuts, again and again: 200 appends and more are acknowledged, at once the power of all units is cut, they
 * start again, and every acknowledged append must be there, those of the cuts before too.
 *
 * What a power cut is here says `disk.ts`. Keeps: L9. Read next: `faults.ts`.
 */
import type { LogClient } from '../../../log/client/client.ts'
import { asError } from '../../../log/errors.ts'
import { connectLog } from '../../../sequencer/connect.ts'
import type { ChaosCluster } from './cluster.ts'
import { cutPower, giveBackPower } from './faults.ts'

const APPENDS = 200
/** Appends on their way at once: those that the cut meets may be lost, and only those. */
const LANES = 16
const READS_AT_ONCE = 64
const BACK_MS = 60_000

/** What came of it. */
export interface PowerCuts {
  readonly cuts: number
  readonly acknowledged: number
  readonly missing: readonly string[]
}

/** Cuts the power `count` times. `cut` is the path of the program that does it. */
export async function cutAgainAndAgain(
  cluster: ChaosCluster,
  cut: string,
  count: number,
  tell: (words: string) => void,
): Promise<PowerCuts> {
  const { client, close } = await connectLog(cluster.url, { name: 'power cuts', timeoutMs: BACK_MS })
  const acknowledged = new Map<number, string>()
  const missing = new Set<string>()
  for (let n = 1; n <= count; n++) {
    const goal = acknowledged.size + APPENDS
    const ending = new AbortController()
    const lanes = Array.from({ length: LANES }, (_, i) =>
      appendUntil(client, `cut ${n} lane ${i}`, acknowledged, ending.signal),
    )
    while (acknowledged.size < goal) {
      await Promise.race([
        new Promise((done) => {
          setTimeout(done, 1)
        }),
        ...lanes,
      ])
    }
    await cutPower(
      cluster,
      [...cluster.units.values()].filter((unit) => unit.isRunning),
      cut,
    )
    ending.abort()
    await Promise.all(lanes)
    await giveBackPower(
      cluster,
      [...cluster.units.values()].filter((unit) => cluster.disks.has(unit.name) && !unit.isRunning && unit.hasStarted),
    )
    for (const lost of await lostOf(client, acknowledged)) missing.add(lost)
    tell(`power cut ${n} of ${count}: ${acknowledged.size} appends acknowledged, ${missing.size} missing`)
  }
  await close()
  return { cuts: count, acknowledged: acknowledged.size, missing: [...missing] }
}

async function appendUntil(
  client: LogClient,
  name: string,
  acknowledged: Map<number, string>,
  signal: AbortSignal,
): Promise<void> {
  for (let n = 0; !signal.aborted; n++) {
    const value = `${name} append ${n}`
    try {
      const { position } = await client.append(new TextEncoder().encode(value), { timeoutMs: BACK_MS, signal })
      acknowledged.set(position, value)
    } catch (thrown) {
      if (!signal.aborted) throw asError(thrown)
    }
  }
}

/** Reads everything; gives what is not as it was acknowledged. */
async function lostOf(client: LogClient, acknowledged: ReadonlyMap<number, string>): Promise<string[]> {
  const lost: string[] = []
  const left = acknowledged.entries()
  await Promise.all(
    Array.from({ length: READS_AT_ONCE }, async () => {
      for (const [position, value] of left) {
        const result = await client.read(position, { timeoutMs: BACK_MS })
        const found = result.kind === 'data' ? new TextDecoder().decode(result.entry.payload) : result.kind
        if (found !== value) lost.push(`position ${position} should hold ${value}, it holds ${found}`)
      }
    }),
  )
  return lost
}
