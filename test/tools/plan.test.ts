/** What the next epoch would change, and what may be lost on the way: from layouts alone. */
import test from 'ava'
import type { Intent, Survey } from '../../log/epochs/intent.ts'
import { nextLayout } from '../../log/epochs/next-layout.ts'
import { openSegment, type Layout } from '../../log/layout.ts'
import type { Identity } from '../../log/wire/control.ts'
import { lowered, planOf, planText, wantedLayout, type Holding, type Plan } from '../../tools/cluster/plan.ts'
import { layoutOf } from '../log/layouts.ts'

const answerOf = (name: string, kind = 'unit'): Identity => ({
  kind,
  identity: name,
  acceptor: `acceptor-${name}`,
  boot: `${name}-1`,
  role: 'serving',
  cluster: 'c1',
  epoch: 4,
  opened: 4,
  sealed: 4,
  slot: 4,
  initialised: true,
})
const surveyOf = (...names: readonly string[]): Survey => new Map(names.map((name) => [`${name}:1`, answerOf(name)]))
const baseOf = (...chains: readonly (readonly string[])[]): Layout =>
  layoutOf({
    epoch: 4,
    tail: 50,
    chains,
    acceptors: chains
      .flat()
      .slice(0, chains.flat().length >= 3 ? 3 : 1)
      .map((name) => `acceptor-${name}`),
  })
const holding: Holding = { trim: 0, highest: 99, bytes: 10_000 }

function plan(base: Layout, survey: Survey, intent: Intent, holdings: readonly string[] = ['a']): Plan {
  return planOf({
    base,
    next: nextLayout(base, survey, intent),
    survey,
    holdings: new Map(holdings.map((name) => [name, holding])),
  })
}

test('from one unit to three: two copies of what the first holds, and no loss is survived before the merge', (t) => {
  const made = plan(baseOf(['a']), surveyOf('a', 'b', 'c'), { join: [{ address: 'b:1' }, { address: 'c:1' }] })
  t.deepEqual(
    made.joins.map(({ address, chain }) => [address, chain]),
    [
      ['b:1', 0],
      ['c:1', 0],
    ],
  )
  t.deepEqual(made.closes, [{ from: 0, to: 66 }])
  // The segment is closed at the tail of 50 and a window of 16, so that 66 of the 100 positions are copied.
  t.deepEqual(made.copies, [
    { unit: 'b:1', source: 'a:1', from: 0, to: 66, positions: 66, bytes: 6_600 },
    { unit: 'c:1', source: 'a:1', from: 0, to: 66, positions: 66, bytes: 6_600 },
  ])
  t.deepEqual(made.chains, [{ chain: 0, now: 0, during: 0, after: 2 }])
  t.deepEqual(made.acceptors, { now: { count: 1, losses: 0 }, after: { count: 3, losses: 1 } })
  t.regex(
    planText(made),
    /chain 0 +may lose units: now none, until .* merged none, then 2\nacceptors +1 -> 3, may lose: now none, then 1$/,
  )
})

test(
  'replacing a unit that lives: it is read until its positions are copied, and the chain survives as much as '
    + 'before',
  (t) => {
    const made = plan(baseOf(['a', 'b', 'c']), surveyOf('a', 'b', 'c', 'd'), {
      drop: ['c'],
      join: [{ address: 'd:1', chain: 0 }],
    })
    t.deepEqual(made.leaves, [{ address: 'c:1', identity: 'c', readUntilMerged: true }])
    t.deepEqual(made.chains, [{ chain: 0, now: 2, during: 2, after: 2 }])
  },
)

test('replacing a unit that is gone: until the merge the chain survives one loss less', (t) => {
  const made = plan(baseOf(['a', 'b', 'c']), surveyOf('a', 'b', 'd'), {
    drop: ['c'],
    join: [{ address: 'd:1', chain: 0 }],
  })
  t.deepEqual(made.leaves, [{ address: 'c:1', identity: 'c', readUntilMerged: false }])
  t.deepEqual(made.chains, [{ chain: 0, now: 1, during: 1, after: 2 }])
  t.deepEqual(made.acceptors.now, { count: 3, losses: 0 })
})

test('what a plan takes from what the cluster survives is said; what is lost already, or moved, is not', (t) => {
  const three = baseOf(['a', 'b', 'c'])
  const removed = lowered(plan(three, surveyOf('a', 'b', 'c'), { drop: ['c'] }))
  t.deepEqual(removed, ['chain 0 may lose 1 unit, now 2 units', 'of the acceptors may be lost none, now 1'])
  const striped = lowered(plan(three, surveyOf('a', 'b', 'c'), { chains: [['a:1'], ['b:1', 'c:1']] }))
  t.deepEqual(striped.slice(0, 2), ['chain 0 may lose no unit, now 2 units', 'chain 1 may lose 1 unit, now 2 units'])
  t.deepEqual(lowered(plan(three, surveyOf('a', 'b'), { drop: ['c'] })), [])
  const replaced: Intent = { drop: ['c'], join: [{ address: 'd:1', chain: 0 }] }
  t.deepEqual(lowered(plan(three, surveyOf('a', 'b', 'c', 'd'), replaced)), [])
  const grown: Intent = { join: [{ address: 'b:1' }, { address: 'c:1' }] }
  t.deepEqual(lowered(plan(baseOf(['a']), surveyOf('a', 'b', 'c'), grown)), [])
  const spare = layoutOf({ epoch: 4, tail: 50, chains: [['a']], acceptors: ['acceptor-a'], spares: ['d'] })
  t.deepEqual(lowered(plan(spare, surveyOf('a', 'd'), { drop: ['d'] })), ['0 spares wait, now 1'])
  t.deepEqual(lowered(plan(spare, surveyOf('a', 'd'), { join: [{ address: 'd:1', chain: 0 }] })), [])
})

test('taking one of three out leaves one acceptor, which survives no loss', (t) => {
  const made = plan(baseOf(['a', 'b', 'c']), surveyOf('a', 'b', 'c'), { drop: ['c'] })
  t.deepEqual([made.copies, made.closes, made.acceptors.after], [[], [{ from: 0, to: 66 }], { count: 1, losses: 0 }])
  t.deepEqual(made.chains, [{ chain: 0, now: 2, during: 1, after: 1 }])
})

test('striping: units hold their classes already, chains get shorter', (t) => {
  const made = plan(baseOf(['a', 'b']), surveyOf('a', 'b'), { chains: [['a:1'], ['b:1']] })
  t.deepEqual(made.copies, [])
  t.deepEqual(made.chains, [
    { chain: 0, now: 1, during: 0, after: 0 },
    { chain: 1, now: undefined, during: 0, after: 0 },
  ])
})

test('back to one chain: each copies the class of the other', (t) => {
  const made = plan(baseOf(['a'], ['b']), surveyOf('a', 'b'), { chains: [['a:1', 'b:1']] }, ['a', 'b'])
  // 33 positions of a class, 10,000 bytes over the 50 that each of them holds of 100.
  t.deepEqual(made.copies, [
    { unit: 'a:1', source: 'b:1', from: 1, to: 66, positions: 33, bytes: 6_600 },
    { unit: 'b:1', source: 'a:1', from: 0, to: 66, positions: 33, bytes: 6_600 },
  ])
  t.deepEqual(made.chains, [{ chain: 0, now: 0, during: 0, after: 1 }])
})

test('a source of which nothing is known: positions, but no bytes', (t) => {
  const made = plan(baseOf(['a']), surveyOf('a', 'b'), { join: [{ address: 'b:1' }] }, [])
  t.deepEqual(
    made.copies.map(({ positions, bytes }) => [positions, bytes]),
    [[66, undefined]],
  )
})

test('a spare joins no chain and copies nothing', (t) => {
  const made = plan(baseOf(['a']), surveyOf('a', 'b'), { spares: ['b:1'] })
  t.deepEqual([made.joins.map(({ address, chain }) => [address, chain]), made.copies], [[['b:1', undefined]], []])
  t.is(openSegment(nextLayout(baseOf(['a']), surveyOf('a', 'b'), { spares: ['b:1'] })).chains.flat().length, 1)
})

test(
  'Y4: who has the only copy of closed positions and does not answer cannot be taken out; the error says what '
    + 'can be done',
  (t) => {
    const [open] = baseOf(['a', 'b']).segments
    const base: Layout = {
      ...baseOf(['a', 'b']),
      segments: [
        { from: 0, to: 40, kind: 'chain', chains: [open?.chains[0]?.slice(0, 1) ?? []] },
        { from: 40, to: null, kind: 'chain', chains: open?.chains ?? [] },
      ],
    }
    t.throws(() => wantedLayout(base, surveyOf('b'), { drop: ['a'] }), {
      code: 'NOT_WHOLE',
      message: /\[0, 40\) would lose its last whole copy \(a:1\): start that unit again and wait.*sirtaki recover/,
    })
    t.is(wantedLayout(base, surveyOf('a', 'b'), {}), base)
  },
)
