/**
 * The peers of one process, by address.
 *
 * Read next: `rpc.ts` (one peer).
 */
import type { SirtakiError } from '../errors.ts'
import { Peer, type PeerContext, type Owed } from './rpc.ts'

/** All peers of a process, by address. */
export class Peers {
  readonly context: PeerContext
  readonly #peers = new Map<string, Peer>()
  #closed = false

  constructor(context: PeerContext) {
    this.context = context
  }

  at(address: string): Peer {
    const known = this.#peers.get(address)
    if (known !== undefined) return known
    const peer = new Peer(address, this.context)
    if (this.#closed) peer.close()
    else this.#peers.set(address, peer)
    return peer
  }

  /** What somebody has owed an answer to for longest. */
  owed(): Owed | undefined {
    let oldest: Owed | undefined
    for (const { owed } of this.#peers.values()) {
      if (owed !== undefined && (oldest === undefined || owed.since < oldest.since)) oldest = owed
    }
    return oldest
  }

  abandon(address: string, error: SirtakiError): void {
    this.#peers.get(address)?.abandon(error)
  }

  close(): void {
    this.#closed = true
    for (const peer of this.#peers.values()) peer.close()
    this.#peers.clear()
  }
}
