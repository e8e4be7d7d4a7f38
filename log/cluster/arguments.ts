/**
 * What callers hand over, looked at where it arrives: in JavaScript a call may come with anything.
 *
 * Read next: `calls.ts`, `../client/client.ts`.
 */
import { SirtakiError } from '../errors.ts'

/** Says what a value is, for a message: `a string`, `undefined`, `an array`, `a Date`. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'number') return `the number ${value}`
  const name = typeof value === 'object' ? value.constructor?.name : typeof value
  const kind = name === undefined || name === 'Object' ? 'object' : name
  return `${/^(?!Uint)[aeiou]/i.test(kind) ? 'an' : 'a'} ${kind}`
}

/** The error of an argument that makes no sense: `argument` is what was expected, `hint` how it is given. */
export const badArgument = (what: string, expected: string, value: unknown): SirtakiError =>
  new SirtakiError('BAD_ARGUMENT', `${what} takes ${expected}, not ${kindOf(value)}`)

/** Whether these are bytes, also those of another realm (a worker's, a test runner's). */
export const isBytes = (value: unknown): value is Uint8Array =>
  value instanceof Uint8Array
  || (ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]')

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/**
 * Gives the options of a call, `{}` for none.
 *
 * @throws SirtakiError `BAD_ARGUMENT`.
 */
export function requireCallOptions<O extends { readonly signal?: unknown; readonly timeoutMs?: unknown }>(
  what: string,
  options: O | undefined,
): O | Record<string, never> {
  if (options === undefined) return {}
  if (!isObject(options)) throw badArgument(what, 'its options as an object', options)
  const { signal, timeoutMs } = options
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 0)) {
    throw badArgument(what, 'timeoutMs as a number of milliseconds from 0', timeoutMs)
  }
  if (signal !== undefined && !(isObject(signal) && 'aborted' in signal && 'addEventListener' in signal)) {
    throw badArgument(what, 'signal as an AbortSignal', signal)
  }
  return options
}

/** Gives the id of a stream. @throws SirtakiError `BAD_ARGUMENT`. */
export function requireStream(what: string, stream: unknown): number {
  if (typeof stream !== 'number' || !Number.isInteger(stream) || stream < 0 || stream > 0xffff_ffff) {
    throw badArgument(what, '{ stream } as an integer from 0 to 4294967295', stream)
  }
  return stream
}
