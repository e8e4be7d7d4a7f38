/** What grows with the log: rows and positions beyond the bounds of a Map and of 32 bits, and what is left behind. */
import test from 'ava'
import fc from 'fast-check'
import { limits } from '../../../log/limits.ts'
import { ChunkTable } from '../../../log/unit/chunk-table.ts'
import { MemoryStore } from '../../../log/unit/memory-store.ts'
import { PositionIndex } from '../../../log/unit/position-index.ts'
import { PositionList, PositionSet } from '../../../log/unit/position-list.ts'
import { RowCache } from '../../../log/unit/row-cache.ts'
import { RowBuilder } from '../../../log/unit/row.ts'
import { Rows } from '../../../log/unit/rows.ts'
import type { StoreImage } from '../../../log/unit/store.ts'
import { Unit } from '../../../log/unit/unit.ts'
import { WideMap } from '../../../log/unit/wide-map.ts'
import { DAMAGED_HERE } from '../../../log/wire/messages.ts'
import { layoutOf, type EntryShape } from '../layouts.ts'
import { HandUnit } from './hand-unit.ts'

const { header } = new RowBuilder().finish(0, 0, [])
const on = (position: number, ...streams: number[]): EntryShape => ({
  position,
  text: `${position} on ${streams.join()}`,
  links: streams.map((stream) => [stream, { before: 0 }]),
})

/** A disk whose last row has this id, as if all that came before had been trimmed. */
function diskAt(id: number): MemoryStore {
  const store = new MemoryStore('a')
  store.apply({ expectEpoch: 0, row: { id, header, bytes: new Uint8Array(0) } })
  return store
}

/** Rows without anything, ids from 1 on. */
function* emptyRows(count: number): StoreImage['headers'] extends Iterable<infer T> ? Generator<T> : never {
  for (let id = 1; id <= count; id++) yield { id, header, bytesLength: 0 }
}

test('P70: a unit with more rows than a Map holds starts, and goes on committing', (t) => {
  const image = { identity: 'a', meta: undefined, epoch: 0, salvaged: false, headers: emptyRows(2 ** 24 + 1) }
  const unit = new Unit({ image, boot: 'a-1', limits, readRow: () => undefined })
  unit.membership.genesis(layoutOf({}))
  t.is(unit.takeCommit()?.row, undefined)
  unit.decisions.settle(1, [{ position: 0, bytes: undefined }])
  t.is(unit.takeCommit()?.row?.id, 2 ** 24 + 2)
})

for (const edge of [2 ** 24, 2 ** 31, 2 ** 32, 2 ** 40]) {
  test(`P70: entries in rows around ${edge} read as written`, (t) => {
    const a = new HandUnit('a', {}, {}, diskAt(edge - 3))
    for (const position of [0, 1, 2, 3, 4, 5]) {
      a.storeEntries([on(position, 7)])
      a.mark(on(position, 7))
      a.commit()
    }
    const all = { texts: ['0 on 7', '1 on 7', '2 on 7', '3 on 7', '4 on 7', '5 on 7'], completeTo: 6 }
    t.deepEqual(a.stream(7), all)
    a.commit()
    a.restart({ sameBoot: true })
    a.mark(on(5, 7))
    t.deepEqual(a.stream(7), all)
  })
}

test('P70: one chunk keeps rows that lie further apart than 32 bits', (t) => {
  const index = new PositionIndex()
  const rows = [2 ** 32 + 5, 2 ** 32 + 6, 2 ** 34, 3, 2 ** 50]
  rows.forEach((row, position) => {
    index.setData(position, 1, row, 0)
  })
  index.setJunk({ from: 1000, to: 1001, step: 1 })
  t.deepEqual(
    rows.map((_, position) => index.row(position)),
    rows,
  )
  t.deepEqual([index.row(1000), index.row(5)], [0, 0])
})

test('a chunk table is a sorted map of numbers, also far from one another', (t) => {
  const key = fc.oneof(fc.nat(3_000), fc.constantFrom(2 ** 24 - 1, 2 ** 24, 2 ** 32 - 1, 2 ** 32, 2 ** 33))
  const step = fc.tuple(fc.constantFrom('set', 'set', 'set', 'delete', 'deleteBelow'), key)
  fc.assert(
    fc.property(fc.array(step), key, (steps, from) => {
      const table = new ChunkTable<number>()
      let model = new Map<number, number>()
      for (const [what, at] of steps) {
        if (what === 'set') {
          table.set(at, at)
          model.set(at, at)
        }
        if (what === 'delete') {
          table.delete(at)
          model.delete(at)
        }
        if (what === 'deleteBelow') {
          table.deleteBelow(at)
          model = new Map([...model].filter(([one]) => one >= at))
        }
      }
      const keys: number[] = []
      for (let at = table.next(0); at >= 0; at = table.next(at + 1)) keys.push(at)
      t.deepEqual(
        keys,
        [...model.keys()].sort((a, b) => a - b),
      )
      t.is(table.get(from), model.get(from))
      t.is(table.next(from), keys.find((one) => one >= from) ?? -1)
    }),
  )
})

test('a wide map goes on in another map when one is full', (t) => {
  const map = new WideMap<number, string>(2)
  for (const key of [1, 2, 3, 4, 5]) map.set(key, `${key}`)
  map.set(2, 'two')
  map.delete(4)
  map.set(6, '6')
  t.deepEqual([map.size, map.get(2), map.get(4), map.get(6)], [5, 'two', undefined, '6'])
  t.deepEqual(
    [...map].toSorted(([a], [b]) => a - b),
    [
      [1, '1'],
      [2, 'two'],
      [3, '3'],
      [5, '5'],
      [6, '6'],
    ],
  )
})

test('L8: of any rows, those below the mark are dropped once, in slices, and no other', (t) => {
  const row = fc.record({ gap: fc.nat(2_000), top: fc.integer({ min: -1, max: 50 }), bytes: fc.nat(10) })
  const trims = fc.array(fc.nat(50), { maxLength: 4 })
  fc.assert(
    fc.property(fc.array(row), trims, fc.integer({ min: 1, max: 5 }), (shapes, marks, most) => {
      const rows = new Rows()
      let id = 2 ** 32 - 1_000
      const all = shapes.map(({ gap, top, bytes }) => ({ id: (id += 1 + gap), top, bytes }))
      for (const one of all) rows.add(one.id, one.top, one.bytes)
      const gone: number[] = []
      let highest = -1
      for (const mark of marks) {
        highest = Math.max(highest, mark)
        rows.dropBelow(highest)
        while (rows.dropping) {
          const slice = rows.takeDropped({ rows: most, bytes: 12 })
          const bytes = slice.map((one) => all.find(({ id: of }) => of === one)?.bytes ?? 0)
          t.true(slice.length <= most && bytes.slice(0, -1).reduce((sum, size) => sum + size, 0) < 12)
          gone.push(...slice)
        }
      }
      t.deepEqual(
        gone.toSorted((a, b) => a - b),
        all.filter(({ top }) => top < highest).map((one) => one.id),
      )
    }),
  )
})

// ---- trims

/** Twelve decided entries, each in a row of its own, that is trimmed below 10. */
function trimmed(over: { dropRowsMax?: number; dropBytesMax?: number }): HandUnit {
  const a = new HandUnit('a', {}, over)
  for (let at = 0; at < 12; at++) {
    a.storeEntries([on(at, 7)])
    a.mark(on(at, 7))
    a.commit()
  }
  a.unit.membership.trim(1, 10)
  return a
}
const rowsOf = (hand: HandUnit): number[] => [...hand.store.open().headers].map(({ id }) => id)

test('L8: a trim drops its rows in slices; the mark comes with the first one', (t) => {
  const a = trimmed({ dropRowsMax: 4 })
  const first = a.unit.takeCommit()
  t.deepEqual([first?.meta !== undefined, first?.drop, a.unit.state.untidy], [true, [1, 2, 3, 4], true])
  t.deepEqual([a.unit.state.trim, a.stream(7, 10).texts], [10, ['10 on 7', '11 on 7']])
  a.unit.state.tidy()
  t.deepEqual(a.unit.takeCommit()?.drop, [5, 6, 7, 8])
  a.unit.state.tidy()
  a.unit.state.tidy()
  t.deepEqual([a.unit.takeCommit()?.drop, a.unit.takeCommit(), a.unit.state.untidy], [[9, 10], undefined, false])
})

test('L8: rows of many bytes make a shorter slice', (t) => {
  t.deepEqual(trimmed({ dropBytesMax: 100 }).unit.takeCommit()?.drop?.length, 2)
})

test('L8: what a restart leaves of a trim is dropped after it, and never read', (t) => {
  const a = trimmed({ dropRowsMax: 4 })
  a.commit()
  a.restart({ sameBoot: true })
  t.deepEqual([rowsOf(a), a.unit.state.untidy], [[5, 6, 7, 8, 9, 10, 11, 12], true])
  t.deepEqual([a.unit.state.index.holds(5), a.unit.state.index.holds(10)], [false, true])
  t.deepEqual(a.stream(7, 10), { texts: ['10 on 7', '11 on 7'], completeTo: 12 })
  for (let left = 4; left > 0; left--) {
    a.unit.state.tidy()
    a.commit()
  }
  t.deepEqual([rowsOf(a), a.unit.state.untidy], [[11, 12], false])
})

test('L8: lists of streams are trimmed in slices, and are read from the mark on meanwhile', (t) => {
  const a = new HandUnit('a')
  for (let at = 0; at < 6_000; at++) a.unit.decisions.settle(1, [{ position: at, bytes: undefined }])
  for (let at = 6_000; at < 12_000; at += 500) a.storeEntries(Array.from({ length: 500 }, (_, i) => on(at + i, at + i)))
  a.storeEntries([on(12_000, 6_000, 11_999)])
  a.commit()
  const { held } = a.unit.decisions.ask({ epoch: 1, from: 0, to: 20_000, withBytes: false }, 1 << 30)
  for (const { position, hash, kind } of held) a.unit.mark(1, position, hash, kind)
  a.unit.membership.trim(1, 12_000)
  t.deepEqual([a.unit.state.untidy, a.unit.state.streams.size], [true, 1_905])
  const last = ['12000 on 6000,11999']
  t.deepEqual(
    [6_000, 11_000, 11_999].map((stream) => a.stream(stream, 12_000).texts),
    [last, [], last],
  )
  a.unit.state.tidy()
  t.deepEqual([a.unit.state.untidy, a.unit.state.streams.size], [false, 2])
})

// ---- what replaces other things

test('Q4: junk over data, and data over it, leave the lists of streams that the first data was on', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([on(0, 7, 8), on(1, 7), on(2, 7)])
  b.commit()
  b.forceJunk(0)
  b.force(on(1, 8))
  b.forceJunk(2)
  b.force(on(2, 8))
  for (const shape of [on(1, 8), on(2, 8)]) b.mark(shape)
  b.markJunk(0)
  const seen = { seven: { texts: [], completeTo: 3 }, eight: { texts: ['1 on 8', '2 on 8'], completeTo: 3 } }
  t.deepEqual({ seven: b.stream(7), eight: b.stream(8) }, seen)
  b.storeEntries([on(3, 9)])
  b.commit()
  b.restart({ sameBoot: true })
  t.deepEqual({ seven: b.stream(7), eight: b.stream(8) }, seen)
})

test('Q4: a position whose bytes were damaged leaves its lists when it is replaced', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([on(0, 7)])
  b.storeEntries([on(1, 7)])
  b.commit()
  b.restart({ sameBoot: true })
  b.damagedRows.add(1)
  t.is(b.unit.decisions.ask({ epoch: 1, from: 1, to: 2, withBytes: true }, 1 << 20).held[0]?.damaged, true)
  b.forceJunk(1)
  b.markJunk(1)
  b.mark(on(0, 7))
  t.deepEqual([[...b.unit.state.damaged], b.read(1) === DAMAGED_HERE, b.stream(7).completeTo], [[], false, 2])
})

test('P70: junk over data looks at no list of a stream, however many there are', (t) => {
  const b = new HandUnit('b')
  b.storeEntries(Array.from({ length: 500 }, (_, at) => on(at, at)))
  b.commit()
  let looks = 0
  const { remove } = PositionList.prototype
  PositionList.prototype.remove = function (position): void {
    looks++
    remove.call(this, position)
  }
  t.teardown(() => {
    PositionList.prototype.remove = remove
  })
  b.unit.decisions.junk(1, false, [{ from: 0, to: 100, step: 1 }])
  t.is(looks, 0)
  t.deepEqual([b.stream(5).texts, b.unit.state.streams.size], [[], 499])
})

test('what is damaged is a sorted set', (t) => {
  const set = new PositionSet()
  for (const position of [9, 3, 5, 3]) set.add(position)
  set.delete(5)
  t.deepEqual([set.size, [...set], set.has(3), set.has(5), set.next(4)], [2, [3, 9], true, false, 9])
  set.deleteBelow(4)
  t.deepEqual([...set], [9])
})

test('rows without bytes are not kept in memory', (t) => {
  const cache = new RowCache(100)
  for (let row = 0; row < 50; row++) cache.set(row, new Uint8Array(0))
  t.is(cache.size, 0)
  for (let row = 0; row < 50; row++) cache.set(row, new Uint8Array(40))
  t.deepEqual([cache.size, cache.get(49)?.byteLength, cache.get(40)], [2, 40, undefined])
  cache.set(49, new Uint8Array(300))
  t.deepEqual([cache.size, cache.get(49)?.byteLength], [1, 300])
})
