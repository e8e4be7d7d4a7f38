/**
 * Two types of objects whose ops do not commute, for simulated runs: a register, and a list that shows the order of
 * its ops.
 *
 * Each op answers with the position of its entry, so that a model can be asked what it should have answered there.
 * Read next: `object-model.ts` (that model), `sim-objects.ts`.
 */
import { array, number, object, string } from 'superstruct'
import { defineObject } from '../../objects/define-object.ts'

/** What an op of either type answers with. */
export interface Answer {
  readonly value: number
  readonly position: number
}

/** Numbers from 1 on; 0 before the first write. What is below 0 is written only by ops that fail. */
export const Register = defineObject({
  name: 'sim.register',
  version: 1,
  state: object({ value: number() }),
  initial: () => ({ value: 0 }),
  ops: (op) => ({
    /** Answers with the value before. */
    write: op(object({ value: number() }), (draft, { value }, ctx): Answer => {
      const before = draft.value
      draft.value = value
      return { value: before, position: ctx.position }
    }),
    /** Refused where the value is another one. */
    swap: op(object({ from: number(), to: number() }), (draft, { from, to }, ctx): Answer => {
      if (draft.value !== from) ctx.reject('it has another value', { value: draft.value })
      draft.value = to
      return { value: from, position: ctx.position }
    }),
    /** Changes its draft and throws: nothing of it may stay. */
    explode: op(object({ value: number() }), (draft, { value }): Answer => {
      draft.value = value
      // One that looks like an exhausted stack, and one that does not.
      if (value % 2 === 0) 'x'.repeat(value)
      throw new TypeError('an op that was made to fail')
    }),
  }),
})

/** Items in the order of their ops. */
export const List = defineObject({
  name: 'sim.list',
  version: 1,
  state: object({ items: array(string()) }),
  initial: (): { items: string[] } => ({ items: [] }),
  ops: (op) => ({
    /** Answers with the length after it. */
    append: op(object({ item: string() }), (draft, { item }, ctx): Answer => {
      draft.items.push(item)
      return { value: draft.items.length, position: ctx.position }
    }),
  }),
})
