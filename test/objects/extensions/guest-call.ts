/**
 * One call of a guest as the tests of the engine make it: what it is answered, and its outcome as a text.
 *
 * Portable: it runs in a browser too. Read next: `corpora.ts`.
 */
import type { CallOutcome, Host, Machine } from '../../../objects/extensions/engine/machine.ts'
import { asks } from '../../../objects/extensions/engine/prelude.ts'

const FUEL = 10_000_000

/** A host with records of its own, which ends calls by `reject` and `wait`. */
export function hostWith(records = new Map<string, unknown>()): Host {
  return {
    ask: (number, [first, second]) => {
      switch (asks.get(number)) {
        case 'get':
          return records.get(String(first))
        case 'set':
          records.set(String(first), second)
          return undefined
        case 'wall':
          return 1_700_000_000_000
        case 'ids':
          return [['digest', 'ann']]
        case 'order':
          return '0000000000000007'
        case 'reject':
        case 'wait':
          throw new Error(`${asks.get(number)} ${String(first)}`)
        default:
          return undefined
      }
    },
  }
}

/** One call of `run`. */
export const callOf = (machine: Machine, host = hostWith(), fuel = FUEL): CallOutcome =>
  callByName(machine, 'run', { host, fuel })

/** One call of a function by its name. */
export const callByName = (
  machine: Machine,
  name: string,
  { host = hostWith(), fuel = FUEL, input = null }: { host?: Host; fuel?: number; input?: unknown } = {},
): CallOutcome => machine.call(name, input, { host, fuel, position: 7, time: 1_000, session: 3 })

/** What an outcome is, as a text. */
export const textOf = (outcome: CallOutcome): string =>
  JSON.stringify(outcome.kind === 'stopped' ? { ...outcome, by: String(outcome.by) } : outcome)
