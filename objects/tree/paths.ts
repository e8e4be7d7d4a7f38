/**
 * Paths of nodes inside a tree: which ones are valid, parents, names, suffixes of sequential nodes.
 *
 * Pure. A node's path has nothing to do with the path of its tree. Read next: `type.ts`.
 * @source ZooKeeper 3.9.5 PathUtils.validatePath, PrepRequestProcessor.
 */
import { parentOf as keyAbove } from '../runtime/nested.ts'
import { KEY_MAX } from '../runtime/records.ts'

/** Characters of a path: it is the key of a record. */
export const PATH_MAX = KEY_MAX

/** Nodes that every tree has, and that nobody deletes. */
export const fixedPaths: readonly string[] = ['/', '/zookeeper', '/zookeeper/config', '/zookeeper/quota']

const isFixed = new Set(fixedPaths)

/** Whether a path can be deleted at all, and says where its parent is. */
export const isDeletable = (path: string): boolean => hasParent(path) && !isFixed.has(path)

/** Whether a path says where its parent is: what is judged before anything else. */
export const hasParent = (path: string): boolean => path.includes('/') && !path.includes('\u0000')

/** Of '/a/b' it is '/a', of '/a' and '/' it is '/'. */
export const parentOf = (path: string): string => keyAbove(path) || '/'

/** What stands behind the last slash. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** The path of a child. */
export const childOf = (parent: string, name: string): string => (parent === '/' ? `/${name}` : `${parent}/${name}`)

/** What children of a node are kept under: a table of paths calls what is above '/a' ''. */
export const nestedKey = (path: string): string => (path === '/' ? '' : path)

/**
 * Whether a node may have this path: from the root, no empty, `.` or `..` part, no control or surrogate characters. All
 * of it is in the basic plane, so order by code units is order by code points.
 */
export function isValidPath(path: string): boolean {
  if (path === '/') return true
  if (!path.startsWith('/') || path.endsWith('/') || path.length > PATH_MAX) return false
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/.test(path)) return false
  return !/\/(?:\.{0,2})(?:\/|$)/.test(path)
}

/**
 * What a sequential node has behind its name: the number of children its parent ever had, ten digits. It is an int32:
 * behind 2147483647 comes -2147483648, in eleven characters.
 */
export const suffixOf = (creates: number): string =>
  creates < 0 ? `-${String(-creates).padStart(9, '0')}` : String(creates).padStart(10, '0')
