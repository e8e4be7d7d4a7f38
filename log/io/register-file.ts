/**
 * An acceptor's register: one small value, kept twice, each copy whole or not at all.
 *
 *     acceptor.register     sirtaki-register 2 <sha-256 of version, number and value> <number>\n<value>
 *     acceptor.register-2   the same; a write goes to the first file, then to the second, under the next number
 *
 * A copy is written to a file beside it, synced, renamed over the old one, and the folder synced: whenever power
 * goes, the old copy or the new one is there. A copy that fails its checksum is therefore damage, never a torn write.
 *
 * **Why one readable copy is enough.** `write` returns when both copies are durable, and nothing is answered before.
 * So whatever was promised to anybody stands in both: a copy that is unreadable or missing costs nothing. Only a
 * crash between the two writes leaves them different; the newer one counts if it can be read, and if it cannot, what
 * it alone said was told to nobody, so that the older one has forgotten no promise. What is read is written to both
 * before it is acted on: else an answer could rest on a copy that the other does not have.
 *
 * A register of version 1, one file without a number, is read and becomes two.
 * Keeps: Y2, L10, P45. Read next: `../ports.ts`, `../epochs/acceptor.ts`.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { sha256 } from '../bytes/hash.ts'
import { SirtakiError, isError } from '../errors.ts'
import type { Register } from '../ports.ts'
import { isFull } from './sqlite-error.ts'
import { syncFolder } from './sync-folder.ts'

const NAME = 'sirtaki-register'
const VERSION = 2

/** A copy of a register as it lies on the disk. */
export type RegisterCopy =
  | { readonly kind: 'absent' | 'damaged'; readonly path: string }
  | {
      readonly kind: 'whole'
      readonly path: string
      readonly number: number
      readonly value: string
      readonly isOld: boolean
    }

/** Covers the version too: a newer format is told from a flipped bit. */
const checksum = (version: number, number: string | undefined, value: Uint8Array): string =>
  sha256(Buffer.concat([Buffer.from(version === 1 ? '1\n' : `${version}\n${number}\n`), value]))

/** The places of a register's two copies. */
export const copiesOf = (path: string): readonly [string, string] => [path, `${path}-2`]

/**
 * Reads both copies and changes nothing.
 *
 * @throws SirtakiError `UNSUPPORTED` for a newer format, `IO` when a file cannot be read.
 */
export const readCopies = (path: string): readonly RegisterCopy[] => copiesOf(path).map(readCopy)

/** The copy that counts, `undefined` when none can be read. */
function newestOf(copies: readonly RegisterCopy[]): Extract<RegisterCopy, { kind: 'whole' }> | undefined {
  return copies.flatMap((copy) => (copy.kind === 'whole' ? [copy] : [])).sort((a, b) => b.number - a.number)[0]
}

/** A register at `path`, whose folder must exist. One process uses it at a time: its unit's lock sees to that. */
export class RegisterFile implements Register {
  readonly #path: string
  readonly #makeRoom: () => boolean
  #number = 0
  #failed: SirtakiError | undefined

  /**
   * `makeRoom` is called when a write finds none, and tells whether another try is worth while: see
   * `SqliteStore.giveBack`.
   */
  constructor(path: string, makeRoom: () => boolean = () => false) {
    this.#path = path
    this.#makeRoom = makeRoom
  }

  /**
   * Gives the last value written, `undefined` when nothing ever was, and sees to it that both copies have it.
   *
   * @throws SirtakiError `DAMAGED` when no copy can be read, `UNSUPPORTED` for a newer format, `IO`.
   */
  read(): string | undefined {
    const copies = readCopies(this.#path)
    const newest = newestOf(copies)
    if (newest === undefined) {
      if (copies.some(({ kind }) => kind === 'damaged')) throw this.#damaged()
      return undefined
    }
    this.#number = newest.number
    if (copies.some((copy) => copy.kind !== 'whole' || copy.isOld || copy.number !== newest.number)) {
      this.#writeBoth(newest.value)
    }
    return newest.value
  }

  /**
   * Where there is no room, the copy that was read has to do: whatever is promised from now on is written to both all
   * the same.
   */
  #writeBoth(value: string): void {
    try {
      this.write(value)
    } catch (thrown) {
      if (!isError(thrown, 'FULL')) throw thrown
    }
  }

  /**
   * Replaces the value; both copies are durable when it returns. After `FULL` the old value counts and the register
   * goes on: where the first copy has the new one, nobody was told, and the next write replaces it. After `IO` a copy
   * holds the old value or the new one, and every later write throws the same error: what a disk that failed once
   * says about durability is worth nothing (P30).
   *
   * @throws SirtakiError `FULL`, `IO`.
   */
  write(value: string): void {
    if (this.#failed !== undefined) throw this.#failed
    try {
      const bytes = Buffer.from(value)
      const number = String(++this.#number)
      const whole = Buffer.concat([
        Buffer.from(`${NAME} ${VERSION} ${checksum(VERSION, number, bytes)} ${number}\n`),
        bytes,
      ])
      for (const path of copiesOf(this.#path)) this.#putOne(path, whole)
    } catch (cause) {
      if (isError(cause, 'FULL')) throw cause
      this.#failed = ioError('write', this.#path, cause)
      throw this.#failed
    }
  }

  #putOne(path: string, whole: Uint8Array): void {
    if (putCopy(path, whole) || (this.#makeRoom() && putCopy(path, whole))) return
    throw new SirtakiError('FULL', `the disk of the register ${path} is full, its old value stays: make room`, {
      facts: { path },
    })
  }

  #damaged(): SirtakiError {
    return new SirtakiError(
      'DAMAGED',
      `no copy of the register ${this.#path} can be read: the promises in it are lost`,
      { facts: { path: this.#path } },
    )
  }
}

function readCopy(path: string): RegisterCopy {
  const bytes = bytesOf(path)
  if (bytes === undefined) return { kind: 'absent', path }
  const end = bytes.indexOf(10)
  const [name, version, hash, number] = bytes.subarray(0, Math.max(end, 0)).toString('latin1').split(' ')
  const value = bytes.subarray(end + 1)
  if (name !== NAME || hash !== checksum(Number(version), number, value)) return { kind: 'damaged', path }
  if (Number(version) > VERSION) {
    throw new SirtakiError(
      'UNSUPPORTED',
      `the register ${path} has format version ${version}, this is version ${VERSION}: upgrade`,
      { facts: { path } },
    )
  }
  return {
    kind: 'whole',
    path,
    number: Number(number ?? 0),
    value: value.toString('utf8'),
    isOld: Number(version) < VERSION,
  }
}

function bytesOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw ioError('read', path, cause)
  }
}

function ioError(verb: string, path: string, cause: unknown): SirtakiError {
  return new SirtakiError(
    'IO',
    `could not ${verb} the register ${path}: ${cause instanceof Error ? cause.message : String(cause)}. `
      + 'Check the disk and the rights of the folder, then start again',
    { cause, facts: { path } },
  )
}

/** Puts a copy in the place of the old one; tells whether there was room. What cannot be read is kept beside. */
function putCopy(path: string, whole: Uint8Array): boolean {
  const beside = `${path}.new`
  if (!writeBeside(beside, whole)) return false
  if (readCopy(path).kind === 'damaged') renameSync(path, `${path}.damaged`)
  renameSync(beside, path)
  syncFolder(dirname(path))
  return true
}

/**
 * Writes and syncs a file; tells whether there was room for it. An error of the sync is one of the disk, whatever it
 * says.
 */
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
