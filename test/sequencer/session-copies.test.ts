/**
 * P27: the table of sessions behind a trim: what a copy says, and what stands behind it.
 *
 * Read next: `../../sequencer/session-copies.ts`.
 */
import test from 'ava'
import { SessionCopies } from '../../sequencer/session-copies.ts'
import type { Session, SessionEntry, SessionInfo } from '../../sequencer/session-entry.ts'
import { SessionTable } from '../../sequencer/session-table.ts'

const info = (name: string): SessionInfo => ({ name, timeoutMs: 1_000, ids: [], types: [], process: '0'.repeat(16) })
const live = (session: number, name: string): Session => ({ session, incarnation: session, space: 1, ...info(name) })
const open = (name: string): SessionEntry => ({ kind: 'open', info: info(name) })
const end = (incarnation: number): SessionEntry => ({ kind: 'end', incarnation, epoch: 0, clean: true })
const copy = (asOf: number, sessions: readonly Session[], part = 0, parts = 1): SessionEntry => ({
  kind: 'sessions',
  asOf,
  part,
  parts,
  sessions,
})

/** Plays entries from a position on; gives the names of who is live, and of who came to be known by a copy. */
function play(from: number, entries: readonly (readonly [position: number, entry: SessionEntry])[]) {
  const table = new SessionTable()
  const copies = new SessionCopies(from)
  const found: string[] = []
  for (const [position, entry] of entries) {
    const place = { position, epoch: 1, streams: [0, 1] }
    table.apply(place, entry)
    found.push(...copies.take(place, entry, table).opened.map(({ name }) => name))
  }
  return { live: table.all().map(({ name }) => name), found, isOver: copies.isOver }
}

test('P27: a copy brings back who was opened below the trim, and what stands behind it is applied on top', (t) => {
  const known = [live(3, 'old'), live(5, 'gone')]
  const played = play(10, [
    [10, open('seen')],
    [12, end(5)],
    [14, copy(11, [...known, live(10, 'seen')])],
    [15, open('new')],
  ])
  t.deepEqual(played, { live: ['old', 'seen', 'new'], found: ['old'], isOver: true })
})

test('P27: a copy in parts counts once it is whole; one from before the trim does not count', (t) => {
  const half = [
    [11, copy(10, [live(3, 'a')], 0, 2)],
    [12, open('between')],
  ] as const
  t.deepEqual(play(10, half).live, ['between'])
  t.deepEqual(play(10, [...half, [13, copy(10, [live(4, 'b')], 1, 2)]]).live, ['a', 'b', 'between'])
  t.deepEqual(play(10, [[11, copy(9, [live(3, 'a')])]]).live, [])
  t.deepEqual(play(10, [...half, [13, copy(9, [live(4, 'b')], 1, 2)]]).live, ['between'])
})

test('who has played everything takes no copy', (t) => {
  t.deepEqual(play(0, [[1, copy(1, [live(3, 'a')])]]), { live: [], found: [], isOver: true })
})
