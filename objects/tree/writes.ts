/**
 * The writes of a tree: what each is judged by, in ZooKeeper's order, the first failure wins.
 *
 *     arguments ─ access list ─ NO_NODE ─ NO_AUTH ─ path ─ what the op itself needs: NODE_EXISTS, BAD_VERSION, ...
 *
 * A refusal changes nothing, raises no event and takes no sequence number. Read next: `nodes.ts` (what then changes),
 * `acl.ts`, `paths.ts`.
 * @source ZooKeeper 3.9.5 PrepRequestProcessor.pRequest2Txn.
 */
import { bytesText } from '../runtime/values.ts'
import { OPEN, bits, fixedUp, isAllowed, type Acl } from './acl.ts'
import { erase, keep, place, setAcl, setData } from './nodes.ts'
import { hasParent, isDeletable, isValidPath, parentOf, suffixOf } from './paths.ts'
import {
  BATCH_MAX,
  TTL_MS_MAX,
  type CreateInput,
  type DeleteAllInput,
  type DeleteInput,
  type Node,
  type SetAclInput,
  type SetInput,
  type TreeContext,
} from './shapes.ts'
import { aclOf, childCount, nodeAt, statOf, subtree, type Stat } from './stat.ts'

/** What a create answers with: the path with its suffix. */
export interface Created {
  readonly path: string
  readonly stat: Stat
}

/** Creates a node. */
export function createNode(input: CreateInput, ctx: TreeContext): Created {
  const { path, data, ephemeral = false, sequential = false, kind = 'plain', ttlMs } = input
  requireMode(input, ctx)
  if (!hasParent(path)) badArguments(path, 'it has no slash, or a NUL', ctx)
  const acl = requireAcl(path, input.acl === undefined ? OPEN : input.acl, ctx)
  const parent = parentOf(path)
  const above = requireNode(parent, ctx)
  requireAllowed(parent, above, bits.create, ctx)
  const full = sequential ? path + suffixOf(ctx.tables.families.get(parent)?.creates ?? 0) : path
  requireValid(full, ctx)
  if (nodeAt(ctx, full) !== undefined) ctx.reject('NODE_EXISTS', { path: full })
  requireNoEphemeral(parent, above, ctx)
  const node: Node = {
    data: bytesText(data) ?? undefined,
    ctime: ctx.wall,
    acl: keep(acl, ctx),
    owner: ephemeral ? ctx.session : undefined,
    container: kind === 'container' ? true : undefined,
    ttlMs,
    expires: ttlMs === undefined ? undefined : ctx.time + ttlMs,
  }
  place(full, node, ctx)
  return { path: full, stat: statOf(ctx, full, node) }
}

/** Deletes a node. */
export function deleteNode({ path, version }: DeleteInput, ctx: TreeContext): void {
  requireDeletable(path, ctx)
  const node = requireNode(path, ctx)
  requireVersion(path, node.version ?? 0, version, ctx)
  const children = childCount(ctx, path)
  if (children > 0) ctx.reject('NOT_EMPTY', { path, children })
  erase(path, node, ctx)
}

/** Gives a node other data. */
export function setNodeData({ path, data, version }: SetInput, ctx: TreeContext): Stat {
  requireValid(path, ctx)
  const node = requireNode(path, ctx)
  requireAllowed(path, node, bits.write, ctx)
  requireVersion(path, node.version ?? 0, version, ctx)
  setData(path, node, bytesText(data) ?? undefined, ctx)
  return requireStat(path, ctx)
}

/** Gives a node another access list. */
export function setNodeAcl({ path, acl, version }: SetAclInput, ctx: TreeContext): Stat {
  requireValid(path, ctx)
  const fixed = requireAcl(path, acl, ctx)
  const node = requireNode(path, ctx)
  requireAllowed(path, node, bits.admin, ctx)
  requireVersion(path, node.aversion ?? 0, version, ctx)
  setAcl(path, node, fixed, ctx)
  return requireStat(path, ctx)
}

/** A guard of transactions: that a node is there and has this version. */
export function checkNode({ path, version }: DeleteInput, ctx: TreeContext): void {
  requireValid(path, ctx)
  const node = requireNode(path, ctx)
  requireAllowed(path, node, bits.read, ctx)
  requireVersion(path, node.version ?? 0, version, ctx)
}

/** Deletes many nodes; answers with how many. */
export function deleteNodes({ paths, subtree: isDeep }: DeleteAllInput, ctx: TreeContext): number {
  let deleted = 0
  for (const path of paths) {
    if (!isDeletable(path)) badArguments(path, 'it cannot be deleted', ctx)
    const all = isDeep ? subtree(ctx, path, BATCH_MAX - deleted) : [path]
    if (all === undefined) return ctx.reject('TOO_MANY', { path, nodes: BATCH_MAX })
    for (const one of all.toReversed()) {
      const node = nodeAt(ctx, one)
      if (node === undefined || childCount(ctx, one) > 0) continue
      requireDeletable(one, ctx)
      erase(one, node, ctx)
      deleted++
    }
  }
  return deleted
}

/** The parent is there and allows its children to be deleted. */
function requireDeletable(path: string, ctx: TreeContext): void {
  if (!isDeletable(path)) badArguments(path, 'it cannot be deleted', ctx)
  const parent = parentOf(path)
  requireAllowed(parent, requireNode(parent, ctx), bits.delete, ctx)
}

function requireMode({ path, ephemeral = false, kind = 'plain', ttlMs }: CreateInput, ctx: TreeContext): void {
  if (ephemeral && kind !== 'plain') badArguments(path, `a ${kind} node is no ephemeral`, ctx)
  if ((ttlMs !== undefined) !== (kind === 'ttl')) badArguments(path, 'a TTL node has ttlMs, others have none', ctx)
  if (ttlMs !== undefined && !isTtl(ttlMs)) badArguments(path, `ttlMs is from 1 to below ${TTL_MS_MAX}`, ctx)
}

/** Whether a node may live so long. */
export const isTtl = (ttlMs: number): boolean => ttlMs >= 1 && ttlMs < TTL_MS_MAX

function requireAcl(path: string, acl: unknown, ctx: TreeContext): Acl {
  return acl === OPEN ? OPEN : (fixedUp(acl, ctx.ids) ?? ctx.reject('INVALID_ACL', { path }))
}

/** The node at a path. @throws Rejection `NO_NODE`. */
export const requireNode = (path: string, ctx: TreeContext): Node =>
  nodeAt(ctx, path) ?? ctx.reject('NO_NODE', { path })

/** @throws Rejection `NO_AUTH` where a node does not allow the caller any of these bits. */
export function requireAllowed(path: string, node: Node, wanted: number, ctx: TreeContext): void {
  if (!isAllowed(aclOf(ctx, node), ctx.ids, wanted)) ctx.reject('NO_AUTH', { path })
}

/** @throws Rejection `BAD_ARGUMENTS` where no node may have this path. */
export function requireValid(path: string, ctx: TreeContext): void {
  if (!isValidPath(path)) badArguments(path, 'no node may have this path', ctx)
}

/** @throws Rejection `NO_CHILDREN_FOR_EPHEMERALS`. */
export function requireNoEphemeral(path: string, node: Node, ctx: TreeContext): void {
  if (node.owner !== undefined) ctx.reject('NO_CHILDREN_FOR_EPHEMERALS', { path })
}

function requireVersion(path: string, version: number, wanted: number, ctx: TreeContext): void {
  if (wanted !== -1 && wanted !== version) ctx.reject('BAD_VERSION', { path, version, wanted })
}

const requireStat = (path: string, ctx: TreeContext): Stat => statOf(ctx, path, requireNode(path, ctx))

/** @throws Rejection `BAD_ARGUMENTS`, always. */
export const badArguments = (path: string, reason: string, ctx: TreeContext): never =>
  ctx.reject('BAD_ARGUMENTS', { path, reason })
