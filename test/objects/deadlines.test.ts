/**
 * Deadlines of objects: in which order they fire, and what becomes of one whose step is refused or throws.
 *
 * Position 0 is nobody's, position 1 opens the session. Read next: `../../objects/runtime/deadlines.ts`.
 */
import test from 'ava'
import { defineObject } from '../../objects.ts'
import { count, fields, text } from '../../objects/runtime/fields.ts'
import { MachineDriver, TIME, type DrivenSession } from './machine-driver.ts'

/** Keys ring at their times: `throws` and `refuses` do what they say, `again` sets itself for now, others are noted. */
const Alarm = defineObject({
  name: 'test.alarm',
  version: 1,
  state: fields<{ rung: number }>({ rung: count }),
  initial: () => ({ rung: 0 }),
  tables: { rings: fields<{ at: number }>({ at: count }) },
  ops: (op) => ({
    set: op.raw(fields<{ key: string; at: number }>({ key: text(), at: count }), ({ key, at }, ctx) => {
      ctx.at(key, at)
    }),
    refuse: op.raw(fields<{ key: string }>({ key: text() }), ({ key }, ctx) => {
      ctx.at(key, undefined)
      ctx.reject('NO')
    }),
  }),
  due: (key, ctx) => {
    ctx.put({ rung: ctx.state.rung + 1 })
    ctx.tables.rings.set(key, { at: ctx.state.rung })
    ctx.emit('rang', { key, at: ctx.time, session: ctx.session })
    if (key === 'throws') throw new TypeError('an alarm that is broken')
    if (key === 'refuses') ctx.reject('NO')
    if (key === 'again') ctx.at('again', ctx.time)
  },
})

class AlarmDriver extends MachineDriver {
  readonly ann: DrivenSession

  constructor() {
    super([Alarm])
    this.tick()
    this.ann = this.open()
  }

  set(key: string, at: number, path = '/alarm'): void {
    this.op(this.ann, Alarm, path, 'set', { key, at })
  }
  /** Plays a tick at a time; gives what rang. */
  rungAt(time: number): unknown[] {
    return this.at(time)
      .tick()
      .events.map(({ path, facts }) => [path, facts['key']])
  }
  rung(path = '/alarm'): number {
    return Alarm.bind(this.space.journal).read(path).state.rung
  }
}

test('O13: deadlines fire object by object in order of paths, in each in order of time, then key', (t) => {
  const d = new AlarmDriver()
  d.set('b', TIME + 20, '/z')
  d.set('a', TIME + 20, '/z')
  d.set('c', TIME + 10, '/z')
  d.set('late', TIME + 30, '/a')
  t.deepEqual(d.rungAt(TIME + 30), [
    ['/a', 'late'],
    ['/z', 'c'],
    ['/z', 'a'],
    ['/z', 'b'],
  ])
})

test('O13: a deadline is of nobody: it knows the time of the entry, and no session', (t) => {
  const d = new AlarmDriver()
  d.set('a', TIME + 5)
  const played = d.at(TIME + 7).op(d.ann, Alarm, '/alarm', 'set', { key: 'b', at: TIME + 100 })
  t.deepEqual(played.events, [{ path: '/alarm', kind: 'rang', facts: { key: 'a', at: TIME + 7, session: -1 } }])
})

test('O13: one that throws or is refused leaves nothing, and does not come again', (t) => {
  const d = new AlarmDriver()
  d.set('throws', TIME + 10)
  d.set('refuses', TIME + 10)
  d.set('other', TIME + 10)
  t.deepEqual(d.rungAt(TIME + 10), [['/alarm', 'other']])
  t.is(d.rung(), 1)
  t.is(d.space.object('/alarm')?.due?.size, 0)
  t.deepEqual(d.rungAt(TIME + 20), [])
})

test('O13: one that is set in an entry fires in a later one', (t) => {
  const d = new AlarmDriver()
  d.set('again', TIME)
  t.is(d.rung(), 0)
  d.tick()
  d.tick()
  t.is(d.rung(), 2)
})

test('O13: one that is set again rings at its new time only; one that is taken back does not ring', (t) => {
  const d = new AlarmDriver()
  d.set('a', TIME + 10)
  d.set('a', TIME + 50)
  t.deepEqual(d.rungAt(TIME + 49), [])
  t.deepEqual(d.rungAt(TIME + 50), [['/alarm', 'a']])
})

test('O13: what a refused op has taken back rings all the same', (t) => {
  const d = new AlarmDriver()
  d.set('a', TIME + 10)
  t.is(d.op(d.ann, Alarm, '/alarm', 'refuse', { key: 'a' }).outcome.kind, 'rejected')
  t.deepEqual(d.rungAt(TIME + 10), [['/alarm', 'a']])
})

test('O13: a loaded space fires the same ones, in the same order', (t) => {
  const d = new AlarmDriver()
  d.set('b', TIME + 20)
  d.set('a', TIME + 20)
  d.set('c', TIME + 10)
  const copy = d.fresh()
  copy.load(d.space.snapshot())
  const { events } = d.at(TIME + 20).tick()
  const last = d.entries.at(-1)
  t.deepEqual(last && copy.apply(last).events, events)
  t.is(copy.digest().digest, d.digest)
})
