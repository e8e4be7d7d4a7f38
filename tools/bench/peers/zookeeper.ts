/**
 * ZooKeeper as a peer: three servers with their defaults, so every write is synced to disk by a majority.
 *
 * The servers and what they need at run time come through Maven. Read next: `zookeeper-loads.ts`.
 */
import { writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { install, missingTools, npmBuild, type Build } from './install.ts'
import type { PeerKind } from './peer.ts'
import { serverPorts, type Processes } from './processes.ts'
import { startPeer } from './running.ts'
import { modeOf } from './zookeeper-sessions.ts'

const VERSION = '3.9.5'
/** The heap of ZooKeeper's own start script. */
const HEAP = '-Xmx1000m'

/** What Maven is told. The last three are optional in ZooKeeper's own descriptor, but a quorum needs them. */
export const pom = `<project>
<modelVersion>4.0.0</modelVersion>
<groupId>peer</groupId><artifactId>zookeeper</artifactId><version>1</version><packaging>pom</packaging>
<dependencyManagement><dependencies>
<dependency><groupId>org.apache.zookeeper</groupId><artifactId>parent</artifactId><version>${VERSION}</version>
<type>pom</type><scope>import</scope></dependency>
</dependencies></dependencyManagement>
<dependencies>
<dependency><groupId>org.apache.zookeeper</groupId><artifactId>zookeeper</artifactId>
<version>${VERSION}</version></dependency>
<dependency><groupId>ch.qos.logback</groupId><artifactId>logback-classic</artifactId><scope>runtime</scope></dependency>
<dependency><groupId>io.dropwizard.metrics</groupId><artifactId>metrics-core</artifactId>
<scope>runtime</scope></dependency>
<dependency><groupId>org.xerial.snappy</groupId><artifactId>snappy-java</artifactId><scope>runtime</scope></dependency>
</dependencies>
</project>
`

/** Where a server logs: to its output, warnings only. */
export const logback = `<configuration>
<appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
<encoder><pattern>%d %p %c - %m%n</pattern></encoder></appender>
<root level="WARN"><appender-ref ref="OUT"/></root>
</configuration>
`

const server: Build = {
  name: `zookeeper-${VERSION}`,
  tool: 'mvn',
  make: async (folder, run) => {
    writeFileSync(join(folder, 'pom.xml'), pom)
    await run('mvn', [
      '-q',
      '-B',
      '-f',
      'pom.xml',
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${join(folder, 'jars')}`,
    ])
  },
}
const client = npmBuild('zookeeper-clients-1.1.3-7.3.0', { 'node-zookeeper-client': '1.1.3' }, { zookeeper: '7.3.0' })

/** The configuration of one server; a server's ports are for clients, followers and elections. */
export function zookeeperConfig(
  client_: number | undefined,
  all: readonly (readonly number[])[],
  data: string,
): string {
  return [
    'tickTime=2000',
    'initLimit=10',
    'syncLimit=5',
    `dataDir=${data}`,
    `clientPort=${client_}`,
    'clientPortAddress=127.0.0.1',
    'maxClientCnxns=0',
    'admin.enableServer=false',
    '4lw.commands.whitelist=srvr',
    ...all.map(([, quorum, election], i) => `server.${i + 1}=127.0.0.1:${quorum}:${election}`),
    '',
  ].join('\n')
}

async function startServers(processes: Processes, folder: string): Promise<{ pids: number[]; addresses: string[] }> {
  const ports = await serverPorts(3)
  const pids = ports.map(([own], i) => {
    const data = processes.data(`n${i + 1}`)
    const config = join(data, 'zoo.cfg')
    writeFileSync(join(data, 'myid'), `${i + 1}\n`)
    writeFileSync(join(data, 'logback.xml'), logback)
    writeFileSync(config, zookeeperConfig(own, ports, data))
    return processes.spawn(`n${i + 1}`, 'java', [
      HEAP,
      `-Djava.io.tmpdir=${data}`,
      '-cp',
      [data, join(folder, 'jars/*')].join(delimiter),
      'org.apache.zookeeper.server.quorum.QuorumPeerMain',
      config,
    ])
  })
  const addresses = ports.map(([own]) => `127.0.0.1:${own}`)
  await processes.ready(async () =>
    (await Promise.all(addresses.map(modeOf))).every((mode) => mode === 'leader' || mode === 'follower'),
  )
  return { pids, addresses }
}

/** ZooKeeper, three servers. */
export const zookeeper: PeerKind = {
  name: 'zookeeper',
  version: VERSION,
  missing: async () => missingTools(['java'], [server, client]),
  start: async (folder, progress) => {
    const built = await install(server, progress)
    const packages = await install(client, progress)
    return startPeer({
      name: 'zookeeper',
      version: VERSION,
      folder,
      progress,
      servers: async (processes) => ({ ...(await startServers(processes, built)), packages }),
    })
  },
}
