/**
 * The work queue, as a machine.
 *
 *     put ─┬──────────────▶ ready ── take ──▶ taken ── ack ──▶ gone
 *          └▶ delayed ─due─▶  ▲                 ├ nack, visibility over, session ended ──▶ ready, at its old place
 *                             └─── requeue ── dead ◀── more attempts than allowed, or buried
 *
 * An item keeps its name (priority, position of its put, place in that), which is its place: given back, it stands
 * where it stood. A take is named by its token, the position that gave the item out; ack, nack and extend need it.
 * Keeps: O5, O8, O13. Read next: `queue.ts` (the handle), `test/objects/queue.test.ts`, `test/objects/queue-model.ts`.
 */
import { defineObject } from '../define-object.ts'
import { orderKey, type Context, type Waiting } from '../runtime/object-type.ts'
import {
  ID_KNOWN_MS,
  isAck,
  isBury,
  isExtend,
  isId,
  isNack,
  isPut,
  isQueueState,
  isTake,
  queueTables,
  type Given,
  type Item,
  type NewItem,
  type QueueState,
  type QueueTables,
  type Receipted,
  type Receipts,
  type Taken,
  type Taker,
} from './shapes.ts'

type Ctx = Context<QueueState, QueueTables>
type Run = (name: string, one: Taken, ctx: Ctx) => void

/** The type of work queues. */
export const Queue = defineObject({
  name: 'sirtaki.queue',
  version: 1,
  state: isQueueState,
  initial: () => ({ putAt: -1, places: 0 }),
  tables: queueTables,
  owned: { taken: 'session', takers: 'session' },
  large: ['ready', 'delayed', 'taken', 'dead'],
  waits: ['takers'],
  refusals: { EXISTS: 'stop', HELD: 'again', MISSING: 'stop', NOT_HELD: 'stop' },
  ops: (op) => ({
    /** Answers with the ids. The id of a finished item is taken as done; that of a live one is refused. */
    put: op.raw(isPut, ({ items }, ctx) => {
      // A transaction may put twice: what it puts first has the first places.
      const from = ctx.state.putAt === ctx.position ? ctx.state.places : 0
      ctx.put({ putAt: ctx.position, places: from + items.length })
      const ids = items.map((one, nth) => put(one, from + nth, ctx))
      serve(ctx)
      return ids
    }),
    take: op.waits(isTake, ({ n, visibilityMs, remove, wait }, ctx): readonly Given[] | Waiting => {
      const taker = { session: ctx.session, n, visibilityMs, remove }
      if (isFull(taker, ctx)) ctx.reject('TOO_MANY', { session: ctx.session })
      if (ctx.tables.ready.size > 0 || !wait) return give(ctx.position, taker, ctx)
      return ctx.wait('takers', taker)
    }),
    ack: op.raw(isAck, (all, ctx) => forEach(all, ctx, finish)),
    nack: op.raw(isNack, (all, ctx) => {
      return forEach(all, ctx, (name, one) => {
        back(name, { ...one, reason: all.reason }, all.delayMs, ctx)
      })
    }),
    /** The items stay taken for so long from now on; 0: until the session ends. */
    extend: op.raw(isExtend, (all, ctx) =>
      forEach(all, ctx, (name) => {
        setVisible(name, all.visibilityMs, ctx)
      }),
    ),
    /** Puts taken items among the dead. */
    bury: op.raw(isBury, (all, ctx) =>
      forEach(all, ctx, (name, one) => {
        bury(name, one, all.reason, ctx)
      }),
    ),
    /** Drops an item that nobody works on. */
    remove: op.raw(isId, ({ id }, ctx) => {
      const name = nameOf(id, ctx)
      const { ready, delayed, dead, taken } = ctx.tables
      if (taken.has(name)) ctx.reject('HELD', { id, token: taken.get(name)?.token ?? -1 })
      const one = ready.get(name) ?? delayed.get(name) ?? dead.get(name) ?? ctx.reject('MISSING', { id })
      for (const table of [ready, delayed, dead]) table.delete(name)
      finish(name, one, ctx)
    }),
    /** Gives a dead item another life, at its old place. */
    requeue: op.raw(isId, ({ id }, ctx) => {
      const name = nameOf(id, ctx)
      const one = ctx.tables.dead.get(name) ?? ctx.reject('MISSING', { id })
      ctx.tables.dead.delete(name)
      ctx.tables.ready.set(name, { ...one, attempts: 0, reason: null })
      serve(ctx)
    }),
  }),
  due: (key, ctx) => {
    const { delayed, taken, ids, ready } = ctx.tables
    const [later, held] = [delayed.get(key), taken.get(key)]
    if (key.startsWith('id:')) ids.delete(key.slice(3))
    if (later !== undefined && delayed.delete(key)) ready.set(key, later)
    if (held !== undefined) back(key, { ...held, reason: 'not acknowledged in time' }, 0, ctx)
    serve(ctx)
  },
  cancelled: ({ op, row }, ctx) => {
    const mine = row === undefined ? ctx.tables.taken.of(ctx.session).filter(([, one]) => one.op === op) : []
    for (const [name, one] of mine) back(name, { ...one, attempts: one.attempts - 1 }, 0, ctx)
    serve(ctx)
  },
  ended: ({ rows }, ctx) => {
    for (const [name, one] of rows.taken) back(name, { ...one, reason: 'its session ended' }, 0, ctx)
    serve(ctx)
  },
  over: () => true,
  describe: ({ tables }) => ({
    ready: tables.ready.size,
    delayed: tables.delayed.size,
    taken: tables.taken.size,
    dead: tables.dead.size,
    takers: tables.takers.size,
  }),
})

const nameOf = (id: string, ctx: Ctx): string => ctx.tables.ids.get(id)?.name ?? id

function put({ value, id, priority, delayMs, maxAttempts }: NewItem, place: number, ctx: Ctx): string {
  const { ids } = ctx.tables
  const name = `${String(priority).padStart(5, '0')}:${orderKey(ctx.position)}:${String(place).padStart(5, '0')}`
  const known = id === null ? undefined : ids.get(id)
  if (known !== undefined) return known.name === null ? (id ?? name) : ctx.reject('EXISTS', { id })
  if (id !== null) ids.set(id, { name })
  ctx.tables[delayMs > 0 ? 'delayed' : 'ready'].set(name, { value, id, attempts: 0, maxAttempts, reason: null })
  if (delayMs > 0) ctx.at(name, ctx.time + delayMs)
  return id ?? name
}

/** Gives the first items to a taker. */
function give(op: number, taker: Taker, ctx: Ctx): readonly Given[] {
  const { session, n, visibilityMs, remove } = taker
  const given: Given[] = []
  for (const [name, one] of ctx.tables.ready.range()) {
    if (given.length === n || isFull(taker, ctx)) break
    ctx.tables.ready.delete(name)
    const attempts = one.attempts + 1
    given.push({ id: one.id ?? name, value: one.value, token: ctx.position, attempt: attempts })
    if (remove) finish(name, one, ctx)
    else {
      ctx.tables.taken.set(name, { ...one, attempts, session, token: ctx.position, op })
      setVisible(name, visibilityMs, ctx)
    }
  }
  return given
}

/** Whether the taker's session has as many records as a session may have: who puts must not be refused for it. */
const isFull = ({ session, remove }: Taker, ctx: Ctx): boolean => !remove && ctx.tables.taken.room(session) === 0

/** Takers in order, as long as anything is ready. */
function serve(ctx: Ctx): void {
  for (const [key, taker] of ctx.tables.takers.range()) {
    if (ctx.tables.ready.size === 0) return
    if (isFull(taker, ctx)) ctx.refuse(Number(key), 'TOO_MANY', { session: taker.session })
    else ctx.settle(Number(key), give(Number(key), taker, ctx))
  }
}

/** Does it for each item that the caller holds by its token; what it does not hold is told, or refuses all. */
function forEach({ items, strict }: Receipts, ctx: Ctx, run: Run): Receipted[] {
  const all = items.map(({ id, token }): Receipted => {
    const name = nameOf(id, ctx)
    const one = ctx.tables.taken.get(name)
    if (one === undefined || one.session !== ctx.session || one.token !== token) {
      if (strict) ctx.reject('NOT_HELD', { id, token, by: one?.token ?? null })
      return { code: 'NOT_HELD', by: one?.token ?? null }
    }
    run(name, one, ctx)
    return 'ok'
  })
  serve(ctx)
  return all
}

const setVisible = (name: string, forMs: number, ctx: Ctx): void => {
  ctx.at(name, forMs === 0 ? undefined : ctx.time + forMs)
}

/** The item is done: its id is known for a day. */
function finish(name: string, { id }: Item, ctx: Ctx): void {
  ctx.tables.taken.delete(name)
  ctx.at(name, undefined)
  if (id === null) return
  ctx.tables.ids.set(id, { name: null })
  ctx.at(`id:${id}`, ctx.time + ID_KNOWN_MS)
}

/** Puts an item back to its old place, or among the dead when it was tried too often. */
function back(name: string, one: Taken, delayMs: number, ctx: Ctx): void {
  const { value, id, attempts, maxAttempts, reason: why, token } = one
  if (maxAttempts > 0 && attempts >= maxAttempts) {
    bury(name, one, why, ctx)
    return
  }
  ctx.tables.taken.delete(name)
  // What this very entry gave out is ready in the next one: else two takes of it would have one token.
  const isLate = delayMs > 0 || token === ctx.position
  ctx.tables[isLate ? 'delayed' : 'ready'].set(name, { value, id, attempts, maxAttempts, reason: why })
  ctx.at(name, isLate ? ctx.time + delayMs : undefined)
}

function bury(name: string, { value, id, attempts, maxAttempts }: Item, why: string | null, ctx: Ctx): void {
  ctx.tables.taken.delete(name)
  ctx.at(name, undefined)
  ctx.tables.dead.set(name, { value, id, attempts, maxAttempts, reason: why })
}
