/** A barrier as an extension: nobody goes on before all are there. Read next: `queue.ts`. */
import { number, object } from 'superstruct'
import { defineExtension } from '../extensions/define-extension.ts'

/** `enter` settles for all once as many have entered as `parties` says; then it is open for the next round. */
export const BarrierRecipe = defineExtension({
  name: 'recipe.barrier',
  version: 1,
  records: number(),
  waits: ['enter'],
  ops: (op) => ({
    enter: op(object({ parties: number() }), (ctx, { parties }) => {
      const here = ctx.list('', parties)
      if (here.length < parties - 1) return ctx.wait(ctx.order)
      for (const { value } of here) ctx.settle(value, parties)
      return parties
    }),
  }),
})
