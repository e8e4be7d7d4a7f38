/**
 * The values that state, inputs and results are made of, and what a process does before it lets one in.
 *
 * Keeps: P58 (no -0, NaN, lone surrogates, `__proto__` or bottomless nesting: each made two views differ). Owns no
 * state. Read next: `op-entry.ts`, `records.ts`.
 */
import { SirtakiError } from '../../log/errors.ts'

/** A value. Key order is part of it; bytes are not among the values yet. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value }

/** Nesting that every engine and stack size can follow. */
export const DEPTH_MAX = 32

/**
 * `left` counts down what a value weighs: 8 for each value, and the length of each text. About the bytes of its JSON
 * text.
 */
interface Budget {
  left: number
  readonly freeze: boolean
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
 * Gives a copy of a value, in its one form, that belongs to the caller.
 *
 * @throws SirtakiError `BAD_ARGUMENT` when it is none.
 */
export function ownCopy<V>(value: V): V
export function ownCopy(value: unknown): unknown {
  return copy(value, 0, { left: Infinity, freeze: false })
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
    if (key === '__proto__') throw refused('the key __proto__')
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

/** Tells whether `value`, fresh from a parser, is a value in its one form. Never throws. */
export function isCanonical(value: unknown, depth = 0): value is Value {
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
      if (!isPlain(value)) return false
      for (const key of Object.keys(value)) {
        if (key === '__proto__' || !key.isWellFormed() || !isCanonical(value[key], depth + 1)) return false
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
