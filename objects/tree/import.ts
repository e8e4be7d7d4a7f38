/**
 * Nodes from elsewhere, with the counts, times and zxids that they came with.
 *
 * The base is set before anything else in the tree is: every zxid that came along stays below those of this log's own
 * entries. A caller needs the right to create, as for any node; an identity of scheme `super` has it everywhere. Read
 * next: `nodes.ts`, `tree.ts` (`importJson`).
 */
import { bytesText } from '../runtime/values.ts'
import { bits } from './acl.ts'
import { arm, childChanged, emit, keep, place, put } from './nodes.ts'
import { parentOf } from './paths.ts'
import type { ImportInput, ImportedNode, Node, TreeContext } from './shapes.ts'
import { nodeAt, zxidOf } from './stat.ts'
import { badArguments, isTtl, requireAllowed, requireNoEphemeral, requireNode, requireValid } from './writes.ts'

/** Takes nodes in, parents before their children; answers with how many. */
export function importNodes({ base, nodes }: ImportInput, ctx: TreeContext): number {
  if (base !== undefined) takeBase(base, ctx)
  for (const one of nodes) importNode(one, ctx)
  return nodes.length
}

function takeBase(base: number, ctx: TreeContext): void {
  if (base === ctx.state.base) return
  const { nodes, families } = ctx.tables
  if (ctx.state.base !== 0 || nodes.size + families.size > 0) {
    badArguments('/', 'the base of a tree is set once, before anything in it is changed', ctx)
  }
  requireAllowed('/', requireNode('/', ctx), bits.create, ctx)
  ctx.put({ base })
}

function importNode(one: ImportedNode, ctx: TreeContext): void {
  const { path, ttlMs, container = false } = one
  requireValid(path, ctx)
  const zxidMax = zxidOf(ctx, ctx.position)
  for (const zxid of [one.czxid, one.mzxid, one.pzxid]) {
    if (zxid !== undefined && zxid > zxidMax) badArguments(path, 'a zxid of it is above those of this tree', ctx)
  }
  if (ttlMs !== undefined && (container || !isTtl(ttlMs))) badArguments(path, 'its TTL makes no sense', ctx)
  const parent = parentOf(path)
  const above = requireNode(parent, ctx)
  requireAllowed(parent, above, bits.create, ctx)
  const known = nodeAt(ctx, path)
  if (known !== undefined) {
    // One of those that every tree has: as long as nobody has changed it, it may become another one.
    if (ctx.tables.nodes.has(path)) ctx.reject('NODE_EXISTS', { path })
    for (const right of [bits.write, bits.admin]) requireAllowed(path, known, right, ctx)
  } else requireNoEphemeral(parent, above, ctx)
  add(one, known, ctx)
}

function add(one: ImportedNode, known: Node | undefined, ctx: TreeContext): void {
  const { path, data, ttlMs, creates, czxid = known?.czxid, mzxid = known?.mzxid } = one
  const { families } = ctx.tables
  const node: Node = {
    data: bytesText(data) ?? undefined,
    ctime: one.ctime ?? known?.ctime ?? ctx.wall,
    mtime: one.mtime,
    version: one.version,
    aversion: one.aversion ?? known?.aversion,
    acl: one.acl === undefined ? known?.acl : keep(one.acl, ctx),
    container: one.container === true ? true : undefined,
    ttlMs,
    expires: ttlMs === undefined ? undefined : ctx.time + ttlMs,
    czxid,
    mzxid,
  }
  const parent = parentOf(path)
  // Children that came with their parent are among those that it has counted.
  const isCounted = known !== undefined || families.get(parent)?.pzxid !== undefined
  if (isCounted) {
    put(path, node, ctx)
    emit(known === undefined ? 'created' : 'changed', path, node, ctx)
  } else place(path, node, ctx)
  if (creates !== undefined || (one.pzxid !== undefined && one.pzxid !== czxid)) {
    families.set(path, { creates: creates ?? 0, pzxid: one.pzxid ?? czxid ?? zxidOf(ctx, ctx.position) })
  }
  arm(path, ctx)
  if (isCounted && known === undefined) childChanged(parent, ctx)
}
