/**
 * A predicate over the steps of a history, written in CEL: where did this first hold?
 *
 *     op == 'add' && input.by > 100            outcome.code == 'NEEDED'            state.value < 0
 *     changes.exists(c, c.table == 'holders')  session.name.startsWith('worker')
 *
 * CEL cannot loop for ever nor reach anything that it is not given; `matches` is refused, since a regular expression
 * may take exponential time, and an expression has at most 1,000 nodes. Whole numbers are CEL's `int`. Read next:
 * `history.ts`.
 * @source Common Expression Language, language definition.
 */
import { Environment, type ASTNode } from '@marcbachmann/cel-js'
import { SirtakiError } from '../../log/errors.ts'
import type { Step } from './history.ts'

/** Variables of an expression. `ops` has all ops of an entry; `path`, `op`, `input` are those of the first. */
const variables = {
  position: 'int',
  time: 'int',
  wall: 'int',
  session: 'dyn',
  path: 'string',
  op: 'string',
  input: 'dyn',
  ops: 'list',
  outcome: 'dyn',
  changes: 'list',
  state: 'dyn',
} as const

const limits = { maxAstNodes: 1_000, maxDepth: 50, maxListElements: 1_000, maxMapEntries: 1_000, maxCallArguments: 16 }

/** Says of each step whether an expression holds. */
export type Predicate = (step: Step) => boolean

/**
 * Makes a predicate. `object`: the path whose small value `state` is.
 *
 * @throws SirtakiError `BAD_ARGUMENT` where it does not parse, asks for what is not there, or uses `matches`.
 */
export function predicateOf(expression: string, object?: string): Predicate {
  const environment = new Environment({ limits, homogeneousAggregateLiterals: false })
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type)
  const parsed = parse(environment, expression)
  return (step) => {
    try {
      return parsed(factsOf(step, object)) === true
    } catch {
      // It asks for what this step does not have, as a field of another op's input.
      return false
    }
  }
}

function parse(environment: Environment, expression: string): (facts: Record<string, unknown>) => unknown {
  try {
    const parsed = environment.parse(expression)
    if (usesMatches(parsed.ast)) throw new Error('matches is refused: use contains, startsWith, endsWith or ==')
    const { valid, type, error } = parsed.check()
    if (!valid) throw error ?? new Error('it does not fit its types')
    if (type !== 'bool' && type !== 'dyn') throw new Error(`it gives ${String(type)}, not true or false`)
    return (facts) => parsed(facts)
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    throw new SirtakiError('BAD_ARGUMENT', `the expression ${JSON.stringify(expression)} is refused: ${why}`, {
      cause: thrown,
      facts: { expression },
    })
  }
}

function usesMatches(node: ASTNode): boolean {
  const isCall = node.op === 'call' || node.op === 'rcall'
  if (isCall && node.args[0] === 'matches') return true
  const inside = (value: unknown): boolean => {
    if (Array.isArray(value)) return value.some(inside)
    return isNode(value) && usesMatches(value)
  }
  return inside(node.args)
}

const isNode = (value: unknown): value is ASTNode => typeof value === 'object' && value !== null && 'op' in value

/** What an expression sees of a step. */
function factsOf(step: Step, object: string | undefined): Record<string, unknown> {
  const { entry, played, wall, session, ops, space } = step
  const [first] = ops
  return {
    position: BigInt(entry.position),
    time: BigInt(Math.floor(entry.logTime)),
    wall: BigInt(Math.floor(wall)),
    session: session === undefined ? null : celValue(session),
    path: first?.path ?? '',
    op: first?.op ?? '',
    input: celValue(first?.input),
    ops: ops.map(({ path, op, input }) => ({ path, op, input: celValue(input) })),
    outcome: celValue(outcomeOf(step)),
    changes: changesOf(played.patches),
    state: object === undefined ? null : celValue(stateOf(space, object)),
  }
}

/** What an op came to, for people and expressions: its kind, and its value, code or facts. */
export function outcomeOf({ played: { outcome } }: Step): Readonly<Record<string, unknown>> {
  switch (outcome.kind) {
    case 'result':
      return { kind: 'result', value: outcome.value }
    case 'rejected':
      return { kind: 'rejected', code: outcome.code, facts: outcome.facts }
    case 'failed':
      return { kind: 'failed', message: outcome.cause instanceof Error ? outcome.cause.message : String(outcome.cause) }
    default:
      return { kind: outcome.kind }
  }
}

const changesOf = (patches: Step['played']['patches']) =>
  patches
    .filter(({ store }) => !store.name.startsWith('$'))
    .map(({ store, key, before, after }) => ({
      path: store.object,
      table: store.isCell ? '' : store.name,
      key,
      before: celValue(before?.value),
      after: celValue(after?.value),
    }))

function stateOf(space: Step['space'], object: string): unknown {
  const store = space.tableOf(object, '')?.store
  return store?.row('')?.value
}

/** Whole numbers become CEL's int; what is absent is null. */
function celValue(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (value === undefined) return null
  if (Array.isArray(value)) return value.map(celValue)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, celValue(one)]))
}
