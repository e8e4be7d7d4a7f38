/** The bench without running it: its options, its arithmetic, its pictures. What it measures is not asserted. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { svgOf } from '../../tools/bench/chart.ts'
import { movement } from '../../tools/bench/compare.ts'
import { measureOperation, measured, median } from '../../tools/bench/measure.ts'
import { openLoop } from '../../tools/bench/open-loop.ts'
import { readOptions } from '../../tools/bench/options.ts'
import { Processes } from '../../tools/bench/processes.ts'
import { lackText, markdownOf, ratioOf, shortFigure, type Line } from '../../tools/bench/report.ts'
import { rows } from '../../tools/bench/rows.ts'
import { scaled } from '../../tools/bench/special.ts'
import { sessionEnds } from '../../tools/bench/session-end.ts'
import { specials } from '../../tools/bench/specials.ts'
import { folder } from './command-line.ts'

const line = (name: string, system: string, p50Ms: number, perSecond: number): Line => {
  const row = rows.find((one) => one.name === name)
  if (row === undefined) throw new Error(`no row ${name}`)
  return {
    name,
    system,
    version: '1',
    row,
    samples: [
      { measured: { p50Ms, p99Ms: p50Ms, p999Ms: p50Ms, perSecond }, clientCores: 0.5, serverCores: 1, serverMb: 100 },
    ],
  }
}

const problemOf = (...args: readonly string[]): string => {
  const options = readOptions(args)
  return typeof options === 'string' ? options : 'none'
}

test('an unknown row, an unknown flag and a rate that is none are told in one line', (t) => {
  t.regex(problemOf('--only', 'appendix'), /no row is called appendix: there are append\.sequential, /)
  t.regex(problemOf('--frobnicate'), /--frobnicate/)
  t.regex(problemOf('--open-loop', 'fast'), /--open-loop fast: expected a whole number from 1/)
})

test('rows are chosen by the beginning of their names; overload only where it is named', (t) => {
  const some = readOptions(['--only', 'read', '--only', 'append.64'])
  const all = readOptions([])
  if (typeof some === 'string' || typeof all === 'string') {
    t.fail()
    return
  }
  t.deepEqual(['read.local', 'append.64.4KiB', 'append.1024', 'overload'].map(some.wanted), [true, true, false, false])
  t.deepEqual(['append.1024', 'unit.5m', 'overload', 'overload.stalled'].map(all.wanted), [true, true, false, false])
})

test('quantiles are those of the calls, the median round is the one in the middle', (t) => {
  const times = Array.from({ length: 1_000 }, (_, i) => i + 1)
  t.deepEqual(measured(times, 500), { p50Ms: 500, p99Ms: 990, p999Ms: 999, perSecond: 2_000 })
  t.is(median([100, 900, 300].map((perSecond) => ({ p50Ms: 0, p99Ms: 0, p999Ms: 0, perSecond }))).perSecond, 300)
})

test('a row has moved when its median has by more than its rounds spread', (t) => {
  const { change, moved } = movement({ before: [100, 101, 99, 100, 102], after: [120, 121, 119, 122, 118] })
  t.true(moved && Math.abs(change - 0.2) < 1e-9)
  t.false(movement({ before: [100, 140, 70, 95, 120], after: [120, 160, 80, 110, 150] }).moved)
  t.false(movement({ before: [100, 100, 100], after: [102, 102, 102] }).moved)
})

test('ratios say how much better: above one for a shorter latency and for a higher rate', (t) => {
  t.is(ratioOf(line('append.sequential', 'sirtaki', 0.5, 2_000), line('append.sequential', 'etcd', 1, 1_000)), 2)
  t.is(ratioOf(line('append.1024', 'sirtaki', 9, 300_000), line('append.1024', 'etcd', 1, 10_000)), 30)
  const table = markdownOf([line('append.1024', 'sirtaki', 9, 300_000), line('append.1024', 'etcd', 1, 10_000)])
  t.regex(table, /\| `append\.1024` \| \*\*300k\/s\*\* \| 10k\/s \(30x\) \|/)
})

test('the chart is one picture with a bar for every system of every row that has several', (t) => {
  const svg = svgOf([
    line('append.1024', 'sirtaki', 9, 300_000),
    line('append.1024', 'etcd', 1, 10_000),
    line('token', 'sirtaki', 1, 500_000),
  ])
  t.is(svg.match(/<rect/g)?.length, 2)
  t.true(svg.includes('300k/s') && !svg.includes('token'))
  t.notRegex(svg, /NaN|undefined/)
})

test('the open loop counts from the intended start: a call that waits behind a stall is late', async (t) => {
  let calls = 0
  const { admitted, offered, refused, failed } = await openLoop({ rate: 1_000, ms: 1_000 }, async () => {
    if (++calls === 100) for (const end = performance.now() + 200; performance.now() < end;);
    await Promise.resolve()
  })
  t.true(offered >= 900 && offered <= 1_000, String(offered))
  t.deepEqual([refused, failed], [0, 0])
  t.true(admitted.p99Ms > 100, String(admitted.p99Ms))
})

test('contended rows run beside peers from one process, and again over several', (t) => {
  const named = (name: string): (readonly [string, number, boolean])[] =>
    rows.filter((row) => row.name.startsWith(name)).map((row) => [row.name, row.processes, row.peers])
  t.deepEqual(named('queue'), [
    ['queue.1', 1, true],
    ['queue.4', 1, true],
    ['queue.16', 1, true],
    ['queue.4.processes', 4, false],
    ['queue.16.processes', 4, false],
  ])
  t.deepEqual(named('lock'), [
    ['lock.2', 1, true],
    ['lock.8', 1, true],
    ['lock.2.processes', 2, false],
    ['lock.8.processes', 4, false],
  ])
  t.true(rows.every(({ outstanding, processes }) => outstanding % processes === 0))
})

test('trees, transactions and ends of sessions are asked of peers, one call at a time by its latency', (t) => {
  const names = ['tree.create-delete', 'tree.multi', 'tree.ephemeral', 'txn.2-objects']
  for (const name of names.flatMap((one) => [`${one}.1`, `${one}.64`])) {
    const row = rows.find((one) => one.name === name)
    t.deepEqual([row?.peers, row?.figure], [true, name.endsWith('.1') ? 'latency' : 'rate'], name)
  }
  t.is(rows.find(({ name }) => name === 'session.end')?.figure, 'latency')
})

test('no two rows have one name, and those about many are there', (t) => {
  const all = [...rows, ...specials].map(({ name }) => name)
  t.is(new Set(all).size, all.length)
  const many = ['playback.100k', 'playback.1M', 'memory.znodes', 'op.1M-nodes', 'watch.10k', 'heartbeat.10k']
  t.deepEqual(
    many.filter((name) => !all.includes(name)),
    [],
  )
})

test('--smoke makes special rows small, but never empty', (t) => {
  const options = readOptions(['--smoke'])
  t.true(typeof options !== 'string' && options.smoke)
  const context = {
    processes: new Processes(),
    folder: '',
    rounds: 1,
    progress: () => undefined,
    tell: () => undefined,
  }
  t.deepEqual(
    [1_000_000, 10].map((size) => scaled({ ...context, scale: 0.01 }, size)),
    [10_000, 1],
  )
})

test('a system without the like of a row is told with the reason, and has no cell of its own', (t) => {
  t.is(
    lackText({ name: 'tree.ephemeral.1', system: 'nats', version: '1', missing: 'no sessions' }),
    'tree.ephemeral.1         nats      has none: no sessions',
  )
  t.is(shortFigure(line('session.end', 'sirtaki', 2_142.9, 1)), '2,143 ms')
  t.is(shortFigure(line('session.end', 'sirtaki', 214.29, 1)), '214 ms')
})

test('an operation whose counter misses a call fails; what it leaves is taken away', async (t) => {
  let stands = 0
  let cleaned = 0
  const operation = {
    run: async () => {
      await Promise.resolve()
      stands++
    },
    total: () => Promise.resolve(stands),
    clean: () => Promise.resolve(cleaned++),
  }
  const { perSecond } = await measureOperation(operation, 2, 5)
  t.true(perSecond > 0)
  t.is(cleaned, 1)
  await t.throwsAsync(measureOperation({ ...operation, run: () => Promise.resolve() }, 1, 1), {
    message: /^added \d+ to \d+, but the counter stands at \d+$/,
  })
})

test('ends of sessions count from the last sending that was confirmed; an owner that fails is told', async (t) => {
  const { path, remove } = folder()
  t.teardown(remove)
  const owner = join(path, 'owner.mjs')
  writeFileSync(
    owner,
    `const names = JSON.parse(process.argv[2])
    const now = () => performance.timeOrigin + performance.now()
    for (const name of names) process.send({ name, sentAt: now() - 60_000 })
    for (const name of names) process.send({ name, sentAt: now() })
    process.send('open')
    setInterval(() => undefined, 1_000)`,
  )
  const { p50Ms, p99Ms } = await sessionEnds(
    2,
    { file: owner, args: [] },
    () => new Promise((resolve) => setTimeout(resolve, 2_000)),
  )
  t.true(p50Ms > 1_900 && p99Ms < 30_000, `${p50Ms} ${p99Ms}`)
  writeFileSync(owner, 'process.exit(3)')
  await t.throwsAsync(
    sessionEnds(1, { file: owner, args: [] }, () => Promise.resolve()),
    {
      message: 'an owner of sessions ended with 3',
    },
  )
  writeFileSync(owner, "process.send({ name: JSON.parse(process.argv[2])[0], sentAt: 0 }, () => process.send('open'))")
  await t.throwsAsync(
    sessionEnds(1, { file: owner, args: [] }, () => Promise.resolve()),
    {
      message: '1 of 1 sessions ended while their processes were alive: the machine is too busy',
    },
  )
})
