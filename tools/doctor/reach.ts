/**
 * Whether the members of the cluster can be reached from here, how far they are, what they run and how their time goes.
 *
 * Read next: `../cluster/members.ts`, `../commands/doctor.ts`.
 */
import { number, optional, string, type, type Infer } from 'superstruct'
import type { Cluster } from '../../log/cluster/cluster.ts'
import { asError } from '../../log/errors.ts'
import { addressesOf } from '../../log/layout.ts'
import { rest } from '../cli/interrupt.ts'
import { ownVersion } from '../cli/version.ts'
import { askMembers, type Members } from '../cluster/members.ts'
import { standingOf } from '../cluster/standing.ts'
import { quantile } from '../job/progress.ts'
import { check, type Check } from './check.ts'

/** What is asked of any server. */
const Told = type({
  acceptor: optional(type({ lost: optional(string()) })),
  kind: string(),
  role: string(),
  epoch: number(),
  boot: string(),
  version: optional(string()),
  logTime: optional(number()),
})
type Told = Infer<typeof Told>
/** One server, or why it does not answer. */
export interface Reached {
  readonly address: string
  readonly told: Told | undefined
  readonly roundTripMs: number
  readonly problem: string | undefined
}

/** Where to look. */
export interface ReachOptions {
  readonly cluster: Cluster
  readonly addresses: readonly string[]
  /** Somebody said that a cluster is there. */
  readonly isNamed: boolean
  /** Its servers are parts of one program, which has no version of its own. */
  readonly isOneProcess?: boolean
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const TRIPS = 5
const FAR_MS = 50
const LOG_TIME_MS = 1_000
/** Two good clocks differ by less in a second; what the way there and back takes comes on top. */
const LOG_TIME_DRIFT_MAX_MS = 5

/** Looks at every member: those named, and those that their layout names. */
export async function* checkReach(options: ReachOptions): AsyncGenerator<Check> {
  const { cluster, addresses, isNamed, signal } = options
  const named = await Promise.all(addresses.map((address) => reach(options, address)))
  if (!isNamed && named.every(({ told }) => told === undefined)) {
    yield check('cluster', 'warn', `none answers at ${addresses.join(', ')}: to look at one, name it with --cluster`, {
      addresses,
    })
    return
  }
  const others =
    cluster.layout === undefined
      ? []
      : [
          ...new Set([
            ...addressesOf(cluster.layout),
            ...(cluster.layout.sequencer === null ? [] : [cluster.layout.sequencer.address]),
          ]),
        ].filter((address) => !addresses.includes(address))
  const all = [...named, ...(await Promise.all(others.map((address) => reach(options, address))))]
  const members = cluster.layout === undefined ? addresses : addressesOf(cluster.layout)
  for (const one of all) yield members.includes(one.address) ? judgeReached(one) : judgeStranger(one)
  const answered = all.flatMap(({ address, told }) => (told === undefined ? [] : [{ address, version: told.version }]))
  if (answered.length > 0 && options.isOneProcess !== true) yield judgeVersions(answered)
  const { timeoutMs } = options
  if (cluster.layout !== undefined && !signal.aborted) yield judgeStanding(await askMembers(cluster, { timeoutMs }))
  const sequencer = all.find(({ told }) => told?.kind === 'sequencer' && told.role === 'ready')
  if (sequencer !== undefined && !signal.aborted) yield await checkLogTime(options, sequencer.address)
}

/** Asks a server; the median of several ways there and back, after the one that connects. */
async function reach({ cluster, timeoutMs }: ReachOptions, address: string): Promise<Reached> {
  const ask = (): Promise<Told> => cluster.peer(address).control('status', {}, Told, timeoutMs)
  try {
    const told = await ask()
    const trips: number[] = []
    for (let i = 0; i < TRIPS; i++) {
      const started = performance.now()
      await ask()
      trips.push(performance.now() - started)
    }
    return { address, told, roundTripMs: quantile(trips, 0.5), problem: undefined }
  } catch (thrown) {
    return { address, told: undefined, roundTripMs: 0, problem: asError(thrown).message }
  }
}

/** Judges how a server can be reached. */
export function judgeReached({ address, told, roundTripMs, problem }: Reached): Check {
  const name = `member ${address}`
  if (told === undefined) {
    return check(name, 'fail', `does not answer (${problem}): start it, or let the network through`, { address })
  }
  const facts = { address, kind: told.kind, role: told.role, epoch: told.epoch, roundTripMs }
  const text = `${told.kind}, ${told.role}, epoch ${told.epoch}, ${roundTripMs.toFixed(2)} ms there and back`
  if (told.acceptor?.lost !== undefined) return check(name, 'fail', `${text}: ${told.acceptor.lost}`, facts)
  return roundTripMs > FAR_MS
    ? check(name, 'warn', `${text}: that is far, and every append waits for it`, facts)
    : check(name, 'ok', text, facts)
}

/** Judges who was named and is no member: it may have been taken out long ago. */
export function judgeStranger(reached: Reached): Check {
  const { address, told, problem } = reached
  const name = `member ${address}`
  const facts = { address, isMember: false }
  if (told === undefined) {
    return check(
      name,
      'warn',
      `does not answer (${problem}), and is no member of the cluster: leave it out of --cluster`,
      facts,
    )
  }
  if (told.kind === 'sequencer') return { ...judgeReached(reached), text: `sequencer that stands by, ${told.role}` }
  const text = `${told.kind}, ${told.role}, and no member of the cluster: leave it out of --cluster, or stop it`
  return check(name, 'warn', text, facts)
}

/** Judges whether the cluster survives what it was made to survive. */
export function judgeStanding(members: Members): Check {
  const { degraded, notes } = standingOf(members)
  const facts = { degraded, notes }
  if (degraded.length > 0) return check('replication', 'fail', degraded.join('; '), facts)
  if (notes.length > 0) return check('replication', 'warn', notes.join('; '), facts)
  return check('replication', 'ok', 'every chain has all its units and positions', facts)
}

/** Judges what the servers run. */
export function judgeVersions(
  servers: readonly { readonly address: string; readonly version: string | undefined }[],
  own = ownVersion,
): Check {
  const odd = servers.filter(({ version }) => version !== own)
  const facts = { own, servers: Object.fromEntries(servers.map(({ address, version }) => [address, version ?? null])) }
  if (odd.length === 0) return check('versions', 'ok', `all run ${own}, as this command does`, facts)
  const others = odd.map(({ address, version }) => `${address} ${version ?? 'does not report its version'}`).join(', ')
  return check('versions', 'warn', `this command is ${own}, ${others}: run the same version everywhere`, facts)
}

/** Compares how log time and our own time go on. */
async function checkLogTime(options: ReachOptions, address: string): Promise<Check> {
  const look = async (): Promise<{ told: Told; from: number; to: number }> => {
    const from = performance.now()
    const told = await options.cluster.peer(address).control('status', {}, Told, options.timeoutMs)
    return { told, from, to: performance.now() }
  }
  try {
    const before = await look()
    await rest(LOG_TIME_MS, options.signal)
    const after = await look()
    if (before.told.boot !== after.told.boot || before.told.logTime === undefined || after.told.logTime === undefined) {
      return check('log time', 'warn', `the sequencer at ${address} was started anew meanwhile: look again`, {
        address,
      })
    }
    const uncertainMs = before.to - before.from + (after.to - after.from)
    return judgeLogTime({
      address,
      logMs: after.told.logTime - before.told.logTime,
      ownMs: (after.from + after.to - before.from - before.to) / 2,
      uncertainMs,
    })
  } catch (thrown) {
    return check(
      'log time',
      'warn',
      `the sequencer at ${address} no longer answers (${asError(thrown).message}): look again`,
      { address },
    )
  }
}

/** Judges how far log time went while our own clock went `ownMs`. */
export function judgeLogTime({
  address,
  logMs,
  ownMs,
  uncertainMs,
}: {
  readonly address: string
  readonly logMs: number
  readonly ownMs: number
  readonly uncertainMs: number
}): Check {
  const facts = { address, logMs, ownMs, uncertainMs }
  const text = `${logMs} ms of log time passed in ${ownMs.toFixed(0)} ms of ours`
  if (Math.abs(logMs - ownMs) <= LOG_TIME_DRIFT_MAX_MS + uncertainMs) return check('log time', 'ok', text, facts)
  return check(
    'log time',
    'warn',
    `${text}: one of the two machines has a clock that runs unevenly, or was paused; deadlines in the log `
      + `follow that of the sequencer at ${address}`,
    facts,
  )
}
