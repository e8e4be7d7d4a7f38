/**
 * Addresses of clusters: `tcp://host:port,host:port,...` and `unix:PATH,...` for processes; `memory:` is
 * `sequencer/memory.ts`'s.
 *
 * Read next: `client.ts`.
 */
import type { Call } from '../cluster/calls.ts'
import { SirtakiError } from '../errors.ts'
import { limits as usual, type Limits } from '../limits.ts'
import type { Ports } from '../ports.ts'
import { LogClient } from './client.ts'

/** How a process connects. */
export interface LogConnectOptions {
  /** Who we are, in the servers' messages to people. */
  readonly name?: string | undefined
  /** Bounds other than the usual ones. */
  readonly limits?: Partial<Limits> | undefined
  /** How long to look for a cluster, in milliseconds. */
  readonly timeoutMs?: number | undefined
  /** Gives connecting up: it is rejected with `ABORTED`. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Cuts the address of a cluster into the addresses of servers.
 *
 * @throws SirtakiError `BAD_ADDRESS` that says what was expected.
 */
export function parseClusterAddress(address: string): string[] {
  const hint = 'expected tcp://host:port,host:port,... or unix:PATH'
  if (address.startsWith('unix:')) return address.split(',')
  if (!address.startsWith('tcp://')) {
    throw new SirtakiError('BAD_ADDRESS', `${JSON.stringify(address)} is no address of a cluster: ${hint}`, {
      facts: { address },
    })
  }
  const servers = address
    .slice('tcp://'.length)
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
  const odd = servers.find(
    (one) =>
      !/^(\[[0-9a-fA-F:]+\]|[^:\s/]+):\d{1,5}$/.test(one) || Number(one.slice(one.lastIndexOf(':') + 1)) > 65_535,
  )
  if (servers.length === 0 || odd !== undefined) {
    throw new SirtakiError('BAD_ADDRESS', `${JSON.stringify(odd ?? address)} has no host and port: ${hint}`, {
      facts: { address },
    })
  }
  return servers
}

/** The call that somebody waits for; `refusedMs`: how long all servers may refuse before that is the answer. */
interface Connecting {
  readonly call: Call
  readonly refusedMs?: number | undefined
}

/**
 * Connects to the servers at these addresses. Settles once a layout is known.
 *
 * @throws SirtakiError `UNREACHABLE` or `TIMEOUT` when nobody answers, `WRONG_CLUSTER`, `WRONG_VERSION`, `ABORTED`.
 */
export async function connectServers(
  ports: Ports,
  addresses: readonly string[],
  options: LogConnectOptions,
  { call, refusedMs }: Connecting,
): Promise<LogClient> {
  const client = new LogClient({
    ports,
    limits: { ...usual, ...options.limits },
    name: options.name ?? 'client',
    addresses,
  })
  try {
    await client.cluster.current(call, refusedMs)
    return client
  } catch (thrown) {
    await client.close()
    throw thrown
  }
}
