/**
 * The tree, as a machine: ZooKeeper's nodes, bit by bit.
 *
 *     create ─▶ node ─┬ set, setAcl, children
 *                     └ delete; its session ended (ephemeral); its time is over (container, TTL)
 *
 * The root, `/zookeeper`, its config and its quota are always there, and cost nothing until they are changed.
 * One entry has one zxid, base + position + 1, whatever it does: deadlines, all parts of a transaction, all that a
 * session's end deletes. What a write is judged by stands in `writes.ts`, what follows from it in `nodes.ts`; events
 * say what changed in the order in which it did, each with the access list of that moment. Keeps: O5, O13. Read next:
 * `writes.ts`, `tree.ts` (the handle), `test/objects/tree/` (its tables of cases, its model).
 * @source ZooKeeper 3.9.5 (apache/zookeeper), zookeeper.jute.
 */
import { defineObject } from '../define-object.ts'
import { importNodes } from './import.ts'
import { erase, gone } from './nodes.ts'
import {
  isAclRow,
  isCreate,
  isDelete,
  isDeleteAll,
  isFamily,
  isImport,
  isNode,
  isSet,
  isSetAcl,
  isTreeState,
} from './shapes.ts'
import { childCount, nodeCount } from './stat.ts'
import { checkNode, createNode, deleteNode, deleteNodes, setNodeAcl, setNodeData } from './writes.ts'

/** The type of trees. */
export const TreeType = defineObject({
  name: 'sirtaki.tree',
  version: 1,
  state: isTreeState,
  initial: () => ({ base: 0 }),
  tables: { nodes: isNode, families: isFamily, acls: isAclRow },
  owned: { nodes: 'owner' },
  nested: ['nodes'],
  large: ['nodes', 'acls'],
  refusals: {
    BAD_ARGUMENTS: 'stop',
    BAD_VERSION: 'stop',
    INVALID_ACL: 'stop',
    NO_AUTH: 'stop',
    NO_CHILDREN_FOR_EPHEMERALS: 'stop',
    NO_NODE: 'stop',
    NODE_EXISTS: 'stop',
    NOT_EMPTY: 'stop',
  },
  ops: (op) => ({
    create: op.raw(isCreate, createNode),
    delete: op.raw(isDelete, deleteNode),
    set: op.raw(isSet, setNodeData),
    setAcl: op.raw(isSetAcl, setNodeAcl),
    /** A guard of transactions. */
    check: op.raw(isDelete, checkNode),
    deleteAll: op.raw(isDeleteAll, deleteNodes),
    import: op.raw(isImport, importNodes),
  }),
  /** A child that was made before its turn has come wins. */
  due: (path, ctx) => {
    const node = ctx.tables.nodes.get(path)
    if (node !== undefined && childCount(ctx, path) === 0) erase(path, node, ctx)
  },
  ended: ({ rows }, ctx) => {
    for (const [path, node] of rows.nodes) gone(path, node, ctx)
  },
  over: ({ base }) => base === 0,
  describe: (object) => ({
    nodes: nodeCount(object),
    ephemerals: object.tables.nodes.owned,
    sessions: object.tables.nodes.owners,
    base: object.state.base,
  }),
})
