/**
 * Copies the log into the archive, range by range, so that what is trimmed can still be read.
 *
 *     decided entries ─ 8 MiB or a minute ─ range, read back ─ `archived {from, to}` ─▶ a trim may rely on it
 *
 * A flow. What is decided never changes, so two that write at once write the same; the note says which ranges join. A
 * crash leaves a range that nobody has noted: the next archiver writes from the same position. Keeps: C1, C2, L4. Read
 * next: `../../log/archive/range.ts`, `../../log/playback/decided-range.ts`, `duty.ts`.
 */
import { readRange, type ArchiveSource } from '../../log/archive/archive-reader.ts'
import { encodeRange, rangeKey } from '../../log/archive/range.ts'
import { damagedBlob } from '../../log/archive/sealed.ts'
import { sha256 } from '../../log/bytes/hash.ts'
import type { CallOptions } from '../../log/cluster/calls.ts'
import { pause } from '../../log/cluster/retry.ts'
import type { Entry } from '../../log/entry.ts'
import { SirtakiError, isError } from '../../log/errors.ts'
import type { Checkpoints } from '../checkpoints/checkpoints.ts'
import { makeHandle, type ObjectPort } from '../handle.ts'
import type { Held } from '../lock/lock.ts'
import { Duty } from './duty.ts'
import { retentionOf } from './trim.ts'
import { RETENTION_PATH } from '../runtime/checkpoint-note.ts'
import { Retention } from './type.ts'

/** The lock of whoever archives. */
export const ARCHIVER_PATH = '/.sirtaki/archiver'
/** A range is written when it has so many bytes, or is so old. */
const RANGE_BYTES = 8 << 20
const RANGE_MS = 60_000
/** Entries that archiving makes by itself: with no others a range waits ten times as long. */
const OWN_ENTRIES = 8
const LOOK_MS = 1_000
/** Positions of one reading. */
const READ_POSITIONS = 16_384
/** A reading with so many bytes was cut short: the next one need not wait. */
const READ_BYTES = 512 << 10
const CALL_MS = 60_000

/** What an archiver reports, and how often it writes. */
export interface ArchiverOptions {
  archived?(from: number, to: number): void
  failed?(error: SirtakiError): void
  readonly rangeMs?: number | undefined
  readonly rangeBytes?: number | undefined
  /** What is to be closed with it. */
  readonly ended?: (() => Promise<void>) | undefined
}

/** Entries that are not in the archive yet. */
interface Pending {
  readonly from: number
  to: number
  horizon: number
  bytes: number
  readonly entries: Entry[]
  readonly since: number
}

/** Archives until it is closed. */
export class Archiver {
  readonly #port: ObjectPort
  readonly #checkpoints: Checkpoints
  readonly #options: ArchiverOptions
  readonly #duty: Duty
  #written = 0

  constructor(port: ObjectPort, checkpoints: Checkpoints, options: ArchiverOptions = {}) {
    this.#port = port
    this.#checkpoints = checkpoints
    this.#options = options
    this.#duty = new Duty(port, {
      path: ARCHIVER_PATH,
      serve: (held, signal) => this.#serve(held, signal),
      failed: (error) => {
        this.#options.failed?.(error)
      },
    })
  }

  status(): { readonly isHolder: boolean; readonly written: number } {
    return { isHolder: this.#duty.isHolder, written: this.#written }
  }
  async close(): Promise<void> {
    await this.#duty.close()
    await this.#options.ended?.()
  }

  async #serve(held: Held, signal: AbortSignal): Promise<void> {
    const { clock } = this.#port.view.log
    const { rangeMs = RANGE_MS, rangeBytes = RANGE_BYTES } = this.#options
    const options = { signal, timeoutMs: CALL_MS }
    await this.#port.view.sync(options)
    let pending = this.#begin()
    while (!signal.aborted && held.isCurrent) {
      const isMore = await readMore(this.#port, pending, rangeBytes, options)
      const age = clock.now() - pending.since
      const isOld = age >= (pending.entries.length > OWN_ENTRIES ? rangeMs : rangeMs * 10)
      if (pending.to > pending.from && (pending.bytes >= rangeBytes || isOld)) {
        await writeRange(this.#port, this.#checkpoints, pending, options)
        this.#written++
        this.#options.archived?.(pending.from, pending.to)
        pending = this.#begin()
      } else if (!isMore) await pause(clock, Math.min(LOOK_MS, rangeMs / 4), signal).catch(() => undefined)
    }
  }

  #begin(): Pending {
    const from = endOf(this.#port)
    return { from, to: from, horizon: 0, bytes: 0, entries: [], since: this.#port.view.log.clock.now() }
  }
}

/** Where the archive goes on: at its end, or where the log begins if that is further on. */
function endOf(port: ObjectPort): number {
  const { archived, mark } = retentionOf(port)
  return Math.max(archived ?? 0, mark)
}

/**
 * Archives everything that is decided at the call; gives the end of the archive. `timeoutMs` is for all of it.
 *
 * @throws as `writeRange`.
 */
export async function archiveAll(
  port: ObjectPort,
  checkpoints: Checkpoints,
  { signal, timeoutMs }: CallOptions,
): Promise<number> {
  const { clock } = port.view.log
  const until = timeoutMs === undefined ? undefined : clock.now() + timeoutMs
  const left = (): CallOptions => ({
    signal,
    timeoutMs: until === undefined ? CALL_MS : Math.max(1, until - clock.now()),
  })
  await port.view.sync(left())
  const { tail } = await port.view.log.tail(port.view.stream, left())
  for (let from = endOf(port); from < tail; from = endOf(port)) {
    const pending: Pending = { from, to: from, horizon: 0, bytes: 0, entries: [], since: 0 }
    while (pending.bytes < RANGE_BYTES && pending.to < tail) {
      const before = pending.to
      await readMore(port, pending, RANGE_BYTES, left())
      if (pending.to === before) break
    }
    if (pending.to === from) return from
    await writeRange(port, checkpoints, pending, left())
  }
  return endOf(port)
}

/** Reads on; true where there is much more to come. @throws as `SpaceLog.decided`. */
async function readMore(port: ObjectPort, pending: Pending, bytesMax: number, options: CallOptions): Promise<boolean> {
  const { log } = port.view
  if (log.decided === undefined) throw new SirtakiError('UNSUPPORTED', 'this log cannot be archived')
  if (pending.bytes >= bytesMax) return false
  const range = { from: pending.to, to: pending.to + READ_POSITIONS }
  const { to, entries, horizon } = await log.decided(range, options)
  let bytes = 0
  for (const entry of entries) {
    pending.entries.push(entry)
    bytes += entry.bytes.byteLength
  }
  pending.bytes += bytes
  pending.to = to
  pending.horizon = horizon
  return to === range.to || bytes >= READ_BYTES
}

/**
 * Stores a range, reads it back and notes it.
 *
 * @throws SirtakiError `CONFLICT` where another range has its end and not its beginning, or another one was noted;
 *   `OTHER_STORE`; `DAMAGED` where the store does not give back what it took; as `Blobs.putNew`, as any op.
 */
async function writeRange(
  port: ObjectPort,
  checkpoints: Checkpoints,
  { from, to, horizon, entries }: Pending,
  options: CallOptions,
): Promise<void> {
  const { failpoint } = port.view.log
  const nonce = await checkpoints.markedStore(options)
  const source: ArchiveSource = await checkpoints.archive(options)
  const { blobs, lineage } = source
  const { cluster } = lineage
  const previous = await hashOfRange(source, from)
  const bytes = encodeRange({ cluster, from, to, previous, horizon }, entries)
  const isNew = await blobs.putNew(rangeKey(to), bytes, options)
  const there = await readRange(source, to)
  if (there === undefined) throw damagedBlob(rangeKey(to), 'the store did not give back what it took')
  if (isNew && there.sha256 !== sha256(bytes)) throw damagedBlob(rangeKey(to), 'the store changed what it took')
  if (there.from > from) {
    throw new SirtakiError('CONFLICT', `another range ends at ${to}, and begins at ${there.from}, not at ${from}`, {
      facts: { from, to },
    })
  }
  failpoint?.('archive.range', { from, to })
  const note = { from, to, nonce, address: checkpoints.address }
  await makeHandle(Retention, RETENTION_PATH, port).archived(note, options)
  failpoint?.('archive.noted', { from, to })
}

/** What the range before hashes to; null where there is none, or it cannot be read any more: that is for `verify`. */
async function hashOfRange(source: ArchiveSource, to: number): Promise<string | null> {
  try {
    return (await readRange(source, to))?.sha256 ?? null
  } catch (thrown) {
    if (isError(thrown, 'DAMAGED')) return null
    throw thrown
  }
}
