/**
 * Tells damage in a write-ahead log of SQLite from the torn end that a crash leaves. SQLite itself cannot: it stops
 * at the first frame that fails and silently drops everything after it, acknowledged or not (P31).
 *
 *     header 32: magic, version, page bytes, sequence, salt 1, salt 2, checksum 1, 2
 *     frame  24: page, pages of the database after the commit (else 0), salt 1, salt 2, checksum 1, 2; then the page
 *
 * The rule: **damage is a failing frame with a commit frame of this generation at or behind it, and any other frame
 * of this generation behind that commit.** Frames are written in order and every commit is synced before the next
 * transaction writes; so whatever lies behind a commit proves that the commit was durable, and all before it has to
 * verify. A crash leaves the frames of one unsynced transaction in any mixture, but its commit frame is its last:
 * nothing follows.
 *
 * What this rests on:
 * - Older generations carry other salts. The store empties the WAL whenever it opens, so leftovers of a transaction
 * that a crash tore never carry the salts of later ones.
 * - A sector of 512 bytes is written whole or not at all. A frame's header across two sectors may mix two generations
 * and is not believed.
 * - A transaction that found no room leaves frames of this generation; the store cuts them off, synced, before the
 * next one.
 * - `powersafe_overwrite` is on (SQLite's default), else SQLite would pad one transaction with several commit frames.
 *
 * Its limit: damage behind which at most one transaction ends looks like a torn end, so the last transaction can be
 * lost unnoticed here. The unit's peers notice that; a sole unit needs the tail witness. Keeps: L2, by refusing. Read
 * next: `sqlite-store.ts`.
 */
import { viewOf } from '../bytes/bytes.ts'

const HEADER_BYTES = 32
const FRAME_HEAD_BYTES = 24
const SECTOR_BYTES = 512
/** The lowest bit tells the byte order of the checksums: 1 big endian. */
const MAGIC = 0x377f0682

/**
 * What a WAL holds. `frames` verify, the last commit among them ends at `committedBytes`; a torn end was never
 * acknowledged.
 */
export type WalScan =
  | { readonly kind: 'empty' }
  | { readonly kind: 'whole'; readonly frames: number; readonly torn: boolean; readonly committedBytes: number }
  | { readonly kind: 'damaged'; readonly offset: number; readonly reason: string }

/** Scans the bytes of a WAL that nobody has open. */
export function scanWal(bytes: Uint8Array): WalScan {
  if (bytes.byteLength < HEADER_BYTES) return { kind: 'empty' }
  const view = viewOf(bytes)
  // The header is synced before the first frame is written: a WAL without it has nothing but the zeros it was grown
  // with.
  if (isZero(bytes, 0, HEADER_BYTES)) {
    return isZero(bytes, HEADER_BYTES, bytes.byteLength)
      ? { kind: 'empty' }
      : { kind: 'damaged', offset: 0, reason: 'its header is missing' }
  }
  const little = view.getUint32(0) === MAGIC
  const sum = new Checksum(view, little)
  sum.add(0, 24)
  if ((!little && view.getUint32(0) !== MAGIC + 1) || !sum.equals(24)) {
    return { kind: 'damaged', offset: 0, reason: 'its header fails its checksum' }
  }
  return scanFrames(view, sum, FRAME_HEAD_BYTES + view.getUint32(8))
}

function scanFrames(view: DataView, sum: Checksum, frameBytes: number): WalScan {
  const end = view.byteLength - frameBytes
  let at = HEADER_BYTES
  let committedBytes = HEADER_BYTES
  for (; at <= end; at += frameBytes) {
    if (!isCurrent(view, at)) break
    sum.add(at, 8)
    sum.add(at + FRAME_HEAD_BYTES, frameBytes - FRAME_HEAD_BYTES)
    if (!sum.equals(at + 16)) break
    if (view.getUint32(at + 4) !== 0) committedBytes = at + frameBytes
  }
  const frames = (at - HEADER_BYTES) / frameBytes
  const failing = at
  let commit = 0
  let torn = false
  for (; at <= end; at += frameBytes) {
    if (straddles(at) || !isCurrent(view, at)) continue
    if (commit > 0) {
      return {
        kind: 'damaged',
        offset: failing,
        reason: `frame ${frames} fails, yet the commit at ${commit} was durable: a frame at ${at} follows it`,
      }
    }
    torn = true
    if (view.getUint32(at + 4) !== 0) commit = at
  }
  return { kind: 'whole', frames, torn, committedBytes }
}

/** The checksum of SQLite's file format, section 4.2: it runs on from the header over all frames. */
class Checksum {
  readonly #view: DataView
  readonly #little: boolean
  #first = 0
  #second = 0

  constructor(view: DataView, little: boolean) {
    this.#view = view
    this.#little = little
  }

  add(from: number, count: number): void {
    let first = this.#first
    let second = this.#second
    for (let at = from; at < from + count; at += 8) {
      first = (first + this.#view.getUint32(at, this.#little) + second) >>> 0
      second = (second + this.#view.getUint32(at + 4, this.#little) + first) >>> 0
    }
    this.#first = first
    this.#second = second
  }

  /** Stored checksums are always big endian. */
  equals(at: number): boolean {
    return this.#view.getUint32(at) === this.#first && this.#view.getUint32(at + 4) === this.#second
  }
}

const isCurrent = (view: DataView, at: number): boolean =>
  view.getUint32(at + 8) === view.getUint32(16)
  && view.getUint32(at + 12) === view.getUint32(20)
  && view.getUint32(at) !== 0

const straddles = (at: number): boolean =>
  Math.floor(at / SECTOR_BYTES) !== Math.floor((at + FRAME_HEAD_BYTES - 1) / SECTOR_BYTES)

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false
  return true
}
