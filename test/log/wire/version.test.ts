/** What two ends of a connection agree on. */
import test from 'ava'
import { isError } from '../../../log/errors.ts'
import { limits } from '../../../log/limits.ts'
import { WIRE_VERSIONS, agreeVersion, versionsOf } from '../../../log/wire/version.ts'

test('the highest version that both ends speak is chosen', (t) => {
  t.is(agreeVersion({ min: 1, max: 2 }, { min: 1, max: 2 }), 2)
  t.is(agreeVersion({ min: 1, max: 2 }, { min: 1, max: 1 }), 1)
  t.is(agreeVersion({ min: 1, max: 4 }, { min: 3, max: 9 }), 4)
  t.is(agreeVersion({ min: 3, max: 3 }, { min: 2, max: 9 }), 3)
})

test('two ends without a version in common are told both ranges and which one to upgrade', (t) => {
  const refusal = (server: [number, number], client: [number, number]): unknown => {
    const error = t.throws(() => agreeVersion({ min: server[0], max: server[1] }, { min: client[0], max: client[1] }))
    return isError(error) ? [error.code, error.next, error.message] : error
  }
  t.deepEqual(refusal([1, 2], [3, 4]), [
    'WRONG_VERSION',
    'stop',
    'the server speaks versions 1 to 2, the client versions 3 to 4: upgrade the server',
  ])
  t.deepEqual(refusal([2, 3], [1, 1]), [
    'WRONG_VERSION',
    'stop',
    'the server speaks versions 2 to 3, the client version 1: upgrade the client',
  ])
})

test('a process speaks all that it knows unless it is told to speak less', (t) => {
  t.deepEqual(versionsOf(limits), WIRE_VERSIONS)
  t.deepEqual(versionsOf({ ...limits, wireVersionMax: 1 }), { min: 1, max: 1 })
})
