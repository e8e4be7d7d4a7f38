/**
 * The work queue as one list of items and one list of takers: what SEMANTICS says, in the plainest words.
 *
 * Knows nothing of the code that it judges. Read next: `model-run.ts` (who compares), `queue.test.ts`.
 */
import { Refusal, WAITS, type Model, type Moment, type Said } from './model-run.ts'

const DAY_MS = 24 * 3_600_000

/** An item to be put. */
export interface PutItem {
  readonly value: unknown
  readonly id: string | null
  readonly priority: number
  readonly delayMs: number
  readonly maxAttempts: number
}
interface Item {
  readonly priority: number
  readonly position: number
  readonly place: number
  readonly name: string
  readonly id: string | null
  readonly value: unknown
  readonly maxAttempts: number
  where: 'ready' | 'delayed' | 'taken' | 'dead'
  attempts: number
  reason: string | null
  /** Of a delay, or of a visibility. */
  due: number | null
  session: number
  token: number
  /** The take that it was given to. */
  op: number
}
interface Taker {
  readonly op: number
  readonly session: number
  readonly n: number
  readonly visibilityMs: number
  readonly remove: boolean
}
interface Receipts {
  readonly items: readonly { readonly id: string; readonly token: number }[]
  readonly strict: boolean
}

interface QueueData {
  items: Item[]
  takers: Taker[]
  /** Ids of items that are done, and until when they are known. */
  done: Record<string, number>
  /** Items put by the entry at hand. */
  placesAt: number
  places: number
}

const fresh = (): QueueData => ({ items: [], takers: [], done: {}, placesAt: -1, places: 0 })

const inOrder = (a: Item, b: Item): number => a.priority - b.priority || a.position - b.position || a.place - b.place

/** The ops of a queue. */
export type QueueAsked =
  | { readonly op: 'put'; readonly input: { readonly items: readonly PutItem[] } }
  | { readonly op: 'take'; readonly input: Omit<Taker, 'op' | 'session'> & { readonly wait: boolean } }
  | { readonly op: 'ack'; readonly input: Receipts }
  | { readonly op: 'nack'; readonly input: Receipts & { readonly delayMs: number; readonly reason: string | null } }
  | { readonly op: 'extend'; readonly input: Receipts & { readonly visibilityMs: number } }
  | { readonly op: 'bury'; readonly input: Receipts & { readonly reason: string | null } }
  | { readonly op: 'remove' | 'requeue'; readonly input: { readonly id: string } }

/** One queue. */
export class QueueModel implements Model<QueueAsked> {
  readonly said: Said
  data = fresh()
  now: Moment = { position: -1, time: 0 }

  constructor(said: Said) {
    this.said = said
  }

  begin(now: Moment): void {
    this.now = now
    const { items, done } = this.data
    const due: (readonly [time: number, key: string, fire: () => void])[] = []
    for (const item of items) {
      if (item.due !== null && item.due <= now.time) due.push([item.due, item.name, () => this.itemIsDue(item)])
    }
    for (const [id, until] of Object.entries(done)) {
      if (until <= now.time) due.push([until, `id:${id}`, () => delete this.data.done[id]])
    }
    due.sort(([a, aKey], [b, bKey]) => a - b || (aKey < bKey ? -1 : 1))
    for (const [, , fire] of due) {
      fire()
      this.serve()
    }
  }

  run(session: number, { op, input }: QueueAsked): unknown {
    switch (op) {
      case 'put':
        return this.put(input.items)
      case 'take':
        return this.take({ op: this.now.position, session, ...input }, input.wait)
      case 'ack':
        return this.each(session, input, (item) => this.finish(item))
      case 'nack':
        return this.each(session, input, (item) => this.back(item, input.reason, input.delayMs))
      case 'extend':
        return this.each(session, input, (item) => this.hide(item, input.visibilityMs))
      case 'bury':
        return this.each(session, input, (item) => this.bury(item, input.reason))
      case 'remove':
        return this.remove(input.id)
      case 'requeue':
        return this.requeue(input.id)
      default:
        return op satisfies never
    }
  }

  cancel(session: number, op: number): void {
    const { data } = this
    if (data.takers.some((one) => one.op === op && one.session === session)) {
      data.takers = data.takers.filter((one) => one.op !== op || one.session !== session)
      return
    }
    const given = this.ordered().filter((one) => one.where === 'taken' && one.op === op && one.session === session)
    for (const item of given) {
      item.attempts--
      this.back(item, item.reason, 0)
    }
    this.serve()
  }

  drop(): void {
    const owned = this.data.items.filter((one) => one.where === 'taken').length + this.data.takers.length
    if (owned > 0) throw new Refusal('NOT_EMPTY', { owned })
    this.data = fresh()
  }

  end(session: number): void {
    const { data } = this
    data.takers = data.takers.filter((one) => one.session !== session)
    const held = this.ordered().filter((one) => one.where === 'taken' && one.session === session)
    for (const item of held) this.back(item, 'its session ended', 0)
    this.serve()
  }

  close(): void {}

  view(): unknown {
    const { items, takers, done } = this.data
    if (items.length + takers.length + Object.keys(done).length === 0) return undefined
    const all = this.ordered()
    const named = (where: Item['where']): string[] => all.filter((one) => one.where === where).map((one) => one.name)
    return {
      ready: named('ready'),
      delayed: named('delayed'),
      dead: named('dead'),
      taken: all
        .filter((one) => one.where === 'taken')
        .map(({ name, session, token, op, attempts }) => ({ name, session, token, op, attempts })),
      reasons: all.filter((one) => one.where !== 'taken').map((one) => one.reason),
      attempts: all.map((one) => one.attempts),
      takers: takers.map(({ op, session, n, visibilityMs, remove }) => ({ op, session, n, visibilityMs, remove })),
      done: Object.keys(done).sort(),
    }
  }

  private put(items: readonly PutItem[]): string[] {
    const ids = items.map((one) => this.putOne(one))
    this.serve()
    return ids
  }

  private putOne({ value, id, priority, delayMs, maxAttempts }: PutItem): string {
    const { data, now } = this
    if (data.placesAt !== now.position) [data.placesAt, data.places] = [now.position, 0]
    const place = data.places++
    if (id !== null && data.items.some((one) => one.id === id)) throw new Refusal('EXISTS', { id })
    if (id !== null && id in data.done) return id
    const name = [digits(priority, 5), digits(now.position, 16), digits(place, 5)].join(':')
    const isLate = delayMs > 0
    data.items.push({
      priority,
      position: now.position,
      place,
      name,
      id,
      value,
      maxAttempts,
      where: isLate ? 'delayed' : 'ready',
      attempts: 0,
      reason: null,
      due: isLate ? now.time + delayMs : null,
      session: 0,
      token: -1,
      op: -1,
    })
    return id ?? name
  }

  private take(taker: Taker, wait: boolean): unknown {
    if (wait && !this.data.items.some((one) => one.where === 'ready')) {
      const { op, session, n, visibilityMs, remove } = taker
      this.data.takers.push({ op, session, n, visibilityMs, remove })
      return WAITS
    }
    return this.give(taker)
  }

  private give({ op, session, n, visibilityMs, remove }: Taker): unknown[] {
    const given = this.ordered()
      .filter((one) => one.where === 'ready')
      .slice(0, n)
    return given.map((item) => {
      item.attempts++
      Object.assign(item, { where: 'taken', session, token: this.now.position, op })
      this.hide(item, visibilityMs)
      if (remove) this.finish(item)
      return { id: item.id ?? item.name, value: item.value, token: this.now.position, attempt: item.attempts }
    })
  }

  /** Takers in order of their takes, as long as anything is ready. */
  private serve(): void {
    const { data } = this
    while (data.takers.length > 0 && data.items.some((one) => one.where === 'ready')) {
      const taker = data.takers.shift()
      if (taker !== undefined) this.said.settled.push([taker.op, { value: this.give(taker) }])
    }
  }

  private each(session: number, { items, strict }: Receipts, act: (item: Item) => void): unknown[] {
    const all = items.map(({ id, token }) => {
      const item = this.find(id)
      const by = item?.where === 'taken' ? item.token : null
      if (item === undefined || by !== token || item.session !== session) {
        if (strict) throw new Refusal('NOT_HELD', { id, token, by })
        return { code: 'NOT_HELD', by }
      }
      act(item)
      return 'ok'
    })
    this.serve()
    return all
  }

  private remove(id: string): void {
    const item = this.find(id)
    if (item === undefined) throw new Refusal('MISSING', { id })
    if (item.where === 'taken') throw new Refusal('HELD', { id, token: item.token })
    this.finish(item)
  }

  private requeue(id: string): void {
    const item = this.find(id)
    if (item?.where !== 'dead') throw new Refusal('MISSING', { id })
    Object.assign(item, { where: 'ready', attempts: 0, reason: null })
    this.serve()
  }

  private itemIsDue(item: Item): void {
    if (item.where === 'delayed') Object.assign(item, { where: 'ready', due: null })
    else this.back(item, 'not acknowledged in time', 0)
  }

  private hide(item: Item, visibilityMs: number): void {
    item.due = visibilityMs > 0 ? this.now.time + visibilityMs : null
  }

  private finish(item: Item): void {
    this.data.items = this.data.items.filter((one) => one !== item)
    if (item.id !== null) this.data.done[item.id] = this.now.time + DAY_MS
  }

  /** What this entry has given out, it gives to nobody else: the token would be the same. */
  private back(item: Item, reason: string | null, delayMs: number): void {
    if (item.maxAttempts > 0 && item.attempts >= item.maxAttempts) {
      this.bury(item, reason)
      return
    }
    const isLate = delayMs > 0 || item.token === this.now.position
    Object.assign(item, { where: isLate ? 'delayed' : 'ready', reason, due: isLate ? this.now.time + delayMs : null })
  }

  private bury(item: Item, reason: string | null): void {
    Object.assign(item, { where: 'dead', reason, due: null })
  }

  private find(id: string): Item | undefined {
    return this.data.items.find((one) => one.id === id || one.name === id)
  }
  private ordered(): Item[] {
    return this.data.items.toSorted(inOrder)
  }
}

const digits = (value: number, width: number): string => String(value).padStart(width, '0')
