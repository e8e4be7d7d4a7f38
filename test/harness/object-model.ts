/**
 * What the entries of a space must have come to, by a model of a few lines: it knows the rules of sessions and the ops
 * of the simulated objects, and nothing of views, drafts and replays.
 *
 * Keeps: O4 (an op is applied once, in its turn or not at all), O12. Read next: `sim-types.ts`, `sim-objects.ts` (who
 * asks).
 */
import type { Entry } from '../../log/entry.ts'
import { OpDecoder } from '../../objects/runtime/entry.ts'
import { readInput } from '../../objects/runtime/input.ts'
import type { SessionEntry } from '../../sequencer/session-entry.ts'

/** What became of an op: `value` of a result as in `Answer`, of a rejection what the register had. */
export interface Fate {
  readonly kind: 'result' | 'rejected' | 'failed'
  readonly value: number
}

/** What all entries of a space came to. */
export interface Modelled {
  readonly counter: number
  readonly register: number
  readonly list: readonly string[]
  /** By the position of the op. */
  readonly fates: ReadonlyMap<number, Fate>
}

interface State {
  counter: number
  register: number
  readonly list: string[]
}

/** The objects of a run. */
export const PATHS = { counter: '/hits', register: '/register', list: '/list' } as const

/** Plays the entries of a space, all of them from its start, in order. */
export function playModel(entries: readonly Entry[]): Modelled {
  const decoder = new OpDecoder<undefined>()
  const turns = new Map<number, number>()
  const fates = new Map<number, Fate>()
  const state: State = { counter: 0, register: 0, list: [] }
  for (const entry of entries) {
    const { position, payload } = entry
    const decoded = decoder.decode(payload)
    if (decoded.kind === 'session') noteSession(turns, entry, decoded.entry)
    if (decoded.kind === 'bad' || decoded.kind === 'session') continue
    if (turns.get(decoded.incarnation) !== decoded.number) continue
    turns.set(decoded.incarnation, decoded.number + 1)
    if (decoded.kind !== 'op' || !Object.values<string>(PATHS).includes(decoded.part.object)) continue
    const { what } = decoded.part.what
    fates.set(position, applyOp(state, what.op, new Map(Object.entries(readInput(payload, decoded.part) ?? {}))))
  }
  return { ...state, fates }
}

/**
 * Which incarnations have ops: from their opening or resume on, until their end, which counts by their owner or with a
 * token of the epoch that decided it. All on exactly the streams of sessions and of the space.
 */
function noteSession(turns: Map<number, number>, { position, epoch, streams }: Entry, decoded: SessionEntry): void {
  if (!['0,1', '1,0'].includes(streams.map(({ stream }) => stream).join())) return
  if (decoded.kind === 'open') turns.set(position, 0)
  if (decoded.kind === 'resume' && turns.delete(decoded.incarnation)) turns.set(position, 0)
  if (decoded.kind === 'end' && (decoded.epoch === 0 || decoded.epoch === epoch)) turns.delete(decoded.incarnation)
}

function applyOp(state: State, op: string, input: ReadonlyMap<string, unknown>): Fate {
  switch (op) {
    case 'add':
      state.counter += Number(input.get('by'))
      return { kind: 'result', value: state.counter }
    case 'append':
      state.list.push(String(input.get('item')))
      return { kind: 'result', value: state.list.length }
    case 'explode':
      return { kind: 'failed', value: 0 }
    case 'write':
      return written(state, Number(input.get('value')))
    case 'swap':
      return state.register === input.get('from')
        ? written(state, Number(input.get('to')))
        : { kind: 'rejected', value: state.register }
    default:
      throw new TypeError(`the model knows no op ${op}`)
  }
}

function written(state: State, value: number): Fate {
  const before = state.register
  state.register = value
  return { kind: 'result', value: before }
}
