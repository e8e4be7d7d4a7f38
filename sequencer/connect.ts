/**
 * Connecting to a cluster by address: the client's door to log and sequencer together.
 *
 *     memory:        a cluster of this call's own        memory:NAME   shared in this process
 *     tcp://h:p,...  servers over TCP                    unix:PATH     over unix sockets
 *     file:DIR       the processes of this machine that name the folder: the first hosts, another takes over
 *
 * What hosts a unit or a sequencer is imported when its address is named: a program that dials servers carries neither.
 * Read next: `memory.ts`, `file.ts`, `../log/client/connect.ts`.
 */
import type { LogClient } from '../log/client/client.ts'
import { connectServers, parseClusterAddress, type LogConnectOptions } from '../log/client/connect.ts'
import { badArgument, requireCallOptions } from '../log/cluster/arguments.ts'
import { Calls, type Call } from '../log/cluster/calls.ts'
import { SirtakiError, isError } from '../log/errors.ts'
import { systemPorts } from '../log/io/connect.ts'
import { limits as usual } from '../log/limits.ts'
import type { Clock, Ports } from '../log/ports.ts'
import type { MemoryCluster } from './memory.ts'

/** How a process connects. */
export interface ConnectLogOptions extends LogConnectOptions {
  /** Chains of a cluster that `memory:` starts; 1 unless given. */
  readonly chains?: number | undefined
  /** Units of each of them; 1 unless given. */
  readonly unitsPerChain?: number | undefined
}

/** A client with the way to end everything that came with it. */
export interface ConnectedLog extends AsyncDisposable {
  readonly client: LogClient
  close(): Promise<void>
}

const shared = new Map<string, { readonly cluster: Promise<MemoryCluster>; users: number }>()

/**
 * Connects to the log at an address. With `file:DIR` this process hosts the log when nobody does, now or later, so
 * `close` hands it over to another one.
 *
 * Ends within `timeoutMs`, or with the signal, and keeps the process alive until then. Servers that refuse
 * connections may be about to start: without a `timeoutMs` they are asked again for a second, with one until then.
 *
 * @throws SirtakiError `BAD_ARGUMENT`, `BAD_ADDRESS`; `UNREACHABLE` when all servers refuse, `TIMEOUT` when one does
 *   not answer, both with what each of them said; `WRONG_CLUSTER`; `WRONG_VERSION`; `ABORTED`. Of `file:` also `IN_USE`
 *   with the pid of a host that is stopped, `DAMAGED` for a folder that was copied in use, `UNSUPPORTED` on a network
 *   file system, `IO` when nobody hosts and this process may not write there.
 */
export async function connectLog(address: string, options: ConnectLogOptions = {}): Promise<ConnectedLog> {
  if (typeof address !== 'string') {
    throw badArgument('connect', 'an address: memory:, file:DIR, tcp://host:port,... or unix:PATH', address)
  }
  const ports = systemPorts({ unreferenced: true })
  const wanted = requireCallOptions('connect', options)
  const seen: Seen = { problem: () => undefined }
  const calls = new Calls(ports.clock, options.limits?.requestMs ?? usual.requestMs)
  try {
    return await calls.run(
      `connecting to ${address}`,
      wanted,
      (call) => open(address, options, { ports, call, seen }),
      (late) => {
        void late.close()
      },
    )
  } catch (thrown) {
    // That a call took too long says less than why.
    throw isError(thrown, 'TIMEOUT', 'UNREACHABLE') ? (seen.problem() ?? thrown) : thrown
  } finally {
    calls.close(new SirtakiError('CLOSED', 'connected'))
  }
}

/** What one attempt to connect has seen: why callers get no answer. */
interface Seen {
  problem: () => SirtakiError | undefined
}
interface Opening {
  readonly ports: Ports
  readonly call: Call
  readonly seen: Seen
}

/** How long servers are asked again that refuse connections: they may be about to start. */
const REFUSED_MS = 1_000

async function open(address: string, options: ConnectLogOptions, opening: Opening): Promise<ConnectedLog> {
  if (address.startsWith('memory:')) return connectMemory(address.slice('memory:'.length), options, opening)
  if (address.startsWith('file:')) return connectFile(address.slice('file:'.length), options, opening)
  const { ports, call } = opening
  const client = await connectServers(ports, parseClusterAddress(address), options, {
    call,
    refusedMs: options.timeoutMs === undefined ? REFUSED_MS : undefined,
  })
  return withClose(client, ports.clock, () => client.close())
}

async function connectMemory(
  name: string,
  options: ConnectLogOptions,
  { ports: { clock, random } }: Opening,
): Promise<ConnectedLog> {
  const start = async (): Promise<MemoryCluster> =>
    (await import('./memory.ts')).startMemoryCluster(clock, random, options)
  if (name === '') {
    const cluster = await start()
    const client = cluster.client(options.name)
    return withClose(client, clock, async () => {
      await client.close()
      await cluster.close()
    })
  }
  const entry = shared.get(name) ?? { cluster: start(), users: 0 }
  shared.set(name, entry)
  entry.users++
  const cluster = await entry.cluster
  const client = cluster.client(options.name)
  return withClose(client, clock, async () => {
    await client.close()
    if (--entry.users > 0) return
    shared.delete(name)
    await cluster.close()
  })
}

async function connectFile(
  directory: string,
  options: ConnectLogOptions,
  { ports, call, seen }: Opening,
): Promise<ConnectedLog> {
  const [{ FileCluster }, { UNIT_ADDRESS, openHostFolder }] = await Promise.all([
    import('./file.ts'),
    import('../log/io/host-folder.ts'),
  ])
  const folder = openHostFolder(directory)
  const cluster = new FileCluster({ ports, limits: { ...usual, ...options.limits }, folder })
  seen.problem = () => cluster.problem
  try {
    await cluster.ready(call)
    const client = await connectServers(cluster.ports, [UNIT_ADDRESS], options, { call })
    return withClose(client, ports.clock, async () => {
      await client.close()
      await cluster.close()
    })
  } catch (thrown) {
    await cluster.close()
    throw thrown
  }
}

/** Ends once; the process lives until it has. */
function withClose(client: LogClient, clock: Clock, end: () => Promise<void>): ConnectedLog {
  let ended: Promise<void> | undefined
  const close = (): Promise<void> => {
    if (ended !== undefined) return ended
    const release = clock.hold?.()
    ended = end().finally(() => {
      release?.()
    })
    return ended
  }
  return { client, close, [Symbol.asyncDispose]: close }
}
