/**
 * The main job from the supervisor's side: starts the workers, shows what the log holds, kills a leader, checks the
 * result. It takes no part in the work: who leads and who has which file is between the workers and the log.
 *
 *     workers ─ elect a leader ─ it cuts the folder into items ─ all take, hash, acknowledge ─ it publishes the result
 *        └ the leader is killed: its session ends, another one leads, others get its items
 *
 *     in the end: each file once, one digest, one state
 *
 * Read next: `worker.ts`, `leader.ts`, `crew.ts`.
 */
import type { Client } from '../../objects/connect.ts'
import { Counter } from '../../objects/counter/type.ts'
import { rest } from '../cli/interrupt.ts'
import { Crew } from './crew.ts'
import { combinedDigest, filesBelow, hashFile } from './files.ts'
import { openJob, type JobObjects } from './objects.ts'
import { makeMeter, quantile, type Meter } from './progress.ts'
import { REPORTS } from './report.ts'

/** What is to be done, by whom. `kill`: so many leaders are killed on the way. */
export interface JobOptions {
  readonly client: Client
  readonly cluster: string
  /** The address of the blob store where checkpoints are. */
  readonly blobs: string
  readonly root: string
  /** Folders that are left out. */
  readonly without: readonly string[]
  readonly workers: number
  readonly kill: number
  readonly delayMs: number
  readonly talk: (text: string) => void
  readonly signal: AbortSignal
}

/** What came out. `problems` is empty when everything is right. */
export interface JobResult {
  readonly job: string
  readonly files: number
  readonly done: number
  readonly bytes: number
  readonly seconds: number
  readonly filesPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly digest: string
  readonly expected: string
  /** The tree and the node in which the leader has published the result. */
  readonly published: readonly [tree: string, node: string]
  readonly state: string
  readonly workers: number
  readonly killed: number
  readonly restarts: number
  /** Terms of office that were seen. */
  readonly terms: number
  /** Files that were given out more than once, since who had them first was gone. */
  readonly givenBack: number
  readonly problems: readonly string[]
}

const LOOK_MS = 100

/** Runs one job under a path of its own. @throws Failure when workers do not stay up, or when told to end. */
export async function runJob(options: JobOptions): Promise<JobResult> {
  const { client, cluster, blobs, root, without, workers, delayMs, talk, signal } = options
  const files = await filesBelow(root, without)
  const counter = await client.open(Counter, '/jobs/count')
  const job = `/jobs/${await counter.add({ by: 1 })}`
  const objects = await openJob(client.own, job)
  await objects.report.begin({ root })
  talk(`job ${job}: ${files.length} files below ${root}, ${workers} workers`)
  const meter = makeMeter(talk)
  const order = { cluster, blobs, job, root, without: [...without], delayMs }
  const crew = new Crew({ workers, order, talk, say: meter.say, signal })
  try {
    const shown = new Shown(options, { files: files.length, objects, crew, meter })
    const seconds = await shown.untilDone()
    const digests = await crew.digests(client)
    return await judge(options, { job, files, objects, crew, shown, seconds, digests })
  } finally {
    meter.end()
    await crew.close()
  }
}

interface Showing {
  readonly files: number
  readonly objects: JobObjects
  readonly crew: Crew
  readonly meter: Meter
}

/** What the supervisor sees of the job, and the leaders that it kills. */
class Shown {
  readonly tokens = new Set<number>()
  killed = 0
  readonly #options: JobOptions
  readonly #showing: Showing

  constructor(options: JobOptions, showing: Showing) {
    this.#options = options
    this.#showing = showing
  }

  /** Settles with the seconds it took when the result is published and every worker has seen it. */
  async untilDone(): Promise<number> {
    const { crew, objects } = this.#showing
    const started = performance.now()
    for (;;) {
      crew.check()
      await objects.report.sync()
      const seconds = (performance.now() - started) / 1_000
      this.#show(seconds)
      if (objects.report.result !== undefined && crew.isFinished) return seconds
      this.#killLeader()
      await rest(LOOK_MS, this.#options.signal)
    }
  }

  /** Who leads, by the log: the holder of the lock. */
  get #leader(): { readonly name: string; readonly token: number; readonly session: number } | undefined {
    for (const [, { data, token, session }] of this.#showing.objects.lock.tables.holders.range()) {
      this.tokens.add(token)
      return { name: typeof data === 'string' ? data : '', token, session }
    }
    return undefined
  }

  #show(seconds: number): void {
    const { files, objects, crew, meter } = this.#showing
    meter.show({
      done: objects.results.state.files,
      total: files,
      bytes: objects.results.state.bytes,
      seconds,
      p50Ms: quantile(crew.latencies, 0.5),
      p99Ms: quantile(crew.latencies, 0.99),
      leader: this.#leader,
      queue: objects.queue.size,
      sessions: this.#options.client.sessions().map(({ name }) => name),
    })
  }

  /** Kills who leads while it has files in hand, once enough is under way: first at a quarter, later further on. */
  #killLeader(): void {
    const { files, objects, crew, meter } = this.#showing
    const { kill } = this.#options
    const leader = this.#leader
    if (leader === undefined || this.killed >= kill) return
    const underWay = objects.results.state.files + objects.queue.size.taken
    const held = objects.items.tables.taken.of(leader.session).length
    if (held === 0 || underWay < (files * (this.killed + 1)) / (kill + 3)) return
    if (!crew.kill(leader.name)) return
    this.killed++
    meter.say(`${leader.name} leads with token ${leader.token} and holds ${held} files: it is killed`)
  }
}

interface Outcome {
  readonly job: string
  readonly files: readonly string[]
  readonly objects: JobObjects
  readonly crew: Crew
  readonly shown: Shown
  readonly seconds: number
  readonly digests: { readonly own: string; readonly workers: readonly (string | undefined)[] }
}

/** Holds the result against a run of this process alone. */
async function judge({ root, workers }: JobOptions, outcome: Outcome): Promise<JobResult> {
  const { job, files, objects, crew, shown, seconds, digests } = outcome
  const found = [...objects.results.tables.files.range()].map(([path, one]) => ({ path, ...one }))
  const digest = combinedDigest(found)
  const expected = combinedDigest(await hashAlone(root, files))
  const { files: done, bytes } = objects.results.state
  const published = objects.report.result
  const { ready, delayed, taken, dead } = objects.queue.size
  const left = ready + delayed + taken + dead
  const problems = [
    ...(found.length === files.length && done === files.length ? [] : [`${done} of ${files.length} files are done`]),
    ...(left === 0 ? [] : [`${left} items are left in the queue`]),
    ...(digest === expected ? [] : [`the combined digest is ${digest}, a single process has ${expected}`]),
    ...(published?.digest === digest && published.files === done && published.bytes === bytes
      ? []
      : [`the leader has published ${JSON.stringify(published)}, the results have ${digest}, ${done} files`]),
    ...digests.workers.flatMap((one, i) =>
      one === digests.own ? [] : [`the state of worker ${i} has digest ${one ?? 'unknown'}, here it is ${digests.own}`],
    ),
  ]
  return {
    job,
    files: files.length,
    done,
    bytes,
    seconds,
    filesPerSecond: Math.round(done / seconds),
    p50Ms: quantile(crew.latencies, 0.5),
    p99Ms: quantile(crew.latencies, 0.99),
    digest,
    expected,
    published: [REPORTS, objects.report.resultPath],
    state: digests.own,
    workers,
    killed: shown.killed,
    restarts: crew.restarts,
    terms: shown.tokens.size,
    givenBack: found.filter(({ attempt }) => attempt > 1).length,
    problems,
  }
}

const ALONE_FILES = 16

async function hashAlone(root: string, files: readonly string[]): Promise<{ path: string; hash: string }[]> {
  const hashed: { path: string; hash: string }[] = []
  for (let i = 0; i < files.length; i += ALONE_FILES) {
    hashed.push(...(await Promise.all(files.slice(i, i + ALONE_FILES).map((path) => hashFile(root, path)))))
  }
  return hashed
}
