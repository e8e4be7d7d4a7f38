/** The bench without running it: its options, its arithmetic, its pictures. What it measures is not asserted. */
import test from 'ava'
import { svgOf } from '../../tools/bench/chart.ts'
import { movement } from '../../tools/bench/compare.ts'
import { measured, median } from '../../tools/bench/measure.ts'
import { openLoop } from '../../tools/bench/open-loop.ts'
import { readOptions } from '../../tools/bench/options.ts'
import { markdownOf, ratioOf, type Line } from '../../tools/bench/report.ts'
import { rows } from '../../tools/bench/rows.ts'

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
