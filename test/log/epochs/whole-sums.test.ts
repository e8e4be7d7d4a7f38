import test from 'ava'
import { Cluster } from '../../../log/cluster/cluster.ts'
import { isSame } from '../../../log/epochs/whole.ts'
import { limits } from '../../../log/limits.ts'
import { writeJson } from '../../../log/wire/control.ts'
import { memoryTransport } from '../../../log/wire/memory-transport.ts'
import { openDoor } from '../../../log/wire/server.ts'
import { HandClock, countingRandom } from '../../harness/hand-clock.ts'

const range = { from: 0, to: 10, index: 0, step: 1 }

/** A cluster of units that answer every question for a digest with ten entries and this sum. */
async function unitsOfSums(
  sums: Readonly<Record<string, number>>,
): Promise<{ readonly cluster: Cluster; readonly clock: HandClock }> {
  const clock = new HandClock()
  const ports = { clock, random: countingRandom(), transport: memoryTransport(clock) }
  for (const [address, sum] of Object.entries(sums)) {
    await openDoor(ports, limits, address, {
      cluster: () => 'c1',
      layout: () => null,
      gone: () => undefined,
      request: ({ caller, kind, request }) => {
        caller.answer(kind, request, writeJson({ count: 10, sum, trim: 0 }))
      },
    })
  }
  return { cluster: new Cluster({ ports, limits, name: 'test', addresses: [] }), clock }
}

test('L5: units that hold as many entries, but others, are not the same', async (t) => {
  const { cluster, clock } = await unitsOfSums({ a: 7, b: 7, c: 8 })
  const asked = [
    isSame(cluster, range, { address: 'a' }, { address: 'b' }),
    isSame(cluster, range, { address: 'a' }, { address: 'c' }),
  ]
  await clock.settle()
  t.deepEqual(await Promise.all(asked), [true, false])
})
