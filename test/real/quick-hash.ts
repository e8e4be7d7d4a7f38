/**
 * The twin of `log/bytes/hash.ts` in plain loops: the corpora hash some hundred images of 4 MiB in a browser, which has
 * no synchronous SHA-256 of its own.
 *
 * Read next: `browser-sources.ts`; `browser.test.ts` compares it.
 */
export { crc32, crc32Of, crc32Text, sha1Base64 } from '../../log/bytes/pure-hash.ts'

/**
 * SHA-256 of `bytes` or text, hexadecimal.
 * @source FIPS 180-4, 6.2.
 */
export function sha256(bytes: Uint8Array | string): string {
  const message = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes
  const state = Int32Array.from(primes.slice(0, 8), (prime) => fractionOf(Math.sqrt(prime)))
  const whole = message.byteLength - (message.byteLength % 64)
  mixIn(state, message, whole)
  // What is left, a bit behind it, zeros, and the length.
  const rest = message.byteLength - whole
  const end = new Uint8Array(rest < 56 ? 64 : 128)
  end.set(message.subarray(whole))
  end[rest] = 0x80
  new DataView(end.buffer).setBigUint64(end.byteLength - 8, BigInt(message.byteLength) * 8n)
  mixIn(state, end, end.byteLength)
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
}

/** Takes in the blocks of bytes[0, to). */
function mixIn(state: Int32Array, bytes: Uint8Array, to: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const words = new Int32Array(64)
  for (let from = 0; from < to; from += 64) {
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(from + 4 * i)
    for (let i = 16; i < 64; i++) {
      const early = words[i - 15] ?? 0
      const late = words[i - 2] ?? 0
      const first = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3)
      const second = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10)
      words[i] = (words[i - 16] ?? 0) + first + (words[i - 7] ?? 0) + second
    }
    mixBlock(state, words)
  }
}

function mixBlock(state: Int32Array, words: Int32Array): void {
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
  for (let i = 0; i < 64; i++) {
    const sum1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
    const next = (h + sum1 + ((e & f) ^ (~e & g)) + (rounds[i] ?? 0) + (words[i] ?? 0)) | 0
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

/** Rotates to the right. */
const turned = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits))
/** The first 32 bits behind the point. */
const fractionOf = (value: number): number => (value - Math.floor(value)) * 2 ** 32

const primes = Array.from({ length: 312 }, (_, n) => n).filter(
  (n) => n > 1 && !Array.from({ length: n }, (_each, d) => d).some((d) => d > 1 && n % d === 0),
)
const rounds = Int32Array.from(primes.slice(0, 64), (prime) => fractionOf(Math.cbrt(prime)))
