/**
 * Makes a written checkpoint known: first a copy of the sessions as of its position, then the note that names it.
 *
 *     manifest read back ─ sessions {0} ... ─ checkpointed {1, 2, 3} ─▶ from here on a trim may rely on it
 *
 * The note stands on the stream of the skips too: whoever follows that, on which nothing else happens for months, is
 * always above what a trim may take. In this order: whoever sees the note knows that a sequencer that starts behind a
 * trim below it finds the sessions. Keeps: C1, C2, O5, P27. Read next: `type.ts`, `checkpointer.ts`,
 * `../../sequencer/session-copies.ts`.
 */
import type { CallOptions } from '../../log/cluster/calls.ts'
import { encodeSessions, type Session } from '../../sequencer/session-entry.ts'
import { ObjectOps, requestOf, type ObjectPort } from '../handle.ts'
import { CHECKPOINT_STREAM, RETENTION_PATH } from '../runtime/checkpoint-note.ts'
import { SKIP_STREAM } from '../runtime/skip-entry.ts'
import type { CheckpointedInput } from './shapes.ts'
import { Retention } from './type.ts'

/** Bytes of sessions in one entry. A session's own JSON is smaller by far. */
const PART_BYTES = 256 << 10
const SESSIONS_STREAM = 0

/** What is made known: the note, and the live sessions as of its position. */
export interface Published {
  readonly note: CheckpointedInput
  readonly sessions: readonly Session[]
}

/**
 * Notes a checkpoint.
 *
 * @throws SirtakiError `OTHER_STORE`, `CONFLICT` where a later one is noted; as any append and any op.
 */
export async function publish(port: ObjectPort, { note, sessions }: Published, options: CallOptions): Promise<void> {
  const { log } = port.view
  const parts = partsOf(sessions)
  for (const [part, some] of parts.entries()) {
    const payload = encodeSessions({ asOf: note.position, part, parts: parts.length, sessions: some })
    await log.append(payload, { streams: [SESSIONS_STREAM], ...options })
  }
  log.failpoint?.('retention.sessions', { asOf: note.position })
  const target = new ObjectOps(Retention, RETENTION_PATH).target('checkpointed')
  await port.session().call({ ...requestOf(target, note), alsoOn: [CHECKPOINT_STREAM, SKIP_STREAM] }, options)
  log.failpoint?.('retention.checkpointed', { n: note.n, position: note.position })
}

/** Sessions by entries of bounded size; one empty part where there are none. */
function partsOf(sessions: readonly Session[]): Session[][] {
  const parts: Session[][] = [[]]
  let bytes = 0
  for (const session of sessions) {
    bytes += JSON.stringify(session).length
    if (bytes > PART_BYTES) {
      parts.push([])
      bytes = 0
    }
    parts.at(-1)?.push(session)
  }
  return parts
}
