/**
 * Whom the failure detector suspects: a wrong suspicion costs an epoch and breaks nothing, so the simulator does not
 * see it.
 */
import test from 'ava'
import { Detector } from '../../log/epochs/detector.ts'
import { limits } from '../../log/limits.ts'
import { layoutOf } from '../log/layouts.ts'

const three = layoutOf({ tail: 8, window: 8 })
const well = { commitMs: 1, idle: false, leaving: false }

function missed(one: Detector, member: string): void {
  for (let i = 0; i < limits.suspicionProbes; i++) one.missed(member)
}

/** A detector under epoch 1. */
function detector(): Detector {
  const made = new Detector(limits)
  made.begin(1)
  return made
}

test('P24: one of three that does not answer is suspected', (t) => {
  const one = detector()
  one.answered('a', well, 0)
  one.answered('b', well, 0)
  missed(one, 'c')
  t.deepEqual(one.suspects(three, 0), ['c'])
})

test('P24: who sees only one of three suspects nobody: it may be the one that is cut off', (t) => {
  const one = detector()
  one.answered('a', well, 0)
  missed(one, 'b')
  missed(one, 'c')
  t.deepEqual(one.suspects(three, 0), [])
})

test('P24: what was missed under one epoch says nothing under the next', (t) => {
  const one = detector()
  missed(one, 'c')
  one.begin(2)
  one.answered('a', well, 0)
  one.answered('b', well, 0)
  t.deepEqual(one.suspects({ ...three, epoch: 2 }, 0), [])
})
