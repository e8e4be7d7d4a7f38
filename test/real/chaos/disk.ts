/**
 * A small disk of a unit's own: an ext4 file system in a file, mounted by a loop device. It can be full, and lose its
 * power.
 *
 *     image file ─ loop device ─ ext4 ─ unit-a/
 *
 * A power cut here is the shutdown of ext4 without a flush of its journal: whatever was not synced when it came is
 * gone. The image lives on in the machine's memory, so a disk that lies about its flushes is not tried. Read next:
 * `faults.ts`.
 */
import { mkdirSync, readdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { has, isRoot, run, type Ground } from './ground.ts'

/** Why there are no such disks here, if there are none. */
export function whyNoDisks(): string | undefined {
  if (!isRoot()) return 'loop mounts need root'
  const missing = ['mkfs.ext4', 'mount', 'umount', 'fallocate'].filter((program) => !has(program))
  return missing.length > 0 ? `no ${missing.join(', ')} here` : undefined
}

/** One disk, mounted at `folder`. */
export class Disk {
  readonly folder: string
  readonly #image: string
  #mounted = false

  constructor(ground: Ground, name: string, bytes: number) {
    this.folder = join(ground.folder, name)
    this.#image = join(ground.folder, `${name}.img`)
    writeFileSync(this.#image, '')
    truncateSync(this.#image, bytes)
    // No blocks are kept back for root, who runs the units here: full is full.
    run('mkfs.ext4', '-q', '-F', '-m', '0', this.#image)
    mkdirSync(this.folder)
    this.mount()
    ground.undo(() => {
      this.unmount()
    })
  }

  mount(): void {
    run('mount', '-o', 'loop', this.#image, this.folder)
    this.#mounted = true
  }

  unmount(): void {
    if (this.#mounted) run('umount', this.folder)
    this.#mounted = false
  }

  /** Takes all the room that is left, but for what the filler's own tree may need. */
  fill(): void {
    let share = 1
    for (let tries = 0; tries < 20; tries++) {
      const { bavail, bsize } = statfsSync(this.folder)
      const blocks = Math.floor(bavail * share)
      if (blocks === 0) return
      try {
        run('fallocate', '-l', String(blocks * bsize), join(this.folder, `filler-${tries}`))
      } catch {
        share *= 0.9
      }
    }
  }

  /** Gives the room back. */
  empty(): void {
    for (const name of readdirSync(this.folder).filter((one) => one.startsWith('filler-'))) {
      rmSync(join(this.folder, name))
    }
  }
}
