/**
 * Appends on their way: what one is, which go in one frame, and how a grant turns them into entries.
 *
 * Pure but for the fields of an append that are filled in on the way. Read next: `append.ts`.
 */
import { viewOf } from '../bytes/bytes.ts'
import { abortedBefore, timedOut } from '../cluster/calls.ts'
import type { Due } from '../cluster/deadlines.ts'
import type { Backoff } from '../cluster/retry.ts'
import { packPrevious, entryBytes, writeEntry, type Previous, type EntryHead } from '../entry.ts'
import { SirtakiError } from '../errors.ts'
import type { Layout, UnitMember } from '../layout.ts'
import type { Limits } from '../limits.ts'
import { FRAME_HEAD_BYTES } from '../wire/frame.ts'
import { STORE_HEAD_BYTES, type GrantBody, type TokenRun } from '../wire/messages.ts'

/** Where an append ended. `previous` belongs to the streams one by one. */
export interface Appended {
  readonly position: number
  readonly epoch: number
  readonly logTime: number
  readonly streams: readonly number[]
  readonly previous: readonly Previous[]
}

/** One append on its way. */
export interface Append extends Due<Append> {
  readonly payload: Uint8Array
  readonly streams: readonly number[]
  readonly since: number
  readonly signal: AbortSignal | undefined
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: SirtakiError) => void
  position: number
  hash: number
  previous: readonly number[]
  ended: boolean
  /** A token was asked for: what is granted is stored, so it may take effect. */
  sent: boolean
  /** What went wrong with it last. */
  trouble: SirtakiError | undefined
  /** Takes the listener off a signal that outlives the append. */
  unlisten: () => void
}

/** The appends of one frame: those of one grant that belong to one chain. */
export interface Batch {
  readonly layout: Layout
  readonly grant: GrantBody
  readonly units: readonly UnitMember[]
  readonly appends: readonly Append[]
  readonly frame: Uint8Array
  readonly grantedAt: number
  readonly again: Backoff
  left: number
  subscribed: boolean
  bad: Uint8Array | undefined
  failed: SirtakiError | undefined
}

/** The token request of a batch: one run for appends in a row with the same streams. */
export function runsOf(batch: readonly Append[]): TokenRun[] {
  const runs: { count: number; streams: readonly number[] }[] = []
  for (const { streams } of batch) {
    const last = runs.at(-1)
    if (last !== undefined && sameStreams(last.streams, streams)) last.count++
    else runs.push({ count: 1, streams })
  }
  return runs
}

const sameStreams = (a: readonly number[], b: readonly number[]): boolean =>
  a === b || (a.length === b.length && a.every((stream, i) => stream === b[i]))

/** The grant's pointers by stream, in order of first mention. */
export function firstPrevious(batch: readonly Append[], grant: GrantBody): Map<number, number> {
  const first = new Map<number, number>()
  for (const { streams } of batch) {
    for (const stream of streams) {
      if (!first.has(stream)) first.set(stream, grant.previous[first.size] ?? packPrevious({ before: grant.from }))
    }
  }
  if (first.size !== grant.previous.length) {
    throw new SirtakiError('BAD_FRAME', `a grant with ${grant.previous.length} pointers for ${first.size} streams`)
  }
  return first
}

/**
 * Writes the entries of one frame into one buffer, behind room for the heads of frame and message. Notes the hash of
 * each.
 */
export function encodeEntries(seed: number, grant: GrantBody, appends: readonly Append[], writer: number): Uint8Array {
  let length = FRAME_HEAD_BYTES + STORE_HEAD_BYTES
  for (const { streams, payload } of appends) length += entryBytes(streams.length, payload.byteLength)
  const bytes = new Uint8Array(length)
  const view = viewOf(bytes)
  let at = FRAME_HEAD_BYTES + STORE_HEAD_BYTES
  for (const append of appends) {
    append.hash = writeEntry(bytes, view, at, seed, headOf(append, grant, writer), append.payload)
    at += entryBytes(append.streams.length, append.payload.byteLength)
  }
  return bytes
}

/** Joins the answers of two units: an entry that one of them has not stored is not stored. */
export function mergeStatuses(known: Uint8Array | undefined, statuses: Uint8Array): Uint8Array {
  const out = known ?? new Uint8Array(statuses.byteLength)
  statuses.forEach((status, i) => {
    if (status !== 0) out[i] = status
  })
  return out
}

/** The head of the entry that an append became. */
export const headOf = (
  { position, streams, previous }: Append,
  { epoch, logTime }: GrantBody,
  writer: number,
): EntryHead => ({ position, epoch, writer, logTime, streams, previous })

/** Why a payload, or its streams, can never be appended; found before a token is taken (P20). */
export function refusalOf(
  payload: Uint8Array,
  streams: readonly number[],
  { entryBytesMax, streamsMax }: Limits,
): SirtakiError | undefined {
  const bytes = payload.byteLength
  if (bytes > entryBytesMax) {
    const what = `an entry of ${bytes} bytes, at most ${entryBytesMax} are allowed`
    return new SirtakiError('OVERSIZE', `${what}: keep large values in blobs`, { facts: { bytes, entryBytesMax } })
  }
  if (streams.length > streamsMax) {
    const what = `an entry on ${streams.length} streams, at most ${streamsMax} are allowed`
    return new SirtakiError('BAD_ARGUMENT', what)
  }
  const odd = streams.find(
    (stream, i) => !Number.isInteger(stream) || stream < 0 || stream > 0xffff_ffff || streams.indexOf(stream) !== i,
  )
  if (odd === undefined) return undefined
  return new SirtakiError('BAD_ARGUMENT', `stream ${odd} is named twice or is no integer from 0 to 4294967295`)
}

/** The error of an append that its signal has ended. */
export const abortedAppend = ({ sent }: Append, signal: AbortSignal): SirtakiError =>
  sent
    ? new SirtakiError('ABORTED', 'append was aborted; it may still take effect', {
        cause: signal.reason,
        next: 'unknown',
      })
    : abortedBefore('append', signal)

/** What a client knows when an append is late. */
interface Late {
  readonly now: number
  /** Who owes an answer. */
  readonly waitsFor: string | undefined
  /** Why the last token request failed. */
  readonly trouble: SirtakiError | undefined
}

/** The error of an append whose time is over. */
export function lateAppend(append: Append, { now, waitsFor, trouble }: Late): SirtakiError {
  const { sent, position } = append
  const waits = sent ? 'append: a token was asked for, but it' : 'append: no token was granted, and it'
  return timedOut({
    what: sent && position >= 0 ? `append at position ${position}` : waits,
    afterMs: now - append.since,
    next: sent ? 'unknown' : 'again',
    waitsFor,
    trouble: append.trouble ?? trouble,
    facts: position < 0 ? undefined : { position },
  })
}
