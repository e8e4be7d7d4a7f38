/** The payload of a space's entries: what goes in comes out, and what is none is judged alike. */
import test from 'ava'
import fc from 'fast-check'
import {
  encodeEmpty,
  encodeInput,
  encodeOp,
  encodeOpen,
  encodeTarget,
  isObjectPath,
  OpDecoder,
  readInput,
} from '../../objects/runtime/entry.ts'
import { SpaceDriver } from './space-driver.ts'

const target = { object: '/shop/inventory-ä', type: 'shop.inventory', version: 3, op: 'take' }
const decode = (payload: Uint8Array) => new OpDecoder().decode(payload)

test('O11: an op comes out as it went in', (t) => {
  const payload = encodeOp(2 ** 40, 2 ** 35, encodeTarget(target), encodeInput({ sku: 'ä', n: [1, null] }))
  const decoded = decode(payload)
  t.like(decoded, { kind: 'op', session: 2 ** 40, number: 2 ** 35, to: { target } })
  t.deepEqual(readInput(payload, decoded.kind === 'op' ? decoded.inputAt : 0), { sku: 'ä', n: [1, null] })
})

test('O11: openings and empty ops come out as they went in', (t) => {
  t.deepEqual(decode(encodeOpen('wörker')), { kind: 'open', name: 'wörker' })
  t.deepEqual(decode(encodeEmpty(7, 9)), { kind: 'empty', session: 7, number: 9 })
})

test('O11: equal targets are one, also behind a longer head of the same buffer', (t) => {
  const decoder = new OpDecoder()
  const bytes = encodeTarget(target)
  const payload = encodeOp(1, 0, bytes, encodeInput(1))
  const frame = new Uint8Array(100 + payload.byteLength)
  frame.set(payload, 100)
  const [first, second] = [decoder.decode(encodeOp(1, 0, bytes, encodeInput(2))), decoder.decode(frame.subarray(100))]
  t.is(first.kind === 'op' ? first.to : 1, second.kind === 'op' ? second.to : 2)
})

test('O11: an unknown version halts the reader and says to upgrade', (t) => {
  t.throws(() => decode(Uint8Array.of(2, 2, 0)), { code: 'UNSUPPORTED', message: /upgrade/ })
  t.throws(() => decode(Uint8Array.of(1, 4, 0)), { code: 'UNSUPPORTED' })
  t.throws(() => decode(Uint8Array.of(8, 0)), { code: 'UNSUPPORTED' })
})

test('O11: what does not begin with a version mark is passed over, also text', (t) => {
  t.is(decode(new TextEncoder().encode('hello')).kind, 'bad')
  t.is(decode(new TextEncoder().encode('\tindented')).kind, 'bad')
  t.is(decode(Uint8Array.of(9, 2, 0)).kind, 'bad')
  t.is(decode(Uint8Array.of(255, 2, 0)).kind, 'bad')
})

test("O11: what is no payload is nobody's", (t) => {
  t.is(decode(new Uint8Array(0)).kind, 'bad')
  t.is(decode(Uint8Array.of(0, 2)).kind, 'bad')
  t.is(decode(Uint8Array.of(1)).kind, 'bad')
  t.is(decode(Uint8Array.of(1, 9, 0, 0)).kind, 'bad')
  t.is(decode(Uint8Array.of(1, 1, 0x7b)).kind, 'bad')
  t.is(decode(encodeOp(-1, 0, encodeTarget(target), encodeInput(1))).kind, 'bad')
  t.is(decode(encodeOp(1, 0.5, encodeTarget(target), encodeInput(1))).kind, 'bad')
})

test('O11: an op whose rest makes no sense still has its number', (t) => {
  const whole = encodeOp(1, 0, encodeTarget(target), encodeInput(1))
  t.deepEqual(decode(whole.subarray(0, 30)), { kind: 'unreadable', session: 1, number: 0 })
  t.deepEqual(decode(whole.subarray(0, 19)), { kind: 'unreadable', session: 1, number: 0 })
  t.deepEqual(decode(encodeOp(1, 0, encodeTarget({ ...target, object: 'no-path' }), encodeInput(1))), {
    kind: 'unreadable',
    session: 1,
    number: 0,
  })
})

test('O11: inputs that are no values in their one form are none', (t) => {
  const input = (text: string) => readInput(new TextEncoder().encode(text), 0)
  t.is(input('{"a":'), undefined)
  t.is(input('-0'), undefined)
  t.is(input(''), undefined)
  t.is(input('"a long text that is cut off in the mid'), undefined)
  t.is(readInput(Uint8Array.of(0x22, 0xff, 0x22), 0), undefined)
  t.is(input('['.repeat(500_000)), undefined)
  t.is(input('['.repeat(200_000) + ']'.repeat(200_000)), undefined)
})

test('O11: random bytes behind a valid version never throw and never change the state', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 9 }).filter((kind) => kind !== 4),
      fc.uint8Array({ maxLength: 80 }),
      (kind, bytes) => {
        const driver = new SpaceDriver()
        driver.open()
        const before = driver.space.digest().objects
        driver.entry(Uint8Array.of(1, kind, ...bytes))
        return (
          driver.space.digest().objects.size === before.size && driver.space.sessions().every(({ next }) => next <= 1)
        )
      },
    ),
    { numRuns: 10_000 },
  )
  t.pass()
})

test('O1: objects are named by paths', (t) => {
  t.true(isObjectPath('/a'))
  t.true(isObjectPath('/a/b c'))
  t.false(isObjectPath('/'))
  t.false(isObjectPath('a'))
  t.false(isObjectPath('/a/'))
  t.false(isObjectPath('/a//b'))
  t.false(isObjectPath('/\ud800'))
})
