/** What `defineExtension` infers and refuses: compiled by tsc, never run. */
import { number, object, string } from 'superstruct'
import { defineExtension } from '../../../objects/extensions/define-extension.ts'

export const Stock = defineExtension({
  name: 'stock',
  version: 1,
  records: number(),
  // @ts-expect-error no such op
  waits: ['walk'],
  ops: (op) => ({
    fill: op(object({ sku: string() }), (ctx, input) => {
      // @ts-expect-error no such field of the input
      void input.other
      // @ts-expect-error records are numbers
      ctx.set(input.sku, 'many')
      const left: number | undefined = ctx.get(input.sku)
      // @ts-expect-error Date is not what a number is
      const wrong: Date | undefined = ctx.get(input.sku)
      return [left, wrong, ctx.list('', 1)[0]?.value.toFixed(2)]
    }),
  }),
})
