/** Reading back: what others are given up for is read from the disk, each row once. */
import test from 'ava'
import { readBack } from '../../../log/unit/read-back.ts'
import { HandUnit } from './hand-unit.ts'

/** Positions 0, 2, ... in one row, 1, 3, ... in another. */
function interleaved(): HandUnit {
  const hand = new HandUnit('a')
  hand.storeEntries([0, 2, 4, 6].map((position) => ({ position, text: `even ${position}` })))
  hand.commit()
  hand.storeEntries([1, 3, 5, 7].map((position) => ({ position, text: `odd ${position}` })))
  hand.commit()
  return hand
}

const bytesOf = (hand: HandUnit): number =>
  [...hand.store.open().headers].reduce((sum, { bytesLength }) => sum + bytesLength, 0)

test('P68: rows whose positions take turns are read back once each', (t) => {
  const hand = interleaved()
  t.deepEqual(readBack(hand.unit.state, { from: 0, to: 8 }), { done: true, bytes: bytesOf(hand) })
  t.deepEqual(readBack(hand.unit.state, { from: 0, to: 8 }), { done: true, bytes: 0 })
})

test('P68: one row between many others is read back once too', (t) => {
  const hand = new HandUnit('a')
  hand.storeEntries(Array.from({ length: 20 }, (_, i) => ({ position: 2 * i, text: `even ${i}` })))
  hand.commit()
  for (let i = 0; i < 20; i++) {
    hand.storeEntries([{ position: 2 * i + 1, text: `odd ${i}` }])
    hand.commit()
  }
  t.deepEqual(readBack(hand.unit.state, { from: 0, to: 40 }), { done: true, bytes: bytesOf(hand) })
})

test('P68: what is read back damaged is noted, position by position', (t) => {
  const hand = interleaved()
  const [, last] = [...hand.store.open().headers].filter(({ bytesLength }) => bytesLength > 0)
  hand.damagedRows.add(last?.id ?? 0)
  hand.restart({ sameBoot: true })
  t.true(readBack(hand.unit.state, { from: 0, to: 8 }).done)
  t.deepEqual([...hand.unit.state.damaged], [7])
})
