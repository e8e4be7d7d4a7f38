/**
 * What nodes cost in memory: `node --expose-gc test/objects/tree/memory.ts [nodes] [data bytes] [children a parent]`.
 *
 * Entries are played as a view plays them; what is left after a collection is the state.
 */
import { TreeDriver } from './tree-driver.ts'

const [nodes = 200_000, bytes = 64, children = 1_000] = process.argv.slice(2).map(Number)
const collect = globalThis.gc
if (collect === undefined) throw new Error('start it with --expose-gc')

const driver = new TreeDriver()
const session = driver.open()
for (let i = 0; i < nodes / children; i++) driver.run(session, 'create', { path: `/app-${i}`, data: null })
driver.space.digest()
const used = (): number => {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}
const before = used()
const startedAt = process.cpuUsage()
for (let i = 0; i < nodes; i++) {
  const data = new Uint8Array(bytes).fill(i & 127)
  const path = `/app-${i % Math.ceil(nodes / children)}/node-${String(i).padStart(8, '0')}`
  driver.run(session, 'create', { path, data })
}
const { user, system } = process.cpuUsage(startedAt)
driver.space.digest()
const after = used()
console.log(
  `${nodes} nodes of ${bytes} bytes: ${Math.round((after - before) / nodes)} bytes a node,`
    + ` rss ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB,`
    + ` ${((user + system) / nodes).toFixed(1)} us of CPU a create, encoding included`,
)
