/**
 * A saga as an extension: steps that are undone in reverse where one fails or does not end in its time.
 *
 * What is to be undone comes as an event `undo` with the name of the saga and its steps: a watch of the object gets it,
 * and `undone` says that it was done. Read next: `priority-queue.ts`.
 * @source Garcia-Molina and Salem, Sagas, SIGMOD'87.
 */
import { array, number, object, string } from 'superstruct'
import { defineExtension } from '../extensions/define-extension.ts'

/** Until `begin`s time is over all steps must be done, or what was done is undone. */
export const SagaRecipe = defineExtension({
  name: 'recipe.saga',
  version: 1,
  records: object({ done: array(string()), left: number() }),
  ops: (op) => ({
    begin: op(object({ saga: string(), steps: number(), timeoutMs: number() }), (ctx, { saga, steps, timeoutMs }) => {
      if (ctx.get(saga) !== undefined) ctx.reject('BEGUN', { saga })
      ctx.set(saga, { done: [], left: steps })
      ctx.at(saga, ctx.time + timeoutMs)
    }),
    done: op(object({ saga: string(), step: string() }), (ctx, { saga, step }) => {
      const { done, left } = ctx.get(saga) ?? ctx.reject('OVER', { saga })
      if (done.includes(step)) return left
      if (left === 1) ctx.delete(saga)
      else ctx.set(saga, { done: [...done, step], left: left - 1 })
      if (left === 1) ctx.at(saga, undefined)
      return left - 1
    }),
    fail: op(object({ saga: string() }), (ctx, { saga }) => {
      if (ctx.get(saga) !== undefined) ctx.at(saga, ctx.time)
    }),
  }),
  due: (ctx, { key: saga }) => {
    ctx.emit('undo', { saga, steps: [...(ctx.get(saga)?.done ?? [])].toReversed() })
    ctx.delete(saga)
  },
})
