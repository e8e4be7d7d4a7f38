/** A block says of its rows what their headers say. */
import test from 'ava'
import fc from 'fast-check'
import { isError } from '../../../log/errors.ts'
import { blockOf, visitBlock, type StoredHeader } from '../../../log/unit/row-block.ts'
import { RowBuilder } from '../../../log/unit/row.ts'
import { sayings } from '../io/written.ts'

const position = fc.oneof(fc.nat(100), fc.integer({ min: 2 ** 40, max: 2 ** 40 + 100 }))
const entry = fc.record({
  position,
  offset: fc.nat(2 ** 31),
  bytes: fc.nat(100),
  hash: fc.integer({ min: 0, max: 0xffff_ffff }),
  streams: fc.array(fc.oneof(fc.nat(3), fc.constant(0xffff_ffff)), { maxLength: 3 }),
})
const range = fc.record({ from: position, to: position, step: fc.integer({ min: 1, max: 5 }) })
const shape = fc.record({
  gap: fc.integer({ min: 1, max: 1000 }),
  bytesLength: fc.nat(2 ** 31),
  prefix: position,
  logTime: fc.nat(2 ** 40),
  entries: fc.array(entry, { maxLength: 6 }),
  junk: fc.array(range, { maxLength: 3 }),
  decided: fc.array(position, { maxLength: 4 }),
})

test('a block says what its headers say, whatever they say', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 40 }),
      fc.array(shape, { minLength: 1, maxLength: 8 }),
      (base, shapes) => {
        let id = base - 1
        const rows = shapes.map(({ gap, bytesLength, prefix, logTime, entries, junk, decided }): StoredHeader => {
          const row = new RowBuilder()
          for (const { position: at, ...placed } of entries) row.data(at, placed)
          for (const one of junk) row.junk(one)
          id += gap
          return { id, bytesLength, header: row.finish(prefix, logTime, decided).header }
        })
        const block = blockOf(base, rows)
        t.deepEqual(sayings(block === undefined ? [] : [block]), sayings(rows))
      },
    ),
    { numRuns: 500 },
  )
})

test('rows on more sets of streams than a block can number make none', (t) => {
  const row = new RowBuilder()
  for (let stream = 0; stream < 0xffff + 1; stream++) {
    row.data(stream, { offset: 0, bytes: 1, hash: 0, streams: [stream] })
  }
  t.is(blockOf(0, [{ id: 0, header: row.finish(0, 0, []).header, bytesLength: 1 }]), undefined)
})

test('a block of a newer format is refused', (t) => {
  const block = new Uint8Array(40).fill(9)
  const error = t.throws(() => {
    visitBlock({ base: 0, block }, { prefix: no, data: no, junk: no, decided: no, begin: no, end: no })
  })
  t.true(isError(error, 'UNSUPPORTED'))
})

const no = (): void => undefined
