/**
 * An epoch that has closed a segment and is not open yet: its drivers rarely die just there, and others soon open it.
 */
import test, { type ExecutionContext } from 'ava'
import { Cluster } from '../../log/cluster/cluster.ts'
import { clusterSeed, encodeEntry } from '../../log/entry.ts'
import { init } from '../../log/epochs/genesis.ts'
import { reconfigure } from '../../log/epochs/reconfigure.ts'
import { missingParts } from '../../log/epochs/whole.ts'
import { SirtakiError } from '../../log/errors.ts'
import { systemClock } from '../../log/io/clock.ts'
import { systemRandom } from '../../log/io/random.ts'
import type { Layout } from '../../log/layout.ts'
import { limits } from '../../log/limits.ts'
import type { Failpoint, Ports } from '../../log/ports.ts'
import { copyParts } from '../../log/unit/copy.ts'
import { MemoryStore, memoryRegister } from '../../log/unit/memory-store.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { memoryTransport } from '../../log/wire/memory-transport.ts'

const dies: Failpoint = (name) => {
  if (name === 'drive.installed') throw new SirtakiError('STOPPED', 'the driver dies', { next: 'stop' })
}

/**
 * Units a and b; a alone is epoch 1. The driver that lets b join dies when epoch 2 is installed: nothing of it is
 * resolved.
 */
async function halfOpen(
  t: ExecutionContext,
  before: (a: UnitServer, layout: Layout) => void = () => undefined,
): Promise<{ cluster: Cluster; layout: Layout; b: UnitServer }> {
  const ports: Ports = { clock: systemClock, random: systemRandom, transport: memoryTransport(systemClock) }
  const [a, b] = ['a', 'b'].map(
    (address) =>
      new UnitServer({
        ports,
        limits,
        store: new MemoryStore(address),
        register: memoryRegister(),
        address,
        name: address,
      }),
  )
  if (a === undefined || b === undefined) throw new Error('two units were made')
  await Promise.all([a.listen(), b.listen()])
  const cluster = new Cluster({ ports, limits, name: 'driver', addresses: ['a', 'b'] })
  const dying = new Cluster({ ports: { ...ports, failpoint: dies }, limits, name: 'dying', addresses: ['a', 'b'] })
  t.teardown(async () => {
    cluster.close()
    dying.close()
    await Promise.all([a.close(), b.close()])
  })
  before(a, await init(cluster, { chains: [['a']], window: 8 }))
  await t.throwsAsync(reconfigure(dying, { join: [{ address: 'b' }] }), { code: 'STOPPED' })
  await cluster.refresh()
  return { cluster, layout: await cluster.newer(1), b }
}

test('L11: segments are merged only when the epoch that closed them is open: what is empty is undecided', async (t) => {
  const { cluster } = await halfOpen(t)
  const opened = await reconfigure(cluster, { merge: true }, { timeoutMs: 500 })
  t.deepEqual(
    opened.segments.map(({ from, to }) => [from, to]),
    [
      [0, 8],
      [8, null],
    ],
  )
})

test('L5: a copy is of what is decided, not of whatever a member happens to hold', async (t) => {
  const { cluster, layout, b } = await halfOpen(t, (a, { cluster: name }) => {
    a.unit.store(
      1,
      1,
      encodeEntry(
        clusterSeed(name),
        { position: 0, epoch: 1, writer: 1, logTime: 0, streams: [], previous: [] },
        new Uint8Array(4),
      ),
    )
  })
  await t.throwsAsync(copyParts(b, cluster, layout, missingParts(layout, b.unit.state.identity)), { code: 'DAMAGED' })
  t.false(b.unit.state.index.holds(0))
})
