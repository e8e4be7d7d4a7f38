/**
 * What passes between the bench and a client process, and what that needs of each system: loads by name, and sessions
 * that are opened once. Read next: `client.ts`.
 */
import type { Measured, Missing, Operation } from '../measure.ts'
import type { PeerLoad } from './peer.ts'

/** Where the servers listen for clients, and the folder with the npm packages of the client, if it has any. */
export interface ClientSetup {
  readonly addresses: readonly string[]
  readonly packages?: string
}

/** What the client is asked for. */
export interface Question {
  readonly load: PeerLoad
  readonly outstanding: number
  readonly ms: number
}

/** What the client says. */
export type Answer =
  | { readonly kind: 'ready'; readonly note?: string | undefined }
  | { readonly kind: 'measured'; readonly measured: Measured }
  | ({ readonly kind: 'unsupported' } & Missing)
  | { readonly kind: 'error'; readonly error: string }

/** The loads of one system. */
export interface Loads {
  /** What a reader of the figures has to know. */
  readonly note?: string
  /** Opens what the load needs, or says why this system has no such thing. */
  prepare(load: Exclude<PeerLoad, 'sessionEnd'>, outstanding: number): Promise<Operation | Missing>
  /** Settles when the session of that name, whose process was killed, has ended; or why there are no sessions. */
  readonly ended: ((name: string) => Promise<void>) | Missing
}

/** The value that is written and read: 128 bytes. */
export const VALUE: Buffer = Buffer.alloc(128, 'a')

/** Sessions spread over the servers, opened when first asked for and kept: the first three are one for each server. */
export class Sessions<S> {
  readonly #addresses: readonly string[]
  readonly #open: (address: string) => Promise<S>
  readonly #sessions: Promise<S>[] = []

  constructor(addresses: readonly string[], open: (address: string) => Promise<S>) {
    this.#addresses = addresses
    this.#open = open
  }

  first(count: number): Promise<S[]> {
    while (this.#sessions.length < count) {
      this.#sessions.push(this.#open(nth(this.#addresses, this.#sessions.length % this.#addresses.length)))
    }
    return Promise.all(this.#sessions.slice(0, count))
  }

  /** The session at one server. */
  async at(server: number): Promise<S> {
    return nth(await this.first(this.#addresses.length), server)
  }
}

/** The element at an index that is known to be there. */
export function nth<T>(list: readonly T[], index: number): T {
  const found = list[index]
  if (found === undefined) throw new RangeError(`there is no number ${index} of ${list.length}`)
  return found
}
