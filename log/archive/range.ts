/**
 * A range of the log in a blob: every entry that was decided in it, as the bytes that the units hold.
 *
 *     archive/0000000000008192   the decided entries of [from, 8192); what is missing in it is junk
 *
 * The key is the exclusive end, so that a listing behind P finds the range that holds P. What is decided never changes:
 * two ranges that overlap agree, whoever wrote them. Keeps: C3, L4. Read next: `archive-reader.ts`,
 * `../../objects/retention/archiver.ts` (who writes them).
 */
import { integer, is, nullable, refine, string, type } from 'superstruct'
import { concat, viewOf } from '../bytes/bytes.ts'
import { sha256 } from '../bytes/hash.ts'
import { checkEntry, clusterSeed, decodeEntry, type Entry } from '../entry.ts'
import { SirtakiError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { Lineage } from './incarnations.ts'
import { PIECE_BYTES, Sealing, damagedBlob, open } from './sealed.ts'

export const ARCHIVE = 'archive/'
const position = refine(integer(), 'position', (value) => value >= 0)
const Head = type({
  cluster: string(),
  from: position,
  to: position,
  /** SHA-256 of the range before; null: it is the first one. */
  previous: nullable(string()),
  /** No token above it was granted when the range was written: where a restored log may begin. */
  horizon: position,
  entries: position,
})

/** What a range says of itself. */
export interface RangeHead {
  readonly cluster: string
  readonly from: number
  readonly to: number
  readonly previous: string | null
  readonly horizon: number
}

/** A range, opened. */
export interface ArchivedRange extends RangeHead {
  readonly key: string
  readonly sha256: string
  readonly entries: readonly Entry[]
}

/** The key of the range that ends at `to`, exclusive. */
export const rangeKey = (to: number): string => ARCHIVE + String(to).padStart(16, '0')
/** The exclusive end of a range by its key; `undefined` for the key of something else. */
export const rangeEnd = (key: string): number | undefined =>
  /^archive\/\d{16}$/.test(key) ? Number(key.slice(ARCHIVE.length)) : undefined

/** Puts a range into bytes. */
export function encodeRange(head: RangeHead, entries: readonly Entry[]): Uint8Array {
  const sealing = new Sealing('SRTa', { ...head, entries: entries.length })
  let piece: Uint8Array[] = []
  let bytes = 0
  const seal = (): void => {
    if (piece.length > 0) sealing.add(concat(piece))
    piece = []
    bytes = 0
  }
  for (const entry of entries) {
    piece.push(entry.bytes)
    bytes += entry.bytes.byteLength
    if (bytes >= PIECE_BYTES) seal()
  }
  seal()
  return sealing.done()
}

/**
 * Reads a range.
 *
 * @throws SirtakiError `DAMAGED`; `UNSUPPORTED` for a later format; `WRONG_CLUSTER`.
 */
export function decodeRange(
  key: string,
  bytes: Uint8Array,
  { lineage, limits }: { readonly lineage: Lineage; readonly limits: Limits },
): ArchivedRange {
  const { head, pieces } = open('SRTa', key, bytes)
  if (!is(head, Head)) throw damagedBlob(key, 'its head is none of a range')
  const isIts = key === rangeKey(head.to) && head.from < head.to
  if (!isIts) throw damagedBlob(key, `it is that of ${head.from} to ${head.to}`)
  const cluster = lineage.at(head.from)
  if (head.cluster !== cluster) {
    const whose = `cluster ${head.cluster}, position ${head.from} of this log is not its own`
    throw new SirtakiError('WRONG_CLUSTER', `the range ${key} is of ${whose}`, {
      facts: { key, cluster: head.cluster, late: lineage.knows(head.cluster) },
    })
  }
  const bounds = { ...limits, seed: clusterSeed(cluster) }
  const entries: Entry[] = []
  for (const piece of pieces) {
    const view = viewOf(piece)
    for (let at = 0; at < piece.byteLength;) {
      const length = checkEntry(piece, view, at, bounds)
      entries.push(decodeEntry(piece, view, at))
      at += length
    }
  }
  const isInside = entries.every(
    ({ position: at }, i) => at >= head.from && at < head.to && at > (entries[i - 1]?.position ?? -1),
  )
  if (entries.length !== head.entries || !isInside) throw damagedBlob(key, 'its entries are not those that it names')
  const { from, previous, horizon } = head
  // What it has behind the end of its cluster's log is none of this log: another cluster was restored by then.
  const end = lineage.endAt(from)
  const own = head.to <= end ? entries : entries.filter(({ position: at }) => at < end)
  return { cluster, from, to: Math.min(head.to, end), previous, horizon, key, sha256: sha256(bytes), entries: own }
}
