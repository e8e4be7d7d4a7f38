/**
 * Compression as pure functions of bytes, from Node's libraries; a browser brings its own.
 *
 * Read next: `hash.ts` (the other such file), `../archive/sealed.ts`.
 * @source RFC 8878 (Zstandard).
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

/** The fastest of the usual ones: who compresses holds up its turn of the event loop. */
const LEVEL = 1
const options = { params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 } }

/** Compresses bytes as one frame. */
export const compress = (bytes: Uint8Array): Uint8Array => zstdCompressSync(bytes, options)

/** Gives what `compress` was given; `max` bytes at most. @throws Error where the frame is damaged or larger. */
export const decompress = (bytes: Uint8Array, max: number): Uint8Array =>
  zstdDecompressSync(bytes, { maxOutputLength: max })
