/** What `sirtaki verify` finds in units that disagree: over connections in memory, where units can be made to. */
import test, { type ExecutionContext } from 'ava'
import { LogClient } from '../../log/client/client.ts'
import { KIND_JUNK } from '../../log/entry.ts'
import { init } from '../../log/epochs/genesis.ts'
import { systemClock } from '../../log/io/clock.ts'
import { systemRandom } from '../../log/io/random.ts'
import { limits as usual, type Limits } from '../../log/limits.ts'
import type { Ports } from '../../log/ports.ts'
import { MemoryStore, memoryRegister } from '../../log/unit/memory-store.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { memoryTransport } from '../../log/wire/memory-transport.ts'
import { SequencerServer } from '../../sequencer/server.ts'
import type { Verified } from '../../tools/verify/finding.ts'
import { verifyRunning } from '../../tools/verify/running.ts'

const limits: Limits = { ...usual, window: 64, requestMs: 1_000 }

interface Disagreeing {
  readonly log: LogClient
  readonly a: UnitServer
  readonly b: UnitServer
  verify(deep?: boolean): Promise<Verified>
}

/** A chain of two units with three entries at 64, 65 and 66, decided on both. */
async function startDisagreeing(t: ExecutionContext): Promise<Disagreeing> {
  const ports: Ports = { clock: systemClock, random: systemRandom, transport: memoryTransport(systemClock) }
  const unit = async (name: string): Promise<UnitServer> => {
    const server = new UnitServer({
      ports,
      limits,
      store: new MemoryStore(name),
      register: memoryRegister(),
      address: name,
      name,
    })
    await server.listen()
    return server
  }
  const [a, b] = [await unit('a'), await unit('b')]
  const log = new LogClient({ ports, limits, name: 'test', addresses: ['a', 'b'] })
  const sequencer = new SequencerServer({ ports, limits, address: 'sequencer', name: 'sequencer', units: ['a', 'b'] })
  t.teardown(async () => {
    await log.close()
    await sequencer.close()
    await a.close()
    await b.close()
  })
  await init(log.cluster, { chains: [['a', 'b']], window: limits.window })
  await sequencer.listen()
  await sequencer.start()
  for (const text of ['one', 'two', 'three']) await log.append(new TextEncoder().encode(text))
  // A trim resolves everything below, so that all of it is decided on both.
  await log.trim(64)
  await log.fill(66)
  return {
    log,
    a,
    b,
    verify: (deep = false) =>
      verifyRunning(log, { deep, progress: () => undefined, signal: new AbortController().signal }),
  }
}

test('L1: units that hold different values are named, with the first position', async (t) => {
  const { b, verify } = await startDisagreeing(t)
  t.deepEqual((await verify()).findings, [])
  await b.change((unit) =>
    unit.copies.copyIn({
      held: [{ position: 65, kind: KIND_JUNK, decided: true, damaged: false, hash: 0, bytes: undefined }],
      junk: [],
    }),
  )
  await b.change((unit) => {
    unit.mark(2, 65, 0, KIND_JUNK)
  })
  t.deepEqual((await verify()).findings, [{ unit: 'b', what: 'holds something else than a', position: 65 }])
})

test('what a unit cannot read is found with --deep only, and named', async (t) => {
  const { a, verify } = await startDisagreeing(t)
  await a.change((unit) => {
    unit.state.index.damage(65)
    unit.state.damaged.add(65)
  })
  t.deepEqual((await verify()).findings, [])
  t.deepEqual((await verify(true)).findings, [
    { unit: 'a', what: 'cannot read its entry: the checksum is wrong, or the disk gives nothing', position: 65 },
  ])
})

test('a member that is gone is told apart from damage', async (t) => {
  const { b, verify } = await startDisagreeing(t)
  await b.close()
  const { findings, unreachable } = await verify()
  t.deepEqual([findings, unreachable.map(({ address }) => address)], [[], ['b']])
})
