/**
 * Control messages: rare, JSON, checked once with superstruct where they arrive.
 *
 * Fields that are not known are passed over: a newer end may say more. Whoever needs a field understood asks for the
 * version first (`version.ts`). Layouts, ranks and what acceptors accept stay strict: ends that understand them
 * differently would not agree on the same thing, and they are kept on disks that a strict reader opens again.
 *
 * Owns: their structs and codec. Read next: `rpc.ts`; `../unit/server.ts` and `../../sequencer/server.ts` answer them.
 */
import {
  array,
  boolean,
  integer,
  min,
  nullable,
  object,
  optional,
  record,
  string,
  any,
  type,
  type Infer,
  type Struct,
} from 'superstruct'
import { SirtakiError, asError, codes, isCode, type Code, type Next } from '../errors.ts'
import { LayoutStruct, whole } from '../layout.ts'
import { Versions } from './version.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Ranks of proposals: a round, then the proposer's name, so that no two are equal (P21). */
export const Rank = object({ round: whole, proposer: string() })
export type Rank = Infer<typeof Rank>
/** Orders ranks. */
export const compareRanks = (a: Rank, b: Rank): number =>
  a.round - b.round || (a.proposer < b.proposer ? -1 : Number(a.proposer > b.proposer))

/** What an acceptor has accepted in a slot. */
export const Accepted = object({ rank: Rank, layout: LayoutStruct })
export type Accepted = Infer<typeof Accepted>

export const Hello = type({ cluster: nullable(string()), name: string(), versions: optional(Versions) })
/** `version`: the one that both ends speak from here on. */
export const Welcome = type({ cluster: nullable(string()), layout: nullable(LayoutStruct), version: optional(whole) })
export const LayoutAnswer = type({ layout: nullable(LayoutStruct) })
/**
 * Who answers at an address. `role`: blank, recovering, serving, sealed, stopped; ready, waiting for a sequencer.
 * `damaged`: positions of its own whose bytes it has found to be others, some of them where there are many.
 */
export const Identity = type({
  kind: string(),
  identity: string(),
  acceptor: string(),
  boot: string(),
  role: string(),
  cluster: nullable(string()),
  epoch: whole,
  opened: whole,
  sealed: whole,
  slot: whole,
  initialised: boolean(),
  damaged: optional(array(whole)),
})
export type Identity = Infer<typeof Identity>
export const Seal = type({ cluster: string(), slot: whole })
/**
 * Positions: `highest` held (-1: nothing), `prefix` lowest undecided of its own, `heldTo` lowest empty of them.
 * `salvaged`: rows were left out at its start.
 */
export const Sealed = type({
  identity: string(),
  boot: string(),
  installed: whole,
  role: string(),
  highest: integer(),
  trim: whole,
  prefix: whole,
  heldTo: whole,
  logTime: whole,
  salvaged: optional(boolean()),
})
export type Sealed = Infer<typeof Sealed>
export const Install = type({ layout: LayoutStruct })
export const DecidedBelow = type({ epoch: whole, tail: whole })
/**
 * The positions of class `index` of `step` in [from, to): of `digest` and `copy`. Of copies, `any`: also what is not
 * decided; `ranges`: decided junk as ranges, for a reader of version 2. Of digests, `sound`: without what is damaged,
 * of bytes that were read back; `decided`: of what is decided there; `among`: of the positions that these bits name.
 */
export const ClassRange = type({
  from: whole,
  to: whole,
  index: whole,
  step: min(integer(), 1),
  any: optional(boolean()),
  ranges: optional(boolean()),
  sound: optional(boolean()),
  decided: optional(boolean()),
  among: optional(string()),
})
/**
 * Of what lies at or above the unit's trim mark. `read`, where `sound` was asked for: all of its bytes were read back.
 * `decided`: bits of the positions summed up, of [`from`, `to`), where these were asked for; a unit of the version
 * before says nothing of them.
 */
export const DigestAnswer = type({
  count: whole,
  sum: whole,
  trim: whole,
  read: optional(boolean()),
  from: optional(whole),
  to: optional(whole),
  decided: optional(string()),
})
export type DigestAnswer = Infer<typeof DigestAnswer>
/**
 * `acceptor`: who is asked, by its identity, for at its address another one may answer; not said in the version before.
 * `base`: the agreed layout that the proposal is built on.
 */
export const Prepare = type({
  cluster: string(),
  acceptor: optional(string()),
  slot: whole,
  rank: Rank,
  base: optional(LayoutStruct),
})
export const Promised = type({
  promised: boolean(),
  rank: nullable(Rank),
  accepted: nullable(Accepted),
  layout: nullable(LayoutStruct),
})
export type Promised = Infer<typeof Promised>
export const Accept = type({
  cluster: string(),
  acceptor: optional(string()),
  slot: whole,
  rank: Rank,
  layout: LayoutStruct,
})
export const AcceptedAnswer = type({ accepted: boolean(), rank: nullable(Rank) })
/** A driver asks for the turn at `slot`; its slowest step so far took `stepMs`; `urgent`: it would name a sequencer. */
export const AskTurn = type({
  cluster: string(),
  slot: whole,
  proposer: string(),
  stepMs: whole,
  urgent: optional(boolean()),
})
export type AskTurn = Infer<typeof AskTurn>
/** `by`: the driver whose turn it is, null when it is that of who has asked. */
export const TurnAnswer = type({ by: nullable(string()) })
export const TurnOver = type({ proposer: string() })
export const Trim = type({ epoch: whole, before: whole })
export const Bootstrap = type({ layout: LayoutStruct })
export const Junk = type({
  epoch: whole,
  first: boolean(),
  ranges: array(type({ from: whole, to: whole, step: whole })),
})
/** Positions at which the unit holds data instead. */
export const JunkAnswer = type({ data: array(whole), trim: whole })
export const Empty = type({})
const ErrorBody = type({ code: string(), message: string(), facts: optional(record(string(), any())), next: string() })

/**
 * Long messages carry layouts, the same few over and over: from so many characters on they are parsed once, and frozen.
 */
const LONG_CHARS = 512
const KNOWN_MAX = 64
const frozen = new Map<string, unknown>()

function parse(text: string): unknown {
  if (text.length < LONG_CHARS) return JSON.parse(text)
  const found = frozen.get(text)
  if (found !== undefined) return found
  const value: unknown = JSON.parse(text, (_key, one: unknown) => Object.freeze(one))
  if (frozen.size >= KNOWN_MAX) frozen.clear()
  frozen.set(text, value)
  return value
}

/** Encodes a control message. */
export const writeJson = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value))

/**
 * Reads a control message.
 *
 * @throws SirtakiError `BAD_FRAME` that names the field.
 */
export function readJson<T, S>(body: Uint8Array, struct: Struct<T, S>): T {
  let value: unknown
  try {
    value = parse(decoder.decode(body))
  } catch (cause) {
    throw new SirtakiError('BAD_FRAME', 'a control message is no JSON', { cause })
  }
  const [error, checked] = validate(value, struct)
  if (error !== undefined) {
    throw new SirtakiError('BAD_FRAME', `a control message is wrong: ${error.message}`, {
      facts: { path: error.path.join('.') },
    })
  }
  return checked
}

/** Superstruct throws where it puts a value into words that has no text, such as {"toString":[]}. */
function validate<T, S>(value: unknown, struct: Struct<T, S>): ReturnType<Struct<T, S>['validate']> {
  try {
    return struct.validate(value)
  } catch (cause) {
    throw new SirtakiError('BAD_FRAME', 'a control message has values that cannot even be printed', { cause })
  }
}

/** Encodes an error for the other end; a stack never travels. */
export function writeError(thrown: unknown): Uint8Array {
  const { code, message, facts, next } = asError(thrown)
  return writeJson({ code, message, facts, next })
}

const isNext = (text: string): text is Next =>
  text === 'refresh' || text === 'again' || text === 'unknown' || text === 'stop'

/** Codes of ours that say no more than what the caller may do. */
const plain: Readonly<Record<Next, Code>> = {
  refresh: 'NOT_READY',
  again: 'UNREACHABLE',
  unknown: 'TIMEOUT',
  stop: 'UNSUPPORTED',
}

/**
 * Reads an error that the other end sent. A code of a later version becomes one of ours with the same advice, and
 * `INVARIANT` of another process becomes `STOPPED`: a rule that does not hold there is no reason to stop here. Both
 * keep their code in the facts.
 */
export function readError(body: Uint8Array): SirtakiError {
  const { code, message, facts = {}, next } = readJson(body, ErrorBody)
  if (!isCode(code)) {
    const advice = isNext(next) ? next : 'again'
    return new SirtakiError(plain[advice], `${code}: ${message}`, { facts: { ...facts, code }, next: advice })
  }
  const known = isNext(next) ? next : codes[code]
  if (code === 'INVARIANT') return new SirtakiError('STOPPED', message, { facts: { ...facts, code }, next: known })
  return new SirtakiError(code, message, { facts, next: known })
}
