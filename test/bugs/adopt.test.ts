/** Adopting what other drivers left behind: two half-done agreements in one slot are too rare for the simulator. */
import test from 'ava'
import { Cluster } from '../../log/cluster/cluster.ts'
import { init } from '../../log/epochs/genesis.ts'
import { reconfigure } from '../../log/epochs/reconfigure.ts'
import { systemClock } from '../../log/io/clock.ts'
import { systemRandom } from '../../log/io/random.ts'
import type { Layout } from '../../log/layout.ts'
import { limits } from '../../log/limits.ts'
import type { Ports } from '../../log/ports.ts'
import { MemoryStore, memoryRegister } from '../../log/unit/memory-store.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { memoryTransport } from '../../log/wire/memory-transport.ts'

async function unit(ports: Ports, address: string): Promise<UnitServer> {
  const server = new UnitServer({
    ports,
    limits,
    store: new MemoryStore(address),
    register: memoryRegister(),
    address,
    name: address,
  })
  await server.listen()
  return server
}

/** A driver that dies once this acceptor has accepted its layout. */
function halfDone({ acceptor }: UnitServer, round: number, layout: Layout): void {
  acceptor.prepare(layout.cluster, layout.epoch, { round, proposer: 'dead' })
  acceptor.accept(layout.cluster, layout.epoch, { round, proposer: 'dead' }, layout)
}

test('Y2: of two accepted layouts the highest-ranked one is adopted, wherever it comes in the answers', async (t) => {
  const ports: Ports = { clock: systemClock, random: systemRandom, transport: memoryTransport(systemClock) }
  const [a, b, c] = [await unit(ports, 'a'), await unit(ports, 'b'), await unit(ports, 'c')]
  const cluster = new Cluster({ ports, limits, name: 'driver', addresses: ['a', 'b', 'c'] })
  t.teardown(async () => {
    cluster.close()
    await Promise.all([a.close(), b.close(), c.close()])
  })
  const base = await init(cluster, { chains: [['a', 'b', 'c']], window: 8 })
  halfDone(a, 2, { ...base, epoch: 2, tail: 8, logTime: 22 })
  halfDone(b, 1, { ...base, epoch: 2, tail: 8, logTime: 11 })
  t.is((await reconfigure(cluster, {})).logTime, 22)
})
