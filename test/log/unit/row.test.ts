/** The header of a stored row. */
import test from 'ava'
import fc from 'fast-check'
import { crc32 } from '../../../log/bytes/hash.ts'
import { isError } from '../../../log/errors.ts'
import { RowBuilder, visitRow } from '../../../log/unit/row.ts'

/** What a header says, as plain values. */
function told(header: Uint8Array): unknown[] {
  const items: unknown[] = []
  visitRow(1, header, {
    prefix: (prefix, logTime) => {
      items.push(['prefix', prefix, logTime])
    },
    data: (position, offset, hash, streams) => {
      items.push(['data', position, offset, hash, ...streams])
    },
    junk: ({ from, to, step }) => {
      items.push(['junk', from, to, step])
    },
    decided: (position) => {
      items.push(['decided', position])
    },
  })
  return items
}

function sample(): Uint8Array {
  const row = new RowBuilder()
  row.pack(new Uint8Array(100))
  row.data(7, { offset: 0, bytes: 60, hash: 0xffff_ffff, streams: [1, 0xffff_ffff] })
  row.data(2 ** 40, { offset: 60, bytes: 40, hash: 3, streams: [] })
  row.junk({ from: 8, to: 20, step: 3 })
  return row.finish(6, 12.5, [9, 30]).header
}

test('a header says what was put into it', (t) => {
  t.deepEqual(told(sample()), [
    ['prefix', 6, 12.5],
    ['data', 7, 0, 0xffff_ffff, 1, 0xffff_ffff],
    ['data', 2 ** 40, 60, 3],
    ['junk', 8, 20, 3],
    ['decided', 9],
    ['decided', 30],
  ])
})

test('entries in any order, with gaps and other streams between, come back as they were put in', (t) => {
  const entry = fc.record({
    position: fc.nat(40),
    offset: fc.nat(5),
    bytes: fc.integer({ min: 40, max: 43 }),
    hash: fc.nat(),
    streams: fc.array(fc.nat(2), { maxLength: 2 }),
  })
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), fc.boolean(), (entries, packed) => {
      const row = new RowBuilder()
      let end = 0
      const put = entries.map(({ offset, ...one }) => {
        const placed = { ...one, offset: packed ? end : offset }
        end += one.bytes
        return placed
      })
      for (const { position, ...placed } of put) row.data(position, placed)
      t.deepEqual(
        told(row.finish(0, 0, []).header).slice(1),
        put.map(({ position, offset, hash, streams }) => ['data', position, offset, hash, ...streams]),
      )
    }),
    { numRuns: 2000 },
  )
})

test('entries one behind the other take eight bytes each', (t) => {
  const row = new RowBuilder()
  for (let i = 0; i < 100; i++) row.data(5 + 3 * i, { offset: i * 60, bytes: 60, hash: i, streams: [4] })
  t.true(row.finish(0, 0, []).header.byteLength < 100 * 8 + 70)
})

test('packed bytes lie one behind the other and can be found before they are committed', (t) => {
  const row = new RowBuilder()
  t.true(row.empty)
  t.deepEqual([row.pack(new Uint8Array(10)), row.pack(new Uint8Array(5)), row.pack(new Uint8Array(1))], [0, 10, 15])
  t.deepEqual(
    [row.pieceAt(9)?.at, row.pieceAt(12)?.at, row.pieceAt(12)?.bytes.byteLength, row.pieceAt(16)],
    [9, 2, 5, undefined],
  )
})

test('junk that data has replaced is taken out of its range', (t) => {
  const row = new RowBuilder()
  row.junk({ from: 0, to: 10, step: 3 })
  row.withoutJunk(3)
  row.withoutJunk(4)
  row.withoutJunk(9)
  t.deepEqual(told(row.finish(0, 0, []).header).slice(1), [
    ['junk', 0, 3, 3],
    ['junk', 6, 9, 3],
  ])
})

test('one changed or missing byte is damage, a newer version is told as such', (t) => {
  const header = sample()
  fc.assert(
    fc.property(fc.nat(header.byteLength - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const copy = Uint8Array.from(header)
      copy[at] = (copy[at] ?? 0) ^ flip
      t.throws(() => told(copy), { code: 'DAMAGED' })
      t.throws(() => told(header.subarray(0, at)), { code: 'DAMAGED' })
    }),
    { numRuns: 500 },
  )
  const newer = Uint8Array.from(header)
  newer[0] = 3
  new DataView(newer.buffer).setUint32(newer.byteLength - 4, crc32(newer.subarray(0, newer.byteLength - 4)), true)
  t.throws(() => told(newer), { code: 'UNSUPPORTED' })
})

test('random headers give a typed error', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (header) => {
      try {
        told(header)
      } catch (thrown) {
        if (!isError(thrown, 'DAMAGED')) throw thrown
      }
    }),
    { numRuns: 5000 },
  )
  t.pass()
})
