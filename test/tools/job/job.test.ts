/** The main job without processes: its objects, its leader, and what its screen says. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { connect } from '../../../objects/connect.ts'
import type { Term } from '../../../objects/lock/election.ts'
import type { ObjectSession } from '../../../objects/object-session.ts'
import { combinedDigest, filesBelow, hashFile } from '../../../tools/job/files.ts'
import { lead } from '../../../tools/job/leader.ts'
import { jobTypes, openJob, type JobObjects } from '../../../tools/job/objects.ts'
import { lineText, pictureOf } from '../../../tools/job/progress.ts'
import { REPORTS } from '../../../tools/job/report.ts'
import { Results } from '../../../tools/job/results.ts'
import { SpaceDriver } from '../../objects/space-driver.ts'
import { folder } from '../command-line.ts'

const found = (...paths: string[]) => ({
  results: paths.map((path) => ({ path, hash: `hash of ${path}`, bytes: 10, attempt: 1 })),
})

test('O12: a file has one result, and a lot of results is added as a whole or not at all', (t) => {
  const space = new SpaceDriver(Results)
  const on = { type: Results, path: '/job/results' }
  const session = space.open('worker')
  t.like(space.op(session, 0, 'add', found('a', 'b'), on), { kind: 'result', value: 2 })
  t.like(space.op(session, 1, 'add', found('c', 'a'), on), { kind: 'rejected', facts: { path: 'a' } })
  t.like(space.op(session, 2, 'add', found('c'), on), { kind: 'result', value: 3 })
  const { state, tables } = Results.bind(space.space.journal).read('/job/results')
  t.deepEqual(state, { files: 3, bytes: 30 })
  t.deepEqual(tables.files.get('c'), { hash: 'hash of c', bytes: 10, attempt: 1, session })
})

/** A folder of 1,100 files: three lots of items. */
function manyFiles(t: ExecutionContext): string {
  const { path, remove } = folder()
  t.teardown(remove)
  mkdirSync(join(path, 'below'))
  for (let i = 0; i < 1_100; i++) writeFileSync(join(path, i % 2 === 0 ? 'below' : '.', `file-${i}`), `content ${i}`)
  return path
}

/** Hashes all that is in the queue, as workers do; gives how many items there were. */
async function workOff(session: ObjectSession, root: string, objects: JobObjects): Promise<number> {
  const { queue, items, results } = objects
  const jobs = await queue.tryTake({ n: 200 })
  if (jobs.length === 0) return 0
  const lines = await Promise.all(
    jobs.map(async ({ value, attempt }) => ({ ...(await hashFile(root, value)), attempt })),
  )
  await session.transaction((tx) => {
    tx.do(items, 'ack', { items: jobs.map(({ id, token }) => ({ id, token })), strict: true })
    tx.do(results, 'add', { results: lines })
  })
  return jobs.length + (await workOff(session, root, objects))
}

test('a leader goes on where the one before stopped: each file is one item, the result is right', async (t) => {
  t.timeout(120_000)
  const root = manyFiles(t)
  const client = await connect('memory:', { types: jobTypes })
  t.teardown(() => client.close())
  const order = { cluster: '', job: '/jobs/1', root, without: [], name: 'worker', delayMs: 0, blobs: '' }
  const [first, second] = await Promise.all([client.session({ name: 'first' }), client.session({ name: 'second' })])
  const objects = await openJob(first, order.job)
  const others = await openJob(second, order.job)

  const stopped = new AbortController()
  await objects.report.begin({ root })
  const cut = objects.report.watch()
  const stopping = (async () => {
    while (objects.report.cut.files === 0) await cut.next()
    stopped.abort()
  })()
  const term = await first.elect(objects.lock.path, { timeoutMs: 5_000 })
  await t.throwsAsync(lead(first, order, { objects, term, signal: stopped.signal }))
  await Promise.all([stopping, term.resign()])
  t.like(objects.report.cut, { files: 500, isWhole: false })

  const next = await second.elect(objects.lock.path, { timeoutMs: 5_000 })
  const watch = others.report.watch()
  const leading = lead(second, order, { objects: others, term: next, signal: new AbortController().signal })
  while (!others.report.cut.isWhole) await watch.next()
  t.is(await workOff(first, root, objects), 1_100)
  await leading
  const files = await filesBelow(root, [])
  const alone = await Promise.all(files.map((path) => hashFile(root, path)))
  t.is(others.report.cut.files, 1_100)
  t.like(others.report.result, { files: 1_100, digest: combinedDigest(alone) })
  const tree = await client.tree(REPORTS)
  t.deepEqual(tree.children('/jobs/1'), ['cut', 'result'])
  t.like(tree.get(others.report.resultPath), { value: { files: 1_100 }, stat: { version: 0 } })
  t.deepEqual(others.queue.size, { ready: 0, delayed: 0, taken: 0, dead: 0 })
})

test('a leader whose term is over publishes nothing, and the result is published once', async (t) => {
  const client = await connect('memory:', { types: jobTypes })
  t.teardown(() => client.close())
  const { report, lock } = await openJob(client.own, '/jobs/1')
  await report.begin({ root: '/' })
  const outcome = { digest: 'd', files: 1, bytes: 1 }
  const publish = ({ held }: Term): Promise<void> =>
    client.transaction((tx) => {
      tx.requires(held)
      report.publish(tx, outcome)
    })
  const first = await client.elect(lock.path, { timeoutMs: 5_000 })
  await first.resign()
  await t.throwsAsync(publish(first), { code: 'NOT_HELD' })
  t.is(report.result, undefined)
  const second = await client.elect(lock.path, { timeoutMs: 5_000 })
  await publish(second)
  t.deepEqual(report.result, outcome)
  await t.throwsAsync(publish(second), { code: 'NODE_EXISTS' })
})

test('O8: an item is acknowledged with its result or not at all', async (t) => {
  const client = await connect('memory:', { types: jobTypes })
  t.teardown(() => client.close())
  const objects = await openJob(client.own, '/jobs/1')
  await objects.queue.put('a')
  const [job] = await objects.queue.tryTake()
  const receipt = { id: job?.id ?? '', token: job?.token ?? -1 }
  const finish = (token: number): Promise<unknown> =>
    client.transaction((tx) => {
      tx.do(objects.items, 'ack', { items: [{ ...receipt, token }], strict: true })
      tx.do(objects.results, 'add', found('a'))
    })
  await t.throwsAsync(finish(receipt.token + 1), { code: 'NOT_HELD' })
  t.deepEqual([objects.queue.size.taken, objects.results.state.files], [1, 0])
  await finish(receipt.token)
  t.deepEqual([objects.queue.size.taken, objects.results.state.files], [0, 1])
  await t.throwsAsync(finish(receipt.token), { code: 'NOT_HELD' })
  t.is(objects.results.state.files, 1)
})

const moment = {
  done: 50,
  total: 200,
  bytes: 4_000,
  seconds: 2,
  p50Ms: 1.5,
  p99Ms: 20,
  leader: { name: 'worker 1', token: 12 },
  queue: { ready: 100, taken: 50, dead: 0 },
  sessions: ['dev', 'worker 1'],
}

test('the screen shows the leader, the queue, the sessions and the speed', (t) => {
  t.deepEqual(pictureOf(moment), [
    '[########......................] 50/200 files, 25 files/s, 2.0 kB/s',
    '  leader    worker 1 (token 12)',
    '  queue     100 ready, 50 taken, 0 dead',
    '  sessions  dev, worker 1',
    '  commits   p50 1.5 ms, p99 20.0 ms',
  ])
  t.is(
    lineText({ ...moment, leader: undefined }),
    '50/200 files, 25 files/s, 2.0 kB/s; leader none; queue 100 ready, 50 taken, 0 dead; 2 sessions; '
      + 'commits p50 1.5 ms, p99 20.0 ms',
  )
})
