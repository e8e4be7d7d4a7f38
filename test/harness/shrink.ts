/**
 * Shrinks a failing plan: faults are left out one by one while the same invariant still breaks.
 *
 * Randomness is split by link and disk, so leaving out one fault changes nothing else.
 */
import type { Plan } from './plan.ts'
import { runPlan, type RunOptions } from './sim-cluster.ts'

/** Gives the smallest plan found that still breaks `id`. */
export async function shrink(plan: Plan, id: string, options: RunOptions): Promise<Plan> {
  let smallest = plan
  for (let i = smallest.faults.length - 1; i >= 0; i--) {
    const candidate: Plan = { ...smallest, faults: smallest.faults.filter((_, at) => at !== i) }
    if ((await runPlan(candidate, { drain: options.drain })).violation?.id === id) smallest = candidate
  }
  return smallest
}
