/**
 * `sirtaki dev`: a whole cluster on this machine, and with --job the main job on it.
 *
 * Read next: `../dev/dev-cluster.ts`, `../job/run-job.ts`.
 */
import { existsSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { openBlobs } from '../../log/io/blobs.ts'
import { connect } from '../../objects/connect.ts'
import { wholeFrom } from '../cli/arguments.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { aborts } from '../cli/interrupt.ts'
import { sizeText, type Output } from '../cli/output.ts'
import { DevCluster } from '../dev/dev-cluster.ts'
import { startMinio, type DevMinio } from '../dev/minio.ts'
import { jobTypes } from '../job/objects.ts'
import { startCold, type ColdStart } from '../job/cold-start.ts'
import { runJob, type JobResult } from '../job/run-job.ts'

interface DevFlags {
  readonly data: string
  readonly units?: number
  readonly port?: number
  readonly workers: number
  readonly kill: number
  readonly job?: boolean
  readonly once?: boolean
  readonly minio?: boolean
}

/** What the job works on, and where its checkpoints go. */
interface JobPlace {
  readonly root: string
  readonly blobs: string
}

/** Makes the command. */
export const devCommand = (): Command =>
  new Command('dev')
    .description('run a cluster on this machine: units, a sequencer, and with --job workers that hash files')
    .argument('[dir]', 'the folder to hash (default: the installed dependencies)')
    .option('--data <dir>', 'where the cluster keeps its data', './.sirtaki/dev')
    .option('--port <port>', 'the first port (default: 7100, or that of last time)', wholeFrom(1, 'a port', 65_500))
    .option('--units <n>', 'how many units (default: 3, or as last time)', wholeFrom(1, 'a number of units', 16))
    .option('--workers <n>', 'how many worker processes', wholeFrom(1, 'a number of workers', 64), 4)
    .option('--job', 'hash every file below the folder')
    .option('--kill <n>', 'how many leaders of the job to kill on the way', wholeFrom(0, 'a number of workers', 16), 1)
    .option('--minio', 'checkpoints go to a MinIO that is started beside, not to a folder')
    .option('--once', 'end when the job is done, or at once without a job')
    .action(async (dir: string | undefined, flags: DevFlags, command: Command) => {
      await runDev(contextOf(command), dir, flags)
    })

async function runDev(context: Context, dir: string | undefined, flags: DevFlags): Promise<void> {
  const { output, signal, timeoutMs } = context
  const job = flags.job === true || dir !== undefined
  const root = resolve(dir ?? defaultRoot())
  if (job) requireFolder(root)
  const data = resolve(flags.data)
  const started = performance.now()
  let minio: DevMinio | undefined
  const cluster = new DevCluster({ data, port: flags.port, units: flags.units, timeoutMs, talk: output.talk })
  try {
    output.talk(`starting ${cluster.units.length} units and a sequencer on ${data}`)
    await output.during(
      () => Promise.resolve(cluster.waiting),
      () => Promise.race([cluster.start(), aborts(signal)]),
    )
    if (signal.aborted) throw new Failure(exits.interrupted, 'interrupted')
    output.talk(
      `the cluster answers at ${cluster.address} after ${((performance.now() - started) / 1_000).toFixed(1)} s`,
    )
    if (flags.minio === true) minio = await startMinio(join(data, 'minio'), cluster.nextPort)
    const blobs = context.blobs ?? minio?.address ?? `file:${join(data, 'checkpoints')}`
    const problems = job ? await doJob(context, cluster.address, { ...flags, root, data, blobs }) : []
    if (flags.once !== true) await stay(output, cluster.address, signal)
    if (problems.length > 0) throw new Failure(exits.failed, `the job went wrong: ${problems.join('; ')}`)
  } finally {
    await cluster.close()
    await minio?.close()
  }
}

/** The dependencies of the project that this file belongs to. */
function defaultRoot(): string {
  const own = fileURLToPath(new URL('../../node_modules', import.meta.url))
  return existsSync(own) ? own : 'node_modules'
}

function requireFolder(root: string): void {
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new Failure(exits.usage, `${root} is no folder: name one whose files are to be hashed`)
  }
}

async function doJob(
  { output, signal }: Context,
  address: string,
  { root, data, blobs, workers, kill }: Pick<DevFlags, 'data' | 'workers' | 'kill'> & JobPlace,
): Promise<readonly string[]> {
  const store = openBlobs(blobs)
  await using client = await connect(address, { name: 'dev', types: jobTypes, signal, watchdog: true, blobs: store })
  const result = await runJob({
    client,
    cluster: address,
    blobs,
    root,
    // Caches of tools change at any time.
    without: [data, join(root, '.cache')],
    workers,
    kill,
    delayMs: Number(process.env['SIRTAKI_JOB_DELAY_MS'] ?? 0),
    talk: output.talk,
    signal,
  })
  const cold = await output.during(
    () => Promise.resolve(`writing checkpoints to ${blobs}`),
    () => startCold(client, { cluster: address, blobs, signal }),
  )
  const problems = cold.isSame ? result.problems : [...result.problems, 'a new client has another state']
  const text = `${resultText(output, { ...result, problems })}\n${coldText(output, cold, blobs)}`
  output.data({ event: 'result', ...result, problems, cold: { ...cold, blobs } }, text)
  return problems
}

function coldText(output: Output, cold: ColdStart, blobs: string): string {
  const isSame = cold.isSame ? 'yes' : 'NO'
  return [
    output.bold(`checkpoint ${cold.n}: everything below position ${cold.position}, in ${blobs}`),
    `  records         ${cold.records}, ${sizeText(cold.bytes)}`,
    `  log             begins at ${cold.trimmedBefore} now, ${cold.dropped} positions were dropped`,
    `  a new client    was there after ${cold.coldMs.toFixed(0)} ms, with the same state: ${isSame}`,
  ].join('\n')
}

function resultText(output: Output, result: JobResult): string {
  const mark = (right: boolean): string => (right ? 'yes' : 'NO')
  return [
    output.bold(`job ${result.job}: ${result.problems.length === 0 ? 'all right' : 'WRONG'}`),
    `  files           ${result.done} of ${result.files}, ${sizeText(result.bytes)}, in `
      + `${result.seconds.toFixed(1)} s (${result.filesPerSecond} files/s)`,
    `  commit latency  p50 ${result.p50Ms.toFixed(1)} ms, p99 ${result.p99Ms.toFixed(1)} ms`,
    `  workers         ${result.workers}, ${result.restarts} died (${result.killed} killed), `
      + `${result.givenBack} files given out again`,
    `  leaders         ${result.terms}, one after the other`,
    `  each file once  ${mark(result.done === result.files)}`,
    `  digest          ${result.digest.slice(0, 16)}, as in a single process: `
      + mark(result.digest === result.expected),
    `  published       sirtaki get ${result.published.join(' ')}`,
    `  state digest    ${result.state}, the same in all workers: `
      + mark(!result.problems.some((one) => one.startsWith('the state'))),
    ...result.problems.map((one) => `  ${one}`),
  ].join('\n')
}

async function stay(output: Output, address: string, signal: AbortSignal): Promise<void> {
  const main = process.argv[1] ?? 'tools/main.ts'
  const run = main.endsWith('.ts') ? `npx node ${relative(process.cwd(), main)}` : 'npx sirtaki'
  const cluster = address.startsWith('tcp://127.0.0.1:7100,') ? '' : ` --cluster ${address}`
  output.talk(
    `look around, from another terminal:\n  ${run}${cluster} status\n  ${run}${cluster} tail --follow\n  `
      + `${run}${cluster} append hello\nCtrl-C ends it; the next start goes on in a new epoch`,
  )
  await aborts(signal)
}
