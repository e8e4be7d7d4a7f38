/**
 * The main job from the supervisor's side: shares files out to worker processes, mends what dies, checks the result.
 *
 *     files ─ add ─ workers claim and finish ─ all done ─ check: each file once, one digest, one state
 *                     └ a worker dies: its claims are given back, another one starts
 *
 * A killed worker's last claim may still be on its way when its death is noticed, so the claims of the dead are looked
 * for until the job is done. Read next: `worker.ts`, `./work-share.ts`.
 */
import { is } from 'superstruct'
import type { Client } from '../../objects/connect.ts'
import { Counter } from '../../objects/counter/type.ts'
import { Failure, exits } from '../cli/failure.ts'
import { rest } from '../cli/interrupt.ts'
import { Child } from '../dev/child.ts'
import { combinedDigest, hashFile } from './files.ts'
import { FromWorker, type ToWorker, type WorkerOrder } from './messages.ts'
import { makeMeter, quantile } from './progress.ts'
import { WorkShare } from './work-share.ts'

/** What is to be done, by whom. */
export interface JobOptions {
  readonly client: Client
  readonly cluster: string
  readonly root: string
  readonly files: readonly string[]
  readonly workers: number
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
  readonly state: string
  readonly workers: number
  readonly restarts: number
  readonly givenBack: number
  readonly problems: readonly string[]
}

const ADD_FILES = 500
const LOOK_MS = 100
const RESTARTS_MAX = 50

const openShare = (client: Client, job: string) => client.open(WorkShare, job)
type Share = Awaited<ReturnType<typeof openShare>>
interface Worker {
  readonly name: string
  readonly child: Child
  finished: boolean
  digest: string | undefined
}

/** Runs one job under a path of its own. @throws Failure when workers do not stay up, or when told to end. */
export async function runJob(options: JobOptions): Promise<JobResult> {
  const { client, files, talk } = options
  const counter = await client.open(Counter, '/jobs/count')
  const job = `/jobs/${await counter.add({ by: 1 })}`
  const share = await openShare(client, job)
  for (let i = 0; i < files.length; i += ADD_FILES) await share.add({ paths: files.slice(i, i + ADD_FILES) })
  talk(`job ${job}: ${files.length} files below ${options.root}, ${options.workers} workers`)
  const crew = new Crew(options, job, share)
  try {
    const seconds = await crew.work()
    const states = await crew.digests()
    return await judge(options, { job, share, crew, seconds, states })
  } finally {
    await crew.close()
  }
}

/** The workers of one job. */
class Crew {
  readonly latencies: number[] = []
  restarts = 0
  givenBack = 0
  readonly #options: JobOptions
  readonly #job: string
  readonly #share: Share
  #workers: Worker[] = []
  readonly #dead = new Set<string>()
  #closed = false

  constructor(options: JobOptions, job: string, share: Share) {
    this.#options = options
    this.#job = job
    this.#share = share
    for (let i = 0; i < options.workers; i++) this.#start(i, 0)
  }

  /** Settles with the seconds it took when every file is done and every worker has seen it. */
  async work(): Promise<number> {
    const { files, signal } = this.#options
    const started = performance.now()
    const meter = makeMeter()
    let seconds = 0
    while (this.#share.state.done < files.length || this.#workers.some((worker) => !worker.finished)) {
      if (signal.aborted) throw new Failure(exits.interrupted, 'the job was interrupted')
      if (this.restarts > RESTARTS_MAX) {
        throw new Failure(
          exits.failed,
          `${this.restarts} workers have died, the last words are above: the job is given up`,
        )
      }
      await rest(LOOK_MS, signal)
      await this.#share.sync()
      await this.#giveBack()
      seconds = (performance.now() - started) / 1_000
      const { done, bytes } = this.#share.state
      meter.show({
        done,
        total: files.length,
        bytes,
        seconds,
        p50Ms: quantile(this.latencies, 0.5),
        p99Ms: quantile(this.latencies, 0.99),
      })
    }
    meter.end()
    return seconds
  }

  /** The digest of the state in every worker. */
  async digests(): Promise<(string | undefined)[]> {
    await this.#share.sync()
    const order: ToWorker = { kind: 'digest', atLeast: this.#share.position }
    for (const { child } of this.#workers) child.process.send(order)
    const deadline = performance.now() + 10_000
    while (
      this.#workers.some((worker) => worker.digest === undefined && worker.child.alive)
      && performance.now() < deadline
    ) {
      await rest(10, this.#options.signal)
    }
    return this.#workers.map((worker) => worker.digest)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#workers.map(({ child }) => child.end()))
  }

  #start(place: number, starts: number): void {
    const { cluster, root, delayMs, talk } = this.#options
    // The name finds the session of a worker that died before it could tell anything.
    const name = `worker ${place} of ${this.#job}, start ${starts}`
    const order: WorkerOrder = { cluster, job: this.#job, root, name, delayMs }
    const child = new Child(name, 'job/worker', [JSON.stringify(order)], talk)
    const worker: Worker = { name, child, finished: false, digest: undefined }
    this.#workers[place] = worker
    child.process.on('message', (message) => {
      this.#heard(worker, message)
    })
    void child.exited.then(({ code, signal }) => {
      if (this.#closed) return
      talk(`${name} died (${signal ?? `code ${code}`}): its files are given back, another one starts`)
      this.#dead.add(name)
      this.restarts++
      if (this.restarts <= RESTARTS_MAX) this.#start(place, starts + 1)
    })
  }

  #heard(worker: Worker, message: unknown): void {
    if (!is(message, FromWorker)) return
    switch (message.kind) {
      case 'latency':
        this.latencies.push(...message.ms)
        break
      case 'finished':
        worker.finished = true
        break
      case 'digest':
        worker.digest = message.digest
        break
      default:
        message satisfies never
    }
  }

  /** Gives back whatever a dead worker holds, however late its claim came to light. */
  async #giveBack(): Promise<void> {
    for (const { session, name } of this.#dead.size === 0 ? [] : this.#options.client.sessions()) {
      if (!this.#dead.has(name)) continue
      const [held] = this.#share.tables.claims.range(`${session}:`, `${session};`)
      if (held !== undefined) this.givenBack += await this.#share.giveBack({ session })
    }
  }
}

interface Outcome {
  readonly job: string
  readonly share: Share
  readonly crew: Crew
  readonly seconds: number
  readonly states: readonly (string | undefined)[]
}

/** Holds the result against a run of this process alone. */
async function judge(
  { client, root, files, workers }: JobOptions,
  { job, share, crew, seconds, states }: Outcome,
): Promise<JobResult> {
  const found = [...share.tables.files.range()].map(([path, { state, hash }]) => ({ path, state, hash: hash ?? '' }))
  const digest = combinedDigest(found)
  const expected = combinedDigest(await hashAlone(root, files))
  const state = client.digest().digest
  const { done, bytes } = share.state
  const problems = [
    ...(found.length === files.length && found.every((one) => one.state === 'done') && done === files.length
      ? []
      : [`${done} of ${files.length} files are done`]),
    ...(digest === expected ? [] : [`the combined digest is ${digest}, a single process has ${expected}`]),
    ...states.flatMap((one, i) =>
      one === state ? [] : [`the state of worker ${i} has digest ${one ?? 'untold'}, here it is ${state}`],
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
    state,
    workers,
    restarts: crew.restarts,
    givenBack: crew.givenBack,
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
