/** The sequencer as a machine, with positions as literals. The window is 16 positions unless said otherwise. */
import test from 'ava'
import { unpackPrevious, type Previous } from '../../log/entry.ts'
import { limits } from '../../log/limits.ts'
import { Sequencer } from '../../sequencer/sequencer.ts'
import { layoutOf, type LayoutShape } from '../log/layouts.ts'

/** A sequencer called `s`, bootstrapped at time 1000. */
function sequencerOf(shape: LayoutShape = {}, streamTailsMax = 100): Sequencer {
  const sequencer = new Sequencer('s', { ...limits, streamTailsMax })
  sequencer.bootstrap(layoutOf({ sequencer: 's', ...shape }), 1000)
  return sequencer
}

const links = (packed: readonly number[] | undefined): Previous[] => (packed ?? []).map(unpackPrevious)

test('Q1: positions are granted once, upwards from the tail', (t) => {
  const s = sequencerOf({ epoch: 2, tail: 40 })
  t.is(s.grant(2, [{ count: 3, streams: [] }], 1000)?.from, 40)
  t.is(
    s.grant(
      2,
      [
        { count: 1, streams: [] },
        { count: 2, streams: [5] },
      ],
      1000,
    )?.from,
    43,
  )
  t.is(s.tail, 46)
})

test('Q1: nothing is granted beyond the window, and grants go on as the prefix moves', (t) => {
  const s = sequencerOf({ window: 8, tail: 10 })
  t.is(s.grant(1, [{ count: 2, streams: [] }], 0)?.from, 10)
  t.is(s.grant(1, [{ count: 2, streams: [] }], 0)?.from, 12)
  t.is(s.grant(1, [{ count: 2, streams: [] }], 0)?.from, 14)
  t.is(s.grant(1, [{ count: 2, streams: [] }], 0)?.from, 16)
  t.is(s.grant(1, [{ count: 1, streams: [] }], 0), undefined)
  s.decided(11, 0)
  t.is(s.grant(1, [{ count: 2, streams: [] }], 0), undefined)
  t.is(s.grant(1, [{ count: 1, streams: [] }], 0)?.from, 18)
})

test('a request for nothing, for too much, or of another epoch is refused and takes nothing', (t) => {
  const s = sequencerOf({ epoch: 2 })
  t.throws(() => s.grant(2, [{ count: 0, streams: [] }], 0), { code: 'BAD_ARGUMENT' })
  t.throws(() => s.grant(2, [{ count: 5, streams: [] }], 0), { code: 'BAD_ARGUMENT' })
  t.throws(() => s.grant(2, [{ count: 0xffff_ffff, streams: [] }], 0), { code: 'BAD_ARGUMENT' })
  t.throws(() => s.grant(2, [{ count: 1, streams: Array.from({ length: 65 }, (_, i) => i) }], 0), {
    code: 'BAD_ARGUMENT',
  })
  t.throws(() => s.grant(1, [{ count: 1, streams: [] }], 0), { code: 'EPOCH' })
  t.throws(() => s.tails(3, []), { code: 'EPOCH' })
  t.is(s.tail, 0)
})

test('Q4: previous names the last entry of each stream, in order of first mention', (t) => {
  const s = sequencerOf()
  t.deepEqual(
    links(
      s.grant(
        1,
        [
          { count: 2, streams: [7] },
          { count: 1, streams: [8] },
        ],
        0,
      )?.previous,
    ),
    [{ before: 0 }, { before: 0 }],
  )
  t.deepEqual(links(s.grant(1, [{ count: 1, streams: [8, 7] }], 0)?.previous), [2, 1])
  t.deepEqual(
    links(
      s.grant(
        1,
        [
          { count: 1, streams: [7] },
          { count: 1, streams: [9, 7] },
        ],
        0,
      )?.previous,
    ),
    [3, { before: 0 }],
  )
  t.deepEqual(s.tails(1, [7, 8, 9, 10]), { tail: 6, streams: [6, 4, 6, 0] })
})

test('Q4: a stream that was not seen in this epoch has nothing since its tail', (t) => {
  const s = sequencerOf({ epoch: 3, tail: 100 })
  t.deepEqual(links(s.grant(3, [{ count: 1, streams: [7] }], 0)?.previous), [{ before: 100 }])
  t.deepEqual(s.tails(3, [8]).streams, [100])
})

test('Q4: a forgotten stream answers with a bound that covers it, the stream used longest ago goes first', (t) => {
  const s = sequencerOf({}, 2)
  s.grant(1, [{ count: 1, streams: [1] }], 0)
  s.grant(1, [{ count: 1, streams: [2] }], 0)
  s.grant(1, [{ count: 1, streams: [1] }], 0)
  s.grant(1, [{ count: 1, streams: [3] }], 0)
  t.is(s.streams, 2)
  t.deepEqual(s.tails(1, [1, 2, 3]).streams, [3, 2, 4])
  s.decided(4, 0)
  t.deepEqual(links(s.grant(1, [{ count: 1, streams: [2] }], 0)?.previous), [{ before: 2 }])
})

test('Q2: one bootstrap an epoch, by the layout that names this start', (t) => {
  const s = new Sequencer('s', limits)
  t.throws(() => s.grant(1, [{ count: 1, streams: [] }], 0), { code: 'NOT_READY' })
  t.throws(
    () => {
      s.bootstrap(layoutOf({ sequencer: 'another' }), 0)
    },
    { code: 'BOOT' },
  )
  s.bootstrap(layoutOf({ epoch: 2, tail: 5, sequencer: 's' }), 0)
  s.grant(2, [{ count: 2, streams: [] }], 0)
  s.bootstrap(layoutOf({ epoch: 2, tail: 5, sequencer: 's' }), 0)
  t.is(s.tail, 7)
  t.throws(
    () => {
      s.bootstrap(layoutOf({ epoch: 2, tail: 9, sequencer: 's' }), 0)
    },
    { code: 'EPOCH' },
  )
  t.throws(
    () => {
      s.bootstrap(layoutOf({ epoch: 1, sequencer: 's' }), 0)
    },
    { code: 'EPOCH' },
  )
  s.bootstrap(layoutOf({ epoch: 3, tail: 30, sequencer: 's' }), 0)
  t.deepEqual([s.epoch, s.tail, s.prefix], [3, 30, 30])
})

test('Q3: log time goes on from the sealed maximum by the own clock, and never back', (t) => {
  const s = sequencerOf({ logTime: 5000 })
  t.is(s.logTime(1000), 5000)
  t.is(s.logTime(1250.75), 5250)
  t.is(s.logTime(1100), 5250)
})

test('Q3: log time begins no lower than its epoch, whatever fraction of a millisecond the clock shows', (t) => {
  const s = new Sequencer('s', limits)
  // Added to 246 and taken away again, this leaves 245.99999999999994.
  const now = 287.76130920569454
  s.bootstrap(layoutOf({ logTime: 246, sequencer: 's' }), now)
  t.is(s.logTime(now), 246)
})

test('Q3: log time does not stand still over an epoch, however long nothing was appended', (t) => {
  const s = sequencerOf({ logTime: 5000 })
  s.bootstrap(layoutOf({ epoch: 2, logTime: 5100, sequencer: 's' }), 601_000)
  t.is(s.logTime(601_000), 605_000)
  t.is(s.logTime(601_010), 605_010)
  s.bootstrap(layoutOf({ epoch: 3, logTime: 700_000, sequencer: 's' }), 602_000)
  t.is(s.logTime(602_001), 700_001)
})

test('L11: overdue is what was granted long ago and is not known decided', (t) => {
  const s = sequencerOf()
  s.grant(1, [{ count: 2, streams: [] }], 100)
  s.grant(1, [{ count: 3, streams: [] }], 200)
  t.deepEqual([s.overdue(99), s.overdue(100), s.overdue(199), s.overdue(200)], [0, 2, 2, 5])
  t.is(s.decided(2, 160), 60)
  t.is(s.decided(2, 170), undefined)
  t.deepEqual([s.overdue(199), s.overdue(200)], [2, 5])
  t.is(s.decided(5, 230), 30)
  t.is(s.overdue(999), 5)
})

test('Q1: what was decided above the tail is skipped and never granted, and pointers cover it', (t) => {
  const s = sequencerOf({ window: 16 })
  s.grant(1, [{ count: 2, streams: [7] }], 0)
  t.is(s.decided(9, 0), 0)
  t.deepEqual([s.tail, s.prefix, s.room], [9, 9, 16])
  t.deepEqual(s.tails(1, [7, 8]), { tail: 9, streams: [9, 9] })
  const next = s.grant(1, [{ count: 1, streams: [7] }], 0)
  t.deepEqual([next?.from, links(next?.previous)], [9, [{ before: 9 }]])
})
