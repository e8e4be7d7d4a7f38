/** Control messages and errors on the wire. */
import test from 'ava'
import fc from 'fast-check'
import { SirtakiError, isError } from '../../../log/errors.ts'
import {
  Accept,
  DigestAnswer,
  Hello,
  Identity,
  Install,
  Junk,
  JunkAnswer,
  Prepare,
  Promised,
  Rank,
  compareRanks,
  readError,
  readJson,
  writeError,
  writeJson,
} from '../../../log/wire/control.ts'
import { layoutOf } from '../layouts.ts'

const text = new TextEncoder()

test('a control message comes back as it was', (t) => {
  const layout = layoutOf({ epoch: 3, tail: 7 })
  t.deepEqual(readJson(writeJson({ layout }), Install), { layout })
})

test('what is no JSON, and a field that is wrong or missing, is refused by name', (t) => {
  t.throws(() => readJson(text.encode('{'), DigestAnswer), { code: 'BAD_FRAME' })
  t.throws(() => readJson(new Uint8Array([0xff, 0xfe]), DigestAnswer), { code: 'BAD_FRAME' })
  t.like(
    t.throws(() => readJson(text.encode('{"count":-1,"sum":0}'), DigestAnswer)),
    { code: 'BAD_FRAME', facts: { path: 'count' } },
  )
  t.like(
    t.throws(() => readJson(text.encode('{"data":[0,1.5],"trim":0}'), JunkAnswer)),
    { code: 'BAD_FRAME', facts: { path: 'data.1' } },
  )
  t.throws(() => readJson(text.encode('{"count":1}'), DigestAnswer), { code: 'BAD_FRAME' })
})

test('a field that is not known is passed over: a newer end may say more', (t) => {
  t.like(readJson(text.encode('{"count":1,"sum":0,"trim":0,"more":1}'), DigestAnswer), { count: 1, sum: 0, trim: 0 })
  t.like(
    readJson(text.encode('{"cluster":null,"name":"n","versions":{"min":1,"max":9,"best":4},"colour":"red"}'), Hello),
    { name: 'n', versions: { min: 1, max: 9 } },
  )
  t.like(readJson(text.encode('{"epoch":1,"first":true,"ranges":[{"from":0,"to":4,"step":1,"why":"age"}]}'), Junk), {
    epoch: 1,
  })
  t.is(readError(text.encode('{"code":"EPOCH","message":"m","next":"refresh","hint":"h"}')).code, 'EPOCH')
})

test('Y1: a field that is not known in a layout, a rank or what was accepted is refused', (t) => {
  const layout = layoutOf({})
  const rank = { round: 1, proposer: 'p' }
  t.throws(() => readJson(writeJson({ layout: { ...layout, colour: 'red' } }), Install), { code: 'BAD_FRAME' })
  t.throws(
    () =>
      readJson(
        writeJson({
          layout: { ...layout, segments: layout.segments.map((segment) => ({ ...segment, colour: 'red' })) },
        }),
        Install,
      ),
    { code: 'BAD_FRAME' },
  )
  t.throws(() => readJson(writeJson({ cluster: 'c1', slot: 2, rank: { ...rank, weight: 1 } }), Prepare), {
    code: 'BAD_FRAME',
  })
  t.throws(
    () =>
      readJson(
        writeJson({ promised: true, rank: null, layout: null, accepted: { rank, layout, colour: 'red' } }),
        Promised,
      ),
    { code: 'BAD_FRAME' },
  )
})

test('a layout that contradicts itself does not pass a message', (t) => {
  t.throws(() => readJson(writeJson({ layout: { ...layoutOf({}), acceptors: [] } }), Install), { code: 'BAD_FRAME' })
})

test('JSON nested a hundred thousand deep is refused and nothing more', (t) => {
  t.throws(() => readJson(text.encode('['.repeat(100_000)), Junk), { code: 'BAD_FRAME' })
  t.throws(() => readJson(text.encode(`{"ranges":${'['.repeat(50_000)}${']'.repeat(50_000)}}`), Junk), {
    code: 'BAD_FRAME',
  })
})

test('an error keeps code, message, facts and what may be done; a stack does not travel', (t) => {
  const sent = new SirtakiError('TIMEOUT', 'too late', {
    facts: { position: 4 },
    next: 'again',
    cause: new Error('secret'),
  })
  const got = readError(writeError(sent))
  t.deepEqual(
    [got.code, got.message, got.facts, got.next, got.cause],
    ['TIMEOUT', 'too late', { position: 4 }, 'again', undefined],
  )
})

test(
  'P64: a rule that does not hold in another process, or an error of another kind there, is no reason to stop '
    + 'here',
  (t) => {
    const odd = readError(writeError(new TypeError('odd')))
    t.deepEqual([odd.code, odd.next, odd.facts, odd.message], ['STOPPED', 'stop', { code: 'INVARIANT' }, 'odd'])
    const broken = readError(writeError(new SirtakiError('INVARIANT', 'm', { facts: { invariant: 'L3' } })))
    t.deepEqual([broken.code, broken.facts], ['STOPPED', { invariant: 'L3', code: 'INVARIANT' }])
  },
)

test('P64: a code of a later version becomes a plain one of ours, keeps its advice and names itself', (t) => {
  const got = (['refresh', 'again', 'unknown', 'stop', 'later'] as const).map((next) =>
    readError(writeJson({ code: 'FUTURE', message: 'm', next })),
  )
  t.deepEqual(
    got.map(({ code, next }) => `${code} ${next}`),
    ['NOT_READY refresh', 'UNREACHABLE again', 'TIMEOUT unknown', 'UNSUPPORTED stop', 'UNREACHABLE again'],
  )
  t.true(got.every(({ facts, message }) => facts['code'] === 'FUTURE' && message === 'FUTURE: m'))
  t.is(readError(writeJson({ code: 'EPOCH', message: 'm', next: 'odd' })).next, 'refresh')
})

test('Y2: ranks are ordered by round, then proposer', (t) => {
  const rank = fc.record({ round: fc.nat(3), proposer: fc.constantFrom('a', 'b', 'c') })
  fc.assert(
    fc.property(rank, rank, rank, (a, b, c) => {
      t.is(Math.sign(compareRanks(a, b)), -Math.sign(compareRanks(b, a)) + 0)
      t.is(compareRanks(a, b) === 0, a.round === b.round && a.proposer === b.proposer)
      if (compareRanks(a, b) <= 0 && compareRanks(b, c) <= 0) t.true(compareRanks(a, c) <= 0)
    }),
    { numRuns: 500 },
  )
})

test('a value that has no text is refused too', (t) => {
  t.throws(() => readJson(text.encode('[{"toString":[]}]'), DigestAnswer), { code: 'BAD_FRAME' })
})

test('random bodies give a value or BAD_FRAME', (t) => {
  const readers = fc.constantFrom<(body: Uint8Array) => unknown>(
    (b) => readJson(b, DigestAnswer),
    (b) => readJson(b, Accept),
    (b) => readJson(b, Identity),
    (b) => readJson(b, Install),
    (b) => readJson(b, Junk),
    (b) => readJson(b, Prepare),
    (b) => readJson(b, Rank),
    readError,
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.json().map((json) => text.encode(json)),
      ),
      readers,
      (body, read) => {
        try {
          read(body)
        } catch (thrown) {
          if (!isError(thrown, 'BAD_FRAME')) throw thrown
        }
      },
    ),
    { numRuns: 5000 },
  )
  t.pass()
})
