/** A queue as an extension: who takes from an empty one waits. Read next: `../queue/type.ts`, `priority-queue.ts`. */
import { object } from 'superstruct'
import { anyValue, defineExtension } from '../extensions/define-extension.ts'

/**
 * First come, first served, items and takers. At most once: an item that a take was given whose caller had just given
 * up is gone. Who must not lose it keeps it under `taken/`, and puts it back in `cancelled` and `ended`.
 */
export const QueueRecipe = defineExtension({
  name: 'recipe.queue',
  version: 1,
  waits: ['take'],
  ops: (op) => ({
    put: op(object({ item: anyValue }), (ctx, { item }) => {
      const [first] = ctx.list('waiting/', 1)
      if (first === undefined) ctx.set(`items/${ctx.order}`, item)
      else ctx.settle(Number(first.value), item)
    }),
    take: op(object({}), (ctx) => {
      const [head] = ctx.list('items/', 1)
      if (head === undefined) return ctx.wait(`waiting/${ctx.order}`)
      ctx.delete(head.key)
      return head.value
    }),
  }),
})
