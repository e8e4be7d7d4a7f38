/**
 * Many yes and no in a control message: bits as hexadecimal text, four to a letter, the lowest first.
 *
 * Read next: `../wire/control.ts`.
 */

/** So many bits, none of them set; text that is no hexadecimal reads as bits that are not. */
export class Bits {
  readonly #nibbles: Uint8Array

  constructor(length: number) {
    this.#nibbles = new Uint8Array(Math.ceil(length / 4))
  }

  /** Reads what `text` has written. */
  static read(text: string): Bits {
    const bits = new Bits(text.length * 4)
    for (let i = 0; i < text.length; i++) bits.#nibbles[i] = Number.parseInt(text.charAt(i), 16)
    return bits
  }

  /** How many there are, in full letters. */
  get length(): number {
    return this.#nibbles.length * 4
  }
  has(at: number): boolean {
    return ((this.#nibbles[at >>> 2] ?? 0) & (1 << (at & 3))) !== 0
  }
  set(at: number): void {
    this.#nibbles[at >>> 2] = (this.#nibbles[at >>> 2] ?? 0) | (1 << (at & 3))
  }
  text(): string {
    return Array.from(this.#nibbles, (nibble) => nibble.toString(16)).join('')
  }
}
