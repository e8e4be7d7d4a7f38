/**
 * The examples of a module of extensions, tried without a cluster, and what they came to in words.
 *
 * Owns: the shape of `examples`. Read next: `../../testing/run-extension.ts` (the space in memory), `extensions.ts`.
 */
import { array, optional, record, string, type, unknown, type Infer } from 'superstruct'
import { isError } from '../../log/errors.ts'
import type { Extension } from '../../objects/extensions/define-extension.ts'
import { runExtension, tryRegister, type ExtensionRun } from '../../testing/run-extension.ts'

/** What a module may export beside extensions: ops that are tried, each on an object with these records. */
export const Examples = array(
  type({
    /** Where the module exports one extension alone, that. */
    extension: optional(string()),
    op: string(),
    input: optional(unknown()),
    records: optional(record(string(), unknown())),
    path: optional(string()),
  }),
)
/** One of them. */
export type Example = Infer<typeof Examples>[number]

/** What an op, or a registration, came to. `problem`: what refused it. */
export interface Tried {
  readonly kind: string
  readonly value?: unknown
  readonly problem?: Problem
  readonly fuel: number
}
/** Why something was refused. */
export interface Problem {
  readonly code: string
  readonly reason: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** Tries whether a definition is one that a cluster would register. @throws SirtakiError where there is no engine. */
export const tryRegistration = async (extension: Extension<object>): Promise<Tried> =>
  triedOf(await tryRegister(extension))

/** Runs an example on a space of its own. @throws as `tryRegistration`. */
export async function tryExample(extension: Extension<object>, example: Example): Promise<Tried> {
  try {
    return triedOf(await runExtension(extension, example))
  } catch (thrown) {
    // What is no value, no path, or finds no program does not even become an entry.
    if (!isError(thrown, 'BAD_ARGUMENT', 'OVERSIZE', 'MISUSE')) throw thrown
    return { kind: 'rejected', problem: { code: thrown.code, reason: thrown.message, facts: {} }, fuel: 0 }
  }
}

function triedOf({ outcome, fuel }: ExtensionRun): Tried {
  if (outcome.kind === 'result') return { kind: 'result', value: outcome.value, fuel }
  if (outcome.kind === 'waiting') return { kind: 'waiting', fuel }
  const { code, facts } = outcome
  return { kind: 'rejected', problem: { code, facts, reason: reasonOf(code, facts) }, fuel }
}

/** A refusal in words: what it says itself, and what follows for who has written the program. */
function reasonOf(code: string, { reason, text, ...facts }: Readonly<Record<string, unknown>>): string {
  if (code === 'EXTENSION_THREW' && typeof text === 'string') {
    const missing = /^ReferenceError: '?([\w$]+)'? is not defined/.exec(text)?.[1]
    if (missing === undefined) return `it threw ${text}`
    return `it uses ${missing}, which is not defined there: a program sees only its arguments and the language`
  }
  if (typeof reason === 'string') return reason
  const told = Object.entries(facts).filter(([, value]) => typeof value === 'string' || typeof value === 'number')
  return told.map(([name, value]) => `${name} ${String(value)}`).join(', ') || code
}
