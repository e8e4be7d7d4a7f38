/**
 * Real write-ahead logs and their frames, for the tests that damage or tear them.
 *
 * Read next: `wal-scan.test.ts`.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemRandom } from '../../../log/io/random.ts'
import { SqliteStore } from '../../../log/io/sqlite-store.ts'

/** Bytes of a frame: a head and a page. */
export const frameBytesOf = (wal: Buffer): number => 24 + wal.readUInt32BE(8)
export const SECTOR_BYTES = 512

/** The frames of the newest generation: where they begin, and whether they end a transaction. */
export const framesOf = (wal: Buffer): readonly { readonly at: number; readonly commit: boolean }[] =>
  Array.from(
    { length: Math.floor((wal.length - 32) / frameBytesOf(wal)) },
    (_, index) => 32 + index * frameBytesOf(wal),
  )
    .filter((at) => wal.compare(wal, 16, 24, at + 8, at + 16) === 0)
    .map((at) => ({ at, commit: wal.readUInt32BE(at + 4) !== 0 }))

/** Where the last `count` transactions begin. */
export function beginOfLast(wal: Buffer, count: number): number {
  const frames = framesOf(wal)
  const ends = frames.flatMap(({ commit }, index) => (commit ? [index] : []))
  const before = ends.at(-1 - count)
  return frames[before === undefined ? 0 : before + 1]?.at ?? 32
}

/** What the WAL was before and after each of 60 commits of one store, over several generations. */
export function recordWal(folder: string): readonly { readonly before: Buffer; readonly after: Buffer }[] {
  const store = new SqliteStore({ folder, random: systemRandom, walMb: 1, reserveMb: 1, checkpointFrames: 60 })
  store.open()
  const read = (): Buffer => readFileSync(join(folder, 'unit.db-wal'))
  const record = Array.from({ length: 60 }, (_, id) => {
    const before = read()
    // In the callback: a checkpoint behind it begins with a transaction of its own.
    let after = before
    store.commit(
      { expectEpoch: 0, row: { id, header: new Uint8Array([id]), bytes: new Uint8Array(12_000 + 200 * id).fill(id) } },
      () => {
        after = read()
      },
    )
    return { before, after }
  })
  store.close()
  return record
}

/**
 * What a crash may leave of an unsynced transaction: each sector is the old one or the new one; the header is synced
 * before.
 */
export function tear(
  { before, after }: { readonly before: Buffer; readonly after: Buffer },
  keeps: (sector: number) => boolean,
): Buffer {
  const torn = Buffer.from(before)
  for (let at = 0; at < after.length; at += SECTOR_BYTES) {
    if (keeps(at / SECTOR_BYTES)) after.copy(torn, at, at, at + SECTOR_BYTES)
  }
  after.copy(torn, 0, 0, 32)
  return torn
}
