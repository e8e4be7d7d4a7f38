/**
 * Seeded randomness, split by name: each link, disk and process draws from a stream of its own, so that taking one
 * fault out of a run moves nothing else.
 */

/** A generator of numbers in [0, 1): sfc32 over a hash of its name. */
export class Prng {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(name: string) {
    this.#a = mix(name, 0x9e37_79b9)
    this.#b = mix(name, 0x243f_6a88)
    this.#c = mix(name, 0xb7e1_5162)
    for (let i = 0; i < 12; i++) this.next()
  }

  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return (sum >>> 0) / 4_294_967_296
  }

  /** An integer in [from, to). */
  integer(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from))
  }
  /** Whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.next() < probability
  }
  /** A number in [from, to). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from)
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.integer(0, items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  /** 128 bits in hexadecimal. */
  id(): string {
    return Array.from({ length: 4 }, () =>
      Math.floor(this.next() * 4_294_967_296)
        .toString(16)
        .padStart(8, '0'),
    ).join('')
  }
}

function mix(text: string, salt: number): number {
  let hash = salt
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193) ^ (hash >>> 13)
  return hash | 0
}
