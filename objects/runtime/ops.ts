/**
 * Makes ops of what an author writes: a struct or a guard, and a function.
 *
 * Owns no state: an op is data, tied to an object by the context of each step. Read next: `object-type.ts`,
 * `../define-object.ts`.
 */
import type { Draft } from 'immer'
import { is, type Struct } from 'superstruct'
import { produce } from './draft.ts'
import type { Guard } from './fields.ts'
import type { Context, Op, OpContext, OpMaker } from './object-type.ts'
import { Rejection } from './rejection.ts'
import { ownCopy, type Input } from './values.ts'

/** The maker that a definition's `ops` is called with. */
export function makeOps<S, T>(): OpMaker<S, T> {
  const drafted = <I, R>(
    input: Struct<I, unknown>,
    apply: (draft: Draft<S>, input: I, ctx: OpContext<S, T>) => R,
  ): Op<S, T, I, R> => ({
    waits: false,
    refusal: (value) => misfit(value, input),
    run: (value, ctx) => {
      if (!fits(value, input)) throw badInput()
      return draftedRun(ctx, (draft) => apply(draft, value, ctx))
    },
  })
  const guarded =
    (waits: boolean) =>
    <I, R>(accepts: Guard<I>, apply: (input: I, ctx: Context<S, T>) => R): Op<S, T, I, R> => ({
      waits,
      refusal: (value) => (accepts(value) ? undefined : 'the op does not accept it'),
      run: (value, ctx) => {
        if (!accepts(value)) throw badInput()
        return apply(value, ctx)
      },
    })
  return Object.assign(drafted, { raw: guarded(false), waits: guarded(true) })
}

/** Runs a recipe on a draft of the small value; its result is copied out, since it may hold drafts. */
function draftedRun<S, T, R>(ctx: Context<S, T>, recipe: (draft: Draft<S>) => R): R {
  const results: R[] = []
  const before: S = ctx.state
  const after = produce(before, (draft) => {
    const value = recipe(draft)
    results.push(value === undefined ? value : ownCopy(value))
  })
  if (after !== before) ctx.put(after)
  for (const value of results) return value
  throw new Rejection('the op ended without a result')
}

/** Says what does not fit. Superstruct throws where it puts a value into words that has none, as {"toString":[]}. */
export function misfit<I>(value: unknown, input: Struct<I, unknown>): string | undefined {
  try {
    return input.validate(value)[0]?.message
  } catch {
    return 'it holds values that cannot even be printed'
  }
}

function fits<I>(value: Input, input: Struct<I, unknown>): value is Input & I {
  try {
    return is(value, input)
  } catch {
    return false
  }
}

const badInput = (): Rejection => new Rejection('BAD_ARGUMENT', { reason: 'the op does not accept the input' })
