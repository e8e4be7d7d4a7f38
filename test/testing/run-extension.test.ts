/** One call of an extension without a cluster. Read next: `../../testing/run-extension.ts`. */
import test from 'ava'
import { number, object } from 'superstruct'
import { CounterRecipe, QueueRecipe, defineExtension } from '../../objects.ts'
import { runExtension } from '../../testing.ts'

test('a call finds its records, and gives outcome, changes, settled waits and fuel, each time the same', async (t) => {
  const call = { op: 'add', input: { by: 2 }, records: { value: 40 } }
  const run = await runExtension(CounterRecipe, call)
  t.deepEqual(run.outcome, { kind: 'result', value: 42 })
  t.deepEqual(run.changes, [
    {
      path: '/example',
      table: 'records',
      key: 'value',
      before: { value: 40, session: 0 },
      after: { value: 42, session: 0 },
    },
  ])
  t.true(run.fuel > 10_000)
  t.deepEqual(await runExtension(CounterRecipe, call), run)
  const waiting = await runExtension(QueueRecipe, { op: 'take' })
  t.deepEqual([waiting.outcome, waiting.changes.length], [{ kind: 'waiting' }, 3])
})

test('what is refused says why', async (t) => {
  const Odd = defineExtension({
    name: 'odd',
    version: 1,
    source: '({ run(ctx) { ctx.set("a", 1); ctx.reject("NO", { n: 1 }) } })',
    ops: (op) => ({ run: op(object({ by: number() })) }),
  })
  const run = await runExtension(Odd, { op: 'run', input: { by: 1 } })
  t.deepEqual(run.outcome, { kind: 'refused', code: 'REJECTED', facts: { n: 1, reason: 'NO' } })
  t.deepEqual(run.changes, [])
  await t.throwsAsync(runExtension(CounterRecipe, { op: 'add', input: {} }), { code: 'BAD_ARGUMENT', message: /by/ })
  await t.throwsAsync(runExtension(CounterRecipe, { op: 'add', input: { by: 1 }, path: 'a' }), { code: 'BAD_ARGUMENT' })
  const Broken = defineExtension({ name: 'broken', version: 1, source: '({', ops: () => ({}) })
  await t.throwsAsync(runExtension(Broken, { op: 'run' }), {
    code: 'MISUSE',
    message: /cannot be registered: SyntaxError/,
  })
})
