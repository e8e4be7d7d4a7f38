/**
 * Whatever is committed and dropped, and whenever the store is closed, its headers read as they were written, be it
 * from packs or row by row.
 *
 * Read next: `../../../log/io/header-packs.ts`, `written.ts`.
 */
import { join } from 'node:path'
import test from 'ava'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { isError } from '../../../log/errors.ts'
import type { SqliteStore } from '../../../log/io/sqlite-store.ts'
import { makeFolder, type Teardown } from './folder.ts'
import { sayings, sayingsOf, shapedRow, storeIn as makeStore } from './written.ts'

const PACK_ROWS = 4
const EPOCH = 1

const orThrow = (error?: Error): void => {
  if (error !== undefined) throw error
}

/** A store that writes its packs after every fourth commit or so. */
const storeIn = (folder: string): SqliteStore => makeStore(folder, { packRows: PACK_ROWS, checkpointFrames: 10 })

/** Opens, and gives the ids of all rows that say what was written; the others with a minus. */
function idsIn(store: SqliteStore): number[] {
  const image = store.open()
  const said = sayings(image.blocks ?? [])
  const ids = [...said.keys()].filter((id) => id >= 0)
  const right = sayingsOf(ids)
  if (said.get(-1) !== right.get(-1)) throw new Error(`together they say ${said.get(-1)}`)
  return ids.map((id) => (said.get(id) === right.get(id) ? id : -id))
}

function commit(store: SqliteStore, id: number, drop: readonly number[] = []): void {
  store.commit({ expectEpoch: EPOCH, row: shapedRow(id), drop }, orThrow)
}

/** Does something with the closed database. */
function inside<T>(folder: string, run: (database: Database.Database) => T): T {
  const database = new Database(join(folder, 'unit.db'))
  try {
    return run(database)
  } finally {
    database.close()
  }
}

interface StoredPack {
  readonly block: number
  readonly sums: number
  readonly sum: number
  readonly says: Uint8Array
}
const packsIn = (folder: string): StoredPack[] =>
  inside(folder, (database) =>
    database.prepare<[], StoredPack>('select block, sums, sum, says from pack order by block').all(),
  )
const blocksIn = (folder: string): number[] => packsIn(folder).map(({ block }) => block)

/** A new store: opened, with an epoch. */
function begin(folder: string): SqliteStore {
  const store = storeIn(folder)
  load(store)
  store.commit({ expectEpoch: 0, meta: { epoch: EPOCH, text: 'epoch 1' } }, orThrow)
  return store
}

/** A folder with rows 1 to `count`, closed in good order. */
function folderWith(count: number, t: Teardown): string {
  const folder = makeFolder(t)
  const store = begin(folder)
  for (let id = 1; id <= count; id++) commit(store, id)
  store.close()
  return folder
}

/** Opens and reads the headers, as a unit does. */
const load = (store: SqliteStore): void => {
  idsIn(store)
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1)

test('blocks that are behind have a pack, the last one has none, and all rows are read', (t) => {
  const folder = folderWith(18, t)
  t.deepEqual(blocksIn(folder), [0, 1, 2, 3])
  const store = storeIn(folder)
  t.deepEqual(idsIn(store), upTo(18))
  // The last block is noted by what was read: its pack follows.
  for (let id = 19; id <= 24; id++) commit(store, id)
  store.close()
  t.deepEqual(blocksIn(folder), [0, 1, 2, 3, 4, 5])
  const again = storeIn(folder)
  t.deepEqual(idsIn(again), upTo(24))
  again.close()
})

test('what is read from packs is no row: they are believed as far as the sums of all rows', (t) => {
  const folder = folderWith(18, t)
  inside(folder, (database) => {
    database.exec('update row set header = zeroblob(9) where id = 5')
  })
  const store = storeIn(folder)
  t.deepEqual(idsIn(store), upTo(18))
  store.close()
})

test('a pack goes with the first of its rows', (t) => {
  const folder = folderWith(18, t)
  const store = storeIn(folder)
  load(store)
  commit(store, 19, [5, 9])
  store.close()
  t.deepEqual(blocksIn(folder), [0, 3])
  const again = storeIn(folder)
  t.deepEqual(
    idsIn(again),
    upTo(19).filter((id) => id !== 5 && id !== 9),
  )
  again.close()
  t.deepEqual(blocksIn(folder), [0, 3])
  const third = storeIn(folder)
  load(third)
  commit(third, 20)
  third.close()
  // What is left of them was read row by row, and is packed anew with what is committed next.
  t.deepEqual(blocksIn(folder), [0, 1, 2, 3, 4])
})

test('L2: a pack whose bits are flipped is passed over, and written anew', (t) => {
  const folder = folderWith(18, t)
  const [, second] = packsIn(folder)
  const broken = Buffer.from(second?.says ?? [])
  broken.writeUInt8(broken.readUInt8(9) ^ 1, 9)
  inside(folder, (database) => {
    database.prepare('update pack set says = ? where block = 1').run(broken)
  })
  const store = storeIn(folder)
  t.deepEqual(idsIn(store), upTo(18))
  commit(store, 19)
  store.close()
  t.deepEqual(packsIn(folder)[1], second)
})

test('L2: a pack that is back after one of its rows was dropped is damage', (t) => {
  const folder = folderWith(18, t)
  const [, second] = packsIn(folder)
  const store = storeIn(folder)
  load(store)
  commit(store, 19, [5])
  store.close()
  t.deepEqual(blocksIn(folder), [0, 2, 3])
  inside(folder, (database) => {
    database.prepare('insert into pack values(?, ?, ?, ?)').run(second?.block, second?.sums, second?.sum, second?.says)
  })
  const again = storeIn(folder)
  const error = t.throws(() => {
    idsIn(again)
  })
  again.close()
  t.true(isError(error, 'DAMAGED'))
  // Salvage finds it too: the packs of the new database are those of its rows.
  const salvaged = makeStore(folder, { packRows: PACK_ROWS, salvage: true })
  t.deepEqual(
    idsIn(salvaged),
    upTo(19).filter((id) => id !== 5),
  )
  salvaged.close()
  t.deepEqual(blocksIn(folder), [0, 1, 2, 3])
  t.notDeepEqual(packsIn(folder)[1], second)
})

test('headers that are read in part, or while commits come, make no pack', (t) => {
  const folder = folderWith(18, t)
  const store = storeIn(folder)
  for (const part of store.open().blocks ?? []) if ('id' in part && part.id === 17) break
  for (let id = 19; id <= 25; id++) commit(store, id)
  store.close()
  t.deepEqual(blocksIn(folder), [0, 1, 2, 3, 5])
  const again = storeIn(folder)
  let next = 26
  for (const part of again.open().blocks ?? []) if ('block' in part && part.base === 0) commit(again, next++)
  for (; next <= 30; next++) commit(again, next)
  again.close()
  const third = storeIn(folder)
  t.deepEqual(idsIn(third), upTo(30))
  third.close()
})

type Step = { readonly commits: number } | { readonly drop: number } | { readonly open: boolean }
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ commits: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ drop: fc.nat(30) }),
  fc.record({ open: fc.boolean() }),
)

test('L2: after any commits, drops and openings the headers are those of the rows that are there', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const undo: (() => void)[] = []
      const folder = makeFolder({ teardown: (run) => undo.push(run) })
      let store = begin(folder)
      let ids: number[] = []
      let next = 1
      const add = (drop: readonly number[]): void => {
        commit(store, next, drop)
        ids = [...ids.filter((id) => !drop.includes(id)), next++]
      }
      for (const one of steps) {
        if ('commits' in one) for (let i = 0; i < one.commits; i++) add([])
        else if ('drop' in one) add(ids.slice(one.drop, one.drop + 3))
        else {
          store.close()
          store = storeIn(folder)
          // A unit reads all of its headers; a tool may look at the rest of the image only.
          if (one.open) t.deepEqual(idsIn(store), ids)
          else store.open()
        }
      }
      store.close()
      store = storeIn(folder)
      t.deepEqual(idsIn(store), ids)
      store.close()
      undo.forEach((run) => {
        run()
      })
    }),
    { numRuns: 60 },
  )
})
