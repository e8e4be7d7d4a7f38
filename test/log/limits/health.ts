/**
 * Drives of the bounds of a cluster that heals by itself: slow units, flapping ones, copies, the scrub.
 *
 * Read next: `../../harness/hand-cluster.ts`, `../limits.test.ts`.
 */
import { openSegment } from '../../../log/layout.ts'
import { HandCluster } from '../../harness/hand-cluster.ts'
import { acknowledgedOnce, appends, type Drive } from './client.ts'

/** Names of the units that the newest layout of `unit-0` has in its open chain. */
function chainOf(hand: HandCluster): string[] {
  const { layout } = hand.unit('unit-0').unit.state
  return layout === undefined
    ? []
    : openSegment(layout)
        .chains.flat()
        .map(({ identity }) => identity)
}

/** Three units, watched by a sequencer, whose commits take so many milliseconds from now on. */
async function slowBench(
  over: Parameters<typeof HandCluster.start>[0],
  commitMs: readonly number[],
): Promise<HandCluster> {
  const hand = await HandCluster.start(
    { probeMs: 40, fillFloorMs: 20_000, slowUnitMs: 50, slowForMs: 500, slowFactor: 10, ...over },
    { units: 3 },
  )
  for (const [i, ms] of commitMs.entries()) slow(hand, i, ms)
  return hand
}

function slow(hand: HandCluster, unit: number, ms: number): void {
  const store = hand.stores[unit]
  if (store !== undefined) store.commitMs = ms
}

/** Appends one after the other for so long. */
async function keepBusy(hand: HandCluster, ms: number): Promise<void> {
  const log = await hand.client('busy')
  let open = 0
  const append = (): void => {
    open++
    void Promise.allSettled(appends(log, 1)).then(() => {
      open--
    })
  }
  for (const end = hand.clock.now() + ms; hand.clock.now() < end;) {
    if (open === 0) append()
    await hand.advance(5)
  }
  await hand.until(() => open === 0, 1_000)
  await log.close()
}

export const healthDrives = {
  slowUnitMs: {
    title: 'commits that take less keep a unit in its chain however quick the others are, longer ones do not',
    run: async (t) => {
      const hand = await slowBench({ slowUnitMs: 200 }, [1, 1, 150])
      await keepBusy(hand, 3_000)
      t.deepEqual(chainOf(hand), ['unit-0', 'unit-1', 'unit-2'])
      slow(hand, 2, 400)
      await keepBusy(hand, 6_000)
      t.deepEqual(chainOf(hand), ['unit-0', 'unit-1'])
      await acknowledgedOnce(t, hand, await hand.client('after'), appends(await hand.client(), 3))
    },
  },
  slowForMs: {
    title: 'a unit that is slow for less stays, for longer it is left out',
    run: async (t) => {
      const hand = await slowBench({ slowForMs: 3_000 }, [1, 1, 300])
      await keepBusy(hand, 2_900)
      t.deepEqual(chainOf(hand), ['unit-0', 'unit-1', 'unit-2'])
      slow(hand, 2, 1)
      await keepBusy(hand, 2_000)
      slow(hand, 2, 300)
      await keepBusy(hand, 2_900)
      t.deepEqual(chainOf(hand), ['unit-0', 'unit-1', 'unit-2'])
      await keepBusy(hand, 1_000)
      t.deepEqual(chainOf(hand), ['unit-0', 'unit-1'])
    },
  },
  slowFactor: {
    title: 'who is less than so many times as slow as the quickest of its chain stays: leaving it out helps nobody',
    run: async (t) => {
      const hand = await slowBench({}, [70, 80, 90])
      await keepBusy(hand, 4_000)
      slow(hand, 2, 500)
      await keepBusy(hand, 4_000)
      t.deepEqual(chainOf(hand), ['unit-0', 'unit-1', 'unit-2'])
      slow(hand, 2, 900)
      await keepBusy(hand, 12_000)
      t.deepEqual(chainOf(hand), ['unit-0', 'unit-1'])
    },
  },
  coolOffMs: {
    title: 'a unit that was left out once comes back at once, the second time after this long',
    run: async (t) => {
      const hand = await HandCluster.start({ probeMs: 40, stuckMs: 100, coolOffMs: 3_000 }, { units: 3 })
      hand.supervise('unit-0', 'unit-1', 'unit-2')
      const backAfter = async (): Promise<number> => {
        const from = hand.clock.now()
        const before = hand.point('unit.comesBack')
        await hand.drive({ absent: ['unit-2'] }, 100)
        await hand.until(() => hand.point('unit.comesBack') > before, 20_000)
        const took = hand.clock.now() - from
        await hand.until(() => chainOf(hand).length === 3, 1_000)
        await hand.advance(500)
        return took
      }
      const [first, second] = [await backAfter(), await backAfter()]
      t.true(first < 1_000, `${first} ms`)
      t.true(second >= 3_000 && second < 4_000, `${second} ms`)
      const third = await backAfter()
      t.true(third >= 9_000 && third < 10_000, `${third} ms`)
    },
  },
  copyBytesPerSecond: {
    title: 'a copy takes as long as its bytes do at this rate, and appends go on meanwhile',
    run: async (t) => {
      const hand = await HandCluster.start({
        probeMs: 40,
        stuckMs: 100,
        copyBytesPerSecond: 5_000,
        frameBytesMax: 16_384,
        entryBytesMax: 2_000,
      })
      const log = await hand.client()
      await hand.done(Promise.all(appends(log, 20, { bytes: 1_000 })), 100)
      await hand.blank('unit-1')
      await hand.drive({ join: [{ address: 'unit-1' }] })
      hand.supervise('unit-1')
      await hand.until(() => hand.unit('unit-1').copying !== undefined, 500)
      const from = hand.clock.now()
      await acknowledgedOnce(t, hand, log, appends(log, 3))
      await hand.until(() => hand.point('copy.done') > 0, 20_000)
      const took = hand.clock.now() - from
      t.true(took >= 3_500 && took < 5_500, `${took} ms for 21 kB`)
    },
  },
  scrubBytesPerSecond: {
    title: 'damage is found when the scrub comes to it at this rate, not before',
    run: async (t) => {
      const hand = await HandCluster.start({ probeMs: 40, scrubBytesPerSecond: 2_000 }, { units: 2 })
      const log = await hand.client()
      for (let i = 0; i < 20; i++) await hand.done(log.append(new Uint8Array(1_000)), 10)
      await hand.advance(50)
      const last = hand.stores[1]?.lastRow() ?? 0
      hand.store('unit-1').damage(last)
      const from = hand.clock.now()
      hand.supervise('unit-1')
      await hand.until(() => hand.point('unit.damaged') > 0, 30_000)
      const took = hand.clock.now() - from
      t.true(took >= 9_000 && took < 14_000, `${took} ms for 21 kB`)
      await hand.until(() => hand.point('unit.repaired') > 0, 1_000)
    },
  },
} satisfies Record<string, Drive>
