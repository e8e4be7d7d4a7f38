/**
 * A counter.
 *
 * Its ops are raw: a counter is what a busy space holds most of. Keeps: O9. Read next: `../define-object.ts`.
 */
import { defineObject } from '../define-object.ts'
import { fields, type Check } from '../runtime/fields.ts'
import type { Context } from '../runtime/object-type.ts'

const integer: Check = (value) => Number.isSafeInteger(value)
const isAdd = fields<{ by: number }>({ by: integer })
const isSet = fields<{ value: number }>({ value: integer })
const isCompare = fields<{ expect: number; value: number }>({ expect: integer, value: integer })

/** A counter over the safe integers, from 0. `add` and `set` answer with the value after them. */
export const Counter = defineObject({
  name: 'sirtaki.counter',
  version: 1,
  state: fields<{ value: number }>({ value: integer }),
  initial: () => ({ value: 0 }),
  refusals: { OUT_OF_RANGE: 'stop', MISMATCH: 'again' },
  ops: (op) => ({
    /** Never wraps: refused with `OUT_OF_RANGE` where an addition would leave the safe integers. */
    add: op.raw(isAdd, ({ by }, ctx) => {
      const value = ctx.state.value + by
      if (!Number.isSafeInteger(value)) ctx.reject('OUT_OF_RANGE', { value: ctx.state.value, by })
      return store(value, ctx)
    }),
    set: op.raw(isSet, ({ value }, ctx) => store(value, ctx)),
    /** Refused with `MISMATCH` and the value where it is another one than expected. */
    compareAndSet: op.raw(isCompare, ({ expect, value }, ctx) => {
      if (ctx.state.value !== expect) ctx.reject('MISMATCH', { value: ctx.state.value })
      return store(value, ctx)
    }),
    /** A guard of transactions. */
    requireAtLeast: op.raw(isSet, ({ value }, ctx) => {
      if (ctx.state.value < value) ctx.reject('OUT_OF_RANGE', { value: ctx.state.value, wanted: value })
    }),
  }),
  describe: ({ state }) => ({ value: state.value }),
})

function store(value: number, ctx: Context<{ value: number }, unknown>): number {
  ctx.put({ value })
  return value
}
