/**
 * The server's side of a connection: accepts, greets, hands frames on, answers.
 *
 * A broken frame costs its sender the connection and nobody else anything. Owns: the open connections and their bounds.
 * Read next: `../unit/server.ts`, `../../sequencer/server.ts`.
 */
import { SirtakiError, asError } from '../errors.ts'
import type { Layout } from '../layout/layout.ts'
import type { Limits } from '../limits.ts'
import type { Connection, ConnectionEvents, Listener, Ports } from '../ports.ts'
import { Hello, readJson, writeError, writeJson } from './control.ts'
import { FLAG_ANSWER, FLAG_ERROR, FrameParser, encodeFrame, type Frame } from './frame.ts'
import { FrameWriter } from './frame-writer.ts'
import { kindOf, kinds, type Kind } from './messages.ts'

/** One client that is connected. */
export class Caller {
  readonly name: string
  readonly #writer: FrameWriter
  readonly #full: () => void
  /** `full` is called when what it does not read exceeds `bytesMax`. */
  constructor(name: string, writer: FrameWriter, { bytesMax, full }: { readonly bytesMax: number; readonly full: () => void } = { bytesMax: Infinity, full: () => undefined }) {
    this.name = name
    this.#writer = writer
    this.#full = (): void => { if (writer.buffered > bytesMax) full() }
  }

  /** Bytes that it has not taken yet. */
  get buffered(): number { return this.#writer.buffered }
  answer(kind: Kind, request: number, body: Uint8Array): void { this.#writer.send(encodeFrame(kinds[kind], FLAG_ANSWER, request, body)); this.#full() }
  refuse(kind: Kind, request: number, thrown: unknown): void { this.#writer.send(encodeFrame(kinds[kind], FLAG_ANSWER | FLAG_ERROR, request, writeError(thrown))); this.#full() }
  /** Between these two everything that is sent to it is one write. */
  hold(): void { this.#writer.hold() }
  release(): void { this.#writer.release() }
  push(request: number, body: Uint8Array): void { this.#writer.send(encodeFrame(kinds.push, 0, request, body)) }
}

/** A request as a server sees it. */
export interface Request { readonly caller: Caller; readonly kind: Kind; readonly request: number; readonly body: Uint8Array }

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
  const open = new Map<Connection, FrameWriter>()
  const listener = await ports.transport.listen(address, (connection) => accept(ports, limits, connection, service, open))
  return {
    listener,
    tell(layout) {
      const frame = encodeFrame(kinds.layout, FLAG_ANSWER, 0, writeJson({ layout }))
      for (const writer of open.values()) writer.send(frame)
    },
    connections: () => open.size,
    async close() {
      for (const [connection, writer] of open) { writer.flush(); writer.close(); connection.close() }
      open.clear()
      await listener.close()
    },
  }
}

function accept(ports: Ports, limits: Limits, connection: Connection, service: Service, open: Map<Connection, FrameWriter>): ConnectionEvents {
  const writer = new FrameWriter(ports.clock, connection)
  const parser = new FrameParser(limits.frameBytesMax)
  let caller: Caller | undefined
  const end = (): void => {
    if (!open.delete(connection)) return
    writer.flush()
    writer.close()
    connection.close()
    if (caller !== undefined) service.gone(caller)
  }
  const refuse = (thrown: unknown): void => {
    writer.send(encodeFrame(kinds.hello, FLAG_ANSWER | FLAG_ERROR, 0, writeError(thrown)))
    end()
  }
  const greet = (frame: Frame): void => {
    if (frame.kind !== kinds.hello) throw new SirtakiError('BAD_FRAME', `the first frame of a connection must be a hello, this one is of kind ${frame.kind}`)
    const { cluster, name } = readJson(frame.body, Hello)
    const own = service.cluster()
    if (cluster !== null && own !== null && cluster !== own) throw new SirtakiError('WRONG_CLUSTER', `this server belongs to cluster ${own}, the client to ${cluster}: check the address`, { facts: { cluster: own, asked: cluster } })
    caller = new Caller(name, writer, { bytesMax: limits.connectionBytesMax, full: () => { refuse(new SirtakiError('OVERLOADED', `${writer.buffered} bytes of answers wait to be read`)) } })
    writer.send(encodeFrame(kinds.hello, FLAG_ANSWER, 0, writeJson({ cluster: own, layout: service.layout() })))
  }
  const receive = (frame: Frame): void => {
    if (caller === undefined) { greet(frame); return }
    if (!open.has(connection)) return
    handle(caller, frame, service)
  }
  open.set(connection, writer)
  if (open.size > limits.connectionsMax) ports.clock.turn(() => { refuse(new SirtakiError('OVERLOADED', `${limits.connectionsMax} connections are open, no more are accepted`)) })
  return {
    opened: () => undefined,
    data(bytes) {
      if (!open.has(connection)) return
      try {
        writer.together(() => { parser.push(bytes, receive) })
      } catch (thrown) {
        refuse(asError(thrown, 'BAD_FRAME'))
      }
    },
    closed: end,
  }
}

function handle(caller: Caller, frame: Frame, service: Service): void {
  const kind = kindOf(frame.kind)
  if (kind === undefined) throw new SirtakiError('WRONG_VERSION', `unknown kind of frame ${frame.kind}: one of the two ends is too old`)
  if (kind === 'ping') { caller.answer('ping', frame.request, new Uint8Array(0)); return }
  service.request({ caller, kind, request: frame.request, body: frame.body })
}
