/**
 * The watch hub of a view: which entry concerns which watcher, and a ring of the last entries for those that are late.
 *
 *     view ─ played entry ─┬─ ring of items, by position: 16,384 of them or 16 MiB
 *                          └─ watchers of the objects and keys that it changed
 *
 * It is called synchronously, before the outcomes of the entry, so an item reaches its watcher before the call that
 * caused it returns. An entry that concerns nobody costs a look into a map for each object it changed, however many
 * watchers there are. Keeps: O6. Read next: `watcher.ts`, `view.ts`.
 */
import { netChanges, type Emitted } from './journal.ts'
import { parentOf } from './nested.ts'
import type { Played } from './outcome.ts'
import type { Row } from './row.ts'

/** Items and bytes that the ring holds at most. */
export const RING_ITEMS_MAX = 16_384
export const RING_BYTES_MAX = 16 * 1024 * 1024

/** One record that an entry left other than it found it; absent: there was or is none. */
export interface Change {
  readonly path: string
  /** '' for the small value. */
  readonly table: string
  readonly key: string
  readonly before: unknown
  readonly after: unknown
}

/** One entry: all that it changed and said, never split. */
export interface ChangeItem {
  readonly kind: 'change'
  readonly position: number
  readonly time: number
  readonly changes: readonly Change[]
  readonly events: readonly Emitted[]
}

/** What a watcher is about: everything, one object, or records of it by their keys. */
export type Selector =
  | { readonly kind: 'all' }
  | { readonly kind: 'object'; readonly path: string }
  /** `key`: that record; `children`: those whose key has it as its parent; `below`: it and all below it. */
  | { readonly kind: 'key' | 'children' | 'below'; readonly path: string; readonly key: string }

/** Who listens. */
export interface Listener {
  readonly selector: Selector
  /** Takes an item of which it has only what it is about. */
  take(item: ChangeItem): void
  /** What it was given is not what happened: another state is here. */
  missed(): void
}

/** Listeners of one object. */
interface ObjectListeners {
  readonly all: Set<Listener>
  readonly key: Map<string, Set<Listener>>
  readonly children: Map<string, Set<Listener>>
  readonly below: Map<string, Set<Listener>>
}

/** Watchers and ring of one view. */
export class WatchHub {
  readonly #objects = new Map<string, ObjectListeners>()
  readonly #all = new Set<Listener>()
  readonly #ring = new Ring()
  /** Items are kept from this position on. */
  #keepsFrom: number

  /** `from`: keep items from this position on; else from the first watcher or the first read on. */
  constructor(from = Infinity) {
    this.#keepsFrom = from
  }

  /** Everything from this position on is in the ring, or may be; Infinity: nothing is. */
  get oldest(): number {
    return Math.max(this.#keepsFrom, this.#ring.from)
  }

  /** Begins to keep items, if it does not yet. `next` is the position that is played next. */
  keep(next: number): void {
    this.#keepsFrom = Math.min(this.#keepsFrom, next)
  }

  add(listener: Listener): void {
    for (const set of this.#setsOf(listener.selector)) set.add(listener)
  }

  remove(listener: Listener): void {
    const { selector } = listener
    for (const set of this.#setsOf(selector)) set.delete(listener)
    if (selector.kind === 'all') return
    const listeners = this.#objects.get(selector.path)
    if (listeners === undefined) return
    if (selector.kind !== 'object' && listeners[selector.kind].get(selector.key)?.size === 0) {
      listeners[selector.kind].delete(selector.key)
    }
    const isUsed = listeners.all.size + listeners.key.size + listeners.children.size + listeners.below.size > 0
    if (!isUsed) this.#objects.delete(selector.path)
  }

  /** Another state took the place of the one whose items these were; `next` is the position that is played next. */
  restart(next: number): void {
    this.#ring.clear(next)
    const listeners = new Set(this.#all)
    for (const { all, key, children, below } of this.#objects.values()) {
      for (const set of [all, ...key.values(), ...children.values(), ...below.values()]) {
        for (const listener of set) listeners.add(listener)
      }
    }
    for (const listener of listeners) listener.missed()
  }

  /** One played entry. */
  played(played: Played): void {
    const { position, time, events, patches, bytes } = played
    const isKept = position >= this.#keepsFrom
    if (!isKept && this.#all.size === 0 && this.#objects.size === 0) return
    if (patches.length === 0 && events.length === 0) return
    const changes = netChanges(patches).map(changeOf)
    if (changes.length === 0 && events.length === 0) return
    const item: ChangeItem = { kind: 'change', position, time, changes, events }
    if (isKept) this.#ring.push(item, bytes)
    for (const [listener, part] of this.#concerned(item)) listener.take(part)
  }

  /** Items of the ring in [from, to) that concern a selector, at most `max`; and where the next ones begin. */
  read(
    selector: Selector,
    from: number,
    max: number,
  ): { readonly items: readonly ChangeItem[]; readonly next: number } {
    return this.#ring.read(from, max, (item) => partFor(item, selector))
  }

  /** Who is concerned, each with its part, in the order in which they were added. */
  #concerned(item: ChangeItem): Map<Listener, ChangeItem> {
    const concerned = new Map<Listener, ChangeItem>()
    for (const listener of this.#all) concerned.set(listener, item)
    if (this.#objects.size === 0) return concerned
    for (const { path, key } of item.changes) this.#note(path, key, item, concerned)
    for (const { path, facts } of item.events) this.#note(path, keyOf(facts), item, concerned)
    return concerned
  }

  #note(path: string, key: string, item: ChangeItem, concerned: Map<Listener, ChangeItem>): void {
    const listeners = this.#objects.get(path)
    if (listeners === undefined) return
    const sets = [listeners.all, listeners.key.get(key), listeners.children.get(parentOf(key))]
    if (listeners.below.size > 0) {
      for (let above = key; ; above = parentOf(above)) {
        sets.push(listeners.below.get(above))
        if (above === '') break
      }
    }
    for (const set of sets) {
      for (const listener of set ?? []) {
        if (concerned.has(listener)) continue
        const part = partFor(item, listener.selector)
        if (part !== undefined) concerned.set(listener, part)
      }
    }
  }

  #setsOf(selector: Selector): Set<Listener>[] {
    if (selector.kind === 'all') return [this.#all]
    const listeners = this.#objects.get(selector.path) ?? noListeners()
    this.#objects.set(selector.path, listeners)
    if (selector.kind === 'object') return [listeners.all]
    const byKey = listeners[selector.kind]
    const set = byKey.get(selector.key) ?? new Set()
    byKey.set(selector.key, set)
    return [set]
  }
}

const noListeners = (): ObjectListeners => ({ all: new Set(), key: new Map(), children: new Map(), below: new Map() })

/** Events of nested records name theirs. */
const keyOf = (facts: Emitted['facts']): string => (typeof facts['path'] === 'string' ? facts['path'] : '')

/** The part of an item that a selector is about; `undefined`: none. */
export function partFor(item: ChangeItem, selector: Selector): ChangeItem | undefined {
  if (selector.kind === 'all') return item
  const changes = item.changes.filter(({ path, key }) => isAbout(selector, path, key))
  const events = item.events.filter(({ path, facts }) => isAbout(selector, path, keyOf(facts)))
  if (changes.length + events.length === 0) return undefined
  return changes.length === item.changes.length && events.length === item.events.length
    ? item
    : { ...item, changes, events }
}

/** Whether a record is one that a selector is about. */
export function isAbout(selector: Selector, path: string, key: string): boolean {
  switch (selector.kind) {
    case 'all':
      return true
    case 'object':
      return path === selector.path
    case 'key':
      return path === selector.path && key === selector.key
    case 'children':
      return path === selector.path && key.length > selector.key.length + 1 && parentOf(key) === selector.key
    case 'below':
      return path === selector.path && (key === selector.key || key.startsWith(`${selector.key}/`))
    default:
      return selector satisfies never
  }
}

const changeOf = ({ store, key, before, after }: ReturnType<typeof netChanges>[number]): Change => ({
  path: store.object,
  table: store.isCell ? '' : store.name,
  key,
  before: valueOf(before),
  after: valueOf(after),
})
const valueOf = (row: Row<unknown> | undefined): unknown => row?.value

/** The last items, oldest out first. */
class Ring {
  #items: { readonly item: ChangeItem; readonly bytes: number }[] = []
  /** Items in front of it are gone. */
  #first = 0
  #bytes = 0
  /** No item below is here. */
  from = 0

  push(item: ChangeItem, payloadBytes: number): void {
    const bytes = item.changes.reduce((sum, { before }) => sum + weightOf(before), payloadBytes + 128)
    this.#items.push({ item, bytes })
    this.#bytes += bytes
    while (this.#items.length - this.#first > RING_ITEMS_MAX || this.#bytes > RING_BYTES_MAX) {
      const oldest = this.#items[this.#first]
      if (oldest === undefined) break
      this.#bytes -= oldest.bytes
      this.from = oldest.item.position + 1
      this.#first++
    }
    if (this.#first > 4_096 && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
  }

  clear(from: number): void {
    this.#items = []
    this.#first = 0
    this.#bytes = 0
    this.from = from
  }

  read(
    from: number,
    max: number,
    part: (item: ChangeItem) => ChangeItem | undefined,
  ): { readonly items: readonly ChangeItem[]; readonly next: number } {
    const items: ChangeItem[] = []
    let at = this.#find(from)
    let next = from
    for (; at < this.#items.length && items.length < max; at++) {
      const item = this.#items[at]?.item
      if (item === undefined) break
      next = item.position + 1
      const own = part(item)
      if (own !== undefined) items.push(own)
    }
    return { items, next }
  }

  /** Index of the first item at or behind a position. */
  #find(position: number): number {
    let low = this.#first
    let high = this.#items.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#items[middle]?.item.position ?? Infinity) < position) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** About what a value weighs in memory; not exact, but larger for larger ones. */
function weightOf(value: unknown): number {
  if (typeof value === 'string') return 16 + value.length
  if (typeof value !== 'object' || value === null) return 8
  let bytes = 32
  for (const one of Object.values(value)) bytes += 8 + weightOf(one)
  return bytes
}
