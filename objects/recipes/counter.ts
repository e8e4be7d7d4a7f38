/** A counter as an extension. Read next: `../counter/type.ts` (the same as a type of ours), `queue.ts`. */
import { number, object } from 'superstruct'
import { defineExtension } from '../extensions/define-extension.ts'

/** `add` gives the new value. */
export const CounterRecipe = defineExtension({
  name: 'recipe.counter',
  version: 1,
  records: number(),
  ops: (op) => ({
    add: op(object({ by: number() }), (ctx, { by }) => {
      const value = (ctx.get('value') ?? 0) + by
      ctx.set('value', value)
      return value
    }),
  }),
})
