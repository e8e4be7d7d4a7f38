/**
 * Whatever happens to the pages of a closed database, opening it finds every row or says what is wrong.
 *
 * SQLite alone notices a page out of shape, a file too short, a page number out of range. It does not notice a
 * changed value, id or count of rows in a page that stays in shape: the store's sums do. Nobody but the reader of
 * entries notices a change in the bytes of a row, and nobody at all one in a page or a part of a page that is not in
 * use. Read next: `../../../log/io/sqlite-schema.ts`, `written.ts`.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { makeFolder } from './folder.ts'
import { readBack, shapedRow, write, type Found, type Reading } from './written.ts'

const root = makeFolder({
  teardown: (run) => {
    test.after.always(run)
  },
})

const written = write(join(root, 'unit'), 199)
const whole = readFileSync(join(root, 'unit', 'unit.db'))
const PAGE_BYTES = 8192
const pages = whole.length / PAGE_BYTES

/** What opening finds when the database has these bytes. */
function find(bytes: Uint8Array, by: Reading = 'headers'): Found {
  const folder = join(root, 'damaged')
  rmSync(folder, { recursive: true, force: true })
  cpSync(join(root, 'unit'), folder, { recursive: true })
  writeFileSync(join(folder, 'unit.db'), bytes)
  return readBack(folder, written, {}, by)
}

const isHonest = (found: Found): boolean =>
  found.kind === 'open'
    ? found.missing.length === 0 && found.wrong.length === 0
    : ['DAMAGED', 'IO', 'UNSUPPORTED'].includes(found.code)

const flipped = (at: number, bit: number): Uint8Array => {
  const bytes = Buffer.from(whole)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
  return bytes
}

/** Half of the places are where a page says how it is laid out, which is where a flip does most. */
const place = fc.oneof(
  fc.nat(whole.length - 1),
  fc.tuple(fc.nat(pages - 1), fc.nat(60)).map(([page, at]) => page * PAGE_BYTES + at),
  fc.tuple(fc.nat(pages - 1), fc.nat(PAGE_BYTES / 8)).map(([page, at]) => page * PAGE_BYTES + at),
)

test('a folder that nobody damaged reads as it was written', (t) => {
  for (const by of ['headers', 'blocks'] as const) {
    t.deepEqual(find(whole, by), { kind: 'open', salvaged: false, wrong: [], missing: [], damagedBytes: [] })
  }
})

test('L2: a flipped bit anywhere in the database loses no row silently', (t) => {
  const tally = { refused: 0, damagedBytes: 0, nothing: 0 }
  fc.assert(
    fc.property(place, fc.nat(7), fc.constantFrom<Reading>('headers', 'blocks'), (at, bit, by) => {
      const found = find(flipped(at, bit), by)
      t.true(
        isHonest(found),
        `byte ${at} of page ${Math.floor(at / PAGE_BYTES) + 1}, bit ${bit}: ${JSON.stringify(found)}`,
      )
      tally[found.kind === 'refused' ? 'refused' : found.damagedBytes.length > 0 ? 'damagedBytes' : 'nothing']++
    }),
    { numRuns: 400 },
  )
  t.log(JSON.stringify(tally))
  t.true(tally.refused > 0 && tally.damagedBytes > 0)
})

test('L2: the last row is missed when its page forgets it, in which SQLite sees nothing wrong', (t) => {
  const bytes = Buffer.from(whole)
  const page = Math.floor(whole.indexOf(shapedRow(199).header) / PAGE_BYTES) * PAGE_BYTES
  // The count of cells of a leaf; the last cell is the last row.
  bytes.writeUInt16BE(bytes.readUInt16BE(page + 3) - 1, page + 3)
  t.like(find(bytes), { kind: 'refused', code: 'DAMAGED' })
})

test('L2: a page of zeros or of another page is noticed or was not in use', (t) => {
  fc.assert(
    fc.property(fc.nat(pages - 1), fc.option(fc.nat(pages - 1)), (page, other) => {
      const bytes = Buffer.from(whole)
      if (other === null) bytes.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
      else whole.copy(bytes, page * PAGE_BYTES, other * PAGE_BYTES, (other + 1) * PAGE_BYTES)
      const found = find(bytes)
      t.true(isHonest(found), `page ${page + 1} is ${other}: ${JSON.stringify(found)}`)
    }),
    { numRuns: 80 },
  )
})

test('L2: a database cut off anywhere is refused, or only bytes of rows are gone, which is noticed', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: whole.length - 1 }), (length) => {
      const found = find(whole.subarray(0, length))
      t.true(isHonest(found), `${length}: ${JSON.stringify(found)}`)
      t.true(found.kind === 'refused' || length > whole.length - PAGE_BYTES, `${length}: ${JSON.stringify(found)}`)
    }),
    { numRuns: 60 },
  )
})

test(
  'a database of no bytes is a blank unit with an identity of its own: only its peers and a witness can miss '
    + 'its rows',
  (t) => {
    const found = find(new Uint8Array(0))
    t.deepEqual(found.kind === 'open' && [found.missing.length, found.wrong], [
      written.rows.size,
      ['the identity', 'the meta'],
    ])
  },
)
