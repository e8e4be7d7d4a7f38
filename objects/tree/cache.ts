/**
 * A cache of a part of a tree: the values at and below a path as the program wants them, and each change of one.
 *
 * It reads the view, so it is never behind what the process has played, and it needs no repair after a reconnect.
 * Keeps: O6. Read next: `watch.ts`, `tree.ts`.
 */
import { asError, isError, type SirtakiError } from '../../log/errors.ts'
import type { Stat } from './stat.ts'
import type { TreeEvent, TreeWatch } from './watch.ts'

/** A node in a cache. */
export interface CachedNode<V> {
  readonly value: V | undefined
  readonly stat: Stat
}

/** One node that is another one than before; absent: there was or is none. */
export interface CacheChange<V> {
  readonly path: string
  readonly position: number
  readonly before: CachedNode<V> | undefined
  readonly after: CachedNode<V> | undefined
}

/** How a cache is kept. */
export interface TreeCacheOptions<V> {
  /** Called with each change, in order. */
  readonly changed?: ((change: CacheChange<V>) => void) | undefined
  /** Called once when it cannot go on. */
  readonly failed?: ((error: SirtakiError) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** What a cache needs of its tree. */
export interface CachedTree<V> {
  readonly position: number
  get(path: string): CachedNode<V> | undefined
  children(path: string): string[] | undefined
  watch(path: string, options: { recursive: boolean; onGap: 'resync'; signal?: AbortSignal | undefined }): TreeWatch
}

/** The nodes at and below a path. */
export class TreeCache<V> implements AsyncDisposable {
  readonly path: string
  /** Settles when it has once had everything that there was when it was made. */
  readonly ready: Promise<void>
  readonly #tree: CachedTree<V>
  readonly #nodes = new Map<string, CachedNode<V>>()
  readonly #watch: TreeWatch
  readonly #options: TreeCacheOptions<V>
  #settle: () => void = () => undefined

  /** @throws SirtakiError as `Tree.watch`. */
  constructor(tree: CachedTree<V>, path: string, options: TreeCacheOptions<V>) {
    this.path = path
    this.#tree = tree
    this.#options = options
    this.ready = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.#watch = tree.watch(path, { recursive: true, onGap: 'resync', signal: options.signal })
    this.#read(path)
    void this.#follow()
  }

  /** How many nodes it has. */
  get size(): number {
    return this.#nodes.size
  }
  get(path: string): CachedNode<V> | undefined {
    return this.#nodes.get(path)
  }
  /** All nodes by path; not in order. */
  entries(): IterableIterator<[path: string, node: CachedNode<V>]> {
    return this.#nodes.entries()
  }

  async close(): Promise<void> {
    await this.#watch.return()
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #follow(): Promise<void> {
    try {
      for await (const item of this.#watch) {
        if (item.kind === 'events') this.#apply(item.events, item.position)
        else if (item.kind === 'resync') this.#reread(item.position)
        else if (item.kind === 'caughtUp') this.#settle()
      }
    } catch (thrown) {
      this.#options.failed?.(asError(thrown))
    } finally {
      this.#settle()
    }
  }

  /** The view may be further on than the item: what it shows now is the newer, and comes once. */
  #apply(events: readonly TreeEvent[], position: number): void {
    for (const path of new Set(events.map((event) => event.path))) this.#put(path, this.#look(path), position)
  }

  /** A node that the program may not read, or whose data its codec does not read, is none of the cache's. */
  #look(path: string): CachedNode<V> | undefined {
    try {
      return this.#tree.get(path)
    } catch (thrown) {
      if (isError(thrown, 'NO_AUTH', 'DATA_UNREADABLE')) return undefined
      throw thrown
    }
  }

  #put(path: string, after: CachedNode<V> | undefined, position: number): void {
    const before = this.#nodes.get(path)
    if (before === undefined && after === undefined) return
    if (before?.stat.mzxid === after?.stat.mzxid && before?.stat.czxid === after?.stat.czxid) return
    if (after === undefined) this.#nodes.delete(path)
    else this.#nodes.set(path, after)
    this.#options.changed?.({ path, position, before, after })
  }

  #read(path: string): void {
    const node = this.#look(path)
    if (node === undefined) return
    this.#nodes.set(path, node)
    for (const name of this.#tree.children(path) ?? []) this.#read(path === '/' ? `/${name}` : `${path}/${name}`)
  }

  #reread(position: number): void {
    const gone = new Set(this.#nodes.keys())
    const look = (path: string): void => {
      const node = this.#look(path)
      if (node === undefined) return
      gone.delete(path)
      this.#put(path, node, position)
      for (const name of this.#tree.children(path) ?? []) look(path === '/' ? `/${name}` : `${path}/${name}`)
    }
    look(this.path)
    for (const path of gone) this.#put(path, undefined, position)
  }
}
