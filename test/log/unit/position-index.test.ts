/** The arrays behind a unit. */
import test from 'ava'
import fc from 'fast-check'
import { DAMAGED, DATA, DECIDED, JUNK, PositionIndex } from '../../../log/unit/position-index.ts'
import { PositionList } from '../../../log/unit/position-list.ts'
import type { JunkRange } from '../../../log/ranges.ts'

function all(list: PositionList): number[] {
  const positions: number[] = []
  for (let at = list.next(0); at >= 0; at = list.next(at + 1)) positions.push(at)
  return positions
}

const junkAt = (position: number): JunkRange => ({ from: position, to: position + 1, step: 1 })

test('what was never set is empty, also far away', (t) => {
  const index = new PositionIndex()
  t.deepEqual([index.flags(0), index.hash(5), index.row(2 ** 50), index.holds(3), index.isDecided(3)], [0, 0, 0, false, false])
})

test('data, junk, decided and damaged are kept apart, at the edges of chunks too', (t) => {
  const index = new PositionIndex()
  index.setData(4095, 0xffff_ffff, 3, 77)
  index.setJunk(junkAt(4096))
  index.decide(4095)
  index.damage(4096)
  t.deepEqual([index.flags(4095), index.hash(4095), index.row(4095), index.offset(4095)], [DATA | DECIDED, 0xffff_ffff, 3, 77])
  t.deepEqual([index.flags(4096), index.flags(4094), index.flags(4097)], [JUNK | DAMAGED, 0, 0])
  index.setData(4096, 1, 2, 3)
  t.is(index.flags(4096), DATA)
})

test('forgetting drops whole chunks below a position and nothing else', (t) => {
  const index = new PositionIndex()
  index.setJunk(junkAt(10))
  index.setJunk(junkAt(4100))
  index.setJunk(junkAt(9000))
  index.forgetBelow(4200)
  t.deepEqual([index.flags(10), index.flags(4100), index.flags(9000)], [0, JUNK, JUNK])
})

test('junk in long ranges is what it is one by one, also where something else is held or comes later', (t) => {
  const position = fc.oneof(fc.nat(20_000), fc.constantFrom(0, 4095, 4096, 4097, 8192, 12_288))
  const step = fc.oneof<{ weight: number; arbitrary: fc.Arbitrary<(index: PositionIndex, long: boolean) => void> }[]>(
    { weight: 3, arbitrary: fc.tuple(position, fc.nat(20_000), fc.constantFrom(1, 1, 2, 3)).map(([from, count, by]) => (index, long) => {
      if (long) index.setJunk({ from, to: from + count, step: by })
      else for (let at = from; at < from + count; at += by) index.setJunk(junkAt(at))
    }) },
    { weight: 1, arbitrary: position.map((at) => (index) => { index.setData(at, at, 2, 3) }) },
    { weight: 1, arbitrary: position.map((at) => (index) => { index.decide(at) }) },
    { weight: 1, arbitrary: position.map((at) => (index) => { index.damage(at) }) },
    { weight: 1, arbitrary: position.map((at) => (index) => { index.forgetBelow(at) }) },
    { weight: 2, arbitrary: fc.tuple(position, fc.nat(20_000)).map(([from, count]) => (index, long) => {
      if (long) index.decideRange(from, index.pastJunk(from, from + count, 1))
      else for (let at = from; at < from + count && index.flags(at) === JUNK; at++) index.decide(at)
    }) },
  )
  fc.assert(fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
    const [long, single] = [new PositionIndex(), new PositionIndex()]
    for (const each of steps) { each(long, true); each(single, false) }
    const differs = Array.from({ length: 40_960 }, (_, at) => at).find((at) => long.flags(at) !== single.flags(at) || long.hash(at) !== single.hash(at) || long.row(at) !== single.row(at))
    t.is(differs, undefined)
    for (const range of [{ from: 0, to: 40_960, step: 1 }, { from: 4096, to: 9000, step: 1 }, { from: 5, to: 30_000, step: 3 }]) t.deepEqual(long.digest(range), single.digest(range))
    const passed = ({ from, to, step: by }: JunkRange, stays: (flags: number) => boolean): number => { let at = from; while (at < to && stays(single.flags(at))) at += by; return Math.min(at, to) }
    for (const from of [0, 4095, 4096, 10_000]) for (const by of [1, 3]) {
      const range = { from, to: 30_000, step: by }
      t.deepEqual([long.pastBlank(from, 30_000, by), long.pastJunk(from, 30_000, by), long.pastDecided(from, 30_000, by)].map((at) => Math.min(at, 30_000)), [passed(range, (flags) => flags === 0), passed(range, (flags) => flags === JUNK), passed(range, (flags) => (flags & DECIDED) !== 0)])
    }
  }), { numRuns: 100 })
})

test('a digest tells other places, kinds and hashes, also of long ranges of junk', (t) => {
  const digestOf = (fill: (index: PositionIndex) => void): string => { const index = new PositionIndex(); fill(index); return JSON.stringify(index.digest({ from: 0, to: 40_960, step: 1 })) }
  const junk = (from: number, to: number) => (index: PositionIndex): void => { index.setJunk({ from, to, step: 1 }) }
  const digests = [
    digestOf(junk(0, 8192)), digestOf(junk(4096, 12_288)), digestOf(junk(0, 8191)), digestOf(junk(1, 8193)), digestOf((index) => { junk(0, 8192)(index); index.setData(5, 40_503, 1, 1) }),
    digestOf((index) => { index.setData(1, 7, 1, 1); index.setData(2, 9, 1, 1) }), digestOf((index) => { index.setData(1, 9, 1, 1); index.setData(2, 7, 1, 1) }), digestOf(() => undefined),
  ]
  t.is(new Set(digests).size, digests.length)
})

test('what is blank is passed in steps, up to the first position of its class at which something is held', (t) => {
  const index = new PositionIndex()
  t.true(index.pastBlank(5, 9000, 1) >= 9000)
  index.setData(9000, 1, 1, 1)
  t.deepEqual([index.pastBlank(5, 20_000, 1), index.pastBlank(6, 20_000, 3), index.pastBlank(5, 20_000, 3) >= 20_000], [9000, 9000, true])
})

test('what is decided is passed up to the first position that is not, without an end too', (t) => {
  const index = new PositionIndex()
  index.setJunk({ from: 10, to: 20_000, step: 1 })
  index.decideRange(10, 15_000)
  t.deepEqual([index.pastDecided(10, Infinity, 1), index.pastDecided(9, Infinity, 1), index.pastDecided(10, Infinity, 7), index.pastJunk(15_000, 30_000, 1)], [15_000, 9, 15_004, 20_000])
})

test('a list behaves like a sorted set', (t) => {
  type Step = { readonly kind: 'add' | 'remove' | 'removeBelow'; readonly position: number }
  const step = fc.oneof<{ weight: number; arbitrary: fc.Arbitrary<Step> }[]>(
    { weight: 5, arbitrary: fc.nat(60).map((position) => ({ kind: 'add', position })) },
    { weight: 2, arbitrary: fc.nat(60).map((position) => ({ kind: 'remove', position })) },
    { weight: 1, arbitrary: fc.nat(60).map((position) => ({ kind: 'removeBelow', position })) },
  )
  fc.assert(fc.property(fc.array(step, { maxLength: 80 }), fc.nat(61), (steps, bound) => {
    const list = new PositionList()
    let model: number[] = []
    for (const { kind, position } of steps) {
      list[kind](position)
      if (kind === 'add') model = [...new Set([...model, position])].sort((a, b) => a - b)
      else model = model.filter((one) => kind === 'remove' ? one !== position : one >= position)
    }
    t.deepEqual(all(list), model)
    t.is(list.length, model.length)
    t.is(list.next(bound), model.find((one) => one >= bound) ?? -1)
  }), { numRuns: 1500 })
})

test('a list of ten thousand in order, its beginning dropped again and again, keeps the rest', (t) => {
  const list = new PositionList()
  Array.from({ length: 10_000 }, (_, i) => i).forEach((i) => { list.add(i); if (i % 100 === 99) list.removeBelow(i - 49) })
  t.deepEqual([list.length, list.next(0), list.next(9999), list.next(10_000)], [50, 9950, 9999, -1])
})

test('positions that come out of order into full blocks, and far from one another, are kept in order', (t) => {
  const list = new PositionList()
  const far = [2 ** 40, 2 ** 40 + 1, 2 ** 52]
  for (let at = 0; at < 40_000; at += 2) list.add(at)
  for (const at of far) list.add(at)
  for (let at = 39_999; at > 0; at -= 2) list.add(at)
  t.deepEqual(all(list), [...Array.from({ length: 40_000 }, (_, at) => at), ...far])
  list.removeBelow(2 ** 40 + 1)
  t.deepEqual(all(list), far.slice(1))
})
