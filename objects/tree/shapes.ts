/**
 * What the ops of a tree take, and its records: shapes, and the guards that check them.
 *
 * A field that is at its default is absent: a tree may have millions of nodes. Owns no rule. Read next: `type.ts`.
 */
import { any, count, fields, flag, integerIn, list, oneOf, optional, text, type Check } from '../runtime/fields.ts'
import type { ReadableObject } from '../runtime/object-type.ts'
import type { Context } from '../runtime/object-type.ts'
import { LARGE_WEIGHT_MAX } from '../runtime/records.ts'
import type { Input } from '../runtime/values.ts'
import { ACL_MAX, isAclEntry, type Acl } from './acl.ts'
import { PATH_MAX } from './paths.ts'

/** Bytes of a node's data: with everything else of its record it weighs what a record may. */
export const DATA_MAX = LARGE_WEIGHT_MAX - 4_096
/** Nodes of one deleteAll or import. */
export const BATCH_MAX = 1_024
/** The longest life of a node without children, exclusive. */
export const TTL_MS_MAX = 2 ** 40
/** How long a container, or a TTL node whose time is over, stays after its last child went. */
export const CONTAINER_MS = 60_000
/** The largest base: as many positions fit behind it into the integers of a number. */
export const BASE_MAX = 2 ** 52

/** `zxid = base + position + 1`. */
export interface TreeState {
  readonly base: number
}

/**
 * A node. Zxids are absent where the positions of the record say them: created by the one that made it, changed by the
 * one that last changed it.
 */
export interface Node {
  /** As `bytesText` gives it; absent: null. */
  readonly data?: string | undefined
  /** Wall milliseconds of creation and of the last change of data; absent: the same. */
  readonly ctime: number
  readonly mtime?: number | undefined
  /** Absent: 0. */
  readonly version?: number | undefined
  readonly aversion?: number | undefined
  /** Names the list in the table `acls`, or a well-known one; absent: open. */
  readonly acl?: string | undefined
  /** The session whose end is its end; absent: it is no ephemeral. */
  readonly owner?: number | undefined
  readonly container?: true | undefined
  /** A TTL, and the log time at which it is over. */
  readonly ttlMs?: number | undefined
  readonly expires?: number | undefined
  readonly czxid?: number | undefined
  readonly mzxid?: number | undefined
}

/** Of a node that has or had children. */
export interface Family {
  /** How many children were ever created, as an int32. */
  readonly creates: number
  /** Absent: the position that last changed this record. */
  readonly pzxid?: number | undefined
}

/** A list that `uses` nodes have in common. */
export interface AclRow {
  /** Its key: so nodes share one text. */
  readonly id: string
  readonly acl: Acl
  readonly uses: number
}

export type TreeTables = { nodes: Node; families: Family; acls: AclRow }
/** A tree for reading; contexts of ops are ones. */
export type TreeObject = ReadableObject<TreeState, TreeTables>
export type TreeContext = Context<TreeState, TreeTables>

/** A container or TTL node goes by itself. */
export type Kind = 'plain' | 'container' | 'ttl'

export interface CreateInput {
  readonly path: string
  readonly data: Uint8Array | null
  readonly ephemeral?: boolean
  readonly sequential?: boolean
  readonly kind?: Kind
  /** Of a TTL node. */
  readonly ttlMs?: number
  /** Absent: open. Null and empty are refused. */
  readonly acl?: Input
}
/** `version` -1: any. */
export interface DeleteInput {
  readonly path: string
  readonly version: number
}
export interface SetInput extends DeleteInput {
  readonly data: Uint8Array | null
}
export interface SetAclInput extends DeleteInput {
  readonly acl: Input
}
/** `subtree`: with all below them; else nodes that are not there or have children are passed over. */
export interface DeleteAllInput {
  readonly paths: readonly string[]
  readonly subtree: boolean
}
/** A node from elsewhere. What is absent is as of a new node; zxids are those of the base. */
export interface ImportedNode {
  readonly path: string
  readonly data: Uint8Array | null
  readonly ctime?: number
  readonly mtime?: number
  readonly version?: number
  readonly aversion?: number
  readonly acl?: Acl
  readonly container?: boolean
  readonly ttlMs?: number
  /** Those of its children do not count again then. */
  readonly creates?: number
  readonly czxid?: number
  readonly mzxid?: number
  readonly pzxid?: number
}
export interface ImportInput {
  readonly base?: number
  readonly nodes: readonly ImportedNode[]
}

const int32 = integerIn(-(2 ** 31), 2 ** 31 - 1)
const path = text(PATH_MAX)
const data: Check = (value) => value === null || (value instanceof Uint8Array && value.byteLength <= DATA_MAX)
const aclCheck = list(isAclEntry, ACL_MAX)

export const isCreate = fields<CreateInput>({
  path,
  data,
  ephemeral: optional(flag),
  sequential: optional(flag),
  kind: optional(oneOf('plain', 'container', 'ttl')),
  ttlMs: optional(count),
  acl: optional(any),
})
export const isDelete = fields<DeleteInput>({ path, version: int32 })
export const isSet = fields<SetInput>({ path, data, version: int32 })
export const isSetAcl = fields<SetAclInput>({ path, acl: any, version: int32 })
export const isDeleteAll = fields<DeleteAllInput>({ paths: list(path, BATCH_MAX), subtree: flag })
const isImportedNode = fields<ImportedNode>({
  path,
  data,
  ctime: optional(count),
  mtime: optional(count),
  version: optional(int32),
  aversion: optional(int32),
  acl: optional(aclCheck),
  container: optional(flag),
  ttlMs: optional(count),
  creates: optional(int32),
  czxid: optional(count),
  mzxid: optional(count),
  pzxid: optional(count),
})
export const isImport = fields<ImportInput>({
  base: optional(integerIn(0, BASE_MAX)),
  nodes: list(isImportedNode, BATCH_MAX),
})

export const isTreeState = fields<TreeState>({ base: integerIn(0, BASE_MAX) })
export const isNode = fields<Node>({
  data: optional(text()),
  ctime: count,
  mtime: optional(count),
  version: optional(int32),
  aversion: optional(int32),
  acl: optional(text()),
  owner: optional(count),
  container: optional(oneOf(true)),
  ttlMs: optional(count),
  expires: optional(count),
  czxid: optional(count),
  mzxid: optional(count),
})
export const isFamily = fields<Family>({ creates: int32, pzxid: optional(count) })
export const isAclRow = fields<AclRow>({ id: text(), acl: aclCheck, uses: count })
