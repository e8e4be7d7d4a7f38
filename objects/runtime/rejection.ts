/**
 * What a refused op throws: `ctx.reject`, and tables that are full.
 *
 * Read next: `space.ts`, which makes the outcome of it.
 */
import type { Value } from './values.ts'

/** A refusal with its facts. No error: it has no stack, which would cost more than the op. */
export class Rejection {
  readonly reason: string
  readonly facts: Readonly<Record<string, Value>>

  constructor(reason: string, facts: Readonly<Record<string, Value>>) {
    this.reason = reason
    this.facts = facts
  }
}
