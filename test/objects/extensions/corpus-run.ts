/**
 * Runs the corpus in the engine of this host and gives what all of it came to, as one line: `node corpus-run.ts`.
 *
 * Each program is a call of its own extension. Read next: `corpus.ts`, `engine.test.ts`.
 */
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import { sha256 } from '../../../log/bytes/hash.ts'
import { compileEngine, type Engine } from '../../../objects/extensions/engine/compile.ts'
import { Machines } from '../../../objects/extensions/engine/machines.ts'
import { Machine, type CallOutcome, type Host } from '../../../objects/extensions/engine/machine.ts'
import { asks } from '../../../objects/extensions/engine/prelude.ts'
import { readEngineFile } from '../../../objects/io/engine-file.ts'
import { long, odd } from './corpus.ts'

const FUEL = 10_000_000
export const engine: Engine = compileEngine(readEngineFile())
/** Fewer seats than programs: they take turns. */
export const machines = new Machines(engine, { seatsMax: 3 })

/** A program by its body. @throws Error where it does not load. */
export function machineOf(body: string): Machine {
  const machine = machines.load(`({ run(ctx, input) { ${body} } })`)
  if (machine instanceof Machine) return machine
  throw new Error(JSON.stringify(machine.outcome))
}

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

/** One call. */
export const callOf = (machine: Machine, host = hostWith(), fuel = FUEL): CallOutcome =>
  machine.call('run', null, { host, fuel, position: 7, time: 1_000, session: 3 })

/** What an outcome is, as a text. */
export const textOf = (outcome: CallOutcome): string =>
  JSON.stringify(outcome.kind === 'stopped' ? { ...outcome, by: String(outcome.by) } : outcome)

/** Everything, three times each; what differs is said. */
export function runAll(): { readonly hash: string; readonly problems: readonly string[] } {
  const problems: string[] = []
  const lines: string[] = []
  for (const body of [...long, ...odd]) {
    const machine = machineOf(body)
    const all = [1, 2, 3].map(() => textOf(callOf(machine)))
    machine.restore()
    if (!machine.isRestored()) problems.push(`left something behind: ${body}`)
    if (new Set(all).size > 1) problems.push(`came to ${all.join(' and ')}: ${body}`)
    lines.push(`${machine.hash} ${all[0]}`)
  }
  return { hash: sha256(new TextEncoder().encode(lines.join('\n'))), problems }
}

if (fileURLToPath(import.meta.url) === argv[1]) console.log(JSON.stringify(runAll()))
