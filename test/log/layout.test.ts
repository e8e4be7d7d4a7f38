/** The layout as a value. */
import test from 'ava'
import {
  addressesOf,
  chainOf,
  chainsIn,
  checkLayout,
  isLayout,
  layoutText,
  openSegment,
  placesOf,
  segmentOf,
  unitsOf,
} from '../../log/layout.ts'
import { firstOfClass } from '../../log/ranges.ts'
import { layoutOf } from './layouts.ts'

const twoChains = layoutOf({
  chains: [
    ['a', 'b'],
    ['c', 'd'],
  ],
  sequencer: 's',
})
const unit = (name: string): { identity: string; boot: string; address: string } => ({
  identity: name,
  boot: `${name}-1`,
  address: `${name}:1`,
})

test('positions are striped over the chains, counted from 0 whatever the segment', (t) => {
  const later = checkLayout({
    ...twoChains,
    tail: 30,
    segments: [
      { from: 0, to: 11, kind: 'chain', chains: [[unit('z')]] },
      { from: 11, to: null, kind: 'chain', chains: [[unit('a')], [unit('c')]] },
    ],
  })
  t.deepEqual(
    [0, 1, 2, 7].map((at) => chainOf(twoChains, at).index),
    [0, 1, 0, 1],
  )
  t.deepEqual(
    [10, 11, 12].map((at) => chainOf(later, at).units[0]?.identity),
    ['z', 'c', 'a'],
  )
  t.is(segmentOf(later, 10)?.to, 11)
})

test('a position below the first segment is trimmed', (t) => {
  const trimmed = checkLayout({
    ...twoChains,
    tail: 30,
    segments: [{ from: 20, to: null, kind: 'chain', chains: [[unit('a')]] }],
  })
  t.is(segmentOf(trimmed, 19), undefined)
  t.throws(() => chainOf(trimmed, 19), { code: 'TRIMMED' })
})

test('a layout that contradicts itself is refused with the reason', (t) => {
  t.throws(() => checkLayout({ ...twoChains, acceptors: twoChains.acceptors.slice(0, 2) }), {
    code: 'BAD_LAYOUT',
    message: /odd number/,
  })
  t.throws(() => layoutOf({ acceptors: ['x', 'x', 'y'] }), { code: 'BAD_LAYOUT', message: /acceptor twice/ })
  const oneAddress = ['x', 'y', 'z'].map((identity) => ({ identity, address: identity === 'x' ? 'a:1' : 'c:1' }))
  const twice = { code: 'BAD_LAYOUT', message: /acceptor twice, by the address c:1/ }
  t.throws(() => checkLayout({ ...layoutOf({}), acceptors: oneAddress }), twice)
  t.throws(() => layoutOf({ chains: [['a', 'a']] }), { code: 'BAD_LAYOUT', message: /unit twice/ })
  t.throws(() => layoutOf({ chains: [['a'], ['a']] }), { code: 'BAD_LAYOUT', message: /unit twice/ })
  t.throws(() => checkLayout({ ...twoChains, segments: [{ from: 0, to: 5, kind: 'chain', chains: [[unit('a')]] }] }), {
    code: 'BAD_LAYOUT',
    message: /must be open/,
  })
  t.throws(
    () =>
      checkLayout({
        ...twoChains,
        tail: 9,
        segments: [
          { from: 0, to: 5, kind: 'chain', chains: [[unit('a')]] },
          { from: 6, to: null, kind: 'chain', chains: [[unit('a')]] },
        ],
      }),
    { code: 'BAD_LAYOUT', message: /gap/ },
  )
  t.throws(() => layoutOf({ chains: [] }), { code: 'BAD_LAYOUT' })
  t.throws(() => layoutOf({ chains: [[]] }), { code: 'BAD_LAYOUT' })
  t.throws(() => layoutOf({ epoch: 0 }), { code: 'BAD_LAYOUT' })
  t.throws(() => layoutOf({ window: 3 }), { code: 'BAD_LAYOUT' })
  t.false(isLayout({ ...twoChains, more: 1 }))
})

test('Y1: equal layouts have equal texts, whatever the order of their keys', (t) => {
  const { epoch, ...rest } = twoChains
  t.is(layoutText(checkLayout({ ...rest, epoch })), layoutText(twoChains))
  t.not(layoutText(layoutOf({ tail: 1 })), layoutText(layoutOf({})))
  t.deepEqual(checkLayout(JSON.parse(layoutText(twoChains))), twoChains)
})

test('all members and their addresses are named once', (t) => {
  t.deepEqual(
    unitsOf(twoChains).map(({ identity }) => identity),
    ['a', 'b', 'c', 'd'],
  )
  t.deepEqual(addressesOf(twoChains), ['a:1', 'b:1', 'c:1', 'd:1', 'sequencer:1'])
})

test('the first position of a class at or above another', (t) => {
  t.deepEqual(
    [firstOfClass(0, 1, 3), firstOfClass(1, 1, 3), firstOfClass(2, 1, 3), firstOfClass(9, 0, 1)],
    [1, 1, 4, 9],
  )
})

// ---- segments

/** [0, 20) one chain of `a` and `d`, [20, 30) two chains, open from 30 with `a` in chain 1. */
const segmented = layoutOf({
  epoch: 5,
  tail: 40,
  closed: [
    { to: 20, chains: [['a', 'd']] },
    { to: 30, chains: [['b'], ['a', 'c']] },
  ],
  chains: [
    ['b', 'c'],
    ['d', 'a'],
  ],
  spares: ['e'],
})

test('the places of a unit are ascending, one for each segment that names it', (t) => {
  t.deepEqual(placesOf(segmented, 'a'), [
    { from: 0, to: 20, index: 0, step: 1, isFirst: true },
    { from: 20, to: 30, index: 1, step: 2, isFirst: true },
    { from: 30, to: Infinity, index: 1, step: 2, isFirst: false },
  ])
  t.deepEqual(placesOf(segmented, 'd'), [
    { from: 0, to: 20, index: 0, step: 1, isFirst: false },
    { from: 30, to: Infinity, index: 1, step: 2, isFirst: true },
  ])
  t.deepEqual(placesOf(segmented, 'e'), [])
  t.deepEqual(placesOf(segmented, 'nobody'), [])
})

test('the chains of a range are those of every segment that it reaches into, each with its part', (t) => {
  const parts = (from: number, to: number): unknown[] =>
    chainsIn(segmented, from, to).map((part) => [
      part.from,
      part.to,
      part.index,
      part.step,
      part.units.map(({ identity }) => identity).join(''),
    ])
  t.deepEqual(parts(5, 20), [[5, 20, 0, 1, 'ad']])
  t.deepEqual(parts(19, 31), [
    [19, 20, 0, 1, 'ad'],
    [20, 30, 0, 2, 'b'],
    [20, 30, 1, 2, 'ac'],
    [30, 31, 0, 2, 'bc'],
    [30, 31, 1, 2, 'da'],
  ])
  t.deepEqual(parts(30, 99), [
    [30, 99, 0, 2, 'bc'],
    [30, 99, 1, 2, 'da'],
  ])
  t.deepEqual(parts(7, 7), [])
})

test('units are named once though several segments have them; spares hold nothing', (t) => {
  t.deepEqual(
    unitsOf(segmented).map(({ identity }) => identity),
    ['b', 'c', 'd', 'a'],
  )
  t.deepEqual(addressesOf(segmented), ['b:1', 'c:1', 'd:1', 'a:1', 'e:1'])
  t.deepEqual(openSegment(segmented).from, 30)
})

test('P26: one disk is one member, at one address and in one start, wherever it is named', (t) => {
  const named = (closed: object, open: object): unknown => ({
    ...segmented,
    spares: [],
    segments: [
      { from: 0, to: 20, kind: 'chain', chains: [[closed]] },
      { from: 20, to: null, kind: 'chain', chains: [[open]] },
    ],
  })
  t.notThrows(() => checkLayout(named(unit('a'), unit('a'))))
  t.throws(() => checkLayout(named(unit('a'), { ...unit('a'), boot: 'a-2' })), { code: 'BAD_LAYOUT', message: /copy/ })
  t.throws(() => checkLayout(named(unit('a'), { ...unit('a'), address: 'elsewhere:1' })), {
    code: 'BAD_LAYOUT',
    message: /copy/,
  })
  t.throws(() => checkLayout(named(unit('a'), { ...unit('b'), address: 'a:1' })), {
    code: 'BAD_LAYOUT',
    message: /two units, a and b/,
  })
  t.throws(() => checkLayout({ ...layoutOf({}), spares: [{ ...unit('d'), address: 'a:1' }] }), {
    code: 'BAD_LAYOUT',
    message: /two units/,
  })
})

test('a unit is a member, a spare or absent, and nothing of it twice', (t) => {
  t.throws(() => layoutOf({ spares: ['a'] }), { code: 'BAD_LAYOUT', message: /spare and a member/ })
  t.throws(() => layoutOf({ absent: [{ name: 'a' }] }), { code: 'BAD_LAYOUT', message: /absent and named/ })
  t.throws(() => layoutOf({ spares: ['d'], absent: [{ name: 'd' }] }), {
    code: 'BAD_LAYOUT',
    message: /absent and named/,
  })
  t.notThrows(
    () => layoutOf({ closed: [{ to: 20, chains: [['d']] }], absent: [{ name: 'd' }] }),
    'who still has copies may be absent',
  )
  t.notThrows(() => layoutOf({ closed: [{ to: 20, chains: [['d']] }], spares: ['d'] }), 'and may be a spare')
})

test('a unit twice among the spares, or among the absent, is refused', (t) => {
  t.throws(() => layoutOf({ spares: ['d', 'd'] }), { code: 'BAD_LAYOUT' })
  t.throws(() => layoutOf({ absent: [{ name: 'd' }, { name: 'd' }] }), { code: 'BAD_LAYOUT' })
})

test('segments and the tail fit together', (t) => {
  t.throws(() => layoutOf({ closed: [{ to: 20, chains: [['a']] }], tail: 19 }), {
    code: 'BAD_LAYOUT',
    message: /at or below the tail/,
  })
  t.throws(
    () =>
      layoutOf({
        closed: [
          { to: 20, chains: [['a']] },
          { to: 20, chains: [['a']] },
        ],
        tail: 20,
      }),
    { code: 'BAD_LAYOUT', message: /gap or overlap/ },
  )
  t.throws(
    () =>
      layoutOf({
        closed: [
          { to: 20, chains: [['a']] },
          { to: 10, chains: [['a']] },
        ],
        tail: 20,
      }),
    { code: 'BAD_LAYOUT', message: /gap or overlap/ },
  )
})
