/** The supervision of a unit when something in it goes wrong, over whole clusters in memory. */
import test from 'ava'
import { SirtakiError } from '../../../log/errors.ts'
import { openSegment } from '../../../log/layout/layout.ts'
import { superviseUnit } from '../../../log/unit/rejoin.ts'
import { LimitBench, payload } from '../limit-bench.ts'

const times = { probeMs: 40, stuckMs: 100, requestMs: 1_000, coolOffMs: 100 }
const chainOf = (bench: LimitBench): string[] => { const { layout } = bench.unit('unit-0').unit.state; return layout === undefined ? [] : openSegment(layout).chains.flat().map(({ identity }) => identity) }

/** Three units with an entry each has; the supervision of the last one is under way, and says what goes wrong to `told`. */
async function supervisedBench(told: string[]): Promise<LimitBench> {
  const bench = await LimitBench.start(times, { units: 3 })
  const log = await bench.client()
  await bench.done(log.append(payload(9)), 50)
  superviseUnit(bench.unit('unit-2'), (text) => { told.push(text) })
  return bench
}

test('L11: a look of a unit at its place that fails is told and repeated: the unit comes back when it was left out', async (t) => {
  const told: string[] = []
  const bench = await supervisedBench(told)
  const store = bench.store('unit-2')
  const healed = store.healed.bind(store)
  store.healed = () => { throw new SirtakiError('IO', 'the disk does not answer') }
  bench.unit('unit-2').unit.state.salvaged = true
  await bench.advance(500)
  store.healed = healed
  t.true(told.some((text) => text.includes('the disk does not answer')), told.join())
  await bench.drive({ absent: ['unit-2'] })
  await bench.until(() => chainOf(bench).includes('unit-2'), 2_000)
  t.deepEqual([bench.point('unit.comesBack'), bench.unit('unit-2').stopped], [1, undefined])
})

test('L11: a rule that does not hold stops the unit', async (t) => {
  const bench = await supervisedBench([])
  bench.store('unit-2').healed = () => { throw new SirtakiError('INVARIANT', 'not so') }
  bench.unit('unit-2').unit.state.salvaged = true
  await bench.until(() => bench.unit('unit-2').stopped !== undefined, 500)
  t.is(bench.unit('unit-2').stopped?.message, 'not so')
})
