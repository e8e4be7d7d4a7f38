/**
 * `npm run extensions -- [--minutes N] [--seed S] [--clients N] [--lanes N] [--pause MS] [--dir DIR] [--json FILE]`:
 * extensions on a cluster of real processes, registered, replaced, removed, disabled and called at random, while
 * clients and servers are killed; and the judge of what every process has used of fuel and come to.
 *
 *     load and kills ─ the load ends ─ all come to one position ─ a witness plays everything from the start ─ judge
 *
 * A seed draws the same acts again; how processes meet is up to the machine. Exit code 1 where something differs, or an
 * error came that is no answer; then the folder with the logs of the servers stays and is named. Read next: `lane.ts`,
 * `programs.ts`, `nemesis.ts`, `judge.ts`.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as rest } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ChaosCluster } from '../chaos/cluster.ts'
import { Ground, clearLeftovers } from '../chaos/ground.ts'
import { Loopback } from '../chaos/network.ts'
import { Server } from '../chaos/server.ts'
import { Clients } from './clients.ts'
import { judge } from './judge.ts'
import { Nemesis } from './nemesis.ts'
import { Recorder } from './recorder.ts'
import { isGood, reportOf, textOf, type Report } from './report.ts'

const PROGRESS_MS = 10_000
/** Sessions of what was killed end and deadlines fall due by then. */
const QUIET_TRIES = 120
const QUIET_MS = 500
const CHECKPOINTS = ['--every-entries', '1000', '--every-ms', '3000', '--keep', '3', '--keep-every', '0']

interface Options {
  readonly minutes: number
  readonly seed: string
  readonly clients: number
  readonly lanes: number
  readonly pauseMs: number
  readonly folder: string | undefined
  readonly json: string | undefined
}

const say = (words: string): void => {
  process.stderr.write(`extensions: ${words}\n`)
}

/** Reads the command line. @throws Error with what is wrong with it. */
function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string', default: String(Date.now() % 1e6) },
      clients: { type: 'string', default: '8' },
      lanes: { type: 'string', default: '3' },
      pause: { type: 'string', default: '80' },
      dir: { type: 'string' },
      json: { type: 'string' },
    },
  })
  const number = (flag: string, text: string, min: number): number => {
    if (Number(text) >= min) return Number(text)
    throw new Error(`--${flag} ${text}: expected a number from ${min}`)
  }
  return {
    minutes: number('minutes', values.minutes, 0.1),
    seed: values.seed,
    clients: number('clients', values.clients, 2),
    lanes: number('lanes', values.lanes, 1),
    pauseMs: number('pause', values.pause, 1),
    folder: values.dir,
    json: values.json,
  }
}

/** The cluster, and what writes its checkpoints. */
async function startServers(ground: Ground, store: string): Promise<readonly [ChaosCluster, Server]> {
  const network = new Loopback()
  const cluster = await ChaosCluster.start({ ground, network, diskBytes: 0, shim: undefined, spare: false })
  await cluster.commands.setPolicy(CHECKPOINTS)
  const args = ['--cluster', cluster.url, '--blobs', store, '--json', 'checkpointer']
  const place = await network.clientPlace()
  const checkpointer = new Server({ ground, name: 'checkpointer', place, args, shim: undefined })
  await checkpointer.start()
  return [cluster, checkpointer]
}

/** All processes come to one position, then a witness that has played everything. Gives its number. */
async function comeToRest(clients: Clients): Promise<number> {
  await clients.stop()
  say('the load has ended')
  await agreeOnPosition(clients)
  const witness = await clients.startWitness()
  say(`a witness plays everything from the start, as process ${witness}`)
  await agreeOnPosition(clients)
  return witness
}

async function agreeOnPosition(clients: Clients): Promise<void> {
  for (let tries = 0; tries < QUIET_TRIES; tries++) {
    if (new Set(await clients.look()).size === 1) return
    await rest(QUIET_MS)
  }
  throw new Error('the log does not come to rest: something is appended all the time')
}

/** Prints how far it is, every ten seconds; what killed clients have noted goes where all is well. */
function tellProgress(clients: Clients, recorder: Recorder, seconds: () => number): NodeJS.Timeout {
  return setInterval(() => {
    const { buckets, digests, violations } = judge(recorder)
    if (violations.length === 0) clients.forgetKilled()
    say(
      `${seconds()} s, position ${recorder.position}, ${recorder.acts} acts, ${clients.kills} kills of clients, `
        + `${buckets} buckets and ${digests} digests compared, ${violations.length} violations, `
        + `${recorder.failures.length} failures`,
    )
  }, PROGRESS_MS)
}

/** Load and kills, then the judge. */
async function run({ minutes, seed, clients: count, lanes, pauseMs }: Options, ground: Ground): Promise<Report> {
  const store = `file:${join(ground.folder, 'blobs')}`
  const notes = join(ground.folder, 'fuel')
  mkdirSync(notes)
  const [cluster, checkpointer] = await startServers(ground, store)
  const recorder = new Recorder()
  const clients = new Clients({ url: cluster.url, seed, lanes, pauseMs, store, notes, recorder })
  for (let n = 0; n < count; n++) await clients.start()
  const forMs = minutes * 60_000
  const nemesis = new Nemesis(cluster, clients, { seed, forMs })
  const started = performance.now()
  const seconds = (): number => Math.round((performance.now() - started) / 1_000)
  const progress = tellProgress(clients, recorder, seconds)
  let witness: number | undefined
  try {
    await rest(forMs)
    await nemesis.end()
    await checkpointer.kill()
    witness = await comeToRest(clients)
  } catch (thrown) {
    recorder.failures.push(thrown instanceof Error ? thrown.message : String(thrown))
  } finally {
    clearInterval(progress)
    await clients.end()
  }
  const { kills, started: all } = clients
  const { sequencers, units } = nemesis
  const { buckets, digests, loaded } = recorder
  return reportOf({
    seed,
    seconds: seconds(),
    kills: { clients: kills, sequencers, units, started: all, loaded },
    verdict: judge({ buckets, digests, witness }),
    recorder,
    witness,
  })
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    process.exit(130)
  })
}
const options = readOptions(process.argv.slice(2))
for (const cleared of clearLeftovers()) say(`cleared ${cleared}`)
const ground = new Ground(options.folder)
say(`seed ${options.seed}, folder ${ground.folder}`)
const report = await run(options, ground)
process.stdout.write(`${textOf(report)}\n`)
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report)}\n`)
ground.end()
if (isGood(report)) rmSync(ground.folder, { recursive: true })
else say(`what there is is kept in ${ground.folder}: logs of servers, and in fuel/ what each entry used, by process`)
process.exit(isGood(report) ? 0 : 1)
