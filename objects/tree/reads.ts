/**
 * Reads of a tree, judged by the identities of who asks.
 *
 * A read is a value, or the code of why there is none. Paths are not checked: there is no node at an invalid one. Read
 * next: `stat.ts`, `tree.ts`.
 * @source ZooKeeper 3.9.5 FinalRequestProcessor.
 */
import type { Identity } from '../../sequencer/session-entry.ts'
import { textBytes } from '../runtime/values.ts'
import { bits, isAllowed, shownTo, type Acl } from './acl.ts'
import { nameOf } from './paths.ts'
import type { Node, TreeObject } from './shapes.ts'
import { aclOf, childPaths, nodeAt, statOf, type Stat } from './stat.ts'

/** Why there is nothing to be read. */
export type Unread = 'NO_NODE' | 'NO_AUTH'

/** Whether a read came to nothing. */
export const isUnread = (read: unknown): read is Unread => read === 'NO_NODE' || read === 'NO_AUTH'

type Ids = readonly Identity[]

/** The data of a node, as bytes that are the caller's own, and its Stat. */
export function readNode(
  object: TreeObject,
  path: string,
  ids: Ids,
): Unread | { readonly data: Uint8Array | null; readonly stat: Stat } {
  const node = allowed(object, path, ids, bits.read)
  return isUnread(node) ? node : { data: textBytes(node.data ?? null), stat: statOf(object, path, node) }
}

/** The Stat of a node. */
export function existsAt(object: TreeObject, path: string, ids: Ids): Unread | Stat {
  const node = allowed(object, path, ids, bits.read)
  return isUnread(node) ? node : statOf(object, path, node)
}

/** The names of a node's children, in order. */
export function childrenOf(object: TreeObject, path: string, ids: Ids): Unread | string[] {
  const node = allowed(object, path, ids, bits.read)
  return isUnread(node) ? node : childPaths(object, path).map(nameOf)
}

/** The access list of a node as the caller may see it, and its Stat. */
export function aclAt(object: TreeObject, path: string, ids: Ids): Unread | { readonly acl: Acl; readonly stat: Stat } {
  const node = allowed(object, path, ids, bits.read | bits.admin)
  return isUnread(node) ? node : { acl: shownTo(aclOf(object, node), ids), stat: statOf(object, path, node) }
}

/** The paths of a session's ephemerals that begin with a text, in order; null, blank and '/': all of them. */
export function ephemeralsOf(object: TreeObject, session: number, prefix: string | null): string[] {
  const paths = object.tables.nodes.of(session).map(([path]) => path)
  return prefix === null || prefix.trim() === '' ? paths : paths.filter((path) => path.startsWith(prefix))
}

function allowed(object: TreeObject, path: string, ids: Ids, wanted: number): Unread | Node {
  const node = nodeAt(object, path)
  if (node === undefined) return 'NO_NODE'
  return isAllowed(aclOf(object, node), ids, wanted) ? node : 'NO_AUTH'
}
