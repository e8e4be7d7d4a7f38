/** Reading back: what others are given up for is read from the disk, each row once. */
import test from 'ava'
import { readBack } from '../../../log/unit/read-back.ts'
import { UnitBench } from './bench.ts'

/** Positions 0, 2, ... in one row, 1, 3, ... in another. */
function interleaved(): UnitBench {
  const bench = new UnitBench('a')
  bench.storeEntries([0, 2, 4, 6].map((position) => ({ position, text: `even ${position}` })))
  bench.commit()
  bench.storeEntries([1, 3, 5, 7].map((position) => ({ position, text: `odd ${position}` })))
  bench.commit()
  return bench
}

const bytesOf = (bench: UnitBench): number =>
  [...bench.store.open().headers].reduce((sum, { bytesLength }) => sum + bytesLength, 0)

test('P68: rows whose positions take turns are read back once each', (t) => {
  const bench = interleaved()
  t.deepEqual(readBack(bench.unit.state, { from: 0, to: 8 }), { done: true, bytes: bytesOf(bench) })
  t.deepEqual(readBack(bench.unit.state, { from: 0, to: 8 }), { done: true, bytes: 0 })
})

test('P68: one row between many others is read back once too', (t) => {
  const bench = new UnitBench('a')
  bench.storeEntries(Array.from({ length: 20 }, (_, i) => ({ position: 2 * i, text: `even ${i}` })))
  bench.commit()
  for (let i = 0; i < 20; i++) {
    bench.storeEntries([{ position: 2 * i + 1, text: `odd ${i}` }])
    bench.commit()
  }
  t.deepEqual(readBack(bench.unit.state, { from: 0, to: 40 }), { done: true, bytes: bytesOf(bench) })
})

test('P68: what is read back damaged is noted, position by position', (t) => {
  const bench = interleaved()
  const [, last] = [...bench.store.open().headers].filter(({ bytesLength }) => bytesLength > 0)
  bench.damagedRows.add(last?.id ?? 0)
  bench.restart({ sameBoot: true })
  t.true(readBack(bench.unit.state, { from: 0, to: 8 }).done)
  t.deepEqual([...bench.unit.state.damaged], [7])
})
