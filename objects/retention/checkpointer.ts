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
import { Backoff, either, pause } from '../../log/cluster/retry.ts'
import { asError, isError, type SirtakiError } from '../../log/errors.ts'
import { acquire, lockInput, type Held } from '../lock/lock.ts'
import type { ObjectPort } from '../handle.ts'
import { publish } from './publish.ts'
import type { Policy } from './shapes.ts'
import { retentionOf, trimLog } from './trim.ts'
import type { Checkpoints } from '../checkpoints/checkpoints.ts'
import type { Manifest } from '../checkpoints/manifest.ts'

/** The lock of whoever writes checkpoints. */
export const CHECKPOINTER_PATH = '/.sirtaki/checkpointer'
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
/** How long it waits where the code of some type is missing: another process may have it. */
const WITHOUT_CODE_MS = 30_000
/** One round with all its answers of the store. */
const ROUND_MS = 600_000

/** Writes the state as it is, and makes it known. The caller holds the lock. @throws as `Checkpoints.write`. */
export async function writeAndPublish(
  port: ObjectPort,
  checkpoints: Checkpoints,
  { moves = false, ...options }: CallOptions & { readonly moves?: boolean | undefined },
): Promise<Manifest> {
  const nonce = await checkpoints.markedStore(options)
  const { store } = retentionOf(port)
  if (!moves && store !== null && store.nonce !== nonce) throw checkpoints.otherStore(store.address)
  const manifest = await checkpoints.write(port.view, options)
  const { n, position, key, sha256, sessions } = manifest
  const note = { n, position, key, sha256, nonce, address: checkpoints.address, moves }
  await publish(port, { note, sessions }, options)
  return manifest
}

/** Waits for the lock, then writes and publishes. @throws as `writeAndPublish`; `TIMEOUT`, `ABORTED`. */
export async function checkpointNow(
  port: ObjectPort,
  checkpoints: Checkpoints,
  options: CallOptions & { readonly moves?: boolean | undefined },
): Promise<Manifest> {
  const { clock, limits } = port.view.log
  const { signal, timeoutMs = limits.requestMs } = options
  const until = clock.now() + timeoutMs
  const left = (): CallOptions => ({ signal, timeoutMs: Math.max(1, until - clock.now()) })
  await using held = await acquire(port, CHECKPOINTER_PATH, lockInput({}), left())
  const signals = either(held.signal, signal)
  try {
    await port.view.sync(left())
    return await writeAndPublish(port, checkpoints, { ...left(), signal: signals, moves: options.moves })
  } catch (thrown) {
    // The lock is lost with its session: why is what its caller has to know.
    throw held.signal.aborted ? asError(held.signal.reason) : thrown
  }
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
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  #held: Held | undefined
  #written = 0
  #failed: SirtakiError | undefined
  /** On the clock of the process: when the newest was written, as far as this process knows. */
  #wroteAt = -Infinity

  constructor(port: ObjectPort, checkpoints: Checkpoints, events: CheckpointerEvents = {}) {
    this.#port = port
    this.#checkpoints = checkpoints
    this.#events = events
    this.#running = this.#run()
  }

  status(): CheckpointerStatus {
    return { isHolder: this.#held?.isCurrent === true, written: this.#written, failed: this.#failed }
  }

  /** Ends it; what is under way is given up. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { log } = this.#port.view
    const { signal } = this.#closing
    const backoff = new Backoff(log, log.limits)
    const unlisten = this.#port.view.onStopped(() => {
      this.#closing.abort()
    })
    while (!signal.aborted) {
      try {
        const held = await acquire(this.#port, CHECKPOINTER_PATH, lockInput({}), { signal })
        this.#held = held
        try {
          await this.#serve(held, either(signal, held.signal))
          backoff.reset()
        } finally {
          this.#held = undefined
          await held.release().catch(() => undefined)
        }
      } catch (thrown) {
        if (signal.aborted) break
        const error = asError(thrown)
        this.#failed = error
        this.#events.failed?.(error)
        const ms = error.code === 'CODE_MISSING' ? WITHOUT_CODE_MS : 0
        await pause(log.clock, ms, signal).catch(() => undefined)
        await backoff.wait(signal).catch(() => undefined)
      }
    }
    unlisten()
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
    const manifest = await writeAndPublish(this.#port, this.#checkpoints, options)
    this.#wroteAt = this.#port.view.log.clock.now()
    this.#written++
    this.#failed = undefined
    this.#events.wrote?.(manifest)
    await this.#checkpoints.collect(policy, options)
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
