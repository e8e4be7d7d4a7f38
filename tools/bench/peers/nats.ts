/**
 * NATS JetStream as a peer: three servers that sync every write before they count for the majority.
 *
 * By default NATS acknowledges what is in the page cache of a majority and syncs every two minutes; only
 * `sync_interval: always` makes an acknowledgement durable and the figures comparable. Read next: `nats-loads.ts`.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { install, missingTools, npmBuild, type Build } from './install.ts'
import type { PeerKind } from './peer.ts'
import { pageSays, serverPorts, type Processes } from './processes.ts'
import { startPeer } from './running.ts'

const VERSION = '2.15.2'
const CLIENT = '3.4.0'

const server: Build = {
  name: `nats-${VERSION}`,
  tool: 'go',
  make: (folder, run) => run('go', ['install', `github.com/nats-io/nats-server/v2@v${VERSION}`], { GOBIN: folder }),
}
const client = npmBuild(`nats-client-${CLIENT}`, {
  '@nats-io/transport-node': CLIENT,
  '@nats-io/jetstream': CLIENT,
  '@nats-io/kv': CLIENT,
})

/** The configuration of one server. */
export function natsConfig(
  name: string,
  [listen, monitor, cluster]: readonly number[],
  routes: readonly (number | undefined)[],
  data: string,
): string {
  return `server_name: ${name}
listen: 127.0.0.1:${listen}
http: 127.0.0.1:${monitor}
jetstream { store_dir: ${JSON.stringify(data)}, sync_interval: always, max_mem: 1G, max_file: 20G }
cluster {
  name: bench, listen: 127.0.0.1:${cluster}
  routes: [ ${routes.map((port) => `nats://127.0.0.1:${port}`).join(', ')} ]
}
`
}

async function startServers(processes: Processes, folder: string): Promise<{ pids: number[]; addresses: string[] }> {
  const ports = await serverPorts(3)
  const pids = ports.map((own, i) => {
    const name = `n${i + 1}`
    const data = processes.data(name)
    const config = join(data, 'server.conf')
    writeFileSync(
      config,
      natsConfig(
        name,
        own,
        ports.map(([, , cluster]) => cluster),
        join(data, 'store'),
      ),
    )
    return processes.spawn(name, join(folder, 'nats-server'), ['-c', config])
  })
  // A server calls itself healthy for a moment before JetStream starts, so ask for the leader too.
  const pages = [
    ['/healthz', '"status":"ok"'],
    ['/jsz', '"leader"'],
  ] as const
  await processes.ready(async () =>
    (
      await Promise.all(ports.flatMap(([, monitor = 0]) => pages.map(([path, text]) => pageSays(monitor, path, text))))
    ).every(Boolean),
  )
  return { pids, addresses: ports.map(([listen]) => `127.0.0.1:${listen}`) }
}

/** NATS JetStream, three servers. */
export const nats: PeerKind = {
  name: 'nats',
  version: VERSION,
  missing: async () => missingTools([], [server, client]),
  start: async (folder, progress) => {
    const built = await install(server, progress)
    const packages = await install(client, progress)
    return startPeer({
      name: 'nats',
      version: VERSION,
      folder,
      progress,
      servers: async (processes) => ({ ...(await startServers(processes, built)), packages }),
    })
  },
}
