/**
 * Several ops as one entry: the request of a transaction.
 *
 * Read next: `transaction.ts`, `lock/election.ts` (several locks at once).
 */
import type { Request } from './runtime/call.ts'
import { claimed, encodeTransaction } from './runtime/entry.ts'

/** One op, encoded. */
export interface EncodedPart {
  readonly target: Uint8Array
  readonly input: Uint8Array
}

/** One entry of several parts. */
export function requestOfParts(parts: readonly EncodedPart[]): Request {
  const bytes = parts.reduce((sum, { target, input }) => sum + 4 + target.byteLength + input.byteLength, 21)
  return {
    what: `a transaction of ${parts.length} parts`,
    object: '',
    waits: false,
    bytes,
    encode: (incarnation, number, claim) => encodeTransaction(incarnation, number, parts, claimed(claim)),
  }
}
