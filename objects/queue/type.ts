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
import { nothing } from '../runtime/fields.ts'
import { orderKey, type Context, type Waiting } from '../runtime/object-type.ts'
import {
  ID_KNOWN_MS,
  isAck,
  isBury,
  isExtend,
  isId,
  isItem,
  isKnownId,
  isNack,
  isPut,
  isTake,
  isTaken,
  isTaker,
  type Given,
  type Item,
  type NewItem,
  type Receipted,
  type Receipts,
  type Taken,
  type Taker,
} from './shapes.ts'

type Tables = { ready: Item; delayed: Item; taken: Taken; dead: Item; takers: Taker; ids: { name: string | null } }
type Ctx = Context<object, Tables>

/** The type of work queues. */
export const Queue = defineObject({
  name: 'sirtaki.queue',
  version: 1,
  state: nothing,
  initial: () => ({}),
  tables: { ready: isItem, delayed: isItem, taken: isTaken, dead: isItem, takers: isTaker, ids: isKnownId },
  owned: { taken: 'session', takers: 'session' },
  large: ['ready', 'delayed', 'taken', 'dead'],
  waits: ['takers'],
  refusals: { EXISTS: 'stop', HELD: 'again', MISSING: 'stop', NOT_HELD: 'stop' },
  ops: (op) => ({
    /** Answers with the ids. The id of a finished item is taken as done; that of a live one is refused. */
    put: op.raw(isPut, ({ items }, ctx) => {
      const ids = items.map((one, place) => put(one, place, ctx))
      serve(ctx)
      return ids
    }),
    take: op.waits(isTake, ({ n, visibilityMs, remove, wait }, ctx): readonly Given[] | Waiting => {
      const taker = { session: ctx.session, n, visibilityMs, remove }
      if (ctx.tables.ready.size > 0 || !wait) return give(ctx.position, taker, ctx)
      return ctx.wait('takers', taker)
    }),
    ack: op.raw(isAck, (all, ctx) =>
      forEach(all, ctx, (name, one) => {
        finish(name, one, ctx)
      }),
    ),
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
  const { ids, ready, delayed } = ctx.tables
  const name = `${String(priority).padStart(5, '0')}:${orderKey(ctx.position)}:${String(place).padStart(4, '0')}`
  const known = id === null ? undefined : ids.get(id)
  if (known !== undefined && known.name !== null) ctx.reject('EXISTS', { id })
  if (known !== undefined) return id ?? name
  if (id !== null) ids.set(id, { name })
  const table = delayMs > 0 ? delayed : ready
  table.set(name, { value, id, attempts: 0, maxAttempts, reason: null })
  if (delayMs > 0) ctx.at(name, ctx.time + delayMs)
  return id ?? name
}

/** Gives the first items to a taker. */
function give(op: number, { session, n, visibilityMs, remove }: Taker, ctx: Ctx): readonly Given[] {
  const given: Given[] = []
  for (const [name, one] of ctx.tables.ready.range()) {
    if (given.length === n) break
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

/** Takers in order, as long as anything is ready. */
function serve(ctx: Ctx): void {
  for (const [key, taker] of ctx.tables.takers.range()) {
    if (ctx.tables.ready.size === 0) return
    ctx.settle(Number(key), give(Number(key), taker, ctx))
  }
}

/** Does it for each item that the caller holds by its token; what it does not hold is told, or refuses all. */
function forEach({ items, strict }: Receipts, ctx: Ctx, run: (name: string, one: Taken) => void): Receipted[] {
  const all = items.map(({ id, token }): Receipted => {
    const name = nameOf(id, ctx)
    const one = ctx.tables.taken.get(name)
    if (one === undefined || one.session !== ctx.session || one.token !== token) {
      if (strict) ctx.reject('NOT_HELD', { id, token, by: one?.token ?? null })
      return { code: 'NOT_HELD', by: one?.token ?? null }
    }
    run(name, one)
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
function back(name: string, one: Item, delayMs: number, ctx: Ctx): void {
  const { value, id, attempts, maxAttempts, reason: why } = one
  if (maxAttempts > 0 && attempts >= maxAttempts) {
    bury(name, one, why, ctx)
    return
  }
  ctx.tables.taken.delete(name)
  const table = delayMs > 0 ? ctx.tables.delayed : ctx.tables.ready
  table.set(name, { value, id, attempts, maxAttempts, reason: why })
  ctx.at(name, delayMs > 0 ? ctx.time + delayMs : undefined)
}

function bury(name: string, { value, id, attempts, maxAttempts }: Item, why: string | null, ctx: Ctx): void {
  ctx.tables.taken.delete(name)
  ctx.at(name, undefined)
  ctx.tables.dead.set(name, { value, id, attempts, maxAttempts, reason: why })
}
