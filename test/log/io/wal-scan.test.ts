/**
 * The scan refuses damage and nothing that a crash can leave.
 *
 * Read next: `../../../log/io/wal-scan.ts`.
 */
import test from 'ava'
import fc from 'fast-check'
import { scanWal } from '../../../log/io/wal-scan.ts'
import { makeFolder } from './folder.ts'
import { beginOfLast, frameBytesOf, framesOf, recordWal, tear } from './wal-frames.ts'

const record = recordWal(
  makeFolder({
    teardown: (run) => {
      test.after.always(run)
    },
  }),
)

const someCommit = fc.constantFrom(...record)
const longWals = record
  .map(({ after }) => after)
  .filter((wal) => framesOf(wal).filter(({ commit }) => commit).length > 6)

test('the record has several generations', (t) => {
  t.true(new Set(record.map(({ after }) => after.toString('hex', 16, 24))).size >= 3)
  t.true(longWals.length >= 10)
})

test('every WAL that SQLite has synced is whole, to its last frame', (t) => {
  const scans = record.map(({ after }) => scanWal(after))
  t.deepEqual(
    scans,
    record.map(({ after }) => ({
      kind: 'whole',
      frames: framesOf(after).length,
      torn: false,
      committedBytes: 32 + framesOf(after).length * frameBytesOf(after),
    })),
  )
})

test('P31: whatever sectors of an unsynced transaction a crash keeps, the WAL is not refused', (t) => {
  fc.assert(
    fc.property(someCommit, fc.array(fc.boolean(), { minLength: 2048, maxLength: 2048 }), (pair, keep) => {
      t.is(scanWal(tear(pair, (sector) => keep[sector] === true)).kind, 'whole')
    }),
    { numRuns: 500 },
  )
})

test('P31: a torn header that takes the end of a transaction from an older generation is not believed', (t) => {
  const frame = ({ after }: (typeof record)[number]) =>
    framesOf(after).find(({ at, commit }) => at >= beginOfLast(after, 1) && at % 512 === 504 && !commit)
  const pair = record.find((each) => frame(each) !== undefined)
  const at = pair === undefined ? undefined : frame(pair)?.at
  if (pair === undefined || at === undefined) {
    t.fail('the record needs a transaction with a frame that begins 8 bytes in front of a sector')
    return
  }
  const before = Buffer.from(pair.before)
  before.writeUInt32BE(5, at)
  before.writeUInt32BE(9, at + 4)
  t.is(scanWal(tear({ before, after: pair.after }, (sector) => sector !== Math.floor(at / 512))).kind, 'whole')
})

test('P31: a WAL cut off anywhere in its last transaction is not refused', (t) => {
  fc.assert(
    fc.property(someCommit, fc.nat(), ({ after }, cut) => {
      const end = framesOf(after).length * frameBytesOf(after) + 32
      const begin = beginOfLast(after, 1)
      t.not(scanWal(after.subarray(0, begin + (cut % (end - begin)))).kind, 'damaged')
    }),
    { numRuns: 300 },
  )
})

test('P31: a flipped bit in front of the last three transactions is damage, wherever it is', (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...longWals), fc.nat(), fc.nat(7), (wal, place, bit) => {
      const damaged = Buffer.from(wal)
      const at = place % beginOfLast(wal, 3)
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << bit), at)
      t.is(scanWal(damaged).kind, 'damaged')
    }),
    { numRuns: 1000 },
  )
})

test('P31: a lost page in front of the last three transactions is damage', (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...longWals), fc.nat(), (wal, place) => {
      const damaged = Buffer.from(wal)
      const at = place % beginOfLast(wal, 3)
      damaged.fill(0, at, at + frameBytesOf(damaged) - 24)
      // Where nothing but the free space of pages was hit, nothing is lost.
      fc.pre(!damaged.equals(wal))
      t.is(scanWal(damaged).kind, 'damaged')
    }),
    { numRuns: 300 },
  )
})

test('a missing, an empty and a grown but unused WAL are empty', (t) => {
  t.is(scanWal(new Uint8Array()).kind, 'empty')
  t.is(scanWal(new Uint8Array(20)).kind, 'empty')
  t.is(scanWal(new Uint8Array(1 << 20)).kind, 'empty')
})
