/**
 * A small file, on another disk if the operator likes, that has seen every acknowledged commit of a store.
 *
 *     two slots of 512 bytes, written in turn: sirtaki-witness 1 <sha-256 of the identity> <commits> <sum> <crc-32>\n
 *
 * It is synced after the commit and before the acknowledgement: so the database may be one commit ahead of it, never
 * behind. A disk that dropped synced writes cleanly, or a folder restored from an older copy, is behind. A torn write
 * leaves the other slot.
 * Keeps: L2, by refusing. Read next: `sqlite-store.ts`.
 */
import { closeSync, constants, fdatasyncSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { crc32Text, sha256 } from '../bytes/hash.ts'
import { SirtakiError } from '../errors.ts'
import { syncFolder } from './sync-folder.ts'
import { sizeOf } from './unit-folder.ts'

const NAME = 'sirtaki-witness'
const VERSION = 1
const SLOT_BYTES = 512

/** How far a store has come: how many commits it made, and the sum over what they left. */
export interface Total {
  readonly count: number
  readonly sum: number
}

/** The witness of one store, in the file `path`, whose folder must exist. */
export class TailWitness {
  readonly #path: string
  readonly #identity: string
  #descriptor: number | undefined

  constructor(path: string, identity: string) {
    this.#path = path
    this.#identity = sha256(identity)
  }

  /**
   * Refuses a database that lacks what the witness saw; one that has more is witnessed from now on. `trusted`: what the
   * witness saw is given up, the database is taken as it is.
   *
   * @throws SirtakiError `DAMAGED`, `UNSUPPORTED`; the system's error.
   */
  open(total: Total, folder: string, trusted: boolean): void {
    const isNew = sizeOf(this.#path) === 0
    if (!isNew && !trusted) this.#check(readFileSync(this.#path, 'latin1'), total, folder)
    this.#descriptor = openSync(this.#path, constants.O_RDWR | constants.O_CREAT)
    // Both slots: what an older slot of another time says would be believed.
    this.#put(total, 0)
    this.#put(total, 1)
    fsyncSync(this.#descriptor)
    if (isNew) syncFolder(dirname(this.#path))
  }

  /** Sees a commit, durably. @throws the system's error. */
  see(total: Total): void {
    this.#put(total, total.count % 2)
    if (this.#descriptor !== undefined) fdatasyncSync(this.#descriptor)
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #put({ count, sum }: Total, slot: number): void {
    const text = `${NAME} ${VERSION} ${this.#identity} ${count} ${sum}`
    const bytes = Buffer.alloc(SLOT_BYTES)
    bytes.write(`${text} ${crc32Text(text)}\n`, 'latin1')
    if (
      this.#descriptor === undefined
      || writeSync(this.#descriptor, bytes, 0, SLOT_BYTES, slot * SLOT_BYTES) !== SLOT_BYTES
    ) {
      throw new Error(`the witness ${this.#path} took a part of a write`)
    }
  }

  #check(text: string, { count, sum }: Total, folder: string): void {
    const seen = [0, SLOT_BYTES]
      .map((at) => text.slice(at, at + SLOT_BYTES))
      .flatMap((slot) => readSlot(slot))
      .sort((a, b) => b.count - a.count)[0]
    if (seen === undefined && /^\0*$/.test(text)) return
    if (seen === undefined) {
      throw this.#damaged(`the witness ${this.#path} of ${folder} is damaged itself: neither of its slots verifies`)
    }
    if (seen.version > VERSION) {
      throw new SirtakiError(
        'UNSUPPORTED',
        `the witness ${this.#path} has format version ${seen.version}, this is version ${VERSION}: upgrade`,
        { facts: { path: this.#path } },
      )
    }
    if (seen.identity !== this.#identity) {
      throw this.#damaged(`the witness ${this.#path} saw another disk than the one in ${folder}`)
    }
    if (seen.count > count) {
      throw this.#damaged(
        `the database in ${folder} ends at commit ${count}, its witness ${this.#path} saw commit `
          + `${seen.count}: the disk has lost synced writes, or the folder was restored from an older copy`,
      )
    }
    if (seen.count === count && seen.sum !== sum) {
      throw this.#damaged(
        `the database in ${folder} differs at commit ${count} from what its witness ${this.#path} saw`,
      )
    }
  }

  #damaged(what: string): SirtakiError {
    return new SirtakiError(
      'DAMAGED',
      `${what}. Start with \`--salvage\` to take the folder as it is as a unit that is not whole; or put `
        + `folder and witness aside, start with an empty folder and let \`sirtaki reconfigure replace\` put it `
        + 'in the place of the old unit',
      { facts: { path: this.#path } },
    )
  }
}

function readSlot(slot: string): readonly (Total & { readonly version: number; readonly identity: string })[] {
  const line = slot.slice(0, Math.max(slot.indexOf('\n'), 0))
  const end = line.lastIndexOf(' ')
  const [name, version, identity = '', count, sum] = line.split(' ')
  if (name !== NAME || line.slice(end + 1) !== String(crc32Text(line.slice(0, Math.max(end, 0))))) return []
  return [{ version: Number(version), identity, count: Number(count), sum: Number(sum) }]
}
