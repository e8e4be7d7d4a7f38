/**
 * A blob store in memory: for tests, and for `memory:` clusters, whose log is no more durable.
 *
 * Read next: `blob-store.ts`.
 */
import { PAGE_KEYS, type BlobPage, type BlobStore } from './blob-store.ts'

/** Blobs of this process. */
export class MemoryBlobs implements BlobStore {
  readonly address: string
  readonly #blobs = new Map<string, Uint8Array>()

  constructor(name = '') {
    this.address = `memory:${name}`
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    this.#blobs.set(key, bytes.slice())
    return Promise.resolve()
  }

  putNew(key: string, bytes: Uint8Array): Promise<boolean> {
    if (this.#blobs.has(key)) return Promise.resolve(false)
    this.#blobs.set(key, bytes.slice())
    return Promise.resolve(true)
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#blobs.get(key)?.slice())
  }

  list(prefix: string, after: string): Promise<BlobPage> {
    const all = [...this.#blobs.keys()].filter((key) => key.startsWith(prefix) && key > after).sort()
    return Promise.resolve({ keys: all.slice(0, PAGE_KEYS), isLast: all.length <= PAGE_KEYS })
  }

  remove(key: string): Promise<void> {
    this.#blobs.delete(key)
    return Promise.resolve()
  }

  close(): void {
    // Nothing is under way.
  }
}
