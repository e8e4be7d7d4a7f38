/**
 * What a unit's store keeps beside its rows: epochs and marks, as one text.
 *
 * Read next: `unit-state.ts`, `store.ts`.
 */
import { integer, nullable, object, type Infer } from 'superstruct'
import { SirtakiError } from '../errors.ts'
import { LayoutStruct, whole, type Layout } from '../layout.ts'

const Meta = object({
  version: integer(),
  layout: nullable(LayoutStruct),
  sealed: whole,
  opened: whole,
  trim: whole,
  prefix: whole,
  logTime: whole,
  highest: integer(),
})
export type UnitMeta = Infer<typeof Meta>

/** @throws SirtakiError `DAMAGED`. */
export function readMeta(text: string): UnitMeta {
  const [error, meta] = Meta.validate(JSON.parse(text))
  if (error === undefined) return meta
  throw new SirtakiError('DAMAGED', `the unit's meta makes no sense: ${error.message}`, { cause: error })
}

/** The text of a unit's epochs and marks. */
export function writeMeta(
  state: Omit<UnitMeta, 'version' | 'layout'> & { readonly layout: Layout | undefined },
): string {
  const { layout, sealed, opened, trim, prefix, logTime, highest } = state
  const marks = { sealed, opened, trim, prefix, logTime: Math.ceil(logTime), highest }
  return JSON.stringify({ version: 1, layout: layout ?? null, ...marks })
}
