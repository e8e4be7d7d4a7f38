/**
 * A small disk: an ext4 file system in a file, mounted by a loop device until the test ends. Needs root.
 *
 * Read next: `full-disk.test.ts`, `minio.test.ts`.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder, type Teardown } from '../log/io/folder.ts'

const run = (...command: readonly string[]): boolean => spawnSync(command[0] ?? '', command.slice(1)).status === 0

/** Mounts an empty file system of `megabytes`, taken down when the test ends; gives its folder. */
export function mountDisk(megabytes: number, t: Teardown): string | undefined {
  const folder = makeFolder(t)
  const [image, disk] = [join(folder, 'image'), join(folder, 'disk')]
  mkdirSync(disk)
  const mounted =
    run('truncate', '-s', `${megabytes}M`, image)
    && run('mkfs.ext4', '-q', '-m', '0', '-O', '^has_journal', image)
    && run('mount', '-o', 'loop', image, disk)
  if (mounted) {
    t.teardown(() => {
      run('umount', '-l', disk)
    })
  }
  return mounted ? disk : undefined
}

/** Whether this process may mount here. */
export function canMount(): boolean {
  const undo: (() => void | Promise<void>)[] = []
  const mounted =
    process.platform === 'linux'
    && process.getuid?.() === 0
    && mountDisk(4, { teardown: (each) => undo.push(each) }) !== undefined
  for (const each of undo.toReversed()) void each()
  return mounted
}

/** Fills the disk with another file until `left` bytes are free. */
export function fillDisk(disk: string, left = 0): void {
  const descriptor = openSync(join(disk, 'other'), 'a')
  for (let piece = 1 << 20; piece >= 512;) {
    if (freeOf(disk) - left < piece || !hasRoom(descriptor, piece)) piece >>= 1
  }
  closeSync(descriptor)
}

function hasRoom(descriptor: number, bytes: number): boolean {
  try {
    return writeSync(descriptor, Buffer.alloc(bytes)) > 0
  } catch {
    return false
  }
}

/** Bytes that are free. */
export const freeOf = (disk: string): number => {
  const { bavail, bsize } = statfsSync(disk)
  return bavail * bsize
}
