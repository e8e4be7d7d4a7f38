/**
 * Frames: the unit of transfer of every connection.
 *
 *     0        4  5  6     8          12         20       24
 *     | length |v |k |flags| request  | trace    | crc-32 | body ...
 *
 * `length` counts the whole frame; the checksum covers everything but itself. Lengths are checked before anything is
 * allocated. Owns: the frame's layout and the parser (a machine). Read next: `messages.ts` for the bodies, `rpc.ts`.
 */
import { SirtakiError } from '../errors.ts'
import { viewOf } from './bytes.ts'
import { crc32 } from './hash.ts'

/** The version of the protocol; it stands in every frame. */
export const WIRE_VERSION = 1
export const FRAME_HEAD_BYTES = 24
/** Set in an answer. */
export const FLAG_ANSWER = 1
/** Set in an answer that is an error. */
export const FLAG_ERROR = 2

/** A received frame; `body` is a part of the received bytes and must not be changed. */
export interface Frame { readonly kind: number; readonly flags: number; readonly request: number; readonly trace: number; readonly body: Uint8Array }

/** Writes the head in front of a body that stands at `FRAME_HEAD_BYTES` of `bytes` already. */
export function sealFrame(bytes: Uint8Array, kind: number, flags: number, request: number, trace = 0): Uint8Array {
  const view = viewOf(bytes)
  view.setUint32(0, bytes.byteLength, true)
  view.setUint8(4, WIRE_VERSION)
  view.setUint8(5, kind)
  view.setUint16(6, flags, true)
  view.setUint32(8, request, true)
  view.setFloat64(12, trace, true)
  view.setUint32(20, crc32(bytes.subarray(FRAME_HEAD_BYTES), crc32(bytes.subarray(0, 20))), true)
  return bytes
}

/** Makes a frame of a body. */
export function encodeFrame(kind: number, flags: number, request: number, body: Uint8Array, trace = 0): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + body.byteLength)
  bytes.set(body, FRAME_HEAD_BYTES)
  return sealFrame(bytes, kind, flags, request, trace)
}

/**
 * Cuts a byte stream into frames. After an error the stream has no meaning any more: close the connection.
 *
 * @throws SirtakiError `BAD_FRAME`, `OVERSIZE` or `WRONG_VERSION`.
 */
export class FrameParser {
  readonly #bytesMax: number
  #rest: Uint8Array = new Uint8Array(0)
  /** The frame being collected, when it is longer than what one read gave. */
  #partial: Uint8Array | undefined
  #filled = 0

  constructor(bytesMax: number) { this.#bytesMax = bytesMax }

  /** Takes what one read gave and calls `each` for every frame that is complete now. */
  push(bytes: Uint8Array, each: (frame: Frame) => void): void {
    let input = bytes
    if (this.#partial !== undefined) {
      const taken = input.subarray(0, this.#partial.byteLength - this.#filled)
      this.#partial.set(taken, this.#filled)
      this.#filled += taken.byteLength
      if (this.#filled < this.#partial.byteLength) return
      const whole = this.#partial
      this.#partial = undefined
      each(this.#frame(whole))
      input = input.subarray(taken.byteLength)
    } else if (this.#rest.byteLength > 0) {
      const joined = new Uint8Array(this.#rest.byteLength + input.byteLength)
      joined.set(this.#rest)
      joined.set(input, this.#rest.byteLength)
      input = joined
      this.#rest = new Uint8Array(0)
    }
    this.#cut(input, each)
  }

  #cut(input: Uint8Array, each: (frame: Frame) => void): void {
    const view = viewOf(input)
    let at = 0
    while (input.byteLength - at >= 8) {
      const length = view.getUint32(at, true)
      if (view.getUint8(at + 4) !== WIRE_VERSION) throw new SirtakiError('WRONG_VERSION', `a frame of protocol version ${view.getUint8(at + 4)}, this is version ${WIRE_VERSION}`)
      if (length > this.#bytesMax) throw new SirtakiError('OVERSIZE', `a frame of ${length} bytes, at most ${this.#bytesMax} are allowed`)
      if (length < FRAME_HEAD_BYTES) throw new SirtakiError('BAD_FRAME', `a frame of ${length} bytes is shorter than its head`)
      if (input.byteLength - at < length) {
        this.#partial = new Uint8Array(length)
        this.#partial.set(input.subarray(at))
        this.#filled = input.byteLength - at
        return
      }
      each(this.#frame(input.subarray(at, at + length)))
      at += length
    }
    if (at < input.byteLength) this.#rest = input.slice(at)
  }

  #frame(bytes: Uint8Array): Frame {
    const view = viewOf(bytes)
    const body = bytes.subarray(FRAME_HEAD_BYTES)
    if (view.getUint32(20, true) !== crc32(body, crc32(bytes.subarray(0, 20)))) throw new SirtakiError('BAD_FRAME', 'a frame whose checksum is wrong')
    return { kind: view.getUint8(5), flags: view.getUint16(6, true), request: view.getUint32(8, true), trace: view.getFloat64(12, true), body }
  }
}
