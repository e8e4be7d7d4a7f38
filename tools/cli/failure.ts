/**
 * What a command ends with: one line on stderr and an exit code, never a stack. With --json the line is a JSON object.
 *
 *     0 ok  1 failed  2 usage  3 cannot reach  4 not found or trimmed  5 conflict or lost  6 corrupt  130 interrupted
 *
 * Read next: `../main.ts`.
 */
import { SirtakiError, asError, codes, type AnyCode, type Code, type Facts, type Next } from '../../log/errors.ts'

/** Exit codes by name. */
export const exits = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  notFound: 4,
  conflict: 5,
  corrupt: 6,
  interrupted: 130,
} as const

const byCode: Partial<Record<Code | RefusalCode, number>> = {
  BAD_ARGUMENT: exits.usage,
  BAD_ARGUMENTS: exits.usage,
  INVALID_ACL: exits.usage,
  BAD_ADDRESS: exits.usage,
  OVERSIZE: exits.usage,
  UNSUPPORTED: exits.usage,
  UNREACHABLE: exits.unreachable,
  TIMEOUT: exits.unreachable,
  NOT_READY: exits.unreachable,
  OVERLOADED: exits.unreachable,
  BAD_FRAME: exits.unreachable,
  WRONG_VERSION: exits.unreachable,
  RECOVERING: exits.unreachable,
  STOPPED: exits.unreachable,
  MISSING: exits.notFound,
  NO_BLOBS: exits.notFound,
  NO_NODE: exits.notFound,
  NOT_REGISTERED: exits.notFound,
  TRIMMED: exits.notFound,
  BAD_VERSION: exits.conflict,
  BOOT: exits.conflict,
  ALREADY_HELD: exits.conflict,
  CONFLICT: exits.conflict,
  EPOCH: exits.conflict,
  EXISTS: exits.conflict,
  EXTENSION_DIFFERS: exits.conflict,
  HELD: exits.conflict,
  IN_USE: exits.conflict,
  MISMATCH: exits.conflict,
  NEEDED: exits.conflict,
  NODE_EXISTS: exits.conflict,
  NOT_BLANK: exits.conflict,
  NOT_EMPTY: exits.conflict,
  NOT_HELD: exits.conflict,
  NOT_MEMBER: exits.conflict,
  NOT_WHOLE: exits.conflict,
  NO_CHILDREN_FOR_EPHEMERALS: exits.conflict,
  OTHER_STORE: exits.conflict,
  SESSION_LOST: exits.conflict,
  SESSION_MOVED: exits.conflict,
  WRONG_CLUSTER: exits.conflict,
  WRONG_TYPE: exits.conflict,
  DAMAGED: exits.corrupt,
  DIVERGED: exits.corrupt,
  INVARIANT: exits.corrupt,
  BAD_LAYOUT: exits.corrupt,
  ABORTED: exits.interrupted,
}

/** Refusals of objects that have an exit code of their own. */
type RefusalCode =
  | 'ALREADY_HELD'
  | 'BAD_ARGUMENTS'
  | 'BAD_VERSION'
  | 'EXISTS'
  | 'HELD'
  | 'INVALID_ACL'
  | 'MISMATCH'
  | 'MISSING'
  | 'NEEDED'
  | 'NO_CHILDREN_FOR_EPHEMERALS'
  | 'NO_NODE'
  | 'NODE_EXISTS'
  | 'NOT_HELD'
  | 'OTHER_STORE'

/** What a failure is called where it is no error of the cluster. */
const byExit = new Map<number, Code>([
  [exits.usage, 'BAD_ARGUMENT'],
  [exits.unreachable, 'UNREACHABLE'],
  [exits.conflict, 'CONFLICT'],
  [exits.corrupt, 'DAMAGED'],
  [exits.interrupted, 'ABORTED'],
])

/** What is known of a failure beside its message; `code` and `next` are null where nothing is called so. */
export interface FailureFacts {
  readonly code: AnyCode | null
  readonly next: Next | null
  readonly facts: Facts
}

/** An end that is no error of the cluster: a value of its own exit code, told in one line. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exit: number
  readonly known: FailureFacts

  constructor(exit: number, message: string, known?: FailureFacts) {
    super(message)
    this.exit = exit
    const code = byExit.get(exit)
    this.known = known ?? { code: code ?? null, next: code === undefined ? null : codes[code], facts: {} }
  }
}

const exitCodes: ReadonlyMap<string, number> = new Map(Object.entries(byCode))

/** The exit code of a command that ends with an error of this code. */
export const exitOf = (code: AnyCode): number => exitCodes.get(code) ?? exits.failed

/** Tells how a command that threw ends. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown
  const { code, next, facts, message } = asError(thrown, 'IO')
  if (!(thrown instanceof SirtakiError)) return new Failure(exits.failed, oneLine(message), { code, next, facts })
  return new Failure(exitOf(code), `${oneLine(message)} [${code}]`, { code, next, facts })
}

/**
 * A failure as one line of stderr, for people or as JSON `{code, message, next, facts, exit}`; '' without a message.
 */
export function failureText({ exit, message, known }: Failure, json: boolean): string {
  if (message === '') return ''
  if (!json) return `sirtaki: ${message}\n`
  const { code, next, facts } = known
  return `${JSON.stringify({ code, message: message.replace(` [${code}]`, ''), next, facts, exit })}\n`
}

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' ').trim()
