/**
 * Whether a folder is a place for a unit: what kind of file system, how much room, how long a sync takes.
 *
 * The store writes as the probe here does: into a file that has its size already, one sync a commit.
 * Looking and judging are apart, so that the judgements can be tested. Read next: `../../log/io/sqlite-store.ts`.
 */
import { closeSync, existsSync, fdatasyncSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { asError } from '../../log/errors.ts'
import { sizeText } from '../cli/output.ts'
import { quantile } from '../job/progress.ts'
import { check, type Check } from './check.ts'

/**
 * A kind of file system; `memory` is gone with the machine's power, `network` is somebody else's disk, `layer` goes
 * with its container.
 */
export interface FileSystem {
  readonly name: string
  readonly kind: 'disk' | 'memory' | 'network' | 'layer' | 'unknown'
}

/** Linux's magic numbers (statfs(2)). */
const fileSystems: Readonly<Record<number, FileSystem>> = {
  0xef53: { name: 'ext4', kind: 'disk' },
  0x58465342: { name: 'xfs', kind: 'disk' },
  0x9123683e: { name: 'btrfs', kind: 'disk' },
  0x2fc12fc1: { name: 'zfs', kind: 'disk' },
  0xf2f52010: { name: 'f2fs', kind: 'disk' },
  0x01021994: { name: 'tmpfs', kind: 'memory' },
  0x858458f6: { name: 'ramfs', kind: 'memory' },
  0x6969: { name: 'nfs', kind: 'network' },
  0xff534d42: { name: 'cifs', kind: 'network' },
  0xfe534d42: { name: 'smb2', kind: 'network' },
  0x517b: { name: 'smb', kind: 'network' },
  0x01021997: { name: '9p', kind: 'network' },
  0x00c36400: { name: 'ceph', kind: 'network' },
  0x5346414f: { name: 'afs', kind: 'network' },
  0x65735546: { name: 'fuse', kind: 'network' },
  0x794c7630: { name: 'overlay', kind: 'layer' },
}

/** Tells a file system by its magic number. */
export const fileSystemOf = (type: number, platform: NodeJS.Platform = process.platform): FileSystem =>
  (platform === 'linux' ? fileSystems[type] : undefined) ?? { name: `of type 0x${type.toString(16)}`, kind: 'unknown' }

/** Where a folder that may not be there yet would be made: itself or the nearest parent that is there. */
export function placeOf(data: string): string {
  const folder = resolve(data)
  return existsSync(folder) || dirname(folder) === folder ? folder : placeOf(dirname(folder))
}

/** Judges the kind of file system. */
export function judgeFileSystem({ name, kind }: FileSystem, place: string): Check {
  const facts = { fileSystem: name, kind, path: place }
  switch (kind) {
    case 'memory':
      return check(
        'file system',
        'warn',
        `${place} is ${name}, in memory: all data is gone with the power; choose a folder on a disk`,
        facts,
      )
    case 'network':
      return check(
        'file system',
        'warn',
        `${place} is ${name}, which may be a disk elsewhere: locks and syncs are not to be relied on there; `
          + 'choose a folder on a local disk',
        facts,
      )
    case 'layer':
      return check(
        'file system',
        'warn',
        `${place} is ${name}, the layer of a container: the data goes with the container; mount a volume`,
        facts,
      )
    default:
      return check('file system', 'ok', `${place} is ${name}`, facts)
  }
}

const ROOM_LOW_BYTES = 1e9
const ROOM_NONE_BYTES = 100e6

/** Judges the room that is left. */
export function judgeSpace(freeBytes: number, totalBytes: number): Check {
  const facts = { freeBytes, totalBytes }
  const text = `${sizeText(freeBytes)} of ${sizeText(totalBytes)} are free`
  if (freeBytes < ROOM_NONE_BYTES) {
    return check('free space', 'fail', `${text}: a unit stops when its disk is full; make room first`, facts)
  }
  return freeBytes < ROOM_LOW_BYTES
    ? check('free space', 'warn', `${text}: make room, or trim in time (sirtaki trim)`, facts)
    : check('free space', 'ok', text, facts)
}

/** How long syncs took, in milliseconds. */
export interface Syncs {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** No disk that keeps its word is as fast. */
const LIE_MS = 0.02
const SLOW_P50_MS = 30
const SLOW_P99_MS = 200

/** Judges how long syncs take. */
export function judgeSyncs({ count, p50Ms, p99Ms }: Syncs, { kind }: FileSystem): Check {
  const facts = { count, p50Ms, p99Ms }
  const text =
    `${count} syncs of 4 KiB took ${p50Ms.toFixed(p50Ms < 0.1 ? 3 : 2)} ms at the median, ${p99Ms.toFixed(2)} `
    + 'ms at the 99th percentile'
  if (p50Ms < LIE_MS && kind !== 'memory') {
    return check(
      'disk sync',
      'warn',
      `${text}: too fast for a disk, it may lie about syncs and lose acknowledged entries with the power; `
        + 'see that its write cache is on a battery, or off',
      facts,
    )
  }
  if (p50Ms > SLOW_P50_MS || p99Ms > SLOW_P99_MS) {
    return check(
      'disk sync',
      'warn',
      `${text}: every append waits for the slowest sync of its chain; use a faster disk, or one that others `
        + 'leave alone',
      facts,
    )
  }
  return check('disk sync', 'ok', text, facts)
}

const WRITES = 200
const WRITE_BYTES = 4_096

/** Measures syncs in a folder with a file that is removed again. @throws the system's error; what aborts `signal`. */
export async function measureSyncs(
  place: string,
  signal: AbortSignal,
  progress: (done: number, of: number) => void,
): Promise<Syncs> {
  const path = join(place, `.sirtaki-doctor-${process.pid}`)
  const file = openSync(path, 'wx')
  try {
    writeSync(file, new Uint8Array(WRITES * WRITE_BYTES))
    fsyncSync(file)
    const page = new Uint8Array(WRITE_BYTES)
    const took: number[] = []
    for (let i = 0; i < WRITES; i++) {
      page.fill((i % 255) + 1)
      const started = performance.now()
      writeSync(file, page, 0, WRITE_BYTES, i * WRITE_BYTES)
      fdatasyncSync(file)
      took.push(performance.now() - started)
      progress(i + 1, WRITES)
      // A slow disk must not keep Ctrl-C from being heard.
      await setImmediate()
      signal.throwIfAborted()
    }
    return { count: WRITES, p50Ms: quantile(took, 0.5), p99Ms: quantile(took, 0.99) }
  } finally {
    closeSync(file)
    rmSync(path, { force: true })
  }
}

/** Looks at the folder of a unit. */
export async function* checkDisk(
  data: string,
  signal: AbortSignal,
  progress: (done: number, of: number) => void,
): AsyncGenerator<Check> {
  const place = placeOf(data)
  try {
    const { type, bsize, bavail, blocks } = statfsSync(place)
    const fileSystem = fileSystemOf(type)
    yield judgeFileSystem(fileSystem, place)
    yield judgeSpace(bavail * bsize, blocks * bsize)
    yield judgeSyncs(await measureSyncs(place, signal, progress), fileSystem)
  } catch (thrown) {
    signal.throwIfAborted()
    yield check(
      'disk',
      'fail',
      `${place} cannot be used (${asError(thrown, 'IO').message}): name a folder that may be written to with --data`,
      { path: place },
    )
  }
}
