/**
 * The real transport: TCP and unix sockets.
 *
 * Owns: that one `write` is one system call, that `closed` comes once and never for one's own close, which errors a
 * listener may meet, and how many sockets it may be made to hold. Read next: `address.ts`, `../ports.ts`.
 */
import { lstatSync, unlinkSync } from 'node:fs'
import { connect, createServer, type ListenOptions, type NetConnectOpts, type Server, type Socket } from 'node:net'
import { SirtakiError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Connection, ConnectionEvents, Listener, Transport } from '../ports.ts'
import { formatTcp, parseAddress, type NetAddress } from './address.ts'

export { parseAddress } from './address.ts'

/** Every option has a default. */
export interface NetTransportOptions {
  /** How long a connection may take to open. */
  readonly connectMs?: number | undefined
  /** Silence after which the system asks whether the other machine still lives: finds what vanished without a word. */
  readonly keepAliveMs?: number | undefined
  /** How long what was written before a close may take to leave. */
  readonly lingerMs?: number | undefined
  /**
   * Connections of one listener, with those that still linger: the next one is closed before anything is made for it.
   * Twice what a door accepts, so that a door can still say why it refuses.
   */
  readonly connectionsMax?: number | undefined
  /** Dialled connections do not keep the process alive. */
  readonly unreferenced?: boolean | undefined
}

/** Bytes of one read. */
const READ_BYTES = 64 << 10

/** What says at once that nobody is to be reached at an address: not that somebody is slow. */
const REFUSALS: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'EACCES',
  'EPERM',
  'ENOTFOUND',
  'EADDRNOTAVAIL',
  'ENOTSOCK',
])

type Settings = { readonly [Name in keyof NetTransportOptions]-?: NonNullable<NetTransportOptions[Name]> }

/**
 * Makes a transport over the machine's network. An accepted connection is open from the start and gets no `opened`.
 * `connect` throws `BAD_ADDRESS` for an address that makes no sense; everything else comes by `closed`.
 */
export function netTransport(options: NetTransportOptions = {}): Transport {
  const chosen: Settings = {
    connectMs: options.connectMs ?? limits.requestMs,
    keepAliveMs: options.keepAliveMs ?? 10_000,
    lingerMs: options.lingerMs ?? 1_000,
    connectionsMax: options.connectionsMax ?? 2 * limits.connectionsMax,
    unreferenced: options.unreferenced ?? false,
  }
  return {
    connect: (address, events) => dial(address, events, chosen),
    listen: (address, accept) => listen(address, accept, chosen),
  }
}

function dial(address: string, events: ConnectionEvents, chosen: Settings): Connection {
  const target = parseAddress(address)
  if (target.kind === 'tcp' && target.port === 0) {
    throw new SirtakiError('BAD_ADDRESS', `nobody can be reached at ${address}: port 0 is only for listening`, {
      facts: { address },
    })
  }
  // Read without the machinery of streams, into one buffer: a stream allocates 64 KiB for the 25 bytes of an answer.
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  const onread = {
    buffer,
    callback: (count: number): boolean => {
      connection.received(buffer.subarray(0, count))
      return true
    },
  }
  const socket = connect({ ...endpoint(target), ...socketOptions(chosen), onread })
  const deadline = setTimeout(() => {
    socket.destroy(new Error(`no answer within ${chosen.connectMs} ms`))
  }, chosen.connectMs)
  if (chosen.unreferenced) {
    socket.unref()
    deadline.unref()
  }
  socket.once('close', () => {
    clearTimeout(deadline)
  })
  const connection = new NetConnection(socket, address, chosen)
  connection.attach(events)
  socket.once('connect', () => {
    clearTimeout(deadline)
    connection.opened()
  })
  return connection
}

async function listen(
  address: string,
  accept: (connection: Connection) => ConnectionEvents,
  chosen: Settings,
): Promise<Listener> {
  const target = parseAddress(address)
  const server = createServer(socketOptions(chosen), (socket) => {
    const connection = new NetConnection(socket, nameOf(socket, address), chosen)
    connection.attach(accept(connection))
  })
  // A flood costs the kernel's accept and close and nothing of ours.
  server.maxConnections = chosen.connectionsMax
  try {
    await bind(server, target)
  } catch (cause) {
    if (codeOf(cause) !== 'EADDRINUSE' || target.kind !== 'unix' || !(await isStale(target.path))) {
      throw listenError(address, cause)
    }
    // Two starters may both come here; the loser's socket is gone then. The lock on a unit's folder keeps them apart.
    unlinkSync(target.path)
    await bind(server, target).catch((again: unknown) => {
      throw listenError(address, again)
    })
  }
  // Running out of descriptors costs the newcomer its connection, and it tries again; those who are here keep theirs.
  server.on('error', () => {})
  return { address: boundAddress(server, target), close: () => shut(server) }
}

const endpoint = (address: NetAddress): NetConnectOpts & ListenOptions =>
  address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }

const socketOptions = ({ keepAliveMs }: Settings) => ({
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: keepAliveMs,
})

function bind(server: Server, address: NetAddress): Promise<void> {
  return new Promise((done, failed) => {
    server.once('error', failed)
    server.listen(endpoint(address), () => {
      server.off('error', failed)
      done()
    })
  })
}

/** Resolves when the address is free again. Connections live on: they belong to whoever accepted them. */
function shut(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve()
  server.close()
  return new Promise((done) => {
    setImmediate(done)
  })
}

/** A socket file that nobody answers at is what a killed server left; anything else there is not ours to remove. */
function isStale(path: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return Promise.resolve(false)
  return new Promise((done) => {
    const probe = connect({ path })
    probe.once('connect', () => {
      probe.destroy()
      done(false)
    })
    probe.once('error', (error) => {
      done(codeOf(error) === 'ECONNREFUSED')
    })
  })
}

function boundAddress(server: Server, address: NetAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  const bound = server.address()
  return formatTcp(address.host, typeof bound === 'object' && bound !== null ? bound.port : address.port)
}

function listenError(address: string, cause: unknown): SirtakiError {
  const options = { cause, facts: { address } }
  const code = codeOf(cause)
  if (code === 'EADDRINUSE') {
    return new SirtakiError(
      'IN_USE',
      `${address} is in use: stop the process that listens there or choose another address`,
      options,
    )
  }
  const advice =
    code === 'EACCES'
      ? 'choose a port from 1024, or a folder that exists and may be written to'
      : 'choose an address of this machine'
  return new SirtakiError('BAD_ADDRESS', `cannot listen at ${address} (${reasonOf(cause)}): ${advice}`, options)
}

const nameOf = (socket: Socket, address: string): string =>
  socket.remoteAddress === undefined
    ? `a client of ${address}`
    : formatTcp(socket.remoteAddress, socket.remotePort ?? 0)

const codeOf = (thrown: unknown): string => (thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '')

/** A host with several addresses gives an error without a message. */
const reasonOf = (thrown: unknown): string =>
  thrown instanceof Error && thrown.message !== '' ? thrown.message : codeOf(thrown)

class NetConnection implements Connection {
  readonly remote: string
  readonly #socket: Socket
  readonly #settings: Settings
  #events: ConnectionEvents | undefined
  #open: boolean

  constructor(socket: Socket, remote: string, chosen: Settings) {
    this.#socket = socket
    this.remote = remote
    this.#settings = chosen
    this.#open = !socket.connecting
  }

  get buffered(): number {
    return this.#socket.writableLength
  }

  /** Starts to tell `events`. Until a socket closed it may fail more than once; the first reason is told. */
  attach(events: ConnectionEvents): void {
    this.#events = events
    let reason: Error | undefined
    this.#socket.on('data', (bytes) => {
      this.#events?.data(bytes)
    })
    this.#socket.on('error', (error) => {
      reason ??= error
    })
    this.#socket.once('close', () => {
      this.#take()?.closed(reason === undefined ? undefined : this.#broken(reason))
    })
  }

  /** Takes bytes that belong to somebody else. */
  received(bytes: Uint8Array): void {
    this.#events?.data(Uint8Array.prototype.slice.call(bytes))
  }

  opened(): void {
    this.#open = true
    this.#events?.opened()
  }

  write(pieces: readonly Uint8Array[]): void {
    // `end` and `destroy` make a socket unwritable; whoever did not close it himself hears of it by `closed`.
    if (!this.#socket.writable) return
    const [only] = pieces
    if (pieces.length === 1 && only !== undefined) {
      this.#socket.write(only)
      return
    }
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    this.#socket.uncork()
  }

  /** What was written still leaves, within a bound: the last words of a server say why it hangs up. */
  close(): void {
    this.#take()
    if (!this.#open) {
      this.#socket.destroy()
      return
    }
    this.#socket.end()
    // A socket destroyed with unread bytes resets the connection, and the other end would lose those last words.
    const deadline = setTimeout(() => {
      this.#socket.destroy()
    }, this.#settings.lingerMs)
    deadline.unref()
    this.#socket.once('close', () => {
      clearTimeout(deadline)
    })
  }

  #take(): ConnectionEvents | undefined {
    const events = this.#events
    this.#events = undefined
    return events
  }

  #broken(cause: Error): SirtakiError {
    const verb = this.#open ? 'the connection broke' : 'cannot connect'
    const code = codeOf(cause)
    const refused = !this.#open && REFUSALS.has(code) ? { refused: code } : {}
    return new SirtakiError('UNREACHABLE', `${this.remote}: ${verb} (${reasonOf(cause)})`, {
      cause,
      facts: { address: this.remote, ...refused },
    })
  }
}
