/**
 * A whole cluster inside one process, for `memory:`: real units, a real sequencer, no disk and no socket.
 *
 * Read next: `connect.ts`.
 */
import { LogClient } from '../log/client/client.ts'
import { Cluster } from '../log/cluster/cluster.ts'
import { init, type Origin } from '../log/epochs/genesis.ts'
import { SirtakiError } from '../log/errors.ts'
import { limits as usual, type Limits } from '../log/limits.ts'
import type { Clock, Ports, Random } from '../log/ports.ts'
import { MemoryStore, memoryRegister } from '../log/unit/memory-store.ts'
import { UnitServer } from '../log/unit/server.ts'
import { memoryTransport } from '../log/wire/memory-transport.ts'
import { keepSequencer } from './keep.ts'

/** A running cluster in memory. */
export interface MemoryCluster extends AsyncDisposable {
  /** A client of its own; close it by itself. */
  client(name?: string): LogClient
  close(): Promise<void>
}

/** Shape of a cluster in memory. */
export interface MemoryOptions {
  readonly chains?: number | undefined
  readonly unitsPerChain?: number | undefined
  readonly limits?: Partial<Limits> | undefined
  /** Where a restored cluster begins. */
  readonly origin?: Origin | undefined
}

/** Starts units and a sequencer. Ready for appends when it settles. */
export async function startMemoryCluster(
  clock: Clock,
  random: Random,
  options: MemoryOptions = {},
): Promise<MemoryCluster> {
  const limits: Limits = { ...usual, window: 4_096, ...options.limits }
  const ports: Ports = { clock, random, transport: memoryTransport(clock) }
  const chains = Array.from({ length: options.chains ?? 1 }, (_, c) =>
    Array.from({ length: options.unitsPerChain ?? 1 }, (_u, u) => `unit-${c}-${u}`),
  )
  const units = chains.flat().map(
    (address) =>
      new UnitServer({
        ports,
        limits,
        store: new MemoryStore(random.id()),
        register: memoryRegister(),
        address,
        name: address,
      }),
  )
  for (const unit of units) await unit.listen()
  const operator = new Cluster({ ports, limits, name: 'init', addresses: chains.flat() })
  await init(operator, { chains, window: limits.window, origin: options.origin })
  const address = 'sequencer'
  const sequencer = await keepSequencer({ ports, limits, address, name: address, units: chains.flat() })
  operator.close()
  let closed = false
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    await sequencer.close()
    for (const unit of units) await unit.close()
  }
  return {
    client(name = 'client') {
      if (closed) throw new SirtakiError('CLOSED', 'the cluster in memory is closed', { next: 'stop' })
      return new LogClient({ ports, limits, name, addresses: chains.flat() })
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
