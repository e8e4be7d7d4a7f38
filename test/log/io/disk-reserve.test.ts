/**
 * The reserve is room that is really taken, given back as a whole and made again.
 *
 * A disk that is really full is in `../../real/full-disk.test.ts`. Read next: `../../../log/io/disk-reserve.ts`.
 */
import { existsSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { DiskReserve } from '../../../log/io/disk-reserve.ts'
import { makeFolder } from './folder.ts'

const MB = 2 ** 20
const placeFor = (t: ExecutionContext): string => join(makeFolder(t), 'unit.reserve')

/** A reserve as a start makes it. */
function opened(path: string, bytes = 2 * MB, roomBytes = 1): DiskReserve {
  const reserve = new DiskReserve({ path, bytes, roomBytes })
  reserve.open()
  return reserve
}

test('P32: a reserve has blocks of its own', (t) => {
  const path = placeFor(t)
  t.false(opened(path).full)
  t.is(statSync(path).size, 2 * MB)
  t.true(statSync(path).blocks * 512 >= 2 * MB)
})

test('a start keeps the reserve that it finds', (t) => {
  const path = placeFor(t)
  opened(path)
  const before = readFileSync(path)
  opened(path)
  t.deepEqual(readFileSync(path), before)
})

test('a start makes a reserve anew that has holes or another size', (t) => {
  const path = placeFor(t)
  opened(path)
  truncateSync(path, 0)
  truncateSync(path, 2 * MB)
  t.is(statSync(path).blocks, 0)
  t.false(opened(path).full)
  t.true(statSync(path).blocks * 512 >= 2 * MB)
  opened(path, MB)
  t.is(statSync(path).size, MB)
})

test('P32: a reserve that is given back takes no room and is made again when there is some', (t) => {
  const path = placeFor(t)
  const reserve = opened(path)
  t.true(reserve.giveBack())
  t.true(reserve.full)
  t.is(statSync(path).size, 0)
  t.false(reserve.giveBack())
  reserve.check()
  t.false(reserve.full)
  t.true(statSync(path).blocks * 512 >= 2 * MB)
})

test('P32: a disk without the room that is asked for is full, and no reserve takes what is left', (t) => {
  const path = placeFor(t)
  const reserve = opened(path, 2 * MB, 2 ** 60)
  t.true(reserve.full)
  t.false(existsSync(path))
  reserve.check()
  t.true(reserve.full)
})

test('P32: bytes that are free inside the files of the unit count as room, at a start and later', (t) => {
  const path = placeFor(t)
  let freed = 2 ** 61
  const reserve = new DiskReserve({ path, bytes: 2 * MB, roomBytes: 2 ** 60, freedBytes: () => freed })
  reserve.open()
  t.false(reserve.full)
  freed = 0
  reserve.check()
  t.true(reserve.full)
  freed = 2 ** 61
  reserve.check()
  t.false(reserve.full)
})
