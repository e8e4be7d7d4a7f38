/**
 * What a client process of the bench does with many nodes, watchers and sessions, and what that costs it.
 *
 * Read next: `scale.ts`.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ObjectClient } from '../../objects/client.ts'
import { Counter } from '../../objects/counter/type.ts'
import { connected } from './loads.ts'
import { eachOf } from './measure.ts'
import { clientOf } from './object-loads.ts'

/** Figures by their names. */
export type Figures = Readonly<Record<string, number>>

/** The tree of the rows. */
export const TREE = '/bench/many'
const CHILDREN = 1_000
const AT_A_TIME = 256
const MANY_AT_A_TIME = 1_024
const WAIT = { timeoutMs: 600_000 }

const parentOf = (i: number): string => `/app-${Math.floor(i / CHILDREN)}`
const pathOf = (i: number): string => `${parentOf(i)}/node-${String(i).padStart(8, '0')}`

const filled = new Map<string, number>()
/** Fills a tree up to so many nodes. */
export async function fillTree(address: string, nodes: number, bytes: number): Promise<void> {
  const tree = await (await clientOf(address)).tree(TREE, { codec: 'bytes' })
  const from = filled.get(address) ?? 0
  filled.set(address, nodes)
  function* missing(): Generator<{ path: string; data: string | null }> {
    for (let i = from; i < nodes; i++) {
      const isFirst = i % CHILDREN === 0 || (i === from && tree.exists(parentOf(i)) === undefined)
      if (isFirst) yield { path: parentOf(i), data: null }
      yield { path: pathOf(i), data: Buffer.alloc(bytes, i & 127).toString('base64') }
    }
  }
  await tree.importJson(missing(), WAIT)
}

/** What this process holds once it has played the tree, in megabytes. */
export async function treeMemory(address: string, nodes: number): Promise<Figures> {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  const objects = new ObjectClient((await connected(address)).client)
  const used = (): NodeJS.MemoryUsage => {
    if (typeof collect === 'function') for (let i = 0; i < 3; i++) collect()
    return process.memoryUsage()
  }
  const before = used()
  await objects.sync(WAIT)
  const tree = await objects.tree(TREE, { codec: 'bytes' })
  if (tree.exists(pathOf(nodes - 1)) === undefined) throw new Error(`${pathOf(nodes - 1)} was not played`)
  const after = used()
  return { heap: (after.heapUsed - before.heapUsed) / 1e6, rss: after.rss / 1e6 }
}

/** CPU of this process for each of so many calls, `atATime` at a time, in microseconds. */
async function costOf(calls: number, atATime: number, call: (i: number) => Promise<unknown>): Promise<Figures> {
  const before = process.cpuUsage()
  let next = 0
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      while (next < calls) await call(next++)
    }),
  )
  const { user, system } = process.cpuUsage(before)
  return { cpuUs: (user + system) / calls }
}

/** Sets of nodes all over the tree. */
export async function treeOps(address: string, nodes: number, ops: number): Promise<Figures> {
  const tree = await (await clientOf(address)).tree(TREE, { codec: 'bytes' })
  const data = new Uint8Array(64).fill(7)
  // A prime: one node after the other is far from it.
  return costOf(ops, AT_A_TIME, (i) => tree.set(pathOf((i * 7_919) % nodes), data))
}

/** Increments of an object that nobody watches. */
export async function watchedOps(address: string, ops: number): Promise<Figures> {
  const counter = await (await clientOf(address)).open(Counter, '/bench/unwatched')
  return costOf(ops, MANY_AT_A_TIME, () => counter.add({ by: 1 }))
}

/** Watchers of as many objects. */
export async function watchers(address: string, count: number): Promise<void> {
  const objects = await clientOf(address)
  for (let i = 0; i < count; i++) {
    const watch = objects.watch({ path: `/bench/watched-${i}` })
    void (async () => {
      for await (const item of watch) if (item.kind === 'change') throw new Error('a change of an object of nobody')
    })()
  }
  await objects.sync()
}

/** Sessions that are open from now on. */
export async function sessions(address: string, count: number): Promise<void> {
  const objects = await clientOf(address)
  await eachOf(
    Array.from({ length: count }, (_, i) => i),
    AT_A_TIME,
    async () => (await (await objects.session()).open(Counter, '/bench/sessions')).add({ by: 1 }),
  )
}
