/**
 * A counter.
 *
 * Its ops are raw: a counter is what a busy space holds most of. Keeps: O9. Read next: `define-object.ts`.
 */
import { number, object } from 'superstruct'
import { defineObject } from './define-object.ts'

/** A counter over the safe integers, from 0. `add` and `set` answer with the value after them. */
export const Counter = defineObject({
  name: 'sirtaki.counter',
  version: 1,
  state: object({ value: number() }),
  initial: () => ({ value: 0 }),
  ops: (op) => ({
    add: op.raw(isAdd, ({ value: before }, { by }, ctx) => {
      const value = before + by
      // Beyond the safe integers an addition may change nothing.
      if (!Number.isSafeInteger(value)) ctx.reject('the counter would leave the safe integers', { value: before, by })
      ctx.put({ value })
      return value
    }),
    set: op.raw(isSet, (_state, { value }, ctx) => {
      ctx.put({ value })
      return value
    }),
  }),
})

const isObject = (input: unknown): input is object => typeof input === 'object' && input !== null

function isAdd(input: unknown): input is { readonly by: number } {
  return isObject(input) && 'by' in input && Number.isSafeInteger(input.by)
}

function isSet(input: unknown): input is { readonly value: number } {
  return isObject(input) && 'value' in input && Number.isSafeInteger(input.value)
}
