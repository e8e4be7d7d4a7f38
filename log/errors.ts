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
  /** The call was given up by its signal before it had ended. */
  ABORTED: 'unknown',
  /** The op threw while it was applied; nothing of it stays. */
  APPLY_FAILED: 'stop',
  /** The address cannot be dialled or listened at; the message names what was expected. */
  BAD_ADDRESS: 'stop',
  /** The call was refused before anything was sent; the message names the value and what is allowed. */
  BAD_ARGUMENT: 'stop',
  /** The source of an extension is no program; the message says where and why. */
  BAD_SOURCE: 'stop',
  /** Bytes came in that are no message of ours. */
  BAD_FRAME: 'stop',
  /** A layout makes no sense, or cannot be made as wanted. */
  BAD_LAYOUT: 'stop',
  /** The blob store refused: keys of access, rights, bucket or region. */
  BLOBS_REFUSED: 'stop',
  /** The layout names another start of that process. */
  BOOT: 'refresh',
  /** The client, session or handle was closed while the call was under way. */
  CLOSED: 'unknown',
  /** The object was made by a type that this process does not know. */
  CODE_MISSING: 'stop',
  /** Another driver opened, or opens, another epoch. */
  CONFLICT: 'refresh',
  /** Stored bytes fail their checksum. */
  DAMAGED: 'stop',
  /** The data of a node are not what the codec of the handle reads. */
  DATA_UNREADABLE: 'stop',
  /** Two clients played the same log to different states. */
  DIVERGED: 'stop',
  /** The message belongs to another epoch than the server. */
  EPOCH: 'refresh',
  /** An extension of that name and version is registered, with another source. */
  EXTENSION_DIFFERS: 'stop',
  /** The extension does not run: its facts say why, and since which position. */
  EXTENSION_DISABLED: 'stop',
  /** A program exceeded a bound: fuel, depth, memory, a value or a count. Nothing of its step stays. */
  EXTENSION_LIMIT: 'stop',
  /** A program threw; `text` among the facts is its own. Nothing of its step stays. */
  EXTENSION_THREW: 'stop',
  /** The engine gave a program up: it is disabled from there on. */
  EXTENSION_TRAP: 'stop',
  /** The disk of a unit is nearly full: appends are refused, everything else goes on. */
  FULL: 'again',
  /** A rule that must always hold does not: the part has stopped. */
  INVARIANT: 'stop',
  /** The idempotency key was used for another op, or for one whose result was not kept. */
  KEY_REUSED: 'stop',
  /** Somebody else has the address, the folder or the place of the sequencer. */
  IN_USE: 'stop',
  /** The disk or the system refused. */
  IO: 'stop',
  /** Two calls of the program contradict each other. */
  MISUSE: 'stop',
  /** A program called an op of another program. */
  NESTED: 'stop',
  /** The session has not agreed to this source of the extension: open it anew. */
  NOT_ACKNOWLEDGED: 'stop',
  /** An op that is not declared to wait answered that it does, or what a program called would wait. */
  NOT_A_WAIT: 'stop',
  /** Another version of the object's type is active. */
  NOT_ACTIVE: 'stop',
  /** A transaction calls an extension beside a type whose code other processes may not have. */
  NOT_PORTABLE: 'stop',
  /** The beginning of the log was trimmed, and this client was given no blob store, or another one. */
  NO_BLOBS: 'stop',
  /** The unit belongs to a cluster already. */
  NOT_BLANK: 'stop',
  /** The object is in use: it has holders, waits or taken items. */
  NOT_EMPTY: 'stop',
  /** A program reached for a path that its extension does not use. */
  NOT_IN_USES: 'stop',
  /** No extension of that name is registered. */
  NOT_REGISTERED: 'stop',
  /** The layout does not name that unit. */
  NOT_MEMBER: 'refresh',
  /** The server belongs to no cluster yet, or no sequencer is named. */
  NOT_READY: 'refresh',
  /** A unit lacks what its chain knows decided. */
  NOT_WHOLE: 'stop',
  /** A newer version of the object's type is active than this process has code for. */
  OLD_CODE: 'stop',
  /** A queue or the window is full; nothing was sent. */
  OVERLOADED: 'again',
  /** An entry, an op or a frame is larger than allowed. */
  OVERSIZE: 'stop',
  /** The unit was restarted and waits for the epoch that names it. */
  RECOVERING: 'refresh',
  /** The object refused the op; `reason` and its facts are in `facts`. */
  REJECTED: 'stop',
  /** The session has ended, or this process could not confirm it in time: what it held is not its own any more. */
  SESSION_LOST: 'unknown',
  /** The session goes on in another process. */
  SESSION_MOVED: 'again',
  /** Nothing is run for that object at that position: an operator has said so. */
  SKIPPED: 'stop',
  /** The part that was asked has stopped and will not go on. */
  STOPPED: 'stop',
  /** No answer came before the deadline. */
  TIMEOUT: 'unknown',
  /** A bound of the space is reached: records, objects, sessions, waits, or what one session owns. */
  TOO_MANY: 'stop',
  /** The position, or the beginning of the stream, was dropped for good. */
  TRIMMED: 'stop',
  /** Nobody answers at the address, or the connection broke. */
  UNREACHABLE: 'again',
  /** This version cannot do that. */
  UNSUPPORTED: 'stop',
  /** An op that may wait stands in a transaction. */
  WAIT_IN_TRANSACTION: 'stop',
  /** The message is meant for another chain, or another place in it, than the unit has. */
  WRONG_CHAIN: 'refresh',
  /** The server or the folder belongs to another cluster. */
  WRONG_CLUSTER: 'stop',
  /** The path has an object of another type. */
  WRONG_TYPE: 'stop',
  /** The two ends speak different versions of the protocol. */
  WRONG_VERSION: 'stop',
  /** Positions below are not decided yet. */
  YOUNG: 'again',
} as const satisfies Record<string, Next>

/** A stable error code of ours. */
export type Code = keyof typeof codes

/** Any error code: ours, or one that a type of objects refuses with. */
export type AnyCode = Code | (string & NonNullable<unknown>)

/** Facts that go with an error: plain values, for people and for machines. */
export type Facts = Readonly<Record<string, unknown>>

/** What an error may be made with beside its code and message. */
export interface ErrorOptions {
  /** What was thrown below. */
  readonly cause?: unknown
  /** Values of the message, for programs. */
  readonly facts?: Facts
  /** Where it is not the code's own. */
  readonly next?: Next
}

/** The only error that Sirtaki throws on purpose. */
export class SirtakiError extends Error {
  override readonly name = 'SirtakiError'
  readonly code: AnyCode
  readonly next: Next
  readonly facts: Facts

  constructor(code: AnyCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.next = options.next ?? (isCode(code) ? codes[code] : 'stop')
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
export const isError = (error: unknown, ...wanted: readonly AnyCode[]): error is SirtakiError =>
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
  if (!condition) {
    throw new SirtakiError('INVARIANT', `invariant ${id} does not hold: ${JSON.stringify(facts)}`, {
      facts: { invariant: id, ...facts },
    })
  }
}
