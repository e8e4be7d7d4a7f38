/**
 * An election as an extension: an op and an event work as a pair.
 *
 * Whatever takes the leader away, a resignation, the end of its session, a cancel that came after the grant, is one
 * change, and the event elects the next one. Read next: `../lock/election.ts` (the same over a lock of ours).
 */
import { number, object } from 'superstruct'
import { defineExtension } from '../extensions/define-extension.ts'

/** `lead` settles with a token once elected. */
export const ElectionRecipe = defineExtension({
  name: 'recipe.election',
  version: 1,
  records: number(),
  waits: ['lead'],
  ops: (op) => ({
    lead: op(object({}), (ctx) => {
      if (ctx.get('leader') !== undefined) return ctx.wait(`waiting/${ctx.order}`)
      ctx.set('leader', ctx.position, { owner: ctx.session })
      return { token: ctx.position, op: ctx.position }
    }),
    resign: op(object({ op: number() }), (ctx, { op: won }) => ctx.get('leader') === won && ctx.delete('leader')),
  }),
  cancelled: (ctx, { op }) => {
    if (ctx.get('leader') === op) ctx.delete('leader')
  },
  events: {
    left: {
      on: ['deleted'],
      key: 'leader',
      run: (ctx) => {
        const [next] = ctx.list('waiting/', 1)
        if (next === undefined) return
        ctx.set('leader', next.value, { owner: next.session })
        ctx.settle(next.value, { token: ctx.position, op: next.value })
      },
    },
  },
})
