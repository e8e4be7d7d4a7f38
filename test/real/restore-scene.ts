/**
 * A cluster of processes that is lost, disks and all, and goes on as another one from a blob store.
 *
 * Read next: `restore.test.ts` (a folder), `minio.test.ts` (MinIO), `../../tools/commands/restore.ts`.
 */
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as rest } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import { Blobs } from '../../log/archive/blobs.ts'
import { listIncarnations, type Incarnation } from '../../log/archive/incarnations.ts'
import { systemClock } from '../../log/io/clock.ts'
import { systemRandom } from '../../log/io/random.ts'
import { limits } from '../../log/limits.ts'
import { openBlobs } from '../../log/io/blobs.ts'
import { Counter, connect, type Client } from '../../index.ts'
import { json, line, run, start, startCluster } from '../tools/command-line.ts'

/** How long restores run before they are killed. */
const KILLED_AFTER_MS = [0, 60, 150, 300, 600, 1_000]

/** Loses a cluster whose checkpoints are at `blobs`, and restores it. `env`: of the commands. */
export async function loseAndRestore(
  t: ExecutionContext,
  blobs: string,
  env: Record<string, string> = {},
): Promise<void> {
  const cluster = await startCluster({ units: 3, blank: 3 })
  t.teardown(() => {
    cluster.close()
  })
  const open = async (address: string): Promise<Client> => {
    const store = openBlobs(blobs)
    const client = await connect(address, { blobs: store })
    t.teardown(async () => {
      await client.close()
      store.close()
    })
    return client
  }
  const before = await open(cluster.address)
  const hits = await before.open(Counter, '/hits')
  for (let i = 0; i < 50; i++) await hits.add({ by: 1 })
  await before.checkpoint()
  for (let i = 0; i < 50; i++) await hits.add({ by: 1 })
  const held = await before.lock('/lock', { timeoutMs: 5_000 })
  const archived = await before.archive()
  await hits.add({ by: 1_000 })
  const last = before.position
  const then = await before.log.layout()

  const [old, blank] = [[0, 1, 2], cluster.blank.join(',')] as const
  for (const child of [...old.map((i) => cluster.processes[i]), cluster.processes.at(-1)]) {
    const gone = child === undefined ? undefined : once(child, 'exit')
    child?.kill('SIGKILL')
    await gone
  }
  // One disk comes back later.
  for (const i of [1, 2]) rmSync(join(cluster.data, `u${i}`), { recursive: true })

  const restore = ['restore', '--json', '--from', blobs, '--units']
  const looked = await run([...restore, blank], { env })
  t.is(looked.code, 2, looked.err)
  t.regex(looked.err, /nothing was changed: go on with --accept-loss/)
  t.like(json(looked.out)[0], { event: 'found', cluster: then.cluster, position: archived, damaged: [] })
  // Killed on the way, again and again: the next one finishes it.
  for (const ms of KILLED_AFTER_MS) {
    const dying = start([...restore, blank, '--accept-loss'], { env })
    await Promise.race([line(dying, 'found').catch(() => ''), once(dying, 'close')])
    await rest(ms)
    const gone = dying.exitCode === null ? once(dying, 'close') : undefined
    dying.kill('SIGKILL')
    await gone
  }
  const restored = await run([...restore, blank, '--accept-loss'], { env })
  const isDone = restored.err.includes('which has this store: start its sequencer')
  t.true(restored.code === 0 || isDone, restored.err)
  const claim = await claimOf(blobs)
  const { from } = claim
  t.true(from > last + 2 ** 39, String(from))

  const listen = `127.0.0.1:${cluster.spare}`
  const sequencer = start(['sequencer', '--json', '--listen', listen, '--units', blank])
  t.teardown(() => sequencer.kill('SIGKILL'))
  await line(sequencer, 'ready')
  const after = await open(`tcp://${blank}`)
  await after.sync()
  const again = await after.open(Counter, '/hits')
  t.is(again.state.value, 100)
  await again.add({ by: 1 })
  const lock = await after.lock('/lock', { timeoutMs: 10_000 })
  t.true(lock.token > held.token && lock.token >= from)
  const now = await after.log.layout()
  t.is(now.cluster, claim.cluster)
  t.true(now.epoch > then.epoch + 2 ** 20)
  await after.checkpoint()
  await after.archive()
  await after.trim()
  {
    await using past = await after.at(archived - 1)
    t.is((await past.open(Counter, '/hits')).state.value, 100)
  }

  // A unit of the lost cluster comes back: it is of another cluster, and nobody takes it in.
  const stale = start(['unit', '--json', '--data', join(cluster.data, 'u0'), '--listen', cluster.units[0] ?? ''])
  t.teardown(() => stale.kill('SIGKILL'))
  await line(stale, 'listening')
  const joined = await run(['--cluster', `tcp://${blank}`, 'reconfigure', 'add', '--spare', cluster.units[0] ?? ''], {
    env,
  })
  t.is(joined.code, 5, joined.err)
  const taken = await run([...restore, cluster.units[0] ?? '', '--accept-loss'], { env })
  t.is(taken.code, 5, taken.err)
  t.deepEqual(await claimOf(blobs), claim)
  t.regex(taken.err, /is not blank: it belongs to cluster/)
  t.is(again.state.value, 101)
  await again.add({ by: 1 })
  await after.checkpoint()
}

/** The only claim of a store. */
async function claimOf(address: string): Promise<Incarnation> {
  const store = openBlobs(address)
  try {
    const all = await listIncarnations(new Blobs(store, { clock: systemClock, random: systemRandom }, limits))
    const [claim] = all
    if (claim === undefined || all.length > 1) throw new Error(`the store was claimed ${all.length} times`)
    return claim
  } finally {
    store.close()
  }
}
