/**
 * One thread of the simulator: plays the seeds it is told, shrinks what fails.
 */
import { parentPort } from 'node:worker_threads'
import { drawPlan } from '../harness/plan.ts'
import { shrink } from '../harness/shrink.ts'
import { runPlan } from '../harness/sim-cluster.ts'
import { drain } from './drain.ts'

const STACK_LINES = 30

/** What became of one seed. */
export interface SeedReport {
  readonly seed: string
  readonly hash: number
  readonly points: ReadonlyMap<string, number>
  readonly trace: readonly string[]
  readonly violation: { readonly id: string; readonly message: string; readonly faults: readonly unknown[] } | undefined
}

/** Plays one seed, and again with ever fewer faults if it fails. */
export async function playSeed(seed: string, withTrace: boolean): Promise<SeedReport> {
  // Every refusal is an error, and to note where it was made costs more than to make it.
  Error.stackTraceLimit = withTrace ? STACK_LINES : 0
  const plan = drawPlan(seed)
  const trace: string[] = []
  const result = await runPlan(plan, {
    drain,
    ...(withTrace
      ? {
          log: (line: string): void => {
            trace.push(line)
          },
        }
      : {}),
  })
  const { violation } = result
  const smallest = violation === undefined ? plan : await shrink(plan, violation.id, { drain })
  return {
    seed,
    hash: result.trace,
    points: result.points,
    trace,
    violation: violation === undefined ? undefined : { ...violation, faults: smallest.faults },
  }
}

parentPort?.on('message', ({ seed, trace }: { seed: string; trace: boolean }) => {
  void playSeed(seed, trace).then((report) => {
    parentPort?.postMessage(report)
  })
})
