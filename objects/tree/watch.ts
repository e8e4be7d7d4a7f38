/**
 * Watches of a tree: what happens to a node, its children, or everything below it, as ZooKeeper's events.
 *
 * One item a position, never split: all events of a transaction or of a session's end come together, in the order in
 * which they arose. A watch lives in its process and is never in the log. Keeps: O6. Read next:
 * `../runtime/watcher.ts`, `nodes.ts` (who emits), `cache.ts`.
 * @source ZooKeeper 3.9.5 WatchManager; events of persistent watches (addWatch).
 */
import type { View } from '../runtime/view.ts'
import { Watcher, type WatchItem, type WatchOptions } from '../runtime/watcher.ts'
import type { Selector } from '../runtime/watch-hub.ts'

/** What is watched. */
export interface TreeWatchOptions extends Omit<WatchOptions, 'snapshot'> {
  /** The node and all below it; no `childrenChanged`. */
  readonly recursive?: boolean | undefined
  /** The node's children, and not the node. */
  readonly children?: boolean | undefined
  /** Ends behind the first event. */
  readonly once?: boolean | undefined
}

/** One event; `path` is that of the node. */
export interface TreeEvent {
  readonly kind: 'created' | 'changed' | 'deleted' | 'childrenChanged'
  readonly path: string
}

/** What a watch of a tree gets. */
export type TreeItem =
  | {
      readonly kind: 'events'
      readonly position: number
      /** Log time in milliseconds. */
      readonly time: number
      readonly events: readonly TreeEvent[]
    }
  /** `caughtUp`: the view was at the tail after the start; `resync`: events were missed, read what there is. */
  | { readonly kind: 'caughtUp' | 'progress' | 'resync'; readonly position: number }

const kinds: readonly TreeEvent['kind'][] = ['created', 'changed', 'deleted', 'childrenChanged']

/** An iterator of what happens; leaving its loop ends it. */
export class TreeWatch implements AsyncIterableIterator<TreeItem, undefined> {
  readonly #watcher: Watcher
  readonly #isRecursive: boolean
  readonly #isOnce: boolean

  /** @throws SirtakiError as `Watcher`. */
  constructor(view: View, selector: Selector, options: TreeWatchOptions) {
    const { after, onGap, signal, recursive = false, once = false } = options
    this.#watcher = new Watcher(view, selector, { after, onGap, signal })
    this.#isRecursive = recursive
    this.#isOnce = once
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<TreeItem, undefined>> {
    for (;;) {
      const result = await this.#watcher.next()
      if (result.done === true) return result
      const item = this.#itemOf(result.value)
      if (item === undefined) continue
      if (item.kind === 'events' && this.#isOnce) void this.#watcher.return()
      return { done: false, value: item }
    }
  }

  async return(): Promise<IteratorResult<TreeItem, undefined>> {
    await this.#watcher.return()
    return { done: true, value: undefined }
  }

  /** `undefined`: nothing that concerns this watch, such as another access list. */
  #itemOf(item: WatchItem): TreeItem | undefined {
    if (item.kind !== 'change') return { kind: item.kind, position: item.position }
    const events = item.events.flatMap(({ kind: name, facts: { path } }): TreeEvent[] => {
      const kind = kinds.find((one) => one === name)
      const isWanted = kind !== undefined && !(this.#isRecursive && kind === 'childrenChanged')
      return isWanted && typeof path === 'string' ? [{ kind, path }] : []
    })
    return events.length === 0 ? undefined : { kind: 'events', position: item.position, time: item.time, events }
  }
}
