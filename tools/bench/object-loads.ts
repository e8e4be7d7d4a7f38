/**
 * Loads on queues, locks, trees and transactions: what `rows.ts` asks of objects, and the ends of sessions.
 *
 * A call of `queue` puts, takes and acknowledges one item: ops of a session apply in the order of their calls, so the
 * put and the take are sent together, and the acknowledgement with those of the next call. One of `lock` acquires and
 * releases; of `createDelete` it creates a node and deletes it; of `multi` it creates two nodes and deletes those of
 * the call before, in one; of `txn` it reads two objects of the caller's own and changes both if they still are what
 * was read; of `txnCounter` it reads a counter and sets it to one more; of extensions it adds, or takes and puts, by a
 * program that stands in the log.
 *
 * Read next: `loads.ts`, `peers/zookeeper-recipes.ts` (the same of a peer).
 */
import { extname, join } from 'node:path'
import { isError } from '../../log/errors.ts'
import { ObjectClient } from '../../objects/client.ts'
import { Counter } from '../../objects/counter/type.ts'
import type { Extension } from '../../objects/extensions/define-extension.ts'
import type { ObjectSession } from '../../objects/object-session.ts'
import { CounterRecipe } from '../../objects/recipes/counter.ts'
import { QueueRecipe } from '../../objects/recipes/queue.ts'
import type { Tree } from '../../objects/tree/tree.ts'
import { connected } from './loads.ts'
import { eachOf, measureOperation, type Measured, type ObjectLoad, type Operation } from './measure.ts'
import { sessionEnds } from './session-end.ts'

/** The tree with the ephemerals of sessions that will end. */
export const ENDS_PATH = '/bench/ends'
const BYTES = 128
const WAIT = { timeoutMs: 20_000 }
const PLAY_MS = 60_000
/** Calls at a time where something is made ready or taken away. */
const AT_A_TIME = 1_024
const value = new Uint8Array(BYTES).fill(7)

const clients = new Map<string, Promise<ObjectClient>>()
/** The objects of a cluster, kept. What the rows before have written is played before the first call. */
export const clientOf = (address: string): Promise<ObjectClient> => {
  const known = clients.get(address) ?? openObjects(address)
  clients.set(address, known)
  return known
}

async function openObjects(address: string): Promise<ObjectClient> {
  const objects = new ObjectClient((await connected(address)).client)
  await objects.sync({ timeoutMs: PLAY_MS })
  return objects
}

const sessions = new Map<string, Promise<ObjectSession[]>>()
/** So many sessions, kept. */
function sessionsOf(objects: ObjectClient, key: string, count: number): Promise<ObjectSession[]> {
  const known = sessions.get(key) ?? Promise.all(Array.from({ length: count }, () => objects.session()))
  sessions.set(key, known)
  return known
}

/** Measures one load; `outstanding` sessions of `queue` and `lock`, else calls of one session. */
export async function objectLoad(
  address: string,
  load: ObjectLoad,
  { outstanding, ms }: { outstanding: number; ms: number },
): Promise<Measured> {
  const objects = await clientOf(address)
  return measureOperation(await operationOf(address, load, objects, outstanding), outstanding, ms)
}

async function operationOf(
  address: string,
  load: ObjectLoad,
  objects: ObjectClient,
  callers: number,
): Promise<Operation> {
  switch (load) {
    case 'queue':
    case 'lock':
    case 'txnCounter':
    case 'extensionCounter':
    case 'extensionQueue': {
      const all = await sessionsOf(objects, `${load} ${callers} ${address}`, callers)
      return contended[load](all, `/bench/${load}-${callers}`)
    }
    case 'txn':
      return txn(objects, callers)
    default:
      return ofTree[load](await objects.tree('/bench/tree', { codec: 'bytes' }), objects, callers)
  }
}

const contended = {
  queue: async (all: readonly ObjectSession[], path: string): Promise<Operation> => {
    const queues = await Promise.all(all.map((session) => session.queue(path)))
    const acked = queues.map(() => Promise.resolve())
    return {
      run: async (caller) => {
        const queue = queues[caller]
        const put = queue?.put('x'.repeat(BYTES))
        const [[job] = []] = await Promise.all([queue?.take(WAIT), put, acked[caller]])
        acked[caller] = job?.ack() ?? Promise.reject(new Error('nothing was taken'))
      },
      clean: () => Promise.all(acked),
    }
  },
  lock: (all: readonly ObjectSession[], path: string): Promise<Operation> => {
    let holders = 0
    return Promise.resolve({
      run: async (caller) => {
        const held = await all[caller]?.lock(path, WAIT)
        if (++holders !== 1) throw new Error(`${holders} hold the lock`)
        holders--
        await held?.release()
      },
    })
  },
  txnCounter: async (all: readonly ObjectSession[], path: string): Promise<Operation> => {
    const counters = await Promise.all(all.map((session) => session.open(Counter, path)))
    return {
      run: async (caller) => {
        const [session, counter] = [all[caller], counters[caller]]
        if (session === undefined || counter === undefined) return
        // It tries a few times by itself; whoever needs the increment goes on until it is done.
        for (let done = false; !done;) {
          try {
            await session.transaction((tx) => tx.do(counter, 'set', { value: tx.get(counter).value + 1 }), WAIT)
            done = true
          } catch (thrown) {
            if (!isError(thrown, 'CONFLICT')) throw thrown
          }
        }
      },
    }
  },
  extensionCounter: async (all: readonly ObjectSession[], path: string): Promise<Operation> => {
    const counters = await opened(all, CounterRecipe, path)
    return { run: async (caller) => counters[caller]?.add({ by: 1 }) }
  },
  extensionQueue: async (all: readonly ObjectSession[], path: string): Promise<Operation> => {
    const queues = await opened(all, QueueRecipe, path)
    return {
      run: async (caller) => {
        const queue = queues[caller]
        const [item] = await Promise.all([queue?.take({}, WAIT), queue?.put({ item: 'x'.repeat(BYTES) })])
        if (item === undefined) throw new Error('nothing was taken')
      },
    }
  },
}

/** Handles of a recipe for sessions, the first of which registers it. */
async function opened<O extends object>(all: readonly ObjectSession[], recipe: Extension<O>, path: string) {
  await all[0]?.register(recipe)
  return Promise.all(all.map((session) => session.open(recipe, path)))
}

type Bytes = Tree<Uint8Array>
const ofTree = {
  createDelete: (tree: Bytes): Operation => ({
    run: async (caller) => {
      await tree.create(`/c-${caller}`, value)
      await tree.delete(`/c-${caller}`)
    },
  }),
  multi: async (tree: Bytes, objects: ObjectClient, callers: number): Promise<Operation> => {
    const turns = Array.from({ length: callers }, () => 0)
    const pair = (caller: number, turn: number): string[] => [0, 1].map((i) => `/m-${caller}-${turn % 2}-${i}`)
    await Promise.all(turns.flatMap((_, caller) => pair(caller, 0).map((path) => tree.create(path, value))))
    return {
      run: async (caller) => {
        const turn = turns[caller] ?? 0
        turns[caller] = turn + 1
        await objects.own.multi([
          ...pair(caller, turn + 1).map((path) => ({ handle: tree, op: 'create', input: { path, data: value } })),
          ...pair(caller, turn).map((path) => ({ handle: tree, op: 'delete', input: { path, version: -1 } })),
        ])
      },
      clean: () => Promise.all(turns.flatMap((turn, caller) => pair(caller, turn).map((path) => tree.delete(path)))),
    }
  },
  ephemeral: (tree: Bytes): Operation => {
    const created: string[] = []
    return {
      run: async (caller) => {
        const path = `/e-${caller}-${created.length}`
        await tree.create(path, value, { ephemeral: true })
        created.push(path)
      },
      clean: () => eachOf(created, AT_A_TIME, (path) => tree.delete(path)),
    }
  },
}

async function txn(objects: ObjectClient, callers: number): Promise<Operation> {
  const pairs = await Promise.all(
    Array.from({ length: callers }, async (_, caller) => ({
      from: await objects.open(Counter, `/bench/from-${caller}`),
      to: await objects.open(Counter, `/bench/to-${caller}`),
    })),
  )
  return {
    run: async (caller) => {
      const pair = pairs[caller]
      if (pair === undefined) return
      const { from, to } = pair
      await objects.transaction((tx) => {
        tx.do(from, 'set', { value: tx.get(from).value - 1 })
        tx.do(to, 'set', { value: tx.get(to).value + 1 })
      })
    },
  }
}

/** Sessions of other processes that are killed; their ends are seen here. */
export async function endsLoad(address: string, ends: number): Promise<Measured> {
  const objects = await clientOf(address)
  const tree = await objects.tree(ENDS_PATH)
  const file = join(import.meta.dirname, `session-owner${extname(import.meta.filename)}`)
  return sessionEnds(ends, { file, args: [address] }, async (name) => {
    const watch = tree.watch(`/${name}`)
    await tree.sync(WAIT)
    if (tree.exists(`/${name}`) === undefined) {
      await watch.return()
      return
    }
    for await (const item of watch) {
      if (item.kind === 'events' && item.events.some(({ kind }) => kind === 'deleted')) return
    }
    throw new Error(`the end of ${name} was not seen`)
  })
}
