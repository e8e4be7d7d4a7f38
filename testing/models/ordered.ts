/**
 * Any model, over a system whose answers tell their places in its order: positions of a log, revisions, tokens.
 *
 * Such a history is judged more strictly, and much sooner: of most operations only one order is left to try.
 */

import type { Model } from '../linearizability.ts'

/** A state and the highest place that an answer up to it told. */
export type Ordered<S> = Readonly<{ state: S; place: number }>

/**
 * The model, where no answer may tell a lower place than one before it. `placeOf` gives the place that an answer tells;
 * undefined: none.
 */
export function ordered<S, I, O>(
  model: Model<S, I, O>,
  placeOf: (input: I, output: O | undefined) => number | undefined,
): Model<Ordered<S>, I, O> {
  const whole: Model<Ordered<S>, I, O> = {
    initial: () => ({ state: model.initial(), place: -Infinity }),
    step(before, input, output) {
      const place = placeOf(input, output) ?? before.place
      if (place < before.place) return undefined
      const state = model.step(before.state, input, output)
      return state === undefined ? undefined : { state, place }
    },
    key: ({ state, place }) => `${place} ${model.key(state)}`,
  }
  if (model.partition !== undefined) whole.partition = model.partition.bind(model)
  if (model.twins !== undefined) whole.twins = model.twins.bind(model)
  if (model.observes !== undefined) whole.observes = model.observes.bind(model)
  return whole
}
