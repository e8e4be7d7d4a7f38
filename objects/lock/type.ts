/**
 * The lock, as a machine: also semaphore (capacity n), readers and writers, and election (data of the holder).
 *
 *     acquire ─┬ fits, nobody waits in front ──▶ holder {token}          release, cancel, end of session ──▶ the next
 *              └ wait ──▶ waiter, in order of position ── fits ──▶ holder
 *
 * A weight says how much of the capacity a holder takes; a lock has SHARED_MAX of it, of which a reader takes 1 and a
 * writer all. A hold is named by the position of its acquire, a token is the position of the grant: two writers never
 * share one, readers that are granted together do. Keeps: O5, O7, O13. Read next: `lock.ts` (the handle),
 * `test/objects/lock.test.ts` (its table of cases), `test/objects/lock-model.ts`.
 * @source Chubby OSDI'06 2.4 (sequencers, lock-delay).
 */
import { defineObject } from '../define-object.ts'
import { orderKey, type Context } from '../runtime/object-type.ts'
import {
  SHARED_MAX,
  isAcquire,
  isCapacity,
  isHeld,
  isHold,
  isHolder,
  isLockState,
  isProclaim,
  isRevoke,
  isWaiter,
  type AcquireInput,
  type Grant,
  type Holder,
  type LockState,
  type Waiter,
} from './shapes.ts'

type Tables = { holders: Holder; waiters: Waiter }
type Ctx = Context<LockState, Tables>

/** The type of locks, semaphores and elections. */
export const Lock = defineObject({
  name: 'sirtaki.lock',
  version: 1,
  state: isLockState,
  initial: () => ({ capacity: SHARED_MAX, used: 0, token: -1, until: 0, fixed: false }),
  tables: { holders: isHolder, waiters: isWaiter },
  owned: { holders: 'session', waiters: 'session' },
  waits: ['waiters'],
  refusals: {
    ALREADY_HELD: 'stop',
    HELD: 'again',
    NOT_EXCLUSIVE: 'stop',
    NOT_HELD: 'stop',
    OVER_CAPACITY: 'stop',
  },
  ops: (op) => ({
    acquire: op.waits(isAcquire, (input, ctx) => {
      const { holders, waiters } = ctx.tables
      takeCapacity(input, ctx)
      if (input.weight > ctx.state.capacity) ctx.reject('OVER_CAPACITY', { capacity: ctx.state.capacity })
      const isTwice = holders.has(orderKey(ctx.position)) || (input.once && holders.of(ctx.session).length > 0)
      if (isTwice) ctx.reject('ALREADY_HELD', heldFacts(ctx))
      const one = { session: ctx.session, weight: input.weight, delayMs: input.delayMs, data: input.data }
      if (waiters.size === 0 && fits(one, ctx)) return grant(ctx.position, one, ctx)
      if (!input.wait) ctx.reject('HELD', heldFacts(ctx))
      const waiting = ctx.wait('waiters', one)
      serve(ctx)
      return waiting
    }),
    release: op.raw(isHold, ({ hold }, ctx) => {
      own(hold, ctx)
      drop(hold, ctx)
      serve(ctx)
    }),
    /** A writer becomes a reader at its old place, with its old token; readers at the head join it. */
    downgrade: op.raw(isHold, ({ hold }, ctx) => {
      const holder = own(hold, ctx)
      if (holder.weight !== ctx.state.capacity || holder.weight === 1) ctx.reject('NOT_EXCLUSIVE', { hold })
      ctx.tables.holders.set(orderKey(hold), { ...holder, weight: 1 })
      ctx.put({ ...ctx.state, used: ctx.state.used - holder.weight + 1 })
      serve(ctx)
    }),
    /** Other data for whoever looks at the holder. */
    proclaim: op.raw(isProclaim, ({ hold, data }, ctx) => {
      ctx.tables.holders.set(orderKey(hold), { ...own(hold, ctx), data })
    }),
    /** Asks a holder to give it back: an event to it, nothing else. */
    requestRevoke: op.raw(isRevoke, ({ hold, reason }, ctx) => {
      const holder = ctx.tables.holders.get(orderKey(hold)) ?? ctx.reject('NOT_HELD', { hold })
      ctx.emit('revokeRequested', { hold, session: holder.session, by: ctx.session, reason })
    }),
    /** More serves who waits; less takes nothing from who holds, and refuses those that can never fit. */
    setCapacity: op.raw(isCapacity, ({ capacity: wanted }, ctx) => {
      if (ctx.state.capacity === SHARED_MAX && ctx.state.used > 0) ctx.reject('HELD', heldFacts(ctx))
      ctx.put({ ...ctx.state, capacity: wanted, fixed: true })
      for (const [key, { weight: heavy }] of [...ctx.tables.waiters.range()]) {
        if (heavy > wanted) ctx.refuse(Number(key), 'OVER_CAPACITY', { capacity: wanted })
      }
      serve(ctx)
    }),
    /** A guard of transactions: that somebody's hold with this token is still one. */
    held: op.raw(isHeld, ({ hold, token }, ctx) => {
      if (ctx.tables.holders.get(orderKey(hold))?.token !== token) ctx.reject('NOT_HELD', { hold, token })
    }),
  }),
  due: (_key, ctx) => {
    serve(ctx)
  },
  cancelled: ({ op, row }, ctx) => {
    if (row === undefined && ctx.tables.holders.get(orderKey(op))?.session === ctx.session) drop(op, ctx)
    serve(ctx)
  },
  ended: ({ clean, rows }, ctx) => {
    const freed = rows.holders.reduce((sum, [, holder]) => sum + holder.weight, 0)
    const longest = rows.holders.reduce((max, [, holder]) => Math.max(max, holder.delayMs), 0)
    const until = clean || longest === 0 ? ctx.state.until : Math.max(ctx.state.until, ctx.time + longest)
    ctx.put({ ...ctx.state, used: ctx.state.used - freed, until })
    if (until > ctx.time) ctx.at('serve', until)
    serve(ctx)
  },
  over: ({ until, fixed }, time) => until <= time && !fixed,
  describe: ({ state, tables }) => ({
    mode: state.capacity === SHARED_MAX ? 'lock' : 'semaphore',
    capacity: state.capacity,
    holders: [...tables.holders.range()].map(([key, { session, token, weight: takes, since, data }]) => {
      return { session, hold: Number(key), token, weight: takes, since, data }
    }),
    waiters: tables.waiters.size,
    until: state.until,
  }),
})

/** The capacity of a new object is that of its first acquire; later ones must agree with it. */
function takeCapacity({ capacity: wanted }: AcquireInput, ctx: Ctx): void {
  const { holders, waiters } = ctx.tables
  if (wanted === null || wanted === ctx.state.capacity) return
  const isNew = holders.size + waiters.size === 0 && ctx.state.token === -1 && !ctx.state.fixed
  if (!isNew) ctx.reject('OVER_CAPACITY', { capacity: ctx.state.capacity, wanted })
  ctx.put({ ...ctx.state, capacity: wanted })
}

/** Two grants of one position must be readers': else a token that fences one would let the other pass (finding 19). */
const fits = (one: Waiter, { state, time, position }: Ctx): boolean =>
  state.until <= time
  && state.used + weightOf(one, state) <= state.capacity
  && (state.used > 0 || state.token < position)

/** Who asks for all gets all that there is at the grant, whatever the capacity was when it began to wait. */
const weightOf = (one: Waiter, state: LockState): number => one.weight || state.capacity

function grant(hold: number, one: Waiter, ctx: Ctx): Grant {
  const takes = weightOf(one, ctx.state)
  ctx.tables.holders.set(orderKey(hold), { ...one, weight: takes, token: ctx.position, since: ctx.wall })
  ctx.put({ ...ctx.state, used: ctx.state.used + takes, token: ctx.position })
  return { token: ctx.position, hold }
}

/** The caller's hold. @throws Rejection `NOT_HELD`. */
function own(hold: number, ctx: Ctx): Holder {
  const holder = ctx.tables.holders.get(orderKey(hold))
  return holder?.session === ctx.session ? holder : ctx.reject('NOT_HELD', { hold })
}

function drop(hold: number, ctx: Ctx): void {
  const holder = ctx.tables.holders.get(orderKey(hold))
  if (holder === undefined) return
  ctx.tables.holders.delete(orderKey(hold))
  ctx.put({ ...ctx.state, used: ctx.state.used - holder.weight })
}

/** Serves those in front, as many as fit; nobody overtakes. What cannot be granted in this entry yet has a deadline. */
function serve(ctx: Ctx): void {
  for (const [key, one] of ctx.tables.waiters.range()) {
    if (!fits(one, ctx)) {
      const isBlockedByTime = ctx.state.used === 0 || ctx.state.until > ctx.time
      if (isBlockedByTime) ctx.at('serve', Math.max(ctx.time, ctx.state.until))
      return
    }
    // Its wait goes first: its session may own as much as it may.
    ctx.settle(Number(key), { token: ctx.position, hold: Number(key) })
    grant(Number(key), one, ctx)
  }
}

function heldFacts(ctx: Ctx): Readonly<Record<string, number>> {
  const { holders, waiters } = ctx.tables
  for (const [key, { session, token, since }] of holders.range()) {
    return { holder: session, hold: Number(key), token, since, holders: holders.size, waiters: waiters.size }
  }
  return { holders: 0, waiters: waiters.size, until: ctx.state.until }
}
