/**
 * What a refused op throws: `ctx.reject`, and the rules of the runtime.
 *
 * Read next: `journal.ts` (it sticks to its step), `space.ts` (which makes the outcome of it).
 */
import type { Next } from '../../log/errors.ts'
import type { Input } from './values.ts'

/** A refusal: its code and its facts. No error: it has no stack, which would cost more than the op. */
export class Rejection {
  readonly code: string
  readonly facts: Readonly<Record<string, Input>>
  /** What a caller may do, where a type has said so that is not the one of the op. */
  next: Next | undefined

  constructor(code: string, facts: Readonly<Record<string, Input>> = {}) {
    this.code = code
    this.facts = facts
  }
}
