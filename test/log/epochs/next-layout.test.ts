/**
 * The next layout as a function of the last one, of who answered, and of what is wanted.
 *
 * Long: a list of cases.
 */
import test from 'ava'
import { checkDrops, type Survey, type Findings } from '../../../log/epochs/intent.ts'
import { namesAll, nextLayout } from '../../../log/epochs/next-layout.ts'
import { openSegment, type Layout } from '../../../log/layout.ts'
import type { Identity } from '../../../log/wire/control.ts'
import { layoutOf, type LayoutShape } from '../layouts.ts'

const base = layoutOf({ epoch: 4, tail: 50, sequencer: 's' })
const answerOf = (identity: string, boot: string, acceptor: string, kind = 'unit'): Identity => ({
  kind,
  identity,
  acceptor,
  boot,
  role: 'serving',
  cluster: 'c1',
  epoch: 4,
  opened: 4,
  sealed: 4,
  slot: 4,
  initialised: true,
})
/** Everybody as epoch 4 names them, with changes by address; `null` does not answer. */
function surveyOf(changes: Record<string, Identity | null> = {}): Survey {
  const all: Record<string, Identity | null> = {
    'a:1': answerOf('a', 'a-1', 'x'),
    'b:1': answerOf('b', 'b-1', 'y'),
    'c:1': answerOf('c', 'c-1', 'z'),
    'sequencer:1': answerOf('s', 's', '', 'sequencer'),
    ...changes,
  }
  return new Map(Object.entries(all).flatMap(([address, answer]) => (answer === null ? [] : [[address, answer]])))
}
/** These units too, each in its first start. */
const withUnits = (...names: string[]): Record<string, Identity> =>
  Object.fromEntries(names.map((name) => [`${name}:1`, answerOf(name, `${name}-1`, `acceptor-${name}`)]))
/** Units that answer, and nobody else: acceptors are `acceptor-NAME`. */
const only = (...names: string[]): Survey => surveyOf({ 'a:1': null, 'b:1': null, 'c:1': null, ...withUnits(...names) })
const bootsOf = (layout: typeof base): string[] =>
  openSegment(layout)
    .chains.flat()
    .map(({ boot }) => boot)

test('with nothing changed it names the same members, and nothing needs an epoch', (t) => {
  const next = nextLayout(base, surveyOf(), {})
  t.deepEqual(next, { ...base, epoch: 5, tail: base.tail + base.window })
  t.true(namesAll(base, surveyOf(), {}))
})

test('a restarted unit is named by its new start', (t) => {
  const survey = surveyOf({ 'b:1': answerOf('b', 'b-2', 'y') })
  t.deepEqual(bootsOf(nextLayout(base, survey, {})), ['a-1', 'b-2', 'c-1'])
  t.false(namesAll(base, survey, {}))
})

test('Y4: a unit that stays and does not answer, or has another disk, stops it', (t) => {
  t.throws(() => nextLayout(base, surveyOf({ 'c:1': null }), {}), { code: 'UNREACHABLE' })
  t.throws(() => nextLayout(base, surveyOf({ 'c:1': answerOf('blank', 'c-2', 'z') }), {}), { code: 'NOT_WHOLE' })
})

test('a unit is left out by address or identity, also when it does not answer', (t) => {
  const byAddress = nextLayout(base, surveyOf({ 'c:1': null }), { drop: ['c:1'] })
  t.deepEqual(bootsOf(byAddress), ['a-1', 'b-1'])
  t.deepEqual(bootsOf(nextLayout(base, surveyOf(), { drop: ['a'] })), ['b-1', 'c-1'])
  t.is(byAddress.acceptors.length % 2, 1)
})

test('Y4: the last unit of a chain is never left out, and a name that no unit has is refused', (t) => {
  t.throws(() => nextLayout(base, surveyOf(), { drop: ['a', 'b', 'c'] }), { code: 'NOT_WHOLE' })
  t.throws(
    () => {
      checkDrops(base, { drop: ['d'] })
    },
    { code: 'BAD_ARGUMENT', message: /called d/ },
  )
})

test('what was left out already does not have to be left out again', (t) => {
  const next = nextLayout(base, surveyOf(), { drop: ['c'] })
  t.true(namesAll(next, surveyOf(), { drop: ['c'] }))
})

test('a lost register is replaced by the new one of the same unit', (t) => {
  const next = nextLayout(base, surveyOf({ 'b:1': answerOf('b', 'b-2', 'y2') }), {})
  t.deepEqual(next.acceptors.map(({ identity }) => identity).toSorted(), ['x', 'y2', 'z'])
})

test('a sequencer that lives stays, a dead or restarted one is left out, a wanted one is named', (t) => {
  t.is(nextLayout(base, surveyOf(), {}).sequencer?.boot, 's')
  t.is(nextLayout(base, surveyOf({ 'sequencer:1': null }), {}).sequencer, null)
  t.is(nextLayout(base, surveyOf({ 'sequencer:1': answerOf('s2', 's2', '', 'sequencer') }), {}).sequencer, null)
  t.deepEqual(
    nextLayout(base, surveyOf({ 'n:1': answerOf('n', 'n', '', 'sequencer') }), {
      sequencer: { boot: 'n', address: 'n:1' },
    }).sequencer,
    { boot: 'n', address: 'n:1' },
  )
})

test('a sequencer that does not answer is not named', (t) => {
  t.throws(() => nextLayout(base, surveyOf(), { sequencer: { boot: 'n', address: 'n:1' } }), {
    message: /does not answer at n:1/,
  })
})

test('a unit that moved is named by its new address, as unit and as acceptor', (t) => {
  const next = nextLayout(base, surveyOf({ 'b:1': null, 'new:1': answerOf('b', 'b-2', 'y') }), {
    moved: [{ identity: 'b', address: 'new:1' }],
  })
  t.deepEqual(
    openSegment(next)
      .chains.flat()
      .map(({ address }) => address),
    ['a:1', 'new:1', 'c:1'],
  )
  t.deepEqual(
    next.acceptors.map(({ address }) => address),
    ['a:1', 'new:1', 'c:1'],
  )
})

// ---- segments

/** Segments in short: `[0,66) a b c`, chains apart by `|`. */
const segmentsOf = ({ segments }: Layout): string[] =>
  segments.map(
    ({ from, to, chains }) =>
      `[${from},${to ?? ''}) ${chains.map((chain) => chain.map(({ identity }) => identity).join(' ')).join(' | ')}`,
  )
const namesOf = (members: readonly { readonly identity: string }[]): string[] => members.map(({ identity }) => identity)
const whole = (found: Record<number, readonly string[]>): Findings => ({
  whole: new Map(Object.entries(found).map(([from, units]) => [Number(from), new Set(units)])),
})
/** Epoch 4 with tail 50 and acceptors that belong to `a`, `b` and `c`. */
const epoch4 = (shape: LayoutShape): Layout => layoutOf({ epoch: 4, tail: 50, ...shape })

test('P26: a newcomer joins at the tail: there the open segment is closed, and a new one begins', (t) => {
  const next = nextLayout(base, surveyOf(withUnits('d')), { join: [{ address: 'd:1' }] })
  t.deepEqual(segmentsOf(next), ['[0,66) a b c', '[66,) a b c d'])
  t.true(namesAll(next, surveyOf(withUnits('d')), { join: [{ address: 'd:1' }] }))
})

test('P26: where segments begin follows from what sealing has brought', (t) => {
  const next = nextLayout(
    base,
    surveyOf(withUnits('d')),
    { join: [{ address: 'd:1' }] },
    { sealed: { tail: 93, trim: 7, logTime: 8 } },
  )
  t.deepEqual(segmentsOf(next), ['[0,93) a b c', '[93,) a b c d'])
  t.like(next, { tail: 93, trim: 7, logTime: 8 })
})

test('Y4: closed segments are merged only with units of which it is known that they hold all of them', (t) => {
  const copying = epoch4({ closed: [{ to: 20, chains: [['a']] }], chains: [['a', 'b', 'c']] })
  t.deepEqual(segmentsOf(nextLayout(copying, surveyOf(), { merge: true })), ['[0,20) a', '[20,) a b c'])
  t.deepEqual(segmentsOf(nextLayout(copying, surveyOf(), { merge: true }, whole({ 0: ['a', 'c'] }))), [
    '[0,20) a c',
    '[20,) a b c',
  ])
  t.deepEqual(segmentsOf(nextLayout(copying, surveyOf(), { merge: true }, whole({ 0: ['a', 'b', 'c'] }))), [
    '[0,) a b c',
  ])
  t.deepEqual(segmentsOf(nextLayout(copying, surveyOf(), { merge: true }, whole({ 20: ['a', 'b', 'c'] }))), [
    '[0,20) a',
    '[20,) a b c',
  ])
})

test('closed segments take the order of the open chain, so that those of equal chains become one', (t) => {
  const turned = epoch4({
    closed: [
      { to: 20, chains: [['c', 'b', 'a']] },
      { to: 30, chains: [['b']] },
    ],
    chains: [['a', 'b', 'c']],
  })
  t.deepEqual(segmentsOf(nextLayout(turned, surveyOf(), {})), ['[0,20) a b c', '[20,30) b', '[30,) a b c'])
  t.deepEqual(segmentsOf(nextLayout(turned, surveyOf(), { merge: true }, whole({ 20: ['a', 'b', 'c'] }))), [
    '[0,) a b c',
  ])
})

test('Y4: a living unit that is replaced keeps its copies until the new one has them', (t) => {
  const survey = surveyOf(withUnits('d'))
  const intent = { drop: ['c'], join: [{ address: 'd:1', chain: 0 }] }
  const next = nextLayout(base, survey, intent)
  t.deepEqual(segmentsOf(next), ['[0,66) c a b', '[66,) a b d'])
  t.deepEqual([next.absent, next.drops, next.spares], [[], [], []])
  t.true(namesAll(next, survey, intent))
  t.deepEqual(segmentsOf(nextLayout(next, survey, { merge: true }, whole({ 0: ['a', 'b'] }))), [
    '[0,66) c a b',
    '[66,) a b d',
  ])
  t.deepEqual(segmentsOf(nextLayout(next, survey, { merge: true }, whole({ 0: ['a', 'b', 'd'] }))), ['[0,) a b d'])
})

test('Y4: a dead unit that is replaced is gone at once, as long as another one has its copies', (t) => {
  const survey = surveyOf({ 'c:1': null, ...withUnits('d') })
  t.deepEqual(segmentsOf(nextLayout(base, survey, { drop: ['c:1'], join: [{ address: 'd:1' }] })), [
    '[0,66) a b',
    '[66,) a b d',
  ])
  const alone = epoch4({ chains: [['c']], acceptors: ['z'] })
  t.throws(() => nextLayout(alone, survey, { drop: ['c'], join: [{ address: 'd:1' }] }), { code: 'NOT_WHOLE' })
})

test('Y4: the last copy of a closed segment keeps its unit, and what would lose it is refused', (t) => {
  const copying = epoch4({ closed: [{ to: 20, chains: [['c']] }], chains: [['a', 'b', 'c']] })
  const dead = surveyOf({ 'c:1': null })
  t.throws(() => nextLayout(copying, dead, { drop: ['c'] }), { code: 'NOT_WHOLE', message: /\[0, 20\)/ })
  t.throws(() => nextLayout(copying, dead, { absent: ['c'] }), { code: 'NOT_WHOLE', message: /\[0, 20\)/ })
  t.throws(() => nextLayout(copying, surveyOf(), {}, { notWhole: new Set(['c']) }), {
    code: 'NOT_WHOLE',
    message: /\[0, 20\)/,
  })
  t.deepEqual(segmentsOf(nextLayout(copying, surveyOf(), { drop: ['c'] })), ['[0,20) c', '[20,66) c a b', '[66,) a b'])
  t.deepEqual(segmentsOf(nextLayout(copying, dead, { drop: ['c'] }, whole({ 0: ['a'] }))), ['[0,20) a', '[20,) a b'])
  t.deepEqual(
    segmentsOf(
      nextLayout(copying, dead, { drop: ['c'] }, { ...whole({}), sealed: { tail: 66, trim: 20, logTime: 0 } }),
    ),
    ['[20,) a b'],
  )
})

test('Y4: who is left out alive keeps what it has until one of the others has read back its own', (t) => {
  const next = nextLayout(base, surveyOf(), { drop: ['c'] })
  t.deepEqual(segmentsOf(next), ['[0,66) c a b', '[66,) a b'])
  t.deepEqual(segmentsOf(nextLayout(next, surveyOf(), {})), ['[0,66) c a b', '[66,) a b'])
  const merged = (...readBack: string[]): string[] =>
    segmentsOf(nextLayout(next, surveyOf(), { merge: true }, whole({ 0: readBack })))
  t.deepEqual([merged(), merged('b')], [['[0,66) c a b', '[66,) a b'], ['[0,) a b']])
  t.deepEqual(segmentsOf(nextLayout(next, surveyOf({ 'c:1': null }), { absent: ['c'] })), ['[0,) a b'])
})

test('Y4: nobody is given up for units all of which know of damage in their copies', (t) => {
  const two = epoch4({ chains: [['a', 'b']] })
  const damagedA = { ...answerOf('a', 'a-1', 'x'), damaged: [7] }
  for (const intent of [{ absent: ['b'] }, { drop: ['b'] }]) {
    const survey = surveyOf({ 'a:1': damagedA, 'b:1': null })
    const message = /position 7 is damaged at a:1.*b:1.*sirtaki recover/
    t.throws(() => nextLayout(two, survey, intent), { code: 'NOT_WHOLE', message })
  }
  t.deepEqual(segmentsOf(nextLayout(two, surveyOf({ 'a:1': damagedA }), { drop: ['b'] })), ['[0,66) b a', '[66,) a'])
  t.deepEqual(segmentsOf(nextLayout(base, surveyOf({ 'a:1': damagedA, 'c:1': null }), { absent: ['c'] })), ['[0,) a b'])
  const closed = epoch4({ closed: [{ to: 20, chains: [['a', 'c']] }], chains: [['a', 'b']] })
  const without = (a: Identity) => () => nextLayout(closed, surveyOf({ 'a:1': a, 'c:1': null }), { absent: ['c'] })
  t.throws(without(damagedA), { code: 'NOT_WHOLE' })
  t.notThrows(without({ ...damagedA, damaged: [20] }))
  t.notThrows(() => nextLayout(two, surveyOf({ 'a:1': damagedA }), {}))
})

test('Y4: a unit that has lost something stays as one who joins, the last whole one is never such', (t) => {
  const next = nextLayout(base, surveyOf(), {}, { notWhole: new Set(['a']) })
  t.deepEqual(segmentsOf(next), ['[0,66) b c', '[66,) b c a'])
  t.throws(() => nextLayout(base, surveyOf(), {}, { notWhole: new Set(['a', 'b', 'c']) }), {
    code: 'NOT_WHOLE',
    message: /recover/,
  })
})

test('L8: closed segments that are trimmed away vanish, and no others', (t) => {
  const copying = epoch4({
    closed: [
      { to: 20, chains: [['a']] },
      { to: 30, chains: [['b']] },
    ],
    chains: [['a', 'b', 'c']],
  })
  const at = (trim: number): string[] =>
    segmentsOf(nextLayout(copying, surveyOf(), {}, { sealed: { tail: 66, trim, logTime: 0 } }))
  t.deepEqual(at(19), ['[0,20) a', '[20,30) b', '[30,) a b c'])
  t.deepEqual(at(20), ['[20,30) b', '[30,) a b c'])
  t.deepEqual(at(29), ['[20,30) b', '[30,) a b c'])
  t.deepEqual(at(30), ['[30,) a b c'])
  t.deepEqual(at(66), ['[30,) a b c'])
})

test('one unit becomes three, and three become one', (t) => {
  const one = epoch4({ chains: [['a']], acceptors: ['x'] })
  const three = nextLayout(one, surveyOf(), { join: [{ address: 'b:1' }, { address: 'c:1' }] })
  t.deepEqual(
    [segmentsOf(three), namesOf(three.acceptors)],
    [
      ['[0,66) a', '[66,) a b c'],
      ['x', 'y', 'z'],
    ],
  )
  const merged = nextLayout(three, surveyOf(), { merge: true }, whole({ 0: ['a', 'b', 'c'] }))
  t.deepEqual(segmentsOf(merged), ['[0,) a b c'])
  const again = nextLayout(merged, surveyOf(), { drop: ['b', 'c'] })
  t.deepEqual([segmentsOf(again), namesOf(again.acceptors)], [['[0,98) b c a', '[98,) a'], ['x']])
  t.deepEqual(segmentsOf(nextLayout(again, surveyOf(), { merge: true }, whole({ 0: ['a'] }))), ['[0,) a'])
})

test('one chain becomes two: closed segments are divided when every unit of the open one has its part', (t) => {
  const one = epoch4({ chains: [['a', 'b']] })
  const two = nextLayout(one, surveyOf(withUnits('d')), {
    chains: [
      ['a:1', 'b:1'],
      ['c:1', 'd:1'],
    ],
  })
  t.deepEqual(segmentsOf(two), ['[0,66) a b', '[66,) a b | c d'])
  const survey = surveyOf(withUnits('d'))
  t.deepEqual(segmentsOf(nextLayout(two, survey, { merge: true }, whole({ 0: ['a', 'b', 'c'] }))), [
    '[0,66) a b',
    '[66,) a b | c d',
  ])
  t.deepEqual(segmentsOf(nextLayout(two, survey, { merge: true }, whole({ 0: ['a', 'b', 'c', 'd'] }))), [
    '[0,) a b | c d',
  ])
})

test('two chains become one: closed segments are put together when every unit of the open one has all', (t) => {
  const two = epoch4({ chains: [['a', 'b'], ['c']] })
  const one = nextLayout(two, surveyOf(), { chains: [['a:1', 'c:1']] })
  t.deepEqual(segmentsOf(one), ['[0,66) a b | c', '[66,) a c'])
  t.deepEqual(segmentsOf(nextLayout(one, surveyOf(), { merge: true }, whole({ 0: ['a'] }))), [
    '[0,66) a b | c',
    '[66,) a c',
  ])
  t.deepEqual(segmentsOf(nextLayout(one, surveyOf(), { merge: true }, whole({ 0: ['a', 'c'] }))), ['[0,) a c'])
})

test('a unit that changes its chain holds nothing there: the open segment is closed', (t) => {
  const two = epoch4({ chains: [['a'], ['b']] })
  t.deepEqual(segmentsOf(nextLayout(two, surveyOf(), { chains: [['b:1'], ['a:1']] })), ['[0,66) a | b', '[66,) b | a'])
})

test('a unit joins the shortest chain, or the one that is named', (t) => {
  const two = epoch4({ chains: [['a', 'b'], ['c']] })
  const survey = surveyOf(withUnits('d'))
  t.deepEqual(segmentsOf(nextLayout(two, survey, { join: [{ address: 'd:1' }] })).at(-1), '[66,) a b | c d')
  t.deepEqual(segmentsOf(nextLayout(two, survey, { join: [{ address: 'd:1', chain: 0 }] })).at(-1), '[66,) a b d | c')
  t.throws(() => nextLayout(two, survey, { join: [{ address: 'd:1', chain: 2 }] }), {
    code: 'BAD_ARGUMENT',
    message: /no chain 2/,
  })
})

// ---- absent units and spares

test('P24: a spare that answers takes the place of a unit that is gone', (t) => {
  const spared = epoch4({ spares: ['d', 'e'] })
  const survey = surveyOf({ 'c:1': null, ...withUnits('e') })
  const next = nextLayout(spared, survey, { absent: ['c'] })
  t.deepEqual(segmentsOf(next), ['[0,66) a b', '[66,) a b e'])
  t.deepEqual(next.absent, [{ identity: 'c', address: 'c:1', chain: 0, replaced: true }])
  t.deepEqual(namesOf(next.spares), ['d'])
  t.true(namesAll(next, survey, { absent: ['c'] }))
})

/**
 * Closed segments of one position each, of `a` and `b` by turns, and an open one of `a`, `b`, `c` with the spare `d`.
 */
const longLayout = (count: number): typeof base =>
  epoch4({
    closed: Array.from({ length: count }, (_, i) => ({ to: i + 1, chains: [i % 2 === 0 ? ['a'] : ['b']] })),
    spares: ['d'],
    tail: 64,
  })

test('L11: where there is no room for another segment a lost unit is left out without the spare', (t) => {
  const gone = surveyOf({ 'c:1': null, ...withUnits('d') })
  const after = (count: number): unknown[] => {
    const next = nextLayout(longLayout(count), gone, { absent: ['c'] })
    const open = namesOf(openSegment(next).chains.flat()).join(' ')
    return [next.segments.length, open, next.spares.length, next.absent[0]?.replaced]
  }
  t.deepEqual(after(62), [64, 'a b d', 0, true])
  t.deepEqual(after(63), [64, 'a b', 1, false])
  const next = nextLayout(longLayout(63), gone, { absent: ['c'] })
  t.true(namesAll(next, gone, { absent: ['c'] }))
})

test('L11: where there is no room for another segment, who has lost something waits outside', (t) => {
  const lacking = { notWhole: new Set(['c']) }
  const next = nextLayout(longLayout(63), surveyOf(withUnits('d')), {}, lacking)
  t.deepEqual([next.segments.length, segmentsOf(next).at(-1), namesOf(next.absent)], [64, '[63,) a b', ['c']])
})

test('wishes leave segments for what goes wrong, and say what to wait for', (t) => {
  const survey = surveyOf(withUnits('d'))
  const wishes = [{ join: [{ address: 'd:1' }] }, { chains: [['a:1', 'b:1', 'd:1']] }, { drop: ['c'] }]
  for (const wish of wishes) {
    t.is(nextLayout(longLayout(54), survey, wish).segments.length, 56)
    const message = /would have 57 segments, 56 is the most.*wait until closed positions are copied and merged/
    t.throws(() => nextLayout(longLayout(55), survey, wish), { code: 'BAD_LAYOUT', message })
  }
  t.notThrows(() => nextLayout(longLayout(63), surveyOf({ 'c:1': null }), { drop: ['c'] }))
  t.notThrows(() => nextLayout(longLayout(63), survey, {}))
})

test('P24: without a spare the chain goes on shorter, and nothing has to be copied', (t) => {
  const survey = surveyOf({ 'c:1': null })
  const next = nextLayout(base, survey, { absent: ['c'] })
  t.deepEqual(segmentsOf(next), ['[0,) a b'])
  t.deepEqual(next.absent, [{ identity: 'c', address: 'c:1', chain: 0, replaced: false }])
  t.true(namesAll(next, survey, { absent: ['c'] }))
})

test('P24: each of two lost units gets a spare of its own, in its own chain', (t) => {
  const two = epoch4({
    chains: [
      ['a', 'b'],
      ['c', 'd'],
    ],
    spares: ['e', 'f'],
    acceptors: ['x'],
  })
  const next = nextLayout(two, surveyOf({ 'b:1': null, ...withUnits('e', 'f') }), { absent: ['b', 'd'] })
  t.deepEqual(segmentsOf(next), ['[0,66) a | c', '[66,) a e | c f'])
  t.deepEqual(
    [next.absent.map(({ identity, chain }) => [identity, chain]), next.spares],
    [
      [
        ['b', 0],
        ['d', 1],
      ],
      [],
    ],
  )
})

test('Y4: nobody is left out for being silent who is the last of a chain, spares or not', (t) => {
  t.throws(
    () =>
      nextLayout(epoch4({ chains: [['a', 'b'], ['c']], spares: ['d'] }), surveyOf({ 'c:1': null, ...withUnits('d') }), {
        absent: ['c'],
      }),
    { code: 'NOT_WHOLE', message: /chain 1/ },
  )
})

test('a unit that comes back takes its place again, or waits as a spare where another one has it', (t) => {
  const without = epoch4({ chains: [['a', 'b']], absent: [{ name: 'c' }] })
  const back = nextLayout(without, surveyOf(), { join: [{ address: 'c:1', chain: 0 }] })
  t.deepEqual([segmentsOf(back), back.absent], [['[0,66) a b', '[66,) a b c'], []])
  const replaced = epoch4({ chains: [['a', 'b', 'd']], absent: [{ name: 'c', replaced: true }] })
  const waits = nextLayout(replaced, surveyOf(withUnits('d')), { spares: ['c:1'] })
  t.deepEqual([segmentsOf(waits), waits.absent, namesOf(waits.spares)], [['[0,) a b d'], [], ['c']])
  t.true(namesAll(waits, surveyOf(withUnits('d')), { spares: ['c:1'] }))
})

test('a unit that was left out stays known until somebody takes it out for good', (t) => {
  const without = epoch4({ chains: [['a', 'b']], absent: [{ name: 'c' }] })
  t.deepEqual(namesOf(nextLayout(without, surveyOf({ 'c:1': null }), {}).absent), ['c'])
  t.deepEqual(namesOf(nextLayout(without, surveyOf({ 'c:1': null }), { drop: ['c:1'] }).absent), [])
  t.notThrows(() => {
    checkDrops(without, { drop: ['c'] })
  })
})

test('P24: it is counted how often a unit was left out, and forgotten an hour later', (t) => {
  const dropped = (drops: LayoutShape['drops'], logTime: number): Layout['drops'] =>
    nextLayout(
      epoch4({ drops: drops ?? [] }),
      surveyOf({ 'c:1': null }),
      { absent: ['c'] },
      { sealed: { tail: 66, trim: 0, logTime } },
    ).drops
  t.deepEqual(dropped([], 1_000), [{ identity: 'c', times: 1, at: 1_000 }])
  t.deepEqual(dropped([{ identity: 'c', times: 3, at: 1_000 }], 2_000), [{ identity: 'c', times: 4, at: 2_000 }])
  t.deepEqual(dropped([{ identity: 'c', times: 3, at: 1_000 }], 3_600_999), [
    { identity: 'c', times: 4, at: 3_600_999 },
  ])
  t.deepEqual(dropped([{ identity: 'c', times: 3, at: 1_000 }], 3_601_000), [
    { identity: 'c', times: 1, at: 3_601_000 },
  ])
  t.deepEqual(
    nextLayout(
      epoch4({
        drops: [
          { identity: 'a', times: 2, at: 10 },
          { identity: 'b', times: 1, at: 60 },
        ],
      }),
      surveyOf(),
      {},
      { sealed: { tail: 66, trim: 0, logTime: 3_600_010 } },
    ).drops,
    [{ identity: 'b', times: 1, at: 60 }],
  )
})

test('spares are named by their present start where they answer, and stay where they do not', (t) => {
  const spared = epoch4({ spares: ['d', 'e'] })
  t.deepEqual(
    nextLayout(spared, surveyOf({ 'd:1': answerOf('d', 'd-2', 'w') }), {}).spares.map(({ boot }) => boot),
    ['d-2', 'e-1'],
  )
  t.deepEqual(namesOf(nextLayout(spared, surveyOf(), { drop: ['e'] }).spares), ['d'])
  t.deepEqual(namesOf(nextLayout(spared, surveyOf(withUnits('d')), { join: [{ address: 'd:1' }] }).spares), ['e'])
})

// ---- what is refused

test('P26: two units of one disk are a copied folder: neither joins the other', (t) => {
  const copied = surveyOf({ 'd:1': answerOf('a', 'a-9', 'w') })
  t.throws(() => nextLayout(base, copied, { join: [{ address: 'd:1' }] }), { code: 'BAD_LAYOUT', message: /copy/ })
  t.throws(() => nextLayout(base, copied, { spares: ['d:1'] }), { code: 'BAD_LAYOUT', message: /copy/ })
  t.throws(() => nextLayout(base, copied, { chains: [['a:1', 'd:1']] }), { code: 'BAD_LAYOUT', message: /copy/ })
  t.throws(() => nextLayout(base, copied, { chains: [['d:1', 'b:1', 'c:1']] }), { code: 'BAD_LAYOUT', message: /copy/ })
})

test('a process that answers at two addresses is one unit', (t) => {
  const twoNames = surveyOf({ 'localhost:1': answerOf('a', 'a-1', 'x') })
  t.deepEqual(nextLayout(base, twoNames, { join: [{ address: 'localhost:1' }] }).segments, base.segments)
})

test('another disk at the address of a unit takes its place only when that unit is left out', (t) => {
  const swapped = surveyOf({ 'c:1': answerOf('d', 'd-1', 'w') })
  t.throws(() => nextLayout(base, swapped, { join: [{ address: 'c:1' }] }), {
    code: 'NOT_WHOLE',
    message: /replace c c:1/,
  })
  t.deepEqual(segmentsOf(nextLayout(base, swapped, { drop: ['c'], join: [{ address: 'c:1' }] })), [
    '[0,66) a b',
    '[66,) a b d',
  ])
})

test('who is to join and does not answer, is no unit or is named twice is refused', (t) => {
  t.throws(() => nextLayout(base, surveyOf(), { join: [{ address: 'd:1' }] }), { code: 'UNREACHABLE', message: /d:1/ })
  t.throws(() => nextLayout(base, surveyOf(), { spares: ['d:1'] }), { code: 'UNREACHABLE' })
  t.throws(() => nextLayout(base, surveyOf(), { join: [{ address: 'sequencer:1' }] }), {
    code: 'BAD_ARGUMENT',
    message: /no unit/,
  })
  t.throws(() => nextLayout(base, surveyOf(), { chains: [['a:1'], ['a:1']] }), {
    code: 'BAD_ARGUMENT',
    message: /twice/,
  })
  t.throws(() => nextLayout(base, surveyOf(), { chains: [['a:1'], []] }), { code: 'BAD_ARGUMENT' })
  t.throws(() => nextLayout(base, surveyOf(), { chains: [] }), { code: 'BAD_ARGUMENT' })
})

test('units are left out by the names of members, spares and absent ones, and by no others', (t) => {
  const all = epoch4({ chains: [['a', 'b']], spares: ['d'], absent: [{ name: 'c' }] })
  t.notThrows(() => {
    checkDrops(all, { drop: ['a:1', 'b', 'c:1', 'd'] })
  })
  t.throws(
    () => {
      checkDrops(all, { drop: ['a', 'sequencer:1'] })
    },
    { code: 'BAD_ARGUMENT', message: /sequencer:1/ },
  )
})

// ---- sequencer and acceptors

test('who stands by is named only when the present sequencer is gone, and only if it answers itself', (t) => {
  const standby = { boot: 'n', address: 'n:1' }
  const both = surveyOf({ 'n:1': answerOf('n', 'n', '', 'sequencer') })
  t.is(nextLayout(base, both, { standby }).sequencer?.boot, 's')
  t.is(nextLayout(base, both, { standby, absent: ['s'] }).sequencer?.boot, 'n')
  t.is(
    nextLayout(base, surveyOf({ 'sequencer:1': null, 'n:1': answerOf('n', 'n', '', 'sequencer') }), { standby })
      .sequencer?.boot,
    'n',
  )
  t.is(nextLayout(base, surveyOf(), { standby, absent: ['s'] }).sequencer, null)
  t.is(nextLayout(base, surveyOf(), { absent: ['s'] }).sequencer, null)
})

test('Y1: an odd number of units are acceptors: one, three, and never more than five', (t) => {
  const acceptorsOf = (chain: readonly string[], spares: readonly string[] = []): string[] =>
    namesOf(
      nextLayout(epoch4({ chains: [chain], spares, acceptors: ['acceptor-a'] }), only(...chain, ...spares), {})
        .acceptors,
    )
  t.deepEqual(acceptorsOf(['a']), ['acceptor-a'])
  t.deepEqual(acceptorsOf(['a', 'b']), ['acceptor-a'])
  t.deepEqual(acceptorsOf(['a', 'b', 'c']), ['acceptor-a', 'acceptor-b', 'acceptor-c'])
  t.is(acceptorsOf(['a', 'b', 'c', 'd']).length, 3)
  t.is(acceptorsOf(['a', 'b', 'c', 'd', 'e']).length, 5)
  t.is(acceptorsOf(['a', 'b', 'c', 'd', 'e', 'f']).length, 5)
  t.deepEqual(acceptorsOf(['a', 'b'], ['d']), ['acceptor-a', 'acceptor-b', 'acceptor-d'])
})

test('Y1: the seat of a lost disk goes with it, and is not left to who answers at its address', (t) => {
  const lost = epoch4({ chains: [['a', 'b']], absent: [{ name: 'c' }] })
  const blank = surveyOf({ 'c:1': answerOf('d', 'd-1', 'w') })
  const intent = { drop: ['b'], join: [{ address: 'c:1' }] }
  t.deepEqual(namesOf(nextLayout(lost, blank, intent).acceptors), ['x'])
  t.deepEqual(namesOf(nextLayout(lost, blank, { join: [{ address: 'c:1' }] }).acceptors), ['x', 'y', 'w'])
  t.deepEqual(namesOf(nextLayout(lost, surveyOf({ 'c:1': null }), {}).acceptors), ['x', 'y', 'z'])
})

test('Y1: registers that are there stay acceptors before new ones are taken', (t) => {
  const next = nextLayout(
    epoch4({ chains: [['a', 'b', 'c', 'd']], acceptors: ['acceptor-b', 'acceptor-c', 'acceptor-d'] }),
    only('a', 'b', 'c', 'd'),
    {},
  )
  t.deepEqual(namesOf(next.acceptors), ['acceptor-b', 'acceptor-c', 'acceptor-d'])
})

test(
  'Y1: of three acceptors a silent one keeps its seat while its unit may come back, not when it is left out '
    + 'for good',
  (t) => {
    const silent = surveyOf({ 'c:1': null })
    t.deepEqual(namesOf(nextLayout(base, silent, { absent: ['c'] }).acceptors), ['x', 'y', 'z'])
    t.deepEqual(namesOf(nextLayout(base, silent, { drop: ['c'] }).acceptors), ['x'])
    t.deepEqual(
      namesOf(
        nextLayout(epoch4({ spares: ['d'] }), surveyOf({ 'c:1': null, ...withUnits('d') }), { absent: ['c'] })
          .acceptors,
      ),
      ['x', 'y', 'acceptor-d'],
    )
  },
)
