/**
 * Overload, the short form: what is too much is refused and nothing else happens to it, and when it is over nothing
 * is left of it (P17).
 *
 * Read next: `overload-world.ts`, `../log/limits.test.ts` for the bounds one by one.
 */
import test, { type ExecutionContext } from 'ava'
import { limits, OverloadWorld, STALL_MS } from './overload-world.ts'

/**
 * About twice what the units can do, for a second, from three clients; in the end one of them dies with tokens in its
 * hands.
 */
async function overloaded(seed: string): Promise<OverloadWorld> {
  const run = new OverloadWorld(seed)
  await run.start()
  run.consumeSlowly(20)
  await run.overload(3, 5, 1_000)
  return run
}

async function overload(t: ExecutionContext, seed: string): Promise<void> {
  const run = await overloaded(seed)
  const { load, most } = run
  t.true(load.lost > 0)
  const after = await run.appendAfterwards(20, limits.requestMs)
  // A stall of the load's last moment is over, then the holes of the dead client are found and filled.
  t.true(after.first < STALL_MS + 20 * limits.fillFloorMs, `the first append afterwards took ${after.first} ms`)
  const tail = await run.settle(2_000)
  t.deepEqual(
    [run.units.map((unit) => unit.unit.state.prefix), run.sequencer.machine.prefix, run.pending],
    [[tail, tail, tail], tail, 0],
    'holes are left',
  )
  t.true(run.stalls > 0 && load.refused > 1_000 && load.acknowledged > 1_000, JSON.stringify(load))
  t.deepEqual(
    [load.others, load.acknowledged + load.refused + load.timedOut + load.lost],
    [[], load.asked],
    'refusals are all OVERLOADED/again',
  )
  t.true(most.unitBytes <= limits.unitBytesMax, `${most.unitBytes} bytes waited at a unit`)
  t.true(most.holes <= limits.window, `${most.holes} positions were in doubt`)
  t.true(most.tokensWaiting <= limits.tokensWaitingMax, `${most.tokensWaiting} token requests waited`)
  t.is(most.subscriber, limits.subscriberEntriesMax, 'entries held for the slow consumer')
  // Those of unknown fate, which no longer count as on their way, have positions of one window.
  t.true(
    most.clientWaiting <= limits.appendsWaitingMax + limits.clientEntriesMax + limits.window,
    `${most.clientWaiting} appends waited in one client`,
  )
  t.true(
    (run.points.get('append.sentAgain') ?? 0) > 0
      && (run.points.get('subscriber.paused') ?? 0) > 0
      && (run.points.get('sequencer.full') ?? 0) > 0,
  )
  await run.run(2_000)
  run.checker.atEnd(tail)
  t.is(await run.judge(), undefined)
}

test(
  'P17: at twice the load what is too much is refused, the rest is in the log, and afterwards nothing is left (seed 1)',
  overload,
  '1',
)
test(
  'P17: at twice the load what is too much is refused, the rest is in the log, and afterwards nothing is left (seed 6)',
  overload,
  '6',
)

test('the same seed overloads the same way', async (t) => {
  const first = await overloaded('5')
  const second = await overloaded('5')
  const other = await overloaded('6')
  t.deepEqual(
    [second.world.trace, second.world.events, second.load],
    [first.world.trace, first.world.events, first.load],
  )
  t.not(other.world.trace, first.world.trace)
})

test('P17: holes that were left alone for long do not make later ones wait longer', async (t) => {
  const run = await overloaded('3')
  await run.settle(2_000)
  t.true(
    run.slowAppendMs < 1.5 * STALL_MS,
    `the sequencer takes ${run.slowAppendMs} ms for the usual time of an append`,
  )
})
