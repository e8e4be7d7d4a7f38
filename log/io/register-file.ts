/**
 * An acceptor's register: one small value in a file of its own, whole or not at all.
 *
 *     sirtaki-register 1 <sha-256 of version and value>\n<value>
 *
 * A write goes to a file beside it, is synced, renamed over the old one, and the folder synced: whenever power goes, the
 * old value or the new one is there. A file that fails its checksum is therefore damage, never a torn write.
 * Keeps: Y2, L10. Read next: `../ports.ts`.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { SirtakiError, isError } from '../errors.ts'
import type { Register } from '../ports.ts'
import { sha256 } from '../wire/hash.ts'
import { isFull } from './sqlite-error.ts'
import { syncFolder } from './sync-folder.ts'

const NAME = 'sirtaki-register'
const VERSION = 1

/** Covers the version too: a newer format is told from a flipped bit. */
const checksum = (version: number, value: Uint8Array): string => sha256(Buffer.concat([Buffer.from(`${version}\n`), value]))

/** A register in the file `path`, whose folder must exist. One process uses it at a time: its unit's lock sees to that. */
export class RegisterFile implements Register {
  readonly #path: string
  readonly #makeRoom: () => boolean
  #failed: SirtakiError | undefined

  /** `makeRoom` is called when a write finds none, and tells whether another try is worth while: see `SqliteStore.giveBack`. */
  constructor(path: string, makeRoom: () => boolean = () => false) {
    this.#path = path
    this.#makeRoom = makeRoom
  }

  /**
   * Gives the last value written, `undefined` when nothing ever was.
   *
   * @throws SirtakiError `DAMAGED` when the checksum is wrong, `UNSUPPORTED` for a newer format, `IO` when the file cannot be read.
   */
  read(): string | undefined {
    const bytes = this.#bytes()
    if (bytes === undefined) return undefined
    const end = bytes.indexOf(10)
    const [name, version, hash] = bytes.subarray(0, Math.max(end, 0)).toString('latin1').split(' ')
    const value = bytes.subarray(end + 1)
    if (name !== NAME || hash !== checksum(Number(version), value)) throw this.#damaged()
    if (Number(version) > VERSION) throw new SirtakiError('UNSUPPORTED', `the register ${this.#path} has format version ${version}, this is version ${VERSION}: upgrade`, { facts: { path: this.#path } })
    return value.toString('utf8')
  }

  /**
   * Replaces the value; durable when it returns. After `FULL` the old value is there and the register goes on. After `IO`
   * the file holds the old value or the new one, and every later write throws the same error: what a disk that failed once
   * says about durability is worth nothing (P30).
   *
   * @throws SirtakiError `FULL`, `IO`.
   */
  write(value: string): void {
    if (this.#failed !== undefined) throw this.#failed
    try {
      const bytes = Buffer.from(value)
      const whole = Buffer.concat([Buffer.from(`${NAME} ${VERSION} ${checksum(VERSION, bytes)}\n`), bytes])
      if (!this.#put(whole) && !(this.#makeRoom() && this.#put(whole))) throw new SirtakiError('FULL', `the disk of the register ${this.#path} is full, its old value stays: make room`, { facts: { path: this.#path } })
    } catch (cause) {
      if (isError(cause, 'FULL')) throw cause
      this.#failed = this.#io('write', cause)
      throw this.#failed
    }
  }

  /** Tells whether there was room; where there was none, nothing has taken the place of the old value. */
  #put(whole: Uint8Array): boolean {
    const beside = `${this.#path}.new`
    if (!writeBeside(beside, whole)) return false
    renameSync(beside, this.#path)
    syncFolder(dirname(this.#path))
    return true
  }

  #bytes(): Buffer | undefined {
    try {
      return readFileSync(this.#path)
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
      throw this.#io('read', cause)
    }
  }

  #io(verb: string, cause: unknown): SirtakiError {
    return new SirtakiError('IO', `could not ${verb} the register ${this.#path}: ${cause instanceof Error ? cause.message : String(cause)}. Check the disk and the rights of the folder, then start again`, { cause, facts: { path: this.#path } })
  }

  #damaged(): SirtakiError {
    return new SirtakiError('DAMAGED', `the register ${this.#path} fails its checksum. Its promises are lost: start with an empty folder as a new acceptor and let a reconfiguration take the old one out`, { facts: { path: this.#path } })
  }
}

/** Writes and syncs a file; tells whether there was room for it. An error of the sync is one of the disk, whatever it says. */
function writeBeside(path: string, bytes: Uint8Array): boolean {
  let descriptor: number | undefined
  try {
    descriptor = openSync(path, 'w')
    writeFileSync(descriptor, bytes)
  } catch (thrown) {
    if (descriptor !== undefined) closeSync(descriptor)
    if (!isFull(thrown)) throw thrown
    return false
  }
  try {
    fsyncSync(descriptor)
    return true
  } finally {
    closeSync(descriptor)
  }
}
