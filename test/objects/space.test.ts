/** The space: once and in order, all or nothing, and one digest for one state. */
import test from 'ava'
import fc from 'fast-check'
import { number, object } from 'superstruct'
import { Counter, defineObject } from '../../objects.ts'
import { Ledger, SmallSpaceDriver, SpaceDriver } from './space-driver.ts'

const put = (key: string, n: number) => ({ key, n })

test('O4: ops of a session apply in the order of their numbers, each once', (t) => {
  const driver = new SpaceDriver(Ledger)
  const session = driver.open()
  t.like(driver.op(session, 0, 'put', put('a', 1)), {
    kind: 'result',
    number: 0,
    value: { total: 1, position: 1, time: 10, session },
  })
  t.like(driver.op(session, 0, 'put', put('a', 1)), { kind: 'duplicate', number: 0 })
  t.like(driver.op(session, 2, 'put', put('a', 9)), { kind: 'gap', number: 2 })
  t.like(driver.op(session, 1, 'put', put('a', 5)), { kind: 'result', number: 1, value: { total: 5 } })
  t.like(driver.op(session, 2, 'put', put('a', 9)), { kind: 'result', number: 2, value: { total: 9 } })
  t.like(driver.space.sessions(), [{ session: 0, incarnation: 0, space: 1, name: 'test', next: 3 }])
})

test('O4: an empty op takes the number of an aborted one, whichever of the two comes first', (t) => {
  const driver = new SpaceDriver(Ledger)
  const session = driver.open()
  t.like(driver.empty(session, 0), { kind: 'empty', number: 0 })
  t.like(driver.op(session, 0, 'put', put('a', 1)), { kind: 'duplicate' })
  t.like(driver.op(session, 1, 'put', put('a', 1)), { kind: 'result' })
  t.like(driver.empty(session, 1), { kind: 'duplicate' })
})

test('O4: sessions do not wait for one another, and one that was never opened has no ops', (t) => {
  const driver = new SpaceDriver(Ledger)
  const [first, second] = [driver.open('first'), driver.open('second')]
  t.like(driver.op(second, 0, 'put', put('a', 1)), { kind: 'result' })
  t.like(driver.op(first, 1, 'put', put('a', 2)), { kind: 'gap' })
  t.like(driver.op(17, 0, 'put', put('a', 3)), { kind: 'unknown', incarnation: 17 })
  t.is(driver.ledger().state.total, 1)
})

test('O3: a rejected op leaves nothing behind but its number', (t) => {
  const driver = new SpaceDriver(Ledger)
  const session = driver.open()
  driver.op(session, 0, 'put', put('a', 7))
  const before = driver.space.digest().objects
  t.like(driver.op(session, 1, 'putAllThenReject', ['a', 'b', 'c', 'b']), {
    kind: 'rejected',
    code: 'REJECTED',
    facts: { reason: 'changed my mind', keys: 4 },
  })
  t.deepEqual(driver.space.digest().objects, before)
  t.deepEqual([...driver.ledger().tables.rows.range()], [['a', { n: 7 }]])
  t.deepEqual(driver.patches, [])
  t.is(driver.nextOf(session), 2)
})

test('O3: a refusal that an op swallows is one all the same, and what it does after it is taken back', (t) => {
  const driver = new SpaceDriver(Ledger)
  const session = driver.open()
  t.like(driver.op(session, 0, 'putAndSwallow', 'a'), { kind: 'rejected', facts: { reason: 'first', key: 'a' } })
  t.like(driver.op(session, 1, 'swallowThenThrow', 'b'), { kind: 'rejected', facts: { reason: 'first', key: 'b' } })
  t.deepEqual([driver.ledger().exists, driver.ledger().tables.rows.size], [false, 0])
  t.like(driver.op(session, 2, 'put', put('a', 1)), { kind: 'result' })
})

test('O3: records change only while an op is applied', (t) => {
  const driver = new SpaceDriver(Ledger)
  driver.op(driver.open(), 0, 'put', put('a', 1))
  const { tables, cell } = driver.ledger()
  const { digest } = driver.space.digest()
  t.throws(
    () => {
      tables.rows.set('b', { n: 1 })
    },
    { code: 'MISUSE' },
  )
  t.throws(() => tables.rows.delete('a'), { code: 'MISUSE' })
  t.throws(
    () => {
      tables.rows.update('a', (row) => {
        row.n = 2
      })
    },
    { code: 'MISUSE' },
  )
  t.throws(
    () => {
      cell.set({ total: 9 })
    },
    { code: 'MISUSE' },
  )
  t.is(driver.space.digest().digest, digest)
})

test('O3: an op that throws fails without leaving anything, whatever it threw', (t) => {
  const driver = new SpaceDriver(Ledger)
  const session = driver.open()
  t.like(driver.op(session, 0, 'putThenThrow', 'a'), { kind: 'failed' })
  t.like(driver.op(session, 1, 'keepNaN', {}), { kind: 'failed' })
  t.like(driver.op(session, 2, 'answerPromise', {}), { kind: 'failed' })
  t.is(driver.ledger().tables.rows.size, 0)
  t.false(driver.ledger().exists)
  // The first op of a type makes its version the active one, whatever becomes of it.
  t.deepEqual([...driver.space.digest().objects.keys()], ['/.sirtaki'])
})

test('O3: running out of stack stops this view, since another has more of it', (t) => {
  const driver = new SpaceDriver(Ledger)
  const session = driver.open()
  t.throws(() => driver.op(session, 0, 'putThenOverflow', 'a'), { code: 'STOPPED' })
})

test('O12: a RangeError of the language is a failure of its op, and the space goes on', (t) => {
  const driver = new SpaceDriver(Ledger)
  const session = driver.open()
  t.like(driver.op(session, 0, 'digits', 101), { kind: 'failed' })
  t.like(driver.op(session, 1, 'repeat', -1), { kind: 'failed' })
  t.like(driver.op(session, 2, 'repeat', 2 ** 40), { kind: 'failed' })
  t.like(driver.op(session, 3, 'length', -1), { kind: 'failed' })
  t.like(driver.op(session, 4, 'digits', 2), { kind: 'result', value: '1.50' })
})

test('O3: an op that really runs out of stack stops this view', (t) => {
  const driver = new SpaceDriver(Ledger)
  t.throws(() => driver.op(driver.open(), 0, 'recurse', {}), { code: 'STOPPED' })
})

test('O12: a record too many is a refusal with facts, and leaves nothing behind', (t) => {
  const driver = new SmallSpaceDriver(Ledger)
  const session = driver.open()
  driver.op(session, 0, 'putAllThenReject', ['a', 'b', 'c'])
  for (const [i, key] of ['a', 'b', 'c'].entries()) driver.op(session, 1 + i, 'put', put(key, 1))
  t.like(driver.op(session, 4, 'put', put('d', 1)), {
    kind: 'rejected',
    code: 'TOO_MANY',
    facts: { table: 'rows', records: 3 },
  })
  t.is(driver.ledger().state.total, 3)
  t.like(driver.op(session, 5, 'put', put('a', 2)), { kind: 'result' })
  driver.op(session, 6, 'drop', { key: 'b' })
  t.like(driver.op(session, 7, 'put', put('d', 1)), { kind: 'result' })
})

test('O12: an object too many is a refusal with facts, and the others go on', (t) => {
  const driver = new SmallSpaceDriver(Ledger)
  const session = driver.open()
  driver.op(session, 0, 'put', put('a', 1), { path: '/one' })
  driver.op(session, 1, 'put', put('a', 1), { path: '/two' })
  t.like(driver.op(session, 2, 'put', put('a', 1), { path: '/three' }), {
    kind: 'rejected',
    code: 'TOO_MANY',
    facts: { objects: 2 },
  })
  t.like(driver.op(session, 3, 'put', put('a', 2), { path: '/one' }), { kind: 'result' })
})

test('O4: sessions are bounded: an opening too many is none, and those that are open go on', (t) => {
  const driver = new SmallSpaceDriver(Ledger)
  const [first, second] = [driver.open('first'), driver.open('second')]
  const third = driver.open('third')
  t.is(driver.played?.outcome.kind, 'ignored')
  t.like(driver.op(third, 0, 'put', put('a', 1)), { kind: 'unknown', incarnation: third })
  t.like(driver.op(first, 0, 'put', put('a', 2)), { kind: 'result' })
  driver.end(second)
  const fourth = driver.open('fourth')
  t.like(driver.op(fourth, 0, 'put', put('a', 3)), { kind: 'result' })
  t.deepEqual(
    driver.space.sessions().map(({ name }) => name),
    ['first', 'fourth'],
  )
})

test('O3: the digest forgets a session with its mark', (t) => {
  const [driver, replay] = [new SmallSpaceDriver(), new SmallSpaceDriver()]
  const play = (one: SpaceDriver, looks: boolean): void => {
    for (let i = 0; i < 9; i++) {
      const session = one.open(`s${i}`)
      one.empty(session, 0)
      if (looks) void one.digest
      one.end(session)
    }
  }
  play(driver, true)
  play(replay, false)
  t.is(driver.digest, replay.digest)
  t.is(driver.space.sessions().length, 0)
})

test('O3: inputs, ops and types that do not fit are rejected alike', (t) => {
  const driver = new SpaceDriver(Ledger, Counter)
  const session = driver.open()
  t.like(driver.op(session, 0, 'put', { key: 1 }), { kind: 'rejected' })
  t.like(driver.op(session, 1, 'nothing', {}), { kind: 'rejected', facts: { reason: 'the type has no such op' } })
  t.like(driver.op(session, 2, 'put', put('a', 1)), { kind: 'result' })
  t.like(driver.op(session, 3, 'add', { by: 1 }, { type: Counter }), {
    kind: 'rejected',
    code: 'WRONG_TYPE',
    facts: { path: '/ledger', type: Ledger.name, wanted: Counter.name },
  })
  t.like(driver.op(session, 4, 'toString', {}), { kind: 'rejected' })
})

test('O3: an object is made by its first op that applies, and a rejected one leaves the name free', (t) => {
  const driver = new SpaceDriver(Ledger, Counter)
  const session = driver.open()
  driver.op(session, 0, 'putAllThenReject', ['a'])
  t.like(driver.op(session, 1, 'add', { by: 2 }, { type: Counter, path: '/ledger' }), { kind: 'result', value: 2 })
})

test('O3: the digest is a function of the state: the way there does not matter, deleted records do not count', (t) => {
  const [straight, winding] = [new SpaceDriver(Ledger), new SpaceDriver(Ledger)]
  const [a, b] = [straight.open(), winding.open()]
  straight.op(a, 0, 'put', put('x', 1))
  straight.op(a, 1, 'put', put('y', 2))
  winding.op(b, 0, 'put', put('y', 5))
  t.not(winding.space.digest().objects.get('/ledger'), straight.space.digest().objects.get('/ledger'))
  winding.op(b, 1, 'put', put('z', 3))
  void winding.digest
  winding.op(b, 2, 'put', put('x', 1))
  winding.op(b, 3, 'drop', { key: 'z' })
  winding.op(b, 4, 'put', put('y', 2))
  t.is(winding.space.digest().objects.get('/ledger'), straight.space.digest().objects.get('/ledger'))
})

test("O3: the digest tells object, table, key, value and the sessions' marks apart", (t) => {
  const [one, other, more] = [new SpaceDriver(Ledger), new SpaceDriver(Ledger), new SpaceDriver(Ledger)]
  one.op(one.open(), 0, 'put', put('x', 1))
  other.op(other.open(), 0, 'put', put('x', 1), { path: '/other' })
  t.not(one.digest, other.digest)
  more.op(more.open(), 0, 'put', put('x', 1))
  t.is(one.digest, more.digest)
  more.empty(0, 1)
  t.not(one.digest, more.digest)
})

test('O3: digests are taken at the first entry at or past each multiple of 4,096, once it has been live', (t) => {
  const driver = new SpaceDriver(Ledger)
  const session = driver.open()
  t.is(driver.space.lastDigest, undefined)
  driver.skip(4_200)
  driver.empty(17, 0)
  t.is(driver.space.lastDigest, undefined)
  driver.space.isLive = true
  driver.skip(4_095)
  driver.op(session, 0, 'put', put('a', 1))
  t.deepEqual(driver.space.lastDigest, { position: 8_297, digest: driver.digest })
  driver.op(session, 1, 'put', put('a', 2))
  t.is(driver.space.lastDigest?.position, 8_297)
})

test('O3: objects whose code is missing are skipped, and the marks agree all the same', (t) => {
  const [knowing, blind] = [new SpaceDriver(Ledger, Counter), new SpaceDriver(Counter)]
  const both = (act: (driver: SpaceDriver) => void): void => {
    act(knowing)
    act(blind)
  }
  both((driver) => {
    driver.op(driver.open(), 0, 'put', put('a', 1))
  })
  t.like(blind.op(0, 1, 'put', put('a', 1)), { kind: 'opaque' })
  knowing.op(0, 1, 'put', put('a', 1))
  both((driver) => {
    driver.op(0, 2, 'add', { by: 1 }, { type: Counter, path: '/hits' })
  })
  both((driver) => {
    driver.op(0, 3, 'add', { by: 1 }, { type: Counter, path: '/ledger' })
  })
  t.deepEqual(blind.space.sessions(), knowing.space.sessions())
  t.is(blind.space.digest().objects.get('/hits'), knowing.space.digest().objects.get('/hits'))
  t.false(blind.space.digest().objects.has('/ledger'))
  t.false(blind.space.register(Ledger))
})

test('O3: two types of one name and version are refused', (t) => {
  const twin = defineObject({
    name: 'test.ledger',
    version: 1,
    state: object({ n: number() }),
    initial: () => ({ n: 0 }),
    ops: () => ({}),
  })
  t.throws(() => new SpaceDriver(Ledger, twin), { code: 'MISUSE' })
})

test('Q4: entries that go back are an error of the player', (t) => {
  const driver = new SpaceDriver()
  driver.open()
  driver.skip(-1)
  t.throws(() => driver.open(), { code: 'INVARIANT' })
})

test('O3: patches tell what the last entry changed, in order', (t) => {
  const driver = new SpaceDriver(Ledger)
  driver.op(driver.open(), 0, 'put', put('a', 1))
  const told = driver.patches.map(({ store, key, before, after }) => [
    store.object,
    store.name,
    key,
    before?.value,
    after?.value,
    after?.created,
    after?.modified,
  ])
  t.deepEqual(told, [
    ['/.sirtaki', 'types', 'test.ledger', undefined, 1, 1, 1],
    ['/ledger', 'test.ledger@1', '', undefined, { total: 0 }, 1, 1],
    ['/ledger', 'rows', 'a', undefined, { n: 1 }, 1, 1],
    ['/ledger', 'test.ledger@1', '', { total: 0 }, { total: 1 }, 1, 1],
  ])
  driver.skip(3)
  driver.op(0, 1, 'put', put('a', 4))
  t.like(driver.patches[0], { before: { created: 1, modified: 1 }, after: { created: 1, modified: 5 } })
})

const key = fc.constantFrom('a', 'b', 'c', 'd')
const action = fc.oneof(
  fc.record({ op: fc.constant('put'), input: fc.record({ key, n: fc.integer({ min: -3, max: 3 }) }) }),
  fc.record({ op: fc.constant('drop'), input: fc.record({ key }) }),
  fc.record({ op: fc.constant('putAllThenReject'), input: fc.array(key) }),
  fc.record({ op: fc.constant('putThenThrow'), input: key }),
  fc.record({ op: fc.constant('list'), input: fc.constant({ from: 'b', to: 'd' }) }),
  fc.record({ op: fc.constant('digest'), input: fc.constant(null) }),
)

test(
  'O3: whatever was done, refused and undone, state and ranges are those of a plain model and the digest is '
    + 'that of a replay',
  (t) => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const [driver, replay, model] = [new SpaceDriver(Ledger), new SpaceDriver(Ledger), new Map<string, number>()]
        driver.open()
        replay.open()
        actions.forEach(({ op, input }, i) => {
          if (op === 'digest') void driver.digest
          const outcome = driver.op(0, i, op, input)
          replay.op(0, i, op, input)
          if (outcome.kind === 'result' && op === 'list') {
            t.deepEqual(
              outcome.value,
              [...model.keys()].sort().filter((one) => one >= 'b' && one < 'd'),
            )
          } else follow(model, op, input)
        })
        t.deepEqual(
          [...driver.ledger().tables.rows.range()].map(([one, { n }]) => [one, n]),
          [...model].sort(([a], [b]) => (a < b ? -1 : 1)),
        )
        t.is(
          driver.ledger().state.total,
          [...model.values()].reduce((sum, n) => sum + n, 0),
        )
        t.is(driver.ledger().tables.rows.size, model.size)
        t.deepEqual(driver.space.digest(), replay.space.digest())
      }),
      { numRuns: 500 },
    )
  },
)

function follow(model: Map<string, number>, op: string, input: unknown): void {
  if (typeof input !== 'object' || input === null || !('key' in input) || typeof input.key !== 'string') return
  if (op === 'drop') model.delete(input.key)
  else if ('n' in input && typeof input.n === 'number') model.set(input.key, input.n)
}
