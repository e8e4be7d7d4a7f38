/**
 * The unit as a machine, with positions as literals. `a` is the first unit of its chain, `b` is not.
 *
 * Long: a list of cases.
 */
import test from 'ava'
import fc from 'fast-check'
import { SirtakiError, isError } from '../../../log/errors.ts'
import {
  DAMAGED_HERE,
  DECIDED_OTHER,
  EMPTY,
  JUNK_DECIDED,
  OTHER,
  STORED,
  TRIMMED,
  UNDECIDED,
} from '../../../log/wire/messages.ts'
import { bytesOf, layoutOf } from '../layouts.ts'
import { A_LOT, HandUnit, contentOf, readingOf } from './hand-unit.ts'

const other = { position: 0, text: 'other' }

test('L1: a position is written once; the same entry again is stored again', (t) => {
  const b = new HandUnit('b')
  t.is(b.storeEntries([{ position: 0 }, { position: 1 }]), 'ok')
  t.is(b.storeEntries([{ position: 0 }, { position: 1 }]), 'ok')
  t.deepEqual(b.storeEntries([other, { position: 2 }]), [OTHER, STORED])
  b.mark({ position: 0 })
  t.is(b.read(0), 'value 0')
})

test('L4: what is not decided is not given out', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([{ position: 0, links: [[7, { before: 0 }]] }])
  t.deepEqual([b.read(0), b.read(1)], [UNDECIDED, EMPTY])
  t.deepEqual(b.stream(7), { texts: [], completeTo: 0 })
  b.mark({ position: 0, links: [[7, { before: 0 }]] })
  t.deepEqual(b.stream(7), { texts: ['value 0'], completeTo: 1 })
})

test('L6: only messages of exactly the installed epoch are executed', (t) => {
  const b = new HandUnit('b', { epoch: 3, tail: 0 })
  t.is(
    b.outcome(() => b.storeEntries([{ position: 0 }], 2)),
    'EPOCH',
  )
  t.is(
    b.outcome(() => b.storeEntries([{ position: 0 }], 4)),
    'EPOCH',
  )
  t.is(
    b.outcome(() => b.forceJunk(0, 2)),
    'EPOCH',
  )
  t.is(
    b.outcome((unit) => unit.decisions.junk(4, false, [{ from: 0, to: 1, step: 1 }])),
    'EPOCH',
  )
  t.is(
    b.outcome((unit) => {
      unit.membership.trim(2, 0)
    }),
    'EPOCH',
  )
  t.is(
    b.outcome((unit) => unit.decisions.ask({ epoch: 2, from: 0, to: 1, withBytes: true }, A_LOT)),
    'EPOCH',
  )
  b.storeEntries([{ position: 0 }], 3)
  b.mark({ position: 0, epoch: 3 }, 2)
  t.is(b.read(0), UNDECIDED)
})

test('L6: a token of another epoch and a position below the tail are refused', (t) => {
  const b = new HandUnit('b', { epoch: 2, tail: 10 })
  t.is(
    b.outcome((unit) => unit.store(2, 1, bytesOf({ position: 10, epoch: 1 }))),
    'EPOCH',
  )
  t.is(
    b.outcome(() => b.storeEntries([{ position: 9 }], 2)),
    'EPOCH',
  )
  t.is(
    b.outcome(() => b.storeEntries([{ position: 10 }], 2)),
    'ok',
  )
})

test('a store that is wrong anywhere changes nothing', (t) => {
  const b = new HandUnit('b', { chains: [['b', 'c'], ['d']] })
  t.is(
    b.outcome(() => b.storeEntries([{ position: 0 }, { position: 1 }])),
    'WRONG_CHAIN',
  )
  t.is(
    b.outcome((unit) => unit.store(1, 1, Buffer.concat([bytesOf({ position: 0 }), new Uint8Array(3)]))),
    'BAD_FRAME',
  )
  t.is(
    b.outcome((unit) => unit.store(1, 2, bytesOf({ position: 0 }))),
    'BAD_FRAME',
  )
  t.is(b.read(0), EMPTY)
  t.is(b.unit.takeCommit(), undefined)
})

test('L3: only the first unit decides, and what it holds stays', (t) => {
  const a = new HandUnit('a')
  t.is(a.settle({ position: 0 }), STORED)
  t.is(a.settleJunk(0), OTHER)
  t.is(a.settleJunk(1), STORED)
  t.is(a.settle({ position: 1 }), OTHER)
  t.is(
    a.outcome(() => a.force({ position: 2 })),
    'WRONG_CHAIN',
  )
  const b = new HandUnit('b')
  t.is(
    b.outcome(() => b.settle({ position: 0 })),
    'WRONG_CHAIN',
  )
  t.is(
    b.outcome((unit) => unit.decisions.junk(1, true, [{ from: 1, to: 2, step: 1 }])),
    'WRONG_CHAIN',
  )
})

test('L5: force replaces what is undecided and never what is decided', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([{ position: 0 }, { position: 1 }])
  t.is(b.forceJunk(0), STORED)
  b.markJunk(0)
  t.is(b.read(0), JUNK_DECIDED)
  b.mark({ position: 1 })
  t.is(b.forceJunk(1), DECIDED_OTHER)
  t.is(b.force({ position: 0 }), DECIDED_OTHER)
  t.is(b.read(1), 'value 1')
})

test('an offer for another position, of a newer epoch or damaged is refused', (t) => {
  const a = new HandUnit('a')
  const damaged = bytesOf({ position: 0 })
  damaged[45] = 0
  t.is(
    a.outcome((unit) => unit.decisions.settle(1, [{ position: 1, bytes: bytesOf({ position: 0 }) }])),
    'BAD_FRAME',
  )
  t.is(
    a.outcome((unit) => unit.decisions.settle(1, [{ position: 0, bytes: bytesOf({ position: 0, epoch: 2 }) }])),
    'BAD_FRAME',
  )
  t.is(
    a.outcome((unit) => unit.decisions.settle(1, [{ position: 0, bytes: damaged }])),
    'DAMAGED',
  )
})

test('a mark with another hash or kind decides nothing', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([{ position: 0 }])
  b.mark(other)
  b.markJunk(0)
  b.mark({ position: 1 })
  t.deepEqual([b.read(0), b.read(1), b.unit.state.prefix], [UNDECIDED, EMPTY, 0])
})

test('a range of junk at the first unit goes where nothing is held and names the rest', (t) => {
  const a = new HandUnit('a')
  a.storeEntries([{ position: 1 }, { position: 3 }])
  t.deepEqual(a.unit.decisions.junk(1, true, [{ from: 0, to: 6, step: 1 }]), { data: [1, 3], trim: 0 })
  a.markJunk(0)
  a.mark({ position: 1 })
  a.markJunk(2)
  t.deepEqual(
    [a.read(0), a.read(1), a.read(2), a.read(3), a.read(5), a.read(6)],
    [JUNK_DECIDED, 'value 1', JUNK_DECIDED, UNDECIDED, UNDECIDED, EMPTY],
  )
})

test('a range of junk elsewhere goes over what is undecided and names what is decided', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([{ position: 0 }, { position: 1 }])
  b.mark({ position: 1 })
  t.deepEqual(b.unit.decisions.junk(1, false, [{ from: 0, to: 3, step: 1 }]), { data: [1], trim: 0 })
  b.markJunk(0)
  b.markJunk(2)
  t.deepEqual([b.read(0), b.read(1), b.read(2)], [JUNK_DECIDED, 'value 1', JUNK_DECIDED])
})

test('a range of junk keeps to the positions of the own chain', (t) => {
  const c = new HandUnit('c', {
    chains: [
      ['a', 'b'],
      ['c', 'd'],
    ],
  })
  c.storeEntries([{ position: 5 }])
  t.deepEqual(c.unit.decisions.junk(1, true, [{ from: 0, to: 8, step: 2 }]), { data: [5], trim: 0 })
  t.deepEqual(
    c.unit.decisions
      .ask({ epoch: 1, from: 0, to: 10, withBytes: true }, A_LOT)
      .held.map(({ position, kind }) => [position, kind]),
    [
      [1, 2],
      [3, 2],
      [5, 1],
      [7, 2],
    ],
  )
})

test(
  'L3, L5: a window of junk in one range is what it is in small ones: under data, marked, decided below a '
    + 'tail, after a restart',
  (t) => {
    const to = 20_000
    const fill = (name: string, size: number): HandUnit => {
      const b = new HandUnit(name, { epoch: 1, tail: 0 })
      const ranges = Array.from({ length: Math.ceil(to / size) }, (_, i) => ({
        from: i * size,
        to: Math.min(to, (i + 1) * size),
        step: 1,
      }))
      b.storeEntries([{ position: 0 }, { position: 1 }, { position: 9000 }])
      for (const range of ranges) b.unit.decisions.junk(1, b.isFirst, [range])
      b.commit()
      if (!b.isFirst) b.force({ position: 13_000 })
      b.mark({ position: 0 })
      b.mark({ position: 1 })
      for (const { from, to: end } of ranges) {
        if (from < 16_384) b.unit.markJunk(1, { from, to: Math.min(end, 16_384), step: 1 })
      }
      b.commit()
      return b
    }
    const seen = (b: HandUnit, epoch = 1): string =>
      JSON.stringify([
        contentOf(b, to, epoch),
        b.unit.state.prefix,
        b.unit.state.heldTo(),
        Array.from({ length: to }, (_, at) => b.unit.state.isDecided(at)),
      ])
    for (const name of ['a', 'b']) {
      const [one, many] = [fill(name, 16_384), fill(name, 500)]
      t.deepEqual(one.unit.state.highest, many.unit.state.highest)
      t.true(seen(one) === seen(many))
      for (const b of [one, many]) b.restart({ sameBoot: true })
      t.true(seen(one) === seen(many), 'after a restart')
      for (const b of [one, many]) {
        b.install(layoutOf({ epoch: 2, tail: to }))
        b.unit.membership.decidedBelow(2, to)
        b.commit()
      }
      t.is(one.unit.state.prefix, to)
      t.true(seen(one, 2) === seen(many, 2), 'under the next epoch')
    }
  },
)

test('Q4: what became junk is in no stream any more, and the stream goes on behind it', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([
    { position: 0, links: [[7, { before: 0 }]] },
    { position: 1, links: [[7, 0]] },
  ])
  b.unit.decisions.junk(1, false, [{ from: 0, to: 1, step: 1 }])
  b.markJunk(0)
  b.mark({ position: 1, links: [[7, 0]] })
  t.deepEqual(b.stream(7), { texts: ['value 1'], completeTo: 2 })
  t.is(b.read(0), JUNK_DECIDED)
})

test('Q4: what became junk is in no stream after a restart either', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([
    { position: 0, links: [[7, { before: 0 }]] },
    { position: 1, links: [[7, 0]] },
  ])
  b.commit()
  b.forceJunk(0)
  b.markJunk(0)
  b.mark({ position: 1, links: [[7, 0]] })
  b.storeEntries([{ position: 2 }])
  b.commit()
  b.restart()
  t.deepEqual(b.stream(7), { texts: ['value 1'], completeTo: 2 })
  t.is(b.read(0), JUNK_DECIDED)
})

test('L8: only what is decided may be trimmed; then it is gone, and writing there is told so', (t) => {
  const a = new HandUnit('a')
  a.storeEntries([
    { position: 0, links: [[7, { before: 0 }]] },
    { position: 1, links: [[7, 0]] },
  ])
  t.is(
    a.outcome((unit) => {
      unit.membership.trim(1, 1)
    }),
    'YOUNG',
  )
  a.mark({ position: 0, links: [[7, { before: 0 }]] })
  a.unit.membership.trim(1, 1)
  a.unit.membership.trim(1, 0)
  t.deepEqual([a.read(0), a.read(1), a.unit.state.trim], [TRIMMED, UNDECIDED, 1])
  t.deepEqual(a.storeEntries([other]), [TRIMMED])
  t.deepEqual([a.settleJunk(0), a.unit.readStream({ stream: 7, from: 0, step: 1 }, A_LOT).trim], [TRIMMED, 1])
})

test('L8: the trim mark and the rows that went with it survive a restart', (t) => {
  const a = new HandUnit('a')
  a.storeEntries([{ position: 0 }])
  a.commit()
  a.storeEntries([{ position: 1 }])
  a.commit()
  a.mark({ position: 0 })
  a.unit.membership.trim(1, 1)
  a.commit()
  a.restart()
  t.deepEqual([a.read(0), a.unit.state.trim, a.store.read(1)], [TRIMMED, 1, undefined])
  t.truthy(a.store.read(2))
})

test(
  'L6: a sealed unit refuses everything of the old epoch, also after a restart, and takes nothing of the new '
    + 'one yet',
  (t) => {
    const b = new HandUnit('b')
    b.storeEntries([{ position: 4 }])
    t.like(b.unit.membership.seal('c1', 2), { installed: 1, highest: 4, prefix: 0, heldTo: 0, role: 'sealed' })
    b.commit()
    t.is(
      b.outcome(() => b.storeEntries([{ position: 5 }], 1)),
      'EPOCH',
    )
    t.is(
      b.outcome(() => b.storeEntries([{ position: 25 }], 2)),
      'EPOCH',
    )
    b.restart({ sameBoot: true })
    t.is(
      b.outcome(() => b.storeEntries([{ position: 5 }], 1)),
      'EPOCH',
    )
    t.is(
      b.outcome((unit) => unit.membership.seal('c1', 1)),
      'EPOCH',
    )
    t.is(
      b.outcome((unit) => unit.membership.seal('c2', 3)),
      'WRONG_CLUSTER',
    )
  },
)

test('Q3: what a unit heard of log time under its own epoch it tells when it is sealed', (t) => {
  const b = new HandUnit('b')
  b.unit.membership.hear({ epoch: 2, logTime: 9_000 })
  b.unit.membership.hear({ epoch: 1, logTime: 700.5 })
  b.unit.membership.hear({ epoch: 1, logTime: 600 })
  t.is(b.unit.membership.seal('c1', 2).logTime, 701)
})

test('L6: a layout is installed only by the start that it names, and only when it is no older than the seal', (t) => {
  const b = new HandUnit('b')
  b.unit.membership.seal('c1', 3)
  t.is(
    b.outcome((unit) => {
      unit.membership.install(layoutOf({ epoch: 2 }))
    }),
    'EPOCH',
  )
  t.is(
    b.outcome((unit) => {
      unit.membership.install(layoutOf({ epoch: 3, boots: { b: 'b-2' } }))
    }),
    'BOOT',
  )
  t.is(
    b.outcome((unit) => {
      unit.membership.install(layoutOf({ epoch: 3, chains: [['a', 'c']] }))
    }),
    'NOT_MEMBER',
  )
  t.is(
    b.outcome((unit) => {
      unit.membership.install(layoutOf({ epoch: 3, cluster: 'c2' }))
    }),
    'WRONG_CLUSTER',
  )
  b.install(layoutOf({ epoch: 3, tail: 16 }))
  b.install(layoutOf({ epoch: 3, tail: 16 }))
  t.is(
    b.outcome((unit) => {
      unit.membership.install(layoutOf({ epoch: 3, tail: 17 }))
    }),
    'CONFLICT',
  )
  t.is(b.storeEntries([{ position: 16 }], 3), 'ok')
})

test('L6: a restarted unit executes nothing until an epoch names its new start', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([{ position: 0 }])
  b.commit()
  b.restart()
  t.is(b.unit.state.role, 'recovering')
  t.is(
    b.outcome(() => b.storeEntries([{ position: 1 }])),
    'RECOVERING',
  )
  t.like(b.unit.membership.seal('c1', 2), { role: 'recovering', highest: 0, boot: 'b-2' })
  b.install(layoutOf({ epoch: 2, tail: 17, boots: { b: 'b-2' } }))
  t.is(b.storeEntries([{ position: 17 }], 2), 'ok')
})

test('L6: a tail that does not cover what is held stops the unit', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([{ position: 5 }])
  b.unit.membership.seal('c1', 2)
  t.is(
    b.outcome((unit) => {
      unit.membership.install(layoutOf({ epoch: 2, tail: 5 }))
    }),
    'INVARIANT',
  )
})

test('a blank unit takes only a first layout that names it, and only one', (t) => {
  const b = new HandUnit('b', null)
  t.is(
    b.outcome(() => b.storeEntries([{ position: 0 }])),
    'NOT_READY',
  )
  t.is(
    b.outcome((unit) => {
      unit.membership.genesis(layoutOf({ chains: [['a']] }))
    }),
    'NOT_MEMBER',
  )
  b.unit.membership.genesis(layoutOf({}))
  b.unit.membership.genesis(layoutOf({}))
  t.is(
    b.outcome((unit) => {
      unit.membership.genesis(layoutOf({ cluster: 'c2' }))
    }),
    'NOT_BLANK',
  )
})

test('L6: a blank unit that was sealed refuses what is older, and no first layout takes it', (t) => {
  const b = new HandUnit('b', null)
  t.is(b.unit.membership.seal('c1', 3).installed, 0)
  t.is(
    b.outcome((unit) => {
      unit.membership.install(layoutOf({ epoch: 2 }))
    }),
    'EPOCH',
  )
  t.is(
    b.outcome((unit) => {
      unit.membership.genesis(layoutOf({}))
    }),
    'NOT_BLANK',
  )
  b.unit.membership.install(layoutOf({ epoch: 3 }))
  t.is(b.unit.state.role, 'serving')
})

test('Y3: an epoch is not open while something below its tail is empty', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([{ position: 0 }, { position: 2 }])
  b.unit.membership.seal('c1', 2)
  b.install(layoutOf({ epoch: 2, tail: 4 }))
  t.is(
    b.outcome((unit) => {
      unit.membership.decidedBelow(2, 4)
    }),
    'YOUNG',
  )
  b.forceJunk(1, 2)
  t.is(
    b.outcome((unit) => {
      unit.membership.decidedBelow(2, 4)
    }),
    'YOUNG',
  )
  b.forceJunk(3, 2)
  t.is(
    b.outcome((unit) => {
      unit.membership.decidedBelow(2, 5)
    }),
    'CONFLICT',
  )
  b.unit.membership.decidedBelow(2, 4)
  t.deepEqual(
    [b.unit.state.prefix, b.unit.state.opened, b.read(0), b.read(1), b.read(2)],
    [4, 2, 'value 0', JUNK_DECIDED, 'value 2'],
  )
})

test('damaged bytes are told as damaged, and the rest of the row is served', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([
    { position: 0, links: [[7, { before: 0 }]] },
    { position: 1, links: [[7, 0]] },
  ])
  b.mark({ position: 0, links: [[7, { before: 0 }]] })
  b.mark({ position: 1, links: [[7, 0]] })
  b.commit()
  b.storeEntries([{ position: 2 }])
  b.mark({ position: 2 })
  b.commit()
  b.restart()
  b.damagedRows.add(1)
  t.deepEqual([b.read(0), b.read(1), b.read(1), b.read(2)], ['value 0', DAMAGED_HERE, DAMAGED_HERE, 'value 2'])
  t.deepEqual(b.stream(7), { texts: ['value 0'], completeTo: 1 })
})

test('a row that the disk cannot read is damage, no error of the request', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([{ position: 0, links: [[7, { before: 0 }]] }])
  b.mark({ position: 0, links: [[7, { before: 0 }]] })
  b.commit()
  b.restart()
  b.unreadableRows.set(1, new SirtakiError('DAMAGED', 'the page makes no sense'))
  t.is(b.read(0), DAMAGED_HERE)
  t.deepEqual(b.stream(7), { texts: [], completeTo: 0 })
})

test('a bound on bytes cuts an answer, and the rest can be asked for', (t) => {
  const b = new HandUnit('b')
  b.storeEntries([
    { position: 0, links: [[7, { before: 0 }]] },
    { position: 1, links: [[7, 0]] },
  ])
  b.mark({ position: 0, links: [[7, { before: 0 }]] })
  b.mark({ position: 1, links: [[7, 0]] })
  const cut = b.unit.readStream({ stream: 7, from: 0, step: 1 }, 10)
  t.deepEqual([cut.count, cut.completeTo, cut.more], [1, 1, true])
  t.deepEqual(b.unit.readStream({ stream: 7, from: 1, step: 1 }, 10).count, 1)
  const bounded = b.unit.readStream({ stream: 7, from: 0, step: 1, to: 1 }, 1_000)
  t.deepEqual([bounded.count, bounded.completeTo, bounded.more], [1, 1, false])
  const asked = b.unit.decisions.ask({ epoch: 1, from: 0, to: 9, withBytes: true }, 10)
  t.deepEqual([asked.to, asked.held.length], [1, 1])
})

test('digests are equal exactly when the contents are', (t) => {
  const a = new HandUnit('a')
  const b = new HandUnit('b')
  a.storeEntries([{ position: 0 }, { position: 2 }])
  b.storeEntries([{ position: 2 }, { position: 0 }])
  t.deepEqual(
    a.unit.copies.digest({ from: 0, to: 3, index: 0, step: 1 }),
    b.unit.copies.digest({ from: 0, to: 3, index: 0, step: 1 }),
  )
  b.forceJunk(1)
  t.notDeepEqual(
    a.unit.copies.digest({ from: 0, to: 3, index: 0, step: 1 }),
    b.unit.copies.digest({ from: 0, to: 3, index: 0, step: 1 }),
  )
})

// ---- random operations

const position = fc.nat(24)
const streams = fc.subarray([1, 2, 3])
/** One entry for a position, whoever sends it: tokens are given out once. */
const shapeOf = (
  at: number,
  on: readonly number[],
  epoch: number,
): { position: number; epoch: number; links: (readonly [number, number])[] } => ({
  position: at,
  epoch,
  links: on.map((stream) => [stream, at] as const),
})
type Step = (hand: HandUnit) => void
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(position, streams).map(([at, on]): Step => (hand) => {
      hand.storeEntries([shapeOf(at, on, 1)])
    }),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(position, streams, fc.boolean()).map(([at, on, first]): Step => (hand) => {
      if (first) hand.settle(shapeOf(at, on, 1))
      else hand.force(shapeOf(at, on, 1))
    }),
  },
  {
    weight: 2,
    arbitrary: position.map((at): Step => (hand) => {
      if (hand.isFirst) hand.settleJunk(at)
      else hand.forceJunk(at)
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(position, fc.nat(5)).map(([from, count]): Step => (hand) => {
      hand.unit.decisions.junk(1, hand.isFirst, [{ from, to: from + count, step: 1 }])
    }),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(position, streams).map(([at, on]): Step => (hand) => {
      hand.mark(shapeOf(at, on, 1))
    }),
  },
  {
    weight: 2,
    arbitrary: position.map((at): Step => (hand) => {
      hand.markJunk(at)
    }),
  },
  {
    weight: 1,
    arbitrary: position.map((at): Step => (hand) => {
      hand.unit.membership.trim(1, at)
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Step>((hand) => {
      hand.unit.state.tidy()
    }),
  },
  {
    weight: 3,
    arbitrary: fc.constant<Step>((hand) => {
      hand.commit()
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Step>((hand) => {
      hand.commit()
      hand.restart({ sameBoot: true })
    }),
  },
)

function take(hand: HandUnit, step: Step): void {
  try {
    step(hand)
  } catch (thrown) {
    if (!isError(thrown) || thrown.code === 'INVARIANT') throw thrown
  }
}

test('L9: after any operations a reload holds what was held before', (t) => {
  fc.assert(
    fc.property(fc.constantFrom('a', 'b'), fc.array(steps, { minLength: 1, maxLength: 25 }), (name, all) => {
      const hand = new HandUnit(name, {}, { dropRowsMax: 1 })
      for (const step of all) take(hand, step)
      hand.commit()
      const before = contentOf(hand, 40, 1)
      hand.restart({ sameBoot: true })
      t.deepEqual(contentOf(hand, 40, 1), before)
    }),
    { numRuns: 1500 },
  )
})

test('Q4: after any operations and a reload, readers see what they would have seen without it', (t) => {
  fc.assert(
    fc.property(fc.constantFrom('a', 'b'), fc.array(steps, { minLength: 1, maxLength: 25 }), (name, all) => {
      const hand = new HandUnit(name, {}, { dropRowsMax: 1 })
      for (const step of all) take(hand, step)
      hand.commit()
      const again = new HandUnit(name, null, { dropRowsMax: 1 })
      Object.assign(again, { store: hand.store })
      again.restart({ sameBoot: true })
      t.deepEqual(readingOf(again, 40, 1, [1, 2, 3]), readingOf(hand, 40, 1, [1, 2, 3]))
    }),
    { numRuns: 1500 },
  )
})
