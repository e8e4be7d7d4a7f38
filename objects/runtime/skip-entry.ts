/**
 * The payload of a skip: at that position nothing of that object runs.
 *
 *     skip         | 2 | 9 | position f64 | object: u16 + text |             on stream 2
 *
 * Little endian, the text in UTF-8. Keeps: O11. Read next: `skips.ts` (who reads them), `space.ts` (what they do).
 */
import { ByteReader, ByteWriter } from '../../log/bytes/bytes.ts'
import { SirtakiError } from '../../log/errors.ts'
import { ENTRY_VERSION } from '../../sequencer/session-entry.ts'
import { isObjectPath } from './entry.ts'

/** The stream of skips of the space `/`. */
export const SKIP_STREAM = 2
const KIND = 9

/** What is skipped: all of one object at one position. */
export interface Skip {
  readonly position: number
  readonly object: string
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Encodes a skip. @throws SirtakiError `BAD_ARGUMENT` for what no reader would take for one. */
export function encodeSkip({ position, object }: Skip): Uint8Array {
  const bytes = encoder.encode(object)
  if (!Number.isSafeInteger(position) || position < 0 || !isObjectPath(object) || bytes.byteLength > 0xffff) {
    throw new SirtakiError(
      'BAD_ARGUMENT',
      `a skip takes a position and the path of an object, not ${position} and ${object}`,
    )
  }
  return new ByteWriter(12 + bytes.byteLength)
    .u8(ENTRY_VERSION)
    .u8(KIND)
    .f64(position)
    .u16(bytes.byteLength)
    .raw(bytes)
    .done()
}

/**
 * Decodes a payload of stream 2; `undefined` when it is no skip.
 *
 * @throws SirtakiError `UNSUPPORTED` for an entry of a later version: what it skips must not be run.
 */
export function readSkip(payload: Uint8Array): Skip | undefined {
  const [version = 0, kind] = payload
  if (version > ENTRY_VERSION && version <= 8) {
    throw new SirtakiError('UNSUPPORTED', `a skip of format version ${version}, this is ${ENTRY_VERSION}: upgrade`, {
      facts: { version },
    })
  }
  if (version !== ENTRY_VERSION || kind !== KIND) return undefined
  try {
    const reader = new ByteReader(payload)
    reader.take(2)
    const position = reader.integer()
    const object = decoder.decode(reader.raw(reader.u16()))
    reader.end()
    return isObjectPath(object) ? { position, object } : undefined
  } catch (thrown) {
    if (thrown instanceof RangeError) throw thrown
    return undefined
  }
}
