/**
 * What a worker and its supervisor say to each other, over the channel between parent and child.
 *
 * Read next: `worker.ts`, `run-job.ts`.
 */
import { array, literal, number, object, string, union, type Infer } from 'superstruct'

/**
 * What a worker is started with, as JSON in its first argument. `without` are folders that are left out;
 * `delayMs` slows it down for each file, for tests.
 */
export const WorkerOrder = object({
  cluster: string(),
  job: string(),
  root: string(),
  without: array(string()),
  name: string(),
  delayMs: number(),
  /** The blob store where a worker begins with a checkpoint. */
  blobs: string(),
})
export type WorkerOrder = Infer<typeof WorkerOrder>

/**
 * `latency`: how long transactions took, in milliseconds. `digest`: of the whole state, at or behind the position asked
 * for.
 */
export const FromWorker = union([
  object({ kind: literal('latency'), ms: array(number()) }),
  object({ kind: literal('finished') }),
  object({ kind: literal('digest'), digest: string(), position: number() }),
])
export type FromWorker = Infer<typeof FromWorker>

/** `digest`: play up to `atLeast`, tell the digest. */
export const ToWorker = object({ kind: literal('digest'), atLeast: number() })
export type ToWorker = Infer<typeof ToWorker>
