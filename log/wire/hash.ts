/**
 * Pure functions of bytes, the only ones that the sources take from Node's libraries outside `io/`.
 *
 * Read next: `frame.ts`, `../entry.ts`.
 */
import { crc32 as zlibCrc32 } from 'node:zlib'
import { createHash } from 'node:crypto'

/** CRC-32 (IEEE 802.3) of `bytes`, going on from `seed`. */
export const crc32 = (bytes: Uint8Array, seed = 0): number => zlibCrc32(bytes, seed)

const text = new TextEncoder()

/** CRC-32 of the UTF-8 form of `value`. */
export const crc32Text = (value: string): number => zlibCrc32(text.encode(value))

/** SHA-256 of `bytes` or text, hexadecimal. */
export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')
