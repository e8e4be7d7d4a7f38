/** The entries of sessions as bytes: what is written is read, and whatever else comes is no entry of sessions. */
import test from 'ava'
import fc from 'fast-check'
import {
  encodeEnd,
  encodeOpen,
  encodeRestored,
  encodeResume,
  encodeSessions,
  encodeTick,
  readSessionEntry,
  type SessionInfo,
} from '../../sequencer/session-entry.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 60 })
const hex = (digits: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom('0', '3', '7', '9', 'a', 'f'), minLength: digits, maxLength: digits })
const position = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const info: fc.Arbitrary<SessionInfo> = fc.record(
  {
    name: text,
    timeoutMs: fc.integer({ min: 10, max: 9e12 }),
    ids: fc.array(fc.tuple(text, text), { maxLength: 64 }),
    types: fc.array(fc.tuple(text, fc.nat({ max: 2 ** 32 - 1 })), { maxLength: 256 }),
    process: hex(16),
    secretHash: hex(64),
  },
  { requiredKeys: ['name', 'timeoutMs', 'ids', 'types', 'process'] },
)
const session = fc
  .tuple(position, position, fc.integer({ min: 1, max: 2 ** 32 - 1 }), info)
  .map(([id, incarnation, space, rest]) => ({ session: id, incarnation, space, ...rest }))

/** The least that an opening says. */
const plain = { name: 'a', timeoutMs: 2_000, ids: [], types: [], process: '0123456789abcdef' }
/** An opening whose JSON is what is given, whatever it is. */
const openOf = (json: unknown): Uint8Array =>
  new Uint8Array([2, 1, ...new TextEncoder().encode(typeof json === 'string' ? json : JSON.stringify(json))])

test('what is written is read', (t) => {
  fc.assert(
    fc.property(info, position, fc.nat({ max: 2 ** 32 - 1 }), fc.boolean(), (one, at, epoch, clean) => {
      t.deepEqual(readSessionEntry(encodeOpen(one)), { kind: 'open', info: one })
      t.deepEqual(readSessionEntry(encodeResume(at, one)), { kind: 'resume', incarnation: at, info: one })
      t.deepEqual(readSessionEntry(encodeEnd(at, epoch, clean)), { kind: 'end', incarnation: at, epoch, clean })
      t.deepEqual(readSessionEntry(encodeTick(epoch, at)), { kind: 'tick', epoch, wall: at })
      t.deepEqual(readSessionEntry(encodeRestored('c1', at)), { kind: 'restored', cluster: 'c1', below: at })
    }),
  )
})

test('a copy of the table is read as it was written', (t) => {
  fc.assert(
    fc.property(fc.array(session, { maxLength: 8 }), position, (sessions, asOf) => {
      const part = { asOf, part: 2, parts: 3, sessions }
      t.deepEqual(readSessionEntry(encodeSessions(part)), { kind: 'sessions', ...part })
    }),
    { numRuns: 50 },
  )
})

test('O11: whatever the bytes are, reading them never throws', (t) => {
  const bytes = fc.uint8Array({ maxLength: 200 })
  const kind = fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255)
  fc.assert(
    fc.property(kind, bytes, (second, rest) => {
      t.notThrows(() => readSessionEntry(new Uint8Array([2, second, ...rest])))
      t.notThrows(() => readSessionEntry(rest))
    }),
    { numRuns: 500 },
  )
})

test('O11: an entry with one byte changed, left out or added is read or is none, and never throws', (t) => {
  fc.assert(
    fc.property(info, fc.nat(), fc.nat({ max: 255 }), (one, at, byte) => {
      const good = encodeResume(7, one)
      const bad = good.with(at % good.byteLength, byte)
      t.notThrows(() => readSessionEntry(bad))
      t.notThrows(() => readSessionEntry(good.subarray(0, at % good.byteLength)))
    }),
    { numRuns: 300 },
  )
})

test('the bytes stand as they are written down', (t) => {
  t.deepEqual([...encodeEnd(258, 3, true)], [2, 6, 0, 0, 0, 0, 0, 0x20, 0x70, 0x40, 3, 0, 0, 0, 1])
  t.deepEqual([...encodeTick(1, 1)], [2, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f])
  t.deepEqual(encodeOpen(plain), openOf(plain))
})

test('entries of another version, of other kinds, too short or too long are none of sessions', (t) => {
  const end = encodeEnd(258, 3, true)
  t.is(readSessionEntry(new Uint8Array()), undefined)
  t.is(readSessionEntry(new Uint8Array([2])), undefined)
  t.is(readSessionEntry(end.with(0, 1)), undefined)
  t.is(readSessionEntry(end.with(0, 3)), undefined)
  t.is(readSessionEntry(end.with(1, 2)), undefined)
  t.is(readSessionEntry(end.with(14, 2)), undefined)
  t.is(readSessionEntry(end.subarray(0, 14)), undefined)
  t.is(readSessionEntry(new Uint8Array([...end, 0])), undefined)
  t.is(readSessionEntry(encodeEnd(-1, 3, true)), undefined)
  t.is(readSessionEntry(encodeEnd(0.5, 3, true)), undefined)
  t.is(readSessionEntry(encodeTick(3, Number.NaN)), undefined)
  t.is(readSessionEntry(encodeSessions({ asOf: 1, part: 1, parts: 1, sessions: [] })), undefined)
})

test('a malformed opening is no session', (t) => {
  const none: readonly unknown[] = [
    '',
    '{',
    null,
    [],
    { ...plain, name: 7 },
    { ...plain, name: 'a'.repeat(257) },
    JSON.stringify(plain).replace('"a"', String.raw`"\ud800"`),
    { ...plain, timeoutMs: 9 },
    { ...plain, timeoutMs: 9e12 + 1 },
    { ...plain, timeoutMs: 2_000.5 },
    { ...plain, ids: [['digest']] },
    { ...plain, ids: [['digest', 'a', 'b']] },
    { ...plain, ids: Array.from({ length: 65 }, () => ['a', 'b']) },
    { ...plain, types: [['lock', -1]] },
    { ...plain, types: Array.from({ length: 257 }, () => ['lock', 1]) },
    { ...plain, process: '0123456789ABCDEF' },
    { ...plain, process: '0123' },
    { ...plain, secretHash: null },
    { ...plain, secretHash: 'abc' },
    `\u{feff}${JSON.stringify(plain)}`,
  ]
  t.deepEqual(
    none.map((json) => readSessionEntry(openOf(json))),
    none.map(() => undefined),
  )
})

test('fields that are not known are passed over, and gone', (t) => {
  const later = `{"principal":"ann","__proto__":{"name":"b"},${JSON.stringify(plain).slice(1)}`
  t.deepEqual(readSessionEntry(openOf(later)), { kind: 'open', info: plain })
})

test('what no reader would take for a session is refused before it is appended', (t) => {
  t.throws(() => encodeOpen({ ...plain, timeoutMs: 1 }), { code: 'BAD_ARGUMENT' })
  t.throws(() => encodeResume(1, { ...plain, process: 'p' }), { code: 'BAD_ARGUMENT' })
})
