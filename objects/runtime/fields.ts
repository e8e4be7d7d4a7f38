/**
 * Guards for inputs and rows, by hand: what hot ops take in place of a struct, which costs 5 us an op.
 *
 *     const isRelease = fields<{ hold: number }>({ hold: count })
 *
 * A guard accepts an object with exactly these fields. Read next: `../define-object.ts`, `../lock/type.ts`.
 */
import { weightOf } from './values.ts'

/** Accepts or refuses one value. */
export type Check = (value: unknown) => boolean

/** Narrows what a parser gave to an `I`. */
export type Guard<I> = (input: unknown) => input is I

const isOptional = Symbol('optional')
interface OptionalCheck extends Check {
  readonly [isOptional]?: true
}

/** Makes the guard of an object of these fields; others are refused. */
export function fields<I extends object>(checks: { readonly [K in keyof I]-?: Check }): Guard<I> {
  const all: [string, OptionalCheck][] = Object.entries<OptionalCheck>(checks)
  const required = all.filter(([, check]) => check[isOptional] !== true).length
  const byName = new Map(all)
  return (input: unknown): input is I => {
    if (typeof input !== 'object' || input === null || Array.isArray(input)) return false
    let seen = 0
    for (const [key, value] of Object.entries(input)) {
      const check = byName.get(key)
      if (check === undefined || !check(value)) return false
      if (check[isOptional] !== true) seen++
    }
    return seen === required
  }
}

/** A whole number from 0 on. */
export const count: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0
/** A whole number from `from` to `to`, both inclusive. */
export const integerIn =
  (from: number, to: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && Number(value) >= from && Number(value) <= to
/** True or false. */
export const flag: Check = (value) => typeof value === 'boolean'
/** A text of at most `max` code units. */
export const text =
  (max = Infinity): Check =>
  (value) =>
    typeof value === 'string' && value.length <= max
/** Bytes or null. */
export const bytesOrNull: Check = (value) => value === null || value instanceof Uint8Array
/** Any value. */
export const any: Check = () => true
/** A value without bytes that weighs at most so much: a row that has room for it must have room for the rest too. */
export const weighing =
  (max: number): Check =>
  (value) =>
    weightOf(value) <= max
/** A list of at most `max` items. */
export const list =
  (item: Check, max = Infinity): Check =>
  (value) =>
    Array.isArray(value) && value.length <= max && value.every(item)
/** Null, or what `check` accepts. */
export const nullable =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)
/** One of these. */
export const oneOf =
  (...all: readonly unknown[]): Check =>
  (value) =>
    all.includes(value)
/** A field that may be absent. */
export const optional = (check: Check): Check => Object.assign((value: unknown) => check(value), { [isOptional]: true })

/** No fields at all. */
export const nothing: Guard<object> = fields({})
