/** The table of live sessions, entry by entry. Session 10 is opened at position 10, its space is stream 1. */
import test from 'ava'
import type { SessionEntry, SessionInfo } from '../../sequencer/session-entry.ts'
import { SessionTable, type SessionChange } from '../../sequencer/session-table.ts'

const info: SessionInfo = { name: 'a', timeoutMs: 2_000, ids: [], types: [], process: '0123456789abcdef' }
const other: SessionInfo = { ...info, name: 'b', timeoutMs: 5_000 }

const open: SessionEntry = { kind: 'open', info }
const resume = (incarnation: number): SessionEntry => ({ kind: 'resume', incarnation, info: other })
const end = (incarnation: number, epoch = 0, clean = false): SessionEntry => ({
  kind: 'end',
  incarnation,
  epoch,
  clean,
})

/** Applies an entry of epoch 3. */
function apply(
  table: SessionTable,
  position: number,
  entry: SessionEntry,
  streams: readonly number[] = [0, 1],
): SessionChange | undefined {
  return table.apply({ position, epoch: 3, streams }, entry)
}

/** A table with session 10. */
function opened(): SessionTable {
  const table = new SessionTable()
  apply(table, 10, open)
  return table
}

test('an opening makes a session named by its position', (t) => {
  const table = new SessionTable()
  const session = { session: 10, incarnation: 10, space: 1, ...info }
  t.deepEqual(apply(table, 10, open), { kind: 'opened', session })
  t.deepEqual(table.live(10), session)
  t.deepEqual(table.ofSession(10), session)
  t.is(table.size, 1)
})

test('O5: entries of sessions count on exactly the streams {0, s}', (t) => {
  const table = new SessionTable()
  for (const streams of [[], [0], [1], [0, 0], [1, 2], [0, 1, 2]]) {
    t.is(apply(table, 10, open, streams), undefined)
  }
  t.is(table.size, 0)
  t.like(apply(table, 11, open, [7, 0]), { kind: 'opened', session: { space: 7 } })
})

test('a resume makes another incarnation of the same session, with what it says of itself', (t) => {
  const table = opened()
  const before = table.live(10)
  const session = { session: 10, incarnation: 20, space: 1, ...other }
  t.deepEqual(apply(table, 20, resume(10)), { kind: 'resumed', session, before })
  t.is(table.live(10), undefined)
  t.deepEqual(table.live(20), session)
  t.deepEqual(table.ofSession(10), session)
  t.is(table.size, 1)
})

test('a resume of what is not live, or in another space, is nothing', (t) => {
  const table = opened()
  t.is(apply(table, 20, resume(11)), undefined)
  t.is(apply(table, 20, resume(10), [0, 2]), undefined)
  t.is(apply(table, 21, resume(10))?.kind, 'resumed')
  t.is(apply(table, 22, resume(10)), undefined)
})

test('O5: an end counts by its owner, or in the epoch of the sequencer that decided it', (t) => {
  t.is(apply(opened(), 20, end(10, 2)), undefined)
  t.is(apply(opened(), 20, end(10, 4)), undefined)
  t.like(apply(opened(), 20, end(10, 3)), { kind: 'ended', clean: false, session: { session: 10 } })
  t.like(apply(opened(), 20, end(10, 0, true)), { kind: 'ended', clean: true, session: { session: 10 } })
})

test('an ended session is gone, and ends once', (t) => {
  const table = opened()
  apply(table, 20, end(10))
  t.is(table.size, 0)
  t.is(table.live(10), undefined)
  t.is(table.ofSession(10), undefined)
  t.is(apply(table, 21, end(10)), undefined)
  t.is(apply(table, 22, resume(10)), undefined)
})

test('O5: an end of the older incarnation is void after a resume, and one of another space always', (t) => {
  const table = opened()
  apply(table, 20, resume(10))
  t.is(apply(table, 21, end(10, 3)), undefined)
  t.is(apply(table, 22, end(20, 3), [0, 2]), undefined)
  t.is(apply(table, 23, end(20, 3))?.kind, 'ended')
})

test('ticks and copies of the table change nothing', (t) => {
  const table = opened()
  t.is(apply(table, 20, { kind: 'tick', epoch: 3, wall: 1 }), undefined)
  t.is(apply(table, 21, { kind: 'sessions', asOf: 9, part: 0, parts: 1, sessions: [] }), undefined)
  t.is(table.size, 1)
})

test('an opening beyond the bound is none; one that ends makes room', (t) => {
  const table = new SessionTable(2)
  apply(table, 10, open)
  apply(table, 11, open)
  t.is(apply(table, 12, open), undefined)
  t.is(apply(table, 13, resume(10))?.kind, 'resumed')
  apply(table, 14, end(11))
  t.is(apply(table, 15, open)?.kind, 'opened')
})

test('all sessions come in order of their ids, also after resumes and from a copy', (t) => {
  const table = opened()
  apply(table, 11, open)
  apply(table, 12, open, [0, 2])
  apply(table, 20, resume(10))
  const ids = [10, 11, 12]
  t.deepEqual(
    table.all().map(({ session }) => session),
    ids,
  )
  const copy = new SessionTable()
  apply(copy, 5, open)
  copy.load(table.all().toReversed())
  t.deepEqual(copy.all(), table.all())
  t.is(copy.live(5), undefined)
  t.is(copy.live(20)?.session, 10)
})

test('O5: where a log was restored all sessions of the space are over', (t) => {
  const table = opened()
  t.is(apply(table, 20, { kind: 'restored', cluster: 'lost', below: 20 })?.kind, 'restored')
  t.deepEqual([table.size, table.all(), table.live(10)], [0, [], undefined])
  t.is(apply(table, 21, end(10, 3)), undefined)
})
