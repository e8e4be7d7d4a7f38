/**
 * A space under test: entries by hand, each at the next position.
 *
 * Read next: `../../objects/runtime/space.ts`.
 */
import { array, number, object, string } from 'superstruct'
import {
  defineObject,
  Space,
  type AnyObjectType,
  type Outcome,
  type Patch,
  type Played,
  type Settlement,
} from '../../objects.ts'
import { encodeEmpty, encodeOp, encodeTarget, encodeTransaction, type OpExtras } from '../../objects/runtime/entry.ts'
import { encodeInput } from '../../objects/runtime/input.ts'
import { RUNTIME_TYPE } from '../../objects/runtime/runtime-ops.ts'
import { encodeEnd, encodeOpen, encodeResume, encodeTick, type SessionInfo } from '../../sequencer/session-entry.ts'

const bottomless = (depth: number): number => 1 + bottomless(depth + 1)

/** A type whose ops do everything that an op can do, and everything it must not. */
export const Ledger = defineObject({
  name: 'test.ledger',
  version: 1,
  state: object({ total: number() }),
  initial: () => ({ total: 0 }),
  tables: { rows: object({ n: number() }) },
  ops: (op) => ({
    put: op(object({ key: string(), n: number() }), (draft, { key, n }, ctx) => {
      draft.total += n - (ctx.tables.rows.get(key)?.n ?? 0)
      ctx.tables.rows.set(key, { n })
      return { total: draft.total, position: ctx.position, time: ctx.time, session: ctx.session }
    }),
    drop: op(object({ key: string() }), (draft, { key }, ctx) => {
      const row = ctx.tables.rows.get(key) ?? ctx.reject('unknown key', { key })
      ctx.tables.rows.update(key, (other) => {
        other.n = 0
      })
      ctx.tables.rows.delete(key)
      draft.total -= row.n
    }),
    list: op(object({ from: string(), to: string() }), (_draft, { from, to }, ctx) =>
      [...ctx.tables.rows.range(from, to)].map(([key]) => key),
    ),
    putAllThenReject: op(array(string()), (draft, keys, ctx) => {
      for (const key of keys) ctx.tables.rows.set(key, { n: 1 })
      draft.total = -1
      return ctx.reject('changed my mind', { keys: keys.length })
    }),
    putAndSwallow: op(string(), (_draft, key, ctx) => {
      ctx.tables.rows.set(key, { n: 1 })
      try {
        ctx.reject('first', { key })
      } catch {
        ctx.tables.rows.set(`${key}2`, { n: 2 })
      }
      return 'went on'
    }),
    swallowThenThrow: op(string(), (_draft, key, ctx) => {
      try {
        ctx.reject('first', { key })
      } catch {
        throw new TypeError('another one')
      }
    }),
    putThenThrow: op(string(), (_draft, key, ctx) => {
      ctx.tables.rows.set(key, { n: 1 })
      throw new TypeError('engine text')
    }),
    putThenOverflow: op(string(), (_draft, key, ctx) => {
      ctx.tables.rows.set(key, { n: 1 })
      throw new RangeError('Maximum call stack size exceeded')
    }),
    recurse: op(object({}), (_draft, _input, ctx) => {
      ctx.tables.rows.set('a', { n: 1 })
      return bottomless(0)
    }),
    digits: op(number(), (_draft, digits) => (1.5).toFixed(digits)),
    repeat: op(number(), (_draft, count) => 'x'.repeat(count).length),
    length: op(number(), (_draft, length) => new Uint8Array(length).length),
    keepNaN: op(object({}), (draft) => {
      draft.total = Number.NaN
    }),
    answerPromise: op(object({}), () => Promise.resolve(1)),
    grow: op(object({}), (_draft, _input, ctx) => {
      ctx.tables.rows.set('x'.repeat(70_000), { n: 1 })
    }),
  }),
})

/** What a session says of itself unless a test tells otherwise. */
const infoOf = (name: string, more: Partial<SessionInfo>): SessionInfo => ({
  name,
  timeoutMs: 10_000,
  ids: [],
  types: [],
  process: '0123456789abcdef',
  ...more,
})

/** Where an entry stands, where that is not the next position, the streams of its kind, epoch 1 and its log time. */
export interface At {
  readonly epoch?: number
  /** Log time; 10 for each position unless told. */
  readonly time?: number
  readonly streams?: readonly number[]
}
/** On what an op is called, and what goes with it. */
export interface On extends At, OpExtras {
  readonly type?: { readonly name: string; readonly version: number }
  readonly path?: string
}
/** One part of a transaction. */
export type DriverPart = readonly [op: string, input: unknown, on?: Pick<On, 'type' | 'path'>]

/** An op that the runtime runs on any object. */
export const OURS = { name: RUNTIME_TYPE, version: 0 }

/** Plays entries by hand. */
export class SpaceDriver {
  readonly space: Space
  /** What the last entry came to. */
  played: Played | undefined
  #next = 0
  #time = 0

  constructor(...types: AnyObjectType[]) {
    this.space = this.makeSpace()
    for (const type of types) this.space.register(type)
  }

  makeSpace(): Space {
    return new Space()
  }

  /** The position of the next entry. */
  get next(): number {
    return this.#next
  }
  /** The patches of the last entry. */
  get patches(): readonly Patch[] {
    return this.played?.patches ?? []
  }
  /** Waits that the last entry settled. */
  get settled(): readonly Settlement[] {
    return this.played?.settled ?? []
  }
  /** What the last entry emitted, by kind. */
  get events(): readonly string[] {
    return (this.played?.events ?? []).map(({ kind }) => kind)
  }

  /** Opens a session; its name and its first incarnation are the position. */
  open(name = 'test', info: Partial<SessionInfo> = {}, at: At = {}): number {
    return this.entry(encodeOpen(infoOf(name, info)), { streams: [0, 1], ...at }).position
  }

  /** Another process goes on with a session. */
  resume(incarnation: number, info: Partial<SessionInfo> = {}): Outcome {
    return this.entry(encodeResume(incarnation, infoOf('resumed', info)), { streams: [0, 1] })
  }

  /** The end of a session: by its owner unless an epoch is told. */
  end(incarnation: number, { by = 0, clean = false, ...at }: At & { by?: number; clean?: boolean } = {}): Outcome {
    return this.entry(encodeEnd(incarnation, by, clean), { streams: [0, 1], ...at })
  }

  /** A tick: of anybody unless an epoch is told. */
  tick(time?: number, { by = 0, wall = 0, ...at }: At & { by?: number; wall?: number } = {}): Outcome {
    return this.entry(encodeTick(by, wall), time === undefined ? at : { ...at, time })
  }

  /** An op of a session with its number, on `/ledger` unless told. */
  op(incarnation: number, nth: number, op: string, input: unknown, on: On = {}): Outcome {
    const { claim, key, ids } = on
    const has = claim !== undefined || key !== undefined || ids !== undefined
    return this.entry(encodeOp(incarnation, nth, partOf([op, input, on]), has ? { claim, key, ids } : undefined), on)
  }

  /** Ops as one step. */
  transaction(incarnation: number, nth: number, parts: readonly DriverPart[], { key, ...at }: On = {}): Outcome {
    return this.entry(encodeTransaction(incarnation, nth, parts.map(partOf), { key }), at)
  }

  empty(incarnation: number, nth: number): Outcome {
    return this.entry(encodeEmpty(incarnation, nth))
  }

  /** Any payload, at the next position. */
  entry(payload: Uint8Array, { epoch = 1, time, streams = [1] }: At = {}): Outcome {
    const position = this.#next++
    this.#time = time ?? Math.max(this.#time, position * 10)
    this.played = this.space.apply({
      position,
      epoch,
      writer: 1,
      logTime: this.#time,
      streams: streams.map((stream) => ({ stream, previous: { before: position } })),
      payload,
      hash: 0,
      bytes: payload,
    })
    return this.played.outcome
  }

  /** Leaves positions out, as junk does. */
  skip(positions: number): void {
    this.#next += positions
  }

  /** The number of a session's next op. */
  nextOf(session: number): number | undefined {
    return this.space.sessions().find((one) => one.session === session)?.next
  }
  get digest(): string {
    return this.space.digest().digest
  }
  ledger(path = '/ledger') {
    return Ledger.bind(this.space.journal).read(path)
  }
}

const partOf = ([op, input, { type = Ledger, path = '/ledger' } = {}]: DriverPart) => ({
  target: encodeTarget({ type: type.name, version: type.version, op }, path),
  input: encodeInput(input).bytes,
})

/** A space that holds little. */
export class SmallSpaceDriver extends SpaceDriver {
  override makeSpace(): Space {
    return new Space({ recordsMax: 3, objectsMax: 2, sessionsMax: 2 })
  }
}
