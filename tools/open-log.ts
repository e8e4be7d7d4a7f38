/**
 * The client of a command: looks who is there before it connects, so that the error says what is wrong.
 *
 * Read next: `../log/client/client.ts`.
 */
import { LogClient } from '../log/client/client.ts'
import { Cluster } from '../log/client/cluster.ts'
import { parseClusterAddress } from '../log/connect.ts'
import { SirtakiError, asError } from '../log/errors.ts'
import { systemPorts } from '../log/io/connect.ts'
import { limits as usual, type Limits } from '../log/limits.ts'
import { Identity } from '../log/wire/control.ts'
import { connectLog } from '../sequencer/client.ts'
import type { Context } from './context.ts'

/** The bounds of a command: only its patience is its own. */
export const limitsOf = ({ timeoutMs }: { readonly timeoutMs: number }): Limits => ({ ...usual, requestMs: timeoutMs })

/**
 * Connects to the cluster that the flags name, runs `use` and closes. A `file:` cluster that nobody hosts is hosted meanwhile.
 *
 * @throws SirtakiError `BAD_ADDRESS`, `UNREACHABLE` when nobody answers, `NOT_READY` when there is no cluster yet; of `file:` what `connectLog` throws.
 */
export async function withLog<T>(context: Context, use: (log: LogClient) => Promise<T>): Promise<T> {
  if (context.cluster.startsWith('file:')) return withFolder(context, use)
  const addresses = parseClusterAddress(context.cluster)
  const log = new LogClient({ ports: systemPorts(), limits: limitsOf(context), name: 'sirtaki', addresses })
  try {
    await requireCluster(log.cluster, addresses)
    await log.layout({ timeoutMs: context.timeoutMs, signal: context.signal })
    return await use(log)
  } finally {
    await log.close()
  }
}

async function withFolder<T>(context: Context, use: (log: LogClient) => Promise<T>): Promise<T> {
  const { client, close } = await connectLog(context.cluster, { name: 'sirtaki', limits: limitsOf(context), timeoutMs: context.timeoutMs, signal: context.signal })
  try {
    return await use(client)
  } finally {
    await close()
  }
}

/** Settles as soon as a member of a cluster answers. */
async function requireCluster(cluster: Cluster, addresses: readonly string[]): Promise<void> {
  const asked = addresses.map(async (address) => {
    const { cluster: id } = await cluster.peer(address).control('identify', {}, Identity)
    if (id === null) throw new SirtakiError('NOT_READY', `the server at ${address} belongs to no cluster yet: make one with sirtaki init --units ${addresses.join(',')}`)
  })
  await Promise.any(asked).catch(async () => {
    const refusals = (await Promise.allSettled(asked)).flatMap((one) => one.status === 'rejected' ? [asError(one.reason)] : [])
    const blank = refusals.find((one) => one.code === 'NOT_READY')
    if (blank !== undefined) throw blank
    const reasons = refusals.map((one) => one.message).join('; ')
    throw new SirtakiError('UNREACHABLE', `no cluster answers at tcp://${addresses.join(',')} (${reasons}): check --cluster or SIRTAKI_CLUSTER, or start one with sirtaki dev`, { facts: { addresses } })
  })
}

/** A cluster's peers without a cluster: for those who start one. The caller closes it. */
export const peersAt = (context: { readonly timeoutMs: number }, addresses: readonly string[]): Cluster =>
  new Cluster({ ports: systemPorts(), limits: limitsOf(context), name: 'sirtaki', addresses })
