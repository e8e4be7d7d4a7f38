import test from 'ava'
import { drawPlan } from '../harness/plan.ts'
import { runPlan } from '../harness/sim-cluster.ts'
import { drain } from './drain.ts'
import { failedSeeds, parseFailedSeeds } from './failed-seeds.ts'

test('a seed decides everything: played twice it gives the same trace', async (t) => {
  const first = await runPlan(drawPlan('4'), { drain })
  const second = await runPlan(drawPlan('4'), { drain })
  t.is(first.violation, undefined)
  t.true(first.events > 1_000)
  t.is(second.trace, first.trace)
  t.is(second.events, first.events)
})

/**
 * What they found: resolves that left no trace fought for ever (3516); an append made again below a trim (6530); an
 * empty read (314); a connection that two pauses made deliver out of order (15666); an op whose turn came after its
 * deadline stopped its session (303); a clock that jumped ahead held up new deadlines (1684); a large row was read
 * back once for every four small ones (3767); a push was larger than a frame (15701); a sum that was rounded took log
 * time back by a millisecond at a bootstrap (1439); drivers that ask for no turn overtook who had it (8781);
 * sequencers that start took the place from one that had just been named (19153); a view that was left behind read the
 * store while the newest checkpoint in it rotted and another one was put, and gave up (4949); a manifest came when its
 * number was put, noted and collected, which the judge called a mistake (14440).
 */
const once = ['303', '314', '3516', '6530', '15666', '1684', '3767', '15701', '1439', '8781', '19153', '4949', '14440']
for (const seed of once) {
  test(`seed ${seed}, which once found a mistake, is right`, async (t) => {
    t.is((await runPlan(drawPlan(seed), { drain })).violation, undefined)
  })
}

for (const { seed, id, sentence } of failedSeeds()) {
  test(`${id}: seed ${seed} of a soak: ${sentence}`, async (t) => {
    t.is((await runPlan(drawPlan(seed), { drain })).violation, undefined)
  })
}

test('a line of failed seeds is a seed, an invariant and a sentence; comments and empty lines are none', (t) => {
  t.deepEqual(parseFailedSeeds('# for people\n\n17 L5 position 3 is junk\n'), [
    { seed: '17', id: 'L5', sentence: 'position 3 is junk' },
  ])
})

test('other seeds give other traces', async (t) => {
  const first = await runPlan(drawPlan('4'), { drain })
  const other = await runPlan(drawPlan('5'), { drain })
  t.not(other.trace, first.trace)
})

test('leaving out a fault keeps the draws of everything else', (t) => {
  const plan = drawPlan('147')
  t.deepEqual(drawPlan('147'), plan)
  t.true(plan.faults.length > 0)
})
