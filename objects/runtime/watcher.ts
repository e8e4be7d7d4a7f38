/**
 * A watcher: an iterator over what happens to a selection of records, one item a position, in order, none left out.
 *
 *     hub ─ take(item) ─▶ queue of 1,024 ─ next() ─▶ the program
 *                            └ full: from there on a cursor into the ring ── behind the ring: `resync` or TRIMMED
 *
 * By hand, not a generator: one of those delivers two microtasks late, behind the outcome that its item has to precede
 * (finding 35). Keeps: O6. Read next: `watch-hub.ts`.
 */
import { badArgument } from '../../log/cluster/arguments.ts'
import { aborted } from '../../log/cluster/retry.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import type { Timer } from '../../log/ports.ts'
import { RowTable } from './records.ts'
import type { Row, RowStore } from './row.ts'
import type { View } from './view.ts'
import { isAbout, type ChangeItem, type Listener, type Selector } from './watch-hub.ts'

/** Items that wait for one watcher before it reads from the ring. */
export const QUEUE_MAX = 1_024
/** How often an idle watcher is told how far the view is. */
const PROGRESS_MS = 1_000

/** One record, as a snapshot shows it. */
export interface RowItem {
  readonly path: string
  readonly table: string
  readonly key: string
  readonly value: unknown
  readonly modified: number
}

/** What a watcher gets. `position`: everything of the selection up to it has been delivered. */
export type WatchItem =
  | ChangeItem
  /** The view is at a tail that was asked for after the start. */
  | { readonly kind: 'caughtUp'; readonly position: number }
  /** Nothing has happened up to here. */
  | { readonly kind: 'progress'; readonly position: number }
  /** All records of the selection as they are: at the start on wish, and where items were missed. */
  | { readonly kind: 'resync'; readonly position: number; readonly rows: readonly RowItem[] }

/** How a watch begins and goes on. */
export interface WatchOptions {
  /** Items above this position, which the program has seen. Unless told: what happens from now on. */
  readonly after?: number | undefined
  /** Begins with all records as they are, as one `resync` item. */
  readonly snapshot?: boolean | undefined
  /** What follows where items are gone: an error `TRIMMED` with `oldest` in its facts (unless told), or `resync`. */
  readonly onGap?: 'throw' | 'resync' | undefined
  /** Ends the watch, without an error. */
  readonly signal?: AbortSignal | undefined
}

interface Waiting {
  resolve(result: IteratorResult<WatchItem, undefined>): void
  reject(error: SirtakiError): void
}

/** An iterator of watch items; leaving its loop ends it. */
export class Watcher implements AsyncIterableIterator<WatchItem, undefined>, Listener {
  readonly selector: Selector
  readonly #view: View
  readonly #after: number
  readonly #onGap: 'throw' | 'resync'
  readonly #end: () => void
  readonly #queue: WatchItem[] = []
  readonly #waiting: Waiting[] = []
  /** From here on the ring is to be read, the queue having been full. */
  #behind: number | undefined
  /** To be given when everything before it has been. */
  #mark: 'caughtUp' | 'progress' | undefined
  #timer: Timer | undefined
  #release: (() => void) | undefined
  #isOver = false
  #failed: SirtakiError | undefined

  /** @throws SirtakiError `BAD_ARGUMENT`, `ABORTED`; `TRIMMED`; why the view stopped. */
  constructor(view: View, selector: Selector, options: WatchOptions = {}) {
    const { after, snapshot = false, onGap = 'throw', signal } = options
    view.check()
    if (after !== undefined && (!Number.isSafeInteger(after) || after < -1)) {
      throw badArgument('watch', 'after as a position', after)
    }
    this.#view = view
    this.#after = after ?? -1
    this.selector = selector
    this.#onGap = onGap
    if (signal?.aborted === true) throw aborted(signal)
    view.hub.keep(view.position + 1)
    if (after !== undefined && after < view.position) this.#behind = after + 1
    if (this.#behind !== undefined && this.#behind < view.hub.oldest) {
      if (onGap === 'throw') throw gone(this.#behind, view)
      this.#gap()
    } else if (snapshot) this.#queue.push(this.#resync())
    view.hub.add(this)
    const onAbort = (): void => {
      void this.return()
    }
    const unlisten = view.onStopped((error) => {
      this.#fail(error)
    })
    this.#end = () => {
      unlisten()
      signal?.removeEventListener('abort', onAbort)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#catchUp()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  take(item: ChangeItem): void {
    // The program has seen it, in another process or before: this view was not there yet.
    if (item.position <= this.#after) return
    if (this.#behind !== undefined) {
      this.#deliver()
      return
    }
    if (this.#queue.length >= QUEUE_MAX) this.#behind = item.position
    else this.#queue.push(item)
    this.#deliver()
  }

  missed(): void {
    this.#behind = -1
    this.#deliver()
  }

  next(): Promise<IteratorResult<WatchItem, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#deliver()
    })
  }

  return(): Promise<IteratorResult<WatchItem, undefined>> {
    this.#stop()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Gives what there is to who waits. */
  #deliver(): void {
    while (this.#waiting.length > 0) {
      const item = this.#isOver ? undefined : this.#shift()
      if (item === undefined && !this.#isOver) break
      const waiting = this.#waiting.shift()
      if (item !== undefined) waiting?.resolve({ done: false, value: item })
      else if (this.#failed === undefined) waiting?.resolve({ done: true, value: undefined })
      else waiting?.reject(this.#failed)
    }
    this.#arm()
  }

  #shift(): WatchItem | undefined {
    if (this.#queue.length === 0 && this.#behind !== undefined) this.#readRing()
    const item = this.#queue.shift()
    if (item !== undefined || this.#mark === undefined || this.#behind !== undefined) return item
    // A mark stands behind everything that it covers.
    const kind = this.#mark
    this.#mark = undefined
    return { kind, position: this.#view.position }
  }

  #readRing(): void {
    const from = this.#behind ?? 0
    if (from < this.#view.hub.oldest) {
      this.#gap()
      return
    }
    const { items, next } = this.#view.hub.read(this.selector, from, QUEUE_MAX)
    this.#queue.push(...items)
    this.#behind = items.length < QUEUE_MAX ? undefined : next
  }

  /** Items were missed. */
  #gap(): void {
    const from = this.#behind ?? 0
    this.#behind = undefined
    if (this.#onGap === 'resync') this.#queue.push(this.#resync())
    else this.#fail(gone(from, this.#view))
  }

  #resync(): WatchItem {
    return { kind: 'resync', position: this.#view.position, rows: rowsOf(this.#view, this.selector) }
  }

  #catchUp(): void {
    this.#view.sync().then(
      () => {
        this.#mark = 'caughtUp'
        this.#deliver()
      },
      (thrown: unknown) => {
        const error = asError(thrown)
        if (error.next === 'stop') this.#fail(error)
        else if (!this.#isOver) this.#catchUp()
      },
    )
  }

  /** Tells an idle program how far the view is. */
  #arm(): void {
    if (this.#isOver || this.#waiting.length === 0) {
      this.#timer?.cancel()
      this.#timer = undefined
      this.#release?.()
      this.#release = undefined
      return
    }
    // Somebody waits for what happens: the process stays alive.
    this.#release ??= this.#view.log.clock.hold?.()
    this.#timer ??= this.#view.log.clock.timer(PROGRESS_MS, () => {
      this.#timer = undefined
      this.#mark ??= 'progress'
      this.#deliver()
    })
  }

  #fail(error: SirtakiError): void {
    this.#failed ??= error
    this.#stop()
  }

  #stop(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#view.hub.remove(this)
    this.#timer?.cancel()
    this.#end?.()
    this.#deliver()
  }
}

const gone = (from: number, view: View): SirtakiError => {
  const oldest = Math.min(view.hub.oldest, view.position + 1)
  return new SirtakiError(
    'TRIMMED',
    `changes from position ${from} on are not at hand any more, the oldest that are begin at ${oldest}: watch with `
      + `onGap: 'resync', or read what there is and watch from there`,
    { facts: { after: from - 1, oldest } },
  )
}

/** The records of a selection as the view shows them, object by object in the order of their paths. */
export function rowsOf(view: View, selector: Selector): RowItem[] {
  const one = selector.kind === 'all' ? undefined : view.space.object(selector.path)
  const objects = selector.kind === 'all' ? view.space.objects() : one === undefined ? [] : [one]
  return objects.flatMap((object) =>
    object
      .stores()
      .filter(({ name }) => !name.startsWith('$'))
      .flatMap((store) => storeRows(store, selector)),
  )
}

function storeRows(store: RowStore, selector: Selector): RowItem[] {
  const { object: path, isCell } = store
  const table = isCell ? '' : store.name
  const item = (key: string, { value, modified }: Row<unknown>): RowItem => ({ path, table, key, value, modified })
  const keys = keysOf(store, selector)
  if (keys === undefined) {
    return [...store.rows()].filter(([key]) => isAbout(selector, path, key)).map(([key, row]) => item(key, row))
  }
  return keys.flatMap((key) => {
    const row = store.row(key)
    return row === undefined ? [] : [item(key, row)]
  })
}

/** The keys that a selection can have, where that is known without looking at all. */
function keysOf(store: RowStore, selector: Selector): string[] | undefined {
  if (selector.kind === 'key') return store.isCell ? [] : [selector.key]
  return selector.kind === 'children' && store instanceof RowTable ? store.children(selector.key) : undefined
}
