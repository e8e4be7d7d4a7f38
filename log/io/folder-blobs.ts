/**
 * A blob store in a folder: a key is a file, its slashes are folders.
 *
 *     put       .new/<name> written, synced ─ rename ─▶ <key> ─ folder synced
 *     putNew    .new/<name> written, synced ─ link ───▶ <key> ─ folder synced        link refuses what is there
 *
 * A file is whole or not there, also after a power cut; what a crash leaves in `.new` is dropped at the next opening,
 * once it is a day old: another process may be writing it. Keeps: C1, P40. Read next: `../archive/blob-store.ts`.
 */
import { link, mkdir, open, readFile, readdir, rename, unlink } from 'node:fs/promises'
import { mkdirSync, readdirSync, statSync, unlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { PAGE_KEYS, type BlobPage, type BlobStore } from '../archive/blob-store.ts'
import { SirtakiError } from '../errors.ts'
import type { Random } from '../ports.ts'
import { isFull } from './sqlite-error.ts'
import { folderSynced, syncFolder } from './sync-folder.ts'

const NEW = '.new'
/** A file that is being written is younger. */
const LEFT_OVER_MS = 24 * 3_600_000

/** Blobs in a folder, which several processes of one machine may share. */
export class FolderBlobs implements BlobStore {
  readonly address: string
  readonly #folder: string
  readonly #random: Random

  /** Makes the folder where it does not exist; its parent must. @throws SirtakiError `IO`. */
  constructor(folder: string, random: Random) {
    this.#folder = resolve(folder)
    this.address = `file:${this.#folder}`
    this.#random = random
    try {
      makeFolder(this.#folder)
      makeFolder(join(this.#folder, NEW))
      dropLeftOver(join(this.#folder, NEW))
    } catch (cause) {
      throw ioError('opened', this.#folder, cause)
    }
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#written(key, bytes, rename)
  }

  async putNew(key: string, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#written(key, bytes, link)
      return true
    } catch (thrown) {
      if (codeOf(thrown instanceof SirtakiError ? thrown.cause : thrown) === 'EEXIST') return false
      throw thrown
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#pathOf(key))
    } catch (cause) {
      if (isAbsent(cause)) return undefined
      throw ioError('read', this.#pathOf(key), cause)
    }
  }

  async list(prefix: string, after: string): Promise<BlobPage> {
    const slash = prefix.lastIndexOf('/')
    const all = (await this.#keysIn(prefix.slice(0, slash + 1))).filter((key) => key.startsWith(prefix) && key > after)
    all.sort()
    return { keys: all.slice(0, PAGE_KEYS), isLast: all.length <= PAGE_KEYS }
  }

  async remove(key: string): Promise<void> {
    try {
      await unlink(this.#pathOf(key))
    } catch (cause) {
      if (!isAbsent(cause)) throw ioError('removed', this.#pathOf(key), cause)
    }
  }

  close(): void {
    // What is under way ends by itself.
  }

  #pathOf(key: string): string {
    return join(this.#folder, ...key.split('/'))
  }

  /** Writes a file beside, syncs it, and gives it its name by `place`. */
  async #written(key: string, bytes: Uint8Array, place: (from: string, to: string) => Promise<void>): Promise<void> {
    const path = this.#pathOf(key)
    const beside = join(this.#folder, NEW, this.#random.id())
    try {
      const file = await open(beside, 'wx')
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await this.#makeFolderOf(path)
      await place(beside, path)
      await folderSynced(dirname(path))
    } catch (cause) {
      throw ioError('written', path, cause)
    } finally {
      await unlink(beside).catch(() => undefined)
    }
  }

  async #makeFolderOf(path: string): Promise<void> {
    const made = await mkdir(dirname(path), { recursive: true })
    if (made !== undefined) await folderSynced(dirname(made))
  }

  /** Keys below a folder that ends in a slash, or of everything for ''. */
  async #keysIn(folder: string): Promise<string[]> {
    const keys: string[] = []
    let entries
    try {
      entries = await readdir(this.#pathOf(folder), { withFileTypes: true })
    } catch (cause) {
      if (isAbsent(cause)) return []
      throw ioError('listed', this.#pathOf(folder), cause)
    }
    for (const entry of entries) {
      if (entry.name === NEW) continue
      if (entry.isDirectory()) keys.push(...(await this.#keysIn(`${folder}${entry.name}/`)))
      else keys.push(`${folder}${entry.name}`)
    }
    return keys
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder)
    syncFolder(dirname(folder))
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST' || !statSync(folder).isDirectory()) throw cause
  }
}

function dropLeftOver(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    try {
      if (Date.now() - statSync(path).mtimeMs > LEFT_OVER_MS) unlinkSync(path)
    } catch (cause) {
      if (!isAbsent(cause)) throw cause
    }
  }
}

const codeOf = (thrown: unknown): unknown =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined
const isAbsent = (thrown: unknown): boolean => codeOf(thrown) === 'ENOENT' || codeOf(thrown) === 'ENOTDIR'

/** A full disk may have room later; anything else the system says again. */
function ioError(done: string, path: string, cause: unknown): SirtakiError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const facts = { path }
  if (isFull(cause)) {
    return new SirtakiError('FULL', `${path} could not be ${done}: the disk is full (${reason})`, { cause, facts })
  }
  const code = codeOf(cause) === 'EACCES' || codeOf(cause) === 'EPERM' ? 'BLOBS_REFUSED' : 'IO'
  const advice = code === 'IO' ? 'check the disk' : 'check the rights of the folder'
  return new SirtakiError(code, `${path} could not be ${done}: ${reason}; ${advice}`, { cause, facts })
}
