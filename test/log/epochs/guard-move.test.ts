/**
 * The table of what a guard does, case by case.
 *
 * Read next: `../../../log/epochs/guard-move.ts`.
 */
import test from 'ava'
import { moveOf, type Move, type Sighting } from '../../../log/epochs/guard-move.ts'

const quiet: Sighting = {
  isNamed: false,
  sequencer: 'alive',
  isCompleted: false,
  suspects: [],
  restarted: [],
  standsBy: false,
}
const nothing: Move = { absent: [], back: [], standsIn: false, completes: false }

const cases: readonly (readonly [title: string, seen: Partial<Sighting>, move: Partial<Move> | undefined])[] = [
  ['nothing is amiss: nothing is done', {}, undefined],
  ['P24: a unit is out of sight, and the sequencer lives: it is its matter', { suspects: ['b'] }, undefined],
  ['P24: the sequencer itself leaves a suspected unit out', { isNamed: true, suspects: ['b'] }, { absent: ['b'] }],
  [
    'L11: the sequencer is gone, so anybody leaves the unit out',
    { sequencer: 'gone', suspects: ['b'] },
    { absent: ['b'] },
  ],
  [
    'L11: no sequencer is named, so anybody leaves the unit out',
    { sequencer: 'none', suspects: ['b'] },
    { absent: ['b'] },
  ],
  ['the sequencer is gone and nobody here stands by: nothing is done for it', { sequencer: 'gone' }, undefined],
  [
    'L11: the sequencer is gone, and who stands by stands in',
    { sequencer: 'gone', standsBy: true },
    { standsIn: true },
  ],
  ['no sequencer is named: who stands by stands in', { sequencer: 'none', standsBy: true }, { standsIn: true }],
  ['the sequencer lives: who stands by waits', { standsBy: true }, undefined],
  ['L11: a sequencer that was not told is told, by anybody', { sequencer: 'untold' }, { completes: true }],
  [
    'L11: who stands by tells it too, instead of naming itself',
    { sequencer: 'untold', standsBy: true },
    { completes: true },
  ],
  [
    'it was told in vain: who stands by stands in',
    { sequencer: 'untold', isCompleted: true, standsBy: true },
    { standsIn: true },
  ],
  [
    'it was told in vain, and nobody here stands by: the next epoch is tried',
    { sequencer: 'untold', isCompleted: true },
    {},
  ],
  ['a unit that was restarted is named anew', { isNamed: true, restarted: ['a'] }, { back: ['a'] }],
  ["a restarted unit is the living sequencer's matter", { restarted: ['a'] }, undefined],
  [
    'a restarted unit that is suspected is left out',
    { isNamed: true, suspects: ['a'], restarted: ['a', 'b'] },
    { absent: ['a'], back: ['b'] },
  ],
]

for (const [title, seen, move] of cases) {
  test(title, (t) => {
    t.deepEqual(moveOf({ ...quiet, ...seen }), move === undefined ? undefined : { ...nothing, ...move })
  })
}
