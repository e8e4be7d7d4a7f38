/** Definitions that would break a handle or a space are refused where they are made. */
import test from 'ava'
import { number, object } from 'superstruct'
import { defineObject } from '../../objects.ts'
import type { OpOf } from '../../objects/runtime/object-type.ts'
import { Ledger, SpaceDriver } from './space-driver.ts'

const empty: OpOf<object, unknown> = { waits: false, refusal: () => undefined, run: () => null }
const withOp = (name: string) => (): unknown =>
  defineObject({
    name: 'x',
    version: 1,
    state: object({}),
    initial: () => ({}),
    ops: () => Object.fromEntries([[name, empty]]),
  })
const define = (changes: { name?: string; version?: number; initial?: () => { n: number } }) => (): unknown =>
  defineObject({
    name: 'x',
    version: 1,
    state: object({ n: number() }),
    initial: () => ({ n: 0 }),
    ops: () => ({}),
    ...changes,
  })

test('O1: op names that would break a handle are refused at run time', (t) => {
  t.throws(withOp('then'), { code: 'BAD_ARGUMENT' })
  t.throws(withOp('state'), { code: 'BAD_ARGUMENT' })
  t.throws(withOp('close'), { code: 'BAD_ARGUMENT' })
  t.throws(withOp('constructor'), { code: 'BAD_ARGUMENT' })
  t.throws(withOp('__proto__'), { code: 'BAD_ARGUMENT' })
  t.throws(withOp('a b'), { code: 'BAD_ARGUMENT' })
  t.notThrows(withOp('take'))
})

test('O3: names, versions and initial states that do not fit are refused', (t) => {
  t.throws(define({ name: 'no/name' }), { code: 'BAD_ARGUMENT' })
  t.throws(define({ name: '' }), { code: 'BAD_ARGUMENT' })
  t.throws(define({ version: 0 }), { code: 'BAD_ARGUMENT' })
  t.throws(define({ initial: () => ({ n: Number.NaN }) }), { code: 'BAD_ARGUMENT' })
  t.notThrows(define({}))
})

test('an input that cannot even be put into words is refused, not thrown at', (t) => {
  const type = defineObject({
    name: 'x',
    version: 1,
    state: object({ n: number() }),
    initial: () => ({ n: 0 }),
    ops: (op) => ({
      set: op(object({ n: number() }), (draft, { n }) => {
        draft.n = n
        return n
      }),
    }),
  })
  t.is(type.calls.get('set')?.refusal([{ toString: [] }]), 'it holds values that cannot even be printed')
  const driver = new SpaceDriver(type)
  t.like(driver.op(driver.open(), 0, 'set', [{ toString: [] }], { type }), { kind: 'rejected', code: 'BAD_ARGUMENT' })
})

test('O3: one type is one type in a space, and another in another', (t) => {
  const [one, other] = [new SpaceDriver(Ledger), new SpaceDriver(Ledger)]
  t.is(Ledger.bind(one.space.journal), Ledger.bind(one.space.journal))
  t.not(Ledger.bind(one.space.journal), Ledger.bind(other.space.journal))
})

test('O3: what a reader got from a state stays as it was', (t) => {
  const driver = new SpaceDriver(Ledger)
  driver.op(driver.open(), 0, 'put', { key: 'a', n: 1 })
  const { state } = driver.ledger()
  const row = driver.ledger().tables.rows.get('a')
  driver.op(0, 1, 'put', { key: 'a', n: 2 })
  t.deepEqual([state, row], [{ total: 1 }, { n: 1 }])
  t.true(Object.isFrozen(state) && Object.isFrozen(row))
})
