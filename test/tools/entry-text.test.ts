/** What a position holds, as text and as JSON: every kind of entry of sessions and objects. */
import test from 'ava'
import type { Entry } from '../../log/entry.ts'
import { encodeEmpty, encodeOp, encodeTarget, encodeTransaction } from '../../objects/runtime/entry.ts'
import { encodeInput } from '../../objects/runtime/input.ts'
import {
  encodeEnd,
  encodeOpen,
  encodeResume,
  encodeSessions,
  encodeTick,
  type SessionInfo,
} from '../../sequencer/session-entry.ts'
import type { Output } from '../../tools/cli/output.ts'
import { entryValue, tellEntry } from '../../tools/cluster/entry-text.ts'

const info: SessionInfo = { name: 'ann', timeoutMs: 3_000, ids: [], types: [['hits', 1]], process: '0'.repeat(16) }
const part = (object: string, input: unknown) => ({
  target: encodeTarget({ type: 'hits', version: 1, op: 'add' }, object),
  input: encodeInput(input).bytes,
})

const entryOf = (payload: Uint8Array, streams: readonly number[] = [1]): Entry => ({
  position: 7,
  epoch: 2,
  writer: 1,
  logTime: 70,
  streams: streams.map((stream) => ({ stream, previous: { before: 7 } })),
  payload,
  hash: 0,
  bytes: payload,
})

/** The line that people get, without position and streams. */
function textOf(payload: Uint8Array, streams: readonly number[] = [1]): string {
  const lines: string[] = []
  const same = (text: string): string => text
  const output: Output = {
    json: false,
    data: (_value, text) => {
      lines.push(text)
    },
    talk: () => undefined,
    flow: () => Promise.resolve(),
    during: (_what, run) => run(),
    dim: same,
    bold: same,
  }
  tellEntry(output, entryOf(payload, streams))
  return lines.join('').replace(`7  [${streams.join(',')}]  `, '')
}
const jsonOf = (payload: Uint8Array): unknown => JSON.parse(JSON.stringify(entryValue(entryOf(payload)))).op
const two = [0, 1]

test('the life of a session is told in words', (t) => {
  t.is(textOf(encodeOpen(info), two), 'session "ann" opens (timeout 3000 ms)')
  t.is(textOf(encodeResume(5, info), two), 'session "ann" goes on from incarnation 5 (timeout 3000 ms)')
  t.is(textOf(encodeEnd(5, 0, true), two), 'incarnation 5 ends (closed)')
  t.is(textOf(encodeEnd(5, 0, false), two), 'incarnation 5 ends (given up by its owner)')
  t.is(textOf(encodeEnd(5, 3, false), two), 'incarnation 5 ends (by the sequencer of epoch 3)')
  t.is(textOf(encodeTick(0, 0)), 'tick')
  t.is(textOf(encodeTick(3, 9e15)), 'tick of epoch 3, wall time 9000000000000000 ms')
  t.is(textOf(encodeSessions({ asOf: 9, part: 0, parts: 2, sessions: [] }), [0]), 'sessions as of 9, part 1 of 2')
})

test('ops are told with object, op and input, each part of a transaction too', (t) => {
  t.is(textOf(encodeOp(5, 2, part('/hits', { by: 1 }))), '/hits add {"by":1} (session 5, op 2)')
  t.is(
    textOf(encodeTransaction(5, 2, [part('/a', 1), part('/b', [Uint8Array.of(104, 105)])])),
    'transaction: /a add 1; /b add [{"base64":"aGk="}] (session 5, op 2)',
  )
  t.is(textOf(encodeEmpty(5, 2)), 'empty op (session 5, op 2)')
  t.is(textOf(encodeOp(5, 2, part('no path', 1))), 'unreadable op (session 5, op 2)')
})

test('as JSON an entry has everything that is known of it', (t) => {
  t.deepEqual(jsonOf(encodeOpen(info)), { kind: 'open', ...info })
  t.deepEqual(jsonOf(encodeEnd(5, 3, false)), { kind: 'end', incarnation: 5, epoch: 3, clean: false })
  const add = { object: '/hits', type: 'hits', version: 1, op: 'add' }
  t.deepEqual(jsonOf(encodeOp(5, 2, part('/hits', null), { key: 'k', ids: [['digest', 'ann']] })), {
    kind: 'op',
    incarnation: 5,
    number: 2,
    key: 'k',
    ids: [['digest', 'ann']],
    ...add,
    input: null,
  })
  t.deepEqual(jsonOf(encodeTransaction(5, 2, [part('/hits', 1)])), {
    kind: 'transaction',
    incarnation: 5,
    number: 2,
    parts: [{ ...add, input: 1 }],
  })
})

test('what is no entry of ours, or of a later version, or on another stream, is told as text or bytes', (t) => {
  t.is(textOf(new TextEncoder().encode('hello')), 'hello')
  t.is(textOf(Uint8Array.of(3, 2, 0)), 'base64:AwIA')
  t.is(textOf(encodeTick(0, 0), [20]), `base64:${Buffer.from(encodeTick(0, 0)).toString('base64')}`)
})
