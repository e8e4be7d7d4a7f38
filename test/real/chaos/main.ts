/**
 * `npm run chaos -- --minutes N --seed S [--only KIND,...] [--loads LOAD,...] [--dir DIR] [--picture FILE.svg]
 * [--json FILE] [--rate N] [--least N] [--network auto|namespaces|proxies] [--retention]`: faults on a cluster of real
 * processes and on its clients under recorded loads, and the judges of it all. `--power-cuts N` and `--kill-all N` are
 * bounded tests, which do nothing else. `--retention` has checkpoints, archive and trims go on by a policy, with a
 * MinIO that faults meet too. `--busy N` has N processes compute beside it all.
 *
 * The last line is `faults N, operations N, violations N, unavailable p50 N ms, max N ms` (`power cuts N,
 * acknowledged N, missing N`; `kills of all N, acknowledged N, missing N, append again p50 N ms, max N ms, epochs max
 * N, load average N`). A seed draws the same faults again; what the processes make of them is up to the machine. When
 * it fails, the folder with logs and history stays and is named. Read next: `nemesis.ts`, `faults.ts`, `client.ts`,
 * `judge.ts`.
 */
import { readdirSync, rmSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machineText } from '../../../tools/bench/machine.ts'
import { Prng } from '../../harness/prng.ts'
import { keepBusy } from './busy.ts'
import { ChaosCluster } from './cluster.ts'
import { whyNoDisks } from './disk.ts'
import { clientKinds, type KindName, type World } from './faults.ts'
import { Ground, clearLeftovers } from './ground.ts'
import { judge } from './judge.ts'
import { objectLoads } from './loads.ts'
import { buildCut, buildShim, hasCompiler } from './native.ts'
import { torment, type Met, type Plan } from './nemesis.ts'
import { Loopback, Namespaces, Proxies, whyNoNamespaces, type Network } from './network.ts'
import { judgeObjects } from './object-judge.ts'
import { readOptions, type Options } from './options.ts'
import { Retention } from './retention.ts'
import { drawTo } from './picture.ts'
import { cutAgainAndAgain } from './power-cuts.ts'
import { Recorder } from './recorder.ts'
import { againLineOf, isGood, lastLineOf, reportOf, textOf, type Report } from './report.ts'

const DISK_BYTES = 400 << 20
/** The log of a long run grows: trims give room back late. */
const DISK_BYTES_PER_MINUTE = 20 << 20
const PROGRESS_MS = 5_000
const STOP_MS = 180_000
/** Each kind is met about so often in a run, at least: short runs have short faults and pauses. */
const MEETINGS = 3
/** With clients that are started again the log is trimmed only in the last part of a run. */
const TRIM_FROM = 0.7
const PAUSE_MS = 10_000
/** What one fault takes of a run, with recovery and repair: a short run has no time for all kinds. */
const FAULT_MS = 12_000

const say = (words: string): void => {
  process.stderr.write(`chaos: ${words}\n`)
}

/** Why a kind cannot be done here, if it cannot. */
function whyNot(kind: KindName, { network }: Options): string | undefined {
  switch (kind) {
    case 'cut-sequencer':
    case 'cut-units':
      return network === 'proxies' ? 'a proxy does not know who comes' : whyNoNamespaces()
    case 'slow-disk':
    case 'clock':
    case 'clock-client':
      return hasCompiler() ? undefined : 'no gcc here to build the shim'
    case 'fill-disk':
      return whyNoDisks()
    case 'power-cut':
      return whyNoDisks() ?? (hasCompiler() ? undefined : 'no gcc here to build what cuts the power')
    default:
      return undefined
  }
}

const cutting: readonly KindName[] = ['partition', 'cut-sequencer', 'cut-units']
const shimmed: readonly KindName[] = ['slow-disk', 'clock', 'clock-client']

function networkFor({ network }: Options, ground: Ground, names: readonly KindName[]): Network {
  if (network === 'proxies') return new Proxies()
  const isNeeded = network === 'namespaces' || cutting.some((kind) => names.includes(kind))
  if (!isNeeded) return new Loopback()
  const problem = whyNoNamespaces()
  if (problem === undefined) return new Namespaces(ground)
  if (network === 'namespaces') throw new Error(`no namespaces here: ${problem}`)
  say(`PARTITIONS BY PROXIES, each cuts one server off from all: ${problem}`)
  return new Proxies()
}

/** What a run stands on. */
type Stage = Pick<World, 'cluster' | 'cut' | 'prng'> & { readonly shim: string | undefined }

/** Starts a cluster for these kinds of faults. */
async function makeStage(options: Options, ground: Ground, names: readonly KindName[]): Promise<Stage> {
  const shim = names.some((kind) => shimmed.includes(kind)) ? buildShim(ground.folder) : undefined
  const cut = names.includes('power-cut') ? buildCut(ground.folder) : undefined
  const hasDisks = names.includes('fill-disk') || cut !== undefined
  const cluster = await ChaosCluster.start({
    ground,
    network: networkFor(options, ground, names),
    shim,
    diskBytes: hasDisks ? DISK_BYTES + Math.ceil(options.minutes) * DISK_BYTES_PER_MINUTE : 0,
    spare: options.powerCuts === 0,
  })
  return { cluster, cut, shim, prng: new Prng(`chaos/${options.seed}`) }
}

function planOf({ minutes, killAll }: Options, names: readonly KindName[]): Plan {
  if (killAll > 0) {
    return { names, count: killAll, forMs: Infinity, lastsMsMax: 200, repairs: false, pauseMs: [100, 1_500] }
  }
  const forMs = minutes * 60_000
  const partMs = forMs / names.length / MEETINGS
  const pauseMs = Math.min(PAUSE_MS, partMs)
  return {
    names,
    count: Infinity,
    forMs,
    lastsMsMax: Math.max(500, partMs),
    repairs: true,
    pauseMs: [pauseMs, pauseMs * 1.3],
  }
}

/** Kinds that nobody asked for and that the run has no time for: drawn by the seed, of servers and of clients alike. */
function withoutTime({ only, isChosen, minutes, seed }: Options, skipped: ReadonlyMap<KindName, string>): KindName[] {
  const room = Math.max(4, Math.floor((minutes * 60_000) / FAULT_MS))
  if (isChosen) return []
  const prng = new Prng(`kinds/${seed}`)
  const possible = only.filter((kind) => !skipped.has(kind)).map((kind) => ({ kind, at: prng.next() }))
  const drawn = possible.sort((left, right) => left.at - right.at).map(({ kind }) => kind)
  const ofClients = drawn.filter((kind) => clientKinds.includes(kind))
  const ofServers = drawn.filter((kind) => !clientKinds.includes(kind))
  const half = Math.min(ofClients.length, Math.floor(room / 2))
  return [...ofClients.slice(half), ...ofServers.slice(room - half)]
}

/** Faults under load, then the judge. */
async function runChaos(options: Options, ground: Ground): Promise<Report> {
  const skipped = new Map<KindName, string>()
  for (const kind of options.only) {
    const why = whyNot(kind, options)
    if (why !== undefined) skipped.set(kind, why)
  }
  for (const kind of withoutTime(options, skipped)) skipped.set(kind, `no time in ${options.minutes} minutes`)
  const names = options.only.filter((kind) => !skipped.has(kind))
  const stage = await makeStage(options, ground, names)
  for (const [kind, why] of skipped) say(`SKIPPED ${kind}: ${why}`)
  keepBusy(ground, options.busy)
  const plan = planOf(options, names)
  const recorder = new Recorder(ground)
  const { meter } = recorder
  const { rate, loads } = options
  const { cluster, shim } = stage
  const retention = options.retention ? await Retention.start(cluster, ground, cluster.network.host) : undefined
  const blobs = retention?.address
  await recorder.start({ url: cluster.url, rate, loads, network: cluster.network, shim, blobs })
  retention?.measure()
  const met: Met[] = []
  let trims = false
  const world: World = {
    ...stage,
    clients: recorder.objects,
    retention,
    killed: (client, at) => {
      recorder.facts.kills.push({ client, at })
    },
    canStart: () => !trims,
  }
  const mayTrim = (): boolean => {
    const isLate = meter.nowNs - meter.startNs > TRIM_FROM * plan.forMs * 1e6
    const isMet = !names.includes('kill-client') || met.some(({ kind }) => kind === 'kill-client')
    return recorder.objects.length === 0 || (isLate && isMet)
  }
  const failures: string[] = []
  const progress = setInterval(() => {
    if (!trims && retention === undefined && mayTrim()) {
      trims = true
      recorder.trim()
    }
    say(`${Math.round((meter.nowNs - meter.startNs) / 1e9)} s, ${met.length} faults, ${meter.operations} operations`)
  }, PROGRESS_MS)
  try {
    await torment(world, meter, plan, (one) => {
      met.push(one)
      say(
        `${one.kind} of ${one.what}: ${((one.toNs - one.fromNs) / 1e9).toFixed(1)} s, unavailable `
          + `${Math.round(meter.longestGapMs(one.fromNs, one.watchedToNs))} ms, `
          + `an append ${Math.round(one.againMs)} ms after its end, epoch ${one.epoch}, ${one.epochs} more`,
      )
    })
  } catch (thrown) {
    failures.push(thrown instanceof Error ? thrown.message : String(thrown))
    say(`FAILED ${failures.join()}`)
  }
  const endNs = meter.nowNs
  const series = (await retention?.stop()) ?? []
  say('reading everything back')
  await recorder.stop(STOP_MS)
  clearInterval(progress)
  const ends = Object.fromEntries(cluster.servers.filter((one) => one.ends > 0).map((one) => [one.name, one.ends]))
  await cluster.kill(cluster.servers)
  failures.push(
    ...recorder.problems,
    ...plan.names
      .filter((kind) => !met.some((one) => one.kind === kind))
      .map((kind) => `no ${kind} was met: give it more --minutes`),
  )
  say('judging')
  const isFinished = recorder.problems.length === 0
  const judgement = judge(recorder.history, { isReadBack: isFinished })
  const objects = judgeObjects({
    history: recorder.history,
    facts: recorder.facts,
    fence: loads.some((load) => objectLoads.includes(load)) ? recorder.fence : undefined,
    faults: met,
    isFinished,
  })
  return reportOf(meter, {
    seed: options.seed,
    least: options.least,
    machine: machineText(),
    met,
    skipped,
    errors: recorder.errors,
    ends,
    failures,
    judgement,
    objects,
    facts: recorder.facts,
    series,
    endNs,
  })
}

async function chaos(options: Options, ground: Ground): Promise<boolean> {
  say(`seed ${options.seed}, folder ${ground.folder}`)
  const report = await runChaos(options, ground)
  writeFileSync(`${ground.folder}/report.json`, `${JSON.stringify(report)}\n`)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report)}\n`)
  if (options.picture !== undefined) drawTo(options.picture, report)
  console.log(textOf(report))
  if (!isGood(report)) say(`logs and history are kept in ${ground.folder}`)
  console.log(options.killAll > 0 ? againLineOf(report) : lastLineOf(report))
  return isGood(report)
}

async function powerCuts(options: Options, ground: Ground): Promise<boolean> {
  const problem = whyNot('power-cut', options)
  if (problem !== undefined) {
    console.log(`SKIPPED power cuts: ${problem}`)
    return true
  }
  const { cluster, cut = '' } = await makeStage({ ...options, network: 'auto' }, ground, ['power-cut'])
  say('a power cut is the shutdown of ext4 without a flush of its journal, then kill -9, unmount, mount')
  const { cuts, acknowledged, missing } = await cutAgainAndAgain(cluster, cut, options.powerCuts, say)
  await cluster.kill(cluster.servers)
  for (const one of missing) console.log(`MISSING ${one}`)
  if (missing.length > 0) say(`logs are kept in ${ground.folder}`)
  console.log(`power cuts ${cuts}, acknowledged ${acknowledged}, missing ${missing.length}`)
  return missing.length === 0
}

const options = readOptions(process.argv.slice(2))
if (typeof options === 'string') {
  console.error(`chaos: ${options}`)
  process.exit(2)
}
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    process.exit(130)
  })
}
for (const what of clearLeftovers()) say(`cleared ${what}`)
const ground = new Ground(options.folder)
let isFine = false
try {
  isFine = await (options.powerCuts > 0 ? powerCuts : chaos)(options, ground)
} catch (thrown) {
  say(
    `FAILED ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}; what there is `
      + `is kept in ${ground.folder}`,
  )
}
ground.end()
if (isFine) {
  for (const name of readdirSync(ground.folder)) {
    if (options.folder === undefined || name.endsWith('.img')) rmSync(join(ground.folder, name), { recursive: true })
  }
  if (options.folder === undefined) rmdirSync(ground.folder)
}
process.exit(isFine ? 0 : 1)
