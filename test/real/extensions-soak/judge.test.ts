/** The judge of a run of extensions, on planted differences; and the buckets that it is given. */
import test from 'ava'
import { FuelBuckets } from './fuel-buckets.ts'
import { judge, type BucketFact, type DigestFact, type Facts } from './judge.ts'

const bucket = (process: number, from: number, fuel: number, entries = 10): BucketFact => ({
  process,
  after: Math.max(0, from),
  from,
  to: from + 1_000,
  fuel,
  entries,
})
const digest = (process: number, position: number, text: string): DigestFact => ({ process, position, digest: text })

const cases: readonly (readonly [what: string, facts: Facts, violations: readonly string[]])[] = [
  ['nothing was said', { buckets: [], digests: [] }, []],
  [
    'all agree',
    {
      buckets: [bucket(1, 0, 500), bucket(2, 0, 500), bucket(1, 1_000, 7), bucket(3, 1_000, 7)],
      digests: [digest(1, 12, 'ab'), digest(2, 12, 'ab'), digest(2, 13, 'cd')],
      witness: 1,
    },
    [],
  ],
  [
    'one has used other fuel in as many entries',
    { buckets: [bucket(1, 0, 500), bucket(2, 0, 501), bucket(3, 0, 500)], digests: [] },
    ['fuel of [0, 1000): 500 in 10 entries, none since 0 (process 1, 3); 501 in 10 entries, none since 0 (process 2)'],
  ],
  [
    'one has used the same fuel in other entries',
    { buckets: [bucket(1, 0, 500, 10), bucket(2, 0, 500, 9)], digests: [] },
    ['fuel of [0, 1000): 500 in 10 entries, none since 0 (process 1); 500 in 9 entries, none since 0 (process 2)'],
  ],
  [
    'one has seen a bucket before, where the other has seen none',
    { buckets: [bucket(1, 4_000, 5), { ...bucket(2, 4_000, 5), after: 3_000 }], digests: [] },
    [
      'fuel of [4000, 5000): 5 in 10 entries, none since 4000 (process 1); '
        + '5 in 10 entries, none since 3000 (process 2)',
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
    ['fuel of [0, 1000): 500 in 10 entries, none since 0 (process 1); 400 in 10 entries, none since 0 (process 9)'],
  ],
  [
    'the witness has used nothing where another one has',
    { buckets: [bucket(1, 0, 500), bucket(9, 1_000, 4)], digests: [], witness: 9 },
    ['[0, 1000): process 1 has used fuel there, the witness 9 has not'],
  ],
]
for (const [what, facts, violations] of cases) {
  test(`E3, O3: the judge: ${what}`, (t) => {
    t.deepEqual(judge(facts).violations, violations)
  })
}

test('the judge counts comparisons of two processes, and none of one', (t) => {
  const buckets = [bucket(1, 0, 5), bucket(2, 0, 5), bucket(3, 0, 5), bucket(3, 1_000, 5)]
  const digests = [digest(1, 4, 'a'), digest(2, 4, 'a'), digest(2, 5, 'b')]
  const { buckets: ofBuckets, digests: ofDigests } = judge({ buckets, digests })
  t.deepEqual([ofBuckets, ofDigests], [2, 1])
})

test('buckets that were played whole are given once they are complete, empty ones are left out', (t) => {
  const buckets = new FuelBuckets(true)
  t.is(buckets.rest(-1), undefined)
  t.is(buckets.played(1_003, 5), undefined)
  t.is(buckets.played(1_999, 6), undefined)
  t.deepEqual(buckets.played(4_000, 7), { after: 0, from: 1_000, to: 2_000, fuel: 11, entries: 2 })
  t.deepEqual(buckets.rest(4_500), { after: 2_000, from: 4_000, to: 4_501, fuel: 7, entries: 1 })
  t.deepEqual(buckets.rest(9_000), { after: 2_000, from: 4_000, to: 5_000, fuel: 7, entries: 1 })
})

test('the first bucket of a process that began in the middle is none', (t) => {
  const buckets = new FuelBuckets(false)
  t.is(buckets.played(1_003, 5), undefined)
  t.is(buckets.rest(1_004), undefined)
  t.is(buckets.played(4_000, 7), undefined)
  t.deepEqual(buckets.played(5_000, 9), { after: 2_000, from: 4_000, to: 5_000, fuel: 7, entries: 1 })
})
