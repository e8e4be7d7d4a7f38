/** What `connect` takes, and what of it reaches the client's own session. */
import test from 'ava'
import { Counter, connect } from '../../index.ts'

test('the time that connecting may take is not the timeout of the session', async (t) => {
  await using client = await connect('memory:', { timeoutMs: 1_000 })
  await (await client.open(Counter, '/hits')).add({ by: 1 })
  t.deepEqual(
    client.sessions().map(({ timeoutMs }) => timeoutMs),
    [10_000],
  )
})

test('a name, identities and a start for watches reach the objects', async (t) => {
  const options = { name: 'worker-3', identities: [['digest', 'ann']], watchFrom: 0 } as const
  await using client = await connect('memory:', options)
  await (await client.open(Counter, '/hits')).add({ by: 1 })
  const [session] = client.sessions()
  t.is(session?.name, 'worker-3')
  t.deepEqual(session?.ids, [['digest', 'ann']])
  const first = await client.watch({ after: -1 }).next()
  t.is(first.value?.kind, 'change')
})
