/**
 * What stands between a stream and whoever consumes it: a bounded queue, and a position to go on from when it was full.
 *
 * Keeps: O6 (a slow consumer costs a position, not a buffer). Read next: `./stream-player.ts`.
 */
import type { Cluster } from '../cluster/cluster.ts'
import type { Entry } from '../entry.ts'
import type { SirtakiError } from '../errors.ts'
import type { StreamEvents, StreamPlayer } from './stream-player.ts'

/** Who gives players: the client. */
interface Players {
  readonly cluster: Cluster
  player(stream: number, from: number, events: StreamEvents): StreamPlayer
  closePlayer(player: StreamPlayer): void
}

/** One consumer of one stream. */
export class Subscriber {
  readonly #players: Players
  readonly #stream: number
  #queue: Entry[] = []
  #bytes = 0
  /** Where to go on: everything of the stream below it is in the queue or was taken. */
  #next: number
  #player: StreamPlayer | undefined
  #failed: SirtakiError | undefined
  #wake: () => void = () => undefined

  constructor(players: Players, stream: number, from: number) {
    this.#players = players
    this.#stream = stream
    this.#next = from
    this.#play()
  }

  /** Nothing to take, and no reason to go on looking. */
  get idle(): boolean {
    return this.#queue.length === 0 && this.#failed === undefined
  }

  /** What has come. @throws SirtakiError why nothing will come any more. */
  take(): readonly Entry[] {
    const due = this.#queue
    this.#queue = []
    this.#bytes = 0
    if (due.length === 0 && this.#failed !== undefined) throw this.#failed
    if (this.#player === undefined) this.#play()
    return due
  }

  woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
  wake(): void {
    this.#wake()
  }

  close(): void {
    if (this.#player !== undefined) this.#players.closePlayer(this.#player)
    this.#player = undefined
  }

  #play(): void {
    const player = this.#players.player(this.#stream, this.#next, {
      deliver: (due) => {
        if (player === this.#player) this.#deliver(due)
      },
      reached: () => undefined,
      failed: (error) => {
        if (player === this.#player) {
          this.#failed = error
          this.#wake()
        }
      },
    })
    this.#player = player
  }

  #deliver(due: readonly Entry[]): void {
    const { subscriberEntriesMax, subscriberBytesMax } = this.#players.cluster.limits
    for (const entry of due) {
      this.#queue.push(entry)
      this.#bytes += entry.payload.byteLength
      this.#next = entry.position + 1
      if (this.#queue.length < subscriberEntriesMax && this.#bytes < subscriberBytesMax) continue
      this.#players.cluster.ports.failpoint?.('subscriber.paused', { stream: this.#stream, next: this.#next })
      this.close()
      break
    }
    this.#wake()
  }
}
