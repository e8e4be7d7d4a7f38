/**
 * Connecting to a cluster by address: the client's door to log and sequencer together.
 *
 *     memory:        a cluster of this call's own        memory:NAME   shared in this process
 *     tcp://h:p,...  servers over TCP                    unix:PATH     over unix sockets
 *     file:DIR       the processes of this machine that name the folder: the first hosts, another takes over
 *
 * What hosts a unit or a sequencer is imported when its address is named: a program that dials servers carries neither.
 * Read next: `memory.ts`, `file.ts`, `../log/connect.ts`.
 */
import type { LogClient } from '../log/client/client.ts'
import { connectServers, parseClusterAddress, type LogConnectOptions } from '../log/connect.ts'
import { isError } from '../log/errors.ts'
import { systemPorts } from '../log/io/connect.ts'
import { limits as usual } from '../log/limits.ts'
import type { MemoryCluster } from './memory.ts'

/** How a process connects. */
export interface ConnectLogOptions extends LogConnectOptions {
  /** Chains of a cluster that `memory:` starts; 1 unless given. */
  readonly chains?: number | undefined
  /** Units of each of them; 1 unless given. */
  readonly unitsPerChain?: number | undefined
}

/** A client with the way to end everything that came with it. */
export interface ConnectedLog extends AsyncDisposable { readonly client: LogClient; close(): Promise<void> }

const shared = new Map<string, { readonly cluster: Promise<MemoryCluster>; users: number }>()

/**
 * Connects to the log at an address. With `file:DIR` this process hosts the log when nobody does, now or later, so `close` hands
 * it over to another one.
 *
 * @throws SirtakiError `BAD_ADDRESS`; `UNREACHABLE` or `TIMEOUT` when nobody answers; `WRONG_CLUSTER`; `ABORTED`. Of `file:` also
 *   `IN_USE` with the pid of a host that is stopped, `DAMAGED` for a folder that was copied in use, `UNSUPPORTED` on a network file
 *   system, `IO` when nobody hosts and this process may not write there.
 */
export async function connectLog(address: string, options: ConnectLogOptions = {}): Promise<ConnectedLog> {
  if (address.startsWith('memory:')) return connectMemory(address.slice('memory:'.length), options)
  if (address.startsWith('file:')) return connectFile(address.slice('file:'.length), options)
  const client = await connectServers(systemPorts({ unreferenced: true }), parseClusterAddress(address), options)
  return withClose(client, () => client.close())
}

async function connectMemory(name: string, options: ConnectLogOptions): Promise<ConnectedLog> {
  const start = async (): Promise<MemoryCluster> => {
    const { startMemoryCluster } = await import('./memory.ts')
    const { clock, random } = systemPorts({ unreferenced: true })
    return startMemoryCluster(clock, random, options)
  }
  if (name === '') {
    const cluster = await start()
    const client = cluster.client(options.name)
    return withClose(client, async () => { await client.close(); await cluster.close() })
  }
  const entry = shared.get(name) ?? { cluster: start(), users: 0 }
  shared.set(name, entry)
  entry.users++
  const cluster = await entry.cluster
  const client = cluster.client(options.name)
  return withClose(client, async () => {
    await client.close()
    if (--entry.users > 0) return
    shared.delete(name)
    await cluster.close()
  })
}

async function connectFile(directory: string, options: ConnectLogOptions): Promise<ConnectedLog> {
  const [{ FileCluster }, { UNIT_ADDRESS, openHostFolder }] = await Promise.all([import('./file.ts'), import('../log/io/host-folder.ts')])
  const folder = openHostFolder(directory)
  const cluster = new FileCluster({ ports: systemPorts({ unreferenced: true }), limits: { ...usual, ...options.limits }, folder })
  try {
    await cluster.ready(options)
    const client = await connectServers(cluster.ports, [UNIT_ADDRESS], options)
    return withClose(client, async () => { await client.close(); await cluster.close() })
  } catch (thrown) {
    await cluster.close()
    // That a call took too long says less than why.
    throw isError(thrown, 'TIMEOUT', 'UNREACHABLE') ? cluster.problem ?? thrown : thrown
  }
}

function withClose(client: LogClient, end: () => Promise<void>): ConnectedLog {
  let ended: Promise<void> | undefined
  const close = (): Promise<void> => { ended ??= end(); return ended }
  return { client, close, [Symbol.asyncDispose]: close }
}
