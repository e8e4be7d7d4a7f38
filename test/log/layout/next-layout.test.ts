/** The next layout as a function of the last one, of who answered, and of what is wanted. */
import test from 'ava'
import { openSegment } from '../../../log/layout/layout.ts'
import { checkDrops, namesAll, nextLayout, type Survey } from '../../../log/layout/next-layout.ts'
import type { Identity } from '../../../log/wire/control.ts'
import { layoutOf } from '../layouts.ts'

const base = layoutOf({ epoch: 4, tail: 50, sequencer: 's' })
const answerOf = (identity: string, boot: string, acceptor: string, kind = 'unit'): Identity => ({ kind, identity, acceptor, boot, role: 'serving', cluster: 'c1', epoch: 4, opened: 4, sealed: 4, slot: 4, initialised: true })
/** Everybody as epoch 4 names them, with changes by address; `null` does not answer. */
function surveyOf(changes: Record<string, Identity | null> = {}): Survey {
  const all: Record<string, Identity | null> = { 'a:1': answerOf('a', 'a-1', 'x'), 'b:1': answerOf('b', 'b-1', 'y'), 'c:1': answerOf('c', 'c-1', 'z'), 'sequencer:1': answerOf('s', 's', '', 'sequencer'), ...changes }
  return new Map(Object.entries(all).flatMap(([address, answer]) => answer === null ? [] : [[address, answer]]))
}
const bootsOf = (layout: typeof base): string[] => openSegment(layout).chains.flat().map(({ boot }) => boot)

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
  t.throws(() => { checkDrops(base, { drop: ['d'] }) }, { code: 'BAD_ARGUMENT', message: /called d/ })
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
  t.deepEqual(nextLayout(base, surveyOf({ 'n:1': answerOf('n', 'n', '', 'sequencer') }), { sequencer: { boot: 'n', address: 'n:1' } }).sequencer, { boot: 'n', address: 'n:1' })
})

test('a sequencer that does not answer is not named', (t) => {
  t.throws(() => nextLayout(base, surveyOf(), { sequencer: { boot: 'n', address: 'n:1' } }), { message: /does not answer at n:1/ })
})

test('a unit that moved is named by its new address, as unit and as acceptor', (t) => {
  const next = nextLayout(base, surveyOf({ 'b:1': null, 'new:1': answerOf('b', 'b-2', 'y') }), { moved: [{ identity: 'b', address: 'new:1' }] })
  t.deepEqual(openSegment(next).chains.flat().map(({ address }) => address), ['a:1', 'new:1', 'c:1'])
  t.deepEqual(next.acceptors.map(({ address }) => address), ['a:1', 'new:1', 'c:1'])
})
