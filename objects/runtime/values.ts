/**
 * The values that state, inputs and results are made of, and what a process does before it lets one in.
 *
 * Keeps: P58 (no -0, NaN, lone surrogates, `__proto__` or bottomless nesting: each made two views differ). Owns no
 * state. Read next: `entry.ts`, `records.ts`.
 */
import { SirtakiError } from '../../log/errors.ts'

/** A value, as records hold it. Key order is part of it. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value }

/** What inputs, results and facts of events may hold besides: bytes. Records hold them as text (`bytesText`). */
export type Input = null | boolean | number | string | Uint8Array | readonly Input[] | { readonly [key: string]: Input }

/** Nesting that every engine and stack size can follow. */
export const DEPTH_MAX = 32

/**
 * `left` counts down what a value weighs: 8 for each value, and the length of each text. About the bytes of its JSON
 * text.
 */
interface Budget {
  left: number
  readonly freeze: boolean
  /** Takes the bytes on the way; without it they are no value. */
  readonly bytes?: Uint8Array[]
}

/**
 * Gives a frozen copy of a value in its one form (-0 becomes 0).
 *
 * @throws SirtakiError `BAD_ARGUMENT` when it is none, or weighs more than `weightMax`.
 */
export function canonical<V>(value: V, weightMax?: number): V
export function canonical(value: unknown, weightMax = Infinity): unknown {
  return copy(value, 0, { left: weightMax, freeze: true })
}

/**
 * Gives a frozen copy of an input in its one form, with the bytes in it copied too, in their order.
 *
 * @throws SirtakiError `BAD_ARGUMENT` when it is none.
 */
export function canonicalInput(value: unknown): { readonly value: unknown; readonly bytes: readonly Uint8Array[] } {
  const bytes: Uint8Array[] = []
  return { value: copy(value, 0, { left: Infinity, freeze: true, bytes }), bytes }
}

/**
 * Gives a copy of a value, in its one form, that belongs to the caller. Bytes are allowed.
 *
 * @throws SirtakiError `BAD_ARGUMENT` when it is none.
 */
export function ownCopy<V>(value: V): V
export function ownCopy(value: unknown): unknown {
  return copy(value, 0, { left: Infinity, freeze: false, bytes: [] })
}

/** Bytes as records hold them: the letter b and a code unit below 256 for each; null stays null. */
export function bytesText(bytes: Uint8Array | null): string | null {
  if (bytes === null) return null
  const all = new Uint8Array(bytes.length + 1)
  all[0] = 98
  all.set(bytes, 1)
  if (all.length <= PIECE) return lettersOf(all)
  const pieces: string[] = []
  for (let at = 0; at < all.length; at += PIECE) pieces.push(lettersOf(all.subarray(at, at + PIECE)))
  return pieces.join('')
}

/** Bytes made text at once: letter by letter it is a rope, which keeps 32 bytes more for good. */
const PIECE = 4_096

/** As `String.fromCharCode(...bytes)`, which takes eight times as long (measured on Node 24). */
const lettersOf = (bytes: Uint8Array): string => String(Reflect.apply(String.fromCharCode, undefined, bytes))

/** The bytes of a text that `bytesText` made. */
export function textBytes(from: string | null): Uint8Array | null {
  if (from === null) return null
  const bytes = new Uint8Array(from.length - 1)
  for (let i = 0; i < bytes.length; i++) bytes[i] = from.charCodeAt(i + 1)
  return bytes
}

/** What a value weighs, as `canonical` counts it; Infinity where it holds bytes or is too deep. */
export function weightOf(value: unknown, depth = 0): number {
  if (typeof value === 'string') return 8 + value.length
  if (typeof value !== 'object' || value === null) return 8
  if (value instanceof Uint8Array || depth >= DEPTH_MAX) return Infinity
  let weight = 8
  for (const [key, one] of Object.entries(value)) {
    weight += weightOf(one, depth + 1) + (Array.isArray(value) ? 0 : key.length)
  }
  return weight
}

function copy(value: unknown, depth: number, budget: Budget): unknown {
  budget.left -= 8
  switch (typeof value) {
    case 'number':
      if (!Number.isFinite(value)) throw refused(`the number ${value}`)
      return value === 0 ? 0 : value
    case 'string':
      return text(value, budget)
    case 'boolean':
      return value
    case 'object':
      if (depth >= DEPTH_MAX) throw refused(`a value nested more than ${DEPTH_MAX} deep`)
      if (budget.left < 0) throw refused('a value that is too large')
      if (value === null) return null
      return copyObject(value, depth, budget)
    default:
      throw refused(typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`)
  }
}

function copyObject(value: object, depth: number, budget: Budget): object {
  if (value instanceof Uint8Array && budget.bytes !== undefined) {
    const bytes = Uint8Array.from(value)
    budget.left -= bytes.byteLength
    budget.bytes.push(bytes)
    return bytes
  }
  const out = Array.isArray(value) ? copyItems(value, depth, budget) : copyFields(value, depth, budget)
  return budget.freeze ? Object.freeze(out) : out
}

function copyItems(value: readonly unknown[], depth: number, budget: Budget): unknown[] {
  const out: unknown[] = []
  for (let i = 0; i < value.length; i++) out.push(copy(value[i], depth + 1, budget))
  return out
}

function copyFields(value: object, depth: number, budget: Budget): Record<string, unknown> {
  if (!isPlain(value)) throw refused('an object that is not plain')
  const out: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    if (isRefusedKey(key)) throw refused(`the key ${JSON.stringify(key)}`)
    out[text(key, budget)] = copy(value[key], depth + 1, budget)
  }
  return out
}

function text(value: string, budget: Budget): string {
  budget.left -= value.length
  if (budget.left < 0) throw refused('a value that is too large')
  if (!value.isWellFormed()) throw refused('a text with a lone surrogate')
  return value
}

/** Keys that mean something to the engine, or to us: bytes stand in JSON as {"\u0000": index}. */
const isRefusedKey = (key: string): boolean => key === '__proto__' || key.startsWith('\u0000')

/** Tells whether `value`, fresh from a parser and with its bytes in place, is one in its one form. Never throws. */
export function isCanonical(value: unknown, depth = 0): value is Input {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'string':
      return value.isWellFormed()
    case 'boolean':
      return true
    case 'object': {
      if (value === null) return true
      if (depth >= DEPTH_MAX) return false
      if (Array.isArray(value)) return value.every((item) => isCanonical(item, depth + 1))
      if (value instanceof Uint8Array) return true
      if (!isPlain(value)) return false
      for (const key of Object.keys(value)) {
        if (isRefusedKey(key) || !key.isWellFormed() || !isCanonical(value[key], depth + 1)) return false
      }
      return true
    }
    default:
      return false
  }
}

/** Plain: made by a literal or a parser, of whatever realm. */
function isPlain(value: object): value is Readonly<Record<string, unknown>> {
  const proto: unknown = Object.getPrototypeOf(value)
  return (
    proto === Object.prototype || proto === null || (typeof proto === 'object' && Object.getPrototypeOf(proto) === null)
  )
}

const refused = (what: string): SirtakiError =>
  new SirtakiError(
    'BAD_ARGUMENT',
    `${what} is no value: null, booleans, finite numbers, well-formed text, arrays and plain objects are`,
  )
