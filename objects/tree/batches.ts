/**
 * Cuts what one entry cannot hold into pieces.
 *
 * Owns no state. Read next: `tree.ts`.
 */
import { BATCH_MAX } from './shapes.ts'

/** What one piece weighs about, unless a single item weighs more: far below what an entry may. */
const BATCH_WEIGHT = 256 * 1024

/** Gives items in pieces, in their order. */
export async function* batches<I>(
  items: Iterable<I> | AsyncIterable<I>,
  weigh: (item: I) => number,
): AsyncGenerator<I[], void, undefined> {
  let piece: I[] = []
  let weight = 0
  for await (const item of items) {
    const adds = weigh(item)
    if (piece.length > 0 && (piece.length === BATCH_MAX || weight + adds > BATCH_WEIGHT)) {
      yield piece
      piece = []
      weight = 0
    }
    piece.push(item)
    weight += adds
  }
  if (piece.length > 0) yield piece
}
