/**
 * The disk of a unit in memory, its store and its register, for `memory:` and for tests: durable as long as the objects
 * live.
 *
 * Read next: `store.ts` for the contract.
 */
import { SirtakiError } from '../errors.ts'
import type { Register } from '../ports.ts'
import { ChunkTable } from './chunk-table.ts'
import type { StoredHeader } from './row-block.ts'
import type { Commit, StoreImage, UnitStore } from './store.ts'

interface Kept {
  readonly header: Uint8Array
  readonly bytes: Uint8Array
}

/**
 * Keeps rows by id. Two units never share one. For tests: a row without junk or data that is applied before the first
 * opening stands for a long history that was trimmed, and the ids of the unit's rows go on from it.
 */
export class MemoryStore implements UnitStore {
  readonly #identity: string
  readonly #rows = new ChunkTable<Kept>()
  #meta: string | undefined
  #epoch = 0
  #bytes = 0
  /** For tests to set. */
  full = false
  /** For tests to set: what the next image says. */
  salvaged = false
  onFailed: ((error: SirtakiError) => void) | undefined

  constructor(identity: string) {
    this.#identity = identity
  }

  open(): StoreImage {
    return {
      identity: this.#identity,
      meta: this.#meta,
      epoch: this.#epoch,
      salvaged: this.salvaged,
      headers: { [Symbol.iterator]: () => this.#headers() },
    }
  }

  *#headers(): Generator<StoredHeader> {
    for (let id = this.#rows.next(0); id >= 0; id = this.#rows.next(id + 1)) {
      const row = this.#rows.get(id)
      if (row !== undefined) yield { id, header: row.header, bytesLength: row.bytes.byteLength }
    }
  }

  commit(commit: Commit, done: (error?: Error) => void): void {
    const error = this.apply(commit)
    if (error === undefined) done()
    else done(error)
  }

  /** Applies a commit at once; gives the error instead of throwing. */
  apply({ expectEpoch, meta, row, drop }: Commit): Error | undefined {
    if (expectEpoch !== this.#epoch) {
      return new SirtakiError('EPOCH', `the store is at epoch ${this.#epoch}, the commit expects ${expectEpoch}`, {
        facts: { epoch: this.#epoch, expectEpoch },
      })
    }
    if (row !== undefined) {
      this.#rows.set(row.id, { header: row.header.slice(), bytes: row.bytes.slice() })
      this.#bytes += row.header.byteLength + row.bytes.byteLength
    }
    for (const id of drop ?? []) this.#drop(id)
    if (meta !== undefined) {
      this.#meta = meta.text
      this.#epoch = meta.epoch
    }
    return undefined
  }

  #drop(id: number): void {
    const row = this.#rows.get(id)
    if (row === undefined) return
    this.#bytes -= row.header.byteLength + row.bytes.byteLength
    this.#rows.delete(id)
  }

  read(row: number): Uint8Array | undefined {
    return this.#rows.get(row)?.bytes
  }

  healed(): void {
    this.salvaged = false
  }

  describe(): { kind: string; diskBytes: number } {
    return { kind: 'memory', diskBytes: this.#bytes }
  }

  close(): void {
    // Nothing is open: the rows live as long as the object.
  }
}

/** A register that an acceptor finds again as long as the object lives. */
export function memoryRegister(): Register {
  let kept: string | undefined
  return {
    read: () => kept,
    write: (value) => {
      kept = value
    },
  }
}
