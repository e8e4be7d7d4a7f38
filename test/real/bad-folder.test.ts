/** Folders that are in use, damaged, or of another cluster: a typed error, and the cluster goes on with the others. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { LogClient } from '../../log/client/client.ts'
import { Cluster } from '../../log/cluster/cluster.ts'
import { init } from '../../log/epochs/genesis.ts'
import { reconfigure } from '../../log/epochs/reconfigure.ts'
import { systemPorts } from '../../log/io/connect.ts'
import { openSegment } from '../../log/layout.ts'
import { limits } from '../../log/limits.ts'
import { changeFile } from '../log/io/folder.ts'
import { RealCluster, RealProcess } from './processes.ts'

const encode = (value: string): Uint8Array => new TextEncoder().encode(value)
/** Appends `count` entries of a kilobyte one after the other, so that each is a row of its own. */
async function appendRows(client: LogClient, count: number): Promise<number[]> {
  const positions: number[] = []
  for (let i = 0; i < count; i++) {
    positions.push((await client.append(encode(`row ${i} `.padEnd(1000, 'x')), { timeoutMs: 15_000 })).position)
  }
  return positions
}
const readAll = async (client: LogClient, positions: readonly number[]): Promise<string[]> =>
  (await Promise.all(positions.map((position) => client.read(position, { timeoutMs: 10_000 })))).map((result) =>
    result.kind === 'data' ? (new TextDecoder().decode(result.entry.payload).split(' x')[0] ?? '') : result.kind,
  )
const rows = (count: number): string[] => Array.from({ length: count }, (_, i) => `row ${i}`)

/** Leaves a unit out, as an operator would. */
async function drop(cluster: RealCluster, i: number, client: LogClient): Promise<void> {
  await reconfigure(client.cluster, { drop: [cluster.addresses[i] ?? ''] }, { timeoutMs: 15_000 })
}

test.serial('L2: a folder in use, a damaged register and a damaged WAL', async (t) => {
  t.timeout(160_000)
  const cluster = await RealCluster.start(t)
  const client = await cluster.client()
  const positions = await appendRows(client, 30)
  t.deepEqual(await cluster.startRefused(0, cluster.folderOf('unit-a'), '127.0.0.1:0'), ['IN_USE', 2])

  const register = join(cluster.folderOf('unit-c'), 'acceptor')
  const acceptors = (await client.layout()).acceptors.map(({ identity }) => identity)
  await cluster.kill(cluster.unit(2))
  // Of two copies one is enough.
  for (const copy of [register, `${register}-2`]) {
    changeFile(copy, (bytes) => {
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    })
  }
  await cluster.startUnit(2)
  positions.push(...(await appendRows(client, 1)))
  // It may have been left out meanwhile, and be a member again only when it has come back.
  const known = async (): Promise<number[]> => {
    await client.cluster.refresh()
    const now = (await client.layout()).acceptors
    return [now.length, now.filter(({ identity }) => acceptors.includes(identity)).length]
  }
  for (const end = performance.now() + 60_000; (await known())[1] !== 2 && performance.now() < end;) {
    await new Promise((resolve) => {
      setTimeout(resolve, 100)
    })
  }
  t.deepEqual(await known(), [3, 2])

  await appendRows(client, 20)
  await cluster.kill(cluster.unit(1))
  changeFile(join(cluster.folderOf('unit-b'), 'unit.db-wal'), (bytes) => {
    bytes[20_000] = (bytes[20_000] ?? 0) ^ 1
  })
  t.deepEqual(await cluster.startRefused(1, cluster.folderOf('unit-b')), ['DAMAGED', 2])
  await drop(cluster, 1, client)
  await appendRows(client, 1)
  t.deepEqual(await readAll(client, positions), [...rows(30), 'row 0'])
})

test.serial('L2: a damaged database loses nothing that another unit has', async (t) => {
  t.timeout(100_000)
  const cluster = await RealCluster.start(t)
  const client = await cluster.client()
  const positions = await appendRows(client, 60)
  await cluster.kill(cluster.unit(1))
  await cluster.startUnit(1)
  await appendRows(client, 1)
  await cluster.kill(cluster.unit(1))
  const database = join(cluster.folderOf('unit-b'), 'unit.db')
  // In the middle of the third entry's payload: SQLite has no checksum for it, the entry has.
  changeFile(database, (bytes) => {
    const at = bytes.indexOf('row 30 xx')
    bytes[at + 500] = 0
  })
  t.true(readFileSync(database).includes('row 30 xx'))
  await cluster.startUnit(1)
  t.deepEqual(await readAll(client, positions), rows(60))
  t.deepEqual(await readAll(client, positions), rows(60))
})

test.serial('L6: a unit with the folder of another cluster is refused, and can be left out', async (t) => {
  t.timeout(100_000)
  const cluster = await RealCluster.start(t)
  const client = await cluster.client()
  const positions = await appendRows(client, 10)
  const stranger = new RealProcess('unit-process.ts', [cluster.folderOf('stranger'), '127.0.0.1:0', 'stranger'])
  t.teardown(() => stranger.kill())
  const operator = new Cluster({ ports: systemPorts(), limits, name: 'init', addresses: [] })
  await init(operator, { chains: [[await stranger.start('ready')]] })
  operator.close()
  await cluster.kill(stranger, cluster.unit(1))
  await cluster.startUnit(1, cluster.folderOf('stranger'))
  await drop(cluster, 1, client)
  positions.push(...(await appendRows(client, 1)))
  t.deepEqual(await readAll(client, positions), [...rows(10), 'row 0'])
  t.is(openSegment(await client.layout()).chains.flat().length, 2)
})
