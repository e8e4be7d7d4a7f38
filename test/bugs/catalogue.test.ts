/**
 * Every planted bug stands where its text is, once: what no longer applies is never looked for.
 *
 * Read next: `catalogue.ts`, `plant.ts`.
 */
import test from 'ava'
import { bugs } from './catalogue.ts'
import { misfit } from './plant.ts'

test('every planted bug applies, and has a name of its own', (t) => {
  t.true(bugs.length > 200)
  t.deepEqual(
    bugs.map(misfit).filter((why) => why !== undefined),
    [],
  )
  t.is(new Set(bugs.map(({ name }) => name)).size, bugs.length)
})
