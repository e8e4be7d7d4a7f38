/** A limiter of rates as an extension: a bucket of permits for each key. Read next: `priority-queue.ts`. */
import { number, object, string } from 'superstruct'
import { defineExtension } from '../extensions/define-extension.ts'

/** `take` gives 0, or how many milliseconds to wait. A bucket holds `burst`, and gets one more every `everyMs`. */
export const RateLimiterRecipe = defineExtension({
  name: 'recipe.rate-limiter',
  version: 1,
  records: object({ left: number(), at: number() }),
  ops: (op) => ({
    take: op(object({ key: string(), burst: number(), everyMs: number() }), (ctx, { key, burst, everyMs }) => {
      const { left, at } = ctx.get(key) ?? { left: burst, at: ctx.time }
      const grown = Math.min(burst, left + (ctx.time - at) / everyMs)
      if (grown < 1) return Math.ceil((1 - grown) * everyMs)
      ctx.set(key, { left: grown - 1, at: ctx.time })
      // A bucket that is full again is no different from none.
      ctx.at(key, Math.ceil(ctx.time + (burst - grown + 1) * everyMs))
      return 0
    }),
  }),
  due: (ctx, { key }) => {
    ctx.delete(key)
  },
})
