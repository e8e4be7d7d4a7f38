/** A client whose servers do not answer: it looks around itself, and waits for nobody who was left out. */
import test from 'ava'
import { openSegment, type Layout } from '../../../log/layout/layout.ts'
import { writeEpoch } from '../../../log/wire/tail-messages.ts'
import { LimitBench, payload } from '../limit-bench.ts'
import { acknowledgedOnce, appends } from '../limit-drives-client.ts'

const times = { probeMs: 40, stuckMs: 200, requestMs: 2_000 }

function layoutOf(bench: LimitBench): Layout {
  const { layout } = bench.unit('unit-0').unit.state
  if (layout === undefined) throw new Error('no layout')
  return layout
}
const chainOf = (layout: Layout): string[] => openSegment(layout).chains.flat().map(({ identity }) => identity)

/** A sequencer that grants, and reaches too few units to suspect anybody. */
async function blindBench(): Promise<LimitBench> {
  const bench = await LimitBench.start(times, { units: 3 })
  bench.wire('sequencer').cut('unit-1')
  bench.wire('sequencer').cut('unit-2')
  return bench
}

test('P4: a client that meets errors for long drives the epoch without the unit that is gone, by itself', async (t) => {
  const bench = await blindBench()
  const log = await bench.client()
  await bench.done(log.append(payload(0)), 50)
  await bench.unit('unit-2').close()
  const append = log.append(payload(1))
  await bench.until(() => layoutOf(bench).epoch > 2, 1_900)
  t.deepEqual(chainOf(layoutOf(bench)), ['unit-0', 'unit-1'])
  t.is(typeof await bench.outcome(append, 500), 'object')
  t.true(bench.point('client.watches') >= 3)
  await acknowledgedOnce(t, bench, log, appends(log, 3))
})

test('P17: a client that meets errors for a short time only does nothing of the kind', async (t) => {
  const bench = await blindBench()
  const log = await bench.client()
  bench.wire('client').cut('unit-2')
  const append = log.append(payload(1))
  await bench.advance(150)
  bench.wire('client').mend('unit-2')
  t.is(typeof await bench.outcome(append, 500), 'object')
  t.is(bench.point('client.watches'), 0)
})

test('P24: a client that is cut off itself leaves nobody out', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  const log = await bench.client()
  const { epoch } = layoutOf(bench)
  for (const address of ['sequencer', 'unit-1', 'unit-2']) bench.wire('client').cut(address)
  void log.append(payload(1)).catch(() => undefined)
  await bench.advance(1_900)
  t.true(bench.point('client.watches') > 0)
  t.deepEqual([layoutOf(bench).epoch, chainOf(layoutOf(bench)).length], [epoch, 3])
})

test('requests to a member that was left out end at once, with the epoch that goes on without it', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  const raw = await bench.raw()
  bench.wire('raw').hold('unit-2')
  const asked = raw.peer('unit-2').request('progress', writeEpoch(layoutOf(bench).epoch))
  const who = raw.peer('unit-2').request('identify', new TextEncoder().encode('{}'))
  const other = raw.peer('unit-1').request('progress', writeEpoch(layoutOf(bench).epoch))
  t.is(await bench.outcome(asked, 100), 'waiting')
  raw.learn(await bench.drive({ absent: ['unit-2'] }, 100))
  t.is(await bench.outcome(asked), 'EPOCH/refresh')
  t.is(await bench.outcome(who), 'waiting')
  t.is(typeof await bench.outcome(other), 'object')
})

test('an append that waits for a unit that answers nothing any more ends when it is left out', async (t) => {
  const bench = await LimitBench.start({ ...times, requestMs: 10_000, fillFloorMs: 60_000 }, { units: 3 })
  const log = await bench.client()
  bench.wire('client').hold('unit-2')
  const append = log.append(payload(1))
  t.is(await bench.outcome(append, 500), 'waiting')
  await bench.drive({ absent: ['unit-2'] }, 100)
  t.is(typeof await bench.outcome(append, 500), 'object')
})

test('who was left out and is named again is asked again', async (t) => {
  const bench = await LimitBench.start(times, { units: 3 })
  const raw = await bench.raw()
  raw.learn(await bench.drive({ absent: ['unit-2'] }, 100))
  t.is(typeof await bench.outcome(raw.peer('unit-2').request('status', new Uint8Array(0)), 50), 'object')
})
