/**
 * Pure functions of bytes, the only ones that the sources take from Node's libraries outside `io/`.
 *
 * Read next: `../wire/frame.ts`, `../entry.ts`.
 */
import { createHash } from 'node:crypto'
import { crc32 as zlibCrc32 } from 'node:zlib'

/** CRC-32 (IEEE 802.3) of `bytes`, going on from `seed`. */
export const crc32 = (bytes: Uint8Array, seed = 0): number => crc32Of(bytes, 0, bytes.byteLength, seed)

/**
 * A call into zlib with the view that it needs takes 0.3 us, as long as these bytes take here (measured on Node 24).
 */
const NATIVE_FROM_BYTES = 320

/** CRC-32 of bytes[from, to), going on from `seed`. */
export function crc32Of(bytes: Uint8Array, from: number, to: number, seed = 0): number {
  if (to - from >= NATIVE_FROM_BYTES) return zlibCrc32(bytes.subarray(from, to), seed)
  let crc = ~seed
  let at = from
  for (; at + 8 <= to; at += 8) {
    const low =
      crc
      ^ ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24))
    crc =
      (T7[low & 255] ?? 0)
      ^ (T6[(low >>> 8) & 255] ?? 0)
      ^ (T5[(low >>> 16) & 255] ?? 0)
      ^ (T4[low >>> 24] ?? 0)
      ^ (T3[bytes[at + 4] ?? 0] ?? 0)
      ^ (T2[bytes[at + 5] ?? 0] ?? 0)
      ^ (T1[bytes[at + 6] ?? 0] ?? 0)
      ^ (T0[bytes[at + 7] ?? 0] ?? 0)
  }
  for (; at < to; at++) crc = (crc >>> 8) ^ (T0[(crc ^ (bytes[at] ?? 0)) & 255] ?? 0)
  return ~crc >>> 0
}

/**
 * Tables of the reversed polynomial, eight bytes at a time.
 * @source Kounavis, Berry: Novel table lookup-based algorithms for high-performance CRC generation, 2008
 *   (slicing-by-8).
 */
const T0 = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1
  return crc
})
const shifted = (table: Int32Array): Int32Array => table.map((crc) => (crc >>> 8) ^ (T0[crc & 255] ?? 0))
const T1 = shifted(T0)
const T2 = shifted(T1)
const T3 = shifted(T2)
const T4 = shifted(T3)
const T5 = shifted(T4)
const T6 = shifted(T5)
const T7 = shifted(T6)

const text = new TextEncoder()

/** CRC-32 of the UTF-8 form of `value`. */
export const crc32Text = (value: string): number => crc32(text.encode(value))

/** SHA-256 of `bytes` or text, hexadecimal. */
export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

/** SHA-1 of text, in base64: what ZooKeeper's digest identities hold. It protects nothing that is new here. */
export const sha1Base64 = (value: string): string => createHash('sha1').update(value).digest('base64')
