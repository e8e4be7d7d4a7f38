/** Heartbeats as bytes: what is written is read, and random bytes give a value or `BAD_FRAME`. */
import test from 'ava'
import fc from 'fast-check'
import { isError } from '../../../log/errors.ts'
import {
  HEARTBEAT_MAX,
  readHeartbeat,
  readHeartbeatAnswer,
  writeHeartbeat,
  writeHeartbeatAnswer,
} from '../../../log/wire/heartbeat-messages.ts'

const position = fc.maxSafeNat()
const answer = fc.record({
  epoch: fc.nat(0xffff_ffff),
  logTime: fc.double({ min: 0, noNaN: true }),
  tail: position,
  confirmed: fc.array(fc.boolean(), { maxLength: 40 }),
})

/** What a decoder makes of bytes: `value`, or the code of its error. */
function outcome(read: (body: Uint8Array) => unknown, body: Uint8Array): string {
  try {
    read(body)
    return 'value'
  } catch (thrown) {
    return isError(thrown) ? thrown.code : String(thrown)
  }
}

test('heartbeats and their answers: what is written is read', (t) => {
  fc.assert(
    fc.property(fc.array(position), answer, (incarnations, one) => {
      t.deepEqual(readHeartbeat(writeHeartbeat(incarnations)), incarnations)
      t.deepEqual(readHeartbeatAnswer(writeHeartbeatAnswer(one)), one)
    }),
  )
})

test('random bytes give a value or BAD_FRAME', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (body) => {
      t.true(['value', 'BAD_FRAME'].includes(outcome(readHeartbeat, body)))
      t.true(['value', 'BAD_FRAME'].includes(outcome(readHeartbeatAnswer, body)))
    }),
    { numRuns: 1_000 },
  )
})

test('a heartbeat of too many sessions, of odd ones or with something behind them is refused', (t) => {
  const most = writeHeartbeat(Array.from({ length: HEARTBEAT_MAX }, (_, i) => i))
  t.is(outcome(readHeartbeat, most), 'value')
  t.is(outcome(readHeartbeat, writeHeartbeat(Array.from({ length: HEARTBEAT_MAX + 1 }, (_, i) => i))), 'BAD_FRAME')
  t.is(outcome(readHeartbeat, writeHeartbeat([0.5])), 'BAD_FRAME')
  t.is(outcome(readHeartbeat, writeHeartbeat([-1])), 'BAD_FRAME')
  t.is(outcome(readHeartbeat, new Uint8Array([...writeHeartbeat([1]), 0])), 'BAD_FRAME')
  t.is(outcome(readHeartbeat, Uint8Array.of(255, 255, 255, 255)), 'BAD_FRAME')
})

test('an answer with bits behind its sessions, or fewer than it announces, is refused', (t) => {
  const body = writeHeartbeatAnswer({ epoch: 1, logTime: 2, tail: 3, confirmed: [true, false, true] })
  t.is(body.at(-1), 5)
  t.is(outcome(readHeartbeatAnswer, body.with(24, 8)), 'BAD_FRAME')
  t.is(outcome(readHeartbeatAnswer, body.subarray(0, -1)), 'BAD_FRAME')
  t.is(outcome(readHeartbeatAnswer, body.with(20, 9)), 'BAD_FRAME')
})
