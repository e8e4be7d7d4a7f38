/**
 * The one error class of Sirtaki and the check of invariants.
 *
 * Owns: the list of codes and what a caller may do next. Read next: `limits.ts`, `ports.ts`.
 */

/**
 * What the caller may do: `refresh` fetch the layout and try again; `again` the same request is safe;
 * `unknown` it may have taken effect, read before repeating; `stop` repeating cannot help.
 */
export type Next = 'refresh' | 'again' | 'unknown' | 'stop'

/** Every stable error code with what the caller may do by default. */
export const codes = {
  ABORTED: 'unknown', BAD_ADDRESS: 'stop', BAD_ARGUMENT: 'stop', BAD_FRAME: 'stop', BAD_LAYOUT: 'stop', BOOT: 'refresh', CLOSED: 'unknown',
  CONFLICT: 'refresh', CODE_MISSING: 'stop', DAMAGED: 'stop', DIVERGED: 'stop', APPLY_FAILED: 'stop', EPOCH: 'refresh', FULL: 'again', INVARIANT: 'stop', IN_USE: 'stop',
  IO: 'stop', MISUSE: 'stop', NOT_BLANK: 'stop', NOT_MEMBER: 'refresh', NOT_READY: 'refresh', NOT_WHOLE: 'stop', OVERLOADED: 'again',
  OVERSIZE: 'stop', RECOVERING: 'refresh', REJECTED: 'stop', STOPPED: 'stop', TIMEOUT: 'unknown', TRIMMED: 'stop', UNREACHABLE: 'again', UNSUPPORTED: 'stop',
  WRONG_CHAIN: 'refresh', WRONG_CLUSTER: 'stop', WRONG_VERSION: 'stop', YOUNG: 'again',
} as const satisfies Record<string, Next>

/** A stable error code. */
export type Code = keyof typeof codes

/** Facts that go with an error: plain values, for people and for machines. */
export type Facts = Readonly<Record<string, unknown>>

/** What an error may be made with beside its code and message. */
export interface ErrorOptions { readonly cause?: unknown; readonly facts?: Facts; readonly next?: Next }

/** The only error that Sirtaki throws on purpose. */
export class SirtakiError extends Error {
  override readonly name = 'SirtakiError'
  readonly code: Code
  readonly next: Next
  readonly facts: Facts

  constructor(code: Code, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.next = options.next ?? codes[code]
    this.facts = options.facts ?? {}
  }

  /** The position that the error is about, where there is one. */
  get position(): number | undefined {
    return typeof this.facts['position'] === 'number' ? this.facts['position'] : undefined
  }
}

/** Tells whether `text` is one of our codes (errors that come over the wire are checked with it). */
export const isCode = (text: string): text is Code => Object.hasOwn(codes, text)

/** Narrows to a `SirtakiError`, of one of the codes where any are named. */
export const isError = (error: unknown, ...wanted: readonly Code[]): error is SirtakiError =>
  error instanceof SirtakiError && (wanted.length === 0 || wanted.includes(error.code))

/** Gives any thrown thing as a `SirtakiError`; what is none already becomes `code` with the thing as cause. */
export function asError(thrown: unknown, code: Code = 'INVARIANT'): SirtakiError {
  if (thrown instanceof SirtakiError) return thrown
  return new SirtakiError(code, thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown })
}

/**
 * Stops the part that calls it when a rule of INVARIANTS does not hold. Stays on in production: going on would spread
 * the damage, and only a part's last resort may catch it.
 *
 * @throws SirtakiError `INVARIANT` with the id of the rule.
 */
export function invariant(condition: boolean, id: string, facts: Facts = {}): asserts condition {
  if (!condition) throw new SirtakiError('INVARIANT', `invariant ${id} does not hold: ${JSON.stringify(facts)}`, { facts: { invariant: id, ...facts } })
}
