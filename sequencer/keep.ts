/**
 * Keeps a sequencer at one address: where one stops by itself, the next one starts.
 *
 *     sequencer ── a rule does not hold: it stops ── closed ── a pause ── the next, a boot of its own: the next epoch
 *
 * For who hosts a whole cluster in one process, `memory:` and `file:`; elsewhere the process ends, and who started it
 * starts it again. Keeps: P66. Read next: `server.ts`, `memory.ts`, `host.ts`.
 */
import { Backoff } from '../log/cluster/retry.ts'
import { asError } from '../log/errors.ts'
import { SequencerServer, type SequencerServerOptions } from './server.ts'

/** How the first one starts: see `SequencerServer.start`. */
interface StartOptions {
  readonly takeOver?: boolean
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** A sequencer that is followed by another one when it stops. */
export interface KeptSequencer {
  /** The one that serves now. */
  readonly server: SequencerServer
  /** Ends it and starts no other. Idempotent. */
  close(): Promise<void>
}

/**
 * Starts a sequencer, and another one each time it stops by itself. Ready for tokens when it settles.
 *
 * @throws SirtakiError as `listen` and `start` of the first one.
 */
export async function keepSequencer(options: SequencerServerOptions, how: StartOptions = {}): Promise<KeptSequencer> {
  const kept = new Kept(options)
  await kept.start(how)
  return kept
}

class Kept implements KeptSequencer {
  server: SequencerServer
  readonly #options: SequencerServerOptions
  readonly #ending = new AbortController()
  /** Begins anew once one has served for a while. */
  readonly #again: Backoff
  #since = 0

  constructor(options: SequencerServerOptions) {
    this.#options = options
    this.#again = new Backoff(options.ports, options.limits)
    this.server = new SequencerServer(options)
  }

  async start(how: StartOptions): Promise<void> {
    const { server } = this
    const {
      ports: { clock },
    } = this.#options
    let started = false
    try {
      await server.listen()
      // One that stops on its way never becomes ready: the start ends with its time.
      server.onStopped(() => {
        if (started) void this.#follow()
      })
      await server.start(how)
      this.#since = clock.now()
      started = true
      if (server.role === 'stopped') void this.#follow()
    } catch (thrown) {
      await server.close()
      throw thrown
    }
  }

  close(): Promise<void> {
    this.#ending.abort()
    return this.server.close()
  }

  async #follow(): Promise<void> {
    const {
      ports: { clock },
      limits,
      log,
    } = this.#options
    if (clock.now() - this.#since > limits.requestMs) this.#again.reset()
    while (!this.#ending.signal.aborted) {
      await this.server.close()
      try {
        await this.#again.wait(this.#ending.signal)
        this.server = new SequencerServer(this.#options)
        await this.start({ signal: this.#ending.signal })
        return
      } catch (thrown) {
        log?.(`the next sequencer could not be started yet: ${asError(thrown).message}`)
      }
    }
    await this.server.close()
  }
}
