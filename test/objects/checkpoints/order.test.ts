/**
 * O4, C4: which idempotency key is forgotten first does not depend on how a space came to its state.
 *
 * Read next: `../../../objects/runtime/once.ts`, `../../../objects/runtime/records.ts`.
 */
import test from 'ava'
import { number, object } from 'superstruct'
import { defineObject } from '../../../objects.ts'
import { OURS, SpaceDriver } from '../space-driver.ts'

const HOUR = 3_600_000
const sumOf = (version: number) =>
  defineObject({
    name: 'test.sum',
    version,
    state: object({ n: number() }),
    initial: () => ({ n: 0 }),
    ops: (op) => ({
      add: op(number(), (draft, by) => {
        draft.n += by
        return draft.n
      }),
    }),
  })
const [First, Second] = [sumOf(1), sumOf(2)]

test('C4: keys are forgotten in the same order behind an upgrade and a load', (t) => {
  const played = new SpaceDriver(First, Second)
  const session = played.open('test', { timeoutMs: 9e11 })
  played.op(session, 0, 'add', 1, { type: First, path: '/sum', key: 'z', time: 100 })
  played.op(session, 1, 'add', 1, { type: First, path: '/sum', key: 'a', time: 23 * HOUR })
  played.op(
    session,
    2,
    '$activate',
    { type: 'test.sum', version: 2 },
    { type: OURS, path: '/.sirtaki', time: 23 * HOUR },
  )
  played.op(session, 3, 'add', 1, { type: Second, path: '/sum', key: 'q', time: 23.5 * HOUR })
  const loaded = new SpaceDriver(First, Second)
  loaded.skip(played.next)
  loaded.space.load(played.space.snapshot())
  const goOn = (one: SpaceDriver): unknown[] => [
    one.op(session, 4, 'add', 1, { type: Second, path: '/sum', key: 'm', time: 24.5 * HOUR }),
    one.op(session, 5, 'add', 1, { type: Second, path: '/sum', key: 'a' }),
    one.digest,
  ]
  t.deepEqual(goOn(loaded), goOn(played))
})
