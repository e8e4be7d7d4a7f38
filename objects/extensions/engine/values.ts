/**
 * Values on their way between a guest and its host, without a text in between: JSON of a small object costs a guest
 * 24,000 instructions.
 *
 * A slot of the engine is a NaN-boxed word of 64 bits: a number, or a tag in its upper half. Numbers, booleans, null
 * and undefined are written and read there directly; how they are boxed is found out by probes, and checked, when a
 * guest begins. What comes out is judged by the closed grammar of values, here where a field can still be told from a
 * getter: plain objects and arrays only. Reading one may run the guest's own code, under the same fuel. Keeps: E2, E3,
 * P58. Read next: `guest.ts`, `../../runtime/values.ts`.
 */
import { SirtakiError } from '../../../log/errors.ts'
import { DEPTH_MAX } from '../../runtime/values.ts'
import type { Guest, Pointer } from './guest.ts'

/** Class numbers of the engine. */
const PLAIN = 1
const ARRAY = 2
/** Configurable, writable, enumerable. */
const ORDINARY = 7
/** What a value weighs at most, as `canonical` counts. */
export const WEIGHT_MAX = 1 << 20
/** Slots that a call may use before each number takes memory of the engine. */
const SLOTS = 128
/** Bytes of a text that needs no memory of its own on its way in. */
const MAILBOX_BYTES = 4_096
const SHORT = 64

/** Why something that a guest gave is no value. */
export class NoValue {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}
/** The guest's code threw while it was read. */
export class Thrown {
  readonly exception: Pointer

  constructor(exception: Pointer) {
    this.exception = exception
  }
}

/** The upper halves of slots. */
interface Tags {
  readonly integer: number
  readonly boolean: number
  readonly null: number
  readonly undefined: number
  readonly text: number
  readonly object: number
  readonly exception: number
  /** What the upper half of a number has in addition to its own. */
  readonly addend: number
}

/** Carries values over. One for each guest: what it keeps in the guest's memory is part of the image. */
export class Values {
  readonly undefined: Pointer
  readonly #guest: Guest
  readonly #tags: Tags
  readonly #slots: Pointer
  readonly #mailbox: Pointer
  readonly #null: Pointer
  readonly #true: Pointer
  readonly #false: Pointer
  readonly #length: Pointer
  #used = 0
  /** What of a value may still come. */
  #left = 0

  constructor(guest: Guest) {
    const { calls } = guest
    this.#guest = guest
    this.undefined = calls.qjs_get_undefined()
    this.#null = calls.qjs_get_null()
    this.#true = calls.qjs_get_true()
    this.#false = calls.qjs_get_false()
    this.#slots = calls.wasm_malloc(8 * SLOTS)
    this.#mailbox = calls.wasm_malloc(MAILBOX_BYTES)
    this.#length = guest.text('length')
    this.#tags = this.#probe()
  }

  /** The slots of the call before are free again. */
  begin(): void {
    this.#used = 0
  }

  /** Makes a guest's value of ours: one of the grammar, or `undefined`. */
  to(value: unknown): Pointer {
    switch (typeof value) {
      case 'number':
        return this.#number(value)
      case 'string':
        return this.text(value)
      case 'boolean':
        return value ? this.#true : this.#false
      case 'object':
        if (value === null) return this.#null
        return Array.isArray(value) ? this.#array(value) : this.#object(value)
      default:
        return this.undefined
    }
  }

  /**
   * The same as what a host function answers with: the engine frees its memory, so that it must be all its own, no slot
   * and none that is shared.
   */
  owned(value: unknown): Pointer {
    const { calls } = this.#guest
    switch (typeof value) {
      case 'number':
        return calls.qjs_new_number(value)
      case 'boolean':
        return value ? calls.qjs_get_true() : calls.qjs_get_false()
      case 'undefined':
        return calls.qjs_get_undefined()
      default:
        return value === null ? calls.qjs_get_null() : this.to(value)
    }
  }

  text(text: string): Pointer {
    const guest = this.#guest
    if (text.length <= SHORT) {
      const { memory } = guest
      guest.mark(this.#mailbox, text.length)
      let i = 0
      for (; i < text.length; i++) {
        const code = text.charCodeAt(i)
        if (code > 0x7f) break
        memory[this.#mailbox + i] = code
      }
      if (i === text.length) return guest.calls.qjs_new_string(this.#mailbox, i)
    }
    return guest.text(text)
  }

  /**
   * Reads a guest's value; `undefined` at the top only.
   *
   * @throws NoValue, Thrown; what ends the guest.
   */
  from(value: Pointer): unknown {
    if (this.#guest.word(value + 4) === this.#tags.undefined) return undefined
    this.#left = WEIGHT_MAX
    return this.#read(value, 0)
  }

  /** @throws Thrown. */
  unlessThrown(value: Pointer): Pointer {
    if (this.#guest.word(value + 4) !== this.#tags.exception) return value
    throw new Thrown(this.#guest.calls.qjs_get_exception())
  }

  #number(value: number): Pointer {
    const guest = this.#guest
    if (this.#used === SLOTS) return guest.calls.qjs_new_number(value)
    const at = this.#slots + 8 * this.#used++
    if ((value | 0) === value && !Object.is(value, -0)) {
      guest.writeWord(at, value)
      guest.writeWord(at + 4, this.#tags.integer)
      return at
    }
    scratch.setFloat64(0, value, true)
    guest.writeWord(at, scratch.getUint32(0, true))
    guest.writeWord(at + 4, (scratch.getUint32(4, true) - this.#tags.addend) >>> 0)
    return at
  }

  #array(items: readonly unknown[]): Pointer {
    const { calls } = this.#guest
    const array = calls.qjs_new_array()
    for (const [i, item] of items.entries()) calls.qjs_set_prop_uint32(array, i, this.to(item))
    return array
  }

  #object(value: object): Pointer {
    const { calls } = this.#guest
    const object = calls.qjs_new_object()
    for (const [key, item] of Object.entries(value)) {
      // Defined, not set: a setter on the prototype has no say.
      calls.qjs_define_prop_value(object, this.text(key), this.to(item), ORDINARY)
    }
    return object
  }

  #read(value: Pointer, depth: number): unknown {
    const guest = this.#guest
    const tags = this.#tags
    this.#take(8)
    const tag = guest.word(value + 4)
    switch (tag) {
      case tags.integer:
        return guest.word(value) | 0
      case tags.boolean:
        return guest.word(value) !== 0
      case tags.null:
        return null
      case tags.undefined:
        throw new NoValue('undefined')
      case tags.exception:
        throw new Thrown(guest.calls.qjs_get_exception())
      case tags.text:
        return this.#text(value)
      case tags.object:
        return this.#composite(value, depth)
      default:
        break
    }
    // A text that was put together of others, a symbol and a bigint have tags of their own.
    if (guest.calls.qjs_is_number(value) === 0) {
      if (guest.calls.qjs_is_string(value) === 0) throw new NoValue('a symbol or a bigint')
      return this.#text(value)
    }
    scratch.setUint32(0, guest.word(value), true)
    scratch.setUint32(4, (tag + tags.addend) >>> 0, true)
    const number = scratch.getFloat64(0, true)
    if (!Number.isFinite(number)) throw new NoValue(`the number ${number}`)
    return number === 0 ? 0 : number
  }

  #composite(value: Pointer, depth: number): unknown {
    if (depth >= DEPTH_MAX) throw new NoValue(`a value nested more than ${DEPTH_MAX} deep`)
    const kind = this.#guest.calls.qjs_get_class_id(value)
    if (kind === ARRAY) return this.#items(value, depth)
    if (kind === PLAIN) return this.#fields(value, depth)
    throw new NoValue('an object that is neither plain nor an array')
  }

  #items(array: Pointer, depth: number): unknown[] {
    const { calls } = this.#guest
    const length = this.#lengthOf(array)
    const items: unknown[] = []
    for (let i = 0; i < length; i++) items.push(this.#read(calls.qjs_get_prop_uint32(array, i), depth + 1))
    return items
  }

  #fields(object: Pointer, depth: number): Record<string, unknown> {
    const { calls } = this.#guest
    const names = this.unlessThrown(calls.qjs_get_own_property_names(object))
    const count = this.#lengthOf(names)
    const fields: Record<string, unknown> = {}
    for (let i = 0; i < count; i++) {
      const name = calls.qjs_get_prop_uint32(names, i)
      const key = this.#text(name)
      if (key === '__proto__' || key.startsWith('\u0000')) throw new NoValue(`the key ${JSON.stringify(key)}`)
      fields[key] = this.#read(calls.qjs_get_prop_value(object, name), depth + 1)
    }
    return fields
  }

  #lengthOf(array: Pointer): number {
    const length = this.#guest.calls.qjs_get_float64(this.#guest.calls.qjs_get_prop_value(array, this.#length))
    if (length * 8 > this.#left) throw new NoValue('a value that is too large')
    return length
  }

  #text(value: Pointer): string {
    const text = this.#guest.textOf(value)
    if (text === null) throw new Thrown(this.#guest.calls.qjs_get_exception())
    if (text === undefined) throw new NoValue('a text with half a surrogate pair')
    this.#take(text.length)
    return text
  }

  #take(weight: number): void {
    this.#left -= weight
    if (this.#left < 0) throw new NoValue('a value that is too large')
  }

  /** What a script comes to that throws. */
  #throwing(): Pointer {
    const { calls } = this.#guest
    const script = this.#guest.place('throw 0')
    const thrown = calls.qjs_eval(script.at, script.bytes, script.at, 0)
    calls.qjs_get_exception()
    return thrown
  }

  /** How this engine boxes its values. @throws SirtakiError `UNSUPPORTED`. */
  #probe(): Tags {
    const { calls } = this.#guest
    const upper = (value: Pointer): number => this.#guest.word(value + 4)
    const zero = calls.qjs_new_number(0)
    const tags: Tags = {
      integer: 0,
      boolean: upper(this.#true),
      null: upper(this.#null),
      undefined: upper(this.undefined),
      text: upper(this.#length),
      object: upper(calls.qjs_new_object()),
      exception: upper(this.#throwing()),
      addend: -upper(zero) >>> 0,
    }
    for (const [number, high] of [
      [1.5, 0x3ff80000],
      [-2.5, 0xc0040000],
      [2 ** 40, 0x42700000],
    ] as const) {
      const found = (upper(calls.qjs_new_number(number)) + tags.addend) >>> 0
      if (found !== high) throw otherEngine()
    }
    const { text, object, addend: _, ...plain } = tags
    if (new Set([...Object.values(plain), text, object]).size !== 7) throw otherEngine()
    return tags
  }
}

const scratch = new DataView(new ArrayBuffer(8))
const otherEngine = (): SirtakiError =>
  new SirtakiError('UNSUPPORTED', 'the engine of extensions boxes its values otherwise than expected')
