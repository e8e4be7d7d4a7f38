/**
 * A part of the log with the checkpoint before it, as blobs: a bug report is a file.
 *
 *     export.json {cluster, from, to} ─ the mark of the store
 *       └ the newest checkpoint at or below `from`, with its parts ─ ranges up to `to`
 *
 * Read next: `offline.ts` (how it is played), `../../log/io/pack-blobs.ts`, `../../log/archive/range.ts`.
 */
import { rangeWith, type ArchiveSource } from '../../log/archive/archive-reader.ts'
import { encodeRange, rangeKey } from '../../log/archive/range.ts'
import { Lineage } from '../../log/archive/incarnations.ts'
import { markKeys } from '../../log/archive/store-mark.ts'
import type { CallOptions } from '../../log/cluster/calls.ts'
import type { Entry } from '../../log/entry.ts'
import { SirtakiError, isError } from '../../log/errors.ts'
import { listManifests, type Reading } from '../checkpoints/reader.ts'
import type { SpaceLog } from '../runtime/space-log.ts'

/** What an export says of itself. */
export const EXPORT_KEY = 'export.json'
const FORMAT = 1
const RANGE_BYTES = 8 << 20
const READ_POSITIONS = 16_384

/** What is exported, and from where. */
export interface ExportSource {
  readonly log: SpaceLog
  readonly cluster: string
  /** Where checkpoints and archive are, if there is a store. */
  readonly reading?: Reading | undefined
  readonly archive?: ArchiveSource | undefined
}

/** A blob with its key. */
export type ExportedBlob = readonly [key: string, bytes: Uint8Array]

/**
 * The blobs of an export of everything from `from` on, up to `to`, exclusive.
 *
 * @throws SirtakiError `TRIMMED` where neither log nor archive have it, or no checkpoint is at or below `from`; as
 *   `SpaceLog.decided`, `Blobs.get`.
 */
export async function* exportBlobs(
  source: ExportSource,
  { from, to, ...options }: CallOptions & { readonly from: number; readonly to: number },
): AsyncGenerator<ExportedBlob, void, undefined> {
  const { cluster, reading } = source
  const lineage = reading?.lineage ?? Lineage.of(cluster)
  const manifest = reading && (await listManifests(reading)).find((one) => (one.manifest?.position ?? Infinity) <= from)
  const begins = manifest?.manifest?.position ?? 0
  const about = { format: FORMAT, cluster, from: begins, to }
  yield [EXPORT_KEY, new TextEncoder().encode(JSON.stringify(about))]
  if (reading !== undefined) {
    const { base, deltas = [] } = manifest?.manifest ?? {}
    const parts = [base, ...deltas].flatMap((layer) => layer?.parts ?? []).map(({ key }) => key)
    const keys = [
      ...(await markKeys(reading.blobs, options)),
      ...(base === undefined ? [] : [manifest?.key ?? '']),
      ...parts,
    ]
    for (const key of keys) {
      const bytes = await reading.blobs.get(key, options)
      if (bytes === undefined) throw new SirtakiError('DAMAGED', `the blob ${key} is not there any more: export again`)
      yield [key, bytes]
    }
  }
  for (let at = lineage.after(begins); at < to;) {
    const { entries, to: end } = await nextRange(source, { from: at, to }, options)
    const head = { cluster: lineage.at(at) ?? cluster, from: at, to: end, previous: null, horizon: to }
    yield [rangeKey(end), encodeRange(head, entries)]
    at = lineage.after(end)
  }
}

/** Entries of the next range: from the log, or where that was trimmed from the archive. */
async function nextRange(
  { log, archive }: ExportSource,
  { from, to }: { readonly from: number; readonly to: number },
  options: CallOptions,
): Promise<{ readonly to: number; readonly entries: readonly Entry[] }> {
  if (log.decided === undefined) throw new SirtakiError('UNSUPPORTED', 'this log cannot be exported')
  const entries: Entry[] = []
  let at = from
  try {
    for (let bytes = 0; at < to && bytes < RANGE_BYTES;) {
      const part = await log.decided({ from: at, to: Math.min(to, at + READ_POSITIONS) }, options)
      if (part.to === at) throw new SirtakiError('TIMEOUT', `position ${at} is not decided yet`, { next: 'again' })
      for (const entry of part.entries) {
        entries.push(entry)
        bytes += entry.bytes.byteLength
      }
      at = part.to
    }
    return { to: at, entries }
  } catch (thrown) {
    const range = isError(thrown, 'TRIMMED') && archive !== undefined ? await rangeWith(archive, from) : undefined
    if (range === undefined) throw thrown
    return {
      to: Math.min(to, range.to),
      entries: range.entries.filter(({ position }) => position >= from && position < to),
    }
  }
}
