/**
 * Skips: what never ends at a position is left out there, by everybody who comes later.
 *
 * Read next: `../../objects/runtime/skips.ts`, `../../objects/runtime/skip.ts`.
 */
import test from 'ava'
import { number, object } from 'superstruct'
import { isError } from '../../log/errors.ts'
import { Counter, ObjectClient, defineObject } from '../../objects.ts'
import { ObjectOps, partOf } from '../../objects/handle.ts'
import { Retention } from '../../objects/retention/type.ts'
import { CHECKPOINT_STREAM, RETENTION_PATH } from '../../objects/runtime/checkpoint-note.ts'
import { encodeOp } from '../../objects/runtime/entry.ts'
import { encodeSkip, readSkip, SKIP_STREAM } from '../../objects/runtime/skip-entry.ts'
import { DIGEST_EVERY } from '../../objects/runtime/space.ts'
import { FakeLog } from './fake-log.ts'

/** A type one of whose ops would never end, if it were run. */
const ran: number[] = []
const Maze = defineObject({
  name: 'test.maze',
  version: 1,
  state: object({ steps: number() }),
  initial: () => ({ steps: 0 }),
  ops: (op) => ({
    step: op(object({ by: number() }), (draft, { by }, ctx) => {
      ran.push(ctx.position)
      draft.steps += by
      return draft.steps
    }),
  }),
})

/** What became of promises, once everything has settled. */
async function outcomes(log: FakeLog, promises: readonly Promise<unknown>[]): Promise<unknown[]> {
  const settled = Promise.allSettled(promises)
  await log.settle(20)
  return (await settled).map((one) => {
    if (one.status === 'fulfilled') return one.value
    return isError(one.reason) ? one.reason.code : one.reason
  })
}

/** A log with steps of a maze at positions 2, 3 and 4, and an add at 6; and who wrote them. */
async function mazeLog() {
  const log = new FakeLog()
  const writer = new ObjectClient(log, { types: [Maze] })
  const maze = await writer.open(Maze, '/maze')
  await outcomes(log, [maze.step({ by: 1 }), maze.step({ by: 10 }), maze.step({ by: 100 })])
  const other = new ObjectClient(log)
  const hits = await other.open(Counter, '/hits')
  await outcomes(log, [hits.add({ by: 1 })])
  return { log, writer, maze, other }
}

test.serial('O11: a skip is read as it was written, and other bytes are none', (t) => {
  const skip = { position: 7, object: '/shop/käse' }
  t.deepEqual(readSkip(encodeSkip(skip)), skip)
  const bytes = encodeSkip(skip)
  for (let length = 0; length < bytes.byteLength; length++) t.is(readSkip(bytes.subarray(0, length)), undefined)
  t.is(readSkip(Uint8Array.of(...bytes, 0)), undefined)
  t.is(readSkip(Uint8Array.of(2, 8, ...bytes.subarray(2))), undefined)
  t.is(readSkip(Uint8Array.of(0, 9, ...bytes.subarray(2))), undefined)
  t.throws(() => readSkip(Uint8Array.of(3, 9, ...bytes.subarray(2))), { code: 'UNSUPPORTED' })
  for (const odd of [
    { position: -1, object: '/a' },
    { position: 1.5, object: '/a' },
    { position: 1, object: 'a' },
  ]) {
    t.throws(() => encodeSkip(odd), { code: 'BAD_ARGUMENT' })
  }
})

test.serial('O3: what is skipped is run by nobody who starts later, and its number is taken', async (t) => {
  const { log, other } = await mazeLog()
  t.deepEqual(await outcomes(log, [other.skip({ position: 3, object: '/maze' })]), [7])
  ran.length = 0
  const [one, two] = [new ObjectClient(log, { types: [Maze] }), new ObjectClient(log, { types: [Maze] })]
  const maze = await one.open(Maze, '/maze')
  t.deepEqual(await outcomes(log, [one.sync(), two.sync()]), [undefined, undefined])
  t.deepEqual(ran, [2, 4, 2, 4])
  t.deepEqual(maze.state, { steps: 101 })
  t.is(one.digest().digest, two.digest().digest)
})

test.serial('O3: nothing is run before the skips have been read', async (t) => {
  const { log, other } = await mazeLog()
  t.deepEqual(await outcomes(log, [other.skip({ position: 3, object: '/maze' })]), [7])
  ran.length = 0
  log.silent = SKIP_STREAM
  const client = new ObjectClient(log, { types: [Maze] })
  await log.settle(20)
  t.deepEqual([client.position, ran], [-1, []])
  log.silent = undefined
  t.deepEqual(await outcomes(log, [client.sync()]), [undefined])
  t.deepEqual(ran, [2, 4])
})

test.serial('O3: a view that has played the position stops and says to restart', async (t) => {
  const { log, maze, other } = await mazeLog()
  await outcomes(log, [other.skip({ position: 3, object: '/maze' })])
  const error = await t.throwsAsync(maze.sync(), { code: 'STOPPED' })
  t.regex(error?.message ?? '', /^\/maze is skipped at position 3, .*: restart this process$/)
})

test.serial('O3: a skip of a position that was not played yet is kept for it, in a replay too', async (t) => {
  const { log, writer, maze } = await mazeLog()
  log.write(encodeSkip({ position: 9, object: '/maze' }), [SKIP_STREAM])
  await log.settle(2)
  t.deepEqual(await outcomes(log, [maze.step({ by: 1_000 })]), [1_111])
  t.deepEqual(await outcomes(log, [maze.step({ by: 1_000 })]), ['SKIPPED'])
  t.deepEqual(await outcomes(log, [maze.step({ by: 1_000 })]), [2_111])
  const late = new ObjectClient(log)
  await outcomes(log, [late.sync()])
  const [again] = await Promise.all([late.open(Maze, '/maze'), log.settle(20)])
  t.deepEqual(again.state, { steps: 2_111 })
  t.is(late.digest().digest, writer.digest().digest)
})

test.serial('O3: a skip is refused where the position has no op of the object', async (t) => {
  const { log, other } = await mazeLog()
  const skips = [1, 5, 6, 100].map((position) => other.skip({ position, object: '/maze' }))
  t.deepEqual(await outcomes(log, [...skips, other.skip({ position: 3, object: 'maze' })]), [
    ...skips.map(() => 'BAD_ARGUMENT'),
    'BAD_ARGUMENT',
  ])
  log.jump(20)
  t.deepEqual(await outcomes(log, [other.skip({ position: 10, object: '/maze', hook: true })]), ['BAD_ARGUMENT'])
  t.deepEqual(await outcomes(log, [other.skip({ position: 6, object: '/maze', hook: true })]), [20])
})

test.serial('O3: a skip is refused where somebody has claimed a state of that position or a later one', async (t) => {
  const { log, writer, maze, other } = await mazeLog()
  await outcomes(log, [writer.sync()])
  log.jump(DIGEST_EVERY)
  await outcomes(log, [maze.step({ by: 1 })])
  t.deepEqual(await outcomes(log, [maze.step({ by: 1 })]), [113])
  const skip = (position: number) => other.skip({ position, object: '/maze' })
  t.deepEqual(await outcomes(log, [skip(3), skip(DIGEST_EVERY)]), ['CONFLICT', 'CONFLICT'])
  t.deepEqual(await outcomes(log, [skip(DIGEST_EVERY + 1)]), [DIGEST_EVERY + 2])
})

test.serial('O3: a skip is refused where a checkpoint that is noted holds the position', async (t) => {
  const { log, other } = await mazeLog()
  const note = { n: 1, position: 4, key: 'manifests/1', sha256: '0'.repeat(64), nonce: 'aa', address: 'file:/b' }
  const target = new ObjectOps(Retention, RETENTION_PATH).target('checkpointed')
  log.write(encodeOp(1, 1, partOf(target, { ...note, moves: false })), [1, CHECKPOINT_STREAM])
  const skip = (position: number) => other.skip({ position, object: '/maze' })
  t.deepEqual(await outcomes(log, [skip(2), skip(3)]), ['CONFLICT', 'CONFLICT'])
  t.deepEqual(await outcomes(log, [skip(4)]), [8])
})

test.serial('O1: what is called before the skips have been read is answered all the same', async (t) => {
  const log = new FakeLog()
  log.write(encodeSkip({ position: 2, object: '/hits' }), [SKIP_STREAM])
  const client = new ObjectClient(log)
  const hits = await client.open(Counter, '/hits')
  t.deepEqual(await outcomes(log, [hits.add({ by: 1 }), client.sync()]), [1, undefined])
  t.deepEqual(await outcomes(log, [client.close()]), [undefined])
})
