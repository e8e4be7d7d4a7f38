/**
 * The messages of reading tails: how far a unit is, whether an epoch is current, the sequencer's tails. By hand,
 * because every linearizable read sends all of them and the sequencer follows the decided prefix with the first.
 *
 *     probe     epoch u32, log time f64          answer  as current
 *     progress  epoch u32                        answer  prefix f64, and from version 3 on log time f64
 *     current   epoch u32           answer  slot, installed, sealed u32, commit f64, state u8, identity, boot text
 *     tails     epoch u32, n u32, stream u32 *   answer  epoch u32, tail f64, log time f64, n u32, tail f64 *
 *
 * Read next: `messages.ts`, `../playback/proof.ts`, `../playback/tail.ts`.
 */
import { ByteReader, ByteWriter } from '../bytes/bytes.ts'
import { SirtakiError } from '../errors.ts'

/**
 * `probe`: that of a guard which is a sequencer. `logTime`: that of a sequencer which serves the epoch, in
 * milliseconds, so that a unit brings it into the next one though nothing was appended; 0 of any other.
 */
export interface Probe {
  readonly epoch: number
  readonly logTime: number
}
export const writeProbe = ({ epoch, logTime }: Probe): Uint8Array => new ByteWriter(12).u32(epoch).f64(logTime).done()
export function readProbe(body: Uint8Array): Probe {
  const reader = new ByteReader(body)
  const epoch = reader.u32()
  const logTime = reader.f64()
  if (!(logTime >= 0)) throw new SirtakiError('BAD_FRAME', `a probe with log time ${logTime}`)
  reader.end()
  return { epoch, logTime }
}

/** The question of `progress` and `current`. */
export const writeEpoch = (epoch: number): Uint8Array => new ByteWriter(4).u32(epoch).done()
export function readEpoch(body: Uint8Array): number {
  const reader = new ByteReader(body)
  const epoch = reader.u32()
  reader.end()
  return epoch
}

/**
 * `prefix`: the lowest position of its own class that a unit does not know decided. `logTime`: the highest of the
 * entries that it has stored, in milliseconds; 0 where a unit of an earlier version does not say.
 */
export interface Progress {
  readonly prefix: number
  readonly logTime: number
}
export function writeProgress({ prefix, logTime }: Progress, version: number): Uint8Array {
  const out = new ByteWriter(16).f64(prefix)
  return (version < 3 ? out : out.f64(logTime)).done()
}
export function readProgress(body: Uint8Array): Progress {
  const reader = new ByteReader(body)
  const prefix = reader.integer()
  const logTime = reader.left === 0 ? 0 : reader.f64()
  if (!(logTime >= 0)) throw new SirtakiError('BAD_FRAME', `progress with log time ${logTime}`)
  reader.end()
  return { prefix, logTime }
}

const LEAVING = 1
const FULL = 2
const IDLE = 4

/**
 * `slot`: the highest slot promised by the acceptor (`identity`) in this process, 0 where there is none of the
 * cluster; the rest is of the unit. `commitMs`: how long its commits take now (on the average), with the one that is
 * under way; `idle`: there was none lately; `leaving`: it is told to end; `full`: its disk is.
 */
export interface Current {
  readonly slot: number
  readonly installed: number
  readonly sealed: number
  readonly commitMs: number
  readonly idle: boolean
  readonly leaving: boolean
  readonly full: boolean
  readonly identity: string
  readonly boot: string
}
export const writeCurrent = ({
  slot,
  installed,
  sealed,
  commitMs,
  idle,
  leaving,
  full,
  identity,
  boot,
}: Current): Uint8Array =>
  new ByteWriter(128)
    .u32(slot)
    .u32(installed)
    .u32(sealed)
    .f64(commitMs)
    .u8((leaving ? LEAVING : 0) | (full ? FULL : 0) | (idle ? IDLE : 0))
    .text(identity)
    .text(boot)
    .done()
export function readCurrent(body: Uint8Array): Current {
  const reader = new ByteReader(body)
  const head = { slot: reader.u32(), installed: reader.u32(), sealed: reader.u32(), commitMs: reader.f64() }
  const flags = reader.u8()
  const current = {
    ...head,
    leaving: (flags & LEAVING) !== 0,
    full: (flags & FULL) !== 0,
    idle: (flags & IDLE) !== 0,
    identity: reader.text(),
    boot: reader.text(),
  }
  reader.end()
  return current
}

export interface TailsQuestion {
  readonly epoch: number
  readonly streams: readonly number[]
}
export function writeTailsQuestion({ epoch, streams }: TailsQuestion): Uint8Array {
  const out = new ByteWriter(8 + 4 * streams.length).u32(epoch).u32(streams.length)
  for (const stream of streams) out.u32(stream)
  return out.done()
}
export function readTailsQuestion(body: Uint8Array): TailsQuestion {
  const reader = new ByteReader(body)
  const epoch = reader.u32()
  const streams: number[] = []
  for (let left = reader.count(4); left > 0; left--) streams.push(reader.u32())
  reader.end()
  return { epoch, streams }
}

/** Exclusive tails: of the log, and an upper bound of each stream asked for. */
export interface TailsAnswer {
  readonly epoch: number
  readonly tail: number
  readonly logTime: number
  readonly streams: readonly number[]
}
export function writeTailsAnswer({ epoch, tail, logTime, streams }: TailsAnswer): Uint8Array {
  const out = new ByteWriter(24 + 8 * streams.length).u32(epoch).f64(tail).f64(logTime).u32(streams.length)
  for (const one of streams) out.f64(one)
  return out.done()
}
export function readTailsAnswer(body: Uint8Array): TailsAnswer {
  const reader = new ByteReader(body)
  const head = { epoch: reader.u32(), tail: reader.integer(), logTime: reader.f64() }
  if (!(head.logTime >= 0)) throw new SirtakiError('BAD_FRAME', `tails with log time ${head.logTime}`)
  const streams: number[] = []
  for (let left = reader.count(8); left > 0; left--) streams.push(reader.integer())
  reader.end()
  return { ...head, streams }
}
