/** The layout as a value. */
import test from 'ava'
import { addressesOf, chainOf, checkLayout, firstOfClass, isLayout, layoutText, segmentOf, unitsOf } from '../../../log/layout/layout.ts'
import { layoutOf } from '../layouts.ts'

const twoChains = layoutOf({ chains: [['a', 'b'], ['c', 'd']], sequencer: 's' })
const unit = (name: string): { identity: string; boot: string; address: string } => ({ identity: name, boot: `${name}-1`, address: `${name}:1` })

test('positions are striped over the chains, counted from 0 whatever the segment', (t) => {
  const later = checkLayout({ ...twoChains, tail: 30, segments: [{ from: 0, to: 11, kind: 'chain', chains: [[unit('z')]] }, { from: 11, to: null, kind: 'chain', chains: [[unit('a')], [unit('c')]] }] })
  t.deepEqual([0, 1, 2, 7].map((at) => chainOf(twoChains, at).index), [0, 1, 0, 1])
  t.deepEqual([10, 11, 12].map((at) => chainOf(later, at).units[0]?.identity), ['z', 'c', 'a'])
  t.is(segmentOf(later, 10)?.to, 11)
})

test('a position below the first segment is trimmed', (t) => {
  const trimmed = checkLayout({ ...twoChains, tail: 30, segments: [{ from: 20, to: null, kind: 'chain', chains: [[unit('a')]] }] })
  t.is(segmentOf(trimmed, 19), undefined)
  t.throws(() => chainOf(trimmed, 19), { code: 'TRIMMED' })
})

test('a layout that contradicts itself is refused with the reason', (t) => {
  t.throws(() => checkLayout({ ...twoChains, acceptors: twoChains.acceptors.slice(0, 2) }), { code: 'BAD_LAYOUT', message: /odd number/ })
  t.throws(() => layoutOf({ acceptors: ['x', 'x', 'y'] }), { code: 'BAD_LAYOUT', message: /acceptor twice/ })
  t.throws(() => layoutOf({ chains: [['a', 'a']] }), { code: 'BAD_LAYOUT', message: /unit twice/ })
  t.throws(() => layoutOf({ chains: [['a'], ['a']] }), { code: 'BAD_LAYOUT', message: /unit twice/ })
  t.throws(() => checkLayout({ ...twoChains, segments: [{ from: 0, to: 5, kind: 'chain', chains: [[unit('a')]] }] }), { code: 'BAD_LAYOUT', message: /must be open/ })
  t.throws(() => checkLayout({ ...twoChains, tail: 9, segments: [{ from: 0, to: 5, kind: 'chain', chains: [[unit('a')]] }, { from: 6, to: null, kind: 'chain', chains: [[unit('a')]] }] }), { code: 'BAD_LAYOUT', message: /gap/ })
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
  t.deepEqual(unitsOf(twoChains).map(({ identity }) => identity), ['a', 'b', 'c', 'd'])
  t.deepEqual(addressesOf(twoChains), ['a:1', 'b:1', 'c:1', 'd:1', 'sequencer:1'])
})

test('the first position of a class at or above another', (t) => {
  t.deepEqual([firstOfClass(0, 1, 3), firstOfClass(1, 1, 3), firstOfClass(2, 1, 3), firstOfClass(9, 0, 1)], [1, 1, 4, 9])
})
