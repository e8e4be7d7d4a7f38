/**
 * The objects of one job, below its path, as the supervisor and every worker open them.
 *
 *     /jobs/7/leader  lock     /jobs/7/items  queue     /jobs/7/results  the job's own type     /reports  tree
 *
 * Read next: `worker.ts`, `leader.ts`, `run-job.ts`.
 */
import { string } from 'superstruct'
import { Lock } from '../../objects/lock/type.ts'
import type { ObjectSession } from '../../objects/object-session.ts'
import { Queue } from '../../objects/queue/type.ts'
import { openReport } from './report.ts'
import { Results } from './results.ts'

/** The job's own types, for `connect`. */
export const jobTypes = [Results]

/** Opens the objects of a job. `items` has the ops of the queue for transactions; workers take from `queue`. */
export async function openJob(session: ObjectSession, job: string) {
  const [queue, items, results, report, lock] = await Promise.all([
    session.queue(`${job}/items`, string()),
    session.open(Queue, `${job}/items`),
    session.open(Results, `${job}/results`),
    openReport(session, job),
    session.open(Lock, `${job}/leader`),
  ])
  return { queue, items, results, report, lock }
}

/** The objects of one job. */
export type JobObjects = Awaited<ReturnType<typeof openJob>>
