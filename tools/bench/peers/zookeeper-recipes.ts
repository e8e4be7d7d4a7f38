/**
 * What people build with ZooKeeper, as its recipes and Curator do it: a queue, a lock, multis, ephemerals.
 *
 * The queue of the recipe takes and acknowledges an item by one delete: it is lost with its taker. Read next:
 * `zookeeper-loads.ts`, `../object-loads.ts` (ours).
 */
import { eachOf, type Operation } from '../measure.ts'
import { nth, VALUE } from './loads.ts'
import type { RecipeSession, Session } from './zookeeper-sessions.ts'

/** Where sessions that will end have their nodes. */
export const ENDS = '/ends'
const AT_A_TIME = 256

/** The recipes over nodes that `creator` makes. */
export interface Recipes {
  queue(sessions: readonly RecipeSession[]): Operation
  lock(sessions: readonly RecipeSession[]): Operation
  createDelete(session: Session): Operation
  ephemeral(session: Session): Operation
  multi(session: RecipeSession, callers: number): Promise<Operation>
  txn(session: RecipeSession, callers: number): Promise<Operation>
  ended(name: string): Promise<void>
}

/** Makes the nodes that recipes stand on. */
export async function zookeeperRecipes(creator: RecipeSession): Promise<Recipes> {
  for (const path of ['/queue', '/lock', '/tree', '/txn', ENDS]) await creator.create(path, Buffer.alloc(0))
  return { queue, lock, createDelete, ephemeral, multi, txn, ended: (name) => creator.changed(`${ENDS}/${name}`) }
}

/**
 * Sequential nodes in order; whoever deletes one has it. What a session sends is carried out in order, so the create
 * and the list are sent together, and so are the read and the delete.
 */
function queue(sessions: readonly RecipeSession[]): Operation {
  const first = async (session: RecipeSession): Promise<boolean> => {
    for (const name of (await session.children('/queue')).toSorted()) {
      const path = `/queue/${name}`
      const [, isMine] = await Promise.all([session.get(path).catch(() => undefined), session.remove(path)])
      if (isMine) return true
    }
    return false
  }
  return {
    run: async (caller) => {
      const session = nth(sessions, caller)
      const [, isTaken] = await Promise.all([session.create('/queue/item-', VALUE, 'sequential'), first(session)])
      while (!isTaken && !(await first(session))) continue
    },
  }
}

/** Ephemeral sequential nodes; each waits for the one before its own. */
function lock(sessions: readonly RecipeSession[]): Operation {
  let holders = 0
  return {
    run: async (caller) => {
      const session = nth(sessions, caller)
      const own = await session.create('/lock/lock-', Buffer.alloc(0), 'ephemeralSequential')
      for (;;) {
        const names = (await session.children('/lock')).toSorted()
        const place = names.indexOf(own.slice('/lock/'.length))
        if (place < 0) throw new Error(`${own} is gone`)
        if (place === 0) break
        await session.changed(`/lock/${nth(names, place - 1)}`)
      }
      if (++holders !== 1) throw new Error(`${holders} hold the lock`)
      holders--
      await session.remove(own)
    },
  }
}

function createDelete(session: Session): Operation {
  return {
    run: async (caller) => {
      await session.create(`/tree/c-${caller}`, VALUE)
      await session.remove(`/tree/c-${caller}`)
    },
  }
}

function ephemeral(session: Session): Operation {
  const created: string[] = []
  return {
    run: async (caller) => {
      created.push(await session.create(`/tree/e-${caller}-${created.length}`, VALUE, 'ephemeral'))
    },
    clean: () => eachOf(created, AT_A_TIME, (path) => session.remove(path)),
  }
}

async function multi(session: RecipeSession, callers: number): Promise<Operation> {
  const turns = Array.from({ length: callers }, () => 0)
  const pair = (caller: number, turn: number): string[] => [0, 1].map((i) => `/tree/m-${caller}-${turn % 2}-${i}`)
  await Promise.all(turns.flatMap((_, caller) => pair(caller, 0).map((path) => session.create(path, VALUE))))
  return {
    run: async (caller) => {
      const turn = nth(turns, caller)
      turns[caller] = turn + 1
      await session.multi([
        ...pair(caller, turn + 1).map((path) => ({ kind: 'create' as const, path, data: VALUE })),
        ...pair(caller, turn).map((path) => ({ kind: 'remove' as const, path })),
      ])
    },
    clean: () => Promise.all(turns.flatMap((turn, caller) => pair(caller, turn).map((path) => session.remove(path)))),
  }
}

/** Nobody else changes them, so that the versions of the last call are those that stand there. */
async function txn(session: RecipeSession, callers: number): Promise<Operation> {
  const pair = (caller: number): string[] => ['from', 'to'].map((name) => `/txn/${name}-${caller}`)
  const all = Array.from({ length: callers }, (_, caller) => pair(caller))
  await Promise.all(all.flat().map((path) => session.create(path, Buffer.from('0'))))
  const turns = all.map(() => 0)
  return {
    run: async (caller) => {
      const version = nth(turns, caller)
      turns[caller] = version + 1
      const [from = '', to = ''] = pair(caller)
      await session.multi([
        { kind: 'set', path: from, data: Buffer.from(String(-version - 1)), version },
        { kind: 'set', path: to, data: Buffer.from(String(version + 1)), version },
      ])
    },
    clean: () => Promise.all(all.flat().map((path) => session.remove(path))),
  }
}
