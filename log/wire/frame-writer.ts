/**
 * One write per socket per turn: what a turn sends to one connection leaves together.
 *
 * Owns: the pieces of this turn. Read next: `rpc.ts`, `server.ts`.
 */
import { concat } from '../bytes/bytes.ts'
import type { Clock, Connection } from '../ports.ts'

/**
 * Pieces above this size are written as they are; smaller ones are joined, which is cheaper than one more entry of a
 * writev.
 */
const JOIN_BELOW_BYTES = 4_096

/** Collects frames for one connection and writes them at the end of the turn. */
export class FrameWriter {
  readonly #clock: Clock
  readonly #connection: Connection
  #pieces: Uint8Array[] = []
  #small: Uint8Array[] = []
  #bytes = 0
  #scheduled = false
  #held = false
  #closed = false

  constructor(clock: Clock, connection: Connection) {
    this.#clock = clock
    this.#connection = connection
  }

  /** Bytes that wait here or in the machine. */
  get buffered(): number {
    return this.#bytes + this.#connection.buffered
  }

  /** Adds a frame; it leaves at the end of this turn, or with `flush`. */
  send(frame: Uint8Array): void {
    this.queue(frame)
    if (this.#scheduled || this.#held || this.#closed) return
    this.#scheduled = true
    this.#clock.turn(() => {
      this.flush()
    })
  }

  /** Adds a frame that leaves with whatever is sent or flushed next. */
  queue(frame: Uint8Array): void {
    if (this.#closed) return
    this.#bytes += frame.byteLength
    if (frame.byteLength >= JOIN_BELOW_BYTES) {
      this.#join()
      this.#pieces.push(frame)
    } else this.#small.push(frame)
  }

  /** Keeps what is sent until `release`: saves a round of the event loop where the end of the work is known. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
    this.flush()
  }

  /** Runs `work`; what it sends leaves right behind it. */
  together(work: () => void): void {
    this.hold()
    try {
      work()
    } finally {
      this.release()
    }
  }

  /** Writes what waits, now. */
  flush(): void {
    this.#scheduled = false
    this.#join()
    const pieces = this.#pieces
    if (this.#closed || pieces.length === 0) return
    this.#pieces = []
    this.#bytes = 0
    this.#connection.write(pieces)
  }

  close(): void {
    this.#closed = true
    this.#pieces = []
    this.#small = []
  }

  #join(): void {
    if (this.#small.length === 0) return
    this.#pieces.push(concat(this.#small))
    this.#small = []
  }
}
