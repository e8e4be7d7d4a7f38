/** The object of the main job: each file claimed by one session at a time, finished once. */
import test from 'ava'
import fc from 'fast-check'
import type { Outcome } from '../../../objects.ts'
import { WorkShare } from '../../../tools/job/work-share.ts'
import { SpaceDriver } from '../../objects/space-driver.ts'

/** Workers over one share; each keeps its numbers. */
class Shop extends SpaceDriver {
  readonly #numbers = new Map<number, number>()
  constructor() {
    super(WorkShare)
  }
  do(session: number, op: string, input: unknown): Outcome {
    const number = this.#numbers.get(session) ?? 0
    this.#numbers.set(session, number + 1)
    return this.op(session, number, op, input, { type: WorkShare, path: '/job' })
  }

  get share() {
    return WorkShare.bind(this.space.journal).read('/job')
  }
}

const found = (...paths: string[]) => ({ results: paths.map((path) => ({ path, hash: `hash of ${path}`, bytes: 10 })) })
const done = (outcome: Outcome): unknown => (outcome.kind === 'result' ? outcome.value : outcome.kind)

test('O1: files are claimed in the order they were added, each by one session', (t) => {
  const shop = new Shop()
  const [first, second] = [shop.open('first'), shop.open('second')]
  t.is(done(shop.do(first, 'add', { paths: ['c', 'a', 'b', 'a'] })), 3)
  t.is(done(shop.do(first, 'add', { paths: ['b', 'd'] })), 1)
  t.deepEqual(done(shop.do(first, 'claim', { max: 2 })), ['c', 'a'])
  t.deepEqual(done(shop.do(second, 'claim', { max: 9 })), ['b', 'd'])
  t.deepEqual(done(shop.do(second, 'claim', { max: 9 })), [])
  t.like(shop.share.state, { open: 0, claimed: 4, done: 0 })
})

test('O1: only the session that claimed a file finishes it, once, and a lot goes through as a whole', (t) => {
  const shop = new Shop()
  const [first, second] = [shop.open(), shop.open()]
  shop.do(first, 'add', { paths: ['a', 'b'] })
  shop.do(first, 'claim', { max: 1 })
  shop.do(second, 'claim', { max: 1 })
  t.like(shop.do(second, 'finish', found('b', 'a')), { kind: 'rejected', facts: { path: 'a' } })
  t.like(shop.share.state, { open: 0, claimed: 2, done: 0, bytes: 0 })
  t.is(done(shop.do(second, 'finish', found('b'))), 1)
  t.like(shop.do(second, 'finish', found('b')), { kind: 'rejected' })
  t.is(done(shop.do(first, 'finish', found('a'))), 2)
  t.like(shop.share.state, { open: 0, claimed: 0, done: 2, bytes: 20 })
  t.deepEqual(shop.share.tables.files.get('a'), { state: 'done', session: first, hash: 'hash of a', bytes: 10 })
})

test('O1: the claims of a session that died go back to the end of the queue, and are no longer its own', (t) => {
  const shop = new Shop()
  const [dead, alive] = [shop.open(), shop.open()]
  shop.do(dead, 'add', { paths: ['a', 'b', 'c', 'd'] })
  shop.do(dead, 'claim', { max: 3 })
  shop.do(dead, 'finish', found('b'))
  t.is(done(shop.do(alive, 'giveBack', { session: dead })), 2)
  t.is(done(shop.do(alive, 'giveBack', { session: dead })), 0)
  t.deepEqual(done(shop.do(alive, 'claim', { max: 9 })), ['d', 'a', 'c'])
  t.like(shop.do(dead, 'finish', found('a')), { kind: 'rejected' })
  t.like(shop.share.state, { open: 0, claimed: 3, done: 1 })
})

test('O1: sessions whose positions begin alike keep their claims apart', (t) => {
  const shop = new Shop()
  shop.open()
  const short = shop.open()
  shop.skip(8)
  const long = shop.open()
  t.deepEqual([short, long], [1, 10])
  shop.do(short, 'add', { paths: ['a', 'b'] })
  shop.do(short, 'claim', { max: 1 })
  shop.do(long, 'claim', { max: 1 })
  t.is(done(shop.do(long, 'giveBack', { session: short })), 1)
  t.is(shop.share.tables.files.get('b')?.session, long)
})

test('O1: an op touches only what it changes, however many files there are', (t) => {
  const shop = new Shop()
  const session = shop.open()
  shop.do(session, 'add', { paths: Array.from({ length: 6_000 }, (_, i) => `file-${i}`) })
  shop.do(session, 'claim', { max: 2 })
  t.is(shop.patches.length, 7)
  shop.do(session, 'finish', found('file-0'))
  t.is(shop.patches.length, 3)
  shop.do(session, 'giveBack', { session })
  t.is(shop.patches.length, 4)
})

test('O1: whatever the workers do, the counts are those of the files, and every file ends up done once', (t) => {
  const step = fc.record({
    session: fc.integer({ min: 0, max: 2 }),
    act: fc.constantFrom('claim', 'finish', 'giveBack'),
    max: fc.integer({ min: 1, max: 5 }),
    other: fc.integer({ min: 0, max: 2 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const shop = new Shop()
      const [first, ...others] = [shop.open(), shop.open(), shop.open()]
      shop.do(first, 'add', { paths: Array.from({ length: 20 }, (_, i) => `f${i}`) })
      const files = () => [...shop.share.tables.files.range()]
      const claimedBy = (session: number) =>
        files().flatMap(([path, file]) => (file.state === 'claimed' && file.session === session ? [path] : []))
      for (const { session, act, max, other } of steps) {
        shop.do(
          session,
          act,
          { claim: { max }, finish: found(...claimedBy(session).slice(0, max)), giveBack: { session: other } }[act],
        )
      }
      const count = (state: string) => files().filter(([, file]) => file.state === state).length
      t.like(shop.share.state, {
        open: count('open'),
        claimed: count('claimed'),
        done: count('done'),
        bytes: 10 * count('done'),
      })
      t.is(shop.share.tables.queue.size, count('open'))
      t.is(shop.share.tables.claims.size, count('claimed'))
      for (const session of [first, ...others]) shop.do(session, 'finish', found(...claimedBy(session)))
      shop.do(first, 'claim', { max: 100 })
      shop.do(first, 'finish', found(...claimedBy(first)))
      t.like(shop.share.state, { open: 0, claimed: 0, done: 20, bytes: 200 })
    }),
    { numRuns: 300 },
  )
})
