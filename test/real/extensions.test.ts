/** Hostile programs on real processes: every one of them still answers afterwards, with the same state. */
import test from 'ava'
import { defineExtension, anyValue, isError } from '../../index.ts'
import { connect } from '../../objects/connect.ts'
import { CounterRecipe } from '../../objects/recipes/counter.ts'
import { makeFolder } from '../log/io/folder.ts'
import { long, odd } from '../objects/extensions/corpus.ts'
import { RealProcess } from './processes.ts'

test.serial('E2: what programs do to escape or to run for ever stops no process, and leaves all alike', async (t) => {
  t.timeout(240_000)
  const folder = makeFolder(t)
  const client = await connect(`file:${folder}`, { name: 'hostile' })
  t.teardown(() => client.close())
  const other = new RealProcess('extension-process.ts', [folder])
  t.teardown(() => other.kill())
  await other.start('ready')
  await client.register(CounterRecipe)
  const came = { values: 0, refused: 0 }
  for (const [i, body] of [...long, ...odd].entries()) {
    const Hostile = defineExtension({
      name: `hostile-${i}`,
      version: 1,
      source: `({ run(ctx, input) { ${body} } })`,
      ops: (op) => ({ run: op(anyValue) }),
    })
    await client.register(Hostile, { timeoutMs: 20_000 })
    const hostile = await client.open(Hostile, `/hostile/${i}`)
    try {
      await hostile.run(null, { timeoutMs: 20_000 })
      came.values++
    } catch (thrown) {
      t.true(isError(thrown) && thrown.next === 'stop', `${body}: ${String(thrown)}`)
      came.refused++
    }
  }
  t.true(came.values > 20 && came.refused > 50, JSON.stringify(came))
  const counter = await client.open(CounterRecipe, '/count')
  t.is(await counter.add({ by: 1 }), 1)
  other.send('add')
  t.is(await other.said('added'), '2')
  await client.sync()
  const { position, digest } = client.digest()
  other.send(`digest ${position}`)
  t.is(await other.said('digest'), `${position} ${digest}`)
})
