/** The counter. */
import test from 'ava'
import fc from 'fast-check'
import { Counter } from '../../objects.ts'
import { SpaceDriver } from './space-driver.ts'

const hits = { type: Counter, path: '/hits' }
const value = (driver: SpaceDriver): number => Counter.bind(driver.space.journal).read('/hits').state.value

test('O9: adds add up, answers are the values after them', (t) => {
  const driver = new SpaceDriver(Counter)
  const session = driver.open()
  t.is(value(driver), 0)
  t.like(driver.op(session, 0, 'add', { by: 2 }, hits), { kind: 'result', value: 2 })
  t.like(driver.op(session, 1, 'add', { by: -5 }, hits), { kind: 'result', value: -3 })
  t.like(driver.op(session, 2, 'set', { value: 9 }, hits), { kind: 'result', value: 9 })
  t.is(value(driver), 9)
})

test('O9: an add that would be lost to rounding is rejected', (t) => {
  const driver = new SpaceDriver(Counter)
  const session = driver.open()
  driver.op(session, 0, 'set', { value: Number.MAX_SAFE_INTEGER }, hits)
  t.like(driver.op(session, 1, 'add', { by: 1 }, hits), {
    kind: 'rejected',
    code: 'OUT_OF_RANGE',
    facts: { value: Number.MAX_SAFE_INTEGER, by: 1 },
  })
  t.like(driver.op(session, 2, 'add', { by: 0.5 }, hits), { kind: 'rejected' })
  t.like(driver.op(session, 3, 'add', {}, hits), { kind: 'rejected' })
  t.is(value(driver), Number.MAX_SAFE_INTEGER)
})

test('O9: -0 never gets in', (t) => {
  const driver = new SpaceDriver(Counter)
  driver.op(driver.open(), 0, 'add', { by: -0 }, hits)
  t.true(Object.is(value(driver), 0))
})

test('O9: an op in the log twice counts once, whatever the order', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 80 }), (numbers) => {
      const driver = new SpaceDriver(Counter)
      const session = driver.open()
      for (const number of numbers) driver.op(session, number, 'add', { by: 1 }, hits)
      return value(driver) === (driver.nextOf(session) ?? -1)
    }),
  )
  t.pass()
})
