/** Small random histories, and the search that tries every order of them: what checker and models are compared with. */

import fc from 'fast-check'
import { checkLinearizable } from '../../testing/linearizability.ts'
import type { Model, Operation } from '../../testing/linearizability.ts'

export const NEVER = Infinity

/** One operation. */
export function on<const I, O>(
  client: number,
  call: number,
  returned: number,
  input: I,
  output: O | undefined,
): Operation<I, O> {
  return { client, call, return: returned, input, output }
}

/** Runs both checkers on 4,000 histories, and checks what a violation tells. Answers how often each verdict came. */
export function compare<S, I, O>(model: Model<S, I, O>, drawn: fc.Arbitrary<{ input: I; output: O | undefined }>) {
  const verdicts = { ok: 0, violation: 0, undecided: 0 }
  const property = fc.property(histories(drawn), (history) => {
    const verdict = checkLinearizable(model, history)
    verdicts[verdict.kind] += 1
    if ((verdict.kind === 'ok') !== someOrder(model, model.initial(), history)) return false
    if (verdict.kind !== 'violation') return true
    const { partial, blocked } = verdict
    return isLegal(model, partial) && blocked.length > 0 && blocked.every((operation) => operation.return < NEVER)
  })
  fc.assert(property, { numRuns: 4_000 })
  return verdicts
}

/** Up to four clients with up to three operations each, of which the last one may never return. */
export function histories<I, O>(
  operation: fc.Arbitrary<{ input: I; output: O | undefined }>,
): fc.Arbitrary<Operation<I, O>[]> {
  const timed = fc.record({
    pause: fc.integer({ min: 1, max: 4 }),
    length: fc.integer({ min: 0, max: 6 }),
    what: operation,
  })
  const client = fc.record({ lastReturns: fc.boolean(), calls: fc.array(timed, { maxLength: 3 }) })
  return fc.array(client, { minLength: 1, maxLength: 4 }).map((clients) =>
    clients.flatMap(({ lastReturns, calls }, number) => {
      let now = 0
      return calls.map(({ pause, length, what }, index) => {
        const call = now + pause
        now = call + length
        if (index === calls.length - 1 && !lastReturns) return on<I, O>(number, call, NEVER, what.input, undefined)
        return on<I, O>(number, call, now, what.input, what.output)
      })
    }),
  )
}

/**
 * The definition, word for word: some order of the returned and of some other operations is legal and keeps real time.
 */
export function someOrder<S, I, O>(model: Model<S, I, O>, state: S, left: readonly Operation<I, O>[]): boolean {
  if (left.every((operation) => operation.return === NEVER)) return true
  return left.some((operation) => {
    if (left.some((other) => other.return < operation.call)) return false
    const next = model.step(state, operation.input, operation.output)
    return (
      next !== undefined
      && someOrder(
        model,
        next,
        left.filter((other) => other !== operation),
      )
    )
  })
}

function isLegal<S, I, O>(model: Model<S, I, O>, order: readonly Operation<I, O>[]): boolean {
  let state: S | undefined = model.initial()
  for (const { input, output } of order) state = state === undefined ? undefined : model.step(state, input, output)
  const keepsTime = order.every((operation, at) => order.slice(at).every((later) => !(later.return < operation.call)))
  return state !== undefined && keepsTime
}
