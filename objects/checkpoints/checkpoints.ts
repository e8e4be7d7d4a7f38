/**
 * The checkpoints of one space in one process: where its view begins, and how another one is written.
 *
 * Owns: the list of what changed since the newest one that this process wrote. Read next: `writer.ts`, `reader.ts`,
 * `../runtime/view.ts`.
 */
import type { ArchiveSource } from '../../log/archive/archive-reader.ts'
import type { BlobOptions, Blobs } from '../../log/archive/blobs.ts'
import { Lineage } from '../../log/archive/incarnations.ts'
import { damagedBlob } from '../../log/archive/sealed.ts'
import { preflight } from '../../log/archive/preflight.ts'
import { markStore, storeOf } from '../../log/archive/store-mark.ts'
import { either } from '../../log/cluster/retry.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import type { Limits } from '../../log/limits.ts'
import type { Ports } from '../../log/ports.ts'
import type { Played } from '../runtime/outcome.ts'
import type { CheckpointSource, StoredSpace } from '../runtime/stored-space.ts'
import type { View } from '../runtime/view.ts'
import { Changes } from './changes.ts'
import { collect, type Collected, type Kept } from './collect.ts'
import { PARTS, type Manifest } from './manifest.ts'
import {
  isWhole,
  listManifests,
  manifestToExtend,
  readCheckpoint,
  storedOf,
  readManifest,
  type Reading,
} from './reader.ts'
import { stateOf } from './state.ts'
import { writeCheckpoint } from './writer.ts'

/** How long a client that begins waits for one answer of the store: then it plays the log from its start. */
const BEGIN_MS = 10_000

/** With what checkpoints are read and written. */
export interface CheckpointsOptions {
  readonly blobs: Blobs
  /** The cluster's id, once it is known. */
  readonly cluster: () => Promise<string>
  /** The stream of the space. */
  readonly space: number
  readonly ports: Pick<Ports, 'clock' | 'random' | 'failpoint'>
  /** What entries of the log may be. */
  readonly limits: Limits
  /** Bytes of parts a second. */
  readonly bytesPerSecond?: number | undefined
  /** A state of at most so many bytes stands in its manifest. */
  readonly inlineBytes?: number | undefined
  /** How long a part stays after nobody names it. */
  readonly graceMs?: number | undefined
  /** Called with what is passed over because it is damaged. */
  readonly passedOver?: ((error: SirtakiError) => void) | undefined
}

/** After how many entries, bytes of them, or milliseconds another one is due. */
export interface Due {
  readonly everyEntries: number
  readonly everyBytes: number
  readonly everyMs: number
}

/** How one is written. `noted`: the highest number that the log notes, whatever the store has. */
export interface WriteOptions extends BlobOptions {
  readonly noted?: number | undefined
}

/** Checkpoints of one space. */
export class Checkpoints implements CheckpointSource {
  readonly #options: CheckpointsOptions
  readonly #changes = new Changes()
  /** The newest that was written here: what `#changes` begins behind. */
  #newest: Manifest | undefined
  #isProven = false
  #nonce: string | undefined
  /** Since the newest that is known here: entries, their bytes, and whether any changed an object of a program. */
  #since = { entries: 0, bytes: 0, isTouched: false }
  #writing: Promise<unknown> | undefined

  constructor(options: CheckpointsOptions) {
    this.#options = options
  }

  get address(): string {
    return this.#options.blobs.address
  }

  async newest(before: number): Promise<StoredSpace | undefined> {
    const checkpoint = await readCheckpoint(await this.reading({ timeoutMs: BEGIN_MS }), before)
    return checkpoint && storedOf(checkpoint)
  }

  async newestAt(wall: number): Promise<number | undefined> {
    const all = await listManifests(await this.reading({ timeoutMs: BEGIN_MS }))
    return all.find(({ manifest }) => manifest !== undefined && manifest.time + manifest.wallOffset <= wall)?.manifest
      ?.position
  }

  played({ patches, bytes }: Played): void {
    const since = this.#since
    since.entries++
    since.bytes += bytes
    if (patches.length === 0) return
    // What writing one changes by itself is no reason for the next.
    since.isTouched ||= patches.some(({ store }) => !store.object.startsWith('/.'))
    this.#changes.played(patches)
  }
  replaced(): void {
    this.#changes.giveUp()
  }

  /** Something was changed that the newest one does not have. */
  touch(): void {
    this.#since.isTouched = true
  }

  /** Whether a policy asks for one; `ageMs`: since the newest was written. */
  isDue({ everyEntries, everyBytes, everyMs }: Due, ageMs: number): boolean {
    const { entries, bytes, isTouched } = this.#since
    return isTouched && (entries >= everyEntries || bytes >= everyBytes || ageMs >= everyMs)
  }

  /** The nonce of the store, which is proven and marked if it was not. @throws as `preflight`, `markStore`. */
  async markedStore(options: BlobOptions = {}): Promise<string> {
    const { blobs, ports, cluster } = this.#options
    if (!this.#isProven) await preflight(blobs, ports.random, options)
    this.#isProven = true
    return (this.#nonce ??= await markStore(blobs, await cluster(), { ...options, random: ports.random }))
  }

  /** The archive of the log, which is in the same store. */
  async archive(options: BlobOptions = {}): Promise<ArchiveSource> {
    const { blobs, limits } = this.#options
    const { lineage } = await this.#store(options)
    return { ...options, blobs, limits, lineage }
  }

  /** The error of a store that is not the one that the log notes. */
  otherStore(address: string): SirtakiError {
    return new SirtakiError(
      'OTHER_STORE',
      `the checkpoints of this log are in another store, at ${address}: use that one, or say that they move`,
      { facts: { address, given: this.address } },
    )
  }

  /**
   * The nonce of the store, once the checkpoints that a trim relies on were seen in it: their manifests as they are
   * noted, and a part under each name.
   *
   * @throws SirtakiError `DAMAGED` where one is not; as `Blobs.get`.
   */
  async proof(
    noted: readonly Pick<Manifest, 'key' | 'sha256'>[],
    options: BlobOptions = {},
  ): Promise<string | undefined> {
    const store = await this.#store(options)
    const reading = this.#reading(store.lineage, options)
    const parts = new Set(await reading.blobs.list(PARTS, options))
    for (const { key, sha256 } of noted) {
      const manifest = await readManifest(reading, key)
      const names = [manifest?.base, ...(manifest?.deltas ?? [])].flatMap((layer) => layer?.parts ?? [])
      if (manifest?.sha256 === sha256 && names.every((part) => parts.has(part.key))) continue
      throw damagedBlob(key, 'it, or a part of it, is not there as the log notes it: nothing is trimmed')
    }
    return store.nonce
  }

  /** Removes what a policy does not keep; manifests of `needed` stay. @throws as `collect`. */
  async collect(policy: Kept, options: BlobOptions, needed: readonly string[]): Promise<Collected> {
    const { graceMs } = this.#options
    const { keep, keepEvery, archiveKeepMs } = policy
    const kept = { keep, keepEvery, archiveKeepMs }
    return collect(await this.reading(options), { ...options, ...kept, graceMs, needed })
  }

  /**
   * Writes the state of a view as it is, after what this process writes already; settles with the newest manifest where
   * nothing was played since that, and it is whole. It ends with the view.
   *
   * @throws SirtakiError `CODE_MISSING`, `CONFLICT`, `UNSUPPORTED`, `BLOBS_REFUSED`, `TIMEOUT`, `ABORTED`, `DAMAGED`;
   *   why the view cannot go on.
   */
  async write(view: View, { signal, timeoutMs, noted = 0 }: WriteOptions = {}): Promise<Manifest> {
    const { clock } = this.#options.ports
    const ends = new AbortController()
    const late = new SirtakiError('TIMEOUT', `the checkpoint was not written within ${timeoutMs} ms`)
    const abort = (): void => {
      ends.abort(late)
    }
    const timer = timeoutMs === undefined ? undefined : clock.timer(timeoutMs, abort)
    const unlisten = view.onStopped((error) => {
      ends.abort(error)
    })
    try {
      while (this.#writing !== undefined) await this.#writing.catch(() => undefined)
      const writing = this.#write(view, noted, either(ends.signal, signal)).finally(() => {
        this.#writing = undefined
      })
      this.#writing = writing
      return await writing
    } catch (thrown) {
      throw ends.signal.aborted ? asError(ends.signal.reason) : thrown
    } finally {
      timer?.cancel()
      unlisten()
    }
  }

  async #write(view: View, noted: number, signal: AbortSignal): Promise<Manifest> {
    const { blobs, space, ports, bytesPerSecond, inlineBytes } = this.#options
    await this.markedStore({ signal })
    const reading = await this.reading({ signal })
    const { previous, last } = await manifestToExtend(reading)
    // What is extended, or given back as it is, must be there still: else a base is written.
    const whole = previous !== undefined && (await isWhole(reading, previous)) ? previous : undefined
    view.check()
    const isNewest = whole !== undefined && whole.sha256 === this.#newest?.sha256
    if (whole !== undefined && (whole.position >= view.next || (isNewest && !this.#since.isTouched))) return whole
    this.#since = { entries: 0, bytes: 0, isTouched: false }
    try {
      const state = stateOf(view.space, view.next, { skips: [], changed: this.#takeChanges(whole) })
      const skips = await view.skipsBelow(state.position, { signal })
      const said = skips.map(({ position, object }) => ({ position, object }))
      const writing = { cluster: reading.lineage.cluster, space, blobs, ports, bytesPerSecond, inlineBytes, signal }
      this.#newest = await writeCheckpoint(
        writing,
        { ...state, skips: said },
        { previous: whole, last: Math.max(last, noted) },
      )
      return this.#newest
    } catch (thrown) {
      // What was on the list is in no checkpoint.
      this.#changes.giveUp()
      this.#since.isTouched = true
      throw thrown
    }
  }

  /** What changed behind a manifest, where that is known; another list begins in the same turn. */
  #takeChanges(previous: Manifest | undefined) {
    const isKnown = previous !== undefined && previous.sha256 === this.#newest?.sha256
    const changed = this.#changes.take(previous?.records ?? 0)
    return isKnown ? changed : undefined
  }

  /** What is needed to read them. @throws SirtakiError `WRONG_CLUSTER`; as `storeOf`. */
  async reading(options: BlobOptions = {}): Promise<Reading> {
    return this.#reading((await this.#store(options)).lineage, options)
  }

  #reading(lineage: Lineage, options: BlobOptions): Reading {
    const { blobs, space, ports, passedOver } = this.#options
    return { ...options, blobs, space, clock: ports.clock, passedOver, lineage }
  }

  /** The clusters of this log: the store knows those before. @throws SirtakiError `WRONG_CLUSTER`; as `storeOf`. */
  async #store(options: BlobOptions): Promise<{ readonly lineage: Lineage; readonly nonce?: string }> {
    const { blobs } = this.#options
    const cluster = await this.#options.cluster()
    return (await storeOf(blobs, cluster, options)) ?? { lineage: Lineage.of(cluster) }
  }
}
