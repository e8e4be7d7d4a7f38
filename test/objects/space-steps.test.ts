/**
 * The steps of a space: deadlines, owned rows, waits, transactions, versions, keys, ends and snapshots, as stories.
 *
 * Long: a list of cases.
 */
import test from 'ava'
import fc from 'fast-check'
import { Counter, type Outcome } from '../../objects.ts'
import { Board, Plan1, Plan2, Plan3 } from './board.ts'
import { Ledger, OURS, SpaceDriver, type At, type DriverPart, type On } from './space-driver.ts'

/** Plays a board, or several, by sessions that keep their numbers. */
class Boards extends SpaceDriver {
  /** All that was played. */
  readonly entries: (readonly [payload: Uint8Array, at: At])[] = []
  readonly #numbers = new Map<number, number>()

  constructor() {
    super(Board, Ledger, Counter)
    // 0 is nobody where rows are owned.
    this.skip(1)
  }

  /** The next op of a session, on `/board` unless told. */
  do(incarnation: number, op: string, input: unknown, on: On = {}): Outcome {
    return this.op(incarnation, this.#turn(incarnation), op, input, { type: Board, path: '/board', ...on })
  }
  /** The next transaction of a session, its parts on `/board` unless told. */
  all(incarnation: number, parts: readonly DriverPart[], on: On = {}): Outcome {
    const placed = parts.map(([op, input, at]): DriverPart => [op, input, { type: Board, path: '/board', ...at }])
    return this.transaction(incarnation, this.#turn(incarnation), placed, on)
  }

  override entry(payload: Uint8Array, at: At = {}): Outcome {
    this.entries.push([payload, at])
    return super.entry(payload, at)
  }

  board(path = '/board') {
    return Board.bind(this.space.journal).read(path)
  }
  held(path = '/board'): string[] {
    return [...this.board(path).tables.held.range()].map(([key]) => key)
  }
  /** Keys of the deadlines that the last entry fired, with their paths. */
  get fired(): string[] {
    return (this.played?.events ?? []).flatMap(({ kind, path, facts }) =>
      kind === 'due' ? [`${path} ${JSON.stringify(facts['key']).slice(1, -1)}`] : [],
    )
  }
  /** What the last entry told of sessions that ended. */
  get ends(): unknown[] {
    return (this.played?.events ?? []).flatMap(({ kind, path, facts }) =>
      kind === 'ended' ? [{ path, ...facts }] : [],
    )
  }

  #turn(incarnation: number): number {
    const number = this.#numbers.get(incarnation) ?? 0
    this.#numbers.set(incarnation, number + 1)
    return number
  }
}

const keysOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `k${String(i).padStart(4, '0')}`)
const other = { path: '/other' }

// --- deadlines ---

test('O13: a deadline falls due with the first entry at its time, not before, and before what that entry does', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'alarm', { key: 'a', time: 1_000 })
  t.is(boards.space.firstDeadline, 1_000)
  boards.tick(999)
  t.deepEqual(boards.fired, [])
  boards.do(session, 'note', { key: 'x' }, { time: 1_000 })
  t.deepEqual(boards.events, ['due', 'note'])
  boards.tick(2_000)
  t.deepEqual(boards.fired, [])
  t.is(boards.space.firstDeadline, Infinity)
})

test('O13: any entry brings what is due, also one that is nobody’s', (t) => {
  const boards = new Boards()
  boards.do(boards.open(), 'alarm', { key: 'a', time: 500 })
  t.is(boards.entry(Uint8Array.of(255), { time: 500 }).kind, 'ignored')
  t.deepEqual(boards.fired, ['/board a'])
})

test('O13: deadlines fall due object by object in the order of paths, in each by time and key', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'alarm', { key: 'late', time: 700 }, { path: '/b' })
  boards.do(session, 'alarm', { key: 'b', time: 600 }, { path: '/b' })
  boards.do(session, 'alarm', { key: 'a', time: 600 }, { path: '/b' })
  boards.do(session, 'alarm', { key: 'z', time: 800 }, { path: '/a' })
  boards.do(session, 'alarm', { key: 'y', time: 901 }, { path: '/a' })
  boards.tick(900)
  t.deepEqual(boards.fired, ['/a z', '/b a', '/b b', '/b late'])
  t.is(boards.space.firstDeadline, 901)
})

test('O13: one entry brings 1,000 deadlines of an object, and the next one the rest', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'alarms', { keys: keysOf(2_500), time: 500 }, { path: '/a' })
  boards.do(session, 'alarms', { keys: keysOf(3), time: 500 }, { path: '/b' })
  boards.tick(500)
  t.is(boards.fired.length, 1_003)
  t.deepEqual(boards.fired.slice(998, 1_002), ['/a k0998', '/a k0999', '/b k0000', '/b k0001'])
  boards.tick(501)
  t.deepEqual([boards.fired.length, boards.fired[0]], [1_000, '/a k1000'])
  boards.tick(501)
  t.deepEqual([boards.fired.length, boards.fired.at(-1)], [500, '/a k2499'])
  boards.tick(502)
  t.deepEqual(boards.fired, [])
})

test('O13: a deadline that is set while the entry is played falls due with a later one', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'alarm', { key: 'again', time: 0 })
  t.deepEqual(boards.fired, [])
  boards.tick()
  t.deepEqual(boards.fired, ['/board again'])
  boards.tick()
  t.deepEqual(boards.fired, ['/board again'])
})

test('O13: a deadline whose step throws or is refused changes nothing, and does not fall due again', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'alarms', { keys: ['throw', 'reject', 'hold', 'again-throw'], time: 500 })
  boards.tick(500)
  t.deepEqual(boards.fired, ['/board hold'])
  t.deepEqual(boards.held(), ['hold'])
  boards.tick(600)
  t.deepEqual(boards.fired, [])
  t.is(boards.board().due?.size, 0)
})

test('O13: a step of nobody has no session', (t) => {
  const boards = new Boards()
  boards.do(boards.open(), 'alarm', { key: 'hold', time: 500 })
  boards.tick(500)
  t.deepEqual(boards.board().tables.held.get('hold'), { session: 0, n: -1 })
})

test('O13: what a refused op did to deadlines is taken back', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'alarm', { key: 'a', time: 500 })
  boards.do(session, 'alarmThenDeny', { key: 'a', time: 300 })
  boards.do(session, 'alarmThenDeny', { key: 'b', time: 300 })
  boards.tick(300)
  t.deepEqual(boards.fired, [])
  boards.do(session, 'silenceThenDeny', { key: 'a' })
  boards.tick(500)
  t.deepEqual(boards.fired, ['/board a'])
})

test('O13: a refused op does not take back what its entry has brought before it', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'alarm', { key: 'hold', time: 500 })
  t.like(boards.do(session, 'deny', { n: 7 }, { time: 500 }), { kind: 'rejected', code: 'DENIED', next: 'again' })
  t.deepEqual([boards.events, boards.held()], [['due'], ['hold']])
})

test('O13: a deadline can be moved and taken back', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'alarms', { keys: ['a', 'b'], time: 500 })
  boards.do(session, 'alarm', { key: 'a', time: 700 })
  boards.do(session, 'silence', { key: 'b' })
  boards.tick(600)
  t.deepEqual(boards.fired, [])
  boards.tick(700)
  t.deepEqual(boards.fired, ['/board a'])
})

test('O13: a tick moves the offset of wall time with a token of its own epoch only', (t) => {
  const boards = new Boards()
  const session = boards.open()
  const now = (time: number): unknown => {
    const outcome = boards.do(session, 'now', { n: 0 }, { time })
    return outcome.kind === 'result' ? outcome.value : outcome.kind
  }
  t.deepEqual(now(100), { time: 100, wall: 100 })
  t.is(boards.tick(200, { by: 3, wall: 1_000_200, epoch: 3 }).kind, 'tick')
  t.deepEqual([now(250), boards.space.wallOffset], [{ time: 250, wall: 1_000_250 }, 1_000_000])
  boards.tick(300, { by: 3, wall: 5_000_000, epoch: 4 })
  boards.tick(300, { by: 0, wall: 5_000_000, epoch: 0 })
  boards.tick(300, { by: 0, wall: 5_000_000, epoch: 4 })
  t.deepEqual(now(400), { time: 400, wall: 1_000_400 })
})

// --- owned rows ---

test('O5: what a session owns goes with it, object by object and in the order of keys, and is told to `ended`', (t) => {
  const boards = new Boards()
  const [gone, left] = [boards.open('gone'), boards.open('left')]
  boards.do(gone, 'hold', { key: 'b', n: 1 }, other)
  boards.do(gone, 'hold', { key: 'b', n: 1 })
  boards.do(left, 'hold', { key: 'c', n: 1 })
  boards.do(gone, 'hold', { key: 'a', n: 1 })
  boards.do(gone, 'ask', { n: 0 })
  const asked = boards.next - 1
  t.like(boards.end(gone), { kind: 'ended', clean: false, session: { session: gone } })
  t.deepEqual(boards.ends, [
    { path: '/board', clean: false, held: ['a', 'b'], asked: [asked], session: -1, left: 1 },
    { path: '/other', clean: false, held: ['b'], asked: [], session: -1, left: 0 },
  ])
  t.deepEqual([boards.held(), boards.held('/other'), boards.settled], [['c'], [], []])
  t.is(boards.board().owned, 1)
})

test('O5: an end that its owner meant to is told as clean', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'hold', { key: 'a', n: 1 })
  boards.end(session, { clean: true })
  t.like(boards.ends, [{ clean: true }])
})

test('O5: rows go though the step that is told of them throws, and other objects are told all the same', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'hold', { key: 'throw', n: 1 })
  boards.do(session, 'hold', { key: 'a', n: 1 }, other)
  boards.end(session)
  t.like(boards.ends, [{ path: '/other', held: ['a'] }])
  t.deepEqual([boards.held(), boards.held('/other')], [[], []])
})

test('O5: rows that were freed, dropped or taken over by another one stay or are gone already', (t) => {
  const boards = new Boards()
  const [session, heir] = [boards.open(), boards.open()]
  boards.do(session, 'hold', { key: 'freed', n: 1 })
  boards.do(session, 'hold', { key: 'dropped', n: 1 })
  boards.do(session, 'hold', { key: 'taken', n: 1 })
  boards.do(session, 'free', { key: 'freed' })
  boards.do(session, 'drop', { key: 'dropped' })
  boards.do(heir, 'hold', { key: 'taken', n: 2 })
  boards.end(session)
  t.deepEqual([boards.ends, boards.held()], [[], ['freed', 'taken']])
  boards.end(heir)
  t.deepEqual(boards.held(), ['freed'])
})

test('O5: who owns what is as before a refused op', (t) => {
  const boards = new Boards()
  const [session, refused] = [boards.open(), boards.open()]
  boards.do(session, 'hold', { key: 'a', n: 1 })
  boards.do(refused, 'holdThenDeny', { key: 'a', n: 2 })
  boards.do(refused, 'holdThenDeny', { key: 'b', n: 2 })
  boards.do(session, 'dropThenDeny', { key: 'a' })
  t.like(boards.do(session, 'mine', { n: 0 }), { value: ['a'] })
  t.like(boards.do(refused, 'mine', { n: 0 }), { value: [] })
  boards.end(refused)
  t.deepEqual([boards.ends, boards.held()], [[], ['a']])
  boards.end(session)
  t.like(boards.ends, [{ held: ['a'] }])
})

test('O3: children of a path go in order, those of others are not among them, and refused ops leave them be', (t) => {
  const boards = new Boards()
  const session = boards.open()
  const children = (path: string): unknown => {
    const outcome = boards.do(session, 'children', { path })
    return outcome.kind === 'result' ? outcome.value : outcome.kind
  }
  for (const path of ['/b', '/a/y', '/a', '/a/x', '/a/x/deep', '/ab']) boards.do(session, 'plant', { path })
  t.deepEqual(children(''), { children: ['/a', '/ab', '/b'], count: 3 })
  t.deepEqual(children('/a'), { children: ['/a/x', '/a/y'], count: 2 })
  boards.do(session, 'plantThenDeny', { path: '/a/z' })
  boards.do(session, 'fellThenDeny', { path: '/a/x' })
  t.deepEqual(children('/a'), { children: ['/a/x', '/a/y'], count: 2 })
  boards.do(session, 'fell', { path: '/a/x' })
  t.deepEqual(
    [children('/a'), children('/b')],
    [
      { children: ['/a/y'], count: 1 },
      { children: [], count: 0 },
    ],
  )
})

// --- waits ---

test('O7: an op that waits is settled by a later one, once', (t) => {
  const boards = new Boards()
  const [asking, answering] = [boards.open(), boards.open()]
  t.like(boards.do(asking, 'ask', { n: 0 }), { kind: 'waiting', number: 0 })
  const asked = boards.next - 1
  t.like(boards.do(asking, 'add', { n: 1 }), { kind: 'result', value: 1 })
  t.like(boards.do(answering, 'answer', { op: asked, n: 5 }), { kind: 'result' })
  t.deepEqual(boards.settled, [{ op: asked, kind: 'result', value: { n: 5 } }])
  t.is(boards.board().tables.asked.size, 0)
  t.like(boards.do(answering, 'answer', { op: asked, n: 6 }), { kind: 'failed' })
  t.deepEqual(boards.settled, [])
})

test('O7: an op that waits can be refused, with a code that its type declares or another text', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'ask', { n: 0 })
  boards.do(session, 'ask', { n: 0 })
  const [first, second] = [boards.next - 2, boards.next - 1]
  boards.do(session, 'refuse', { op: second, code: 'DENIED' })
  t.deepEqual(boards.settled, [{ op: second, kind: 'rejected', code: 'DENIED', next: 'again', facts: { by: session } }])
  boards.do(session, 'refuse', { op: first, code: 'not today' })
  const facts = { by: session, reason: 'not today' }
  t.deepEqual(boards.settled, [{ op: first, kind: 'rejected', code: 'REJECTED', next: 'stop', facts }])
})

test('O7: what is settled within the op’s own step is its outcome, and no wait', (t) => {
  const boards = new Boards()
  const session = boards.open()
  t.like(boards.do(session, 'askAndAnswer', { n: 4 }), { kind: 'result', value: { n: 4 } })
  t.like(boards.do(session, 'askAndRefuse', { code: 'DENIED' }), {
    kind: 'rejected',
    code: 'DENIED',
    next: 'again',
    facts: { by: session },
  })
  t.like(boards.do(session, 'askAndRefuse', { code: 'no' }), { code: 'REJECTED', facts: { reason: 'no' } })
  t.deepEqual([boards.settled, boards.board().tables.asked.size], [[], 0])
})

test('O7: a wait is cancelled by its own session only, and the type hears of it also where it was settled', (t) => {
  const boards = new Boards()
  const [asking, stranger] = [boards.open(), boards.open()]
  boards.do(asking, 'ask', { n: 0 })
  const asked = boards.next - 1
  const cancelled = (): unknown => boards.played?.events.map(({ facts }) => facts)
  boards.do(stranger, '$cancel', { op: asked }, { type: OURS })
  t.deepEqual([boards.board().tables.asked.size, cancelled()], [1, [{ op: asked, waited: false }]])
  t.like(boards.do(asking, '$cancel', { op: asked }, { type: OURS }), { kind: 'result', value: null })
  t.deepEqual([boards.board().tables.asked.size, cancelled()], [0, [{ op: asked, waited: true }]])
  t.deepEqual(boards.settled, [])
  boards.do(asking, '$cancel', { op: asked }, { type: OURS })
  t.deepEqual(cancelled(), [{ op: asked, waited: false }])
  t.like(boards.do(stranger, 'answer', { op: asked, n: 1 }), { kind: 'failed' })
})

test('O7: a wait is gone with its session', (t) => {
  const boards = new Boards()
  const [asking, answering] = [boards.open(), boards.open()]
  boards.do(asking, 'ask', { n: 0 })
  const asked = boards.next - 1
  boards.end(asking)
  t.deepEqual([boards.settled, boards.board().tables.asked.size], [[], 0])
  t.like(boards.do(answering, 'answer', { op: asked, n: 1 }), { kind: 'failed' })
})

test('O7: what a refused step has settled and emitted is not told, and can be settled after it', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'ask', { n: 0 })
  const asked = boards.next - 1
  t.like(boards.do(session, 'answerThenDeny', { op: asked }), { kind: 'rejected' })
  t.deepEqual([boards.settled, boards.events, boards.patches], [[], [], []])
  boards.do(session, 'answer', { op: asked, n: 2 })
  t.like(boards.settled, [{ op: asked, value: { n: 2 } }])
})

// --- transactions ---

test('O12: a transaction is one step: its parts see what those before them did, their results come together', (t) => {
  const boards = new Boards()
  const session = boards.open()
  const on = { type: Counter, path: '/hits' }
  t.like(
    boards.all(session, [
      ['add', { n: 1 }],
      ['add', { by: 5 }, on],
      ['add', { n: 1 }],
    ]),
    { kind: 'result', number: 0, value: [1, 5, 2] },
  )
  t.is(boards.nextOf(session), 1)
})

test('O12: where one part is refused nothing stays, and its code, part and path are told', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'set', { n: 3 })
  const before = boards.space.digest().objects
  const denied = boards.all(session, [
    ['add', { n: 1 }],
    ['note', { key: 'x' }],
    ['deny', { n: 4 }, other],
    ['add', { n: 1 }],
  ])
  t.like(denied, { kind: 'rejected', code: 'DENIED', next: 'again', facts: { n: 4, part: 2, path: '/other' } })
  t.deepEqual([boards.events, boards.patches, boards.board('/other').exists], [[], [], false])
  t.like(
    boards.all(session, [
      ['add', { n: 1 }],
      ['fail', { n: 9 }],
    ]),
    { kind: 'failed' },
  )
  t.like(boards.all(session, [['none', {}]]), { code: 'REJECTED', facts: { part: 0, path: '/board' } })
  t.deepEqual(boards.space.digest().objects, before)
})

test('O12: an op that would wait refuses its transaction; one that is served at once does not', (t) => {
  const boards = new Boards()
  const session = boards.open()
  t.like(
    boards.all(session, [
      ['add', { n: 1 }],
      ['ask', { n: 0 }],
    ]),
    {
      code: 'WAIT_IN_TRANSACTION',
      next: 'stop',
      facts: { part: 1, path: '/board' },
    },
  )
  t.false(boards.board().exists)
  t.like(
    boards.all(session, [
      ['add', { n: 1 }],
      ['askAndAnswer', { n: 3 }],
    ]),
    { value: [1, { n: 3 }] },
  )
})

test('O12: $unchanged holds a transaction to what its maker has read', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'hold', { key: 'a', n: 1 })
  const modified = boards.next - 1
  const guarded = (...records: unknown[]): Outcome =>
    boards.all(session, [
      ['$unchanged', records, { type: OURS }],
      ['add', { n: 1 }],
    ])
  t.like(guarded(['held', 'a', modified], ['held', 'b', null], ['', '', modified]), { value: [null, 1] })
  t.like(guarded(['', '', modified]), {
    code: 'CONFLICT',
    next: 'again',
    facts: { table: '', key: '', wanted: modified, modified: modified + 1, part: 0, path: '/board' },
  })
  t.like(guarded(['held', 'b', 3]), { code: 'CONFLICT', facts: { wanted: 3, modified: null } })
  t.like(guarded(['held', 'a', null]), { code: 'CONFLICT', facts: { wanted: null, modified } })
  t.like(guarded(['held', 'a']), { code: 'BAD_ARGUMENT' })
  t.is(boards.board().state.n, 1)
})

test('O12: $range holds a transaction to the records of a part of a table, also against new and dropped ones', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'hold', { key: 'b', n: 1 })
  boards.do(session, 'hold', { key: 'c', n: 1 })
  const modified = boards.next - 1
  const guarded = (from: string, to: string | null, records: number, at: number): Outcome =>
    boards.all(session, [
      ['$range', ['held', from, to, records, at], { type: OURS }],
      ['add', { n: 1 }],
    ])
  t.like(guarded('b', 'd', 2, modified), { kind: 'result' })
  t.like(guarded('', null, 2, modified), { kind: 'result' })
  t.like(guarded('d', null, 0, -1), { kind: 'result' })
  boards.do(session, 'drop', { key: 'b' })
  t.like(guarded('b', 'd', 2, modified), { code: 'CONFLICT', facts: { count: 1, modified, part: 0 } })
  boards.do(session, 'hold', { key: 'bb', n: 1 })
  t.like(guarded('b', 'd', 2, modified), { code: 'CONFLICT', facts: { count: 2, modified: boards.next - 2 } })
  t.is(boards.board().state.n, 3)
})

test('O3: where the code of one part is missing nothing is known of any of its objects', (t) => {
  const [knowing, blind] = [new SpaceDriver(Ledger, Board), new SpaceDriver(Ledger)]
  const play = (driver: SpaceDriver): Outcome[] => [
    driver.op(driver.open(), 0, 'put', { key: 'a', n: 1 }),
    driver.transaction(0, 1, [
      ['put', { key: 'b', n: 1 }],
      ['set', { n: 1 }, { type: Board, path: '/board' }],
    ]),
    driver.op(0, 2, 'put', { key: 'c', n: 1 }),
    driver.op(0, 3, 'put', { key: 'a', n: 1 }, { path: '/third' }),
  ]
  const kinds = (driver: SpaceDriver): string[] => play(driver).map(({ kind }) => kind)
  t.deepEqual(kinds(knowing), ['result', 'result', 'result', 'result'])
  t.deepEqual(kinds(blind), ['result', 'opaque', 'opaque', 'result'])
  t.true(blind.space.isOpaque)
  t.deepEqual(blind.space.sessions(), knowing.space.sessions())
  t.is(blind.space.digest().objects.get('/third'), knowing.space.digest().objects.get('/third'))
  t.is(blind.space.digest().objects.get('/.sirtaki'), knowing.space.digest().objects.get('/.sirtaki'))
})

test('O12: an object that a refused transaction drops and makes anew is as it was', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'set', { n: 3 })
  boards.do(session, 'plant', { path: '/a' })
  const before = boards.space.digest().objects.get('/board')
  const redone = boards.all(session, [
    ['$drop', null, { type: OURS }],
    ['set', { n: 1 }],
    ['deny', { n: 0 }],
  ])
  t.like(redone, { code: 'DENIED', facts: { part: 2 } })
  const retyped = boards.all(session, [
    ['$drop', null, { type: OURS }],
    ['add', { by: 1 }, { type: Counter }],
  ])
  t.like(retyped, { kind: 'rejected', code: 'WRONG_TYPE', facts: { part: 1 } })
  t.is(boards.space.digest().objects.get('/board'), before)
  t.like(boards.do(session, 'add', { n: 1 }), { value: 4 })
  t.like(
    boards.all(session, [
      ['$drop', null, { type: OURS }],
      ['add', { n: 1 }],
    ]),
    { value: [null, 1] },
  )
  t.deepEqual([...boards.board().tables.tree.range()], [])
})

// --- versions of types ---

const plan = (type: { name: string; version: number }): On => ({ type, path: '/plan' })

test('O11: the first op of a type makes its version the active one, whatever becomes of it, also unread', (t) => {
  const [driver, blind] = [new SpaceDriver(Plan1, Plan2), new SpaceDriver()]
  const first = (one: SpaceDriver): Outcome => one.op(one.open(), 0, 'deny', { n: 0 }, plan(Plan2))
  const second = (one: SpaceDriver): Outcome => one.op(0, 1, 'put', { key: 'a', n: 1 }, plan(Plan1))
  t.deepEqual([first(driver).kind, first(blind).kind], ['rejected', 'opaque'])
  const oldCode = { kind: 'rejected', code: 'OLD_CODE', next: 'stop', facts: { version: 1, active: 2 } }
  t.like(second(driver), oldCode)
  t.like(second(blind), oldCode)
  t.deepEqual(driver.space.activeTypes(), [['test.plan', 2]])
  t.deepEqual(blind.space.activeTypes(), driver.space.activeTypes())
  t.like(driver.op(0, 2, 'read', { n: 0 }, plan(Plan3)), { code: 'NOT_ACTIVE', facts: { version: 3, active: 2 } })
})

test('O11: a version is activated when all sessions that announced the type announced that version', (t) => {
  const driver = new SpaceDriver(Plan1, Plan2)
  const activate = (nth: number, version: number): Outcome =>
    driver.op(old, nth, '$activate', { type: 'test.plan', version }, { type: OURS, path: '/.sirtaki' })
  const old = driver.open('both', {
    types: [
      ['test.plan', 1],
      ['test.plan', 2],
    ],
  })
  driver.open('without', { types: [['test.other', 7]] })
  const behind = driver.open('behind', { types: [['test.plan', 1]] })
  driver.op(old, 0, 'put', { key: 'a', n: 1 }, plan(Plan1))
  t.like(activate(1, 2), { code: 'NOT_ACTIVE', facts: { active: 1, session: behind, name: 'behind' } })
  driver.end(behind)
  t.like(activate(2, 2), { kind: 'result', value: null })
  t.like(activate(3, 1), { code: 'OLD_CODE', facts: { active: 2 } })
  t.deepEqual(driver.space.activeTypes(), [['test.plan', 2]])
})

test('O11: the first op under a version upgrades its object: rows, deadlines, and what no upgrade says stays', (t) => {
  const driver = new SpaceDriver(Plan1, Plan2, Plan3)
  const activate = (nth: number, version: number): Outcome =>
    driver.op(session, nth, '$activate', { type: 'test.plan', version }, { type: OURS, path: '/.sirtaki' })
  const session = driver.open()
  driver.op(session, 0, 'put', { key: 'a', n: 1 }, plan(Plan1))
  driver.op(session, 1, 'put', { key: 'b', n: 1 }, plan(Plan1))
  activate(2, 2)
  t.deepEqual([...Plan1.bind(driver.space.journal).read('/plan').tables.rows.range()].length, 2)
  // The upgrade is a step of its own: it stays though the op is refused.
  t.like(driver.op(session, 3, 'deny', { n: 0 }, plan(Plan2)), { kind: 'rejected', facts: { reason: 'no' } })
  const { state, tables } = Plan2.bind(driver.space.journal).read('/plan')
  t.deepEqual(
    [state, [...tables.items.range()]],
    [
      { n: 2 },
      [
        ['a1', { n: 1 }],
        ['b1', { n: 1 }],
      ],
    ],
  )
  t.false(Plan1.bind(driver.space.journal).read('/plan').exists)
  driver.tick(1_020)
  t.deepEqual(driver.events, ['due', 'due'])
  activate(5, 3)
  t.is(driver.played?.outcome.kind, 'gap')
  activate(4, 3)
  t.like(driver.op(session, 5, 'read', { n: 0 }, plan(Plan3)), { value: { n: 2, items: ['a1', 'b1'] } })
})

// --- idempotency ---

test('O4: an op with a key that was applied is not applied again, whoever asks: its first result comes back', (t) => {
  const boards = new Boards()
  const [session, heir] = [boards.open(), boards.open()]
  t.like(boards.do(session, 'add', { n: 2 }, { key: 'k' }), { kind: 'result', value: 2 })
  t.like(boards.do(session, 'add', { n: 2 }, { key: 'k' }), { kind: 'result', value: 2 })
  boards.end(session)
  t.like(boards.do(heir, 'add', { n: 2 }, { key: 'k' }), { kind: 'result', value: 2 })
  t.like(boards.do(heir, 'add', { n: 2 }, { key: 'other' }), { kind: 'result', value: 4 })
  t.like(boards.do(heir, 'add', { n: 2 }, { key: 'k', path: '/other' }), { kind: 'result', value: 2 })
  t.is(boards.board().state.n, 4)
})

test('O4: results of no value and of many are remembered as they were', (t) => {
  const boards = new Boards()
  const session = boards.open()
  t.like(boards.do(session, 'note', { key: 'x' }, { key: 'k' }), { kind: 'result', value: undefined })
  t.deepEqual(boards.events, ['note'])
  t.like(boards.do(session, 'note', { key: 'x' }, { key: 'k' }), { kind: 'result', value: undefined })
  t.deepEqual(boards.events, [])
  const parts: DriverPart[] = [
    ['add', { n: 1 }],
    ['add', { n: 5 }, other],
  ]
  t.like(boards.all(session, parts, { key: 'many' }), { value: [1, 5] })
  t.like(boards.all(session, parts, { key: 'many' }), { value: [1, 5] })
  t.deepEqual([boards.board().state.n, boards.board('/other').state.n], [1, 5])
})

test('O4: a key that stands for another op, input or transaction is refused', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'add', { n: 2 }, { key: 'k' })
  const reused = { kind: 'rejected', code: 'KEY_REUSED', next: 'stop', facts: { key: 'k', appliedAt: boards.next - 1 } }
  t.like(boards.do(session, 'add', { n: 3 }, { key: 'k' }), reused)
  t.like(boards.do(session, 'set', { n: 2 }, { key: 'k' }), reused)
  t.like(
    boards.all(
      session,
      [
        ['add', { n: 2 }],
        ['add', { n: 2 }],
      ],
      { key: 'k' },
    ),
    reused,
  )
  boards.all(
    session,
    [
      ['add', { n: 1 }],
      ['add', { n: 2 }],
    ],
    { key: 'many' },
  )
  t.like(
    boards.all(
      session,
      [
        ['add', { n: 1 }],
        ['add', { n: 3 }],
      ],
      { key: 'many' },
    ),
    { code: 'KEY_REUSED' },
  )
  t.is(boards.board().state.n, 5)
})

test('O4: refusals are not remembered, nor what is older than a day', (t) => {
  const boards = new Boards()
  const session = boards.open()
  t.like(boards.do(session, 'deny', { n: 1 }, { key: 'k' }), { kind: 'rejected' })
  t.like(boards.do(session, 'add', { n: 1 }, { key: 'k', time: 1_000 }), { kind: 'result', value: 1 })
  const day = 24 * 3_600_000
  t.like(boards.do(session, 'add', { n: 1 }, { key: 'k', time: 1_000 + day }), { kind: 'result', value: 1 })
  t.like(boards.do(session, 'add', { n: 1 }, { key: 'k', time: 1_001 + day }), { kind: 'result', value: 2 })
  t.is(boards.board().once.size, 1)
})

test('O4: a result that is large, or holds bytes, is not kept: asked again, where it was applied is told', (t) => {
  const boards = new Boards()
  const session = boards.open()
  const large = { key: 'x', n: 4_095 }
  t.like(boards.do(session, 'repeat', large, { key: 'k' }), { kind: 'result', value: 'x'.repeat(4_095) })
  t.like(boards.do(session, 'repeat', large, { key: 'k' }), {
    code: 'KEY_REUSED',
    facts: { appliedAt: boards.next - 2 },
  })
  t.like(boards.do(session, 'bytes', { n: 7 }, { key: 'b' }), { kind: 'result' })
  t.like(boards.do(session, 'bytes', { n: 7 }, { key: 'b' }), {
    code: 'KEY_REUSED',
    facts: { appliedAt: boards.next - 2 },
  })
  t.is(boards.board().state.n, 2)
})

test('O4: an op that waits takes no key', (t) => {
  const boards = new Boards()
  t.like(boards.do(boards.open(), 'ask', { n: 0 }, { key: 'k' }), { code: 'BAD_ARGUMENT' })
  t.is(boards.board().tables.asked.size, 0)
})

// --- objects that end ---

test('O3: an object that is over and empty ends with the entry that made it so, and its path is free', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'hold', { key: 'a', n: 1 })
  boards.do(session, 'set', { n: -1 })
  t.true(boards.board().exists)
  boards.do(session, 'drop', { key: 'a' })
  t.false(boards.board().exists)
  t.false(boards.space.digest().objects.has('/board'))
  t.is(boards.space.object('/board'), undefined)
  t.like(boards.do(session, 'add', { by: 1 }, { type: Counter }), { kind: 'result', value: 1 })
})

test('O3: an object that is over is kept by a deadline until that has come, and by what sessions own', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'alarm', { key: 'a', time: 500 })
  boards.do(session, 'hold', { key: 'a', n: 1 }, other)
  boards.do(session, 'set', { n: -1 })
  boards.do(session, 'set', { n: -1 }, other)
  t.deepEqual([boards.board().exists, boards.board('/other').exists], [true, true])
  boards.tick(500)
  t.deepEqual([boards.fired, boards.board().exists], [['/board a'], false])
  boards.end(session)
  t.false(boards.board('/other').exists)
})

test('O3: $drop ends an object, with all that it has, unless a session owns something in it', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'plant', { path: '/a' }, { key: 'k' })
  boards.do(session, 'alarm', { key: 'a', time: 500 })
  boards.do(session, 'hold', { key: 'a', n: 1 })
  t.like(boards.do(session, '$drop', null, { type: OURS }), { code: 'NOT_EMPTY', facts: { owned: 1 } })
  boards.do(session, 'free', { key: 'a' })
  t.like(boards.do(session, '$drop', null, { type: OURS, key: 'again' }), { kind: 'result' })
  t.deepEqual([...boards.space.digest().objects.keys()], ['/.sirtaki'])
  boards.tick(500)
  t.deepEqual(boards.fired, [])
  t.like(boards.do(session, 'add', { by: 1 }, { type: Counter }), { kind: 'result', value: 1 })
  t.like(boards.do(session, '$drop', null, { type: OURS, path: '/none' }), { kind: 'result' })
})

test('O3: no op has a path of the runtime', (t) => {
  const boards = new Boards()
  t.like(boards.do(boards.open(), 'set', { n: 1 }, { path: '/.sirtaki' }), { code: 'BAD_ARGUMENT' })
})

// --- sessions ---

test('O5: a session ends by its owner, or by a sequencer with a token of its own epoch', (t) => {
  const boards = new Boards()
  const [first, second] = [boards.open('first'), boards.open('second')]
  t.is(boards.end(first, { by: 3, epoch: 4 }).kind, 'ignored')
  t.is(boards.end(first, { streams: [1] }).kind, 'ignored')
  t.is(boards.end(first, { streams: [0, 2] }).kind, 'ignored')
  t.like(boards.do(first, 'add', { n: 1 }), { kind: 'result' })
  t.like(boards.end(first, { by: 4, epoch: 4 }), { kind: 'ended', session: { name: 'first' } })
  t.like(boards.end(second), { kind: 'ended', session: { name: 'second' } })
  t.is(boards.end(second).kind, 'ignored')
  t.like(boards.do(first, 'add', { n: 1 }), { kind: 'unknown', incarnation: first })
  t.deepEqual(boards.space.sessions(), [])
})

test('O5: a session that opens on other streams than its own and that of all sessions is none', (t) => {
  const boards = new Boards()
  t.like(boards.do(boards.open('odd', {}, { streams: [1] }), 'add', { n: 1 }), { kind: 'unknown' })
  t.like(boards.do(boards.open('wide', {}, { streams: [0, 1, 2] }), 'add', { n: 1 }), { kind: 'unknown' })
})

test('O5: a resume makes another incarnation with numbers from 0; what it owns stays, older ops are nobody’s', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'hold', { key: 'a', n: 1 })
  boards.do(session, 'ask', { n: 0 })
  const asked = boards.next - 1
  t.like(boards.resume(session, { name: 'heir' }), {
    kind: 'resumed',
    before: { incarnation: session },
    session: { session, name: 'heir', incarnation: boards.next - 1 },
  })
  const heir = boards.next - 1
  t.like(boards.do(session, 'add', { n: 1 }), { kind: 'unknown', incarnation: session })
  t.is(boards.end(session).kind, 'ignored')
  t.is(boards.resume(session).kind, 'ignored')
  t.like(boards.do(heir, 'mine', { n: 0 }), { kind: 'result', number: 0, value: ['a'] })
  boards.do(heir, '$cancel', { op: asked }, { type: OURS })
  t.is(boards.board().tables.asked.size, 0)
  t.like(boards.space.sessions(), [{ session, incarnation: heir, next: 2 }])
  boards.end(heir)
  t.deepEqual(boards.held(), [])
})

test('O5: ops speak for the identities of their session, or for those that they carry', (t) => {
  const boards = new Boards()
  const session = boards.open('ann', { ids: [['digest', 'ann']] })
  t.like(boards.do(session, 'who', { n: 0 }), { value: [['digest', 'ann']] })
  t.like(boards.do(session, 'who', { n: 0 }, { ids: [['digest', 'bob']] }), { value: [['digest', 'bob']] })
})

// --- skips ---

test('O12: at a position that is skipped nothing of the object runs, and everything else does', (t) => {
  const boards = new Boards()
  const [session, ending] = [boards.open(), boards.open()]
  boards.do(session, 'alarm', { key: 'a', time: 500 })
  boards.do(session, 'alarm', { key: 'a', time: 500 }, other)
  boards.do(ending, 'hold', { key: 'a', n: 1 })
  boards.space.skip(boards.next, '/board')
  const skipped = boards.do(session, 'add', { n: 1 }, { time: 500 })
  t.like(skipped, { kind: 'rejected', code: 'SKIPPED', next: 'stop', facts: { object: '/board' } })
  t.deepEqual(boards.fired, ['/other a'])
  t.is(boards.nextOf(session), 3)
  boards.space.skip(boards.next, '/board')
  boards.end(ending)
  t.deepEqual([boards.ends, boards.held(), boards.fired], [[], [], []])
  t.like(boards.do(session, 'add', { n: 1 }), { kind: 'result', value: 1 })
  t.deepEqual(boards.fired, ['/board a'])
})

// --- snapshots ---

/** The digest of a space, its objects in order. */
function digestOf({ space }: SpaceDriver): unknown {
  const { position, digest, objects } = space.digest()
  return [position, digest, [...objects].sort(([a], [b]) => (a < b ? -1 : 1))]
}

/** A space that begins with what another one has. */
function copyOf(boards: SpaceDriver): Boards {
  const copy = new Boards()
  copy.skip(boards.next - copy.next)
  copy.space.load(boards.space.snapshot())
  return copy
}

test('O3: a space that is loaded has the digest of the one that played everything, and goes on as that', (t) => {
  const boards = new Boards()
  const [session, ending] = [boards.open('stays'), boards.open('ends', { timeoutMs: 3_000 })]
  boards.tick(100, { by: 1, wall: 5_000, epoch: 1 })
  boards.do(session, 'alarms', { keys: ['b', 'again', 'a'], time: 900 })
  boards.do(ending, 'hold', { key: 'x', n: 1 })
  boards.do(ending, 'ask', { n: 0 })
  boards.do(session, 'plant', { path: '/a/b' })
  boards.do(session, 'add', { n: 3 }, { key: 'k' })
  void boards.digest
  boards.do(session, 'add', { by: 3 }, { type: Counter, path: '/hits' })
  const copy = copyOf(boards)
  const goOn = (one: SpaceDriver): unknown[] => [
    one.space.time,
    one.digest,
    one.op(session, 4, 'add', { n: 3 }, { type: Board, path: '/board', key: 'k' }),
    one.op(session, 5, 'children', { path: '/a' }, { type: Board, path: '/board' }),
    one.op(session, 6, 'now', { n: 0 }, { type: Board, path: '/board' }),
    one.tick(900),
    one.played?.events,
    one.end(ending),
    one.played?.events,
    one.op(session, 7, 'add', { by: 1 }, { type: Counter, path: '/hits' }),
    one.tick(901),
    one.played?.events,
    digestOf(one),
    one.space.sessions(),
  ]
  t.deepEqual(goOn(copy), goOn(boards))
})

test('O3: objects whose code a loaded space lacks are unknown there until it is played anew', (t) => {
  const boards = new Boards()
  const session = boards.open()
  boards.do(session, 'add', { n: 1 })
  boards.do(session, 'add', { by: 1 }, { type: Counter, path: '/hits' })
  const blind = new SpaceDriver(Counter)
  blind.skip(boards.next)
  blind.space.load(boards.space.snapshot())
  t.true(blind.space.isOpaque)
  t.is(blind.space.digest().objects.get('/hits'), boards.space.digest().objects.get('/hits'))
  t.is(blind.op(session, 2, 'add', { n: 1 }, { type: Board, path: '/board' }).kind, 'opaque')
  t.false(blind.space.register(Board))
})

// --- everything together ---

const session = fc.integer({ min: 0, max: 2 })
const key = fc.constantFrom('a', 'b', 'again', 'throw', 'reject')
const path = fc.constantFrom('/board', '/other')
const n = fc.integer({ min: -1, max: 2 })
const input = {
  alarm: fc.record({ key, time: fc.integer({ min: 0, max: 800 }) }),
  key: fc.record({ key }),
  hold: fc.record({ key, n }),
  value: fc.record({ n }),
  path: fc.record({ path: fc.constantFrom('/a', '/a/b', '/c') }),
}
const call = fc.oneof(
  fc.record({ op: fc.constantFrom('alarm', 'alarmThenDeny'), input: input.alarm, path }),
  fc.record({ op: fc.constantFrom('silence', 'silenceThenDeny', 'note', 'free', 'drop'), input: input.key, path }),
  fc.record({ op: fc.constantFrom('hold', 'holdThenDeny'), input: input.hold, path }),
  fc.record({ op: fc.constantFrom('set', 'add', 'deny', 'fail', 'ask', 'askAndAnswer'), input: input.value, path }),
  fc.record({ op: fc.constantFrom('plant', 'fell', 'plantThenDeny', 'fellThenDeny'), input: input.path, path }),
)
const action = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('op' as const), session, call, isKeyed: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('all' as const),
      session,
      calls: fc.array(call, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), session, path }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), session }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resume' as const), session }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('digest' as const) }) },
)
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never

/** Three sessions, one of which always takes the place of one that ended. */
class Crowd {
  readonly boards = new Boards()
  readonly #incarnations = [this.boards.open('a'), this.boards.open('b'), this.boards.open('c')]

  act(one: Action): void {
    const { boards } = this
    const incarnation = 'session' in one ? (this.#incarnations[one.session] ?? -1) : -1
    switch (one.kind) {
      case 'op': {
        const { op, input: value, path: at } = one.call
        boards.do(incarnation, op, value, { path: at, ...(one.isKeyed ? { key: op } : {}) })
        return
      }
      case 'all':
        boards.all(
          incarnation,
          one.calls.map(({ op, input: value, path: at }) => [op, value, { path: at }]),
        )
        return
      case 'drop':
        boards.do(incarnation, '$drop', null, { type: OURS, path: one.path })
        return
      case 'resume':
        boards.resume(incarnation)
        this.#incarnations[one.session] = boards.next - 1
        return
      case 'end':
        boards.end(incarnation)
        this.#incarnations[one.session] = boards.open()
        return
      case 'digest':
        void boards.digest
        return
      default:
        one satisfies never
    }
  }
}

/** Plays entries; gives what each of them came to. */
const toldOf = (boards: Boards, entries: Boards['entries']): unknown[] =>
  entries.map(([payload, at]) => {
    const outcome = boards.entry(payload, at)
    return [{ ...outcome, cause: undefined }, boards.settled, boards.played?.events]
  })

/** Everything that a space holds, and what is derived from it. */
const insideOf = (boards: Boards): unknown => [
  digestOf(boards),
  boards.space.sessions(),
  boards.space
    .snapshot()
    .objects.map(({ path: at, tables }) => [
      at,
      tables.map(({ table, keys, rows }) => [table, keys, rows.map(({ value, modified }) => [value, modified])]),
    ]),
]

/** What is derived from records, and what it is by looking at all of them. */
function derivedOf(boards: Boards): { readonly kept: unknown; readonly counted: unknown } {
  const paths = ['/board', '/other']
  const sessions = boards.space.sessions().map(({ session: one }) => one)
  const tables = paths.map((at) => boards.board(at).tables)
  const parents = ['', '/a', '/a/b', '/c']
  const parentOf = (one: string): string => one.slice(0, one.lastIndexOf('/'))
  return {
    kept: [
      sessions.map((one) => tables.map(({ held }) => held.of(one).map(([each]) => each))),
      tables.map(({ tree }) => parents.map((one) => tree.children(one))),
      tables.map(({ held, asked }) => held.owned + asked.owned),
    ],
    counted: [
      sessions.map((one) =>
        tables.map(({ held }) => [...held.range()].filter(([, row]) => row.session === one).map(([each]) => each)),
      ),
      tables.map(({ tree }) =>
        parents.map((one) => [...tree.range()].map(([each]) => each).filter((each) => parentOf(each) === one)),
      ),
      tables.map(
        ({ held, asked }) =>
          [...held.range(), ...asked.range()].filter(([, row]) => sessions.includes(row.session)).length,
      ),
    ],
  }
}

test('O3: whatever was done, refused and loaded, what is derived is that of the records, and all spaces agree', (t) => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), fc.nat(60), (actions, at) => {
      const crowd = new Crowd()
      for (const one of actions.slice(0, at)) crowd.act(one)
      const copy = copyOf(crowd.boards)
      const played = crowd.boards.entries.length
      for (const one of actions.slice(at)) crowd.act(one)
      const replay = new Boards()
      const told = toldOf(replay, crowd.boards.entries)
      t.deepEqual(toldOf(copy, crowd.boards.entries.slice(played)), told.slice(played))
      const { kept, counted } = derivedOf(crowd.boards)
      t.deepEqual(kept, counted)
      t.deepEqual(insideOf(copy), insideOf(crowd.boards))
      t.deepEqual(insideOf(replay), insideOf(crowd.boards))
      t.deepEqual(derivedOf(copy).kept, kept)
    }),
    { numRuns: 500 },
  )
})
