/**
 * One call of a session: what is asked, where it stands, and what its caller gets.
 *
 * Owns: how outcomes become results and errors (D6, D23). Read next: `session.ts`, `outcome.ts`.
 */
import type { Appended } from '../../log/client/batch.ts'
import type { Backoff } from '../../log/cluster/retry.ts'
import type { Entry } from '../../log/entry.ts'
import { SirtakiError } from '../../log/errors.ts'
import type { Claim } from './entry.ts'
import type { Settlement } from './journal.ts'
import type { Applied } from './outcome.ts'

/** What a call asks for: an op or a transaction, checked and encoded but for its number. */
export interface Request {
  /** For messages: `add of /hits`. */
  readonly what: string
  /** The object of a wait that may have to be taken back. */
  readonly object: string
  /** Whether it may wait for its outcome. */
  readonly waits: boolean
  /** Streams that its entry stands on besides that of the space. */
  readonly alsoOn?: readonly number[]
  /** Whether its process may end over it. */
  readonly background?: boolean | undefined
  /** Bytes of its entry. */
  readonly bytes: number
  encode(incarnation: number, number: number, claim?: Claim): Uint8Array
}

/** One call on its way: it is held, or its append is under way, or its entry waits to be played, or its op waits. */
export interface Call {
  readonly number: number
  readonly request: Request
  /** On the clock of the process; Infinity: none. */
  readonly deadline: number
  readonly signal: AbortSignal | undefined
  readonly resolve: (value: unknown) => void
  readonly reject: (error: SirtakiError) => void
  /** Its caller has got an error; what is appended from now on is an empty op. */
  abandoned: Backoff | undefined
  /** Waits for its turn among the held calls. */
  held: boolean
  payload: Uint8Array
  sending: Promise<Appended> | undefined
  /** Whether an entry of it was sent before the one at hand, and may count. */
  isTwice: boolean
  applied: Applied | undefined
  /** Of an op that waited. */
  settled: Settlement | undefined
  /** Ends what fails it by its deadline and its signal, while no append does. */
  disarm: (() => void) | undefined
}

const NO_BYTES = new Uint8Array(0)

/** What a call is made of beside its number and its request. */
export type Caller = Pick<Call, 'deadline' | 'signal' | 'resolve' | 'reject'>

/** A call that has a number and nothing else. */
export const newCall = (number: number, request: Request, { deadline, signal, resolve, reject }: Caller): Call => ({
  number,
  request,
  deadline,
  signal,
  resolve,
  reject,
  abandoned: undefined,
  held: false,
  payload: NO_BYTES,
  sending: undefined,
  isTwice: false,
  applied: undefined,
  settled: undefined,
  disarm: undefined,
})

/** Builds the entry that the log now holds, as far as playing it needs. */
export function entryOf({ position, epoch, logTime, streams, previous }: Appended, payload: Uint8Array): Entry {
  const links = streams.map((stream, i) => ({ stream, previous: previous[i] ?? { before: position } }))
  return { position, epoch, writer: 0, logTime, streams: links, payload, hash: 0, bytes: NO_BYTES }
}

/** Gives an op's result. @throws SirtakiError for every other outcome. */
export function resultOf({ applied, settled, request }: Call): unknown {
  if (settled !== undefined) {
    if (settled.kind === 'result') return settled.value
    throw refused(request.what, { ...settled, position: settled.op })
  }
  if (applied === undefined) throw new SirtakiError('INVARIANT', `${request.what} has no outcome`)
  const { position } = applied
  switch (applied.kind) {
    case 'result':
      return applied.value
    case 'rejected':
      throw refused(request.what, applied)
    case 'failed':
      throw new SirtakiError('APPLY_FAILED', `${request.what} failed at position ${position}; nothing of it stays`, {
        cause: applied.cause,
        facts: { position },
      })
    case 'opaque':
      throw new SirtakiError(
        'CODE_MISSING',
        `${request.what}: the object was made by code that this process does not have`,
        { facts: { position } },
      )
    case 'empty':
    case 'waiting':
      throw new SirtakiError('ABORTED', `${request.what} was given up`, { facts: { position }, next: 'again' })
    default:
      return applied satisfies never
  }
}

/** The error of a refusal: its code, and facts beside which `position` always says where. */
function refused(
  what: string,
  { code, next, facts, position }: Pick<Extract<Applied, { kind: 'rejected' }>, 'code' | 'next' | 'facts' | 'position'>,
): SirtakiError {
  const { reason } = facts
  const why = typeof reason === 'string' && code === 'REJECTED' ? reason : `${code}${factsText(facts)}`
  return new SirtakiError(code, `${what} was refused: ${why}`, { next, facts: { ...facts, position } })
}

function factsText(facts: Readonly<Record<string, unknown>>): string {
  const told = Object.entries(facts)
    .filter(([, value]) => typeof value === 'string' || typeof value === 'number')
    .map(([name, value]) => `${name} ${String(value)}`)
  return told.length === 0 ? '' : ` (${told.join(', ')})`.slice(0, 300)
}
