/**
 * The loads of ZooKeeper: setData at the leader, sync and get, get at a follower, a counter by compare and set.
 *
 * Each load uses the client that does better at it. Read next: `zookeeper-sessions.ts`.
 */
import type { Missing, Operation } from '../measure.ts'
import { nth, Sessions, VALUE, type ClientSetup, type Loads } from './loads.ts'
import { zookeeperRecipes } from './zookeeper-recipes.ts'
import { modeOf, nativeSessions, scriptSessions, type Session } from './zookeeper-sessions.ts'

const KEY = '/bench'
const COUNTER = '/counter'

/** Opens the loads of three ZooKeeper servers. */
export async function zookeeperLoads({ addresses, packages = '.' }: ClientSetup): Promise<Loads> {
  const openNative = nativeSessions(packages)
  const script = new Sessions(addresses, scriptSessions(packages))
  const native = openNative === undefined ? undefined : new Sessions(addresses, openNative)
  /** The native client answers a single caller sooner, the other one serves more of many callers. */
  const better = (outstanding: number): Sessions<Session> => (outstanding === 1 ? (native ?? script) : script)
  const creator = await script.at(await leaderOf(addresses))
  await creator.create(KEY, VALUE)
  await creator.create(COUNTER, Buffer.from('0'))
  const recipes = await zookeeperRecipes(creator)
  return {
    ended: recipes.ended,
    ...(native === undefined ? { note: 'without the native client' } : {}),
    prepare: async (load, outstanding) => {
      const leader = await leaderOf(addresses)
      const follower = (leader + 1) % addresses.length
      switch (load) {
        case 'append': {
          const session = await script.at(leader)
          return { run: () => session.set(KEY, VALUE, -1) }
        }
        case 'readLinearizable':
          return linearizable(await native?.at(outstanding === 1 ? leader : follower))
        case 'readLocal': {
          const session = await better(outstanding).at(follower)
          return { run: () => session.get(KEY) }
        }
        case 'queue':
          return recipes.queue(await script.first(outstanding))
        case 'lock':
          return recipes.lock(await script.first(outstanding))
        case 'createDelete':
          return recipes.createDelete(await better(outstanding).at(leader))
        case 'ephemeral':
          return recipes.ephemeral(await better(outstanding).at(leader))
        case 'multi':
          return recipes.multi(await script.at(leader), outstanding)
        case 'txn':
          return recipes.txn(await script.at(leader), outstanding)
        case 'counter':
        default:
          return counting(await better(outstanding).first(outstanding), await script.first(addresses.length))
      }
    },
  }
}

/**
 * Sends sync and get together: a session's requests are served in their order, so the get sees what the sync waited
 * for. Waiting between them only adds a round trip.
 */
function linearizable(session: Session | undefined): Operation | Missing {
  if (session?.sync === undefined) return { missing: 'only the native client has sync, and it is not there' }
  const sync = session.sync
  return { run: () => Promise.all([sync(KEY), session.get(KEY)]) }
}

function counting(callers: readonly Session[], servers: readonly Session[]): Operation {
  const value = async (session: Session): Promise<number> => Number((await session.get(COUNTER)).data)
  // Followers may lag, but the server that acknowledged the last write has it.
  const total = async (): Promise<number> => Math.max(...(await Promise.all(servers.map(value))))
  return { run: (caller) => increment(nth(callers, caller)), total }
}

async function increment(session: Session): Promise<void> {
  for (;;) {
    const { version, data } = await session.get(COUNTER)
    if (await session.set(COUNTER, Buffer.from(String(Number(data) + 1)), version)) return
  }
}

async function leaderOf(addresses: readonly string[]): Promise<number> {
  const leader = (await Promise.all(addresses.map(modeOf))).indexOf('leader')
  if (leader < 0) throw new Error('no server leads now')
  return leader
}
