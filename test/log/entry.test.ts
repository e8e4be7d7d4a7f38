/** Entries as bytes. */
import test from 'ava'
import fc from 'fast-check'
import { clusterSeed, encodeEntry, entryBytes, packPrevious, readEntry, unpackPrevious } from '../../log/entry.ts'
import { isError } from '../../log/errors.ts'
import { bounds, bytesOf, entryOf, seed, textOf } from './layouts.ts'

const shape = fc.record({
  position: fc.maxSafeNat(),
  epoch: fc.nat(0xffff_ffff),
  writer: fc.maxSafeNat(),
  logTime: fc.double({ min: 0, max: Number.MAX_SAFE_INTEGER, noNaN: true }),
  links: fc.uniqueArray(fc.tuple(fc.nat(0xffff_ffff), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })), {
    maxLength: 64,
    selector: ([stream]) => stream,
  }),
  payload: fc.uint8Array({ maxLength: 100 }),
})

test('an entry comes back as it was', (t) => {
  fc.assert(
    fc.property(shape, ({ links, payload, ...head }) => {
      const bytes = encodeEntry(
        seed,
        { ...head, streams: links.map(([stream]) => stream), previous: links.map(([, previous]) => previous) },
        payload,
      )
      const entry = readEntry(bytes, bounds)
      t.is(bytes.byteLength, entryBytes(links.length, payload.byteLength))
      t.deepEqual(
        [entry.position, entry.epoch, entry.writer, entry.logTime, [...entry.payload]],
        [head.position, head.epoch, head.writer, head.logTime, [...payload]],
      )
      t.deepEqual(
        entry.streams.map((link) => [link.stream, packPrevious(link.previous)]),
        links,
      )
    }),
    { numRuns: 500 },
  )
})

test('previous is a position, or nothing of the stream from a bound on', (t) => {
  t.deepEqual(
    [
      unpackPrevious(packPrevious(0)),
      unpackPrevious(packPrevious({ before: 0 })),
      unpackPrevious(packPrevious({ before: 7 })),
    ],
    [0, { before: 0 }, { before: 7 }],
  )
})

test('L1: equal entries have equal hashes; position, epoch, payload and cluster change it', (t) => {
  const hash = entryOf({ position: 3 }).hash
  t.is(entryOf({ position: 3 }).hash, hash)
  const others = [
    entryOf({ position: 4, text: 'value 3' }).hash,
    entryOf({ position: 3, epoch: 2 }).hash,
    entryOf({ position: 3, text: 'other' }).hash,
  ]
  t.false(others.includes(hash))
  t.throws(() => readEntry(bytesOf({ position: 3 }), { ...bounds, seed: clusterSeed('c2') }), { code: 'DAMAGED' })
})

test('one changed byte is noticed, wherever it is', (t) => {
  const bytes = bytesOf({
    position: 5,
    links: [
      [7, 2],
      [9, { before: 4 }],
    ],
    text: 'payload',
  })
  fc.assert(
    fc.property(fc.nat(bytes.byteLength - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const copy = Uint8Array.from(bytes)
      copy[at] = (copy[at] ?? 0) ^ flip
      t.throws(() => readEntry(copy, bounds))
    }),
    { numRuns: 1000 },
  )
})

test('a truncated, an oversize and a newer entry are refused', (t) => {
  const newer = bytesOf({ position: 1 })
  newer[8] = 2
  t.throws(() => readEntry(bytesOf({ position: 1 }).subarray(0, 39), bounds), { code: 'BAD_FRAME' })
  t.throws(() => readEntry(bytesOf({ position: 1 }).subarray(0, 44), bounds), { code: 'BAD_FRAME' })
  t.throws(() => readEntry(bytesOf({ position: 1, text: 'x'.repeat(100) }), { ...bounds, entryBytesMax: 99 }), {
    code: 'BAD_FRAME',
  })
  t.throws(() => readEntry(newer, bounds), { code: 'UNSUPPORTED' })
  t.is(textOf(bytesOf({ position: 1, text: 'x'.repeat(100) })).length, 100)
})

test('10,000 random bodies give an entry or a typed error', (t) => {
  const good = bytesOf({ position: 5, links: [[7, 2]], text: 'payload' })
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.tuple(fc.nat(79), fc.uint8Array({ maxLength: 4 })).map(([at, patch]) => {
      const copy = new Uint8Array(84)
      copy.set(good)
      copy.set(patch, at)
      return copy
    }),
  )
  fc.assert(
    fc.property(body, (bytes) => {
      try {
        readEntry(bytes, bounds)
      } catch (thrown) {
        if (!isError(thrown, 'BAD_FRAME', 'DAMAGED', 'UNSUPPORTED')) throw thrown
      }
    }),
    { numRuns: 10_000 },
  )
  t.pass()
})
