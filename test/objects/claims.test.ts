/**
 * Digest claims: who is judged to be wrong, and what views do that differ.
 *
 * Read next: `../../objects/runtime/claims.ts`.
 */
import test from 'ava'
import { number, object } from 'superstruct'
import { isError } from '../../log/errors.ts'
import { Counter, defineObject, type AnyObjectType } from '../../objects.ts'
import { requestOf, targetOf } from '../../objects/handle.ts'
import {
  COUNT_AFTER_MS,
  Claims,
  VOICES_MAX,
  isSameDigest,
  verdictOf,
  type Verdict,
} from '../../objects/runtime/claims.ts'
import { NOBODY } from '../../objects/runtime/journal.ts'
import { Session } from '../../objects/runtime/session.ts'
import { DIGEST_EVERY } from '../../objects/runtime/space.ts'
import { View } from '../../objects/runtime/view.ts'
import { Watcher } from '../../objects/runtime/watcher.ts'
import { FakeLog } from './fake-log.ts'

/** Two builds of one type that were given one version: the second one adds otherwise. */
const scoreOf = (factor: number) =>
  defineObject({
    name: 'test.score',
    version: 1,
    state: object({ points: number() }),
    initial: () => ({ points: 0 }),
    ops: (op) => ({
      win: op(object({ by: number() }), (draft, { by }) => {
        draft.points += by * factor
        return draft.points
      }),
    }),
  })
const Score = scoreOf(1)

/** One process: a view and a session of it. */
class Process {
  readonly view: View
  readonly session: Session

  constructor(log: FakeLog, ...types: AnyObjectType[]) {
    this.view = new View(log, 1, types.length === 0 ? [Score, Counter] : types)
    this.session = new Session(this.view, { name: 'process', timeoutMs: 3_600_000 })
  }

  win(): Promise<unknown> {
    return this.session.call(requestOf(targetOf(Score, '/score', 'win', Score.ops.win), { by: 1 }))
  }
  count(): Promise<unknown> {
    return this.session.call(requestOf(targetOf(Counter, '/hits', 'add', Counter.ops.add), { by: 1 }))
  }
  /** Changes the state where no entry says so. */
  tamper(): void {
    this.view.journal.step(NOBODY, () => this.view.space.object('/score')?.run('win', { by: 100 }))
  }
  get points(): unknown {
    return this.view.space.object('/score')?.cell.row('')?.value
  }
  get stopped(): unknown {
    return this.view.stopped?.code
  }
}

/** What became of promises, once everything has settled. */
async function outcomes(log: FakeLog, promises: readonly Promise<unknown>[]): Promise<unknown[]> {
  const settled = Promise.allSettled(promises)
  await log.settle(20)
  return (await settled).map((one) => {
    if (one.status === 'fulfilled') return one.value
    return isError(one.reason) ? one.reason.code : one.reason
  })
}

/** Processes that are at the tail; the next entry is a digest point. */
async function atDigestPoint(log: FakeLog, processes: readonly Process[]): Promise<void> {
  for (const process of processes) await outcomes(log, [process.win()])
  for (const process of processes) await outcomes(log, [process.view.sync()])
  log.jump(DIGEST_EVERY)
}

test('O3: the side with fewer writers stops, where there are as many all stop writing', (t) => {
  const cases: readonly (readonly [same: number, other: number, verdict: Verdict])[] = [
    [1, 1, 'stopsWriting'],
    [2, 1, 'stays'],
    [1, 2, 'stops'],
    [2, 2, 'stopsWriting'],
    [0, 1, 'stops'],
    [3, 0, 'stays'],
    [7, 8, 'stops'],
  ]
  t.deepEqual(
    cases.map(([same, other]) => verdictOf({ same, other })),
    cases.map(([, , verdict]) => verdict),
  )
})

test('O3: each process has one voice, its newest claim; of those with a session, about what is here', (t) => {
  const claims = new Claims()
  const lanes = { low: -1, high: 7 }
  const same = { low: 0xffff_ffff, high: 7 }
  const other = { low: 0, high: 7 }
  t.true(isSameDigest({ position: 1, ...same }, lanes))
  t.false(isSameDigest({ position: 1, ...other }, lanes))
  const heard = (process: string, position: number, digest: { low: number; high: number }, time = 1_000): boolean =>
    claims.heard({ claim: { position, ...digest }, process, time }, position < 10 ? lanes : undefined)
  t.false(heard('b', 1, same))
  t.is(claims.countAt, Infinity)
  t.true(heard('c', 1, other), 'the first time, a replay')
  t.false(heard('c', 2, other), 'one replay for each process')
  t.false(heard('d', 10, other), 'a position whose digest is not here')
  t.is(claims.countAt, 1_000 + COUNT_AFTER_MS)
  heard('e', 1, other)
  heard('e', 2, same)
  heard('gone', 1, other)
  const at = (position: number) => (position < 10 ? lanes : undefined)
  t.deepEqual(claims.count(new Set(['a', 'b', 'c', 'd', 'e']), 'a', at), { same: 3, other: 1 })
  t.deepEqual(claims.count(new Set(['b', 'c', 'd', 'e']), 'a', at), { same: 2, other: 1 }, 'who only reads has none')
  t.is(claims.countAt, Infinity)
  for (let i = 0; i < VOICES_MAX; i++) heard(`p${i}`, 1, same)
  t.deepEqual(claims.count(new Set(['b', 'c', 'p7']), 'a', at), { same: 1, other: 0 }, 'the oldest are forgotten')
})

test('O3: a claim is made once for each digest point, and anew where another state is here', (t) => {
  const claims = new Claims()
  const point = { position: 4_096, lanes: { low: -1, high: 2 } }
  t.is(claims.next(undefined), undefined)
  t.deepEqual(claims.next(point), { position: 4_096, low: 0xffff_ffff, high: 2 })
  t.is(claims.next(point), undefined)
  claims.replaced()
  t.deepEqual(claims.next(point), { position: 4_096, low: 0xffff_ffff, high: 2 })
})

test('O3: a state that was wrong is replaced by a replay, watchers begin anew, nobody stops', async (t) => {
  const log = new FakeLog()
  const [good, bad] = [new Process(log), new Process(log)]
  await atDigestPoint(log, [good, bad])
  const watcher = new Watcher(bad.view, { kind: 'object', path: '/score' }, { onGap: 'resync' })
  bad.tamper()
  t.deepEqual(await outcomes(log, [bad.win()]), [103])
  t.deepEqual(bad.points, { points: 103 })
  await outcomes(log, [good.win()])
  t.deepEqual(bad.points, { points: 4 })
  t.deepEqual(await outcomes(log, [bad.win(), good.win()]), [5, 6])
  t.is(bad.view.digest().digest, good.view.digest().digest)
  const kinds: unknown[] = []
  for (let i = 0; i < 4; i++) kinds.push((await watcher.next()).value?.kind)
  t.deepEqual(kinds, ['change', 'change', 'resync', 'caughtUp'])
  await log.clock.advance(COUNT_AFTER_MS + 1)
  t.deepEqual(await outcomes(log, [bad.win(), good.win()]), [7, 8])
  t.deepEqual([good.stopped, bad.stopped], [undefined, undefined])
})

test('O3: where code differs one against one, both stop writing and play on', async (t) => {
  const log = new FakeLog()
  const [one, other] = [new Process(log), new Process(log, scoreOf(2))]
  await atDigestPoint(log, [one, other])
  await outcomes(log, [one.win(), other.win()])
  t.deepEqual(await outcomes(log, [one.win(), other.win()]), [5, 12])
  await log.clock.advance(COUNT_AFTER_MS)
  await outcomes(log, [one.win(), other.win()])
  t.deepEqual(await outcomes(log, [one.win(), other.win()]), ['DIVERGED', 'DIVERGED'])
  t.deepEqual(await outcomes(log, [one.view.sync(), other.view.sync()]), [undefined, undefined])
  t.throws(() => new Session(one.view, { name: 'another' }), { code: 'DIVERGED' })
})

test('O3: where code differs one against two, the one stops and the two go on', async (t) => {
  const log = new FakeLog()
  const [a, b, odd] = [new Process(log), new Process(log), new Process(log, scoreOf(2))]
  await atDigestPoint(log, [a, b, odd])
  await outcomes(log, [a.win(), b.win(), odd.win()])
  await outcomes(log, [a.win(), b.win(), odd.win()])
  await log.clock.advance(COUNT_AFTER_MS)
  await outcomes(log, [a.win()])
  t.deepEqual([a.stopped, b.stopped, odd.stopped], [undefined, undefined, 'DIVERGED'])
  t.deepEqual(await outcomes(log, [a.win(), b.win(), odd.win()]), [11, 12, 'DIVERGED'])
})

test('O3: a view without the code of some object makes no claim and judges none', async (t) => {
  const log = new FakeLog()
  const [a, b, opaque] = [new Process(log), new Process(log), new Process(log, Counter)]
  await outcomes(log, [opaque.count()])
  await atDigestPoint(log, [a, b])
  await outcomes(log, [opaque.view.sync()])
  await outcomes(log, [a.win(), b.win()])
  t.is(opaque.view.claim(), undefined)
  await outcomes(log, [a.win(), b.win(), opaque.count()])
  await log.clock.advance(COUNT_AFTER_MS)
  await outcomes(log, [a.win(), opaque.count()])
  t.deepEqual(await outcomes(log, [a.win(), b.win(), opaque.count()]), [8, 9, 4])
  t.deepEqual([a.stopped, b.stopped, opaque.stopped], [undefined, undefined, undefined])
})
