/** The failure detector as a machine: who answered what, at which time, and who is suspected then. */
import test from 'ava'
import { Detector } from '../../../log/epochs/detector.ts'
import { limits as usual } from '../../../log/limits.ts'
import { layoutOf, type LayoutShape } from '../layouts.ts'

const limits = { ...usual, suspicionProbes: 3, slowUnitMs: 200, slowForMs: 5_000, slowFactor: 10 }

/**
 * What one unit does in one round of probes: silent, on its way out, or answering with so many milliseconds for a
 * commit.
 */
type Does = 'silent' | 'leaving' | number
/** One round of probes. */
interface Round {
  readonly at: number
  readonly epoch?: number
  readonly probes: Readonly<Record<string, Does>>
}

function probed(rounds: readonly Round[]): Detector {
  const detector = new Detector(limits)
  for (const { at, epoch = 1, probes } of rounds) {
    detector.begin(epoch)
    for (const [name, does] of Object.entries(probes)) {
      if (does === 'silent') detector.missed(name)
      else {
        detector.answered(
          name,
          { commitMs: does === 'leaving' ? 1 : does, idle: false, leaving: does === 'leaving' },
          at,
        )
      }
    }
  }
  return detector
}

/** Who is suspected after these rounds, at the time of the last one. */
const suspects = (rounds: readonly Round[], shape: LayoutShape = {}): string[] =>
  probed(rounds).suspects(layoutOf(shape), rounds.at(-1)?.at ?? 0)
/** So many rounds that are alike, 200 ms apart. */
const times = (count: number, probes: Round['probes'], from = 0): Round[] =>
  Array.from({ length: count }, (_, i) => ({ at: from + 200 * i, probes }))

test('who answers is trusted, and so is who was never asked', (t) => {
  t.deepEqual(suspects(times(9, { a: 1, b: 1, c: 1 })), [])
  t.deepEqual(suspects(times(9, { a: 1, b: 1 })), [])
  t.false(new Detector(limits).isGone('a'))
})

test('who misses as many probes as it takes is suspected, not before', (t) => {
  t.deepEqual(suspects(times(2, { a: 1, b: 1, c: 'silent' })), [])
  t.deepEqual(suspects(times(3, { a: 1, b: 1, c: 'silent' })), ['c'])
})

test('an answer in between begins the count anew', (t) => {
  t.deepEqual(
    suspects([
      ...times(2, { a: 1, b: 1, c: 'silent' }),
      ...times(1, { c: 1 }, 400),
      ...times(2, { a: 1, b: 1, c: 'silent' }, 600),
    ]),
    [],
  )
  t.deepEqual(suspects([...times(3, { a: 1, b: 1, c: 'silent' }), ...times(1, { a: 1, b: 1, c: 1 }, 600)]), [])
})

test('who says that it leaves is suspected at once, and trusted again when it stays after all', (t) => {
  t.deepEqual(suspects([{ at: 0, probes: { a: 1, b: 'leaving', c: 1 } }]), ['b'])
  t.deepEqual(
    suspects([
      { at: 0, probes: { a: 1, b: 'leaving', c: 1 } },
      { at: 200, probes: { b: 1 } },
    ]),
    [],
  )
})

test('P24: probes of one epoch say nothing of the next one', (t) => {
  t.deepEqual(suspects([...times(3, { a: 1, b: 1, c: 'silent' }), { at: 600, epoch: 2, probes: { a: 1, b: 1 } }]), [])
  t.deepEqual(suspects([...times(2, { c: 'silent' }), { at: 600, epoch: 2, probes: { c: 'silent' } }]), [])
  t.deepEqual(suspects([...times(2, { c: 'silent' }), { at: 600, epoch: 1, probes: { a: 1, b: 1, c: 'silent' } }]), [
    'c',
  ])
})

test('who sees no majority of acceptors suspects nobody: he may be the one that is cut off', (t) => {
  t.deepEqual(suspects(times(5, { a: 1, b: 'silent', c: 'silent' })), [])
  t.deepEqual(suspects([...times(5, { a: 1, b: 'silent', c: 'silent' }), { at: 1_000, probes: { b: 1 } }]), ['c'])
  // A single miss of the second one is enough to doubt oneself.
  t.deepEqual(
    suspects([...times(4, { a: 1, b: 1, c: 'silent' }), { at: 1_000, probes: { b: 'silent', c: 'silent' } }]),
    [],
  )
})

test('who sees less than half of the units suspects nobody, though all acceptors answer', (t) => {
  const shape = { chains: [['a', 'b', 'c', 'd', 'e', 'f', 'g']], acceptors: ['x', 'y', 'z'] }
  t.deepEqual(suspects(times(3, { a: 1, b: 1, c: 1, d: 'silent', e: 'silent', f: 'silent', g: 1 }), shape), [
    'd',
    'e',
    'f',
  ])
  t.deepEqual(suspects(times(3, { a: 1, b: 1, c: 1, d: 'silent', e: 'silent', f: 'silent', g: 'silent' }), shape), [])
})

test('exactly half of the units may be silent', (t) => {
  t.deepEqual(suspects(times(3, { a: 1, b: 'silent' }), { chains: [['a', 'b']], acceptors: ['x'] }), ['b'])
})

test('Y4: nobody is suspected of whose chain nobody else would be left', (t) => {
  const shape = { chains: [['a', 'b', 'c'], ['d']], acceptors: ['x', 'y', 'z'] }
  t.deepEqual(suspects(times(3, { a: 1, b: 1, c: 'silent', d: 'silent' }), shape), ['c'])
  t.deepEqual(suspects(times(3, { a: 1, b: 1, c: 1, d: 'leaving' }), shape), [])
})

test('Y4: nobody is suspected who is the last copy of a closed segment', (t) => {
  const shape = { closed: [{ to: 20, chains: [['c']] }], chains: [['a', 'b', 'c']] }
  t.deepEqual(suspects(times(3, { a: 1, b: 1, c: 'silent' }), shape), [])
  t.deepEqual(suspects(times(3, { a: 1, b: 'silent', c: 1 }), shape), ['b'])
})

test('a member of closed segments only is suspected too', (t) => {
  t.deepEqual(suspects(times(3, { a: 1, b: 1, c: 1, d: 'silent' }), { closed: [{ to: 20, chains: [['d', 'a']] }] }), [
    'd',
  ])
})

test('a unit that is slow for long enough, and far slower than the quickest of its chain, is suspected', (t) => {
  t.deepEqual(suspects(times(25, { a: 2, b: 3, c: 500 })), [])
  t.deepEqual(suspects(times(26, { a: 2, b: 3, c: 500 })), ['c'])
})

test('one quick commit in between begins the time anew', (t) => {
  t.deepEqual(
    suspects([
      ...times(20, { a: 2, b: 3, c: 500 }),
      { at: 4_000, probes: { c: 199 } },
      ...times(20, { a: 2, b: 3, c: 500 }, 4_200),
    ]),
    [],
  )
})

test('below the bound nobody is slow, however much quicker the others are', (t) => {
  t.deepEqual(suspects(times(40, { a: 1, b: 1, c: 199 })), [])
  t.deepEqual(suspects(times(40, { a: 1, b: 1, c: 200 })), ['c'])
})

test('where all of a chain are slow nobody is left out', (t) => {
  t.deepEqual(suspects(times(40, { a: 300, b: 400, c: 2_999 })), [])
  t.deepEqual(suspects(times(40, { a: 300, b: 400, c: 3_000 })), ['c'])
})

test('of several slow units of a chain one is left out at a time', (t) => {
  t.is(suspects(times(40, { a: 1, b: 900, c: 500 })).length, 1)
})

test('who is slow in a chain of its own is measured by nobody', (t) => {
  t.deepEqual(suspects(times(40, { a: 1, b: 1, c: 900 }), { chains: [['a', 'b'], ['c']] }), [])
})

test('a sequencer is gone by the same rules', (t) => {
  t.true(probed(times(3, { s: 'silent' })).isGone('s'))
  t.false(probed(times(2, { s: 'silent' })).isGone('s'))
  t.true(probed(times(1, { s: 'leaving' })).isGone('s'))
})
