/**
 * A disk that is really full: a small file system in a file, filled by somebody else while a store commits (P32).
 *
 * Needs root, mkfs.ext4 and loop devices; elsewhere it shows up as skipped. Read next: `../../log/io/disk-reserve.ts`.
 */
import { readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { isError } from '../../log/errors.ts'
import { systemRandom } from '../../log/io/random.ts'
import { RegisterFile } from '../../log/io/register-file.ts'
import { SqliteStore } from '../../log/io/sqlite-store.ts'
import { scanWal } from '../../log/io/wal-scan.ts'
import { commit, headersOf, rowOf } from '../contracts/unit-store.ts'
import { canMount, fillDisk, freeOf, mountDisk } from './small-disk.ts'

const mounting = canMount() ? test.serial : test.serial.skip
const storeOn = (disk: string): SqliteStore =>
  new SqliteStore({ folder: join(disk, 'unit'), random: systemRandom, walMb: 2, reserveMb: 8, checkpointFrames: 50 })
const mount = (t: ExecutionContext): string => mountDisk(64, t) ?? ''

/** Commits rows of 20 kB until one is not kept or the store is full; gives how many were. */
async function commitUntil(
  store: SqliteStore,
  from: number,
  end: (error: Error | undefined) => boolean,
): Promise<number> {
  for (let id = from; ; id++) {
    const error = await commit(store, { expectEpoch: 1, row: rowOf(id, 20_000) })
    if (end(error)) return error === undefined ? id + 1 : id
  }
}

mounting(
  'P32, L9: on a disk that somebody fills, rows are kept until there is no room, a seal is kept then, and '
    + 'all goes on with room',
  async (t) => {
    const disk = mount(t)
    const store = storeOn(disk)
    store.open()
    t.teardown(() => {
      store.close()
    })
    t.false(store.full)
    t.true(statSync(join(disk, 'unit', 'unit.reserve')).blocks * 512 >= 8 << 20)
    await commit(store, { expectEpoch: 0, meta: { epoch: 1, text: 'one' } })
    const before = await commitUntil(store, 0, () => freeOf(disk) < 45 << 20)
    t.false(store.full)

    fillDisk(disk)
    const early = await commitUntil(store, before, () => store.full)
    t.is(statSync(join(disk, 'unit', 'unit.reserve')).size, 0)
    // As if the unit did not look at `full`: the reserve and the WAL take rows, until one is refused.
    let refused: Error | undefined
    const rows = await commitUntil(store, early, (error) => {
      refused = error
      return error !== undefined
    })
    t.true(isError(refused, 'FULL'))
    t.true(store.full)
    t.is(store.read(rows), undefined)
    // Nothing of the commit that was refused stays in the WAL, where a crash would make it look like damage.
    const wal = scanWal(readFileSync(join(disk, 'unit', 'unit.db-wal')))
    t.deepEqual(
      wal.kind === 'whole' && [wal.torn, wal.committedBytes],
      wal.kind === 'whole' && [false, 32 + wal.frames * (8192 + 24)],
    )

    rmSync(join(disk, 'other'))
    t.is(await commit(store, { expectEpoch: 1, meta: { epoch: 2, text: 'sealed' } }), undefined)
    t.false(store.full)
    t.true(statSync(join(disk, 'unit', 'unit.reserve')).blocks * 512 >= 8 << 20)
    t.is(await commit(store, { expectEpoch: 2, row: rowOf(rows) }), undefined)
    store.close()
    const again = storeOn(disk)
    const image = again.open()
    t.deepEqual([image.meta, image.epoch, image.salvaged], ['sealed', 2, false])
    t.deepEqual(
      headersOf(image).map(([id]) => id),
      Array.from({ length: rows + 1 }, (_, id) => id),
    )
    t.deepEqual(
      Array.from({ length: rows }, (_, id) => id).filter(
        (id) => Buffer.compare(again.read(id) ?? new Uint8Array(), rowOf(id, 20_000).bytes) !== 0,
      ),
      [],
    )
    again.close()
  },
)

mounting(
  'P32: with the disk full to the last byte, seals go on, the register takes a value, and the unit starts again',
  async (t) => {
    const disk = mount(t)
    const store = storeOn(disk)
    store.open()
    await commit(store, { expectEpoch: 0, meta: { epoch: 1, text: 'epoch 1' } })
    await commitUntil(store, 0, () => freeOf(disk) < 40 << 20)
    fillDisk(disk)
    t.is(freeOf(disk), 0)
    const register = new RegisterFile(join(disk, 'unit', 'acceptor'))
    t.throws(
      () => {
        register.write('no room')
      },
      { code: 'FULL' },
    )
    const withRoom = new RegisterFile(join(disk, 'unit', 'acceptor'), () => store.giveBack())
    withRoom.write('promised')
    t.is(withRoom.read(), 'promised')
    t.true(store.full)
    fillDisk(disk)
    const errors = await Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        commit(store, { expectEpoch: at + 1, meta: { epoch: at + 2, text: `epoch ${at + 2}` } }),
      ),
    )
    t.deepEqual(
      errors.filter((error) => error !== undefined),
      [],
    )
    store.close()
    const again = storeOn(disk)
    const image = again.open()
    t.deepEqual([image.epoch, again.full], [201, true])
    t.is(await commit(again, { expectEpoch: 201, meta: { epoch: 202, text: 'after the start' } }), undefined)
    rmSync(join(disk, 'other'))
    t.is(await commit(again, { expectEpoch: 202, meta: { epoch: 203, text: 'with room' } }), undefined)
    t.false(again.full)
    again.close()
  },
)

mounting('P32: the disk counts as full before it is, with the reserve still held', async (t) => {
  const disk = mount(t)
  const store = storeOn(disk)
  store.open()
  t.teardown(() => {
    store.close()
  })
  fillDisk(disk, 9 << 20)
  await commit(store, { expectEpoch: 0, meta: { epoch: 1, text: 'one' } })
  t.false(store.full)
  await commitUntil(store, 0, () => store.full)
  t.true(freeOf(disk) > 6 << 20)
  t.true(statSync(join(disk, 'unit', 'unit.reserve')).size === 8 << 20)
})

mounting('P32: pages that a trim has freed count as room, also after a start, and rows go on', async (t) => {
  const disk = mount(t)
  const store = storeOn(disk)
  store.open()
  await commit(store, { expectEpoch: 0, meta: { epoch: 1, text: 'one' } })
  const rows = await commitUntil(store, 0, () => store.full)
  t.true(store.full)
  // As a trim of everything does: the file keeps its size.
  const before = statSync(join(disk, 'unit', 'unit.db')).size
  const drop = Array.from({ length: rows }, (_, id) => id)
  t.is(await commit(store, { expectEpoch: 1, drop }), undefined)
  t.true(statSync(join(disk, 'unit', 'unit.db')).size >= before)
  t.true(freeOf(disk) < 12 << 20)
  t.false(store.full)
  t.true((store.describe().freeBytes ?? 0) > 16 << 20)
  const more = await Promise.all(
    [rows, rows + 1].map((id) => commit(store, { expectEpoch: 1, row: rowOf(id, 20_000) })),
  )
  t.deepEqual(more, [undefined, undefined])
  store.close()
  const again = storeOn(disk)
  t.teardown(() => {
    again.close()
  })
  again.open()
  t.false(again.full)
  const kept = await commitUntil(again, rows + 2, (error) => error !== undefined || again.full)
  t.true(kept > rows + 500, `${kept - rows} rows`)
})
