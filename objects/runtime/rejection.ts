/**
 * What a refused op throws: `ctx.reject`, and the rules of the runtime.
 *
 * Read next: `journal.ts` (it sticks to its step), `space.ts` (which makes the outcome of it).
 */
import type { Input } from './values.ts'

/** A refusal: its code and its facts. No error: it has no stack, which would cost more than the op. */
export class Rejection {
  readonly code: string
  readonly facts: Readonly<Record<string, Input>>

  constructor(code: string, facts: Readonly<Record<string, Input>> = {}) {
    this.code = code
    this.facts = facts
  }
}
