/**
 * Byte streams inside one process, for `memory:` clusters: the same frames, no sockets.
 *
 * Owns: the addresses of one process-wide or private network. Read next: `../ports.ts`.
 */
import { SirtakiError } from '../errors.ts'
import type { Clock, Connection, ConnectionEvents, Listener, Transport } from '../ports.ts'

/** One private network: what listens on one is not seen on another. */
export function memoryTransport(clock: Clock): Transport {
  const doors = new Map<string, (connection: Connection) => ConnectionEvents>()
  return {
    connect(address, events) {
      const accept = doors.get(address)
      const near = new MemoryConnection(clock, address)
      near.events = events
      if (accept === undefined) {
        clock.turn(() => {
          near.end(
            new SirtakiError('UNREACHABLE', `nothing listens at ${address}`, {
              facts: { address, refused: 'nothing listens' },
            }),
          )
        })
        return near
      }
      const far = new MemoryConnection(clock, 'memory')
      near.other = far
      far.other = near
      far.events = accept(far)
      clock.turn(() => {
        near.events?.opened()
      })
      return near
    },
    listen(address, accept): Promise<Listener> {
      if (doors.has(address)) return Promise.reject(new SirtakiError('IN_USE', `${address} is in use`))
      doors.set(address, accept)
      return Promise.resolve({
        address,
        close: () => {
          doors.delete(address)
          return Promise.resolve()
        },
      })
    },
  }
}

class MemoryConnection implements Connection {
  readonly remote: string
  readonly #clock: Clock
  other: MemoryConnection | undefined
  events: ConnectionEvents | undefined
  #buffered = 0

  constructor(clock: Clock, remote: string) {
    this.#clock = clock
    this.remote = remote
  }

  get buffered(): number {
    return this.#buffered
  }

  write(pieces: readonly Uint8Array[]): void {
    // Held here: what was written before a close still arrives.
    const { other } = this
    let bytes = 0
    for (const piece of pieces) bytes += piece.byteLength
    this.#buffered += bytes
    this.#clock.turn(() => {
      this.#buffered -= bytes
      for (const piece of pieces) other?.events?.data(piece)
    })
  }

  close(): void {
    this.events = undefined
    const { other } = this
    this.other = undefined
    // After what was written before: a close never overtakes data.
    if (other !== undefined) {
      this.#clock.turn(() => {
        other.end()
      })
    }
  }

  /** Tells the owner that the other end is gone. */
  end(error?: Error): void {
    const { events } = this
    this.events = undefined
    this.other = undefined
    events?.closed(error)
  }
}
