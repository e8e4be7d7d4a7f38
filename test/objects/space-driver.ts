/**
 * A space under test: entries by hand, each at the next position.
 *
 * Read next: `../../objects/runtime/space.ts`.
 */
import { array, number, object, string } from 'superstruct'
import { defineObject, Space, type AnyObjectType, type Outcome } from '../../objects.ts'
import { encodeEmpty, encodeInput, encodeOp, encodeOpen, encodeTarget } from '../../objects/runtime/entry.ts'

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

/** Plays entries by hand. */
export class SpaceDriver {
  readonly space: Space
  #next = 0

  constructor(...types: AnyObjectType[]) {
    this.space = this.makeSpace()
    for (const type of types) this.space.register(type)
  }

  makeSpace(): Space {
    return new Space()
  }

  /** Opens a session; its name is the position. */
  open(name = 'test'): number {
    return this.entry(encodeOpen(name)).position
  }

  /** An op of a session with its number, on `/ledger` unless told. */
  op(
    session: number,
    nth: number,
    op: string,
    input: unknown,
    { type = Ledger, path = '/ledger' }: { type?: { name: string; version: number }; path?: string } = {},
  ): Outcome {
    return this.entry(
      encodeOp(
        session,
        nth,
        encodeTarget({ object: path, type: type.name, version: type.version, op }),
        encodeInput(input),
      ),
    )
  }

  empty(session: number, nth: number): Outcome {
    return this.entry(encodeEmpty(session, nth))
  }

  /** Any payload, at the next position. */
  entry(payload: Uint8Array): Outcome {
    const position = this.#next++
    return this.space.apply({
      position,
      epoch: 1,
      writer: 1,
      logTime: position * 10,
      streams: [],
      payload,
      hash: 0,
      bytes: payload,
    })
  }

  /** Leaves positions out, as junk does. */
  skip(positions: number): void {
    this.#next += positions
  }

  get digest(): string {
    return this.space.digest().digest
  }
  ledger(path = '/ledger') {
    return Ledger.bind(this.space.journal).object(path)
  }
}

/** A space that holds little. */
export class SmallSpaceDriver extends SpaceDriver {
  override makeSpace(): Space {
    return new Space({ recordsMax: 3, objectsMax: 2, sessionsMax: 2 })
  }
}
