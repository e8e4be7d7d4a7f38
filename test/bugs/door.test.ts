/** The order of one batch: a seal and a store that waits behind it, which the simulator meets too rarely. */
import test from 'ava'
import { Cluster } from '../../log/cluster/cluster.ts'
import { clusterSeed, encodeEntry } from '../../log/entry.ts'
import { init } from '../../log/epochs/genesis.ts'
import type { SirtakiError } from '../../log/errors.ts'
import { systemClock } from '../../log/io/clock.ts'
import { systemRandom } from '../../log/io/random.ts'
import { limits } from '../../log/limits.ts'
import type { Ports } from '../../log/ports.ts'
import { MemoryStore } from '../../log/unit/memory-store.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { Identity, Sealed } from '../../log/wire/control.ts'
import { FRAME_HEAD_BYTES } from '../../log/wire/frame.ts'
import { memoryTransport } from '../../log/wire/memory-transport.ts'
import { STORE_HEAD_BYTES, sealStore } from '../../log/wire/messages.ts'

test('L6: a store that came in time but waits behind a seal is refused', async (t) => {
  const ports: Ports = { clock: systemClock, random: systemRandom, transport: memoryTransport(systemClock) }
  const unit = new UnitServer({
    ports,
    limits,
    store: new MemoryStore('a'),
    register: { read: () => undefined, write: () => undefined },
    address: 'a',
    name: 'a',
  })
  await unit.listen()
  const cluster = new Cluster({ ports, limits, name: 'writer', addresses: ['a'] })
  t.teardown(async () => {
    cluster.close()
    await unit.close()
  })
  const layout = await init(cluster, { chains: [['a']], window: 8 })
  const peer = cluster.peer('a')
  await peer.control('identify', {}, Identity)
  const entry = encodeEntry(
    clusterSeed(layout.cluster),
    { position: 0, epoch: 1, writer: 1, logTime: 0, streams: [], previous: [] },
    new Uint8Array(4),
  )
  const frame = new Uint8Array(FRAME_HEAD_BYTES + STORE_HEAD_BYTES + entry.byteLength)
  frame.set(entry, FRAME_HEAD_BYTES + STORE_HEAD_BYTES)
  const sealed = peer.control('seal', { cluster: layout.cluster, slot: 2 }, Sealed)
  const request = cluster.peers.context.nextRequest()
  const refused = await new Promise<SirtakiError | undefined>((resolve) => {
    peer.call('store', request, sealStore(frame, 1, 1, request), resolve)
  })
  t.is((await sealed).highest, -1)
  t.is(refused?.code, 'EPOCH')
  t.is(unit.unit.state.highest, -1)
})
