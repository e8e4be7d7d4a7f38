/**
 * The lock as a list of holders and a list of waiters: what SEMANTICS says, in the plainest words.
 *
 * Knows nothing of the code that it judges. Read next: `model-run.ts` (who compares), `lock.test.ts`.
 */
import { Refusal, WAITS, type Model, type Moment, type Said } from './model-run.ts'

/** As many readers as may hold a lock together. */
const ALL = 2 ** 30

interface Waiting {
  readonly op: number
  readonly session: number
  readonly weight: number
  readonly delayMs: number
  readonly data: unknown
}
interface Holding extends Waiting {
  readonly token: number
  readonly since: number
}

interface LockData {
  capacity: number
  /** Whether somebody has set the capacity: then the object stays. */
  fixed: boolean
  /** Whether nobody has had it yet. */
  isNew: boolean
  /** Where it was granted last. */
  grantedAt: number
  /** Nobody gets it before. */
  until: number
  /** When it will look again by itself. */
  alarm: number | null
  holders: Holding[]
  waiters: Waiting[]
}

const fresh = (): LockData => ({
  capacity: ALL,
  fixed: false,
  isNew: true,
  grantedAt: -1,
  until: 0,
  alarm: null,
  holders: [],
  waiters: [],
})

/** What an acquire asks for. */
export interface AcquireAsked {
  readonly weight: number
  readonly capacity: number | null
  readonly wait: boolean
  readonly once: boolean
  readonly delayMs: number
  readonly data: unknown
}

/** The ops of a lock. */
export type LockAsked =
  | { readonly op: 'acquire'; readonly input: AcquireAsked }
  | { readonly op: 'release' | 'downgrade'; readonly input: { readonly hold: number } }
  | { readonly op: 'proclaim'; readonly input: { readonly hold: number; readonly data: unknown } }
  | { readonly op: 'requestRevoke'; readonly input: { readonly hold: number; readonly reason: string } }
  | { readonly op: 'setCapacity'; readonly input: { readonly capacity: number } }
  | { readonly op: 'held'; readonly input: { readonly hold: number; readonly token: number } }

/** One lock, semaphore or election. */
export class LockModel implements Model<LockAsked> {
  readonly said: Said
  data = fresh()
  now: Moment = { position: -1, time: 0 }

  constructor(said: Said) {
    this.said = said
  }

  begin(now: Moment): void {
    this.now = now
    if (this.data.alarm !== null && this.data.alarm <= now.time) this.data.alarm = null
    this.serve()
  }

  run(session: number, { op, input }: LockAsked): unknown {
    switch (op) {
      case 'acquire':
        return this.acquire(session, input)
      case 'release':
        this.giveBack(this.own(session, input.hold))
        return this.serve()
      case 'downgrade':
        return this.downgrade(this.own(session, input.hold))
      case 'proclaim':
        return this.change(this.own(session, input.hold), { data: input.data })
      case 'requestRevoke':
        return this.requestRevoke(session, input)
      case 'setCapacity':
        return this.setCapacity(input.capacity)
      case 'held':
        if (this.holder(input.hold)?.token !== input.token) {
          throw new Refusal('NOT_HELD', { hold: input.hold, token: input.token })
        }
        return undefined
      default:
        return op satisfies never
    }
  }

  cancel(session: number, op: number): void {
    const { data } = this
    data.waiters = data.waiters.filter((one) => one.op !== op || one.session !== session)
    const held = this.holder(op)
    if (held?.session === session) this.giveBack(held)
    this.serve()
  }

  drop(): void {
    const owned = this.data.holders.length + this.data.waiters.length
    if (owned > 0) throw new Refusal('NOT_EMPTY', { owned })
    this.data = fresh()
  }

  end(session: number, clean: boolean): void {
    const { data } = this
    const mine = data.holders.filter((one) => one.session === session)
    const waited = data.waiters.some((one) => one.session === session)
    if (mine.length === 0 && !waited) return
    data.holders = data.holders.filter((one) => one.session !== session)
    data.waiters = data.waiters.filter((one) => one.session !== session)
    const longest = Math.max(0, ...mine.map((one) => one.delayMs))
    if (!clean && longest > 0) data.until = Math.max(data.until, this.now.time + longest)
    if (data.until > this.now.time) data.alarm = data.until
    this.serve()
  }

  close(): void {
    const { holders, waiters, alarm, until, fixed } = this.data
    const isOver = holders.length + waiters.length === 0 && alarm === null && until <= this.now.time && !fixed
    if (isOver) this.data = fresh()
  }

  view(): unknown {
    const { isNew, fixed, capacity, until, holders, waiters } = this.data
    if (isNew && !fixed) return undefined
    return { capacity, until, holders, waiters }
  }

  private acquire(session: number, asked: AcquireAsked): unknown {
    const { data, now } = this
    if (asked.capacity !== null && asked.capacity !== data.capacity) {
      if (!data.isNew || data.fixed) {
        throw new Refusal('OVER_CAPACITY', { capacity: data.capacity, wanted: asked.capacity })
      }
      data.capacity = asked.capacity
    }
    if (asked.weight > data.capacity) throw new Refusal('OVER_CAPACITY', { capacity: data.capacity })
    const hasAlready = data.holders.some((one) => one.session === session)
    // The second acquire of one transaction would have the same name.
    if ((asked.once && hasAlready) || this.holder(now.position) !== undefined) {
      throw new Refusal('ALREADY_HELD', this.heldFacts())
    }
    const one: Waiting = {
      op: now.position,
      session,
      weight: asked.weight,
      delayMs: asked.delayMs,
      data: asked.data,
    }
    if (data.waiters.length === 0 && this.fits(one)) return this.grant(one)
    if (!asked.wait) throw new Refusal('HELD', this.heldFacts())
    data.waiters.push(one)
    data.isNew = false
    this.serve()
    return WAITS
  }

  private downgrade(held: Holding): unknown {
    const isWriter = held.weight === this.data.capacity && held.weight > 1
    if (!isWriter) throw new Refusal('NOT_EXCLUSIVE', { hold: held.op })
    this.change(held, { weight: 1 })
    return this.serve()
  }

  private requestRevoke(by: number, { hold, reason }: { hold: number; reason: string }): void {
    const held = this.holder(hold)
    if (held === undefined) throw new Refusal('NOT_HELD', { hold })
    this.said.events.push({ kind: 'revokeRequested', facts: { hold, session: held.session, by, reason } })
  }

  private setCapacity(capacity: number): void {
    const { data } = this
    if (data.capacity === ALL && data.holders.length > 0) throw new Refusal('HELD', this.heldFacts())
    data.capacity = capacity
    data.fixed = true
    for (const { op } of data.waiters.filter((one) => one.weight > capacity)) {
      this.said.settled.push([op, { code: 'OVER_CAPACITY', facts: { capacity } }])
    }
    data.waiters = data.waiters.filter((one) => one.weight <= capacity)
    this.serve()
  }

  /** Those in front, as long as they fit. */
  private serve(): void {
    const { data, now } = this
    for (let first = data.waiters[0]; first !== undefined; first = data.waiters[0]) {
      if (!this.fits(first)) {
        if (data.holders.length === 0 || data.until > now.time) data.alarm = Math.max(data.until, now.time)
        return
      }
      data.waiters.shift()
      this.said.settled.push([first.op, { value: this.grant(first) }])
    }
  }

  /** What one entry has granted and taken back altogether, it grants to nobody else: the token would be the same. */
  private fits(one: Waiting): boolean {
    const { holders, until, capacity, grantedAt } = this.data
    const used = holders.reduce((sum, held) => sum + held.weight, 0)
    if (this.now.time < until || used + this.weightOf(one) > capacity) return false
    return holders.length > 0 || grantedAt !== this.now.position
  }

  /** 0 asks for all that there is when it is granted. */
  private weightOf({ weight }: Waiting): number {
    return weight === 0 ? this.data.capacity : weight
  }

  private grant(one: Waiting): { token: number; hold: number } {
    const { position, time } = this.now
    this.data.holders.push({ ...one, weight: this.weightOf(one), token: position, since: time })
    this.data.holders.sort((a, b) => a.op - b.op)
    this.data.grantedAt = position
    this.data.isNew = false
    return { token: position, hold: one.op }
  }

  private holder(hold: number): Holding | undefined {
    return this.data.holders.find((one) => one.op === hold)
  }
  private own(session: number, hold: number): Holding {
    const held = this.holder(hold)
    if (held?.session !== session) throw new Refusal('NOT_HELD', { hold })
    return held
  }
  private giveBack(held: Holding): void {
    this.data.holders = this.data.holders.filter((one) => one !== held)
  }
  private change(held: Holding, more: Partial<Holding>): void {
    this.data.holders = this.data.holders.map((one) => (one === held ? { ...one, ...more } : one))
  }
  private heldFacts(): Record<string, unknown> {
    const { holders, waiters, until } = this.data
    const [first] = holders
    if (first === undefined) return { holders: 0, waiters: waiters.length, until }
    const { session: holder, op: hold, token, since } = first
    return { holder, hold, token, since, holders: holders.length, waiters: waiters.length }
  }
}
