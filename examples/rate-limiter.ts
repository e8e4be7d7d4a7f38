/**
 * A limit that all processes keep together, as an extension: the rule stands in the log, next to what it counts.
 *
 *     node examples/rate-limiter.ts
 *
 * One client registers it; the others find it there. Read next: `../docs/extensions.md`, `../objects/recipes/`.
 */
import { number, object, string } from 'superstruct'
import { connect, defineExtension } from '../index.ts'

const Limiter = defineExtension({
  name: 'example.limiter',
  version: 1,
  records: object({ used: number(), until: number() }),
  ops: (op) => ({
    // So many in each window of time: gives how many are left, or -1.
    take: op(object({ key: string(), most: number(), windowMs: number() }), (ctx, { key, most, windowMs }) => {
      const is = ctx.get(key) ?? { used: 0, until: ctx.time + windowMs }
      if (is.used === most) return -1
      ctx.set(key, { used: is.used + 1, until: is.until })
      ctx.at(key, is.until)
      return most - is.used - 1
    }),
  }),
  due: (ctx, { key }) => {
    ctx.delete(key)
  },
})

const [one, two] = [await connect('memory:limits'), await connect('memory:limits')]
await one.register(Limiter)
const limiters = [await one.open(Limiter, '/limits'), await two.open(Limiter, '/limits')]
const take = { key: 'mail', most: 3, windowMs: 200 }
const left = []
for (let n = 0; n < 4; n++) left.push(await limiters[n % 2]?.take(take))
console.log('left after each:', left.join(' '))

await new Promise((resolve) => setTimeout(resolve, 300))
console.log('in the next window:', await limiters[0]?.take(take))
await Promise.all([one.close(), two.close()])
