/**
 * Newcomers that copy closed segments, over whole clusters in memory: who is asked, what goes wrong meanwhile, and the merge.
 *
 * Read next: `../../../log/unit/copy.ts`, `unit-places.test.ts`.
 */
import test, { type ExecutionContext } from 'ava'
import type { LogClient } from '../../../log/client/client.ts'
import { Cluster } from '../../../log/client/cluster.ts'
import { openSegment, type Layout } from '../../../log/layout/layout.ts'
import { reconfigure } from '../../../log/layout/reconfigure.ts'
import { ClassRange, readJson } from '../../../log/wire/control.ts'
import { LimitBench, payload, whichOf } from '../limit-bench.ts'
import { missingParts } from '../../../log/layout/whole.ts'
import { copyParts } from '../../../log/unit/copy.ts'
import { acknowledgedOnce, appends } from '../limit-drives-client.ts'

const times = { probeMs: 40, stuckMs: 100, requestMs: 1_000 }
/** Copies of a few entries at a time, some hundred bytes a second: slow enough to do something meanwhile. */
const slowly = { ...times, copyBytesPerSecond: 4_000, frameBytesMax: 8_192, entryBytesMax: 2_000, window: 64 }

function layoutOf(bench: LimitBench, at = 'unit-0'): Layout {
  const { layout } = bench.unit(at).unit.state
  if (layout === undefined) throw new Error(`no layout at ${at}`)
  return layout
}
const segmentsOf = (bench: LimitBench, at = 'unit-0'): string[] => layoutOf(bench, at).segments.map(({ chains }) => chains.map((chain) => chain.map(({ identity }) => identity.slice(-1)).join('')).join('|'))
const isMerged = (bench: LimitBench, at = 'unit-0') => (): boolean => layoutOf(bench, at).segments.length === 1 && layoutOf(bench, at).segments[0]?.chains.flat().some(({ identity }) => identity === bench.units.at(-1)?.unit.state.identity) === true
/** Addresses that a unit has asked for copies, with the ranges. */
const copiesOf = (bench: LimitBench, unit: string): { address: string; from: number }[] => bench.wire(unit).of('copy').map(({ address, body }) => ({ address, from: readJson(body, ClassRange).from }))

/** Everything below the tail is the same at two units. */
function areEqual(t: ExecutionContext, bench: LimitBench, ours: string, theirs: string): void {
  const all = { from: 0, to: layoutOf(bench, ours).tail, index: 0, step: 1 }
  t.deepEqual(bench.unit(ours).unit.digest(all), bench.unit(theirs).unit.digest(all))
}

/** What these positions hold, read from one unit. */
async function readAt(bench: LimitBench, log: LogClient, unit: string, positions: readonly number[]): Promise<unknown[]> {
  for (const address of bench.addresses) if (address !== unit) bench.wire('client').cut(address)
  const reads = await bench.done(Promise.all(positions.map((position) => log.read(position))), 500)
  for (const address of bench.addresses) bench.wire('client').mend(address)
  return reads.map((read) => read.kind === 'data' ? whichOf(read.entry.payload) : read.kind)
}

const tenOf = Array.from({ length: 10 }, (_, i) => i)

/** `units` units with ten entries of 1,000 bytes, and a blank one that joins them and looks after itself. */
async function joining(units: number, over: object = slowly): Promise<{ bench: LimitBench; log: LogClient; positions: number[]; newcomer: string }> {
  const bench = await LimitBench.start(over, { units })
  const log = await bench.client()
  const positions = await bench.done(Promise.all(appends(log, 10, { bytes: 1_000, streams: [27] })), 100)
  const newcomer = `unit-${units}`
  await bench.blank(newcomer)
  await bench.drive({ join: [{ address: newcomer }] })
  bench.supervise(newcomer)
  return { bench, log, positions, newcomer }
}

test('P26: a newcomer copies what lies below the tail and is merged; appends go on meanwhile', async (t) => {
  const { bench, log, positions } = await joining(1, times)
  t.deepEqual(segmentsOf(bench), ['0', '01'])
  await acknowledgedOnce(t, bench, log, appends(log, 5, { from: 0 }))
  await bench.until(isMerged(bench), 2_000)
  t.deepEqual(segmentsOf(bench), ['01'])
  areEqual(t, bench, 'unit-0', 'unit-1')
  t.deepEqual(await readAt(bench, log, 'unit-1', positions), tenOf)
  t.is(bench.unit('unit-1').copying, undefined)
})

test('P26: before it has copied all nothing is merged, and its progress can be seen', async (t) => {
  const { bench } = await joining(1)
  await bench.until(() => (bench.unit('unit-1').copying?.bytes ?? 0) > 0, 500)
  await bench.advance(500)
  t.deepEqual(segmentsOf(bench), ['0', '01'])
  t.like(bench.unit('unit-1').status(), { copy: { from: 0 } })
  await bench.until(isMerged(bench), 20_000)
})

test('Q4: who follows a stream gets every entry once and in order over a join and a merge', async (t) => {
  const { bench, log } = await joining(1, times)
  const got: number[] = []
  const ended = new AbortController()
  const reading = (async (): Promise<void> => { for await (const entry of log.subscribe({ stream: 27, signal: ended.signal })) got.push(whichOf(entry.payload)) })()
  await bench.done(Promise.all(appends(log, 3, { from: 10, streams: [27] })), 100)
  await bench.until(isMerged(bench), 2_000)
  await bench.done(Promise.all(appends(log, 3, { from: 13, streams: [27] })), 200)
  await bench.advance(200)
  ended.abort()
  await bench.done(reading, 10)
  t.deepEqual(got, Array.from({ length: 16 }, (_, i) => i))
})

test('P26: a newcomer that goes before it was told of its epoch comes back blank, and the same wish brings it in', async (t) => {
  const bench = await LimitBench.start(times, { units: 1 })
  const log = await bench.client()
  const positions = await bench.done(Promise.all(appends(log, 10)), 100)
  const { identity } = (await bench.blank('unit-1')).unit.state
  const ports = bench.ports('hasty')
  const operator = new Cluster({ ports: { ...ports, failpoint: (point) => { if (point === 'drive.agreed') void bench.unit('unit-1').close() } }, limits: bench.limits, name: 'hasty', addresses: bench.addresses })
  await bench.outcome(reconfigure(operator, { join: [{ address: 'unit-1' }] }, { timeoutMs: 100 }), 200)
  operator.close()
  await bench.drive({ absent: [identity] }, 3_000)
  bench.supervise('unit-1')
  await bench.restart('unit-1')
  await bench.advance(3_000)
  t.deepEqual([bench.unit('unit-1').unit.state.layout, layoutOf(bench).absent.map(({ address }) => address)], [undefined, ['unit-1']])
  await bench.drive({ join: [{ address: 'unit-1' }] }, 2_000)
  await bench.until(isMerged(bench), 3_000)
  t.deepEqual(await readAt(bench, log, 'unit-1', positions), tenOf)
})

test('P26: after a restart a copy goes on: ranges that are here are not sent again', async (t) => {
  // One epoch skips a window of junk: more than two ranges that are compared by their digests.
  const bench = await LimitBench.start({ ...times, window: 40_000, copyBytesPerSecond: 100_000, frameBytesMax: 2 << 20 }, { units: 1 })
  const log = await bench.client()
  const positions = await bench.done(Promise.all(appends(log, 10, { bytes: 200_000 })), 200)
  await bench.blank('unit-1')
  await bench.drive({ join: [{ address: 'unit-1' }] }, 2_000)
  bench.supervise('unit-1')
  await bench.until(() => (bench.unit('unit-1').copying?.bytes ?? 0) >= 400_000, 20_000)
  const first = copiesOf(bench, 'unit-1').map(({ from }) => from)
  const stored = bench.unit('unit-1').unit.state.stored.entries
  t.true(first.includes(0) && stored >= 2 && stored < 10, `${stored} entries were here`)
  await bench.restart('unit-1')
  await bench.until(isMerged(bench), 60_000)
  const again = copiesOf(bench, 'unit-1').map(({ from }) => from)
  t.true(again.length > 0 && again.every((from) => from >= 32_768), again.join(' '))
  t.is(stored + bench.unit('unit-1').unit.state.stored.entries, 10)
  t.deepEqual(await readAt(bench, log, 'unit-1', positions), tenOf)
})

for (const wireVersionMax of [1, 2]) test(`P26: what an epoch has skipped is copied ${wireVersionMax === 1 ? 'one by one between units of version 1' : 'in ranges'}`, async (t) => {
  const { bench } = await joining(1, { ...times, window: 20_000, wireVersionMax })
  await bench.until(isMerged(bench), 5_000)
  areEqual(t, bench, 'unit-0', 'unit-1')
  const asked = bench.wire('unit-1').of('copy').map(({ body }) => readJson(body, ClassRange).ranges)
  t.true(asked.length > 1 && asked.every((ranges) => ranges === (wireVersionMax === 1 ? undefined : true)))
  if (wireVersionMax > 1) t.true(bench.wire('unit-1').longestAnswer < 20_000)
})

test('P26: when the source is out of reach another one is asked', async (t) => {
  const { bench, log, positions } = await joining(2)
  await bench.until(() => (bench.unit('unit-2').copying?.bytes ?? 0) > 2_000, 2_000)
  t.true(copiesOf(bench, 'unit-2').every(({ address }) => address === 'unit-0'))
  bench.wire('unit-2').cut('unit-0')
  await bench.until(() => bench.point('copy.done') > 0, 10_000)
  t.true(copiesOf(bench, 'unit-2').some(({ address }) => address === 'unit-1'))
  bench.wire('unit-2').mend('unit-0')
  await bench.until(isMerged(bench), 5_000)
  t.deepEqual(await readAt(bench, log, 'unit-2', positions), tenOf)
})

test('P26: a source that dies in the middle is left out, and the copy goes on under the next epoch', async (t) => {
  const { bench, log, positions } = await joining(3)
  await bench.until(() => (bench.unit('unit-3').copying?.bytes ?? 0) > 2_000, 2_000)
  await bench.unit('unit-0').close()
  await bench.until(isMerged(bench, 'unit-1'), 20_000)
  t.deepEqual(segmentsOf(bench, 'unit-1'), ['123'])
  t.deepEqual(await readAt(bench, log, 'unit-3', positions), tenOf)
})

test('L8: a trim in the middle of a copy reaches the newcomer, and what was trimmed does not come back', async (t) => {
  const { bench, log, positions } = await joining(1)
  await bench.until(() => (bench.unit('unit-1').copying?.bytes ?? 0) > 2_000, 2_000)
  const before = (positions[8] ?? 0)
  await bench.done(log.trim(before), 1_000)
  await bench.until(isMerged(bench), 20_000)
  t.deepEqual([bench.unit('unit-0').unit.state.trim, bench.unit('unit-1').unit.state.trim], [before, before])
  areEqual(t, bench, 'unit-0', 'unit-1')
  t.deepEqual(await readAt(bench, log, 'unit-1', positions), ['trimmed', 'trimmed', 'trimmed', 'trimmed', 'trimmed', 'trimmed', 'trimmed', 'trimmed', 8, 9])
})

test('L8: a trim above everything that is copied makes the copy unnecessary', async (t) => {
  const { bench, log } = await joining(1)
  await bench.until(() => (bench.unit('unit-1').copying?.bytes ?? 0) > 2_000, 2_000)
  const { from } = openSegment(layoutOf(bench))
  await bench.done(log.append(payload(1)), 50)
  await bench.done(log.trim(from + 1), 1_000)
  await bench.drive({ merge: true })
  t.deepEqual([segmentsOf(bench), layoutOf(bench).segments[0]?.from], [['01'], from])
})

test('L4: a position that is damaged at one source is copied from another', async (t) => {
  const { bench, log, positions } = await joining(2, { ...slowly, copyBytesPerSecond: 50_000 })
  bench.store('unit-0').damage()
  for (const position of positions) bench.unit('unit-0').unit.state.verify(position, { row: -1, bytes: undefined })
  t.true(bench.unit('unit-0').unit.state.damaged.size > 0)
  await bench.until(isMerged(bench), 10_000)
  t.deepEqual([...new Set(copiesOf(bench, 'unit-2').map(({ address }) => address))].toSorted(), ['unit-0', 'unit-1'])
  t.deepEqual(await readAt(bench, log, 'unit-2', positions), tenOf)
})

test('P26: one chain becomes two and one again: every unit copies its part, nothing is lost', async (t) => {
  const bench = await LimitBench.start({ ...times, window: 64 }, { units: 1 })
  const log = await bench.client()
  const positions = await bench.done(Promise.all(appends(log, 10, { streams: [27] })), 100)
  await bench.blank('unit-1')
  bench.supervise('unit-0', 'unit-1')
  await bench.drive({ chains: [['unit-0'], ['unit-1']] })
  await bench.until(() => segmentsOf(bench).join() === '0|1', 3_000)
  t.deepEqual(await readAt(bench, log, 'unit-1', positions.filter((position) => position % 2 === 1)), positions.flatMap((position, i) => position % 2 === 1 ? [i] : []))
  positions.push(...await bench.done(Promise.all(appends(log, 10, { from: 10, streams: [27] })), 200))
  await bench.drive({ chains: [['unit-1']] })
  await bench.until(() => segmentsOf(bench, 'unit-1').join() === '1', 3_000)
  t.deepEqual(await readAt(bench, log, 'unit-1', positions), Array.from({ length: 20 }, (_, i) => i))
  t.deepEqual((await bench.done(log.readStream({ stream: 27 }), 200)).map(({ position }) => position), positions)
})

test('L8: while a unit that was replaced is still copied from, what lies above its segments can be trimmed', async (t) => {
  const bench = await LimitBench.start({ ...slowly, copyBytesPerSecond: 100 }, { units: 2 })
  const log = await bench.client()
  await bench.done(Promise.all(appends(log, 10, { bytes: 1_000 })), 100)
  await bench.blank('unit-2')
  await bench.drive({ drop: ['unit-1'], join: [{ address: 'unit-2' }] })
  bench.supervise('unit-2')
  t.deepEqual(segmentsOf(bench), ['10', '02'])
  const position = Math.max(...await bench.done(Promise.all(appends(log, 3)), 50))
  await bench.done(log.trim(position), 1_000)
  t.deepEqual(bench.units.map(({ unit }) => unit.state.trim), [position, position, position])
})

test('P68: a copy that its disk does not keep is none: nobody is given up for it, and it is made again', async (t) => {
  const bench = await LimitBench.start(times, { units: 1 })
  const log = await bench.client()
  const positions = await bench.done(Promise.all(appends(log, 10)), 100)
  await bench.blank('unit-1')
  // Read from memory all is well: only who asks the disk can know.
  bench.store('unit-1').rotten = true
  bench.supervise('unit-0', 'unit-1')
  await bench.drive({ chains: [['unit-1']] })
  await bench.advance(2_000)
  t.deepEqual(segmentsOf(bench, 'unit-1'), ['0', '1'])
  bench.store('unit-1').rotten = false
  await bench.until(() => segmentsOf(bench, 'unit-1').join() === '1', 5_000)
  await bench.unit('unit-0').close()
  t.deepEqual(await readAt(bench, log, 'unit-1', positions), tenOf)
})

test('P68: what a copy is known to have lost is lacking, however its index sums up', async (t) => {
  const bench = await LimitBench.start(times, { units: 1 })
  const log = await bench.client()
  const positions = await bench.done(Promise.all(appends(log, 10)), 100)
  const { unit } = await bench.blank('unit-1')
  await bench.drive({ chains: [['unit-1']] })
  const layout = layoutOf(bench)
  const ports = bench.ports('copier')
  const copier = new Cluster({ ports, limits: bench.limits, name: 'copier', addresses: ['unit-0'], layout })
  const parts = missingParts(layout, unit.state.identity)
  await bench.done(copyParts(bench.unit('unit-1'), copier, layout, parts), 1_000)
  copier.close()
  bench.store('unit-1').damage()
  unit.state.verify(positions[9] ?? -1, { row: -1, bytes: undefined })
  await bench.drive({ merge: true })
  t.deepEqual([segmentsOf(bench, 'unit-1'), [...unit.state.damaged]], [['0', '1'], positions.slice(9)])
  bench.store('unit-1').heal()
  t.true(unit.state.recheck(positions[9] ?? -1))
  await bench.drive({ merge: true })
  t.deepEqual(segmentsOf(bench, 'unit-1'), ['1'])
})

test('Y4: a living unit that is taken out keeps what it has until the others have read theirs back', async (t) => {
  const bench = await LimitBench.start(times, { units: 2 })
  const log = await bench.client()
  const positions = await bench.done(Promise.all(appends(log, 10)), 100)
  bench.store('unit-0').damage()
  await bench.drive({ drop: ['unit-1'] })
  t.deepEqual(segmentsOf(bench), ['10', '0'])
  bench.supervise('unit-0')
  await bench.done(Promise.all(appends(log, 5, { from: 10 })), 100)
  await bench.until(() => segmentsOf(bench).join() === '0', 5_000)
  await bench.unit('unit-1').close()
  t.deepEqual(await readAt(bench, log, 'unit-0', positions), tenOf)
})

test('Y4: a chain that is divided stays one of copies until each unit has read back its part', async (t) => {
  const bench = await LimitBench.start(times, { units: 2 })
  const log = await bench.client()
  const positions = await bench.done(Promise.all(appends(log, 10)), 100)
  bench.store('unit-0').rotten = true
  await bench.drive({ chains: [['unit-0'], ['unit-1']] })
  bench.supervise('unit-0', 'unit-1')
  await bench.advance(2_000)
  t.deepEqual(segmentsOf(bench), ['01', '0|1'])
  bench.store('unit-0').rotten = false
  await bench.until(() => segmentsOf(bench).join() === '0|1', 5_000)
  const even = positions.filter((position) => position % 2 === 0)
  const wanted = positions.flatMap((position, i) => position % 2 === 0 ? [i] : [])
  t.deepEqual(await readAt(bench, log, 'unit-0', even), wanted)
})
