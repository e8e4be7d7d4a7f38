/** The judge of a run of extensions, on planted differences; and the buckets that it is given. */
import test from 'ava'
import { FuelBuckets } from './fuel-buckets.ts'
import { judge, type BucketFact, type DigestFact, type Facts } from './judge.ts'

const bucket = (process: number, from: number, fuel: number, entries = 10): BucketFact => ({
  process,
  after: Math.max(0, from),
  from,
  to: from + 100,
  fuel,
  entries,
})
const digest = (process: number, position: number, text: string): DigestFact => ({ process, position, digest: text })

const cases: readonly (readonly [what: string, facts: Facts, violations: readonly string[]])[] = [
  ['nothing was said', { buckets: [], digests: [] }, []],
  [
    'all agree',
    {
      buckets: [bucket(1, 0, 500), bucket(2, 0, 500), bucket(1, 100, 7), bucket(3, 100, 7)],
      digests: [digest(1, 12, 'ab'), digest(2, 12, 'ab'), digest(2, 13, 'cd')],
      witness: 1,
    },
    [],
  ],
  [
    'one has used other fuel in as many entries',
    { buckets: [bucket(1, 0, 500), bucket(2, 0, 501), bucket(3, 0, 500)], digests: [] },
    ['fuel of [0, 100): 500 in 10 entries, none since 0 (process 1, 3); 501 in 10 entries, none since 0 (process 2)'],
  ],
  [
    'one has used the same fuel in other entries',
    { buckets: [bucket(1, 0, 500, 10), bucket(2, 0, 500, 9)], digests: [] },
    ['fuel of [0, 100): 500 in 10 entries, none since 0 (process 1); 500 in 9 entries, none since 0 (process 2)'],
  ],
  [
    'one has seen a bucket before, where the other has seen none',
    { buckets: [bucket(1, 400, 5), { ...bucket(2, 400, 5), after: 300 }], digests: [] },
    [
      'fuel of [400, 500): 5 in 10 entries, none since 400 (process 1); '
        + '5 in 10 entries, none since 300 (process 2)',
    ],
  ],
  [
    'one has another state at the same position',
    { buckets: [], digests: [digest(1, 12, 'ab'), digest(2, 12, 'ac'), digest(3, 13, 'ad')] },
    ['digest at 12: ab (process 1); ac (process 2)'],
  ],
  [
    'the witness differs',
    { buckets: [bucket(1, 0, 500), bucket(9, 0, 400)], digests: [], witness: 9 },
    ['fuel of [0, 100): 500 in 10 entries, none since 0 (process 1); 400 in 10 entries, none since 0 (process 9)'],
  ],
  [
    'the witness has used nothing where another one has',
    { buckets: [bucket(1, 0, 500), bucket(9, 100, 4)], digests: [], witness: 9 },
    ['[0, 100): process 1 has used fuel there, the witness 9 has not'],
  ],
]
for (const [what, facts, violations] of cases) {
  test(`E3, O3: the judge: ${what}`, (t) => {
    t.deepEqual(judge(facts).violations, violations)
  })
}

test('the judge counts comparisons of two processes, and none of one', (t) => {
  const buckets = [bucket(1, 0, 5), bucket(2, 0, 5), bucket(3, 0, 5), bucket(3, 100, 5)]
  const digests = [digest(1, 4, 'a'), digest(2, 4, 'a'), digest(2, 5, 'b')]
  const { buckets: ofBuckets, digests: ofDigests } = judge({ buckets, digests })
  t.deepEqual([ofBuckets, ofDigests], [2, 1])
})

test('buckets that were played whole are given once they are complete, empty ones are left out', (t) => {
  const buckets = new FuelBuckets(true)
  t.is(buckets.rest(-1), undefined)
  t.is(buckets.played(103, 5), undefined)
  t.is(buckets.played(199, 6), undefined)
  t.deepEqual(buckets.played(400, 7), { after: 0, from: 100, to: 200, fuel: 11, entries: 2 })
  t.deepEqual(buckets.rest(450), { after: 200, from: 400, to: 451, fuel: 7, entries: 1 })
  t.deepEqual(buckets.rest(900), { after: 200, from: 400, to: 500, fuel: 7, entries: 1 })
})

test('the first bucket of a process that began in the middle is none', (t) => {
  const buckets = new FuelBuckets(false)
  t.is(buckets.played(103, 5), undefined)
  t.is(buckets.rest(1_004), undefined)
  t.is(buckets.played(400, 7), undefined)
  t.deepEqual(buckets.played(500, 9), { after: 200, from: 400, to: 500, fuel: 7, entries: 1 })
})
