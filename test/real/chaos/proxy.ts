/**
 * A TCP proxy in front of one server: passes bytes on, or holds them as a network does that loses every packet (TCP
 * sends them again, so they arrive once it heals), or passes them on late, or leaves connections half open.
 *
 * Keeps: bytes of a connection never overtake one another, and what waits is bounded by backpressure. Read next:
 * `network.ts`.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'

/** What a proxy does: `half open` ends the server's side of every connection and tells the client's side nothing. */
export type ProxyMode = 'open' | 'holds both ways' | 'holds requests' | 'holds answers' | 'late' | 'half open'

/** The modes that are faults. */
export const proxyModes: readonly ProxyMode[] = [
  'holds both ways',
  'holds requests',
  'holds answers',
  'late',
  'half open',
]

/** Bytes that may wait for their time in one direction of one connection. */
const LATE_BYTES_MAX = 1 << 20

/** One proxy. */
export class Proxy {
  readonly #port: number
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  #mode: ProxyMode = 'open'
  #lateMs = 0

  /** `port` is where the server behind it listens. */
  constructor(port: number) {
    this.#port = port
    this.#server = createServer({ allowHalfOpen: false }, (client) => {
      this.#accept(client)
    })
    this.#server.unref()
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(port, '127.0.0.1', () => {
        resolve()
      })
    })
  }

  setMode(mode: ProxyMode, lateMs = 0): void {
    const healed = this.#mode === 'half open' && mode === 'open'
    this.#mode = mode
    this.#lateMs = mode === 'late' ? lateMs : 0
    for (const pair of [...this.#pairs]) {
      if (healed) pair.end()
      else pair.obey(mode, this.#lateMs)
    }
  }

  #accept(client: Socket): void {
    const pair = new Pair(client, this.#port, () => {
      this.#pairs.delete(pair)
    })
    this.#pairs.add(pair)
    pair.obey(this.#mode, this.#lateMs)
  }
}

/** One connection through the proxy. */
class Pair {
  readonly #client: Socket
  readonly #server: Socket
  readonly #requests: Lane
  readonly #answers: Lane
  readonly #ended: () => void
  #isHalfOpen = false

  constructor(client: Socket, port: number, ended: () => void) {
    this.#client = client
    this.#server = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#ended = ended
    client.setNoDelay(true)
    this.#requests = new Lane(client, this.#server)
    this.#answers = new Lane(this.#server, client)
    client
      .on('error', () => undefined)
      .on('close', () => {
        this.end()
      })
    this.#server
      .on('error', () => undefined)
      .on('close', () => {
        if (!this.#isHalfOpen) this.end()
      })
  }

  obey(mode: ProxyMode, lateMs: number): void {
    this.#requests.obey(mode === 'holds both ways' || mode === 'holds requests', lateMs)
    this.#answers.obey(mode === 'holds both ways' || mode === 'holds answers', lateMs)
    this.#isHalfOpen = mode === 'half open'
    if (this.#isHalfOpen) this.#server.destroy()
  }

  end(): void {
    this.#client.destroy()
    this.#server.destroy()
    this.#ended()
  }
}

/** One direction of a connection. */
class Lane {
  readonly #from: Socket
  readonly #to: Socket
  readonly #late: { readonly due: number; readonly bytes: Buffer }[] = []
  #lateBytes = 0
  #lateMs = 0
  #held = false

  constructor(from: Socket, to: Socket) {
    this.#from = from
    this.#to = to
    from.on('data', (bytes: Buffer) => {
      this.#take(bytes)
    })
    to.on('drain', () => {
      this.#flow()
    })
  }

  obey(held: boolean, lateMs: number): void {
    this.#held = held
    this.#lateMs = lateMs
    this.#flow()
  }

  #take(bytes: Buffer): void {
    if (this.#to.destroyed) return
    const due = Math.max(performance.now() + this.#lateMs, this.#late.at(-1)?.due ?? 0)
    this.#late.push({ due, bytes })
    this.#lateBytes += bytes.byteLength
    if (this.#lateMs > 0) {
      setTimeout(() => {
        this.#pass()
      }, this.#lateMs)
    }
    this.#pass()
  }

  /** Passes on what is due. */
  #pass(): void {
    for (let [first] = this.#late; first !== undefined && first.due <= performance.now() + 1; [first] = this.#late) {
      this.#late.shift()
      this.#lateBytes -= first.bytes.byteLength
      if (!this.#to.destroyed) this.#to.write(first.bytes)
    }
    if (this.#late.length > 0 && this.#lateMs === 0) {
      setTimeout(() => {
        this.#pass()
      }, 10)
    }
    this.#flow()
  }

  #flow(): void {
    if (this.#held || this.#lateBytes > LATE_BYTES_MAX || this.#to.writableNeedDrain) this.#from.pause()
    else this.#from.resume()
  }
}
