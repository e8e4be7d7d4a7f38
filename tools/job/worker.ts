/**
 * A worker process of the main job: claims files, hashes them, tells what it found, until nothing is left.
 *
 *     claim ─ hash ─ finish          the next claim is on its way while files are hashed
 *       └──── claim ─ hash ─ ...
 *
 * Read next: `./work-share.ts`, `run-job.ts`.
 */
import { assert, is } from 'superstruct'
import { connect } from '../../objects/connect.ts'
import { Counter } from '../../objects/counter/type.ts'
import { failureOf } from '../cli/failure.ts'
import { hashFile, type Hashed } from './files.ts'
import { ToWorker, WorkerOrder, type FromWorker } from './messages.ts'
import { WorkShare } from './work-share.ts'

/** Files of one claim: what a dead worker holds up, against ops per file. */
const CLAIM_FILES = 32
const IDLE_MS = 50
const TELL_MS = 200

const rest = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
const tell = (message: FromWorker): void => {
  process.send?.(message)
}

async function work(order: WorkerOrder): Promise<void> {
  const client = await connect(order.cluster, { name: order.name, types: [WorkShare, Counter] })
  const share = await client.open(WorkShare, order.job)
  let latencies: number[] = []
  const timed = async <T>(op: Promise<T>): Promise<T> => {
    const started = performance.now()
    const result = await op
    latencies.push(performance.now() - started)
    return result
  }
  const telling = setInterval(() => {
    tell({ kind: 'latency', ms: latencies })
    latencies = []
  }, TELL_MS)
  process.on('message', (message) => {
    if (!is(message, ToWorker)) return
    void share
      .sync({ atLeast: message.atLeast })
      .then(() => {
        const { digest, position } = client.digest()
        tell({ kind: 'digest', digest, position })
      })
      .catch(end)
  })
  const claim = (): Promise<string[]> => timed(share.claim({ max: CLAIM_FILES }))
  await share.sync()
  for (let paths = await claim(); ;) {
    if (paths.length === 0) {
      await share.sync()
      if (share.state.open === 0 && share.state.claimed === 0) break
      if (share.state.open === 0) await rest(IDLE_MS)
      if (share.state.open > 0) paths = await claim()
      continue
    }
    const next = claim()
    const results = await hashAll(order, paths)
    ;[paths] = await Promise.all([next, timed(share.finish({ results }))])
  }
  clearInterval(telling)
  tell({ kind: 'latency', ms: latencies })
  tell({ kind: 'finished' })
}

async function hashAll({ root, delayMs }: WorkerOrder, paths: readonly string[]): Promise<Hashed[]> {
  if (delayMs > 0) {
    process.stderr.write(`worker ${process.pid} holds ${paths.length} files\n`)
    await rest(delayMs * paths.length)
  }
  return Promise.all(paths.map((path) => hashFile(root, path)))
}

/** Whatever went wrong: the supervisor gives back what was claimed and starts another worker. */
function end(thrown: unknown): never {
  process.stderr.write(`worker: ${failureOf(thrown).message}\n`)
  process.exit(1)
}

// A worker lives no longer than its supervisor, and leaves Ctrl-C to it.
process.on('disconnect', () => {
  process.exit(0)
})
process.on('SIGINT', () => undefined)
const order: unknown = JSON.parse(process.argv[2] ?? 'null')
assert(order, WorkerOrder)
await work(order).catch(end)
