/**
 * The twin of `hash.ts` without Node: what a browser takes in its place. Slower, and equal in every answer.
 *
 * Owns no rule. Read next: `hash.ts`; `test/log/wire/pure-hash.test.ts` compares the two.
 */

const text = new TextEncoder()

/** CRC-32 (IEEE 802.3) of `bytes`, going on from `seed`. */
export const crc32 = (bytes: Uint8Array, seed = 0): number => crc32Of(bytes, 0, bytes.byteLength, seed)

/** CRC-32 of bytes[from, to), going on from `seed`. */
export function crc32Of(bytes: Uint8Array, from: number, to: number, seed = 0): number {
  let crc = ~seed
  for (let at = from; at < to; at++) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ (bytes[at] ?? 0)) & 255] ?? 0)
  return ~crc >>> 0
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1
  return crc
})

/** CRC-32 of the UTF-8 form of `value`. */
export const crc32Text = (value: string): number => crc32(text.encode(value))

/**
 * SHA-256 of `bytes` or text, hexadecimal.
 * @source FIPS 180-4, 6.2.
 */
export function sha256(bytes: Uint8Array | string): string {
  const message = typeof bytes === 'string' ? text.encode(bytes) : bytes
  const state = Int32Array.from(PRIMES.slice(0, 8), (prime) => fractionOf(Math.sqrt(prime)))
  const words = new Int32Array(64)
  eachBlock(message, (view, from) => {
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(from + 4 * i)
    for (let i = 16; i < 64; i++) {
      const early = words[i - 15] ?? 0
      const late = words[i - 2] ?? 0
      const first = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3)
      const second = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10)
      words[i] = (words[i - 16] ?? 0) + first + (words[i - 7] ?? 0) + second
    }
    mixBlock(state, words)
  })
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
}

/** Gives the blocks of 64 bytes of a message: behind it a bit, zeros, and its length. */
function eachBlock(message: Uint8Array, mix: (view: DataView, from: number) => void): void {
  const rest = message.byteLength % 64
  const whole = message.byteLength - rest
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  for (let from = 0; from < whole; from += 64) mix(view, from)
  const end = new Uint8Array(rest < 56 ? 64 : 128)
  end.set(message.subarray(whole))
  end[rest] = 0x80
  const last = new DataView(end.buffer)
  last.setBigUint64(end.byteLength - 8, BigInt(message.byteLength) * 8n)
  for (let from = 0; from < end.byteLength; from += 64) mix(last, from)
}

function mixBlock(state: Int32Array, words: Int32Array): void {
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
  for (let i = 0; i < 64; i++) {
    const sum1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
    const next = (h + sum1 + ((e & f) ^ (~e & g)) + (ROUNDS[i] ?? 0) + (words[i] ?? 0)) | 0
    const sum0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
    const last = (sum0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + next) | 0
    d = c
    c = b
    b = a
    a = (next + last) | 0
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = (state[i] ?? 0) + word
}

/**
 * SHA-1 of text, in base64.
 * @source FIPS 180-4, 6.1.
 */
export function sha1Base64(value: string): string {
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0)
  const words = new Uint32Array(80)
  eachBlock(text.encode(value), (view, from) => {
    for (let i = 0; i < 16; i++) words[i] = view.getUint32(from + 4 * i)
    for (let i = 16; i < 80; i++) {
      words[i] = turned(at(words, i - 3) ^ at(words, i - 8) ^ at(words, i - 14) ^ at(words, i - 16), 31)
    }
    let [a, b, c, d, e] = Array.from(state)
    for (let i = 0; i < 80; i++) {
      const next = turned(at1(a), 27) + mixed(i, at1(b), at1(c), at1(d)) + at1(e) + at(words, i)
      ;[e, d, c, b, a] = [d, c, turned(at1(b), 2), a, next | 0]
    }
    add(state, [a, b, c, d, e])
  })
  return base64Of(bytesOf(state))
}

/** What SHA-1 mixes in round `i`, its constant included. */
function mixed(i: number, b: number, c: number, d: number): number {
  if (i < 20) return ((b & c) | (~b & d)) + 0x5a827999
  if (i < 40) return (b ^ c ^ d) + 0x6ed9eba1
  if (i < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
  return (b ^ c ^ d) + 0xca62c1d6
}

const at = (words: Uint32Array, i: number): number => words[i] ?? 0
const at1 = (word: number | undefined): number => word ?? 0
/** Rotates to the right. */
const turned = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits))
/** The first 32 bits behind the point. */
const fractionOf = (value: number): number => (value - Math.floor(value)) * 2 ** 32

function add(state: Uint32Array, words: readonly (number | undefined)[]): void {
  words.forEach((word, i) => {
    state[i] = at(state, i) + at1(word)
  })
}

const PRIMES = Array.from({ length: 312 }, (_, n) => n).filter(
  (n) => n > 1 && !Array.from({ length: n }, (_, d) => d).some((d) => d > 1 && n % d === 0),
)
const ROUNDS = Int32Array.from(PRIMES.slice(0, 64), (prime) => fractionOf(Math.cbrt(prime)))

const bytesOf = (words: Uint32Array): number[] =>
  Array.from(words).flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255])

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

function base64Of(bytes: readonly number[]): string {
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const three = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    const letters = [18, 12, 6, 0].map((bits) => LETTERS[(three >>> bits) & 63] ?? '')
    out += letters
      .slice(0, Math.min(4, bytes.length - i + 1))
      .join('')
      .padEnd(4, '=')
  }
  return out
}
