/**
 * A worker process of the main job: takes files from the queue, hashes them, and stands for leader beside that.
 *
 *     take ─ hash ─ one transaction {ack of the items, results}      the next take is on its way while files are hashed
 *     elect ─ lead                                                   one of the workers at a time
 *
 * What it has taken belongs to its session: when it is killed, others get it once that has ended. Read next:
 * `leader.ts`, `results.ts`, `run-job.ts`.
 */
import { assert, is } from 'superstruct'
import { asError, isError } from '../../log/errors.ts'
import { openBlobs } from '../../log/io/blobs.ts'
import { connect, type Client } from '../../objects/connect.ts'
import type { ObjectSession } from '../../objects/object-session.ts'
import type { Job } from '../../objects/queue/job.ts'
import { failureOf } from '../cli/failure.ts'
import { hashFile, type Hashed } from './files.ts'
import { lead } from './leader.ts'
import { ToWorker, WorkerOrder, type FromWorker } from './messages.ts'
import { jobTypes, openJob, type JobObjects } from './objects.ts'

/** Files of one take: what a dead worker holds up, against ops per file. */
const TAKE_FILES = 32
const TELL_MS = 200
/** A pause behind an error that passes. */
const AGAIN_MS = 100
/** The shortest that there is: what a killed worker holds is soon taken by others. */
const SESSION_TIMEOUT_MS = 2_000

const rest = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
const tell = (message: FromWorker): void => {
  process.send?.(message)
}

/** One worker at its job. */
class Worker {
  readonly #session: ObjectSession
  readonly #order: WorkerOrder
  readonly #objects: JobObjects
  /** Aborts when the result is published. */
  readonly #over = new AbortController()
  #latencies: number[] = []

  constructor(session: ObjectSession, order: WorkerOrder, objects: JobObjects) {
    this.#session = session
    this.#order = order
    this.#objects = objects
  }

  /** Works until the result is published. */
  async run(): Promise<void> {
    const telling = setInterval(() => {
      this.#tellLatencies()
    }, TELL_MS)
    await Promise.all([this.#untilOver(), this.#work(), this.#stand()])
    clearInterval(telling)
    this.#tellLatencies()
    tell({ kind: 'finished' })
  }

  async #untilOver(): Promise<void> {
    const { report } = this.#objects
    const watch = report.watch()
    while (report.result === undefined) await watch.next()
    await watch.return()
    this.#over.abort()
  }

  async #work(): Promise<void> {
    for (let next = this.#take(); ;) {
      const jobs = await next
      if (jobs.length === 0) return
      next = this.#take()
      await this.#finish(jobs, await this.#hashAll(jobs))
    }
  }

  /** The next files; none when the job is over. */
  async #take(): Promise<Job<string>[]> {
    const { signal } = this.#over
    while (!signal.aborted) {
      try {
        return await this.#objects.queue.take({ n: TAKE_FILES, signal })
      } catch (thrown) {
        await this.#passing(thrown)
      }
    }
    return []
  }

  /** Acknowledges the items and keeps their results, both or neither. */
  async #finish(jobs: readonly Job<string>[], found: readonly Hashed[]): Promise<void> {
    const { items, results } = this.#objects
    const receipts = jobs.map(({ id, token }) => ({ id, token }))
    const lines = found.map((one, i) => ({ ...one, attempt: jobs[i]?.attempt ?? 1 }))
    for (;;) {
      const started = performance.now()
      try {
        await this.#session.transaction((tx) => {
          tx.do(items, 'ack', { items: receipts, strict: true })
          tx.do(results, 'add', { results: lines })
        })
        this.#latencies.push(performance.now() - started)
        return
      } catch (thrown) {
        // Not its own any more: an earlier try was applied after all, or its session ended and others have the items.
        if (isError(thrown, 'NOT_HELD')) return
        await this.#passing(thrown)
      }
    }
  }

  async #hashAll(jobs: readonly Job<string>[]): Promise<Hashed[]> {
    const { root, delayMs } = this.#order
    if (delayMs > 0) await rest(delayMs * jobs.length)
    return Promise.all(jobs.map(({ value }) => hashFile(root, value)))
  }

  /** Stands for leader until the job is over. */
  async #stand(): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted) {
      try {
        await using term = await this.#session.elect(this.#objects.lock.path, { signal, data: this.#order.name })
        await lead(this.#session, this.#order, { objects: this.#objects, term, signal })
        return
      } catch (thrown) {
        if (!isError(thrown, 'NOT_HELD')) await this.#passing(thrown)
      }
    }
  }

  /** Rests a little behind an error that does not end the work. @throws the others. */
  async #passing(thrown: unknown): Promise<void> {
    if (this.#over.signal.aborted) return
    if (asError(thrown).next === 'stop' && !isError(thrown, 'SESSION_LOST')) throw thrown
    await rest(AGAIN_MS)
  }

  #tellLatencies(): void {
    tell({ kind: 'latency', ms: this.#latencies })
    this.#latencies = []
  }
}

/** Whatever went wrong: another worker is started, and what this one had is given out again. */
function end(thrown: unknown): never {
  process.stderr.write(`worker: ${failureOf(thrown).message}\n`)
  process.exit(1)
}

/** Tells the digest of everything at or behind a position. */
async function tellDigest(client: Client, atLeast: number): Promise<void> {
  await client.sync({ atLeast })
  const { digest, position } = client.digest()
  tell({ kind: 'digest', digest, position })
}

async function start(order: WorkerOrder): Promise<void> {
  const blobs = openBlobs(order.blobs)
  const client = await connect(order.cluster, { name: order.name, types: jobTypes, watchdog: true, blobs })
  const session = await client.session({ timeoutMs: SESSION_TIMEOUT_MS })
  const objects = await openJob(session, order.job)
  await client.sync()
  process.on('message', (message) => {
    if (is(message, ToWorker)) tellDigest(client, message.atLeast).catch(end)
  })
  process.on('SIGTERM', () => {
    void client.close().finally(() => {
      process.exit(0)
    })
  })
  await new Worker(session, order, objects).run()
}

// A worker lives no longer than its supervisor, and leaves Ctrl-C to it.
process.on('disconnect', () => {
  process.exit(0)
})
process.on('SIGINT', () => undefined)
const order: unknown = JSON.parse(process.argv[2] ?? 'null')
assert(order, WorkerOrder)
await start(order).catch(end)
