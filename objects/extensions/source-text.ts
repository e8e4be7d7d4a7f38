/**
 * Functions of a program as one text, from which the engine makes them anew: `({ put: ..., take: ... })`.
 *
 * A function travels as its own text (`Function.prototype.toString`), without whatever it closes over; Node leaves
 * blanks where a `.ts` file has types. Two builds of one program may give two texts: for production the text itself is
 * kept in a file. Read next: `define-extension.ts`, `engine/machine.ts`.
 * @source ECMA-262 20.2.3.5 (the text of a function).
 */
import { SirtakiError } from '../../log/errors.ts'
import { SOURCE_BYTES_MAX } from './engine/machine.ts'

/** A function that may travel: of `ctx` and an input. */
export type GuestFunction = (...args: never[]) => unknown

/**
 * The source of these functions by name.
 *
 * @throws SirtakiError `BAD_ARGUMENT` for a function without a text of its own, or that waits or yields; `OVERSIZE`.
 */
export function sourceOf(extension: string, functions: ReadonlyMap<string, GuestFunction | undefined>): string {
  const parts = [...functions].map(([name, run]) => `${name}: ${expressionOf(extension, name, run)}`)
  return checkedSource(extension, `({\n${parts.join(',\n')}\n})`)
}

/** Gives the source back. @throws SirtakiError `OVERSIZE`. */
export function checkedSource(extension: string, source: string): string {
  const bytes = new TextEncoder().encode(source).byteLength
  if (bytes <= SOURCE_BYTES_MAX) return source
  throw new SirtakiError(
    'OVERSIZE',
    `the source of extension ${extension} has ${bytes} bytes, ${SOURCE_BYTES_MAX} are allowed`,
    { facts: { extension, bytes, most: SOURCE_BYTES_MAX } },
  )
}

/** A function as an expression. */
function expressionOf(extension: string, name: string, run: GuestFunction | undefined): string {
  if (run === undefined) {
    throw new SirtakiError(
      'BAD_ARGUMENT',
      `${name} of extension ${extension} has no function, and there is no source`,
      {
        facts: { extension, name },
      },
    )
  }
  const text = Function.prototype.toString.call(run).trim()
  const why = refusalOf(text)
  if (why !== undefined) {
    throw new SirtakiError('BAD_ARGUMENT', `${name} of extension ${extension} is refused: ${why}`, {
      facts: { extension, name },
    })
  }
  // A method is no expression by itself.
  return isExpression(text) ? `(${text})` : `Object.values({ ${text} })[0]`
}

const isExpression = (text: string): boolean => /^(function\b|\(|[\w$]+\s*=>)/u.test(text)

function refusalOf(text: string): string | undefined {
  if (/\{\s*\[native code\]\s*\}$/u.test(text)) return 'its text is not its own: bound and built-in functions have none'
  if (/^class\b/u.test(text)) return 'a class is no function of ctx and an input'
  if (/^async\b(?!\s*\([^]*?\)\s*\{)/u.test(text) || /^async\s+[\w$*]/u.test(text)) return 'it must not be async'
  if (/^(function\s*\*|\*)/u.test(text)) return 'it must not be a generator'
  if (/^(get|set|static)\s+[\w$[]/u.test(text)) return 'it must be a function, no getter or setter'
  return undefined
}
