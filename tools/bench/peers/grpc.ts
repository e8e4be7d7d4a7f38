/**
 * gRPC calls over HTTP/2 and the few fields of protocol buffers that the loads of etcd need.
 *
 * Bare on purpose: a full client library spends a whole core on its own work, and the servers would look slower than
 * they are. Read next: `etcd-loads.ts`.
 */
import { once } from 'node:events'
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'

/** A connection; one call is one message each way. */
export interface Grpc {
  call(method: string, message: Buffer): Promise<Buffer>
  /** Sends one message and settles with the answer of that number, from 0; ends the call then. */
  nthAnswer(method: string, message: Buffer, count: number): Promise<Buffer>
}

const WINDOW = 1 << 24

/** Opens a connection to `http://HOST:PORT`. */
export async function connectGrpc(address: string): Promise<Grpc> {
  const session = connect(address, { settings: { initialWindowSize: WINDOW } })
  await once(session, 'connect')
  session.setLocalWindowSize(WINDOW * 4)
  return {
    call: (method, message) => call(session, method, message),
    nthAnswer: (method, message, count) => nthAnswer(session, method, message, count),
  }
}

const request = (session: ClientHttp2Session, method: string): ClientHttp2Stream =>
  session.request({ ':method': 'POST', ':path': method, 'content-type': 'application/grpc', te: 'trailers' })

function nthAnswer(session: ClientHttp2Session, method: string, message: Buffer, count: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = request(session, method)
    let rest: Buffer = Buffer.alloc(0)
    let left = count
    stream.on('data', (piece: Buffer) => {
      rest = Buffer.concat([rest, piece])
      while (rest.length >= PREFIX && rest.length >= PREFIX + rest.readUInt32BE(1)) {
        const end = PREFIX + rest.readUInt32BE(1)
        if (left-- === 0) {
          resolve(rest.subarray(PREFIX, end))
          stream.close()
          return
        }
        rest = rest.subarray(end)
      }
    })
    stream.on('error', reject)
    stream.on('close', () => {
      reject(new Error(`${method}: ended before answer ${count}`))
    })
    stream.write(message)
  })
}

function call(session: ClientHttp2Session, method: string, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = request(session, method)
    const pieces: Buffer[] = []
    let status: unknown
    stream.on('data', (piece: Buffer) => {
      pieces.push(piece)
    })
    // A call that fails at once has its status in the headers, any other in the trailers.
    stream.on('response', (headers) => {
      status = headers['grpc-status'] ?? status
      if (status !== undefined) reject(new Error(`${method}: ${String(headers['grpc-message'])}`))
    })
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status']
      if (status !== '0') reject(new Error(`${method}: ${String(trailers['grpc-message'])}`))
    })
    stream.on('end', () => {
      if (status === '0') resolve(Buffer.concat(pieces).subarray(PREFIX))
      else reject(new Error(`${method}: no status`))
    })
    stream.on('error', reject)
    stream.end(message)
  })
}

const PREFIX = 5

/** Puts the length before a message: what `call` sends. */
export function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

/** One field: a whole number, or bytes (a string, a nested message). */
export function field(number: number, value: number | Uint8Array): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number << 3), varint(value)])
  return Buffer.concat([varint((number << 3) | 2), varint(value.length), value])
}

/** The fields of a message by number; of a repeated one the last. Numbers above 2^53 lose their low bits. */
export interface Fields {
  readonly numbers: Map<number, number>
  readonly bytes: Map<number, Buffer>
}

/** Reads the fields of a message. */
export function fieldsOf(message: Buffer): Fields {
  const fields: Fields = { numbers: new Map(), bytes: new Map() }
  let at = 0
  const next = (): number => {
    for (let value = 0, unit = 1; ; unit *= 128) {
      const byte = message.readUInt8(at++)
      value += (byte & 127) * unit
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const tag = next()
    const value = next()
    if ((tag & 7) === 0) fields.numbers.set(tag >>> 3, value)
    else if ((tag & 7) === 2) {
      fields.bytes.set(tag >>> 3, message.subarray(at, at + value))
      at += value
    } else throw new Error(`field ${tag >>> 3} has wire type ${tag & 7}`)
  }
  return fields
}

/** Reads the fields of a message nested in others; absent ones have none. */
export function fieldsWithin(message: Buffer, ...path: readonly number[]): Fields {
  return path.reduce((fields, number) => fieldsOf(fields.bytes.get(number) ?? Buffer.alloc(0)), fieldsOf(message))
}
