/**
 * Changes of the records of a tree, with all that follows from each: the parent's counts, deadlines, events.
 *
 *     placed, gone ─ record ─ parent's family ─ its deadline ─ events: the node's own, then the parent's
 *
 * Judges nothing: that is done before. Keeps: O5 (what a session owned goes as if it was deleted), O13. Read next:
 * `writes.ts` (who may), `stat.ts`.
 * @source ZooKeeper 3.9.5 DataTree.createNode, deleteNode, setData; ContainerManager.
 */
import { sha256 } from '../../log/bytes/hash.ts'
import { OPEN, isSame, type Acl } from './acl.ts'
import { parentOf } from './paths.ts'
import { CONTAINER_MS, type Node, type TreeContext } from './shapes.ts'
import { aclOf, childCount, nodeAt, wellKnownAcls, zxidOf } from './stat.ts'

/** The version behind another one, as an int32. -1 is left out: it means any. */
export function versionAfter(version: number): number {
  const next = (version + 1) | 0
  return next === -1 ? 0 : next
}

/** Puts the record of a new node, which has no children yet, and counts it. */
export function place(path: string, node: Node, ctx: TreeContext): void {
  put(path, node, ctx)
  if (node.expires !== undefined) ctx.at(path, node.expires)
  emit('created', path, node, ctx)
  countChild(path, 1, ctx)
}

/** Does what follows from the loss of a node whose record is out already. */
export function gone(path: string, node: Node, ctx: TreeContext): void {
  ctx.tables.families.delete(path)
  if (goesByItself(node)) ctx.at(path, undefined)
  emit('deleted', path, node, ctx)
  release(node.acl, ctx)
  countChild(path, 0, ctx)
}

/** Deletes a node without children. */
export function erase(path: string, node: Node, ctx: TreeContext): void {
  ctx.tables.nodes.delete(path)
  gone(path, node, ctx)
}

/** Gives a node other data. */
export function setData(path: string, node: Node, data: string | undefined, ctx: TreeContext): void {
  const expires = node.ttlMs === undefined ? undefined : ctx.time + node.ttlMs
  const version = versionAfter(node.version ?? 0)
  const changed: Node = { ...node, data, version, mtime: ctx.wall, mzxid: undefined, expires }
  put(path, changed, ctx)
  if (expires !== undefined) arm(path, ctx)
  emit('changed', path, changed, ctx)
}

/** Gives a node another access list: neither mzxid nor an event comes of that. */
export function setAcl(path: string, node: Node, acl: Acl, ctx: TreeContext): void {
  const kept = keep(acl, ctx)
  release(node.acl, ctx)
  const mzxid = node.mzxid ?? zxidOf(ctx, ctx.tables.nodes.positions(path)?.modified ?? -1)
  put(path, { ...node, acl: kept, aversion: versionAfter(node.aversion ?? 0), mzxid }, ctx)
}

/** Counts one more child ever created, or one less there. An imported pzxid makes room for this entry's. */
export function countChild(path: string, made: 0 | 1, ctx: TreeContext): void {
  const parent = parentOf(path)
  const { families } = ctx.tables
  families.set(parent, { creates: ((families.get(parent)?.creates ?? 0) + made) | 0 })
  childChanged(parent, ctx)
}

/** Says that a child was made or deleted, and does what follows for a parent that goes by itself. */
export function childChanged(parent: string, ctx: TreeContext): void {
  arm(parent, ctx)
  const node = nodeAt(ctx, parent)
  if (node !== undefined) emit('childrenChanged', parent, node, ctx)
}

/** The deadline of a container that had children, or of a TTL node, stands as long as it has none. */
export function arm(path: string, ctx: TreeContext): void {
  const node = ctx.tables.nodes.get(path)
  if (node === undefined || !goesByItself(node)) return
  const { expires } = node
  const isUnused = expires === undefined && (ctx.tables.families.get(path)?.creates ?? 0) === 0
  if (isUnused || childCount(ctx, path) > 0) ctx.at(path, undefined)
  else ctx.at(path, expires !== undefined && expires > ctx.time ? expires : ctx.time + CONTAINER_MS)
}

/** Whether a node has deadlines. */
const goesByItself = ({ container, ttlMs }: Node): boolean => container === true || ttlMs !== undefined

/** Names a list for the record of one more node. */
export function keep(acl: Acl, ctx: TreeContext): string | undefined {
  if (isSame(acl, OPEN)) return undefined
  for (const [name, known] of wellKnownAcls) if (isSame(acl, known)) return name
  const { acls } = ctx.tables
  const made = sha256(JSON.stringify(acl))
  const row = acls.get(made) ?? { id: made, acl, uses: 0 }
  acls.set(row.id, { ...row, uses: row.uses + 1 })
  return row.id
}

/** Forgets a list with the last node that has it. */
function release(id: string | undefined, ctx: TreeContext): void {
  const row = id === undefined ? undefined : ctx.tables.acls.get(id)
  if (row === undefined) return
  if (row.uses > 1) ctx.tables.acls.set(row.id, { ...row, uses: row.uses - 1 })
  else ctx.tables.acls.delete(row.id)
}

/** Puts a record whose fields are absent where they are at their default; always in the same order. */
export function put(path: string, node: Node, ctx: TreeContext): void {
  const { data, ctime, mtime, version, aversion, acl, owner, container, ttlMs, expires, czxid, mzxid } = node
  const record: { -readonly [K in keyof Node]: Node[K] } = { ctime }
  if (data !== undefined) record.data = data
  if (mtime !== undefined && mtime !== ctime) record.mtime = mtime
  if (version !== undefined && version !== 0) record.version = version
  if (aversion !== undefined && aversion !== 0) record.aversion = aversion
  if (acl !== undefined) record.acl = acl
  if (owner !== undefined) record.owner = owner
  if (container === true) record.container = true
  if (ttlMs !== undefined) record.ttlMs = ttlMs
  if (expires !== undefined) record.expires = expires
  if (czxid !== undefined) record.czxid = czxid
  if (mzxid !== undefined) record.mzxid = mzxid
  ctx.tables.nodes.set(path, record)
}

/** Readers are filtered by the list that the node has at this moment. */
export function emit(
  kind: 'created' | 'changed' | 'deleted' | 'childrenChanged',
  path: string,
  node: Node,
  ctx: TreeContext,
) {
  const acl = aclOf(ctx, node)
  ctx.emit(kind, acl === OPEN ? { path } : { path, acl })
}
