/**
 * The workers of one job: started, killed on wish, started again when they die, asked for the digest of their state.
 *
 * A worker whose process is gone leaves its session behind until that ends, and with it what it holds: nobody has to
 * give that back. Read next: `worker.ts`, `run-job.ts`.
 */
import { is } from 'superstruct'
import type { Client } from '../../objects/connect.ts'
import { Failure, exits } from '../cli/failure.ts'
import { rest } from '../cli/interrupt.ts'
import { Child } from '../dev/child.ts'
import { FromWorker, type ToWorker, type WorkerOrder } from './messages.ts'

/** How workers are started. */
export interface CrewOptions {
  readonly workers: number
  /** What each is started with, but for its name. */
  readonly order: Readonly<Omit<WorkerOrder, 'name'>>
  readonly talk: (text: string) => void
  /** Prints a line that stays. */
  readonly say: (text: string) => void
  readonly signal: AbortSignal
}

const RESTARTS_MAX = 50
const DIGEST_MS = 10_000
const LOOK_MS = 20

interface Worker {
  readonly name: string
  readonly child: Child
  finished: boolean
  digest: { readonly digest: string; readonly position: number } | undefined
}

/** The workers of one job. */
export class Crew {
  readonly latencies: number[] = []
  restarts = 0
  readonly #options: CrewOptions
  #workers: Worker[] = []
  #closed = false

  constructor(options: CrewOptions) {
    this.#options = options
    for (let place = 0; place < options.workers; place++) this.#start(place, 1)
  }

  /** Whether every worker has seen the end of the job. */
  get isFinished(): boolean {
    return this.#workers.every(({ finished }) => finished)
  }

  /** @throws Failure when workers do not stay up, or when told to end. */
  check(): void {
    if (this.#options.signal.aborted) throw new Failure(exits.interrupted, 'the job was interrupted')
    if (this.restarts <= RESTARTS_MAX) return
    throw new Failure(exits.failed, `${this.restarts} workers have died, the last words are above: the job is given up`)
  }

  /** Kills the worker of this name at once. Tells whether there is one. */
  kill(name: string): boolean {
    return this.#workers.find((worker) => worker.name === name)?.child.process.kill('SIGKILL') === true
  }

  /**
   * The digest of the state here and in every worker, all of them at one position: while sessions still end, entries
   * come. A worker that does not say so within 10 seconds has none.
   */
  async digests(client: Client): Promise<{ readonly own: string; readonly workers: readonly (string | undefined)[] }> {
    const until = performance.now() + DIGEST_MS
    for (;;) {
      await client.sync()
      await this.#ask(client.position, until)
      const own = client.digest()
      const workers = this.#workers.map(({ digest }) => digest)
      const areAt = workers.every((one) => one?.position === own.position)
      if (areAt || performance.now() >= until) {
        return {
          own: own.digest,
          workers: workers.map((one) => (one?.position === own.position ? one.digest : undefined)),
        }
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#workers.map(({ child }) => child.end()))
  }

  /** Asks every worker for its digest; settles when all have answered. */
  async #ask(atLeast: number, until: number): Promise<void> {
    const order: ToWorker = { kind: 'digest', atLeast }
    for (const worker of this.#workers) {
      worker.digest = undefined
      worker.child.process.send(order)
    }
    const isAwaited = ({ digest, child }: Worker): boolean => digest === undefined && child.alive
    while (this.#workers.some(isAwaited) && performance.now() < until) {
      await rest(LOOK_MS, this.#options.signal)
      this.check()
    }
  }

  #start(place: number, starts: number): void {
    const { order, talk, say } = this.#options
    const name = starts === 1 ? `worker ${place}` : `worker ${place}.${starts}`
    const child = new Child(name, 'job/worker', [JSON.stringify({ ...order, name })], talk)
    const worker: Worker = { name, child, finished: false, digest: undefined }
    this.#workers[place] = worker
    child.process.on('message', (message) => {
      this.#heard(worker, message)
    })
    void child.exited.then(({ code, signal }) => {
      if (this.#closed) return
      say(`${name} died (${signal ?? `code ${code}`}): others get its files when its session ends, another one starts`)
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
        worker.digest = message
        break
      default:
        message satisfies never
    }
  }
}
