/**
 * The nemesis: one fault after the other, every kind as often as any other, with a pause for recovery after each.
 *
 *     appends go ─ inject ─ lasts ─ end ─ appends go again (or the run has failed) ─ whole again ─ pause ─ next
 *
 * Read next: `faults.ts`, `report.ts`.
 */
import { setTimeout as rest } from 'node:timers/promises'
import type { Prng } from '../../harness/prng.ts'
import { goThrough, isPossible, kinds, type KindName, type World } from './faults.ts'
import type { Meter } from './meter.ts'

/**
 * One fault that was gone through. Instants are nanoseconds of the monotonic clock; a fault is watched up to
 * `watchedToNs`. The first append was acknowledged `againMs` after its end, under `epoch`, so many `epochs` after the
 * one before the fault.
 */
export interface Met {
  readonly kind: KindName
  readonly what: string
  readonly fromNs: number
  readonly toNs: number
  readonly watchedToNs: number
  readonly againMs: number
  readonly epoch: number
  readonly epochs: number
}

/**
 * When to end: after so many faults or so many milliseconds, what comes first. `lastsMsMax` cuts what kinds would take,
 * down to the least that makes them what they are;
 * `repairs` has the cluster made whole after each fault.
 */
export interface Plan {
  readonly names: readonly KindName[]
  readonly count: number
  readonly forMs: number
  readonly lastsMsMax: number
  readonly repairs: boolean
  readonly pauseMs: readonly [from: number, to: number]
}

/** An outage that lasts longer than this after its fault is one that does not end. */
const RECOVERY_MS = 60_000
/** A fault is watched for so long after its end, if the next one lets it. */
const WATCH_MS = 10_000
/** A run in which some kind was not met yet, since the machine is slow, goes on for so many times its time. */
const LATE = 2

/** Goes through the plan. @throws Error when the cluster does not come back. */
export async function torment(world: World, meter: Meter, plan: Plan, tell: (met: Met) => void): Promise<void> {
  const { prng } = world
  const started = performance.now()
  let bag: KindName[] = []
  await recovered(meter, 'the cluster is new')
  await rest(prng.between(...plan.pauseMs))
  const isTime = (): boolean => performance.now() - started > plan.forMs * (n < plan.names.length ? LATE : 1)
  let n = 0
  for (; n < plan.count && !isTime(); n++) {
    if (bag.length === 0) bag = shuffled(plan.names, prng)
    const kind = bag.pop()
    if (kind === undefined) return
    if (!isPossible(kind, world)) continue
    const [from, to] = kinds[kind].lastsMs
    const lastsMs = Math.max(from, Math.min(prng.between(from, to), plan.lastsMsMax))
    const before = await world.cluster.epoch()
    const met = await goThrough(kind, world, lastsMs, () => meter.nowNs)
    await recovered(meter, `${kind} of ${met.what}`)
    const againMs = meter.firstAckMs(met.toNs)
    const epoch = await world.cluster.epoch()
    if (plan.repairs) await world.cluster.repair()
    await rest(prng.between(...plan.pauseMs))
    tell({
      kind,
      ...met,
      againMs,
      epoch,
      epochs: epoch - before,
      watchedToNs: Math.min(met.toNs + WATCH_MS * 1e6, meter.nowNs),
    })
  }
}

async function recovered(meter: Meter, after: string): Promise<void> {
  if (!(await meter.acknowledges(meter.nowNs, RECOVERY_MS))) {
    throw new Error(`no append was acknowledged for ${RECOVERY_MS} ms after ${after}`)
  }
}

function shuffled<T>(items: readonly T[], prng: Prng): T[] {
  const all = [...items]
  for (let i = all.length - 1; i > 0; i--) {
    const j = prng.integer(0, i + 1)
    const [left, right] = [all[i], all[j]]
    if (left !== undefined && right !== undefined) [all[i], all[j]] = [right, left]
  }
  return all
}
