/** The binary bodies: what is written is read, and random bytes give a value or `BAD_FRAME`. */
import test from 'ava'
import fc from 'fast-check'
import { KIND_DATA, KIND_JUNK } from '../../../log/entry.ts'
import { isError } from '../../../log/errors.ts'
import { FRAME_HEAD_BYTES } from '../../../log/wire/frame.ts'
import * as messages from '../../../log/wire/messages.ts'

const u32 = fc.nat(0xffff_ffff)
const position = fc.maxSafeNat()
const bytes = fc.uint8Array({ minLength: 1, maxLength: 20 })
const maybeBytes = fc.option(bytes, { nil: undefined })
const entryKind = fc.constantFrom(KIND_DATA, KIND_JUNK)
const held = fc.record({
  position,
  kind: entryKind,
  decided: fc.boolean(),
  damaged: fc.boolean(),
  hash: u32,
  bytes: maybeBytes,
})
const junkRange = fc.record({ from: position, to: position, step: u32 })
const { STORED, OTHER, TRIMMED, DAMAGED_HERE, DECIDED_OTHER, EMPTY, UNDECIDED, DATA_DECIDED, JUNK_DECIDED } = messages
const offerStatus = fc.constantFrom(STORED, OTHER, TRIMMED, DAMAGED_HERE, DECIDED_OTHER)
const readStatus = fc.constantFrom(TRIMMED, DAMAGED_HERE, EMPTY, UNDECIDED, DATA_DECIDED, JUNK_DECIDED)

/** Writes and reads 300 random values and expects each back. */
function roundTrip<T>(
  name: string,
  values: fc.Arbitrary<T>,
  there: (value: T) => Uint8Array,
  back: (body: Uint8Array) => unknown,
): void {
  test(`${name}: what is written is read`, (t) => {
    fc.assert(
      fc.property(values, (value) => {
        t.deepEqual(back(there(value)), value)
      }),
      { numRuns: 300 },
    )
  })
}

roundTrip(
  'ask',
  fc.record({ epoch: u32, from: position, to: position, withBytes: fc.boolean() }),
  messages.writeAsk,
  messages.readAsk,
)
roundTrip(
  'asked',
  fc.record({ to: position, prefix: position, trim: position, held: fc.array(held), junk: fc.array(junkRange) }),
  messages.writeAsked,
  messages.readAsked,
)
roundTrip(
  'offers',
  fc.record({ epoch: u32, offers: fc.array(fc.record({ position, bytes: maybeBytes })) }),
  messages.writeOffers,
  messages.readOffers,
)
roundTrip(
  'offered',
  fc.record({ results: fc.array(fc.record({ status: offerStatus, held: fc.option(held, { nil: undefined }) })) }),
  messages.writeOffered,
  messages.readOffered,
)
roundTrip('read', fc.array(position), messages.writePositions, messages.readPositions)
roundTrip(
  'read items',
  fc.array(fc.record({ status: readStatus, bytes: maybeBytes })),
  messages.writeReadItems,
  messages.readReadItems,
)
roundTrip(
  'stream from',
  fc.record({ stream: u32, from: position, step: u32 }),
  messages.writeStreamFrom,
  messages.readStreamFrom,
)
const below = fc.maxSafeNat().filter((one) => one < Number.MAX_SAFE_INTEGER)
roundTrip(
  'stream from and to',
  fc.record({ stream: u32, from: position, step: u32, to: below }),
  messages.writeStreamFrom,
  messages.readStreamFrom,
)
roundTrip(
  'stream of a chain',
  fc.record({ stream: u32, from: position, step: u32, to: below, index: u32 }),
  messages.writeStreamFrom,
  messages.readStreamFrom,
)
roundTrip(
  'stream of a chain without an end',
  fc.record({ stream: u32, from: position, step: u32, index: u32 }),
  messages.writeStreamFrom,
  messages.readStreamFrom,
)
roundTrip(
  'token',
  fc.record({ epoch: u32, runs: fc.array(fc.record({ count: u32, streams: fc.array(u32, { maxLength: 255 }) })) }),
  messages.writeToken,
  messages.readToken,
)
roundTrip(
  'grant',
  fc.record({
    epoch: u32,
    from: position,
    logTime: fc.double({ noNaN: true }),
    previous: fc.array(fc.maxSafeInteger()),
  }),
  messages.writeGrant,
  messages.readGrant,
)
roundTrip(
  'stored',
  fc.record({
    subscribed: fc.boolean(),
    statuses: fc.option(fc.constant(new Uint8Array([0, 1, 2])), { nil: undefined }),
  }),
  ({ subscribed, statuses }) => messages.writeStored(subscribed, statuses),
  (body) => messages.readStored(body, 3),
)
roundTrip(
  'stream part',
  fc.record({
    completeTo: position,
    trim: position,
    more: fc.boolean(),
    count: fc.constant(2),
    entries: fc.uint8Array({ minLength: 2, maxLength: 9 }),
  }),
  (part) => messages.writeStreamPart(part, [part.entries.slice(0, 1), part.entries.slice(1)]),
  messages.readStreamPart,
)

const mark = fc.record({ position, hash: u32, kind: entryKind })
function readAllMarks(body: Uint8Array): { epoch: number; marks: messages.Mark[]; junk: unknown[] } {
  const marks: messages.Mark[] = []
  const junk: unknown[] = []
  let epoch = -1
  messages.readMarks(body, {
    epoch: (sent) => {
      epoch = sent
      return true
    },
    mark: (at, hash, kind) => {
      marks.push({ position: at, hash, kind })
    },
    junk: (range) => {
      junk.push(range)
    },
  })
  return { epoch, marks, junk }
}
roundTrip(
  'marks',
  fc.record({ epoch: u32, marks: fc.array(mark), junk: fc.array(junkRange) }),
  ({ epoch, marks, junk }) => messages.writeMarks(epoch, marks, junk),
  readAllMarks,
)

test('marks of another epoch are not looked at', (t) => {
  messages.readMarks(messages.writeMarks(4, [{ position: 1, hash: 2, kind: 1 }], [{ from: 1, to: 2, step: 1 }]), {
    epoch: (epoch) => {
      t.is(epoch, 4)
      return false
    },
    mark: () => {
      t.fail()
    },
    junk: () => {
      t.fail()
    },
  })
})

test('a status that is none is refused: nobody may take it for stored', (t) => {
  const offered = messages.writeOffered({ results: [{ status: STORED, held: undefined }] })
  offered[4] = EMPTY
  t.true(
    isError(
      t.throws(() => messages.readOffered(offered)),
      'BAD_FRAME',
    ),
  )
  const items = messages.writeReadItems([{ status: TRIMMED, bytes: undefined }])
  items[4] = STORED
  t.true(
    isError(
      t.throws(() => messages.readReadItems(items)),
      'BAD_FRAME',
    ),
  )
})

test('store: a buffer sealed in place is read back', (t) => {
  const frame = new Uint8Array(FRAME_HEAD_BYTES + messages.STORE_HEAD_BYTES + 5).fill(7)
  const { epoch, count, entries } = messages.readStore(messages.sealStore(frame, 3, 2, 9).subarray(FRAME_HEAD_BYTES))
  t.deepEqual([epoch, count, [...entries]], [3, 2, [7, 7, 7, 7, 7]])
})

test('stored: answers for another number of entries are refused', (t) => {
  t.throws(() => messages.readStored(messages.writeStored(false, new Uint8Array(2)), 3), { code: 'BAD_FRAME' })
})

test('every kind has a number of its own, and unknown numbers have no name', (t) => {
  t.is(new Set(Object.values(messages.kinds)).size, Object.keys(messages.kinds).length)
  t.is(messages.kindOf(10), 'store')
  t.is(messages.kindOf(200), undefined)
})

const decoders: Record<string, (body: Uint8Array) => unknown> = {
  store: messages.readStore,
  stored: (body) => messages.readStored(body, 3),
  marks: readAllMarks,
  ask: messages.readAsk,
  asked: messages.readAsked,
  offers: messages.readOffers,
  offered: messages.readOffered,
  positions: messages.readPositions,
  readItems: messages.readReadItems,
  streamFrom: messages.readStreamFrom,
  streamPart: messages.readStreamPart,
  token: messages.readToken,
  grant: messages.readGrant,
}

/** Bodies that look right at first: small counts, NaN and huge numbers between random bytes. */
const body = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc
    .array(
      fc.oneof(
        fc.constantFrom(
          [1, 0, 0, 0],
          [3, 0, 0, 0],
          [0xff, 0xff, 0xff, 0xff],
          [0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
          [0, 0, 0, 0, 0, 0, 0, 0],
          [0, 0, 0, 0, 0, 0, 0xf0, 0xbf],
        ),
        fc.array(fc.nat(255), { maxLength: 4 }),
      ),
      { maxLength: 10 },
    )
    .map((parts) => Uint8Array.from(parts.flat())),
)

for (const [name, decode] of Object.entries(decoders)) {
  test(`${name}: 10,000 random bodies give a value or BAD_FRAME`, (t) => {
    fc.assert(
      fc.property(body, (random) => {
        try {
          decode(random)
        } catch (thrown) {
          if (!isError(thrown, 'BAD_FRAME')) throw thrown
        }
      }),
      { numRuns: 10_000 },
    )
    t.pass()
  })
}
