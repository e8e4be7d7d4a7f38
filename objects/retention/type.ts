/**
 * The retention of a log, as a machine: what of it somebody still needs, and from which position on it is kept.
 *
 *     checkpointed, archived ──┐
 *     hold, release ───────────┼─▶ limit ─▶ trim {before} ─┬ at or below it: the mark
 *     policy ──────────────────┘                           └ above it: NEEDED, with what needs it
 *
 * One object, `/.sirtaki/retention`: a trim is decided at its position, so that nobody who holds a part of the log
 * loses it to somebody who has not heard of that. Only behind the decision are the units told. Keeps: C2, C5, P27, P62.
 * Read next: `limit.ts` (the rule), `trim.ts`, `publish.ts`, `checkpointer.ts`.
 */
import { defineObject } from '../define-object.ts'
import { orderKey, type Context } from '../runtime/object-type.ts'
import { limitOf } from './limit.ts'
import {
  CHECKPOINTS_KEPT,
  isArchived,
  isCheckpoint,
  isCheckpointed,
  isHold,
  isHoldInput,
  isPolicy,
  isReleaseInput,
  isRetentionState,
  isTrim,
  type Checkpoint,
  type Hold,
  type RetentionState,
  type StoreMark,
} from './shapes.ts'

type Tables = { checkpoints: Checkpoint; holds: Hold }
type Ctx = Context<RetentionState, Tables>

/** The type of the one object that decides what is trimmed. */
export const Retention = defineObject({
  name: 'sirtaki.retention',
  version: 1,
  state: isRetentionState,
  initial: () => ({ mark: 0, archived: null, store: null, policy: null }),
  tables: { checkpoints: isCheckpoint, holds: isHold },
  owned: { holds: 'session' },
  refusals: { CONFLICT: 'stop', NEEDED: 'stop', NOT_HELD: 'stop', OTHER_STORE: 'stop', TRIMMED: 'stop' },
  ops: (op) => ({
    /** A checkpoint is written and was read back. The numbers and the positions of those that are noted only grow. */
    checkpointed: op.raw(isCheckpointed, (input, ctx) => {
      const { n, position, key, sha256 } = input
      if (input.moves) leaveStore(input, ctx)
      takeStore(input, ctx)
      const [newestKey, newest] = [...ctx.tables.checkpoints.range()].at(-1) ?? []
      if (newestKey === orderKey(n) && newest?.sha256 === sha256) return
      if (newest !== undefined && (newest.n >= n || newest.position > position)) {
        ctx.reject('CONFLICT', { n, position, newest: newest.n, at: newest.position })
      }
      ctx.tables.checkpoints.set(orderKey(n), { n, position, key, sha256, wall: ctx.wall })
      const rows = [...ctx.tables.checkpoints.range()]
      for (const [old] of rows.slice(0, -CHECKPOINTS_KEPT)) ctx.tables.checkpoints.delete(old)
    }),
    /** Everything in [from, to) is in the archive and was read back: ranges leave no hole. */
    archived: op.raw(isArchived, ({ from, to, ...store }, ctx) => {
      takeStore(store, ctx)
      const { archived, mark } = ctx.state
      // Where the log was trimmed ahead of it, the archive begins anew at the mark.
      const joins = archived !== null && archived >= mark ? from === archived : from <= mark && to >= mark
      if (!joins) ctx.reject('CONFLICT', { from, archived: archived ?? mark })
      ctx.put({ ...ctx.state, archived: to })
    }),
    /** Keeps the log from a position on, until it is released or its session ends. Who holds names it. */
    hold: op.raw(isHoldInput, ({ id, position, name }, ctx) => {
      if (position < ctx.state.mark) ctx.reject('TRIMMED', { position, trim: ctx.state.mark })
      ctx.tables.holds.set(id, { session: ctx.session, position, name })
    }),
    release: op.raw(isReleaseInput, ({ id }, ctx) => {
      if (ctx.tables.holds.get(id)?.session !== ctx.session) ctx.reject('NOT_HELD', { id })
      ctx.tables.holds.delete(id)
    }),
    /** Gives the mark that holds from here on: nothing below it is needed by anybody, or `force` says so. */
    trim: op.raw(isTrim, ({ before, nonce, force }, ctx) => {
      if (before <= ctx.state.mark) return { mark: ctx.state.mark, isForced: false }
      const { position: tail } = ctx
      if (before > tail) ctx.reject('BAD_ARGUMENT', { reason: 'it is above the tail', before, tail })
      const { store } = ctx.state
      if (!force && nonce !== null && store !== null && store.nonce !== nonce) otherStore(ctx)
      const holds = [...ctx.tables.holds.range()].map(([, hold]) => hold)
      const checkpoints = [...ctx.tables.checkpoints.range()].map(([, one]) => one.position)
      const limit = limitOf({ checkpoints, holds, archived: ctx.state.archived })
      const isForced = before > limit.position
      if (isForced && !force) {
        const { position, by, name } = limit
        ctx.reject('NEEDED', { before, limit: position, by, ...(name === undefined ? {} : { name }) })
      }
      ctx.put({ ...ctx.state, mark: before })
      ctx.emit('trimmed', { before, forced: isForced })
      return { mark: before, isForced }
    }),
    policy: op.raw(isPolicy, (policy, ctx) => {
      ctx.put({ ...ctx.state, policy })
    }),
  }),
  describe: ({ state: { mark, archived, store, policy }, tables }) => {
    const holds = [...tables.holds.range()].map(([id, hold]) => ({ id, ...hold }))
    const checkpoints = [...tables.checkpoints.range()].map(([, one]) => ({ ...one }))
    const limit = limitOf({ checkpoints: checkpoints.map((one) => one.position), holds, archived })
    return {
      mark,
      limit: { ...limit },
      archived,
      store: store && { ...store },
      policy: policy && { ...policy },
      checkpoints,
      holds,
    }
  },
})

/** Another store takes the place of the one so far: what was noted of that counts no more. */
function leaveStore({ nonce }: StoreMark, ctx: Ctx): void {
  const { store } = ctx.state
  if (store === null || store.nonce === nonce) return
  for (const [key] of [...ctx.tables.checkpoints.range()]) ctx.tables.checkpoints.delete(key)
  ctx.put({ ...ctx.state, store: null, archived: null })
}

/** The first store that something is noted of is the one: others' clients look there. */
function takeStore({ nonce, address }: StoreMark, ctx: Ctx): void {
  const { store } = ctx.state
  if (store === null || (store.nonce === nonce && store.address !== address)) {
    ctx.put({ ...ctx.state, store: { nonce, address } })
  } else if (store.nonce !== nonce) otherStore(ctx)
}

const otherStore = (ctx: Ctx): never => ctx.reject('OTHER_STORE', { address: ctx.state.store?.address ?? '' })
