/**
 * The skips of a space: read to the end before anything is played, and followed from there on.
 *
 * An op that never ends hangs whoever has its code, at its position, after every start: so what an operator has said
 * about that position must be known before (finding 28). Keeps: O3. Read next: `skip-entry.ts`, `skip.ts` (who writes
 * them), `view.ts`.
 */
import type { FlowOptions } from '../../log/cluster/calls.ts'
import { Backoff } from '../../log/cluster/retry.ts'
import type { Entry } from '../../log/entry.ts'
import { SirtakiError, asError } from '../../log/errors.ts'
import { SKIP_STREAM, readSkip, type Skip } from './skip-entry.ts'
import type { SpaceLog, SpacePlayer } from './space-log.ts'

const NONE = { position: 0, skips: [] }

/** What a list of skips reports. */
export interface SkipEvents {
  found(skip: Skip): void
  /** It cannot be read on. */
  failed(error: SirtakiError): void
}

/** The skips of one space as one view knows them. */
export class Skips {
  readonly #log: SpaceLog
  readonly #events: SkipEvents
  readonly #all: Skip[] = []
  #firstFound = Infinity
  #player: SpacePlayer | undefined
  #isClosed = false

  constructor(log: SpaceLog, events: SkipEvents) {
    this.#log = log
    this.#events = events
  }

  /** The lowest position that was skipped by what was read, not known before; Infinity: none. */
  get firstFound(): number {
    return this.#firstFound
  }
  /** All that have been read. */
  get all(): readonly Skip[] {
    return this.#all
  }

  /**
   * Settles when all that there were at the call have been read, or it has failed or was closed. `known`: those of a
   * stored state, which stand below its position.
   */
  async begin(known: { readonly position: number; readonly skips: readonly Skip[] } = NONE): Promise<void> {
    this.#all.push(...known.skips)
    const events = {
      deliver: (entries: readonly Entry[]) => {
        this.#deliver(entries)
      },
      reached: () => undefined,
      failed: (error: SirtakiError) => {
        this.#fail(error)
      },
    }
    this.#player = this.#log.play(SKIP_STREAM, events, known.position)
    const backoff = new Backoff(this.#log, this.#log.limits)
    while (!this.#isClosed) {
      try {
        const { tail } = await this.#log.tail(SKIP_STREAM, {})
        await this.#player.playTo(tail)
        return
      } catch (thrown) {
        const error = asError(thrown)
        if (error.next === 'stop') this.#fail(error)
        else await backoff.wait()
      }
    }
  }

  /** Settles when all that stand below a position have been read. @throws as `SpacePlayer.playTo`. */
  async playTo(to: number, options: FlowOptions): Promise<void> {
    await this.#player?.playTo(to, options)
  }

  close(): void {
    this.#isClosed = true
    this.#player?.close()
  }

  #deliver(entries: readonly Entry[]): void {
    try {
      for (const { payload } of entries) {
        const skip = readSkip(payload)
        if (skip === undefined || this.#isClosed) continue
        this.#all.push(skip)
        this.#firstFound = Math.min(this.#firstFound, skip.position)
        this.#events.found(skip)
      }
    } catch (thrown) {
      this.#fail(asError(thrown))
    }
  }

  #fail(error: SirtakiError): void {
    if (this.#isClosed) return
    this.close()
    this.#events.failed(error)
  }
}

/** The error of a view that has run what is to be skipped. */
export const skipTooLate = ({ position, object }: Skip): SirtakiError =>
  new SirtakiError(
    'STOPPED',
    `${object} is skipped at position ${position}, which was played here before that was known: restart this process`,
    { facts: { position, object } },
  )
