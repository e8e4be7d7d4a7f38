/**
 * Connecting to a cluster by address: the client's door to log and sequencer together.
 *
 *     memory:        a cluster of this call's own        memory:NAME   shared in this process
 *     tcp://h:p,...  servers over TCP                    unix:PATH     over unix sockets
 *
 * Read next: `memory.ts`, `../log/connect.ts`.
 */
import type { LogClient } from '../log/client/client.ts'
import { connectServers, parseClusterAddress, type LogConnectOptions } from '../log/connect.ts'
import { SirtakiError } from '../log/errors.ts'
import { systemPorts } from '../log/io/connect.ts'
import { startMemoryCluster, type MemoryCluster } from './memory.ts'

/** How a process connects. `chains` and `unitsPerChain` shape a `memory:` cluster. */
export interface ConnectLogOptions extends LogConnectOptions { readonly chains?: number | undefined; readonly unitsPerChain?: number | undefined }

/** A client with the way to end everything that came with it. */
export interface ConnectedLog extends AsyncDisposable { readonly client: LogClient; close(): Promise<void> }

const shared = new Map<string, { readonly cluster: Promise<MemoryCluster>; users: number }>()

/**
 * Connects to the log at an address.
 *
 * @throws SirtakiError `BAD_ADDRESS`; `UNREACHABLE` or `TIMEOUT` when nobody answers; `WRONG_CLUSTER`; `ABORTED`.
 */
export async function connectLog(address: string, options: ConnectLogOptions = {}): Promise<ConnectedLog> {
  if (address.startsWith('memory:')) return connectMemory(address.slice('memory:'.length), options)
  if (address.startsWith('file:')) throw new SirtakiError('UNSUPPORTED', 'file: addresses are not supported yet: start a cluster with `sirtaki dev` and use tcp://')
  const client = await connectServers(systemPorts({ unreferenced: true }), parseClusterAddress(address), options)
  return withClose(client, () => client.close())
}

async function connectMemory(name: string, options: ConnectLogOptions): Promise<ConnectedLog> {
  const start = (): Promise<MemoryCluster> => { const { clock, random } = systemPorts({ unreferenced: true }); return startMemoryCluster(clock, random, options) }
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

function withClose(client: LogClient, end: () => Promise<void>): ConnectedLog {
  let ended: Promise<void> | undefined
  const close = (): Promise<void> => { ended ??= end(); return ended }
  return { client, close, [Symbol.asyncDispose]: close }
}
