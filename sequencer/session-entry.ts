/**
 * The bytes of the entries that sessions live by: opened, resumed, ended, the sequencer's wall time, the table's copy,
 * the end of all where a log was restored.
 *
 *     open       | v | 1 | JSON {name, timeoutMs, ids, types, process, secretHash}          on {0, s}
 *     resume     | v | 5 | incarnation f64 | JSON as open                                   on {0, s}
 *     end        | v | 6 | incarnation f64 | epoch u32 | clean u8                           on {0, s}
 *     tick       | v | 7 | epoch u32 | wall f64                                             on {1}
 *     sessions   | v | 8 | as of f64 | part u16 | parts u16 | JSON [session, ...]           on {0}
 *     restored   | v | 10 | below f64 | cluster in UTF-8                                    on {0, s}
 *
 * Little endian, texts in UTF-8. Every reader judges an entry alike: what is malformed is no entry of sessions at all.
 * Fields of the JSON that this code does not know are passed over. Keeps: O5, O11. Read next: `session-table.ts`.
 */
import { array, integer, is, optional, refine, size, string, tuple, type } from 'superstruct'
import { ByteReader, ByteWriter } from '../log/bytes/bytes.ts'
import { SirtakiError } from '../log/errors.ts'

/** The first byte of each of these entries. */
export const ENTRY_VERSION = 2
/** Bounds of a timeout in an entry. What a program may ask for is narrower (`limits.sessionTimeoutMinMs`). */
export const SESSION_TIMEOUT_MS_MIN = 10
export const SESSION_TIMEOUT_MS_MAX = 9e12
const IDENTITIES_MAX = 64
const TYPES_MAX = 256
/** UTF-16 units of a name, and of what an identity is (which may be a distinguished name). */
const NAME_MAX = 256
const IDENTITY_MAX = 1_024

const kinds = { open: 1, resume: 5, end: 6, tick: 7, sessions: 8, restored: 10 } as const

/** Whom a session speaks for, such as ['digest', 'ann:...']. */
export type Identity = readonly [scheme: string, id: string]

/** What a session says of itself when it is opened or resumed. */
export interface SessionInfo {
  readonly name: string
  /** After so long without a heartbeat it ends. */
  readonly timeoutMs: number
  readonly ids: readonly Identity[]
  /** The types of objects that its process has code for. */
  readonly types: readonly (readonly [name: string, version: number])[]
  /** 16 hexadecimal digits, one of each view. */
  readonly process: string
  /** SHA-256 (hexadecimal) of the secret that a resume must know. */
  readonly secretHash?: string | undefined
}

/** A live session. */
export interface Session extends SessionInfo {
  /** The position of its opening: its name for ever. */
  readonly session: number
  /** The position of its opening or latest resume: what its ops and heartbeats name. */
  readonly incarnation: number
  /** The stream of the one space that it belongs to. */
  readonly space: number
}

/** A part of a copy of the table, as of (exclusive) a position. */
export interface SessionsPart {
  readonly asOf: number
  readonly part: number
  readonly parts: number
  readonly sessions: readonly Session[]
}

/** A decoded entry. `epoch` 0: not by a sequencer, but by the session's owner (end) or anybody (tick). */
export type SessionEntry =
  | { readonly kind: 'open'; readonly info: SessionInfo }
  | { readonly kind: 'resume'; readonly incarnation: number; readonly info: SessionInfo }
  | { readonly kind: 'end'; readonly incarnation: number; readonly epoch: number; readonly clean: boolean }
  | { readonly kind: 'tick'; readonly epoch: number; readonly wall: number }
  | ({ readonly kind: 'sessions' } & SessionsPart)
  /** This log goes on with what `cluster` had below a position: none of its sessions has come along. */
  | { readonly kind: 'restored'; readonly cluster: string; readonly below: number }

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Encodes the opening of a session. @throws SirtakiError `BAD_ARGUMENT` for what no reader would take for one. */
export const encodeOpen = (info: SessionInfo): Uint8Array => headOf(kinds.open).raw(infoBytes(info)).done()

/** Encodes that another process takes a session over. @throws as `encodeOpen`. */
export const encodeResume = (incarnation: number, info: SessionInfo): Uint8Array =>
  headOf(kinds.resume).f64(incarnation).raw(infoBytes(info)).done()

/** Encodes the end of a session; `epoch` is that of the sequencer which decides it, 0 of its owner. */
export const encodeEnd = (incarnation: number, epoch: number, clean: boolean): Uint8Array =>
  headOf(kinds.end).f64(incarnation).u32(epoch).u8(Number(clean)).done()

/** Encodes that time passes; `wall` in whole milliseconds since 1970 counts in an entry of `epoch` only. */
export const encodeTick = (epoch: number, wall: number): Uint8Array => headOf(kinds.tick).u32(epoch).f64(wall).done()

/** Encodes a part of the table: below `asOf` everything is in it. */
export const encodeSessions = ({ asOf, part, parts, sessions }: SessionsPart): Uint8Array =>
  headOf(kinds.sessions)
    .f64(asOf)
    .u16(part)
    .u16(parts)
    .raw(encoder.encode(JSON.stringify(sessions.map(plainSession))))
    .done()

/** Encodes that this log goes on with the state that another cluster had below a position. */
export const encodeRestored = (cluster: string, below: number): Uint8Array =>
  headOf(kinds.restored).f64(below).raw(encoder.encode(cluster)).done()

/** Decodes a payload; `undefined` when it is no well-formed entry of sessions. No bytes make it throw. */
export function readSessionEntry(payload: Uint8Array): SessionEntry | undefined {
  if (payload[0] !== ENTRY_VERSION) return undefined
  try {
    return read(new ByteReader(payload))
  } catch (thrown) {
    // A machine that is exhausted says nothing of the bytes, and another one would judge them otherwise.
    if (thrown instanceof RangeError) throw thrown
    return undefined
  }
}

const headOf = (kind: number): ByteWriter => new ByteWriter(32).u8(ENTRY_VERSION).u8(kind)

function infoBytes(info: SessionInfo): Uint8Array {
  const plain = plainInfo(info)
  if (!is(plain, Info)) {
    throw new SirtakiError('BAD_ARGUMENT', `a session cannot be opened as ${JSON.stringify(plain).slice(0, 200)}`)
  }
  return encoder.encode(JSON.stringify(plain))
}

function read(reader: ByteReader): SessionEntry | undefined {
  reader.take(1)
  switch (reader.u8()) {
    case kinds.open: {
      const info = readJson(reader)
      return is(info, Info) ? { kind: 'open', info: plainInfo(info) } : undefined
    }
    case kinds.resume: {
      const incarnation = reader.integer()
      const info = readJson(reader)
      return is(info, Info) ? { kind: 'resume', incarnation, info: plainInfo(info) } : undefined
    }
    case kinds.end: {
      const [incarnation, epoch, clean] = [reader.integer(), reader.u32(), reader.u8()]
      reader.end()
      return clean > 1 ? undefined : { kind: 'end', incarnation, epoch, clean: clean === 1 }
    }
    case kinds.tick: {
      const [epoch, wall] = [reader.u32(), reader.integer()]
      reader.end()
      return { kind: 'tick', epoch, wall }
    }
    case kinds.sessions: {
      const [asOf, part, parts] = [reader.integer(), reader.u16(), reader.u16()]
      const sessions = readJson(reader)
      if (part >= parts || !is(sessions, Sessions)) return undefined
      return { kind: 'sessions', asOf, part, parts, sessions: sessions.map(plainSession) }
    }
    case kinds.restored: {
      const below = reader.integer()
      const cluster = decoder.decode(reader.raw(reader.left))
      return cluster.length > NAME_MAX ? undefined : { kind: 'restored', cluster, below }
    }
    default:
      return undefined
  }
}

const readJson = (reader: ByteReader): unknown => JSON.parse(decoder.decode(reader.raw(reader.left)))

/** Only what is known: the same fields in the same order, so that equal sessions are equal bytes. */
const plainInfo = ({ name, timeoutMs, ids, types, process, secretHash }: SessionInfo): SessionInfo => ({
  name,
  timeoutMs,
  ids,
  types,
  process,
  ...(secretHash === undefined ? {} : { secretHash }),
})
const plainSession = ({ session, incarnation, space, ...info }: Session): Session => ({
  session,
  incarnation,
  space,
  ...plainInfo(info),
})

/** Checks stand here by hand where superstruct's own would make a message of each. */
const checked = (name: string, test: (value: string) => boolean) => refine(string(), name, test)
const textTo = (most: number) => checked('text', (value) => value.length <= most && value.isWellFormed())
const hexOf = (digits: number) => checked('hex', (value) => value.length === digits && /^[0-9a-f]*$/.test(value))
const within = (least: number, most: number) =>
  refine(integer(), 'range', (value) => value >= least && value <= most && !Object.is(value, -0))

const info = {
  name: textTo(NAME_MAX),
  timeoutMs: within(SESSION_TIMEOUT_MS_MIN, SESSION_TIMEOUT_MS_MAX),
  ids: size(array(tuple([textTo(NAME_MAX), textTo(IDENTITY_MAX)])), 0, IDENTITIES_MAX),
  types: size(array(tuple([textTo(NAME_MAX), within(0, 2 ** 32 - 1)])), 0, TYPES_MAX),
  process: hexOf(16),
  secretHash: optional(hexOf(64)),
}
const Info = type(info)
const position = within(0, Number.MAX_SAFE_INTEGER)
const Sessions = array(type({ ...info, session: position, incarnation: position, space: within(1, 2 ** 32 - 1) }))
