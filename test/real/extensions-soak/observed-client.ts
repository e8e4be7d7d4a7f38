/**
 * A client whose ports say what each entry has used of fuel: `connect` itself takes no ports, since no program needs
 * other ones than those of its machine.
 *
 * Read next: `client.ts`, `../../../objects/connect.ts`.
 */
import type { BlobStore } from '../../../log/archive/blob-store.ts'
import { connectServers, parseClusterAddress } from '../../../log/client/connect.ts'
import { Calls } from '../../../log/cluster/calls.ts'
import { SirtakiError } from '../../../log/errors.ts'
import { systemPorts } from '../../../log/io/connect.ts'
import { limits } from '../../../log/limits.ts'
import { Client } from '../../../objects/connect.ts'

const CONNECT_MS = 60_000

/** How it connects. `used` is called in the order of positions, with the client that has just played the entry. */
export interface ObservedOptions {
  readonly name: string
  readonly blobs?: BlobStore | undefined
  used(client: Client, position: number, fuel: number): void
}

/** Connects to servers over TCP. @throws SirtakiError as `connect`. */
export async function connectObserved(address: string, { name, blobs, used }: ObservedOptions): Promise<Client> {
  let client: Client | undefined
  const ports = {
    ...systemPorts({ unreferenced: true }),
    failpoint: (point: string, facts: Readonly<Record<string, unknown>> = {}) => {
      if (point !== 'view.fuel' || client === undefined) return
      const { position, fuel } = facts
      if (typeof position === 'number' && typeof fuel === 'number') used(client, position, fuel)
    },
  }
  const calls = new Calls(ports.clock, limits.requestMs)
  try {
    const log = await calls.run('connecting', { timeoutMs: CONNECT_MS }, (call) =>
      connectServers(ports, parseClusterAddress(address), { name }, { call }),
    )
    // Nothing is played before this turn is over.
    client = new Client(log, () => log.close(), { name, blobs })
    return client
  } finally {
    calls.close(new SirtakiError('CLOSED', 'connected'))
  }
}
