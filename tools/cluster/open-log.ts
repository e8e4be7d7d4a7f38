/**
 * The client of a command: looks who is there before it connects, so that the error says what is wrong.
 *
 * Read next: `../../log/client/client.ts`.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { LogClient } from '../../log/client/client.ts'
import { parseClusterAddress } from '../../log/client/connect.ts'
import { Cluster } from '../../log/cluster/cluster.ts'
import { SirtakiError, asError, isError } from '../../log/errors.ts'
import { systemPorts } from '../../log/io/connect.ts'
import { UNIT_ADDRESS, holdsCluster, openHostFolder, placedTransport } from '../../log/io/host-folder.ts'
import { addressesOf } from '../../log/layout.ts'
import { limits as usual, type Limits } from '../../log/limits.ts'
import { Identity } from '../../log/wire/control.ts'
import { connectLog } from '../../sequencer/connect.ts'
import type { Context } from '../cli/context.ts'

/** The bounds of a command: only its patience is its own. */
export const limitsOf = ({ timeoutMs }: { readonly timeoutMs: number }): Limits => ({ ...usual, requestMs: timeoutMs })

type Use<T> = (log: LogClient) => Promise<T>

/** How a command uses the log. */
export interface UseOptions {
  /** Whether a `file:` cluster that is not there is made: only for who writes. */
  readonly mayCreate?: boolean
  /**
   * What people are told that it does while all members answer: that it waits for the cluster, unless told. '' says
   * nothing.
   */
  readonly doing?: string
}

/**
 * Connects to the cluster that the flags name, runs `use` and closes. A `file:` cluster that nobody hosts is hosted
 * meanwhile. What takes its time is told on stderr, with the members that do not answer.
 *
 * @throws SirtakiError `BAD_ADDRESS`, `UNREACHABLE` when nobody answers or the folder has no cluster, `NOT_READY` when
 *   there is no cluster yet; of `file:` what `connectLog` throws.
 */
export async function withLog<T>(context: Context, use: Use<T>, options: UseOptions = {}): Promise<T> {
  if (context.cluster.startsWith('file:')) return withFolder(context, use, options)
  const addresses = parseClusterAddress(context.cluster)
  const log = new LogClient({ ports: systemPorts(), limits: limitsOf(context), name: 'sirtaki', addresses })
  try {
    await context.output.during(
      () => waitingText(log.cluster, addresses),
      async () => {
        await requireCluster(log.cluster, addresses)
        await log.layout({ timeoutMs: context.timeoutMs, signal: context.signal })
      },
    )
    return await context.output.during(
      () => waitingText(log.cluster, addresses, options.doing),
      () => use(log),
    )
  } finally {
    await log.close()
  }
}

async function withFolder<T>(context: Context, use: Use<T>, { mayCreate = false, doing }: UseOptions): Promise<T> {
  const { output, cluster, timeoutMs, signal } = context
  const path = folderOf(cluster)
  if (!mayCreate) requireFolder(path)
  const { client, close } = await output.during(
    () => Promise.resolve(`waiting for a host of ${path}`),
    () => connectLog(cluster, { name: 'sirtaki', limits: limitsOf(context), timeoutMs, signal }),
  )
  try {
    return await output.during(
      () => waitingText(client.cluster, [UNIT_ADDRESS], doing),
      () => use(client),
    )
  } finally {
    await close()
  }
}

/**
 * Connects to the units alone, runs `use` and closes: for a cluster that may have nobody who grants positions. The
 * unit of a `file:` cluster that nobody hosts is held meanwhile, and with `salvage` opened as far as what verifies.
 *
 * @throws SirtakiError as `withLog`; `IN_USE` when a process hosts what is to be salvaged.
 */
export async function withUnits<T>(
  context: Context,
  salvage: boolean,
  use: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  if (!context.cluster.startsWith('file:')) {
    if (salvage) {
      throw new SirtakiError(
        'BAD_ARGUMENT',
        '--salvage opens the folder of a file: cluster: start a unit of this one with sirtaki unit --salvage',
      )
    }
    return withLog(context, (log) => use(log.cluster))
  }
  requireFolder(folderOf(context.cluster))
  const { holdFolder } = await import('../../sequencer/host.ts')
  const folder = openHostFolder(folderOf(context.cluster))
  const ports = systemPorts()
  const placed = { ...ports, transport: placedTransport(ports.transport, folder) }
  const limits = limitsOf(context)
  const held = await holdFolder({ ports: placed, limits, folder, salvage }).catch((thrown: unknown) => {
    // Who hosts it can be asked, but for what takes an opening.
    if (!isError(thrown, 'IN_USE') || salvage) throw thrown
  })
  if (held === undefined) return withLog(context, (log) => use(log.cluster))
  const cluster = new Cluster({ ports: placed, limits, name: 'sirtaki', addresses: [UNIT_ADDRESS] })
  try {
    return await use(cluster)
  } finally {
    cluster.close()
    await held.close()
  }
}

/** The folder of a `file:` address, as a path from the root; '' where it names none. */
export function folderOf(address: string): string {
  const directory = address.slice('file:'.length)
  return directory === '' ? '' : resolve(directory)
}

/** Who only looks makes no cluster of a mistyped path. What else is wrong with it, `connectLog` says. */
function requireFolder(path: string): void {
  if (path === '' || holdsCluster(path) || existsSync(join(path, 'unit.db'))) return
  throw noCluster(path)
}

/** The error of a folder without a cluster. */
export const noCluster = (path: string): SirtakiError =>
  new SirtakiError(
    'UNREACHABLE',
    `there is no cluster in ${path}, and nothing was made there: `
      + 'check the path of --cluster or SIRTAKI_CLUSTER; sirtaki append makes one',
    { next: 'stop', facts: { path } },
  )

/** For how long a member is asked that somebody waits for, in milliseconds. */
const ASK_MS = 500

/** Whom a command waits for. */
async function waitingText(
  cluster: Cluster,
  known: readonly string[],
  doing = 'waiting for the cluster',
): Promise<string | undefined> {
  const { layout } = cluster
  const addresses = layout === undefined ? known : addressesOf(layout)
  const asked = await Promise.all(
    addresses.map((address) =>
      cluster
        .peer(address)
        .control('identify', {}, Identity, ASK_MS)
        .then(
          () => [],
          () => [address],
        ),
    ),
  )
  const silent = asked.flat()
  if (silent.length > 0) return `waiting: ${silent.join(', ')} ${silent.length === 1 ? 'does' : 'do'} not answer`
  return doing === '' ? undefined : doing
}

/** Settles as soon as a member of a cluster answers. */
async function requireCluster(cluster: Cluster, addresses: readonly string[]): Promise<void> {
  const asked = addresses.map(async (address) => {
    const { cluster: id } = await cluster.peer(address).control('identify', {}, Identity)
    if (id === null) {
      throw new SirtakiError(
        'NOT_READY',
        `the server at ${address} belongs to no cluster yet: make one with sirtaki init --units ${addresses.join(',')}`,
      )
    }
  })
  await Promise.any(asked).catch(async () => {
    const refusals = (await Promise.allSettled(asked)).flatMap((one) =>
      one.status === 'rejected' ? [asError(one.reason)] : [],
    )
    const blank = refusals.find((one) => one.code === 'NOT_READY')
    if (blank !== undefined) throw blank
    const reasons = refusals.map((one) => one.message).join('; ')
    throw new SirtakiError(
      'UNREACHABLE',
      `no cluster answers at tcp://${addresses.join(',')} (${reasons}): check --cluster or SIRTAKI_CLUSTER, `
        + 'or start one with sirtaki dev',
      { facts: { addresses } },
    )
  })
}

/** A cluster's peers without a cluster: for those who start one. The caller closes it. */
export const peersAt = (context: { readonly timeoutMs: number }, addresses: readonly string[]): Cluster =>
  new Cluster({ ports: systemPorts(), limits: limitsOf(context), name: 'sirtaki', addresses })
