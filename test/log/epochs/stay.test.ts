/**
 * The table of what becomes of a member, case by case.
 *
 * Read next: `../../../log/epochs/stay.ts`; what follows for whole layouts: `next-layout.test.ts`.
 */
import test from 'ava'
import { stayOf, type MemberSeen, type Stay } from '../../../log/epochs/stay.ts'

const whole: MemberSeen = { isAbsent: false, isDropped: false, answers: true, lacks: false }

const cases: readonly (readonly [title: string, seen: Partial<MemberSeen>, stay: Stay])[] = [
  ['who answers and is whole stays', {}, { open: 'stays', closed: 'stays' }],
  [
    "who did not answer yet and is nobody's suspect stays: a driver waits for it",
    { answers: false },
    { open: 'stays', closed: 'stays' },
  ],
  [
    'Y4: who lacks something joins anew and holds no closed segment',
    { lacks: true },
    { open: 'joins', closed: 'leaves' },
  ],
  [
    'Y4: who is to be dropped is read and copied from as long as it answers',
    { isDropped: true },
    { open: 'leaves', closed: 'stays' },
  ],
  [
    'who is to be dropped and does not answer is gone',
    { isDropped: true, answers: false },
    { open: 'leaves', closed: 'leaves' },
  ],
  [
    'who is to be dropped and lacks something is no copy',
    { isDropped: true, lacks: true },
    { open: 'leaves', closed: 'leaves' },
  ],
  ['P24: who is absent leaves everywhere', { isAbsent: true }, { open: 'leaves', closed: 'leaves' }],
  [
    'who is absent and lacks something leaves, and does not join',
    { isAbsent: true, lacks: true },
    { open: 'leaves', closed: 'leaves' },
  ],
  [
    'who is absent and to be dropped leaves though it answers',
    { isAbsent: true, isDropped: true },
    { open: 'leaves', closed: 'leaves' },
  ],
]

for (const [title, seen, stay] of cases) {
  test(title, (t) => {
    t.deepEqual(stayOf({ ...whole, ...seen }), stay)
  })
}
