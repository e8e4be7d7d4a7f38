/**
 * A damaged folder opened as far as what verifies: it is never taken for whole, and what was found stays beside.
 *
 * Read next: `../../../log/io/salvage.ts`, `written.ts`.
 */
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { crc32 } from '../../../log/bytes/hash.ts'
import { commit, headersOf } from '../../contracts/unit-store.ts'
import { changeFile, makeFolder, runChild } from './folder.ts'
import { readBack, shapedRow, storeIn, write } from './written.ts'

const folderFor = (t: ExecutionContext): string => makeFolder(t)
const databaseOf = (folder: string): string => join(folder, 'unit.db')
const walOf = (folder: string): string => join(folder, 'unit.db-wal')
const flip = (path: string, at: number): void => {
  changeFile(path, (bytes) => {
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  })
}

/** Damages the header of a row where it lies in the database. */
function damageHeader(folder: string, id: number): void {
  const at = readFileSync(databaseOf(folder)).indexOf(shapedRow(id).header.subarray(0, 30))
  flip(databaseOf(folder), at + 20)
}

test('a folder without damage is opened as it is, though salvage is asked for', (t) => {
  const folder = folderFor(t)
  const written = write(folder, 50)
  const before = readFileSync(databaseOf(folder))
  t.deepEqual(readBack(folder, written, { salvage: true }), {
    kind: 'open',
    salvaged: false,
    wrong: [],
    missing: [],
    damagedBytes: [],
  })
  t.deepEqual(readFileSync(databaseOf(folder)), before)
  t.deepEqual(
    readdirSync(folder).filter((name) => /damaged|salvaged/.test(name)),
    [],
  )
})

test('L2: a WAL with a flipped bit is refused with advice, and salvaged up to the damage as not whole', async (t) => {
  const folder = folderFor(t)
  runChild([folder, 'crash', 30])
  flip(walOf(folder), 200_000)
  const found = readFileSync(walOf(folder))
  const refused = readBack(folder, { identity: '', meta: undefined, rows: new Map() })
  t.is(refused.kind === 'refused' && refused.code, 'DAMAGED')
  t.regex(refused.kind === 'refused' ? refused.message : '', /--salvage.*sirtaki reconfigure replace/)
  const store = storeIn(folder, { salvage: true })
  const image = store.open()
  const ids = headersOf(image).map(([id]) => id)
  t.true(image.salvaged)
  t.true(ids.length > 5 && ids.length < 30)
  t.deepEqual(
    ids,
    Array.from({ length: ids.length }, (_, id) => id),
  )
  t.is(await commit(store, { expectEpoch: 0, row: shapedRow(ids.length) }), undefined)
  store.close()
  t.deepEqual(readFileSync(`${walOf(folder)}.damaged`), found)
  t.regex(readFileSync(join(folder, 'unit.salvaged'), 'utf8'), /unit\.db-wal was cut at byte \d+/)
})

test('L2: a WAL that was copied into the database, damaged since, costs nothing; the originals stay', (t) => {
  const folder = folderFor(t)
  // The last of these commits begins the checkpoint.
  runChild([folder, 'crash', 167])
  flip(walOf(folder), 30_000)
  const [database, wal] = [readFileSync(databaseOf(folder)), readFileSync(walOf(folder))]
  const refused = readBack(folder, { identity: '', meta: undefined, rows: new Map() })
  t.is(refused.kind === 'refused' && refused.code, 'DAMAGED')
  const store = storeIn(folder, { salvage: true })
  const image = store.open()
  t.is(headersOf(image).length, 167)
  t.true(image.salvaged)
  store.close()
  t.true(readFileSync(`${databaseOf(folder)}.damaged`).equals(database))
  t.true(readFileSync(`${walOf(folder)}.damaged`).equals(wal))
  const said = readFileSync(join(folder, 'unit.salvaged'), 'utf8')
  t.true(said.includes(`${databaseOf(folder)}.damaged`) && said.includes(`${walOf(folder)}.damaged`), said)
})

test('salvage leaves the originals of a damaged database whose WAL has rows as they were', (t) => {
  const folder = join(folderFor(t), 'crashed')
  const living = folderFor(t)
  write(living, 50)
  const running = storeIn(living)
  running.open()
  running.commit({ expectEpoch: 1, row: shapedRow(51) }, () => undefined)
  cpSync(living, folder, { recursive: true })
  running.close()
  damageHeader(folder, 30)
  const [database, wal] = [readFileSync(databaseOf(folder)), readFileSync(walOf(folder))]
  const store = storeIn(folder, { salvage: true })
  t.true(store.open().salvaged)
  store.close()
  t.true(readFileSync(`${databaseOf(folder)}.damaged`).equals(database))
  t.true(readFileSync(`${walOf(folder)}.damaged`).equals(wal))
})

test('a database that was cut at its end is padded, and costs no more rows than lay there', (t) => {
  const folder = folderFor(t)
  const written = write(folder, 200)
  const whole = readFileSync(databaseOf(folder))
  writeFileSync(databaseOf(folder), whole.subarray(0, whole.length - 3 * 8192 - 100))
  t.like(readBack(folder, written), { kind: 'refused', code: 'DAMAGED' })
  const found = readBack(folder, written, { salvage: true })
  t.true(
    found.kind === 'open' && found.salvaged && found.wrong.length === 0 && found.missing.length < 90,
    JSON.stringify(found),
  )
  t.is(readFileSync(`${databaseOf(folder)}.damaged`).length, whole.length - 3 * 8192 - 100)
})

test('L2: a salvaged unit is salvaged at every start, with the option or without, until it is healed', (t) => {
  const folder = folderFor(t)
  const written = write(folder, 50)
  damageHeader(folder, 30)
  t.like(readBack(folder, written), { kind: 'refused', code: 'DAMAGED' })
  t.like(readBack(folder, written, { salvage: true }), {
    kind: 'open',
    salvaged: true,
    missing: [30],
    wrong: [],
    damagedBytes: [],
  })
  t.like(readBack(folder, written), { kind: 'open', salvaged: true, missing: [30] })
  t.like(readBack(folder, written, { salvage: true }), { kind: 'open', salvaged: true, missing: [30] })
  t.regex(readFileSync(join(folder, 'unit.salvaged'), 'utf8'), /Rows left out.*: 30\n$/)
  t.deepEqual(
    readdirSync(folder).filter((name) => name.includes('damaged')),
    ['unit.db.damaged'],
  )
  const store = storeIn(folder)
  store.open()
  store.healed()
  store.close()
  t.like(readBack(folder, written), { kind: 'open', salvaged: false, missing: [30] })
})

test('a second damage keeps what was found at the first', (t) => {
  const folder = folderFor(t)
  const written = write(folder, 50)
  damageHeader(folder, 30)
  readBack(folder, written, { salvage: true })
  damageHeader(folder, 40)
  t.like(readBack(folder, written, { salvage: true }), { kind: 'open', salvaged: true, missing: [30, 40] })
  t.deepEqual(
    readdirSync(folder)
      .filter((name) => name.includes('damaged'))
      .sort(),
    ['unit.db.damaged', 'unit.db.damaged-2'],
  )
})

test('a page of rows that is gone costs its rows and no others, and the unit goes on committing', async (t) => {
  const folder = folderFor(t)
  const written = write(folder, 200)
  const at = readFileSync(databaseOf(folder)).indexOf(shapedRow(100).header.subarray(0, 30))
  const page = at - (at % 8192)
  changeFile(databaseOf(folder), (bytes) => {
    bytes.fill(0, page, page + 8192)
  })
  const found = readBack(folder, written, { salvage: true })
  t.true(
    found.kind === 'open'
      && found.salvaged
      && found.missing.includes(100)
      && found.missing.length < 60
      && found.wrong.length === 0,
    JSON.stringify(found),
  )
  const store = storeIn(folder)
  store.open()
  t.is(await commit(store, { expectEpoch: 1, row: shapedRow(201), drop: [150] }), undefined)
  store.close()
  t.true(headersOf(storeIn(folder).open()).some(([id]) => id === 201))
})

test('without its identity or its meta nothing is salvaged, and the advice is the empty folder', (t) => {
  const folder = folderFor(t)
  const written = write(folder, 20)
  const at = readFileSync(databaseOf(folder)).indexOf('the meta of epoch 1')
  flip(databaseOf(folder), at)
  const found = readBack(folder, written, { salvage: true })
  t.is(found.kind === 'refused' && found.code, 'DAMAGED')
  t.regex(
    found.kind === 'refused' ? found.message : '',
    /^nothing can be salvaged .*meta fails its checksum.*reconfigure replace/,
  )
  t.false(existsSync(join(folder, 'unit.salvaged')))
})

test('L2: whatever bit is flipped, what is salvaged is as written, and rows are missing only where it says so', (t) => {
  const root = folderFor(t)
  const [source, folder] = [join(root, 'source'), join(root, 'damaged')]
  const written = write(source, 120)
  const { length } = readFileSync(databaseOf(source))
  let salvaged = 0
  fc.assert(
    fc.property(fc.nat(length / 8192 - 1), fc.oneof(fc.nat(60), fc.nat(8191)), fc.nat(7), (page, at, bit) => {
      const by = at % 2 === 0 ? 'headers' : 'blocks'
      rmSync(folder, { recursive: true, force: true })
      cpSync(source, folder, { recursive: true })
      changeFile(databaseOf(folder), (bytes) => {
        const place = page * 8192 + at
        bytes[place] = (bytes[place] ?? 0) ^ (1 << bit)
      })
      const found = readBack(folder, written, { salvage: true }, by)
      const honest =
        found.kind === 'refused'
          ? found.code !== 'MISUSE'
          : found.wrong.length === 0 && (found.salvaged || found.missing.length === 0)
      t.true(honest, `page ${page + 1}, byte ${at}, bit ${bit}: ${JSON.stringify(found)}`)
      if (found.kind === 'open' && found.salvaged) {
        salvaged++
        t.deepEqual(readBack(folder, written, {}, by), found)
      }
      // The first hides the one row of meta: its page says that it has none. The second counts cells that were
      // dropped.
    }),
    {
      numRuns: 120,
      examples: [
        [2, 4, 0],
        [11, 4, 2],
      ],
    },
  )
  t.log(`${salvaged} salvaged`)
  t.true(salvaged > 5)
})

test(
  'L2: the row that was dropped last does not come back with the count of its page, though all its bytes are '
    + 'there',
  (t) => {
    const folder = folderFor(t)
    const store = storeIn(folder)
    const { identity } = store.open()
    store.commit({ expectEpoch: 0, meta: { epoch: 1, text: 'the meta of epoch 1' } }, () => undefined)
    for (const id of [6, 7, 8, 9, 10]) store.commit({ expectEpoch: 1, row: shapedRow(id) }, () => undefined)
    store.commit({ expectEpoch: 1, drop: [10] }, () => undefined)
    store.close()
    const page = Math.floor(readFileSync(databaseOf(folder)).indexOf(shapedRow(6).header) / 8192)
    // Four cells become five.
    flip(databaseOf(folder), page * 8192 + 4)
    const rows = new Map(
      [6, 7, 8, 9].map((id) => [id, { header: crc32(shapedRow(id).header), bytes: crc32(shapedRow(id).bytes) }]),
    )
    const found = readBack(folder, { identity, meta: 'the meta of epoch 1', rows }, { salvage: true })
    t.like(found, { kind: 'open', salvaged: true, wrong: [], missing: [6, 7, 8, 9] })
  },
)

test('L2: whatever bit of the count of cells is flipped, in whatever page, nothing dropped comes back', (t) => {
  const root = folderFor(t)
  const [source, folder] = [join(root, 'source'), join(root, 'damaged')]
  const written = write(source, 40)
  const pages = readFileSync(databaseOf(source)).length / 8192
  const flips = Array.from({ length: pages * 4 }, (_, index) => ({
    at: Math.floor(index / 4) * 8192 + 4,
    bit: index % 4,
  }))
  const wrong = flips.filter(({ at, bit }) => {
    rmSync(folder, { recursive: true, force: true })
    cpSync(source, folder, { recursive: true })
    changeFile(databaseOf(folder), (bytes) => {
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
    })
    const found = readBack(folder, written, { salvage: true })
    return found.kind === 'open' && (found.wrong.length > 0 || (found.missing.length > 0 && !found.salvaged))
  })
  t.deepEqual(wrong, [])
  t.true(flips.length > 30)
})
