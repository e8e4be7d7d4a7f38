/**
 * The handle of a tree: writes as methods, reads of what the view has played.
 *
 *     const tree = openTree(port, '/app', { codec: 'json' })
 *     await tree.create('/flags', { dark: true }); tree.get('/flags')?.value
 *
 * A read is of the view's position and takes no time; behind `await tree.sync()` it sees everything that was done
 * before. Owned by its session: the ephemerals that it made. Read next: `type.ts` (the rules), `codecs.ts`,
 * `export.ts`.
 */
import { badArgument } from '../../log/cluster/arguments.ts'
import type { CallOptions } from '../../log/cluster/calls.ts'
import { either } from '../../log/cluster/retry.ts'
import { SirtakiError } from '../../log/errors.ts'
import type { Identity } from '../../sequencer/session-entry.ts'
import type { InputOf, OpCallOptions, ResultOf } from '../define-object.ts'
import { ObjectOps, noteHandle, type ObjectPort } from '../handle.ts'
import type { Input } from '../runtime/values.ts'
import type { Acl } from './acl.ts'
import { batches } from './batches.ts'
import { codecs, dataOf, valueOf, type Codec, type TreeCodec, type TreeValues } from './codecs.ts'
import { exported, importedOf, noAuth, type TreeNodeJson } from './export.ts'
import { aclAt, childrenOf, existsAt, isUnread, readNode, type Unread } from './reads.ts'
import type { CreateInput, TreeObject } from './shapes.ts'
import { isSystem, subtree, zxidOf, type Stat } from './stat.ts'
import { TreeCache, type TreeCacheOptions } from './cache.ts'
import { TreeType } from './type.ts'
import { TreeWatch, type TreeWatchOptions } from './watch.ts'

/** How a node is created: a plain one that stays, unless told. */
export interface TreeCreateOptions extends OpCallOptions {
  /** It goes when the session ends. */
  readonly ephemeral?: boolean | undefined
  /** Its name gets the number of children that its parent ever had. */
  readonly sequential?: boolean | undefined
  /** It goes a minute after the last of its children, or later. */
  readonly container?: boolean | undefined
  /** It goes when it has no children and its data have not changed for so long. */
  readonly ttlMs?: number | undefined
  /** Open to everybody unless told. */
  readonly acl?: Acl | undefined
}
/** How a node is changed: only in this version; any unless told. */
export interface TreeWriteOptions extends OpCallOptions {
  readonly version?: number | undefined
}

/** Rounds of a recursive delete: others may go on creating below. */
const ROUNDS_MAX = 100

type TreeOps = (typeof TreeType)['ops']

/** How a tree is opened. */
export interface TreeOptions<C extends TreeCodec> {
  /** What data are to the program; `json` unless told. */
  readonly codec?: C | undefined
}

/** Opens the tree at a path of the space. Nothing is appended: a tree is made by its first change. */
export function openTree<C extends TreeCodec>(
  port: ObjectPort,
  path: string,
  options: TreeOptions<C> = {},
): Tree<TreeValues[C]> {
  const codec = options.codec ?? 'json'
  if (!Object.hasOwn(codecs, codec)) {
    throw badArgument('tree', `{ codec } as one of ${Object.keys(codecs).join(', ')}`, codec)
  }
  return new Tree<TreeValues[C]>(port, path, codecOf(codec))
}

/** The values of a codec are those that its name says. */
function codecOf<V>(name: TreeCodec): Codec<V>
function codecOf(name: TreeCodec): unknown {
  return codecs[name]
}

/** A tree in use. */
export class Tree<V> implements AsyncDisposable {
  readonly path: string
  readonly #port: ObjectPort
  readonly #ops: ObjectOps<typeof TreeType.ops>
  readonly #codec: Codec<V>
  readonly #closing = new AbortController()

  constructor(port: ObjectPort, path: string, codec: Codec<V>) {
    this.path = path
    this.#port = port
    this.#codec = codec
    this.#ops = new ObjectOps(TreeType, path)
    noteHandle(this, this.#ops)
  }

  /** The last position that has been applied; -1 before the first. */
  get position(): number {
    return this.#port.view.position
  }
  /** The zxid of that position. */
  get zxid(): number {
    return zxidOf(this.#object, this.position)
  }

  /**
   * Creates a node; gives its path, with the number of a sequential one.
   *
   * @throws SirtakiError `NO_NODE` where its parent is not there, `NODE_EXISTS`, `NO_CHILDREN_FOR_EPHEMERALS`,
   *   `NO_AUTH`, `INVALID_ACL`, `BAD_ARGUMENTS`, `BAD_ARGUMENT`; as any op.
   */
  async create(path: string, value?: V, options: TreeCreateOptions = {}): Promise<string> {
    const { ephemeral, sequential, container, ttlMs, acl, ...call } = options
    const kind = ttlMs !== undefined ? 'ttl' : container === true ? 'container' : undefined
    if (container === true && ttlMs !== undefined) {
      throw new SirtakiError('BAD_ARGUMENT', `${path} cannot be both a container and a TTL node`)
    }
    const input: CreateInput = {
      path,
      data: dataOf(this.#codec, value),
      ...(ephemeral === undefined ? {} : { ephemeral }),
      ...(sequential === undefined ? {} : { sequential }),
      ...(kind === undefined ? {} : { kind }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...(acl === undefined ? {} : { acl }),
    }
    const { path: created } = await this.#call('create', input, call)
    return created
  }

  /** Gives a node other data. @throws SirtakiError `NO_NODE`, `NO_AUTH`, `BAD_VERSION`, `BAD_ARGUMENTS`; as any op. */
  set(path: string, value: V | undefined, { version = -1, ...call }: TreeWriteOptions = {}): Promise<Stat> {
    return this.#call('set', { path, data: dataOf(this.#codec, value), version }, call)
  }

  /** Deletes a node without children. @throws SirtakiError `NOT_EMPTY`; as `set`. */
  delete(path: string, { version = -1, ...call }: TreeWriteOptions = {}): Promise<void> {
    return this.#call('delete', { path, version }, call)
  }

  /**
   * Deletes a node and all below it, piece by piece: others see it shrink. Gives how many it were.
   *
   * @throws SirtakiError `NO_NODE`; `NOT_EMPTY` where others create below without end; as `delete`.
   */
  async deleteRecursive(path: string, options: CallOptions = {}): Promise<number> {
    await this.sync(options)
    if (this.exists(path) === undefined) throw noNode(path)
    let deleted = 0
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const paths = subtree(this.#object, path)?.toReversed() ?? []
      if (paths.length === 0) return deleted
      for await (const piece of batches(paths, (one) => 3 * one.length + 3)) {
        deleted += await this.#call('deleteAll', { paths: piece, subtree: false }, options)
      }
    }
    throw new SirtakiError('NOT_EMPTY', `others go on creating nodes below ${path}`, { facts: { path } })
  }

  /** Gives a node another access list. @throws SirtakiError `INVALID_ACL`; as `set`. */
  setAcl(path: string, acl: Acl, { version = -1, ...call }: TreeWriteOptions = {}): Promise<Stat> {
    return this.#call('setAcl', { path, acl: acl satisfies Input, version }, call)
  }

  /**
   * A node's value, and what is known of it; `undefined`: there is none.
   *
   * @throws SirtakiError `NO_AUTH`; `DATA_UNREADABLE` where the data are not what the codec reads.
   */
  get(path: string): { readonly value: V | undefined; readonly stat: Stat } | undefined {
    const found = read(path, readNode(this.#object, path, this.#ids))
    return found && { value: valueOf(this.#codec, path, found.data), stat: found.stat }
  }

  /** What is known of a node; `undefined`: there is none. @throws SirtakiError `NO_AUTH`. */
  exists(path: string): Stat | undefined {
    return read(path, existsAt(this.#object, path, this.#ids))
  }

  /**
   * Names of a node's children, in order; `undefined`: there is no such node. The root's `zookeeper` is among them only
   * with `system`.
   *
   * @throws SirtakiError `NO_AUTH`.
   */
  children(path: string, { system = false }: { readonly system?: boolean | undefined } = {}): string[] | undefined {
    const names = read(path, childrenOf(this.#object, path, this.#ids))
    return path === '/' && !system ? names?.filter((name) => !isSystem(`/${name}`)) : names
  }

  /** A node's access list; passwords in it are an x without the right to change it. @throws SirtakiError `NO_AUTH`. */
  getAcl(path: string): { readonly acl: Acl; readonly stat: Stat } | undefined {
    return read(path, aclAt(this.#object, path, this.#ids))
  }

  /**
   * The nodes at and below a path as they are now, parents first, but for ephemerals.
   *
   * @throws SirtakiError `NO_AUTH`.
   */
  exportJson(path = '/'): Iterable<TreeNodeJson> {
    return exported(this.#object, path, this.#ids)
  }

  /**
   * Creates nodes that were exported, parents first, piece by piece; gives how many. Where it fails, what was created
   * before stays. With `base` they keep their zxids: it is at least the highest of them, and can be set only in a tree
   * in which nothing has changed.
   *
   * @throws SirtakiError `BAD_ARGUMENT`, `BAD_ARGUMENTS`, `NO_NODE`, `NODE_EXISTS`, `NO_AUTH`; as any op.
   */
  async importJson(
    nodes: Iterable<TreeNodeJson> | AsyncIterable<TreeNodeJson>,
    { base, ...call }: CallOptions & { readonly base?: number | undefined } = {},
  ): Promise<number> {
    const head = base === undefined ? {} : { base }
    let imported = 0
    for await (const piece of batches(nodes, weightOf)) {
      const input = { ...head, nodes: piece.map((one) => importedOf(one, base !== undefined)) }
      imported += await this.#call('import', input, call)
    }
    if (imported === 0 && base !== undefined) await this.#call('import', { base, nodes: [] }, call)
    return imported
  }

  /**
   * What happens to a node, to it and all below it (`recursive`), or to its children (`children`): one item a position
   * with all its events, in order, from now on or behind `after`. With `once` it ends behind the first of them.
   *
   * @throws SirtakiError `TRIMMED` for an `after` that is not at hand any more; `BAD_ARGUMENT`, `ABORTED`.
   */
  watch(path: string, options: TreeWatchOptions = {}): TreeWatch {
    const kind = options.recursive === true ? 'below' : options.children === true ? 'children' : 'key'
    // What stands below the root has no parent by its key.
    const key = path === '/' && kind !== 'key' ? '' : path
    const signal = either(this.#closing.signal, options.signal)
    return new TreeWatch(this.#port.view, { kind, path: this.path, key }, { ...options, signal })
  }

  /**
   * Keeps the values at and below a path at hand, and reports each change.
   *
   * @throws SirtakiError as `watch`.
   */
  cache(path: string, options: TreeCacheOptions<V> = {}): TreeCache<V> {
    return new TreeCache(this, path, options)
  }

  /**
   * Plays up to the tail as of now, or to `atLeast`, inclusive.
   *
   * @throws SirtakiError `TIMEOUT`, `ABORTED`, `STOPPED`.
   */
  sync(options: CallOptions & { readonly atLeast?: number | undefined } = {}): Promise<void> {
    return this.#port.view.sync(options)
  }

  /** Ends the handle and its watches. What it created belongs to its session. */
  close(): Promise<void> {
    this.#closing.abort()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get #object(): TreeObject {
    return TreeType.bind(this.#port.view.journal).read(this.path)
  }
  get #ids(): readonly Identity[] {
    return this.#port.session().ids
  }

  async #call<K extends keyof TreeOps>(
    op: K,
    input: InputOf<TreeOps[K]>,
    options: OpCallOptions,
  ): Promise<ResultOf<TreeOps[K]>> {
    const { aborted } = this.#closing.signal
    if (aborted) throw new SirtakiError('CLOSED', `the handle of ${this.path} is closed`, { next: 'stop' })
    return this.#ops.call(this.#port.session(), { op, input, options })
  }
}

/** What a read came to; `undefined`: there is no such node. @throws SirtakiError `NO_AUTH`. */
function read<R>(path: string, found: R | Unread): R | undefined {
  if (!isUnread(found)) return found
  if (found === 'NO_AUTH') throw noAuth(path)
  return undefined
}

/** About what a node takes in an entry. */
const weightOf = (node: TreeNodeJson): number => 64 + JSON.stringify(node).length

const noNode = (path: string): SirtakiError => new SirtakiError('NO_NODE', `there is no ${path}`, { facts: { path } })
