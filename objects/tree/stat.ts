/**
 * What is read of the records of a tree: nodes, their access lists, children and Stats.
 *
 *     node ─ record of `nodes`, else of the four that every tree has
 *     Stat ─ record and its positions, record of `families` and its positions, count of children
 *
 * Works on what readers see and on what an op sees. Owns no state. Read next: `nodes.ts` (changes), `reads.ts`.
 * @source ZooKeeper 3.9.5 DataTree, DataNode.copyStat.
 */
import { OPEN, READABLE, type Acl } from './acl.ts'
import { nestedKey } from './paths.ts'
import type { Node, TreeObject } from './shapes.ts'

/** What is known of a node beside its data, as ZooKeeper names and counts it. */
export interface Stat {
  /** Of the entries that made the node, last changed its data, and last made or deleted a child. */
  readonly czxid: number
  readonly mzxid: number
  readonly pzxid: number
  /** Wall milliseconds. */
  readonly ctime: number
  readonly mtime: number
  /** Changes of data, of children (created and deleted), of the access list. */
  readonly version: number
  readonly cversion: number
  readonly aversion: number
  /** The zxid of the opening of its session; 0: it is no ephemeral. */
  readonly ephemeralOwner: number
  readonly dataLength: number
  readonly numChildren: number
}

/** Names lists that need no record. */
export const wellKnownAcls: ReadonlyMap<string, Acl> = new Map([['read', READABLE]])

/** What a list would be that is lost: nobody's. An empty one would allow everything. */
const CLOSED: Acl = [[0, 'world', 'anyone']]

const untouched: Node = { data: 'b', ctime: 0, czxid: 0, mzxid: 0 }
/** The nodes that every tree has, as long as nobody has changed them. */
const virtual: ReadonlyMap<string, Node> = new Map([
  ['/', untouched],
  ['/zookeeper', untouched],
  ['/zookeeper/config', { ...untouched, acl: 'read', aversion: -1 }],
  ['/zookeeper/quota', untouched],
])
const virtualChildren: ReadonlyMap<string, readonly string[]> = new Map([
  ['/', ['/zookeeper']],
  ['/zookeeper', ['/zookeeper/config', '/zookeeper/quota']],
])

/** The node at a path. */
export const nodeAt = ({ tables }: TreeObject, path: string): Node | undefined =>
  tables.nodes.get(path) ?? virtual.get(path)

/** What a node allows whom. */
export function aclOf({ tables }: TreeObject, { acl }: Node): Acl {
  if (acl === undefined) return OPEN
  return wellKnownAcls.get(acl) ?? tables.acls.get(acl)?.acl ?? CLOSED
}

/** The zxid of the entry at a position. */
export const zxidOf = ({ state }: Pick<TreeObject, 'state'>, position: number): number => state.base + position + 1

/** How many children a node has. */
export function childCount({ tables: { nodes } }: TreeObject, path: string): number {
  const count = nodes.childCount(nestedKey(path))
  const untold = virtualChildren.get(path)
  if (untold === undefined) return count
  // The root stands in the table as if it were a child of its own.
  return count + untold.filter((child) => !nodes.has(child)).length - Number(path === '/' && nodes.has('/'))
}

/** All nodes, with those that nobody has changed. */
export const nodeCount = ({ tables: { nodes } }: TreeObject): number =>
  nodes.size + [...virtual.keys()].filter((path) => !nodes.has(path)).length

/** The paths of a node's children, in the order of their names. */
export function childPaths({ tables: { nodes } }: TreeObject, path: string): string[] {
  const paths = nodes.children(nestedKey(path))
  const untold = virtualChildren.get(path)
  if (untold === undefined) return paths
  return [...paths.filter((child) => child !== '/'), ...untold.filter((child) => !nodes.has(child))].sort()
}

/**
 * The paths of a node and of all below it, a node before its children; `undefined`: there are more than `max`.
 */
export function subtree(object: TreeObject, path: string, max = Infinity): string[] | undefined {
  const found: string[] = []
  const open = [path]
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (nodeAt(object, one) === undefined) continue
    if (found.push(one) > max) return undefined
    if (found.length + childCount(object, one) > max) return undefined
    for (const child of childPaths(object, one).toReversed()) open.push(child)
  }
  return found
}

/** The Stat of a node that is there. */
export function statOf(object: TreeObject, path: string, node: Node): Stat {
  const { nodes, families } = object.tables
  const at = nodes.positions(path)
  const family = families.get(path)
  const czxid = node.czxid ?? zxidOf(object, at?.created ?? -1)
  const numChildren = childCount(object, path)
  return {
    czxid,
    mzxid: node.mzxid ?? zxidOf(object, at?.modified ?? -1),
    pzxid: family === undefined ? czxid : (family.pzxid ?? zxidOf(object, families.positions(path)?.modified ?? -1)),
    ctime: node.ctime,
    mtime: node.mtime ?? node.ctime,
    version: node.version ?? 0,
    cversion: (2 * (family?.creates ?? 0) - numChildren) | 0,
    aversion: node.aversion ?? 0,
    ephemeralOwner: node.owner === undefined ? 0 : zxidOf(object, node.owner),
    dataLength: node.data === undefined ? 0 : node.data.length - 1,
    numChildren,
  }
}

/** Whether a node belongs to the system's own part of a tree. */
export const isSystem = (path: string): boolean => path === '/zookeeper' || path.startsWith('/zookeeper/')
