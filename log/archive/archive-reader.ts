/**
 * Reads the archive: the entries of a stream from a position on, range by range.
 *
 *     listing behind P ─ the first range that holds P ─ verify ─ its entries ─ the next one from its end on
 *
 * Ranges of two archivers may overlap; what a range begins with below the position at hand is passed over. Keeps: C3,
 * L8 (a hole is an error, never a silent skip). Read next: `range.ts`, `../../objects/past/archived-log.ts`.
 */
import type { Entry } from '../entry.ts'
import { isError, type SirtakiError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { BlobOptions, Blobs } from './blobs.ts'
import type { Lineage } from './incarnations.ts'
import { ARCHIVE, decodeRange, rangeEnd, rangeKey, type ArchivedRange } from './range.ts'

/** Ranges behind a position that may hold it: another archiver's may be longer, or begin further on. */
const LOOKED_AT = 8

/** With what the archive is read. */
export interface ArchiveSource extends BlobOptions {
  readonly blobs: Blobs
  /** Whose ranges they are. */
  readonly lineage: Lineage
  readonly limits: Limits
}

/** Exclusive ends of ranges, ascending: all behind a position, or `most` and few more. @throws as `Blobs.list`. */
export async function rangeEnds(
  { blobs, ...options }: Pick<ArchiveSource, 'blobs'> & BlobOptions,
  behind = 0,
  most = Infinity,
): Promise<number[]> {
  const keys = await blobs.list(ARCHIVE, options, behind === 0 ? undefined : rangeKey(behind), most)
  return keys.map(rangeEnd).filter((end) => end !== undefined)
}

/**
 * The range that holds a position; `undefined`: none does.
 *
 * @throws SirtakiError `DAMAGED` where one should, and none of them can be read; as `Blobs.get`, `decodeRange`.
 */
export async function rangeWith(source: ArchiveSource, position: number): Promise<ArchivedRange | undefined> {
  let damaged: SirtakiError | undefined
  for (const end of (await rangeEnds(source, position, LOOKED_AT)).slice(0, LOOKED_AT)) {
    try {
      const range = await readRange(source, end)
      if (range !== undefined && range.from <= position && position < range.to) return range
    } catch (thrown) {
      // What a cluster archived that was restored since is none of this log.
      if (!isError(thrown, 'DAMAGED', 'WRONG_CLUSTER')) throw thrown
      damaged = thrown
    }
  }
  if (damaged !== undefined) throw damaged
  return undefined
}

/** The range that ends at `to`; `undefined`: there is none. @throws as `Blobs.get`, `decodeRange`. */
export async function readRange(
  { blobs, lineage, limits, ...options }: ArchiveSource,
  to: number,
): Promise<ArchivedRange | undefined> {
  const key = rangeKey(to)
  const bytes = await blobs.get(key, options)
  return bytes === undefined ? undefined : decodeRange(key, bytes, { lineage, limits })
}

/** Entries of one stream in a range, from a position on. */
export const entriesOf = ({ entries }: ArchivedRange, stream: number, from: number): Entry[] =>
  entries.filter((entry) => entry.position >= from && entry.streams.some((link) => link.stream === stream))
