/**
 * Who is in the cluster and what each says of itself.
 *
 * Read next: `../../log/unit/server.ts` and `../../sequencer/server.ts` (`status`).
 */
import { array, boolean, nullable, number, optional, string, type, type Infer, type Struct } from 'superstruct'
import type { LogClient } from '../../log/client/client.ts'
import type { Cluster } from '../../log/cluster/cluster.ts'
import { asError } from '../../log/errors.ts'
import { chainsOf, openSegment, type Layout } from '../../log/layout.ts'

const Latency = type({ p50: optional(number()), p99: optional(number()) })
/** Quantiles of the latest times, in milliseconds. */
export type Latency = Infer<typeof Latency>
const Copy = type({ from: number(), to: number(), at: number(), bytes: number(), bytesPerSecond: number() })
/** How far a unit is that copies [from, to): everything below `at` is copied. */
export type Copy = Infer<typeof Copy>
// What is optional here, servers of an earlier version do not say.
/** What a unit's status must be like. */
export const UnitStatus = type({
  name: string(),
  identity: string(),
  boot: string(),
  role: string(),
  stopped: optional(string()),
  cluster: nullable(string()),
  epoch: number(),
  sealed: number(),
  opened: number(),
  prefix: number(),
  highest: number(),
  trim: number(),
  streams: number(),
  connections: number(),
  store: type({ kind: string(), path: optional(string()), diskBytes: number(), freeBytes: optional(number()) }),
  full: optional(boolean()),
  subscriptions: optional(number()),
  entries: optional(number()),
  bytes: optional(number()),
  commits: optional(number()),
  commitMs: optional(Latency),
  waitingBytes: optional(number()),
  copy: optional(nullable(Copy)),
  version: optional(string()),
  acceptor: optional(type({ lost: optional(string()) })),
})
/** What a unit says of itself. */
export type UnitStatus = Infer<typeof UnitStatus>
/** What a sequencer's status must be like. */
export const SequencerStatus = type({
  name: string(),
  boot: string(),
  role: string(),
  epoch: number(),
  tail: number(),
  prefix: number(),
  holes: number(),
  streams: number(),
  waiting: number(),
  connections: number(),
  grants: optional(number()),
  granted: optional(number()),
  appendMs: optional(Latency),
  busiest: optional(array(type({ stream: number(), entries: number() }))),
  window: optional(number()),
  logTime: optional(number()),
  standbys: optional(array(string())),
  version: optional(string()),
})
/** What a sequencer says of itself. */
export type SequencerStatus = Infer<typeof SequencerStatus>

/** A unit of the layout with its answer, or why there is none. */
export interface UnitMemberStatus {
  readonly chain: number
  readonly address: string
  readonly identity: string
  readonly boot: string
  readonly status: UnitStatus | undefined
  readonly problem: string | undefined
}
/** A unit outside the chains, with its answer or why there is none: one that waits, or was left out. */
export interface OtherUnit extends Answer<UnitStatus> {
  readonly address: string
  readonly identity: string
}
/** The whole cluster at one look. `spares` and `absent` are empty where nobody asked for them. */
export interface Members {
  readonly layout: Layout
  readonly units: readonly UnitMemberStatus[]
  readonly spares: readonly OtherUnit[]
  readonly absent: readonly OtherUnit[]
  readonly sequencer: {
    readonly address: string
    readonly boot: string
    readonly status: SequencerStatus | undefined
    readonly problem: string | undefined
  } | null
}

/** Asks every member of the newest layout. */
export async function membersOf(log: LogClient): Promise<Members> {
  await log.cluster.refresh()
  return askMembers(log.cluster)
}

/** How members are asked: each for at most `timeoutMs`; with `chainsOnly` no spares and none that were left out. */
export interface AskOptions {
  readonly timeoutMs?: number
  readonly chainsOnly?: boolean
}

/** What a member says, or why it says nothing. */
export interface Answer<T> {
  readonly status: T | undefined
  readonly problem: string | undefined
}

/** Asks every member of the layout that is known. */
export async function askMembers(cluster: Cluster, options: AskOptions = {}): Promise<Members> {
  const { timeoutMs, chainsOnly = false } = options
  const layout = await cluster.current()
  const ask = <T, S>(address: string, struct: Struct<T, S>): Promise<Answer<T>> =>
    cluster
      .peer(address)
      .control('status', {}, struct, timeoutMs)
      .then(
        (status) => ({ status, problem: undefined }),
        (thrown: unknown) => ({ status: undefined, problem: asError(thrown).message }),
      )
  const askUnit = async ({
    address,
    identity,
  }: Pick<OtherUnit, 'address' | 'identity'>): Promise<Answer<UnitStatus>> => {
    const answer = await ask(address, UnitStatus)
    if (answer.status === undefined || answer.status.identity === identity) return answer
    return { status: undefined, problem: `another disk answers there: ${answer.status.identity}` }
  }
  const { sequencer } = layout
  const [units, spares, absent, answered] = await Promise.all([
    Promise.all(
      chainsOf(openSegment(layout)).flatMap(({ index, units: members }) =>
        members.map(async (unit) => ({ chain: index, ...unit, ...(await askUnit(unit)) })),
      ),
    ),
    Promise.all((chainsOnly ? [] : layout.spares).map(async (unit) => ({ ...unit, ...(await askUnit(unit)) }))),
    Promise.all(
      (chainsOnly ? [] : layout.absent).map(async ({ address, identity }) => ({
        address,
        identity,
        ...(await ask(address, UnitStatus)),
      })),
    ),
    sequencer === null ? undefined : ask(sequencer.address, SequencerStatus),
  ])
  const named = sequencer === null || answered === undefined ? null : { ...sequencer, ...answered }
  return { layout, units, spares, absent, sequencer: named }
}

/** How far the decided prefix of a unit is behind the best of its chain. */
export const lagOf = ({ units }: Members, { chain, status }: UnitMemberStatus): number | undefined =>
  status === undefined
    ? undefined
    : Math.max(...units.filter((one) => one.chain === chain).map((one) => one.status?.prefix ?? 0)) - status.prefix
