/**
 * The contract of a unit's store, run on every implementation: what a commit keeps is there at the next start, all of
 * it or nothing, in order.
 *
 * Read next: `../../log/unit/store.ts`.
 */
import type { ExecutionContext, TestFn } from 'ava'
import { isError } from '../../log/errors.ts'
import type { Commit, Row, StoreImage, UnitStore } from '../../log/unit/store.ts'
import type { Teardown } from '../log/io/folder.ts'

/** A disk that outlives its stores. */
export interface Disk {
  /** A store on this disk, not yet opened; the one before it must be closed. */
  start(): UnitStore
  /** The same, with hardly any room left. */
  startFull(): UnitStore
  /** Rows were left out of this disk. */
  salvage(): void
}

/** Commits and gives the error, if any. */
export const commit = (store: UnitStore, what: Commit): Promise<Error | undefined> =>
  new Promise((done) => {
    store.commit(what, done)
  })

/** A row whose header and bytes tell its id. */
export const rowOf = (id: number, bytes = 16): Row => ({
  id,
  header: new Uint8Array([id, 1]),
  bytes: new Uint8Array(bytes).fill(id),
})

/** What an image lists, as plain values. */
export const headersOf = (image: StoreImage): readonly (readonly [number, readonly number[], number])[] =>
  [...image.headers].map(({ id, header, bytesLength }) => [id, [...header], bytesLength])

/** Runs the contract; `makeDisk` gives a blank disk. */
export function unitStoreContract(test: TestFn, name: string, makeDisk: (t: Teardown) => Disk): void {
  const disks = (title: string, run: (t: ExecutionContext, disk: Disk) => Promise<void>): void => {
    test(`${name}: ${title}`, (t) => run(t, makeDisk(t)))
  }

  disks('a blank disk has an identity, epoch 0 and nothing else', async (t, disk) => {
    const store = disk.start()
    const image = store.open()
    t.not(image.identity, '')
    t.is(image.epoch, 0)
    t.is(image.meta, undefined)
    t.deepEqual(headersOf(image), [])
    store.close()
  })

  disks('L9: rows, meta and epoch are there at the next start, the rows by id', async (t, disk) => {
    const store = disk.start()
    store.open()
    t.is(await commit(store, { expectEpoch: 0, meta: { epoch: 3, text: 'three' }, row: rowOf(0) }), undefined)
    t.is(await commit(store, { expectEpoch: 3, row: rowOf(1) }), undefined)
    t.is(await commit(store, { expectEpoch: 3, row: rowOf(2, 5000) }), undefined)
    store.close()
    const again = disk.start()
    const image = again.open()
    t.is(image.epoch, 3)
    t.is(image.meta, 'three')
    t.deepEqual(headersOf(image), [
      [0, [0, 1], 16],
      [1, [1, 1], 16],
      [2, [2, 1], 5000],
    ])
    t.deepEqual([...(again.read(1) ?? [])], [...rowOf(1).bytes])
    t.deepEqual([...(again.read(2) ?? [])], [...rowOf(2, 5000).bytes])
    again.close()
  })

  disks('a disk keeps its identity', async (t, disk) => {
    const store = disk.start()
    const { identity } = store.open()
    await commit(store, { expectEpoch: 0, meta: { epoch: 1, text: '' } })
    store.close()
    const again = disk.start()
    t.is(again.open().identity, identity)
    again.close()
  })

  disks('L6: a commit that expects another epoch writes nothing, and the next one may', async (t, disk) => {
    const store = disk.start()
    store.open()
    await commit(store, { expectEpoch: 0, meta: { epoch: 2, text: 'two' }, row: rowOf(0) })
    const error = await commit(store, { expectEpoch: 1, meta: { epoch: 1, text: 'one' }, row: rowOf(1), drop: [0] })
    t.true(isError(error, 'EPOCH'))
    t.is(store.read(1), undefined)
    t.is(store.read(0)?.byteLength, 16)
    t.is(await commit(store, { expectEpoch: 2, row: rowOf(1) }), undefined)
    store.close()
    const again = disk.start()
    const image = again.open()
    t.is(image.meta, 'two')
    t.is(headersOf(image).length, 2)
    again.close()
  })

  disks('dropped rows are gone, the others stay', async (t, disk) => {
    const store = disk.start()
    store.open()
    await commit(store, { expectEpoch: 0, row: rowOf(0) })
    await commit(store, { expectEpoch: 0, row: rowOf(1) })
    await commit(store, { expectEpoch: 0, row: rowOf(2), drop: [0, 1, 77] })
    t.is(store.read(0), undefined)
    store.close()
    const again = disk.start()
    t.deepEqual(
      headersOf(again.open()).map(([id]) => id),
      [2],
    )
    t.is(again.read(1), undefined)
    again.close()
  })

  disks('P70: rows with ids beyond 31 and 32 bits are kept, listed in order and dropped', async (t, disk) => {
    const ids = [2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 33]
    const store = disk.start()
    store.open()
    for (const id of ids) t.is(await commit(store, { expectEpoch: 0, row: rowOf(id, id % 1000) }), undefined)
    const meta = { epoch: 2 ** 32 + 1, text: '' }
    t.is(await commit(store, { expectEpoch: 0, meta, drop: [2 ** 31, 2 ** 32] }), undefined)
    store.close()
    const again = disk.start()
    const image = again.open()
    t.is(image.epoch, 2 ** 32 + 1)
    t.deepEqual(
      headersOf(image).map(([id]) => id),
      [2 ** 24, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 32 + 1, 2 ** 33],
    )
    t.deepEqual([again.read(2 ** 33)?.byteLength, again.read(2 ** 32)], [2 ** 33 % 1000, undefined])
    again.close()
  })

  disks('a row that never was reads as undefined, a row without bytes as no bytes', async (t, disk) => {
    const store = disk.start()
    store.open()
    await commit(store, { expectEpoch: 0, row: rowOf(0, 0) })
    t.is(store.read(5), undefined)
    t.is(store.read(0)?.byteLength, 0)
    store.close()
  })

  disks('a row of 3 MiB comes back as it was', async (t, disk) => {
    const store = disk.start()
    store.open()
    const bytes = new Uint8Array(3 << 20).map((_, at) => at * 31 + (at >> 8))
    t.is(await commit(store, { expectEpoch: 0, row: { id: 0, header: new Uint8Array([9]), bytes } }), undefined)
    store.close()
    const again = disk.start()
    t.deepEqual(headersOf(again.open()), [[0, [9], 3 << 20]])
    t.is(Buffer.compare(again.read(0) ?? new Uint8Array(), bytes), 0)
    t.true(again.describe().diskBytes >= 3 << 20)
    again.close()
  })

  disks('the caller may change its arrays as soon as the commit is done', async (t, disk) => {
    const store = disk.start()
    store.open()
    const row = rowOf(7)
    await commit(store, { expectEpoch: 0, row })
    row.bytes.fill(0)
    row.header.fill(0)
    t.deepEqual([...(store.read(7) ?? [])], [...rowOf(7).bytes])
    store.close()
  })

  disks('rows come in order of id, not of commit, a thousand of them', async (t, disk) => {
    const store = disk.start()
    store.open()
    const ids = Array.from({ length: 1000 }, (_, id) => id)
    await Promise.all(ids.map((id) => commit(store, { expectEpoch: 0, row: rowOf(id) })))
    store.close()
    const again = disk.start()
    t.deepEqual(
      headersOf(again.open()).map(([id]) => id),
      ids,
    )
    again.close()
  })

  disks('P32: a store with room is not full; one that says it is full still takes commits', async (t, disk) => {
    const store = disk.start()
    store.open()
    t.false(store.full)
    store.close()
    const full = disk.startFull()
    full.open()
    t.true(full.full)
    t.is(await commit(full, { expectEpoch: 0, meta: { epoch: 1, text: 'sealed' } }), undefined)
    t.true(full.full)
    full.close()
    const again = disk.start()
    t.is(again.open().meta, 'sealed')
    again.close()
  })

  disks('a disk of which rows were left out says so at every start, until it is healed', (t, disk) => {
    const store = disk.start()
    t.false(store.open().salvaged)
    store.close()
    disk.salvage()
    const salvaged = disk.start()
    t.true(salvaged.open().salvaged)
    salvaged.close()
    const again = disk.start()
    t.true(again.open().salvaged)
    again.healed()
    again.close()
    const healed = disk.start()
    t.false(healed.open().salvaged)
    healed.close()
    return Promise.resolve()
  })
}
