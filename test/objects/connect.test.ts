/** A connected program: whose deadline is whose. */
import test from 'ava'
import { Counter, connect } from '../../index.ts'

test('a deadline for connecting is not the timeout of the session, which has its own option', async (t) => {
  const quick = await connect('memory:', { timeoutMs: 1_000, name: 'quick' })
  t.teardown(() => quick.close())
  await (await quick.open(Counter, '/hits')).add({ by: 1 })
  t.like(quick.sessions(), [{ name: 'quick', timeoutMs: 10_000 }])
  const slow = await connect('memory:', { sessionTimeoutMs: 60_000, identities: [['digest', 'ann']] })
  t.teardown(() => slow.close())
  await (await slow.open(Counter, '/hits')).add({ by: 1 })
  t.like(slow.sessions(), [{ name: 'client', timeoutMs: 60_000, ids: [['digest', 'ann']] }])
  await t.throwsAsync(connect('memory:', { sessionTimeoutMs: 1_000 }), { code: 'BAD_ARGUMENT' })
})
