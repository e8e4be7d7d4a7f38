/**
 * Writes checkpoints by a policy, as long as it holds the lock: the one process of all that were asked to.
 *
 *     lock ─▶ every second: due? ─ write ─ publish ─ collect what nobody needs ─ trim, if the policy says so
 *      └ lost, or code is missing: given up, and queued for again
 *
 * A flow. The lock saves work only: manifests are numbered by conditional puts and notes are judged at their position,
 * so one that was stopped and goes on can neither publish a lower checkpoint nor remove a newer part. Keeps: C1, C2,
 * C5. Read next: `../checkpoints/checkpoints.ts`, `publish.ts`, `trim.ts`.
 */
import type { CallOptions } from '../../log/cluster/calls.ts'
import { either, pause } from '../../log/cluster/retry.ts'
import { asError, isError, type SirtakiError } from '../../log/errors.ts'
import { acquire, lockInput, type Held } from '../lock/lock.ts'
import type { ObjectPort } from '../handle.ts'
import { Duty } from './duty.ts'
import { publish } from './publish.ts'
import type { Checkpoint, Policy } from './shapes.ts'
import { retentionOf, trimLog } from './trim.ts'
import type { Checkpoints } from '../checkpoints/checkpoints.ts'
import type { Manifest } from '../checkpoints/manifest.ts'

/** The lock of whoever writes checkpoints by the policy, and that of whoever writes one now. */
export const CHECKPOINTER_PATH = '/.sirtaki/checkpointer'
const WRITER_PATH = '/.sirtaki/checkpoint'
/** Where nobody has set another one. */
export const DEFAULT_POLICY: Policy = {
  everyEntries: 100_000,
  everyBytes: 64 << 20,
  everyMs: 600_000,
  keep: 2,
  keepEvery: 100_000,
  trim: false,
  archiveKeepMs: 0,
}
/** How often it looks whether one is due, at least. */
const LOOK_MS = 1_000
/** One round with all its answers of the store. */
const ROUND_MS = 600_000
/** How long one waits for another one that is written, at least. */
const WAIT_MS = 60_000

/** How a checkpoint is written. */
export interface CheckpointOptions extends CallOptions {
  /** Whether this store takes the place of the one that the log notes. */
  readonly moves?: boolean | undefined
}

/**
 * Writes the state as it is and notes it, after whoever is at it now. `timeoutMs` is for all of it; unless told, a
 * large state takes as long as it takes.
 *
 * @throws SirtakiError `OTHER_STORE`; as `Checkpoints.write`, `publish`; why the lock was lost.
 */
export async function checkpointNow(
  port: ObjectPort,
  checkpoints: Checkpoints,
  { signal, timeoutMs, moves = false }: CheckpointOptions,
): Promise<Manifest> {
  const { clock, limits } = port.view.log
  const until = timeoutMs === undefined ? undefined : clock.now() + timeoutMs
  const left = (): CallOptions => ({
    signal,
    timeoutMs: until === undefined ? undefined : Math.max(1, until - clock.now()),
  })
  const waiting = { ...left(), timeoutMs: left().timeoutMs ?? Math.max(limits.requestMs, WAIT_MS) }
  await using held = await acquire(port, WRITER_PATH, lockInput({}), waiting)
  try {
    await port.view.sync(left())
    return await write(port, checkpoints, { ...left(), signal: either(held.signal, signal), moves })
  } catch (thrown) {
    // The lock is lost with its session: why is what its caller has to know.
    throw held.signal.aborted ? asError(held.signal.reason) : thrown
  }
}

async function write(
  port: ObjectPort,
  checkpoints: Checkpoints,
  { moves = false, ...options }: CheckpointOptions,
): Promise<Manifest> {
  const nonce = await checkpoints.markedStore(options)
  const { store, checkpoints: noted } = retentionOf(port)
  if (!moves && store !== null && store.nonce !== nonce) throw checkpoints.otherStore(store.address)
  const isSame = store === null || store.nonce === nonce
  const manifest = await checkpoints.write(port.view, { ...options, noted: isSame ? noted.at(-1)?.n : undefined })
  const { n, position, key, sha256, sessions } = manifest
  const note = { n, position, key, sha256, nonce, address: checkpoints.address, moves }
  try {
    await publish(port, { note, sessions }, options)
  } catch (thrown) {
    // Nobody knows of it: the next one is due.
    checkpoints.touch()
    throw thrown
  }
  return manifest
}

/** What it does, for people. */
export interface CheckpointerStatus {
  readonly isHolder: boolean
  readonly written: number
  readonly failed?: SirtakiError | undefined
}

/** What a checkpointer reports. */
export interface CheckpointerEvents {
  wrote?(manifest: Manifest): void
  trimmed?(before: number): void
  failed?(error: SirtakiError): void
}

/** Writes checkpoints until it is closed. */
export class Checkpointer {
  readonly #port: ObjectPort
  readonly #checkpoints: Checkpoints
  readonly #events: CheckpointerEvents
  readonly #duty: Duty
  readonly #ended: () => Promise<void>
  #written = 0
  #failed: SirtakiError | undefined
  /** On the clock of the process: when the newest was written, as far as this process knows. */
  #wroteAt = -Infinity

  /** `ended`: what is to be closed with it. */
  constructor(
    port: ObjectPort,
    checkpoints: Checkpoints,
    events: CheckpointerEvents = {},
    ended: () => Promise<void> = () => Promise.resolve(),
  ) {
    this.#ended = ended
    this.#port = port
    this.#checkpoints = checkpoints
    this.#events = events
    this.#duty = new Duty(port, {
      path: CHECKPOINTER_PATH,
      serve: (held, signal) => this.#serve(held, signal),
      failed: (error) => {
        this.#failed = error
        this.#events.failed?.(error)
      },
    })
  }

  status(): CheckpointerStatus {
    return { isHolder: this.#duty.isHolder, written: this.#written, failed: this.#failed }
  }

  /** Ends it; what is under way is given up. */
  async close(): Promise<void> {
    await this.#duty.close()
    await this.#ended()
  }

  async #serve(held: Held, signal: AbortSignal): Promise<void> {
    const { clock } = this.#port.view.log
    if (retentionOf(this.#port).checkpoints.length > 0) this.#wroteAt = clock.now()
    while (!signal.aborted && held.isCurrent) {
      const policy = retentionOf(this.#port).policy ?? DEFAULT_POLICY
      if (this.#checkpoints.isDue(policy, clock.now() - this.#wroteAt)) await this.#round(policy, signal)
      await pause(clock, Math.min(LOOK_MS, policy.everyMs / 4), signal).catch(() => undefined)
    }
  }

  async #round(policy: Policy, signal: AbortSignal): Promise<void> {
    const options = { signal, timeoutMs: ROUND_MS }
    const manifest = await checkpointNow(this.#port, this.#checkpoints, options)
    this.#wroteAt = this.#port.view.log.clock.now()
    this.#written++
    this.#failed = undefined
    this.#events.wrote?.(manifest)
    await this.#checkpoints.collect(policy, options, neededKeys(retentionOf(this.#port).checkpoints))
    if (!policy.trim) return
    try {
      const { before } = await trimLog(this.#port, options, this.#checkpoints)
      this.#events.trimmed?.(before)
    } catch (thrown) {
      // Somebody holds what it wanted to drop since it looked.
      if (!isError(thrown, 'NEEDED')) throw thrown
    }
  }
}

/** Manifests that a trim relies on, whatever others there are in the store: the newest that are noted. */
export const neededKeys = (noted: readonly Pick<Checkpoint, 'key'>[]): readonly string[] =>
  noted.slice(-2).map(({ key }) => key)
