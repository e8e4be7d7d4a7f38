/**
 * Another version of a type made the active one.
 *
 * Read next: `../../objects/runtime/runtime-ops.ts`.
 */
import test from 'ava'
import { number, object } from 'superstruct'
import { isError } from '../../log/errors.ts'
import { ObjectClient, defineObject } from '../../objects.ts'
import { FakeLog } from './fake-log.ts'

/** A jar of coins; version 2 counts in tenths. */
const jarOf = (version: 1 | 2) =>
  defineObject({
    name: 'test.jar',
    version,
    state: object({ coins: number() }),
    initial: () => ({ coins: 0 }),
    ops: (op) => ({
      put: op(object({ coins: number() }), (draft, { coins }) => {
        draft.coins += coins * (version === 2 ? 10 : 1)
        return draft.coins
      }),
    }),
    upgrade: (old, ctx) => {
      ctx.put({ coins: Number(Object(old.state).coins) * 10 })
    },
  })
const [First, Second] = [jarOf(1), jarOf(2)]

/** What became of promises, once everything has settled. */
async function outcomes(log: FakeLog, promises: readonly Promise<unknown>[]): Promise<unknown[]> {
  const settled = Promise.allSettled(promises)
  await log.settle(20)
  return (await settled).map((one) => {
    if (one.status === 'fulfilled') return one.value
    return isError(one.reason) ? one.reason.code : one.reason
  })
}

/** Clients of the first version, of both, and of a program that knows nothing of the type; each has a session. */
async function clients(log: FakeLog) {
  const all = [[First], [First, Second], []].map((types) => new ObjectClient(log, { types }))
  const [old, both, neither] = all
  if (old === undefined || both === undefined || neither === undefined) throw new Error('three clients')
  const jar = await old.open(First, '/jar')
  const newJar = await both.open(Second, '/jar')
  await outcomes(log, [jar.put({ coins: 3 })])
  await outcomes(log, [(await both.open(First, '/jar')).put({ coins: 1 }), neither.drop('/nothing')])
  return { old, both, neither, newJar }
}

test('O3: a version is active only by activation, which waits for sessions that announced another one', async (t) => {
  const log = new FakeLog()
  const { old, both, newJar } = await clients(log)
  t.deepEqual(await outcomes(log, [newJar.put({ coins: 1 })]), ['NOT_ACTIVE'])
  const refused = both.activate(Second)
  t.deepEqual(await outcomes(log, [refused]), ['NOT_ACTIVE'])
  await t.throwsAsync(refused, { message: /\$activate of \/\.sirtaki was refused: NOT_ACTIVE .*session \d+/ })
  t.deepEqual(await outcomes(log, [old.close()]), [undefined])
  t.deepEqual(await outcomes(log, [both.activate(Second)]), [undefined])
  t.deepEqual(await outcomes(log, [newJar.put({ coins: 1 })]), [50])
  t.deepEqual(newJar.state, { coins: 50 })
})

test('O3: what is older than the active version is refused, by ops and by activation', async (t) => {
  const log = new FakeLog()
  const { old, both, neither } = await clients(log)
  await outcomes(log, [old.close()])
  t.deepEqual(await outcomes(log, [both.activate(Second), both.activate(Second)]), [undefined, undefined])
  t.deepEqual(await outcomes(log, [(await both.open(First, '/jar')).put({ coins: 1 })]), ['OLD_CODE'])
  t.deepEqual(await outcomes(log, [both.activate(First)]), ['OLD_CODE'])
  await outcomes(log, [neither.sync(), both.sync()])
  t.is(neither.digest().objects.get('/.sirtaki'), both.digest().objects.get('/.sirtaki'))
})

test('O3: what is no type is not activated', async (t) => {
  const client = new ObjectClient(new FakeLog())
  await t.throwsAsync(client.activate(JSON.parse('{}')), { code: 'BAD_ARGUMENT' })
})
