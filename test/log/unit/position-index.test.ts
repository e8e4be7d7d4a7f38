/** The arrays behind a unit. */
import test from 'ava'
import fc from 'fast-check'
import type { Span } from '../../../log/ranges.ts'
import { DAMAGED, DATA, DECIDED, JUNK, PositionIndex } from '../../../log/unit/position-index.ts'
import { PositionList } from '../../../log/unit/position-list.ts'

function all(list: PositionList): number[] {
  const positions: number[] = []
  for (let at = list.next(0); at >= 0; at = list.next(at + 1)) positions.push(at)
  return positions
}

const junkAt = (position: number): Span => ({ from: position, to: position + 1, step: 1 })

test('what was never set is empty, also far away', (t) => {
  const index = new PositionIndex()
  t.deepEqual(
    [index.flags(0), index.hash(5), index.row(2 ** 50), index.holds(3), index.isDecided(3)],
    [0, 0, 0, false, false],
  )
})

test('data, junk, decided and damaged are kept apart, at the edges of chunks too', (t) => {
  const index = new PositionIndex()
  index.setData(4095, 0xffff_ffff, 3, 77)
  index.setJunk(junkAt(4096))
  index.decide(4095)
  index.damage(4096)
  t.deepEqual(
    [index.flags(4095), index.hash(4095), index.row(4095), index.offset(4095)],
    [DATA | DECIDED, 0xffff_ffff, 3, 77],
  )
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
    {
      weight: 3,
      arbitrary: fc
        .tuple(position, fc.nat(20_000), fc.constantFrom(1, 1, 2, 3))
        .map(([from, count, by]) => (index, long) => {
          if (long) index.setJunk({ from, to: from + count, step: by })
          else for (let at = from; at < from + count; at += by) index.setJunk(junkAt(at))
        }),
    },
    {
      weight: 1,
      arbitrary: position.map((at) => (index) => {
        index.setData(at, at, 2, 3)
      }),
    },
    {
      weight: 1,
      arbitrary: position.map((at) => (index) => {
        index.decide(at)
      }),
    },
    {
      weight: 1,
      arbitrary: position.map((at) => (index) => {
        index.damage(at)
      }),
    },
    {
      weight: 1,
      arbitrary: position.map((at) => (index) => {
        index.forgetBelow(at)
      }),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(position, fc.nat(20_000)).map(([from, count]) => (index, long) => {
        if (long) index.decideRange(from, index.pastJunk(from, from + count, 1))
        else for (let at = from; at < from + count && index.flags(at) === JUNK; at++) index.decide(at)
      }),
    },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const [long, single] = [new PositionIndex(), new PositionIndex()]
      for (const each of steps) {
        each(long, true)
        each(single, false)
      }
      const differs = Array.from({ length: 40_960 }, (_, at) => at).find(
        (at) =>
          long.flags(at) !== single.flags(at) || long.hash(at) !== single.hash(at) || long.row(at) !== single.row(at),
      )
      t.is(differs, undefined)
      for (const range of [
        { from: 0, to: 40_960, step: 1 },
        { from: 4096, to: 9000, step: 1 },
        { from: 5, to: 30_000, step: 3 },
      ]) {
        t.deepEqual(long.digest(range), single.digest(range))
      }
      const passed = ({ from, to, step: by }: Span, stays: (flags: number) => boolean): number => {
        let at = from
        while (at < to && stays(single.flags(at))) at += by
        return Math.min(at, to)
      }
      const isWhole = (flags: number): boolean => (flags & (DATA | JUNK)) !== 0 && (flags & DAMAGED) === 0
      for (const from of [0, 4095, 4096, 10_000]) {
        for (const by of [1, 3]) {
          const from30 = { from, to: 30_000, step: by }
          t.is(Math.min(long.pastWhole(from, 30_000, by), 30_000), passed(from30, isWhole))
          t.is(
            Math.min(long.pastHeld(from, 30_000, by), 30_000),
            passed(from30, (flags) => (flags & ~DECIDED) !== 0),
          )
          const range = { from, to: 30_000, step: by }
          t.deepEqual(
            [long.pastBlank(from, 30_000, by), long.pastJunk(from, 30_000, by), long.pastDecided(from, 30_000, by)].map(
              (at) => Math.min(at, 30_000),
            ),
            [
              passed(range, (flags) => flags === 0),
              passed(range, (flags) => flags === JUNK),
              passed(range, (flags) => (flags & DECIDED) !== 0),
            ],
          )
        }
      }
    }),
    { numRuns: 100 },
  )
})

/** What a digest is by its definition. */
function sumUp(index: PositionIndex, { from, to, step }: Span, sound: boolean): { count: number; sum: number } {
  const found = { count: 0, sum: 0 }
  for (let at = from; at < to; at += step) {
    const flags = index.flags(at)
    if ((flags & (DATA | JUNK)) === 0 || (sound && (flags & DAMAGED) !== 0)) continue
    const place = Math.imul(at, 2_654_435_761)
    const term = (flags & JUNK) !== 0 ? place + 40_503 : place ^ (index.hash(at) + 1)
    found.count++
    found.sum = (found.sum + term) >>> 0
  }
  return found
}

test('P68: digests kept chunk by chunk are what summing up gives, of every class, with and without damage', (t) => {
  const position = fc.oneof(fc.nat(12_000), fc.constantFrom(0, 4095, 4096, 8191, 8192))
  const change = fc.oneof<{ weight: number; arbitrary: fc.Arbitrary<(index: PositionIndex) => void> }[]>(
    {
      weight: 4,
      arbitrary: fc.tuple(position, fc.nat(300), fc.nat(3)).map(([from, count, by]) => (index) => {
        for (let i = 0; i < count; i++) index.setData(from + i * (by + 1), Math.imul(from + i, 77) >>> 0, 1, i)
      }),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(position, fc.nat(9_000), fc.nat(1)).map(([from, count, by]) => (index) => {
        index.setJunk({ from, to: from + count, step: by + 1 })
      }),
    },
    {
      weight: 1,
      arbitrary: position.map((at) => (index) => {
        if (index.holds(at)) index.damage(at)
      }),
    },
    {
      weight: 1,
      arbitrary: position.map((at) => (index) => {
        index.undamage(at)
      }),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(position, fc.nat(9_000)).map(([from, count]) => (index) => {
        index.decideRange(from, index.pastJunk(from, from + count, 1))
      }),
    },
  )
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), fc.nat(4_000), (changes, from) => {
      const index = new PositionIndex()
      for (const each of changes) each(index)
      const to = 16_384
      const some = [
        { from: 0, to, step: 1 },
        { from, to: 12_288, step: 1 },
        { from: 1, to, step: 2 },
      ]
      for (const range of [...some, { from: 0, to, step: 4 }, { from: from * 3, to: 16_000, step: 3 }]) {
        for (const sound of [false, true]) t.deepEqual(index.digest(range, sound), sumUp(index, range, sound))
      }
    }),
    { numRuns: 150 },
  )
})

test('P68: what was put somewhere is unread until it is noted as read, and again when it is put there anew', (t) => {
  const index = new PositionIndex()
  for (const at of [5, 7, 4100]) index.setData(at, 1, 1, 0)
  index.setJunk({ from: 8, to: 4096, step: 1 })
  t.deepEqual([index.unreadIn(0, 0, 9_000), index.unreadIn(0, 6, 7), index.unreadIn(6, 0, 9_000)], [5, 5, 7])
  t.deepEqual([index.unreadIn(8, 0, 9_000), index.unreadIn(8, 0, 4_100)], [4100, -1])
  for (let at = index.unreadIn(0, 0, 9_000); at >= 0; at = index.unreadIn(0, at, 9_000)) index.noteRead(at)
  t.is(index.unreadIn(0, 0, 9_000), -1)
  index.setData(9, 2, 2, 0)
  t.is(index.unreadIn(0, 0, 9_000), 9)
  index.noteRead(9)
  index.setData(6_000, 2, 2, 0)
  t.is(index.unreadIn(0, 0, 9_000), 6_000)
})

test('a digest tells other places, kinds and hashes, also of long ranges of junk', (t) => {
  const digestOf = (fill: (index: PositionIndex) => void): string => {
    const index = new PositionIndex()
    fill(index)
    return JSON.stringify(index.digest({ from: 0, to: 40_960, step: 1 }))
  }
  const junk =
    (from: number, to: number) =>
    (index: PositionIndex): void => {
      index.setJunk({ from, to, step: 1 })
    }
  const digests = [
    digestOf(junk(0, 8192)),
    digestOf(junk(4096, 12_288)),
    digestOf(junk(0, 8191)),
    digestOf(junk(1, 8193)),
    digestOf((index) => {
      junk(0, 8192)(index)
      index.setData(5, 40_503, 1, 1)
    }),
    digestOf((index) => {
      index.setData(1, 7, 1, 1)
      index.setData(2, 9, 1, 1)
    }),
    digestOf((index) => {
      index.setData(1, 9, 1, 1)
      index.setData(2, 7, 1, 1)
    }),
    digestOf(() => undefined),
  ]
  t.is(new Set(digests).size, digests.length)
})

test('what is blank is passed in steps, up to the first position of its class at which something is held', (t) => {
  const index = new PositionIndex()
  t.true(index.pastBlank(5, 9000, 1) >= 9000)
  index.setData(9000, 1, 1, 1)
  t.deepEqual(
    [index.pastBlank(5, 20_000, 1), index.pastBlank(6, 20_000, 3), index.pastBlank(5, 20_000, 3) >= 20_000],
    [9000, 9000, true],
  )
})

test('what is decided is passed up to the first position that is not, without an end too', (t) => {
  const index = new PositionIndex()
  index.setJunk({ from: 10, to: 20_000, step: 1 })
  index.decideRange(10, 15_000)
  t.deepEqual(
    [
      index.pastDecided(10, Infinity, 1),
      index.pastDecided(9, Infinity, 1),
      index.pastDecided(10, Infinity, 7),
      index.pastJunk(15_000, 30_000, 1),
    ],
    [15_000, 9, 15_004, 20_000],
  )
})

test('a list behaves like a sorted set', (t) => {
  type Step = { readonly kind: 'add' | 'remove' | 'removeBelow'; readonly position: number }
  const step = fc.oneof<{ weight: number; arbitrary: fc.Arbitrary<Step> }[]>(
    { weight: 5, arbitrary: fc.nat(60).map((position) => ({ kind: 'add', position })) },
    { weight: 2, arbitrary: fc.nat(60).map((position) => ({ kind: 'remove', position })) },
    { weight: 1, arbitrary: fc.nat(60).map((position) => ({ kind: 'removeBelow', position })) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.nat(61), (steps, bound) => {
      const list = new PositionList()
      let model: number[] = []
      for (const { kind, position } of steps) {
        list[kind](position)
        if (kind === 'add') model = [...new Set([...model, position])].sort((a, b) => a - b)
        else model = model.filter((one) => (kind === 'remove' ? one !== position : one >= position))
      }
      t.deepEqual(all(list), model)
      t.is(list.length, model.length)
      t.is(list.next(bound), model.find((one) => one >= bound) ?? -1)
    }),
    { numRuns: 1500 },
  )
})

test('a list of ten thousand in order, its beginning dropped again and again, keeps the rest', (t) => {
  const list = new PositionList()
  Array.from({ length: 10_000 }, (_, i) => i).forEach((i) => {
    list.add(i)
    if (i % 100 === 99) list.removeBelow(i - 49)
  })
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
