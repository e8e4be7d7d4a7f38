/**
 * Reading the log from position to position, whatever its streams: thousands of positions a request.
 *
 * An epoch's beginning leaves a window of junk, which one by one would take seconds. What a unit does not know decided
 * is read by the client, with all its care. Read next: `../../log/playback/read.ts`.
 */
import type { LogClient } from '../../log/client/client.ts'
import { clusterSeed, readEntry } from '../../log/entry.ts'
import { chainsOf, segmentOf, type Layout } from '../../log/layout.ts'
import type { ReadResult } from '../../log/playback/read.ts'
import { firstOfClass } from '../../log/ranges.ts'
import {
  DATA_DECIDED,
  JUNK_DECIDED,
  TRIMMED,
  readReadItems,
  writePositions,
  type ReadItem,
} from '../../log/wire/messages.ts'

/** Positions of one step. */
export const SCAN_STEP = 4_096

/** What the positions of [from, to) hold, in order; `to - from` is `SCAN_STEP` at most. */
export async function scan(log: LogClient, from: number, to: number): Promise<ReadResult[]> {
  const layout = await log.layout()
  const found = new Map<number, ReadResult>()
  const segment = segmentOf(layout, from)
  for (const { index, step, units } of segment === undefined ? [] : chainsOf(segment)) {
    const positions: number[] = []
    for (let position = firstOfClass(from, index, step); position < to; position += step) positions.push(position)
    const [unit] = units
    if (unit === undefined || positions.length === 0) continue
    const items = await log.cluster
      .peer(unit.address)
      .request('read', writePositions(positions))
      .then(readReadItems, () => [])
    for (const [i, item] of items.entries()) {
      const result = resultOf(log, layout, positions[i] ?? -1, item)
      if (result !== undefined) found.set(result.position, result)
    }
  }
  const results: ReadResult[] = []
  for (let position = from; position < to; position++) results.push(found.get(position) ?? (await log.read(position)))
  return results
}

function resultOf(
  log: LogClient,
  layout: Layout,
  position: number,
  { status, bytes }: ReadItem,
): ReadResult | undefined {
  const { entryBytesMax, streamsMax } = log.cluster.limits
  switch (status) {
    case TRIMMED:
      return { kind: 'trimmed', position }
    case JUNK_DECIDED:
      return { kind: 'junk', position }
    case DATA_DECIDED:
      return bytes === undefined
        ? undefined
        : {
            kind: 'data',
            position,
            entry: readEntry(bytes, { seed: clusterSeed(layout.cluster), entryBytesMax, streamsMax }),
          }
    default:
      return undefined
  }
}
