/**
 * Newcomers that copy closed segments, over whole clusters in memory: who is asked, what goes wrong meanwhile, and
 * the merge.
 *
 * Read next: `../../../log/unit/copy.ts`, `unit-places.test.ts`.
 */
import test, { type ExecutionContext } from 'ava'
import type { LogClient } from '../../../log/client/client.ts'
import { Cluster } from '../../../log/cluster/cluster.ts'
import { reconfigure } from '../../../log/epochs/reconfigure.ts'
import { missingParts } from '../../../log/epochs/whole.ts'
import { openSegment, type Layout } from '../../../log/layout.ts'
import { copyParts } from '../../../log/unit/copy.ts'
import { ClassRange, readJson } from '../../../log/wire/control.ts'
import { HandCluster, payload, whichOf } from '../../harness/hand-cluster.ts'
import { acknowledgedOnce, appends } from '../limits/client.ts'

const times = { probeMs: 40, stuckMs: 100, requestMs: 1_000 }
/** Copies of a few entries at a time, some hundred bytes a second: slow enough to do something meanwhile. */
const slowly = { ...times, copyBytesPerSecond: 4_000, frameBytesMax: 8_192, entryBytesMax: 2_000, window: 64 }

function layoutOf(hand: HandCluster, at = 'unit-0'): Layout {
  const { layout } = hand.unit(at).unit.state
  if (layout === undefined) throw new Error(`no layout at ${at}`)
  return layout
}
const segmentsOf = (hand: HandCluster, at = 'unit-0'): string[] =>
  layoutOf(hand, at).segments.map(({ chains }) =>
    chains.map((chain) => chain.map(({ identity }) => identity.slice(-1)).join('')).join('|'),
  )
const isMerged =
  (hand: HandCluster, at = 'unit-0') =>
  (): boolean =>
    layoutOf(hand, at).segments.length === 1
    && layoutOf(hand, at)
      .segments[0]?.chains.flat()
      .some(({ identity }) => identity === hand.units.at(-1)?.unit.state.identity) === true
/** Addresses that a unit has asked for copies, with the ranges. */
const copiesOf = (hand: HandCluster, unit: string): { address: string; from: number }[] =>
  hand
    .wire(unit)
    .of('copy')
    .map(({ address, body }) => ({ address, from: readJson(body, ClassRange).from }))

/** Everything below the tail is the same at two units. */
function areEqual(t: ExecutionContext, hand: HandCluster, ours: string, theirs: string): void {
  const all = { from: 0, to: layoutOf(hand, ours).tail, index: 0, step: 1 }
  t.deepEqual(hand.unit(ours).unit.copies.digest(all), hand.unit(theirs).unit.copies.digest(all))
}

/** What these positions hold, read from one unit. */
async function readAt(
  hand: HandCluster,
  log: LogClient,
  unit: string,
  positions: readonly number[],
): Promise<unknown[]> {
  for (const address of hand.addresses) if (address !== unit) hand.wire('client').cut(address)
  const reads = await hand.done(Promise.all(positions.map((position) => log.read(position))), 500)
  for (const address of hand.addresses) hand.wire('client').mend(address)
  return reads.map((read) => (read.kind === 'data' ? whichOf(read.entry.payload) : read.kind))
}

const tenOf = Array.from({ length: 10 }, (_, i) => i)

/** `units` units with ten entries of 1,000 bytes, and a blank one that joins them and looks after itself. */
async function joining(
  units: number,
  over: object = slowly,
): Promise<{ hand: HandCluster; log: LogClient; positions: number[]; newcomer: string }> {
  const hand = await HandCluster.start(over, { units })
  const log = await hand.client()
  const positions = await hand.done(Promise.all(appends(log, 10, { bytes: 1_000, streams: [27] })), 100)
  const newcomer = `unit-${units}`
  await hand.blank(newcomer)
  await hand.drive({ join: [{ address: newcomer }] })
  hand.supervise(newcomer)
  return { hand, log, positions, newcomer }
}

test('P26: a newcomer copies what lies below the tail and is merged; appends go on meanwhile', async (t) => {
  const { hand, log, positions } = await joining(1, times)
  t.deepEqual(segmentsOf(hand), ['0', '01'])
  await acknowledgedOnce(t, hand, log, appends(log, 5, { from: 0 }))
  await hand.until(isMerged(hand), 2_000)
  t.deepEqual(segmentsOf(hand), ['01'])
  areEqual(t, hand, 'unit-0', 'unit-1')
  t.deepEqual(await readAt(hand, log, 'unit-1', positions), tenOf)
  t.is(hand.unit('unit-1').copying, undefined)
})

test('P26: before it has copied all nothing is merged, and its progress can be seen', async (t) => {
  const { hand } = await joining(1)
  await hand.until(() => (hand.unit('unit-1').copying?.bytes ?? 0) > 0, 500)
  await hand.advance(500)
  t.deepEqual(segmentsOf(hand), ['0', '01'])
  t.like(hand.unit('unit-1').status(), { copy: { from: 0 } })
  await hand.until(isMerged(hand), 20_000)
})

test('Q4: who follows a stream gets every entry once and in order over a join and a merge', async (t) => {
  const { hand, log } = await joining(1, times)
  const got: number[] = []
  const ended = new AbortController()
  const reading = (async (): Promise<void> => {
    for await (const entry of log.subscribe({ stream: 27, signal: ended.signal })) got.push(whichOf(entry.payload))
  })()
  await hand.done(Promise.all(appends(log, 3, { from: 10, streams: [27] })), 100)
  await hand.until(isMerged(hand), 2_000)
  await hand.done(Promise.all(appends(log, 3, { from: 13, streams: [27] })), 200)
  await hand.advance(200)
  ended.abort()
  await hand.done(reading, 10)
  t.deepEqual(
    got,
    Array.from({ length: 16 }, (_, i) => i),
  )
})

test('P26: a newcomer that dies before it was told of its epoch comes back blank: the wish is repeated', async (t) => {
  const hand = await HandCluster.start(times, { units: 1 })
  const log = await hand.client()
  const positions = await hand.done(Promise.all(appends(log, 10)), 100)
  const { identity } = (await hand.blank('unit-1')).unit.state
  const ports = hand.ports('hasty')
  const operator = new Cluster({
    ports: {
      ...ports,
      failpoint: (point) => {
        if (point === 'drive.agreed') void hand.unit('unit-1').close()
      },
    },
    limits: hand.limits,
    name: 'hasty',
    addresses: hand.addresses,
  })
  await hand.outcome(reconfigure(operator, { join: [{ address: 'unit-1' }] }, { timeoutMs: 100 }), 200)
  operator.close()
  await hand.drive({ absent: [identity] }, 3_000)
  hand.supervise('unit-1')
  await hand.restart('unit-1')
  await hand.advance(3_000)
  t.deepEqual(
    [hand.unit('unit-1').unit.state.layout, layoutOf(hand).absent.map(({ address }) => address)],
    [undefined, ['unit-1']],
  )
  await hand.drive({ join: [{ address: 'unit-1' }] }, 2_000)
  await hand.until(isMerged(hand), 3_000)
  t.deepEqual(await readAt(hand, log, 'unit-1', positions), tenOf)
})

test('P26: after a restart a copy goes on: ranges that are here are not sent again', async (t) => {
  // One epoch skips a window of junk: more than two ranges that are compared by their digests.
  const hand = await HandCluster.start(
    { ...times, window: 40_000, copyBytesPerSecond: 100_000, frameBytesMax: 2 << 20 },
    { units: 1 },
  )
  const log = await hand.client()
  const positions = await hand.done(Promise.all(appends(log, 10, { bytes: 200_000 })), 200)
  await hand.blank('unit-1')
  await hand.drive({ join: [{ address: 'unit-1' }] }, 2_000)
  hand.supervise('unit-1')
  await hand.until(() => (hand.unit('unit-1').copying?.bytes ?? 0) >= 400_000, 20_000)
  const first = copiesOf(hand, 'unit-1').map(({ from }) => from)
  const stored = hand.unit('unit-1').unit.state.stored.entries
  t.true(first.includes(0) && stored >= 2 && stored < 10, `${stored} entries were here`)
  await hand.restart('unit-1')
  await hand.until(isMerged(hand), 60_000)
  const again = copiesOf(hand, 'unit-1').map(({ from }) => from)
  t.true(again.length > 0 && again.every((from) => from >= 32_768), again.join(' '))
  t.is(stored + hand.unit('unit-1').unit.state.stored.entries, 10)
  t.deepEqual(await readAt(hand, log, 'unit-1', positions), tenOf)
})

for (const wireVersionMax of [1, 2]) {
  test(
    'P26: what an epoch has skipped is copied '
      + (wireVersionMax === 1 ? 'one by one between units of version 1' : 'in ranges'),
    async (t) => {
      const { hand } = await joining(1, { ...times, window: 20_000, wireVersionMax })
      await hand.until(isMerged(hand), 5_000)
      areEqual(t, hand, 'unit-0', 'unit-1')
      const asked = hand
        .wire('unit-1')
        .of('copy')
        .map(({ body }) => readJson(body, ClassRange).ranges)
      t.true(asked.length > 1 && asked.every((ranges) => ranges === (wireVersionMax === 1 ? undefined : true)))
      if (wireVersionMax > 1) t.true(hand.wire('unit-1').longestAnswer < 20_000)
    },
  )
}

test('P26: when the source is out of reach another one is asked', async (t) => {
  const { hand, log, positions } = await joining(2)
  await hand.until(() => (hand.unit('unit-2').copying?.bytes ?? 0) > 2_000, 2_000)
  t.true(copiesOf(hand, 'unit-2').every(({ address }) => address === 'unit-0'))
  hand.wire('unit-2').cut('unit-0')
  await hand.until(() => hand.point('copy.done') > 0, 10_000)
  t.true(copiesOf(hand, 'unit-2').some(({ address }) => address === 'unit-1'))
  hand.wire('unit-2').mend('unit-0')
  await hand.until(isMerged(hand), 5_000)
  t.deepEqual(await readAt(hand, log, 'unit-2', positions), tenOf)
})

test('P26: a source that dies in the middle is left out, and the copy goes on under the next epoch', async (t) => {
  const { hand, log, positions } = await joining(3)
  await hand.until(() => (hand.unit('unit-3').copying?.bytes ?? 0) > 2_000, 2_000)
  await hand.unit('unit-0').close()
  await hand.until(isMerged(hand, 'unit-1'), 20_000)
  t.deepEqual(segmentsOf(hand, 'unit-1'), ['123'])
  t.deepEqual(await readAt(hand, log, 'unit-3', positions), tenOf)
})

test('L8: a trim in the middle of a copy reaches the newcomer, and what was trimmed does not come back', async (t) => {
  const { hand, log, positions } = await joining(1)
  await hand.until(() => (hand.unit('unit-1').copying?.bytes ?? 0) > 2_000, 2_000)
  const before = positions[8] ?? 0
  await hand.done(log.trim(before), 1_000)
  await hand.until(isMerged(hand), 20_000)
  t.deepEqual([hand.unit('unit-0').unit.state.trim, hand.unit('unit-1').unit.state.trim], [before, before])
  areEqual(t, hand, 'unit-0', 'unit-1')
  t.deepEqual(await readAt(hand, log, 'unit-1', positions), [
    'trimmed',
    'trimmed',
    'trimmed',
    'trimmed',
    'trimmed',
    'trimmed',
    'trimmed',
    'trimmed',
    8,
    9,
  ])
})

test('L8: a trim above everything that is copied makes the copy unnecessary', async (t) => {
  const { hand, log } = await joining(1)
  await hand.until(() => (hand.unit('unit-1').copying?.bytes ?? 0) > 2_000, 2_000)
  const { from } = openSegment(layoutOf(hand))
  await hand.done(log.append(payload(1)), 50)
  await hand.done(log.trim(from + 1), 1_000)
  await hand.drive({ merge: true })
  t.deepEqual([segmentsOf(hand), layoutOf(hand).segments[0]?.from], [['01'], from])
})

test('L4: a position that is damaged at one source is copied from another', async (t) => {
  const { hand, log, positions } = await joining(2, { ...slowly, copyBytesPerSecond: 50_000 })
  hand.store('unit-0').damage()
  for (const position of positions) {
    hand.unit('unit-0').unit.state.entries.verify(position, { row: -1, bytes: undefined })
  }
  t.true(hand.unit('unit-0').unit.state.damaged.size > 0)
  await hand.until(isMerged(hand), 10_000)
  t.deepEqual([...new Set(copiesOf(hand, 'unit-2').map(({ address }) => address))].toSorted(), ['unit-0', 'unit-1'])
  t.deepEqual(await readAt(hand, log, 'unit-2', positions), tenOf)
})

test('P26: one chain becomes two and one again: every unit copies its part, nothing is lost', async (t) => {
  const hand = await HandCluster.start({ ...times, window: 64 }, { units: 1 })
  const log = await hand.client()
  const positions = await hand.done(Promise.all(appends(log, 10, { streams: [27] })), 100)
  await hand.blank('unit-1')
  hand.supervise('unit-0', 'unit-1')
  await hand.drive({ chains: [['unit-0'], ['unit-1']] })
  await hand.until(() => segmentsOf(hand).join() === '0|1', 3_000)
  t.deepEqual(
    await readAt(
      hand,
      log,
      'unit-1',
      positions.filter((position) => position % 2 === 1),
    ),
    positions.flatMap((position, i) => (position % 2 === 1 ? [i] : [])),
  )
  positions.push(...(await hand.done(Promise.all(appends(log, 10, { from: 10, streams: [27] })), 200)))
  await hand.drive({ chains: [['unit-1']] })
  await hand.until(() => segmentsOf(hand, 'unit-1').join() === '1', 3_000)
  t.deepEqual(
    await readAt(hand, log, 'unit-1', positions),
    Array.from({ length: 20 }, (_, i) => i),
  )
  t.deepEqual(
    (await hand.done(log.readStream({ stream: 27 }), 200)).map(({ position }) => position),
    positions,
  )
})

test('L8: while a replaced unit is still copied from, what lies above its segments can be trimmed', async (t) => {
  const hand = await HandCluster.start({ ...slowly, copyBytesPerSecond: 100 }, { units: 2 })
  const log = await hand.client()
  await hand.done(Promise.all(appends(log, 10, { bytes: 1_000 })), 100)
  await hand.blank('unit-2')
  await hand.drive({ drop: ['unit-1'], join: [{ address: 'unit-2' }] })
  hand.supervise('unit-2')
  t.deepEqual(segmentsOf(hand), ['10', '02'])
  const position = Math.max(...(await hand.done(Promise.all(appends(log, 3)), 50)))
  await hand.done(log.trim(position), 1_000)
  t.deepEqual(
    hand.units.map(({ unit }) => unit.state.trim),
    [position, position, position],
  )
})

test('P68: a copy that its disk does not keep is none: nobody is given up for it, and it is made again', async (t) => {
  const hand = await HandCluster.start(times, { units: 1 })
  const log = await hand.client()
  const positions = await hand.done(Promise.all(appends(log, 10)), 100)
  await hand.blank('unit-1')
  // Read from memory all is well: only who asks the disk can know.
  hand.store('unit-1').rotten = true
  hand.supervise('unit-0', 'unit-1')
  await hand.drive({ chains: [['unit-1']] })
  await hand.advance(2_000)
  t.deepEqual(segmentsOf(hand, 'unit-1'), ['0', '1'])
  hand.store('unit-1').rotten = false
  await hand.until(() => segmentsOf(hand, 'unit-1').join() === '1', 5_000)
  await hand.unit('unit-0').close()
  t.deepEqual(await readAt(hand, log, 'unit-1', positions), tenOf)
})

test('P68: what a copy is known to have lost is lacking, however its index sums up', async (t) => {
  const hand = await HandCluster.start(times, { units: 1 })
  const log = await hand.client()
  const positions = await hand.done(Promise.all(appends(log, 10)), 100)
  const { unit } = await hand.blank('unit-1')
  await hand.drive({ chains: [['unit-1']] })
  const layout = layoutOf(hand)
  const ports = hand.ports('copier')
  const copier = new Cluster({ ports, limits: hand.limits, name: 'copier', addresses: ['unit-0'], layout })
  const parts = missingParts(layout, unit.state.identity)
  await hand.done(copyParts(hand.unit('unit-1'), copier, layout, parts), 1_000)
  copier.close()
  hand.store('unit-1').damage()
  unit.state.entries.verify(positions[9] ?? -1, { row: -1, bytes: undefined })
  await hand.drive({ merge: true })
  t.deepEqual([segmentsOf(hand, 'unit-1'), [...unit.state.damaged]], [['0', '1'], positions.slice(9)])
  hand.store('unit-1').heal()
  t.true(unit.state.recheck(positions[9] ?? -1))
  await hand.drive({ merge: true })
  t.deepEqual(segmentsOf(hand, 'unit-1'), ['1'])
})

test('Y4: a living unit that is taken out keeps what it has until the others have read theirs back', async (t) => {
  const hand = await HandCluster.start(times, { units: 2 })
  const log = await hand.client()
  const positions = await hand.done(Promise.all(appends(log, 10)), 100)
  hand.store('unit-0').damage()
  await hand.drive({ drop: ['unit-1'] })
  t.deepEqual(segmentsOf(hand), ['10', '0'])
  hand.supervise('unit-0')
  await hand.done(Promise.all(appends(log, 5, { from: 10 })), 100)
  await hand.until(() => segmentsOf(hand).join() === '0', 5_000)
  await hand.unit('unit-1').close()
  t.deepEqual(await readAt(hand, log, 'unit-0', positions), tenOf)
})

test('Y4: a chain that is divided stays one of copies until each unit has read back its part', async (t) => {
  const hand = await HandCluster.start(times, { units: 2 })
  const log = await hand.client()
  const positions = await hand.done(Promise.all(appends(log, 10)), 100)
  hand.store('unit-0').rotten = true
  await hand.drive({ chains: [['unit-0'], ['unit-1']] })
  hand.supervise('unit-0', 'unit-1')
  await hand.advance(2_000)
  t.deepEqual(segmentsOf(hand), ['01', '0|1'])
  hand.store('unit-0').rotten = false
  await hand.until(() => segmentsOf(hand).join() === '0|1', 5_000)
  const even = positions.filter((position) => position % 2 === 0)
  const wanted = positions.flatMap((position, i) => (position % 2 === 0 ? [i] : []))
  t.deepEqual(await readAt(hand, log, 'unit-0', even), wanted)
})
