/**
 * What the functions of extensions use, from the entries of the past: calls, fuel, failures. Ops are some of them;
 * others run for deadlines, changes, and ops of other types.
 *
 * Read next: `../../objects/past/history.ts`, `../commands/extension-profile.ts`.
 */
import type { Step } from '../../objects/past/history.ts'
import { programOf } from '../../objects/runtime/programs.ts'
import { quantile } from '../job/progress.ts'

/** One function of an extension. */
export interface ProfiledRun {
  readonly extension: string
  readonly run: string
  readonly calls: number
  /** Of those that ran. */
  readonly fuelP50: number
  readonly fuelP99: number
  readonly fuelMax: number
  /** Refusals by code; of those that a program has chosen by that. */
  readonly failures: Readonly<Record<string, number>>
}

interface Counted {
  readonly extension: string
  readonly run: string
  readonly fuel: number[]
  calls: number
  readonly failures: Map<string, number>
}

/** Counts entry by entry. `extension`: only this one. */
export class Profile {
  readonly #extension: string | undefined
  readonly #runs = new Map<string, Counted>()

  constructor(extension?: string) {
    this.#extension = extension
  }

  add({ ops, played: { outcome, calls = [] } }: Pick<Step, 'ops' | 'played'>): void {
    for (const { extension, run, fuel, code } of calls) {
      const counted = this.#of(extension, run)
      counted.calls++
      counted.fuel.push(fuel)
      if (code !== undefined) noteFailure(counted, code)
    }
    // What was refused before it ran: it used nothing, and says nothing of what it would have used.
    const failed = failureOf(outcome)
    if (failed === undefined) return
    for (const [part, { type, op }] of ops.entries()) {
      const extension = programOf(type)
      if (extension === undefined || (failed.part ?? part) !== part) continue
      if (calls.some((call) => call.extension === extension && call.run === op)) continue
      const counted = this.#of(extension, op)
      counted.calls++
      noteFailure(counted, failed.code)
    }
  }

  /** All functions, in order of their names. */
  all(): ProfiledRun[] {
    const byName = [...this.#runs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, counted]) => counted)
    return byName
      .filter(({ extension }) => this.#extension === undefined || extension === this.#extension)
      .map(({ extension, run, calls, fuel, failures }) => ({
        extension,
        run,
        calls,
        fuelP50: quantile(fuel, 0.5),
        fuelP99: quantile(fuel, 0.99),
        fuelMax: quantile(fuel, 1),
        failures: Object.fromEntries([...failures].sort(([a], [b]) => (a < b ? -1 : 1))),
      }))
  }

  #of(extension: string, run: string): Counted {
    const name = `${extension} ${run}`
    const known = this.#runs.get(name)
    if (known !== undefined) return known
    const made: Counted = { extension, run, fuel: [], calls: 0, failures: new Map() }
    this.#runs.set(name, made)
    return made
  }
}

const noteFailure = ({ failures }: Counted, code: string): void => {
  failures.set(code, (failures.get(code) ?? 0) + 1)
}

type Outcome = Step['played']['outcome']

function failureOf(outcome: Outcome): { readonly code: string; readonly part?: number } | undefined {
  if (outcome.kind === 'failed') return { code: 'APPLY_FAILED' }
  if (outcome.kind !== 'rejected') return undefined
  const { code, facts } = outcome
  const { part, reason } = facts
  const told = code === 'REJECTED' && typeof reason === 'string' ? reason : code
  return typeof part === 'number' ? { code: told, part } : { code: told }
}
