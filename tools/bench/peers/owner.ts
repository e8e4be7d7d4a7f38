/**
 * A process that owns sessions of a peer until it is killed, with heartbeats that it sends itself.
 *
 *     owner.ts NAME SETUP ["NAME", ...]
 *
 * Any request is a heartbeat to ZooKeeper, which is sent here oftener than its client sends its own. Read next:
 * `../session-end.ts`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { BEAT_MS, SESSION_TIMEOUT_MS, epochMs, type Said } from '../session-end.ts'
import { openLease } from './etcd-recipes.ts'
import { connectGrpc } from './grpc.ts'
import { nth, VALUE, type ClientSetup } from './loads.ts'
import { ENDS } from './zookeeper-recipes.ts'
import { scriptSessions } from './zookeeper-sessions.ts'

const [system, setup = '{}', list = '[]'] = process.argv.slice(2)
const { addresses, packages = '.' }: ClientSetup = JSON.parse(setup)
const names: readonly string[] = JSON.parse(list)
process.on('disconnect', () => {
  process.exit(0)
})
const tell = (said: Said): void => {
  process.send?.(said)
}

/** Opens the session of that name and gives its heartbeat. */
type Open = (name: string, address: string) => Promise<() => Promise<unknown>>

const ofZookeeper: Open = async (name, address) => {
  const session = await scriptSessions(packages, SESSION_TIMEOUT_MS)(address)
  await session.create(`${ENDS}/${name}`, VALUE, 'ephemeral')
  return () => session.get(ENDS)
}
const ofEtcd: Open = async (name, address) =>
  openLease(await connectGrpc(address), name, Math.ceil(SESSION_TIMEOUT_MS / 1000))

async function beat(name: string, send: () => Promise<unknown>): Promise<void> {
  for (;;) {
    const sentAt = epochMs()
    await send()
    tell({ name, sentAt })
    await sleep(BEAT_MS)
  }
}

const open = system === 'etcd' ? ofEtcd : ofZookeeper
await Promise.all(
  names.map(async (name, i) => {
    await sleep((i * BEAT_MS) / names.length)
    tell({ name, sentAt: epochMs() })
    const send = await open(name, nth(addresses, i % addresses.length))
    void beat(name, send)
  }),
)
tell('open')
