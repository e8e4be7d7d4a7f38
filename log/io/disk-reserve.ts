/**
 * Room on the disk that a unit keeps for itself, so that seals, trims and layouts go through when it is full (P32).
 *
 *     unit.reserve   bytes that mean nothing, really allocated; given back to the file system by truncation
 *
 *     free space  0 ........... room ...... room + a quarter .......
 *                 full from here down       no longer full from here up, with the reserve made again
 *
 * Free space is what the file system has and what the unit's own files have inside, since a trim shrinks no file.
 *
 * Owns: the file and whether the disk counts as full. Read next: `sqlite-store.ts`.
 */
import { randomFillSync } from 'node:crypto'
import { closeSync, constants, fsyncSync, ftruncateSync, openSync, statSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { cutFile, fill } from './unit-folder.ts'

/** What a reserve is made with. */
export interface DiskReserveOptions {
  readonly path: string
  readonly bytes: number
  /** Free bytes beside the reserve below which the disk counts as full. */
  readonly roomBytes: number
  /** Bytes inside the files of the unit that are free to be written again: after a trim the files keep their size. */
  readonly freedBytes?: (() => number) | undefined
}

const PIECE_BYTES = 1 << 20

/** The reserve of one unit. */
export class DiskReserve {
  readonly #path: string
  readonly #bytes: number
  readonly #roomBytes: number
  readonly #freedBytes: () => number
  #full = false
  #held = 0

  constructor({ path, bytes, roomBytes, freedBytes = () => 0 }: DiskReserveOptions) {
    this.#path = path
    this.#bytes = bytes
    this.#roomBytes = roomBytes
    this.#freedBytes = freedBytes
    this.#held = allocated(path)
  }

  /** Appends have to be refused. */
  get full(): boolean {
    return this.#full
  }

  /** Makes the reserve where there is room for it. @throws the system's error, but none of a full disk. */
  open(): void {
    // A copy of the folder can have made it sparse: it would be no reserve.
    if (this.#held !== this.#bytes && statSync(this.#path, { throwIfNoEntry: false }) !== undefined) this.#shrink()
    const free = freeBytes(dirname(this.#path)) - this.#missing
    this.#full = free < 0 || free + this.#freedBytes() < this.#roomBytes || !this.#make()
  }

  /** Looks at the free space. @throws the system's error, but none of a full disk. */
  check(): void {
    const free = freeBytes(dirname(this.#path))
    const room = free + this.#freedBytes()
    if (!this.#full) this.#full = room < this.#roomBytes
    // The reserve itself has to be the file system's: registers lie beside the database.
    else if (free >= this.#missing && room - this.#missing >= this.#roomBytes * 1.25) this.#full = !this.#make()
  }

  /**
   * Gives the reserve to whoever needs room, and counts as full; tells whether there was anything to give.
   *
   * @throws the system's error.
   */
  giveBack(): boolean {
    this.#full = true
    if (this.#held === 0) return false
    this.#shrink()
    return true
  }

  get #missing(): number {
    return this.#bytes - this.#held
  }

  #shrink(): void {
    cutFile(this.#path, 0)
    this.#held = 0
  }

  /** Writes it, since a hole takes no room, with chance, since some file systems take none for zeros. */
  #make(): boolean {
    if (this.#missing === 0) return true
    const piece = randomFillSync(Buffer.allocUnsafe(Math.min(PIECE_BYTES, this.#bytes)))
    const descriptor = openSync(this.#path, constants.O_RDWR | constants.O_CREAT)
    try {
      const found = fill(descriptor, piece, 0, this.#bytes)
      if (!found) ftruncateSync(descriptor, 0)
      fsyncSync(descriptor)
      this.#held = found ? this.#bytes : 0
      return found
    } finally {
      closeSync(descriptor)
    }
  }
}

/** The size of the file where every block of it is allocated, else 0. */
function allocated(path: string): number {
  const entry = statSync(path, { throwIfNoEntry: false })
  if (entry === undefined) return 0
  // Windows counts no blocks.
  return process.platform === 'win32' || entry.blocks * 512 >= entry.size ? entry.size : 0
}

/** Bytes that the file system of a folder has left for this process; Infinity where it does not say. */
export function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    // Some network file systems do not tell; then only a write that finds no room does.
    return Infinity
  }
}
