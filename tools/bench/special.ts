/**
 * What a special row is: a story of its own, which tells figures. Read next: `specials.ts`.
 */
import type { Processes } from './processes.ts'

/** One figure of one row. */
export interface Figure {
  readonly name: string
  readonly system: 'sirtaki'
  readonly value: number
  readonly unit: string
  readonly note?: string
}

/** A size, scaled. */
export const scaled = ({ scale }: SpecialContext, size: number): number => Math.max(1, Math.round(size * scale))

/** What a special row may use. */
export interface SpecialContext {
  readonly processes: Processes
  readonly folder: string
  readonly rounds: number
  /** What sizes are multiplied with: less than 1 where only that a row runs is asked. */
  readonly scale: number
  progress(text: string): void
  tell(figure: Figure): void
}

/** A row that is a story of its own. */
export interface Special {
  readonly name: string
  run(context: SpecialContext): Promise<void>
}
