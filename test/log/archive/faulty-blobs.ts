/**
 * A blob store whose next calls meet what a test says. Read next: `blobs.test.ts`.
 */
import type { BlobPage, BlobStore, BlobTry } from '../../../log/archive/blob-store.ts'
import { MemoryBlobs } from '../../../log/archive/memory-blobs.ts'
import { SirtakiError } from '../../../log/errors.ts'

/**
 * What a call meets: `lost` is carried out and its answer is lost, `fails` is not carried out, `hangs` never ends,
 * `busy` is a conditional put that meets another one on its way.
 */
export type Meets = 'lost' | 'fails' | 'refused' | 'hangs' | 'busy'

/** Blobs in memory with faults in the order of calls. */
export class FaultyBlobs implements BlobStore {
  readonly blobs = new MemoryBlobs('faulty')
  readonly calls: string[] = []
  next: Meets[] = []

  get address(): string {
    return this.blobs.address
  }
  put(key: string, bytes: Uint8Array, options: BlobTry): Promise<void> {
    return this.#meet('put', options, () => this.blobs.put(key, bytes))
  }
  putNew(key: string, bytes: Uint8Array, options: BlobTry): Promise<boolean> {
    const isBusy = this.next[0] === 'busy'
    return this.#meet('putNew', options, () => (isBusy ? Promise.resolve(false) : this.blobs.putNew(key, bytes)))
  }
  get(key: string, options: BlobTry): Promise<Uint8Array | undefined> {
    return this.#meet('get', options, () => this.blobs.get(key))
  }
  list(prefix: string, after: string, options: BlobTry): Promise<BlobPage> {
    return this.#meet('list', options, () => this.blobs.list(prefix, after))
  }
  remove(key: string, options: BlobTry): Promise<void> {
    return this.#meet('remove', options, () => this.blobs.remove(key))
  }
  close(): void {
    this.blobs.close()
  }

  async #meet<T>(name: string, _: BlobTry, run: () => Promise<T>): Promise<T> {
    this.calls.push(name)
    const meets = this.next.shift()
    if (meets === 'hangs') return new Promise<T>(() => undefined)
    if (meets === 'refused') throw new SirtakiError('BLOBS_REFUSED', 'refused by the test')
    if (meets === 'fails') throw new SirtakiError('UNREACHABLE', 'failed by the test')
    const value = await run()
    if (meets === 'lost') throw new SirtakiError('UNREACHABLE', 'the answer was lost by the test')
    return value
  }
}
