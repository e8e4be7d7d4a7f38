/**
 * What a view says that has neither the beginning of its stream nor a blob store: where the checkpoints are.
 *
 * Every checkpoint is noted on a stream of its own, and what notes the newest is never trimmed. Read next: `view.ts`,
 * `../retention/type.ts`.
 */
import type { Entry } from '../../log/entry.ts'
import { SirtakiError } from '../../log/errors.ts'
import { CHECKPOINT_STREAM, noteOf } from './checkpoint-note.ts'
import { OpDecoder } from './entry.ts'
import type { SpaceLog } from './space-log.ts'

/** How long somebody looks for the note. */
const LOOK_MS = 3_000

/** The error of such a view; `trimmed` itself where nobody has noted a checkpoint. */
export async function withoutBlobs(log: SpaceLog, trimmed: SirtakiError): Promise<SirtakiError> {
  const { trim } = trimmed.facts
  const address = await notedAddress(log, typeof trim === 'number' ? trim : 0).catch(() => undefined)
  if (address === undefined) return trimmed
  return new SirtakiError(
    'NO_BLOBS',
    `the log begins at position ${String(trim)}, what was before is in checkpoints at ${address}: connect with blobs`,
    { cause: trimmed, facts: { ...trimmed.facts, address } },
  )
}

/** The address of the store that the newest note names. @throws as `SpaceLog.tail`. */
async function notedAddress(log: SpaceLog, from: number): Promise<string | undefined> {
  const decoder = new OpDecoder<never>()
  let address: string | undefined
  const deliver = (entries: readonly Entry[]): void => {
    for (const { payload } of entries) address = noteOf(payload, decoder.decode(payload))?.address ?? address
  }
  const events = { deliver, reached: () => undefined, failed: () => undefined }
  const { tail } = await log.tail(CHECKPOINT_STREAM, { timeoutMs: LOOK_MS })
  const player = log.play(CHECKPOINT_STREAM, events, from)
  try {
    await player.playTo(tail, { timeoutMs: LOOK_MS })
  } finally {
    player.close()
  }
  return address
}
