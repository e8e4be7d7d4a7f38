/** A queue by priority as an extension, in which what waits long goes first in the end. Read next: `saga.ts`. */
import { number, object } from 'superstruct'
import { anyValue, defineExtension } from '../extensions/define-extension.ts'
import type { Value } from '../runtime/values.ts'

/** The lowest priority goes first; each second of waiting counts as one. `take` gives null where there is nothing. */
export const PriorityQueueRecipe = defineExtension({
  name: 'recipe.priority-queue',
  version: 1,
  records: object({ item: anyValue, priority: number(), at: number() }),
  ops: (op) => ({
    put: op(object({ item: anyValue, priority: number() }), (ctx, { item, priority }) => {
      ctx.set(ctx.order, { item, priority, at: ctx.time })
    }),
    take: op(object({}), (ctx): Value => {
      const rank = ({ priority, at }: { priority: number; at: number }): number => priority - (ctx.time - at) / 1_000
      let best = undefined
      for (const one of ctx.list()) if (best === undefined || rank(one.value) < rank(best.value)) best = one
      if (best === undefined) return null
      ctx.delete(best.key)
      return best.value.item
    }),
  }),
})
