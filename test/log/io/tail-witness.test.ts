/**
 * What a store cannot know of itself, its witness does: that its disk has less than was acknowledged.
 *
 * Read next: `../../../log/io/tail-witness.ts`.
 */
import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { headersOf } from '../../contracts/unit-store.ts'
import { changeFile, makeFolder } from './folder.ts'
import { beginOfLast } from './wal-frames.ts'
import { readBack, shapedRow, storeIn, write, type Found } from './written.ts'

interface Place {
  readonly folder: string
  readonly copy: string
  readonly witness: string
}

const nothing = { identity: '', meta: undefined, rows: new Map() }
const codeOf = (found: Found): string => (found.kind === 'refused' ? found.code : 'open')

/** A unit of which a copy was made before it went on by ten rows, all under a witness. */
function restored(t: ExecutionContext): Place {
  const root = makeFolder(t)
  const place = { folder: join(root, 'unit'), copy: join(root, 'copy'), witness: join(root, 'witness') }
  write(place.folder, 30, { witness: place.witness })
  cpSync(place.folder, place.copy, { recursive: true })
  const store = storeIn(place.folder, { witness: place.witness })
  const { epoch } = store.open()
  for (let id = 31; id <= 40; id++) store.commit({ expectEpoch: epoch, row: shapedRow(id) }, () => {})
  store.close()
  return place
}

test('L2: with a witness a database restored from an older copy is refused, and the message says what lacks', (t) => {
  const { copy, witness } = restored(t)
  const found = readBack(copy, nothing, { witness })
  t.is(codeOf(found), 'DAMAGED')
  t.regex(
    found.kind === 'refused' ? found.message : '',
    /ends at commit 31, its witness .* saw commit 41: the disk has lost synced writes, or the folder was restored/,
  )
})

test('without a witness a database restored from an older copy is taken for whole', (t) => {
  const { copy } = restored(t)
  t.like(readBack(copy, nothing), { kind: 'open', salvaged: false })
})

test('L2: with a witness a disk that lost the seal alone is refused, though no row is missing', (t) => {
  const { folder, copy, witness } = restored(t)
  rmSync(copy, { recursive: true })
  cpSync(folder, copy, { recursive: true })
  const store = storeIn(folder, { witness })
  store.open()
  store.commit({ expectEpoch: 1, meta: { epoch: 2, text: 'sealed' } }, () => {})
  store.close()
  t.is(codeOf(readBack(copy, nothing, { witness })), 'DAMAGED')
})

test(
  'L2: with a witness the last transaction of a WAL that is gone is missed, which the scan of the WAL takes '
    + 'for a torn end',
  (t) => {
    const { folder, copy, witness } = restored(t)
    const store = storeIn(folder, { witness })
    store.open()
    for (const id of [41, 42]) store.commit({ expectEpoch: 1, row: shapedRow(id) }, () => {})
    const crashed = `${copy}-crashed`
    cpSync(folder, crashed, { recursive: true, filter: (path) => !/unit\.(lock|pid)$/.test(path) })
    store.close()
    changeFile(join(crashed, 'unit.db-wal'), (wal) => {
      wal.fill(0, beginOfLast(wal, 1))
    })
    t.is(codeOf(readBack(crashed, nothing, { witness })), 'DAMAGED')
    t.like(readBack(crashed, nothing), { kind: 'open', salvaged: false })
  },
)

test('a witness lets a whole database start again and again, one that is ahead of it too', (t) => {
  const { folder, witness } = restored(t)
  t.is(codeOf(readBack(folder, nothing, { witness })), 'open')
  const without = storeIn(folder)
  without.open()
  without.commit({ expectEpoch: 1, row: shapedRow(41) }, () => {})
  without.close()
  t.is(codeOf(readBack(folder, nothing, { witness })), 'open')
  t.is(codeOf(readBack(folder, nothing, { witness })), 'open')
})

test('an empty folder beside the witness of a disk that is gone is refused, with advice', (t) => {
  const { folder, witness } = restored(t)
  rmSync(folder, { recursive: true })
  const found = readBack(folder, nothing, { witness })
  t.is(codeOf(found), 'DAMAGED')
  t.regex(found.kind === 'refused' ? found.message : '', /saw another disk.*put folder and witness aside/)
})

test('salvage takes the older copy as a unit that is not whole, and the witness sees it from then on', (t) => {
  const { copy, witness } = restored(t)
  const store = storeIn(copy, { witness, salvage: true })
  const image = store.open()
  t.true(image.salvaged)
  t.is(headersOf(image).at(-1)?.[0], 30)
  store.close()
  t.like(readBack(copy, nothing, { witness }), { kind: 'open', salvaged: true })
})

test('a witness with one torn slot still tells; with none left it is damage itself', (t) => {
  const { folder, copy, witness } = restored(t)
  const whole = readFileSync(witness)
  changeFile(witness, (bytes) => {
    bytes.fill(0, 0, 512)
  })
  t.is(codeOf(readBack(copy, nothing, { witness })), 'DAMAGED')
  writeFileSync(witness, whole)
  changeFile(witness, (bytes) => {
    bytes.fill(0, 512, 1024)
  })
  t.is(codeOf(readBack(copy, nothing, { witness })), 'DAMAGED')
  changeFile(witness, (bytes) => {
    bytes.fill(7)
  })
  const found = readBack(folder, nothing, { witness })
  t.regex(found.kind === 'refused' ? found.message : '', /neither of its slots verifies/)
  truncateSync(witness, 0)
  t.is(codeOf(readBack(folder, nothing, { witness })), 'open')
})
