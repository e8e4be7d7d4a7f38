/**
 * The checkpoints of one space in one process: where its view begins, and how another one is written.
 *
 * Owns: the list of what changed since the newest one that this process wrote. Read next: `writer.ts`, `reader.ts`,
 * `../runtime/view.ts`.
 */
import type { BlobOptions, Blobs } from '../../log/archive/blobs.ts'
import { preflight } from '../../log/archive/preflight.ts'
import { either } from '../../log/cluster/retry.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import type { Ports } from '../../log/ports.ts'
import type { Played } from '../runtime/outcome.ts'
import type { CheckpointSource, StoredSpace } from '../runtime/stored-space.ts'
import type { View } from '../runtime/view.ts'
import { Changes } from './changes.ts'
import type { Manifest } from './manifest.ts'
import { isWhole, manifestToExtend, readCheckpoint, type Reading } from './reader.ts'
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
  /** Bytes of parts a second. */
  readonly bytesPerSecond?: number | undefined
  /** Called with what is passed over because it is damaged. */
  readonly passedOver?: ((error: SirtakiError) => void) | undefined
}

/** Checkpoints of one space. */
export class Checkpoints implements CheckpointSource {
  readonly #options: CheckpointsOptions
  readonly #changes = new Changes()
  /** The newest that was written here: what `#changes` begins behind. */
  #newest: Manifest | undefined
  #isProven = false
  #writing: Promise<unknown> | undefined

  constructor(options: CheckpointsOptions) {
    this.#options = options
  }

  get address(): string {
    return this.#options.blobs.address
  }

  async newest(before: number): Promise<StoredSpace | undefined> {
    const checkpoint = await readCheckpoint(await this.#reading({ timeoutMs: BEGIN_MS }), before)
    if (checkpoint === undefined) return undefined
    const { manifest, snapshot } = checkpoint
    return { position: manifest.position, snapshot, skips: manifest.skips }
  }

  played({ patches }: Played): void {
    if (patches.length > 0) this.#changes.played(patches)
  }
  replaced(): void {
    this.#changes.giveUp()
  }

  /**
   * Writes the state of a view as it is, after what this process writes already; settles with the newest manifest where
   * nothing was played since that, and it is whole. It ends with the view.
   *
   * @throws SirtakiError `CODE_MISSING`, `CONFLICT`, `UNSUPPORTED`, `BLOBS_REFUSED`, `TIMEOUT`, `ABORTED`, `DAMAGED`;
   *   why the view cannot go on.
   */
  async write(view: View, { signal, timeoutMs }: BlobOptions = {}): Promise<Manifest> {
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
      const writing = this.#write(view, either(ends.signal, signal)).finally(() => {
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

  async #write(view: View, signal: AbortSignal): Promise<Manifest> {
    const { blobs, space, ports, bytesPerSecond } = this.#options
    if (!this.#isProven) await preflight(blobs, ports.random, { signal })
    this.#isProven = true
    const reading = await this.#reading({ signal })
    const { previous, last } = await manifestToExtend(reading)
    // What is extended, or given back as it is, must be there still: else a base is written.
    const whole = previous !== undefined && (await isWhole(reading, previous)) ? previous : undefined
    view.check()
    if (whole !== undefined && whole.position >= view.next) return whole
    try {
      const state = stateOf(view.space, view.next, { skips: [], changed: this.#takeChanges(whole) })
      const skips = await view.skipsBelow(state.position, { signal })
      const said = skips.map(({ position, object }) => ({ position, object }))
      const writing = { cluster: reading.cluster, space, blobs, ports, bytesPerSecond, signal }
      this.#newest = await writeCheckpoint(writing, { ...state, skips: said }, { previous: whole, last })
      return this.#newest
    } catch (thrown) {
      // What was on the list is in no checkpoint.
      this.#changes.giveUp()
      throw thrown
    }
  }

  /** What changed behind a manifest, where that is known; another list begins in the same turn. */
  #takeChanges(previous: Manifest | undefined) {
    const isKnown = previous !== undefined && previous.sha256 === this.#newest?.sha256
    const changed = this.#changes.take(previous?.records ?? 0)
    return isKnown ? changed : undefined
  }

  async #reading(options: BlobOptions = {}): Promise<Reading> {
    const { blobs, space, ports, passedOver, cluster } = this.#options
    return { ...options, blobs, space, clock: ports.clock, passedOver, cluster: await cluster() }
  }
}
