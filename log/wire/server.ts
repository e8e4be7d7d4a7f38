/**
 * The server's side of a connection: accepts, greets, hands frames on, answers.
 *
 *     accept ── hello within helloMs ──▶ caller ── a frame at least every idleMs ──▶ ... ──▶ gone
 *        └ no room: told why, and beyond twice the bound nothing
 *
 * A broken frame costs its sender the connection and nobody else anything; a kind of frame that is not known costs
 * that request only. Whoever is hung up on is told why in an error that answers the hello. Owns: the open connections
 * and their bounds. Read next: `../unit/server.ts`, `../../sequencer/server.ts`.
 */
import { SirtakiError, asError } from '../errors.ts'
import type { Layout } from '../layout.ts'
import type { Limits } from '../limits.ts'
import type { Connection, ConnectionEvents, Listener, Ports, Timer } from '../ports.ts'
import { Hello, readJson, writeError, writeJson, type Welcome } from './control.ts'
import { FrameWriter } from './frame-writer.ts'
import { FLAG_ANSWER, FLAG_ERROR, FrameParser, encodeFrame, type Frame } from './frame.ts'
import { kindOf, kinds, type Kind } from './messages.ts'
import { UNSAID, WIRE_VERSIONS, agreeVersion, versionsOf } from './version.ts'

/** What a caller is made with: `full` is called when what it does not read exceeds `bytesMax`. */
export interface CallerOptions {
  readonly version: number
  readonly bytesMax: number
  readonly full: () => void
}

/** One client that is connected. */
export class Caller {
  readonly name: string
  /** The version of the messages that both ends speak. */
  readonly version: number
  readonly #writer: FrameWriter
  readonly #full: () => void

  constructor(
    name: string,
    writer: FrameWriter,
    { version, bytesMax, full }: CallerOptions = {
      version: WIRE_VERSIONS.max,
      bytesMax: Infinity,
      full: () => undefined,
    },
  ) {
    this.name = name
    this.version = version
    this.#writer = writer
    this.#full = (): void => {
      if (writer.buffered > bytesMax) full()
    }
  }

  /** Bytes that it has not taken yet. */
  get buffered(): number {
    return this.#writer.buffered
  }
  answer(kind: Kind, request: number, body: Uint8Array): void {
    this.#writer.send(encodeFrame(kinds[kind], FLAG_ANSWER, request, body))
    this.#full()
  }
  refuse(kind: Kind, request: number, thrown: unknown): void {
    this.#writer.send(encodeFrame(kinds[kind], FLAG_ANSWER | FLAG_ERROR, request, writeError(thrown)))
    this.#full()
  }

  /** Refuses a request of a kind that this code does not know; what wants no answer is passed over. */
  refuseUnknown(kind: number, request: number): void {
    if (request === 0) return
    this.#writer.send(
      encodeFrame(
        kind,
        FLAG_ANSWER | FLAG_ERROR,
        request,
        writeError(
          new SirtakiError('UNSUPPORTED', `this server knows no requests of kind ${kind}: upgrade it, or do without`, {
            facts: { kind },
          }),
        ),
      ),
    )
    this.#full()
  }

  /** Sends a frame that was made for everybody. */
  tell(frame: Uint8Array): void {
    this.#writer.send(frame)
    this.#full()
  }

  /** Between these two everything that is sent to it is one write. */
  hold(): void {
    this.#writer.hold()
  }
  release(): void {
    this.#writer.release()
  }
  push(request: number, body: Uint8Array): void {
    this.#writer.send(encodeFrame(kinds.push, 0, request, body))
  }
}

/** A request as a server sees it. */
export interface Request {
  readonly caller: Caller
  readonly kind: Kind
  readonly request: number
  readonly body: Uint8Array
}

/** What a server does with its clients. */
export interface Service {
  /** The cluster served, null while blank. */
  cluster(): string | null
  /** The newest layout known to be agreed: every greeting carries it. */
  layout(): Layout | null
  request(request: Request): void
  gone(caller: Caller): void
}

/** An open door with everyone who came through it. */
export interface Door {
  readonly listener: Listener
  /** Tells every client of a new layout. */
  tell(layout: Layout): void
  connections(): number
  close(): Promise<void>
}

/** Opens a door for a service at an address. @throws SirtakiError `IN_USE`, `BAD_ADDRESS`. */
export async function openDoor(ports: Ports, limits: Limits, address: string, service: Service): Promise<Door> {
  const guests = new Guests(ports, limits, service)
  const listener = await ports.transport.listen(address, (connection) => guests.accept(connection))
  return {
    listener,
    tell: (layout) => {
      guests.tell(layout)
    },
    connections: () => guests.size,
    async close() {
      guests.close()
      await listener.close()
    },
  }
}

/**
 * One connection; `caller` is known once it has greeted. `silentSweeps`: how often we looked at it since its last
 * frame. `wants`: the cluster that it takes us for, as long as we are blank.
 */
interface Guest {
  readonly connection: Connection
  readonly writer: FrameWriter
  readonly parser: FrameParser
  caller: Caller | undefined
  silentSweeps: number
  wants: string | undefined
}

/** The longest first frame: who has not said who he is gets no more room than that. */
const HELLO_BYTES_MAX = 64 << 10
/** Looks within the shorter of the two bounds of silence. */
const LOOKS = 4
/** Hears nothing: for connections that are ended before they have begun. */
const deaf: ConnectionEvents = { opened: () => undefined, data: () => undefined, closed: () => undefined }

/** Everybody who is connected to one door. */
class Guests {
  readonly #ports: Ports
  readonly #limits: Limits
  readonly #service: Service
  readonly #lookMs: number
  readonly #open = new Map<Connection, Guest>()
  /** Those that are told in this turn that there is no room. */
  #turnedAway = 0
  #timer: Timer | undefined

  constructor(ports: Ports, limits: Limits, service: Service) {
    this.#ports = ports
    this.#limits = limits
    this.#service = service
    this.#lookMs = Math.min(limits.helloMs, limits.idleMs) / LOOKS
  }

  get size(): number {
    return this.#open.size
  }

  accept(connection: Connection): ConnectionEvents {
    const { frameBytesMax, connectionsMax } = this.#limits
    if (this.#open.size >= connectionsMax) {
      this.#turnAway(connection)
      return deaf
    }
    const guest: Guest = {
      connection,
      writer: new FrameWriter(this.#ports.clock, connection),
      parser: new FrameParser(Math.min(HELLO_BYTES_MAX, frameBytesMax)),
      caller: undefined,
      silentSweeps: 0,
      wants: undefined,
    }
    const receive = (frame: Frame): void => {
      this.#receive(guest, frame)
    }
    this.#open.set(connection, guest)
    this.#arm()
    return {
      opened: () => undefined,
      data: (bytes) => {
        if (!this.#open.has(connection)) return
        try {
          guest.writer.together(() => {
            guest.parser.push(bytes, receive)
          })
        } catch (thrown) {
          this.#refuse(guest, asError(thrown, 'BAD_FRAME'))
        }
      },
      closed: () => {
        this.#end(guest)
      },
    }
  }

  tell(layout: Layout): void {
    const frame = encodeFrame(kinds.layout, FLAG_ANSWER, 0, writeJson({ layout }))
    // The others learn it with the welcome.
    for (const { caller } of this.#open.values()) caller?.tell(frame)
  }

  close(): void {
    this.#timer?.cancel()
    for (const { connection, writer } of this.#open.values()) {
      writer.flush()
      writer.close()
      connection.close()
    }
    this.#open.clear()
  }

  /**
   * Those who are told why cost something until the end of the turn: where they come in floods the rest is told
   * nothing.
   */
  #turnAway(connection: Connection): void {
    const { connectionsMax } = this.#limits
    if (this.#turnedAway >= connectionsMax) {
      connection.close()
      return
    }
    this.#turnedAway++
    this.#ports.clock.turn(() => {
      this.#turnedAway--
      connection.write([
        lastWords(new SirtakiError('OVERLOADED', `${connectionsMax} connections are open, no more are accepted`)),
      ])
      connection.close()
    })
  }

  #receive(guest: Guest, frame: Frame): void {
    guest.silentSweeps = 0
    if (guest.caller === undefined) {
      this.#greet(guest, frame)
      return
    }
    if (guest.wants !== undefined) this.#requireCluster(guest, guest.wants)
    if (this.#open.has(guest.connection)) handle(guest.caller, frame, this.#service)
  }

  #greet(guest: Guest, frame: Frame): void {
    if (frame.kind !== kinds.hello) {
      throw new SirtakiError(
        'BAD_FRAME',
        `the first frame of a connection must be a hello, this one is of kind ${frame.kind}`,
      )
    }
    const { cluster, name, versions = UNSAID } = readJson(frame.body, Hello)
    if (cluster !== null) this.#requireCluster(guest, cluster)
    const own = this.#service.cluster()
    const version = agreeVersion(versionsOf(this.#limits), versions)
    const { connectionBytesMax: bytesMax, frameBytesMax } = this.#limits
    const { writer, parser } = guest
    guest.caller = new Caller(name, writer, {
      version,
      bytesMax,
      full: () => {
        this.#refuse(
          guest,
          new SirtakiError(
            'OVERLOADED',
            `${writer.buffered} bytes of answers wait to be read, ${bytesMax} are the limit: read them, or `
              + 'ask for less at once',
          ),
        )
      },
    })
    parser.bytesMax = frameBytesMax
    // Version 1 said nothing of versions.
    const welcome: typeof Welcome.TYPE = {
      cluster: own,
      layout: this.#service.layout(),
      ...(version === UNSAID.max ? {} : { version }),
    }
    writer.send(encodeFrame(kinds.hello, FLAG_ANSWER, 0, writeJson(welcome)))
  }

  /** Who met us blank is asked again until we belong to a cluster. @throws SirtakiError `WRONG_CLUSTER`. */
  #requireCluster(guest: Guest, wants: string): void {
    const own = this.#service.cluster()
    guest.wants = own === null ? wants : undefined
    if (own === null || own === wants) return
    throw new SirtakiError(
      'WRONG_CLUSTER',
      `this server belongs to cluster ${own}, the client to ${wants}: check the address`,
      { facts: { cluster: own, asked: wants } },
    )
  }

  /** Hangs up and says why. */
  #refuse(guest: Guest, error: SirtakiError): void {
    guest.writer.send(lastWords(error))
    this.#end(guest)
  }

  #end(guest: Guest): void {
    const { connection, writer, caller } = guest
    if (!this.#open.delete(connection)) return
    writer.flush()
    writer.close()
    connection.close()
    if (caller !== undefined) this.#service.gone(caller)
  }

  /** One timer for all of them, while there are any. */
  #arm(): void {
    this.#timer ??= this.#ports.clock.timer(this.#lookMs, () => {
      this.#timer = undefined
      this.#sweep()
      if (this.#open.size > 0) this.#arm()
    })
  }

  /**
   * Counts sweeps and not time: a process that was stopped for minutes must not take its own sleep for the silence of
   * others.
   */
  #sweep(): void {
    const { helloMs, idleMs } = this.#limits
    const [helloSweeps, idleSweeps] = [helloMs / this.#lookMs, idleMs / this.#lookMs]
    for (const guest of this.#open.values()) {
      const sweeps = ++guest.silentSweeps
      if (guest.caller === undefined && sweeps > helloSweeps) {
        this.#refuse(guest, new SirtakiError('TIMEOUT', `no hello came within ${helloMs} ms`, { next: 'again' }))
      } else if (guest.caller !== undefined && sweeps > idleSweeps) {
        this.#refuse(
          guest,
          new SirtakiError(
            'UNREACHABLE',
            `nothing was heard for ${idleMs} ms: the connection is closed, the next request opens another one`,
            { next: 'unknown' },
          ),
        )
      }
    }
  }
}

/** What a client hears before its connection ends. */
const lastWords = (error: SirtakiError): Uint8Array =>
  encodeFrame(kinds.hello, FLAG_ANSWER | FLAG_ERROR, 0, writeError(error))

function handle(caller: Caller, frame: Frame, service: Service): void {
  const kind = kindOf(frame.kind)
  if (kind === undefined) {
    caller.refuseUnknown(frame.kind, frame.request)
    return
  }
  if (kind === 'ping') {
    caller.answer('ping', frame.request, new Uint8Array(0))
    return
  }
  service.request({ caller, kind, request: frame.request, body: frame.body })
}
