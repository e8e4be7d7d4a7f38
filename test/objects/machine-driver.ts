/**
 * Drives a `Space` by hand: each entry at the next position and at a log time that the test chooses.
 *
 *     const driver = new MachineDriver([Lock])
 *     const ann = driver.open()                                    position 0
 *     driver.op(ann, Lock, '/lock', 'acquire', {...})              position 1, the first op of this incarnation
 *     driver.at(5_000).end(ann, { clean: false })                  position 2, five seconds after the beginning
 *
 * Ops take their numbers by themselves. What was settled is kept by the position of the op that waited, and all entries
 * are kept, so that another space can play them. Read next: `../../objects/runtime/space.ts`.
 */
import type { Entry } from '../../log/entry.ts'
import { Space, type AnyObjectType, type Outcome, type Played } from '../../objects.ts'
import { encodeEmpty, encodeOp, encodeTarget, encodeTransaction } from '../../objects/runtime/entry.ts'
import { encodeInput } from '../../objects/runtime/input.ts'
import type { AnyObject } from '../../objects/runtime/object-type.ts'
import type { SpaceBounds } from '../../objects/runtime/space.ts'
import { encodeEnd, encodeOpen, encodeResume, encodeTick, type SessionInfo } from '../../sequencer/session-entry.ts'

/** The epoch of all tokens unless a test says another. */
export const EPOCH = 3
/** Log time of position 0 unless told. */
export const TIME = 1_000

/** A session as its own process knows it. */
export interface DrivenSession {
  /** The position of its opening. */
  readonly session: number
  /** The position of its opening or latest resume. */
  incarnation: number
  /** Of its next op. */
  number: number
}

/** One op, or a part of a transaction. `type` null: an op of the runtime. */
export interface Op {
  readonly type: { readonly name: string; readonly version: number } | null
  readonly path: string
  readonly op: string
  readonly input: unknown
}

/** What an op came to, short: its value, 'waiting', or what refused it. */
export type Answer =
  | { readonly value: unknown }
  | 'waiting'
  | { readonly code: string; readonly facts: Readonly<Record<string, unknown>> }
  | { readonly kind: string }

const RUNTIME = { name: '$', version: 0 }
const info: SessionInfo = { name: 'test', timeoutMs: 10_000, ids: [], types: [], process: '0123456789abcdef' }

/** The streams of entries of sessions, and of all others. */
const SESSION_STREAMS = [0, 1]
const SPACE_STREAMS = [1]

const partOf = ({ type, path, op, input }: Op) => ({
  target: encodeTarget({ type: (type ?? RUNTIME).name, version: (type ?? RUNTIME).version, op }, path),
  input: encodeInput(input).bytes,
})

/** What an entry came to, without its name. */
export function answerOf(outcome: Outcome): Answer {
  if (outcome.kind === 'result') return { value: outcome.value }
  if (outcome.kind === 'waiting') return 'waiting'
  if (outcome.kind === 'rejected') return { code: outcome.code, facts: outcome.facts }
  return { kind: outcome.kind }
}

/** A space, its entries, and what was settled in it. */
export class MachineDriver {
  readonly space: Space
  readonly entries: Entry[] = []
  /** By the position of the op that waited. */
  readonly settled = new Map<number, Answer>()
  /** Positions of the ops settled, in the order in which they were. */
  readonly order: number[] = []
  readonly #types: readonly AnyObjectType[]
  readonly #bounds: SpaceBounds
  #last: Played | undefined
  /** Of the next entry. */
  time = TIME

  constructor(types: readonly AnyObjectType[], bounds: SpaceBounds = {}) {
    this.#types = types
    this.#bounds = bounds
    this.space = this.fresh()
  }

  /** A space without entries, with the same types. */
  fresh(): Space {
    const space = new Space(this.#bounds)
    for (const type of this.#types) space.register(type)
    return space
  }

  /** The position of the next entry. */
  get next(): number {
    return this.entries.length
  }

  /** What the last entry came to. @throws Error before the first. */
  get last(): Played {
    if (this.#last === undefined) throw new Error('nothing has been played')
    return this.#last
  }

  /** Has the next entries be of this log time. */
  at(time: number): this {
    this.time = time
    return this
  }
  /** Lets so much log time pass. */
  after(ms: number): this {
    return this.at(this.time + ms)
  }

  open(more: Partial<SessionInfo> = {}): DrivenSession {
    const { position } = this.entry(encodeOpen({ ...info, ...more }), SESSION_STREAMS)
    return { session: position, incarnation: position, number: 0 }
  }

  /** Another process takes it over: its earlier incarnation is given back, as the old process still knows it. */
  resume(session: DrivenSession): DrivenSession {
    const before = { ...session }
    const { outcome, position } = this.entry(encodeResume(session.incarnation, info), SESSION_STREAMS)
    if (outcome.kind === 'resumed') Object.assign(session, { incarnation: position, number: 0 })
    return before
  }

  /** Ends it: by its owner, or with `by` by the sequencer of that epoch. */
  end({ incarnation }: DrivenSession, { clean = true, by = 0 }: { clean?: boolean; by?: number } = {}): Played {
    return this.entry(encodeEnd(incarnation, by, clean), SESSION_STREAMS)
  }

  /** An op of its type. */
  op(session: DrivenSession, type: AnyObjectType, path: string, op: string, input: unknown): Played {
    return this.run(session, { type, path, op, input })
  }

  /** An op with the next number of its session. */
  run(session: DrivenSession, op: Op): Played {
    return this.entry(encodeOp(session.incarnation, session.number++, partOf(op)))
  }

  /** An op that a key names. */
  keyed(session: DrivenSession, op: Op, key: string): Played {
    return this.entry(encodeOp(session.incarnation, session.number++, partOf(op), { key }))
  }

  /** Several ops that are one step. */
  transaction(session: DrivenSession, parts: readonly Op[]): Played {
    return this.entry(encodeTransaction(session.incarnation, session.number++, parts.map(partOf)))
  }

  /** The caller of the op at `op` gives it up. */
  cancel(session: DrivenSession, path: string, op: number): Played {
    return this.run(session, { type: null, path, op: '$cancel', input: { op } })
  }

  /** The last entry once more. */
  again(): Played {
    return this.entry(this.entries.at(-1)?.payload ?? new Uint8Array(0), this.#streamsOfLast())
  }

  /** An op that does nothing but take its number. */
  empty(session: DrivenSession): Played {
    return this.entry(encodeEmpty(session.incarnation, session.number++))
  }

  /** An entry of nobody: what has passed falls due. */
  tick(): Played {
    return this.entry(encodeTick(0, 0))
  }

  /** Any payload at the next position. */
  entry(payload: Uint8Array, streams: readonly number[] = SPACE_STREAMS): Played {
    const entry: Entry = {
      position: this.next,
      epoch: EPOCH,
      writer: 1,
      logTime: this.time,
      streams: streams.map((stream) => ({ stream, previous: -1 })),
      payload,
      hash: 0,
      bytes: payload,
    }
    this.entries.push(entry)
    const played = this.space.apply(entry)
    this.#last = played
    for (const one of played.settled) {
      this.order.push(one.op)
      this.settled.set(one.op, one.kind === 'result' ? { value: one.value } : { code: one.code, facts: one.facts })
    }
    return played
  }

  /** The object at a path, if there is one. */
  object(path: string): AnyObject | undefined {
    return this.space.object(path)
  }

  get digest(): string {
    return this.space.digest().digest
  }

  /** The digest of another space that plays all entries. */
  replayed(): string {
    const space = this.fresh()
    for (const entry of this.entries) space.apply(entry)
    return space.digest().digest
  }

  #streamsOfLast(): number[] {
    return this.entries.at(-1)?.streams.map(({ stream }) => stream) ?? SPACE_STREAMS
  }
}
