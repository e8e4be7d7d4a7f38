/**
 * Frames: the unit of transfer of every connection.
 *
 *     0        4  5  6     8          12         20       24
 *     | length |v |k |flags| request  | trace    | crc-32 | body ...
 *
 * `length` counts the whole frame; the checksum covers everything but itself. Lengths are checked before anything is
 * allocated, and room for a long frame is made when all of it has come: announcing one costs nobody anything. Owns:
 * the frame's layout and the parser (a machine). Read next: `messages.ts` for the bodies, `rpc.ts`.
 */
import { concat, setU32, u32At, viewOf } from '../bytes/bytes.ts'
import { crc32Of } from '../bytes/hash.ts'
import { SirtakiError } from '../errors.ts'

/**
 * The version of the framing itself; it stands in every frame. What the frames say has versions of its own:
 * `version.ts`.
 */
export const FRAME_VERSION = 1
export const FRAME_HEAD_BYTES = 24
/** Pieces of a frame below this size are joined, so many at a time. */
const SHORT_BYTES = 1_024
const SHORT_MAX = 1_024
/** Set in an answer. */
export const FLAG_ANSWER = 1
/** Set in an answer that is an error. */
export const FLAG_ERROR = 2

/** A received frame; `body` is a part of the received bytes and must not be changed. */
export interface Frame {
  readonly kind: number
  readonly flags: number
  readonly request: number
  readonly trace: number
  readonly body: Uint8Array
}

/** The checksum of the frame in bytes[from, to): of everything but itself. */
const checksumOf = (bytes: Uint8Array, from: number, to: number): number =>
  crc32Of(bytes, from + FRAME_HEAD_BYTES, to, crc32Of(bytes, from, from + 20))

/** Writes the head in front of a body that stands at `FRAME_HEAD_BYTES` of `bytes` already. */
export function sealFrame(bytes: Uint8Array, kind: number, flags: number, request: number, trace = 0): Uint8Array {
  setU32(bytes, 0, bytes.byteLength)
  bytes[4] = FRAME_VERSION
  bytes[5] = kind
  bytes[6] = flags & 255
  bytes[7] = flags >>> 8
  setU32(bytes, 8, request)
  if (trace !== 0) viewOf(bytes).setFloat64(12, trace, true)
  setU32(bytes, 20, checksumOf(bytes, 0, bytes.byteLength))
  return bytes
}

/** A copy of a whole frame under another request number. */
export function renumberFrame(frame: Uint8Array, request: number): Uint8Array {
  const copy = frame.slice()
  setU32(copy, 8, request)
  setU32(copy, 20, checksumOf(copy, 0, copy.byteLength))
  return copy
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
  /** The longest frame allowed; a door raises it for those who have said who they are. */
  bytesMax: number
  #rest: Uint8Array = new Uint8Array(0)
  /**
   * The frame being collected, when it is longer than what one read gave: its length (0: there is none) and how much of
   * it has come.
   */
  #length = 0
  #filled = 0
  #pieces: Uint8Array[] = []
  #short: Uint8Array[] = []

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** Takes what one read gave and calls `each` for every frame that is complete now. */
  push(bytes: Uint8Array, each: (frame: Frame) => void): void {
    let input = bytes
    if (this.#length > 0) {
      const taken = input.subarray(0, this.#length - this.#filled)
      this.#keep(taken)
      if (this.#filled < this.#length) return
      const whole = this.#takeWhole()
      each(frameAt(whole, 0, whole.byteLength))
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
    let at = 0
    while (input.byteLength - at >= 8) {
      const length = u32At(input, at)
      if (input[at + 4] !== FRAME_VERSION) {
        throw new SirtakiError(
          'WRONG_VERSION',
          `frames of version ${input[at + 4]}, this end reads version ${FRAME_VERSION}: upgrade the older end`,
        )
      }
      if (length > this.bytesMax) {
        throw new SirtakiError('OVERSIZE', `a frame of ${length} bytes, at most ${this.bytesMax} are allowed`)
      }
      if (length < FRAME_HEAD_BYTES) {
        throw new SirtakiError('BAD_FRAME', `a frame of ${length} bytes is shorter than its head`)
      }
      if (input.byteLength - at < length) {
        this.#length = length
        this.#keep(input.subarray(at))
        return
      }
      each(frameAt(input, at, at + length))
      at += length
    }
    if (at < input.byteLength) this.#rest = input.slice(at)
  }

  /** A piece costs more than its bytes, so short ones are joined before they are many. */
  #keep(piece: Uint8Array): void {
    this.#filled += piece.byteLength
    const isShort = piece.byteLength < SHORT_BYTES
    if (isShort) this.#short.push(piece.slice())
    if (!isShort || this.#short.length >= SHORT_MAX) this.#joinShort()
    if (!isShort) this.#pieces.push(piece)
  }

  #joinShort(): void {
    if (this.#short.length === 0) return
    this.#pieces.push(concat(this.#short))
    this.#short = []
  }

  #takeWhole(): Uint8Array {
    this.#joinShort()
    const whole = concat(this.#pieces)
    this.#pieces = []
    this.#length = 0
    this.#filled = 0
    return whole
  }
}

/** Reads the whole frame in bytes[from, to). @throws SirtakiError `BAD_FRAME` when its checksum is wrong. */
function frameAt(bytes: Uint8Array, from: number, to: number): Frame {
  if (u32At(bytes, from + 20) !== checksumOf(bytes, from, to)) {
    throw new SirtakiError('BAD_FRAME', 'a frame whose checksum is wrong')
  }
  // Hardly ever traced: a view for each frame would cost as much as the rest of it.
  const trace =
    u32At(bytes, from + 12) === 0 && u32At(bytes, from + 16) === 0 ? 0 : viewOf(bytes).getFloat64(from + 12, true)
  return {
    kind: bytes[from + 5] ?? 0,
    flags: (bytes[from + 6] ?? 0) | ((bytes[from + 7] ?? 0) << 8),
    request: u32At(bytes, from + 8),
    trace,
    body: bytes.subarray(from + FRAME_HEAD_BYTES, to),
  }
}
