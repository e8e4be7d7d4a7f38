/**
 * etcd as a peer: three members with their defaults, so every commit is synced to disk by a majority.
 *
 * Built from Go modules by a main package of a few lines, because `go install` refuses etcd's own for its replace
 * directives. Read next: `etcd-loads.ts`.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { install, missingTools, type Build } from './install.ts'
import type { PeerKind } from './peer.ts'
import { pageSays, serverPorts, type Processes } from './processes.ts'
import { startPeer } from './running.ts'

const VERSION = '3.7.3'

/** The generated main package. */
export const mainPackage = {
  'go.mod': 'module peer\n\ngo 1.24\n',
  'main.go': `package main

import (
\t"os"

\t"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
`,
} as const

const server: Build = {
  name: `etcd-${VERSION}`,
  tool: 'go',
  make: async (folder, run) => {
    for (const [file, text] of Object.entries(mainPackage)) writeFileSync(join(folder, file), text)
    await run('go', ['get', `go.etcd.io/etcd/server/v3/etcdmain@v${VERSION}`])
    await run('go', ['build', '-buildvcs=false', '-o', 'etcd', '.'])
  },
}

interface Member {
  readonly name: string
  readonly client: string
  readonly peer: string
}

/** The arguments of one member. */
export function memberArguments({ name, client, peer }: Member, members: readonly Member[], data: string): string[] {
  return [
    '--name',
    name,
    '--data-dir',
    data,
    '--listen-client-urls',
    client,
    '--advertise-client-urls',
    client,
    '--listen-peer-urls',
    peer,
    '--initial-advertise-peer-urls',
    peer,
    '--initial-cluster',
    members.map((one) => `${one.name}=${one.peer}`).join(','),
    '--initial-cluster-state',
    'new',
    '--initial-cluster-token',
    'bench',
    '--log-level',
    'warn',
    '--logger',
    'zap',
  ]
}

async function startServers(processes: Processes, folder: string): Promise<{ pids: number[]; addresses: string[] }> {
  const ports = await serverPorts(2)
  const members = ports.map(([client, peer], i) => ({
    name: `n${i + 1}`,
    client: `http://127.0.0.1:${client}`,
    peer: `http://127.0.0.1:${peer}`,
  }))
  const pids = members.map((member) =>
    processes.spawn(member.name, join(folder, 'etcd'), memberArguments(member, members, processes.data(member.name))),
  )
  await processes.ready(async () =>
    (await Promise.all(ports.map(([client = 0]) => pageSays(client, '/health', '"health":"true"')))).every(Boolean),
  )
  return { pids, addresses: members.map(({ client }) => client) }
}

/** etcd, three members. */
export const etcd: PeerKind = {
  name: 'etcd',
  version: VERSION,
  missing: async () => missingTools([], [server]),
  start: async (folder, progress) => {
    const built = await install(server, progress)
    return startPeer({
      name: 'etcd',
      version: VERSION,
      folder,
      progress,
      servers: (processes) => startServers(processes, built),
    })
  },
}
