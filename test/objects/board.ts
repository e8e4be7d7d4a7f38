/**
 * A type for the tests of steps: its ops and hooks do everything that a step can do, and tell it as events.
 *
 * Read next: `space-steps.test.ts`, `space-driver.ts`, `../../objects/runtime/context.ts`.
 */
import { defineObject, type Context, type Ended } from '../../objects.ts'
import { any, count, fields, integerIn, list, text } from '../../objects/runtime/fields.ts'

interface State {
  /** The object is over when it is below 0 and all tables are empty. */
  readonly n: number
}
interface Tables {
  /** Owned. */
  held: { readonly session: number; readonly n: number }
  /** Waits. */
  asked: { readonly session: number }
  /** Keys are paths. */
  tree: { readonly n: number }
}
type Ctx = Context<State, Tables>

const integer = integerIn(-1_000_000, 1_000_000)
const isKey = fields<{ key: string }>({ key: text() })
const isAlarm = fields<{ key: string; time: number }>({ key: text(), time: any })
const isAlarms = fields<{ keys: string[]; time: number }>({ keys: list(text()), time: count })
const isHold = fields<{ key: string; n: number }>({ key: text(), n: integer })
const isOp = fields<{ op: number }>({ op: count })
const isValue = fields<{ n: number }>({ n: integer })
const isPath = fields<{ path: string }>({ path: text() })

const hold = (key: string, n: number, { tables, session }: Ctx): void => {
  tables.held.set(key, { session, n })
}

/** Keys of deadlines say what their step does: `again`, `hold`, `reject`, `throw`; all others only tell. */
function due(key: string, ctx: Ctx): void {
  ctx.emit('due', { key })
  if (key.includes('again')) ctx.at(key, ctx.time)
  if (key.includes('hold')) ctx.tables.held.set(key, { session: 0, n: ctx.session })
  if (key.includes('reject')) ctx.reject('DENIED')
  if (key.includes('throw')) throw new TypeError('a step that was made to fail')
}

/** A held row called `throw...` makes the step fail. */
function ended({ clean, rows }: Ended<Tables>, ctx: Ctx): void {
  const [held, asked] = [rows.held.map(([key]) => key), rows.asked.map(([key]) => Number(key))]
  ctx.emit('ended', { clean, held, asked, session: ctx.session, left: ctx.tables.held.size })
  if (held.some((key) => key.startsWith('throw'))) throw new TypeError('a step that was made to fail')
}

/** The type. */
export const Board = defineObject({
  name: 'test.board',
  version: 1,
  state: fields<State>({ n: integer }),
  initial: (): State => ({ n: 0 }),
  tables: {
    held: fields<Tables['held']>({ session: count, n: integer }),
    asked: fields<Tables['asked']>({ session: count }),
    tree: fields<Tables['tree']>({ n: integer }),
  },
  owned: { held: 'session', asked: 'session' },
  waits: ['asked'],
  nested: ['tree'],
  refusals: { DENIED: 'again' },
  ops: (op) => ({
    set: op.raw(isValue, ({ n }, ctx) => {
      ctx.put({ n })
      return n
    }),
    add: op.raw(isValue, ({ n }, ctx) => {
      ctx.put({ n: ctx.state.n + n })
      return ctx.state.n
    }),
    deny: op.raw(isValue, ({ n }, ctx) => {
      ctx.put({ n })
      ctx.emit('denied', { n })
      ctx.reject('DENIED', { n })
    }),
    fail: op.raw(isValue, ({ n }, ctx) => {
      ctx.put({ n })
      throw new TypeError('an op that was made to fail')
    }),
    note: op.raw(isKey, ({ key }, ctx) => {
      ctx.emit('note', { key })
    }),
    repeat: op.raw(isHold, ({ key, n }, ctx) => {
      ctx.put({ n: ctx.state.n + 1 })
      return key.repeat(n)
    }),
    bytes: op.raw(isValue, ({ n }, ctx) => {
      ctx.put({ n: ctx.state.n + 1 })
      return Uint8Array.of(n)
    }),
    who: op.raw(isValue, (_input, { ids }) => ids),
    now: op.raw(isValue, (_input, { time, wall }) => ({ time, wall })),

    alarm: op.raw(isAlarm, ({ key, time }, ctx) => {
      ctx.at(key, time)
    }),
    silence: op.raw(isKey, ({ key }, ctx) => {
      ctx.at(key, undefined)
    }),
    alarms: op.raw(isAlarms, ({ keys, time }, ctx) => {
      for (const key of keys) ctx.at(key, time)
    }),
    alarmThenDeny: op.raw(isAlarm, ({ key, time }, ctx) => {
      ctx.at(key, time)
      ctx.reject('DENIED')
    }),
    silenceThenDeny: op.raw(isKey, ({ key }, ctx) => {
      ctx.at(key, undefined)
      ctx.reject('DENIED')
    }),

    hold: op.raw(isHold, ({ key, n }, ctx) => {
      hold(key, n, ctx)
    }),
    free: op.raw(isKey, ({ key }, ctx) => {
      ctx.tables.held.set(key, { session: 0, n: ctx.tables.held.get(key)?.n ?? 0 })
    }),
    drop: op.raw(isKey, ({ key }, ctx) => ctx.tables.held.delete(key)),
    holdThenDeny: op.raw(isHold, ({ key, n }, ctx) => {
      hold(key, n, ctx)
      ctx.reject('DENIED')
    }),
    dropThenDeny: op.raw(isKey, ({ key }, ctx) => {
      ctx.tables.held.delete(key)
      ctx.reject('DENIED')
    }),
    mine: op.raw(isValue, (_input, { tables, session }) => tables.held.of(session).map(([key]) => key)),

    ask: op.waits(isValue, (_input, ctx) => ctx.wait('asked', { session: ctx.session })),
    answer: op.raw(fields<{ op: number; n: number }>({ op: count, n: integer }), ({ op: asked, n }, ctx) => {
      ctx.settle(asked, { n })
    }),
    refuse: op.raw(fields<{ op: number; code: string }>({ op: count, code: text() }), ({ op: asked, code }, ctx) => {
      ctx.refuse(asked, code, { by: ctx.session })
    }),
    answerThenDeny: op.raw(isOp, ({ op: asked }, ctx) => {
      ctx.settle(asked, 1)
      ctx.emit('answered', { asked })
      ctx.reject('DENIED')
    }),
    askAndAnswer: op.waits(isValue, ({ n }, ctx) => {
      const waiting = ctx.wait('asked', { session: ctx.session })
      ctx.settle(ctx.position, { n })
      return waiting
    }),
    askAndRefuse: op.waits(fields<{ code: string }>({ code: text() }), ({ code }, ctx) => {
      const waiting = ctx.wait('asked', { session: ctx.session })
      ctx.refuse(ctx.position, code, { by: ctx.session })
      return waiting
    }),

    plant: op.raw(isPath, ({ path }, ctx) => {
      ctx.tables.tree.set(path, { n: 0 })
    }),
    fell: op.raw(isPath, ({ path }, ctx) => ctx.tables.tree.delete(path)),
    plantThenDeny: op.raw(isPath, ({ path }, ctx) => {
      ctx.tables.tree.set(path, { n: 0 })
      ctx.reject('DENIED')
    }),
    fellThenDeny: op.raw(isPath, ({ path }, ctx) => {
      ctx.tables.tree.delete(path)
      ctx.reject('DENIED')
    }),
    children: op.raw(isPath, ({ path }, { tables }) => ({
      children: tables.tree.children(path),
      count: tables.tree.childCount(path),
    })),
  }),
  due,
  ended,
  cancelled: ({ op, row }, ctx) => {
    ctx.emit('cancelled', { op, waited: row !== undefined })
  },
  over: ({ n }) => n < 0,
})

/** A plan of version 1, 2 or 3: what was `rows` becomes `items` in version 2, and 3 takes them as they are. */
const plan = (version: number) => ({
  name: 'test.plan',
  version,
  state: fields<{ n: number }>({ n: integer }),
  initial: () => ({ n: 0 }),
})
const isRow = fields<{ n: number }>({ n: integer })

export const Plan1 = defineObject({
  ...plan(1),
  tables: { rows: isRow },
  ops: (op) => ({
    put: op.raw(isHold, ({ key, n }, ctx) => {
      ctx.tables.rows.set(key, { n })
      ctx.at(key, ctx.time + 1_000)
      ctx.put({ n: ctx.state.n + n })
    }),
  }),
})
export const Plan2 = defineObject({
  ...plan(2),
  tables: { items: isRow },
  ops: (op) => ({
    deny: op.raw(isValue, (_input, ctx) => ctx.reject('no')),
  }),
  due: (key, ctx) => {
    ctx.emit('due', { key })
  },
  upgrade: (old, ctx) => {
    for (const [key] of old.table('rows')) ctx.tables.items.set(`${key}${old.version}`, { n: 1 })
    ctx.put({ n: [...old.table('$due')].length })
  },
})
export const Plan3 = defineObject({
  ...plan(3),
  tables: { items: isRow },
  ops: (op) => ({
    read: op.raw(isValue, (_input, { state, tables }) => ({ n: state.n, items: [...tables.items.range()].map(first) })),
  }),
})
const first = ([key]: readonly [string, unknown]): string => key
