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
import { SirtakiError, asError, isError } from '../../log/errors.ts'
import { SKIP_STREAM, readSkip, type Skip } from './skip-entry.ts'
import type { SpaceLog, SpacePlayer } from './space-log.ts'

const NONE = { position: 0, skips: [] }
/** So far its player may be behind what is played: the log is trimmed behind the idle streams too. */
const BEHIND_MAX = 4_096

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
  /** Those of the stored state that it began with. */
  #known: readonly Skip[] = []
  #firstFound = Infinity
  #player: SpacePlayer | undefined
  /** Everything below it has been read. */
  #next = 0
  #isAdvancing = false
  #isClosed = false

  constructor(log: SpaceLog, events: SkipEvents) {
    this.#log = log
    this.#events = events
  }

  /** The lowest position that was skipped by what was read since `begin`, not known then; Infinity: none. */
  get firstFound(): number {
    return this.#firstFound
  }
  /** All that have been read. */
  get all(): readonly Skip[] {
    return this.#all
  }

  /**
   * Reads, from a stored state on where there is one; settles when all that there were at the call have been read:
   * true; or it has failed or was closed. `known`: those of the stored state, which stand below its position.
   */
  async begin(
    known: { readonly position: number; readonly skips: readonly Skip[] } = NONE,
    flow: FlowOptions = {},
  ): Promise<boolean> {
    if (this.#isClosed) return false
    this.#player?.close()
    this.#next = known.position
    this.#known = known.skips
    this.#firstFound = Infinity
    for (const skip of known.skips) {
      if (this.#all.some((one) => isSame(one, skip))) continue
      this.#all.push(skip)
      this.#events.found(skip)
    }
    const events = {
      deliver: (entries: readonly Entry[]) => {
        if (player === this.#player) this.#deliver(entries)
      },
      reached: (next: number) => {
        if (player === this.#player) this.#next = Math.max(this.#next, next)
      },
      failed: (error: SirtakiError) => {
        if (player === this.#player) this.#fail(error)
      },
    }
    const player = this.#log.play(SKIP_STREAM, events, known.position)
    this.#player = player
    const backoff = new Backoff(this.#log, this.#log.limits)
    while (!this.#isClosed && player === this.#player && flow.signal?.aborted !== true) {
      try {
        const { tail } = await this.#log.tail(SKIP_STREAM, flow)
        await player.playTo(tail, flow)
        return true
      } catch (thrown) {
        const error = asError(thrown)
        if (player !== this.#player) break
        if (error.next === 'stop') this.#fail(error)
        else await backoff.wait()
      }
    }
    return false
  }

  /** Settles when all that stand below a position have been read. @throws as `SpacePlayer.playTo`. */
  async playTo(to: number, options: FlowOptions): Promise<void> {
    const player = this.#player
    if (player === undefined) throw new SirtakiError('TIMEOUT', 'the skips are being read again', { next: 'again' })
    try {
      await player.playTo(to, options)
    } catch (thrown) {
      if (player === this.#player && isError(thrown, 'TRIMMED')) this.#fail(thrown)
      throw thrown
    }
  }

  /** The space has played everything below `next`: a stream that is idle goes on with it (P27). */
  follows(next: number): void {
    if (next - this.#next < BEHIND_MAX || this.#isAdvancing || this.#player === undefined) return
    const player = this.#player
    this.#isAdvancing = true
    player
      .playTo(next)
      .catch((thrown: unknown) => {
        const error = asError(thrown)
        if (player === this.#player && error.code === 'TRIMMED') this.#fail(error)
      })
      .finally(() => {
        this.#isAdvancing = false
      })
  }

  close(): void {
    this.#isClosed = true
    this.#player?.close()
  }

  #deliver(entries: readonly Entry[]): void {
    try {
      for (const { payload } of entries) {
        const skip = readSkip(payload)
        if (skip === undefined || this.#isClosed || this.#known.some((one) => isSame(one, skip))) continue
        this.#firstFound = Math.min(this.#firstFound, skip.position)
        if (this.#all.some((one) => isSame(one, skip))) continue
        this.#all.push(skip)
        this.#events.found(skip)
      }
    } catch (thrown) {
      this.#fail(asError(thrown))
    }
  }

  #fail(error: SirtakiError): void {
    if (this.#isClosed) return
    this.#player?.close()
    this.#player = undefined
    this.#events.failed(error)
  }
}

const isSame = (one: Skip, other: Skip): boolean => one.position === other.position && one.object === other.object

/** The error of a view that has run what is to be skipped. */
export const skipTooLate = ({ position, object }: Skip): SirtakiError =>
  new SirtakiError(
    'STOPPED',
    `${object} is skipped at position ${position}, which was played here before that was known: restart this process`,
    { facts: { position, object } },
  )
