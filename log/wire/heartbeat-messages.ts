/**
 * The message by which clients say that their sessions live: one for all sessions of a process. By hand, because a
 * sequencer gets thousands of them a second.
 *
 *     heartbeat   n u32, incarnation f64 *     answer   epoch u32, log time f64, tail of stream 1 f64, n u32, bits
 *
 * The bit of the i-th incarnation is bit i mod 8 of byte i / 8; those that are left over are 0.
 * Read next: `tail-messages.ts`, `../client/heartbeat.ts`.
 */
import { ByteReader, ByteWriter } from '../bytes/bytes.ts'
import { SirtakiError } from '../errors.ts'

/** Incarnations of one heartbeat: half a megabyte. A process with more sessions sends several. */
export const HEARTBEAT_MAX = 65_536

export function writeHeartbeat(incarnations: readonly number[]): Uint8Array {
  const out = new ByteWriter(4 + 8 * incarnations.length).u32(incarnations.length)
  for (const incarnation of incarnations) out.f64(incarnation)
  return out.done()
}
export function readHeartbeat(body: Uint8Array): number[] {
  const reader = new ByteReader(body)
  const count = requireCount(reader.count(8))
  const incarnations: number[] = []
  for (let i = 0; i < count; i++) incarnations.push(reader.integer())
  reader.end()
  return incarnations
}

/** `tail`: exclusive, of stream 1. `confirmed` belongs to the incarnations that were asked for, one by one. */
export interface HeartbeatAnswer {
  readonly epoch: number
  /** Milliseconds. */
  readonly logTime: number
  readonly tail: number
  readonly confirmed: readonly boolean[]
}
export function writeHeartbeatAnswer({ epoch, logTime, tail, confirmed }: HeartbeatAnswer): Uint8Array {
  const bits = new Uint8Array(Math.ceil(confirmed.length / 8))
  for (const [i, one] of confirmed.entries()) if (one) bits[i >> 3] = (bits[i >> 3] ?? 0) | (1 << (i & 7))
  return new ByteWriter(24 + bits.byteLength).u32(epoch).f64(logTime).f64(tail).u32(confirmed.length).raw(bits).done()
}
export function readHeartbeatAnswer(body: Uint8Array): HeartbeatAnswer {
  const reader = new ByteReader(body)
  const head = { epoch: reader.u32(), logTime: reader.f64(), tail: reader.integer() }
  if (!(head.logTime >= 0)) throw new SirtakiError('BAD_FRAME', `a heartbeat's answer with log time ${head.logTime}`)
  const count = requireCount(reader.u32())
  const bits = reader.raw(Math.ceil(count / 8))
  reader.end()
  if (count % 8 !== 0 && (bits.at(-1) ?? 0) >> (count % 8) !== 0) {
    throw new SirtakiError('BAD_FRAME', `a heartbeat's answer has bits behind its ${count} sessions`)
  }
  return { ...head, confirmed: Array.from({ length: count }, (_, i) => (((bits[i >> 3] ?? 0) >> (i & 7)) & 1) === 1) }
}

function requireCount(count: number): number {
  if (count <= HEARTBEAT_MAX) return count
  throw new SirtakiError('BAD_FRAME', `a heartbeat of ${count} sessions, at most ${HEARTBEAT_MAX} go in one`)
}
