/**
 * What only the store on a real disk can do wrong: crashes, damage, two owners, bad folders, disks that fail.
 * The contract that it shares is in `../../contracts/unit-store.ts`.
 *
 * Read next: `../../../log/io/sqlite-store.ts`.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import Database from 'better-sqlite3'
import { isError, type SirtakiError } from '../../../log/errors.ts'
import { systemRandom } from '../../../log/io/random.ts'
import { SqliteStore } from '../../../log/io/sqlite-store.ts'
import { commit, headersOf, rowOf } from '../../contracts/unit-store.ts'
import { canTrace, changeFile, makeFolder, runChild, startChild, type Teardown } from './folder.ts'
import { beginOfLast, framesOf } from './wal-frames.ts'

const storeIn = (folder: string): SqliteStore =>
  new SqliteStore({ folder, random: systemRandom, walMb: 1, reserveMb: 1 })

/** Opens, lists the ids of the rows and closes. */
function idsIn(folder: string): readonly number[] {
  const store = storeIn(folder)
  const ids = headersOf(store.open()).map(([id]) => id)
  store.close()
  return ids
}

/** The error that opening gives. */
function refusal(folder: string): SirtakiError | undefined {
  const store = storeIn(folder)
  try {
    store.open()
  } catch (error) {
    return isError(error) ? error : undefined
  }
  store.close()
  return undefined
}

/** A folder whose owner committed `count` rows and was killed. */
function crashedFolder(t: Teardown, count: number): string {
  const folder = makeFolder(t)
  runChild([folder, 'crash', count])
  return folder
}

const walOf = (folder: string): string => join(folder, 'unit.db-wal')

test('L9: what was acknowledged before kill -9 is there afterwards', async (t) => {
  const folder = makeFolder(t)
  const child = startChild([folder, 'stream'])
  const lines = await Promise.all(Array.from({ length: 700 }, () => child.next()))
  await child.kill()
  const ids = idsIn(folder)
  t.deepEqual(
    lines,
    Array.from({ length: 700 }, (_, id) => `kept ${id}`),
  )
  t.true(ids.length >= 700)
  t.deepEqual(
    ids,
    Array.from({ length: ids.length }, (_, id) => id),
  )
})

test('P31: a bit flipped in the middle of the WAL is damage, and the folder stays as it was', (t) => {
  const folder = crashedFolder(t, 30)
  const copy = join(makeFolder(t), 'copy')
  cpSync(folder, copy, { recursive: true })
  changeFile(walOf(copy), (wal) => {
    wal.writeUInt8(wal.readUInt8(200_000) ^ 1, 200_000)
  })
  const before = readFileSync(walOf(copy))
  const error = refusal(copy)
  t.is(error?.code, 'DAMAGED')
  t.true(error?.message.includes(walOf(copy)))
  t.deepEqual(readFileSync(walOf(copy)), before)
  t.is(idsIn(folder).length, 30)
})

test('P31: the torn end of a commit that was never acknowledged is accepted, whatever is left of it', (t) => {
  const folder = crashedFolder(t, 30)
  changeFile(walOf(folder), (wal) => {
    wal.fill(0, beginOfLast(wal, 1), beginOfLast(wal, 1) + 3000)
  })
  t.deepEqual(
    idsIn(folder),
    Array.from({ length: 29 }, (_, id) => id),
  )
})

test('P31: a crash after the crash that tore the WAL is accepted too', (t) => {
  const folder = crashedFolder(t, 5)
  changeFile(walOf(folder), (wal) => {
    wal.fill(0, beginOfLast(wal, 1), beginOfLast(wal, 1) + 3000)
  })
  runChild([folder, 'crash', 3])
  changeFile(walOf(folder), (wal) => {
    wal.fill(0, beginOfLast(wal, 1), beginOfLast(wal, 1) + 3000)
  })
  t.deepEqual(idsIn(folder), [0, 1, 2, 3, 4, 5])
})

test('a store that opens begins a WAL without leftovers', (t) => {
  const folder = crashedFolder(t, 5)
  const store = storeIn(folder)
  store.open()
  t.true(readFileSync(walOf(folder)).every((byte) => byte === 0))
  store.close()
})

test('P31: a WAL that is gone after a crash is damage, not one without rows; salvage takes what is left', (t) => {
  const folder = crashedFolder(t, 30)
  rmSync(walOf(folder))
  const error = refusal(folder)
  t.is(error?.code, 'DAMAGED')
  t.regex(
    error?.message ?? '',
    /unit\.db-wal is damaged: it is missing, though the unit did not end in good order.*--salvage.*reconfigure replace/,
  )
  t.is(refusal(folder)?.code, 'DAMAGED')
  const store = new SqliteStore({ folder, random: systemRandom, walMb: 1, reserveMb: 1, salvage: true })
  t.true(store.open().salvaged)
  store.close()
  t.deepEqual(idsIn(folder), [])
})

test('P31: a WAL shorter than it was grown to is damage after a crash, and nothing after a good end', (t) => {
  const folder = crashedFolder(t, 30)
  const wal = readFileSync(walOf(folder))
  writeFileSync(walOf(folder), wal.subarray(0, 100_000))
  t.regex(refusal(folder)?.message ?? '', /has 100000 of its 1048576 bytes/)
  writeFileSync(walOf(folder), wal)
  t.is(idsIn(folder).length, 30)
  t.false(existsSync(walOf(folder)))
  t.is(idsIn(folder).length, 30)
})

test('a database that is missing beside its WAL is damage, not a blank unit', (t) => {
  const folder = crashedFolder(t, 5)
  writeFileSync(join(folder, 'unit.db'), '')
  const error = refusal(folder)
  t.is(error?.code, 'DAMAGED')
  t.true(error?.message.includes('unit.db is damaged'))
})

test('a database that is missing beside the register is damage that says so, not a blank unit', (t) => {
  const folder = makeFolder(t)
  idsIn(folder)
  writeFileSync(join(folder, 'acceptor.register'), 'of this unit')
  rmSync(join(folder, 'unit.db'))
  const error = refusal(folder)
  t.is(error?.code, 'DAMAGED')
  t.regex(
    error?.message ?? '',
    /unit\.db is damaged: it is missing or empty, though the register acceptor\.register of this unit is there/,
  )
  t.false(existsSync(join(folder, 'unit.db')))
})

test('a lock file that is no database is named, made anew, and costs nothing', (t) => {
  const folder = crashedFolder(t, 5)
  writeFileSync(join(folder, 'unit.lock'), Buffer.alloc(4096, 'garbage '))
  const told: string[] = []
  const store = new SqliteStore({
    folder,
    random: systemRandom,
    walMb: 1,
    reserveMb: 1,
    tell: (text) => {
      told.push(text)
    },
  })
  t.is(headersOf(store.open()).length, 5)
  t.is(refusal(folder)?.code, 'IN_USE')
  store.close()
  t.regex(told.join(), /unit\.lock was no lock.*made anew/)
})

test('a database overwritten with garbage is damage', (t) => {
  const folder = makeFolder(t)
  idsIn(folder)
  writeFileSync(join(folder, 'unit.db'), Buffer.alloc(8192, 'garbage '))
  const error = refusal(folder)
  t.is(error?.code, 'DAMAGED')
  t.true(error?.message.includes(join(folder, 'unit.db')))
})

test('the database of another program is refused and not touched', (t) => {
  const folder = makeFolder(t)
  const other = new Database(join(folder, 'unit.db'))
  other.exec('create table shopping(item text)')
  other.close()
  const before = readFileSync(join(folder, 'unit.db'))
  t.is(refusal(folder)?.code, 'DAMAGED')
  t.deepEqual(readFileSync(join(folder, 'unit.db')), before)
})

test('a folder of a newer format is refused with advice', (t) => {
  const folder = makeFolder(t)
  idsIn(folder)
  const newer = new Database(join(folder, 'unit.db'))
  newer.exec('update about set format = 99')
  newer.close()
  const error = refusal(folder)
  t.is(error?.code, 'UNSUPPORTED')
  t.true(error?.message.includes('upgrade'))
})

test('a second process is told who uses the folder, and may have it after the first was killed', async (t) => {
  const folder = makeFolder(t)
  const child = startChild([folder, 'hold'])
  t.is(await child.next(), 'open')
  const error = refusal(folder)
  t.is(error?.code, 'IN_USE')
  t.is(error?.facts['pid'], Number(readFileSync(join(folder, 'unit.pid'), 'utf8')))
  t.true(error?.message.includes(folder))
  await child.kill()
  t.deepEqual(idsIn(folder), [])
})

test('a second store of one process is told too, and the first goes on', async (t) => {
  const folder = makeFolder(t)
  const store = storeIn(folder)
  store.open()
  t.is(refusal(folder)?.code, 'IN_USE')
  t.is(runChild([folder, 'commit', 1]).lines.includes('open'), false)
  t.is(await commit(store, { expectEpoch: 0, row: rowOf(0) }), undefined)
  store.close()
  t.deepEqual(idsIn(folder), [0])
})

test('a folder is made, but neither its parent nor in place of a file', (t) => {
  const folder = makeFolder(t)
  writeFileSync(join(folder, 'file'), '')
  t.deepEqual(idsIn(join(folder, 'new')), [])
  const missing = refusal(join(folder, 'no', 'where'))
  t.is(missing?.code, 'IO')
  t.true(missing?.message.includes(join(folder, 'no', 'where')))
  const file = refusal(join(folder, 'file'))
  t.is(file?.code, 'IO')
  t.true(file?.message.includes('is a file'))
})

test('a folder whose place for the database is taken is an IO error that names it', (t) => {
  const folder = makeFolder(t)
  mkdirSync(join(folder, 'unit.db'))
  const error = refusal(folder)
  t.is(error?.code, 'IO')
  t.true(error?.message.includes(folder))
})

test('a closed folder holds the database and the reserve alone, and a blank one gets the hint in its name', (t) => {
  const folder = makeFolder(t)
  const store = new SqliteStore({ folder, random: systemRandom, walMb: 1, reserveMb: 1, identityHint: 'unit-a' })
  t.regex(store.open().identity, /^unit-a-[0-9a-f]{32}$/)
  t.true(existsSync(join(folder, 'unit.pid')))
  t.true(store.describe().diskBytes >= 1 << 20)
  store.close()
  t.deepEqual(readdirSync(folder).sort(), ['unit.db', 'unit.lock', 'unit.reserve'])
})

test('the WAL does not outgrow what it was grown to', async (t) => {
  const folder = makeFolder(t)
  const store = new SqliteStore({ folder, random: systemRandom, walMb: 1, reserveMb: 1, checkpointFrames: 100 })
  store.open()
  const errors = await Promise.all(
    Array.from({ length: 500 }, (_, id) => commit(store, { expectEpoch: 0, row: rowOf(id, 20_000), drop: [id - 5] })),
  )
  t.deepEqual(
    errors.filter((error) => error !== undefined),
    [],
  )
  t.is(readFileSync(walOf(folder)).length, 1 << 20)
  t.true(framesOf(readFileSync(walOf(folder))).length <= 120)
  store.close()
})

test('L10: after a commit that failed every other one fails with the same error', async (t) => {
  const folder = makeFolder(t)
  const store = storeIn(folder)
  store.open()
  await commit(store, { expectEpoch: 0, row: rowOf(0) })
  const error = await commit(store, { expectEpoch: 0, row: rowOf(0) })
  t.true(isError(error, 'IO'))
  t.is(await commit(store, { expectEpoch: 0, row: rowOf(1) }), error)
  t.is(store.read(0)?.byteLength, 16)
  t.is(store.read(1), undefined)
  store.close()
  t.deepEqual(idsIn(folder), [0])
})

test('L10: a store whose folder was removed says so within a second, and acknowledges nothing more', async (t) => {
  const folder = join(makeFolder(t), 'unit')
  const store = storeIn(folder)
  store.open()
  const failed = new Promise<SirtakiError>((tell) => {
    store.onFailed = tell
  })
  t.is(await commit(store, { expectEpoch: 0, row: rowOf(0) }), undefined)
  rmSync(folder, { recursive: true })
  mkdirSync(folder)
  const began = performance.now()
  const error = await failed
  t.true(performance.now() - began < 1_000)
  t.is(error.code, 'IO')
  t.regex(error.message, /unit\.db was removed while it was in use/)
  t.is(await commit(store, { expectEpoch: 0, row: rowOf(1) }), error)
  store.close()
})

test('a store that is not open says so', async (t) => {
  const store = storeIn(makeFolder(t))
  t.true(isError(await commit(store, { expectEpoch: 0 }), 'CLOSED'))
  t.throws(() => store.read(0), { message: /is not open/ })
})

// These two need `strace` and the right to trace; where it is absent they show up as skipped.
const traced = canTrace() ? test : test.skip

traced('P29: every commit is synced before it is acknowledged', (t) => {
  const folder = makeFolder(t)
  const trace = join(makeFolder(t), 'trace')
  runChild(
    [folder, 'commit', 50],
    ['strace', '-f', '-e', 'trace=fsync,fdatasync,write', '-e', 'signal=none', '-o', trace],
  )
  const events = readFileSync(trace, 'utf8')
    .split('\n')
    .flatMap((line) => /"(open|kept)/.exec(line)?.[1] ?? (/f(data)?sync\(/.test(line) ? ['sync'] : []))
  const committing = events.slice(events.indexOf('open') + 1)
  t.is(committing.filter((event) => event === 'kept').length, 50)
  t.deepEqual(
    committing.filter((event, at) => event === 'kept' && committing[at - 1] !== 'sync'),
    [],
  )
})

traced('P30: one failed sync ends all acknowledgements, though the disk would work again', (t) => {
  const folder = makeFolder(t)
  const trace = join(makeFolder(t), 'trace')
  const calls = 'trace=fsync,fdatasync'
  runChild([folder, 'commit', 0], ['strace', '-f', '-e', calls, '-o', trace])
  const setup = readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => line.includes('sync(')).length
  const again = makeFolder(t)
  const { lines } = runChild(
    [again, 'commit', 6],
    ['strace', '-f', '-e', calls, '-e', `inject=fsync,fdatasync:error=EIO:when=${setup + 4}`, '-o', trace],
  )
  t.deepEqual(lines.slice(0, 4), ['open', 'kept 0', 'kept 1', lines[3]])
  t.regex(lines[3] ?? '', /^failed 2 could not commit to .*disk I\/O error/)
  t.deepEqual(
    lines.slice(4).map((line) => line.replace(/^failed \d/, 'failed 2')),
    [lines[3], lines[3], lines[3]],
  )
})
