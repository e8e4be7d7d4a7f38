/**
 * A unit with several places: members of closed segments, newcomers, copies and repair. Positions as literals.
 *
 * Read next: `unit.test.ts`, `copy.test.ts` for the flows over these.
 *
 * Long: a list of cases.
 */
import test from 'ava'
import { concat } from '../../../log/bytes/bytes.ts'
import { readEntry } from '../../../log/entry.ts'
import { DAMAGED_HERE, JUNK_DECIDED, TRIMMED, type Held } from '../../../log/wire/messages.ts'
import { bounds, bytesOf, layoutOf, type EntryShape } from '../layouts.ts'
import { A_LOT, HandUnit } from './hand-unit.ts'

/** `a` was in the only chain until 40, from there on it is in the second of two. */
const striped = layoutOf({ epoch: 2, tail: 40, closed: [{ to: 40, chains: [['a', 'b']] }], chains: [['b'], ['a']] })

/** `a` with everything below 40 decided: data at 0 to 3 (0 and 2 on stream 7), junk above; then under `striped`. */
function stripedUnit(): HandUnit {
  const a = new HandUnit('a', { chains: [['a', 'b']] })
  a.storeEntries(fourEntries)
  a.unit.decisions.junk(1, true, [{ from: 4, to: 40, step: 1 }])
  a.unit.membership.seal('c1', 2)
  a.install(striped)
  a.unit.membership.decidedBelow(2, 40)
  a.commit()
  return a
}
const fourEntries: readonly EntryShape[] = [
  { position: 0, links: [[7, { before: 0 }]] },
  { position: 1 },
  { position: 2, links: [[7, 0]] },
  { position: 3 },
]

/** A newcomer `d` beside `a`, which has [0, 40) for itself. */
function newcomer(): HandUnit {
  const d = new HandUnit('d', null)
  d.install(layoutOf({ epoch: 2, tail: 40, closed: [{ to: 40, chains: [['a', 'b']] }], chains: [['a', 'd']] }))
  d.unit.membership.decidedBelow(2, 40)
  d.commit()
  return d
}

const heldAs = (shape: EntryShape): Held => {
  const bytes = bytesOf(shape)
  return {
    position: shape.position,
    kind: 1,
    decided: true,
    damaged: false,
    hash: readEntry(bytes, bounds).hash,
    bytes,
  }
}
const junkAt = (position: number): Held => ({
  position,
  kind: 2,
  decided: true,
  damaged: false,
  hash: 0,
  bytes: undefined,
})
const all40 = { from: 0, to: 40, index: 0, step: 1 }

// ---- places

test('P26: what is its own differs by segment', (t) => {
  const { state } = stripedUnit().unit
  t.deepEqual(
    [0, 1, 39, 40, 41, 42, 43].map((at) => state.places.owns(at)),
    [true, true, true, false, true, false, true],
  )
  t.deepEqual(
    [0, 39, 40, 41, 42].map((at) => state.places.first(at)),
    [0, 39, 41, 41, 43],
  )
  t.deepEqual(
    [0, 38, 39, 41].map((at) => state.places.after(at)),
    [1, 39, 41, 43],
  )
  t.deepEqual(
    [
      [5, 1],
      [5, 2],
      [39, 1],
      [40, 1],
      [40, 2],
      [41, 2],
      [41, 3],
    ].map(([at = 0, step = 0]) => state.places.in(at, step)?.index),
    [0, undefined, 0, undefined, 1, 1, undefined],
  )
  t.deepEqual(
    [5, 40, 41].map((at) => state.places.at(at)?.isFirst),
    [true, undefined, true],
  )
  t.deepEqual(state.places.open, { from: 40, index: 1, step: 2 })
})

test('P26: what it covers ends where the class of the reader changes', (t) => {
  const { state } = stripedUnit().unit
  t.deepEqual(
    [
      [0, 1, 0],
      [39, 1, 0],
      [40, 1, 0],
      [0, 2, 1],
      [40, 2, 1],
      [99, 2, 1],
      [40, 2, 0],
    ].map(([from = 0, step = 0, index = 0]) => state.places.coveredTo(from, step, index)),
    [40, 40, undefined, undefined, Infinity, Infinity, undefined],
  )
})

test('P26: places that adjoin in one class are covered as one, a gap between them is not', (t) => {
  const joined = new HandUnit('a', {
    epoch: 2,
    tail: 40,
    closed: [
      { to: 20, chains: [['a', 'b']] },
      { to: 40, chains: [['a']] },
    ],
    chains: [['a', 'd']],
  }).unit.state
  t.deepEqual([joined.places.coveredTo(0, 1, 0), joined.places.open], [Infinity, { from: 0, index: 0, step: 1 }])
  const gap = new HandUnit('a', {
    epoch: 2,
    tail: 40,
    closed: [
      { to: 20, chains: [['a']] },
      { to: 40, chains: [['b']] },
    ],
    chains: [['a', 'b']],
  }).unit.state
  t.deepEqual(
    [0, 19, 20, 39, 40].map((from) => gap.places.coveredTo(from, 1, 0)),
    [20, 20, undefined, undefined, Infinity],
  )
  t.deepEqual([gap.places.open?.from, gap.places.first(20), gap.places.after(19)], [40, 40, 40])
  const moved = new HandUnit('a', {
    epoch: 2,
    tail: 40,
    closed: [{ to: 40, chains: [['a'], ['b']] }],
    chains: [['b'], ['a']],
  }).unit.state
  t.deepEqual(
    [
      moved.places.coveredTo(0, 2, 0),
      moved.places.coveredTo(40, 2, 1),
      moved.places.coveredTo(0, 2, 1),
      moved.places.coveredTo(40, 2, 0),
      moved.places.open?.from,
    ],
    [40, Infinity, undefined, undefined, 40],
  )
})

test('P26: the prefix goes from one place into the next, and so does what is held', (t) => {
  const a = stripedUnit()
  t.deepEqual([a.unit.state.prefix, a.unit.state.heldTo(), a.unit.state.opened], [41, 41, 2])
  a.storeEntries([{ position: 41 }, { position: 45 }], 2)
  a.mark({ position: 41, epoch: 2 }, 2)
  t.deepEqual([a.unit.state.prefix, a.unit.state.heldTo()], [43, 43])
  t.is(
    a.outcome(() => a.storeEntries([{ position: 42 }], 2)),
    'WRONG_CHAIN',
  )
  t.deepEqual([a.read(0), a.read(39)], ['value 0', JUNK_DECIDED])
})

test('P26: places and prefix are the same after a restart', (t) => {
  const a = stripedUnit()
  a.storeEntries([{ position: 41 }], 2)
  a.mark({ position: 41, epoch: 2 }, 2)
  a.storeEntries([{ position: 43 }], 2)
  a.commit()
  a.restart({ sameBoot: true })
  t.deepEqual(
    [a.unit.state.prefix, a.unit.state.places.open?.from, a.read(2), a.read(41)],
    [43, 40, 'value 2', 'value 41'],
  )
})

test('a range of junk goes by the class of the segment where it begins', (t) => {
  const a = stripedUnit()
  t.deepEqual(a.unit.decisions.junk(2, true, [{ from: 40, to: 46, step: 2 }]), { data: [], trim: 0 })
  t.deepEqual(
    a.unit.decisions.ask({ epoch: 2, from: 40, to: 50, withBytes: true }, A_LOT).held.map(({ position }) => position),
    [41, 43, 45],
  )
  t.is(
    a.outcome((unit) => unit.decisions.junk(2, true, [{ from: 40, to: 46, step: 1 }])),
    'WRONG_CHAIN',
  )
  a.unit.markJunk(2, { from: 40, to: 46, step: 2 })
  t.is(a.unit.state.prefix, 47)
})

test('Y3: a unit of another cluster takes no layout, however late its epoch', (t) => {
  const a = new HandUnit('a', { chains: [['a', 'b']] })
  const restored = { ...layoutOf({ epoch: 1_048_579, tail: 2 ** 41, chains: [['a', 'b']] }), cluster: 'restored' }
  t.is(
    a.outcome(() => {
      a.install(restored)
    }),
    'WRONG_CLUSTER',
  )
  t.is(a.unit.state.layout?.cluster, 'c1')
})

test('Y3: an epoch is not open for a unit that lacks something of a segment that was closed', (t) => {
  const a = new HandUnit('a', { chains: [['a', 'b']] })
  a.storeEntries([{ position: 0 }])
  a.unit.membership.seal('c1', 2)
  a.install(striped)
  t.is(
    a.outcome((unit) => {
      unit.membership.decidedBelow(2, 40)
    }),
    'YOUNG',
  )
  a.unit.decisions.junk(2, true, [{ from: 1, to: 40, step: 1 }])
  t.is(
    a.outcome((unit) => {
      unit.membership.decidedBelow(2, 40)
    }),
    undefined,
  )
})

test('Q4: a stream is complete to the end of the segment, for a reader who counts chains as it does', (t) => {
  const a = stripedUnit()
  t.like(a.unit.readStream({ stream: 7, from: 0, step: 1 }, A_LOT), { completeTo: 40, count: 2 })
  t.like(a.unit.readStream({ stream: 7, from: 40, step: 2, index: 1 }, A_LOT), { completeTo: 41, count: 0 })
  t.is(
    a.outcome((unit) => unit.readStream({ stream: 7, from: 0, step: 2, index: 1 }, A_LOT)),
    'WRONG_CHAIN',
  )
  t.is(
    a.outcome((unit) => unit.readStream({ stream: 7, from: 40, step: 1 }, A_LOT)),
    'WRONG_CHAIN',
  )
  t.is(
    a.outcome((unit) => unit.readStream({ stream: 7, from: 39, step: 3 }, A_LOT)),
    'WRONG_CHAIN',
  )
})

test('P67: who names no chain, or another one, is refused where there are several', (t) => {
  const a = stripedUnit()
  const read = (index?: number): unknown =>
    a.outcome((unit) => unit.readStream({ stream: 7, from: 40, step: 2, index }, A_LOT).count)
  t.deepEqual([read(1), read(0), read()], [0, 'WRONG_CHAIN', 'WRONG_CHAIN'])
  t.is(a.unit.readStream({ stream: 7, from: 0, step: 1 }, A_LOT).count, 2)
})

test('L8: a start below the trim mark is answered with the mark, whoever had it', (t) => {
  const d = newcomer()
  const read = (): unknown => d.outcome((unit) => unit.readStream({ stream: 7, from: 0, step: 1 }, A_LOT).trim)
  t.is(read(), 'WRONG_CHAIN')
  d.unit.membership.trim(2, 40)
  t.is(read(), 40)
})

// ---- members of closed segments only

/** `b`, which has [0, 40) and nothing of the open segment. */
function closedOnly(): HandUnit {
  const b = new HandUnit('b', { chains: [['a', 'b']] })
  b.storeEntries(fourEntries)
  b.unit.membership.seal('c1', 2)
  b.install(layoutOf({ epoch: 2, tail: 40, closed: [{ to: 40, chains: [['a', 'b']] }], chains: [['a', 'd']] }))
  b.unit.decisions.junk(2, false, [{ from: 4, to: 40, step: 1 }])
  b.unit.membership.decidedBelow(2, 40)
  b.commit()
  return b
}

test('P26: a member of closed segments only serves them, and takes nothing new', (t) => {
  const { unit } = closedOnly()
  const b = closedOnly()
  t.deepEqual(
    [unit.state.role, unit.state.places.open, unit.state.prefix, unit.state.heldTo()],
    ['serving', undefined, 40, 40],
  )
  t.deepEqual(
    [unit.state.places.first(40), unit.state.places.after(39), unit.state.places.coveredTo(40, 1, 0)],
    [Infinity, Infinity, undefined],
  )
  t.deepEqual([b.read(0), b.read(39), b.outcome(() => b.read(40))], ['value 0', JUNK_DECIDED, 'WRONG_CHAIN'])
  t.is(
    b.outcome(() => b.storeEntries([{ position: 40 }], 2)),
    'WRONG_CHAIN',
  )
  t.like(unit.readStream({ stream: 7, from: 0, step: 1 }, A_LOT), { completeTo: 40, count: 2 })
})

test('L8: a member of closed segments only does not hold back a trim of what others hold', (t) => {
  const b = closedOnly()
  b.unit.membership.trim(2, 90)
  b.commit()
  t.deepEqual([b.unit.state.trim, b.unit.state.prefix, b.read(39)], [90, 90, TRIMMED])
  b.restart({ sameBoot: true })
  t.deepEqual([b.unit.state.trim, b.unit.state.prefix], [90, 90])
})

test('L8: a unit whose own positions are not all decided refuses a trim, in whatever segment they lie', (t) => {
  const a = stripedUnit()
  t.is(
    a.outcome((unit) => {
      unit.membership.trim(2, 42)
    }),
    'YOUNG',
  )
  a.unit.membership.trim(2, 41)
  t.is(a.unit.state.trim, 41)
})

test('a spare serves nothing, and takes a layout', (t) => {
  const d = new HandUnit('d', null)
  d.install(layoutOf({ epoch: 2, tail: 40, spares: ['d'] }))
  t.deepEqual([d.unit.state.role, d.unit.state.places.list], ['spare', []])
  t.is(
    d.outcome(() => d.storeEntries([{ position: 40 }], 2)),
    'RECOVERING',
  )
})

// ---- newcomers and copies

test('P26: a newcomer holds nothing below the tail, and its prefix begins there', (t) => {
  const d = newcomer()
  t.deepEqual(
    [d.unit.state.role, d.unit.state.prefix, d.unit.state.highest, d.unit.state.opened],
    ['serving', 40, -1, 2],
  )
  t.is(
    d.outcome(() => d.read(0)),
    'WRONG_CHAIN',
  )
  t.is(d.storeEntries([{ position: 40 }], 2), 'ok')
  t.is(
    d.outcome((unit) => {
      unit.membership.install(layoutOf({ epoch: 3, tail: 40, chains: [['a', 'd']] }))
    }),
    'INVARIANT',
  )
})

test('L5, P26: what was copied is equal to its source, and served once the segments are one', (t) => {
  const a = stripedUnit()
  const d = newcomer()
  const { held, to } = a.unit.copies.copyOut(all40, A_LOT)
  t.deepEqual([held.length, to], [40, 40])
  t.true(d.unit.copies.copyIn({ held, junk: [] }) > 100)
  d.commit()
  t.deepEqual(d.unit.copies.digest(all40), a.unit.copies.digest(all40))
  t.is(d.unit.copies.copyIn({ held, junk: [] }), 0)
  t.is(d.unit.takeCommit(), undefined)
  d.restart({ sameBoot: true })
  t.deepEqual(d.unit.copies.digest(all40), a.unit.copies.digest(all40))
  d.install(layoutOf({ epoch: 3, tail: 56, chains: [['a', 'd']] }))
  t.deepEqual(
    [d.read(0), d.read(3), d.read(4), d.stream(7).texts],
    ['value 0', 'value 3', JUNK_DECIDED, ['value 0', 'value 2']],
  )
})

test('P26: a copy gives decided entries of its own only, and ends at the first other one', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([{ position: 0 }, { position: 1 }, { position: 2 }])
  b.mark({ position: 0 })
  b.mark({ position: 2 })
  const ends = (range: { from: number; to: number; index?: number; step?: number; any?: boolean }): unknown => {
    const { to, held } = b.unit.copies.copyOut({ index: 0, step: 1, ...range }, A_LOT)
    return [to, held.map(({ position }) => position)]
  }
  t.deepEqual(ends({ from: 0, to: 3 }), [1, [0]])
  t.deepEqual(ends({ from: 1, to: 3 }), [1, []])
  t.deepEqual(ends({ from: 0, to: 3, step: 2 }), [3, [0, 2]])
  t.deepEqual(ends({ from: 1, to: 3, any: true }), [3, [1, 2]])
  t.deepEqual(ends({ from: 2, to: 9 }), [3, [2]])
})

test('P26: who asks for ranges is told decided junk in ranges, and what was taken is equal', (t) => {
  const a = stripedUnit()
  const [all, odd] = [
    a.unit.copies.copyOut({ ...all40, ranges: true }, A_LOT),
    a.unit.copies.copyOut({ ...all40, index: 1, step: 2, ranges: true }, A_LOT),
  ]
  t.deepEqual(
    [all.held.map(({ position }) => position), all.junk, all.to],
    [[0, 1, 2, 3], [{ from: 4, to: 40, step: 1 }], 40],
  )
  t.deepEqual([odd.held.map(({ position }) => position), odd.junk], [[1, 3], [{ from: 5, to: 40, step: 2 }]])
  t.deepEqual(a.unit.copies.copyOut({ ...all40, any: true, ranges: true }, A_LOT).junk, [])
  const d = newcomer()
  d.unit.copies.copyIn(odd, 2)
  t.deepEqual(
    d.unit.copies.digest({ ...all40, index: 1, step: 2 }),
    a.unit.copies.digest({ ...all40, index: 1, step: 2 }),
  )
  d.unit.copies.copyIn(all)
  d.commit()
  t.deepEqual(d.unit.copies.digest(all40), a.unit.copies.digest(all40))
  d.unit.copies.copyIn(all)
  t.is(d.unit.takeCommit(), undefined)
  d.restart({ sameBoot: true })
  t.deepEqual(d.unit.copies.digest(all40), a.unit.copies.digest(all40))
})

test('L5, L8: a range of junk goes over whatever is there, and not below the trim mark', (t) => {
  const d = newcomer()
  d.unit.copies.copyIn({
    held: [heldAs({ position: 4, text: 'wrong', links: [[9, { before: 0 }]] }), junkAt(5)],
    junk: [],
  })
  d.unit.copies.adoptTrim(3)
  d.unit.copies.copyIn({ held: [], junk: [{ from: 0, to: 8, step: 1 }] })
  d.commit()
  t.is(d.unit.copies.digest(all40).count, 5)
  d.install(layoutOf({ epoch: 3, tail: 56, chains: [['a', 'd']] }))
  t.deepEqual([d.read(2), d.read(4), d.read(7), d.stream(9).texts], [TRIMMED, JUNK_DECIDED, JUNK_DECIDED, []])
})

test('a copy covers a bounded number of positions, however few bytes they need', (t) => {
  const a = new HandUnit('a', { chains: [['a', 'b']] })
  a.unit.decisions.junk(1, true, [{ from: 0, to: 20_000, step: 1 }])
  a.unit.markJunk(1, { from: 0, to: 20_000, step: 1 })
  const { to, held, junk } = a.unit.copies.copyOut({ from: 10, to: 20_000, index: 0, step: 1, ranges: true }, A_LOT)
  t.deepEqual([to, held, junk], [16_394, [], [{ from: 10, to: 16_394, step: 1 }]])
})

test('P26: a copy leaves out what is not its own under the layout, though it has it', (t) => {
  const d = newcomer()
  d.unit.copies.copyIn({ held: [junkAt(0)], junk: [] })
  t.deepEqual(d.unit.copies.copyOut(all40, A_LOT).held, [])
  t.deepEqual(
    d.unit.copies.copyOut({ ...all40, any: true }, A_LOT).held.map(({ position }) => position),
    [0],
  )
})

test('a copy is cut after so many bytes, and by damage', (t) => {
  const a = stripedUnit()
  t.deepEqual([a.unit.copies.copyOut(all40, 1).to, a.unit.copies.copyOut(all40, 1).held.length], [1, 1])
  a.restart({ sameBoot: true })
  a.damagedRows.add(1)
  t.deepEqual(
    a.unit.copies.copyOut(all40, A_LOT).held.map(({ position }) => position),
    [0, 1, 2],
  )
  t.deepEqual([...a.unit.state.damaged], [3])
})

test('L5: a copy of a decided value goes over whatever is there, data and junk, marked or not', (t) => {
  const d = newcomer()
  d.unit.copies.copyIn({
    held: [heldAs({ position: 0, text: 'wrong', links: [[9, { before: 0 }]] }), junkAt(1), heldAs({ position: 2 })],
    junk: [],
  })
  d.commit()
  d.unit.copies.copyIn({
    held: [heldAs({ position: 0, links: [[7, { before: 0 }]] }), heldAs({ position: 1 }), junkAt(2)],
    junk: [],
  })
  d.commit()
  const as = (hand: HandUnit): unknown => {
    hand.install(layoutOf({ epoch: 3, tail: 56, chains: [['a', 'd']] }))
    return [hand.read(0), hand.read(1), hand.read(2), hand.stream(7).texts, hand.stream(9).texts]
  }
  t.deepEqual(as(d), ['value 0', 'value 1', JUNK_DECIDED, ['value 0'], []])
  d.restart({ sameBoot: true })
  t.deepEqual(as(d), ['value 0', 'value 1', JUNK_DECIDED, ['value 0'], []])
})

test('L8: what was trimmed meanwhile does not come back with a copy', (t) => {
  const d = newcomer()
  d.unit.copies.adoptTrim(3)
  t.is(d.unit.copies.copyIn({ held: [heldAs({ position: 2 }), junkAt(1)], junk: [] }), 0)
  t.is(d.unit.copies.digest(all40).count, 0)
  t.true(d.unit.copies.copyIn({ held: [heldAs({ position: 2 }), heldAs({ position: 3 })], junk: [] }) > 0)
  t.is(d.unit.copies.digest(all40).count, 1)
})

test('L8: a trim mark is taken over as far as everything below it is decided here, and never goes back', (t) => {
  const d = newcomer()
  d.unit.copies.adoptTrim(41)
  t.is(d.unit.state.trim, 0)
  d.unit.copies.adoptTrim(40)
  d.unit.copies.adoptTrim(12)
  t.is(d.unit.state.trim, 40)
})

test('a copy that is not what it says it is changes nothing', (t) => {
  const d = newcomer()
  const flipped = bytesOf({ position: 0 })
  flipped[45] = (flipped[45] ?? 0) ^ 1
  t.is(
    d.outcome((unit) => unit.copies.copyIn({ held: [{ ...heldAs({ position: 0 }), bytes: undefined }], junk: [] })),
    'BAD_FRAME',
  )
  t.is(
    d.outcome((unit) =>
      unit.copies.copyIn({ held: [{ ...heldAs({ position: 0 }), bytes: bytesOf({ position: 1 }) }], junk: [] }),
    ),
    'BAD_FRAME',
  )
  t.is(
    d.outcome((unit) => unit.copies.copyIn({ held: [{ ...heldAs({ position: 0 }), bytes: flipped }], junk: [] })),
    'DAMAGED',
  )
  t.is(
    d.outcome((unit) =>
      unit.copies.copyIn({
        held: [{ ...heldAs({ position: 0 }), bytes: concat([bytesOf({ position: 0 }), new Uint8Array(1)]) }],
        junk: [],
      }),
    ),
    'BAD_FRAME',
  )
  t.is(d.unit.copies.digest(all40).count, 0)
})

test('P26: digests sum up any class, also one that is not the own: the parts make the whole', (t) => {
  const a = stripedUnit()
  const [even, odd, whole] = [
    a.unit.copies.digest({ ...all40, step: 2 }),
    a.unit.copies.digest({ ...all40, index: 1, step: 2 }),
    a.unit.copies.digest(all40),
  ]
  t.deepEqual([even.count, odd.count, (even.sum + odd.sum) >>> 0], [20, 20, whole.sum])
  const d = newcomer()
  d.unit.copies.copyIn(a.unit.copies.copyOut({ ...all40, index: 1, step: 2 }, A_LOT))
  t.deepEqual(d.unit.copies.digest({ ...all40, index: 1, step: 2 }), odd)
  t.not(d.unit.copies.digest(all40).sum, whole.sum)
})

// ---- damage

/** `b` with 0 and 1 decided and 2 undecided in one row, whose last entry reads wrong; that of `at` is damaged. */
function damagedUnit(decided: readonly number[]): HandUnit {
  const b = new HandUnit('b')
  b.storeEntries([{ position: 0 }, { position: 1 }])
  for (const position of decided) b.mark({ position })
  b.commit()
  b.storeEntries([{ position: 3 }])
  b.commit()
  b.restart({ sameBoot: true })
  for (const position of decided) b.mark({ position })
  b.damagedRows.add(1)
  b.unit.state.entries.verify(1, { row: -1, bytes: undefined })
  return b
}

test('L4: a damaged entry is mended with the very same one of a peer, and with no other', (t) => {
  const b = damagedUnit([0, 1])
  const { hash, bytes } = heldAs({ position: 1 })
  t.deepEqual([[...b.unit.state.damaged], b.read(1)], [[1], DAMAGED_HERE])
  t.false(b.unit.copies.repair(1, heldAs({ position: 1, text: 'other' }).hash, bytesOf({ position: 1, text: 'other' })))
  t.true(b.unit.copies.repair(1, hash, bytes ?? new Uint8Array(0)))
  b.commit()
  t.deepEqual([b.unit.state.damaged.size, b.read(1), b.unit.state.prefix], [0, 'value 1', 2])
  b.restart({ sameBoot: true })
  t.deepEqual([b.read(0), b.read(1)], ['value 0', 'value 1'])
})

test('L4: a decided entry above the prefix stays decided when it is mended', (t) => {
  const b = damagedUnit([1])
  t.true(b.unit.copies.repair(1, heldAs({ position: 1 }).hash, bytesOf({ position: 1 })))
  t.deepEqual([b.read(1), b.unit.state.prefix], ['value 1', 0])
  b.mark({ position: 0 })
  t.is(b.unit.state.prefix, 2)
})

test('L1: a damaged entry that is not decided is mended by the very bytes, and stays undecided', (t) => {
  const b = damagedUnit([0])
  t.false(b.unit.copies.repair(1, 7, bytesOf({ position: 1 })))
  t.deepEqual([...b.unit.state.damaged], [1])
  t.true(b.unit.copies.repair(1, heldAs({ position: 1 }).hash, bytesOf({ position: 1 })))
  t.deepEqual([b.unit.state.damaged.size, b.unit.state.prefix], [0, 1])
})

test('what was mended, trimmed or written anew is damaged no more', (t) => {
  const b = damagedUnit([0, 1])
  t.true(b.unit.copies.repair(0, 0, bytesOf({ position: 0 })))
  b.unit.membership.trim(1, 2)
  t.deepEqual([b.unit.state.damaged.size, b.unit.copies.repair(1, 0, bytesOf({ position: 1 }))], [0, true])
})

test('damage that was a wrong read is none when it is read again', (t) => {
  const b = damagedUnit([0, 1])
  t.false(b.unit.state.recheck(1))
  t.is(b.read(1), DAMAGED_HERE)
  b.damagedRows.clear()
  t.true(b.unit.state.recheck(1))
  t.deepEqual([b.read(1), b.unit.state.damaged.size], ['value 1', 0])
})
