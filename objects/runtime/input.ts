/**
 * An input of an op as bytes: its JSON, and behind that the pieces of bytes that the JSON names.
 *
 *     input: u32 + JSON | (count u16 | (u32 + bytes)*)?          {"data": {"\u0000": 0}} names the first piece
 *
 * What is on the way of every call, so by hand where an engine's general way takes ten times as long. Keeps: O11, P58.
 * Read next: `entry.ts` (where it stands), `values.ts` (what a value is).
 */
import { ByteReader, setU32, textOf } from '../../log/bytes/bytes.ts'
import { SirtakiError } from '../../log/errors.ts'
import { isExhausted } from './exhausted.ts'
import { DEPTH_MAX, canonicalInput, isCanonical, type Input } from './values.ts'

const encoder = new TextEncoder()

/** Where an input stands in a payload. */
export interface InputPlace {
  readonly inputFrom: number
  readonly inputTo: number
  readonly to: number
}

/**
 * Encodes an input and gives it back in its one form.
 *
 * @throws SirtakiError `BAD_ARGUMENT` when it is no value.
 */
export function encodeInput(input: unknown): { readonly value: unknown; readonly bytes: Uint8Array } {
  const { value, bytes: raw } = canonicalInput(input)
  if (raw.length === 0) {
    const json = utf8(JSON.stringify(value))
    const bytes = new Uint8Array(4 + json.byteLength)
    setU32(bytes, 0, json.byteLength)
    bytes.set(json, 4)
    return { value, bytes }
  }
  if (raw.length > 0xffff) throw new SirtakiError('BAD_ARGUMENT', 'an input holds at most 65,535 pieces of bytes')
  const json = utf8(JSON.stringify(withoutBytes(value, { index: 0 })))
  const bytes = new Uint8Array(raw.reduce((sum, { byteLength }) => sum + 4 + byteLength, 6 + json.byteLength))
  setU32(bytes, 0, json.byteLength)
  bytes.set(json, 4)
  let at = 4 + json.byteLength
  setU16(bytes, at, raw.length)
  at += 2
  for (const one of raw) {
    setU32(bytes, at, one.byteLength)
    bytes.set(one, at + 4)
    at += 4 + one.byteLength
  }
  return { value, bytes }
}

/** A copy of a value with names in the places of its pieces of bytes, in the order of `canonicalInput`. */
function withoutBytes(value: unknown, next: { index: number }): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return { '\u0000': next.index++ }
  if (Array.isArray(value)) return value.map((one: unknown) => withoutBytes(one, next))
  const out: Record<string, unknown> = {}
  for (const [key, one] of Object.entries(value)) out[key] = withoutBytes(one, next)
  return out
}

/** Texts up to so many characters are encoded in bytes that are there already. */
const SCRATCH_TEXT = 4_096
const scratch = new Uint8Array(3 * SCRATCH_TEXT)

/** The UTF-8 form of a text. `encode` takes ten times as long for a short text (Node 24). */
export function utf8(text: string): Uint8Array {
  if (text.length > SCRATCH_TEXT) return encoder.encode(text)
  return scratch.slice(0, encoder.encodeInto(text, scratch).written)
}

/** Decodes the input of a part; `undefined` when it is no value in its one form. */
export function readInput(payload: Uint8Array, { inputFrom, inputTo, to }: InputPlace): Input | undefined {
  return tried(() => {
    const parsed: unknown = JSON.parse(textOf(payload, inputFrom, inputTo))
    const value = inputTo === to ? parsed : withBytes(parsed, readRaw(payload, inputTo, to))
    return isCanonical(value) ? value : undefined
  })
}

function readRaw(payload: Uint8Array, from: number, to: number): Uint8Array[] {
  const reader = new ByteReader(payload.subarray(from, to))
  const raw = Array.from({ length: reader.u16() }, () => reader.raw(reader.u32()))
  reader.end()
  return raw
}

/** Puts bytes in their places: each once, in order. */
function withBytes(parsed: unknown, raw: readonly Uint8Array[]): unknown {
  const next = { index: 0 }
  const value = placed(parsed, raw, next, 0)
  if (next.index !== raw.length) throw new TypeError('bytes that nothing names')
  return value
}

/** Changes what a parser just made. As deep as a value may be: the engine's own bound differs from view to view. */
function placed(one: unknown, raw: readonly Uint8Array[], next: { index: number }, depth: number): unknown {
  if (typeof one !== 'object' || one === null) return one
  if (depth >= DEPTH_MAX) throw new TypeError('nested too deep')
  const keys = Object.keys(one)
  if (keys.length === 1 && '\u0000' in one) {
    const bytes = raw[next.index]
    if (one['\u0000'] !== next.index || bytes === undefined) throw new TypeError('bytes out of order')
    next.index++
    return bytes
  }
  for (const key of keys) {
    const inner: unknown = Reflect.get(one, key)
    if (typeof inner === 'object' && inner !== null) Reflect.set(one, key, placed(inner, raw, next, depth + 1))
  }
  return one
}

/** What `read` gives; `undefined` where it throws, unless the engine is exhausted: that says nothing of the bytes. */
export function tried<V>(read: () => V): V | undefined {
  try {
    return read()
  } catch (thrown) {
    if (isExhausted(thrown)) throw thrown
    return undefined
  }
}

/** Writes a u16, little endian. */
export function setU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
}
