/**
 * The simulated disk of a unit: what was synced stays, what was not may be lost; it can be slow, fail or be replaced.
 *
 * Owns: one disk with its store and register. Read next: `simulator.ts`, `../../log/unit/store.ts`.
 */
import { SirtakiError } from '../../log/errors.ts'
import type { Register } from '../../log/ports.ts'
import { MemoryStore } from '../../log/unit/memory-store.ts'
import { RowBuilder, visitRow } from '../../log/unit/row.ts'
import type { Commit, StoreImage, UnitStore } from '../../log/unit/store.ts'
import type { Prng } from './prng.ts'
import type { SimProcess, Simulator } from './simulator.ts'

/** Rows in memory that decay, or are gone though they had been synced. */
class FaultyStore extends MemoryStore {
  readonly #rows: number[] = []
  /** Rows of the commits that held nothing else, since the last that did. */
  #tail: number[] = []

  override apply(commit: Commit): Error | undefined {
    const error = super.apply(commit)
    if (error !== undefined) return error
    if (commit.row !== undefined && commit.row.bytes.byteLength > 0) this.#rows.push(commit.row.id)
    if (commit.meta !== undefined || (commit.drop?.length ?? 0) > 0) this.#tail = []
    else if (commit.row !== undefined) this.#tail.push(commit.row.id)
    return undefined
  }

  /** Forgets the last `count` commits, as far back as they held rows only. Tells how many it forgot. */
  loseLast(count: number): number {
    const lost = count > 0 ? this.#tail.splice(-count) : []
    super.apply({ expectEpoch: this.open().epoch, drop: lost })
    return lost.length
  }

  /** Flips one bit of one row all of whose entries may be damaged; `which` and `where` from 0 to 1. */
  flipBit(which: number, where: number, mayDamage: (position: number) => boolean): void {
    const row = this.#rows[Math.floor(which * this.#rows.length)] ?? -1
    const bytes = this.read(row)
    if (bytes === undefined || bytes.byteLength === 0) return
    let may = true
    for (const { id, header } of this.open().headers) {
      if (id === row) {
        visitRow(id, header, {
          prefix: () => undefined,
          data: (position) => {
            may &&= mayDamage(position)
          },
          junk: () => undefined,
          decided: () => undefined,
        })
      }
    }
    if (!may) return
    const at = Math.floor(where * bytes.byteLength)
    bytes[at] = (bytes[at] ?? 0) ^ 4
  }
}

/** One disk; it outlives the starts of its process. */
export class SimDisk implements UnitStore {
  readonly identity: string
  readonly #world: Simulator
  readonly #process: SimProcess
  readonly #prng: Prng
  readonly #inner: FaultyStore
  #register: string | undefined
  #pending: { readonly commit: Commit; readonly generation: number } | undefined
  syncMs = 0.1
  /** The next commit fails, as do all after it until the process has been started again. */
  failNext = false
  /** Nothing fits any more: appends are to be refused; small things still go through. */
  full = false
  /** The next read of a row gives another row's bytes. */
  misreadNext = false
  onFailed: ((error: SirtakiError) => void) | undefined
  onDurable: ((commit: Commit) => void) | undefined
  onRegister: ((value: string) => void) | undefined

  constructor(world: Simulator, process: SimProcess, prng: Prng, identity: string) {
    this.#world = world
    this.#process = process
    this.#prng = prng
    this.identity = identity
    this.#inner = new FaultyStore(identity)
  }

  open(): StoreImage {
    const pending = this.#pending
    this.#pending = undefined
    // The process died between the write and the sync: the disk may have it or not.
    if (pending !== undefined && this.#prng.chance(0.5)) this.#apply(pending.commit)
    this.failNext = false
    this.#process.diskFailed = false
    return this.#inner.open()
  }

  commit(commit: Commit, done: (error?: Error) => void): void {
    const generation = this.#process.generation
    if (this.failNext || this.#process.diskFailed) {
      this.#process.diskFailed = true
      // The kernel may have written it nevertheless (P30).
      if (this.#prng.chance(0.5)) this.#apply(commit)
      this.#world.schedule(this.syncMs, this.#process, () => {
        done(new SirtakiError('IO', 'the disk failed a sync'))
      })
      return
    }
    this.#pending = { commit: copyOf(commit), generation }
    this.#world.schedule(this.syncMs * (0.5 + this.#prng.next()), this.#process, () => {
      this.#pending = undefined
      done(this.#apply(commit))
    })
  }

  /** The next row gets this id: one that holds nothing stands before it. */
  beginAt(row: number): void {
    if (row === 0) return
    const { header } = new RowBuilder().finish(0, 0, [])
    this.#inner.apply({ expectEpoch: 0, row: { id: row - 1, header, bytes: new Uint8Array(0) } })
  }

  #apply(commit: Commit): Error | undefined {
    const error = this.#inner.apply(commit)
    if (error === undefined) this.onDurable?.(commit)
    return error
  }

  read(row: number): Uint8Array | undefined {
    const misread = this.misreadNext
    this.misreadNext = false
    return this.#inner.read(misread ? row - 1 : row)
  }

  /** Drops the last rows that it had synced; tells how many. To be called while its process is dead. */
  loseLast(rows: number): number {
    this.#pending = undefined
    return this.#inner.loseLast(rows)
  }

  /** The headers of what it has now. */
  get headers(): StoreImage['headers'] {
    return this.#inner.open().headers
  }

  /** Flips a bit in the bytes of some row, if all its entries may be damaged. */
  flipBit(mayDamage: (position: number) => boolean): void {
    this.#inner.flipBit(this.#prng.next(), this.#prng.next(), mayDamage)
  }

  healed(): void {
    this.#inner.healed()
  }
  /** The next start finds a disk of which rows were left out. */
  salvage(): void {
    this.#inner.salvaged = true
  }
  describe(): { kind: string; diskBytes: number } {
    return this.#inner.describe()
  }
  close(): void {
    this.#inner.close()
  }

  /** The register's file is gone; the disk stays what it was. */
  loseRegister(): void {
    this.#register = undefined
  }

  register(): Register {
    return {
      read: () => this.#register,
      write: (value) => {
        if (!this.#process.alive) return
        this.#register = value
        this.onRegister?.(value)
      },
    }
  }
}

const copyOf = (commit: Commit): Commit => ({
  ...commit,
  row:
    commit.row === undefined
      ? undefined
      : { ...commit.row, header: commit.row.header.slice(), bytes: commit.row.bytes.slice() },
})
