/**
 * One end of a connection as a test sees it: what came, and what it is still waiting for.
 *
 * Read next: `net-transport.test.ts`.
 */
import { once } from 'node:events'
import { EventEmitter } from 'node:events'
import type { Connection, ConnectionEvents } from '../../../log/ports.ts'

/** Records the events of a connection. */
export class Peer implements ConnectionEvents {
  readonly #news = new EventEmitter()
  readonly #chunks: Uint8Array[] = []
  readonly closings: (Error | undefined)[] = []
  openings = 0
  bytes = 0

  opened(): void {
    this.openings++
    this.#news.emit('news')
  }
  data(bytes: Uint8Array): void {
    this.#chunks.push(bytes)
    this.bytes += bytes.byteLength
    this.#news.emit('news')
  }
  closed(error?: Error): void {
    this.closings.push(error)
    this.#news.emit('news')
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString()
  }

  /** Resolves once `condition` holds. */
  async until(condition: (peer: this) => boolean): Promise<void> {
    while (!condition(this)) await once(this.#news, 'news', { signal: AbortSignal.timeout(10_000) })
  }
}

/** A door that remembers who came. */
export class Visitors {
  readonly peers: Peer[] = []
  readonly connections: Connection[] = []
  readonly #news = new EventEmitter()

  readonly accept = (connection: Connection): ConnectionEvents => {
    const peer = new Peer()
    this.peers.push(peer)
    this.connections.push(connection)
    this.#news.emit('news')
    return peer
  }

  /** The first who came. */
  async first(): Promise<{ readonly peer: Peer; readonly connection: Connection }> {
    for (;;) {
      const [peer] = this.peers
      const [connection] = this.connections
      if (peer !== undefined && connection !== undefined) return { peer, connection }
      await once(this.#news, 'news', { signal: AbortSignal.timeout(10_000) })
    }
  }
}
