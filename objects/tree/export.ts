/**
 * A tree as JSON, node by node: for copies, for moving from one cluster to another, for people.
 *
 *     {"path":"/a","data":"aGk=","ctime":...,"version":2,"acl":[[31,"world","anyone"]],"creates":1,"czxid":...}
 *
 * Ephemerals stay where their sessions are. Fields at their default are left out. Read next: `import.ts`, `tree.ts`.
 */
import { array, boolean, integer, is, nullable, number, optional, string, tuple, type } from 'superstruct'
import { SirtakiError } from '../../log/errors.ts'
import type { Identity } from '../../sequencer/session-entry.ts'
import { textBytes } from '../runtime/values.ts'
import { bits, isAllowed, type Acl } from './acl.ts'
import type { ImportedNode, Node, TreeObject } from './shapes.ts'
import { aclOf, statOf, subtree, type Stat } from './stat.ts'

/** A node as JSON; `data` in base64. */
export interface TreeNodeJson extends Omit<ImportedNode, 'data'> {
  readonly data: string | null
}

interface Copied {
  readonly path: string
  readonly node: Node
  readonly stat: Stat
  readonly acl: Acl
  readonly creates: number
}

/**
 * Gives the nodes at and below a path as they are now, parents first: changes on the way are not seen.
 *
 * @throws SirtakiError `NO_AUTH` at the first node whose data or access list the caller may not see.
 */
export function exported(object: TreeObject, path: string, ids: readonly Identity[]): Iterable<TreeNodeJson> {
  const copies: Copied[] = []
  for (const one of subtree(object, path) ?? []) {
    const node = object.tables.nodes.get(one)
    const creates = object.tables.families.get(one)?.creates ?? 0
    // Of those that every tree has, only what somebody has changed.
    if (node === undefined || node.owner !== undefined) continue
    const acl = aclOf(object, node)
    if (!isAllowed(acl, ids, bits.read) || !isAllowed(acl, ids, bits.admin)) throw noAuth(one)
    copies.push({ path: one, node, stat: statOf(object, one, node), acl, creates })
  }
  return jsonOf(copies)
}

function* jsonOf(copies: readonly Copied[]): Generator<TreeNodeJson, void, undefined> {
  for (const { path, node, stat, acl, creates } of copies) {
    const { ctime, mtime, version, aversion, czxid, mzxid, pzxid } = stat
    yield {
      path,
      data: node.data === undefined ? null : btoa(node.data.slice(1)),
      ctime,
      mtime,
      ...(version === 0 ? {} : { version }),
      ...(aversion === 0 ? {} : { aversion }),
      ...(node.acl === undefined ? {} : { acl }),
      ...(node.container === true ? { container: true } : {}),
      ...(node.ttlMs === undefined ? {} : { ttlMs: node.ttlMs }),
      ...(creates === 0 ? {} : { creates }),
      czxid,
      mzxid,
      pzxid,
    }
  }
}

const NodeJson = type({
  path: string(),
  data: nullable(string()),
  ctime: optional(integer()),
  mtime: optional(integer()),
  version: optional(integer()),
  aversion: optional(integer()),
  acl: optional(array(tuple([number(), string(), string()]))),
  container: optional(boolean()),
  ttlMs: optional(number()),
  creates: optional(integer()),
  czxid: optional(number()),
  mzxid: optional(number()),
  pzxid: optional(number()),
})

/**
 * Reads a node of JSON. Zxids are kept where `hasBase` says that they are below those of the tree.
 *
 * @throws SirtakiError `BAD_ARGUMENT`.
 */
export function importedOf(json: unknown, hasBase: boolean): ImportedNode {
  if (!is(json, NodeJson)) throw noNode(json)
  const { path, data, ctime, mtime, version, aversion, acl, container, ttlMs, creates, czxid, mzxid, pzxid } = json
  return {
    path,
    data: data === null ? null : bytesOf(data, json),
    ...present({ ctime, mtime, version, aversion, acl, container, ttlMs, creates }),
    ...(hasBase ? present({ czxid, mzxid, pzxid }) : {}),
  }
}

/** Without the fields that are `undefined`. */
function present<T extends object>(fields: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> }
function present(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function bytesOf(base64: string, json: unknown): Uint8Array {
  try {
    return textBytes(`b${atob(base64)}`) ?? new Uint8Array(0)
  } catch {
    throw noNode(json)
  }
}

const noNode = (json: unknown): SirtakiError =>
  new SirtakiError('BAD_ARGUMENT', `${(JSON.stringify(json) ?? 'undefined').slice(0, 200)} is no node of a tree`)

/** A read that was refused. */
export const noAuth = (path: string): SirtakiError =>
  new SirtakiError('NO_AUTH', `the access list of ${path} does not allow it`, { facts: { path } })
