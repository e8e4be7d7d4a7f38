/**
 * A log with its archive before it: what was trimmed is read from there.
 *
 *     play from P ─ the log has it ─▶ played
 *                 └ TRIMMED ─ the range that holds P ─ its entries ─ P is its end ─ again
 *
 * Only for who reads the past: a view of today begins with a checkpoint. Keeps: L8 (a hole stays TRIMMED). Read next:
 * `past-log.ts`, `../../log/archive/archive-reader.ts`.
 */
import { entriesOf, rangeWith, type ArchiveSource } from '../../log/archive/archive-reader.ts'
import type { FlowOptions } from '../../log/cluster/calls.ts'
import type { Entry } from '../../log/entry.ts'
import { isError } from '../../log/errors.ts'
import type { StreamEvents } from '../../log/playback/stream-player.ts'
import type { SpaceLog, SpacePlayer } from '../runtime/space-log.ts'

/** The log, whose streams are played from the archive where they were trimmed. */
export const archivedLog = (log: SpaceLog, archive: () => Promise<ArchiveSource>): SpaceLog => ({
  ...log,
  play: (stream, events, from = 0) => new ArchivedPlayer({ log, archive, stream, events }, from),
})

interface Playing {
  readonly log: SpaceLog
  readonly archive: () => Promise<ArchiveSource>
  readonly stream: number
  readonly events: StreamEvents
}

class ArchivedPlayer implements SpacePlayer {
  readonly #playing: Playing
  #next: number
  #inner: SpacePlayer | undefined
  #isClosed = false

  constructor(playing: Playing, from: number) {
    this.#playing = playing
    this.#next = from
  }

  offer(entry: Entry): void {
    this.#inner?.offer(entry)
  }

  async playTo(to: number, options: FlowOptions = {}): Promise<void> {
    while (this.#next < to && !this.#isClosed) {
      try {
        await this.#fromLog().playTo(to, options)
      } catch (thrown) {
        if (!isError(thrown, 'TRIMMED') || !(await this.#fromArchive(options))) throw thrown
      }
    }
  }

  close(): void {
    this.#isClosed = true
    this.#inner?.close()
  }

  #fromLog(): SpacePlayer {
    const { log, stream, events } = this.#playing
    return (this.#inner ??= log.play(
      stream,
      {
        deliver: (entries) => {
          events.deliver(entries)
        },
        reached: (next) => {
          this.#next = Math.max(this.#next, next)
          events.reached(next)
        },
        // Whoever plays hears of it.
        failed: () => undefined,
      },
      this.#next,
      { live: false },
    ))
  }

  /** The next range; false: there is none. */
  async #fromArchive({ signal }: FlowOptions): Promise<boolean> {
    const { archive, stream, events } = this.#playing
    this.#inner?.close()
    this.#inner = undefined
    const source = { ...(await archive()), signal }
    const goesOn = source.lineage.after(this.#next)
    if (goesOn > this.#next) {
      // The log was restored: between the two clusters there is nothing.
      this.#next = goesOn
      events.reached(goesOn)
      return true
    }
    const range = await rangeWith(source, this.#next)
    if (range === undefined) return false
    const due = entriesOf(range, stream, this.#next)
    this.#next = range.to
    if (due.length > 0) events.deliver(due)
    events.reached(this.#next)
    return true
  }
}
