/**
 * Writes a skip: what never ends at a position is left out there, by everybody who has not played it yet.
 *
 *     position: is it an op of the object? ─ behind it: a claim, or a checkpoint, of there or later? ─ append on {2}
 *
 * Nothing is run here, so that the op cannot hang whoever skips it. A process with a state of that position or behind
 * it has run the op: where one has, a skip would make states differ (finding 28). Keeps: O3. Read next: `skips.ts`.
 */
import { requireCallOptions } from '../../log/cluster/arguments.ts'
import type { CallOptions } from '../../log/cluster/calls.ts'
import type { Entry } from '../../log/entry.ts'
import { SirtakiError } from '../../log/errors.ts'
import { noteOf } from './checkpoint-note.ts'
import { OpDecoder } from './entry.ts'
import { SKIP_STREAM, encodeSkip, type Skip } from './skip-entry.ts'
import type { SpaceLog } from './space-log.ts'

/** What is skipped, and how the call goes. */
export interface SkipOptions extends Skip, CallOptions {
  /**
   * What never ends is no op of that entry, but a deadline of the object, or what it does when a session ends: so the
   * entry may be anybody's.
   */
  readonly hook?: boolean | undefined
}

/**
 * Appends a skip for an object at a position of the space in `stream`; gives the position of the skip.
 *
 * @throws SirtakiError `BAD_ARGUMENT` where the entry at that position is no op of that object; `CONFLICT`, next
 *   `stop`, where somebody has passed it; `TIMEOUT`, `ABORTED`, `TRIMMED`; as any append.
 */
export async function appendSkip(log: SpaceLog, stream: number, options: SkipOptions): Promise<number> {
  const { position, object, hook = false } = options
  const payload = encodeSkip({ position, object })
  const { signal, timeoutMs = log.limits.requestMs } = requireCallOptions('skip', options)
  const deadline = log.clock.now() + timeoutMs
  const left = (): CallOptions => ({ signal, timeoutMs: Math.max(1, deadline - log.clock.now()) })
  const { tail } = await log.tail(stream, left())
  const found = await look(log, stream, { position, object, tail }, left())
  if (found.passed !== undefined) {
    throw new SirtakiError(
      'CONFLICT',
      `${object} at position ${position} cannot be skipped: a process has claimed its state of position `
        + `${found.passed}, or noted a checkpoint of it, so it has run the op`,
      { next: 'stop', facts: { position, object, claimed: found.passed } },
    )
  }
  if (found.isOp || (hook && found.isEntry)) {
    return (await log.append(payload, { streams: [SKIP_STREAM], ...left() })).position
  }
  throw new SirtakiError(
    'BAD_ARGUMENT',
    `position ${position} has no op of ${object}: the watchdog names the object and the position that hang`,
    { facts: { position, object } },
  )
}

interface Found {
  /** Whether there is an entry of the space at the position, and whether that is an op of the object. */
  readonly isEntry: boolean
  readonly isOp: boolean
  /** A position at or past it whose digest somebody has claimed, or that a checkpoint holds. */
  readonly passed: number | undefined
}

async function look(
  log: SpaceLog,
  stream: number,
  { position, object, tail }: Skip & { readonly tail: number },
  options: CallOptions,
): Promise<Found> {
  const decoder = new OpDecoder<never>()
  let found: Found = { isEntry: false, isOp: false, passed: undefined }
  const read = (entry: Entry): void => {
    const decoded = decoder.decode(entry.payload)
    if (entry.position === position) found = { ...found, isEntry: decoded.kind !== 'bad' }
    const note = noteOf(entry.payload, decoded)
    // A checkpoint holds what is below its position.
    if (note !== undefined && note.position > position) found = { ...found, passed: note.position - 1 }
    if (decoded.kind !== 'op' && decoded.kind !== 'transaction') return
    const parts = decoded.kind === 'op' ? [decoded.part] : decoded.parts
    if (entry.position === position) found = { ...found, isOp: parts.some((part) => part.object === object) }
    const { claim } = decoded
    if (claim !== undefined && claim.position >= position) found = { ...found, passed: claim.position }
  }
  let unread: unknown
  const player = log.play(
    stream,
    {
      deliver: (entries) => {
        try {
          for (const entry of entries) read(entry)
        } catch (thrown) {
          unread ??= thrown
        }
      },
      reached: () => undefined,
      failed: (error) => {
        unread ??= error
      },
    },
    position,
  )
  try {
    if (position < tail) await player.playTo(tail, options)
  } finally {
    player.close()
  }
  if (unread !== undefined) throw unread
  return found
}
