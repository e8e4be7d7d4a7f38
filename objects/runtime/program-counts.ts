/**
 * Calls of programs, and what they came to, as a view has played them: for people and for metrics.
 *
 * Read next: `programs.ts`, `view.ts`.
 */

/** One call of a program, whoever caused it. The same on every view. */
export interface ProgramCall {
  readonly extension: string
  /** The function: an op, a hook, one for changes or for ops of others. */
  readonly run: string
  readonly fuel: number
  /** What it had at most. */
  readonly limit: number
  /** What refused it; absent where it was not refused. */
  readonly code?: string | undefined
}

/** Calls of one program since the view began. */
export interface ProgramCount {
  readonly calls: number
  /** Calls that were refused, by code. */
  readonly refused: Readonly<Record<string, number>>
  readonly fuel: number
  readonly fuelMax: number
}

const NONE: ProgramCount = { calls: 0, refused: {}, fuel: 0, fuelMax: 0 }

interface Counted {
  calls: number
  fuel: number
  fuelMax: number
  readonly refused: Map<string, number>
}

/** Counts of all programs. */
export class ProgramCounts {
  readonly #counts = new Map<string, Counted>()

  add({ extension, fuel, code }: ProgramCall): void {
    let counted = this.#counts.get(extension)
    if (counted === undefined) {
      counted = { calls: 0, fuel: 0, fuelMax: 0, refused: new Map() }
      this.#counts.set(extension, counted)
    }
    counted.calls++
    counted.fuel += fuel
    if (fuel > counted.fuelMax) counted.fuelMax = fuel
    if (code !== undefined) counted.refused.set(code, (counted.refused.get(code) ?? 0) + 1)
  }

  of(extension: string): ProgramCount {
    const counted = this.#counts.get(extension)
    return counted === undefined ? NONE : { ...counted, refused: Object.fromEntries(counted.refused) }
  }
}
