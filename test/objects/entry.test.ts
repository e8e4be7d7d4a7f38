/** The payload of a space's entries: what goes in comes out, and what is none is judged alike. */
import test from 'ava'
import fc from 'fast-check'
import { ByteWriter } from '../../log/bytes/bytes.ts'
import {
  encodeEmpty,
  encodeOp,
  encodeTarget,
  encodeTransaction,
  isObjectPath,
  OpDecoder,
  PARTS_MAX,
  type OpExtras,
  type Part,
} from '../../objects/runtime/entry.ts'
import { encodeInput, readInput } from '../../objects/runtime/input.ts'
import { encodeEnd } from '../../sequencer/session-entry.ts'
import { SpaceDriver } from './space-driver.ts'

const what = { type: 'shop.inventory', version: 3, op: 'take' }
const object = '/shop/inventory-ä'
const target = encodeTarget(what, object)
const part = (input: unknown, path = object) => ({ target: encodeTarget(what, path), input: encodeInput(input).bytes })
const op = (input: unknown, extras?: OpExtras): Uint8Array => encodeOp(1, 0, part(input), extras)
const decode = (payload: Uint8Array) => new OpDecoder().decode(payload)

/** The parts of a payload as what they say. */
function partsOf(payload: Uint8Array): unknown[] {
  const decoded = decode(payload)
  const parts: readonly Part[] =
    decoded.kind === 'op' ? [decoded.part] : decoded.kind === 'transaction' ? decoded.parts : []
  return parts.map((one) => [one.what.what, one.object, readInput(payload, one)])
}

test('O11: an op comes out as it went in', (t) => {
  const payload = encodeOp(2 ** 40, 2 ** 35, part({ sku: 'ä', n: [1, null] }))
  t.like(decode(payload), { kind: 'op', incarnation: 2 ** 40, number: 2 ** 35, claim: undefined, key: undefined })
  t.deepEqual(partsOf(payload), [[what, object, { sku: 'ä', n: [1, null] }]])
})

test('O11: what goes with an op comes out as it went in, alone and together', (t) => {
  const claim = { position: 2 ** 33, low: 7, high: 0xffff_ffff }
  t.like(decode(op(1, { claim })), { kind: 'op', claim, key: undefined, ids: undefined })
  t.like(decode(op(1, { key: 'schlüssel' })), { kind: 'op', claim: undefined, key: 'schlüssel', ids: undefined })
  const all = op({ sku: 'a' }, { claim, key: 'k', ids: [['digest', 'ann:...']] })
  t.like(decode(all), { kind: 'op', claim, key: 'k', ids: [['digest', 'ann:...']] })
  t.deepEqual(partsOf(all), [[what, object, { sku: 'a' }]])
})

test('O11: the parts of a transaction come out as they went in, in order', (t) => {
  const payload = encodeTransaction(5, 6, [part(1), part({ b: 2 }, '/other')], { key: 'k' })
  t.like(decode(payload), { kind: 'transaction', incarnation: 5, number: 6, key: 'k' })
  t.deepEqual(partsOf(payload), [
    [what, object, 1],
    [what, '/other', { b: 2 }],
  ])
})

test('O11: bytes of an input come out as they went in, wherever they stand, empty ones too', (t) => {
  const input = { a: Uint8Array.of(1, 2, 255), b: [new Uint8Array(0), null, { c: new Uint8Array(300).fill(7) }] }
  t.deepEqual(partsOf(op(input)), [[what, object, input]])
  t.deepEqual(partsOf(encodeTransaction(1, 0, [part(input), part({ n: 1 })])), [
    [what, object, input],
    [what, object, { n: 1 }],
  ])
})

test('O11: entries of sessions and empty ops come out as they went in', (t) => {
  t.deepEqual(decode(encodeEnd(7, 3, true)), {
    kind: 'session',
    entry: { kind: 'end', incarnation: 7, epoch: 3, clean: true },
  })
  t.deepEqual(decode(encodeEmpty(7, 9)), { kind: 'empty', incarnation: 7, number: 9 })
})

test('O11: an op of a type is known again by its bytes, also behind a longer head of the same buffer', (t) => {
  const decoder = new OpDecoder()
  const whatOf = (payload: Uint8Array) => {
    const decoded = decoder.decode(payload)
    return decoded.kind === 'op' ? decoded.part.what : decoded.kind
  }
  const payload = op(1)
  const frame = new Uint8Array(100 + payload.byteLength)
  frame.set(payload, 100)
  const first = whatOf(op(2))
  t.like(first, { what })
  t.is(whatOf(frame.subarray(100)), first)
  t.is(whatOf(encodeOp(1, 0, part(1, '/other'))), first)
})

test('O11: an unknown version halts the reader and says to upgrade', (t) => {
  t.throws(() => decode(Uint8Array.of(3, 2, 0)), { code: 'UNSUPPORTED', message: /upgrade/ })
  t.throws(() => decode(Uint8Array.of(1, 2, 0)), { code: 'UNSUPPORTED' })
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
  t.is(decode(Uint8Array.of(2)).kind, 'bad')
  t.is(decode(Uint8Array.of(2, 9, 0, 0)).kind, 'bad')
  t.is(decode(Uint8Array.of(2, 10, 0, 0)).kind, 'bad')
  t.is(decode(Uint8Array.of(2, 1, 0x7b)).kind, 'bad')
  t.is(decode(encodeOp(-1, 0, part(1))).kind, 'bad')
  t.is(decode(encodeOp(1, 0.5, part(1))).kind, 'bad')
  t.is(decode(encodeOp(1, 2 ** 53, part(1))).kind, 'bad')
  t.is(decode(Uint8Array.of(...encodeEmpty(1, 0), 0)).kind, 'bad')
})

const unreadable = { kind: 'unreadable', incarnation: 1, number: 0 }

test('O11: an op whose rest makes no sense still has its number', (t) => {
  const whole = op(1)
  const withFlags = (flags: number): Uint8Array => whole.with(18, flags)
  t.deepEqual(decode(whole.subarray(0, 30)), unreadable)
  t.deepEqual(decode(whole.subarray(0, 18)), unreadable)
  t.deepEqual(decode(whole.subarray(0, whole.byteLength - 1)), unreadable)
  t.deepEqual(decode(encodeOp(1, 0, part(1, 'no-path'))), unreadable)
  // A flag that nobody knows, and one whose field is not there.
  t.deepEqual(decode(withFlags(8)), unreadable)
  t.deepEqual(decode(withFlags(1)), unreadable)
  t.deepEqual(decode(op(1, { key: 'k'.repeat(257) })), unreadable)
})

test('O11: a transaction whose parts do not fill it, or of no parts or too many, is one that makes no sense', (t) => {
  const parts = (count: number) => Array.from({ length: count }, () => part(1))
  const whole = encodeTransaction(1, 0, parts(2))
  t.deepEqual(decode(whole.subarray(0, whole.byteLength - 1)), unreadable)
  t.deepEqual(decode(Uint8Array.of(...whole, 0)), unreadable)
  t.deepEqual(decode(encodeTransaction(1, 0, [])), unreadable)
  t.is(decode(encodeTransaction(1, 0, parts(PARTS_MAX))).kind, 'transaction')
  t.deepEqual(decode(encodeTransaction(1, 0, parts(PARTS_MAX + 1))), unreadable)
})

test('O11: inputs that are no values in their one form are none', (t) => {
  const read = (payload: Uint8Array, inputTo = payload.byteLength) =>
    readInput(payload, { ...known, inputFrom: 0, inputTo, to: payload.byteLength })
  const decoded = decode(op(1))
  const known = decoded.kind === 'op' ? decoded.part : t.fail()
  const input = (text: string) => read(new TextEncoder().encode(text))
  t.is(input('{"a":'), undefined)
  t.is(input('-0'), undefined)
  t.is(input(''), undefined)
  t.is(input('"a long text that is cut off in the mid'), undefined)
  t.is(read(Uint8Array.of(0x22, 0xff, 0x22)), undefined)
  t.is(input('['.repeat(500_000)), undefined)
  t.is(input('['.repeat(200_000) + ']'.repeat(200_000)), undefined)
  t.is(input('{"\\u0000":0}'), undefined)
  t.is(input('{"\\u0000a":1}'), undefined)
})

test('O11: bytes behind an input that it does not name, each once and in order, make it none', (t) => {
  const behind = (json: string, ...tail: number[]): unknown => {
    const text = new TextEncoder().encode(json)
    const input = new Uint8Array(4 + text.byteLength + tail.length)
    new DataView(input.buffer).setUint32(0, text.byteLength, true)
    input.set(text, 4)
    input.set(tail, 4 + text.byteLength)
    const payload = encodeOp(1, 0, { target, input })
    const decoded = decode(payload)
    return decoded.kind === 'op' ? readInput(payload, decoded.part) : decoded.kind
  }
  const [first, second] = ['{"\\u0000":0}', '{"\\u0000":1}']
  const one = [1, 0, 0, 0, 9]
  t.deepEqual(behind(`[${first}]`, 1, 0, ...one), [Uint8Array.of(9)])
  t.deepEqual(behind(`[${first},${second}]`, 2, 0, ...one, ...one), [Uint8Array.of(9), Uint8Array.of(9)])
  t.is(behind(`[${second},${first}]`, 2, 0, ...one, ...one), undefined)
  t.is(behind(`[${first},${first}]`, 2, 0, ...one, ...one), undefined)
  t.is(behind(`[${first}]`, 2, 0, ...one, ...one), undefined)
  t.is(behind(`[${first},${second}]`, 1, 0, ...one), undefined)
  t.is(behind(`[${first}]`, 1, 0, ...one, 0), undefined)
  t.is(behind('[1]', 0), undefined)
})

test('P58: bytes at the bottom of a nesting that stacks differ in are no value anywhere', (t) => {
  for (const depth of [33, 100_000]) {
    const json = new TextEncoder().encode(`${'['.repeat(depth)}{"\\u0000":0}${']'.repeat(depth)}`)
    const input = new ByteWriter().u32(json.byteLength).raw(json).u16(1).u32(1).u8(7).done()
    const payload = encodeOp(1, 0, { target, input })
    const decoded = decode(payload)
    t.is(decoded.kind === 'op' ? readInput(payload, decoded.part) : 'none', undefined)
  }
})

test('O11: random bytes behind a valid version never throw and never change the state', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 11 }), fc.uint8Array({ maxLength: 80 }), (kind, bytes) => {
      const driver = new SpaceDriver()
      driver.open()
      const before = driver.space.digest().objects
      driver.entry(Uint8Array.of(2, kind, ...bytes))
      const { objects } = driver.space.digest()
      // Any version of any type may become the active one: nothing else comes of an op of nobody's type.
      const isSame = [...objects.keys()].every((one) => before.has(one) || one === '/.sirtaki')
      return isSame && driver.space.sessions().every(({ next }) => next <= 1)
    }),
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
  t.true(isObjectPath('/a'.repeat(128)))
  t.false(isObjectPath('/a'.repeat(129)))
  t.false(isObjectPath(`/${'a'.repeat(4_096)}`))
})
