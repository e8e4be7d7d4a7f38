/**
 * Readers of flags and arguments: each gives a value or a usage error that names what it got and what it wants.
 *
 * Read next: `program.ts`.
 */
import { InvalidArgumentError } from 'commander'
import { parseAddress } from '../../log/io/address.ts'
import { isObjectPath } from '../../objects/runtime/entry.ts'
import type { Value } from '../../objects/runtime/values.ts'
import { isValidPath } from '../../objects/tree/paths.ts'

/** A whole number of at least `min`. */
export const wholeFrom =
  (min: number, what: string, max = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(
        `${what} is a whole number from ${min}${max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`}.`,
      )
    }
    return value
  }

/** A position of the log. */
export const position = wholeFrom(0, 'a position')

/** Positions, as many as there are. */
export const positions = (text: string, before: readonly number[] | undefined): number[] => [
  ...(before ?? []),
  position(text),
]

/** Ids of streams: given several times, or by commas. */
export const streams = (text: string, before: readonly number[] | undefined): number[] => [
  ...(before ?? []),
  ...text.split(',').map(wholeFrom(0, 'a stream', 0xffff_ffff)),
]

/** Texts: given several times. */
export const texts = (text: string, before: readonly string[] | undefined): string[] => [
  ...(before ?? []),
  ...list(text),
]

const list = (text: string): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')

/** The path of an object. */
export function objectPath(text: string): string {
  if (isObjectPath(text) && !text.startsWith('/.')) return text
  throw new InvalidArgumentError('a path begins with / and has no empty part, such as /hits or /shop/stock.')
}

/** The path of a node inside a tree. */
export function nodePath(text: string): string {
  if (isValidPath(text)) return text
  throw new InvalidArgumentError('the path of a node begins with / and has no empty part, such as / or /flags/dark.')
}

/** The path of a node that is to be made: a sequential one may have nothing but its number as its name. */
export const newNodePath = (text: string): string => (text.endsWith('/') ? text : nodePath(text))

/** A value as JSON. */
export function jsonValue(text: string): Value {
  try {
    const value: Value = JSON.parse(text)
    return value
  } catch {
    throw new InvalidArgumentError(`this is no JSON: write it like '{"by": 1}', and a text like '"text"'.`)
  }
}

/** Values as JSON, as many as there are. */
export const jsonValues = (text: string, before: readonly Value[] | undefined): Value[] => [
  ...(before ?? []),
  jsonValue(text),
]

/** One address of a server. */
export function address(text: string): string {
  try {
    parseAddress(text)
    return text
  } catch (thrown) {
    throw new InvalidArgumentError(thrown instanceof Error ? thrown.message : String(thrown))
  }
}

/** Addresses of servers, by commas; a leading `tcp://` does no harm. */
export function addresses(text: string): string[] {
  const found = list(text.replace(/^tcp:\/\//, '')).map(address)
  if (found.length === 0) throw new InvalidArgumentError('expected host:port,host:port,...')
  return found
}

/** Chains: each `--chain a,b,c` is one. */
export const chains = (text: string, before: readonly (readonly string[])[] | undefined): (readonly string[])[] => [
  ...(before ?? []),
  addresses(text),
]

/** Where pages are shown: host:port. */
export function httpAddress(text: string): string {
  if (text.startsWith('unix:')) throw new InvalidArgumentError('pages need a host:port.')
  return address(text)
}
