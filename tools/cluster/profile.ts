/**
 * What the ops of extensions use, from the entries of the past: calls, fuel, failures.
 *
 * The fuel of an entry is that of everything in it: all ops of a transaction, and programs that changes call. Read
 * next: `../../objects/past/history.ts`, `../commands/extension-profile.ts`.
 */
import type { Step } from '../../objects/past/history.ts'
import { programOf } from '../../objects/runtime/programs.ts'
import { REGISTRY_TYPE } from '../../objects/extensions/registered.ts'
import { quantile } from '../job/progress.ts'

/** One op of an extension. */
export interface ProfiledOp {
  readonly extension: string
  readonly op: string
  readonly calls: number
  /** Of them those whose entries had several ops: their fuel is that of all of these. */
  readonly joined: number
  /** Of those that ran. */
  readonly fuelP50: number
  readonly fuelP99: number
  readonly fuelMax: number
  /** Refusals by code; of those that a program has chosen by that. */
  readonly failures: Readonly<Record<string, number>>
}

interface Counted {
  readonly extension: string
  readonly op: string
  readonly fuel: number[]
  calls: number
  joined: number
  readonly failures: Map<string, number>
}

/** Counts entry by entry. `extension`: only the ops of this one. */
export class Profile {
  readonly #extension: string | undefined
  readonly #ops = new Map<string, Counted>()
  /** Entries without an op of an extension that used fuel: ops that were taken, changes, deadlines. */
  readonly others = { entries: 0, fuel: 0 }

  constructor(extension?: string) {
    this.#extension = extension
  }

  add({ ops, played: { outcome, fuel } }: Pick<Step, 'ops' | 'played'>): void {
    const programs = ops.flatMap(({ type, op }, part) => {
      const extension = programOf(type)
      return extension === undefined ? [] : [{ extension, op, part }]
    })
    if (programs.length === 0 && fuel > 0 && !ops.some(({ type }) => type === REGISTRY_TYPE)) {
      this.others.entries++
      this.others.fuel += fuel
    }
    if (!isCall(outcome.kind)) return
    const failed = failureOf(outcome)
    for (const { extension, op, part } of programs) {
      if (this.#extension !== undefined && extension !== this.#extension) continue
      const counted = this.#of(extension, op)
      counted.calls++
      if (ops.length > 1) counted.joined++
      // What was refused before it ran used nothing, and says nothing of what it would have used.
      if (fuel > 0) counted.fuel.push(fuel)
      // Of a transaction one part is refused, and takes the others with it.
      if (failed === undefined || (failed.part ?? part) !== part) continue
      counted.failures.set(failed.code, (counted.failures.get(failed.code) ?? 0) + 1)
    }
  }

  /** All ops, in order of their names. */
  all(): ProfiledOp[] {
    const byName = [...this.#ops].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, counted]) => counted)
    return byName.map(({ extension, op, calls, fuel, joined, failures }) => ({
      extension,
      op,
      calls,
      joined,
      fuelP50: quantile(fuel, 0.5),
      fuelP99: quantile(fuel, 0.99),
      fuelMax: quantile(fuel, 1),
      failures: Object.fromEntries([...failures].sort(([a], [b]) => (a < b ? -1 : 1))),
    }))
  }

  #of(extension: string, op: string): Counted {
    const name = `${extension} ${op}`
    const known = this.#ops.get(name)
    if (known !== undefined) return known
    const made: Counted = { extension, op, fuel: [], calls: 0, joined: 0, failures: new Map() }
    this.#ops.set(name, made)
    return made
  }
}

type Outcome = Step['played']['outcome']

/** Whether an op had its turn. */
const isCall = (kind: Outcome['kind']): boolean =>
  kind === 'result' || kind === 'waiting' || kind === 'rejected' || kind === 'failed'

function failureOf(outcome: Outcome): { readonly code: string; readonly part?: number } | undefined {
  if (outcome.kind === 'failed') return { code: 'APPLY_FAILED' }
  if (outcome.kind !== 'rejected') return undefined
  const { code, facts } = outcome
  const { part, reason } = facts
  const told = code === 'REJECTED' && typeof reason === 'string' ? reason : code
  return typeof part === 'number' ? { code: told, part } : { code: told }
}
