/** The values that may enter the state (P58), against what makes views differ. */
import test from 'ava'
import fc from 'fast-check'
import { isError } from '../../log/errors.ts'
import { canonical, isCanonical, ownCopy } from '../../objects/runtime/values.ts'

const refused = (value: unknown) => (): unknown => canonical(value)
const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))

test('O3: what is no value is refused', (t) => {
  t.throws(refused(Number.NaN), { code: 'BAD_ARGUMENT' })
  t.throws(refused(Infinity), { code: 'BAD_ARGUMENT' })
  t.throws(refused(undefined), { code: 'BAD_ARGUMENT' })
  t.throws(refused({ a: undefined }), { code: 'BAD_ARGUMENT' })
  t.throws(refused(1n), { code: 'BAD_ARGUMENT' })
  t.throws(refused(Symbol('s')), { code: 'BAD_ARGUMENT' })
  t.throws(
    refused(() => 1),
    { code: 'BAD_ARGUMENT' },
  )
  t.throws(refused(new Date(0)), { code: 'BAD_ARGUMENT' })
  t.throws(refused(new Map()), { code: 'BAD_ARGUMENT' })
  t.throws(refused(new Uint8Array(1)), { code: 'BAD_ARGUMENT' })
  t.throws(refused(Promise.resolve(1)), { code: 'BAD_ARGUMENT' })
  t.throws(refused('\ud800'), { code: 'BAD_ARGUMENT' })
  t.throws(refused({ '\udc00': 1 }), { code: 'BAD_ARGUMENT' })
  t.throws(refused(JSON.parse('{"__proto__": 1}')), { code: 'BAD_ARGUMENT' })
  t.throws(refused(Array(1)), { code: 'BAD_ARGUMENT' })
  t.throws(refused(nested(40)), { code: 'BAD_ARGUMENT' })
})

test('O3: -0 is stored as 0, key order is kept, the copy is frozen and of its own', (t) => {
  const given = { z: -0, a: [{ y: 1, x: null }], 1: 'ä€😀' }
  const kept = canonical(given)
  t.true(Object.is(kept.z, 0))
  t.is(JSON.stringify(kept), '{"1":"ä€😀","z":0,"a":[{"y":1,"x":null}]}')
  t.true(Object.isFrozen(kept) && Object.isFrozen(kept.a) && Object.isFrozen(kept.a[0]))
  t.not(kept.a, given.a)
})

test('O3: a copy for a caller is not frozen', (t) => {
  t.false(Object.isFrozen(ownCopy({ a: 1 })))
})

test('O3: a value that weighs more than allowed is refused, however it is built', (t) => {
  t.throws(() => canonical('x'.repeat(1_000), 1_000), { code: 'BAD_ARGUMENT' })
  t.throws(
    () =>
      canonical(
        Array.from({ length: 200 }, () => []),
        1_000,
      ),
    { code: 'BAD_ARGUMENT' },
  )
  t.throws(() => canonical({ ['k'.repeat(1_000)]: 1 }, 1_000), { code: 'BAD_ARGUMENT' })
  t.notThrows(() => canonical('x'.repeat(900), 1_000))
})

test('O3: a parsed text is a value only in its one form', (t) => {
  t.true(isCanonical(JSON.parse('{"a":[1,"x",null,true]}')))
  t.false(isCanonical(JSON.parse('-0')))
  t.false(isCanonical(JSON.parse('"\\ud800"')))
  t.false(isCanonical(JSON.parse('{"__proto__":1}')))
  t.false(isCanonical(JSON.parse('1e999')))
  t.false(isCanonical(nested(40)))
})

test('O3: whatever is given, a copy is refused or canonical, and copying it again changes nothing', (t) => {
  fc.assert(
    fc.property(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withNullPrototype: true,
        withTypedArray: true,
        withSparseArray: true,
      }),
      (given) => {
        const kept = attempt(given)
        return kept === undefined || (isCanonical(kept) && JSON.stringify(canonical(kept)) === JSON.stringify(kept))
      },
    ),
    { numRuns: 3_000 },
  )
  t.pass()
})

function attempt(given: unknown): unknown {
  try {
    return canonical(given)
  } catch (thrown) {
    if (isError(thrown, 'BAD_ARGUMENT')) return undefined
    throw thrown
  }
}
